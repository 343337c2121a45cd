"""What a plan says: cost, checks now and at discharge, ways to comply, and what it keeps to itself."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import store
from benchmarks import plan_suggestions
from drg.projection import Curves, fit
from streaming.orders import OpenStay
from streaming.orders.handler import OrdersHandler
from streaming.orders.judging import judge_orders
from streaming.plans.desk import PlanDesk
from streaming.plans.kept import Kept
from tests import plan_contract
from tests.order_events import KEY, Json, admitted, events, line, message, order
from tests.projection_stays import Stay, tabulate
from tests.unit.streaming.orders.test_order_judging import ATORVASTATIN, MEROPENEM, engine

BUTYLPHTHALIDE, LEVOFLOXACIN, CEFTRIAXONE, GLYCATED = (
    "S-0901801", "S-0901005", "S-0901002", "S-0104010",
)  # fmt: skip
STROKE = ("I63.900",)


@cache
def curves() -> Curves:
    """Fifty settled stays of twenty nights at about 100 yuan a day."""
    return fit(*tabulate([Stay([10_000 + 20 * n] * 20, nights=20) for n in range(50)]))


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[store.Store]:
    with store.open(f"sqlite:///{tmp_path_factory.mktemp('plans')}/p.db") as found:
        yield found


@pytest.fixture(scope="module")
def desk(opened: store.Store) -> PlanDesk:
    return PlanDesk(engine(), opened, KEY)


@pytest.fixture(scope="module")
def projecting(opened: store.Store) -> PlanDesk:
    return PlanDesk(replace(engine(), curves=curves()), opened, KEY)


def state_of(*messages: Json) -> OpenStay:
    state = OpenStay("S1")
    for event in events(*messages):
        state.apply(event)
    return state


def plan_of(desk: PlanDesk, *messages: Json) -> Json:
    state = state_of(*messages)
    plan = desk.of_claim(state.claim(), state.judged_as_of)
    plan_contract.PLAN.validate(json.loads(json.dumps(plan)))
    return plan


def given(sequence: int, *rows: Json, at: str = "") -> Json:
    return message("orders", sequence, at=at, orders=list(rows))


def posted(sequence: int, day: int, fen: int, **fields: Any) -> Json:
    row = line(f"L{sequence}", fen, charge_date=f"2025-03-{day:02}", **fields)
    return message("charges", sequence, charges=[row])


def kinds(plan: Json) -> set[str]:
    return {s["kind"] for s in plan["suggestions"]}


def found(plan: Json, when: str) -> set[tuple[str, str]]:
    return {(f["rule_id"], f["subject_id"]) for f in plan["findings"] if f["when"] == when}


def asked(plan: Json, kind: str) -> list[Json]:
    return [q for q in plan["questions"] if q["kind"] == kind]


def test_where_the_cost_stands_and_will_end_and_what_drives_it(projecting: PlanDesk) -> None:
    plan = plan_of(
        projecting,
        admitted(codes=STROKE),
        given(2, order("O1", ATORVASTATIN, "03T10:00")),
        posted(3, 3, 9_000, category="09", order_id="O1", item_code=ATORVASTATIN),
        posted(4, 4, 31_000, category="04"),
    )
    cost = plan["cost"]
    assert (cost["running_fen"], cost["day_of_stay"], cost["absent"]) == (40_000, 2, None)
    assert cost["low_fen"] <= cost["projected_fen"] <= cost["high_fen"]
    assert (cost["level"], cost["projected_discharge"]) == (0.8, "2025-03-23")
    # Two days of about 105 yuan were usual.
    assert 180 < cost["pace_percent"] < 200
    assert cost["standard_percent"] == round(4_000_000 / cost["standard_fen"])
    assert plan["group"]["group"].startswith("BR2")
    assert plan["group"]["standard_fen"] == cost["standard_fen"]
    parts = plan["drivers"]
    assert [(c["category"], c["amount_fen"], c["share"]) for c in parts["categories"]] == [
        ("04", 31_000, 0.775), ("09", 9_000, 0.225),
    ]  # fmt: skip
    assert [(o["order_id"], o["amount_fen"]) for o in parts["orders"]] == [
        (None, 31_000), ("O1", 9_000),
    ]  # fmt: skip


def test_without_curves_or_charges_a_plan_says_why_nothing_is_projected(
    desk: PlanDesk, projecting: PlanDesk
) -> None:
    bare = plan_of(desk, admitted(codes=STROKE))["cost"]
    assert "curves" in bare["absent"]["en"]
    assert (bare["projected_fen"], bare["level"], bare["running_fen"]) == (None, None, 0)
    waiting = plan_of(projecting, admitted(codes=STROKE))["cost"]
    assert "charge" in waiting["absent"]["en"]
    assert waiting["projected_discharge"] == "2025-03-23"


def test_what_will_fire_at_the_projected_discharge_is_told_apart_from_what_fires_now(
    desk: PlanDesk, projecting: PlanDesk
) -> None:
    """A drug that is paid for 14 days, running in a stay of twenty."""
    told = (
        admitted(codes=STROKE),
        given(2, order("O1", BUTYLPHTHALIDE, "03T12:00", frequency="bid", route="iv")),
        posted(3, 4, 9_000),
    )
    plan = plan_of(projecting, *told)
    assert ("ORD-002", "O1") in found(plan, "discharge")
    assert found(plan, "now") == set()
    # Nothing says when the patient leaves, so nothing is said of days to come.
    assert ("ORD-002", "O1") not in found(plan_of(desk, *told), "discharge")


def test_the_list_and_the_record_are_asked_about_and_no_code_is_named_that_is_not_there(
    desk: PlanDesk,
) -> None:
    plan = plan_of(desk, admitted(codes=("J15.900", "bad code"), sex="9"))
    told = found(plan, "discharge")
    assert {"SLQ-001", "SLQ-006", "SLQ-010", "DXC-026"} <= {rule for rule, _ in told}
    questions = asked(plan, "documentation")
    assert {q["rule_id"] for q in questions} == {rule for rule, _ in told}
    assert all("病历" in q["text"]["zh"] and "record" in q["text"]["en"] for q in questions)


def test_a_drug_of_the_same_indication_takes_the_place_of_a_draft_and_the_cost_is_told(
    projecting: PlanDesk,
) -> None:
    draft = order("O1", LEVOFLOXACIN, "04T10:00", status="draft", frequency="qd", route="iv")
    told = (admitted(codes=("J18.900",), age_years=15), posted(2, 3, 9_000), posted(3, 4, 9_000))
    plan = plan_of(projecting, *told, given(4, draft))
    (way,) = [s for s in plan["suggestions"] if s["kind"] == "alternative"]
    assert (way["rule_ids"], way["order_id"], way["item_code"]) == (["ORD-009"], "O1", CEFTRIAXONE)
    assert way["before"]["verdicts"] == {"ORD-009": "hit"}
    assert way["after"]["verdicts"] == {"ORD-009": "pass"}
    assert [(a["type"], a["order"]["item_code"]) for a in way["actions"]] == [
        ("revoke", LEVOFLOXACIN), ("create", CEFTRIAXONE),
    ]  # fmt: skip
    assert any(b["document"].endswith("drug_alternatives.csv") for b in way["basis"])
    # From the 4th to the 23rd, at the tariff's 6.40 in place of 15.20 yuan a day.
    moved = way["after"]["projected_fen"] - way["before"]["projected_fen"]
    assert moved == 20 * (640 - 1520)
    # Another indication, or an order that was carried out, has no alternative.
    other = plan_of(projecting, admitted(codes=("E11.900",), age_years=15), given(4, draft))
    assert "alternative" not in kinds(other)
    running = order("O1", LEVOFLOXACIN, "03T10:00", frequency="qd", route="iv")
    done = posted(5, 4, 1_520, order_id="O1", item_code=LEVOFLOXACIN)
    begun = plan_of(projecting, *told, given(4, running), done)
    assert ("ORD-009", "O1") in found(begun, "now")
    assert "alternative" not in kinds(begun)


def test_an_order_past_its_own_stop_is_closed_and_one_that_runs_is_not(desk: PlanDesk) -> None:
    past = order("O1", CEFTRIAXONE, "03T10:00", stop_time="2025-03-04T10:00:00+08:00", route="iv")
    plan = plan_of(
        desk,
        admitted(codes=("J18.900",)),
        given(2, past, order("O2", "S-0901024", "03T10:00"), at="2025-03-06T09:00:00+08:00"),
    )
    (way,) = [s for s in plan["suggestions"] if s["kind"] == "close_expired"]
    assert (way["order_id"], way["rule_ids"], way["finding_ids"]) == ("O1", [], [])
    assert way["before"]["verdicts"] == {"order_past_stop": "hit"}
    (action,) = way["actions"]
    assert (action["type"], action["order"]["status"]) == ("stop", "completed")
    assert "2025-03-04 10:00" in way["text"]["en"]


def test_a_test_inside_its_interval_may_wait_until_the_day_that_clears_it(desk: PlanDesk) -> None:
    def glycated(order_id: str, day: str, **more: Any) -> Json:
        lab = {"order_type": "lab", "long_term": False, "route": None}
        return order(order_id, GLYCATED, f"{day}T08:00", **{**lab, **more})

    told = [admitted(codes=("E11.900",)), given(2, glycated("O1", "03"))]
    plan = plan_of(desk, *told, given(3, glycated("O2", "07", status="draft")))
    assert ("CHG-026", "O2") in found(plan, "discharge")
    (way,) = [s for s in plan["suggestions"] if s["kind"] == "wait_interval"]
    assert (way["order_id"], way["at"]) == ("O2", "2025-03-18T00:00:00Z")
    # A draft that waits is a draft still: nothing is signed for the physician.
    assert [(a["type"], a["order"]["status"]) for a in way["actions"]] == [("change", "draft")]
    assert "needed now goes on" in way["condition"]["en"]
    # Done and charged, nothing can be moved: the reason is asked for.
    charged = [
        posted(4, 3, 5_800, item_code=GLYCATED, order_id="O1"),
        posted(5, 7, 5_800, item_code=GLYCATED, order_id="O2"),
    ]
    done = plan_of(desk, *told, given(3, glycated("O2", "07")), *charged)
    assert ("CHG-026", "L5") in found(done, "discharge")
    assert "wait_interval" not in kinds(done)
    assert "CHG-026" in {q["rule_id"] for q in asked(done, "evidence")}


def test_a_restricted_drug_is_answered_by_its_test_or_by_what_the_record_holds(
    desk: PlanDesk,
) -> None:
    plan = plan_of(desk, admitted(codes=("J15.900",)), given(2, order("O1", MEROPENEM, "03T10:00")))
    assert kinds(plan) == {"order_evidence", "alternative"}
    (question,) = asked(plan, "evidence")
    assert (question["rule_id"], question["subject_id"]) == ("ORD-018", "O1")
    for way in plan["suggestions"]:
        if way["kind"] == "order_evidence":
            (action,) = way["actions"]
            assert (action["type"], action["order"]["status"]) == ("create", "draft")


def test_a_special_case_is_asked_about_when_the_stay_will_meet_a_ground(
    projecting: PlanDesk,
) -> None:
    usual = plan_of(projecting, admitted(codes=STROKE), posted(2, 3, 9_000))
    assert asked(usual, "special_case") == []
    dear = plan_of(projecting, admitted(codes=STROKE), posted(2, 3, 3_000_000))
    (question,) = asked(dear, "special_case")
    assert "high-outlier" in question["text"]["en"] or "cost" in question["text"]["en"]
    assert {"CST-002", "CST-003"} & {rule for rule, _ in found(dear, "now")}
    words = " ".join(f["action"]["en"] for f in dear["findings"])
    assert "necessary care is never withheld" in words


def test_readiness_for_discharge_is_a_matter_of_questions(desk: PlanDesk) -> None:
    culture = order("O2", "S-0104018", "03T11:00", order_type="lab", long_term=False)
    plan = plan_of(
        desk,
        admitted(codes=("J18.900",)),
        given(2, order("O1", CEFTRIAXONE, "03T10:00", route="iv"), culture),
        given(3, order("O3", "S-0901024", "03T12:00", status="draft")),
    )
    words = " ".join(q["text"]["en"] for q in asked(plan, "discharge"))
    assert "1 standing orders still run" in words
    assert "1 tests have no record of being done" in words
    assert "1 orders are still drafts" in words
    assert "cost and standard have no part in it" in words
    assert len({q["question_id"] for q in plan["questions"]}) == len(plan["questions"])


def stored(opened: store.Store, *messages: Json) -> None:
    """The stay as the stream leaves it."""
    handler = OrdersHandler(engine(), opened, KEY)
    taken: Sequence[Any] = events(*messages)
    states = handler.look_up(e.stay_id for e in taken)
    for write in handler.writes(judge_orders(taken, states, engine()), states):
        opened.open_stays.commit(write, datetime.now(UTC))


def test_events_are_planned_on_top_of_the_stored_stay_and_nothing_is_stored(tmp_path: Path) -> None:
    with store.open(f"sqlite:///{tmp_path}/p.db") as opened:
        desk = PlanDesk(engine(), opened, KEY)
        stored(opened, admitted(), given(2, order("O1", ATORVASTATIN, "03T10:00")))
        draft = given(3, order("O2", ATORVASTATIN, "03T10:30", status="draft"))
        wrong = draft | {"kind": "ordered"}
        for _ in range(2):
            told = desk.of_events([json.dumps(m).encode() for m in (wrong, draft)])
            assert [r.index for r in told.refused] == [0]
            (plan,) = told.results
            assert ("ORD-010", "O2") in found(plan, "now")
            # What a caller does to its plan is no other caller's.
            plan["findings"].clear()
        stay = desk.of_stay("S1")
        assert stay is not None
        assert found(stay, "now") == set()
        assert desk.of_stay("S2") is None
        left = message("discharge", 4, discharge={"discharge_date": "2025-03-04"})
        assert desk.of_events([json.dumps(left).encode()]).results == []


def test_a_what_if_moves_the_projection_by_the_price_of_orders_and_drops_later_charges(
    tmp_path: Path,
) -> None:
    with store.open(f"sqlite:///{tmp_path}/p.db") as opened:
        desk = PlanDesk(replace(engine(), curves=curves()), opened, KEY)
        running = order("O1", CEFTRIAXONE, "03T10:00", frequency="qd", route="iv")
        stored(
            opened, admitted(codes=("J18.900",)), given(2, running),
            posted(3, 3, 9_000), posted(4, 4, 9_000, item_code=CEFTRIAXONE, order_id="O1"),
        )  # fmt: skip
        told = desk.of_stay("S1", [{"kind": "stop_order", "order_id": "O1"}])
        assert told is not None
        plan_contract.COMPARISON.validate(json.loads(json.dumps(told)))
        was, will = (told[side]["cost"] for side in ("before", "after"))
        # As of the 3rd it was charged 90 yuan a day; the 4th to the 23rd fall away.
        assert will["projected_fen"] == max(will["running_fen"], was["projected_fen"] - 20 * 9_000)
        assert any("price up to the projected discharge" in n["en"] for n in told["notes"])
        left = desk.of_stay("S1", [{"kind": "set_discharge_date", "date": "2025-03-03"}])
        assert left is not None
        assert left["after"]["cost"]["running_fen"] == 9_000
        assert left["before"]["cost"]["running_fen"] == 18_000
        more = desk.of_stay("S1", [{"kind": "add_order", "item_code": CEFTRIAXONE, "route": "iv",
                                    "long_term": True, "start_time": "2025-03-03T11:00:00+08:00"}])  # fmt: skip
        assert more is not None
        assert [(c["rule_id"], c["subject_id"]) for c in more["checks"]["new"]] == [
            ("ORD-010", "what-if-1")
        ]


def test_a_plan_follows_from_the_stay_alone(desk: PlanDesk, opened: store.Store) -> None:
    """What is kept between calls changes nothing: a new desk says the same."""
    told = (admitted(codes=("J15.900",)), given(2, order("O1", MEROPENEM, "03T10:00")))
    first = plan_of(desk, *told)
    more = given(3, order("O2", MEROPENEM, "03T12:00"))
    plan_of(desk, *told, more)
    assert plan_of(desk, *told) == first
    assert plan_of(PlanDesk(engine(), opened, KEY), *told) == first
    changed = plan_of(desk, *told, posted(4, 4, 999))
    assert changed["cost"]["running_fen"] == 999
    assert changed["state_sha256"] != first["state_sha256"]


def test_what_is_kept_is_the_latest_used() -> None:
    kept = Kept(2)
    made = [kept.get(name, name.upper) for name in ("a", "b", "a", "c")]
    assert made == ["A", "B", "A", "C"]
    assert [kept.find(name) for name in "abc"] == ["A", None, "C"]


def test_following_a_suggestion_is_counted_by_the_benchmark(desk: PlanDesk) -> None:
    told = events(
        admitted(codes=("J15.900",)),
        given(2, order("O1", MEROPENEM, "03T10:00", status="draft")),
    )
    figures = plan_suggestions.follow_month(desk, told).told()
    assert figures["suggestions"] == sum(figures["kinds"].values()) > 1
    assert (figures["cleared_share"], figures["other_checks_newly_hit"]) == (1.0, 0)
