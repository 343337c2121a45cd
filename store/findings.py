"""Reading findings on hospitals' months and physicians' days, a page at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from store.tables import FINDINGS_SQL as FINDINGS


@dataclass(frozen=True, slots=True)
class FindingFilter:
    """Every condition given must hold; a period is found if it touches the days asked."""

    provider_id: str | None = None
    physician_id: str | None = None
    rule_id: str | None = None
    unit: str | None = None
    first: date | None = None
    last: date | None = None


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
    if wanted.first is not None:
        conditions.append(columns.period_end >= wanted.first)
    if wanted.last is not None:
        conditions.append(columns.period_start <= wanted.last)
    return conditions
