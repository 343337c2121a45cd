"""Which stays a graph does not show yet as they count now: the list that its follower works off.

The batch that moves a stay's state (``store.states``) lists the stay for every graph that is
registered, in its own transaction. So nothing is lost however long a graph is away, and scoring
waits for no graph: without one it costs a look at an empty table. Whoever brings the stays in
reads them *as they count now*, whatever happened in between, and takes off the list only what
did not change again meanwhile. Order and repetition therefore do not matter.
docs/decisions/0019 says why it is a list and neither a topic nor a cursor.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from domain.graph import BEHIND_COUNTED, GraphState, StayGraph
from store import bodies, history
from store.errors import StoreError, translate
from store.graph.claims import graph_of
from store.graph.tables import GRAPH_CHANGES_SQL as CHANGES
from store.graph.tables import GRAPHS_SQL as GRAPHS
from store.inserting import in_parts, insert, upsert
from store.state_tables import STAY_STATES_SQL as STATES

SILENT_S: Final = 15.0
"""A follower that was not heard of for so long is taken for gone: three of its waits for a graph
that is away, and short enough that a restarted one does not stand by for long."""


@dataclass(frozen=True, slots=True)
class Change:
    """A stay that waits; ``mark`` is this change of it."""

    stay_id: str
    mark: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """The stays that wait longest, the build that they belong to, and the build swept last."""

    changes: tuple[Change, ...]
    build: int
    swept: int


@dataclass(frozen=True, slots=True)
class Read:
    """Stays as they count now: those to show, those to take away, those that cannot be read."""

    placed: tuple[StayGraph, ...]
    removed: tuple[str, ...]
    unreadable: tuple[tuple[Change, str], ...]


class Feed:
    """One graph's list of changed stays; get it from ``Store.graph_feed``."""

    def __init__(self, name: str, *, readers: sa.Engine, writers: sa.Engine, where: str) -> None:
        self.name = name
        self._readers = readers
        self._writers = writers
        self._where = where

    def register(self) -> bool:
        """List changes for this graph from now on, and every stay once; whether it was new.

        Calling it again changes nothing, and finishes a listing that was cut off.
        """
        with translate(self._where), self._readers.connect() as connection:
            row = connection.execute(self._own(GRAPHS.c.listed_at)).one_or_none()
        if row is None:
            with translate(self._where), self._writers.begin() as connection:
                if connection.dialect.name == "postgresql":
                    # Whoever moves a state now would not see the new row: wait until it is
                    # through. Who comes after waits for us, a few milliseconds.
                    connection.execute(sa.text("LOCK TABLE stay_states IN SHARE MODE"))
                insert(connection, GRAPHS, registration(self.name, datetime.now(UTC)))
        if row is None or row.listed_at is None:
            self.list_all()
        return row is None

    def list_all(self, *, rebuild: bool = False) -> int:
        """List every stay; how many wait then. With ``rebuild`` all that is shown counts as stale.

        What a graph shows unchanged is then passed over, but in a rebuild brought in anew.
        """
        now = datetime.now(UTC)
        values: dict[str, Any] = {"listed_at": now}
        if rebuild:
            values["build"] = GRAPHS.c.build + 1
        every = sa.select(
            sa.literal(self.name), STATES.c.stay_id, sa.literal(uuid.uuid4().hex), sa.literal(now)
        )
        with translate(self._where), self._writers.begin() as connection:
            connection.execute(sa.update(GRAPHS).where(GRAPHS.c.name == self.name).values(values))
            connection.execute(_insert_or_mark(connection, every))
            return self._count(connection)

    def forget_graph(self) -> bool:
        """List no more changes for this graph and forget those that wait; whether it was registered."""
        with translate(self._where), self._writers.begin() as connection:
            connection.execute(sa.delete(CHANGES).where(CHANGES.c.graph == self.name))
            gone = connection.execute(sa.delete(GRAPHS).where(GRAPHS.c.name == self.name))
            return bool(gone.rowcount)

    # A follower's turn

    def take_turn(self, owner: str) -> bool:
        """Be the graph's follower, or go on being it; False while another one is.

        The graph itself lets only its last writer write, so this keeps followers from disturbing
        each other and is no lock.
        """
        now = datetime.now(UTC)
        mine = (
            sa.update(GRAPHS)
            .where(
                GRAPHS.c.name == self.name,
                GRAPHS.c.owner.is_(None)
                | (GRAPHS.c.owner == owner)
                | (GRAPHS.c.seen_at < now - timedelta(seconds=SILENT_S)),
            )
            .values(owner=owner, seen_at=now)
        )
        with translate(self._where), self._writers.begin() as connection:
            return bool(connection.execute(mine).rowcount)

    def end_turn(self, owner: str) -> None:
        """Leave the graph to another follower."""
        with translate(self._where), self._writers.begin() as connection:
            connection.execute(
                sa.update(GRAPHS)
                .where(GRAPHS.c.name == self.name, GRAPHS.c.owner == owner)
                .values(owner=None)
            )

    def swept(self, build: int) -> None:
        """Note that nothing of a build before this one is left in the graph."""
        with translate(self._where), self._writers.begin() as connection:
            connection.execute(
                sa.update(GRAPHS).where(GRAPHS.c.name == self.name).values(swept=build)
            )

    # What waits

    def waiting(self, limit: int) -> Waiting:
        """The stays that wait longest, at most ``limit``; StoreError if the graph is not registered."""
        query = (
            sa.select(CHANGES.c.stay_id, CHANGES.c.mark)
            .where(CHANGES.c.graph == self.name, CHANGES.c.trouble.is_(None))
            .order_by(CHANGES.c.since, CHANGES.c.stay_id)
            .limit(limit)
        )
        with translate(self._where), self._readers.connect() as connection:
            changes = tuple(Change(*row) for row in connection.execute(query))
            # After the list: a rebuild that comes between gives every stay another mark, so what
            # is brought in meanwhile is not taken off the list.
            row = connection.execute(self._own(GRAPHS.c.build, GRAPHS.c.swept)).one_or_none()
        if row is None:
            raise StoreError(
                f"the graph {self.name} does not follow this database any more",
                where=self._where,
                cure="It was dropped; `sentinel graph load` lets it follow again.",
            )
        return Waiting(changes, row.build, row.swept)

    def read(self, changes: Sequence[Change]) -> Read:
        """These stays as they count now."""
        with translate(self._where), self._readers.connect() as connection:
            found = {
                row.stay_id: (row.input_sha256, row.body)
                for row in history.counting(connection, [change.stay_id for change in changes])
            }
        placed, unreadable = [], []
        for change in changes:
            if change.stay_id not in found:
                continue
            digest, body = found[change.stay_id]
            try:
                placed.append(graph_of(bodies.read(body), digest))
            except Exception as error:  # one claim that cannot be read must not stop the others
                unreadable.append((change, type(error).__name__))
        gone = tuple(c.stay_id for c in changes if c.stay_id not in found)
        return Read(tuple(placed), gone, tuple(unreadable))

    def done(self, changes: Sequence[Change]) -> None:
        """Take stays off the list, unless they changed again since they were read."""
        marks = {change.stay_id: change.mark for change in changes}
        with translate(self._where), self._writers.begin() as connection:
            for part in in_parts(list(marks)):
                pairs = [(stay_id, marks[stay_id]) for stay_id in part]
                these = (
                    CHANGES.c.graph == self.name,
                    sa.tuple_(CHANGES.c.stay_id, CHANGES.c.mark).in_(pairs),
                )
                # A batch that moves one of them right now has changed it again: it stays listed,
                # and neither of us waits for the other.
                free = (
                    sa.select(CHANGES.c.stay_id)
                    .where(*these)
                    .order_by(CHANGES.c.stay_id)
                    .with_for_update(skip_locked=True)
                )
                kept = connection.execute(free).scalars().all()
                if kept:
                    connection.execute(
                        sa.delete(CHANGES).where(*these, CHANGES.c.stay_id.in_(kept))
                    )

    def set_aside(self, change: Change, trouble: str) -> None:
        """Keep a stay that cannot be brought in until it changes or all are listed again."""
        note = (
            sa.update(CHANGES)
            .where(
                CHANGES.c.graph == self.name,
                CHANGES.c.stay_id == change.stay_id,
                CHANGES.c.mark == change.mark,
            )
            .values(trouble=trouble)
        )
        with translate(self._where), self._writers.begin() as connection:
            connection.execute(note)

    def state(self) -> GraphState:
        """How far the graph is behind the store; empty figures if it is not registered."""
        troubled = CHANGES.c.trouble.is_not(None)
        with translate(self._where), self._readers.connect() as connection:
            if connection.execute(self._own(GRAPHS.c.listed_at)).scalar_one_or_none() is None:
                return GraphState(self.name, None, None, None)
            oldest = sa.select(sa.func.min(CHANGES.c.since)).where(
                CHANGES.c.graph == self.name, ~troubled
            )
            aside = (
                sa.select(sa.func.count())
                .select_from(CHANGES)
                .where(CHANGES.c.graph == self.name, troubled)
            )
            return GraphState(
                self.name,
                self._count(connection),
                connection.execute(oldest).scalar_one(),
                int(connection.execute(aside).scalar_one()),
            )

    def _own(self, *columns: sa.Column[Any]) -> sa.Select[Any]:
        return sa.select(*columns).where(GRAPHS.c.name == self.name)

    def _count(self, connection: sa.Connection) -> int:
        some = (
            sa.select(sa.literal(1))
            .where(CHANGES.c.graph == self.name, CHANGES.c.trouble.is_(None))
            .limit(BEHIND_COUNTED)
            .subquery()
        )
        return int(connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one())


def names(connection: sa.Connection) -> list[str]:
    """The graphs that are registered, sorted."""
    return list(connection.execute(sa.select(GRAPHS.c.name).order_by(GRAPHS.c.name)).scalars())


def list_changed(connection: sa.Connection, stay_ids: Iterable[str], now: datetime) -> None:
    """List these stays for every graph, in the caller's transaction, which moved their states.

    Without a graph they are not even looked at.
    """
    graphs = names(connection)
    stays = sorted(set(stay_ids)) if graphs else []
    if not stays:
        return
    pairs = [(graph, stay_id) for graph in graphs for stay_id in stays]
    upsert(
        connection,
        CHANGES,
        {
            "graph": [graph for graph, _ in pairs],
            "stay_id": [stay_id for _, stay_id in pairs],
            "mark": [uuid.uuid4().hex] * len(pairs),
            "since": [now] * len(pairs),
            "trouble": [None] * len(pairs),
        },
        # How long a stay has waited is told from its first change that is not shown.
        {"mark": "excluded.mark", "trouble": "excluded.trouble"},
    )


def registration(name: str, now: datetime) -> dict[str, list[Any]]:
    """The row of a graph that is new."""
    return {"name": [name], "build": [1], "swept": [1], "epoch": [0], "created_at": [now]}


def _insert_or_mark(connection: sa.Connection, rows: sa.Select[Any]) -> sa.Executable:
    if connection.dialect.name == "postgresql":
        put: Any = postgresql.insert(CHANGES)
    else:
        put = sqlite.insert(CHANGES)
        # Without a WHERE SQLite's parser takes ON CONFLICT for the ON of a join.
        rows = rows.where(sa.true())
    put = put.from_select(["graph", "stay_id", "mark", "since"], rows)
    found: sa.Executable = put.on_conflict_do_update(
        index_elements=["graph", "stay_id"],
        set_={"mark": put.excluded.mark, "trouble": None},
    )
    return found
