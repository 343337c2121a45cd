"""The routes of the entity graph: what an officer's page or an auditor's script asks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

import store
from domain.graph_questions import QUESTIONS, Question
from scoring_api import graph as routes
from store.graph.address import Address
from tests.graph_scene import Scene, claim, hidden, lines

A = hidden("patient_id", "A")


@pytest.fixture
def scene(opened: store.Store) -> Scene:
    made = Scene(opened, opened.graph())
    made.show(
        claim(0, "A", "H1", phone="000-1", charges=lines(1, 2)),
        claim(1, "B", "H2", "2024-03-08", "2024-03-10", phone="000-1"),
    )
    return made


@pytest.fixture
def ask(scene: Scene, client: TestClient) -> Callable[..., Any]:
    def ask(path: str, status: int = 200, **given: Any) -> Any:
        answer = client.get(f"/v1/graph/{path}", params=given)
        assert answer.status_code == status, answer.text
        return answer.json()

    return ask


def test_there_is_a_route_for_every_question(ask: Callable[..., Any]) -> None:
    given = {
        "neighbourhood": {"of": "provider:H1"},
        "path": {"start": "stay:S000000", "end": "stay:S000001"},
    }
    for question in QUESTIONS:
        answer = ask(question.name, **given.get(question.name, {}))
        assert answer["truncated"] is False
        assert answer["graph"]["name"] == "sql"


def test_a_slider_of_time_shows_the_neighbourhood_grow(ask: Callable[..., Any]) -> None:
    asked = {"of": f"patient:{A}", "hops": 4}
    seen = {
        upto: {n["key"] for n in ask("neighbourhood", **asked, upto=upto)["nodes"]}
        for upto in ("2024-03-05", "2024-03-06", "2024-03-11T00:00:00+08:00")
    }
    first, second, third = seen.values()
    assert first == {f"patient:{A}"}
    assert second > first
    assert third - second >= {"stay:S000001", f"patient:{hidden('patient_id', 'B')}"}


def test_amounts_are_integers_beside_their_currency(ask: Callable[..., Any]) -> None:
    around = ask("neighbourhood", of="stay:S000000", hops=1)
    charged = next(e for e in around["edges"] if e["target"] == "item:I2")
    assert (charged["amount_fen"], charged["currency"], charged["first_day"]) == (
        2_000,
        "CNY",
        "2024-03-01",
    )
    (stay,) = [n["stay"] for n in around["nodes"] if n["kind"] == "stay"]
    assert (stay["total_fen"], stay["currency"], stay["known_at"]) == (
        1_000,
        "CNY",
        "2024-03-05T16:00:00Z",
    )
    (shared,) = ask("shared-identifiers", min_patients=2)["items"]
    assert shared["money"] == [
        {"currency": "CNY", "stays": 2, "total_fen": 3_000, "fund_fen": 2_100, "total_unknown": 0, "fund_unknown": 0}
    ]  # fmt: skip


def test_an_answer_says_how_far_the_graph_is_behind(ask: Callable[..., Any], scene: Scene) -> None:
    assert ask("stats")["graph"]["behind"] == 0
    scene.put(claim(2, "C"))
    told = ask("stats")
    assert (told["graph"]["behind"], told["nodes"]["stay"]) == (1, 2)
    assert told["graph"]["behind_since"]
    scene.catch_up()
    assert ask("stats")["nodes"]["stay"] == 3


@pytest.mark.parametrize(
    ("path", "given", "status", "name"),
    [
        ("neighbourhood", {"of": "patient:p_nobody"}, 404, "not-found"),
        ("neighbourhood", {}, 422, "invalid-parameters"),
        ("neighbourhood", {"of": "stay:S000000", "hops": 99}, 422, "invalid-parameters"),
        ("neighbourhood", {"of": "stay:S000000", "through": "anything"}, 422, "invalid-parameters"),
        ("shared-identifiers", {"within": "drug:X"}, 422, "invalid-parameters"),
        ("triangles", {"upto": "2024-03-05T10:00:00"}, 422, "invalid-parameters"),
        ("triangles", {"colour": "red"}, 422, "invalid-parameters"),
    ],
)
def test_a_wrong_question_is_a_problem_that_says_what_to_do(
    ask: Callable[..., Any], path: str, given: dict[str, Any], status: int, name: str
) -> None:
    problem = ask(path, status, **given)
    assert problem["type"] == f"urn:drg-sentinel:problem:{name}"
    assert problem["cure"]


def test_a_question_that_takes_too_long_is_a_timeout(
    ask: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def hurry(question: Question) -> None:
        object.__setattr__(question, "seconds", 1e-9)

    monkeypatch.setattr(Question, "__post_init__", hurry)
    assert ask("triangles", 504)["type"].endswith("graph-timeout")


def test_a_graph_server_that_is_away_is_no_defect(
    build: Callable[..., FastAPI], opened: store.Store
) -> None:
    with (
        opened.graph(Address("bolt://127.0.0.1:1", password="x")) as away,
        TestClient(build(graph=away)) as client,
    ):
        answer = client.get("/v1/graph/communities")
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "30"
        assert answer.json()["type"] == "urn:drg-sentinel:problem:graph-away"
        assert client.get("/v1/alerts").status_code == 200, "the rest of the service does not care"


def test_questions_wait_for_each_other_and_not_without_end(
    build: Callable[..., FastAPI], opened: store.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "_WAITING", 1)
    begun, free = threading.Event(), threading.Event()

    class Slow:
        def state(self) -> Any:
            return opened.graph().state()

        def stats(self) -> Any:
            begun.set()
            assert free.wait(30)
            return opened.graph().stats()

    with TestClient(build(graph=Slow())) as client:
        first: list[int] = []
        thread = threading.Thread(
            target=lambda: first.append(client.get("/v1/graph/stats").status_code)
        )
        thread.start()
        assert begun.wait(30)
        second = client.get("/v1/graph/stats")
        free.set()
        thread.join()
    assert (first, second.status_code) == ([200], 503)
    assert second.json()["type"].endswith("graph-busy")


def test_a_service_without_a_graph_has_no_such_routes(build: Callable[..., FastAPI]) -> None:
    with TestClient(build(graph=None)) as client:
        assert client.get("/v1/graph/stats").status_code == 404
