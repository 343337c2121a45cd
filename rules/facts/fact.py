"""What a fact is, and the list of all facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, Final

import polars as pl

from domain.schema import Field, Table
from domain.schema import Kind as FieldKind

STAY_UNITS: Final = ("stay", "diagnosis", "procedure", "charge", "order")
"""Units whose verdicts are verdicts of a stay."""

AGGREGATE_UNITS: Final = ("provider_month", "physician_day")
"""Units that look at many stays at once: a hospital's month, a physician's day."""

UNITS: Final = (*STAY_UNITS, *AGGREGATE_UNITS)
"""What a check can judge."""


class Kind(StrEnum):
    """What a fact's value is."""

    FLAG = "flag"
    INTEGER = "integer"
    MONEY = "money"
    DECIMAL = "decimal"
    NUMBER = "number"
    TEXT = "text"
    DATE = "date"
    INSTANT = "instant"

    @property
    def dtype(self) -> pl.DataType:
        """The Polars type of the column."""
        return _DTYPES[self]


_DTYPES: Final[dict[Kind, pl.DataType]] = {
    Kind.FLAG: pl.Boolean(),
    Kind.INTEGER: pl.Int64(),
    Kind.MONEY: pl.Int64(),
    Kind.DECIMAL: pl.Decimal(38, 6),
    Kind.NUMBER: pl.Float64(),
    Kind.TEXT: pl.String(),
    Kind.DATE: pl.Date(),
    Kind.INSTANT: pl.Datetime("us", "UTC"),
}
_FROM_FIELD: Final = {
    FieldKind.TEXT: Kind.TEXT,
    FieldKind.CODE: Kind.TEXT,
    FieldKind.INTEGER: Kind.INTEGER,
    FieldKind.MONEY: Kind.MONEY,
    FieldKind.DECIMAL: Kind.DECIMAL,
    FieldKind.NUMBER: Kind.NUMBER,
    FieldKind.DATE: Kind.DATE,
    FieldKind.INSTANT: Kind.INSTANT,
    FieldKind.FLAG: Kind.FLAG,
}


@dataclass(frozen=True, slots=True)
class Fact:
    """One column: name, unit of judgement, kind, labels, meaning, source, when it is null.

    ``null_when`` is None for a fact that always has a value. ``measure`` is the unit of
    a number. ``codes`` is the code list whose codes a predicate may name. ``as_of``
    says which other claims a look-back fact may see.
    """

    name: str
    unit: str
    kind: Kind
    zh: str
    en: str
    meaning: str
    source: str
    null_when: str | None
    measure: str | None = None
    codes: Mapping[str, Any] | None = None
    as_of: str | None = None


def declare(
    unit: str,
    source: str,
    rows: tuple[tuple[str, Kind, str, str, str, str | None], ...],
    *,
    measures: Mapping[str, str] | None = None,
    as_of: Mapping[str, str] | str | None = None,
) -> tuple[Fact, ...]:
    """Facts from rows (name, kind, zh, en, meaning, null_when) that share unit and source."""
    listed = measures or {}
    return tuple(
        Fact(
            name, unit, kind, zh, en, meaning, source, null_when,
            measure="fen" if kind is Kind.MONEY else listed.get(name),
            as_of=as_of if as_of is None or isinstance(as_of, str) else as_of.get(name),
        )
        for name, kind, zh, en, meaning, null_when in rows
    )  # fmt: skip


def from_fields(table: Table, unit: str, names: Mapping[str, str]) -> tuple[Fact, ...]:
    """Facts that are columns of a domain table; ``names`` maps column to fact name."""
    return tuple(_from_field(table, table[column], unit, name) for column, name in names.items())


def _from_field(table: Table, field: Field, unit: str, name: str) -> Fact:
    return Fact(
        name,
        unit,
        _FROM_FIELD[field.kind],
        field.zh,
        name.replace("_", " ").removesuffix(" fen"),
        field.meaning,
        f"{table.name}.{field.name}",
        None if field.required else "the claim does not state it",
        measure=field.unit,
        codes=field.codes,
    )


@cache
def facts_of(unit: str) -> Mapping[str, Fact]:
    """Every fact that a check of the unit may read, by name.

    A check of a stay's lines reads also the stay's facts; an aggregate reads its own only.
    """
    from rules.facts.table import BUILDERS  # noqa: PLC0415 - the builders declare the facts

    found: dict[str, Fact] = {}
    for builder in BUILDERS:
        if builder.unit == unit or (builder.unit == "stay" and unit in STAY_UNITS):
            for fact in builder.facts:
                if fact.name in found:
                    raise ValueError(f"two facts are named {fact.name}")
                found[fact.name] = fact
    return dict(sorted(found.items()))
