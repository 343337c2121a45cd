"""Mutated FHIR messages: what a sender, a network or an attacker may make of a good one.

``mutations(rng)`` knows nothing of the reader; ``python -m benchmarks.fhir_messages`` feeds
the reader with them and counts what crashed, what was lost, and what was accepted here and
refused by the intake behind it. All three must be 0. ``--stays`` writes a generated month as
FHIR and reads it again: how many stays and claims come back the same. ``ms_of_40_orders`` is
the processor time of reading a stay with 40 orders, without and with the models.
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

Json = Any

_B = "urn:drg-sentinel:"
_AT = "2025-03-03T09:20:00+08:00"


def _coded(system: str, code: str) -> Json:
    return {"coding": [{"system": system, "code": code}]}


def stay() -> Json:
    """A message of an admission with orders and charges, in our own words."""
    patient = {
        "resourceType": "Patient",
        "id": "p1",
        "identifier": [{"system": f"{_B}id:patient", "value": "SAMPLE0001"}],
        "name": [{"text": "测试甲"}],
        "gender": "female",
        "birthDate": "1960-02-29",
    }
    encounter = {
        "resourceType": "Encounter",
        "id": "e1",
        "identifier": [{"system": f"{_B}id:stay", "value": "S-2025-1"}],
        "status": "in-progress",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"},
        "subject": {"reference": "Patient/p1"},
        "period": {"start": _AT},
        "serviceProvider": {"identifier": {"system": f"{_B}id:provider", "value": "H1"}},
        "participant": [{"type": [_coded("x", "ATND")], "individual": {"reference": "Practitioner/d1"}}],
        "diagnosis": [{"condition": {"reference": "Condition/c1"}, "rank": 1}],
        "hospitalization": {"admitSource": _coded(f"{_B}code:stays.admission_way", "1")},
        "location": [{"location": {"display": "ICU"}, "physicalType": _coded(f"{_B}code:icu_stays.ward_type", "CCU"), "period": {"start": _AT}}],
    }  # fmt: skip
    condition = {
        "resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/p1"},
        "encounter": {"reference": "Encounter/e1"},
        "code": _coded(f"{_B}code:ICD-10-CN", "J15.900") | {"text": "细菌性肺炎"},
    }  # fmt: skip
    procedure = {
        "resourceType": "Procedure", "id": "x1", "status": "completed", "subject": {"reference": "Patient/p1"},
        "encounter": {"reference": "Encounter/e1"}, "code": _coded(f"{_B}code:ICD-9-CM-3-CN", "33.2400"),
        "performedPeriod": {"start": _AT, "end": "2025-03-03T10:20:00+08:00"},
    }  # fmt: skip
    drug = {
        "resourceType": "MedicationRequest", "id": "o1", "status": "active", "intent": "order",
        "subject": {"reference": "Patient/p1"}, "encounter": {"reference": "Encounter/e1"},
        "contained": [{"resourceType": "Medication", "id": "m", "code": _coded(f"{_B}code:national-item", "S-0901007")}],
        "medicationReference": {"reference": "#m"}, "authoredOn": _AT,
        "requester": {"reference": "Practitioner/d1"},
        "dosageInstruction": [{
            "timing": {"repeat": {"frequency": 1, "period": 8, "periodUnit": "h"}},
            "route": _coded("http://snomed.info/sct", "47625008"),
            "doseAndRate": [{"doseQuantity": {"value": 0.5, "unit": "g"}}],
        }],
    }  # fmt: skip
    test = {
        "resourceType": "ServiceRequest", "id": "o2", "status": "active", "intent": "order",
        "category": [_coded(f"{_B}code:orders.order_type", "lab")],
        "code": _coded(f"{_B}code:national-item", "S-0401001"),
        "subject": {"reference": "Patient/p1"}, "encounter": {"reference": "Encounter/e1"},
        "occurrenceDateTime": _AT, "quantityQuantity": {"value": 1, "unit": "次"},
    }  # fmt: skip
    charge = {
        "resourceType": "ChargeItem", "id": "l1", "status": "billable",
        "extension": [{"url": f"{_B}field:charges.category", "valueString": "09"}],
        "code": _coded(f"{_B}code:national-item", "S-0901007"),
        "subject": {"reference": "Patient/p1"}, "context": {"reference": "Encounter/e1"},
        "quantity": {"value": 2}, "priceOverride": {"value": 197.00, "currency": "CNY"},
        "occurrenceDateTime": _AT,
    }  # fmt: skip
    coverage = {
        "resourceType": "Coverage", "id": "v1", "status": "active", "order": 1,
        "type": _coded(f"{_B}code:coverages.insurance_type", "310"),
        "beneficiary": {"reference": "Patient/p1"}, "payor": [{"display": "330100"}],
    }  # fmt: skip
    doctor = {
        "resourceType": "Practitioner",
        "id": "d1",
        "identifier": [{"system": f"{_B}id:physician", "value": "D1"}],
    }
    found = [patient, doctor, encounter, condition, procedure, drug, test, charge, coverage]
    return bundle("collection", found)


def claim() -> Json:
    """A bundle with a Claim."""
    made = stay()
    kept = [e for e in made["entry"] if e["resource"]["resourceType"] not in ("ChargeItem",)]
    kept[2]["resource"]["period"]["end"] = "2025-03-09T09:00:00+08:00"
    kept[2]["resource"]["status"] = "finished"
    bill = {
        "resourceType": "Claim", "id": "k1", "status": "active", "use": "claim",
        "identifier": [{"system": f"{_B}id:stay", "value": "S-2025-1"}],
        "type": _coded("http://terminology.hl7.org/CodeSystem/claim-type", "institutional"),
        "patient": {"reference": "Patient/p1"}, "created": "2025-03-10T08:00:00+08:00",
        "provider": {"identifier": {"value": "H1"}}, "priority": {"text": "normal"},
        "diagnosis": [{"sequence": 1, "diagnosisReference": {"reference": "Condition/c1"}}],
        "procedure": [{"sequence": 1, "procedureReference": {"reference": "Procedure/x1"}}],
        "insurance": [{"sequence": 1, "focal": True, "coverage": {"reference": "Coverage/v1"}}],
        "item": [{
            "sequence": 1, "productOrService": _coded(f"{_B}code:national-item", "S-0901007"),
            "category": _coded(f"{_B}code:charges.category", "09"), "servicedDate": "2025-03-03",
            "quantity": {"value": 2}, "unitPrice": {"value": 98.5}, "net": {"value": 197.00, "currency": "CNY"},
            "encounter": [{"reference": "Encounter/e1"}],
        }],
        "total": {"value": 197.00, "currency": "CNY"},
    }  # fmt: skip
    kept.append({"fullUrl": "urn:uuid:00000000-0000-4000-8000-000000000099", "resource": bill})
    return {**made, "entry": kept}


def bundle(kind: str, resources: list[Json]) -> Json:
    """Resources as a Bundle."""
    return {
        "resourceType": "Bundle",
        "type": kind,
        "timestamp": "2025-03-03T12:00:00+08:00",
        "entry": [
            {"fullUrl": f"urn:uuid:00000000-0000-4000-8000-{i:012}", "resource": r}
            for i, r in enumerate(resources)
        ],
    }


ODD: list[Json] = [
    None, "", " ", 0, -1, 1, 1.5, 1e308, 10**30, 2**31, -(2**63), True, False, [], {}, [[]], [None], "x",
    "\x00", "a\x00b", "\ud800", "测试", "２０２５-03-03", "2025", "2025-03", "2025-02-30", "2025-03-03",
    "2025-03-03T09:20", "2025-03-03T09:20:00", "2025-03-03T24:00:00Z", "2025-03-03T09:20:60Z",
    "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "x" * 70_000, "NaN", "-0", "1e5", "#", "#m",
    "#zz", "Patient/", "Patient/p2", "Encounter/p1", "urn:uuid:00000000-0000-4000-8000-000000000000",
    "http://example.test/fhir/Patient/p1", "../../etc/passwd", "'; DROP TABLE x; --", "<script>", "🏥" * 30,
    {"reference": "Patient/p1"}, {"value": 1}, {"coding": []}, {"extension": [{"url": "x"}]}, 0.1 + 0.2,
    "draft", "entered-in-error", "unknown", "AMB", "proposal", [1, 2], ["a"], {"resourceType": "Patient"},
]  # fmt: skip
"""Values that stand where another one belongs."""


def _places(node: Json, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(node, dict):
        for name, value in node.items():
            yield from _places(value, (*path, name))
    elif isinstance(node, list):
        for place, value in enumerate(node):
            yield from _places(value, (*path, place))


def _at(node: Json, path: tuple[Any, ...]) -> Json:
    for step in path:
        node = node[step]
    return node


def mutate(document: Json, rng: random.Random) -> Json:
    """One change somewhere: dropped, retyped, renamed, repeated, moved, nested, or made huge."""
    places = [p for p in _places(document) if p]
    if not places:
        return document
    path = rng.choice(places)
    holder, name = _at(document, path[:-1]), path[-1]
    match rng.randrange(12):
        case 0 | 1:
            del holder[name]
        case 2 | 3 | 4 | 5:
            holder[name] = copy.deepcopy(rng.choice(ODD))
        case 6 if isinstance(holder, dict):
            holder[rng.choice(["foo", f"{name}x", f"_{name}", "modifierExtension", "implicitRules", "x y"])] = holder.pop(name)  # fmt: skip
        case 7 if isinstance(holder, list):
            holder.append(copy.deepcopy(holder[name]))
        case 8:
            holder[name] = copy.deepcopy(_at(document, rng.choice(places)))
        case 9:
            inner: Json = holder[name]
            for _ in range(rng.choice([1, 3, 30, 90])):
                inner = rng.choice([[inner], {"extension": [inner]}, {"value": inner}])
            holder[name] = inner
        case 10 if isinstance(holder[name], str):
            text = holder[name]
            cut = rng.randrange(len(text) + 1)
            holder[name] = text[:cut] + rng.choice(["", "\x00", " ", "ÿ", "9", "\u2028"]) + text[cut + 1 :]  # fmt: skip
        case _ if isinstance(holder, list):
            rng.shuffle(holder)
        case _:
            holder[name] = [holder[name]]
    return document


def mutations(rng: random.Random) -> Iterator[bytes]:
    """Mutated messages without end, each of one to four changes; some are cut or garbled as bytes."""
    while True:
        document = rng.choice([stay, claim])()
        if rng.random() < 0.3:
            document["type"] = rng.choice(["transaction", "batch", "message", "searchset"])
        try:
            for _ in range(rng.choice([1, 1, 1, 2, 3, 4])):
                document = mutate(document, rng)
            text = json.dumps(document, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")  # fmt: skip
        except (RecursionError, ValueError):
            continue
        dice = rng.random()
        if dice < 0.02:
            text = text[: rng.randrange(len(text) + 1)]
        elif dice < 0.04 and text:
            garbled = bytearray(text)
            for _ in range(3):
                garbled[rng.randrange(len(garbled))] = rng.randrange(256)
            text = bytes(garbled)
        yield text


def round_trip(stays: int) -> dict[str, int]:
    """A generated month written as messages and claims, and read again."""
    from datetime import UTC, datetime

    import msgspec

    from data_samples import month, ward
    from data_samples.planting import SEED
    from streaming import intake
    from streaming.digest import documents
    from streaming.fhir import bundle_of, claims_of, messages_of
    from streaming.fhir.texts import encode, parse, read
    from streaming.orders.events import decode
    from streaming.orders.state import OpenStay, apply_events
    from streaming.pseudonym import PseudonymKey

    key, at = PseudonymKey(b"mutated messages, 32 bytes long."), datetime(2025, 4, 1, tzinfo=UTC)

    def states(events: list[Json]) -> dict[str, OpenStay]:
        taken, refused = decode([msgspec.json.encode(e) for e in events], key=key)
        assert not refused, refused[0]
        return apply_events([event for _, event in taken], {})[0]

    def canonical(claim: Json) -> Json:
        tables, refused = intake.decode([msgspec.json.encode(claim)], key=key)
        assert not refused, refused[0]
        return dict(documents(tables))

    events = list(ward.stream(SEED, stays, still_in=stays // 5))
    back: list[Json] = []
    for message in messages_of(events):
        back += read(encode(message), at=at, models=False).events
    want, got = states(events), states(back)
    claims = [json.loads(json.dumps(one, default=str)) for one in month.plan(SEED, stays).stays()]
    same = 0
    for one in claims:
        told = claims_of([parse(encode(bundle_of(one)))[0]]).claims
        same += len(told) == 1 and canonical(told[0]) == canonical(one)
    return {
        "events": len(events), "stays": len(want),
        "same_stays": sum(n in got and got[n].claim() == s.claim() and got[n].phase is s.phase for n, s in want.items()),
        "claims": len(claims), "same_claims": same,
    }  # fmt: skip


def speed(runs: int = 20) -> dict[str, float]:
    """Processor ms of reading a patient, a stay, a diagnosis and 40 orders."""
    from datetime import UTC, datetime

    from streaming.fhir import events_of

    resources = [e["resource"] for e in stay()["entry"]]
    (order,) = [r for r in resources if r["resourceType"] == "MedicationRequest"][:1]
    kept = [r for r in resources if r["resourceType"] in ("Patient", "Encounter", "Condition")]
    kept += [
        order | {"id": f"o{n}", "identifier": [{"system": f"{_B}id:order", "value": f"O{n}"}]}
        for n in range(40)
    ]
    found = {}
    for name, models in (("without_models", False), ("with_models", True)):
        began = time.process_time()
        for _ in range(runs):
            told = events_of(kept, provider_id="H1", at=datetime(2025, 4, 1, tzinfo=UTC), models=models)  # fmt: skip
            assert not told.refused, told.refused[0]
        found[name] = round(1000 * (time.process_time() - began) / runs, 1)
    return found


def main() -> None:
    """Feed the reader and count."""
    from datetime import UTC, datetime

    import msgspec

    from streaming import intake
    from streaming.fhir.texts import read
    from streaming.orders.events import decode
    from streaming.pseudonym import PseudonymKey

    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--messages", type=int, default=50_000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--stays", type=int, default=50)
    chosen = options.parse_args()
    key = PseudonymKey(b"mutated messages, 32 bytes long.")
    at = datetime(2025, 3, 3, 4, tzinfo=UTC)
    rules: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    slowest, began = 0.0, time.monotonic()
    source = mutations(random.Random(chosen.seed))
    events: list[bytes] = []
    claims: list[bytes] = []

    def ask_behind() -> None:
        """What was taken goes through the intake behind, many at once, for that is what costs."""
        refused = [*decode(events, key=key)[1], *intake.decode(claims, key=key)[1]]
        counts["refused_behind"] += len(refused)
        for one in refused:
            sys.stderr.write(f"behind: {[(r.field, r.rule) for r in one.reasons]}\n"[:400])
        events.clear()
        claims.clear()

    for number in range(chosen.messages):
        text = next(source)
        start = time.monotonic()
        try:
            found = read(text, at=at, models=number % 4 == 0)
            events += [msgspec.json.encode(event) for event in found.events]
            # A batch of claims may hold each stay once.
            claims += [msgspec.json.encode(c | {"stay_id": f"m{number}"}) for c in found.claims]
            if len(events) > 500 or number == chosen.messages - 1:
                ask_behind()
        except Exception as error:
            counts["crashed"] += 1
            sys.stderr.write(f"{number}: {type(error).__name__}: {error}\n"[:400])
            continue
        slowest = max(slowest, time.monotonic() - start)
        aside = {r.index for r in found.refused}
        if aside | set(found.taken) != set(range(found.read)) or aside & set(found.taken):
            counts["lost"] += 1
            sys.stderr.write(f"{number}: lost {found.read} {found.taken} {aside}\n")
        counts["resources"] += found.read
        counts["refused"] += len(aside)
        counts["events"] += len(found.events)
        counts["claims"] += len(found.claims)
        rules.update({r.rule for r in found.refused})
    totals = {n: counts[n] for n in ("crashed", "lost", "refused_behind", "resources", "refused", "events", "claims")}  # fmt: skip
    print(json.dumps({"round_trip": round_trip(chosen.stays), "ms_of_40_orders": speed(), "messages": chosen.messages, **totals, "slowest_ms": round(slowest * 1000, 1), "seconds": round(time.monotonic() - began, 1), "rules": dict(rules.most_common())}))  # fmt: skip


if __name__ == "__main__":
    main()
