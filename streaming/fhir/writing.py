"""Canonical claims and order events as FHIR Bundles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from uuid import UUID, uuid5

from domain.claim import STAYS
from domain.orders import DISCHARGE_FIELDS, STATUS_FIELDS
from streaming.fhir import charges, claims, clinical, coverage, extensions, naming, orders, stays

Row = dict[str, Any]

_SPACE: Final = UUID("6d0f5f0e-6ac4-5d0f-9a57-64726773656e")
"""Namespace of the addresses of entries: the same row has the same address each time."""
_ON_CLAIM: Final = (
    "total_amount_fen", "currency", "settlement_start_date", "settlement_end_date", "filed_time",
    "billed_group_code", "region_code", "operating_physician_id", "other_physician_id",
    "diagnosis_system", "procedure_system",
)  # fmt: skip
"""Fields of a stay that a Claim has elements for."""


class _Entries:
    """The entries of a Bundle, each under an address that others can refer to."""

    def __init__(self, stay_id: str) -> None:
        self.stay_id = stay_id
        self.entries: list[Row] = []

    def add(self, what: str, resource: Row) -> str:
        """Add a resource; its address."""
        address = self.address(what)
        self.entries.append({"fullUrl": address, "resource": resource})
        return address

    def address(self, what: str) -> str:
        """The address of a resource of the stay, whether it was added yet or not."""
        return f"urn:uuid:{uuid5(_SPACE, f'{self.stay_id}/{what}')}"


def bundle_of(claim: Mapping[str, Any]) -> Row:
    """A canonical claim as a collection Bundle of Claim, Encounter, Patient and what hangs on them.

    Numbers are Decimals or integers: write it with ``encode``, which keeps their digits.
    """
    currency = claim["currency"]
    entries = _Entries(claim["stay_id"])
    patient, encounter = entries.address("patient"), entries.address("encounter")
    entries.add("patient", stays.write_patient(claim, currency))
    status = stays.OVER if claim.get("discharge_date") or claim.get("discharge_time") else "in-progress"  # fmt: skip
    entries.add("encounter", stays.write_encounter(
        claim, claim.get("icu_stays") or (), patient=patient, status=status, currency=currency,
        beside=_ON_CLAIM,
    ))  # fmt: skip
    for row in claim.get("coverages") or ():
        entries.add(f"coverage/{row['ordinal']}", coverage.write_coverage(row, patient=patient, currency=currency))  # fmt: skip
    links = {"subject": {"reference": patient}, "encounter": {"reference": encounter}}
    for row in claim.get("procedures") or ():
        made = clinical.write_procedure(row, claim["procedure_system"], links, currency)
        entries.add(f"procedure/{row['ordinal']}", made)
    for row in claim.get("orders") or ():
        made = orders.write(row, patient=patient, encounter=encounter, currency=currency)
        entries.add(f"order/{row['order_id']}", made)
    entries.add("claim", _claim(claim, entries))
    name = f"{claim['stay_id']}|{claim['claim_version']}"
    return {
        "resourceType": "Bundle",
        "identifier": {"system": naming.STAY_ID, "value": name},
        "type": "collection",
        "entry": entries.entries,
    }


def _claim(claim: Mapping[str, Any], entries: _Entries) -> Row:
    currency = claim["currency"]
    absent = {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]}  # fmt: skip
    beside = ["claim_version", "time_zone", "diagnosis_system", "procedure_system"]
    if not claim.get("diagnoses") and claim.get("billed_group_code"):
        beside.append("billed_group_code")
    if claim.get("total_amount_fen") is None:
        beside.append("currency")
    team, numbers = _team(claim)
    made: Row = {
        "resourceType": "Claim",
        "extension": extensions.write(STAYS, claim, beside, currency),
        "identifier": [{"system": naming.STAY_ID, "value": claim["stay_id"]}],
        "status": "active",
        "type": {"coding": [{"system": claims.CLAIM_TYPE_SYSTEM, "code": claim["claim_type"]}]},
        "use": "claim",
        "patient": {"reference": entries.address("patient")},
        "billablePeriod": _full({
            "start": claim.get("settlement_start_date"), "end": claim.get("settlement_end_date"),
        }),
        "provider": {"identifier": {"system": naming.PROVIDER_ID, "value": claim["provider_id"]}},
        "priority": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/processpriority", "code": "normal"}]},
        "careTeam": team,
        "diagnosis": [_diagnosis(row, claim) for row in claim.get("diagnoses") or ()],
        "procedure": [
            {"sequence": r["ordinal"], "procedureReference": {"reference": entries.address(f"procedure/{r['ordinal']}")}}
            for r in claim.get("procedures") or ()
        ],
        "insurance": _insurance(claim, entries),
        "item": [
            charges.write_line(row, n, numbers, currency) | {"encounter": [{"reference": entries.address("encounter")}]}
            for n, row in enumerate(claim.get("charges") or (), start=1)
        ],
    }  # fmt: skip
    if claim.get("filed_time"):
        made["created"] = claim["filed_time"]
    else:
        made["_created"] = absent
    if claim.get("region_code"):
        made["facility"] = {"identifier": {"system": naming.REGION, "value": claim["region_code"]}}
    if claim.get("total_amount_fen") is not None:
        made["total"] = extensions.money(claim["total_amount_fen"], currency)
    return _full(made)


def _team(claim: Mapping[str, Any]) -> tuple[list[Row], dict[str, int]]:
    """The physicians of a claim, and the place of each who ordered a line."""
    rows = claim.get("charges") or ()
    names = dict.fromkeys(r["ordering_physician_id"] for r in rows if r.get("ordering_physician_id"))  # fmt: skip
    numbers = {name: n for n, name in enumerate(names, start=1)}
    team = [_member(n, name, None) for name, n in numbers.items()]
    for code, field in claims.ROLES.items():
        if claim.get(field):
            team.append(_member(len(team) + 1, claim[field], code))
    return team, numbers


def _member(number: int, name: str, role: str | None) -> Row:
    made: Row = {
        "sequence": number,
        "provider": {"identifier": {"system": naming.PHYSICIAN_ID, "value": name}},
    }
    if role is not None:
        made["role"] = {"coding": [{"system": claims.TEAM_ROLE, "code": role}]}
    return made


def _diagnosis(row: Mapping[str, Any], claim: Mapping[str, Any]) -> Row:
    system = naming.CLINICAL_URI[claim["diagnosis_system"]]
    concept: Row = {"coding": [{"system": system, "code": row["code"]}]}
    if row.get("name"):
        concept["text"] = row["name"]
    made: Row = {"sequence": row["ordinal"], "diagnosisCodeableConcept": concept}
    if row.get("present_on_admission"):
        made["onAdmission"] = {"coding": [{"system": clinical.ON_ADMISSION, "code": row["present_on_admission"]}]}  # fmt: skip
    if row is claim["diagnoses"][0] and claim.get("billed_group_code"):
        made["packageCode"] = {"coding": [{"system": naming.GROUP, "code": claim["billed_group_code"]}]}  # fmt: skip
    return made


def _insurance(claim: Mapping[str, Any], entries: _Entries) -> list[Row]:
    rows = claim.get("coverages") or ()
    if not rows:
        return [{"sequence": 1, "focal": True, "coverage": {"display": "not stated"}}]
    return [
        {
            "sequence": n,
            "focal": n == 1,
            "coverage": {"reference": entries.address(f"coverage/{row['ordinal']}")},
        }
        for n, row in enumerate(rows, start=1)
    ]


def messages_of(events: Iterable[Mapping[str, Any]]) -> Iterator[Row]:
    """Order events, in the order in which they happened, as message Bundles, one an event.

    A change of status is told as the whole order with its new status, as FHIR has it:
    of an order that was not told before there is nothing to tell, so the events of a
    stay must begin with its orders. KeyError otherwise.
    """
    known: dict[str, _Told] = {}
    for event in events:
        stay = known.setdefault(event["stay_id"], _Told())
        yield _message(event, stay)
        if event["kind"] == "discharge":
            stay.gone = True


class _Told:
    """What messages of a stay have told so far."""

    def __init__(self) -> None:
        self.head: Row = {}
        self.orders: dict[str, Row] = {}
        self.gone = False


def _message(event: Mapping[str, Any], stay: _Told) -> Row:
    kind = event["kind"]
    entries = _Entries(event["stay_id"])
    patient, encounter = entries.address("patient"), entries.address("encounter")
    if kind == "stay":
        stay.head = dict(event["stay"])
    head: Row = {**stay.head, **{n: event[n] for n in ("stay_id", "provider_id", "patient_id", "time_zone")}}  # fmt: skip
    currency = head.get("currency") or "CNY"
    if kind == "discharge":
        head |= event["discharge"]
    header: Row = {
        "resourceType": "MessageHeader",
        "id": event["event_id"],
        "meta": {"lastUpdated": event["event_time"]},
        "extension": [{"url": naming.SEQUENCE, "valueInteger": event["sequence"]}],
        "eventCoding": {"system": naming.EVENT, "code": _KIND.get(kind, kind)},
        "source": {"endpoint": f"urn:drg-sentinel:provider:{event['provider_id']}"},
        "focus": [{"reference": encounter}],
    }
    entries.add(f"message/{event['event_id']}", header)
    whole = kind == "stay"
    lists = [n for n in ("diagnoses", "procedures", "icu_stays", "coverages") if event.get(n) is not None]  # fmt: skip
    entries.add("patient", stays.write_patient(head if whole else {"patient_id": event["patient_id"]}, currency))  # fmt: skip
    status = {"discharge": stays.OVER, "void": "entered-in-error"}.get(kind, "in-progress")
    entries.add("encounter", stays.write_encounter(
        head if whole else _short(head), event.get("icu_stays") or (), patient=patient,
        status=status, stated=lists, currency=currency,
    ))  # fmt: skip
    links = {"subject": {"reference": patient}, "encounter": {"reference": encounter}}
    for row in event.get("diagnoses") or ():
        entries.add(f"condition/{row['ordinal']}", clinical.write_condition(row, head["diagnosis_system"], links, currency))  # fmt: skip
    for row in event.get("procedures") or ():
        entries.add(f"procedure/{row['ordinal']}", clinical.write_procedure(row, head["procedure_system"], links, currency))  # fmt: skip
    for row in event.get("coverages") or ():
        entries.add(f"coverage/{row['ordinal']}", coverage.write_coverage(row, patient=patient, currency=currency))  # fmt: skip
    for row in _orders(event, stay):
        entries.add(f"order/{row['order_id']}", orders.write(row, patient=patient, encounter=encounter, currency=currency))  # fmt: skip
    context = {"subject": {"reference": patient}, "context": {"reference": encounter}}
    for row in event.get("charges") or ():
        entries.add(f"charge/{row['line_id']}", charges.write_item(row, context, currency))
    return {
        "resourceType": "Bundle",
        "identifier": {"system": naming.EVENT, "value": event["event_id"]},
        "type": "message",
        "timestamp": event["event_time"],
        "entry": entries.entries,
    }


_KIND: Final = {"order-status": "orders"}


def _short(head: Row) -> Row:
    """What names a stay, and how it ended: an event on a part of it does not tell all of it again."""
    kept = ("stay_id", "provider_id", "claim_type", *DISCHARGE_FIELDS)
    return {k: head[k] for k in kept if k in head}


def _orders(event: Mapping[str, Any], stay: _Told) -> list[Row]:
    rows = [dict(row) for row in event.get("orders") or ()]
    for change in event.get("order_status") or ():
        before = stay.orders[change["order_id"]]
        rows.append(before | {n: change[n] for n in STATUS_FIELDS if n in change})
    stay.orders |= {row["order_id"]: row for row in rows}
    return rows


def _full(made: Row) -> Row:
    return {k: v for k, v in made.items() if v is not None and v not in ({}, [])}
