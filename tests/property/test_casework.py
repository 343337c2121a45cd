"""Cases under random actions of random people: what may never happen, and sums that hold."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from domain import case_actions as actions
from domain.case_actions import Act
from domain.casework import (
    APPEAL_OUTCOMES,
    CaseAlert,
    CaseError,
    Disposition,
    Event,
    Person,
    State,
    Status,
    Terms,
    apply,
    apportion,
    places,
    replay,
)
from domain.review import REASONS_OF

PEOPLE = [Person(f"u{i}", f"Person {i}") for i in range(5)]
TERMS = Terms(limit_fen=100_000)
BEGIN = datetime(2026, 3, 1, tzinfo=UTC)


def alert(number: int, exposure: int) -> CaseAlert:
    checks = ("ADM-003", "CHG-002")[: 1 + number % 2]
    # Alerts 0 and 1 are two judgements of one stay.
    stay = f"S{max(number, 1)}"
    return CaseAlert(f"a{number}", f"d{number}", stay, "H1", "CNY", exposure, "A03", "D1", checks)


ALERTS = st.lists(st.integers(0, 90_000), min_size=1, max_size=4).map(
    lambda sums: [alert(i, fen) for i, fen in enumerate(sums)]
)
CONCLUSIONS = st.sampled_from([(o, r) for o, reasons in REASONS_OF.items() for r in reasons])
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "dispose",
                "dispose",
                "dispose_all",
                "close",
                "close",
                "approve",
                "approve",
                "send_back",
                "lodge",
                "decide",
                "decide",
                "add",
                "remove",
                "receive",
            ]
        ),
        st.sampled_from(PEOPLE),
        st.integers(0, 20),
        CONCLUSIONS,
        st.integers(0, 150_000),
    ),
    max_size=40,
)


def step(state: State, chosen: tuple[Any, ...], at: datetime) -> list[Event]:
    what, person, days, (outcome, reason), fen = chosen
    act = Act(person, at + timedelta(days=days))
    here = places(state.alerts.values())
    match what:
        case "dispose":
            place = here[fen % len(here)]
            money = fen if outcome in ("confirmed", "partly") else None
            return actions.dispose(state, act, [Disposition(*place, outcome, reason, money)], TERMS)
        case "dispose_all":
            given = [Disposition(*place, "confirmed", "violation", fen) for place in here]
            return actions.dispose(state, act, given, TERMS)
        case "close":
            return actions.close(state, act, TERMS)
        case "approve":
            return actions.approve(state, act)
        case "send_back":
            return actions.send_back(state, act, "not yet")
        case "receive":
            return actions.receive_information(state, act)
        case "add":
            return actions.add_alerts(state, act, [alert(4 + fen % 3, fen)])
        case "remove":
            return actions.remove_alert(state, act, f"a{fen % 5}")
        case "lodge":
            return actions.lodge(state, act, "we object", TERMS, recorded=bool(fen % 2))
        case _:
            ends = list(APPEAL_OUTCOMES)[fen % 3]
            left = min(fen, state.recovered_fen) if ends == "partly" else None
            why = "documented" if ends == "overturned" else None
            return actions.decide_appeal(state, act, ends, "we decide", why, left)


@settings(max_examples=150)
@given(ALERTS, STEPS)
def test_no_case_above_the_limit_is_closed_by_one_person(
    alerts: list[CaseAlert], steps: list[tuple[Any, ...]]
) -> None:
    at = BEGIN
    events = actions.open_case(Act(PEOPLE[0], at), alerts, "a case", TERMS)
    state = replay(events)
    for chosen in steps:
        try:
            more = step(state, chosen, at)
        except CaseError:
            continue
        before = state
        for event in more:
            state = apply(state, event)
            at = max(at, event.at)
        events += more
        if state.status is Status.CLOSED and before.status is not Status.APPEALED:
            concluded = {one.by for one in state.dispositions.values()}
            assert not state.undecided
            assert state.proposed_by is not None
            if actions.needs_second(before, TERMS):
                second = state.approved_by
                assert second is not None
                assert second.user_id not in {*concluded, state.proposed_by.user_id}
            else:
                assert state.approved_by is None
        if state.appeals and state.appeals[-1].outcome and before.status is Status.APPEALED:
            last = state.appeals[-1]
            assert state.recovered_fen == last.after_fen <= last.before_fen
            assert last.outcome != "upheld" or last.after_fen == last.before_fen
            assert last.outcome != "overturned" or last.after_fen == 0
        assert state.recovered_fen == sum(d.recovered_fen or 0 for d in state.confirmed)
        assert set(state.dispositions) <= set(places(state.alerts.values()))
        assert (state.clock is None) is (state.status is Status.CLOSED)
    # The timeline is all there is: it gives the same state after a way through JSON.
    stored = [
        Event(e.kind, e.at, e.by, json.loads(json.dumps(e.data)), e.visibility) for e in events
    ]
    assert replay(stored) == state
    stages = [one.stage for one in state.appeals]
    deciders = [one.decided_by for one in state.appeals if one.decided_by]
    assert len(set(stages)) == len(stages) <= 4
    assert len(set(deciders)) == len(deciders)


@given(st.integers(0, 10**13), st.lists(st.integers(0, 10**13), min_size=1, max_size=20))
def test_parts_add_up_to_the_whole(total: int, weights: list[int]) -> None:
    parts = apportion(total, weights)
    assert sum(parts) == total
    assert all(part >= 0 for part in parts)
    whole = sum(weights) or len(weights)
    for part, weight in zip(parts, weights if any(weights) else [1] * len(weights), strict=True):
        assert abs(part * whole - total * weight) < whole, "no part is a fen off its share"
