"""Plans over HTTP: read with an ETag, asked with changes, and refused in words that help."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

import scoring_api
import store
from scoring_api.plans import EXAMPLE
from streaming.orders import decode, judge_orders
from streaming.orders.handler import OrdersHandler
from streaming.plans.desk import PlanDesk
from tests import plan_contract
from tests.order_events import KEY, Json, admitted, line, message, order
from tests.plan_samples import PLAN, SamplePlans
from tests.unit.streaming.orders.test_order_judging import ATORVASTATIN, engine

PATH = "/v1/open-stays/S1/plan"


class Hospital:
    """The service over a database, and the stream that fills it."""

    def __init__(self, opened: store.Store) -> None:
        self.store = opened
        self.handler = OrdersHandler(engine(), opened, KEY)

        def none(*_: Any, **__: Any) -> Any:
            raise AssertionError("not asked here")

        self.client = TestClient(
            scoring_api.build(
                store=opened, assess=none, group=none, what_if=none, rules=[], version="0",
                ready=dict, check_orders=self.handler.check, plans=PlanDesk(engine(), opened, KEY),
            )
        )  # fmt: skip

    def stream(self, *messages: Json) -> None:
        taken = [e for _, e in decode([json.dumps(m).encode() for m in messages], key=KEY)[0]]
        states = self.handler.look_up(e.stay_id for e in taken)
        outcome = judge_orders(taken, states, engine())
        for write in self.handler.writes(outcome, states):
            self.store.open_stays.commit(write, datetime.now(UTC))

    def ask(self, *changes: Json) -> Any:
        return self.client.post(f"{PATH}:what-if", json={"changes": list(changes)})


@pytest.fixture
def hospital(tmp_path: Path) -> Iterator[Hospital]:
    with store.open(f"sqlite:///{tmp_path}/s.db") as opened:
        made = Hospital(opened)
        rows = [order("O1", ATORVASTATIN, "03T10:00"), order("O2", ATORVASTATIN, "03T11:00")]
        made.stream(
            admitted(codes=("I63.900",)),
            message("orders", 2, orders=rows),
            message("charges", 3, charges=[line("L1", 12_500, order_id="O1")]),
        )
        yield made


def test_a_plan_is_read_once_and_again_only_when_something_changed(hospital: Hospital) -> None:
    first = hospital.client.get(PATH)
    assert first.status_code == 200
    plan = first.json()
    plan_contract.PLAN.validate(plan)
    assert plan["patient_id"].startswith("p_")
    assert [(f["rule_id"], f["when"]) for f in plan["findings"]][:1] == [("ORD-010", "now")]
    assert {s["kind"] for s in plan["suggestions"]} == {"stop_earlier", "withdraw_repeat"}
    tag = {"If-None-Match": first.headers["etag"]}
    again = hospital.client.get(PATH, headers=tag)
    assert (again.status_code, again.content) == (304, b"")
    gone = message("order-status", 5, order_status=[{"order_id": "O2", "status": "revoked"}])
    hospital.stream(gone)
    after = hospital.client.get(PATH, headers=tag)
    assert after.status_code == 200
    assert after.headers["etag"] != first.headers["etag"]
    assert after.json()["suggestions"] == []


def test_a_what_if_shows_both_plans_and_what_the_record_would_have_to_show(
    hospital: Hospital,
) -> None:
    answer = hospital.ask(
        {"kind": "stop_order", "order_id": "O1", "at": "2025-03-03T11:00:00+08:00"},
        {"kind": "add_diagnosis", "code": "J96.000"},
    )
    assert answer.status_code == 200, answer.text
    told = answer.json()
    plan_contract.COMPARISON.validate(told)
    assert [(c["rule_id"], c["subject_id"]) for c in told["checks"]["cleared"]] == [
        ("ORD-010", "O2")
    ]
    assert "group.group" in {d["field"] for d in told["differences"]}
    assert "J96.000" in told["to_document"][0]["en"]
    assert any("no advice on coding" in n["en"] for n in told["notes"])
    # Nothing was stored.
    assert hospital.client.get(PATH).json() == told["before"]


def test_the_example_of_the_documentation_is_a_question_that_is_answered(
    hospital: Hospital,
) -> None:
    told = hospital.ask(*EXAMPLE["changes"]).json()
    assert told["changes"] == EXAMPLE["changes"]
    assert told["after"]["findings"] != told["before"]["findings"]


def test_what_cannot_be_asked_is_refused_with_its_place_and_cure(hospital: Hospital) -> None:
    for change, place, cure in (
        ({"kind": "stop_order", "order_id": "O9"}, "changes[0].order_id", "order_id of an order"),
        ({"kind": "stop_order"}, "changes[0]", "must be there"),
        ({"kind": "add_order", "item_code": "X", "start_time": "soon"}, "changes[0].start_time", "offset"),
        ({"kind": "add_order", "item_code": "X", "order_type": "food"}, "changes[0].order_type", "drug"),
        ({"kind": "add_order", "item_code": "X", "dose": "much"}, "changes[0].dose", "text"),
        ({"kind": "set_discharge_date", "date": "2025-01-01"}, "changes[0].date", "admission"),
        ({"kind": "remove_diagnosis", "ordinal": 9}, "changes[0].ordinal", "from 1 to"),
        ({"kind": "best_coding"}, "changes[0]", "stop_order"),
    ):  # fmt: skip
        answer = hospital.ask(change)
        assert answer.status_code == 422, change
        problem = answer.json()
        assert place in problem["detail"], problem
        assert cure in problem["cure"], problem
    assert hospital.ask().status_code == 422
    assert hospital.ask(*[{"kind": "stop_order", "order_id": "O1"}] * 21).status_code == 422
    ranked = hospital.client.post(f"{PATH}:what-if", json={"changes": [], "rank_by": "payment"})
    assert ranked.status_code == 422


def test_only_patients_in_hospital_have_a_plan(hospital: Hospital) -> None:
    assert hospital.client.get("/v1/open-stays/S9/plan").status_code == 404
    hospital.stream(message("discharge", 9, discharge={"discharge_date": "2025-03-05"}))
    assert hospital.client.get(PATH).status_code == 404
    assert hospital.ask({"kind": "stop_order", "order_id": "O1"}).status_code == 404


def test_the_sample_of_other_tests_is_a_plan() -> None:
    plan_contract.PLAN.validate(PLAN)
    plan_contract.COMPARISON.validate(SamplePlans().of_stay("S1", [{"kind": "stop_order"}]))
