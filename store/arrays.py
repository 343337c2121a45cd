"""Arrow columns as PostgreSQL arrays in its binary format, built from whole buffers.

A batch travels as one array a column. psycopg builds such an array value by value in Python, which
was the largest part of a write; here lengths and values of a column are put together by numpy and Arrow. The
layout is that of PostgreSQL's ``array_send``: dimensions, whether there are nulls, element type,
length, first place; then each value's length (-1 for null) and bytes, all numbers big-endian.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
from psycopg.abc import Buffer
from psycopg.adapt import Dumper
from psycopg.pq import Format
from sqlalchemy.dialects import postgresql

from store.tables import Instant

Column: TypeAlias = "Sequence[Any] | pa.Array | pa.ChunkedArray"
"""The values of one column: plain Python values, or Arrow's."""

POSTGRESQL: Final = postgresql.dialect()  # type: ignore[no-untyped-call]
_DAYS: Final = 10_957
"""Days from Unix' epoch to PostgreSQL's, which is 2000-01-01."""
_MICROSECONDS: Final = _DAYS * 86_400_000_000


class BinaryArray(bytes):
    """An array in PostgreSQL's binary format; give it as ``%b`` with a cast to its type."""


class _BinaryArrayDumper(Dumper):
    """Passes the bytes on; the type is what the statement casts them to."""

    format = Format.BINARY

    def dump(self, obj: BinaryArray) -> Buffer:
        """The bytes themselves."""
        return obj


psycopg.adapters.register_dumper(BinaryArray, _BinaryArrayDumper)


class Array(sa.types.UserDefinedType[Column]):
    """The type of a bound parameter that holds the values of a column as one array."""

    cache_ok = True

    def __init__(self, kind: sa.types.TypeEngine[Any]) -> None:
        self.kind = kind

    def get_col_spec(self, **_: Any) -> str:
        """As PostgreSQL writes it."""
        return f"{self.kind.compile(dialect=POSTGRESQL)}[]"

    def bind_processor(self, dialect: sa.Dialect) -> Callable[[Column], BinaryArray]:
        """The values in binary."""
        return lambda values: binary(values, self.kind)


@dataclass(frozen=True, slots=True)
class _Form:
    """How the values of a SQL type travel.

    ``oid`` is PostgreSQL's number of the type. Values that all take the same room (texts and bytes
    do not) are numpy's ``number``, of what they are as Arrow's ``whole``, counted from ``origin``.
    """

    arrow: pa.DataType
    oid: int
    number: str | None = None
    whole: pa.DataType | None = None
    origin: int = 0


_FORMS: Final[tuple[tuple[type[sa.types.TypeEngine[Any]], _Form], ...]] = (
    # The first that a column's type is an instance of: BIGINT and SMALLINT are kinds of INTEGER.
    (Instant, _Form(pa.timestamp("us", "UTC"), 1184, ">i8", pa.int64(), _MICROSECONDS)),
    (sa.JSON, _Form(pa.string(), 114)),
    (sa.Text, _Form(pa.string(), 25)),
    (sa.LargeBinary, _Form(pa.binary(), 17)),
    (sa.BigInteger, _Form(pa.int64(), 20, ">i8")),
    (sa.SmallInteger, _Form(pa.int16(), 21, ">i2")),
    (sa.Integer, _Form(pa.int32(), 23, ">i4")),
    (sa.Date, _Form(pa.date32(), 1082, ">i4", pa.int32(), _DAYS)),
    (sa.Double, _Form(pa.float64(), 701, ">f8")),
    (sa.Boolean, _Form(pa.bool_(), 16, "u1", pa.uint8())),
)


def arrow(values: Column, kind: sa.types.TypeEngine[Any]) -> pa.Array:
    """The values as an Arrow array of the type in which a column of that SQL type travels.

    JSON becomes its text.
    """
    form = _form(kind)
    if isinstance(kind, sa.JSON):
        return pa.array([json.dumps(value) for value in values], form.arrow)
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if isinstance(values, pa.Array):
        return values.cast(form.arrow)
    return pa.array(values, form.arrow)


def binary(values: Column, kind: sa.types.TypeEngine[Any]) -> BinaryArray:
    """The array of these values, for a column of that SQL type."""
    return encode(arrow(values, kind), kind)


def encode(values: pa.Array, kind: sa.types.TypeEngine[Any]) -> BinaryArray:
    """The array of these values, which are of the type that ``arrow`` gives for the SQL type."""
    form = _form(kind)
    if not len(values):
        return BinaryArray(struct.pack(">iii", 0, 0, form.oid))
    head = struct.pack(">iiiii", 1, int(values.null_count > 0), form.oid, len(values), 1)
    body = _texts(values) if form.number is None else _numbers(values, form)
    return BinaryArray(b"".join((head, body)))


def _form(kind: sa.types.TypeEngine[Any]) -> _Form:
    for known, form in _FORMS:
        if isinstance(kind, known):
            return form
    raise TypeError(f"store.arrays has no form for the SQL type {kind!r}: add one to _FORMS")


def _texts(values: pa.Array) -> Buffer:
    """Each length and value of texts or bytes."""
    lengths = pc.binary_length(values).fill_null(-1).to_numpy(zero_copy_only=False)
    sizes = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(4), len(values), [None, pa.py_buffer(lengths.astype(">i4").tobytes())]
    )
    raw, wide = values.cast(pa.large_binary()).fill_null(b""), pa.large_binary()
    joined = pc.binary_join_element_wise(sizes.cast(wide), raw, pa.scalar(b"", wide))
    _, offsets, data = joined.buffers()
    return memoryview(data)[: np.frombuffer(offsets, dtype=np.int64)[len(values)]]


def _numbers(values: pa.Array, form: _Form) -> Buffer:
    """Each length and value of numbers, days, instants and flags."""
    plain = values if form.whole is None else values.cast(form.whole)
    number = np.dtype(form.number)
    rows = np.empty(len(values), dtype=[("length", ">i4"), ("value", number)])
    filled = plain.fill_null(0).to_numpy(zero_copy_only=False)
    rows["length"] = number.itemsize
    rows["value"] = filled - form.origin if form.origin else filled
    if not values.null_count:
        return rows.tobytes()
    null = values.is_null().to_numpy(zero_copy_only=False)
    rows["length"][null] = -1
    octets = rows.view(np.uint8).reshape(len(rows), -1)
    kept = np.ones(octets.shape, dtype=bool)
    kept[null, 4:] = False
    return octets[kept].tobytes()
