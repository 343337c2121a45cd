"""Which graph a command means, and who it is."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from store import Store
    from store.graph.entity_graph import EntityGraph

Neo4j = Annotated[
    str | None,
    typer.Option(
        "--neo4j",
        metavar="bolt://HOST:7687",
        envvar="SENTINEL_NEO4J",
        help="The graph server; without it the graph is kept in the database. User and password: "
        "SENTINEL_NEO4J_USER, SENTINEL_NEO4J_PASSWORD or SENTINEL_NEO4J_PASSWORD_FILE.",
    ),
]
Site = Annotated[
    str,
    typer.Option(
        "--site",
        envvar="SENTINEL_NEO4J_SITE",
        help="Which graph on that server: several share one without seeing each other.",
    ),
]


@contextmanager
def opened(db: str, neo4j: str | None, site: str) -> Iterator[tuple[Store, EntityGraph]]:
    """The store and the graph that the options name."""
    import store  # noqa: PLC0415
    from store.graph.address import Address  # noqa: PLC0415

    with store.open(db) as kept, kept.graph(Address.find(neo4j, site)) as graph:
        yield kept, graph


def owner() -> str:
    """A name for this process among the followers of a graph."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
