"""Columns as PostgreSQL's binary arrays: psycopg, which knows the format, reads them back."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import psycopg
import pyarrow as pa
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from psycopg.adapt import Transformer
from psycopg.pq import Format

from store import arrays
from store.tables import METADATA, Instant

INSTANTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001
KINDS: dict[str, tuple[sa.types.TypeEngine[Any], st.SearchStrategy[Any]]] = {
    "text": (sa.Text(), st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))),
    "bytea": (sa.LargeBinary(), st.binary(max_size=40)),
    "int2": (sa.SmallInteger(), st.integers(-(2**15), 2**15 - 1)),
    "int4": (sa.Integer(), st.integers(-(2**31), 2**31 - 1)),
    "int8": (sa.BigInteger(), st.integers(-(2**63), 2**63 - 1)),
    "float8": (sa.Double(), st.floats(allow_nan=False)),
    "bool": (sa.Boolean(), st.booleans()),
    "date": (sa.Date(), st.dates(date(1, 1, 1), date(9999, 12, 31))),
    "timestamptz": (Instant(), INSTANTS),
}


def read(octets: bytes, name: str) -> list[Any]:
    found = psycopg.adapters.types[name]
    loader = Transformer().get_loader(found.array_oid, Format.BINARY)
    return list(loader.load(octets))


@pytest.mark.parametrize("name", list(KINDS))
@given(data=st.data())
def test_what_is_written_is_read_back(name: str, data: st.DataObject) -> None:
    kind, values = KINDS[name]
    column = data.draw(st.lists(st.none() | values, max_size=20))
    assert read(arrays.binary(column, kind), name) == column


@pytest.mark.parametrize("name", list(KINDS))
@given(data=st.data())
def test_a_part_of_a_column_is_that_part(name: str, data: st.DataObject) -> None:
    kind, values = KINDS[name]
    column = data.draw(st.lists(st.none() | values, min_size=1, max_size=20))
    start = data.draw(st.integers(0, len(column) - 1))
    whole = arrays.arrow(column, kind)
    assert read(arrays.encode(whole.slice(start, 3), kind), name) == column[start : start + 3]


def test_chunks_are_one_array() -> None:
    column = pa.chunked_array([["a", None], [], ["中文"]], pa.string())
    assert read(arrays.binary(column, sa.Text()), "text") == ["a", None, "中文"]


def test_json_travels_as_its_text() -> None:
    assert read(arrays.binary([{"a": [1, None]}, None], sa.JSON()), "json") == [
        {"a": [1, None]},
        None,
    ]


def test_every_column_of_the_store_has_a_form() -> None:
    for table in METADATA.sorted_tables:
        for column in table.columns:
            assert len(arrays.arrow([None], column.type)) == 1, column


def test_a_type_without_a_form_is_named() -> None:
    with pytest.raises(TypeError, match=r"Interval.*_FORMS"):
        arrays.arrow([], sa.Interval())
