"""The head of a stay: Encounter, Patient and Coverage to the fields of ``stays`` and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from domain.claim import ICU_STAYS, STAYS
from domain.codes import (
    ADMISSION_WAY,
    DISCHARGE_WAY,
    ICU_WARD_TYPE,
    INPATIENT_TYPE,
)
from streaming.fhir import extensions, naming
from streaming.fhir.elements import Element
from streaming.fhir.orders import physician
from streaming.fhir.references import Given, Shelf, coded, codings, good_id, same

Row = dict[str, Any]

PRESENT: Final = frozenset({"arrived", "triaged", "in-progress", "onleave"})
OVER: Final = "finished"
ERRONEOUS: Final = frozenset({"cancelled", "entered-in-error"})
STATES: Final = PRESENT | {OVER} | ERRONEOUS
_WARD_TYPE: Final = naming.list_system("icu_stays", "ward_type")
_ADMISSION_WAY: Final = naming.list_system("stays", "admission_way")
_DISCHARGE_WAY: Final = naming.list_system("stays", "discharge_way")
_INPATIENT_TYPE: Final = naming.list_system("stays", "inpatient_type")
_WARD: Final = "http://terminology.hl7.org/CodeSystem/location-physical-type"


def patient(reference: Element | None, holder: Given, shelf: Shelf) -> tuple[str | None, Row]:
    """Who a reference names: the identifier, and the fields of the Patient if it came."""
    if reference is None:
        return None, {}
    name = shelf.identify(reference, holder, ("Patient",), naming.PATIENT_ID)
    found = shelf.find(reference, holder, ("Patient",)) if name is not None else None
    return name, {} if found is None else read_patient(found, shelf)


def read_patient(given: Given, shelf: Shelf) -> Row:
    """The personal fields of a Patient, without its identifier as an insured person."""
    one = given.element
    row: Row = {}
    numbers = {naming.RECORD_NUMBER: "medical_record_number", naming.IDENTITY_NUMBER: "identity_number"}  # fmt: skip
    for identifier in one.many("identifier"):
        system = shelf.names.of(identifier.text("system")) if "system" in identifier else None
        value = identifier.text("value")
        if system in numbers:
            row[numbers[system]] = value
    names = one.many("name")
    row["patient_name"] = _person(names[0]) if names else None
    contacts = one.many("contact")
    contact = contacts[0].one("name") if contacts else None
    row["contact_name"] = _person(contact) if contact else None
    for line in one.many("telecom"):
        if "phone" not in row and line.text("system") in ("phone", "sms", None):
            row["phone"] = line.text("value")
    lines = one.many("address")
    row["address"] = _address(lines[0]) if lines else None
    row["sex"] = one.word("gender", naming.GENDER)
    row["birth_date"] = one.day("birthDate") if "birthDate" in one else None
    if "deceasedDateTime" in one:
        row["death_date"], row["death_time"] = one.moment("deceasedDateTime")
    return {k: v for k, v in row.items() if v is not None} | extensions.read(one, STAYS)


def _person(name: Element) -> str | None:
    if "text" in name:
        return name.text("text")
    given = name.take("given")
    parts = [name.text("family"), *(given if isinstance(given, list) else ())]
    return " ".join(p for p in parts if isinstance(p, str)) or None


def _address(address: Element) -> str | None:
    if "text" in address:
        return address.text("text")
    lines = address.take("line")
    parts = [address.text(n) for n in ("state", "city", "district")]
    return "".join(p for p in (*parts, *(lines if isinstance(lines, list) else ())) if isinstance(p, str)) or None  # fmt: skip


def stay_id(given: Given, shelf: Shelf) -> str | None:
    """The identifier of the stay that an Encounter is."""
    found = shelf.identifier(given.element, naming.STAY_ID, given.id)
    if found is None:
        given.element.refuse("identifier", "required", "Give the Encounter the identifier of the stay.")  # fmt: skip
    return good_id(given.element, "identifier", found)


def provider(reference: Element | None, holder: Given, shelf: Shelf) -> str | None:
    """The hospital that a reference names, if that can be told."""
    if reference is None:
        return None
    kinds = ("Organization",)
    reference.take("display")
    if shelf.find(reference, holder, kinds) is None and "identifier" not in reference:
        # A server's own id of an organisation is not the hospital's number.
        return None
    return shelf.identify(reference, holder, kinds, naming.PROVIDER_ID)


def read_encounter(given: Given, shelf: Shelf) -> Row:
    """The fields that an Encounter states of the stay, discharge included, with ``status``."""
    one = given.element
    row: Row = {"encounter_id": None}
    for identifier in one.many("identifier"):
        system = shelf.names.of(identifier.text("system")) if "system" in identifier else None
        value = identifier.text("value")
        if system == naming.ENCOUNTER_ID:
            row["encounter_id"] = value
    row |= _kind(one, shelf)
    row["admission_department"] = _department(one.one("serviceType"), shelf)
    for participant in one.many("participant"):
        known = {code for t in participant.many("type") for _, code, _ in codings(t, shelf.names)}
        if "ATND" in known and "attending_physician_id" not in row:
            row["attending_physician_id"] = physician(participant.one("individual"), given, shelf)
    reasons = one.many("reasonCode")
    if reasons:
        row["admission_diagnosis_code"] = coded(reasons[0], shelf.names, dict.fromkeys(naming.CLINICAL), "the reason of admission")  # fmt: skip
    row |= _course(one, given, shelf)
    period = one.one("period")
    if period is not None:
        row["admission_date"], row["admission_time"] = period.moment("start")
        row["discharge_date"], row["discharge_time"] = period.moment("end")
    length = one.one("length")
    if length is not None:
        if {"d", "day", "days", "天"} & {str(length.take("code")), str(length.take("unit"))}:
            row["length_of_stay_days"] = length.whole("value", least=0)
            length.take("system")
        else:
            length.refuse("unit", "enum", "Give the length of the stay in days (d).")
    return {k: v for k, v in row.items() if v is not None} | extensions.read(one, STAYS)


def _kind(one: Element, shelf: Shelf) -> Row:
    coding = one.one("class")
    code = coding.text("code") if coding else None
    if coding is not None:
        coding.take("system")
    if code in naming.INPATIENT:
        row: Row = {"claim_type": "inpatient"}
    elif code in naming.OUTPATIENT:
        row = {"claim_type": "outpatient"}
    else:
        words = sorted(naming.INPATIENT | naming.OUTPATIENT)
        one.refuse("class", "enum", f"Use a class of v3-ActCode: {', '.join(words)}.")
        return {}
    for kind in one.many("type"):
        if any(s == _INPATIENT_TYPE for s, _, _ in codings(kind, shelf.names)):
            row["inpatient_type"] = coded(kind, shelf.names, {_INPATIENT_TYPE: same(INPATIENT_TYPE)}, "the type")  # fmt: skip
    return row


def _department(concept: Element | None, shelf: Shelf) -> str | None:
    if concept is None:
        return None
    found = codings(concept, shelf.names)
    own = [code for system, code, _ in found if system == naming.DEPARTMENT]
    return next(iter(own), None) or (found[0][1] if found else concept.text("text"))


def _course(one: Element, given: Given, shelf: Shelf) -> Row:
    row: Row = {}
    for location in one.many("location"):
        if _is_icu(location, shelf):
            continue
        place = location.one("location")
        physical = location.one("physicalType")
        kinds = {code for _, code, _ in codings(physical, shelf.names)} if physical else set()
        location.take("status")
        if place is not None and (not kinds or "wa" in kinds):
            row["ward"] = place.text("display") or shelf.identify(place, given, ("Location",), "", by_id=True)  # fmt: skip
    stay = one.one("hospitalization")
    if stay is None:
        return row
    source = stay.one("admitSource")
    if source is not None:
        lists = {_ADMISSION_WAY: same(ADMISSION_WAY), naming.ADMIT_SOURCE_SYSTEM: naming.ADMIT_SOURCE}  # fmt: skip
        row["admission_way"] = coded(source, shelf.names, lists, "how the patient came")
    way = stay.one("dischargeDisposition")
    if way is not None:
        lists = {_DISCHARGE_WAY: same(DISCHARGE_WAY), naming.DISPOSITION_SYSTEM: naming.DISPOSITION}
        row["discharge_way"] = coded(way, shelf.names, lists, "how the patient left")
    destination = stay.one("destination")
    if destination is not None:
        row["receiving_provider_id"] = shelf.identify(destination, given, ("Organization", "Location"), naming.PROVIDER_ID, by_id=True)  # fmt: skip
    return row


def _is_icu(location: Element, shelf: Shelf) -> bool:
    physical = location.one("physicalType")
    coded_so = physical is not None and any(
        s == _WARD_TYPE for s, _, _ in codings(physical, shelf.names)
    )
    prefix = f"{naming.FIELD}{ICU_STAYS.name}."
    return coded_so or any(
        str(e.value.get("url")).startswith(prefix) for e in location.many("extension")
    )


def read_icu(given: Given, shelf: Shelf) -> list[Row]:
    """The times in intensive care of an Encounter, in the order in which they stand."""
    rows: list[Row] = []
    for location in given.element.many("location"):
        if not _is_icu(location, shelf):
            continue
        row: Row = {"ordinal": len(rows) + 1}
        place = location.one("location")
        if place is not None:
            place.take("display")
        physical = location.one("physicalType")
        if physical is not None:
            row["ward_type"] = coded(physical, shelf.names, {_WARD_TYPE: same(ICU_WARD_TYPE)}, "the kind of ward")  # fmt: skip
        period = location.one("period")
        if period is None or "start" not in period:
            location.refuse("period.start", "required", "Say when the patient came into intensive care.")  # fmt: skip
        else:
            row["start_time"], row["end_time"] = period.instant("start"), period.instant("end")
        rows.append({k: v for k, v in row.items() if v is not None} | extensions.read(location, ICU_STAYS))  # fmt: skip
    return rows


PATIENT_FIELDS: Final = (
    "patient_id", "medical_record_number", "identity_number", "patient_name", "contact_name",
    "phone", "address", "sex", "birth_date", "death_date", "death_time",
)  # fmt: skip
"""What a Patient has elements for."""
ENCOUNTER_FIELDS: Final = (
    "stay_id", "encounter_id", "claim_type", "provider_id", "inpatient_type", "admission_date",
    "admission_time", "admission_department", "ward", "admission_diagnosis_code", "admission_way",
    "discharge_date", "discharge_time", "discharge_way", "receiving_provider_id",
    "length_of_stay_days", "attending_physician_id",
)  # fmt: skip
"""What an Encounter has elements for."""
_PERSONAL: Final = ("employer", "bank_account")
_SEX: Final = {"1": "male", "2": "female", "9": "other", "0": "unknown"}


def write_patient(head: Mapping[str, Any], currency: str) -> Row:
    """The Patient of a stay."""
    systems = {
        "patient_id": naming.PATIENT_ID,
        "medical_record_number": naming.RECORD_NUMBER,
        "identity_number": naming.IDENTITY_NUMBER,
    }
    made: Row = {
        "resourceType": "Patient",
        "extension": extensions.write(STAYS, head, (*_PERSONAL, *_both(head, "death")), currency),
        "identifier": [
            {"system": system, "value": head[n]} for n, system in systems.items() if head.get(n)
        ],
        "gender": _SEX.get(head.get("sex") or ""),
        "birthDate": head.get("birth_date"),
        "deceasedDateTime": head.get("death_time") or head.get("death_date"),
    }
    if head.get("patient_name"):
        made["name"] = [{"text": head["patient_name"]}]
    if head.get("contact_name"):
        made["contact"] = [{"name": {"text": head["contact_name"]}}]
    if head.get("phone"):
        made["telecom"] = [{"system": "phone", "value": head["phone"]}]
    if head.get("address"):
        made["address"] = [{"text": head["address"]}]
    return filled(made)


def _both(head: Mapping[str, Any], what: str) -> Iterable[str]:
    """The date beside an instant, which the one element has no place for."""
    return (f"{what}_date",) if head.get(f"{what}_time") and head.get(f"{what}_date") else ()


def write_encounter(
    head: Mapping[str, Any], icu: Iterable[Mapping[str, Any]], *, patient: str, status: str,
    stated: Iterable[str] = (), currency: str = "CNY", beside: Iterable[str] = (),
) -> Row:  # fmt: skip
    """The Encounter of a stay; ``stated`` are its lists given in full, ``beside`` fields that stand elsewhere."""
    mine = set(ENCOUNTER_FIELDS) - {*_both(head, "admission"), *_both(head, "discharge")}
    elsewhere = {*PATIENT_FIELDS, *_PERSONAL, *beside, "time_zone", "claim_version", *mine}
    extended = [f.name for f in STAYS.fields if f.name not in elsewhere]
    system = naming.CLINICAL_URI.get(head.get("diagnosis_system") or "")
    identifiers = {"stay_id": naming.STAY_ID, "encounter_id": naming.ENCOUNTER_ID}
    made: Row = {
        "resourceType": "Encounter",
        "extension": extensions.write(STAYS, head, extended, currency)
        + [{"url": naming.LISTS, "valueCode": name} for name in stated],
        "identifier": [
            {"system": s, "value": head[n]} for n, s in identifiers.items() if head.get(n)
        ],
        "status": status,
        "class": {
            "system": naming.ACT_CODE,
            "code": "AMB" if head.get("claim_type") == "outpatient" else "IMP",
        },
        "subject": {"reference": patient},
        "period": filled({
            "start": head.get("admission_time") or head.get("admission_date"),
            "end": head.get("discharge_time") or head.get("discharge_date"),
        }),
        "hospitalization": _hospitalization(head),
        "location": _locations(head, icu, currency),
        "serviceProvider": {
            "identifier": {"system": naming.PROVIDER_ID, "value": head["provider_id"]}
        },
    }  # fmt: skip
    if head.get("inpatient_type"):
        made["type"] = [concept_of(_INPATIENT_TYPE, head["inpatient_type"])]
    if head.get("admission_department"):
        made["serviceType"] = concept_of(naming.DEPARTMENT, head["admission_department"])
    if head.get("attending_physician_id"):
        made["participant"] = [{
            "type": [concept_of("http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "ATND")],
            "individual": {"identifier": {"system": naming.PHYSICIAN_ID, "value": head["attending_physician_id"]}},
        }]  # fmt: skip
    if head.get("admission_diagnosis_code"):
        made["reasonCode"] = [concept_of(system or naming.CLINICAL_URI["ICD-10-CN"], head["admission_diagnosis_code"])]  # fmt: skip
    if head.get("length_of_stay_days") is not None:
        made["length"] = {"value": head["length_of_stay_days"], "unit": "d", "system": "http://unitsofmeasure.org", "code": "d"}  # fmt: skip
    return filled(made)


def _hospitalization(head: Mapping[str, Any]) -> Row:
    made: Row = {}
    if head.get("admission_way"):
        made["admitSource"] = concept_of(_ADMISSION_WAY, head["admission_way"])
    if head.get("discharge_way"):
        made["dischargeDisposition"] = concept_of(_DISCHARGE_WAY, head["discharge_way"])
    if head.get("receiving_provider_id"):
        made["destination"] = {"identifier": {"system": naming.PROVIDER_ID, "value": head["receiving_provider_id"]}}  # fmt: skip
    return made


def _locations(head: Mapping[str, Any], icu: Iterable[Mapping[str, Any]], currency: str) -> list[Row]:  # fmt: skip
    found: list[Row] = []
    if head.get("ward"):
        found.append(
            {"location": {"display": head["ward"]}, "physicalType": concept_of(_WARD, "wa")}
        )
    for row in icu:
        one: Row = {
            "extension": extensions.write(ICU_STAYS, row, ("ordinal",), currency),
            "location": {"display": "ICU"},
            "period": filled({"start": row.get("start_time"), "end": row.get("end_time")}),
        }
        if row.get("ward_type"):
            one["physicalType"] = concept_of(_WARD_TYPE, row["ward_type"])
        found.append(one)
    return found


def concept_of(system: str, code: str) -> Row:
    """A concept of one coding."""
    return {"coding": [{"system": system, "code": code}]}


def filled(made: Row) -> Row:
    """An object without what has no content."""
    return {k: v for k, v in made.items() if v is not None and v not in ({}, [])}
