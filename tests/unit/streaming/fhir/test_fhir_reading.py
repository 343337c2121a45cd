"""What each element means, and what is refused where and why."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from benchmarks.fhir_messages import claim, stay
from streaming.fhir import Events, Names, claims_of, events_of, resource_of_order
from streaming.fhir.naming import BASE

Json = dict[str, Any]
AT = datetime(2025, 3, 3, 4, tzinfo=UTC)
PATIENT, DOCTOR, ENCOUNTER, CONDITION, PROCEDURE, DRUG, TEST, CHARGE, COVERAGE = range(9)


def read(
    change: Any = None, *, drafts: Any = (), provider: str | None = None, **more: Any
) -> Events:
    document = stay()
    resources = [entry["resource"] for entry in document["entry"]]
    if change is not None:
        change(resources)
    return events_of(resources, provider_id=provider, at=AT, drafts=drafts, models=False, **more)


def put(place: int, **elements: Any) -> Any:
    def change(resources: list[Json]) -> None:
        for name, value in elements.items():
            if value is None:
                resources[place].pop(name, None)
            else:
                resources[place][name] = value

    return change


def order(found: Events, order_id: str = "o1") -> Json:
    assert not found.refused, found.refused
    (row,) = [o for e in found.events for o in e.get("orders", ()) if o["order_id"] == order_id]
    result: Json = row
    return result


def head(found: Events) -> Json:
    assert not found.refused, found.refused
    (made,) = [e["stay"] for e in found.events if e["kind"] == "stay"]
    result: Json = made
    return result


def reasons(found: Events) -> set[tuple[str, str]]:
    return {(r.element, r.rule) for r in found.refused}


def test_a_drug_is_read_with_dose_frequency_and_route() -> None:
    assert order(read()) == {
        "order_id": "o1", "order_type": "drug", "item_code": "S-0901007", "dose": "0.5", "dose_unit": "g",
        "route": "iv", "frequency": "q8h", "start_time": "2025-03-03T09:20:00+08:00", "status": "active",
        "ordering_physician_id": "D1",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("timing", "frequency"),
    [
        ({"code": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-GTSAbbreviation", "code": "BID"}]}}, "bid"),
        ({"code": {"coding": [{"system": f"{BASE}code:orders.frequency", "code": "qn"}]}}, "qn"),
        ({"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}}, "bid"),
        ({"repeat": {"period": 12, "periodUnit": "h"}}, "q12h"),
        ({"repeat": {"frequency": 1, "period": 2, "periodUnit": "d"}}, "qod"),
        ({"repeat": {"frequency": 3, "period": 7, "periodUnit": "d"}}, "3/7d"),
        ({"repeat": {"frequency": 1, "period": 1.5, "periodUnit": "h"}}, "1/1.5h"),
        ({"repeat": {"count": 1}}, "once"),
    ],
)  # fmt: skip
def test_frequencies(timing: Json, frequency: str) -> None:
    assert order(read(put(DRUG, dosageInstruction=[{"timing": timing}])))["frequency"] == frequency


def test_a_code_and_a_repeat_that_contradict_are_refused() -> None:
    code = {"coding": [{"system": f"{BASE}code:orders.frequency", "code": "tid"}]}
    repeat = {"frequency": 1, "period": 1, "periodUnit": "d"}
    found = read(put(DRUG, dosageInstruction=[{"timing": {"code": code, "repeat": repeat}}]))
    assert reasons(found) == {("MedicationRequest.dosageInstruction[0].timing.repeat.frequency", "mismatch")}  # fmt: skip
    assert [o["order_id"] for e in found.events for o in e.get("orders", ())] == ["o2"]


@pytest.mark.parametrize(
    ("kind", "status", "ours"),
    [
        (DRUG, "stopped", "completed"), (DRUG, "cancelled", "revoked"), (DRUG, "on-hold", "on-hold"),
        (TEST, "revoked", "revoked"), (TEST, "entered-in-error", "entered-in-error"),
    ],
)  # fmt: skip
def test_statuses(kind: int, status: str, ours: str) -> None:
    found = read(put(kind, status=status))
    assert order(found, "o1" if kind == DRUG else "o2")["status"] == ours


def test_a_draft_is_a_draft_whatever_it_says_and_begins_now() -> None:
    draft = {**copy.deepcopy(stay()["entry"][DRUG]["resource"]), "id": "d1"}
    del draft["authoredOn"]
    for status, intent in (("draft", "order"), ("active", "order"), ("draft", "proposal")):
        found = read(drafts=[draft | {"status": status, "intent": intent}])
        row = order(found, "d1")
        assert (row["status"], row["start_time"]) == ("draft", AT.isoformat())
    assert order(found, "o1")["status"] == "active", "the other order stays as it is"


def test_a_draft_without_encounter_belongs_to_the_one_that_came_along() -> None:
    """Order entry often hands over drafts that name the patient alone (CDS Hooks draftOrders)."""
    draft = {**copy.deepcopy(stay()["entry"][DRUG]["resource"]), "id": "d1", "status": "draft"}
    del draft["encounter"]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": draft}]}
    assert order(read(drafts=[bundle]), "d1")["status"] == "draft"
    other = draft | {"subject": {"identifier": {"value": "ANOTHER"}}}
    assert reasons(read(drafts=[other])) == {("MedicationRequest.subject", "mismatch")}
    alone = read(lambda resources: resources.append(draft))
    assert reasons(alone) == {("MedicationRequest.encounter", "required")}, "an order says where"


@pytest.mark.parametrize(
    ("requester", "physician"),
    [
        ({"reference": "Practitioner/d1"}, "D1"),
        ({"reference": "Practitioner/far"}, "far"),
        ({"identifier": {"value": "D9"}}, "D9"),
        ({"reference": "PractitionerRole/far"}, None),
        ({"reference": "Organization/o"}, None),
        ({"reference": "#role"}, "D1"),
    ],
)
def test_who_ordered(requester: Json, physician: str | None) -> None:
    def change(resources: list[Json]) -> None:
        resources[DRUG]["requester"] = requester
        role = {"resourceType": "PractitionerRole", "id": "role", "practitioner": {"reference": "Practitioner/d1"}}  # fmt: skip
        resources[DRUG]["contained"].append(role)

    found = read(change)
    assert order(found).get("ordering_physician_id") == physician
    kept = "MedicationRequest.requester.reference" not in {n.element for n in found.notes}
    assert kept == (physician is not None)


@pytest.mark.parametrize(
    ("place", "elements", "element", "rule"),
    [
        (DRUG, {"status": "unknown"}, "MedicationRequest.status", "enum"),
        (DRUG, {"status": None}, "MedicationRequest.status", "required"),
        (DRUG, {"intent": "plan"}, "MedicationRequest.intent", "enum"),
        (DRUG, {"doNotPerform": True}, "MedicationRequest.doNotPerform", "not-supported"),
        (DRUG, {"authoredOn": "2025-03-03"}, "MedicationRequest.authoredOn", "format"),
        (DRUG, {"authoredOn": "2025-03-03T10:00:00"}, "MedicationRequest.authoredOn", "format"),
        (DRUG, {"authoredOn": None}, "MedicationRequest.authoredOn", "required"),
        (DRUG, {"medicationReference": {"reference": "#x"}}, "MedicationRequest.medicationReference.reference", "reference"),
        (DRUG, {"dosageInstruction": [{}, {}]}, "MedicationRequest.dosageInstruction[0]", "empty"),
        (DRUG, {"dosageInstruction": [{"text": "a"}, {"text": "b"}]}, "MedicationRequest.dosageInstruction", "several"),
        (DRUG, {"encounter": {"reference": "Encounter/e9"}}, "MedicationRequest.encounter.reference", "reference"),
        (DRUG, {"encounter": {"reference": "Patient/p1"}}, "MedicationRequest.encounter.reference", "reference"),
        (DRUG, {"subject": {"identifier": {"value": "ANOTHER"}}}, "MedicationRequest.subject", "mismatch"),
        (DRUG, {"modifierExtension": [{"url": "urn:x", "valueBoolean": True}]}, "MedicationRequest.modifierExtension", "modifier"),
        (TEST, {"category": None}, "ServiceRequest.category", "required"),
        (TEST, {"code": {"text": "血常规"}}, "ServiceRequest.code.coding", "system"),
        (TEST, {"code": {"coding": [{"system": f"{BASE}code:national-item", "code": "x" * 60}]}}, "ServiceRequest", "field"),
        (TEST, {"quantityQuantity": {"value": -1}}, "ServiceRequest", "field"),
        (CHARGE, {"status": "aborted"}, "ChargeItem.status", "enum"),
        (CHARGE, {"priceOverride": {"value": Decimal("1.005"), "currency": "CNY"}}, "ChargeItem.priceOverride.value", "range"),
        (CHARGE, {"priceOverride": {"value": "197", "currency": "CNY"}}, "ChargeItem.priceOverride.value", "type"),
        (CHARGE, {"quantity": {"value": 3}}, "ChargeItem", "required"),
        (CHARGE, {"extension": None}, "ChargeItem.extension", "required"),
        (CONDITION, {"code": {"coding": [{"system": "http://snomed.info/sct", "code": "1"}]}}, "Condition.code.coding", "system"),
        (PROCEDURE, {"status": "stopped"}, "Procedure.status", "enum"),
        (COVERAGE, {"type": None}, "Coverage.type", "required"),
    ],
)  # fmt: skip
def test_what_is_refused_says_where_and_why(
    place: int, elements: Json, element: str, rule: str
) -> None:
    found = read(put(place, **elements))
    assert (element, rule) in reasons(found)
    assert {r.index for r in found.refused} == {place}, "and nothing else is"
    assert len(found.taken) == 8


@pytest.mark.parametrize(
    ("elements", "element"),
    [
        ({"status": "planned"}, "Encounter.status"),
        ({"class": {"code": "ZZ"}}, "Encounter.class"),
        ({"period": {"start": "2025-03"}}, "Encounter.period.start"),
        ({"status": "finished"}, "Encounter.period.end"),
        ({"subject": {"reference": "Patient/p9"}}, "Encounter.subject.reference"),
        ({"subject": {"reference": "Practitioner/d1"}}, "Encounter.subject.reference"),
    ],
)  # fmt: skip
def test_what_belongs_to_a_refused_encounter_is_refused_with_it(elements: Json, element: str) -> None:  # fmt: skip
    found = read(put(ENCOUNTER, **elements))
    assert element in {r.element for r in found.refused}
    assert found.events == []
    assert set(found.taken) <= {PATIENT, DOCTOR}


def test_a_fault_in_a_patient_is_a_fault_of_the_stay() -> None:
    found = read(put(PATIENT, birthDate="1960-02-31"))
    assert ("Patient.birthDate", "format") in reasons(found)
    assert not found.events


def test_a_refused_doctor_does_not_become_an_id() -> None:
    """The reference says Practitioner/d1 and the identifier is D1: without it the order would name another."""
    found = read(put(DOCTOR, identifier=[]))
    assert {r.index for r in found.refused} >= {DOCTOR, DRUG}


@pytest.mark.parametrize("kind", ["urn:uuid:00000000-0000-4000-8000-000000000002", "http://ehr.test/fhir/Encounter/e1", "Encounter/e1/_history/3"])  # fmt: skip
def test_references_by_address_and_version(kind: str) -> None:
    document = stay()
    document["entry"][DRUG]["resource"]["encounter"] = {"reference": kind}
    assert order(events_of([document], provider_id=None, at=AT))["status"] == "active"


def test_an_order_alone_names_its_stay_by_identifier() -> None:
    resource = stay()["entry"][TEST]["resource"] | {
        "subject": {"identifier": {"value": "P77"}},
        "encounter": {"identifier": {"value": "S77"}},
    }
    (event,) = events_of([resource], provider_id="H1", at=AT).events
    assert (event["kind"], event["stay_id"], event["patient_id"]) == ("orders", "S77", "P77")
    without = events_of([resource], provider_id=None, at=AT)
    assert not without.events
    assert without.refused


def test_a_list_is_told_whole_or_not_at_all() -> None:
    def second(resources: list[Json]) -> None:
        resources.append(copy.deepcopy(resources[CONDITION]) | {"id": "c2"})
        resources[ENCOUNTER]["diagnosis"].append({"condition": {"reference": "Condition/c2"}, "rank": 2})  # fmt: skip

    (told,) = [e for e in read(second).events if e["kind"] == "stay"]
    assert [d["ordinal"] for d in told["diagnoses"]] == [1, 2]

    def broken(resources: list[Json]) -> None:
        second(resources)
        resources[-1]["code"] = {"text": "not coded"}

    found = read(broken)
    (told,) = [e for e in found.events if e["kind"] == "stay"]
    assert "diagnoses" not in told, "the list that is stored stays as it is"
    assert {r.index for r in found.refused} == {CONDITION, 9}

    def unread(resources: list[Json]) -> None:
        second(resources)
        resources[-1]["note"] = []

    assert {r.index for r in read(unread).refused} == {CONDITION, 9}


def test_the_principal_diagnosis_is_not_guessed() -> None:
    def unranked(resources: list[Json]) -> None:
        resources.append(copy.deepcopy(resources[CONDITION]) | {"id": "c2"})
        del resources[ENCOUNTER]["diagnosis"]

    found = read(unranked)
    assert {(r.index, r.rule) for r in found.refused} == {(CONDITION, "required"), (9, "required")}
    assert "rank" in found.refused[0].reason


def test_what_is_refuted_tells_nothing_and_is_no_fault() -> None:
    def refuted(resources: list[Json]) -> None:
        refutes = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-ver-status", "code": "refuted"}]}  # fmt: skip
        resources[CONDITION]["verificationStatus"] = refutes

    found = read(refuted)
    assert not found.refused
    assert "diagnoses" not in next(e for e in found.events if e["kind"] == "stay")


def test_words_of_hl7_are_read_as_ours() -> None:
    system = "http://terminology.hl7.org/CodeSystem"
    stay_in = {
        "admitSource": {"coding": [{"system": f"{system}/admit-source", "code": "hosp-trans"}]},
        "dischargeDisposition": {"coding": [{"system": f"{system}/discharge-disposition", "code": "exp"}]},
    }  # fmt: skip
    found = read(put(ENCOUNTER, hospitalization=stay_in, status="finished", period={"start": "2025-03-03", "end": "2025-03-09"}))  # fmt: skip
    made = head(found)
    assert (made["admission_way"], made["admission_date"], made["sex"]) == ("3", "2025-03-03", "2")
    assert (made["insurance_type"], made["claim_type"]) == ("310", "inpatient")
    assert found.events[-1]["discharge"] == {"discharge_date": "2025-03-09", "discharge_way": "5"}


def test_what_has_no_field_is_told_as_not_kept() -> None:
    found = read(put(DRUG, priority="stat", note=[{"text": "x"}]))
    assert {n.element for n in found.notes} >= {"MedicationRequest.priority", "MedicationRequest.note"}  # fmt: skip


def test_a_site_names_its_own_systems() -> None:
    coding = [{"system": "urn:oid:1.2", "code": "S-1"}]
    names = Names({"urn:oid:1.2": f"{BASE}code:national-item"})
    assert order(read(put(TEST, code={"coding": coding}), names=names), "o2")["item_code"] == "S-1"


def test_another_hospital_is_refused() -> None:
    assert ("Encounter.serviceProvider", "mismatch") in reasons(read(provider="H2"))
    assert not read(provider="H1").refused


def test_two_resources_of_one_id_are_both_refused() -> None:
    found = read(lambda resources: resources.append(copy.deepcopy(resources[DRUG])))
    assert {(r.index, r.rule) for r in found.refused} == {(DRUG, "duplicate-id"), (9, "duplicate-id")}  # fmt: skip


def test_an_order_is_written_as_the_resource_of_its_kind() -> None:
    row = {"order_id": "O1", "order_type": "drug", "item_code": "S-1", "dose": "0.50", "frequency": "q8h", "start_time": "2025-03-03T11:00:00+08:00", "status": "revoked"}  # fmt: skip
    made = resource_of_order(row, patient="Patient/p", encounter="Encounter/e")
    assert (made["resourceType"], made["status"]) == ("MedicationRequest", "cancelled")
    dosage = made["dosageInstruction"][0]
    assert dosage["doseAndRate"][0]["doseQuantity"]["value"] == Decimal("0.50")
    assert dosage["timing"]["repeat"]["period"] == 8
    kinds = {"consumable": "DeviceRequest", "lab": "ServiceRequest", "nursing": "ServiceRequest"}
    for kind, resource in kinds.items():
        made = resource_of_order(row | {"order_type": kind}, patient="Patient/p", encounter="Encounter/e")  # fmt: skip
        assert made["resourceType"] == resource


def bill(change: Any = None) -> Any:
    document = claim()
    if change is not None:
        change({e["resource"]["resourceType"]: e["resource"] for e in document["entry"]}, document)
    return claims_of([document], models=False)


def test_a_claim_is_read_with_all_that_it_refers_to() -> None:
    told = bill()
    assert not told.refused
    (made,) = told.claims
    assert (made["stay_id"], made["total_amount_fen"], made["currency"]) == ("S-2025-1", 19700, "CNY")  # fmt: skip
    assert made["charges"][0]["unit_price"] == "98.5"
    assert (made["diagnoses"][0]["code"], made["procedures"][0]["code"]) == ("J15.900", "33.2400")
    assert [o["order_id"] for o in made["orders"]] == ["o1", "o2"]
    assert made["coverages"][0]["insurance_type"] == "310"
    assert (made["admission_time"], made["discharge_time"]) == ("2025-03-03T09:20:00+08:00", "2025-03-09T09:00:00+08:00")  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        ("Claim", "status", "draft"), ("Claim", "use", "preauthorization"), ("Condition", "code", {"text": "x"}),
        ("Procedure", "status", "not-done"), ("Coverage", "type", {"text": "x"}), ("MedicationRequest", "status", "zzz"),
        ("ServiceRequest", "note", []), ("Encounter", "class", {"code": "ZZ"}), ("Patient", "birthDate", "1960"),
        ("Encounter", "subject", {"identifier": {"value": "OTHER"}}), ("ServiceRequest", "subject", {"identifier": {"value": "OTHER"}}),
    ],
)  # fmt: skip
def test_a_claim_is_told_whole_or_not_at_all(kind: str, name: str, value: Any) -> None:
    told = bill(lambda resources, _: resources[kind].__setitem__(name, value))
    assert not told.claims
    assert "Claim/k1" in {r.resource for r in told.refused}
    assert {r.index for r in told.refused} | set(told.taken) == set(range(told.read))
