"""GET /v1/graph/…: the entity graph asked over HTTP, a route a question.

The routes are made from the declarations in ``domain.graph_questions``, so parameters, limits and
their texts are those of the command line.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, Field, asdict, fields
from datetime import date, datetime
from typing import Annotated, Any, Final, Literal, get_args, get_type_hints

import anyio
import anyio.to_thread
import pydantic
from fastapi import APIRouter, Query, Request
from pydantic import BeforeValidator, ConfigDict, WithJsonSchema, create_model

from domain.access import Permission
from domain.errors import SentinelError
from domain.graph import (
    CircularTransfer,
    ClonedBill,
    Community,
    Companions,
    Edge,
    GraphState,
    Node,
    SharedIdentifier,
    Triangle,
)
from domain.graph_questions import (
    KEY_LENGTH,
    QUESTIONS,
    AskCircularTransfers,
    AskClonedBills,
    AskCommunities,
    AskCompanions,
    AskNeighbourhood,
    AskPath,
    AskSharedIdentifiers,
    AskTriangles,
    Graph,
    GraphAwayError,
    GraphNodeError,
    GraphQuestionError,
    GraphTimeoutError,
    Question,
    read_upto,
)
from scoring_api.access import masked, refuse_nodes, who
from scoring_api.answers import Answer
from scoring_api.problems import ProblemError, document

_AT_ONCE: Final = 2
"""Questions worked on side by side: they read much and may take seconds, and must leave threads
and processors to those who assess claims and read alerts."""

_WAITING: Final = 20
"""Questions that may wait for their turn; more are told to come back."""


class GraphBehind(Answer):
    """Which graph answered, and how far it is behind the stored claims."""

    name: str
    """`sql`, or `neo4j/` and the site."""
    behind: int | None
    """Stays that changed and are not in it yet, counted up to 10,000; null if it follows no store."""
    behind_since: datetime | None
    """When the oldest of them changed."""
    set_aside: int | None
    """Stays that could not be brought in."""


class Around(Answer):
    """What lies around a node: nodes by distance, edges by kind."""

    of: str
    nodes: list[Node]
    edges: list[Edge]
    truncated: bool
    """A limit cut it: there is more than is shown."""
    graph: GraphBehind


class Way(Answer):
    """A shortest way, both ends included; empty if there is none."""

    nodes: list[Node]
    edges: list[Edge]
    truncated: bool
    """With no nodes: a limit cut the search, so a way may exist all the same."""
    graph: GraphBehind


class Statistics(Answer):
    """How large the graph is."""

    nodes: dict[str, int]
    edges: dict[str, int]
    graph: GraphBehind


_ITEMS: Final[dict[type[Question], Any]] = {
    AskSharedIdentifiers: SharedIdentifier,
    AskTriangles: Triangle,
    AskCompanions: Companions,
    AskCircularTransfers: CircularTransfer,
    AskClonedBills: ClonedBill,
    AskCommunities: Community,
}


def _read(text: Any) -> datetime:
    try:
        return read_upto(str(text))
    except GraphQuestionError as error:
        raise ValueError(f"{error.what}. {error.cure}") from error


_Upto = Annotated[
    datetime, BeforeValidator(_read), WithJsonSchema({"type": "string", "format": "date-time"})
]


def route(graph: Graph) -> APIRouter:
    """The routes, with the graph that they ask."""
    router = APIRouter(tags=["graph"], prefix="/v1/graph")
    desk = _Desk(graph)

    @router.get(
        "/stats",
        response_model=Statistics,
        responses=document(503, 504),
        summary="Count nodes and edges of the entity graph",
    )
    async def read_stats() -> Any:
        """Nodes and edges by kind, and how far the graph is behind the stored claims."""
        return await desk.work(
            lambda: {"nodes": (found := graph.stats()).nodes, "edges": found.edges}
        )

    for kind in QUESTIONS:
        router.get(
            f"/{kind.name}",
            response_model=_answer(kind),
            responses=document(404, 422, 503, 504),
            summary=(kind.__doc__ or "").partition(".")[0].partition("\n")[0],
            name=f"graph-{kind.name}",
        )(_asking(kind, desk))
    return router


class _Desk:
    """Lets a few questions work at a time and a few more wait."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._limiter = anyio.CapacityLimiter(_AT_ONCE)
        self._waiting = 0

    async def work(self, read: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What ``read`` gives, with the graph's state."""
        if self._waiting >= _WAITING:
            raise ProblemError(
                503,
                "graph-busy",
                f"{_WAITING} questions already wait for the graph.",
                cure="Ask again in some seconds.",
                headers={"Retry-After": "5"},
            )
        self._waiting += 1
        try:
            return await anyio.to_thread.run_sync(self._read, read, limiter=self._limiter)
        finally:
            self._waiting -= 1

    def _read(self, read: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        try:
            return {**read(), "graph": _told(self._graph.state())}
        except SentinelError as error:
            raise _problem(error) from error


def _asking(kind: type[Question], desk: _Desk) -> Any:
    model = _parameters(kind)

    async def ask(request: Request, query: Any) -> Any:
        reads = who(request).may(Permission.IDENTIFIERS_READ)
        given = {name: getattr(query, name) for name in type(query).model_fields}
        refuse_nodes(who(request), *given.values())
        lists = {name: tuple(value) for name, value in given.items() if isinstance(value, list)}

        def read() -> dict[str, Any]:
            answer = desk._graph.ask(kind(**{**given, **lists}))
            if not reads:
                told: dict[str, Any] = masked(who(request), asdict(answer))
                return told
            return {one.name: getattr(answer, one.name) for one in fields(answer)}

        return await desk.work(read)

    ask.__doc__ = kind.__doc__
    ask.__annotations__ = {"request": Request, "query": Annotated[model, Query()], "return": Any}
    return ask


def _parameters(kind: type[Question]) -> type[pydantic.BaseModel]:
    """The query parameters of a question."""
    hints = get_type_hints(kind)
    made: dict[str, Any] = {one.name: _parameter(one, hints[one.name]) for one in fields(kind)}
    return create_model(
        f"{kind.__name__}Query", __config__=ConfigDict(extra="forbid"), __doc__=kind.__doc__, **made
    )


def _parameter(one: Field[Any], hint: Any) -> tuple[Any, Any]:
    told, default = one.metadata, one.default
    limits: dict[str, Any] = {"description": told["help"]}
    if told["choices"]:
        choice: Any = Literal[tuple(map(str, told["choices"]))]
        if isinstance(default, tuple):
            hint, default = list.__class_getitem__(choice), list(default)
            limits |= {"min_length": 1, "max_length": len(told["choices"])}
        else:
            hint = choice
    elif told["least"] is not None:
        limits |= {"ge": told["least"], "le": told["most"]}
    elif datetime in get_args(hint):
        hint = _Upto | None
    elif date not in get_args(hint):
        # A text: PostgreSQL's cannot hold U+0000.
        kinds = f"({'|'.join(told['nodes'])}):" if told["nodes"] else ""
        limits |= {"min_length": 1, "max_length": KEY_LENGTH, "pattern": rf"^{kinds}[^\x00]+$"}
    return hint, pydantic.Field(... if default is MISSING else default, **limits)


def _answer(kind: type[Question]) -> Any:
    if kind is AskNeighbourhood:
        return Around
    if kind is AskPath:
        return Way
    item = _ITEMS[kind]
    listed: Any = list.__class_getitem__(item)
    return create_model(
        f"{item.__name__}List",
        __base__=Answer,
        __doc__=kind.__doc__,
        items=(listed, ...),
        truncated=(bool, pydantic.Field(description="There is more than the limit.")),
        graph=(GraphBehind, ...),
    )


def _told(state: GraphState) -> dict[str, Any]:
    return {one.name: getattr(state, one.name) for one in fields(state)}


def _problem(error: SentinelError) -> Exception:
    """The problem that an error of the graph is; another error stays what it is."""
    for kind, status, name in (
        (GraphQuestionError, 422, "graph-question"),
        (GraphNodeError, 404, "not-found"),
        (GraphTimeoutError, 504, "graph-timeout"),
        (GraphAwayError, 503, "graph-away"),
    ):
        if isinstance(error, kind):
            headers = {"Retry-After": "30"} if status == 503 else {}
            return ProblemError(status, name, f"{error.what}.", cure=error.cure, headers=headers)
    return error
