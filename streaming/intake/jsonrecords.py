"""Canonical JSON: records to objects and objects to frames.

A record is decoded and validated in one pass by msgspec, into objects generated from
the ``domain`` definitions. Only a record that fails this is looked at again, slowly
and completely (``streaming.intake.jsonreasons``), so that a good record costs
microseconds and a bad one is told all its faults.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from operator import attrgetter
from typing import Annotated, Any, Final, Literal

import msgspec
import numpy as np
import polars as pl

from domain.claim import CHILDREN, STAYS
from domain.parties import PARTY_TABLES
from domain.schema import Field, Kind, Table
from streaming.intake.columns import AT, REC, convert, polars_type
from streaming.intake.crossfield import DERIVABLE
from streaming.intake.draft import Draft, empty_frame
from streaming.intake.limits import DEFAULT, Limits
from streaming.intake.refusals import Reasons

_NO_RAW: Final = msgspec.Raw(b"")
_EXPONENT_DIGITS: Final = 24
_TABLES: Final = {t.name: t for t in (STAYS, *PARTY_TABLES)}


@dataclass(frozen=True, slots=True)
class Shape:
    """The object type of a table's records: as claimed (strict) or as far as readable."""

    record: type[msgspec.Struct]
    strict: msgspec.json.Decoder[Any]


def shape(table: Table, limits: Limits = DEFAULT) -> Shape:
    """The strict shape of a table's records, children included for stays."""
    return _shape(table.name, limits)


@cache
def _shape(name: str, limits: Limits) -> Shape:
    record = _struct(_TABLES[name], limits, strict=True)
    return Shape(record, msgspec.json.Decoder(record))


def loose_struct(table: Table) -> type[msgspec.Struct]:
    """The shape that takes any record whose faulty values were taken out: all optional."""
    return _loose_struct(table.name)


@cache
def _loose_struct(name: str) -> type[msgspec.Struct]:
    return _struct(_TABLES[name], DEFAULT, strict=False)


def own_fields(table: Table) -> tuple[Field, ...]:
    """The fields of a table that its JSON record has: a child does not repeat its parent's key."""
    return tuple(f for f in table.fields if table.parent is None or f.name != table.key[0])


def _struct(table: Table, limits: Limits, *, strict: bool) -> type[msgspec.Struct]:
    required: list[tuple[str, Any]] = []
    optional: list[tuple[str, Any, Any]] = []
    for f in own_fields(table):
        annotation = _annotate(f, limits) if strict else _loose(f)
        if f.kind is Kind.DECIMAL and strict:
            if f.required:
                required.append((f.name, msgspec.Raw))
            else:
                optional.append((f.name, msgspec.Raw, _NO_RAW))
        elif strict and f.required and f"{table.name}.{f.name}" not in DERIVABLE:
            required.append((f.name, annotation))
        else:
            optional.append((f.name, annotation | None, None))
    for child in CHILDREN if table is STAYS else ():
        inner: Any = list[_struct(child, limits, strict=strict)]  # type: ignore[misc]
        if strict:
            inner = Annotated[inner, msgspec.Meta(max_length=limits.list_items)]
        optional.append((child.name, inner | None, None))
    return msgspec.defstruct(
        f"{'Strict' if strict else 'Loose'}_{table.name}",
        [*required, *optional],
        forbid_unknown_fields=strict,
        gc=False,
        frozen=True,
    )


def _loose(field: Field) -> Any:
    kinds: dict[Kind, Any] = {
        Kind.INTEGER: int,
        Kind.MONEY: int,
        Kind.NUMBER: float,
        Kind.DATE: dt.date,
        Kind.FLAG: bool,
    }
    return kinds.get(field.kind, str)


def _annotate(field: Field, limits: Limits) -> Any:
    match field.kind:
        case Kind.CODE if field.codes is not None:
            return Literal[tuple(field.codes)]
        case Kind.TEXT | Kind.CODE:
            meta: dict[str, Any] = {"max_length": min(field.max_length, limits.string_bytes)}
            if field.required:
                meta["min_length"] = 1
            if field.pattern is not None:
                # JSON Schema's $ is the end of the text; Python's also matches before a last LF.
                meta["pattern"] = field.pattern.removesuffix("$") + r"\Z"
            return Annotated[str, msgspec.Meta(**meta)]
        case Kind.INTEGER | Kind.MONEY:
            bounds = field.json_schema()
            return Annotated[int, msgspec.Meta(ge=bounds["minimum"], le=bounds["maximum"])]
        case Kind.INSTANT:
            return Annotated[str, msgspec.Meta(max_length=64)]
        case _:
            return _loose(field)


def decimal_text(value: Any) -> str | None:
    """The text of a decimal as it stands in the record; an exponent is written out.

    ``value`` is the raw JSON of a strict record, or the text or None of a loose one.
    """
    if value is None or isinstance(value, str):
        return value
    raw = bytes(value)
    if not raw or raw == b"null":
        return None
    if raw[:1] != b'"':
        return plain_number(raw.decode())
    if b"\\" not in raw:
        return raw[1:-1].decode()
    try:
        return msgspec.json.decode(raw, type=str)
    except msgspec.MsgspecError:  # an escape that JSON does not know: no number at any rate
        return raw.decode()


def _decimal_texts(values: list[Any]) -> pl.Series:
    """``decimal_text`` of a column; a plain number or text takes no step in Python of its own."""
    if set(map(type, values)) - {msgspec.Raw}:
        return pl.Series([decimal_text(value) for value in values], dtype=pl.String)
    raw = pl.Series(list(map(bytes, values)), dtype=pl.Binary).cast(pl.String)
    quoted = raw.str.strip_prefix('"').str.strip_suffix('"')
    texts = quoted.set(raw.is_in(["", "null"]), None)
    odd = raw.str.contains(r"[\\eE]").arg_true()
    if len(odd):
        texts = texts.scatter(odd, [decimal_text(values[place]) for place in odd])
    return texts


def plain_number(text: str) -> str:
    """A JSON number without exponent, digit for digit; absurdly large ones stay as they are."""
    if "e" not in text and "E" not in text:
        return text
    try:
        number = Decimal(text)
    except ArithmeticError:  # true, false, an object: the column check refuses it
        return text
    return f"{number:f}" if abs(number.adjusted()) < _EXPONENT_DIGITS else text


def frames(
    records: Sequence[tuple[int, msgspec.Struct]], reasons: Reasons, limits: Limits = DEFAULT
) -> Draft:
    """A draft of decoded claims, each with its place in the batch.

    Instants and decimals are typed here, whole columns at a time; what is wrong with
    them is added to ``reasons``.
    """
    stays = _frame([r for r, _ in records], None, [c for _, c in records], STAYS)
    draft = Draft(convert(stays, STAYS, reasons, limits=limits, checked=True), {}, reasons)
    for table in CHILDREN:
        lists = [getattr(claim, table.name) or () for _, claim in records]
        rows = [row for inner in lists for row in inner]
        if not rows:
            draft.children[table.name] = empty_frame(table)
            continue
        counts = np.fromiter(map(len, lists), dtype=np.int64, count=len(lists))
        starts = np.repeat(np.cumsum(counts) - counts, counts)
        recs = np.repeat(np.array([r for r, _ in records], dtype=np.uint32), counts)
        ats = (np.arange(len(rows)) - starts).astype(np.uint32)
        raw = _frame(recs, ats, rows, table)
        draft.children[table.name] = convert(raw, table, reasons, limits=limits, checked=True)
    return draft


def reference_frame(
    records: Sequence[tuple[int, msgspec.Struct]], table: Table, reasons: Reasons
) -> pl.DataFrame:
    """The frame of decoded reference records (providers, physicians)."""
    frame = _frame([r for r, _ in records], None, [c for _, c in records], table)
    return convert(frame, table, reasons, checked=True)


def _frame(recs: Any, ats: Any, rows: Sequence[Any], table: Table) -> pl.DataFrame:
    columns = [pl.Series(REC, recs, dtype=pl.UInt32)]
    if ats is not None:
        columns.append(pl.Series(AT, ats, dtype=pl.UInt32))
    for f in own_fields(table):
        name = f.name
        values: list[Any] = list(map(attrgetter(name), rows))
        kind: Any = polars_type(f)
        if f.kind is Kind.DECIMAL:
            columns.append(_decimal_texts(values).alias(name))
            continue
        if f.kind is Kind.INSTANT:
            kind = pl.String
        columns.append(pl.Series(name, values, dtype=kind, strict=True))
    return pl.DataFrame(columns)
