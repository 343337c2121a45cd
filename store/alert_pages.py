"""Pages of alerts by keyset, gathered into clusters or not, and how many there are."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from store import alert_filters as filters
from store.alert_filters import After, AlertFilter, AlertSort
from store.tables import ALERTS_SQL as ALERTS
from store.tables import DECISIONS_SQL as DECISIONS

Row = dict[str, Any]


COUNTED: Final = 1_000
"""Alerts are counted so far; beyond it is only said that there are more."""
SUMMED: Final = 500
"""Alerts of one cluster are added up so far."""


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of one page and where the next one starts; None after the last page."""

    rows: Sequence[Row]
    after: After | None


WALKED: Final = (200, 2_000, 10_000)
"""Alerts read at once to find the clusters of a page; after the last the page is as long as it is."""


def page(  # noqa: PLR0917
    connection: sa.Connection,
    wanted: AlertFilter,
    sort: AlertSort,
    after: After | None,
    limit: int,
    now: datetime,
) -> Page:
    """The next ``limit`` alerts after a place; rows that appear meanwhile shift nothing."""
    rows: list[Row] = []
    for part in _parts(_found(connection, wanted, now, ALERTS), sort, after):
        if len(rows) <= limit:
            ids = part.order_by(*filters.order(wanted, sort)).limit(limit + 1 - len(rows))
            rows += _with_decisions(connection, ids, sort)
    return _page(rows[:limit], more=len(rows) > limit)


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
    A page may hold fewer than ``limit`` where few clusters hold very many alerts; ``after`` leads on.
    """
    found: dict[str, After] = {}
    seen: list[str] = []
    place, ended = after, False
    for size in WALKED:
        heads = _heads(connection, wanted, sort, place, size, now, seen)
        first: dict[str, After] = {}
        for head in heads:
            first.setdefault(head["cluster"], After(filters.pack(head["key"]), head["alert_id"]))
        earlier = _earlier(connection, wanted, sort, first, now) if after is not None else set()
        found |= {cluster: head for cluster, head in first.items() if cluster not in earlier}
        seen += first
        ended = len(heads) < size
        if heads:
            place = After(filters.pack(heads[-1]["key"]), heads[-1]["alert_id"])
        if ended or len(found) > limit:
            break
    chosen = list(found.items())[:limit]
    ids = [head.alert_id for _, head in chosen]
    chosen_rows = sa.select(ALERTS).where(ALERTS.c.alert_id.in_(ids))
    by_id = {row["alert_id"]: row for row in _with_decisions(connection, chosen_rows, sort)}
    rows = [by_id[alert_id] for alert_id in ids if alert_id in by_id]
    totals = sums(connection, wanted, [cluster for cluster, _ in chosen], now)
    for row in rows:
        row["similar"] = totals[row["cluster"]]
    if len(found) > limit or ended or place is None:
        return _page(rows, more=len(found) > limit)
    return Page(_page(rows, more=False).rows, place)


def _page(rows: list[Row], *, more: bool) -> Page:
    last = After(filters.pack(rows[-1]["sort_key"]), rows[-1]["alert_id"]) if more else None
    for row in rows:
        del row["sort_key"], row["words"]
        row["rule_ids"] = row["rule_ids"].split()
    return Page(rows, last)


def _found(
    connection: sa.Connection, wanted: AlertFilter, now: datetime, *columns: Any
) -> sa.Select[Any]:
    """What the filter finds, in no order."""
    return sa.select(*columns).where(
        *filters.conditions(wanted, now, words=filters.has_words(connection))
    )


def _heads(  # noqa: PLR0917
    connection: sa.Connection,
    wanted: AlertFilter,
    sort: AlertSort,
    after: After | None,
    size: int,
    now: datetime,
    but: Sequence[str],
) -> list[Row]:
    """Id, cluster and sort key of the next alerts, without those of clusters that were seen."""
    columns = ALERTS.c.alert_id, ALERTS.c.cluster, filters.key_of(sort).label("key")
    query = _found(connection, wanted, now, *columns)
    if but:
        query = query.where(ALERTS.c.cluster.not_in(but))
    rows: list[Row] = []
    for part in _parts(query, sort, after):
        if len(rows) < size:
            ordered = part.order_by(*filters.order(wanted, sort)).limit(size - len(rows))
            rows += [dict(row._mapping) for row in connection.execute(ordered)]
    return rows


def _earlier(
    connection: sa.Connection,
    wanted: AlertFilter,
    sort: AlertSort,
    heads: Mapping[str, After],
    now: datetime,
) -> set[str]:
    """The clusters of which an alert came before on an earlier page."""
    other = ALERTS.alias("other")
    before = (
        sa.select(sa.literal(1))
        .where(
            other.c.cluster == ALERTS.c.cluster,
            filters.precedes(sort, other, ALERTS),
            *filters.conditions(wanted, now, other),
        )
        .limit(1)
        .scalar_subquery()
    )
    ids = [head.alert_id for head in heads.values()]
    query = sa.select(ALERTS.c.cluster).where(ALERTS.c.alert_id.in_(ids), before.is_not(None))
    return set(connection.execute(query).scalars())


def _parts(query: sa.Select[Any], sort: AlertSort, after: After | None) -> Iterator[sa.Select[Any]]:
    """What comes after the place; of an order by score first those that have one, then the others.

    So each part follows an index, on which no score would be the highest.
    """
    there = query if after is None else query.where(filters.beyond(sort, after))
    if sort is not AlertSort.SCORE:
        yield there
        return
    if after is not None and after.key == filters.NO_SCORE:
        yield there
        return
    yield there.where(ALERTS.c.score.is_not(None))
    yield query.where(ALERTS.c.score.is_(None))


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
    if not clusters:
        return {}
    names = sorted(clusters)
    if connection.dialect.name == "postgresql":
        # One plan for all of them; SQLite knows no LATERAL, and plans fast.
        given = sa.values(sa.column("cluster", sa.Text()), name="given").data([(n,) for n in names])
        each = _sum(wanted, now, given.c.cluster, given).lateral("each")
        query: Any = sa.select(given.c.cluster, *each.c).select_from(given.join(each, sa.true()))
    else:
        parts = [_sum(wanted, now, sa.literal(n, sa.Text())).subquery() for n in names]
        query = sa.union_all(
            *(
                sa.select(sa.literal(name, sa.Text()).label("cluster"), *part.c)
                for name, part in zip(names, parts, strict=True)
            )
        )
    rows = connection.execute(query)
    return {
        row["cluster"]: {
            "count": min(row["count"], SUMMED),
            "more": row["count"] > SUMMED,
            "expected_loss_fen": row["expected_loss_fen"] or 0,
            "exposure_fen": row["exposure_fen"] or 0,
        }
        for row in (r._mapping for r in rows)
    }


def _sum(
    wanted: AlertFilter,
    now: datetime,
    cluster: sa.ColumnElement[Any],
    given: sa.FromClause | None = None,
) -> sa.Select[Any]:
    """Count and sums of what the filter finds of one cluster."""
    found = (
        sa.select(ALERTS.c.expected_loss_fen, ALERTS.c.exposure_fen)
        .where(ALERTS.c.cluster == cluster, *filters.conditions(wanted, now))
        .order_by(ALERTS.c.expected_loss_fen.desc(), ALERTS.c.alert_id.desc())
        .limit(SUMMED + 1)
    )
    here = found.subquery() if given is None else found.correlate(given).lateral("here")

    def total(column: sa.ColumnElement[Any], name: str) -> sa.Label[Any]:
        return sa.cast(sa.func.sum(column), sa.BigInteger()).label(name)

    return sa.select(
        sa.func.count().label("count"),
        total(here.c.expected_loss_fen, "expected_loss_fen"),
        total(here.c.exposure_fen, "exposure_fen"),
    ).select_from(here)


def count(connection: sa.Connection, wanted: AlertFilter, now: datetime) -> int:
    """How many alerts a filter finds, counted up to one more than ``COUNTED``."""
    one = _found(connection, wanted, now, sa.literal(1).label("one"))
    found = one.select_from(ALERTS).limit(COUNTED + 1).subquery()
    return int(connection.execute(sa.select(sa.func.count()).select_from(found)).scalar_one())
