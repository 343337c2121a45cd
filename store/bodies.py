"""A claim as the store keeps it: zlib of its RFC 8785 canonical JSON, children nested.

The layout is that of ``domain``'s JSON Schema after pseudonymisation: empty fields are
left out, Decimals are strings without idle zeros, dates are ``YYYY-MM-DD``, instants
are UTC. Child rows are in the order of their key, so one claim has one body whatever
order its rows came in. It is the text that the pipeline digests: the SHA-256 of the
uncompressed body is the decision's ``input_sha256`` (a test holds both to it).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from isal import isal_zlib
from pyarrow import json

from domain.claim import CHILDREN, STAYS
from domain.parties import PHYSICIANS, PROVIDERS
from domain.schema import Field, Kind, Table
from domain.tables import Tables, concat
from store.errors import StoreError

_ENCODER = msgspec.json.Encoder(order="sorted")
_DECODER = msgspec.json.Decoder(dict[str, Any])

_LEVEL = 1
"""Level of Intel's zlib: as small as zlib's own lowest level makes it, in half the time or less."""

_OCTETS_AT_ONCE: Final = 64 * 1024 * 1024
"""Bytes of text that become columns at once: bounds memory, and is most of what a batch looks back at."""

_BLOCK: Final = 1024 * 1024
"""Bytes of text that one thread reads at once: some hundred claims."""

Row = dict[str, Any]


def encode(tables: Tables) -> Iterator[tuple[Row, bytes]]:
    """Each claim and its body, in the order of ``tables.stays``."""
    for row, document in documents(tables):
        yield row, pack(document)


def documents(tables: Tables) -> Iterator[tuple[Row, bytes]]:
    """Each claim as ``read`` gives it and its canonical text, in the order of ``tables.stays``."""
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
        yield row, _ENCODER.encode(row)


def pack(document: bytes) -> bytes:
    """The body of a claim's canonical text."""
    return isal_zlib.compress(document, _LEVEL)


def read(body: bytes) -> Row:
    """The claim in a body as a plain dict; StoreError if the body is damaged."""
    try:
        return _DECODER.decode(_unpack(body))
    except msgspec.DecodeError as error:
        raise _damaged() from error


def decode(bodies: Iterable[bytes]) -> Tables:
    """The claims in the bodies as one batch; parties are empty. StoreError if one is damaged."""
    parts, texts, octets = [], [], 0
    for body in bodies:
        texts.append(_unpack(body))
        octets += len(texts[-1])
        if octets >= _OCTETS_AT_ONCE:
            parts.append(_decode(texts))
            texts, octets = [], 0
    if texts:
        parts.append(_decode(texts))
    return concat(parts)


def _unpack(body: bytes) -> bytes:
    try:
        return isal_zlib.decompress(body)
    # The stub says that the class is an instance.
    except isal_zlib.IsalError as error:  # type: ignore[misc]
        raise _damaged() from error


def _decode(texts: Sequence[bytes]) -> Tables:
    lines = b"\n".join(texts)
    # Blocks are read side by side; a claim may lie across two, but be no longer than one.
    blocks = json.ReadOptions(block_size=max(_BLOCK, *map(len, texts)) + 1)
    try:
        found = json.read_json(pa.BufferReader(lines), blocks, _FORM)
    except pa.ArrowInvalid as error:
        raise _damaged() from error
    given = {STAYS.name: found.select([f.name for f in STAYS.columns])}
    for child in CHILDREN:
        lists = found[child.name].combine_chunks()
        rows = pa.Table.from_struct_array(pc.list_flatten(lists))
        stays = found["stay_id"].take(pc.list_parent_indices(lists))
        given[child.name] = rows.append_column("stay_id", stays)
    return Tables.of(given)


def _damaged() -> StoreError:
    return StoreError(
        "a stored claim cannot be read back",
        where="claims.body",
        cure="The database is damaged. Restore a backup and write the batches since again.",
    )


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


def _field(field: Field) -> pa.Field:
    texts = (Kind.INSTANT, Kind.DATE, Kind.DECIMAL)
    return pa.field(field.name, pa.string() if field.kind in texts else field.arrow_type)


def _children(child: Table) -> pa.Field:
    """The list of a claim's rows of one kind, which do not repeat their claim's key."""
    row = pa.struct([_field(f) for f in child.columns if f.name != "stay_id"])
    return pa.field(child.name, pa.list_(row))


_FORM: Final = json.ParseOptions(
    explicit_schema=pa.schema([*map(_field, STAYS.columns), *map(_children, CHILDREN)]),
    unexpected_field_behavior="ignore",
)
"""How a claim's text becomes columns; dates, instants and decimals are texts at first."""
