"""The canonical text of a claim and its SHA-256: what a decision was made on.

The text is RFC 8785 canonical JSON of the claim as it stands in the tables: children
nested and sorted by their key, missing values and empty lists left out, decimals as
text without idle zeros, instants in UTC. It depends neither on the order of rows nor
on that of columns. It holds pseudonyms, as the tables do, and no clear identifier.

The JSON is built by column in Polars, since a hundred charge lines a claim are too many
for one Python object a value; the tests compare it with the ``rfc8785`` package.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

import msgspec
import polars as pl

from domain.claim import CHILDREN, STAYS
from domain.errors import SchemaMismatchError
from domain.schema import Field, Kind, Table
from domain.tables import Tables
from streaming.intake.draft import publish_hidden
from streaming.intake.jsonrecords import frames, shape
from streaming.intake.refusals import Reasons

_SHORT: Final = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}
_ESCAPES: Final = {
    "\\": "\\\\",
    '"': '\\"',
    **{chr(i): f"\\u{i:04x}" for i in range(0x20)},
    **_SHORT,
}
_TO_ESCAPE: Final = r'["\\\x00-\x1f]'


def digests(tables: Tables) -> pl.DataFrame:
    """Each claim's canonical text and its SHA-256, in the order of the stays table.

    Columns stay_id, document (bytes of UTF-8), input_sha256 (64 hex digits).
    """
    frame = _documents(tables).with_columns(pl.col("document").cast(pl.Binary))
    hashes = [hashlib.sha256(text).hexdigest() for text in frame["document"].to_list()]
    return frame.with_columns(pl.Series("input_sha256", hashes, dtype=pl.String))


def documents(tables: Tables) -> Iterator[tuple[str, str]]:
    """Each claim's stay_id and canonical text, in the order of the stays table."""
    yield from _documents(tables).iter_rows()


def tables_from_documents(texts: Iterable[str | bytes]) -> Tables:
    """The tables of claims that were written by ``documents``.

    SchemaMismatchError if a text is no such claim, for example one that an older
    schema wrote.
    """
    decoder = shape(STAYS).strict
    records: list[tuple[int, msgspec.Struct]] = []
    for index, text in enumerate(texts):
        try:
            records.append((index, decoder.decode(text)))
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise SchemaMismatchError(
                f"stored claim {index} does not fit the schema: {error}",
                where="streaming.digest.tables_from_documents",
                cure="Read it with the version that wrote it, or take the claim in again.",
            ) from error
    reasons = Reasons()
    tables = publish_hidden(frames(records, reasons))
    for index in reasons:
        reason = reasons.of(index)[0]
        raise SchemaMismatchError(
            f"stored claim {index} has a bad {reason.field} ({reason.rule})",
            where="streaming.digest.tables_from_documents",
            cure=reason.cure,
        )
    return tables


def _documents(tables: Tables) -> pl.DataFrame:
    """Columns stay_id and document, one row a stay, in the order of the stays table."""
    stays = pl.DataFrame(pl.from_arrow(tables.stays))
    lists: dict[str, str] = {}
    for table in CHILDREN:
        rows = getattr(tables, table.name)
        if rows.num_rows:
            nested = _nest(pl.DataFrame(pl.from_arrow(rows)), table)
            stays = stays.join(nested, on="stay_id", how="left", maintain_order="left")
            lists[table.name] = f"_{table.name}"
    stays = _escape(stays, STAYS.columns)
    members = _members(stays, STAYS.columns)
    for name, column in lists.items():
        members[name] = pl.format('"{}":[{}]', pl.lit(name), pl.col(column))
    return stays.select("stay_id", _object(members).alias("document"))


def _nest(rows: pl.DataFrame, table: Table) -> pl.DataFrame:
    """One row a stay with the text of its child rows, sorted by their key, joined by commas."""
    fields = tuple(f for f in table.columns if f.name != "stay_id")
    rows = _escape(rows.sort("stay_id", *table.key[1:]), fields)
    texts = rows.select("stay_id", _object(_members(rows, fields)).alias("_row"))
    return texts.group_by("stay_id", maintain_order=True).agg(
        pl.col("_row").str.join(",").alias(f"_{table.name}")
    )


def _object(members: dict[str, pl.Expr]) -> pl.Expr:
    """An object of the members that are not null, sorted by name (all names are ASCII)."""
    ordered = [members[name] for name in sorted(members)]
    inner = pl.concat_str(ordered, separator=",", ignore_nulls=True)
    return pl.concat_str(pl.lit("{"), inner, pl.lit("}"))


def _members(frame: pl.DataFrame, fields: Sequence[Field]) -> dict[str, pl.Expr]:
    """The member of each field that any row has: name and value, null where the value is."""
    return {
        f.name: _member(f)
        for f in fields
        if frame[f.name].null_count() < frame.height or f.required
    }


def _member(field: Field) -> pl.Expr:
    value, quote = _VALUES[field.kind](pl.col(field.name)), _QUOTES[field.kind]
    return pl.concat_str(pl.lit(f'"{field.name}":{quote}'), value, pl.lit(quote))


def _decimal(value: pl.Expr) -> pl.Expr:
    text = value.cast(pl.String)
    short = text.str.strip_chars_end("0").str.strip_chars_end(".")
    return pl.when(text.str.contains(".", literal=True)).then(short).otherwise(text)


def _instant(value: pl.Expr) -> pl.Expr:
    whole = value.dt.microsecond() == 0
    return (
        pl.when(whole)
        .then(value.dt.strftime("%Y-%m-%dT%H:%M:%SZ"))
        .otherwise(value.dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ"))
    )


_VALUES: Final[dict[Kind, Callable[[pl.Expr], pl.Expr]]] = {
    Kind.TEXT: lambda v: v,
    Kind.CODE: lambda v: v,
    Kind.INTEGER: lambda v: v.cast(pl.String),
    Kind.MONEY: lambda v: v.cast(pl.String),
    Kind.DECIMAL: _decimal,
    Kind.DATE: lambda v: v.dt.strftime("%Y-%m-%d"),
    Kind.INSTANT: _instant,
    Kind.FLAG: lambda v: v.cast(pl.String),
}
_QUOTES: Final = {
    kind: "" if kind in {Kind.INTEGER, Kind.MONEY, Kind.FLAG} else '"' for kind in _VALUES
}


def _escape(frame: pl.DataFrame, fields: Sequence[Field]) -> pl.DataFrame:
    """The frame with texts escaped as RFC 8785 wants; columns without need are left alone."""
    texts = [f.name for f in fields if f.kind in {Kind.TEXT, Kind.CODE} and f.codes is None]
    if not frame.height or not texts:  # ICU stays have no free text at all
        return frame
    needed = frame.select(pl.col(t).str.contains(_TO_ESCAPE).any() for t in texts).row(0)
    found = [t for t, need in zip(texts, needed, strict=True) if need]
    return frame.with_columns(
        pl.col(t).str.replace_many(list(_ESCAPES), list(_ESCAPES.values())) for t in found
    )
