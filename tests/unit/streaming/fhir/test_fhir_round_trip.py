"""What is written as FHIR and read back is what the canonical form says."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from data_samples import month, open_stays, ward
from streaming import intake
from streaming.digest import documents
from streaming.fhir import bundle_of, claims_of, events_of, messages_of
from streaming.fhir.texts import encode, parse, read
from streaming.orders.events import decode
from streaming.orders.state import OpenStay, apply_events
from streaming.pseudonym import PseudonymKey

KEY = PseudonymKey(b"tests of fhir, 32 bytes are enough")
AT = datetime(2025, 4, 1, tzinfo=UTC)
Json = dict[str, Any]


def states(events: Iterable[Json]) -> dict[str, OpenStay]:
    found, refused = decode([msgspec.json.encode(e) for e in events], key=KEY)
    assert not refused
    return apply_events([event for _, event in found], {})[0]


def events_read(events: list[Json]) -> list[Json]:
    said: list[Json] = []
    for place, bundle in enumerate(messages_of(events)):
        # The models see every eighth: what they check is in test_fhir_fuzz.
        told = read(encode(bundle), at=AT, models=place % 8 == 0)
        assert not told.refused, told.refused[:3]
        assert not told.notes, told.notes[:3]
        assert told.taken == tuple(range(told.read))
        said += told.events
    return said


def test_the_committed_ward_comes_back_as_the_same_stays_and_orders() -> None:
    events = list(ward.small())
    told, back = states(events), states(events_read(events))
    assert told.keys() == back.keys()
    for stay_id, stay in told.items():
        assert back[stay_id].claim() == stay.claim()
        assert back[stay_id].phase == stay.phase


def test_an_event_keeps_its_identity_so_that_it_counts_once() -> None:
    events = [e for e in ward.small() if e["kind"] != "order-status"][:20]
    back = events_read(events)
    for name in ("event_id", "sequence", "event_time", "kind", "patient_id", "provider_id"):
        assert [e[name] for e in back] == [e[name] for e in events]


def test_reopening_and_voiding_are_told_too() -> None:
    first, *_ = [e for e in ward.small() if e["kind"] == "stay"]
    envelope = {k: v for k, v in first.items() if k not in ("stay", "coverages")}
    more = [
        {**envelope, "kind": "discharge", "event_id": "X1", "sequence": 900, "discharge": {"discharge_date": "2025-03-20"}},
        {**envelope, "kind": "reopen", "event_id": "X2", "sequence": 901},
        {**envelope, "kind": "void", "event_id": "X3", "sequence": 902},
    ]  # fmt: skip
    for count, phase in ((1, "discharged"), (2, "open"), (3, "void")):
        (stay,) = states(events_read([first, *more[:count]])).values()
        assert stay.phase == phase


def canonical(claim: Json) -> Any:
    tables, refused = intake.decode([json.dumps(claim).encode()], key=KEY)
    assert not refused, refused
    return dict(documents(tables))


@pytest.mark.parametrize("still_in", [False, True])
def test_claims_come_back_as_they_were(still_in: bool) -> None:
    records = open_stays.records(3, 2) if still_in else list(month.plan(3, 3).stays())
    for record in records:
        claim = json.loads(json.dumps(record))
        resource, fault = parse(encode(bundle_of(claim)))
        assert fault is None
        told = claims_of([resource])
        assert not told.refused, told.refused[:3]
        assert not told.notes
        assert canonical(told.claims[0]) == canonical(claim)


def test_every_field_of_a_claim_survives() -> None:
    """A claim that fills all fields: those without an element of FHIR stand in extensions."""
    claim = full_claim()
    assert canonical(claims_of([parse(encode(bundle_of(claim)))[0]]).claims[0]) == canonical(claim)


def full_claim() -> Json:
    from domain.claim import CHILDREN, STAYS
    from domain.schema import Field, Kind

    def value(field: Field, number: int) -> Any:
        if field.codes is not None:
            return list(field.codes)[number % len(field.codes)]
        match field.kind:
            case Kind.INTEGER | Kind.MONEY:
                return 5 if field.name != "ordinal" else number
            case Kind.DECIMAL:
                return "1.25"
            case Kind.DATE:
                return "2025-03-03"
            case Kind.INSTANT:
                return "2025-03-03T10:30:00+08:00"
            case Kind.FLAG:
                return True
            case _:
                return f"{field.name[:8]}{number}".replace("_", "-")

    claim = {f.name: value(f, 1) for f in STAYS.fields}
    claim |= {"time_zone": "Asia/Shanghai", "region_code": "330100", "currency": "CNY"}
    claim |= {"claim_type": "inpatient", "diagnosis_system": "ICD-10-CN", "procedure_system": "ICD-9-CM-3-CN"}  # fmt: skip
    for table in CHILDREN:
        claim[table.name] = [
            {f.name: value(f, n) for f in table.fields if f.name != "stay_id"} for n in (1, 2, 3)
        ]
    for n, row in enumerate(claim["orders"]):
        row["order_type"] = ("drug", "lab", "consumable")[n]
    return claim


def test_resources_of_a_bulk_export_belong_together() -> None:
    """The same stay as loose resources instead of a message: references by type and id."""
    from benchmarks.fhir_messages import stay

    bundle = stay()
    together = events_of([bundle], provider_id="H1", at=AT)
    loose = events_of([e["resource"] for e in bundle["entry"]], provider_id="H1", at=datetime.fromisoformat(bundle["timestamp"]))  # fmt: skip
    assert not loose.refused
    assert loose.events == together.events
    assert [e["kind"] for e in loose.events] == ["stay", "orders", "charges"]
