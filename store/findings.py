"""Findings on hospitals' months and physicians' days: read a page at a time, and kept as they change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import pyarrow as pa
import sqlalchemy as sa

from domain.access import ALL_ROWS, Rows
from store.inserting import in_parts, insert, locked, upsert
from store.rows import within
from store.state_tables import FINDING_VERSIONS_SQL as VERSIONS
from store.tables import FINDINGS_SQL as FINDINGS
from store.tables import SEVERITY_RANK

NOT_FOUND_AGAIN: Final = "judged again and not found"
"""Why a finding is closed: its claims were corrected, withdrawn, or late ones came."""


@dataclass(frozen=True, slots=True)
class FindingFilter:
    """Every condition given must hold; a period is found if it touches the days asked.

    Findings that were judged again and not found are closed; ``closed`` lists them too.
    """

    provider_id: str | None = None
    physician_id: str | None = None
    rule_id: str | None = None
    unit: str | None = None
    first: date | None = None
    last: date | None = None
    closed: bool = False
    rows: Rows = ALL_ROWS


@dataclass(frozen=True, slots=True)
class Scope:
    """What was judged: by these checks, every complete month and day that begins on or after a day.

    ``months_from`` holds for units of hospitals, ``days_from`` for those of physicians;
    periods end before ``upto``.
    """

    rule_ids: tuple[str, ...]
    months_from: date
    days_from: date
    upto: date


@dataclass(frozen=True, slots=True)
class FindingPage:
    """Rows of the table, and where the next page starts; None on the last page."""

    rows: tuple[Mapping[str, Any], ...]
    after: tuple[int, str] | None


def page(
    connection: sa.Connection,
    wanted: FindingFilter,
    after: tuple[int, str] | None,
    limit: int,
) -> FindingPage:
    """One page, worst severity first, then by id."""
    columns = FINDINGS.c
    query = sa.select(FINDINGS).where(*_conditions(wanted))
    if after is not None:
        rank, finding_id = after
        query = query.where(
            sa.or_(
                columns.severity_rank < rank,
                sa.and_(columns.severity_rank == rank, columns.finding_id > finding_id),
            )
        )
    query = query.order_by(columns.severity_rank.desc(), columns.finding_id).limit(limit + 1)
    rows = [dict(row) for row in connection.execute(query).mappings()]
    more = len(rows) > limit
    shown = rows[:limit]
    last = (shown[-1]["severity_rank"], shown[-1]["finding_id"]) if more else None
    return FindingPage(tuple(shown), last)


def read(connection: sa.Connection, finding_id: str) -> Mapping[str, Any] | None:
    """One finding; None if there is none."""
    query = sa.select(FINDINGS).where(FINDINGS.c.finding_id == finding_id)
    found = connection.execute(query).mappings().one_or_none()
    return None if found is None else dict(found)


def read_versions(connection: sa.Connection, finding_id: str) -> list[Mapping[str, Any]]:
    """How the finding stood before it was judged otherwise, oldest first, each with ``ended_at``."""
    query = sa.select(VERSIONS).where(VERSIONS.c.finding_id == finding_id)
    rows = connection.execute(query.order_by(VERSIONS.c.version)).mappings()
    return [{**row["body"], "version": row["version"], "ended_at": row["ended_at"]} for row in rows]


def keep(
    connection: sa.Connection,
    table: sa.Table,
    found: pa.Table,
    now: datetime,
    scope: Scope | None = None,
) -> int:
    """Store what was found; how many findings are new.

    A finding that says something else than before replaces it, and the row that stood is kept
    as a version (of findings in force; not of checks on trial). With ``scope``, findings inside
    it that were not found again are closed. When a finding first came in is kept.
    """
    given = {row["finding_id"]: row for row in found.to_pylist()}
    stored = locked(connection, table.c.finding_id, list(given))
    new = [row for key, row in given.items() if key not in stored]
    told = {key: row for key, row in given.items() if key in stored}
    other = [key for key, row in told.items() if _says(row) != _says(stored[key])]
    if table is FINDINGS:
        _archive(connection, [stored[key] for key in other], now)
    # Of those that say the same, only the day is new up to which claims were seen.
    later = [key for key, row in told.items() if row["upto"] != stored[key]["upto"]]
    again = sorted({*other, *later, *(key for key in told if stored[key]["closed_at"])})
    rows = [*new, *(given[key] for key in again)]
    if rows:
        columns: dict[str, list[Any]] = {
            name: [row[name] for row in rows] for name in found.column_names
        }
        columns["severity_rank"] = [SEVERITY_RANK.get(row["severity"], -1) for row in rows]
        columns["closed_at"] = columns["closed_because"] = [None] * len(rows)
        columns["created_at"] = [now] * len(rows)
        changed = {
            name: f"excluded.{name}" for name in columns if name not in ("finding_id", "created_at")
        }
        upsert(connection, table, columns, changed)
    if scope is not None:
        _close(connection, table, set(given), scope, now)
    return len(new)


_BESIDE: Final = frozenset(
    {"upto", "rules_sha256", "created_at", "closed_at", "closed_because", "severity_rank"}
)
"""Columns whose change alone makes no other finding."""


def _says(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in _BESIDE}


def _archive(connection: sa.Connection, rows: list[dict[str, Any]], now: datetime) -> None:
    if not rows:
        return
    places: dict[str, int] = {}
    for keys in in_parts([row["finding_id"] for row in rows]):
        query = (
            sa.select(VERSIONS.c.finding_id, sa.func.count())
            .where(VERSIONS.c.finding_id.in_(keys))
            .group_by(VERSIONS.c.finding_id)
        )
        places |= {row[0]: int(row[1]) for row in connection.execute(query)}
    plain = [
        {k: v.isoformat() if isinstance(v, date) else v for k, v in row.items()} for row in rows
    ]
    insert(
        connection,
        VERSIONS,
        {
            "finding_id": [row["finding_id"] for row in rows],
            "version": [places.get(row["finding_id"], 0) + 1 for row in rows],
            "body": plain,
            "ended_at": [now] * len(rows),
        },
    )


def _close(
    connection: sa.Connection, table: sa.Table, found: set[str], scope: Scope, now: datetime
) -> None:
    columns = table.c
    first = sa.case(
        (columns.unit == "provider_month", sa.literal(scope.months_from, sa.Date)),
        else_=sa.literal(scope.days_from, sa.Date),
    )
    query = sa.select(columns.finding_id).where(
        columns.closed_at.is_(None),
        columns.rule_id.in_(scope.rule_ids),
        columns.period_start >= first,
        columns.period_end < scope.upto,
    )
    gone = [key for key in connection.execute(query).scalars() if key not in found]
    for keys in in_parts(gone):
        connection.execute(
            sa.update(table)
            .where(columns.finding_id.in_(keys))
            .values(closed_at=now, closed_because=NOT_FOUND_AGAIN)
        )


def read_subjects(connection: sa.Connection, first: date, last: date) -> list[tuple[str, str]]:
    """(subject_id, rule_id) of the findings on periods that ended from ``first`` to ``last``."""
    columns = FINDINGS.c
    query = (
        sa.select(columns.subject_id, columns.rule_id)
        .where(columns.period_end.between(first, last), columns.closed_at.is_(None))
        .order_by(columns.subject_id, columns.rule_id)
    )
    return [(subject, rule_id) for subject, rule_id in connection.execute(query)]


def _conditions(wanted: FindingFilter) -> list[sa.ColumnElement[bool]]:
    columns = FINDINGS.c
    conditions: list[sa.ColumnElement[bool]] = [
        columns[name] == value
        for name, value in (
            ("provider_id", wanted.provider_id),
            ("physician_id", wanted.physician_id),
            ("rule_id", wanted.rule_id),
            ("unit", wanted.unit),
        )
        if value is not None
    ]
    conditions += within(wanted.rows, columns.provider_id, None, columns.physician_id)
    if not wanted.closed:
        conditions.append(columns.closed_at.is_(None))
    if wanted.first is not None:
        conditions.append(columns.period_end >= wanted.first)
    if wanted.last is not None:
        conditions.append(columns.period_start <= wanted.last)
    return conditions
