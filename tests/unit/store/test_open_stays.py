"""Patients in hospital in the database: written once, read whole, closed by their claims."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

import store
from store.open_stays import StayChange, close, save
from store.open_tables import ORDER_DECISIONS_SQL
from store.writing import Ruleset

NOW = datetime(2025, 3, 4, 8, tzinfo=UTC)
RULES = Ruleset("r" * 64, ("ORD-010",), {"ORD-010": "f" * 64})


def row(stay_id: str, **more: Any) -> dict[str, Any]:
    return {
        "stay_id": stay_id,
        "provider_id": "H1",
        "patient_id": "p_1",
        "physician_id": None,
        "department": "A03",
        "phase": "open",
        "currency": "CNY",
        "running_cost_fen": 100,
        "costs": {"04": 100},
        "active_orders": 1,
        "last_event_time": NOW,
        "last_event_id": "E1",
        "body": b'{"head":1}',
        **more,
    }


def item(order_id: str, body: bytes = b"{}") -> dict[str, Any]:
    return {"order_id": order_id, "status": "active", "item_code": "X", "body": body}


def charged(line_id: str, fen: int = 100) -> dict[str, Any]:
    return {"line_id": line_id, "category": "04", "amount_fen": fen, "body": b"[]"}


def decision(number: int, stay_id: str = "S1", **more: Any) -> dict[str, Any]:
    made = dict.fromkeys(c.name for c in ORDER_DECISIONS_SQL.columns if c.name != "decided_at")
    return made | {
        "decision_id": f"d{number}", "stay_id": stay_id, "patient_id": "p_1", "provider_id": "H1",
        "rule_id": "ORD-010", "rule_sha256": "f" * 64, "rules_sha256": RULES.sha256, "pack_sha256": "p",
        "state_sha256": "s", "unit": "order", "subject_id": "O1", "severity": "medium",
        "cause": "duplicate_order", "thresholds": "{}", "facts": "{}", "finding_zh": "重复",
        "finding_en": "double", "occurrence": 1, "told": True, "event_id": "E1", "judged_as_of": NOW,
        "suggestion_id": "g1",
    } | more  # fmt: skip


def told(suggestion_id: str = "g1", stay_id: str = "S1") -> dict[str, Any]:
    return {
        "suggestion_id": suggestion_id, "stay_id": stay_id, "provider_id": "H1", "physician_id": "D1",
        "indicator": "warning", "evidence": [{"decision_id": "d1"}],
    }  # fmt: skip


def test_a_stay_is_read_as_it_was_written_and_grows_by_what_changed(opened: store.Store) -> None:
    stays = opened.open_stays
    assert stays.read(["S1"]) == {}
    first = StayChange(row("S1"), 0, [item("O1"), item("O2")], [charged("L1")])
    stays.commit(save([first]), NOW)
    again = StayChange(
        row("S1", running_cost_fen=250, body=b"2"), 1, [item("O2", b"new")], [charged("L2", 150)]
    )
    stays.commit(save([again]), NOW + timedelta(hours=1))
    found = stays.read(["S1", "S2"])["S1"]
    assert (found.version, found.body, found.closed) == (2, b"2", False)
    assert found.orders == {"O1": b"{}", "O2": b"new"}
    assert set(found.lines) == {"L1", "L2"}
    listed = stays.find("S1")
    assert listed is not None
    assert (listed["running_cost_fen"], listed["created_at"]) == (250, NOW)
    assert listed["changed_at"] == NOW + timedelta(hours=1)


@pytest.mark.parametrize("version", [0, 2])
def test_a_writer_that_read_another_version_writes_nothing(
    opened: store.Store, version: int
) -> None:
    stays = opened.open_stays
    stays.commit(save([StayChange(row("S1"), 0)]), NOW)
    late = save(
        [StayChange(row("S1", body=b"lost"), version, [item("O9")]), StayChange(row("S2"), 0)],
        decisions=[decision(1)], ruleset=RULES, suggestions=[told()],
    )  # fmt: skip
    with pytest.raises(store.StoreError, match="another writer"):
        stays.commit(late, NOW)
    assert stays.read(["S1", "S2"]).keys() == {"S1"}
    assert stays.read(["S1"])["S1"].orders == {}
    assert stays.decisions("S1") == []
    assert stays.told("S1") == []


def test_decisions_are_kept_once_and_cleared_by_an_event(opened: store.Store) -> None:
    stays = opened.open_stays
    first = save(
        [StayChange(row("S1"), 0)], decisions=[decision(1)], suggestions=[told()], ruleset=RULES
    )
    stays.commit(first, NOW)
    stays.commit(
        save([StayChange(row("S1"), 1)], decisions=[decision(1, finding_en="other")],
             suggestions=[told()], ruleset=RULES, cleared=[("d1", "E7")]),
        NOW,
    )  # fmt: skip
    (kept,) = stays.decisions("S1")
    assert (kept["finding_en"], kept["cleared_by"], kept["decided_at"]) == ("double", "E7", NOW)
    (suggestion,) = stays.told("S1")
    assert (suggestion["suggestion_id"], suggestion["stands"]) == ("g1", False)


def test_a_stay_whose_claim_came_is_closed_even_in_the_same_step(opened: store.Store) -> None:
    stays = opened.open_stays
    stays.commit(save([StayChange(row("S1"), 0, [item("O1")], [charged("L1")])]), NOW)
    with opened.engine.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO claims (stay_id, claim_version, input_sha256, patient_id, provider_id, "
                "claim_type, admission_date, discharge_date, body, created_at) VALUES ('S1', 1, 'x', 'p_1', "
                "'H1', 'inpatient', '2025-03-03', '2025-03-09', :body, '2025-03-10 00:00:00+00:00')"
            ),
            {"body": b""},
        )
    assert stays.read(["S1"])["S1"].closed
    # An event that was judged before the claim was stored: its stay is not written any more.
    stays.commit(save([StayChange(row("S1", body=b"late"), 1), StayChange(row("S2"), 0)]), NOW)
    stays.commit(close(["S1"]), NOW)
    assert stays.find("S1") is None
    stays.commit(save([StayChange(row("S1"), 1)]), NOW)
    assert stays.find("S1") is None
    assert stays.find("S2") is not None


def test_what_is_silent_or_settled_is_swept_and_its_decisions_stay(opened: store.Store) -> None:
    stays = opened.open_stays
    old = NOW - timedelta(days=400)
    stays.commit(
        save(
            [StayChange(row("S1", last_event_time=old), 0, [item("O1")]), StayChange(row("S2"), 0)],
            decisions=[decision(1)], ruleset=RULES,
        ),
        NOW,
    )  # fmt: skip
    assert stays.sweep(NOW - timedelta(days=90)) == 1
    assert stays.sweep(NOW - timedelta(days=90)) == 0
    assert [s["stay_id"] for s in stays.page()] == ["S2"]
    assert len(stays.decisions("S1")) == 1


def test_a_thousand_stays_are_read_with_few_queries(opened: store.Store) -> None:
    stays = opened.open_stays
    stays.commit(
        save([StayChange(row(f"S{n:04}"), 0, [item("O1"), item("O2")]) for n in range(1500)]), NOW
    )
    queries: list[str] = []
    sa.event.listen(
        opened.engine, "before_cursor_execute", lambda _c, _u, sql, *_: queries.append(sql)
    )
    found = stays.read([f"S{n:04}" for n in range(1500)])
    assert len(found) == 1500
    assert all(len(s.orders) == 2 for s in found.values())
    assert len([q for q in queries if q.lstrip().startswith("SELECT")]) == 8
