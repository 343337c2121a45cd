"""Checks that are quiet for physicians: proposed, confirmed by another person, taken back; and the page /advice."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Annotated, Any, Final, TypeVar

import msgspec
from fastapi import APIRouter, Path, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, RedirectResponse, Response

from domain import advice
from domain.access import ALL_ROWS, Permission, Principal, Rows
from domain.cards import HELD, OVERRIDE_REASONS, WITHOUT_CHECK, QuietCheck, QuietStep
from domain.errors import SentinelError
from scoring_api import advice_answers as shapes
from scoring_api import bodies, conditions, pages
from scoring_api.access import needs, who
from scoring_api.advice import name_of, report
from scoring_api.checks import asking, refused
from scoring_api.evidence import Checks
from scoring_api.problems import ProblemError, document
from store import QuietError, Store
from store.quiet_checks import CONFIRMED, ENDED, REFUSED, WITHDRAWN

T = TypeVar("T")
QuietId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
_CODES: Final = {"stale": 412, "quiet-past-day": 422}
_STEPS: Final = (
    ("confirm", CONFIRMED, "Make a check quiet for physicians"),
    ("refuse", REFUSED, "Refuse a proposed quiet check"),
    ("withdraw", WITHDRAWN, "Withdraw one's own proposed quiet check"),
    ("end", ENDED, "Take a quiet check back"),
)
_ERRORS: Final = (400, 403, 404, 409, 412, 413, 415, 422, 428, 503)


class Asked(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A proposal as sent; without ``provider_id`` everywhere."""

    rule_id: str
    why: str
    provider_id: str | None = None


class Decision(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A step as sent; ``since`` belongs to a confirmation."""

    reason: str
    since: str | None = None


_ASKED: Final = msgspec.json.Decoder(Asked)
_DECISION: Final = msgspec.json.Decoder(Decision)
_TEXT: Final = {"type": "string", "minLength": 1, "maxLength": 2000}
_BODY: Final = bodies.describe(
    {
        "rule_id": {
            "type": "string",
            "maxLength": 32,
            "description": "A check, or of cards without one: "
            + ", ".join(f"`{one}`" for one in WITHOUT_CHECK),
        },
        "provider_id": {
            "type": "string",
            "maxLength": 64,
            "description": "Only in this hospital; everywhere, if left out.",
        },
        "why": _TEXT,
    },
    required=["rule_id", "why"],
    example={"rule_id": "ORD-012", "why": "科室反映本地药品目录已改，提示不再适用"},
)
_STEP: Final = bodies.describe(
    {
        "reason": _TEXT,
        "since": {
            "type": "string",
            "format": "date",
            "description": "Of a confirmation: the first quiet day; tomorrow, if left out.",
        },
    },
    required=["reason"],
    example={"reason": "已与科室核实", "since": "2026-12-01"},
)


def route(store: Store, checks: Checks) -> APIRouter:
    """The routes and the page, with what they read and write."""
    router = APIRouter(route_class=conditions.Once)
    review: dict[str, Any] = {"dependencies": [needs(Permission.ADVICE_REVIEW)]}
    told: dict[str, Any] = {"tags": ["advice"], **review}

    def tell(one: QuietCheck) -> dict[str, Any]:
        return _tell(one, checks)

    def propose(me: Principal, asked: Asked) -> QuietCheck:
        if asked.rule_id not in WITHOUT_CHECK:
            checks.find(asked.rule_id)
        provider = (asked.provider_id or "").strip()
        _refuse_limited(me, provider)
        until = asking.today()
        since = until - advice.LOOK_BACK
        whose = Rows(frozenset({provider})) if provider else ALL_ROWS
        found = store.cards.acceptance(since, until, whose).get(asked.rule_id)
        days = {"since": since.isoformat(), "until": until.isoformat()}
        figures = {} if found is None else advice.tell(found) | days
        one = QuietCheck(
            uuid.uuid4().hex, asked.rule_id, provider, asking.reason_of(asked.why, "why"),
            figures, me.user_id, me.name, asking.now(),
        )  # fmt: skip
        if not store.quiet_checks.propose(one):
            raise ProblemError(
                409,
                "quiet-known",
                "The check waits there already, or is quiet.",
                cure="Decide on the proposal that is there (GET /v1/advice/quiet-checks).",
            )
        return one

    def step(
        me: Principal, quiet_id: str, outcome: str, asked: Decision, version: int | None
    ) -> QuietCheck:
        held = find(store, quiet_id, me)
        _refuse_limited(me, held.provider_id)
        since = None
        if outcome == CONFIRMED:
            given = (asked.since or "").strip()
            since = asking.day_of(given, "since") if given else asking.today() + timedelta(days=1)
        one = QuietStep(
            outcome, me.user_id, me.name, asking.reason_of(asked.reason, "reason"), asking.now(), since
        )  # fmt: skip
        return _told(
            lambda: store.quiet_checks.decide(quiet_id, one, today=asking.today(), version=version)
        )

    @router.get(
        "/v1/advice/quiet-checks", response_model=shapes.QuietList, summary="List quiet checks",
        responses=document(503), **told,
    )  # fmt: skip
    def list_quiet(request: Request) -> Any:
        """Checks that are or were quiet for physicians, and the proposals, the latest first."""
        return {
            "quiet_checks": [tell(one) for one in store.quiet_checks.listed(who(request).rows.providers)]
        }  # fmt: skip

    @router.get(
        "/v1/advice/quiet-checks/{quiet_id}", response_model=shapes.QuietTold,
        summary="Read a quiet check", responses=document(404, 422, 503), **told,
    )  # fmt: skip
    def read_quiet(quiet_id: QuietId, request: Request) -> Any:
        """One of them; its ETag is needed to decide on it."""
        return _answer(tell(find(store, quiet_id, who(request))), 200)

    @router.post(
        "/v1/advice/quiet-checks", response_model=shapes.QuietTold, status_code=201,
        summary="Propose a check to be quiet", openapi_extra=_BODY,
        responses=document(400, 403, 404, 409, 413, 415, 422, 503), **told,
    )  # fmt: skip
    async def propose_quiet(request: Request) -> Any:
        """Propose that physicians get no cards of a check, in one hospital or everywhere.

        It counts once another person has confirmed it. What the check finds is judged as before and
        goes to the compliance office.
        """
        asked = await bodies.read(request, _ASKED, '{"rule_id": "…", "why": "…"}')
        one = await run_in_threadpool(propose, who(request), asked)
        place = {"Location": f"/v1/advice/quiet-checks/{one.quiet_id}"}
        return _answer(tell(one), 201, place)

    def add_step(word: str, outcome: str, summary: str) -> None:
        @router.post(
            f"/v1/advice/quiet-checks/{{quiet_id}}/{word}", response_model=shapes.QuietTold,
            summary=summary, responses=document(*_ERRORS), name=f"{word}_quiet",
            openapi_extra={**_STEP, "parameters": [conditions.IF_MATCH]}, **told,
        )  # fmt: skip
        async def by_json(quiet_id: QuietId, request: Request) -> Any:
            """Decide on a quiet check, with a reason.

            Confirmed by another person than proposed it, from a day that is not past; withdrawn by who
            proposed it; taken back by anybody who reviews advice, at once.
            """
            asked = await bodies.read(request, _DECISION, '{"reason": "…"}')
            me = who(request)
            await run_in_threadpool(find, store, quiet_id, me)
            version = conditions.one_version_of(request)
            one = await run_in_threadpool(step, me, quiet_id, outcome, asked, version)
            return _answer(tell(one), 200)

        @router.post(f"/advice/{{quiet_id}}/{word}", include_in_schema=False, **review)
        async def by_form(quiet_id: QuietId, request: Request) -> Response:
            given = await bodies.read_form(request)
            asked = Decision(given.get("reason", ""), given.get("since"))
            try:
                await run_in_threadpool(step, who(request), quiet_id, outcome, asked, None)
            except ProblemError as problem:
                return refused.render(request, problem, "/advice#quiet")
            return _back(request)

    for one_step in _STEPS:
        add_step(*one_step)

    @router.post("/advice", include_in_schema=False, **review)
    async def propose_by_form(request: Request) -> Response:
        given = await bodies.read_form(request)
        asked = Asked(given.get("rule_id", ""), given.get("why", ""), given.get("provider_id"))
        try:
            await run_in_threadpool(propose, who(request), asked)
        except ProblemError as problem:
            return refused.render(request, problem, "/advice#quiet")
        return _back(request)

    @router.get("/advice", include_in_schema=False, **review)
    def advice_page(request: Request) -> Response:
        me = who(request)
        asked = request.query_params.get("week")
        try:
            first, _ = advice.days_of(asked or _last_week())
        except SentinelError:
            first, _ = advice.days_of(_last_week())
        made = report(store, checks, advice.week_of(first), me)
        context = {
            "report": made,
            "earlier": advice.week_of(first - timedelta(days=7)),
            "later": advice.week_of(first + timedelta(days=7)) if first + timedelta(days=7) <= asking.today() else None,
            "quiet": [tell(one) | {"own": one.by == me.user_id, "mine": _decides(me, one.provider_id), "auto": one.by == advice.PROPOSER[0]}
                      for one in store.quiet_checks.listed(me.rows.providers)],
            "rules": [(rule["id"], rule["name"]) for rule in checks.listed if rule["unit"] in ("order", "stay")]
            + [(one, name_of(checks, one)) for one in WITHOUT_CHECK],
            "everywhere": me.rows.providers is None,
            "decides": me.rows.departments is None and me.rows.physician_id is None,
            "reasons": OVERRIDE_REASONS,
            "held": HELD,
            "tomorrow": asking.today() + timedelta(days=1),
            "today": asking.today(),
        }  # fmt: skip
        return pages.render(request, "advice.html", context)

    return router


def find(store: Store, quiet_id: str, me: Principal) -> QuietCheck:
    """The quiet check of that id; a 404 problem if the caller sees none."""
    one = store.quiet_checks.get(quiet_id)
    providers = me.rows.providers
    if one is None or (providers is not None and one.provider_id not in {"", *providers}):
        raise ProblemError(
            404,
            "not-found",
            f"No quiet check has the id {quiet_id}.",
            cure="Take an id from GET /v1/advice/quiet-checks.",
        )
    return one


def _decides(me: Principal, provider: str) -> bool:
    """Whether the caller sees all of whom it concerns: a whole hospital, or everybody."""
    rows = me.rows
    if rows.departments is not None or rows.physician_id is not None:
        return False
    return rows.providers is None or (provider != "" and provider in rows.providers)


def _refuse_limited(me: Principal, provider: str) -> None:
    if not _decides(me, provider):
        raise ProblemError(
            403,
            "limited-view",
            "This concerns whole hospitals, and the account sees only some hospitals, departments or stays.",
            cure="Name one of your hospitals, or ask somebody whose account is not limited.",
        )


def _tell(one: QuietCheck, checks: Checks) -> dict[str, Any]:
    return {
        "quiet_id": one.quiet_id,
        "rule_id": one.rule_id,
        "name": name_of(checks, one.rule_id),
        "provider_id": one.provider_id or None,
        "status": one.status,
        "since": one.since,
        "why": one.why,
        "figures": dict(one.figures),
        "proposed_by": one.by_name,
        "proposed_at": one.at,
        "steps": [
            {"outcome": s.outcome, "by": s.by_name, "reason": s.reason, "at": s.at, "since": s.since}
            for s in one.steps
        ],
        "version": one.version,
    }  # fmt: skip


def _answer(told: Mapping[str, Any], status: int, headers: Mapping[str, str] | None = None) -> Response:  # fmt: skip
    body = shapes.QuietTold(**told).model_dump(mode="json")
    return JSONResponse(body, status, {"ETag": conditions.etag(told["version"]), **(headers or {})})


def _told(act: Callable[[], T]) -> T:
    """What the store answers, with its refusals as problems."""
    try:
        return act()
    except QuietError as error:
        raise ProblemError(
            _CODES.get(error.name, 409), error.name, error.what, cure=error.cure
        ) from error


def _last_week() -> str:
    return advice.week_of(asking.today() - timedelta(days=7))


def _back(request: Request) -> Response:
    return RedirectResponse(f"/advice?lang={pages.choose_language(request)}#quiet", 303)
