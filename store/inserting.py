"""Putting many rows into a table at once: arrays on PostgreSQL, executemany on SQLite.

Rows travel as columns, since they come from Arrow. They are sorted by their key first: two
writers that touch the same rows take them in one order and never lock each other out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from store import arrays
from store.arrays import POSTGRESQL, BinaryArray, Column

CHUNK_ROWS: Final = 5_000
"""Rows of one statement: bounds memory, and beyond some thousands nothing gets faster."""

Columns = Mapping[str, Column]
"""Column name -> values; all of one length."""


def columns_of(table: pa.Table, **more: Any) -> dict[str, Column]:
    """The columns of an Arrow table; ``more`` adds columns of one value."""
    found: dict[str, Column] = dict(zip(table.column_names, table.columns, strict=True))
    return found | {
        name: pa.repeat(pa.scalar(value), table.num_rows) for name, value in more.items()
    }


def insert(connection: sa.Connection, table: sa.Table, columns: Columns) -> int:
    """Insert the rows whose key is not there yet; how many were new."""
    if connection.dialect.name == "postgresql":
        statement = _statement(table, columns, "ON CONFLICT DO NOTHING")
        return sum(
            max(connection.exec_driver_sql(statement, part).rowcount, 0)
            for part in _array_parts(table, columns)
        )
    query = sqlite.insert(table).on_conflict_do_nothing().execution_options(preserve_rowcount=True)
    return sum(connection.execute(query, rows).rowcount for rows in _row_parts(table, columns))


def insert_missing(connection: sa.Connection, table: sa.Table, columns: Columns) -> set[Any]:
    """Insert the rows whose key is not there yet, and tell the keys that were there already.

    Keys of several columns are tuples. Those that were there, because they are few as a rule.
    """
    keys = list(table.primary_key.columns)
    single = len(keys) == 1
    found: set[Any] = set()
    if connection.dialect.name == "postgresql":
        statement = _telling_statement(table, columns)
        for part in _array_parts(table, columns):
            rows = connection.exec_driver_sql(statement, part).all()
            found |= {row[0] if single else tuple(row) for row in rows}
        return found
    query = sqlite.insert(table).on_conflict_do_nothing().returning(*keys)
    for rows_in in _row_parts(table, columns):
        made = {tuple(row) for row in connection.execute(query, rows_in)}
        given = {tuple(row[column.name] for column in keys) for row in rows_in}
        found |= {key[0] if single else key for key in given - made}
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
        statement = _statement(table, columns, tail)
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


def among(
    connection: sa.Connection, column: sa.Column[Any], keys: Sequence[Any]
) -> Iterator[sa.ColumnElement[bool]]:
    """Conditions that each hold for a part of the keys, and together for all of them.

    On PostgreSQL the keys of one are one array: with a parameter a key, building and reading the
    statement costs more than looking the rows up.
    """
    if connection.dialect.name == "postgresql":
        for part in in_parts(keys, CHUNK_ROWS):
            yield column == sa.func.any(sa.bindparam(None, part, arrays.Array(column.type)))
        return
    for part in in_parts(keys):
        yield column.in_(part)


def locked(connection: sa.Connection, key: sa.Column[Any], ids: Sequence[str]) -> dict[str, Any]:
    """The rows of these keys as dicts, held until the transaction ends, taken in the order of their keys."""
    found: dict[str, Any] = {}
    for here in among(connection, key, ids):
        query = sa.select(key.table).where(here).order_by(key).with_for_update()
        rows = connection.execute(query)
        found |= {row._mapping[key]: dict(row._mapping) for row in rows}
    return found


def _statement(table: sa.Table, columns: Columns, tail: str) -> str:
    names = ", ".join(columns)
    return f"INSERT INTO {table.name} ({names}) SELECT * FROM {_unnested(table, columns)} {tail}"  # noqa: S608


def _telling_statement(table: sa.Table, columns: Columns) -> str:
    """Inserts what is missing and gives the keys of the rest."""
    names = ", ".join(columns)
    keys = ", ".join(column.name for column in table.primary_key.columns)
    return (
        f"WITH given AS MATERIALIZED (SELECT * FROM {_unnested(table, columns)}), "  # noqa: S608
        f"made AS (INSERT INTO {table.name} ({names}) SELECT {names} FROM given "
        f"ON CONFLICT DO NOTHING RETURNING {keys}) "
        f"SELECT {keys} FROM given EXCEPT SELECT {keys} FROM made"
    )


def _unnested(table: sa.Table, columns: Columns) -> str:
    """The rows from one array a column: one round trip, whatever the number of rows.

    Arrays travel in binary (``%b``): as text each element would go through regular expressions.
    """
    taken = ", ".join(f"%b::{table.c[name].type.compile(dialect=POSTGRESQL)}[]" for name in columns)
    return f"unnest({taken}) AS g({', '.join(columns)})"


def _array_parts(table: sa.Table, columns: Columns) -> Iterator[tuple[BinaryArray, ...]]:
    kinds = {name: table.c[name].type for name in columns}
    whole = pa.table({name: arrays.arrow(columns[name], kind) for name, kind in kinds.items()})
    keys = [(column.name, "ascending") for column in table.primary_key.columns]
    ordered = whole.sort_by(keys) if whole.num_rows > 1 else whole
    for start in range(0, ordered.num_rows, CHUNK_ROWS):
        part = ordered.slice(start, CHUNK_ROWS)
        yield tuple(
            arrays.encode(part[name].combine_chunks(), kind) for name, kind in kinds.items()
        )


def _row_parts(table: sa.Table, columns: Columns) -> Iterator[list[dict[str, Any]]]:
    lists = {
        name: values.to_pylist() if isinstance(values, pa.Array | pa.ChunkedArray) else values
        for name, values in columns.items()
    }
    keys = [lists[column.name] for column in table.primary_key.columns]
    number = len(keys[0])
    order = sorted(range(number), key=lambda place: tuple(key[place] for key in keys))
    for start in range(0, number, CHUNK_ROWS):
        places = order[start : start + CHUNK_ROWS]
        yield [{name: values[place] for name, values in lists.items()} for place in places]
