"""Pages of alerts by keyset, gathered into clusters or not, and how many there are."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from store import alert_filters as filters
from store.alert_filters import After, AlertFilter, AlertSort
from store.tables import ALERTS_SQL as ALERTS
from store.tables import DECISIONS_SQL as DECISIONS

Row = dict[str, Any]


COUNTED: Final = 10_000
"""Alerts are counted so far; beyond it is only said that there are more."""
SUMMED: Final = 500
"""Alerts of one cluster are added up so far."""


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of one page and where the next one starts; None after the last page."""

    rows: Sequence[Row]
    after: After | None


def page(  # noqa: PLR0917
    connection: sa.Connection,
    wanted: AlertFilter,
    sort: AlertSort,
    after: After | None,
    limit: int,
    now: datetime,
) -> Page:
    """The next ``limit`` alerts after a place; rows that appear meanwhile shift nothing."""
    return _page(connection, wanted, sort, after, limit, now, gathered=False)


def leaders(  # noqa: PLR0917
    connection: sa.Connection,
    wanted: AlertFilter,
    sort: AlertSort,
    after: After | None,
    limit: int,
    now: datetime,
) -> Page:
    """The same of clusters: of each the alert that comes first in the order, with ``similar`` sums.

    ``similar`` has ``count``, ``more`` (whether that is only how far it was counted),
    ``expected_loss_fen`` and ``exposure_fen``, over the alerts of the cluster that the filter finds.
    """
    found = _page(connection, wanted, sort, after, limit, now, gathered=True)
    found_sums = sums(connection, wanted, {row["cluster"] for row in found.rows}, now)
    for row in found.rows:
        row["similar"] = found_sums[row["cluster"]]
    return found


def _page(  # noqa: PLR0917
    connection: sa.Connection,
    wanted: AlertFilter,
    sort: AlertSort,
    after: After | None,
    limit: int,
    now: datetime,
    *,
    gathered: bool,
) -> Page:
    query = sa.select(ALERTS).where(*filters.conditions(wanted, now, words=_words(connection)))
    if gathered:
        other = ALERTS.alias("other")
        earlier = (
            sa.select(sa.literal(1))
            .where(
                other.c.cluster == ALERTS.c.cluster,
                filters.precedes(sort, other, ALERTS),
                *filters.conditions(wanted, now, other),
            )
            .limit(1)
            .scalar_subquery()
        )
        # Not NOT EXISTS, which PostgreSQL may turn into a join over all that could be earlier: each alert
        # that the filter finds asks the index of clusters once, and few are asked before a page is full.
        query = query.where(earlier.is_(None))
    rows: list[Row] = []
    for part in _parts(query, sort, after):
        if len(rows) <= limit:
            ids = part.order_by(*filters.order(wanted, sort)).limit(limit + 1 - len(rows))
            rows += _with_decisions(connection, ids, sort)
    more = len(rows) > limit
    rows = rows[:limit]
    last = After(filters.pack(rows[-1]["sort_key"]), rows[-1]["alert_id"]) if more else None
    for row in rows:
        del row["sort_key"], row["words"]
        row["rule_ids"] = row["rule_ids"].split()
    return Page(rows, last)


def _parts(query: sa.Select[Any], sort: AlertSort, after: After | None) -> Iterator[sa.Select[Any]]:
    """What comes after the place; of an order by score first those that have one, then the others.

    So each part follows an index, on which no score would be the highest.
    """
    there = query if after is None else query.where(filters.beyond(sort, after))
    if sort is not AlertSort.SCORE:
        yield there
        return
    unscored = query.where(ALERTS.c.score.is_(None))
    if after is not None and after.key == filters.NO_SCORE:
        yield there
        return
    yield there.where(ALERTS.c.score.is_not(None))
    yield unscored


def _with_decisions(
    connection: sa.Connection, chosen: sa.Select[Any], sort: AlertSort
) -> list[Row]:
    """The chosen alerts in their order, with what their decisions say."""
    alerts = chosen.subquery("alerts")
    query = (
        sa.select(
            alerts,
            DECISIONS.c.claim_type,
            DECISIONS.c.discharge_date,
            DECISIONS.c.hit_count,
            filters.key_of(sort, alerts).label("sort_key"),
        )
        .join(DECISIONS, DECISIONS.c.decision_id == alerts.c.decision_id)
        .order_by(*filters.order(AlertFilter(), sort, alerts))
    )
    return [dict(row._mapping) for row in connection.execute(query)]


def sums(
    connection: sa.Connection, wanted: AlertFilter, clusters: Collection[str], now: datetime
) -> dict[str, Row]:
    """What the filter finds of each cluster, added up as far as ``SUMMED`` alerts."""
    parts = []
    for cluster in sorted(clusters):
        here = (
            sa.select(ALERTS.c.expected_loss_fen, ALERTS.c.exposure_fen)
            .where(
                ALERTS.c.cluster == cluster,
                *filters.conditions(wanted, now),
            )
            .order_by(ALERTS.c.expected_loss_fen.desc(), ALERTS.c.alert_id.desc())
            .limit(SUMMED + 1)
            .subquery()
        )
        parts.append(
            sa.select(
                sa.literal(cluster, sa.Text()).label("cluster"),
                sa.func.count().label("count"),
                sa.cast(sa.func.sum(here.c.expected_loss_fen), sa.BigInteger()).label(
                    "expected_loss_fen"
                ),
                sa.cast(sa.func.sum(here.c.exposure_fen), sa.BigInteger()).label("exposure_fen"),
            ).select_from(here)
        )
    if not parts:
        return {}
    rows = connection.execute(sa.union_all(*parts))
    return {
        row["cluster"]: {
            "count": min(row["count"], SUMMED),
            "more": row["count"] > SUMMED,
            "expected_loss_fen": row["expected_loss_fen"] or 0,
            "exposure_fen": row["exposure_fen"] or 0,
        }
        for row in (r._mapping for r in rows)
    }


def count(connection: sa.Connection, wanted: AlertFilter, now: datetime) -> int:
    """How many alerts a filter finds, counted up to one more than ``COUNTED``."""
    found = (
        sa.select(sa.literal(1).label("one"))
        .select_from(ALERTS)
        .where(*filters.conditions(wanted, now, words=_words(connection)))
        .limit(COUNTED + 1)
        .subquery()
    )
    return int(connection.execute(sa.select(sa.func.count()).select_from(found)).scalar_one())


def _words(connection: sa.Connection) -> bool:
    """Whether the database has an index of words."""
    return connection.dialect.name == "postgresql"
