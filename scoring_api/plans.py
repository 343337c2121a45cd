"""GET /v1/open-stays/{stay_id}/plan and POST …/plan:what-if: a patient in hospital, planned."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Final

import anyio
import anyio.to_thread
import msgspec
from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import JSONResponse

from domain.access import Permission
from domain.errors import SentinelError
from domain.plans import comparison_schema, plan_schema
from domain.service import Plans
from scoring_api import bodies, conditions
from scoring_api.access import masked, needs, who
from scoring_api.problems import ProblemError, document
from store import Store

_AT_ONCE: Final = 4
"""Requests worked on side by side; see ``assessing``."""
_SHAPE: Final = '{"changes": [change, ...]}'
EXAMPLE: Final[dict[str, Any]] = {
    "changes": [
        {"kind": "stop_order", "order_id": "O1"},
        {"kind": "add_order", "item_code": "S-0104018", "order_type": "lab"},
        {"kind": "set_discharge_date", "date": "2025-03-08"},
    ]
}
"""A request that the documentation shows; a test keeps it valid."""

StayId = Annotated[str, Path(max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]*$")]


class _Question(msgspec.Struct, forbid_unknown_fields=True):
    changes: list[dict[str, Any]]


_QUESTION = msgspec.json.Decoder(_Question)


def route(plans: Plans, store: Store) -> APIRouter:
    """The routes, with what they ask."""
    router = APIRouter(tags=["orders"])
    limiter = anyio.CapacityLimiter(_AT_ONCE)

    def in_sight(request: Request, stay_id: str) -> None:
        found = store.open_stays.find(stay_id, who(request).rows)
        if found is None or found["phase"] != "open":
            raise _unknown(stay_id)

    @router.get(
        "/v1/open-stays/{stay_id}/plan",
        responses={200: _answer("The plan.", plan_schema()), **document(404, 422, 500, 503)},
        summary="Plan a patient in hospital",
        dependencies=[needs(Permission.ORDERS_READ)],
    )
    async def read_plan(request: Request, stay_id: StayId) -> Response:
        """Where the cost stands and will end, what the checks say, and lawful ways to comply.

        Each suggestion was judged again before it is shown: what it clears, and what it does to
        the projected cost. Questions are for the record. The answer has an ETag; with
        If-None-Match it is 304 while nothing changed.
        """

        def work() -> dict[str, Any] | None:
            in_sight(request, stay_id)
            return plans.of_stay(stay_id)

        plan = await anyio.to_thread.run_sync(work, limiter=limiter)
        if plan is None:
            raise _unknown(stay_id)
        version = _version(plan)
        same = conditions.not_modified(request, version)
        if same is not None:
            return same
        return JSONResponse(masked(who(request), plan), headers={"ETag": conditions.etag(version)})

    @router.post(
        "/v1/open-stays/{stay_id}/plan:what-if",
        responses={
            200: _answer("Both plans and their differences.", comparison_schema()),
            **document(400, 404, 413, 415, 422, 500, 503),
        },
        summary="Plan a patient in hospital with changes",
        dependencies=[needs(Permission.CLAIMS_GROUP)],
        openapi_extra=bodies.describe(
            {"changes": bodies.describe_changes("docs/plans.md")},
            required=["changes"],
            example=EXAMPLE,
        ),
    )
    async def ask_what_if(request: Request, stay_id: StayId) -> Response:
        """The plan as it is and with one set of changes; nothing is stored.

        Every change of a code is answered with the fact that the record would have to document.
        Codings are never ranked by what they pay.
        """
        changes = (await bodies.read(request, _QUESTION, _SHAPE)).changes
        bodies.check_changes(changes, f"Send 1 to {bodies.MAX_CHANGES} changes in a request.")

        def work() -> dict[str, Any] | None:
            in_sight(request, stay_id)
            try:
                return plans.of_stay(stay_id, changes)
            except SentinelError as error:
                raise ProblemError(
                    422, "change", f"{error.what} (at {error.where}).", cure=error.cure
                ) from error

        told = await anyio.to_thread.run_sync(work, limiter=limiter)
        if told is None:
            raise _unknown(stay_id)
        return JSONResponse(masked(who(request), told))

    return router


def _version(plan: dict[str, Any]) -> str:
    """What the plan follows from: the stay, the time of its last event, rules, schemes and curves."""
    named = "judged_as_of", "state_sha256", "rules_sha256", "pack_sha256"
    return hashlib.sha256("\n".join(plan[name] for name in named).encode()).hexdigest()[:32]


def _answer(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _unknown(stay_id: str) -> ProblemError:
    return ProblemError(
        404,
        "not-found",
        f"No patient in hospital has the stay {stay_id}.",
        cure="Take an id from GET /v1/open-stays; a plan is made of open stays alone.",
    )
