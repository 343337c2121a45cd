"""The SQL tables of what each stay measured, and of the sums behind the cockpit.

A change here needs a migration: a test compares both.
"""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa

from domain.indicators import COMPARED, SUMS
from domain.results import MEASURES
from store.tables import METADATA, SERIAL, mirror

ALL: Final = "*"
"""What stands for the department, group or hospital in a cell that holds all of them together."""

_ALL_GROUPS: Final = "provider_id = '*' AND group_code = '*'"
_BY_HOSPITAL: Final = "department = '*' AND provider_id <> '*' AND group_code <> '*'"
_BY_DEPARTMENT: Final = "department <> '*' AND provider_id = '*' AND group_code <> '*'"


def _part(name: str, columns: list[str], where: str, **more: Any) -> sa.Index:
    """An index of the cells that meet a condition; queries that spell it out as text (and not as a parameter) use it."""
    text = sa.text(where)
    return sa.Index(name, *columns, postgresql_where=text, sqlite_where=text, **more)


MEASURES_SQL = mirror(
    MEASURES,
    sa.ForeignKeyConstraint(["decision_id"], ["decisions.decision_id"]),
    sa.Index(None, "group_code"),
)
MEASURE_CELLS_SQL = sa.Table(
    "measure_cells",
    METADATA,
    sa.Column("currency", sa.Text(), primary_key=True),
    # A department, the empty text where the stay names none, or ALL.
    sa.Column("department", sa.Text(), primary_key=True),
    # First day of the month of discharge.
    sa.Column("month", sa.Date(), primary_key=True),
    # The empty text where no group pays, or ALL.
    sa.Column("group_code", sa.Text(), primary_key=True),
    sa.Column("provider_id", sa.Text(), primary_key=True),
    # How many hospitals the cell holds.
    sa.Column("hospitals", sa.Integer(), nullable=False),
    *(sa.Column(name, sa.BigInteger(), nullable=False) for name in SUMS),
    sa.Index(None, "month", "provider_id", "department"),
    # Months and departments at a glance; and the groups of hospitals and departments, which a year has by the hundred thousand.
    _part("ix_measure_cells_whole", ["currency", "month", "department"], _ALL_GROUPS),
    _part(
        "ix_measure_cells_hospitals", ["currency", "month", "group_code", "provider_id"],
        _BY_HOSPITAL, postgresql_include=list(COMPARED),
    ),
    _part(
        "ix_measure_cells_departments", ["currency", "month", "group_code", "department"],
        _BY_DEPARTMENT, postgresql_include=list(COMPARED),
    ),
)  # fmt: skip
MEASURE_MARKS_SQL = sa.Table(
    "measure_marks",
    METADATA,
    # A row for each change: nobody waits for a row of another's transaction.
    sa.Column("mark_id", SERIAL, primary_key=True),
    sa.Column("provider_id", sa.Text(), nullable=False),
    sa.Column("month", sa.Date(), nullable=False),
)
