"""The audit log: who saw and did what. Rows are added and never changed: the database refuses it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from store.access.transactions import Transactions
from store.access_tables import AUDIT_EVENTS_SQL as EVENTS


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One entry; ``outcome`` is an HTTP status, or a word where there was no request."""

    recorded_at: datetime
    kind: str
    allowed: bool
    outcome: str
    user_id: str | None = None
    user_name: str | None = None
    role: str | None = None
    means: str | None = None
    permission: str | None = None
    method: str | None = None
    route: str | None = None
    subject: Mapping[str, Any] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    address: str | None = None
    request_id: str | None = None
    event_id: int | None = None


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries; every condition given must hold. ``user`` is an id or a part of the name."""

    user: str | None = None
    kind: str | None = None
    permission: str | None = None
    subject: str | None = None
    since: datetime | None = None
    before: datetime | None = None
    denied: bool = False


class AuditLog:
    """The audit log of a database."""

    def __init__(self, database: Transactions) -> None:
        self._database = database

    def write(self, event: AuditEvent) -> None:
        """Add an entry."""
        with self._database.write() as connection:
            connection.execute(sa.insert(EVENTS).values(**_values(event)))

    def page(
        self, wanted: AuditFilter | None = None, *, before: int | None = None, limit: int = 50
    ) -> list[AuditEvent]:
        """Entries latest first, below ``before``."""
        query = _filter(wanted or AuditFilter())
        if before is not None:
            query = query.where(EVENTS.c.event_id < before)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(EVENTS.c.event_id.desc()).limit(limit))
            return [_event(row) for row in rows]

    def all(self, wanted: AuditFilter | None = None, chunk: int = 1_000) -> Iterator[AuditEvent]:
        """Every entry, latest first, ``chunk`` in memory at a time."""
        before: int | None = None
        while found := self.page(wanted, before=before, limit=chunk):
            yield from found
            before = found[-1].event_id


def _values(event: AuditEvent) -> dict[str, Any]:
    names = [c.name for c in EVENTS.columns if c.name not in ("event_id", "subject_ids")]
    ids = [str(v) for v in event.subject.values() if isinstance(v, str | int) and " " not in str(v)]
    return {
        **{name: getattr(event, name) for name in names},
        "subject": dict(event.subject),
        "query": dict(event.query),
        "subject_ids": f" {' '.join(ids)} ",
    }


def _filter(wanted: AuditFilter) -> sa.Select[Any]:
    names = [c for c in EVENTS.columns if c.name != "subject_ids"]
    query = sa.select(*names)
    if wanted.user is not None:
        query = query.where(
            sa.or_(
                EVENTS.c.user_id == wanted.user,
                EVENTS.c.user_name.icontains(wanted.user, autoescape=True),
            )
        )
    for name in ("kind", "permission"):
        if getattr(wanted, name) is not None:
            query = query.where(EVENTS.c[name] == getattr(wanted, name))
    if wanted.subject is not None:
        query = query.where(EVENTS.c.subject_ids.contains(f" {wanted.subject} ", autoescape=True))
    if wanted.since is not None:
        query = query.where(EVENTS.c.recorded_at >= wanted.since)
    if wanted.before is not None:
        query = query.where(EVENTS.c.recorded_at < wanted.before)
    if wanted.denied:
        query = query.where(~EVENTS.c.allowed)
    return query


def _event(row: sa.Row[Any]) -> AuditEvent:
    return AuditEvent(**row._mapping)
