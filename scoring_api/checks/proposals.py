"""Proposed values of parameters: one person proposes, another one decides; /proposals and /v1/proposals."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Any, Final, Literal, TypeVar
from urllib.parse import urlencode

import msgspec
from fastapi import APIRouter, Path, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, RedirectResponse, Response

from domain.access import Permission
from domain.proposals import (
    APPROVED,
    OUTCOMES,
    REFUSED,
    WITHDRAWN,
    Ending,
    Proposal,
)
from domain.service import ChangeRules
from scoring_api import bodies, conditions, cursors, pages
from scoring_api.access import needs, who
from scoring_api.answers import Answer
from scoring_api.checks import asking, backtests, refused
from scoring_api.checks.catalogue import waiting
from scoring_api.checks.history import RuleId
from scoring_api.evidence import Checks
from scoring_api.problems import ProblemError, document
from store import ProposalError, Store

T = TypeVar("T")

ProposalId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
A_PAGE: Final = 50
_STATUSES: Final = ("open", *OUTCOMES)
_CODES: Final = {"stale": 412, "past-day": 422}


class Asked(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A proposal as sent; without ``region`` the default."""

    rule_id: str
    parameter: str
    since: str
    value: str
    why: str
    region: str | None = None
    backtest_id: str | None = None


class Reason(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Why somebody decides so."""

    reason: str


class EndingAnswer(Answer):
    """How a proposal ended."""

    outcome: Literal["approved", "refused", "withdrawn"]
    by: str
    reason: str
    at: datetime


class ProposalAnswer(Answer):
    """A value that somebody proposed for a parameter, from a day on."""

    proposal_id: str
    rule_id: str
    parameter: str
    region: str
    """The start of a region code, or `default`: where no regional value holds."""
    since: date
    value: str
    unit: str
    before: str | None
    """The value that would hold there without it, as things were when it was proposed."""
    why: str
    proposed_by: str
    proposed_at: datetime
    backtest_id: str | None
    status: Literal["open", "approved", "refused", "withdrawn"]
    ending: EndingAnswer | None
    in_use: bool
    """Whether this service judges by it; an approved one counts after a restart."""
    rule_sha256: str
    """Digest of the check that its proposer saw."""
    version: int


class ProposalPage(Answer):
    """Proposals, the latest first."""

    proposals: list[ProposalAnswer]
    cursor: str | None
    next: str | None


_DECODER: Final = msgspec.json.Decoder(Asked)
_REASON: Final = msgspec.json.Decoder(Reason)
_TEXT: Final = {"type": "string", "minLength": 1, "maxLength": 2000}
_BODY: Final = bodies.describe(
    {
        "rule_id": {"type": "string", "maxLength": 16},
        "parameter": {"type": "string", "maxLength": 64},
        "region": {
            "type": "string",
            "maxLength": 12,
            "description": "The start of a region code; the default if left out.",
        },
        "since": {"type": "string", "format": "date", "description": "From tomorrow on."},
        "value": {"type": "string", "maxLength": 32, "description": "Such as 10 or 0.30."},
        "why": _TEXT,
        "backtest_id": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
    },
    required=["rule_id", "parameter", "since", "value", "why"],
    example={
        "rule_id": "ADM-003",
        "parameter": "window_days",
        "region": "3301",
        "since": "2027-01-01",
        "value": "10",
        "why": "市医保局2027年起以10日为限",
    },
)
_WHY: Final = bodies.describe(
    {"reason": _TEXT}, required=["reason"], example={"reason": "回测显示误报明显减少"}
)
_ENDS: Final = (
    ("approve", APPROVED, Permission.RULES_APPROVE, "Approve a proposal"),
    ("refuse", REFUSED, Permission.RULES_APPROVE, "Refuse a proposal"),
    ("withdraw", WITHDRAWN, Permission.RULES_PROPOSE, "Withdraw a proposal of one's own"),
)
_ERRORS: Final = (400, 404, 409, 412, 413, 415, 422, 428, 503)


def route(store: Store, checks: Checks, changes: ChangeRules) -> APIRouter:
    """The routes and pages, with what they read and write."""
    router = APIRouter()

    def tell(one: Proposal) -> dict[str, Any]:
        return _tell(one, in_use=one.change in set(changes.loaded))

    def propose(request: Request, asked: Asked) -> Proposal:
        principal = who(request)
        checks.find(asked.rule_id)
        proposal_id = asking.new_id(request, "proposal", principal)
        known = store.proposals.get(proposal_id)
        if known is not None:
            return known
        day = asking.today()
        faults, made = changes.check(
            asked.rule_id, asked.parameter.strip(), asking.region_of(asked.region),
            asking.day_of(asked.since, "since"), asked.value, day,
        )  # fmt: skip
        if made is None:
            asking.refuse_faults(faults)
        backtest_id = (asked.backtest_id or "").strip() or None
        if backtest_id is not None:
            backtests.get(store, asked.rule_id, backtest_id)
        given = Proposal(
            proposal_id=proposal_id,
            change=made.change,
            unit=made.unit,
            before=None if made.before is None else str(made.before),
            why=asking.reason_of(asked.why, "why"),
            by=principal.user_id,
            by_name=principal.name,
            at=asking.now(),
            rule_sha256=made.rule_sha256,
            backtest_id=backtest_id,
        )
        _told(lambda: store.proposals.add(given, today=day))
        return get(store, proposal_id)

    def end(
        request: Request, proposal_id: str, outcome: str, reason: str | None, version: int | None
    ) -> Proposal:
        principal = who(request)
        held = get(store, proposal_id)
        why = asking.reason_of(reason, "reason")
        if outcome == APPROVED and held.ending is None:
            # What was approved meanwhile, or a new catalogue, may speak against it by now.
            change = held.change
            faults, _ = changes.check(
                change.rule_id, change.parameter, change.region, change.since, str(change.value),
                asking.today(),
            )  # fmt: skip
            if faults and version in {None, held.version} and held.by != principal.user_id:
                asking.refuse_faults(faults)
        ending = Ending(outcome, principal.user_id, principal.name, why, asking.now())
        return _told(
            lambda: store.proposals.end(proposal_id, ending, today=asking.today(), version=version)
        )

    @router.post(
        "/v1/proposals", status_code=201, response_model=ProposalAnswer, tags=["proposals"],
        summary="Propose a value of a parameter",
        responses=document(400, 404, 409, 413, 415, 422, 503),
        openapi_extra={**_BODY, "parameters": [conditions.IDEMPOTENCY_KEY]},
        dependencies=[needs(Permission.RULES_PROPOSE)],
    )  # fmt: skip
    async def propose_value(request: Request) -> Any:
        """Propose that a parameter of a check takes a value in a region from a day on.

        The day lies after today and after every day on which a value of the region begins: a change
        adds a date and never edits one. It counts once another person has approved it.
        """
        asked = await bodies.read(request, _DECODER, "an object as GET /openapi.json shows")
        one = await run_in_threadpool(propose, request, asked)
        return _answer(tell(one), 201, {"Location": f"/v1/proposals/{one.proposal_id}"})

    @router.get(
        "/v1/proposals", response_model=ProposalPage, tags=["proposals"],
        summary="List proposals", responses=document(400, 422, 503),
        dependencies=[needs(Permission.RULES_READ)],
    )  # fmt: skip
    def list_proposals(
        status: Annotated[
            Literal["open", "approved", "refused", "withdrawn"] | None,
            Query(description="How they stand; all of them, if left out."),
        ] = None,
        rule_id: Annotated[str | None, Query(max_length=16, description="Of this check.")] = None,
        limit: Annotated[int, Query(ge=1, le=200, description="Proposals a page.")] = A_PAGE,
        cursor: Annotated[
            str | None, Query(max_length=200, description="From the page before.")
        ] = None,
    ) -> Any:
        """Proposals, the latest first, a page at a time."""
        found, after = _page(store, status, rule_id, cursor, limit)
        given = {"status": status, "rule_id": rule_id, "limit": limit, "cursor": after}
        query = urlencode({name: value for name, value in given.items() if value is not None})
        return {
            "proposals": [tell(one) for one in found],
            "cursor": after,
            "next": None if after is None else f"/v1/proposals?{query}",
        }

    @router.get(
        "/v1/proposals/{proposal_id}", response_model=ProposalAnswer, tags=["proposals"],
        summary="Read a proposal", responses=document(404, 422, 503),
        dependencies=[needs(Permission.RULES_READ)],
    )  # fmt: skip
    def read_proposal(proposal_id: ProposalId) -> Any:
        """One proposal; its ETag is needed to decide on it."""
        return _answer(tell(get(store, proposal_id)), 200)

    def add_end(word: str, outcome: str, permission: Permission, summary: str) -> None:
        @router.post(
            f"/v1/proposals/{{proposal_id}}/{word}", response_model=ProposalAnswer, summary=summary,
            tags=["proposals"], responses=document(*_ERRORS), name=f"{word}_proposal",
            openapi_extra={**_WHY, "parameters": [conditions.IF_MATCH]},
            dependencies=[needs(permission)],
        )  # fmt: skip
        async def by_json(proposal_id: ProposalId, request: Request) -> Any:
            """End an open proposal, with a reason.

            Approved or refused by another person than proposed it; withdrawn by its proposer. An
            approved value counts in decisions of claims served from its day on, after a restart.
            """
            given = await bodies.read(request, _REASON, '{"reason": "…"}')
            version = conditions.one_version_of(request)
            one = await run_in_threadpool(end, request, proposal_id, outcome, given.reason, version)
            return _answer(tell(one), 200)

        @router.post(
            f"/proposals/{{proposal_id}}/{word}", include_in_schema=False,
            dependencies=[needs(permission)],
        )  # fmt: skip
        async def by_form(proposal_id: ProposalId, request: Request) -> Response:
            given = await bodies.read_form(request)
            try:
                await run_in_threadpool(
                    end, request, proposal_id, outcome, given.get("reason"), None
                )
            except ProblemError as problem:
                return refused.render(request, problem, f"/proposals/{proposal_id}")
            return _back(request, proposal_id)

    for ending in _ENDS:
        add_end(*ending)

    @router.post(
        "/rules/{rule_id}/proposals", include_in_schema=False,
        dependencies=[needs(Permission.RULES_PROPOSE)],
    )  # fmt: skip
    async def propose_by_form(rule_id: RuleId, request: Request) -> Response:
        given = await bodies.read_form(request)
        asked = Asked(
            rule_id, given.get("parameter", ""), given.get("since", ""), given.get("value", ""),
            given.get("why", ""), given.get("region"), given.get("backtest_id"),
        )  # fmt: skip
        try:
            one = await run_in_threadpool(propose, request, asked)
        except ProblemError as problem:
            return refused.render(request, problem, f"/rules/{rule_id}#propose")
        return _back(request, one.proposal_id)

    @router.get("/proposals", include_in_schema=False, dependencies=[needs(Permission.RULES_READ)])
    def list_page(request: Request) -> Response:
        asked = request.query_params.get("status", "")
        status = asked if asked in _STATUSES else None
        found, after = _page(store, status, None, request.query_params.get("cursor"), A_PAGE)
        lang = pages.choose_language(request)
        more = {"lang": lang, "cursor": after or "", "status": status or ""}
        context = {
            "proposals": [tell(one) for one in found],
            "names": {one["id"]: one["name"] for one in checks.listed},
            "status": status or "",
            "statuses": _STATUSES,
            "next": f"/proposals?{urlencode(more)}" if after else None,
            "waiting": waiting(store, changes),
        }
        return pages.render(request, "proposals.html", context)

    @router.get(
        "/proposals/{proposal_id}", include_in_schema=False,
        dependencies=[needs(Permission.RULES_READ)],
    )  # fmt: skip
    def detail_page(proposal_id: ProposalId, request: Request) -> Response:
        principal = who(request)
        one = get(store, proposal_id)
        job = None if one.backtest_id is None else store.backtests.get(one.backtest_id)
        context = {
            "proposal": tell(one),
            "rule": checks.get(one.change.rule_id),
            "job": None if job is None else backtests.tell(job, principal.rows),
            "fitting": job is None
            or (one.change.parameter, one.change.region, str(one.change.value)) in job.values,
            "own": one.by == principal.user_id,
            "past": one.change.since <= asking.today(),
        }
        return pages.render(request, "proposal.html", context)

    return router


def get(store: Store, proposal_id: str) -> Proposal:
    """The proposal of that id; a 404 problem if there is none."""
    one = store.proposals.get(proposal_id)
    if one is None:
        raise ProblemError(
            404,
            "not-found",
            f"No proposal has the id {proposal_id}.",
            cure="Take an id from the list of proposals (GET /v1/proposals).",
        )
    return one


def _tell(one: Proposal, *, in_use: bool) -> dict[str, Any]:
    change, ending = one.change, one.ending
    return {
        "proposal_id": one.proposal_id,
        "rule_id": change.rule_id,
        "parameter": change.parameter,
        "region": change.region or "default",
        "since": change.since,
        "value": str(change.value),
        "unit": one.unit,
        "before": one.before,
        "why": one.why,
        "proposed_by": one.by_name,
        "proposed_at": one.at,
        "backtest_id": one.backtest_id,
        "status": one.status,
        "ending": None
        if ending is None
        else {
            "outcome": ending.outcome,
            "by": ending.by_name,
            "reason": ending.reason,
            "at": ending.at,
        },
        "in_use": in_use,
        "rule_sha256": one.rule_sha256,
        "version": one.version,
    }


def _answer(told: dict[str, Any], status: int, headers: dict[str, str] | None = None) -> Response:
    body = ProposalAnswer(**told).model_dump(mode="json")
    return JSONResponse(body, status, {"ETag": conditions.etag(told["version"]), **(headers or {})})


def _told(act: Callable[[], T]) -> T:
    """What the store answers, with its refusals as problems."""
    try:
        return act()
    except ProposalError as error:
        raise ProblemError(
            _CODES.get(error.name, 409), error.name, error.what, cure=error.cure
        ) from error


def _page(
    store: Store, status: str | None, rule_id: str | None, cursor: str | None, limit: int
) -> tuple[list[Proposal], str | None]:
    after = None if not cursor else cursors.unpack(cursor, _place)
    found = store.proposals.page(status=status, rule_id=rule_id, after=after, limit=limit + 1)
    if len(found) <= limit:
        return found, None
    last = found[limit - 1]
    return found[:limit], cursors.pack(last.at.isoformat(), last.proposal_id)


def _place(at: Any, last: Any) -> tuple[datetime, str]:
    instant = datetime.fromisoformat(at)
    if instant.tzinfo is None or not isinstance(last, str) or len(last) > 32:
        raise ValueError("no place")
    return instant, last


def _back(request: Request, proposal_id: str) -> Response:
    lang = pages.choose_language(request)
    return RedirectResponse(f"/proposals/{proposal_id}?lang={lang}", 303)
