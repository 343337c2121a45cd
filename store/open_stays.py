"""Patients in hospital: their stays so far, and what was told about them.

A stay is read with two indexed queries a table and written back as a whole row of
``open_stays`` with only those of its orders and charge lines that changed. Bodies are
the caller's (``streaming.orders``); the columns beside them are for looking things up.
A stay whose claim with a discharge is stored counts as closed and is kept no longer.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from domain.access import ALL_ROWS, Rows
from store import inserting
from store.errors import StoreError, translate
from store.open_tables import OPEN_LINES_SQL as LINES
from store.open_tables import OPEN_ORDERS_SQL as ORDERS
from store.open_tables import OPEN_STAYS_SQL as STAYS
from store.open_tables import ORDER_DECISIONS_SQL as DECISIONS
from store.open_tables import PLAN_SUGGESTIONS_SQL as SUGGESTIONS
from store.rows import within
from store.tables import CLAIMS_SQL as CLAIMS
from store.tables import RULESETS_SQL as RULESETS
from store.writing import Ruleset

Row = Mapping[str, Any]
Write = Callable[[sa.Connection, datetime], None]

_LEVEL: Final = 1
"""zlib level: heads shrink fourfold at the lowest one."""
_COLUMNS: Final = (
    "stay_id", "version", "provider_id", "patient_id", "physician_id", "department", "phase",
    "currency", "running_cost_fen", "costs", "active_orders", "last_event_time", "last_event_id",
    "body",
)  # fmt: skip
_SHOWN: Final = tuple(c for c in STAYS.columns if c.name not in ("body", "version"))


@dataclass(frozen=True, slots=True)
class StoredStay:
    """A stay so far as stored; ``closed`` if its claim has come, and then there is nothing else."""

    stay_id: str
    version: int = 0
    body: bytes = b""
    orders: Mapping[str, bytes] = field(default_factory=dict)
    lines: Mapping[str, bytes] = field(default_factory=dict)
    closed: bool = False


@dataclass(frozen=True, slots=True)
class StayChange:
    """What a batch changes of a stay: its row, and the orders and lines that are new or other.

    ``row`` has the columns of ``open_stays`` but ``version``, ``created_at`` and
    ``changed_at``; ``version`` is the one that was read (0 for none). ``orders`` have
    order_id, status, item_code and body; ``lines`` line_id, category, amount_fen, body.
    """

    row: Row
    version: int
    orders: Sequence[Row] = ()
    lines: Sequence[Row] = ()


class OpenStays:
    """The patients in hospital of a store; get it from ``Store.open_stays``."""

    def __init__(self, readers: sa.Engine, writers: sa.Engine, where: str) -> None:
        self._readers, self._writers, self._where = readers, writers, where

    def read(self, stay_ids: Sequence[str]) -> dict[str, StoredStay]:
        """What is stored of these stays; those of which nothing is known are left out."""
        with translate(self._where), self._readers.connect() as connection:
            return read(connection, stay_ids)

    def commit(self, write: Write, now: datetime) -> None:
        """Run one write in a transaction of its own."""
        with translate(self._where), self._writers.begin() as connection:
            write(connection, now)

    def page(
        self,
        *,
        provider_id: str | None = None,
        phase: str = "open",
        after: str = "",
        limit: int = 50,
        rows: Rows = ALL_ROWS,
    ) -> list[dict[str, Any]]:
        """Stays of a phase by identifier, from ``after`` on: running cost, active orders, last event."""
        query = sa.select(*_SHOWN).where(
            STAYS.c.phase == phase, STAYS.c.stay_id > after, *_within(rows)
        )
        if provider_id is not None:
            query = query.where(STAYS.c.provider_id == provider_id)
        with translate(self._where), self._readers.connect() as connection:
            found = connection.execute(query.order_by(STAYS.c.stay_id).limit(limit))
            return [dict(row._mapping) for row in found]

    def find(self, stay_id: str, rows: Rows = ALL_ROWS) -> dict[str, Any] | None:
        """One stay as ``page`` tells it, whatever its phase; None if there is none in sight."""
        query = sa.select(*_SHOWN).where(STAYS.c.stay_id == stay_id, *_within(rows))
        with translate(self._where), self._readers.connect() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else dict(row._mapping)

    def told(self, stay_id: str) -> list[dict[str, Any]]:
        """The suggestions made about a stay, latest first, each with the state of its decisions."""
        with translate(self._where), self._readers.connect() as connection:
            bodies = connection.execute(
                sa.select(SUGGESTIONS.c.body, SUGGESTIONS.c.created_at)
                .where(SUGGESTIONS.c.stay_id == stay_id)
                .order_by(SUGGESTIONS.c.created_at.desc(), SUGGESTIONS.c.suggestion_id)
            ).all()
            standing = {
                row.decision_id: row.cleared_by
                for row in connection.execute(
                    sa.select(DECISIONS.c.decision_id, DECISIONS.c.cleared_by).where(
                        DECISIONS.c.stay_id == stay_id
                    )
                )
            }
        return [
            {
                **body,
                "created_at": created_at,
                "stands": any(standing.get(e["decision_id"], "") is None for e in body["evidence"]),
            }
            for body, created_at in bodies
        ]

    def decisions(self, stay_id: str) -> list[dict[str, Any]]:
        """Everything that was found on a stay in hospital, oldest first."""
        query = (
            sa.select(DECISIONS)
            .where(DECISIONS.c.stay_id == stay_id)
            .order_by(DECISIONS.c.decided_at, DECISIONS.c.decision_id)
        )
        with translate(self._where), self._readers.connect() as connection:
            return [dict(row._mapping) for row in connection.execute(query)]

    def sweep(self, silent_since: datetime) -> int:
        """Forget stays that are settled, and those silent since then; how many. Decisions stay."""
        settled = sa.select(CLAIMS.c.stay_id).where(
            CLAIMS.c.stay_id == STAYS.c.stay_id, CLAIMS.c.discharge_date.is_not(None)
        )
        gone = sa.select(STAYS.c.stay_id).where(
            sa.or_(settled.exists(), STAYS.c.last_event_time < silent_since)
        )
        with translate(self._where), self._writers.begin() as connection:
            ids = list(connection.execute(gone).scalars())
            _forget(connection, ids)
        return len(ids)


def read(connection: sa.Connection, stay_ids: Sequence[str]) -> dict[str, StoredStay]:
    """What is stored of these stays, within the caller's transaction."""
    found: dict[str, StoredStay] = {}
    for ids in inserting.in_parts(stay_ids):
        closed = _settled(connection, ids)
        heads = connection.execute(
            sa.select(STAYS.c.stay_id, STAYS.c.version, STAYS.c.body).where(
                STAYS.c.stay_id.in_(ids)
            )
        ).all()
        children: dict[str, tuple[dict[str, bytes], dict[str, bytes]]] = {
            row.stay_id: ({}, {}) for row in heads
        }
        for place, (table, key) in enumerate(
            ((ORDERS, ORDERS.c.order_id), (LINES, LINES.c.line_id))
        ):
            for stay_id, name, body in connection.execute(
                sa.select(table.c.stay_id, key, table.c.body).where(table.c.stay_id.in_(ids))
            ):
                if stay_id in children:
                    children[stay_id][place][name] = bytes(body)
        for row in heads:
            orders, lines = children[row.stay_id]
            body = zlib.decompress(row.body)
            found[row.stay_id] = StoredStay(row.stay_id, row.version, body, orders, lines)
        for stay_id in closed:
            found[stay_id] = StoredStay(stay_id, closed=True)
    return found


def save(
    changes: Sequence[StayChange],
    *,
    decisions: Sequence[Row] = (),
    cleared: Sequence[tuple[str, str]] = (),
    suggestions: Sequence[Row] = (),
    ruleset: Ruleset | None = None,
) -> Write:
    """A write of what a batch of order events came to, for ``Step.writes`` or ``OpenStays.commit``.

    It raises StoreError, and with it the whole step, if another writer changed one of the
    stays since it was read. ``cleared`` are pairs of a decision and the event that cleared it.
    """

    def write(connection: sa.Connection, now: datetime) -> None:
        if ruleset is not None and decisions:
            inserting.insert(
                connection,
                RULESETS,
                {
                    "sha256": [ruleset.sha256],
                    "ids": [list(ruleset.ids)],
                    "manifest": [dict(ruleset.manifest)],
                    "created_at": [now],
                },
            )
        # A claim of the same step may have closed a stay since it was read.
        settled = _settled(connection, [change.row["stay_id"] for change in changes])
        kept = [change for change in changes if change.row["stay_id"] not in settled]
        _write_stays(connection, kept, now)
        _write_children(connection, kept)
        if decisions:
            names = [c.name for c in DECISIONS.columns if c.name != "decided_at"]
            columns = {name: [row[name] for row in decisions] for name in names}
            inserting.insert(
                connection, DECISIONS, columns | {"decided_at": [now] * len(decisions)}
            )
        for decision_id, event_id in cleared:
            connection.execute(
                sa.update(DECISIONS)
                .where(DECISIONS.c.decision_id == decision_id)
                .values(cleared_by=event_id)
            )
        if suggestions:
            _write_suggestions(connection, suggestions, now)

    return write


def close(stay_ids: Sequence[str]) -> Write:
    """A write that forgets stays whose claims are stored in the same step; decisions stay."""

    def write(connection: sa.Connection, _now: datetime) -> None:
        _forget(connection, stay_ids)

    return write


def _settled(connection: sa.Connection, stay_ids: Sequence[str]) -> set[str]:
    """Those of the stays whose claim with a discharge is stored."""
    found: set[str] = set()
    for here in inserting.among(connection, CLAIMS.c.stay_id, stay_ids):
        query = sa.select(CLAIMS.c.stay_id).where(here, CLAIMS.c.discharge_date.is_not(None))
        found |= set(connection.execute(query).scalars())
    return found


def _write_stays(connection: sa.Connection, changes: Sequence[StayChange], now: datetime) -> None:
    wanted = {change.row["stay_id"]: change.version for change in changes}
    known: dict[str, int] = {}
    read = [stay_id for stay_id, version in wanted.items() if version]
    for here in inserting.among(connection, STAYS.c.stay_id, read):
        query = sa.select(STAYS.c.stay_id, STAYS.c.version).where(here)
        known |= {row.stay_id: row.version for row in connection.execute(query.with_for_update())}
    new = [c for c in changes if not c.version]
    old = [c for c in changes if c.version]
    other = [s for s, version in wanted.items() if version and known.get(s) != version]
    if new:
        columns = _columns(new) | {"created_at": [now] * len(new), "changed_at": [now] * len(new)}
        other += sorted(inserting.insert_missing(connection, STAYS, columns))
    if other:
        raise StoreError(
            f"another writer changed {len(other)} open stays since they were read",
            where="open_stays",
            cure="Nothing was stored: read the stays again and judge the events anew. If it happens "
            "often, two workers read orders of the same patients: key the topic by patient.",
        )
    if old:
        columns = _columns(old) | {"created_at": [now] * len(old), "changed_at": [now] * len(old)}
        taken = {n: f"excluded.{n}" for n in (*_COLUMNS[1:], "changed_at")}
        inserting.upsert(connection, STAYS, columns, taken)


def _columns(changes: Sequence[StayChange]) -> dict[str, Sequence[Any]]:
    found: dict[str, Sequence[Any]] = {
        name: [change.row[name] for change in changes] for name in _COLUMNS if name != "version"
    }
    found["body"] = [zlib.compress(change.row["body"], _LEVEL) for change in changes]
    return found | {"version": [change.version + 1 for change in changes]}


def _write_children(connection: sa.Connection, changes: Sequence[StayChange]) -> None:
    for table, rows in (
        (ORDERS, [{**r, "stay_id": c.row["stay_id"]} for c in changes for r in c.orders]),
        (LINES, [{**r, "stay_id": c.row["stay_id"]} for c in changes for r in c.lines]),
    ):
        if rows:
            columns = {c.name: [row[c.name] for row in rows] for c in table.columns}
            inserting.upsert(connection, table, columns)


def _write_suggestions(connection: sa.Connection, told: Sequence[Row], now: datetime) -> None:
    names = ("suggestion_id", "stay_id", "provider_id", "physician_id", "indicator")
    columns: dict[str, Sequence[Any]] = {name: [row[name] for row in told] for name in names}
    more: dict[str, Sequence[Any]] = {
        "body": [dict(row) for row in told],
        "created_at": [now] * len(told),
    }
    inserting.insert(connection, SUGGESTIONS, columns | more)


def _forget(connection: sa.Connection, stay_ids: Sequence[str]) -> None:
    # Most claims are of patients who never lay here: look first, and delete what there is.
    there = [
        stay_id
        for here in inserting.among(connection, STAYS.c.stay_id, stay_ids)
        for stay_id in connection.execute(sa.select(STAYS.c.stay_id).where(here)).scalars()
    ]
    for table in (ORDERS, LINES, STAYS):
        for here in inserting.among(connection, table.c.stay_id, there):
            connection.execute(sa.delete(table).where(here))


def _within(rows: Rows) -> list[sa.ColumnElement[bool]]:
    return within(rows, STAYS.c.provider_id, STAYS.c.department, STAYS.c.physician_id)
