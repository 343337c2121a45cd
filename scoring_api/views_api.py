"""Saved views of the queue over HTTP: a filter and order under a name, one's own or of one's role."""

from __future__ import annotations

import uuid
from typing import Any, Final

import msgspec
from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from domain.access import Permission, Principal
from scoring_api import bodies, conditions, queue_view
from scoring_api.access import needs, who
from scoring_api.answers import Answer
from scoring_api.problems import ProblemError, document
from scoring_api.queue_work import refuse
from scoring_api.reading import Id
from store import Store, View

LONGEST_NAME: Final = 60


class _View(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    name: str
    query: str
    shared: bool = False


class ViewTold(Answer):
    """A saved view of the queue."""

    view_id: str
    name: str
    query: str
    """The filter and order, as the query of the page `/`."""
    role: str | None
    """Everybody of this role sees it; null for its owner alone."""
    mine: bool
    version: int


class ViewList(Answer):
    """The caller's saved views, and those shared with their role."""

    views: list[ViewTold]


_DECODER: Final = msgspec.json.Decoder(_View)
_SHAPE: Final = '{"name": "…", "query": "severity=high", "shared": false}'
_BODY: Final = bodies.describe(
    {
        "name": {"type": "string", "minLength": 1, "maxLength": LONGEST_NAME},
        "query": {"type": "string", "maxLength": queue_view.LONGEST_QUERY},
        "shared": {"type": "boolean", "description": "Whether all of the caller's role see it."},
    },
    required=["name", "query"],
    example={"name": "高额待办", "query": "min_amount=10000&sort=expected_loss", "shared": False},
)


def route(store: Store) -> APIRouter:
    """The routes, with what they read and write."""
    router = APIRouter(route_class=conditions.Once)
    views: dict[str, Any] = {"tags": ["queue"], "dependencies": [needs(Permission.ALERTS_READ)]}

    @router.get(
        "/v1/views", response_model=ViewList, summary="List saved views", responses=document(503), **views
    )  # fmt: skip
    def list_views(request: Request) -> Any:
        """The caller's views by name, and those shared with their role."""
        me = who(request)
        return {"views": [tell_view(v, me) for v in store.queue.views(me.user_id, str(me.role))]}

    @router.post(
        "/v1/views", response_model=ViewTold, status_code=201, summary="Save a view",
        responses=document(400, 409, 413, 415, 422, 503), openapi_extra=_BODY, **views,
    )  # fmt: skip
    async def save_view(request: Request) -> Any:
        """Keep a filter and order under a name; one's own view of that name is replaced."""
        given = await bodies.read(request, _DECODER, _SHAPE)
        me = who(request)
        view = make_view(me, given.name, given.query, shared=given.shared)
        return tell_view(await run_in_threadpool(store.queue.keep_view, view), me)

    @router.get(
        "/v1/views/{view_id}", response_model=ViewTold, summary="Read a saved view",
        responses=document(404, 422, 503), **views,
    )  # fmt: skip
    def read_view(view_id: Id, request: Request, response: Response) -> Any:
        """One view, with where its alerts are in `query`."""
        view = find_view(store, view_id, who(request))
        response.headers["ETag"] = conditions.etag(view.version)
        return tell_view(view, who(request))

    @router.put(
        "/v1/views/{view_id}", response_model=ViewTold, summary="Change a saved view",
        responses=document(400, 403, 404, 409, 412, 413, 415, 422, 428, 503),
        openapi_extra={**_BODY, "parameters": [conditions.IF_MATCH]}, **views,
    )  # fmt: skip
    async def change_view(view_id: Id, request: Request) -> Any:
        """Set name, query and whether it is shared, of one's own view."""
        given = await bodies.read(request, _DECODER, _SHAPE)
        me, version = who(request), conditions.version_of(request)
        known = await run_in_threadpool(own_view, store, view_id, me)
        made = make_view(me, given.name, given.query, shared=given.shared)
        changed = View(
            view_id, me.user_id, made.name, made.query, made.role, version or known.version
        )
        if not await run_in_threadpool(store.queue.change_view, changed):
            raise ProblemError(
                412, "stale", "The view was changed since it was read.", cure="Read it again."
            )
        return tell_view(await run_in_threadpool(find_view, store, view_id, me), me)

    @router.delete(
        "/v1/views/{view_id}", status_code=204, summary="Delete a saved view",
        responses=document(403, 404, 422, 503) | conditions.CHANGES,
        openapi_extra={"parameters": [conditions.IF_MATCH]}, **views,
    )  # fmt: skip
    def drop_view(view_id: Id, request: Request) -> Response:
        """Delete one's own view."""
        view = own_view(store, view_id, who(request))
        conditions.check_match(request, view.version)
        store.queue.drop_view(view_id)
        return Response(status_code=204)

    return router


def make_view(me: Principal, name: str, query: str, *, shared: bool) -> View:
    """A view of the caller; a 422 problem if name or query cannot be one."""
    name = name.strip()
    if not 1 <= len(name) <= LONGEST_NAME or "\x00" in name:
        refuse("name", "The name is empty or too long.", f"Write 1 to {LONGEST_NAME} characters.")
    if len(query) > queue_view.LONGEST_QUERY:
        refuse(
            "query",
            "The query is too long.",
            f"Send at most {queue_view.LONGEST_QUERY} characters.",
        )
    read = queue_view.parse(query)
    read.wanted(me)
    return View(uuid.uuid4().hex, me.user_id, name, read.text, str(me.role) if shared else None)


def find_view(store: Store, view_id: str, me: Principal) -> View:
    """The view of that id; a 404 problem if the caller sees none."""
    view = store.queue.view(view_id)
    if view is None or (view.user_id != me.user_id and view.role != str(me.role)):
        raise ProblemError(
            404,
            "not-found",
            f"No view has the id {view_id}.",
            cure="Take an id from GET /v1/views.",
        )
    return view


def own_view(store: Store, view_id: str, me: Principal) -> View:
    """The caller's view of that id; a 403 problem if it is another one's."""
    view = find_view(store, view_id, me)
    if view.user_id != me.user_id:
        raise ProblemError(
            403,
            "forbidden",
            "The view belongs to somebody else.",
            cure="Save it under a name of your own.",
        )
    return view


def tell_view(view: View, me: Principal) -> dict[str, Any]:
    """A view as in answers."""
    return {
        "view_id": view.view_id,
        "name": view.name,
        "query": view.query,
        "role": view.role,
        "mine": view.user_id == me.user_id,
        "version": view.version,
    }
