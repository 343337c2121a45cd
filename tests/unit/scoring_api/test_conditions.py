"""Requests made twice, at once, or on an old version."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fastapi import APIRouter, FastAPI, Request
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import JSONResponse, Response
from starlette.testclient import TestClient

import store
from domain.access import Permission
from scoring_api import bodies, conditions, problems
from scoring_api.access import OpenAccess, include, needs
from scoring_api.access.guard import EVERYTHING
from store.idempotency import KEPT_FOR, UNDER_WAY_FOR, KeptAnswer, Refusal, Reserved

KEY = {"Idempotency-Key": "key-00000001"}


class Scene:
    """One thing that counts how often it was made."""

    def __init__(self, opened: store.Store) -> None:
        self.made: list[Any] = []
        self.fail = False
        self.inside, self.go = threading.Event(), threading.Event()
        self.go.set()
        self.version = 1
        router = APIRouter(route_class=conditions.Once)
        decoder = msgspec.json.Decoder(dict[str, int])
        allowed = [needs(Permission.CASES_WORK)]

        @router.post("/v1/things", status_code=201, dependencies=allowed)
        async def make(request: Request, response: Response) -> Any:
            """Make a thing."""
            body = await bodies.read(request, decoder, "{}")
            self.made.append(body)
            response.headers["Location"] = f"/v1/things/{len(self.made)}"
            if self.fail:
                raise problems.ProblemError(404, "not-found", "No.", cure="None.")
            return {"number": len(self.made)}

        @router.post("/v1/slow", dependencies=allowed)
        def slow() -> Any:
            """Make a thing slowly."""
            self.inside.set()
            self.go.wait(20)
            self.made.append(None)
            return {"number": len(self.made)}

        @router.patch("/v1/things/1", dependencies=allowed)
        def change(request: Request) -> Any:
            """Change the thing."""
            conditions.check_match(request, self.version)
            self.version += 1
            return JSONResponse({}, headers={"ETag": conditions.etag(self.version)})

        @router.get("/v1/things/1", dependencies=allowed)
        def read(request: Request) -> Any:
            """Read the thing."""
            return conditions.not_modified(request, self.version) or JSONResponse(
                {"version": self.version}, headers={"ETag": conditions.etag(self.version)}
            )

        self.app = FastAPI()
        self.app.state.idempotency = opened.idempotency
        self.app.state.access = OpenAccess()
        problems.install(self.app)
        include(self.app, router)
        self.client = TestClient(self.app)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[store.Store]:
    path: Path = tmp_path_factory.mktemp("conditions") / "sentinel.db"
    with store.open(f"sqlite:///{path}") as opened:
        yield opened


@pytest.fixture
def scene(kept: store.Store) -> Scene:
    with kept.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM idempotency_keys")
    return Scene(kept)


def test_the_same_request_again_is_answered_the_same_and_made_once(scene: Scene) -> None:
    first = scene.client.post("/v1/things", json={"a": 1}, headers=KEY)
    again = scene.client.post("/v1/things", json={"a": 1}, headers=KEY)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again.headers["location"] == first.headers["location"] == "/v1/things/1"
    assert again.headers["content-type"] == first.headers["content-type"]
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert scene.made == [{"a": 1}]
    assert scene.client.post("/v1/things", json={"a": 1}).json() == {"number": 2}, (
        "no key, no memory"
    )


def test_a_key_with_another_request_is_refused(scene: Scene) -> None:
    scene.client.post("/v1/things", json={"a": 1}, headers=KEY)
    other = scene.client.post("/v1/things", json={"a": 2}, headers=KEY)
    elsewhere = scene.client.post("/v1/slow", headers=KEY)
    assert other.status_code == elsewhere.status_code == 422
    assert other.json()["type"].endswith("idempotency-key-reused")
    assert scene.made == [{"a": 1}]
    for wrong in ("short", "with spaces inside", "x" * 65):
        refused = scene.client.post("/v1/things", json={}, headers={"Idempotency-Key": wrong})
        assert refused.status_code == 422


def test_keys_belong_to_who_sent_them(scene: Scene) -> None:
    scene.client.post("/v1/things", json={"a": 1}, headers=KEY)
    other = EVERYTHING
    scene.app.state.access = OpenAccess(
        type(other)("second", "second", other.role, other.permissions)
    )
    assert scene.client.post("/v1/things", json={"a": 1}, headers=KEY).json() == {"number": 2}
    scene.app.state.access = OpenAccess(type(other)("second", "second", other.role, frozenset()))
    refused = scene.client.post("/v1/things", json={"a": 1}, headers=KEY)
    assert refused.status_code == 403, "what was kept is not for who may no longer ask"


def test_a_request_that_failed_gives_its_key_back(scene: Scene) -> None:
    scene.fail = True
    assert scene.client.post("/v1/things", json={"a": 1}, headers=KEY).status_code == 404
    assert scene.client.post("/v1/things", content=b"{", headers=KEY).status_code == 415
    scene.fail = False
    assert scene.client.post("/v1/things", json={"b": 1}, headers=KEY).status_code == 201


def test_while_a_request_is_under_way_its_key_is_taken(scene: Scene) -> None:
    scene.go.clear()
    answers: list[Any] = []
    thread = threading.Thread(
        target=lambda: answers.append(scene.client.post("/v1/slow", headers=KEY))
    )
    thread.start()
    assert scene.inside.wait(20)
    meanwhile = scene.client.post("/v1/slow", headers=KEY)
    scene.go.set()
    thread.join(20)
    assert meanwhile.status_code == 409
    assert meanwhile.headers["retry-after"] == "2"
    assert answers[0].status_code == 200
    assert scene.client.post("/v1/slow", headers=KEY).content == answers[0].content
    assert len(scene.made) == 1


def test_keys_are_forgotten_after_a_day_and_freed_when_a_process_died(kept: store.Store) -> None:
    keys, now = kept.idempotency, datetime(2026, 1, 1, tzinfo=UTC)
    taken = keys.reserve("p", "key-old-1", "d1", now)
    assert isinstance(taken, Reserved)
    assert keys.reserve("p", "key-old-1", "d1", now + UNDER_WAY_FOR / 2) is Refusal.UNDER_WAY
    later = now + UNDER_WAY_FOR + timedelta(seconds=1)
    second = keys.reserve("p", "key-old-1", "d1", later)
    assert isinstance(second, Reserved)
    keys.answer("p", "key-old-1", taken, KeptAnswer(200, {}, b"of the dead one"))
    keys.answer("p", "key-old-1", second, KeptAnswer(201, {"location": "/x"}, b"body"))
    found = keys.reserve("p", "key-old-1", "d1", later + KEPT_FOR)
    assert found == KeptAnswer(201, {"location": "/x"}, b"body")
    assert isinstance(
        keys.reserve("p", "key-old-1", "d2", later + KEPT_FOR + timedelta(seconds=1)), Reserved
    )


def test_of_many_at_once_on_postgresql_one_gets_the_key(module_postgres: str) -> None:
    with store.open(module_postgres) as opened:
        found: list[Any] = []
        start = threading.Barrier(6)

        def reserve() -> None:
            start.wait()
            found.append(opened.idempotency.reserve("p", "key-race", "d", datetime.now(UTC)))

        threads = [threading.Thread(target=reserve) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert sum(isinstance(one, Reserved) for one in found) == 1
    assert found.count(Refusal.UNDER_WAY) == 5


def test_a_change_names_the_version_that_it_changes(scene: Scene) -> None:
    read = scene.client.get("/v1/things/1")
    assert read.headers["etag"] == '"1"'
    assert scene.client.patch("/v1/things/1").status_code == 428
    changed = scene.client.patch("/v1/things/1", headers={"If-Match": read.headers["etag"]})
    assert changed.status_code == 200
    stale = scene.client.patch("/v1/things/1", headers={"If-Match": '"1"'})
    assert stale.status_code == 412
    assert stale.headers["etag"] == '"2"'
    assert stale.json()["version"] == 2
    unchanged = scene.client.get("/v1/things/1", headers={"If-None-Match": 'W/"2"'})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert scene.client.get("/v1/things/1", headers={"If-None-Match": '"1"'}).status_code == 200


@pytest.mark.parametrize(
    ("header", "passes"),
    [("*", True), ('"2"', True), ('"1", "2"', True), ('"1","2" , "3"', True), ('W/"2"', False),
     ("2", False), ('"2', False), ('"22"', False), ('"2" x', False), ("", False)],
)  # fmt: skip
def test_if_match_is_read_as_http_says(scene: Scene, header: str, passes: bool) -> None:
    scene.version = 2
    answer = scene.client.patch("/v1/things/1", headers={"If-Match": header})
    assert answer.status_code == (200 if passes else 412)


@given(st.text(alphabet=' "W/,123*x', max_size=30))
def test_no_if_match_breaks_the_reader(header: str) -> None:
    request = Request({"type": "http", "headers": [(b"if-match", header.encode())]})
    if header.strip() == "*" or '"7"' in header:
        return
    with pytest.raises(problems.ProblemError) as refused:
        conditions.check_match(request, 7)
    assert refused.value.status == 412


def test_the_key_is_documented_where_it_is_taken(scene: Scene) -> None:
    paths = scene.client.get("/openapi.json").json()["paths"]
    for path in ("/v1/things", "/v1/slow"):
        names = [p["name"] for p in paths[path]["post"]["parameters"]]
        assert names == ["Idempotency-Key"], "once"
        assert {"409", "422"} <= set(paths[path]["post"]["responses"])
    assert "parameters" not in paths["/v1/things/1"]["patch"]
