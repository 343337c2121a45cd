"""The shapes of answers about cards, reports and quiet checks, as the OpenAPI description shows them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from scoring_api.answers import Answer, Bilingual, SeverityWord


class RuleNamed(Answer):
    """A check with its name."""

    rule_id: str
    name: Bilingual | None


class SuggestionTold(Answer):
    """A way to comply that a card offers."""

    suggestion_id: str
    label: Bilingual
    kind: str


class CardTold(Answer):
    """A card, with what became of it and what was answered."""

    card_id: str
    stay_id: str
    provider_id: str
    physician_id: str
    department: str | None
    hook: str
    """The CDS Hooks hook, or `ward` for the page."""
    severity: SeverityWord
    indicator: str
    summary: Bilingual
    detail: Bilingual
    suggestions: list[SuggestionTold]
    rules: list[RuleNamed]
    outcome: Literal["shown", "repeat", "budget", "quiet"]
    held: Bilingual | None
    """Why it was not shown."""
    day: date
    """The day of China whose budget it counts in."""
    answer: Literal["accepted", "overridden", "later"] | None
    accepted: list[str]
    """The suggestions that were followed."""
    reason: str | None
    reason_name: Bilingual | None
    comment: str | None
    answered_at: datetime | None
    created_at: datetime


class CardPage(Answer):
    """Cards, the latest first."""

    cards: list[CardTold]
    cursor: str | None
    next: str | None


class Taken(Answer):
    """How cards were taken."""

    shown: int
    answered: int
    """Accepted or overridden."""
    accepted: int
    overridden: int
    later: int
    unanswered: int
    overridden_share: float | None
    """Of those answered."""
    overridden_interval: list[float] | None
    """Its 95 % interval (Wilson)."""
    at_fault: int
    """Overrides whose reason speaks against the check or its data."""
    reasons: dict[str, int]
    """Override reason -> cards; the empty name counts those without one."""
    held: dict[str, int]
    """Why not shown -> how often: `repeat`, `budget`, `quiet`."""


class CheckTaken(Taken):
    """How the cards of a check were taken."""

    rule_id: str
    name: Bilingual | None


class Acceptance(Answer):
    """How cards were taken, by check."""

    since: date
    until: date
    checks: list[CheckTaken]


class HospitalTaken(Taken):
    """How the cards of a hospital were taken."""

    provider_id: str


class Band(Answer):
    """How many physicians had so many cards on a day with a card, on average."""

    least: int
    most: int | None
    physicians: int


class DepartmentTaken(Taken):
    """How the cards of a department were taken, and how they spread over its physicians."""

    provider_id: str
    department: str | None
    """Null for the departments of fewer than three physicians, put together."""
    departments: int
    physicians: int
    bands: list[Band]


class CandidateTold(CheckTaken):
    """A check overridden so often that it might better be quiet for physicians."""

    provider_id: str | None
    """Null for everywhere."""
    since: date
    until: date
    quiet_id: str | None
    """The proposal that waits for it, or by which it is quiet already."""
    status: str | None


class Report(Answer):
    """A week of cards."""

    week: str
    first: date
    last: date
    total: Taken
    stays_with_a_card: int
    cards_a_physician_and_day: float | None
    """On days with a card."""
    hospitals: list[HospitalTaken]
    departments: list[DepartmentTaken]
    checks: list[CheckTaken]
    candidates: list[CandidateTold]


class StepTold(Answer):
    """A step in the life of a quiet check."""

    outcome: Literal["confirmed", "refused", "withdrawn", "ended"]
    by: str
    reason: str
    at: datetime
    since: date | None


class QuietTold(Answer):
    """A check proposed to be, or made, quiet for physicians. It still judges for the compliance office."""

    quiet_id: str
    rule_id: str
    name: Bilingual | None
    provider_id: str | None
    """Null for everywhere."""
    status: Literal["open", "confirmed", "refused", "withdrawn", "ended"]
    since: date | None
    """The first quiet day, once confirmed."""
    why: str
    figures: dict[str, Any]
    """The figures that it was proposed with; empty if there were none."""
    proposed_by: str
    proposed_at: datetime
    steps: list[StepTold]
    version: int


class QuietList(Answer):
    """Quiet checks and proposals, the latest first."""

    quiet_checks: list[QuietTold]
