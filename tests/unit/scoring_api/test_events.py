"""Listening to what happens: in order, without loss, only what one may hear, until the session ends."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st

import store
from domain.access import PERMISSIONS, Principal, Role, Rows
from scoring_api import events, problems
from scoring_api.access import OpenAccess, include
from store.events import Look, Tail, emit
from tests import coroutines

NOW = datetime(2026, 5, 1, tzinfo=UTC)
OFFICER = Principal("u1", "u1", Role.OFFICER, PERMISSIONS[Role.OFFICER])


def happen(opened: store.Store, kind: str, subject: str, **more: Any) -> None:
    with opened.engine.begin() as connection:
        emit(connection, kind, subject, at=NOW, **more)


class Serving:
    """The route in a real server of its own thread."""

    def __init__(self, opened: store.Store) -> None:
        self.store = opened
        self.hub = events.Hub(opened, pause_s=0.02)
        self.app = FastAPI()
        self.app.state.access = OpenAccess(OFFICER)
        problems.install(self.app)
        include(self.app, events.route(self.hub))
        config = uvicorn.Config(self.app, port=0, log_config=None, timeout_graceful_shutdown=5)
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run)
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)
        port = self.server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/v1/events"

    def become(self, principal: Principal | None) -> None:
        access = OpenAccess(OFFICER)
        access.identify = lambda _request: principal  # type: ignore[method-assign]
        self.app.state.access = access

    def wait(self, listeners: int) -> None:
        deadline = time.monotonic() + 20
        while len(self.hub) != listeners and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(self.hub) == listeners


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    path: Path = tmp_path_factory.mktemp("events") / "sentinel.db"
    with store.open(f"sqlite:///{path}") as opened:
        found = Serving(opened)
        yield found
        found.server.should_exit = True
        found.thread.join(20)


@pytest.fixture(autouse=True)
def fresh(serving: Serving) -> Iterator[None]:
    serving.become(OFFICER)
    yield
    serving.wait(0)


class Ear:
    """A listener that reads on in a thread of its own."""

    def __init__(self, serving: Serving, **headers: str) -> None:
        self.heard: list[dict[str, Any]] = []
        self.lines: list[str] = []
        self.status = 0
        self.ended = threading.Event()
        self._close = threading.Event()
        self._ready = threading.Event()
        self._serving, self._headers = serving, headers
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()
        assert self._ready.wait(20)

    def _listen(self) -> None:
        with httpx.stream("GET", self._serving.url, headers=self._headers, timeout=20) as answer:
            self.status = answer.status_code
            event: dict[str, Any] = {}
            for line in answer.iter_lines():
                self.lines.append(line)
                self._ready.set()
                name, _, value = line.partition(": ")
                if name in ("id", "event", "data"):
                    event[name] = json.loads(value) if name == "data" else value
                if not line and "event" in event:
                    self.heard.append(event)
                    event = {}
                if self._close.is_set():
                    break
        self._ready.set()
        self.ended.set()

    def subjects(self, number: int) -> list[str]:
        deadline = time.monotonic() + 20
        while len(self.heard) < number and time.monotonic() < deadline:
            time.sleep(0.01)
        return [one["data"].get("subject_id") for one in self.heard]

    def leave(self) -> None:
        self._close.set()
        happen(self._serving.store, "alert.assigned", "farewell", provider_id="H1")
        self._thread.join(20)
        assert self.ended.is_set()


def test_a_listener_hears_what_happens_from_now_on(serving: Serving) -> None:
    happen(serving.store, "case.opened", "before")
    ear = Ear(serving)
    happen(serving.store, "alert.assigned", "A1", actor="u2", provider_id="H1", data={"to": "u1"})
    happen(serving.store, "case.closed", "C1")
    assert ear.subjects(2) == ["A1", "C1"]
    first = ear.heard[0]
    assert first["event"] == first["data"]["kind"] == "alert.assigned"
    assert int(first["id"]) == first["data"]["event_id"]
    assert first["data"]["page"] == "/alerts/A1"
    assert first["data"]["actor"] == "u2"
    assert ear.lines[0] == "retry: 3000"
    ear.leave()


def test_one_who_comes_back_hears_first_what_was_missed(serving: Serving) -> None:
    ear = Ear(serving)
    happen(serving.store, "case.opened", "C1")
    assert ear.subjects(1) == ["C1"]
    ear.leave()
    happen(serving.store, "case.opened", "C2")
    happen(serving.store, "case.opened", "C3")
    back = Ear(serving, **{"Last-Event-ID": ear.heard[0]["id"]})
    happen(serving.store, "case.opened", "C4")
    assert back.subjects(4) == ["farewell", "C2", "C3", "C4"]
    back.leave()


def test_who_missed_too_much_reads_the_list_again(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "MOST_MISSED", 2)
    for number in range(4):
        happen(serving.store, "case.opened", f"C{number}")
    ear = Ear(serving, **{"Last-Event-ID": "0"})
    ear.subjects(1)
    assert ear.heard[0]["event"] == "reset"
    assert int(ear.heard[0]["id"]) == serving.store.work_events.last()
    ear.leave()


def test_nobody_hears_of_rows_or_kinds_that_are_not_theirs(serving: Serving) -> None:
    rows = Rows(providers=frozenset({"H1"}))
    serving.become(Principal("s", "s", Role.SERVICE, PERMISSIONS[Role.SERVICE], rows))
    ear = Ear(serving)
    happen(serving.store, "case.opened", "no cases for services", provider_id="H1")
    happen(serving.store, "alert.assigned", "other hospital", provider_id="H2")
    happen(serving.store, "alert.assigned", "nobody's")
    happen(serving.store, "webhook.disabled", "W1", provider_id="H1")
    happen(serving.store, "surprise.kind", "S1", provider_id="H1")
    happen(serving.store, "alert.assigned", "A1", provider_id="H1")
    assert ear.subjects(1) == ["A1"]
    ear.leave()
    serving.become(Principal("a", "a", Role.ADMINISTRATOR, PERMISSIONS[Role.ADMINISTRATOR]))
    assert httpx.get(serving.url).status_code == 403


@pytest.mark.parametrize("change", ["gone", "narrowed"])
def test_the_stream_ends_with_the_session(
    serving: Serving, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_S", 0.05)
    ear = Ear(serving)
    serving.become(
        None
        if change == "gone"
        else Principal("u1", "u1", Role.OFFICER, PERMISSIONS[Role.OFFICER], Rows(frozenset({"H1"})))
    )
    assert ear.ended.wait(20)
    assert ": " in ear.lines, "a comment keeps the connection alive"


def test_an_account_has_a_number_of_windows(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "MOST_OF_ONE", 1)
    serving.become(Principal("u1", "u1", Role.OFFICER, PERMISSIONS[Role.OFFICER], means="session"))
    ear = Ear(serving)
    assert httpx.get(serving.url).status_code == 429
    ear.leave()
    monkeypatch.setattr(events, "MOST_LISTENERS", 0)
    full = httpx.get(serving.url)
    assert full.status_code == 503
    assert full.headers["retry-after"] == "30"


def test_fifty_listeners_hear_everything_from_one_reader(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0
    look = store.Store.work_events.fget(serving.store).__class__.look  # type: ignore[attr-defined]

    def counted(self: Any, *given: Any) -> Any:
        nonlocal looks
        looks += 1
        return look(self, *given)

    monkeypatch.setattr("store.events.WorkEvents.look", counted)

    async def listen(client: httpx.AsyncClient) -> list[str]:
        heard = []
        async with client.stream("GET", serving.url) as answer:
            async for line in answer.aiter_lines():
                if line.startswith("data: "):
                    heard.append(json.loads(line[6:])["subject_id"])
                if len(heard) == 20:
                    return heard
        return heard

    async def run() -> list[list[str]]:
        limits = httpx.Limits(max_connections=60)
        async with httpx.AsyncClient(timeout=30, limits=limits) as client:
            tasks = [asyncio.create_task(listen(client)) for _ in range(50)]
            while len(serving.hub) < 50:
                await asyncio.sleep(0.02)
            before = looks
            for number in range(20):
                happen(serving.store, "case.opened", f"C{number}")
            found = await asyncio.gather(*tasks)
            assert looks - before < 100, "one reader, not one a listener"
            return found

    assert coroutines.run(run()) == [[f"C{number}" for number in range(20)]] * 50


def test_the_service_stops_at_once_with_listeners(tmp_path: Path) -> None:
    with store.open(f"sqlite:///{tmp_path / 'sentinel.db'}") as opened:
        own = Serving(opened)
        ear = Ear(own)
        own.hub.close()
        own.server.should_exit = True
        assert ear.ended.wait(20)
        own.thread.join(20)
        assert not own.thread.is_alive()


class Clock:
    """Events that become visible when a test says so, under transactions that it numbers."""

    def __init__(self) -> None:
        self.visible: dict[int, int] = {}
        self.running: set[int] = set()
        self.next_begun = 100
        self.now = 0.0

    def last(self) -> int:
        return max(self.visible, default=0)

    def look(self, after: int, missing: list[int], limit: int = 1_000) -> Look:
        ids = sorted(i for i in self.visible if i > after or i in missing)[:limit]
        first = min(self.running, default=self.next_begun)
        return Look([{"event_id": i} for i in ids], first, self.next_begun)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_events_that_commit_in_any_order_are_told_once_by_id(data: Any) -> None:
    """Transactions take ids, and commit or roll back later in any order."""
    clock = Clock()
    tail = Tail(clock, 0, lambda: clock.now)  # type: ignore[arg-type]
    open_ones: dict[int, list[int]] = {}
    told: list[int] = []
    committed: set[int] = set()
    number = 0
    for _ in range(data.draw(st.integers(5, 25))):
        what = data.draw(st.sampled_from(["begin", "more", "commit", "roll", "read", "read"]))
        if what == "begin":
            clock.running.add(clock.next_begun)
            open_ones[clock.next_begun] = []
            clock.next_begun += 1
        elif what == "more" and open_ones:
            number += 1
            open_ones[data.draw(st.sampled_from(sorted(open_ones)))].append(number)
        elif what in ("commit", "roll") and open_ones:
            transaction = data.draw(st.sampled_from(sorted(open_ones)))
            clock.running.discard(transaction)
            ids = open_ones.pop(transaction)
            if what == "commit":
                committed.update(ids)
                clock.visible.update(dict.fromkeys(ids, transaction))
        elif what == "read":
            clock.now += data.draw(st.sampled_from([0.2, 0.9]))
            found, late = tail.read()
            assert not late
            told += [row["event_id"] for row in found]
    for transaction in list(open_ones):
        clock.running.discard(transaction)
    for _ in range(3):
        clock.now += 3.0
        told += [row["event_id"] for row in tail.read()[0]]
    assert told == sorted(told)
    assert len(told) == len(set(told))
    assert set(told) == committed


def test_one_long_transaction_holds_nobody_back_for_ever_and_comes_late() -> None:
    clock = Clock()
    tail = Tail(clock, 0, lambda: clock.now)  # type: ignore[arg-type]
    clock.running, clock.next_begun = {100}, 102
    clock.visible = {2: 101}
    assert tail.read() == ([], [])
    clock.now = 29.0
    assert tail.read() == ([], [])
    assert tail.told == 0
    clock.now = 31.0
    assert tail.read() == ([{"event_id": 2}], [])
    clock.visible[1] = 100
    clock.running = set()
    assert tail.read() == ([], [{"event_id": 1}])
    assert tail.read() == ([], [])


def test_postgresql_events_out_of_order_are_told_in_order(module_postgres: str) -> None:
    with store.open(module_postgres) as opened:
        happen(opened, "case.opened", "old")
        tail = Tail.begin(opened.work_events)
        assert tail.read() == ([], [])
        with opened.engine.begin() as slow:
            emit(slow, "case.opened", "slow", at=NOW)
            happen(opened, "case.opened", "fast")
            assert tail.read() == ([], []), "the fast one waits for the slow one before it"
        told, late = tail.read()
        assert [row["subject_id"] for row in told] == ["slow", "fast"]
        assert late == []
