"""Charge lines: ChargeItem and Claim.item to rows of ``charges`` and back."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from domain.claim import CHARGES
from domain.codes import CHARGE_CATEGORY
from streaming.fhir import extensions, naming
from streaming.fhir.elements import Element, plain
from streaming.fhir.orders import KINDS, physician
from streaming.fhir.references import Given, Shelf, coded, codings, good_id, name_of, same

Row = dict[str, Any]

CATEGORY: Final = naming.list_system("charges", "category")
_POSTED: Final = frozenset({"billable", "billed"})
_NATIVE: Final = frozenset({"line_id", "item_code", "local_item_code", "item_name", "quantity", "unit", "amount_fen"})  # fmt: skip
_PRICE_PLACES: Final = 6


def read_item(given: Given, shelf: Shelf) -> Row:
    """The row of a ChargeItem."""
    one = given.element
    one.word("status", _POSTED)
    found = shelf.identifier(one, naming.LINE_ID, given.id)
    if found is None:
        one.refuse("identifier", "required", "Give the charge line an identifier or an id.")
    row: Row = {"line_id": good_id(one, "identifier", found)}
    row |= _code(one.one("code"), one, "code", shelf)
    quantity = one.one("quantity")
    if quantity is not None:
        number = quantity.decimal("value", 4)
        row["quantity"] = None if number is None else plain(number)
        row["unit"] = quantity.text("unit") or quantity.text("code")
        quantity.take("system")
    price = one.one("priceOverride")
    row["amount_fen"] = extensions.fen(price)
    if "occurrenceDateTime" in one:
        row["charge_date"], row["charge_time"] = one.moment("occurrenceDateTime")
    period = one.one("occurrencePeriod")
    if period is not None:
        row["charge_date"], row["charge_time"] = period.moment("start")
    if "enteredDate" in one:
        row["posted_time"] = one.instant("enteredDate")
    for performer in one.many("performer"):
        actor = physician(performer.one("actor"), given, shelf)
        row.setdefault("performing_physician_id", actor)
    for name, ours in (("requestingOrganization", "ordering_department"), ("performingOrganization", "performing_department")):  # fmt: skip
        reference = one.one(name)
        if reference is not None:
            row[ours] = shelf.identify(reference, given, ("Organization",), naming.DEPARTMENT, by_id=True)  # fmt: skip
    for reference in one.many("supportingInformation"):
        text = str(reference.value.get("reference"))
        if any(kind in text for kind in KINDS) or text.startswith("urn:uuid:"):
            row["order_id"] = shelf.identify(reference, given, KINDS, naming.ORDER_ID)
    return _finish(one, row)


def read_line(item: Element, given: Given, shelf: Shelf, team: Mapping[int, str]) -> Row:
    """The row of an item of a Claim; ``team`` are the physicians by their sequence in it."""
    number = item.whole("sequence", least=1)
    row: Row = {"line_id": None if number is None else str(number)}
    row |= _code(item.one("productOrService"), item, "productOrService", shelf)
    category = item.one("category")
    if category is not None:
        row["category"] = coded(category, shelf.names, {CATEGORY: same(CHARGE_CATEGORY)}, "the category")  # fmt: skip
    quantity = item.one("quantity")
    if quantity is not None:
        value = quantity.decimal("value", 4)
        row["quantity"] = None if value is None else plain(value)
        row["unit"] = quantity.text("unit") or quantity.text("code")
        quantity.take("system")
    price = item.one("unitPrice")
    if price is not None:
        value = price.decimal("value", _PRICE_PLACES)
        row["unit_price"] = None if value is None else plain(value)
        price.take("currency")
    row["amount_fen"] = extensions.fen(item.one("net"))
    if "servicedDate" in item:
        row["charge_date"] = item.day("servicedDate")
    period = item.one("servicedPeriod")
    if period is not None:
        row["charge_date"], row["charge_time"] = period.moment("start")
        period.take("end")
    numbers = item.take("careTeamSequence")
    if isinstance(numbers, list) and numbers and isinstance(numbers[0], int):
        row["ordering_physician_id"] = team.get(numbers[0])
    item.take("encounter")
    return _finish(item, row)


def _code(concept: Element | None, holder: Element, name: str, shelf: Shelf) -> Row:
    if concept is None:
        holder.refuse(name, "required", "Say what is charged, with its national item code.")
        return {}
    row: Row = {
        "item_code": coded(concept, shelf.names, {naming.ITEM: None}, "the item"),
        "item_name": name_of(concept, naming.ITEM),
    }
    for system, code, _ in codings(concept, shelf.names):
        if system == naming.LOCAL_ITEM:
            row["local_item_code"] = code
    return row


def _finish(one: Element, row: Row) -> Row:
    row = {k: v for k, v in row.items() if v is not None} | extensions.read(one, CHARGES)
    if "unit_price" not in row and "amount_fen" in row and "quantity" in row:
        row["unit_price"] = _price(one, row["amount_fen"], Decimal(row["quantity"]))
    item = one.path.startswith("ChargeItem")
    places = {
        "category": "extension" if item else "category",
        "quantity": "quantity",
        "amount_fen": "priceOverride" if item else "net",
    }
    for name, element in places.items():
        if name not in row and not one.faults:
            one.refuse(element, "required", f"Give {name} of the line: docs/fhir.md says where.")
    return row


def _price(one: Element, amount: int, quantity: Decimal) -> str | None:
    if not quantity:
        one.refuse("quantity", "required", "Give the price of one unit where the quantity is 0.")
        return None
    price = (Decimal(amount).scaleb(-2) / quantity).quantize(Decimal(1).scaleb(-_PRICE_PLACES))
    if price * quantity != Decimal(amount).scaleb(-2):
        one.refuse("", "required", f"Give unit_price: the amount is no multiple of the quantity within {_PRICE_PLACES} places.")  # fmt: skip
        return None
    return plain(price)


def write_item(row: Mapping[str, Any], links: Row, currency: str) -> Row:
    """The ChargeItem of a row."""
    extended = [f.name for f in CHARGES.fields if f.name not in _NATIVE and f.name != "stay_id"]
    for name in ("charge_time", "posted_time", "performing_physician_id"):
        extended.remove(name)
    if not row.get("charge_time"):
        extended.remove("charge_date")
    made: Row = {
        "resourceType": "ChargeItem",
        "extension": extensions.write(CHARGES, row, extended, currency),
        "identifier": [{"system": naming.LINE_ID, "value": row["line_id"]}],
        "status": "billable",
        "code": _write_code(row),
        "quantity": _write_quantity(row),
        "priceOverride": extensions.money(row["amount_fen"], currency),
        "occurrenceDateTime": row.get("charge_time") or row.get("charge_date"),
        "enteredDate": row.get("posted_time"),
    }
    if row.get("performing_physician_id") is not None:
        made["performer"] = [{"actor": {"identifier": {"system": naming.PHYSICIAN_ID, "value": row["performing_physician_id"]}}}]  # fmt: skip
    return {k: v for k, v in (made | links).items() if v is not None}


def write_line(row: Mapping[str, Any], sequence: int, team: Mapping[str, int], currency: str) -> Row:  # fmt: skip
    """The item of a Claim of a row; the line's own identifier goes along where it is not the sequence."""
    native = _NATIVE - {"line_id"} | {"category", "unit_price", "ordering_physician_id"}
    extended = [f.name for f in CHARGES.fields if f.name not in native and f.name != "stay_id"]
    if row["line_id"] == str(sequence):
        extended.remove("line_id")
    made: Row = {
        "sequence": sequence,
        "category": {"coding": [{"system": CATEGORY, "code": row["category"]}]},
        "productOrService": _write_code(row),
        "quantity": _write_quantity(row),
        "unitPrice": {"value": Decimal(row["unit_price"]), "currency": currency},
        "net": extensions.money(row["amount_fen"], currency),
    }
    if row.get("charge_time"):
        made["servicedPeriod"] = {"start": row["charge_time"]}
        extended.remove("charge_time")
    else:
        made["servicedDate"] = row["charge_date"]
        extended.remove("charge_date")
    if row.get("ordering_physician_id") is not None:
        made["careTeamSequence"] = [team[row["ordering_physician_id"]]]
    return {"extension": extensions.write(CHARGES, row, extended, currency)} | made


def _write_code(row: Mapping[str, Any]) -> Row:
    codes = [{"system": naming.ITEM, "code": row["item_code"]}]
    if row.get("local_item_code") is not None:
        codes.append({"system": naming.LOCAL_ITEM, "code": row["local_item_code"]})
    named = {"text": row["item_name"]} if row.get("item_name") is not None else {}
    return {"coding": codes, **named}


def _write_quantity(row: Mapping[str, Any]) -> Row:
    unit = {"unit": row["unit"]} if row.get("unit") is not None else {}
    return {"value": Decimal(row["quantity"]), **unit}
