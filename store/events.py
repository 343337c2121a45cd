"""What happened to work: one row an event, written in the transaction that makes it happen.

Live queues and webhooks are told from these rows. An event names what it is about and whose it
is; it holds no personal data.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from store.errors import translate
from store.webhook_tables import WORK_EVENTS_SQL as EVENTS

Row = dict[str, Any]

_LEAST_WAIT_S: Final = 2.0
"""A missing id is waited for at least this long: its transaction may not have a number yet."""
_LONGEST_WAIT_S: Final = 30.0
"""A missing id holds later events back no longer than this; after that its event comes late."""
_LATE_FOR_S: Final = 900.0
"""So long an event may come late; one of a transaction that took longer is not told here."""
_MOST_MISSING: Final = 5_000
_WINDOW: Final = 500
"""Ids before the last one among which a new tail looks for missing ones."""


def emit(
    connection: sa.Connection,
    kind: str,
    subject_id: str,
    *,
    at: datetime,
    actor: str | None = None,
    provider_id: str | None = None,
    department: str | None = None,
    physician_id: str | None = None,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Note an event such as ``case.opened``, within the caller's transaction."""
    connection.execute(
        sa.insert(EVENTS).values(
            kind=kind,
            subject_id=subject_id,
            provider_id=provider_id,
            department=department,
            physician_id=physician_id,
            actor=actor,
            data=dict(data or {}),
            happened_at=at,
        )
    )


@dataclass(frozen=True, slots=True)
class Look:
    """What one look found: events, and which transactions had ended at that moment.

    ``ended_before`` is the first transaction that may still run, ``next_begun`` the next one to begin;
    both None on SQLite, where events are committed in the order of their ids.
    """

    events: list[Row]
    ended_before: int | None
    next_begun: int | None


class WorkEvents:
    """The events of a store; get it from ``Store.work_events``."""

    def __init__(self, readers: sa.Engine, where: str) -> None:
        self._readers, self._where = readers, where

    def last(self) -> int:
        """The highest id so far; 0 before the first event."""
        query = sa.select(sa.func.coalesce(sa.func.max(EVENTS.c.event_id), 0))
        with translate(self._where), self._readers.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def between(self, after: int, upto: int, limit: int) -> list[Row]:
        """Events after an id and up to another, by id."""
        query = (
            sa.select(EVENTS)
            .where(EVENTS.c.event_id > after, EVENTS.c.event_id <= upto)
            .order_by(EVENTS.c.event_id)
            .limit(limit)
        )
        with translate(self._where), self._readers.connect() as connection:
            return [dict(row._mapping) for row in connection.execute(query)]

    def look(self, after: int, missing: list[int], limit: int = 1_000) -> Look:
        """Events after an id and those of the missing ids that are there now, by id, in one snapshot."""
        wanted = EVENTS.c.event_id > after
        if missing:
            wanted |= EVENTS.c.event_id.in_(missing)
        query = sa.select(EVENTS).where(wanted).order_by(EVENTS.c.event_id).limit(limit)
        with translate(self._where), self._readers.connect() as connection:
            if connection.dialect.name != "postgresql":
                return Look([dict(row._mapping) for row in connection.execute(query)], None, None)
            connection = connection.execution_options(isolation_level="REPEATABLE READ")
            events = [dict(row._mapping) for row in connection.execute(query)]
            first, following = connection.execute(
                sa.text(
                    "SELECT pg_snapshot_xmin(s)::text::bigint, pg_snapshot_xmax(s)::text::bigint "
                    "FROM pg_current_snapshot() AS s"
                )
            ).one()
            return Look(events, int(first), int(following))


@dataclass(frozen=True, slots=True)
class Place:
    """How far a tail has come: every event up to ``told`` was told; ``top`` is the highest id seen.

    ``missing`` are ids up to ``top`` that are waited for.
    """

    told: int
    top: int
    missing: frozenset[int]


@dataclass(slots=True)
class _Missing:
    mark: int | None
    since: float


class Tail:
    """Follows the events in the order of their ids, although they may be committed in another one.

    An id that is missing holds the later ones back until the transactions that ran when it was missed
    have ended: then its event is there, or never will be. One that takes longer than half a minute is
    no longer waited for, and its event comes late.
    """

    def __init__(
        self, events: WorkEvents, after: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._events, self._clock = events, clock
        self.told = after
        """Every event up to this id was told, or comes late."""
        self._top = after
        self._held: dict[int, Row] = {}
        self._missing: dict[int, _Missing] = {}
        self._late: dict[int, float] = {}

    @classmethod
    def begin(cls, events: WorkEvents) -> Tail:
        """A tail from now on, that waits for what is missing among the last events."""
        tail = cls(events, max(0, events.last() - _WINDOW))
        tail.read()
        return tail

    @property
    def place(self) -> Place:
        """How far this tail has come."""
        return Place(self.told, self._top, frozenset(self._missing))

    def read(self) -> tuple[list[Row], list[Row]]:
        """Events that follow those told before, by id; and those that come late."""
        look = self._events.look(self._top, sorted({*self._missing, *self._late}))
        now = self._clock()
        late = []
        for row in look.events:
            event_id = row["event_id"]
            if event_id in self._late:
                del self._late[event_id]
                late.append(row)
            else:
                self._missing.pop(event_id, None)
                self._held[event_id] = row
        self._settle(look, now)
        self._miss(look, now)
        first = min(self._missing, default=None)
        ready = sorted(i for i in self._held if first is None or i < first)
        told = [self._held.pop(event_id) for event_id in ready]
        self.told = self._top if first is None else first - 1
        return told, late

    def _settle(self, look: Look, now: float) -> None:
        """Wait no longer for ids whose transactions have ended without them, or take too long."""
        for event_id, missing in list(self._missing.items()):
            age = now - missing.since
            ended = look.ended_before is None or (
                missing.mark is not None
                and look.ended_before >= missing.mark
                and age >= _LEAST_WAIT_S
            )
            if ended:
                del self._missing[event_id]
            elif age >= _LONGEST_WAIT_S:
                del self._missing[event_id]
                self._late[event_id] = now
        self._late = {i: at for i, at in self._late.items() if now - at < _LATE_FOR_S}

    def _miss(self, look: Look, now: float) -> None:
        """Note the ids that are missing among the new ones."""
        new = {row["event_id"] for row in look.events if row["event_id"] > self._top}
        if not new:
            return
        if look.ended_before is not None:
            ids = range(max(self._top + 1, max(new) - _MOST_MISSING), max(new))
            for event_id in ids:
                if event_id not in new:
                    self._missing[event_id] = _Missing(look.next_begun, now)
        self._top = max(new)
