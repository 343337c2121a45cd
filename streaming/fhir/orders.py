"""Orders: MedicationRequest, ServiceRequest and DeviceRequest to rows of ``orders`` and back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from domain.claim import ORDERS
from domain.codes import ORDER_TYPE
from streaming.fhir import extensions, naming
from streaming.fhir.elements import Element, exact, plain
from streaming.fhir.references import Given, Shelf, coded, codings, good_id, name_of, same

Row = dict[str, Any]

KINDS: Final = ("MedicationRequest", "ServiceRequest", "DeviceRequest")
PRACTITIONER: Final = ("Practitioner", "PractitionerRole")
_OTHERS: Final = (
    "Organization",
    "Patient",
    "RelatedPerson",
    "Device",
    "CareTeam",
    "Location",
    "HealthcareService",
    "Group",
)
_TYPE: Final = {"MedicationRequest": "drug", "DeviceRequest": "consumable"}
_CATEGORY: Final = naming.list_system("orders", "order_type")
_FREQUENCY: Final = naming.list_system("orders", "frequency")
_ROUTE: Final = naming.list_system("orders", "route")
_EXTENDED: Final = ("long_term", "ordering_department", "executed_time")
_LONGEST_CODE: Final = 20


def read(given: Given, shelf: Shelf, *, at: datetime | None, draft: bool) -> Row:
    """The row of an order; what is wrong with it is among the element's faults.

    ``draft``: it is not signed yet, and judged as if it were. ``at`` is when such an order
    would begin if it does not say.
    """
    order, kind = given.element, given.kind
    row: Row = {"order_id": _order_id(given, shelf)}
    own = extensions.read(order, ORDERS)
    status = order.word("status", naming.STATUS.get(kind, naming.STATUS["ServiceRequest"]))
    if "status" not in order:
        order.refuse("status", "required", "Say the status of the order.")
    intent = order.word("intent", naming.ORDERED | naming.MEANT)
    if intent in naming.MEANT and not draft and status != "draft":
        order.refuse("intent", "enum", "A proposal or plan is no order: send it as a draft.")
    _refuse_prohibition(order)
    row["order_type"] = _kind_of(order, kind, shelf)
    row |= _item(given, shelf)
    if kind == "MedicationRequest":
        row |= _dosage(order, shelf)
        supply = order.one("dispenseRequest")
        row |= _quantity(supply.one("quantity") if supply else None)
    elif kind == "ServiceRequest":
        row |= _quantity(order.one("quantityQuantity"))
        row |= _occurrence(order)
    else:
        row |= _occurrence(order)
    authored = order.instant("authoredOn") if "authoredOn" in order else None
    row.setdefault("start_time", None)
    row["start_time"] = row["start_time"] or authored or (at.isoformat() if draft and at else None)
    row["status"] = "draft" if draft and status in ("draft", "active") else status
    row["ordering_physician_id"] = physician(order.one("requester"), given, shelf)
    row |= own
    if row["start_time"] is None and not order.faults:
        order.refuse("authoredOn", "required", "Say to the second from when the order holds.")
    return {k: v for k, v in row.items() if v is not None}


def physician(reference: Element | None, holder: Given, shelf: Shelf) -> str | None:
    """The identifier of a practitioner; of a role, that of its practitioner.

    Who is no practitioner (an organisation, a device), or a role that did not come, names no
    physician: the reference is not kept, and that is told.
    """
    if reference is None:
        return None
    found = shelf.find(reference, holder, (*PRACTITIONER, *_OTHERS))
    text = str(reference.value.get("reference") or "")
    kind = found.kind if found is not None else text.split("/")[-2] if "/" in text else ""
    if kind in _OTHERS or (
        kind == "PractitionerRole" and found is None and "identifier" not in reference
    ):
        reference.read.clear()
        return None
    if found is not None and found.kind == "PractitionerRole":
        inner = found.element.one("practitioner")
        return physician(inner, found, shelf) if inner is not None else None
    return shelf.identify(reference, holder, PRACTITIONER, naming.PHYSICIAN_ID, by_id=True)


def _order_id(given: Given, shelf: Shelf) -> str | None:
    found = shelf.identifier(given.element, naming.ORDER_ID, given.id)
    if found is None:
        given.element.refuse("identifier", "required", "Give the order an identifier or an id.")
    return good_id(given.element, "identifier", found)


def _refuse_prohibition(order: Element) -> None:
    if order.flag("doNotPerform"):
        order.refuse("doNotPerform", "not-supported", "An order not to do something is not read: it cannot be judged as an order.")  # fmt: skip


def _kind_of(order: Element, kind: str, shelf: Shelf) -> str | None:
    if kind in _TYPE:
        return _TYPE[kind]
    own = same(ORDER_TYPE)
    lists = {_CATEGORY: own, naming.ORDER_CATEGORY_SYSTEM: naming.ORDER_CATEGORY}
    for category in order.many("category"):
        known = {system for system, _, _ in codings(category, shelf.names)}
        if known & set(lists):
            return coded(category, shelf.names, lists, "what is ordered")
    order.refuse("category", "required", f"Say what is ordered with a code of {_CATEGORY}: {', '.join(own)}.")  # fmt: skip
    return None


def _item(given: Given, shelf: Shelf) -> Row:
    order = given.element
    name = {"MedicationRequest": "medication", "DeviceRequest": "code"}.get(given.kind)
    concept = order.one("code" if name is None else f"{name}CodeableConcept")
    if concept is None and given.kind == "MedicationRequest":
        reference = order.one("medicationReference")
        found = shelf.find(reference, given, ("Medication",)) if reference else None
        if found is not None:
            concept = found.element.one("code")
            if concept is None:
                order.refuse("medicationReference", "reference", "Give the Medication a code.")
        elif reference is not None and not order.faults:
            reference.refuse("reference", "reference", "Send the Medication along, or contained.")
    if concept is None:
        if not order.faults:
            order.refuse(name or "code", "required", "Say what is ordered, with its national item code.")  # fmt: skip
        return {}
    code = coded(concept, shelf.names, {naming.ITEM: None}, "the item")
    return {"item_code": code, "item_name": name_of(concept, naming.ITEM)}


def _dosage(order: Element, shelf: Shelf) -> Row:
    dosage = order.only("dosageInstruction", "Send one dosage an order: an order has one dose and one frequency.")  # fmt: skip
    if dosage is None:
        return {}
    row: Row = {}
    rate = dosage.only("doseAndRate", "Send one dose an order.")
    if rate is not None:
        quantity = rate.one("doseQuantity")
        if "doseRange" in rate:
            rate.refuse("doseRange", "not-supported", "Give one dose: a range cannot be judged.")
        if quantity is not None:
            dose = quantity.decimal("value", 4)
            row["dose"] = None if dose is None else plain(dose)
            row["dose_unit"] = _unit(quantity)
    route = dosage.one("route")
    if route is not None:
        lists = {_ROUTE: None, naming.ROUTE_SNOMED_SYSTEM: naming.ROUTE_SNOMED}
        row["route"] = coded(route, shelf.names, lists, "the route")
    timing = dosage.one("timing")
    if timing is not None:
        row |= _timing(timing, shelf)
    if dosage.flag("asNeededBoolean") and not row.get("frequency"):
        row["frequency"] = "prn"
    return row


def _timing(timing: Element, shelf: Shelf) -> Row:
    row: Row = {}
    repeat = timing.one("repeat")
    bounds = repeat.one("boundsPeriod") if repeat else None
    if bounds is not None:
        row |= _period(bounds)
    code = timing.one("code")
    if code is not None:
        lists = {_FREQUENCY: None, naming.GTS: naming.FREQUENCY_GTS}
        row["frequency"] = coded(code, shelf.names, lists, "the frequency")
        if repeat is not None:
            for name in ("frequency", "period", "periodUnit", "count"):
                repeat.take(name)
            _agree(row["frequency"], repeat)
    elif repeat is not None:
        row["frequency"] = _often(repeat)
    return row


def _agree(code: str | None, repeat: Element) -> None:
    """A code and a repeat that say different things cannot both be meant."""
    known = naming.FREQUENCY.get(code or "")
    if known is None or not {"frequency", "period", "periodUnit"} <= repeat.value.keys():
        return
    said = (repeat.value["frequency"], exact(repeat.value["period"]), repeat.value["periodUnit"])
    if said != (known[0], Decimal(known[1]), known[2]) and _per_day(*said) != _per_day(*known):
        repeat.refuse("frequency", "mismatch", f"The code says {code} and the repeat something else: leave the wrong one out.")  # fmt: skip


_HOURS: Final[Mapping[str, Decimal]] = {
    "h": Decimal(1),
    "d": Decimal(24),
    "wk": Decimal(168),
    "min": Decimal(1) / 60,
}


def _per_day(often: Any, period: Any, unit: Any) -> Any:
    try:
        return Decimal(often) * 24 / (Decimal(period) * _HOURS[unit])
    except (ArithmeticError, KeyError, TypeError, ValueError):
        return None


def _often(repeat: Element) -> str | None:
    if repeat.whole("count") == 1 and "frequency" not in repeat:
        return "once"
    period, unit = repeat.decimal("period", 4), repeat.text("periodUnit")
    times = repeat.whole("frequency", least=1) if "frequency" in repeat else 1
    if period is None or unit is None or times is None:
        return None
    known = naming.FREQUENCY_OF.get((times, int(period), unit)) if period == int(period) else None
    written = f"{times}/{plain(period.normalize())}{unit}"
    if known is None and len(written) > _LONGEST_CODE:
        repeat.refuse("period", "range", "Give the period in a unit in which it is short.")
        return None
    return known or written


def _occurrence(order: Element) -> Row:
    if "occurrenceDateTime" in order:
        return {"start_time": order.instant("occurrenceDateTime")}
    period = order.one("occurrencePeriod")
    if period is not None:
        return _period(period)
    timing = order.one("occurrenceTiming")
    repeat = timing.one("repeat") if timing else None
    bounds = repeat.one("boundsPeriod") if repeat else None
    return _period(bounds) if bounds else {}


def _period(period: Element) -> Row:
    return {"start_time": period.instant("start"), "stop_time": period.instant("end")}


def _quantity(quantity: Element | None) -> Row:
    if quantity is None:
        return {}
    number = quantity.decimal("value", 4)
    return {
        "quantity": None if number is None else plain(number),
        "quantity_unit": _unit(quantity),
    }


def _unit(quantity: Element) -> str | None:
    quantity.take("system")
    code = quantity.text("code") if "code" in quantity else None
    unit = quantity.text("unit") if "unit" in quantity else None
    return unit or code


def write(row: Mapping[str, Any], *, patient: str, encounter: str, currency: str = "CNY") -> Row:
    """An order as its resource: drugs as MedicationRequest, consumables as DeviceRequest, the rest as ServiceRequest."""
    kind = {"drug": "MedicationRequest", "consumable": "DeviceRequest"}.get(
        row["order_type"], "ServiceRequest"
    )
    status = row["status"]
    if kind == "MedicationRequest" and status == "revoked":
        status = "cancelled"
    extended = {*_EXTENDED}
    if kind == "DeviceRequest":
        extended |= {"quantity", "quantity_unit"}
    if kind != "MedicationRequest":
        extended |= {"dose", "dose_unit", "frequency", "route"}
    else:
        # The resource has one place for the time from which it holds, inside the dosage.
        pass
    item = {"coding": [{"system": naming.ITEM, "code": row["item_code"]}]}
    if row.get("item_name") is not None:
        item["text"] = row["item_name"]
    made: Row = {
        "resourceType": kind,
        "extension": extensions.write(ORDERS, row, extended, currency),
        "identifier": [{"system": naming.ORDER_ID, "value": row["order_id"]}],
        "status": status,
        "intent": "order",
        "subject": {"reference": patient},
        "encounter": {"reference": encounter},
    }
    period = {
        name: row[ours]
        for name, ours in (("start", "start_time"), ("end", "stop_time"))
        if row.get(ours) is not None
    }
    if kind == "MedicationRequest":
        made |= {"medicationCodeableConcept": item, "dosageInstruction": [_write_dosage(row, period)]}  # fmt: skip
        if row.get("quantity") is not None or row.get("quantity_unit") is not None:
            made["dispenseRequest"] = {"quantity": _write_quantity(row, "quantity", "quantity_unit")}  # fmt: skip
    else:
        made["occurrencePeriod"] = period
        made["code" if kind == "ServiceRequest" else "codeCodeableConcept"] = item
    if kind == "ServiceRequest":
        made["category"] = [{"coding": [{"system": _CATEGORY, "code": row["order_type"]}]}]
        if row.get("quantity") is not None or row.get("quantity_unit") is not None:
            made["quantityQuantity"] = _write_quantity(row, "quantity", "quantity_unit")
    if row.get("ordering_physician_id") is not None:
        made["requester"] = _practitioner(row["ordering_physician_id"])
    return {k: v for k, v in made.items() if v != []}


def _practitioner(name: str) -> Row:
    return {"type": "Practitioner", "identifier": {"system": naming.PHYSICIAN_ID, "value": name}}


def _write_dosage(row: Mapping[str, Any], period: Row) -> Row:
    repeat: Row = {"boundsPeriod": period} if period else {}
    frequency: str | None = row.get("frequency")
    if frequency is not None and frequency in naming.FREQUENCY:
        times, every, unit = naming.FREQUENCY[frequency]
        repeat |= {"frequency": times, "period": every, "periodUnit": unit}
    elif frequency in naming.SINGLE:
        repeat["count"] = 1
    timing: Row = {"repeat": repeat} if repeat else {}
    if frequency is not None:
        timing["code"] = {"coding": [{"system": _FREQUENCY, "code": frequency}]}
    dosage: Row = {"timing": timing} if timing else {}
    if frequency == "prn":
        dosage["asNeededBoolean"] = True
    if row.get("route") is not None:
        dosage["route"] = {"coding": [{"system": _ROUTE, "code": row["route"]}]}
    if row.get("dose") is not None or row.get("dose_unit") is not None:
        dosage["doseAndRate"] = [{"doseQuantity": _write_quantity(row, "dose", "dose_unit")}]
    return dosage


def _write_quantity(row: Mapping[str, Any], value: str, unit: str) -> Row:
    found: Row = {}
    if row.get(value) is not None:
        found["value"] = Decimal(row[value])
    if row.get(unit) is not None:
        found["unit"] = row[unit]
    return found
