"""Tables as they travel between the tasks of a backfill: Arrow streams, cut into buckets."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa

ROW: Final = pa.schema(
    [
        pa.field("bucket", pa.int32(), nullable=False),
        pa.field("name", pa.string(), nullable=False),
        pa.field("place", pa.int64(), nullable=False),
        pa.field("payload", pa.binary(), nullable=False),
    ]
)
"""One table of one bucket from one task: what Spark shuffles. Polars and Arrow types that Spark
does not know, such as instants with a zone and decimals, so travel unchanged."""

ROW_DDL: Final = "bucket int, name string, place bigint, payload binary"
"""The same for Spark."""


class Row(NamedTuple):
    """One table on its way: ``place`` orders the pieces of one name within a bucket."""

    bucket: int
    name: str
    place: int
    payload: bytes


def encode(table: pa.Table) -> bytes:
    """The table as an Arrow stream, compressed."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(
        sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")
    ) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def decode(payload: bytes) -> pa.Table:
    """The table of an Arrow stream."""
    with pa.ipc.open_stream(payload) as reader:
        return reader.read_all()


def gather(rows: Iterable[Row]) -> dict[str, pa.Table]:
    """The tables of one bucket by name, their pieces in the order of their places."""
    pieces: dict[str, list[Row]] = {}
    for row in rows:
        pieces.setdefault(row.name, []).append(row)
    return {
        name: pa.concat_tables(
            [decode(r.payload) for r in sorted(found, key=lambda r: r.place)],
            promote_options="default",
        )
        for name, found in pieces.items()
    }


def buckets_of(keys: pl.DataFrame, count: int) -> pl.Series:
    """The bucket (0 to ``count`` - 1) of each row, equal for equal keys on every machine.

    A null is a key like any other.
    """
    texts = keys.select(
        pl.concat_str(pl.all().cast(pl.String).fill_null("\x00"), separator="\x1f")
    ).to_series()
    unique = texts.unique()
    numbers = [zlib.crc32(text.encode()) % count for text in unique.to_list()]
    return texts.replace_strict(
        unique, pl.Series(numbers, dtype=pl.Int32), return_dtype=pl.Int32
    ).alias("bucket")


def cut(table: pa.Table, buckets: pl.Series) -> Iterator[tuple[int, pa.Table]]:
    """The table's rows by bucket, in their order; a null bucket drops a row."""
    kept = buckets.is_not_null()
    if not kept.all():
        table = table.filter(pa.array(kept.to_list(), pa.bool_()))
        buckets = buckets.filter(kept)
    if not len(buckets):
        return
    numbers = buckets.to_numpy()
    order = np.argsort(numbers, kind="stable")
    sorted_rows = table.take(pa.array(order))
    found, starts = np.unique(numbers[order], return_index=True)
    ends = [*starts[1:], len(order)]
    for bucket, start, end in zip(found, starts, ends, strict=True):
        yield int(bucket), sorted_rows.slice(int(start), int(end - start))
