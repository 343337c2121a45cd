"""Whether what a resource says fits our fields, so that one bad order is refused and not the event that holds it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any, Final

from domain.claim import CLAIM_TABLES
from domain.schema import DECIMAL_DIGITS, Field, Kind, Table
from streaming.fhir.elements import Element, is_day, is_instant

_NEVER_NEGATIVE: Final = frozenset({("orders", "dose"), ("orders", "quantity"), ("stays", "blood_amount")})  # fmt: skip
_REVERSIBLE: Final = ("quantity", "unit_price", "amount_fen", "in_scope_fen", "self_pay_first_fen", "over_limit_fen", "self_pay_fen")  # fmt: skip
_FIELDS: Final = {t.name: {f.name: f for f in t.fields} for t in CLAIM_TABLES}
_INSTANT: Final = {"admission_date": "admission_time", "charge_date": "charge_time"}
"""Dates that follow from an instant."""
_REQUIRED: Final = {
    t.name: tuple(f.name for f in t.fields if f.required and (t.parent is None or f.name != "stay_id"))
    for t in CLAIM_TABLES
}  # fmt: skip


def fit(
    element: Element, table: Table, row: Mapping[str, Any], later: Collection[str] = ()
) -> None:
    """Note a fault for each value of a row that its field cannot hold, and each that is missing (docs/fields.md).

    ``later`` are fields that something else fills.
    """
    known = _FIELDS[table.name]
    for name in _REQUIRED[table.name]:
        instant = _INSTANT.get(name)
        if row.get(name) is None and name not in later and (instant is None or row.get(instant) is None) and not element.faults:  # fmt: skip
            element.refuse("", "required", f"It gives no {name}: docs/fhir.md says where it stands.")  # fmt: skip
    for name, value in row.items():
        field = known.get(name)
        if value is not None and field is not None and not _fits(field, value, table.name):
            element.refuse("", "field", f"What it gives for {name} does not fit: docs/fields.md says which values and lengths {name} has.")  # fmt: skip
    if table.name == "charges":
        _fit_reversal(element, row)


def _fit_reversal(element: Element, row: Mapping[str, Any]) -> None:
    negative = any(Decimal(str(row[n])) < 0 for n in _REVERSIBLE if row.get(n) is not None)
    other = row.get("reverses_line_id")
    if negative and (other is None or other == row.get("line_id")):
        element.refuse("", "negative-amount", "Only a line that names the line it takes back (reverses_line_id) may be negative.")  # fmt: skip


def _fits(field: Field, value: Any, table: str) -> bool:
    match field.kind:
        case Kind.TEXT | Kind.CODE:
            if field.codes is not None:
                return value in field.codes
            return len(value) <= field.max_length and _looks(field.pattern, value)
        case Kind.INTEGER | Kind.MONEY:
            least = -(2**53) if field.minimum is None else field.minimum
            most = 2**53 if field.maximum is None else field.maximum
            return bool(least <= value <= most)
        case Kind.DECIMAL:
            number = Decimal(value)
            whole = number.adjusted() + 1
            return whole <= DECIMAL_DIGITS - field.places and not (
                number < 0 and (table, field.name) in _NEVER_NEGATIVE
            )
        case Kind.DATE:
            return is_day(value)
        case Kind.INSTANT:
            return is_instant(value)
        case _:
            return isinstance(value, bool)


def _looks(pattern: str | None, value: str) -> bool:
    return pattern is None or re.match(pattern.removesuffix("$") + r"\Z", value) is not None
