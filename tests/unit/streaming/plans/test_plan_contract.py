"""No plan asks for less care or for a code: over the planted patterns and the generated stays."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import store
from benchmarks import plan_suggestions
from data_samples import open_stays, planted_orders, ward
from streaming.orders import Event, OpenStay, decode
from streaming.orders.judging import as_signed
from streaming.orders.state import Phase
from streaming.plans.desk import PlanDesk
from tests import plan_contract
from tests.order_events import KEY, Json, admitted, events, message, order
from tests.unit.streaming.orders.test_order_judging import engine

PATTERNS = Path(ward.__file__).parent / "patterns"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlanDesk]:
    with store.open(f"sqlite:///{tmp_path_factory.mktemp('plans')}/p.db") as opened:
        yield PlanDesk(engine(), opened, KEY)


def plan_of(desk: PlanDesk, state: OpenStay) -> Json:
    """The plan of a stay, held to the contract."""
    plan = desk.of_claim(state.claim(), state.judged_as_of)
    plan_contract.hold(plan, as_signed(state.claim()))
    return plan


def open_at_last(found: list[Event]) -> OpenStay:
    """The stay as it stood before it was left."""
    state = OpenStay(found[0].stay_id)
    for event in found:
        if event.kind != "discharge":
            state.apply(event)
    return state


def read(lines: Iterator[str]) -> dict[str, list[Event]]:
    found, refused = decode([line.encode() for line in lines], key=KEY)
    assert not refused
    by_stay: dict[str, list[Event]] = {}
    for _, event in found:
        by_stay.setdefault(event.stay_id, []).append(event)
    return by_stay


def test_the_planted_orders_have_lawful_ways_that_clear_them_when_followed(desk: PlanDesk) -> None:
    """Each new suggestion of the patterns' plans is followed by order events and judged again."""
    kinds: dict[str, int] = {}
    by_stay = read(ward.encode(ward.merge(ward.planted_records(*planted_orders.PLANTED))))
    at_fault = {s: given for s, given in by_stay.items() if s.endswith("-1")}
    for found in at_fault.values():
        state, shown = OpenStay(found[0].stay_id), set[str]()
        orders = [e for e in found if e.kind == "orders"]
        last = orders[-1] if orders else found[-1]
        for event in found:
            if event.kind == "discharge":
                continue
            state.apply(event)
            # Where the pattern's own order came: its last ones.
            if event not in orders[-2:] and event is not last:
                continue
            plan = plan_of(desk, state)
            for suggestion in plan["suggestions"]:
                if suggestion["suggestion_id"] in shown:
                    continue
                shown.add(suggestion["suggestion_id"])
                kinds[suggestion["kind"]] = kinds.get(suggestion["kind"], 0) + 1
                after = plan_suggestions.follow(desk, state, suggestion)
                assert plan_suggestions.cleared(suggestion, after), suggestion
                assert plan_suggestions.newly_hit(plan, after) == [], suggestion
    assert set(kinds) >= {"stop_earlier", "withdraw_repeat", "order_evidence", "correct_slip"}


def test_our_own_patterns_have_each_their_way(desk: PlanDesk) -> None:
    by_stay = read(ward.encode(plan_suggestions.own()))
    kinds: dict[str, set[str]] = {}
    for stay_id, found in by_stay.items():
        if not stay_id.endswith("-A"):
            continue
        state = OpenStay(stay_id)
        for event in found:
            state.apply(event)
            plan = plan_of(desk, state)
            for suggestion in plan["suggestions"]:
                after = plan_suggestions.follow(desk, state, suggestion)
                assert plan_suggestions.cleared(suggestion, after), suggestion
                assert plan_suggestions.newly_hit(plan, after) == [], suggestion
                kinds.setdefault(stay_id, set()).add(suggestion["kind"])
    assert kinds == {
        "P-PLAN-expired-A": {"close_expired"},
        "P-PLAN-early-repeat-A": {"wait_interval"},
        "P-PLAN-reserve-A": {"order_evidence", "alternative"},
        "P-PLAN-too-young-A": {"alternative"},
        "P-PLAN-young-pain-A": {"alternative"},
    }


def test_other_planted_patterns_are_planned_without_a_word_of_codes(desk: PlanDesk) -> None:
    """Every ninth pattern of claims, as its patients were on the day before they left."""
    seen = 0
    for place, file in enumerate(sorted(PATTERNS.glob("*.jsonl"))):
        if place % 9:
            continue
        records = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        inpatient = [
            r for r in records if r["claim_type"] == "inpatient" and r["currency"] == "CNY"
        ]
        if not inpatient:
            continue
        state = open_at_last(next(iter(read(ward.encode(ward.of_stay(inpatient[0]))).values())))
        if state.phase is Phase.OPEN:
            plan_of(desk, state)
            seen += 1
    assert seen > 12


def test_generated_stays_are_planned_without_a_word_of_codes(desk: PlanDesk) -> None:
    for record in open_stays.records(7, 10):
        state = open_at_last(next(iter(read(ward.encode(ward.of_stay(record))).values())))
        plan = plan_of(desk, state)
        assert plan["group"] is not None


DRUGS = ("S-0901001", "S-0901002", "S-0901005", "S-0901007", "S-0901022", "S-0901809", "S-0901801",
         "S-0901026", "S-0901807", "S-0901816", "S-0901028", "S-0901812")  # fmt: skip
TESTS = ("S-0104010", "S-0103003", "S-0104018", "S-0104001")
CODES = ("I63.900", "J15.900", "J18.900", "E11.900", "C34.900", "K92.200", "M25.500", "I10")


@st.composite
def stays(draw: st.DrawFn) -> list[Json]:
    """A stay of any patient with any orders of these, running, ended, expired or drafts."""
    codes = tuple(draw(st.lists(st.sampled_from(CODES), min_size=1, max_size=3, unique=True)))
    told = [
        admitted(codes=codes, sex=draw(st.sampled_from("12")), age_years=draw(st.integers(1, 90)))
    ]
    for number in range(draw(st.integers(1, 6))):
        drug = draw(st.booleans())
        start = datetime.fromisoformat("2025-03-03T10:00:00+08:00") + timedelta(
            hours=draw(st.integers(0, 200))
        )
        row = order(f"O{number}", draw(st.sampled_from(DRUGS if drug else TESTS)), "03T10:00") | {
            "start_time": start.isoformat(),
            "status": draw(st.sampled_from(("active", "active", "draft", "on-hold"))),
            "order_type": "drug" if drug else "lab",
            "long_term": drug and draw(st.booleans()),
        }
        if draw(st.integers(0, 3)) == 0:
            row["stop_time"] = (start + timedelta(hours=draw(st.integers(1, 48)))).isoformat()
        told.append(message("orders", number + 2, at=start.isoformat(), orders=[row]))
    return told


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(told=stays())
def test_any_stay_is_planned_lawfully_and_what_is_followed_clears(
    desk: PlanDesk, told: list[Json]
) -> None:
    state = OpenStay("S1")
    for event in events(*told):
        state.apply(event)
    plan = plan_of(desk, state)
    for suggestion in plan["suggestions"][:2]:
        after: Any = plan_suggestions.follow(desk, state, suggestion)
        assert plan_suggestions.cleared(suggestion, after), suggestion
        assert plan_suggestions.newly_hit(plan, after) == [], suggestion
