"""Whose rows a caller may see, as SQL conditions."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from domain.access import Rows


def within(
    rows: Rows,
    provider: sa.ColumnElement[Any],
    department: sa.ColumnElement[Any] | None = None,
    physician: sa.ColumnElement[Any] | None = None,
) -> list[sa.ColumnElement[bool]]:
    """Conditions that hold for the rows which may be seen.

    A table without a column for a limit has no row that is known to be inside it: then none is seen.
    """
    conditions: list[sa.ColumnElement[bool]] = []
    if rows.providers is not None:
        conditions.append(provider.in_(sorted(rows.providers)))
    if rows.departments is not None:
        conditions.append(
            sa.false() if department is None else department.in_(sorted(rows.departments))
        )
    if rows.physician_id is not None:
        conditions.append(sa.false() if physician is None else physician == rows.physician_id)
    return conditions
