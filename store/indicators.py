"""Reading the cells behind the cockpit."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any, Final

import sqlalchemy as sa

from domain.access import ALL_ROWS, Rows
from domain.calendar import month_after
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
from store import measures
from store.cells import (
    EVERY,
    WHOLE,
    Groups,
    Selection,
    conditions,
    mean,
    months_of,
    source_of,
    summed,
)
from store.errors import translate
from store.history import COUNTS
from store.measure_tables import MEASURE_CELLS_SQL as CELLS
from store.rows import within
from store.state_tables import PROVIDER_MONTHS_SQL as MONTHS
from store.state_tables import PROVIDERS_SQL as PROVIDERS
from store.state_tables import STAY_STATES_SQL as STATES

_FATES: Final = ("grouped", "outcomes", "died")
KEPT_S: Final = 60.0
"""How old the medians of other hospitals may be."""
_MOST_KEPT: Final = 64
REFRESH_S: Final = 0.25
"""How long a reader counts changed months before it reads; the rest waits for the next reader."""


class Indicators:
    """The cells behind the indicators; get it from ``Store.indicators``."""

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
            .where(CELLS.c.currency.in_(sorted(CURRENCY)), *WHOLE, CELLS.c.group_code == EVERY)
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
            .where(CELLS.c.currency == currency, *WHOLE, CELLS.c.group_code == EVERY)
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
            after = month_after(told[0])
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
            source = source_of(connection, wanted)
            month = source.c.month
            query = (
                sa.select(month, *summed(source, SUMS))
                .where(*conditions(source, wanted, by_group=False))
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
        first = month_after(min(months), -LOW_RISK_MONTHS)
        query = (
            sa.select(CELLS.c.month, CELLS.c.group_code, *summed(CELLS, _FATES))
            .where(
                CELLS.c.currency == currency,
                *WHOLE,
                CELLS.c.month.in_(months_of(first, month_after(max(months), -1))),
                CELLS.c.group_code != EVERY,
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
        for month in months_of(first, max(months)):
            if month in months:
                summed_up = {
                    code: dict(zip(_FATES, sums, strict=True)) for code, sums in held.items()
                }
                told[month] = low_risk_groups(summed_up)
            for sign, of in ((1, month), (-1, month_after(month, -LOW_RISK_MONTHS))):
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
            sa.select(column, *summed(CELLS, SUMS))
            .where(*conditions(CELLS, wanted, by_group=False, **by))
            .group_by(column)
        )
        here = conditions(CELLS, wanted, **by)
        other = wanted.rows.departments if key == "provider_id" else wanted.rows.providers
        if wanted.first == wanted.last and other is None:
            # One cell a group: nothing to add up.
            alone = (CELLS.c[name] for name in COMPARED)
            inner = sa.select(column.label("key"), group, *alone).where(*here).subquery()
        else:
            inner = (
                sa.select(column.label("key"), group, *summed(CELLS, COMPARED))
                .where(*here)
                .group_by(column, group)
                .subquery()
            )
        everything = replace(wanted, provider_id=None, department=None, rows=ALL_ROWS)
        usual = (
            sa.select(
                group,
                mean(CELLS.c.cost_fen, CELLS.c.costed).label("mean_cost"),
                mean(CELLS.c.days, CELLS.c.stays).label("mean_days"),
            )
            .where(*conditions(CELLS, everything))
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
            "cost_compared": measures.whole(sa.case((cost, c.costed))),
            "days_expected": expected(days, c.days, usual.c.mean_days),
            "days_compared": measures.whole(sa.case((days, c.stays))),
            "low_risk_died": measures.whole(sa.case((risky, c.died))),
            "low_risk_outcomes": measures.whole(sa.case((risky, c.outcomes))),
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

    def _grouped(
        self,
        wanted: Selection,
        key: str,
        *,
        by_department: bool = False,
        names: Sequence[str] = SUMS,
    ) -> dict[Any, Groups]:
        with translate(self._where), self._readers.connect() as connection:
            source = source_of(connection, wanted)
            column = source.c[key]
            query = (
                sa.select(column, source.c.group_code, *summed(source, names))
                .where(*conditions(source, wanted, by_department=by_department))
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
                *summed(CELLS, COMPARED),
            )
            .where(*conditions(CELLS, alike))
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
                    .where(*conditions(CELLS, seen))
                    .group_by(column, code)
                )
                own = {(row[0], row[1]): row[2] for row in connection.execute(counted)}
            for place, group, most, all_of_them, *numbers in connection.execute(query):
                if mine is None or most >= LEAST_PEERS or own.get((place, group)) == all_of_them:
                    found.setdefault(place, {})[group] = dict(zip(COMPARED, numbers, strict=True))
        return found
