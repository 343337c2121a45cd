"""Reviews over HTTP: what a person concluded about what a check found."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, NoReturn

import msgspec
from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from domain.access import Permission, Principal
from domain.results import identifier
from domain.review import LONGEST_NOTE, OUTCOMES, REASONS, REASONS_OF, Review
from scoring_api import bodies, conditions, findings, pages, reading
from scoring_api.access import needs, who
from scoring_api.answers import ReviewList
from scoring_api.findings import FindingId
from scoring_api.pages import formats
from scoring_api.problems import ProblemError, document
from scoring_api.reading import Id
from scoring_api.record import Record
from store import Store

LONGEST_REVIEWER: Final = 80
SCORE: Final = "score"
"""What a review is of where no check hit: the fraud score that alone raised the alert."""
LARGEST_FEN: Final = 10**13
"""A hundred milliards of yuan: more is a slip of the keyboard."""


class Given(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One review as sent; without ``rule_ids`` of every check of the alert."""

    outcome: str
    reason: str
    reviewer: str | None = None
    rule_ids: list[str] | None = None
    recovered_fen: int | None = None
    note: str | None = None


_DECODER: Final = msgspec.json.Decoder(Given)
_PROPERTIES: Final[dict[str, Any]] = {
    "rule_ids": {
        "type": "array",
        "items": {"type": "string", "maxLength": 16},
        "description": "The checks that the review is of; all that hit, if left out.",
    },
    "outcome": {"enum": list(OUTCOMES)},
    "reason": {"enum": list(REASONS), "description": "One that the outcome may have."},
    "recovered_fen": {
        "type": "integer",
        "minimum": 0,
        "maximum": LARGEST_FEN,
        "description": "Money recovered, in the hundredth of the currency; with one check only.",
    },
    "note": {"type": "string", "maxLength": LONGEST_NOTE},
    "reviewer": {
        "type": "string",
        "minLength": 1,
        "maxLength": LONGEST_REVIEWER,
        "description": "Who reviews, where nobody signs in; otherwise it is the account's name.",
    },
}
_BODY: Final = bodies.describe(
    _PROPERTIES,
    required=["outcome", "reason"],
    example={
        "rule_ids": ["ADM-003"],
        "outcome": "confirmed",
        "reason": "violation",
        "recovered_fen": 1_234_500,
        "note": "两次住院为同一疗程",
        "reviewer": "officer-07",
    },
)

_SHAPE: Final = 'an object such as {"outcome": "confirmed", "reason": "violation", "reviewer": "…"}'
_READS: Final[dict[str, Any]] = {
    "response_model": ReviewList, "responses": document(404, 422, 503), "tags": ["reviews"],
    "dependencies": [needs(Permission.ALERTS_READ)],
}  # fmt: skip
_WRITES: Final[dict[str, Any]] = {
    "response_model": ReviewList,
    "status_code": 201,
    "responses": document(400, 404, 413, 415, 422, 503),
    "openapi_extra": {**_BODY, "parameters": [conditions.IDEMPOTENCY_KEY]},
    "tags": ["reviews"],
    "dependencies": [needs(Permission.ALERTS_WORK)],
}


def route(store: Store, record: Record) -> APIRouter:
    """The routes and forms, with what they read and write."""
    router = APIRouter()

    def keep_of_alert(alert_id: str, principal: Principal, given: Given, key: str) -> None:
        found = reading.find(store, alert_id, principal)
        hit = list(dict.fromkeys(hit["rule_id"] for hit in found.hits)) or [SCORE]
        decision = found.decision
        of = {"decision_id": decision["decision_id"], "stay_id": decision["stay_id"]}
        store.keep_reviews(
            _reviews(given, principal, hit, key, decision["currency"], decision["decision_id"], of)
        )
        record.forget()

    def keep_of_finding(finding_id: str, principal: Principal, given: Given, key: str) -> None:
        row = findings.find(store, finding_id, principal)
        of = {"finding_id": finding_id}
        store.keep_reviews(
            _reviews(given, principal, [row["rule_id"]], key, row["currency"], finding_id, of)
        )
        record.forget()

    def of_alert(alert_id: str, principal: Principal) -> dict[str, Any]:
        decision_id = reading.find(store, alert_id, principal).decision["decision_id"]
        return tell(store.reviews(decision_id=decision_id))

    def of_finding(finding_id: str, principal: Principal) -> dict[str, Any]:
        findings.find(store, finding_id, principal)
        return tell(store.reviews(finding_id=finding_id))

    @router.post("/v1/alerts/{alert_id}/reviews", summary="Review an alert", **_WRITES)
    async def review_alert(alert_id: Id, request: Request) -> Any:
        """Keep what a person concluded of an alert's checks; nothing is overwritten.

        The last review of each check counts. Answers with all reviews of the alert.
        """
        given = await bodies.read(request, _DECODER, _SHAPE)
        await run_in_threadpool(
            keep_of_alert, alert_id, who(request), given, conditions.key_or_new(request)
        )
        return await run_in_threadpool(of_alert, alert_id, who(request))

    @router.post("/v1/findings/{finding_id}/reviews", summary="Review a finding", **_WRITES)
    async def review_finding(finding_id: FindingId, request: Request) -> Any:
        """Keep what a person concluded of a finding on a month or day; nothing is overwritten."""
        given = await bodies.read(request, _DECODER, _SHAPE)
        await run_in_threadpool(
            keep_of_finding, finding_id, who(request), given, conditions.key_or_new(request)
        )
        return await run_in_threadpool(of_finding, finding_id, who(request))

    @router.get("/v1/alerts/{alert_id}/reviews", summary="Reviews of an alert", **_READS)
    def reviews_of_alert(request: Request, alert_id: Id) -> Any:
        """All reviews of an alert, oldest first; `counts` marks the last one of each check."""
        return of_alert(alert_id, who(request))

    @router.get("/v1/findings/{finding_id}/reviews", summary="Reviews of a finding", **_READS)
    def reviews_of_finding(request: Request, finding_id: FindingId) -> Any:
        """All reviews of a finding, oldest first."""
        return of_finding(finding_id, who(request))

    @router.post(
        "/alerts/{alert_id}/reviews",
        include_in_schema=False,
        dependencies=[needs(Permission.ALERTS_WORK)],
    )
    async def alert_form(alert_id: Id, request: Request) -> Response:
        return await _sent(
            request, f"/alerts/{alert_id}", partial(keep_of_alert, alert_id, who(request))
        )

    @router.post(
        "/findings/{finding_id}/reviews",
        include_in_schema=False,
        dependencies=[needs(Permission.ALERTS_WORK)],
    )
    async def finding_form(finding_id: FindingId, request: Request) -> Response:
        return await _sent(
            request, f"/findings/{finding_id}", partial(keep_of_finding, finding_id, who(request))
        )

    return router


async def _sent(request: Request, page: str, keep: Callable[[Given, str], None]) -> Response:
    """Keep the review that a form sent, and lead back to its page."""
    given = _form(await bodies.read_form(request))
    await run_in_threadpool(keep, given, uuid.uuid4().hex)
    lang = pages.choose_language(request)
    return RedirectResponse(f"{page}?lang={lang}#reviews", status_code=303)


def tell(given: Sequence[Review]) -> dict[str, Any]:
    """Reviews as in answers; ``last`` marks those that count."""
    last = {one.rule_id: one.review_id for one in given}
    return {
        "reviews": [
            {
                **asdict(one),
                "outcome_name": _both(OUTCOMES[one.outcome]),
                "reason_name": _both(REASONS[one.reason]),
                "counts": last[one.rule_id] == one.review_id,
            }
            for one in given
        ]
    }


def _reviews(  # noqa: PLR0917
    given: Given,
    principal: Principal,
    hit: list[str],
    key: str,
    currency: str,
    subject: str,
    of: Mapping[str, str],
) -> list[Review]:
    rules = hit if given.rule_ids is None else list(dict.fromkeys(given.rule_ids))
    told = reviewer(given, principal)
    check(given, rules, hit)
    return make(given, told, rules, key, currency, subject, of, datetime.now(UTC))


def make(  # noqa: PLR0917
    given: Given,
    reviewer: str,
    rules: Sequence[str],
    key: str,
    currency: str,
    subject: str,
    of: Mapping[str, str],
    now: datetime,
) -> list[Review]:
    """One review a check; the same key again makes the same ones."""
    return [
        Review(
            review_id=identifier("review", subject, rule_id, key),
            rule_id=rule_id,
            outcome=given.outcome,
            reason=given.reason,
            reviewer=reviewer,
            reviewed_at=now,
            recovered_fen=given.recovered_fen,
            currency=None if given.recovered_fen is None else currency,
            note=(given.note or "").strip() or None,
            **of,
        )
        for rule_id in rules
    ]


def reviewer(given: Given, principal: Principal) -> str:
    """Who reviews: the account that is signed in, or where nobody signs in whoever the caller names."""
    told = (given.reviewer or "").strip()
    if principal.means != "open":
        if told not in ("", principal.name):
            _refuse("reviewer", "Another one is named than is signed in.", "Leave reviewer out.")
        return principal.name
    if not 1 <= len(told) <= LONGEST_REVIEWER:
        _refuse(
            "reviewer", "Who reviews is not said.", f"Write 1 to {LONGEST_REVIEWER} characters."
        )
    return told


def check(given: Given, rules: list[str], hit: list[str]) -> None:
    """Refuse what cannot be a review; a 422 problem that says which field and what to do."""
    allowed = REASONS_OF.get(given.outcome)
    if allowed is None:
        _refuse("outcome", "The outcome is not known.", f"Write one of {', '.join(OUTCOMES)}.")
    if given.reason not in allowed:
        _refuse(
            "reason", f"{given.outcome} does not have this reason.",
            f"Write one of {', '.join(allowed)}.",
        )  # fmt: skip
    if not rules or set(rules) - set(hit):
        found = ", ".join(hit) or "none"
        _refuse("rule_ids", "A check is named that did not hit here.", f"Those that hit: {found}.")
    if given.note is not None and len(given.note) > LONGEST_NOTE:
        _refuse("note", "The note is too long.", f"Write at most {LONGEST_NOTE} characters.")
    if given.recovered_fen is None:
        return
    if given.outcome not in ("confirmed", "partly"):
        _refuse(
            "recovered_fen", "Nothing is recovered where nothing was confirmed.", "Leave it out."
        )
    if not 0 <= given.recovered_fen <= LARGEST_FEN:
        _refuse("recovered_fen", "The amount is out of bounds.", f"Write 0 to {LARGEST_FEN}.")
    if len(rules) > 1:
        _refuse(
            "recovered_fen", "One amount is given for several checks, and would count for each.",
            "Review one check at a time, each with its own amount.",
        )  # fmt: skip


def _refuse(field: str, what: str, cure: str) -> NoReturn:
    raise ProblemError(422, "review", what, cure=cure, more={"field": field})


def _form(values: Mapping[str, str]) -> Given:
    outcome, _, reason = values.get("conclusion", "").partition(":")
    amount = values.get("recovered", "").strip()
    fen = formats.parse_amount(amount) if amount else None
    if amount and fen is None:
        _refuse("recovered", "The amount cannot be read.", "Write an amount such as 1234.50.")
    return Given(
        outcome=outcome,
        reason=reason,
        reviewer=values.get("reviewer"),
        rule_ids=[values["rule_id"]] if "rule_id" in values else None,
        recovered_fen=fen,
        note=values.get("note"),
    )


def _both(words: tuple[str, str]) -> dict[str, str]:
    return {"zh": words[0], "en": words[1]}
