"""Backtests of a check with another value: asked for, followed, and read; POST /v1/rules/{id}/backtests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Final, Literal

import msgspec
from fastapi import APIRouter, Path, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, RedirectResponse, Response

from domain.access import Permission, Principal, Rows
from domain.proposals import Backtest, Fault
from domain.service import ChangeRules, QueueFullError
from scoring_api import bodies, conditions, pages
from scoring_api.access import needs, who
from scoring_api.answers import Answer
from scoring_api.checks import asking, refused
from scoring_api.checks.history import RuleId
from scoring_api.evidence import Checks
from scoring_api.problems import ProblemError, document
from store import Store

LONGEST_PERIOD: Final = timedelta(days=366)
MOST_VALUES: Final = 8
BacktestId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]


class Value(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One value to try; without ``region`` the default."""

    parameter: str
    value: str
    region: str | None = None


class Asked(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A backtest as asked for: days of service, and the values that hold on all of them."""

    first: str
    last: str
    values: list[Value]


class Tried(Answer):
    """A value that was tried, in a region."""

    parameter: str
    region: str
    """The start of a region code, or `default`."""
    value: str


class Side(Answer):
    """What the check says with one set of values."""

    hits: int
    subjects: int
    """Claims hit; of a check of months or days, those."""
    unknown: int
    exposure_fen: dict[str, int]


class Difference(Answer):
    """The check with the values in force (`before`) and with those tried (`after`)."""

    unit: str
    judged: int
    """Claims (or months or days) judged."""
    before: Side
    after: Side
    gained: int
    """Claims that only the values tried hit."""
    gained_fen: dict[str, int]
    gained_ids: list[str]
    """At most 200 of them; empty for callers who see a part of the claims."""
    lost: int
    lost_fen: dict[str, int]
    lost_ids: list[str]


class BacktestAnswer(Answer):
    """A backtest: how far it is, and what came out."""

    backtest_id: str
    rule_id: str
    values: list[Tried]
    first: date
    last: date
    asked_by: str
    asked_at: datetime
    status: Literal["queued", "running", "done", "failed"]
    done: int
    """Claims judged so far."""
    total: int | None
    finished_at: datetime | None
    result: Difference | None
    """Null until it is done."""
    trouble: str | None
    """Why it failed."""
    rules_sha256: str
    """The rule set whose values it compares with."""


class BacktestList(Answer):
    """The last backtests of a check."""

    backtests: list[BacktestAnswer]


_DECODER: Final = msgspec.json.Decoder(Asked)
_SHAPE: Final = 'an object such as {"first": "2025-01-01", "last": "2025-03-31", "values": [{"parameter": "window_days", "value": "10"}]}'
_DAY: Final = {"type": "string", "format": "date"}
_BODY: Final = bodies.describe(
    {
        "first": {**_DAY, "description": "First day of service."},
        "last": {**_DAY, "description": "Last day of service; a year later at most."},
        "values": {
            "type": "array",
            "minItems": 1,
            "maxItems": MOST_VALUES,
            "items": {
                "type": "object",
                "required": ["parameter", "value"],
                "additionalProperties": False,
                "properties": {
                    "parameter": {"type": "string", "maxLength": 64},
                    "value": {"type": "string", "maxLength": 32, "description": "Such as 10 or 0.30."},
                    "region": {"type": "string", "maxLength": 12},
                },
            },
        },
    },
    required=["first", "last", "values"],
    example={
        "first": "2025-01-01",
        "last": "2025-03-31",
        "values": [{"parameter": "window_days", "value": "10"}],
    },
)  # fmt: skip


def route(store: Store, checks: Checks, changes: ChangeRules) -> APIRouter:
    """The routes and pages, with what does the work."""
    router = APIRouter()

    def begin(request: Request, rule_id: str, asked: Asked) -> Backtest:
        principal = who(request)
        checks.find(rule_id)
        job = _job(rule_id, asked, principal, asking.new_id(request, "backtest", principal))
        faults: list[Fault] = []
        for name, region, value in job.values:
            faults += changes.check_tried(rule_id, name, region, value)
        if faults:
            asking.refuse_faults(faults)
        try:
            changes.begin(job)
        except QueueFullError as error:
            raise ProblemError(
                429, "queue-full", "As many backtests wait as may wait.",
                cure="Ask again when one of them is done.", headers={"Retry-After": "60"},
            ) from error  # fmt: skip
        return get(store, rule_id, job.backtest_id)

    @router.post(
        "/v1/rules/{rule_id}/backtests", status_code=202, response_model=BacktestAnswer,
        summary="Backtest a check with other values", tags=["rules"],
        responses=document(400, 404, 413, 415, 422, 429, 503),
        openapi_extra={**_BODY, "parameters": [conditions.IDEMPOTENCY_KEY]},
        dependencies=[needs(Permission.RULES_PROPOSE)],
    )  # fmt: skip
    async def ask(rule_id: RuleId, request: Request) -> Any:
        """Judge the stored claims of a period with the values in force and with those given.

        Answers at once; `Location` says where to read how far it is. One backtest is done at a time,
        and at most eight wait. Nothing is judged anew by it and no alert is raised.
        """
        asked = await bodies.read(request, _DECODER, _SHAPE)
        job = await run_in_threadpool(begin, request, rule_id, asked)
        body = BacktestAnswer(**tell(job, who(request).rows)).model_dump(mode="json")
        address = f"/v1/rules/{rule_id}/backtests/{job.backtest_id}"
        return JSONResponse(body, 202, {"Location": address})

    @router.get(
        "/v1/rules/{rule_id}/backtests", response_model=BacktestList, tags=["rules"],
        summary="The last backtests of a check", responses=document(404, 422, 503),
        dependencies=[needs(Permission.RULES_READ)],
    )  # fmt: skip
    def list_them(rule_id: RuleId, request: Request) -> Any:
        """The last twenty, the latest first."""
        checks.find(rule_id)
        rows = who(request).rows
        return {"backtests": [tell(job, rows) for job in store.backtests.of_rule(rule_id)]}

    @router.get(
        "/v1/rules/{rule_id}/backtests/{backtest_id}", response_model=BacktestAnswer,
        summary="Read a backtest", tags=["rules"], responses=document(404, 422, 503),
        dependencies=[needs(Permission.RULES_READ)],
    )  # fmt: skip
    def read(rule_id: RuleId, backtest_id: BacktestId, request: Request) -> Any:
        """How far it is, and once it is done what differs."""
        return tell(get(store, rule_id, backtest_id), who(request).rows)

    @router.get(
        "/rules/{rule_id}/backtests/{backtest_id}", include_in_schema=False,
        dependencies=[needs(Permission.RULES_READ)],
    )  # fmt: skip
    def page(rule_id: RuleId, backtest_id: BacktestId, request: Request) -> Response:
        job = get(store, rule_id, backtest_id)
        context = {
            "rule": checks.find(rule_id),
            "job": tell(job, who(request).rows),
            "alone": len(job.values) == 1,
        }
        return pages.render(request, "backtest.html", context)

    @router.post(
        "/rules/{rule_id}/backtests", include_in_schema=False,
        dependencies=[needs(Permission.RULES_PROPOSE)],
    )  # fmt: skip
    async def ask_by_form(rule_id: RuleId, request: Request) -> Response:
        given = await bodies.read_form(request)
        asked = Asked(
            given.get("first", ""),
            given.get("last", ""),
            [Value(given.get("parameter", ""), given.get("value", ""), given.get("region"))],
        )
        try:
            job = await run_in_threadpool(begin, request, rule_id, asked)
        except ProblemError as problem:
            return refused.render(request, problem, f"/rules/{rule_id}#backtest")
        lang = pages.choose_language(request)
        return RedirectResponse(f"/rules/{rule_id}/backtests/{job.backtest_id}?lang={lang}", 303)

    return router


def get(store: Store, rule_id: str, backtest_id: str) -> Backtest:
    """The backtest of a check; a 404 problem if it has none of that id."""
    job = store.backtests.get(backtest_id)
    if job is None or job.rule_id != rule_id:
        raise ProblemError(
            404,
            "not-found",
            f"{rule_id} has no backtest {backtest_id}.",
            cure=f"Take an id from GET /v1/rules/{rule_id}/backtests.",
        )
    return job


def tell(job: Backtest, rows: Rows) -> dict[str, Any]:
    """A backtest as in answers; ids of claims only for those who see all."""
    result = job.result
    if result is not None and rows.limited:
        result = {**result, "gained_ids": [], "lost_ids": []}
    return {
        "backtest_id": job.backtest_id,
        "rule_id": job.rule_id,
        "values": [
            {"parameter": name, "region": region or "default", "value": value}
            for name, region, value in job.values
        ],
        "first": job.first,
        "last": job.last,
        "asked_by": job.by_name,
        "asked_at": job.asked_at,
        "status": job.status,
        "done": job.done,
        "total": job.total,
        "finished_at": job.finished_at,
        "result": result,
        "trouble": job.trouble,
        "rules_sha256": job.rules_sha256,
    }


def _job(rule_id: str, asked: Asked, principal: Principal, backtest_id: str) -> Backtest:
    first, last = asking.day_of(asked.first, "first"), asking.day_of(asked.last, "last")
    if first > last or last - first > LONGEST_PERIOD:
        asking.refuse(
            "last", "期间的截止日早于起始日，或超过一年。",
            "The period ends before it begins, or is longer than a year.",
            "请填写起始日，以及不超过一年的截止日。",
            "Name a first day and a last one at most a year later.",
        )  # fmt: skip
    if not 1 <= len(asked.values) <= MOST_VALUES:
        asking.refuse(
            "values", "没有取值，或取值过多。", "No value is given, or too many.",
            f"请给出 1 至 {MOST_VALUES} 个取值。", f"Give 1 to {MOST_VALUES}.",
        )  # fmt: skip
    values = _values(asked.values)
    return Backtest(
        backtest_id=backtest_id,
        rule_id=rule_id,
        values=values,
        first=first,
        last=last,
        by=principal.user_id,
        by_name=principal.name,
        asked_at=asking.now(),
        rules_sha256="",
    )


def _values(given: Sequence[Value]) -> tuple[tuple[str, str, str], ...]:
    values = tuple(
        (one.parameter.strip(), asking.region_of(one.region), one.value.strip()) for one in given
    )
    if len({(name, region) for name, region, _ in values}) < len(values):
        asking.refuse(
            "values", "同一地区的同一参数给出了两次。", "A parameter is given twice in a region.",
            "每个参数每个地区只给一次。", "Give each once.",
        )  # fmt: skip
    return values
