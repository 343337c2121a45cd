"""The stays behind the cockpit's numbers: what each measured, and which nobody measured yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

import pyarrow as pa
import sqlalchemy as sa

from domain.calendar import month_after
from domain.tables import Tables
from store import bodies, measures
from store.cells import Row, Selection, conditions
from store.errors import translate
from store.history import COUNTS, content_of
from store.measure_tables import MEASURE_CELLS_SQL as CELLS
from store.measure_tables import MEASURES_SQL as MEASURES
from store.rows import within
from store.state_tables import STAY_STATES_SQL as STATES
from store.tables import ALERTS_SQL as ALERTS
from store.tables import CLAIMS_SQL as CLAIMS

KINDS: Final = (
    "grouped", "ungrouped", "over_standard", "high_outlier", "low_outlier", "readmitted", "died",
    "low_risk_death", "alert", "confirmed", "recovered",
)  # fmt: skip
"""What stays can be asked for, beside where and when."""


_COUNTED: Final[Mapping[str | None, str]] = {
    None: "stays", "grouped": "grouped", "ungrouped": "stays", "over_standard": "over_standard",
    "high_outlier": "high_outliers", "low_outlier": "low_outliers", "readmitted": "readmitted",
    "died": "died", "alert": "alerts", "confirmed": "confirmed",
}  # fmt: skip
"""What stays are asked for -> the sum that counts them."""


@dataclass(frozen=True, slots=True)
class StayPage:
    """Rows of one page, and (day of discharge, stay) of the last one; None after the last page."""

    rows: Sequence[Row]
    after: tuple[date, str] | None


@dataclass(frozen=True, slots=True)
class Unmeasured:
    """Stored claims whose decisions nobody measured, with ``stay_id`` -> ``decision_id``."""

    claims: Tables
    decisions: Mapping[str, str] = field(default_factory=dict)
    last: str | None = None
    """The last stay of the part; None when there is none left."""


class MeasuredStays:
    """Measures of stays; get it from ``Store.measured``."""

    def __init__(self, readers: sa.Engine, writers: sa.Engine, where: str) -> None:
        self._readers, self._writers, self._where = readers, writers, where

    def stays(
        self,
        wanted: Selection,
        kind: str | None,
        low_risk: frozenset[str] | None,
        after: tuple[date, str] | None,
        limit: int,
    ) -> StayPage:
        """One page of the stays of a selection, last discharge first; ``kind`` is one of ``KINDS``."""
        day, stay = STATES.c.ended_on, STATES.c.stay_id
        query = self._chosen(wanted, kind, low_risk).add_columns(
            MEASURES, day.label("ended_on"), ALERTS.c.alert_id, ALERTS.c.severity,
            ALERTS.c.exposure_fen,
        )  # fmt: skip
        if after is not None:
            query = query.where(sa.or_(day < after[0], sa.and_(day == after[0], stay > after[1])))
        query = query.order_by(day.desc(), stay).limit(limit + 1)
        with translate(self._where), self._readers.connect() as connection:
            rows = [dict(row._mapping) for row in connection.execute(query)]
        more, rows = len(rows) > limit, rows[:limit]
        return StayPage(rows, (rows[-1]["ended_on"], rows[-1]["stay_id"]) if more else None)

    def count_stays(
        self, wanted: Selection, kind: str | None, low_risk: frozenset[str] | None
    ) -> int:
        """How many stays that are: where a sum counts them, by the cells."""
        counted = _COUNTED.get(kind)
        if counted is not None and wanted.rows.physician_id is None:
            number = measures.whole(CELLS.c[counted])
            if kind == "ungrouped":
                number -= measures.whole(CELLS.c.grouped)
            summed = sa.select(number).where(*conditions(CELLS, wanted, by_group=False))
            with translate(self._where), self._readers.connect() as connection:
                return int(connection.execute(summed).scalar_one())
        query = self._chosen(wanted, kind, low_risk).with_only_columns(sa.func.count())
        with translate(self._where), self._readers.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def stay(self, stay_id: str) -> Row | None:
        """What one stay measured in the decision that counts; None if nothing counts or was measured."""
        query = (
            sa.select(MEASURES, ALERTS.c.alert_id, ALERTS.c.severity, ALERTS.c.exposure_fen)
            .select_from(STATES)
            .join(MEASURES, MEASURES.c.decision_id == STATES.c.decision_id)
            .outerjoin(ALERTS, ALERTS.c.decision_id == STATES.c.decision_id)
            .where(STATES.c.stay_id == stay_id)
        )
        with translate(self._where), self._readers.connect() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else dict(row._mapping)

    def unmeasured(self, after: str | None, limit: int) -> Unmeasured:
        """The next inpatient stays that count and were decided before anybody measured."""
        query = (
            sa.select(STATES.c.stay_id, STATES.c.decision_id, CLAIMS.c.body)
            .join(CLAIMS, content_of(STATES))
            .outerjoin(MEASURES, MEASURES.c.decision_id == STATES.c.decision_id)
            .where(
                COUNTS, STATES.c.claim_type == "inpatient", MEASURES.c.decision_id.is_(None),
                STATES.c.stay_id > (after or ""),
            )
            .order_by(STATES.c.stay_id)
            .limit(limit)
        )  # fmt: skip
        with translate(self._where), self._readers.connect() as connection:
            rows = connection.execute(query).all()
        return Unmeasured(
            bodies.decode(row.body for row in rows),
            {row.stay_id: row.decision_id for row in rows},
            rows[-1].stay_id if rows else None,
        )

    def keep(self, rows: pa.Table) -> int:
        """Store measures of decisions that are there, and mark their months; how many were new."""
        with translate(self._where), self._writers.begin() as connection:
            new = measures.keep(connection, rows)
            ended = (rows[name].to_pylist() for name in ("provider_id", "discharge_date"))
            measures.mark_months(connection, zip(*ended, strict=True))
            return new

    def _chosen(
        self, wanted: Selection, kind: str | None, low_risk: frozenset[str] | None
    ) -> sa.Select[Any]:
        m = MEASURES.c
        conditions = [
            m.currency == wanted.currency,
            STATES.c.ended_on >= wanted.first,
            STATES.c.ended_on < month_after(wanted.last),
            *within(wanted.rows, STATES.c.provider_id, m.department, m.attending_physician_id),
        ]
        if wanted.provider_id is not None:
            conditions.append(STATES.c.provider_id == wanted.provider_id)
        for column, value in ((m.department, wanted.department), (m.group_code, wanted.group_code)):
            if value is not None:
                conditions.append(
                    sa.func.coalesce(column, "") == value if not value else column == value
                )
        match kind:
            case "grouped":
                conditions.append(m.grouped)
            case "ungrouped":
                conditions.append(sa.not_(m.grouped))
            case "over_standard" | "readmitted" | "died":
                conditions.append(m[kind])
            case "high_outlier" | "low_outlier":
                conditions.append(m.payment_case == kind)
            case "low_risk_death":
                conditions += [m.died, m.group_code.in_(sorted(low_risk or ()))]
            case "alert":
                conditions.append(ALERTS.c.alert_id.is_not(None))
            case "confirmed" | "recovered":
                said = measures.concluded(sa.and_(*conditions))
                holds = said.c.confirmed == 1 if kind == "confirmed" else said.c.recovered_fen > 0
                conditions.append(STATES.c.stay_id.in_(sa.select(said.c.stay_id).where(holds)))
        return (
            sa.select()
            .select_from(STATES)
            .join(MEASURES, m.decision_id == STATES.c.decision_id)
            .outerjoin(ALERTS, ALERTS.c.decision_id == STATES.c.decision_id)
            .where(*conditions)
        )
