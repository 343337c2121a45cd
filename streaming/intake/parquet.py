"""Canonical Parquet: the columns of a claim with its children as lists of structs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from domain.claim import CHILDREN, STAYS
from domain.schema import Table
from streaming.intake.columns import AT, REC, convert
from streaming.intake.draft import Draft, empty_frame
from streaming.intake.limits import Limits
from streaming.intake.refusals import Reasons, refuse
from streaming.intake.sources import InputError

UNREADABLE: Final = "(row group)"
"""Path of the reason for the rows of a row group that cannot be read."""


def open_file(path: Path) -> pq.ParquetFile:
    """The Parquet file; InputError if its footer cannot be read."""
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"this is no whole Parquet file: {error}",
            where=str(path),
            cure="Write or fetch the file again; without its footer no row can be found.",
        ) from error


def read_tables(
    path: Path, limits: Limits, progress: Callable[[int], None] | None = None
) -> Iterator[tuple[int, pa.Table | None]]:
    """Each batch's number of rows and rows; None for rows of a damaged row group."""
    file = open_file(path)
    size = path.stat().st_size
    for group in range(file.num_row_groups):
        left = file.metadata.row_group(group).num_rows
        try:
            for batch in file.iter_batches(limits.batch_records, row_groups=[group]):
                if batch.num_rows:
                    yield batch.num_rows, pa.Table.from_batches([batch])
                left -= batch.num_rows
        except (pa.ArrowException, OSError):
            yield left, None
        if progress is not None:
            progress(size * (group + 1) // file.num_row_groups)


def draft_claims(rows: pa.Table, limits: Limits) -> Draft:
    """A draft of the rows, with the reasons of every cell that breaks its field."""
    reasons = Reasons()
    frame = _frame(rows)
    known = {f.name for f in STAYS.fields} | {c.name for c in CHILDREN}
    _note_unknown(frame, [c for c in frame.columns if c not in known and c != REC], None, reasons)
    draft = Draft(convert(frame, STAYS, reasons, limits=limits), {}, reasons)
    for table in CHILDREN:
        draft.children[table.name] = _children(frame, table, reasons, limits)
    return draft


def draft_reference(rows: pa.Table, table: Table, reasons: Reasons) -> pl.DataFrame:
    """The frame of a reference table's rows, with the reasons of what breaks a field."""
    frame = _frame(rows)
    known = {f.name for f in table.fields}
    _note_unknown(frame, [c for c in frame.columns if c not in known and c != REC], None, reasons)
    return convert(frame, table, reasons)


def _frame(rows: pa.Table) -> pl.DataFrame:
    frame = pl.DataFrame(pl.from_arrow(rows))
    if REC in frame.columns:  # a stranger's column of our working name is unknown all the same
        frame = frame.rename({REC: "_rec "})
    return frame.with_row_index(REC)


def _children(frame: pl.DataFrame, table: Table, reasons: Reasons, limits: Limits) -> pl.DataFrame:
    name = table.name
    kind = frame.schema.get(name)
    if kind is None or kind == pl.Null:
        return empty_frame(table)
    if not isinstance(kind, pl.List) or not isinstance(kind.inner, pl.Struct):
        cure = f"Write {name} as a list of structs with the fields of docs/fields.md."
        # A writer that met only empty lists does not know what would be in them.
        held = (
            pl.col(name).is_not_null()
            if not isinstance(kind, pl.List)
            else pl.col(name).list.len() > 0
        )
        for record in frame.filter(held)[REC].to_list():
            reasons.add(record, refuse("type", name, None, None, cure))
        return empty_frame(table)
    lists = frame.select(REC, name, _n=pl.col(name).list.len())
    for record, count in (
        lists.filter(pl.col("_n") > limits.list_items).select(REC, "_n").iter_rows()
    ):
        cure = f"Send at most {limits.list_items} elements in {name}; it has {count}."
        reasons.add(record, refuse("too-large", name, None, None, cure))
    lists = lists.filter(pl.col("_n").is_between(1, limits.list_items))
    if lists.is_empty():
        return empty_frame(table)
    rows = lists.select(REC, pl.int_ranges(0, pl.col("_n"), dtype=pl.UInt32).alias(AT), name)
    rows = rows.explode(AT, name)
    for record, at in rows.filter(pl.col(name).is_null()).select(REC, AT).iter_rows():
        cure = f"Write each element of {name} as a struct, not null."
        reasons.add(record, refuse("type", f"{name}[{at}]", None, None, cure))
    inner: list[Any] = [f.name for f in kind.inner.fields]
    fields = rows[name].struct.unnest()
    rows = pl.concat(
        [rows.select(REC, AT), fields.rename({c: f"{c} " for c in (REC, AT) if c in inner})],
        how="horizontal",
    )
    own = {f.name for f in table.fields if f.name != table.key[0]}
    _note_unknown(rows, [c for c in rows.columns if c not in own | {REC, AT}], table, reasons)
    return convert(rows, table, reasons, limits=limits)


def _note_unknown(
    frame: pl.DataFrame, names: list[str], table: Table | None, reasons: Reasons
) -> None:
    """A column that the schema lacks is a fault of the rows that hold something in it."""
    for name in names:
        held = frame.filter(pl.col(name).is_not_null())
        ats = held[AT].to_list() if table is not None else [None] * held.height
        for record, at in zip(held[REC].to_list(), ats, strict=True):
            path = name[:60].strip() if table is None else f"{table.name}[{at}].{name[:60].strip()}"
            reasons.add(record, refuse("unknown-field", path, "", None))


def row_documents(rows: pa.Table, wanted: list[int]) -> list[bytes]:
    """The rows of those numbers as JSON with sorted names, so that a refused row is kept whole."""
    picked = rows.take(pa.array(wanted, type=pa.int64()))
    try:
        return [_json(row) for row in picked.to_pylist()]
    except (ValueError, OverflowError):  # an instant or date that Python's calendar lacks
        text = pl.DataFrame(pl.from_arrow(picked)).write_ndjson()
        return [line.encode() for line in text.splitlines()]


def _json(row: dict[str, Any]) -> bytes:
    text = json.dumps(row, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)
    return text.encode("utf-8", "surrogatepass")
