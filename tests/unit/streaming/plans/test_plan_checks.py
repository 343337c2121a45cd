"""Which checks judge a plan, why the others wait, and the tables that the plans are judged on."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rules
from data_samples import open_stays, ward
from rules.facts import facts_of
from streaming.orders import OpenStay, checks, decode
from streaming.orders.state import tables_of
from streaming.plans import claim_tables, discharge, texts
from streaming.plans.judges import judges_of
from tests.order_events import KEY, Json, admitted, events, line, message, order
from tests.unit.streaming.orders.test_order_judging import engine


def test_every_active_check_judges_a_plan_or_waits_for_a_reason() -> None:
    ruleset = engine().ruleset
    active = [r for r in ruleset.rules if r.id in {*ruleset.ids, *ruleset.aggregate_ids}]
    told = {rule.id: discharge.waits(rule) for rule in active}
    judges = judges_of(ruleset)
    judging = {*judges.orders.ids, *judges.tests.ids, *judges.costs.ids, *judges.documents.ids}
    assert {rule for rule, reason in told.items() if reason is None} == judging
    assert {reason for reason in told.values() if reason} == set(discharge.WAITING)
    assert set(discharge.CHECKS) <= set(ruleset.ids)
    assert len(set(discharge.CHECKS)) == len(discharge.CHECKS)


def test_the_checks_of_stays_in_hospital_are_those_that_the_stream_judges_by() -> None:
    ruleset = engine().ruleset
    live = checks.live(ruleset)
    of_stays = {r for r in live.ids if ruleset[r].unit != "order"}
    # The stream waits for the outlook; a plan also says that the standard is near.
    assert of_stays | set(discharge.NEARING) == discharge.IN_HOSPITAL


def test_no_check_at_discharge_turns_on_what_is_supposed_or_on_other_stays() -> None:
    """The way of discharge is a guess, and what looks back needs the history that a plan has not."""
    ruleset = engine().ruleset
    for made in ruleset.compiled:
        if made.rule.id not in discharge.CHECKS:
            continue
        known = facts_of(made.rule.unit)
        # Required fields are counted filled or not; that the way is supposed only hides that one.
        assert "discharge_way" not in made.facts, made.rule.id
        looks_back = {
            n for n in made.facts if known[n].as_of is not None and made.rule.id != "CHG-026"
        }
        assert not looks_back, (made.rule.id, looks_back)


def test_what_is_kept_for_the_next_order_reads_no_orders() -> None:
    """Prices and documents are kept while orders change, and orders are judged without the bill."""
    judges = judges_of(engine().ruleset)
    for ruleset, left_out in (
        (judges.costs, {"orders"}),
        (judges.documents, {"orders", "charges"}),
        (judges.orders, {"charges"}),
        (judges.tests, {"orders"}),
    ):
        for made in ruleset.compiled:
            known = facts_of(made.rule.unit)
            for name in made.facts:
                read = {part.strip().partition(".")[0] for part in known[name].source.split(",")}
                assert not read & left_out, (made.rule.id, name)


def test_advice_of_a_plan_exists_in_both_languages_for_checks_that_exist() -> None:
    ruleset = engine().ruleset
    for table in (texts.ACTIONS, texts.ASK_EVIDENCE):
        for rule_id, (zh, en) in table.items():
            assert ruleset[rule_id].id == rule_id
            assert zh
            assert en
    judges = judges_of(ruleset)
    assert {r for r in texts.ASK_EVIDENCE if r.startswith("ORD")} <= set(judges.orders.ids)


def claims() -> list[Json]:
    """Generated stays in hospital, in the layout of claims."""
    made = []
    for record in open_stays.records(11, 4):
        lines = [text.encode() for text in ward.encode(ward.of_stay(record))]
        state = OpenStay(str(record["stay_id"]))
        for _, event in decode(lines, key=KEY)[0]:
            state.apply(event)
        made.append(state.claim())
    return made


def test_tables_made_row_by_row_are_those_of_intake() -> None:
    found = claims()
    slow, quick = tables_of(found), claim_tables.tables_of(found)
    for (name, expected), (_, made) in zip(slow.items(), quick.items(), strict=True):
        key = [(c, "ascending") for c in expected.column_names[:2]]
        if expected.num_rows:
            expected, made = expected.sort_by(key), made.sort_by(key)
        assert made.equals(expected), name


@settings(max_examples=8, deadline=None)
@given(
    dose=st.decimals(min_value=0, max_value=10**6, places=4),
    at=st.datetimes(min_value=datetime(2025, 3, 3), max_value=datetime(2025, 4, 3)),  # noqa: DTZ001
    fen=st.integers(min_value=0, max_value=10**9),
    name=st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30),
)  # fmt: skip
def test_tables_made_row_by_row_are_those_of_intake_for_any_value(
    dose: Any, at: datetime, fen: int, name: str
) -> None:
    row = order("O1", "S-0901001", "03T10:00") | {
        "start_time": f"{at.isoformat(timespec='seconds')}+08:00",
        "dose": f"{dose:f}",
        "item_name": name,
    }
    state = OpenStay("S1")
    told = message("charges", 3, charges=[line("L1", fen)])
    for event in events(admitted(), message("orders", 2, orders=[row]), told):
        state.apply(event)
    slow, quick = tables_of([state.claim()]), claim_tables.tables_of([state.claim()])
    assert all(made.equals(slow_) for (_, made), (_, slow_) in zip(quick.items(), slow.items(), strict=True))  # fmt: skip


@pytest.mark.parametrize(
    ("day", "expected"), [(None, "2025-03-04"), ("2025-03-01", "2025-03-04"), ("2025-03-09", "2025-03-09")]
)  # fmt: skip
def test_a_discharge_is_supposed_on_the_day_named_and_never_before_the_last_event(
    day: str | None, expected: str
) -> None:
    state = OpenStay("S1")
    running = order("O1", "S-0901001", "03T10:00")
    ended = order("O2", "S-0901001", "03T10:00", stop_time="2025-03-03T20:00:00+08:00")
    for event in events(admitted(), message("orders", 2, orders=[running, ended])):
        state.apply(event)
    as_of = datetime.fromisoformat("2025-03-04T23:30:00+08:00")
    wanted = None if day is None else date.fromisoformat(day)
    claim = discharge.discharged(state.claim(), as_of, wanted, None)
    assert claim["discharge_date"] == expected or claim["discharge_time"][:10] == expected
    assert datetime.fromisoformat(claim["discharge_time"]) > as_of
    first, second = claim["orders"]
    assert first["stop_time"] == claim["discharge_time"]
    assert second["stop_time"] == "2025-03-03T12:00:00Z"


def test_a_rule_set_without_some_checks_is_judged_by_the_others() -> None:
    whole = engine().ruleset
    some = whole.only("ORD-010", "SLQ-001")
    assert isinstance(some, rules.RuleSet)
    judges = judges_of(some)
    assert (judges.orders.ids, judges.documents.ids, judges.costs.ids) == (
        ("ORD-010",), ("SLQ-001",), (),
    )  # fmt: skip
