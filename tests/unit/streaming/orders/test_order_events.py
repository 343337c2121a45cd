"""What is taken and what is refused of the messages of topic ``orders``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from data_samples import ward
from domain.orders import MEMBER, ORDER_EVENTS, event_schema
from streaming.orders import decode
from tests.order_events import KEY, Json, admitted, events, line, message, order, refusals

DOCS = Path(__file__).resolve().parents[4] / "docs" / "orders.md"


def test_an_event_is_read_with_its_person_hidden_and_its_rows_canonical() -> None:
    (head,) = events(admitted(patient_name="张三", identity_number="330100196001011234"))
    assert head.patient_id.startswith("p_")
    assert "patient_name" not in head.content["stay"]
    assert head.content["stay"]["identity_number"].startswith("i_")
    assert head.event_time.isoformat() == "2025-03-03T01:01:00+00:00"
    (posted,) = events(message("charges", 5, charges=[line("L1", 1250, quantity=2.50)]))
    assert posted.content["charges"][0]["quantity"] == "2.5"
    # The stand-ins of a claim never reach the event.
    assert set(posted.content) == {"charges"}


def test_the_day_of_a_line_follows_from_its_instant_in_the_zone_of_the_event() -> None:
    row = line("L1", 100, charge_time="2025-03-04T23:30:00Z")
    del row["charge_date"]
    (event,) = events(message("charges", 2, charges=[row]))
    assert event.content["charges"][0]["charge_date"] == "2025-03-05"


def test_a_line_may_take_back_a_line_of_an_earlier_event() -> None:
    (event,) = events(
        message("charges", 2, charges=[line("L9", -500, reverses_line_id="L1", quantity="-1")])
    )
    assert [row["line_id"] for row in event.content["charges"]] == ["L9"]
    assert refusals(message("charges", 2, charges=[line("L9", -500)])) >= {
        ("charges[0].amount_fen", "negative-amount")
    }


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"event_id": None}, ("event_id", "required")),
        ({"event_id": "a b"}, ("event_id", "format")),
        ({"kind": "ordered"}, ("kind", "enum")),
        ({"event_time": "2025-03-03T09:00:00"}, ("event_time", "format")),
        ({"event_time": "2025-02-30T09:00:00Z"}, ("event_time", "format")),
        ({"sequence": "7"}, ("sequence", "type")),
        ({"sequence": True}, ("sequence", "type")),
        ({"sequence": -1}, ("sequence", "range")),
        ({"time_zone": "Asia/Hangzhou"}, ("time_zone", "unknown-zone")),
        ({"patient_id": "  "}, ("patient_id", "required")),
        ({"stay_id": "x" * 65}, ("stay_id", "range")),
        ({"orders": []}, ("orders", "required")),
        ({"orders": {}}, ("orders", "type")),
        ({"orders": ["O1"]}, ("orders[0]", "type")),
        ({"charges": [line("L1", 1)]}, ("charges", "unknown-field")),
        ({"priority": 1}, ("priority", "unknown-field")),
        ({"orders": [order("O1", "X", "03T10:00", status="paused")]}, ("orders[0].status", "enum")),
        ({"orders": [order("O1", "X", "03T10:00", dose="-1")]}, ("orders[0].dose", "negative-amount")),
        ({"orders": [order("O1", "X", "03T10:00", colour="red")]}, ("orders[0].colour", "unknown-field")),
        ({"orders": [order("O1", "X", "03T10:00")] * 2}, ("orders[1].order_id", "duplicate-id")),
        ({"orders": [order("O1", "X", "03T10:00", start_time="2025-03-03")]}, ("orders[0].start_time", "format")),
    ],
)  # fmt: skip
def test_every_fault_is_told_with_its_place(change: Json, reason: tuple[str, str]) -> None:
    good = message("orders", 3, orders=[order("O1", "S-0901001", "03T10:00")])
    assert reason in refusals(good | change)


def test_all_faults_of_an_event_are_told_at_once() -> None:
    bad = message("orders", 3, orders=[order("O1", "X", "03T10:00", status="paused")])
    found = refusals(bad | {"event_id": "", "sequence": None})
    assert found == {
        ("event_id", "required"), ("sequence", "required"), ("orders[0].status", "enum"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("record", "rule"),
    [
        (b"", "not-json"),
        (b"{", "not-json"),
        (b"[1]", "type"),
        (b"\xff\xfe{}", "not-utf8"),
        (b'{"event_id":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "too-deep"),
        (b" " * (1024 * 1024 + 1), "too-large"),
        (b'{"sequence":' + b"9" * 5000 + b"}", "range"),
        (b'{"sequence": NaN}', "not-finite"),
    ],
)
def test_what_is_no_event_at_all_is_refused_by_its_form(record: bytes, rule: str) -> None:
    assert rule in {found for _, found in refusals(record)}


def test_a_status_event_sets_status_stop_and_execution_and_nothing_else() -> None:
    row: Json = {"order_id": "O1", "status": "completed", "stop_time": "2025-03-04T10:00:00+08:00"}
    (event,) = events(message("order-status", 4, order_status=[row]))
    assert event.content["order_status"] == [
        {"order_id": "O1", "status": "completed", "stop_time": "2025-03-04T02:00:00Z"}
    ]
    found = refusals(message("order-status", 4, order_status=[{"order_id": "O1", "dose": "2"}]))
    assert found == {
        ("order_status[0].dose", "unknown-field"),
        ("order_status[0].status", "required"),
    }
    assert ("order_status[0].status", "enum") in refusals(
        message("order-status", 4, order_status=[row | {"status": "stopped"}])
    )


def test_a_head_may_not_say_what_only_the_claim_says() -> None:
    for name, value in (
        ("total_amount_fen", 5),
        ("claim_version", 2),
        ("discharge_date", "2025-03-09"),
    ):
        assert (f"stay.{name}", "unknown-field") in refusals(
            admitted() | {"stay": admitted()["stay"] | {name: value}}
        )
    assert ("stay.currency", "required") in refusals(admitted(currency=None))
    assert ("discharge.discharge_date", "required") in refusals(
        message("discharge", 9, discharge={})
    )


def test_no_refusal_shows_personal_data() -> None:
    bad = admitted(identity_number=["330100196001011234"], patient_name=7) | {
        "patient_id": ["张三"]
    }
    found, refused = decode([json.dumps(bad).encode()], key=KEY)
    assert not found
    assert "张三" not in repr(refused)
    assert "330100196001011234" not in repr(refused)


def test_every_record_of_a_mixed_batch_is_in_one_of_the_two_lists() -> None:
    good = [json.dumps(message("void", n)).encode() for n in range(3)]
    records = [good[0], b"x", good[1], b"{}", good[2]]
    found, refused = decode(records, key=KEY)
    assert [i for i, _ in found] == [0, 2, 4]
    assert [r.index for r in refused] == [1, 3]


def test_the_schema_takes_what_the_reader_takes() -> None:
    schema = jsonschema_rs.validator_for(event_schema(), validate_formats=True)
    for event in ward.small():
        schema.validate(event)
    for bad in (
        message("orders", 3),
        message("orders", 3, orders=[order("O1", "X", "03T10:00")], charges=[line("L1", 1)]),
        message("charges", 3, charges=[{"line_id": "L1"}]),
        message("walk", 3),
    ):
        assert not schema.is_valid(bad)
        assert refusals(bad)


def test_the_manual_names_every_field() -> None:
    text = DOCS.read_text(encoding="utf-8")
    for name in (*(f.name for f in ORDER_EVENTS.fields), *MEMBER):
        assert f"`{name}`" in text, name


def test_the_example_of_the_manual_is_taken() -> None:
    text = DOCS.read_text(encoding="utf-8")
    examples: list[Any] = [
        json.loads(block.partition("```")[0]) for block in text.split("```json\n")[1:]
    ]
    taken = [e for e in examples if "event_id" in e and "suggestion_id" not in e]
    assert {e["kind"] for e in taken} >= {"stay", "orders", "order-status", "charges"}
    assert len(events(*taken)) == len(taken)
