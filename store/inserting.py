"""Putting many rows into a table at once: arrays on PostgreSQL, executemany on SQLite.

Rows travel as columns, since they come from Arrow. They are sorted by their key first: two
writers that touch the same rows take them in one order and never lock each other out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

CHUNK_ROWS: Final = 5_000
"""Rows of one statement: bounds memory, and beyond some thousands nothing gets faster."""

Columns = Mapping[str, Sequence[Any]]
"""Column name -> values; all of one length."""

_POSTGRESQL: Final = postgresql.dialect()  # type: ignore[no-untyped-call]


def columns_of(table: pa.Table, **more: Any) -> dict[str, Sequence[Any]]:
    """The columns of an Arrow table; ``more`` adds columns of one value."""
    found: dict[str, Sequence[Any]] = {name: table[name].to_pylist() for name in table.column_names}
    return found | {name: [value] * table.num_rows for name, value in more.items()}


def insert(connection: sa.Connection, table: sa.Table, columns: Columns) -> int:
    """Insert the rows whose key is not there yet; how many were new."""
    if connection.dialect.name == "postgresql":
        statement = _unnested(table, columns, "ON CONFLICT DO NOTHING")
        return sum(
            max(connection.exec_driver_sql(statement, part).rowcount, 0)
            for part in _array_parts(table, columns)
        )
    query = sqlite.insert(table).on_conflict_do_nothing().execution_options(preserve_rowcount=True)
    return sum(connection.execute(query, rows).rowcount for rows in _row_parts(table, columns))


def insert_new(connection: sa.Connection, table: sa.Table, columns: Columns) -> set[Any]:
    """Insert, and tell the keys of the rows that were not there yet (tuples if of several columns)."""
    keys = list(table.primary_key.columns)
    found: set[Any] = set()
    if connection.dialect.name == "postgresql":
        names = ", ".join(column.name for column in keys)
        statement = _unnested(table, columns, f"ON CONFLICT DO NOTHING RETURNING {names}")
        for part in _array_parts(table, columns):
            rows = connection.exec_driver_sql(statement, part).all()
            found |= {row[0] if len(keys) == 1 else tuple(row) for row in rows}
        return found
    query = sqlite.insert(table).on_conflict_do_nothing().returning(*keys)
    for rows_in in _row_parts(table, columns):
        rows = connection.execute(query, rows_in).all()
        found |= {row[0] if len(keys) == 1 else tuple(row) for row in rows}
    return found


def upsert(
    connection: sa.Connection,
    table: sa.Table,
    columns: Columns,
    changed: Mapping[str, str] | None = None,
) -> None:
    """Insert rows, or set columns of those of the same key.

    ``changed`` maps a column to the SQL expression of its new value, in which the table's name is
    the stored row and ``excluded`` the given one; by default every column but the key is replaced.
    """
    keys = [column.name for column in table.primary_key.columns]
    if changed is None:
        changed = {name: f"excluded.{name}" for name in columns if name not in keys}
    sets = ", ".join(f"{name} = {value}" for name, value in changed.items())
    tail = f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {sets}"
    if connection.dialect.name == "postgresql":
        statement = _unnested(table, columns, tail)
        for part in _array_parts(table, columns):
            connection.exec_driver_sql(statement, part)
        return
    query = sqlite.insert(table).on_conflict_do_update(
        index_elements=keys, set_={name: sa.text(value) for name, value in changed.items()}
    )
    for rows in _row_parts(table, columns):
        connection.execute(query, rows)


def in_parts(keys: Sequence[Any], size: int = 1_000) -> Iterator[list[Any]]:
    """The different keys, sorted, in parts well under what a statement may bind."""
    unique = sorted(set(keys))
    for start in range(0, len(unique), size):
        yield unique[start : start + size]


def locked(connection: sa.Connection, key: sa.Column[Any], ids: Sequence[str]) -> dict[str, Any]:
    """The rows of these keys as dicts, held until the transaction ends, taken in the order of their keys."""
    found: dict[str, Any] = {}
    for part in in_parts(ids):
        query = sa.select(key.table).where(key.in_(part)).order_by(key).with_for_update()
        rows = connection.execute(query)
        found |= {row._mapping[key]: dict(row._mapping) for row in rows}
    return found


def _unnested(table: sa.Table, columns: Columns, tail: str) -> str:
    """INSERT ... SELECT from one array a column: one round trip, whatever the number of rows.

    Arrays travel in binary (``%b``): as text each element would go through regular expressions.
    """
    names = ", ".join(columns)
    arrays = ", ".join(
        f"%b::{table.c[name].type.compile(dialect=_POSTGRESQL)}[]" for name in columns
    )
    return f"INSERT INTO {table.name} ({names}) SELECT * FROM unnest({arrays}) {tail}"  # noqa: S608


def _array_parts(table: sa.Table, columns: Columns) -> Iterator[tuple[list[Any], ...]]:
    for places in _sorted_parts(table, columns):
        yield tuple(
            [json.dumps(values[place]) for place in places]
            if isinstance(table.c[name].type, sa.JSON)
            else [values[place] for place in places]
            for name, values in columns.items()
        )


def _row_parts(table: sa.Table, columns: Columns) -> Iterator[list[dict[str, Any]]]:
    names = list(columns)
    for places in _sorted_parts(table, columns):
        yield [{name: columns[name][place] for name in names} for place in places]


def _sorted_parts(table: sa.Table, columns: Columns) -> Iterator[list[int]]:
    keys = [columns[column.name] for column in table.primary_key.columns]
    number = len(keys[0])
    order = sorted(range(number), key=lambda place: tuple(key[place] for key in keys))
    for start in range(0, number, CHUNK_ROWS):
        yield order[start : start + CHUNK_ROWS]
