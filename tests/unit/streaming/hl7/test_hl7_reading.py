"""What each message says, in order events, and where it is wrong."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from streaming.hl7 import strict
from streaming.hl7.faults import MessageError
from streaming.hl7.orders import NEW, STATUS
from streaming.hl7.places import CHARGES, COVERAGES, DIAGNOSES, DISCHARGE, ORDERS, PROCEDURES
from streaming.hl7.places import HEAD as HEAD_PLACES
from streaming.hl7.profile import Profile, ProfileError, load
from streaming.hl7.reading import EVENTS, Memory, Reader
from streaming.hl7.text import read
from streaming.hl7.writing import Writer
from tests.hl7_messages import (
    DG1,
    DRUG,
    IN1,
    LINE,
    PID,
    PV1,
    admitted,
    charged,
    message,
    ordered,
    reader,
    sample,
    states,
)  # fmt: skip
from tests.order_events import HEAD
from tests.order_events import message as event


def one(raw: bytes, by: Reader | None = None) -> dict[str, Any]:
    found = (by or reader()).read(raw).events
    assert len(found) == 1
    return found[0].document


def faults(raw: bytes, by: Reader | None = None) -> list[tuple[str, str, int]]:
    with pytest.raises(MessageError) as refused:
        (by or reader()).read(raw)
    return [(str(f.place), f.rule, f.code) for f in refused.value.faults]


def test_an_admission_is_a_stay_with_its_lists() -> None:
    found = one(admitted())
    assert {k: found[k] for k in ("kind", "stay_id", "provider_id", "patient_id", "event_time")} == {
        "kind": "stay", "stay_id": "V1", "provider_id": "H1", "patient_id": "PAT1",
        "event_time": "2025-03-03T09:20:00+08:00",
    }  # fmt: skip
    assert found["stay"] == {
        "sex": "2", "birth_date": "1975-04-09", "age_years": 49, "claim_type": "inpatient", "ward": "W3",
        "attending_physician_id": "D1", "admission_department": "A03", "admission_way": "2",
        "admission_time": "2025-03-03T09:20:00+08:00", "admission_date": "2025-03-03",
        "medical_record_number": "M77", "identity_number": "ID99", "insurance_type": "310",
        "insured_region_code": "330100", "currency": "CNY", "payment_method": "drg",
        "diagnosis_system": "ICD-10-CN", "procedure_system": "ICD-9-CM-3-CN",
    }  # fmt: skip
    assert found["diagnoses"] == [{"ordinal": 1, "code": "J15.900", "name": "肺炎"}]
    assert found["coverages"] == [
        {"ordinal": 1, "insurance_type": "310", "region_code": "330100", "start_date": "2022-01-01"}
    ]
    assert "procedures" not in found, "a list that is not in the message stays as it was"
    assert "张" not in str(found), "names are not read"


def test_the_principal_diagnosis_is_the_one_that_the_priority_names() -> None:
    lines = [
        "DG1|1||A01^^|||W|||||||||2",
        "DG1|2||B02^^|||W|||||||||1",
        "DG1|3||C03^^|||A",
        "DG1|4||D04^^|||W|||||||||||||||D",
    ]
    found = one(message("ADT^A08", PID, PV1, *lines))
    assert [(d["ordinal"], d["code"]) for d in found["diagnoses"]] == [(1, "B02"), (2, "A01")]
    assert found["stay"]["admission_diagnosis_code"] == "C03"


def test_a_procedure_has_its_times_and_doctors() -> None:
    pr1 = "PR1|1||47.0100^阑尾切除^I9CP||20250304100000|P|75|N9|01|60|S7"
    found = one(message("BAR^P12", PID, PV1, pr1))
    assert found["procedures"] == [{
        "ordinal": 1, "code": "47.0100", "name": "阑尾切除", "start_time": "2025-03-04T10:00:00+08:00",
        "procedure_date": "2025-03-04", "end_time": "2025-03-04T11:15:00+08:00", "surgeon_id": "S7",
        "anaesthetist_id": "N9", "anaesthesia_method": "01",
    }]  # fmt: skip


def test_named_values_stand_over_all_else_and_unknown_ones_are_told() -> None:
    obx = "OBX|1|ST|payment_method^^99SENTINEL||per_day||||||F"
    row = "OBX|2|TS|icu_stays.start_time^^99SENTINEL|1|20250304100000||||||F"
    other = "OBX|3|NM|8302-2^身高^LN||170|cm|||||F"
    found = one(message("ADT^A02", PID, PV1, obx.replace("per_day", "per_diem"), row, other))
    assert found["stay"]["payment_method"] == "per_diem"
    assert found["icu_stays"] == [{"ordinal": 1, "start_time": "2025-03-04T10:00:00+08:00"}]
    assert faults(message("ADT^A08", PID, PV1, obx.replace("payment_method", "paymentmethod"))) == [
        ("OBX-3", "enum", 103)
    ]
    assert faults(message("ADT^A08", PID, PV1, row.replace("icu_stays", "icu"))) == [
        ("OBX-5", "enum", 103)
    ]


def test_a_short_message_leaves_the_head_as_earlier_ones_told_it() -> None:
    by = reader()
    by.memory.note(one(admitted(), by))
    moved = PV1.replace("|A03|", "|A05|")
    found = one(message("ADT^A02", PID, moved, at="20250304080000+0800", control="2"), by)
    assert (found["stay"]["insurance_type"], found["stay"]["admission_department"]) == (
        "310",
        "A03",
    )
    assert found["stay"]["transfer_departments"] == "A05"
    by.memory.note(found)
    bare = "PV1|1|I|||||||||||||||||V1"
    kept = one(message("BAR^P12", PID, bare, DG1, at="20250305080000+0800", control="3"), by)[
        "stay"
    ]
    assert kept["transfer_departments"] == "A05"
    assert kept["sex"] == "2"
    late = one(
        message(
            "ADT^A08",
            PID,
            PV1.replace("|D1^", "|D2^"),
            IN1.replace("310", "390"),
            at="20250303093000+0800",
        ),
        by,
    )
    by.memory.note(late)
    assert by.memory.head("V1")["insurance_type"] == "310", (
        "what was written later counts, in whatever order it comes"
    )
    assert not {"identity_number", "medical_record_number"} & set(by.memory.head("V1")), (
        "nothing personal is remembered"
    )


def test_memory_asks_for_what_is_stored_and_forgets_the_oldest() -> None:
    memory = Memory({"S1": {"insurance_type": "390", "identity_number": "i_1"}}.get, most=2)
    assert memory.head("S1") == {"insurance_type": "390"}
    for stay in ("S2", "S3", "S4"):
        memory.note(event("stay", 1, of=stay) | {"stay": HEAD})
    assert memory.head("S2") == {}
    assert memory.head("S4")["sex"] == "1"


def test_a_discharge_is_its_end_and_what_it_says_of_the_stay() -> None:
    left = PV1[: PV1.rindex("|")] + "|20250303092000|20250311101000"
    left = left.replace("|V1|", "|V1|").replace(
        "|||||||||||||||||||||||||2025", "|" * 17 + "1" + "|" * 8 + "2025"
    )
    alone = one(message("ADT^A03", PID, left, at="20250311102000+0800"))
    assert alone["kind"] == "discharge"
    assert alone["discharge"] == {
        "discharge_time": "2025-03-11T10:10:00+08:00", "discharge_date": "2025-03-11",
        "discharge_way": "1", "discharge_department": "A03",
    }  # fmt: skip
    both = reader().read(message("ADT^A03", PID, left, DG1, at="20250311102000+0800")).events
    assert [e.document["kind"] for e in both] == ["stay", "discharge"]
    assert both[0].document["event_id"] < both[1].document["event_id"]


def test_void_and_reopen() -> None:
    assert one(message("ADT^A11", PID, PV1))["kind"] == "void"
    assert one(message("ADT^A13", PID, PV1))["kind"] == "reopen"


def test_an_order_in_its_three_messages() -> None:
    drug = one(ordered("NW", DRUG, "RXR|iv"))["orders"][0]
    assert drug == {
        "order_id": "O1", "order_type": "drug", "item_code": "S-0901007", "item_name": "注射用美罗培南0.5g", "dose": "1",
        "dose_unit": "g", "quantity": "3", "quantity_unit": "支", "route": "iv", "frequency": "q8h", "status": "active",
        "start_time": "2025-03-03T11:00:00+08:00", "ordering_physician_id": "D1",
    }  # fmt: skip
    orc = "ORC|NW|O2||||||||||||D1"
    timing = "TQ1|1|2^次|qd||||20250304080000|20250306080000"
    lab = one(message("OML^O21", PID, PV1, orc, timing, "OBR|1|O2||S-0104001^血常规^L"))["orders"][
        0
    ]
    assert (lab["order_type"], lab["quantity"], lab["stop_time"]) == (
        "lab",
        "2",
        "2025-03-06T08:00:00+08:00",
    )
    pharmacy = one(message("OMP^O09", PID, PV1, orc, timing, DRUG, "RXR|po"))["orders"][0]
    assert (pharmacy["order_type"], pharmacy["route"], pharmacy["quantity"]) == ("drug", "po", "3")
    scan = one(ordered("NW", "OBR|1|O1||S-0103003^CT^L||||||||||||||||||||CT"))["orders"][0]
    assert scan["order_type"] == "exam"
    things = one(ordered("NW", "RQD|1|S-0801^导管^L|||2|根"))["orders"][0]
    assert (things["order_type"], things["quantity"], things["quantity_unit"]) == (
        "consumable",
        "2",
        "根",
    )


@pytest.mark.parametrize(
    ("control", "status"),
    [
        ("CA", {"status": "revoked"}), ("OC", {"status": "revoked"}), ("HD", {"status": "on-hold"}),
        ("RL", {"status": "active"}), ("DC", {"status": "completed", "stop_time": "2025-03-03T10:30:00+08:00"}),
    ],
)  # fmt: skip
def test_control_codes_change_the_status(control: str, status: dict[str, str]) -> None:
    found = one(ordered(control))
    assert found["kind"] == "order-status"
    assert found["order_status"] == [{"order_id": "O1"} | status]


def test_a_status_change_says_which_and_other_codes_change_nothing() -> None:
    done = ordered("SC").replace(b"ORC|SC|O1|||", b"ORC|SC|O1|||CM")
    assert one(done)["order_status"] == [
        {"order_id": "O1", "status": "completed", "executed_time": "2025-03-03T10:30:00+08:00"}
    ]
    assert faults(ordered("SC")) == [("ORC-5", "required", 101)]
    assert reader().read(ordered("UA")).events == ()
    assert faults(ordered("ZZ")) == [("ORC-1", "enum", 103)]
    assert faults(ordered("")) == [("ORC-1", "required", 101)]
    assert faults(message("ORM^O01", PID, PV1)) == [("ORC", "required", 101)]


def test_orders_and_changes_of_one_message_are_events_in_its_order() -> None:
    lines = [
        "ORC|NW|O1|||||^^^20250303110000",
        DRUG,
        "ORC|NW|O2|||||^^^20250303110000",
        DRUG,
        "ORC|CA|O1",
    ]
    found = reader().read(message("ORM^O01", PID, PV1, *lines)).events
    assert [(e.document["kind"], len(e.document.get("orders", ()))) for e in found] == [
        ("orders", 2),
        ("order-status", 0),
    ]
    ids = [e.document["event_id"] for e in found]
    assert ids == sorted(ids)
    assert len(set(ids)) == 2


def test_a_charge_and_one_taken_back() -> None:
    back = "FT1|2|L2||20250304|20250304120000|CR|S-0901007|||1|98.50|98.50|||||09"
    obx = "OBX|1|ST|reverses_line_id^^99SENTINEL||L1||||||F"
    payment = "FT1|3|L3||20250304|20250304120000|PY|X|||1|5|5"
    found = one(charged(LINE, back, obx, payment))["charges"]
    assert found[0] == {
        "line_id": "L1", "order_id": "O1", "charge_time": "2025-03-03T11:00:00+08:00", "charge_date": "2025-03-03",
        "posted_time": "2025-03-03T12:00:00+08:00", "item_code": "S-0901007", "item_name": "美罗培南", "category": "09",
        "quantity": "2", "unit_price": "98.50", "amount_fen": 19700, "ordering_physician_id": "D1",
    }  # fmt: skip
    assert (found[1]["quantity"], found[1]["amount_fen"], found[1]["reverses_line_id"]) == (
        "-1",
        -9850,
        "L1",
    )
    assert found[1]["charge_date"] == "2025-03-04"
    assert "charge_time" not in found[1]
    assert len(found) == 2, "a payment is no charge"
    assert faults(charged(LINE.replace("|197.00|", "|197.001|"))) == [("FT1-11", "type", 102)]
    assert (
        one(charged(LINE.replace("|197.00|", "|197.00&CNY|")))["charges"][0]["amount_fen"] == 19700
    )
    assert faults(charged(LINE.replace("|197.00|", "|197.00&USD|"))) == [("FT1-11", "enum", 103)]
    assert faults(charged(LINE.replace("|CG|", "|XX|"))) == [("FT1-6", "enum", 103)]


def test_a_long_posting_is_cut_into_events() -> None:
    found = reader().read(charged(*(LINE.replace("|L1|", f"|L{n}|") for n in range(1201)))).events
    assert [len(e.document["charges"]) for e in found] == [500, 500, 201]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (admitted(processing="T"), ("MSH-11", "processing-id", 202)),
        (admitted(version="3.0"), ("MSH-12", "unsupported-version", 203)),
        (message("ORU^R01", PID), ("MSH-9", "unsupported-type", 200)),
        (message("ADT^A31", PID), ("MSH-9.2", "unsupported-event", 201)),
        (admitted(control=""), ("MSH-10", "required", 101)),
        (admitted(at=""), ("MSH-7", "required", 101)),
        (admitted(at="20250230"), ("MSH-7", "format", 102)),
        (admitted(at="20310101000000"), ("MSH-7", "clock", 102)),
        (admitted(at="19991231000000"), ("MSH-7", "clock", 102)),
        (message("ADT^A01", PID.replace("|F", "|X"), PV1), ("PID-8", "enum", 103)),
        (message("ADT^A01", PID.replace("19750409", "19750431"), PV1), ("PID-7", "format", 102)),
        (message("ADT^A01", PID, PV1, "DSC|abc"), ("DSC", "continued", 100)),
        (
            ordered("NW", DRUG).replace(b"20250303103000", b"20990303103000"),
            ("ORC-9", "clock", 102),
        ),
    ],
)
def test_a_fault_is_told_with_its_place_and_code(
    raw: bytes, expected: tuple[str, str, int]
) -> None:
    assert faults(raw) == [expected]


def test_numbers_put_messages_in_the_order_of_their_time_and_then_of_their_ids() -> None:
    def stamp(**given: Any) -> tuple[int, str]:
        found = one(admitted(**given))
        return found["sequence"], found["event_id"]

    right = [
        stamp(at="20250303092000+0800", control="9"),
        stamp(at="20250303092000+0800", control="10"),
        stamp(at="20250303092000.5+0800", control="2"),
        stamp(at="20250303012001+0000", control="1"),
        stamp(at="20250303092002", control="MSG-0001"),
    ]
    assert right == sorted(right)
    assert stamp(control="张 三/" * 9)[1] != stamp(control="李 四/" * 9)[1]
    assert stamp(control="9") == stamp(control="9"), (
        "the same message sent again has the same numbers"
    )


def test_any_order_of_arrival_gives_the_same_stays() -> None:
    by = reader()
    messages = [m for m in Writer().write(sample()) if b"|P-ORD-001-" in m]
    found = [by.read(m).events for m in messages]
    want = states(e.document for events in found for e in events)
    random.Random(4).shuffle(messages)
    again = [reader().read(m).events for m in messages * 2]
    got = states(e.document for events in again for e in events)
    assert {k: s.claim()["orders"] for k, s in got.items()} == {
        k: s.claim()["orders"] for k, s in want.items()
    }
    assert {k: s.costs() for k, s in got.items()} == {k: s.costs() for k, s in want.items()}
    assert {k: s.phase for k, s in got.items()} == {k: s.phase for k, s in want.items()}


def test_a_site_says_what_its_codes_mean(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_text(
        'stay_prefix = "H1-"\npatient_types = ["SS"]\nignored = ["ADT^A31"]\ncharset = "GB18030"\n'
        '[providers]\n"*" = "H33010000001"\n[head]\nregion_code = "330100"\n[tables.sex]\n"男" = "1"\n',
        "utf-8",
    )
    profile = load(path)
    raw = (
        message("ADT^A01", "PID|1||A^^^^PI~B^^^^SS|||||男", PV1)
        .replace(b"UNICODE UTF-8", b"")
        .decode()
        .encode("gb18030")
    )
    found = one(raw, reader(profile))
    assert (found["stay_id"], found["provider_id"], found["patient_id"]) == (
        "H1-V1",
        "H33010000001",
        "B",
    )
    assert (found["stay"]["sex"], found["stay"]["region_code"]) == ("1", "330100")
    assert reader(profile).read(message("ADT^A31", PID)).ignored


@pytest.mark.parametrize(
    "text",
    ["x =", "unknown = 1", "ahead_hours = 'a'", "ignored = 'ADT'", "[tables.sex]\nM = '7'", "[tables.colour]\nM = '7'", "charset = 'klingon'", "time_zone = 'Mars/Base'", "[head]\nnothing = '1'"],
)  # fmt: skip
def test_a_profile_with_a_mistake_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "site.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(ProfileError):
        load(path)


@pytest.mark.parametrize("charset", ["utf-8", "gb18030"])
def test_a_month_written_and_read_is_the_same_month(charset: str) -> None:
    events, by, documents = sample(), reader(), []
    for raw in Writer(charset).write(events):
        for found in by.read(raw).events:
            documents.append(found.document)
            if found.document["kind"] == "stay":
                by.memory.note(found.document)
    want, got = states(events), states(documents)
    assert {k: s.claim() for k, s in got.items()} == {k: s.claim() for k, s in want.items()}
    assert {k: (s.phase, s.judged_as_of) for k, s in got.items()} == {
        k: (s.phase, s.judged_as_of) for k, s in want.items()
    }


def test_rare_things_come_back_too() -> None:
    head = HEAD | {
        "encounter_id": "E|1", "age_years": 61, "birth_date": "1964-03-01", "death_time": "2025-03-05T10:00:00+08:00",
        "newborn_birth_weight_g": 3100, "sex": "9", "insurance_type": "other",
        "admission_date": "2025-03-03", "inpatient_type": "2", "claim_type": "outpatient", "ward": "三病区^~&|\\",
    }  # fmt: skip
    procedure = {
        "ordinal": 1, "code": "47.0100", "name": "阑尾^切除", "procedure_date": "2025-03-04", "start_time": "2025-03-04T23:50:00+08:00",
        "end_time": "2025-03-05T01:20:30+08:00", "surgeon_id": "S1", "anaesthesia_start_time": "2025-03-04T23:30:00+08:00",
    }  # fmt: skip
    icu = {
        "ordinal": 1,
        "ward_type": "ICU",
        "start_time": "2025-03-04T00:00:00+08:00",
        "end_time": "2025-03-05T00:00:00.250000+08:00",
    }
    cover = {
        "ordinal": 1,
        "insurance_type": "390",
        "covered_months": 7,
        "end_date": "2025-12-31",
        "status": "suspended",
    }
    order = {
        "order_id": "O1",
        "order_type": "procedure",
        "item_code": "S-1",
        "start_time": "2025-03-03T10:00:00+08:00",
        "status": "draft",
        "long_term": False,
        "quantity": "1.5",
    }
    line = {
        "line_id": "L1", "item_code": "S-1", "category": "05", "quantity": "-1", "unit_price": "3.1415", "amount_fen": -314,
        "charge_date": "2025-03-04", "reverses_line_id": "L0", "discharge_medication": True, "in_scope_fen": -300, "unit": "次",
        "local_item_code": "X9", "performing_department": "K1", "ordering_department": "K2", "traceability_code": "T&C",
    }  # fmt: skip
    events = [
        event("stay", 1, coverages=[cover]) | {"stay": head},
        event("stay", 2, procedures=[procedure], diagnoses=[]) | {"stay": head},
        event("stay", 3, icu_stays=[icu]) | {"stay": head},
        event("orders", 4, orders=[order]),
        event("order-status", 5, order_status=[{"order_id": "O1", "status": "on-hold"}]),
        event("order-status", 6, order_status=[{"order_id": "O1", "status": "entered-in-error", "stop_time": "2025-03-03T12:00:00+08:00"}]),
        event("charges", 7, charges=[line]),
        event("discharge", 8, discharge={"discharge_date": "2025-03-06", "discharge_way": "9"}),
        event("reopen", 9),
        event("void", 10),
    ]  # fmt: skip
    by, documents, writer = reader(), [], Writer()
    for raw in writer.write(events):
        if b"OBX" not in raw:
            strict.check(read(raw))
        for found in by.read(raw).events:
            documents.append(found.document)
            if found.document["kind"] == "stay":
                by.memory.note(found.document)
    want, got = states(events)["S1"], states(documents)["S1"]
    assert got.claim() == want.claim()
    assert got.phase == want.phase


def test_strict_checking_is_hl7apys() -> None:
    for raw in {m.split(b"|")[8]: m for m in Writer().write(sample())}.values():
        strict.check(read(raw))
    for raw, place in (
        (message("ADT^A01^ADT_A01", PID, PV1.replace("|I|", "||", 1)), "PV1-2"),
        (message("ADT^A01^ADT_A01", PID, PV1, "DG1|1||J15||"), "DG1-6"),
        (message("ADT^A01^ADT_A01", PID, PV1, version="2.9"), "MSH-12"),
        (message("ADT^A01^ADT_A01", PID + "~" * 70_000, PV1), "PID"),
        (message("ADT^A01^ADT_A01", PID + "|" * 70_000, PV1), "PID"),
    ):
        with pytest.raises(MessageError) as refused:
            strict.check(read(raw))
        fault = refused.value.faults[0]
        assert (str(fault.place), fault.rule) == (place, "structure")
        assert "J15" not in fault.cure


def test_a_profile_may_let_training_messages_in() -> None:
    assert reader(replace(Profile(), processing_ids=("T",))).read(admitted(processing="T")).events


def test_the_page_names_every_place(root: Path) -> None:
    page = (root / "docs" / "hl7.md").read_text("utf-8")
    for homes in (HEAD_PLACES, COVERAGES, DIAGNOSES, PROCEDURES, DISCHARGE, ORDERS, CHARGES):
        for home in homes:
            assert f"`{home.name}`" in page or home.name == "ordinal", home
            assert f"{home.segment}-{home.field}" in page, home
    for kind, events in EVENTS.items():
        assert all(f"{kind}^{event}" in page or f", {event}" in page for event in events)
    assert all(code in page for code in (*NEW, *STATUS))
