"""The worker between a real broker and a real database: what goes through it, and what comes back."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from typer.testing import CliRunner

from cli import app
from streaming.kafka.admin import Admin
from streaming.kafka.connection import BrokerError, Connection
from streaming.kafka.source import KafkaSource
from tests import intake_claims
from tests.services.conftest import SceneMaker
from tests.stream_scene import PARTITIONS, Scene, record

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def dead_letters(scene: Scene, *arguments: str) -> str:
    done = CliRunner().invoke(
        app, ["stream", "dead-letters", *arguments, "--db", scene.db], catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture(params=["sqlite", "postgres"])
def scene(
    request: pytest.FixtureRequest, kafka: str, make_scene: SceneMaker, tmp_path: Path
) -> Scene:
    if request.param == "sqlite":
        return make_scene(kafka, f"sqlite:///{tmp_path / 'stream.db'}")
    return make_scene(kafka, request.getfixturevalue("postgres"))


def test_ids_in_are_ids_out_also_after_a_restart(scene: Scene) -> None:
    scene.send(record(scene.name, n) for n in range(150))
    scene.start("w0")
    scene.settle()
    assert scene.stop("w0") == 0
    scene.send(record(scene.name, n) for n in range(150, 200))
    scene.start("w1")
    scene.settle()
    account = scene.account()
    assert account.balanced, account
    assert account.republished == 0
    owners = set(scene.owners().values())
    assert owners == {"w1"}


def test_the_trace_goes_through_and_the_broker_knows_the_offsets(scene: Scene) -> None:
    producer = KafkaProducer(bootstrap_servers=scene.bootstrap)
    for n in range(20):
        producer.send(
            f"{scene.prefix}claims",
            key=b"k",
            value=record(scene.name, n),
            headers=[("trace-id", TRACE.encode()), ("source", b"his")],
        )
    producer.close()
    scene.messages = 20
    scene.start("w0")
    scene.settle()
    assert scene.stop("w0") == 0
    told = scene.records("decisions")
    assert {dict(r.headers)["trace-id"].decode() for r in told} == {TRACE}
    ids = [dict(r.headers)["message-id"].decode() for r in told]
    assert ids == [json.loads(r.value)["decision_id"] for r in told]
    patients = {r.key.decode() for r in told}
    assert all(p.startswith("p_") for p in patients)
    log = (scene.folder / "w0.log").read_text("utf-8")
    assert TRACE.split("-")[1] in log
    for clear in ("patient-0", *intake_claims.CLEAR):
        assert clear not in log
    consumer = KafkaConsumer(bootstrap_servers=scene.bootstrap, group_id=scene.name)
    known = [
        consumer.committed(TopicPartition(f"{scene.prefix}claims", p)) for p in range(PARTITIONS)
    ]
    consumer.close(autocommit=False)
    assert sum(offset or 0 for offset in known) == 20, "tools that show lag see none"


def test_a_dead_letter_is_listed_shown_and_sent_again(scene: Scene) -> None:
    bad = intake_claims.line(stay_id="Sbad", admission_date="2024-02-30")
    good = record(scene.name, 1)
    producer = KafkaProducer(bootstrap_servers=scene.bootstrap)
    topic = f"{scene.prefix}claims"
    place = producer.send(
        topic, key=b"k", value=bad, headers=[("trace-id", TRACE.encode()), ("bytes", b"\xff")]
    ).get(timeout=30)
    producer.send(topic, key=b"k", value=good, headers=[("schema-version", b"9.0")]).get(timeout=30)
    producer.close()
    scene.messages = 2
    scene.start("w0")
    scene.settle()
    listed = [json.loads(line) for line in dead_letters(scene, "list", "--json").splitlines()]
    assert [(one["topic"], one["partition"]) for one in listed] == [(topic, place.partition)] * 2
    first, second = sorted(listed, key=lambda one: one["offset"])
    assert first["trace_id"] == TRACE.split("-")[1]
    assert [r["rule"] for r in first["reasons"]] == ["format"]
    shown = dead_letters(scene, "show", first["dead_letter_id"])
    for clear in intake_claims.CLEAR:
        assert clear not in shown
    original = json.loads(dead_letters(scene, "show", first["dead_letter_id"], "--original"))
    assert original["value"].encode() == bad
    assert dict(original["headers"])["bytes"] == {"base64": "/w=="}
    # A later version would read that schema; here the same bytes are refused again, as a new letter.
    told = dead_letters(
        scene, "replay", "--all", "--reason", "schema-version", "--bootstrap", scene.bootstrap
    )
    assert json.loads(told.splitlines()[-1]) == {"sent": 1}
    scene.messages += 1
    scene.settle()
    every = [json.loads(x) for x in dead_letters(scene, "list", "--all", "--json").splitlines()]
    assert Counter(one["replays"] for one in every) == {0: 2, 1: 1}
    still_open = [json.loads(x) for x in dead_letters(scene, "list", "--json").splitlines()]
    assert {one["offset"] for one in still_open} != {first["offset"], second["offset"]}
    (again,) = [one for one in still_open if one["offset"] > second["offset"]]
    assert again["partition"] == place.partition, "it keeps to its patient's partition"
    assert second["dead_letter_id"] not in {one["dead_letter_id"] for one in still_open}


def test_a_worker_whose_name_another_took_stops(kafka: str, suffix: str) -> None:
    prefix = f"n{suffix}."
    topic = f"{prefix}claims"
    with Admin(Connection(kafka)) as admin:
        admin.create(["claims"], prefix=prefix, partitions=2)
        try:
            first, second = (
                KafkaSource(Connection(kafka), group=prefix, topics=[topic], instance_id="same")
                for _ in range(2)
            )
            while not first.assignment():
                first.poll(0.2, 10)
            gained = first.changes().gained
            assert gained == {(topic, 0), (topic, 1)}
            while not second.assignment():
                second.poll(0.2, 10)

            def go_on() -> None:
                while True:  # the test's own time limit ends it
                    first.commit({(topic, 0): 0})
                    first.poll(0.2, 10)

            with pytest.raises(BrokerError, match="same instance id") as caught:
                go_on()
            assert "--instance-id" in caught.value.cure
            first.close()
            second.close()
        finally:
            admin.delete(list(admin.find(prefix)))
