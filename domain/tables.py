"""A batch of claims as Arrow tables: what travels through the house."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields

import pyarrow as pa
import pyarrow.compute as pc

from domain.claim import CLAIM_TABLES
from domain.errors import SchemaMismatchError
from domain.parties import PARTY_TABLES
from domain.schema import Table

_ALL: dict[str, Table] = {t.name: t for t in (*CLAIM_TABLES, *PARTY_TABLES)}


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables of a batch, each with exactly its ``domain`` schema.

    Rows of a child table belong to the stay of their ``stay_id``; the order of rows
    carries no meaning. ``providers`` and ``physicians`` are reference tables and may
    be empty.
    """

    stays: pa.Table
    diagnoses: pa.Table
    procedures: pa.Table
    charges: pa.Table
    orders: pa.Table
    icu_stays: pa.Table
    coverages: pa.Table
    providers: pa.Table
    physicians: pa.Table

    def __post_init__(self) -> None:
        for name, table in self.items():
            expected = _ALL[name].arrow
            if not table.schema.equals(expected):
                raise SchemaMismatchError(
                    f"table {name} has another schema than domain {sorted(_differences(table.schema, expected))}",
                    where=f"Tables.{name}",
                    cure="Build it with Tables.of, which casts, or through streaming.intake.",
                )

    @classmethod
    def of(cls, given: Mapping[str, pa.Table] | None = None, /) -> Tables:
        """Tables from those given by name; a missing table or nullable column is empty.

        Columns are put in order and cast without loss; SchemaMismatchError names the
        table and column that cannot be.
        """
        given = given or {}
        unknown = set(given) - set(_ALL)
        if unknown:
            raise SchemaMismatchError(
                f"no table is named {sorted(unknown)}",
                where="Tables.of",
                cure=f"Use the names {sorted(_ALL)}.",
            )
        return cls(
            **{
                name: conform(given[name], table) if name in given else table.arrow.empty_table()
                for name, table in _ALL.items()
            }
        )

    def items(self) -> Iterator[tuple[str, pa.Table]]:
        """Name and table, heads before children."""
        for f in fields(self):
            yield f.name, getattr(self, f.name)

    def __len__(self) -> int:
        return int(self.stays.num_rows)

    def select(self, stay_ids: pa.Array | pa.ChunkedArray) -> Tables:
        """The same batch with only the stays named, and their children."""
        kept: dict[str, pa.Table] = {}
        for name, table in self.items():
            if "stay_id" in table.column_names:
                table = table.filter(pc.is_in(table["stay_id"], value_set=stay_ids))
            kept[name] = table
        return Tables(**kept)


def concat(batches: Iterable[Tables]) -> Tables:
    """All batches as one; no batch at all gives empty tables."""
    listed = list(batches)
    if not listed:
        return Tables.of()
    return Tables(
        **{f.name: pa.concat_tables([getattr(b, f.name) for b in listed]) for f in fields(Tables)}
    )


def conform(table: pa.Table, definition: Table) -> pa.Table:
    """The table with the definition's columns, order and types; absent optional columns are null."""
    unknown = set(table.column_names) - {c.name for c in definition.columns}
    if unknown:
        raise SchemaMismatchError(
            f"table {definition.name} has unknown columns {sorted(unknown)}",
            where=definition.name,
            cure="Drop or rename them; docs/fields.md lists the columns.",
        )
    columns = []
    for column in definition.columns:
        if column.name not in table.column_names:
            if column.required:
                raise SchemaMismatchError(
                    f"table {definition.name} lacks the required column {column.name}",
                    where=definition.name,
                    cure="Add the column; docs/fields.md says what it means.",
                )
            columns.append(pa.nulls(table.num_rows, column.arrow_type))
            continue
        values = table[column.name]
        if column.required and values.null_count:
            raise SchemaMismatchError(
                f"column {column.name} of {definition.name} has {values.null_count} empty values",
                where=definition.name,
                cure="Set such records aside at intake; the column is required.",
            )
        if values.type == column.arrow_type:
            columns.append(values)
            continue
        try:
            columns.append(values.cast(column.arrow_type))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise SchemaMismatchError(
                f"column {column.name} of {definition.name} cannot become {column.arrow_type}: {error}",
                where=definition.name,
                cure="Correct the values or their type.",
            ) from error
    return pa.Table.from_arrays(columns, schema=definition.arrow)


def _differences(found: pa.Schema, expected: pa.Schema) -> set[str]:
    return {str(f) for f in set(found) ^ set(expected)} or {"the order of columns"}
