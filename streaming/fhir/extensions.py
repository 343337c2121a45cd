"""Fields of ours that FHIR has no element for: one extension a field, named after it and typed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from domain.schema import Field, Kind, Table
from streaming.fhir.elements import Element, plain
from streaming.fhir.naming import FIELD

_VALUE: Final = {
    Kind.TEXT: "valueString",
    Kind.CODE: "valueString",
    Kind.INTEGER: "valueInteger",
    Kind.MONEY: "valueMoney",
    Kind.DECIMAL: "valueDecimal",
    Kind.DATE: "valueDate",
    Kind.INSTANT: "valueDateTime",
    Kind.FLAG: "valueBoolean",
}
MOST_PLACES: Final = 6


def write(table: Table, row: Mapping[str, Any], names: Iterable[str], currency: str) -> list[Any]:
    """The extensions of the fields that the row has, in the order of the table."""
    wanted = set(names)
    return [
        {"url": f"{FIELD}{table.name}.{f.name}", _VALUE[f.kind]: _told(f, row[f.name], currency)}
        for f in table.fields
        if f.name in wanted and row.get(f.name) is not None
    ]


def read(element: Element, table: Table) -> dict[str, Any]:
    """The fields of a table that an element's extensions state; what cannot be read is a fault.

    Extensions of others are left unread; they change no meaning (FHIR R4, 2.4.1).
    """
    found: dict[str, Any] = {}
    prefix = f"{FIELD}{table.name}."
    for one in element.many("extension"):
        url = one.value.get("url")
        if not isinstance(url, str) or not url.startswith(prefix):
            continue
        one.take("url")
        name = url.removeprefix(prefix)
        fields = {f.name: f for f in table.fields}
        if name not in fields:
            one.refuse("url", "unknown-element", f"Table {table.name} has no field of that name: docs/fields.md.")  # fmt: skip
        elif name in found:
            one.refuse("url", "several", f"State {name} once.")
        else:
            value = _value(one, fields[name])
            if value is not None:
                found[name] = value
    return found


def money(fen: int, currency: str) -> dict[str, Any]:
    """An amount as FHIR's Money."""
    return {"value": Decimal(fen).scaleb(-2), "currency": currency}


def fen(element: Element | None, currency: str | None = None) -> int | None:
    """The amount of a Money in hundredths, exactly; a third decimal place is a fault."""
    if element is None:
        return None
    number = element.decimal("value", 2)
    named = element.text("currency") if "currency" in element else None
    if currency is not None and named is not None and named != currency:
        element.refuse("currency", "mismatch", f"Give all amounts of a claim in {currency}.")
        return None
    return None if number is None else int(number.scaleb(2))


def _told(field: Field, value: Any, currency: str) -> Any:
    if field.kind is Kind.MONEY:
        return money(value, currency)
    return Decimal(value) if field.kind is Kind.DECIMAL else value


def _value(one: Element, field: Field) -> Any:
    wanted = _VALUE[field.kind]
    if wanted not in one:
        one.refuse("value", "type", f"Give {field.name} as {wanted}.")
        return None
    match field.kind:
        case Kind.TEXT | Kind.CODE:
            text = one.text(wanted)
            if text is not None and field.codes is not None and text not in field.codes:
                one.refuse(wanted, "enum", f"Use one of {', '.join(field.codes)}.")
                return None
            return text
        case Kind.INTEGER:
            return one.whole(wanted)
        case Kind.MONEY:
            return fen(one.one(wanted))
        case Kind.DECIMAL:
            number = one.decimal(wanted, field.places)
            return None if number is None else plain(number)
        case Kind.DATE:
            return one.day(wanted)
        case Kind.INSTANT:
            return one.instant(wanted)
        case _:
            return one.flag(wanted)
