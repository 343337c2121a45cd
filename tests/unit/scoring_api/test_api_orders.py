"""Orders over HTTP: judged now, nothing stored; and what the stream left to read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings

import scoring_api
import store
from domain.service import Assessment, Told
from scoring_api.inhospital import EXAMPLE
from streaming.orders import decode, judge_orders
from streaming.orders.handler import OrdersHandler
from tests.order_events import KEY, Json, admitted, line, message, order
from tests.unit.streaming.orders.test_order_judging import ATORVASTATIN, engine


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
                ready=dict, check_orders=self.handler.check,
            )
        )  # fmt: skip

    def stream(self, *messages: Json) -> None:
        taken = [e for _, e in decode([json.dumps(m).encode() for m in messages], key=KEY)[0]]
        states = self.handler.look_up(e.stay_id for e in taken)
        outcome = judge_orders(taken, states, engine())
        for write in self.handler.writes(outcome, states):
            self.store.open_stays.commit(write, datetime.now(UTC))

    def check(self, *messages: Json) -> Any:
        answer = self.client.post("/v1/orders:check", json={"events": list(messages)})
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def hospital(tmp_path: Path) -> Iterator[Hospital]:
    with store.open(f"sqlite:///{tmp_path}/s.db") as opened:
        yield Hospital(opened)


def twice(sequence: int) -> Json:
    return message(
        "orders", sequence, orders=[order(f"O{sequence}", ATORVASTATIN, "03T10:00", status="draft")]
    )


def test_a_draft_is_judged_on_top_of_the_stored_stay_and_nothing_is_stored(
    hospital: Hospital,
) -> None:
    hospital.stream(admitted(), twice(2), message("charges", 3, charges=[line("L1", 1250)]))
    for _ in range(2):
        told = hospital.check(twice(4))
        assert (told["read"], told["accepted"], told["set_aside"]) == (1, 1, 0)
        (stay,) = told["stays"]
        assert (stay["phase"], stay["running_cost_fen"], stay["costs"]) == (
            "open",
            1250,
            {"04": 1250},
        )
        assert [d["rule_id"] for d in stay["decisions"]] == ["ORD-010"]
        assert {c["kind"] for c in stay["suggestions"][0]["changes"]} == {
            "stop_earlier", "withdraw_repeat",
        }  # fmt: skip
    assert hospital.store.open_stays.decisions("S1") == []


def test_what_the_stream_told_is_not_told_again_and_can_be_read(hospital: Hospital) -> None:
    hospital.stream(admitted(), twice(2), twice(4))
    assert hospital.check(twice(4))["stays"] == []
    record = hospital.client.get("/v1/open-stays/S1").json()
    assert [(d["rule_id"], d["cleared_by"]) for d in record["decisions"]] == [("ORD-010", None)]
    assert [s["stands"] for s in record["suggestions"]] == [True]
    assert record["active_orders"] == 2
    gone = message("order-status", 5, order_status=[{"order_id": "O4", "status": "revoked"}])
    assert len(hospital.check(gone)["stays"][0]["cleared"]) == 1
    hospital.stream(gone)
    record = hospital.client.get("/v1/open-stays/S1").json()
    assert [d["cleared_by"] for d in record["decisions"]] == ["S1-5"]
    assert [s["stands"] for s in record["suggestions"]] == [False]


def test_patients_in_hospital_are_listed_a_page_at_a_time(hospital: Hospital) -> None:
    hospital.stream(*(admitted(of=f"S{n}") for n in range(5)))
    hospital.stream(message("discharge", 9, of="S3", discharge={"discharge_date": "2025-03-05"}))
    first = hospital.client.get("/v1/open-stays?limit=3&provider=H1").json()
    assert [s["stay_id"] for s in first["stays"]] == ["S0", "S1", "S2"]
    second = hospital.client.get(f"/v1/open-stays?limit=3&after={first['after']}").json()
    assert [s["stay_id"] for s in second["stays"]] == ["S4"]
    assert second["after"] is None
    left = hospital.client.get("/v1/open-stays?phase=discharged").json()
    assert [s["stay_id"] for s in left["stays"]] == ["S3"]
    assert all(s["patient_id"].startswith("p_") for s in first["stays"])


def test_refused_events_are_told_and_a_request_of_only_such_is_a_problem(
    hospital: Hospital,
) -> None:
    bad = twice(3) | {"kind": "ordered"}
    told = hospital.check(admitted(), bad)
    assert (told["accepted"], told["set_aside"]) == (1, 1)
    assert told["refused"][0]["index"] == 1
    assert told["refused"][0]["reasons"][0]["rule"] == "enum"
    answer = hospital.client.post("/v1/orders:check", json={"events": [bad]})
    assert answer.status_code == 422
    bodies: list[Json] = [{"events": []}, {"events": [admitted()] * 201}, {"claims": []}]
    for body in bodies:
        answer = hospital.client.post("/v1/orders:check", json=body)
        assert answer.status_code == 422
        assert answer.json()["cure"]
    assert hospital.client.get("/v1/open-stays/none").status_code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v1/open-stays"), ("GET", "/v1/open-stays/{stay_id}"), ("POST", "/v1/orders:check")],
)
@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
def test_the_routes_do_what_the_description_says(
    hospital: Hospital, method: str, path: str, mode: Any
) -> None:
    hospital.stream(admitted(), twice(2), twice(4))
    operation = schemathesis.openapi.from_asgi("/openapi.json", hospital.client.app)[path][method]

    @settings(
        max_examples=8, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case: Any) -> None:
        if method == "POST" and mode is schemathesis.GenerationMode.POSITIVE:
            case.body = EXAMPLE  # dates that exist and zones that are known cannot be made up
        case.call_and_validate()

    check()


def test_the_handbook_names_the_routes_and_their_parameters(hospital: Hospital) -> None:
    text = (Path(__file__).resolve().parents[3] / "docs" / "api.md").read_text("utf-8")
    document = hospital.client.get("/openapi.json").json()
    for path in ("/v1/orders:check", "/v1/open-stays", "/v1/open-stays/{stay_id}"):
        assert path in text, path
        for operation in document["paths"][path].values():
            assert operation["summary"]
            for parameter in operation.get("parameters", ()):
                name = parameter["name"]
                assert f"`{name}`" in text or f"{{{name}}}" in text, (path, name)


def test_the_documented_example_is_taken(hospital: Hospital) -> None:
    assert hospital.check(*EXAMPLE["events"])["stays"][0]["phase"] == "waiting"


def test_a_service_built_without_orders_has_no_such_routes(tmp_path: Path) -> None:
    def none(*_: Any, **__: Any) -> Any:
        return Assessment, Told

    with store.open(f"sqlite:///{tmp_path}/s.db") as opened:
        app = scoring_api.build(
            store=opened, assess=none, group=none, what_if=none, rules=[], version="0", ready=dict
        )
        assert TestClient(app).post("/v1/orders:check", json={}).status_code == 404
