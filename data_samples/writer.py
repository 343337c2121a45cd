"""Canonical claim records as JSON lines and as Parquet, the same bytes every time."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from data_samples.ledger import Record
from domain.claim import CHILDREN, STAYS
from domain.schema import Kind, Table

_HEAD = tuple(f.name for f in STAYS.fields)
_CHILDREN = tuple(child.name for child in CHILDREN)
_ROWS_A_GROUP = 2_000

_dump = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":")
).encode


def encode(record: Record) -> str:
    """One claim as a JSON line without its newline: fields in schema order, no nulls."""
    ordered = {name: record[name] for name in _HEAD if record.get(name) is not None}
    ordered |= {name: record[name] for name in _CHILDREN if record.get(name)}
    return _dump(ordered)


def encode_party(record: Record) -> str:
    """One provider or physician as a JSON line without its newline."""
    return _dump(record)


def write_lines(path: Path, lines: Iterable[str]) -> int:
    """Write the lines as UTF-8, each ended by a newline; the number of lines."""
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for line in lines:
            file.write(line)
            file.write("\n")
            count += 1
    return count


def write_parquet(path: Path, records: Iterable[Record]) -> int:
    """Write claims as Parquet: STAYS columns, clear personal fields included, and list children.

    The bytes depend on the records and on the version of pyarrow. Returns the row count.
    """
    spelled, typed = _schema(text=True), _schema(text=False)
    count = 0
    with pq.ParquetWriter(path, typed, compression="zstd") as writer:
        batch: list[Record] = []
        for record in records:
            batch.append(record)
            if len(batch) == _ROWS_A_GROUP:
                count += _write_batch(writer, batch, spelled, typed)
                batch = []
        if batch:
            count += _write_batch(writer, batch, spelled, typed)
    return count


def spell_csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A CSV file with newlines only, as text."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def spell_json(document: Mapping[str, object] | Sequence[object]) -> str:
    """An indented JSON document for people, as text with a last newline."""
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def _write_batch(
    writer: pq.ParquetWriter, batch: list[Record], spelled: pa.Schema, typed: pa.Schema
) -> int:
    writer.write_table(pa.Table.from_pylist(batch, schema=spelled).cast(typed))
    return len(batch)


def _schema(*, text: bool) -> pa.Schema:
    """The nested schema; with ``text``, dates, instants and decimals as in JSON."""

    def column(table: Table, name: str) -> pa.Field:
        field = table[name]
        spelled = field.kind in (Kind.DATE, Kind.INSTANT, Kind.DECIMAL)
        kind = pa.string() if text and spelled else field.arrow_type
        return pa.field(name, kind, nullable=not field.required)

    columns = [column(STAYS, name) for name in _HEAD]
    for child in CHILDREN:
        inner = pa.struct([column(child, f.name) for f in child.fields if f.name != "stay_id"])
        columns.append(pa.field(child.name, pa.list_(inner)))
    return pa.schema(columns)
