"""Which cells behind the cockpit are meant, and how they are summed, in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

import sqlalchemy as sa

from domain.access import ALL_ROWS, Rows
from domain.calendar import month_after
from domain.indicators import Sums
from store import measures
from store.measure_tables import ALL
from store.measure_tables import MEASURE_CELLS_SQL as CELLS
from store.measure_tables import MEASURES_SQL as MEASURES
from store.rows import within
from store.state_tables import STAY_STATES_SQL as STATES

Row = dict[str, Any]
Groups = dict[str, Sums]
"""Group code (empty where no group pays) -> its sums."""


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
        return replace(
            self, first=month_after(self.first, -length), last=month_after(self.first, -1)
        )


EVERY: Final[sa.ColumnElement[str]] = sa.literal_column(f"'{ALL}'", sa.Text())
"""``ALL`` as a part of the statement: with a parameter no index of a part of the cells would be used."""
WHOLE: Final = (CELLS.c.department == EVERY, CELLS.c.provider_id == EVERY)
"""The cells of all hospitals together."""


def _months(first: date, last: date) -> int:
    return (last.year - first.year) * 12 + last.month - first.month + 1


def months_of(first: date, last: date) -> list[date]:
    """The first days of the months from ``first`` to ``last``."""
    return [month_after(first, place) for place in range(_months(first, last))]


def source_of(connection: sa.Connection, wanted: Selection) -> sa.FromClause:
    """The cells; or, for a caller who sees the stays of one physician, cells made of these alone."""
    if wanted.rows.physician_id is None:
        return CELLS
    here = sa.and_(
        MEASURES.c.attending_physician_id == wanted.rows.physician_id,
        STATES.c.ended_on >= wanted.first,
        STATES.c.ended_on < month_after(wanted.last),
    )
    return measures.cells(connection, here).subquery()


def conditions(
    source: sa.FromClause,
    wanted: Selection,
    *,
    by_department: bool = False,
    by_provider: bool = False,
    by_group: bool = True,
) -> list[sa.ColumnElement[bool]]:
    """Which cells hold the stays of a selection, each once: those of everything together where that is enough."""
    c, rows = source.c, replace(wanted.rows, physician_id=None)
    found = [
        c.currency == wanted.currency,
        # Named one by one: so an index leads to each.
        c.month.in_(months_of(wanted.first, wanted.last)),
        *within(rows, c.provider_id, c.department),
    ]
    if wanted.department is not None:
        found.append(c.department == wanted.department)
    elif source is CELLS:
        whole = rows.departments is None and not by_department
        found.append(c.department == EVERY if whole else c.department != EVERY)
    if wanted.provider_id is not None:
        found.append(c.provider_id == wanted.provider_id)
    elif source is CELLS:
        together = rows.providers is None and not by_provider
        found.append(c.provider_id == EVERY if together else c.provider_id != EVERY)
    if wanted.group_code is not None:
        found.append(c.group_code == wanted.group_code)
    elif source is CELLS:
        found.append(c.group_code != EVERY if by_group else c.group_code == EVERY)
    return found


def summed(source: sa.FromClause, names: Sequence[str]) -> list[sa.ColumnElement[int]]:
    """The sums of these columns, under their names."""
    return [measures.whole(source.c[name]).label(name) for name in names]


def mean(amount: Any, number: Any) -> sa.ColumnElement[Any]:
    """A mean as a float; null without anything to divide by."""
    return sa.cast(sa.func.sum(amount), sa.Double) / sa.func.nullif(sa.func.sum(number), 0)
