"""Reading the cells behind the cockpit, and the stays behind its numbers."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Final

import pyarrow as pa
import sqlalchemy as sa

from domain.access import ALL_ROWS, Rows
from domain.codes import CURRENCY
from domain.indicators import (
    COMPARED,
    LEAST_PEERS,
    LOW_RISK_MONTHS,
    SUMS,
    Sums,
    Totals,
    low_risk_groups,
)
from domain.tables import Tables
from store import bodies, measures
from store.errors import translate
from store.history import COUNTS
from store.measure_tables import ALL
from store.measure_tables import MEASURE_CELLS_SQL as CELLS
from store.measure_tables import MEASURES_SQL as MEASURES
from store.measures import next_month
from store.rows import within
from store.state_tables import PROVIDER_MONTHS_SQL as MONTHS
from store.state_tables import PROVIDERS_SQL as PROVIDERS
from store.state_tables import STAY_STATES_SQL as STATES
from store.tables import ALERTS_SQL as ALERTS
from store.tables import CLAIMS_SQL as CLAIMS

Row = dict[str, Any]
Groups = dict[str, Sums]
"""Group code (empty where no group pays) -> its sums."""

KEPT_S: Final = 60.0
"""How old the medians of other hospitals may be."""
_MOST_KEPT: Final = 64
REFRESH_S: Final = 0.25
"""How long a reader counts changed months before it reads; the rest waits for the next reader."""

KINDS: Final = (
    "grouped", "ungrouped", "over_standard", "high_outlier", "low_outlier", "readmitted", "died",
    "low_risk_death", "alert", "confirmed", "recovered",
)  # fmt: skip
"""What stays can be asked for, beside where and when."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which stays to sum: discharged in the months ``first`` to ``last`` (their first days).

    ``rows`` are what the caller may see.
    """

    currency: str
    first: date
    last: date
    provider_id: str | None = None
    department: str | None = None
    group_code: str | None = None
    rows: Rows = ALL_ROWS

    @property
    def before(self) -> Selection:
        """The period of the same length just before."""
        length = _months(self.first, self.last)
        return replace(self, first=next_month(self.first, -length), last=next_month(self.first, -1))


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


class Indicators:
    """The cells and stays behind the indicators; get it from ``Store.indicators``."""

    def __init__(self, readers: sa.Engine, writers: sa.Engine, where: str) -> None:
        self._readers, self._writers, self._where = readers, writers, where
        self._kept: OrderedDict[Any, tuple[float, dict[str, Totals]]] = OrderedDict()
        self._lock = threading.Lock()

    def refresh(self, seconds: float | None = REFRESH_S) -> int:
        """Count what changed, for about so long; how many hospitals' months still wait."""
        with translate(self._where):
            with self._readers.connect() as connection:
                if not measures.waiting(connection):
                    return 0
            measures.refresh(self._writers, seconds)
            with self._readers.connect() as connection:
                return measures.waiting(connection)

    def currencies(self) -> list[str]:
        """The currencies that have cells, that of most stays first."""
        query = (
            sa.select(CELLS.c.currency)
            .where(CELLS.c.currency.in_(sorted(CURRENCY)), *_WHOLE, CELLS.c.group_code == _ALL)
            .group_by(CELLS.c.currency)
            .order_by(sa.func.sum(CELLS.c.stays).desc(), CELLS.c.currency)
        )
        with translate(self._where), self._readers.connect() as connection:
            return list(connection.execute(query).scalars())

    def last_month(self, currency: str) -> date | None:
        """The month to begin with: the last whole one that holds more than a few stragglers.

        One counts that has at least a tenth of the stays of the fullest; of the last of them a
        stay must have ended on its last day, else the one before it is taken.
        """
        summed = sa.func.sum(CELLS.c.stays)
        query = (
            sa.select(CELLS.c.month, sa.cast(summed, sa.BigInteger))
            .where(CELLS.c.currency == currency, *_WHOLE, CELLS.c.group_code == _ALL)
            .group_by(CELLS.c.month)
            .order_by(CELLS.c.month.desc())
        )
        with translate(self._where), self._readers.connect() as connection:
            months: list[tuple[date, int]] = [
                (row[0], int(row[1])) for row in connection.execute(query)
            ]
            full = max((number for _, number in months), default=0)
            told: list[date] = [month for month, number in months if number * 10 >= full]
            if len(told) < 2:
                return date.fromisoformat(str(told[0])) if told else None
            after = next_month(told[0])
            newest: date | None = connection.execute(
                sa.select(sa.func.max(STATES.c.ended_on)).where(
                    COUNTS, STATES.c.ended_on >= told[0], STATES.c.ended_on < after
                )
            ).scalar_one()
        whole = newest is not None and newest.toordinal() == after.toordinal() - 1
        return told[0] if whole else told[1]

    def providers(self, rows: Rows) -> dict[str, str | None]:
        """The hospitals that have inpatient stays and may be seen, with their names where known."""
        provider = MONTHS.c.provider_id
        query = (
            sa.select(provider, PROVIDERS.c.name)
            .outerjoin(PROVIDERS, PROVIDERS.c.provider_id == provider)
            .where(MONTHS.c.stays > 0, *within(Rows(rows.providers), provider))
            .distinct()
        )
        with translate(self._where), self._readers.connect() as connection:
            return {row.provider_id: row.name for row in connection.execute(query)}

    def by_month(self, wanted: Selection) -> dict[date, Sums]:
        """Each month's sums."""
        with translate(self._where), self._readers.connect() as connection:
            source = _source(connection, wanted)
            month = source.c.month
            query = (
                sa.select(month, *_summed(source, SUMS))
                .where(*_conditions(source, wanted, by_group=False))
                .group_by(month)
            )
            return {
                row[0]: dict(zip(SUMS, row[1:], strict=True)) for row in connection.execute(query)
            }

    def groups_by_month(self, wanted: Selection) -> dict[date, Groups]:
        """Each month's groups, with no more than the sums ``COMPARED``."""
        return self._grouped(wanted, "month", names=COMPARED)

    def by_department(self, wanted: Selection) -> dict[str, Groups]:
        """Each department's groups; the empty text is stays that name none."""
        return self._grouped(wanted, "department", by_department=True)

    def groups(self, wanted: Selection) -> Groups:
        """The groups of the whole selection."""
        found = self._grouped(wanted, "currency")
        return found.get(wanted.currency, {})

    def reference(self, wanted: Selection) -> dict[date, Groups]:
        """Each month's groups over all hospitals, as the caller may be told them.

        To a caller who sees only some hospitals, a group's sums are told only if these are the
        only ones that have it, or at least ``LEAST_PEERS`` have it. Neither hospital nor department
        narrows it; the sums are ``COMPARED``.
        """
        return self._reference(wanted, "month")

    def reference_groups(self, wanted: Selection) -> Groups:
        """The same over the whole period."""
        return self._reference(wanted, "currency").get(wanted.currency, {})

    def low_risk(self, currency: str, before: date) -> frozenset[str] | None:
        """The low-risk groups by the months before a period; None if none can be told."""
        return self.low_risk_by_month(currency, [before])[before]

    def low_risk_by_month(
        self, currency: str, months: Sequence[date]
    ) -> dict[date, frozenset[str] | None]:
        """For each month the low-risk groups by the ``LOW_RISK_MONTHS`` before it, over all hospitals."""
        first = next_month(min(months), -LOW_RISK_MONTHS)
        summed = [sa.cast(sa.func.sum(CELLS.c[n]), sa.BigInteger).label(n) for n in _FATES]
        query = (
            sa.select(CELLS.c.month, CELLS.c.group_code, *summed)
            .where(
                CELLS.c.currency == currency,
                *_WHOLE,
                CELLS.c.month.in_(_listed(first, next_month(max(months), -1))),
                CELLS.c.group_code != _ALL,
            )
            .group_by(CELLS.c.month, CELLS.c.group_code)
        )
        found: dict[date, dict[str, tuple[int, int, int]]] = {}
        with translate(self._where), self._readers.connect() as connection:
            for month, code, grouped, outcomes, died in connection.execute(query):
                found.setdefault(month, {})[code] = (grouped, outcomes, died)
        # Month after month, of each group the fates of the twelve before: one comes, one goes.
        held: dict[str, list[int]] = {}
        told: dict[date, frozenset[str] | None] = {}
        for month in _listed(first, max(months)):
            if month in months:
                summed_up = {
                    code: dict(zip(_FATES, sums, strict=True)) for code, sums in held.items()
                }
                told[month] = low_risk_groups(summed_up)
            for sign, of in ((1, month), (-1, next_month(month, -LOW_RISK_MONTHS))):
                for code, fates in found.get(of, {}).items():
                    sums = held.setdefault(code, [0, 0, 0])
                    for place, number in enumerate(fates):
                        sums[place] += sign * number
        return told

    def by_provider(self, wanted: Selection, low_risk: frozenset[str] | None) -> dict[str, Totals]:
        """The totals of every hospital, whether the caller sees it or not: for medians only.

        The selection's hospital does not narrow it, nor which hospitals the caller sees; its
        departments and group do. What was told within ``KEPT_S`` is told again: medians of others, which every
        page of a period shows, need not be of this second.
        """
        alike = replace(wanted, provider_id=None, rows=Rows(departments=wanted.rows.departments))
        key, now = (alike, low_risk), time.monotonic()
        with self._lock:
            at, kept = self._kept.get(key, (-KEPT_S, {}))
        if kept and now - at < KEPT_S:
            return kept
        found = self._totals(alike, "provider_id", low_risk)
        with self._lock:
            self._kept[key] = now, found
            self._kept.move_to_end(key)
            if len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return found

    def department_totals(
        self, wanted: Selection, low_risk: frozenset[str] | None
    ) -> dict[str, Totals]:
        """The totals of each department, beside the means of all hospitals.

        For a caller who sees every hospital; to others not every group's mean may be told (``reference``).
        """
        if wanted.rows.providers is not None or wanted.rows.physician_id is not None:
            raise AssertionError("the means of groups are not for a caller who sees few hospitals")
        return self._totals(wanted, "department", low_risk)

    def _totals(
        self, wanted: Selection, key: str, low_risk: frozenset[str] | None
    ) -> dict[str, Totals]:
        """``SUMS`` and ``EXTRAS`` by hospital or department, made by the database."""
        by = {"by_provider": key == "provider_id", "by_department": key == "department"}
        column, group = CELLS.c[key], CELLS.c.group_code
        sums = (
            sa.select(column, *_summed(CELLS, SUMS))
            .where(*_conditions(CELLS, wanted, by_group=False, **by))
            .group_by(column)
        )
        here = _conditions(CELLS, wanted, **by)
        other = wanted.rows.departments if key == "provider_id" else wanted.rows.providers
        if wanted.first == wanted.last and other is None:
            # One cell a group: nothing to add up.
            alone = (CELLS.c[name] for name in COMPARED)
            inner = sa.select(column.label("key"), group, *alone).where(*here).subquery()
        else:
            inner = (
                sa.select(column.label("key"), group, *_summed(CELLS, COMPARED))
                .where(*here)
                .group_by(column, group)
                .subquery()
            )
        whole = replace(wanted, provider_id=None, department=None, rows=ALL_ROWS)
        usual = (
            sa.select(
                group,
                _mean(CELLS.c.cost_fen, CELLS.c.costed).label("mean_cost"),
                _mean(CELLS.c.days, CELLS.c.stays).label("mean_days"),
            )
            .where(*_conditions(CELLS, whole))
            .group_by(group)
            .subquery()
        )
        c = inner.c
        own = (c.grouped > 0) & usual.c.group_code.is_not(None)
        cost = own & (c.costed > 0) & (usual.c.mean_cost > 0)
        days = own & (c.stays > 0) & (usual.c.mean_days > 0)
        risky = c.group_code.in_(sorted(low_risk or ()))
        double: sa.Double[float] = sa.Double()

        def expected(where: sa.ColumnElement[bool], amount: Any, mean: Any) -> Any:
            share = sa.cast(amount, double) / mean
            return sa.func.coalesce(sa.func.sum(sa.case((where, share))), 0.0)

        extras = {
            "covered": sa.func.count().filter(c.grouped > 0),
            "cost_expected": expected(cost, c.cost_fen, usual.c.mean_cost),
            "cost_compared": _whole(sa.case((cost, c.costed))),
            "days_expected": expected(days, c.days, usual.c.mean_days),
            "days_compared": _whole(sa.case((days, c.stays))),
            "low_risk_died": _whole(sa.case((risky, c.died))),
            "low_risk_outcomes": _whole(sa.case((risky, c.outcomes))),
        }
        query = (
            sa.select(c.key, *(column.label(name) for name, column in extras.items()))
            .select_from(inner)
            .outerjoin(usual, usual.c.group_code == c.group_code)
            .group_by(c.key)
        )
        with translate(self._where), self._readers.connect() as connection:
            more = {key: values for key, *values in connection.execute(query)}
            return {
                key: {
                    **dict(zip(SUMS, numbers, strict=True)),
                    **dict(zip(extras, more[key], strict=True)),
                }
                for key, *numbers in connection.execute(sums)
            }

    def regions(self, providers: Sequence[str]) -> dict[str, str]:
        """The first four digits (the city) of the hospitals' regions, where known."""
        query = sa.select(PROVIDERS.c.provider_id, PROVIDERS.c.region_code).where(
            PROVIDERS.c.region_code.is_not(None)
        )
        asked = set(providers)
        with translate(self._where), self._readers.connect() as connection:
            return {
                row.provider_id: row.region_code[:4]
                for row in connection.execute(query)
                if row.provider_id in asked
            }

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
        query = self._stays(wanted, kind, low_risk).add_columns(
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
            number = _whole(CELLS.c[counted])
            if kind == "ungrouped":
                number -= _whole(CELLS.c.grouped)
            summed = sa.select(number).where(*_conditions(CELLS, wanted, by_group=False))
            with translate(self._where), self._readers.connect() as connection:
                return int(connection.execute(summed).scalar_one())
        query = self._stays(wanted, kind, low_risk).with_only_columns(sa.func.count())
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
            .join(
                CLAIMS,
                sa.and_(
                    CLAIMS.c.stay_id == STATES.c.stay_id,
                    CLAIMS.c.claim_version == STATES.c.claim_version,
                    CLAIMS.c.input_sha256 == STATES.c.input_sha256,
                ),
            )
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
            told = rows.select(["provider_id", "discharge_date"]).to_pylist()
            measures.mark(
                connection,
                None,
                [
                    {"provider_id": r["provider_id"], "ended_on": r["discharge_date"], "claim_type": "inpatient"}
                    for r in told
                ],
            )  # fmt: skip
            return new

    def _grouped(
        self,
        wanted: Selection,
        key: str,
        *,
        by_department: bool = False,
        names: Sequence[str] = SUMS,
    ) -> dict[Any, Groups]:
        with translate(self._where), self._readers.connect() as connection:
            source = _source(connection, wanted)
            column = source.c[key]
            query = (
                sa.select(column, source.c.group_code, *_summed(source, names))
                .where(*_conditions(source, wanted, by_department=by_department))
                .group_by(column, source.c.group_code)
            )
            found: dict[Any, Groups] = {}
            for place, code, *numbers in connection.execute(query):
                found.setdefault(place, {})[code] = dict(zip(names, numbers, strict=True))
        return found

    def _reference(self, wanted: Selection, key: str) -> dict[Any, Groups]:
        alike = Selection(wanted.currency, wanted.first, wanted.last, group_code=wanted.group_code)
        column, code = CELLS.c[key], CELLS.c.group_code
        query = (
            sa.select(
                column, code, sa.func.max(CELLS.c.hospitals), sa.func.sum(CELLS.c.hospitals),
                *_summed(CELLS, COMPARED),
            )
            .where(*_conditions(CELLS, alike))
            .group_by(column, code)
        )  # fmt: skip
        mine = wanted.rows.providers
        own: dict[tuple[Any, str], int] = {}
        found: dict[Any, Groups] = {}
        with translate(self._where), self._readers.connect() as connection:
            if mine is not None:
                seen = replace(alike, rows=Rows(providers=mine))
                counted = (
                    sa.select(column, code, sa.func.count())
                    .where(*_conditions(CELLS, seen))
                    .group_by(column, code)
                )
                own = {(row[0], row[1]): row[2] for row in connection.execute(counted)}
            for place, group, most, all_of_them, *numbers in connection.execute(query):
                if mine is None or most >= LEAST_PEERS or own.get((place, group)) == all_of_them:
                    found.setdefault(place, {})[group] = dict(zip(COMPARED, numbers, strict=True))
        return found

    def _stays(
        self, wanted: Selection, kind: str | None, low_risk: frozenset[str] | None
    ) -> sa.Select[Any]:
        m = MEASURES.c
        conditions = [
            m.currency == wanted.currency,
            STATES.c.ended_on >= wanted.first,
            STATES.c.ended_on < next_month(wanted.last),
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


_ALL: Final[sa.ColumnElement[str]] = sa.literal_column(f"'{ALL}'", sa.Text())
"""``ALL`` as a part of the statement: with a parameter no index of a part of the cells would be used."""
_WHOLE: Final = (CELLS.c.department == _ALL, CELLS.c.provider_id == _ALL)
_COUNTED: Final[Mapping[str | None, str]] = {
    None: "stays", "grouped": "grouped", "ungrouped": "stays", "over_standard": "over_standard",
    "high_outlier": "high_outliers", "low_outlier": "low_outliers", "readmitted": "readmitted",
    "died": "died", "alert": "alerts", "confirmed": "confirmed",
}  # fmt: skip
"""What stays are asked for -> the sum that counts them."""
_FATES: Final = ("grouped", "outcomes", "died")


def _months(first: date, last: date) -> int:
    return (last.year - first.year) * 12 + last.month - first.month + 1


def _listed(first: date, last: date) -> list[date]:
    return [next_month(first, place) for place in range(_months(first, last))]


def _source(connection: sa.Connection, wanted: Selection) -> sa.FromClause:
    """The cells; or, for a caller who sees the stays of one physician, cells made of these alone."""
    if wanted.rows.physician_id is None:
        return CELLS
    here = sa.and_(
        MEASURES.c.attending_physician_id == wanted.rows.physician_id,
        STATES.c.ended_on >= wanted.first,
        STATES.c.ended_on < next_month(wanted.last),
    )
    return measures.cells(connection, here).subquery()


def _conditions(
    source: sa.FromClause,
    wanted: Selection,
    *,
    by_department: bool = False,
    by_provider: bool = False,
    by_group: bool = True,
) -> list[sa.ColumnElement[bool]]:
    c, rows = source.c, replace(wanted.rows, physician_id=None)
    found = [
        c.currency == wanted.currency,
        # Named one by one: so an index leads to each.
        c.month.in_(_listed(wanted.first, wanted.last)),
        *within(rows, c.provider_id, c.department),
    ]
    if wanted.department is not None:
        found.append(c.department == wanted.department)
    elif source is CELLS:
        whole = rows.departments is None and not by_department
        found.append(c.department == _ALL if whole else c.department != _ALL)
    if wanted.provider_id is not None:
        found.append(c.provider_id == wanted.provider_id)
    elif source is CELLS:
        together = rows.providers is None and not by_provider
        found.append(c.provider_id == _ALL if together else c.provider_id != _ALL)
    if wanted.group_code is not None:
        found.append(c.group_code == wanted.group_code)
    elif source is CELLS:
        found.append(c.group_code != _ALL if by_group else c.group_code == _ALL)
    return found


def _summed(source: sa.FromClause, names: Sequence[str]) -> list[sa.ColumnElement[int]]:
    return [_whole(source.c[name]).label(name) for name in names]


def _whole(column: Any) -> sa.ColumnElement[int]:
    # PostgreSQL's sum of BIGINT is a NUMERIC.
    return sa.cast(sa.func.coalesce(sa.func.sum(column), 0), sa.BigInteger)


def _mean(amount: Any, number: Any) -> sa.ColumnElement[Any]:
    """A mean as a float; null without anything to divide by."""
    return sa.cast(sa.func.sum(amount), sa.Double) / sa.func.nullif(sa.func.sum(number), 0)
