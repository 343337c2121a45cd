"""One definition of a table, from which its Arrow schema, JSON Schema and docs come."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import pyarrow as pa


class Kind(StrEnum):
    """What a field holds; it decides the Arrow type and the JSON form."""

    TEXT = "text"
    CODE = "code"
    INTEGER = "integer"
    MONEY = "money"
    DECIMAL = "decimal"
    NUMBER = "number"
    DATE = "date"
    INSTANT = "instant"
    FLAG = "flag"


class Privacy(StrEnum):
    """What intake does with a personal field."""

    PSEUDONYM = "pseudonym"
    """Replaced by a keyed pseudonym (HMAC-SHA256); the clear value is never stored."""
    DROP = "drop"
    """Read, checked and discarded; no column holds it."""


_ARROW: dict[Kind, pa.DataType] = {
    Kind.TEXT: pa.string(),
    Kind.CODE: pa.string(),
    Kind.INTEGER: pa.int32(),
    Kind.MONEY: pa.int64(),
    Kind.NUMBER: pa.float64(),
    Kind.DATE: pa.date32(),
    Kind.INSTANT: pa.timestamp("us", tz="UTC"),
    Kind.FLAG: pa.bool_(),
}

DECIMAL_DIGITS = 18
"""Digits of every Decimal column; the number of decimal places is the field's own."""


@dataclass(frozen=True, slots=True)
class Field:
    """One column: its name, kind, limits, meaning, and its names in the standards.

    ``cn`` is the name in the national interface of the 医疗保障基金结算清单 (4101, 4101A)
    or of the charge upload (2301); ``fhir`` is the FHIR R4 path; None where there is
    none. ``minimum`` and ``maximum`` are inclusive and in the field's unit;
    ``max_length`` counts characters. ``places`` is the number of decimal places of a
    Decimal.
    """

    name: str
    kind: Kind
    zh: str
    meaning: str
    cn: str | None = None
    fhir: str | None = None
    unit: str | None = None
    required: bool = False
    codes: Mapping[str, tuple[str, str]] | None = None
    minimum: int | None = None
    maximum: int | None = None
    max_length: int = 256
    pattern: str | None = None
    places: int = 0
    privacy: Privacy | None = None

    @property
    def arrow_type(self) -> pa.DataType:
        """The column's Arrow type."""
        if self.kind is Kind.DECIMAL:
            return pa.decimal128(DECIMAL_DIGITS, self.places)
        return _ARROW[self.kind]

    @property
    def arrow(self) -> pa.Field:
        """The Arrow field; a required field is not nullable."""
        return pa.field(self.name, self.arrow_type, nullable=not self.required)

    def json_schema(self) -> dict[str, Any]:
        """The JSON Schema (draft 2020-12) of the field's value; null allowed unless required."""
        body = self._json_type()
        body["description"] = self.meaning
        if self.required:
            return body
        if "enum" in body:
            body["enum"] = [*body["enum"], None]
        body["type"] = [
            *([body["type"]] if isinstance(body["type"], str) else body["type"]),
            "null",
        ]
        return body

    def _json_type(self) -> dict[str, Any]:
        limits: dict[str, Any] = {}
        if self.minimum is not None:
            limits["minimum"] = self.minimum
        if self.maximum is not None:
            limits["maximum"] = self.maximum
        match self.kind:
            case Kind.CODE if self.codes is not None:
                return {"type": "string", "enum": list(self.codes)}
            case Kind.TEXT | Kind.CODE:
                text: dict[str, Any] = {"type": "string", "maxLength": self.max_length}
                if self.required:
                    text["minLength"] = 1
                if self.pattern is not None:
                    text["pattern"] = self.pattern
                return text
            case Kind.INTEGER:
                return {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1, **limits}
            case Kind.MONEY:
                return {"type": "integer", "minimum": -(2**53), "maximum": 2**53, **limits}
            case Kind.DECIMAL:
                whole = DECIMAL_DIGITS - self.places
                return {
                    "type": "string",
                    "pattern": rf"^-?[0-9]{{1,{whole}}}(\.[0-9]{{1,{self.places}}})?$",
                }
            case Kind.NUMBER:
                return {"type": "number", **limits}
            case Kind.DATE:
                return {"type": "string", "format": "date"}
            case Kind.INSTANT:
                return {"type": "string", "format": "date-time"}
            case Kind.FLAG:
                return {"type": "boolean"}
        raise AssertionError(self.kind)


@dataclass(frozen=True, slots=True)
class Table:
    """A named list of fields with its key.

    ``parent`` names the table whose key this table's rows carry; a child row is
    nested under the parent in JSON under the table's own name.
    """

    name: str
    zh: str
    meaning: str
    fields: tuple[Field, ...]
    key: tuple[str, ...]
    parent: str | None = None
    _index: dict[str, Field] = field(init=False, repr=False, compare=False, default_factory=dict)
    # Asked for hundreds of times a batch, and made of a hundred fields each time.
    columns: tuple[Field, ...] = field(init=False, repr=False, compare=False)
    """The fields that a stored table has: all but those dropped at intake."""
    arrow: pa.Schema = field(init=False, repr=False, compare=False)
    """The Arrow schema of the stored table."""

    def __post_init__(self) -> None:
        self._index.update({f.name: f for f in self.fields})
        if len(self._index) != len(self.fields):
            raise ValueError(f"table {self.name} names a field twice")
        kept = tuple(f for f in self.fields if f.privacy is not Privacy.DROP)
        object.__setattr__(self, "columns", kept)
        object.__setattr__(self, "arrow", pa.schema([f.arrow for f in kept]))

    def __getitem__(self, name: str) -> Field:
        """The field of that name; KeyError if there is none."""
        return self._index[name]

    @property
    def personal(self) -> tuple[Field, ...]:
        """The fields that hold personal data in a clear record."""
        return tuple(f for f in self.fields if f.privacy is not None)

    def json_schema(self, children: tuple[Table, ...] = ()) -> dict[str, Any]:
        """The JSON Schema of one record, with its child tables nested as arrays.

        A child's parent key is implied by nesting and is not repeated in its records.
        """
        own = [f for f in self.fields if self.parent is None or f.name != self._parent_key]
        properties: dict[str, Any] = {f.name: f.json_schema() for f in own}
        for child in children:
            properties[child.name] = {
                "type": ["array", "null"],
                "items": child.json_schema(),
                "description": child.meaning,
            }
        return {
            "type": "object",
            "title": self.name,
            "description": self.meaning,
            "properties": properties,
            "required": [f.name for f in own if f.required],
            "additionalProperties": False,
        }

    @property
    def _parent_key(self) -> str:
        return self.key[0]


def schema_sha256(tables: tuple[Table, ...]) -> str:
    """Hash of the stored schemas (names, types, nullability), as 64 hex digits."""
    text = "\n".join(
        f"{t.name}.{f.name}:{f.arrow_type}:{'required' if f.required else 'optional'}"
        for t in tables
        for f in t.columns
    )
    return hashlib.sha256(text.encode()).hexdigest()
