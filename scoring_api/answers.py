"""The shapes of the service's answers, as documented in its OpenAPI description."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

FEN = "In the hundredth of `currency` (fen for CNY, cents for USD)."
VerdictWord = Literal["pass", "hit", "unknown", "out_of_force"]
SeverityWord = Literal["info", "low", "medium", "high", "critical"]


class Answer(BaseModel):
    """Base of all answers: attributes are documented by their docstrings."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class Bilingual(Answer):
    """A text in Chinese and English."""

    zh: str
    en: str


class Problem(Answer):
    """An error as RFC 9457 describes it, with what to do about it."""

    type: str = Field(examples=["urn:drg-sentinel:problem:not-found"])
    """Stable name of the kind of error."""
    title: str = Field(examples=["Not Found"])
    """The kind of error in words."""
    status: int = Field(examples=[404])
    """The HTTP status."""
    detail: str = Field(examples=["No alert has the id 0000."])
    """What went wrong this time."""
    instance: str = Field(examples=["/v1/alerts/0000"])
    """The address asked."""
    cure: str = Field(examples=["Take an id from GET /v1/alerts."])
    """What to do about it."""


class Reason(Answer):
    """One of at most four reasons for a score."""

    rank: int
    code: str
    name: Bilingual
    value: float | None
    unit: str | None
    peer_median: float | None
    peer_percentile: float | None
    """Share of peers at or below the value, 0 to 100."""
    shap: float
    """Contribution to the score; may be negative."""


class Contribution(Answer):
    """What one feature adds to the score."""

    feature: str
    name: Bilingual
    value: float | str | bool | None
    unit: str | None = None
    shap: float


class Score(Answer):
    """A fraud probability and what it is made of: `base_value` plus every `shap` is `score`."""

    score_id: str
    level: str
    subject_id: str
    upto: date
    """Only claims before this day were used."""
    model_sha256: str
    score: float
    """Calibrated probability, 0 to 1."""
    base_value: float
    contributions: list[Contribution]
    reasons: list[Reason]


class Hit(Answer):
    """One check that found something on one subject of the claim."""

    rule_id: str
    rule_sha256: str
    name: Bilingual | None
    """The check's name; null if this service does not hold the check any more."""
    unit: str
    """What the check judges: stay, diagnosis, procedure, charge, order."""
    subject_id: str
    severity: SeverityWord
    cause: str
    """Hits of one cause on one claim are one problem."""
    exposure_fen: int | None
    """Money at risk if the hit is true. In the hundredth of `currency`; null if not known."""
    currency: str
    thresholds: dict[str, Any]
    """Parameters as bound: name -> {value, unit}."""
    facts: dict[str, Any]
    """Facts that the check read."""
    finding: Bilingual
    action: Bilingual | None
    """What physician and coder can do."""


class Check(Answer):
    """One check's verdict on the claim."""

    rule_id: str
    name: Bilingual | None
    verdict: VerdictWord


class Decision(Answer):
    """The judgement of one claim."""

    stay_id: str
    claim_version: int
    decision_id: str
    severity: SeverityWord | None
    """The worst severity among the hits; null without a hit."""
    exposure_fen: int
    """Money at risk in the hundredth of `currency`."""
    currency: str
    verdicts: dict[str, Literal["P", "H", "U", "O"]]
    """Rule id -> P (pass), H (hit), U (unknown: data is missing) or O (out of force)."""
    hits: list[Hit]
    score: float | None
    score_absent: str | None
    """Why there is no score."""
    reasons: list[Reason]
    alert_id: str | None
    """The alert that this decision raised, if it did."""


class RefusalReason(Answer):
    """One reason why a claim was refused."""

    field: str
    value: str
    """The offending value, cut; `<personal>` where it is personal data."""
    rule: str
    cure: str


class RefusedClaim(Answer):
    """A claim that was set aside."""

    index: int
    """Place in the request, from 0."""
    reasons: list[RefusalReason]


class Assessed(Answer):
    """The outcome of one request: `accepted` + `set_aside` is `read`."""

    read: int
    accepted: int
    set_aside: int
    decisions: list[Decision]
    refused: list[RefusedClaim]


class GroupReason(Answer):
    """Why a claim has no group."""

    code: str
    zh: str
    en: str


class Price(Answer):
    """What the group that pays is worth, in the hundredth of the claim's currency."""

    group: str | None
    group_name: dict[str, str] | None
    source: Literal["grouper", "billed"] | None
    """`billed` where the grouper cannot answer and the group on the claim stands for it."""
    weight: str | None
    """Exact decimal."""
    payment_standard_fen: int | None
    """Weight x base rate x level coefficient."""
    case: str | None
    """How it is paid: standard, high_outlier, low_outlier, day_rate, transfer, ...; null while in hospital."""
    payment_fen: int | None
    balance_fen: int | None
    """Payment less cost."""
    high_line_fen: int | None
    low_line_fen: int | None
    review_reasons: list[str]
    """What would let the case be reviewed singly (特病单议)."""
    absent: str | None
    """Why there is no standard."""


class GroupedClaim(Answer):
    """The group of one claim and what it pays."""

    stay_id: str
    scheme: str | None
    status: Literal["grouped", "ambiguous", "ungroupable", "invalid", "unknown_code", "not_grouped"]
    status_name: Bilingual
    reason: GroupReason | None
    mdc: str | None
    adrg: str | None
    group: str | None
    group_name: dict[str, str] | None
    severity: str | None
    """`mcc`, `cc` or `none`: the worst level among the other diagnoses that count."""
    severity_diagnosis: str | None
    price: Price
    formula: Bilingual | None
    """The price in words, with its numbers."""
    unknown_codes: list[str] | None = None
    """Codes that the scheme does not know, where that is why there is no group."""
    edits: list[dict[str, Any]] | None = None
    """What the code editor found (MS-DRG)."""
    diagnoses: list[dict[str, Any]] | None = None
    """With `trace`: level, whether it counted, and the table that excluded it."""
    steps: list[dict[str, Any]] | None = None
    """With `trace`: the way through the scheme, each step with its conditions in words."""


class Grouped(Answer):
    """The groups of one request: `accepted` + `set_aside` is `read`."""

    read: int
    accepted: int
    set_aside: int
    results: list[GroupedClaim]
    refused: list[RefusedClaim]


class Side(GroupedClaim):
    """A claim on one side of the comparison."""

    cost_fen: int | None
    """Charges so far, or in all."""
    projection: dict[str, Any] | None
    """Where the cost of a patient in hospital is heading; null if it cannot be told."""


class Difference(Answer):
    """One thing that the changes change."""

    field: str
    name: Bilingual
    before: Any
    after: Any


class Compared(Answer):
    """One claim as it is and as it would be."""

    stay_id: str
    changes: list[dict[str, Any]]
    before: Side
    after: Side
    differences: list[Difference]
    why: list[Bilingual]
    """What decided the difference."""
    to_document: list[Bilingual]
    """The facts that the medical record would have to document for the changes to be lawful."""
    notes: list[Bilingual]


class Similar(Answer):
    """The alerts of one cluster that the filter finds, added up."""

    count: int
    more: bool
    """Whether there are more than were added up."""
    expected_loss_fen: int
    exposure_fen: int


class Alert(Answer):
    """A decision that a person should look at."""

    alert_id: str
    decision_id: str
    stay_id: str
    provider_id: str
    department: str | None
    attending_physician_id: str | None
    claim_type: str
    admission_date: date
    discharge_date: date | None
    severity: SeverityWord
    priority: float
    """Order of work, higher first; docs/alerts.md says how it is made."""
    exposure_fen: int
    """Money at risk in the hundredth of `currency`."""
    currency: str
    score: float | None
    rule_ids: list[str]
    """Checks that hit, worst first."""
    hit_count: int
    title: Bilingual
    status: str
    created_at: datetime
    expected_loss_fen: int
    """Money at stake times the probability that the alert is true; docs/queue.md says how it is made."""
    assignee: str | None
    """The account of the person who has it."""
    assigned_at: datetime | None
    due_at: datetime | None
    overdue: bool
    """Whether it is open and its due time is past."""
    closed_at: datetime | None
    """When the work on it was done."""
    superseded_at: datetime | None
    """When another decision took the place of its own, or its claim was withdrawn."""
    cluster: str
    """What similar alerts share: hospital, leading check, department."""
    similar: Similar | None = None
    """The open alerts of its cluster, of an alert alone or with `gather`; else null."""
    version: int
    """Counts the changes to the work on it; the ETag of the alert."""


class AlertPage(Answer):
    """One page of alerts."""

    alerts: list[Alert]
    total: int | None
    """How many alerts the filter finds; given with the first page only."""
    total_at_least: bool
    """Whether there are more than `total`: counting stops at 1,000."""
    cursor: str | None
    """Give it as `cursor` with the same filter to read on; null after the last page."""
    next: str | None
    """The address of the next page; null after the last one."""


class Money(Answer):
    """The money of the claim, all in the hundredth of `currency`."""

    currency: str
    exposure_fen: int
    total_amount_fen: int | None
    fund_payment_fen: int | None


class Superseding(Answer):
    """The last decision on a claim that was judged again."""

    decision_id: str
    decided_at: datetime
    alert_id: str | None
    """Its alert; null if nothing was found any more."""


class Withdrawal(Answer):
    """A claim was taken back: its versions up to one count no longer."""

    claim_version: int
    """The version withdrawn, with all before it."""
    reason: str
    withdrawn_time: datetime | None
    created_at: datetime
    """When the withdrawal came in."""


class AlertDetail(Alert):
    """One alert with everything that explains it."""

    money: Money
    hits: list[Hit]
    scored: Score | None
    score_absent: str | None
    """Why there is no score."""
    checks: list[Check]
    """Every check's verdict, in the order of the rule set."""
    claim: dict[str, Any]
    """The head of the claim as stored; personal fields are pseudonyms."""
    input_sha256: str
    rules_sha256: str
    model_sha256: str | None
    pack_sha256: str | None
    decided_at: datetime
    superseded_by: Superseding | None
    """The decision that counts now, if it is not this one: corrected, other checks, more history."""
    withdrawn: Withdrawal | None
    """The withdrawal by which this version of the claim no longer stands."""


class ReviewTold(Answer):
    """What a person concluded about what one check found."""

    review_id: str
    rule_id: str
    outcome: Literal["confirmed", "partly", "not_confirmed", "needs_information"]
    outcome_name: Bilingual
    reason: str
    reason_name: Bilingual
    recovered_fen: int | None
    """Money recovered, in the hundredth of `currency`."""
    currency: str | None
    note: str | None
    reviewer: str
    reviewed_at: datetime
    decision_id: str | None
    stay_id: str | None
    finding_id: str | None
    """Of a finding on a month or day."""
    counts: bool
    """Whether it is the last of its check here."""


class ReviewList(Answer):
    """The reviews of one alert or finding, oldest first."""

    reviews: list[ReviewTold]


class RuleList(Answer):
    """The checks in use."""

    rules: list[dict[str, Any]]
    count: int


class Health(Answer):
    """The process lives."""

    status: Literal["ok"]
    version: str


class Part(Answer):
    """The state of one part of the service."""

    ok: bool
    detail: str


class Readiness(Answer):
    """Whether the service can work, part by part."""

    status: Literal["ready", "not ready"]
    version: str
    parts: dict[str, Part]
