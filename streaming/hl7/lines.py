"""Segments while they are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from streaming.hl7.places import Home
from streaming.hl7.profile import TABLES
from streaming.hl7.text import Separators
from streaming.hl7.times import write_date, write_instant

Json = Mapping[str, Any]
BACK: Final = {
    name: {ours: written for written, ours in reversed(table.items())}
    for name, table in TABLES.items()
} | {"section": {"exam": "RAD", "lab": "LAB", "nursing": "NRS", "other": "OTH"}}
"""Our codes and what stands for them in a message, by table."""


class Line:
    """One segment while it is written; fields count from 1, text is escaped."""

    def __init__(self, name: str, signs: Separators) -> None:
        self.name = name
        self._signs = signs
        self._fields: dict[int, dict[int, str]] = {}

    def put(self, number: int, value: Any, component: int = 1) -> Line:
        """Set a component; nothing for None and ""."""
        if value is not None and value != "":
            self._fields.setdefault(number, {})[component] = self._signs.write(str(value))
        return self

    def raw(self, number: int, value: str) -> Line:
        """Set a whole field as it is to be written."""
        self._fields[number] = {1: value}
        return self

    def has(self, number: int, component: int = 1) -> bool:
        """Whether a component is set."""
        return component in self._fields.get(number, {})

    def __str__(self) -> str:
        last = max(self._fields, default=0)
        cells = [_join(self._fields.get(n, {}), self._signs.component) for n in range(1, last + 1)]
        return self._signs.field.join((self.name, *cells))


def _join(parts: Mapping[int, str], sign: str) -> str:
    return sign.join(parts.get(n, "") for n in range(1, max(parts, default=0) + 1))


def left_over(table: str, row: Json, homes: Sequence[Home]) -> list[tuple[str, str, Any]]:
    """What of a row has no place in its segment: name, number of the row, value."""
    carried = {h.name for h in homes} | {"ordinal"}
    number = str(row["ordinal"])
    return [
        (f"{table}.{n}", number, v) for n, v in row.items() if n not in carried and v is not None
    ]


def text_of(value: Any) -> str:
    """A value as text; "" for None."""
    return "" if value is None else str(value)


def write_value(home: Home, value: Any) -> str:
    """A value as its place has it."""
    match home.form:
        case "code":
            return BACK[home.table][value]
        case "date":
            return write_date(value)
        case "instant":
            return write_instant(value)
    return str(value)


def write_flag(value: Any) -> str:
    """A value as text, true and false as Y and N."""
    return ("Y" if value else "N") if isinstance(value, bool) else str(value)
