"""Webhooks: kept, signed, sent to a real receiver, tried again, and never into the own network."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from fastapi import FastAPI
from standardwebhooks import Webhook, WebhookVerificationError
from starlette.testclient import TestClient

import scoring_api
import store
from domain.access import PERMISSIONS, Principal, Role, Rows
from scoring_api.access import OpenAccess
from scoring_api.destinations import Destinations
from scoring_api.problems import ProblemError
from scoring_api.webhook_worker import DELAYS_S, Telling, WebhookWorker
from store.events import emit
from streaming.grouping import GroupDesk, WhatIfDesk
from tests import service_samples as samples


class Seal:
    def __init__(self) -> None:
        self._fernet = Fernet(Fernet.generate_key())

    def encrypt(self, text: str) -> bytes:
        return self._fernet.encrypt(text.encode())

    def decrypt(self, kept: bytes) -> str:
        return self._fernet.decrypt(kept).decode()


class Receiver:
    """A real HTTP server that keeps what it is sent, and answers what it is told to."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self.headers: dict[str, str] = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.got.append(({k.lower(): v for k, v in self.headers.items()}, body))
                self.send_response(outer.answers.pop(0) if outer.answers else 204)
                for name, value in outer.headers.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def kinds(self) -> list[str]:
        return [json.loads(body)["type"] for _, body in self.got]


class Scene:
    """A store, its application without a running worker, a worker to step, and a clock."""

    def __init__(self, opened: store.Store) -> None:
        self.store = opened
        self.now = datetime.now(UTC)
        self.seal = Seal()
        self.to = Destinations(allow_http=True)
        self.telling = Telling(self.seal, self.to, "https://drg.example.org/")
        self.receiver = Receiver()
        self.worker = self.make_worker()
        self.app = build(opened, self.telling)
        # Started here and not with the application: each test steps it by itself.
        self.app.state.beside.clear()
        self.client = TestClient(self.app)

    def make_worker(self) -> WebhookWorker:
        return WebhookWorker(self.store, self.telling, now=lambda: self.now)

    def make(self, **given: Any) -> dict[str, Any]:
        answer = self.client.post("/v1/webhooks", json={"url": self.receiver.url, **given})
        assert answer.status_code == 201, answer.text
        self.now = datetime.now(UTC) + timedelta(seconds=1)
        return dict(answer.json())

    def happen(self, kind: str = "case.opened", subject: str = "C1", **more: Any) -> None:
        with self.store.engine.begin() as connection:
            emit(connection, kind, subject, at=self.now, **more)

    def work(self) -> None:
        while self.worker.work():
            pass

    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def deliveries(self, webhook_id: str, query: str = "") -> list[dict[str, Any]]:
        answer = self.client.get(f"/v1/webhooks/{webhook_id}/deliveries{query}")
        assert answer.status_code == 200, answer.text
        return list(answer.json()["deliveries"])


def build(opened: store.Store, telling: Telling) -> FastAPI:
    return scoring_api.build(
        store=opened,
        assess=samples.Assessor(opened),
        group=GroupDesk(samples.library(), samples.KEY),
        what_if=WhatIfDesk(samples.library(), samples.KEY),
        rules=samples.RULES,
        version="1.2.3",
        ready=lambda: {"model": "absent"},
        telling=telling,
    )


def clear(opened: store.Store) -> None:
    with opened.engine.begin() as connection:
        for table in ("webhook_deliveries", "webhooks", "work_events", "idempotency_keys"):
            connection.exec_driver_sql(f"DELETE FROM {table}")  # noqa: S608


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    path: Path = tmp_path_factory.mktemp("webhooks") / "sentinel.db"
    with store.open(f"sqlite:///{path}") as opened:
        scene = Scene(opened)
        yield scene
        scene.receiver.server.shutdown()


@pytest.fixture
def scene(made: Scene) -> Scene:
    clear(made.store)
    made.receiver.got.clear()
    made.receiver.answers.clear()
    made.receiver.headers = {}
    made.app.state.access = OpenAccess()
    made.now = datetime.now(UTC)
    return made


def test_a_message_is_signed_and_names_identifiers_and_links_only(scene: Scene) -> None:
    hook = scene.make(kinds=["case.opened"])
    scene.happen("case.closed", "C0")
    scene.happen(
        "case.opened", "C1", provider_id="H1", department="A03", physician_id="D-SECRET",
        actor="u-secret", data={"number": 3, "assignee": "u-secret"},
    )  # fmt: skip
    scene.work()
    [(headers, body)] = scene.receiver.got
    told = Webhook(hook["secret"]).verify(body, headers)
    assert told["type"] == "case.opened"
    assert told["data"]["url"] == "https://drg.example.org/v1/cases/C1"
    assert told["data"]["page"] == "https://drg.example.org/cases/C1"
    assert (told["data"]["provider_id"], told["data"]["details"]) == ("H1", {"number": 3})
    assert headers["content-type"] == "application/json"
    assert b"SECRET" not in body
    assert b"u-secret" not in body
    with pytest.raises(WebhookVerificationError):
        Webhook(hook["secret"]).verify(body + b" ", headers)
    [delivery] = scene.deliveries(hook["webhook_id"])
    assert (delivery["status"], delivery["attempts"], delivery["last_code"]) == (
        "delivered",
        1,
        204,
    )
    assert delivery["message_id"] == headers["webhook-id"]
    assert delivery["payload"] == told


def test_secrets_are_shown_once_and_lie_sealed(scene: Scene) -> None:
    key = {"Idempotency-Key": "make-webhook-1"}
    given = {"url": scene.receiver.url}
    first = scene.client.post("/v1/webhooks", json=given, headers=key)
    again = scene.client.post("/v1/webhooks", json=given, headers=key)
    secret, hook_id = first.json()["secret"], first.json()["webhook_id"]
    assert secret.startswith("whsec_")
    assert (again.status_code, again.json()["webhook_id"], again.json()["secret"]) == (
        201, hook_id, None,
    )  # fmt: skip
    assert "secret" not in scene.client.get(f"/v1/webhooks/{hook_id}").json()
    with scene.store.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT secret FROM webhooks").all()
        rows += connection.exec_driver_sql("SELECT body FROM idempotency_keys").all()
    kept = b"".join(bytes(row[0]) for row in rows)
    assert secret.removeprefix("whsec_").encode() not in kept
    assert scene.seal.decrypt(bytes(rows[0][0])) == secret


def test_after_a_change_of_secret_both_sign_for_a_day(scene: Scene) -> None:
    hook = scene.make()
    changed = scene.client.post(f"/v1/webhooks/{hook['webhook_id']}/secrets").json()
    assert changed["secret"] != hook["secret"]
    scene.happen()
    scene.work()
    scene.pass_time(86_401)
    scene.happen()
    scene.work()
    (both, body), (single, _) = scene.receiver.got
    Webhook(hook["secret"]).verify(body, both)
    Webhook(changed["secret"]).verify(body, both)
    assert len(both["webhook-signature"].split()) == 2
    assert len(single["webhook-signature"].split()) == 1


def test_a_failing_receiver_is_tried_again_later_under_the_same_id(scene: Scene) -> None:
    hook = scene.make()
    scene.receiver.answers = [500, 503]
    scene.happen()
    scene.work()
    scene.work()
    assert len(scene.receiver.got) == 1, "not again at once"
    [waiting] = scene.deliveries(hook["webhook_id"], "?status=waiting")
    assert (waiting["attempts"], waiting["last_code"]) == (1, 500)
    seconds = (datetime.fromisoformat(waiting["next_at"]) - scene.now).total_seconds()
    assert 4 <= seconds <= 6
    assert scene.client.get(f"/v1/webhooks/{hook['webhook_id']}").json()["failing_since"]
    for delay in DELAYS_S[:2]:
        scene.pass_time(delay * 1.21)
        scene.work()
    assert len(scene.receiver.got) == 3
    assert len({headers["webhook-id"] for headers, _ in scene.receiver.got}) == 1
    assert len({body for _, body in scene.receiver.got}) == 1
    found = scene.client.get(f"/v1/webhooks/{hook['webhook_id']}").json()
    assert found["counts"] == {"waiting": 0, "delivered": 1, "failed": 0}
    assert found["failing_since"] is None


def test_after_nine_attempts_a_message_has_failed_and_the_webhook_is_off(scene: Scene) -> None:
    hook = scene.make()
    scene.receiver.answers = [500] * 20
    scene.happen()
    scene.work()
    for delay in DELAYS_S:
        scene.pass_time(delay * 1.21)
        scene.work()
    found = scene.client.get(f"/v1/webhooks/{hook['webhook_id']}").json()
    assert found["active"] is False
    assert "24 hours" in found["disabled_because"]
    assert len(scene.receiver.got) == len(DELAYS_S) + 1
    with scene.store.engine.connect() as connection:
        kinds = connection.exec_driver_sql("SELECT kind, subject_id FROM work_events").all()
    assert ("webhook.disabled", hook["webhook_id"]) in [tuple(kind) for kind in kinds]
    # Made active again, it hears of new things, and what failed can be sent again under its id.
    scene.receiver.answers = []
    version = {"If-Match": f'"{found["version"]}"'}
    active = scene.client.patch(
        f"/v1/webhooks/{hook['webhook_id']}", json={"active": True}, headers=version
    )
    assert active.json()["disabled_at"] is None
    failed = scene.deliveries(hook["webhook_id"], "?status=failed")[0]
    path = f"/v1/webhooks/{hook['webhook_id']}/deliveries/{failed['message_id']}/attempts"
    scene.receiver.got.clear()
    assert scene.client.post(path).status_code == 202
    scene.now = datetime.now(UTC) + timedelta(seconds=1)
    scene.work()
    assert [h["webhook-id"] for h, _ in scene.receiver.got] == [failed["message_id"]]


@pytest.mark.parametrize(
    ("code", "headers", "least"), [(429, {"Retry-After": "900"}, 900), (301, {"Location": "/x"}, 4)]
)
def test_a_receiver_may_ask_for_time_and_is_not_followed_elsewhere(
    scene: Scene, code: int, headers: dict[str, str], least: int
) -> None:
    hook = scene.make()
    scene.receiver.answers, scene.receiver.headers = [code], headers
    scene.happen()
    scene.work()
    [waiting] = scene.deliveries(hook["webhook_id"])
    seconds = (datetime.fromisoformat(waiting["next_at"]) - scene.now).total_seconds()
    assert seconds >= least
    assert len(scene.receiver.got) == 1


def test_gone_is_gone(scene: Scene) -> None:
    hook = scene.make()
    scene.receiver.answers = [410]
    scene.happen()
    scene.work()
    found = scene.client.get(f"/v1/webhooks/{hook['webhook_id']}").json()
    assert (found["active"], found["counts"]["failed"]) == (False, 1)


def test_messages_come_in_order_and_only_of_what_happened_since(scene: Scene) -> None:
    scene.happen("case.opened", "before")
    scene.pass_time(-3_600)
    scene.happen("case.opened", "long before")
    scene.make()
    for number in range(45):
        scene.happen("alert.assigned", f"A{number}")
    scene.work()
    subjects = [json.loads(body)["data"]["subject_id"] for _, body in scene.receiver.got]
    assert subjects == [f"A{number}" for number in range(45)]


def test_a_webhook_hears_only_of_its_hospitals(scene: Scene) -> None:
    scene.app.state.access = OpenAccess(
        Principal("a", "a", Role.ADMINISTRATOR, PERMISSIONS[Role.ADMINISTRATOR],
                  Rows(providers=frozenset({"H1", "H2"})))
    )  # fmt: skip
    refused = scene.client.post(
        "/v1/webhooks", json={"url": scene.receiver.url, "providers": ["H3"]}
    )
    assert refused.status_code == 422
    scene.make()
    scene.make(providers=["H2"])
    for subject, provider in (("C1", "H1"), ("C2", "H2"), ("C3", "H3"), ("C0", None)):
        scene.happen("case.opened", subject, provider_id=provider)
    scene.work()
    subjects = [json.loads(body)["data"]["subject_id"] for _, body in scene.receiver.got]
    assert sorted(subjects) == ["C1", "C2", "C2"]
    scene.app.state.access = OpenAccess()
    wide = scene.make()
    scene.app.state.access = OpenAccess(
        Principal("b", "b", Role.ADMINISTRATOR, PERMISSIONS[Role.ADMINISTRATOR],
                  Rows(providers=frozenset({"H1"})))
    )  # fmt: skip
    assert scene.client.get("/v1/webhooks").json()["webhooks"] == []
    assert scene.client.get(f"/v1/webhooks/{wide['webhook_id']}").status_code == 404


def test_changes_name_the_version_and_only_administrators_make_them(scene: Scene) -> None:
    hook = scene.make(description="one")
    path = f"/v1/webhooks/{hook['webhook_id']}"
    tag = scene.client.get(path).headers["etag"]
    assert scene.client.get(path, headers={"If-None-Match": tag}).status_code == 304
    assert scene.client.patch(path, json={"description": "two"}).status_code == 428
    changed = scene.client.patch(path, json={"description": "two"}, headers={"If-Match": tag})
    assert changed.json()["description"] == "two"
    assert changed.headers["etag"] == '"2"'
    stale = scene.client.patch(path, json={"description": "three"}, headers={"If-Match": tag})
    assert stale.status_code == 412
    assert scene.client.delete(path, headers={"If-Match": tag}).status_code == 412
    assert scene.client.delete(path, headers={"If-Match": '"2"'}).status_code == 204
    assert scene.client.get(path).status_code == 404
    for role in set(Role) - {Role.ADMINISTRATOR}:
        scene.app.state.access = OpenAccess(Principal("x", "x", role, PERMISSIONS[role]))
        assert scene.client.get("/v1/webhooks").status_code == 403


def test_what_cannot_be_a_webhook_says_why(scene: Scene) -> None:
    for given, field in (
        ({"url": "ftp://example.org/"}, "url"),
        ({"url": "https://user@example.org/"}, "url"),
        ({"url": scene.receiver.url, "kinds": ["case.exploded"]}, "kinds"),
        ({"url": scene.receiver.url, "description": "x" * 201}, "description"),
    ):
        answer = scene.client.post("/v1/webhooks", json=given)
        assert (answer.status_code, answer.json()["field"]) == (422, field), given
    assert scene.client.get("/v1/webhooks").json()["webhooks"] == []


def test_a_slow_or_dead_receiver_costs_one_attempt(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scoring_api.destinations.TOTAL_S", 0.3)
    hook = scene.make()
    go = threading.Event()

    class Slow(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            # A byte now and then keeps the connection busy without ever ending the answer.
            for _ in range(200):
                if go.wait(0.05):
                    return
                self.wfile.write(b"H")

    server = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/"
    assert "no answer within" in (scene.to.send(url, {}, b"{}").error or "")
    go.set()
    server.shutdown()
    server.server_close()
    assert scene.to.send(url, {}, b"{}").error == "no connection"
    assert scene.deliveries(hook["webhook_id"]) == []


@pytest.mark.parametrize(
    ("url", "addresses"),
    [
        ("http://example.org/", ["93.184.215.14"]),
        ("https://10.1.2.3/", ["10.1.2.3"]),
        ("https://localhost/", ["127.0.0.1"]),
        ("https://localhost/", ["::1"]),
        ("https://metadata/", ["169.254.169.254"]),
        ("https://metadata.example/", ["fd00:ec2::254"]),
        ("https://ali.example/", ["100.100.100.200"]),
        ("https://two.example/", ["93.184.215.14", "192.168.1.1"]),
        ("https://mapped.example/", ["::ffff:10.0.0.1"]),
        ("https://nat64.example/", ["64:ff9b::7f00:1"]),
        ("https://sixtofour.example/", ["2002:7f00:1::1"]),
        ("https://2130706433/", ["127.0.0.1"]),
        ("https://zero.example/", ["0.0.0.0"]),  # noqa: S104
        ("https://multicast.example/", ["224.0.0.1"]),
        ("https://link.example/", ["fe80::1%eth0"]),
        ("https://documentation.example/", ["192.0.2.1"]),
        ("https://none.example/", []),
        ("file:///etc/passwd", ["93.184.215.14"]),
        ("gopher://example.org/", ["93.184.215.14"]),
        ("https://user:pass@example.org/", ["93.184.215.14"]),
        ("https://example.org/#x", ["93.184.215.14"]),
        ("https://exa mple.org/", ["93.184.215.14"]),
        ("https://exämple.org/", ["93.184.215.14"]),
        ("https:///path", ["93.184.215.14"]),
        ("https://example.org:99999/", ["93.184.215.14"]),
        ("https://[::1/", ["::1"]),
    ],
)
def test_nothing_is_sent_into_the_own_network(url: str, addresses: list[str]) -> None:
    to = Destinations(resolve=lambda _host, _port: addresses)
    with pytest.raises(ProblemError) as refused:
        to.check(url)
    assert refused.value.status == 422
    answer = to.send(url, {}, b"{}")
    assert (answer.code, answer.refused) == (None, True)


def test_a_public_address_and_a_network_that_is_allowed_pass() -> None:
    Destinations(resolve=lambda *_: ["93.184.215.14", "2606:2800:21f::1"]).check(
        "https://a.example/"
    )
    inside = Destinations(networks=["10.20.0.0/16"], resolve=lambda *_: ["10.20.3.4"])
    inside.check("https://his.hospital/")
    with pytest.raises(ProblemError):
        Destinations(networks=["10.20.0.0/16"], resolve=lambda *_: ["10.21.3.4"]).check(
            "https://x/"
        )


def test_the_address_that_was_looked_at_is_the_one_connected_to(scene: Scene) -> None:
    """A name that changes between look and connection (DNS rebinding) changes nothing."""
    asked: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    to = Destinations(allow_http=True, resolve=rebinding)
    url = scene.receiver.url.replace("127.0.0.1", "no-such-name.invalid")
    answer = to.send(url, {"webhook-id": "x"}, b'{"type":"x"}')
    assert answer.code == 204
    assert asked == ["no-such-name.invalid"], "asked once, and nobody else asked at all"
    assert scene.receiver.got[0][0]["host"].startswith("no-such-name.invalid:")


def test_two_workers_on_postgresql_send_each_message_once_and_in_order(
    module_postgres: str,
) -> None:
    with store.open(module_postgres) as opened:
        scene = Scene(opened)
        hooks = [scene.make(), scene.make()]
        for number in range(40):
            scene.happen("alert.assigned", f"A{number}")
        workers = [scene.make_worker() for _ in range(2)]
        threads = [
            threading.Thread(target=lambda w=w: [w.work() for _ in range(8)]) for w in workers
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        scene.work()
        ids = [headers["webhook-id"] for headers, _ in scene.receiver.got]
        assert len(ids) == len(set(ids)) == 80
        for hook in hooks:
            own = {d["message_id"] for d in scene.deliveries(hook["webhook_id"], "?limit=200")}
            subjects = [
                json.loads(body)["data"]["subject_id"]
                for headers, body in scene.receiver.got
                if headers["webhook-id"] in own
            ]
            assert subjects == [f"A{number}" for number in range(40)]
        scene.receiver.server.shutdown()


def test_a_worker_that_died_is_followed_by_another(scene: Scene) -> None:
    scene.make()
    scene.happen()
    scene.store.webhooks.spread(lambda w, e: ("msg_1", '{"type":"x","data":{}}'), scene.now)
    assert scene.store.webhooks.take("dead", scene.now) is not None
    scene.work()
    assert scene.receiver.got == [], "the other one may still be sending"
    scene.pass_time(91)
    scene.work()
    assert len(scene.receiver.got) == 1


def test_the_running_application_sends_by_itself_and_stops(scene: Scene) -> None:
    app = build(scene.store, scene.telling)
    with TestClient(app) as client:
        hook = client.post("/v1/webhooks", json={"url": scene.receiver.url}).json()
        path = f"/v1/webhooks/{hook['webhook_id']}"
        sent = client.post(f"{path}/tests").json()["message_id"]
        deadline = time.monotonic() + 20
        while not scene.receiver.got and time.monotonic() < deadline:
            time.sleep(0.02)
    assert scene.receiver.got[0][0]["webhook-id"] == sent
    assert scene.receiver.kinds() == ["webhook.test"]
    assert not [t for t in threading.enumerate() if t.name.startswith("webhooks-")]


ORIGIN = {"Sec-Fetch-Site": "same-origin"}


def test_an_administrator_keeps_webhooks_on_pages(scene: Scene) -> None:
    scene.app.state.access = OpenAccess()
    client = scene.client
    page = client.get("/webhooks?lang=zh")
    assert "事件推送" in page.text
    made = client.post(
        "/webhooks?lang=en",
        data={"url": scene.receiver.url, "kind.case.opened": "on", "description": "工单 <b>"},
        headers=ORIGIN,
    )
    assert made.status_code == 200
    assert "whsec_" in made.text
    assert "工单 &lt;b&gt;" in made.text
    [hook] = client.get("/v1/webhooks").json()["webhooks"]
    assert hook["kinds"] == ["case.opened"]
    here = f"/webhooks/{hook['webhook_id']}"
    assert "whsec_" not in client.get(here).text
    assert client.post(f"{here}/test", headers=ORIGIN, follow_redirects=False).status_code == 303
    scene.now = datetime.now(UTC) + timedelta(seconds=1)
    scene.work()
    assert "Delivered" in client.get(f"{here}?lang=en").text
    wrong = client.post(f"{here}?lang=zh", data={"url": "ftp://x/", "version": "1"}, headers=ORIGIN)
    assert wrong.status_code == 422
    assert "未保存" in wrong.text
    off = client.post(
        here,
        data={"url": scene.receiver.url, "version": "1"},
        headers=ORIGIN,
        follow_redirects=False,
    )
    assert off.status_code == 303
    assert client.get(f"/v1{here}").json()["active"] is False
    assert "whsec_" in client.post(f"{here}/secret", headers=ORIGIN).text
    gone = client.post(f"{here}/remove", data={"version": "3"}, headers=ORIGIN)
    assert gone.status_code == 200
    assert client.get("/v1/webhooks").json()["webhooks"] == []
    assert client.post("/webhooks", data={"url": scene.receiver.url}).status_code == 403
