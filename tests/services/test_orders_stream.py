"""Orders through a real broker, worker and database: told in time, once, and nothing lost."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

import rules
import store
from data_samples import ward
from streaming.kafka.admin import Admin
from streaming.kafka.producing import Sender
from streaming.orders import OpenStay, decode
from streaming.orders.handler import OrdersHandler
from streaming.orders.state import apply_events
from streaming.pipeline import Engine
from streaming.schemas import schemas
from tests.order_events import Json, admitted, message, order
from tests.services.conftest import SceneMaker
from tests.stream_scene import PARTITIONS, ROOT, Scene

RULES = ROOT / "rules" / "catalog" / "ord"
"""The checks of orders: a worker with them starts in a fraction of the time that all take."""


class Ward:
    """A scene whose workers read orders and claims."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        with Admin(scene.connection) as admin:
            admin.create(("orders", "plan-suggestions"), prefix=scene.prefix, partitions=PARTITIONS)

    def send(self, records: Iterable[bytes], topic: str = "orders") -> None:
        sender = Sender(
            self.scene.connection, f"{self.scene.prefix}{topic}", self.scene.key, "orders-test"
        )
        listed = list(records)
        self.scene.messages += len(listed)
        try:
            sender.send(listed)
        finally:
            sender.close()

    def start(self, name: str) -> None:
        command = [
            sys.executable, "-m", "cli", "stream", "run", "--bootstrap", self.scene.bootstrap,
            "--prefix", self.scene.prefix, "--group", self.scene.name, "--db", self.scene.db,
            "--topics", "claims,orders", "--key", str(self.scene.key_file), "--instance-id", name,
            "--rules", str(RULES),
        ]  # fmt: skip
        with (self.scene.folder / f"{name}.log").open("ab") as log:
            self.scene.workers[name] = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                env={**os.environ, "POLARS_MAX_THREADS": "1"},
            )  # fmt: skip

    def states(self) -> dict[str, OpenStay]:
        """The stays as they stand in the database."""
        ids = [row[0] for row in self.scene.rows("SELECT stay_id FROM open_stays")]
        with store.open(self.scene.db) as opened:
            return OrdersHandler(Engine(rules.load(RULES)), opened, self.scene.key).look_up(ids)

    def expected(self, records: Iterable[bytes]) -> dict[str, OpenStay]:
        """The stays as their events say."""
        found, refused = decode(list(records), key=self.scene.key)
        assert not refused
        return apply_events([event for _, event in found], {})[0]


@pytest.fixture
def hospital(
    request: pytest.FixtureRequest, kafka: str, make_scene: SceneMaker, tmp_path: Path
) -> Ward:
    if getattr(request, "param", "sqlite") == "sqlite":
        return Ward(make_scene(kafka, f"sqlite:///{tmp_path / 'stream.db'}"))
    return Ward(make_scene(kafka, request.getfixturevalue("postgres")))


def encoded(*messages: Json) -> list[bytes]:
    return [json.dumps(m).encode() for m in messages]


def double(stay: str) -> list[Json]:
    drug = "S-0901022"
    return [
        admitted(of=stay),
        message("orders", 2, of=stay, orders=[order("O1", drug, "03T10:00")]),
        message("orders", 3, of=stay, orders=[order("O2", drug, "03T10:30")]),
    ]


@pytest.mark.parametrize("hospital", ["sqlite", "postgres"], indirect=True)
def test_an_order_comes_in_and_alert_and_suggestion_go_out(hospital: Ward) -> None:
    scene = hospital.scene
    poison = json.dumps(message("orders", 4, of="S9", orders=[{"order_id": "O1"}])).encode()
    hospital.send([*encoded(*double("S1"), *double("S2")), poison])
    hospital.start("w0")
    scene.settle()
    # The same events again, and one that takes the double back.
    hospital.send(encoded(*double("S1")))
    revoked = message(
        "order-status", 5, of="S2", order_status=[{"order_id": "O2", "status": "revoked"}]
    )
    hospital.send(encoded(revoked))
    scene.settle()
    assert scene.stop("w0") == 0

    told = {row["stay_id"]: row for row in scene.published("plan-suggestions")}
    assert len(scene.published("plan-suggestions")) == 2
    assert {c["kind"] for c in told["S1"]["changes"]} == {"stop_earlier", "withdraw_repeat"}
    alerts = scene.published("alerts")
    assert sorted(a["stay_id"] for a in alerts) == ["S1", "S2"]
    made = schemas()
    for topic, rows in (("plan-suggestions", list(told.values())), ("alerts", alerts)):
        schema = jsonschema_rs.validator_for(made[topic], validate_formats=True)
        for row in rows:
            schema.validate(row)
    keys = {r.key.decode() for r in scene.records("plan-suggestions")}
    assert keys == {row["patient_id"] for row in told.values()}
    stored = scene.rows(
        "SELECT stay_id, rule_id, told, cleared_by, suggestion_id FROM order_decisions ORDER BY 1"
    )
    assert [tuple(r)[:2] for r in stored] == [("S1", "ORD-010"), ("S2", "ORD-010")]
    assert [r[3] for r in stored] == [None, "S2-5"]
    assert {r[4] for r in stored} == {row["suggestion_id"] for row in told.values()}
    (dead,) = scene.published("dead-letters")
    assert {r["field"] for r in dead["reasons"]} >= {"orders[0].item_code", "orders[0].status"}
    for log in scene.folder.glob("*.log"):
        assert "patient of S1" not in log.read_text("utf-8")


def test_a_ward_mixed_doubled_and_killed_leaves_what_its_events_say(hospital: Ward) -> None:
    scene = hospital.scene
    records = [line.encode() for line in ward.encode(ward.small())]
    # Per stay as a careless sender would: some twice, some late.
    mixed = [*records, *random.Random(7).sample(records, 60)]
    random.Random(8).shuffle(mixed)
    hospital.start("w0")
    hospital.send(mixed[:120])
    scene.wait(lambda: scene.read_so_far() > 0, "a first batch")
    scene.kill("w0")
    hospital.send(mixed[120:])
    hospital.start("w1")
    scene.settle()
    assert scene.stop("w1") == 0

    states, expected = hospital.states(), hospital.expected(records)
    assert states.keys() == expected.keys()
    for stay_id, state in expected.items():
        assert states[stay_id].facts_equal(state), stay_id
        assert state.costs() == json.loads(_costs(scene, stay_id))
    stored = Counter(r[0] for r in scene.rows("SELECT suggestion_id FROM plan_suggestions"))
    assert set(stored.values()) <= {1}
    assert {s["suggestion_id"] for s in scene.published("plan-suggestions")} == set(stored)


def _costs(scene: Scene, stay_id: str) -> str:
    found: Any = scene.rows("SELECT costs FROM open_stays WHERE stay_id = :s", s=stay_id)[0][0]
    return found if isinstance(found, str) else json.dumps(found)


def test_the_claim_closes_the_stay_and_late_events_change_nothing(hospital: Ward) -> None:
    scene = hospital.scene
    record = ward.planted_records("ORD-011")[0]
    events = [line.encode() for line in ward.encode(ward.of_stay(record))]
    hospital.start("w0")
    hospital.send(events[:-1])
    scene.settle()
    assert len(hospital.states()) == 1
    told = scene.rows("SELECT count(*) FROM order_decisions")[0][0]
    assert told >= 1
    hospital.send([json.dumps(record, ensure_ascii=False).encode()], topic="claims")
    scene.settle()
    hospital.send(events[-1:])
    scene.settle()
    assert scene.stop("w0") == 0
    assert hospital.states() == {}
    assert scene.rows("SELECT count(*) FROM open_orders")[0][0] == 0
    assert scene.rows("SELECT count(*) FROM open_lines")[0][0] == 0
    assert scene.rows("SELECT count(*) FROM order_decisions")[0][0] == told
    assert scene.rows("SELECT count(*) FROM decisions")[0][0] == 1
