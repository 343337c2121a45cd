"""The work queue over HTTP: give alerts to people, take the next, many at once."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import msgspec
from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from domain.access import Permission
from domain.review import LONGEST_NOTE, OUTCOMES, REASONS
from scoring_api import bodies, conditions, queue_view, reading
from scoring_api.access import needs, who
from scoring_api.answers import AlertDetail, Answer
from scoring_api.evidence import Checks
from scoring_api.problems import ProblemError, document
from scoring_api.queue_work import (
    LARGEST_EACH,
    MOST_AT_ONCE,
    MOST_EACH,
    Desk,
    check_due,
    refuse,
    review_of,
)
from scoring_api.reading import Id
from scoring_api.reviewing import Given
from store import Store, Wanted, Work


class _Assign(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    assignee: str


class _Patch(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    due_at: datetime


class _One(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    alert_id: str
    version: int | None = None


class _Review(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    outcome: str
    reason: str
    reviewer: str | None = None
    note: str | None = None


class _Bulk(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    alerts: list[_One]
    review: _Review | None = None
    assignee: str | msgspec.UnsetType | None = msgspec.UNSET
    due_at: datetime | None = None
    skip_changed: bool = False


class _Next(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    view: str = ""


class _Automatic(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    up_to: int = MOST_EACH


class _Nothing(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    pass


_ASSIGN: Final = msgspec.json.Decoder(_Assign)
_PATCH: Final = msgspec.json.Decoder(_Patch)
_BULK_DECODER: Final = msgspec.json.Decoder(_Bulk)
_NEXT: Final = msgspec.json.Decoder(_Next)
_AUTOMATIC: Final = msgspec.json.Decoder(_Automatic)
_NOTHING: Final = msgspec.json.Decoder(_Nothing)


class Person(Answer):
    """Somebody to whom alerts can be given."""

    user_id: str
    name: str
    open_alerts: int
    """How many open alerts they have."""


class People(Answer):
    """Those to whom alerts can be given."""

    people: list[Person]


class BulkDone(Answer):
    """What a bulk action did."""

    done: list[str]
    """The alerts that are as wanted now."""
    skipped: dict[str, str]
    """Alerts left out -> why: gone, superseded, closed or changed."""


class Taken(Answer):
    """The next alert, now the caller's."""

    alert_id: str


class HandedOut(Answer):
    """One alert and to whom it was given."""

    alert_id: str
    assignee: str


class AutomaticDone(Answer):
    """What automatic assignment gave to whom."""

    given: list[HandedOut]


_ID: Final = {"type": "string", "maxLength": 64}
_DUE: Final = {"type": "string", "format": "date-time"}
_ONE: Final = {
    "type": "object",
    "required": ["alert_id"],
    "additionalProperties": False,
    "properties": {
        "alert_id": _ID,
        "version": {
            "type": ["integer", "null"],
            "description": "The version that was seen; without it any is changed.",
        },
    },
}
_REVIEW: Final = {
    "type": ["object", "null"],
    "required": ["outcome", "reason"],
    "additionalProperties": False,
    "properties": {
        "outcome": {"enum": list(OUTCOMES)},
        "reason": {"enum": list(REASONS)},
        "reviewer": {"type": ["string", "null"]},
        "note": {"type": ["string", "null"], "maxLength": LONGEST_NOTE},
    },
}
_BULK: Final = bodies.describe(
    {
        "alerts": {"type": "array", "minItems": 1, "maxItems": MOST_AT_ONCE, "items": _ONE},
        "review": _REVIEW,
        "assignee": {"type": ["string", "null"], "description": "Null gives them back."},
        "due_at": {**_DUE, "type": ["string", "null"]},
        "skip_changed": {"type": "boolean"},
    },
    required=["alerts"],
    example={
        "alerts": [{"alert_id": "0c1f", "version": 3}],
        "review": {"outcome": "not_confirmed", "reason": "documented", "note": "病程记录有依据"},
    },
)


def _takes(body: dict[str, Any] | None, *headers: dict[str, Any]) -> dict[str, Any]:
    return {**(body or {}), "parameters": list(headers)}


def route(store: Store, checks: Checks, desk: Desk) -> APIRouter:
    """The routes, with what they read and write."""
    router = APIRouter()

    def tell(request: Request, response: Response, alert_id: str) -> Any:
        return reading.tell(store, checks, alert_id, who(request), response)

    one: dict[str, Any] = {
        "response_model": AlertDetail,
        "responses": document(400, 403, 404, 409, 412, 413, 415, 422, 428, 503),
        "tags": ["queue"],
    }

    @router.post(
        "/v1/alerts/{alert_id}:assign", summary="Give an alert to somebody",
        openapi_extra=_takes(
            bodies.describe({"assignee": _ID}, required=["assignee"], example={"assignee": "me"}),
            conditions.IF_MATCH,
        ),
        dependencies=[needs(Permission.ALERTS_WORK)], **one,
    )  # fmt: skip
    async def assign(alert_id: Id, request: Request, response: Response) -> Any:
        """Give an alert to an account, or to the caller with `me`.

        Giving it to somebody else, or taking what another one has, needs the permission alerts.assign.
        """
        given = await bodies.read(request, _ASSIGN, '{"assignee": "me"}')
        me, wanted = who(request), Wanted(alert_id, conditions.version_of(request))
        assignee = me.user_id if given.assignee == "me" else given.assignee
        await run_in_threadpool(desk.assign, request.app.state.access, me, wanted, assignee)
        return await run_in_threadpool(tell, request, response, alert_id)

    @router.post(
        "/v1/alerts/{alert_id}:release", summary="Give an alert back",
        openapi_extra=_takes(None, conditions.IF_MATCH), dependencies=[needs(Permission.ALERTS_WORK)], **one,
    )  # fmt: skip
    async def release(alert_id: Id, request: Request, response: Response) -> Any:
        """Nobody has the alert any more; giving back what another one has needs alerts.assign."""
        await bodies.read(request, _NOTHING, "{}")
        wanted = Wanted(alert_id, conditions.version_of(request))
        await run_in_threadpool(desk.assign, request.app.state.access, who(request), wanted, None)
        return await run_in_threadpool(tell, request, response, alert_id)

    @router.patch(
        "/v1/alerts/{alert_id}", summary="Set when an alert is due",
        openapi_extra=_takes(
            bodies.describe(
                {"due_at": _DUE}, required=["due_at"],
                example={"due_at": "2026-03-31T18:00:00+08:00"},
            ),
            conditions.IF_MATCH,
        ),
        dependencies=[needs(Permission.ALERTS_ASSIGN)], **one,
    )  # fmt: skip
    async def postpone(alert_id: Id, request: Request, response: Response) -> Any:
        """Set another due time than that of its severity."""
        given = await bodies.read(request, _PATCH, '{"due_at": "2026-03-31T18:00:00+08:00"}')
        wanted = Wanted(alert_id, conditions.version_of(request))
        await run_in_threadpool(desk.postpone, who(request), wanted, check_due(given.due_at))
        return await run_in_threadpool(tell, request, response, alert_id)

    @router.post(
        "/v1/alerts:bulk", response_model=BulkDone, summary="Change many alerts at once",
        responses=document(400, 403, 409, 413, 415, 422, 503), tags=["queue"],
        openapi_extra=_takes(_BULK, conditions.IDEMPOTENCY_KEY), dependencies=[needs(Permission.ALERTS_WORK)],
    )  # fmt: skip
    async def bulk(request: Request) -> Any:
        """One outcome and reason, one person or one due time for up to 500 alerts, in one transaction.

        With `version` an alert that was changed since is named and nothing at all is done, unless
        `skip_changed` leaves such alerts out. A review is kept of every check that hit.
        """
        given = await bodies.read(
            request, _BULK_DECODER, '{"alerts": [{"alert_id": "…"}], "review": {…}}'
        )
        me = who(request)
        assign = given.assignee is not msgspec.UNSET
        if given.review is None and not assign and given.due_at is None:
            refuse("review", "The request changes nothing.", "Give review, assignee or due_at.")
        review = None
        if given.review is not None:
            told = Given(
                **{name: getattr(given.review, name) for name in _Review.__struct_fields__}
            )
            review = review_of(me, told, conditions.key_or_new(request))
        assignee: Any = given.assignee if assign else None
        work = Work(
            me.name,
            assign=assign,
            assignee=me.user_id if assignee == "me" else assignee,
            due_at=None if given.due_at is None else check_due(given.due_at),
            review=review,
        )
        wanted = [Wanted(one.alert_id, one.version) for one in given.alerts]
        done = await run_in_threadpool(
            desk.bulk, request.app.state.access, me, wanted, work, given.skip_changed
        )
        return {"done": done.done, "skipped": done.skipped}

    @router.post(
        "/v1/alerts:next", response_model=Taken, summary="Take the next alert",
        responses={**document(400, 404, 413, 415, 422, 503)}, tags=["queue"],
        openapi_extra=bodies.describe(
            {"view": {"type": "string", "maxLength": queue_view.LONGEST_QUERY}},
            required=[], example={"view": "severity=high"},
        ),
        dependencies=[needs(Permission.ALERTS_WORK)],
    )  # fmt: skip
    async def take_next(request: Request) -> Any:
        """Give the caller the open alert of the highest expected loss that nobody has.

        `view` is a filter as the query of the page `/`. Two who ask at once get two alerts.
        """
        given = await bodies.read(request, _NEXT, '{"view": "severity=high"}')
        me = who(request)
        wanted = queue_view.parse(given.view).wanted(me)
        found = await run_in_threadpool(store.queue.take_next, wanted, me.user_id)
        if found is None:
            raise nothing_left()
        return {"alert_id": found}

    @router.post(
        "/v1/alerts:assign-automatically", response_model=AutomaticDone,
        summary="Give alerts to people by load", tags=["queue"],
        responses=document(400, 403, 413, 415, 422, 503),
        openapi_extra=bodies.describe(
            {"up_to": {"type": "integer", "minimum": 1, "maximum": LARGEST_EACH}}, required=[],
            example={"up_to": MOST_EACH},
        ),
        dependencies=[needs(Permission.ALERTS_ASSIGN)],
    )  # fmt: skip
    async def assign_automatically(request: Request) -> Any:
        """Give open alerts that nobody has to those who work on alerts, until each has `up_to`.

        Highest expected loss first, each to the person with the fewest open alerts who may see it.
        """
        given = await bodies.read(request, _AUTOMATIC, '{"up_to": 20}')
        found = await run_in_threadpool(
            desk.assign_automatically, request.app.state.access, who(request), given.up_to
        )
        return {"given": [{"alert_id": i, "assignee": user} for i, user in found]}

    @router.get(
        "/v1/alerts:people", response_model=People, summary="To whom alerts can be given",
        responses=document(503), tags=["queue"], dependencies=[needs(Permission.ALERTS_WORK)],
    )  # fmt: skip
    def people(request: Request) -> Any:
        """Everybody who works on alerts, with how many open ones they have."""
        known = request.app.state.access.people(Permission.ALERTS_WORK)
        load = store.queue.load([user_id for user_id, _ in known])
        return {
            "people": [
                {"user_id": user_id, "name": name, "open_alerts": load[user_id]}
                for user_id, name in known
            ]
        }

    return router


def nothing_left() -> ProblemError:
    """That no open alert of a view is free."""
    return ProblemError(
        404,
        "queue-empty",
        "No open alert of this view is without a person.",
        cure="Take another view, or alerts that are yours already (assignee=me).",
    )
