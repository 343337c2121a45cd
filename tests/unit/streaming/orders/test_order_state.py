"""A stay so far: what its events say, whatever way they came."""

from __future__ import annotations

import pytest

from store.open_stays import StoredStay
from streaming.orders import OpenStay, Phase
from streaming.orders import state as states
from streaming.orders.state import apply_events
from streaming.orders.stored import change, load
from tests.order_events import Json, admitted, events, line, message, order


def after(*messages: Json) -> OpenStay:
    """The state of stay S1 after these events, in this order."""
    new, _, _ = apply_events(events(*messages), {})
    return new["S1"]


def test_a_stay_is_open_from_its_head_to_its_discharge() -> None:
    first = message("orders", 2, orders=[order("O1", "S-0901001", "03T10:00")])
    leaving = message(
        "discharge", 7, discharge={"discharge_date": "2025-03-09", "discharge_way": "1"}
    )
    assert after(first).phase is Phase.WAITING
    assert after(first, admitted()).phase is Phase.OPEN
    gone = after(first, admitted(), leaving)
    assert gone.phase is Phase.DISCHARGED
    assert gone.claim()["discharge_date"] == "2025-03-09"
    assert after(first, admitted(), leaving, message("reopen", 8)).phase is Phase.OPEN
    assert after(admitted(), message("void", 8), message("reopen", 7)).phase is Phase.VOID
    # News of the head after the discharge does not bring the patient back.
    assert after(admitted(), leaving, admitted(9)).phase is Phase.DISCHARGED


def test_the_higher_number_counts_for_each_part_alone() -> None:
    new = order("O1", "S-0901001", "03T10:00", dose="1")
    stop: Json = {"order_id": "O1", "status": "completed", "stop_time": "2025-03-04T10:00:00+08:00"}
    stay = after(
        admitted(),
        message("order-status", 5, order_status=[stop]),
        message("orders", 2, orders=[new]),
        message("orders", 4, orders=[new | {"dose": "2"}]),
        message("orders", 3, orders=[new | {"dose": "3", "status": "on-hold"}]),
    )
    (row,) = stay.rows()
    assert (row["dose"], row["status"], row["stop_time"]) == (
        "2",
        "completed",
        "2025-03-04T02:00:00Z",
    )
    resumed = message("order-status", 6, order_status=[{"order_id": "O1", "status": "active"}])
    held = after(admitted(), message("orders", 2, orders=[new]), resumed)
    assert [r["status"] for r in held.rows()] == ["active"]


def test_a_list_that_a_head_does_not_name_stays_and_an_empty_one_is_empty() -> None:
    procedure = {"ordinal": 1, "code": "51.2300"}
    told = message("stay", 3, stay=admitted()["stay"], procedures=[procedure])
    stay = after(admitted(codes=("I10", "E11.900")), told)
    assert [d["code"] for d in stay.claim()["diagnoses"]] == ["I10", "E11.900"]
    assert [p["code"] for p in stay.claim()["procedures"]] == ["51.2300"]
    emptied = message("stay", 4, stay=admitted()["stay"], procedures=[])
    assert after(admitted(), told, emptied).claim()["procedures"] == []


def test_the_running_cost_counts_each_line_once_and_takes_reversals_off() -> None:
    posted = message("charges", 2, charges=[line("L1", 1000), line("L2", 500, category="09")])
    back = message("charges", 3, charges=[line("L3", -400, reverses_line_id="L1", quantity="-1")])
    again = message("charges", 9, charges=[line("L2", 700, category="09")])
    stay = after(admitted(), posted, back, posted, again, back)
    assert stay.costs() == {"04": 600, "09": 700}
    assert stay.claim()["total_amount_fen"] == 1300


def test_a_status_of_an_order_that_nobody_described_waits_for_it() -> None:
    status = message("order-status", 5, order_status=[{"order_id": "O1", "status": "revoked"}])
    assert list(after(admitted(), status).rows()) == []
    new = message("orders", 2, orders=[order("O1", "S-0901001", "03T10:00")])
    assert [r["status"] for r in after(admitted(), status, new).rows()] == ["revoked"]


def test_a_closed_stay_takes_no_more_events() -> None:
    closed = OpenStay("S1", closed=True)
    new, changed, _ = apply_events(events(admitted()), {"S1": closed})
    assert not changed
    assert new["S1"].phase is Phase.CLOSED


def test_the_given_states_are_not_touched() -> None:
    before = after(admitted(), message("charges", 2, charges=[line("L1", 100)]))
    more = events(message("charges", 3, charges=[line("L2", 50)]))
    new, _, _ = apply_events(more, {"S1": before})
    assert before.costs() == {"04": 100}
    assert new["S1"].costs() == {"04": 150}


def test_an_event_that_outgrows_the_stay_is_given_back_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(states, "MOST_LINES", 2)
    full = message("charges", 2, charges=[line("L1", 1), line("L2", 1)])
    more = message("charges", 3, charges=[line("L2", 5), line("L3", 1)])
    new, _, refused = apply_events(events(admitted(), full, more), {})
    assert [(e.event_id, member) for e, member in refused] == [("S1-3", "charges")]
    assert new["S1"].costs() == {"04": 2}


def test_what_is_stored_comes_back_and_only_what_changed_is_written() -> None:
    one = after(
        admitted(),
        message("orders", 2, orders=[order("O1", "S-0901001", "03T10:00"), order("O2", "S-0901002", "03T10:00")]),
        message("charges", 3, charges=[line("L1", 100)]),
    )  # fmt: skip
    first = change(one, None)
    assert first.row["running_cost_fen"] == 100
    assert first.row["active_orders"] == 2
    assert first.row["phase"] == "open"
    stored = StoredStay(
        "S1", 1, first.row["body"],
        {o["order_id"]: o["body"] for o in first.orders}, {x["line_id"]: x["body"] for x in first.lines},
    )  # fmt: skip
    back = load(stored)
    assert back.facts_equal(one)
    stop = message("order-status", 4, order_status=[{"order_id": "O2", "status": "revoked"}])
    new, _, _ = apply_events(events(stop), {"S1": back})
    second = change(new["S1"], back)
    assert [o["order_id"] for o in second.orders] == ["O2"]
    assert second.lines == []
    assert (second.version, second.row["active_orders"]) == (1, 1)
