"""Orders judged as they come: what is told, to whom, once, and what would clear it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from typing import Any

import jsonschema_rs
import pytest

import rules
from data_samples import planted_orders, ward
from domain.orders import INDICATOR, ORDER_DECISIONS, suggestion_schema
from domain.results import ALERTS
from rules.compiled import _CARE_WORDS
from rules.facts import codebook
from streaming.orders import Event, OpenStay, Outcome, decode, judge_orders
from streaming.orders import changes as plan
from streaming.orders.judging import as_signed
from streaming.pipeline import Engine
from tests.order_events import KEY, Json, admitted, events, message, order

ATORVASTATIN, ROSUVASTATIN, MEROPENEM = "S-0901022", "S-0901809", "S-0901007"
CEFUROXIME, OXYTOCIN, HEAD_CT, CULTURE = "S-0901001", "S-0901807", "S-0103003", "S-0104018"
SCHEMA = jsonschema_rs.validator_for(suggestion_schema(), validate_formats=True)


@cache
def engine() -> Engine:
    return Engine(rules.load())


class Ward:
    """Stays in hospital, and everything that was told about them."""

    def __init__(self) -> None:
        self.states: dict[str, OpenStay] = {}

    def tell(self, *messages: Json) -> Outcome:
        return self.take(events(*messages))

    def take(self, given: Iterable[Event]) -> Outcome:
        outcome = judge_orders(given, self.states, engine())
        self.states.update(outcome.states)
        for suggestion in outcome.suggestions:
            SCHEMA.validate(json.loads(json.dumps(suggestion)))
        return outcome


def rule_ids(outcome: Outcome) -> list[str]:
    return sorted(row["rule_id"] for row in outcome.decisions)


def status(sequence: int, order_id: str, new: str, **more: Any) -> Json:
    row = {"order_id": order_id, "status": new, **more}
    return message("order-status", sequence, order_status=[row])


def drug(sequence: int, order_id: str, code: str, start: str = "03T10:00", **more: Any) -> Json:
    return message("orders", sequence, orders=[order(order_id, code, start, **more)])


def test_a_double_order_is_told_before_it_is_given_with_both_ways_out() -> None:
    here = Ward()
    assert not here.tell(admitted(), drug(2, "O1", ATORVASTATIN)).decisions
    told = here.tell(drug(3, "O2", ATORVASTATIN, "03T10:30", status="draft"))
    (row,) = told.decisions
    assert (row["rule_id"], row["subject_id"], row["told"]) == ("ORD-010", "O2", True)
    assert (row["physician_id"], row["department"]) == ("D2", "A04")
    assert (row["event_id"], row["occurrence"], row["cleared_by"]) == ("S1-3", 1, None)
    assert set(row) == {f.name for f in ORDER_DECISIONS.fields}
    (card,) = told.suggestions
    assert card["indicator"] == "warning"
    assert [(c["kind"], c["order_id"], c["after"]) for c in card["changes"]] == [
        ("stop_earlier", "O1", "pass"), ("withdraw_repeat", "O2", "pass"),
    ]  # fmt: skip
    assert card["evidence"][0]["decision_id"] == row["decision_id"]
    assert row["suggestion_id"] == card["suggestion_id"]
    (alert,) = told.alerts
    assert (alert["decision_id"], alert["rule_ids"]) == (row["decision_id"], "ORD-010")
    assert set(alert) == {f.name for f in ALERTS.fields}
    assert alert["title_zh"].startswith("在院：")


def test_what_was_told_is_not_told_again_until_it_was_cleared_or_changed() -> None:
    here = Ward()
    first = here.tell(admitted(), drug(2, "O1", ATORVASTATIN), drug(3, "O2", ATORVASTATIN))
    assert rule_ids(first) == ["ORD-010"]
    # Other news of the stay, and the same message again.
    quiet = here.tell(drug(4, "O3", CEFUROXIME), drug(3, "O2", ATORVASTATIN))
    assert (quiet.decisions, quiet.cleared, quiet.suggestions) == ([], [], [])
    gone = here.tell(status(5, "O2", "revoked"))
    assert gone.cleared == [(first.decisions[0]["decision_id"], "S1-5")]
    back = here.tell(status(6, "O2", "active"))
    assert [(r["rule_id"], r["occurrence"]) for r in back.decisions] == [("ORD-010", 2)]
    assert back.decisions[0]["decision_id"] != first.decisions[0]["decision_id"]
    changed = here.tell(drug(7, "O2", ATORVASTATIN, frequency="bid"))
    assert [(r["rule_id"], r["occurrence"]) for r in changed.decisions] == [("ORD-010", 3)]


def test_what_was_ordered_and_taken_back_in_one_batch_is_told_to_nobody() -> None:
    here = Ward()
    outcome = here.tell(
        admitted(), drug(2, "O1", ATORVASTATIN), drug(3, "O2", ATORVASTATIN), status(4, "O2", "revoked")
    )  # fmt: skip
    assert (outcome.decisions, outcome.alerts) == ([], [])


def test_an_order_already_given_is_noted_and_nothing_is_suggested() -> None:
    here = Ward()
    done = {"stop_time": "2025-03-05T10:00:00+08:00", "executed_time": "2025-03-05T10:00:00+08:00"}
    outcome = here.tell(
        admitted(), drug(2, "O1", ATORVASTATIN), drug(3, "O2", ATORVASTATIN, status="completed", **done)
    )  # fmt: skip
    assert [(r["rule_id"], r["told"], r["suggestion_id"]) for r in outcome.decisions] == [
        ("ORD-010", False, None)
    ]
    assert outcome.suggestions == []
    assert len(outcome.alerts) == 1


def test_the_same_batch_gives_the_same_identifiers() -> None:
    batch = [admitted(), drug(2, "O1", ATORVASTATIN), drug(3, "O2", ROSUVASTATIN)]
    one, two = Ward().tell(*batch), Ward().tell(*batch)
    assert one.decisions == two.decisions
    assert one.suggestions == two.suggestions
    assert one.alerts == two.alerts


def test_orders_wait_for_the_head_and_are_judged_when_it_comes() -> None:
    here = Ward()
    early = here.tell(drug(2, "O1", ATORVASTATIN), drug(3, "O2", ATORVASTATIN))
    assert (early.waiting, early.decisions) == (("S1",), [])
    assert rule_ids(here.tell(admitted())) == ["ORD-010"]


def test_nothing_is_judged_after_the_discharge_and_a_void_stay_is_cleared() -> None:
    here = Ward()
    first = here.tell(admitted(), drug(2, "O1", ATORVASTATIN), drug(3, "O2", ATORVASTATIN))
    leaving = message("discharge", 4, discharge={"discharge_date": "2025-03-04"})
    late = here.tell(leaving, drug(5, "O3", ATORVASTATIN))
    assert (late.decisions, late.cleared) == ([], [])
    void = here.tell(message("void", 6))
    assert void.cleared == [(first.decisions[0]["decision_id"], "S1-6")]


def test_the_evidence_that_a_reserve_drug_asks_for_is_offered_while_its_time_runs() -> None:
    here = Ward()
    told = here.tell(admitted(codes=("J15.900",)), drug(2, "O1", MEROPENEM))
    (card,) = told.suggestions
    assert card["evidence"][0]["rule_id"] == "ORD-018"
    assert {c["kind"] for c in card["changes"]} == {"order_evidence"}
    assert CULTURE in {c["item_code"] for c in card["changes"]}
    # Doing as it says clears it.
    culture = order("O2", CULTURE, "03T11:00", order_type="lab", long_term=False)
    done = here.tell(message("orders", 3, orders=[culture]))
    assert [d for d, _ in done.cleared] == [told.decisions[0]["decision_id"]]
    # A day and more after the first dose it is too late to say so.
    late = Ward().tell(
        admitted(codes=("J15.900",)),
        drug(2, "O1", MEROPENEM),
        message("charges", 9, at="2025-03-05T10:00:00+08:00", charges=[
            {"line_id": "L1", "item_code": MEROPENEM, "category": "09", "quantity": "1",
             "unit_price": "1.00", "amount_fen": 100, "charge_date": "2025-03-05"},
        ]),
    )  # fmt: skip
    assert [c["changes"] for c in late.suggestions] == [[]]


def test_a_third_scan_may_wait_if_the_illness_allows() -> None:
    def scan(order_id: str, day: str) -> Json:
        return order(
            order_id, HEAD_CT, f"{day}T10:00", order_type="exam", long_term=False, route=None
        )

    here = Ward()
    told = here.tell(
        admitted(),
        message("orders", 2, orders=[scan("O1", "03"), scan("O2", "05"), scan("O3", "07")]),
    )
    (card,) = told.suggestions
    assert (card["evidence"][0]["rule_id"], card["indicator"]) == ("ORD-031", "info")
    (change,) = card["changes"]
    assert (change["kind"], change["at"]) == ("wait_interval", "2025-03-10T02:01:00Z")
    assert "必要" in change["condition"]["zh"] or "需要" in change["condition"]["zh"]


def test_a_drug_of_the_other_sex_may_be_a_slip() -> None:
    told = Ward().tell(admitted(sex="1"), drug(2, "O1", OXYTOCIN))
    (card,) = told.suggestions
    assert [c["kind"] for c in card["changes"]] == ["correct_slip"]
    assert "Only if" in card["changes"][0]["condition"]["en"]


def test_findings_of_one_cause_on_one_order_are_one_card() -> None:
    one = order("O3", ATORVASTATIN, "03T10:00")
    told = Ward().tell(
        admitted(), drug(2, "O1", ATORVASTATIN), drug(3, "O2", ROSUVASTATIN),
        message("orders", 4, orders=[one]),
    )  # fmt: skip
    cards = [c for c in told.suggestions if c["subject_id"] == "O3"]
    assert len(cards) == 1
    assert {e["rule_id"] for e in cards[0]["evidence"]} == {"ORD-010", "ORD-011"}
    assert len({r["cause"] for r in told.decisions}) == 1


def test_stays_are_judged_alone_whatever_else_the_batch_holds() -> None:
    def of(stay: str) -> list[Json]:
        rows = [order("O1", ATORVASTATIN, "03T10:00"), order("O2", ATORVASTATIN, "03T11:00")]
        return [admitted(of=stay), message("orders", 2, of=stay, orders=rows)]

    together = Ward().tell(*of("S1"), *of("S2"))
    alone = [*Ward().tell(*of("S1")).decisions, *Ward().tell(*of("S2")).decisions]
    assert together.decisions == alone


@pytest.fixture(scope="module")
def month() -> list[tuple[Json, Json]]:
    """Every suggestion of the planted patterns, judged message by message, with the stay then."""
    lines = ward.encode(ward.merge(ward.planted_records(*planted_orders.PLANTED)))
    found, refused = decode([line.encode() for line in lines], key=KEY)
    assert not refused
    here, told = Ward(), []
    by_stay: dict[str, list[Event]] = {}
    for _, event in found:
        by_stay.setdefault(event.stay_id, []).append(event)
    longest = max(map(len, by_stay.values()))
    # The first event of every stay in one batch, then the second: as fast as judging them all at once.
    for turn in range(longest):
        batch = [given[turn] for given in by_stay.values() if turn < len(given)]
        outcome = here.take(batch)
        told += [(s, as_signed(here.states[s["stay_id"]].claim())) for s in outcome.suggestions]
    return told


def test_every_planted_order_is_told_on_the_stay_at_fault_and_on_no_other(
    month: list[tuple[Json, Json]],
) -> None:
    told: dict[str, set[str]] = {}
    for card, _ in month:
        for evidence in card["evidence"]:
            told.setdefault(evidence["rule_id"], set()).add(card["stay_id"])
    for check in planted_orders.PLANTED:
        if check == "ORD-005":  # its fault is an outpatient's
            continue
        at_fault = {s for s in told.get(check, set()) if s.startswith(f"P-{check}-")}
        assert at_fault == {f"P-{check}-1"}, check


def test_no_suggestion_asks_for_less_care_or_for_a_code(month: list[tuple[Json, Json]]) -> None:
    assert len(month) > 15
    for card, claim in month:
        words = json.dumps(card, ensure_ascii=False).lower()
        assert not [w for w in _CARE_WORDS if w in words]
        assert card["indicator"] in INDICATOR
        assert len(card["summary"]["zh"]) < 140
        assert len(card["summary"]["en"]) < 140
        for evidence in card["evidence"]:
            hit = {"unit": card["subject"], "subject_id": card["subject_id"]}
            for change in plan.propose(hit, evidence["facts"], claim, _moment(card)):
                _lawful(change, claim)


def _moment(card: Json) -> Any:
    from datetime import datetime

    return datetime.fromisoformat(card["judged_as_of"])


def _lawful(change: plan.Change, claim: Json) -> None:
    """The change touches orders only, and what it ends goes on in another order or was a slip."""
    after = change.make(claim)
    assert {k: v for k, v in after.items() if k != "orders"} == {
        k: v for k, v in claim.items() if k != "orders"
    }
    before, now = ({o["order_id"]: o for o in c["orders"]} for c in (claim, after))
    assert set(before) <= set(now)
    ended = [o for o in before if now[o] != before[o]]
    if change.kind == "order_evidence":
        (added,) = set(now) - set(before)
        assert now[added]["order_type"] != "drug"
        assert not ended
    elif change.kind in ("stop_earlier", "withdraw_repeat"):
        running = [o for n, o in now.items() if n not in ended and o["status"] == "active"]
        table = dict(codebook.read("drugs").select("item_code", "drug_class").iter_rows())
        for name in ended:
            code = before[name]["item_code"]
            assert any(
                o["item_code"] == code
                or (table.get(code) and table.get(o["item_code"]) == table[code])
                for o in running
            ), name
    elif change.kind == "wait_interval":
        (moved,) = ended
        assert now[moved] | {"start_time": ""} == before[moved] | {"start_time": ""}
    else:
        assert change.kind == "correct_slip"
        assert "Only if" in change.condition[1]
