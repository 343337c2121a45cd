"""The graph kept in SQL: its tables filled from stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy as sa

from domain.graph import Edge, StayFacts, StayGraph
from store.errors import translate
from store.graph.feed import registration
from store.graph.tables import GRAPH_EDGES_SQL as EDGES
from store.graph.tables import GRAPH_STAYS_SQL as STAYS
from store.graph.tables import GRAPHS_SQL as GRAPHS
from store.graph.writing import Applied, LostGraphError
from store.inserting import in_parts, insert

NAME: Final = "sql"
"""The graph kept in SQL, in the list of changes; a database has one."""

PART: Final = 200
"""Stays taken away in one transaction of a sweep: on SQLite no claim is stored meanwhile."""

_FACTS: Final = tuple(one.name for one in fields(StayFacts))
_EDGE: Final = tuple(one.name for one in fields(Edge))


class SqlWriter:
    """Writes the graph in the store's own database; see ``store.graph.writing.GraphWriter``."""

    name = NAME

    def __init__(self, writers: sa.Engine, where: str) -> None:
        self._writers = writers
        self._where = where

    def seize(self) -> int:
        """Become its only writer; see ``GraphWriter.seize``."""
        with translate(self._where), self._writers.begin() as connection:
            insert(connection, GRAPHS, registration(NAME, datetime.now(UTC)))
            query = sa.update(GRAPHS).where(GRAPHS.c.name == NAME)
            connection.execute(query.values(epoch=GRAPHS.c.epoch + 1))
            epoch: int = connection.execute(_epoch()).scalar_one()
        return epoch

    def apply(
        self, epoch: int, build: int, placed: Sequence[StayGraph], removed: Sequence[str]
    ) -> Applied:
        """Let the graph show these stays so, and those no longer; see ``GraphWriter.apply``."""
        with translate(self._where), self._writers.begin() as connection:
            self._hold(connection, epoch)
            keys = [one.facts.stay_id for one in placed]
            have = _read_contents(connection, keys)
            new = [g for g in placed if have.get(g.facts.stay_id) != (g.content, build)]
            gone = _take_away(connection, [*removed, *(g.facts.stay_id for g in new)])
            _put(connection, new, build)
        kept = len(placed) - len(new)
        return Applied(len(new), len(gone & set(removed)), kept)

    def sweep(self, epoch: int, build: int) -> int:
        """Take away what another build left; see ``GraphWriter.sweep``."""
        return self._remove_all(epoch, STAYS.c.build != build)

    def wipe(self, epoch: int) -> int:
        """Empty the graph; see ``GraphWriter.wipe``."""
        return self._remove_all(epoch, sa.true())

    def _remove_all(self, epoch: int, which: sa.ColumnElement[bool]) -> int:
        total = 0
        query = sa.select(STAYS.c.stay_id).where(which).limit(PART)
        while True:
            with translate(self._where), self._writers.begin() as connection:
                self._hold(connection, epoch)
                keys = list(connection.execute(query).scalars())
                total += len(_take_away(connection, keys))
            if not keys:
                return total

    def _hold(self, connection: sa.Connection, epoch: int) -> None:
        """Keep other writers out until the transaction ends, if we still are the last one."""
        if connection.execute(_epoch().with_for_update()).scalar_one_or_none() != epoch:
            raise LostGraphError(NAME)


def _epoch() -> Any:
    return sa.select(GRAPHS.c.epoch).where(GRAPHS.c.name == NAME)


def _read_contents(connection: sa.Connection, keys: Sequence[str]) -> dict[str, tuple[str, int]]:
    found = {}
    for part in in_parts(keys):
        query = sa.select(STAYS.c.stay_id, STAYS.c.content, STAYS.c.build)
        for row in connection.execute(query.where(STAYS.c.stay_id.in_(part))):
            found[row.stay_id] = (row.content, row.build)
    return found


def _take_away(connection: sa.Connection, keys: Sequence[str]) -> set[str]:
    """The stays that were there; a node without edges is nowhere, so nothing else is to do."""
    gone: set[str] = set()
    for part in in_parts(keys):
        these = sa.select(STAYS.c.stay_id).where(STAYS.c.stay_id.in_(part))
        there = list(connection.execute(these).scalars())
        if there:
            connection.execute(sa.delete(EDGES).where(EDGES.c.stay_id.in_(there)))
            connection.execute(sa.delete(STAYS).where(STAYS.c.stay_id.in_(there)))
            gone |= set(there)
    return gone


def _put(connection: sa.Connection, graphs: Sequence[StayGraph], build: int) -> None:
    if not graphs:
        return
    stays: dict[str, Sequence[Any]] = _columns(_FACTS, [g.facts for g in graphs])
    insert(
        connection,
        STAYS,
        {**stays, "content": [g.content for g in graphs], "build": [build] * len(graphs)},
    )
    edges = [edge for g in graphs for edge in g.edges]
    insert(
        connection,
        EDGES,
        {
            **_columns(_EDGE, edges),
            "kind": [str(edge.kind) for edge in edges],
            "number": [n for g in graphs for n in range(len(g.edges))],
            "known_at": [g.facts.known_at for g in graphs for _ in g.edges],
        },
    )


def _columns(names: Sequence[str], rows: Sequence[Any]) -> dict[str, Sequence[Any]]:
    return {name: [getattr(row, name) for row in rows] for name in names}
