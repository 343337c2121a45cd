"""What each stay measured, and the cells that sum it up: kept with decisions, counted when read.

A batch inserts its measures and marks the hospitals' months that it touches, in its own
transaction; marks are only added, so no writer waits for another. Whoever reads the indicators
first counts the marked months anew from the stays that count (``recount``) and takes the marks off.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from domain.calendar import month_after
from domain.indicators import SUMS
from store.inserting import among, columns_of, insert_missing, upsert
from store.measure_tables import ALL
from store.measure_tables import MEASURE_CELLS_SQL as CELLS
from store.measure_tables import MEASURE_MARKS_SQL as MARKS
from store.measure_tables import MEASURES_SQL as MEASURES
from store.review_tables import REVIEWS_SQL as REVIEWS
from store.state_tables import STAY_STATES_SQL as STATES
from store.tables import ALERTS_SQL as ALERTS

Pair = tuple[str, date]
"""A hospital and the first day of a month."""

PAIRS_AT_ONCE: Final = 5
"""Hospitals' months counted in one transaction: a reader waits for no more than that."""
_LOCK: Final = 0x5E17
"""Key of the advisory lock under which one process at a time counts cells."""


def keep(connection: sa.Connection, rows: pa.Table) -> int:
    """Store the measures of decisions; how many were new.

    A decision that is made again keeps its id while what was measured may differ, since a
    readmission is known only once the stay before has come: the last measuring counts.
    """
    if not rows.num_rows:
        return 0
    known = insert_missing(connection, MEASURES, columns_of(rows))
    if known:
        _replace(connection, rows.filter(pc.is_in(rows["decision_id"], pa.array(sorted(known)))))
    return int(rows.num_rows) - len(known)


def _replace(connection: sa.Connection, rows: pa.Table) -> None:
    """Store what was measured otherwise than before, and mark the months of those stays."""
    names, key = rows.column_names, MEASURES.c.decision_id
    before = {
        row.decision_id: row._mapping
        for here in among(connection, key, rows["decision_id"].to_pylist())
        for row in connection.execute(sa.select(MEASURES).where(here))
    }
    other = [row for row in rows.to_pylist() if row != dict(before[row["decision_id"]])]
    if other:
        upsert(connection, MEASURES, {name: [row[name] for row in other] for name in names})
        mark_months(connection, ((row["provider_id"], row["discharge_date"]) for row in other))


def mark(
    connection: sa.Connection, came: pa.Table | None, rows: Iterable[Mapping[str, Any] | None] = ()
) -> None:
    """Mark the months of stays that came or changed, to be counted anew."""
    pairs = [
        (row["provider_id"], row["ended_on"])
        for row in rows
        if row is not None and row["claim_type"] == "inpatient"
    ]
    if came is not None and came.num_rows:
        inpatient = came.filter(pc.equal(came["claim_type"], "inpatient"))
        pairs += zip(inpatient["provider_id"].to_pylist(), inpatient["ended_on"].to_pylist(), strict=True)  # fmt: skip
    mark_months(connection, pairs)


def mark_reviewed(connection: sa.Connection, stay_ids: Iterable[str]) -> None:
    """Mark the months of stays about which something was concluded."""
    columns = STATES.c.provider_id, STATES.c.ended_on, STATES.c.claim_type
    for here in among(connection, STATES.c.stay_id, list(stay_ids)):
        found = connection.execute(sa.select(*columns).where(here))
        mark(connection, None, [dict(row._mapping) for row in found])


def mark_months(connection: sa.Connection, ended: Iterable[tuple[str, date | None]]) -> None:
    """Mark the months of hospitals' stays that ended on these days."""
    pairs = {(provider, day.replace(day=1)) for provider, day in ended if day is not None}
    if pairs:
        connection.execute(
            sa.insert(MARKS), [{"provider_id": p, "month": month} for p, month in sorted(pairs)]
        )


def waiting(connection: sa.Connection) -> int:
    """How many hospitals' months are marked."""
    marked = sa.select(MARKS.c.provider_id, MARKS.c.month).distinct().subquery()
    return int(connection.execute(sa.select(sa.func.count()).select_from(marked)).scalar_one())


def refresh(writers: sa.Engine, seconds: float | None) -> None:
    """Count marked months anew, newest first, until none is marked or the time is over."""
    began = time.monotonic()
    while True:
        with writers.begin() as connection:
            if (
                connection.dialect.name == "postgresql"
                and not connection.execute(
                    sa.select(sa.func.pg_try_advisory_xact_lock(_LOCK))
                ).scalar_one()
            ):
                return  # another process is at it
            marked = connection.execute(
                sa.select(MARKS.c.provider_id, MARKS.c.month)
                .distinct()
                .order_by(MARKS.c.month.desc(), MARKS.c.provider_id)
                .limit(PAIRS_AT_ONCE)
            )
            pairs = [(row.provider_id, row.month) for row in marked]
            if not pairs:
                return
            # First the marks, then the count: what commits in between leaves a mark behind.
            connection.execute(sa.delete(MARKS).where(_among(MARKS, pairs)))
            recount(connection, pairs)
        if seconds is not None and time.monotonic() - began > seconds:
            return


def recount(connection: sa.Connection, pairs: Sequence[Pair]) -> None:
    """Make the cells of hospitals' months anew from the stays that count.

    The cells of all hospitals lose what these hospitals' cells held before, and gain what they hold now: their sums are
    whole numbers, so nothing is lost on the way, and a month of many hospitals need not be added up for one of them.
    """
    here = sa.or_(
        *(
            sa.and_(
                STATES.c.provider_id == provider,
                STATES.c.ended_on >= month,
                STATES.c.ended_on < month_after(month),
            )
            for provider, month in pairs
        )
    )
    mine = _among(CELLS, pairs)
    _add(connection, pairs, -1)
    connection.execute(sa.delete(CELLS).where(mine))
    found = cells(connection, here).add_columns(sa.literal(1))
    connection.execute(sa.insert(CELLS).from_select([*_KEYS, *SUMS, "hospitals"], found))
    _roll_up(connection, mine, "department")
    _roll_up(connection, mine, "group_code")
    _add(connection, pairs, 1)
    months = sorted({month for _, month in pairs})
    connection.execute(
        sa.delete(CELLS).where(
            CELLS.c.month.in_(months), CELLS.c.provider_id == ALL, CELLS.c.hospitals == 0
        )
    )


_KEYS: Final = ("currency", "department", "month", "provider_id", "group_code")


def _roll_up(connection: sa.Connection, here: sa.ColumnElement[bool], over: str) -> None:
    """Add the cells that hold all departments, or all groups, of the cells that meet a condition."""
    keys = [sa.literal(ALL) if name == over else CELLS.c[name] for name in _KEYS]
    query = (
        sa.select(*keys, *(whole(CELLS.c[name]) for name in SUMS), sa.literal(1))
        .where(here)
        .group_by(*(CELLS.c[name] for name in _KEYS if name != over))
    )
    connection.execute(sa.insert(CELLS).from_select([*_KEYS, *SUMS, "hospitals"], query))


def _add(connection: sa.Connection, pairs: Sequence[Pair], sign: int) -> None:
    """Add the cells of hospitals' months to those of all hospitals, or with -1 take them off."""
    mine, keys = CELLS.alias("mine"), [name for name in _KEYS if name != "provider_id"]
    here = sa.or_(*(sa.and_(mine.c.provider_id == p, mine.c.month == month) for p, month in pairs))
    part = (
        sa.select(
            *(mine.c[name] for name in keys),
            *(whole(mine.c[name]).label(name) for name in SUMS),
            sa.func.count().label("hospitals"),
        )
        .where(here)
        .group_by(*(mine.c[name] for name in keys))
        .subquery("part")
    )
    alike = sa.and_(CELLS.c.provider_id == ALL, *(CELLS.c[name] == part.c[name] for name in keys))
    if sign > 0:
        zeros = [sa.literal(0) for _ in (*SUMS, "hospitals")]
        missing = sa.select(
            *(sa.literal(ALL) if name == "provider_id" else part.c[name] for name in _KEYS), *zeros
        ).where(~sa.exists().select_from(CELLS).where(alike).correlate(part))
        connection.execute(sa.insert(CELLS).from_select([*_KEYS, *SUMS, "hospitals"], missing))
    summed = {
        name: CELLS.c[name] + part.c[name] if sign > 0 else CELLS.c[name] - part.c[name]
        for name in (*SUMS, "hospitals")
    }
    connection.execute(sa.update(CELLS).where(alike).values(summed))


def cells(connection: sa.Connection, here: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """The cells of the stays that count and meet a condition on ``stay_states`` or ``measures``."""
    m = MEASURES.c
    reviewed = concluded(here)
    month = month_of(connection, STATES.c.ended_on)
    # A department or group that is called as the sum of all would be counted twice.
    department = sa.func.coalesce(sa.func.nullif(m.department, ALL), "")
    group = sa.func.coalesce(sa.func.nullif(m.group_code, ALL), "")
    known, total = m.drug_fen.is_not(None), m.total_amount_fen
    sums: dict[str, sa.ColumnElement[Any]] = {
        "stays": sa.func.count(),
        "grouped": _count(m.grouped),
        "weighted": sa.func.count(m.weight_e4),
        "weight_e4": whole(m.weight_e4),
        "days": whole(m.stay_days),
        "costed": sa.func.count(total),
        "cost_fen": whole(total),
        "charged": _count(known & total.is_not(None)),
        "charged_cost_fen": whole(sa.case((known, total))),
        "drug_fen": whole(sa.case((total.is_not(None), m.drug_fen))),
        "consumable_fen": whole(sa.case((total.is_not(None), m.consumable_fen))),
        "priced": sa.func.count(m.over_standard),
        "over_standard": _count(m.over_standard),
        "paid": sa.func.count(m.balance_fen),
        "payment_fen": whole(sa.case((m.balance_fen.is_not(None), m.payment_fen))),
        "balance_fen": whole(m.balance_fen),
        "cased": sa.func.count(m.payment_case),
        "high_outliers": _count(m.payment_case == "high_outlier"),
        "low_outliers": _count(m.payment_case == "low_outlier"),
        "followed": sa.func.count(m.readmitted),
        "readmitted": _count(m.readmitted),
        "outcomes": sa.func.count(m.died),
        "died": _count(m.died),
        "alerts": sa.func.count(ALERTS.c.alert_id),
        "exposure_fen": whole(ALERTS.c.exposure_fen),
        "concluded": whole(reviewed.c.concluded),
        "confirmed": whole(reviewed.c.confirmed),
        "recovered_fen": whole(reviewed.c.recovered_fen),
    }
    return (
        sa.select(
            m.currency,
            department.label("department"),
            month.label("month"),
            STATES.c.provider_id,
            group.label("group_code"),
            *(sums[name].label(name) for name in SUMS),
        )
        .select_from(STATES)
        .join(MEASURES, m.decision_id == STATES.c.decision_id)
        .outerjoin(ALERTS, ALERTS.c.decision_id == STATES.c.decision_id)
        .outerjoin(reviewed, reviewed.c.stay_id == STATES.c.stay_id)
        .where(here, STATES.c.ended_on.is_not(None))
        .group_by(m.currency, department, month, STATES.c.provider_id, group)
    )


def concluded(here: sa.ColumnElement[bool] | None = None) -> sa.Subquery:
    """What the last review of each check says of a stay.

    ``stay_id``, ``concluded`` and ``confirmed`` (1 or 0) and ``recovered_fen``. Reviews of a
    decision that counts no more hold for the stay too.
    """
    place = sa.func.row_number().over(
        partition_by=(REVIEWS.c.stay_id, REVIEWS.c.rule_id),
        order_by=(REVIEWS.c.reviewed_at.desc(), REVIEWS.c.review_id.desc()),
    )
    same = REVIEWS.c.currency == STATES.c.currency
    last = (
        sa.select(
            REVIEWS.c.stay_id,
            REVIEWS.c.outcome,
            sa.case((same, REVIEWS.c.recovered_fen)).label("recovered_fen"),
            place.label("place"),
        )
        .join(STATES, STATES.c.stay_id == REVIEWS.c.stay_id)
        .join(MEASURES, MEASURES.c.decision_id == STATES.c.decision_id)
    )
    if here is not None:
        last = last.where(here)
    found = last.subquery()

    def any_of(*outcomes: str) -> sa.ColumnElement[Any]:
        return sa.func.max(sa.case((found.c.outcome.in_(outcomes), 1), else_=0))

    return (
        sa.select(
            found.c.stay_id,
            any_of("confirmed", "partly", "not_confirmed").label("concluded"),
            any_of("confirmed", "partly").label("confirmed"),
            whole(found.c.recovered_fen).label("recovered_fen"),
        )
        .where(found.c.place == 1)
        .group_by(found.c.stay_id)
        .subquery()
    )


def month_of(connection: sa.Connection, day: sa.ColumnElement[Any]) -> sa.ColumnElement[date]:
    """The first day of the month of a date."""
    if connection.dialect.name == "postgresql":
        return sa.cast(sa.func.date_trunc("month", day), sa.Date)
    return sa.type_coerce(sa.func.date(day, "start of month"), sa.Date)


def _count(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[Any]:
    return sa.func.count().filter(condition)


def whole(column: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
    """The sum of a column of whole numbers; 0 of nothing."""
    # PostgreSQL's sum of BIGINT is a NUMERIC.
    return sa.cast(sa.func.coalesce(sa.func.sum(column), 0), sa.BigInteger)


def _among(table: sa.Table, pairs: Sequence[Pair]) -> sa.ColumnElement[bool]:
    return sa.or_(
        *(sa.and_(table.c.provider_id == p, table.c.month == month) for p, month in pairs)
    )
