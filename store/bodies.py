"""A claim as the store keeps it: zlib of its RFC 8785 canonical JSON, children nested.

The layout is that of ``domain``'s JSON Schema after pseudonymisation: empty fields are
left out, Decimals are strings without idle zeros, dates are ``YYYY-MM-DD``, instants
are UTC. Child rows are in the order of their key, so one claim has one body whatever
order its rows came in. It is the text that the pipeline digests: the SHA-256 of the
uncompressed body is the decision's ``input_sha256`` (a test holds both to it).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from domain.claim import CHILDREN, STAYS
from domain.parties import PHYSICIANS, PROVIDERS
from domain.schema import Kind, Table
from domain.tables import Tables
from store.errors import StoreError

_ENCODER = msgspec.json.Encoder(order="sorted")
_DECODER = msgspec.json.Decoder(dict[str, Any])

_LEVEL = 1
"""zlib level: charge lines shrink about tenfold at the lowest one, and writing stays fast."""

Row = dict[str, Any]


def encode(tables: Tables) -> Iterator[tuple[Row, bytes]]:
    """Each stay's row and its body, in the order of ``tables.stays``."""
    stays = _rows(tables.stays, STAYS)
    by_stay = {row["stay_id"]: row for row in stays}
    for child in CHILDREN:
        table: pa.Table = getattr(tables, child.name)
        if not table.num_rows:
            continue
        table = table.sort_by([(name, "ascending") for name in child.key])
        for row in _rows(table, child):
            by_stay[row.pop("stay_id")].setdefault(child.name, []).append(row)
    for row in stays:
        yield row, pack(_ENCODER.encode(row))


def pack(document: bytes) -> bytes:
    """The body of a claim's canonical text."""
    return zlib.compress(document, _LEVEL)


def read(body: bytes) -> Row:
    """The claim in a body as a plain dict; StoreError if the body is damaged."""
    try:
        return _DECODER.decode(zlib.decompress(body))
    except (zlib.error, msgspec.DecodeError) as error:
        raise StoreError(
            "a stored claim cannot be read back",
            where="claims.body",
            cure="The database is damaged. Restore a backup and write the batches since again.",
        ) from error


def decode(bodies: Iterable[bytes]) -> Tables:
    """The claims in the bodies as one batch; parties are empty."""
    stays: list[Row] = []
    children: dict[str, list[Row]] = {child.name: [] for child in CHILDREN}
    for body in bodies:
        stay = read(body)
        for name, rows in children.items():
            for row in stay.pop(name, ()):
                row["stay_id"] = stay["stay_id"]
                rows.append(row)
        stays.append(stay)
    given = {STAYS.name: _table(stays, STAYS)}
    given.update({child.name: _table(children[child.name], child) for child in CHILDREN})
    return Tables.of(given)


def with_parties(claims: Tables, *, providers: Iterable[Row], physicians: Iterable[Row]) -> Tables:
    """The claims with the hospitals and physicians given."""
    return replace(
        claims,
        providers=pa.Table.from_pylist(list(providers), schema=PROVIDERS.arrow),
        physicians=pa.Table.from_pylist(list(physicians), schema=PHYSICIANS.arrow),
    )


def _rows(table: pa.Table, definition: Table) -> list[Row]:
    rows: list[Row] = [{} for _ in range(table.num_rows)]
    for field in definition.columns:
        column = table[field.name]
        if column.null_count == table.num_rows:
            continue
        values = _text(column, field.kind).to_pylist()
        if column.null_count:
            for row, value in zip(rows, values, strict=True):
                if value is not None:
                    row[field.name] = value
        else:
            for row, value in zip(rows, values, strict=True):
                row[field.name] = value
    return rows


def _text(column: pa.ChunkedArray, kind: Kind) -> pa.ChunkedArray:
    """Dates, instants and Decimals as the text they have in JSON; other kinds unchanged."""
    if kind is Kind.INSTANT:
        full = pc.strftime(column, "%Y-%m-%dT%H:%M:%SZ")
        return pc.replace_substring(full, ".000000Z", "Z")
    if kind is Kind.DECIMAL:
        full = column.cast(pa.string())
        short = pc.utf8_rtrim(pc.utf8_rtrim(full, "0"), ".")
        return pc.if_else(pc.match_substring(full, "."), short, full)
    return column.cast(pa.string()) if kind is Kind.DATE else column


def _table(rows: list[Row], definition: Table) -> pa.Table:
    columns: Mapping[str, pa.Array] = {
        field.name: pa.array(
            [row.get(field.name) for row in rows],
            pa.string()
            if field.kind in (Kind.INSTANT, Kind.DATE, Kind.DECIMAL)
            else field.arrow_type,
        ).cast(field.arrow_type)
        for field in definition.columns
    }
    return pa.Table.from_arrays(list(columns.values()), schema=definition.arrow)
