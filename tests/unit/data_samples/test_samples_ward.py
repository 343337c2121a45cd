"""A ward's month as events: complete, in order, and true to the claims."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from typer.testing import CliRunner

from cli import app
from data_samples import month, open_stays, ward


def told(events: list[dict[str, Any]], member: str, key: str) -> list[str]:
    return sorted(row[key] for e in events for row in e.get(member, ()))


def test_every_order_and_line_of_a_claim_is_told_once() -> None:
    for record in month.plan(5, 4).stays():
        events = ward.of_stay(record)
        assert told(events, "orders", "order_id") == sorted(o["order_id"] for o in record["orders"])
        assert told(events, "order_status", "order_id") == told(events, "orders", "order_id")
        assert told(events, "charges", "line_id") == sorted(x["line_id"] for x in record["charges"])
        assert [e["sequence"] for e in events] == list(range(1, len(events) + 1))
        assert events[0]["kind"] == "stay"
        assert events[-1]["discharge"]["discharge_date"] == record["discharge_date"]


def test_a_patient_still_in_hospital_is_not_discharged_and_keeps_running_orders() -> None:
    (record,) = open_stays.records(5, 1)
    events = ward.of_stay(record)
    assert "discharge" not in {e["kind"] for e in events}
    running = {o["order_id"] for o in record["orders"] if o["status"] == "active"}
    assert running
    assert running.isdisjoint(told(events, "order_status", "order_id"))


def test_the_stream_is_in_order_of_time_and_of_each_stay() -> None:
    last: defaultdict[str, int] = defaultdict(int)
    before = ""
    for event in ward.stream(5, 3, still_in=2, planted=False):
        assert before <= event["event_time"]
        before = event["event_time"]
        assert event["sequence"] == last[event["stay_id"]] + 1
        last[event["stay_id"]] += 1
    assert len(last) == 5


def test_the_command_writes_the_same_bytes_for_the_same_seed(tmp_path: Any) -> None:
    for name in ("a", "b"):
        done = CliRunner().invoke(
            app,
            ["samples", "orders", "--out", str(tmp_path / name), "--stays", "2", "--no-planted"],
        )
        assert done.exit_code == 0, done.output
    one, two = ((tmp_path / name).read_bytes() for name in ("a", "b"))
    assert one == two
    assert one.count(b"\n") > 100
