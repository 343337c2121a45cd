"""Coverage to rows of ``coverages`` and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from domain.claim import COVERAGES
from domain.codes import INSURANCE_TYPE
from streaming.fhir import extensions, naming
from streaming.fhir.references import Given, Shelf, coded, same
from streaming.fhir.stays import concept_of, filled

Row = dict[str, Any]

_INSURANCE: Final = naming.list_system("coverages", "insurance_type")


def read_coverage(given: Given, shelf: Shelf) -> Row:
    """The row of a Coverage."""
    one = given.element
    row: Row = {"ordinal": one.whole("order", least=1)}
    kind = one.one("type")
    if kind is None:
        one.refuse("type", "required", f"Say the scheme with a code of {_INSURANCE}.")
    else:
        row["insurance_type"] = coded(kind, shelf.names, {_INSURANCE: same(INSURANCE_TYPE)}, "the scheme")  # fmt: skip
    payor = one.only("payor", "Send a Coverage of its own for each payer.")
    logical = payor.one("identifier") if payor else None
    if payor is not None:
        payor.take("display")
    if logical is not None:
        logical.take("system")
        row["region_code"] = logical.text("value")
    elif payor is not None and "reference" in payor:
        row["region_code"] = shelf.identify(payor, given, ("Organization",), naming.REGION)
    period = one.one("period")
    if period is not None:
        row["start_date"] = period.day("start") if "start" in period else None
        row["end_date"] = period.day("end") if "end" in period else None
    if "status" in one:
        row["status"] = one.word("status", {"active": "active", "cancelled": "ended"})
    else:
        one.take("_status")
    return {k: v for k, v in row.items() if v is not None} | extensions.read(one, COVERAGES)


def write_coverage(row: Mapping[str, Any], *, patient: str, currency: str) -> Row:
    """The Coverage of a row."""
    status = row.get("status")
    extended = ["covered_months", *(["status"] if status == "suspended" else [])]
    made: Row = {
        "resourceType": "Coverage",
        "extension": extensions.write(COVERAGES, row, extended, currency),
        "type": concept_of(_INSURANCE, row["insurance_type"]),
        "beneficiary": {"reference": patient},
        "period": filled({"start": row.get("start_date"), "end": row.get("end_date")}),
        "order": row["ordinal"],
        "payor": [{"display": "not stated"}],
    }
    if row.get("region_code"):
        made["payor"] = [{"identifier": {"system": naming.REGION, "value": row["region_code"]}}]
    if status is None:
        absent = {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}  # fmt: skip
        made["_status"] = {"extension": [absent]}
    else:
        made["status"] = "active" if status == "active" else "cancelled"
    return filled(made)
