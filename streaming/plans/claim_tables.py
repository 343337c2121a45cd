"""The tables of a few stays given in the layout of claims, row by row: for callers who wait.

``streaming.orders.state.tables_of`` reads the same documents through the intake of claims by
column, which is right for batches and takes 20 ms for one stay. Here each value is made from
its canonical text; a test holds both to the same tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

import pyarrow as pa

from domain.claim import CHILDREN, STAYS
from domain.schema import Kind, Table
from domain.tables import Tables

Json = Mapping[str, Any]


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


_MADE: Final[Mapping[Kind, Callable[[Any], Any]]] = {
    Kind.DECIMAL: Decimal,
    Kind.DATE: date.fromisoformat,
    Kind.INSTANT: _instant,
}
"""From the canonical text of a value to the value; other kinds are what JSON says."""
_TABLES: Final = (STAYS, *CHILDREN)
_EMPTY: Final = Tables.of()


def tables_of(claims: Iterable[Json]) -> Tables:
    """The tables of stays so far, given in the layout of claims (canonical values)."""
    found = list(claims)
    rows: dict[str, list[Json]] = {STAYS.name: found}
    for table in CHILDREN:
        rows[table.name] = [
            {**row, "stay_id": claim["stay_id"]}
            for claim in found
            for row in claim.get(table.name) or ()
        ]
    made = {table.name: _table(rows[table.name], table) for table in _TABLES if rows[table.name]}
    return Tables(**{name: made.get(name, empty) for name, empty in _EMPTY.items()})


def _table(rows: list[Json], table: Table) -> pa.Table:
    schema = table.arrow
    columns = []
    for field, column in zip(table.columns, schema, strict=True):
        values = [row.get(field.name) for row in rows]
        make = _MADE.get(field.kind)
        if make is not None:
            values = [None if v is None else make(v) for v in values]
        columns.append(pa.array(values, type=column.type))
    return pa.Table.from_arrays(columns, schema=schema)
