"""HL7 messages into a real broker: events and dead letters lie in their topics before the answer."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

import pytest
from kafka import KafkaConsumer, TopicPartition

from streaming.hl7.sinks import TopicSink
from streaming.hl7.taking import Desk
from streaming.kafka.admin import Admin
from streaming.kafka.connection import Connection
from streaming.kafka.producing import key_of
from streaming.kafka.sink import KafkaSink
from tests.hl7_messages import DRUG, NOW, admitted, ordered, reader
from tests.order_events import KEY


@pytest.fixture
def prefix(kafka: str, suffix: str) -> Iterator[str]:
    name = f"h{suffix}."
    with Admin(Connection(kafka)) as admin:
        admin.create(("orders", "dead-letters"), prefix=name, partitions=1)
        yield name
        admin.delete(list(admin.find(name)))


def values(kafka: str, topic: str, wanted: int) -> list[tuple[bytes | None, bytes]]:
    consumer = KafkaConsumer(bootstrap_servers=kafka, consumer_timeout_ms=10_000)
    place = TopicPartition(topic, 0)
    consumer.assign([place])
    consumer.seek_to_beginning(place)
    found = []
    for record in consumer:
        found.append((record.key, record.value))
        if len(found) == wanted:
            break
    consumer.close()
    return found


def test_what_is_answered_lies_in_the_topics(kafka: str, prefix: str) -> None:
    broker = KafkaSink(Connection(kafka), prefix=prefix, client_id="hl7-test")
    desk = Desk(reader(), TopicSink(broker), KEY, now=lambda: NOW)
    bad = b"MSH|^~\\&|broken\r"
    try:
        found = desk.take([admitted(control="1"), bad, ordered("NW", DRUG, control="2")])
    finally:
        broker.close()
    assert [a.outcome for a in found] == ["taken", "refused", "taken"]
    events = values(kafka, f"{prefix}orders", 2)
    assert [json.loads(value)["kind"] for _, value in events] == ["stay", "orders"]
    assert all(key == key_of(value, KEY) for key, value in events), (
        "keyed as any producer of orders keys"
    )
    [(_, letter)] = values(kafka, f"{prefix}dead-letters", 1)
    assert base64.b64decode(json.loads(letter)["value_base64"]) == bad


def test_a_broker_that_is_away_is_answered_ar() -> None:
    broker = KafkaSink(Connection("127.0.0.1:1"))
    desk = Desk(reader(), TopicSink(broker, patience_s=1.0), KEY, now=lambda: NOW)
    try:
        [found] = desk.take([admitted()])
    finally:
        broker.close()
    assert found.outcome == "not-kept"
    assert b"MSA|AR|1" in found.replies[0]
