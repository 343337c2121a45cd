"""Cards over HTTP: a physician's own with their answers, and how each check's cards are taken."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlencode

import msgspec
from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from domain import advice
from domain.access import Permission, Principal
from domain.calendar import CHINA
from domain.cards import (
    ANSWERS,
    LONGEST_COMMENT,
    OVERRIDE_REASONS,
    WITHOUT_CHECK,
    CardAnswer,
)
from domain.errors import SentinelError
from scoring_api import advice_answers as shapes
from scoring_api import advice_file, bodies, conditions, cursors
from scoring_api.access import masked, needs, who
from scoring_api.evidence import Checks
from scoring_api.exports import CSV_TYPE, as_csv
from scoring_api.pages import choose_language
from scoring_api.problems import ProblemError, document
from store import CardError, Store

CardId = Annotated[str, Path(max_length=64, pattern=r"^[A-Za-z0-9-]+$")]
Week = Annotated[
    str | None,
    Query(pattern=r"^\d{4}-W\d{2}$", description="ISO week, such as 2026-W48; the last whole one."),
]
LONGEST_PERIOD: Final = timedelta(days=400)
A_PAGE: Final = 50


class Said(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """An answer as sent."""

    outcome: str
    accepted_suggestions: tuple[str, ...] = ()
    reason: str | None = None
    comment: str | None = None


class CardQuery(BaseModel):
    """Query parameters of GET /v1/cards."""

    model_config = ConfigDict(extra="forbid")

    stay_id: Annotated[str | None, Field(max_length=64, description="Of this stay.")] = None
    unanswered: Annotated[bool, Field(description="Only those without an answer.")] = False
    held: Annotated[
        bool, Field(description="Also those not shown: budget used up, or check quiet.")
    ] = False
    limit: Annotated[int, Field(ge=1, le=200, description="Cards a page.")] = A_PAGE
    cursor: Annotated[str | None, Field(max_length=300, description="From the page before.")] = None


_DECODER: Final = msgspec.json.Decoder(Said)
_BODY: Final = bodies.describe(
    {
        "outcome": {"type": "string", "enum": list(ANSWERS)},
        "accepted_suggestions": {
            "type": "array",
            "items": {"type": "string", "maxLength": 64},
            "maxItems": 20,
            "description": "Of `accepted`: the `suggestion_id`s that were followed.",
        },
        "reason": {
            "type": "string",
            "enum": list(OVERRIDE_REASONS),
            "description": "Of `overridden`: "
            + "; ".join(f"`{code}` {en}" for code, (_, en) in OVERRIDE_REASONS.items()),
        },
        "comment": {"type": "string", "minLength": 1, "maxLength": LONGEST_COMMENT},
    },
    required=["outcome"],
    example={"outcome": "overridden", "reason": "documented", "comment": "见3月3日病程"},
)


def route(store: Store, checks: Checks) -> APIRouter:
    """The routes, with what they read and write."""
    router = APIRouter(tags=["advice"], route_class=conditions.Once)
    own: dict[str, Any] = {"dependencies": [needs(Permission.ADVICE_ANSWER)]}
    review: dict[str, Any] = {"dependencies": [needs(Permission.ADVICE_REVIEW)]}

    @router.post(
        "/v1/cards/{card_id}/feedback", response_model=shapes.CardTold, summary="Answer a card",
        responses=document(400, 404, 409, 413, 415, 422, 503), openapi_extra=_BODY, **own,
    )  # fmt: skip
    async def answer_card(card_id: CardId, request: Request) -> Any:
        """Say what one did with a card of one's own: followed, overridden with a reason, or later.

        The last answer counts; the same one again changes nothing. What is put off may come again on
        the next day.
        """
        said = await bodies.read(request, _DECODER, '{"outcome": "accepted"}')
        row = await run_in_threadpool(answer, store, card_id, said, who(request))
        return _tell(row, who(request), checks)

    @router.get(
        "/v1/cards", response_model=shapes.CardPage, summary="List one's own cards",
        responses=document(400, 422, 503), **own,
    )  # fmt: skip
    def list_cards(request: Request, query: Annotated[CardQuery, Query()]) -> Any:
        """The caller's cards, latest first, a page at a time, each with what was answered."""
        me = who(request)
        found = store.cards.of_physician(
            me.rows,
            stay_id=query.stay_id,
            unanswered=query.unanswered,
            held=query.held,
            after=None if not query.cursor else cursors.unpack(query.cursor, _place),
            limit=query.limit + 1,
        )
        rows, pointer = found[: query.limit], None
        if len(found) > query.limit:
            pointer = cursors.pack(rows[-1]["created_at"].isoformat(), rows[-1]["card_id"])
        given = query.model_dump(mode="json", exclude_defaults=True) | {"cursor": pointer}
        return {
            "cards": [_tell(row, me, checks) for row in rows],
            "cursor": pointer,
            "next": f"/v1/cards?{urlencode(given)}" if pointer else None,
        }

    @router.get(
        "/v1/advice/mine", response_model=shapes.Acceptance, summary="How one's own cards went",
        responses=document(422, 503), **own,
    )  # fmt: skip
    def read_mine(request: Request, week: Week = None) -> Any:
        """The caller's own cards of a week by check: shown, answered, overridden, not shown and why.

        Nobody else's figures are beside them.
        """
        first, last = _days(week)
        return _acceptance(store, checks, first, last, who(request))

    @router.get(
        "/v1/advice/acceptance", response_model=shapes.Acceptance,
        summary="How each check's cards are taken", responses=document(422, 503), **review,
    )  # fmt: skip
    def read_acceptance(
        request: Request,
        since: Annotated[date, Query(description="First day (China).")],
        until: Annotated[date, Query(description="Last day, at most 400 days later.")],
    ) -> Any:
        """Cards by check among the stays that the caller may see: shown, answered, overridden, reasons.

        A card counts for each of its checks and for the day on which it was proposed, whenever it was answered.
        """
        if not timedelta(0) <= until - since <= LONGEST_PERIOD:
            raise ProblemError(
                422,
                "invalid-parameters",
                f"{since} to {until} is no period of at most {LONGEST_PERIOD.days} days.",
                cure="Give the first day as since and the last one as until.",
            )
        return _acceptance(store, checks, since, until, who(request))

    @router.get(
        "/v1/advice/report", response_model=shapes.Report, summary="Read a weekly report",
        responses=document(422, 503), **review,
    )  # fmt: skip
    def read_report(request: Request, week: Week = None) -> Any:
        """A week of cards by hospital, department and check, and the checks that might be quiet.

        No physician is named: departments say how many had how many cards a day, and those of fewer
        than three physicians stand together.
        """
        return report(store, checks, week, who(request))

    @router.get(
        "/v1/advice/report.csv", response_class=StreamingResponse,
        summary="Take a weekly report away as CSV",
        responses={
            200: {"content": {CSV_TYPE: {"schema": {"type": "string"}}}},
            **document(422, 503),
        },
        **review,
    )  # fmt: skip
    def report_csv(
        request: Request,
        week: Week = None,
        lang: Annotated[
            Literal["zh", "en"] | None, Query(description="Language of the heads.")
        ] = None,
    ) -> StreamingResponse:
        """The weekly report as one table: a line a hospital, department, check and candidate."""
        made = report(store, checks, week, who(request))
        words = lang or choose_language(request)
        return as_csv(
            advice_file.lines(made, words), advice_file.COLUMNS, name=f"advice-{made['week']}", lang=words
        )  # fmt: skip

    return router


def answer(store: Store, card_id: str, said: Said, me: Principal) -> Mapping[str, Any]:
    """Keep a person's answer to a card of their own; its row. A problem if it cannot be."""
    now = datetime.now(UTC)
    comment = None if said.comment is None else said.comment.strip() or None
    row = store.cards.find(card_id, me.rows)
    if row is not None and (row["answer"], row["reason"], row["comment"], row["accepted"]) == (
        said.outcome, said.reason, comment, sorted(set(said.accepted_suggestions)),
    ):  # fmt: skip
        return row
    given = CardAnswer(card_id, said.outcome, now, said.accepted_suggestions, said.reason, comment)
    try:
        return store.cards.feedback([given], now=now, rows=me.rows)[0]
    except CardError as error:
        if error.name == "not-found":
            raise ProblemError(404, "not-found", f"{error.what}.", cure=error.cure) from error
        raise ProblemError(422, "card-answer", f"{error.what}.", cure=error.cure) from error


def report(store: Store, checks: Checks, week: str | None, me: Principal) -> dict[str, Any]:
    """The weekly report among the caller's rows, with names of checks and what is known of candidates."""
    first, _ = _days(week)
    made = store.cards.report(advice.week_of(first), me.rows)
    waiting = {
        (one.rule_id, one.provider_id): one
        for one in store.quiet_checks.listed(me.rows.providers)
        if one.status in ("open", "confirmed")
    }
    for row in (*made["checks"], *made["candidates"]):
        row["name"] = name_of(checks, row["rule_id"])
    for row in made["candidates"]:
        known = waiting.get((row["rule_id"], row["provider_id"] or "")) or waiting.get((row["rule_id"], ""))  # fmt: skip
        row["quiet_id"] = None if known is None else known.quiet_id
        row["status"] = None if known is None else known.status
    return made


def name_of(checks: Checks, rule_id: str) -> dict[str, str] | None:
    """The name of a check, or of what cards without one are counted as."""
    other = WITHOUT_CHECK.get(rule_id)
    if other is not None:
        return {"zh": other[0], "en": other[1]}
    return checks.text(rule_id, "name")


def _days(week: str | None) -> tuple[date, date]:
    """Monday and Sunday of the week asked for, or of the last whole one; a 422 problem if there is none."""
    if week is None:
        week = advice.week_of(datetime.now(CHINA).date() - timedelta(days=7))
    try:
        return advice.days_of(week)
    except SentinelError as error:
        raise ProblemError(422, "invalid-parameters", f"{error.what}.", cure=error.cure) from error


def _acceptance(
    store: Store, checks: Checks, since: date, until: date, me: Principal
) -> dict[str, Any]:
    found = store.cards.acceptance(since, until, me.rows)
    return {
        "since": since,
        "until": until,
        "checks": [
            {
                "rule_id": rule_id,
                "name": name_of(checks, rule_id),
                **advice.tell(one),
            }
            for rule_id, one in sorted(found.items())
        ],
    }


def _tell(row: Mapping[str, Any], me: Principal, checks: Checks) -> dict[str, Any]:
    names = [checks.text(rule_id, "name") for rule_id in row["rule_ids"]]
    reason = OVERRIDE_REASONS.get(row["reason"] or "")
    return masked(
        me,
        {
            **row,
            "rules": [{"rule_id": i, "name": n} for i, n in zip(row["rule_ids"], names, strict=True)],
            "reason_name": None if reason is None else {"zh": reason[0], "en": reason[1]},
        },
    )  # fmt: skip


def _place(at: Any, last: Any) -> tuple[datetime, str]:
    instant = datetime.fromisoformat(at)
    if instant.tzinfo is None or not isinstance(last, str) or len(last) > 64:
        raise ValueError("no place")
    return instant, last
