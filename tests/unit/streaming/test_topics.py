"""The table of topics, and what is told where a broker differs from it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from streaming import intake
from streaming.topics import (
    BY_NAME,
    LONGEST_INPUT,
    PARTITIONS,
    TOPICS,
    Found,
    compare,
    expected_partitions,
    named,
)


def as_expected(prefix: str = "", partitions: int | None = None) -> dict[str, Found]:
    return {
        named(t, prefix): Found(
            expected_partitions(t, partitions), 1, {**t.configs, "segment.bytes": "1"}
        )
        for t in TOPICS
    }


@pytest.mark.parametrize("prefix", ["", "site-a."])
@pytest.mark.parametrize("partitions", [None, 1, 4, 24])
def test_what_is_as_expected_differs_in_nothing(prefix: str, partitions: int | None) -> None:
    found = as_expected(prefix, partitions)
    assert list(compare(found, prefix=prefix, partitions=partitions, replication=1)) == []


def test_a_missing_topic_is_told_once_with_the_command_that_makes_it() -> None:
    found = as_expected()
    del found["alerts"]
    (told,) = compare(found)
    assert (told.topic, told.real) == ("alerts", "missing")
    assert "--create" in told.cure


@pytest.mark.parametrize("topic", [t.name for t in TOPICS])
def test_each_setting_that_differs_is_told(topic: str) -> None:
    found = as_expected()
    wrong = {name: value + "0" for name, value in BY_NAME[topic].configs.items()}
    found[topic] = Found(99, 3, wrong)
    told = {d.what for d in compare(found, replication=1) if d.topic == topic}
    assert told == {"partitions", "replication", *BY_NAME[topic].configs}


def test_claims_and_orders_of_a_patient_reach_one_worker() -> None:
    for partitions in (None, 4, 24):
        counts = {expected_partitions(t, partitions) for t in TOPICS if t.input}
        assert len(counts) == 1


def test_a_record_that_intake_reads_fits_into_a_message() -> None:
    headers_and_batch = 64 * 1024
    assert intake.Limits().record_bytes + headers_and_batch <= LONGEST_INPUT
    for topic in TOPICS:
        if topic.input:
            assert topic.configs["max.message.bytes"] == str(LONGEST_INPUT)


def test_the_broker_of_make_services_takes_the_longest_message(root: Path) -> None:
    settings = (root / "services/kafka/server.properties").read_text("utf-8")
    assert f"message.max.bytes={LONGEST_INPUT}\n" in settings


def test_the_manual_shows_this_table(root: Path) -> None:
    text = (root / "docs" / "streaming.md").read_text("utf-8")
    for t in TOPICS:
        meaning = re.escape(t.meaning).replace("JSON,", r"JSON( \(\[intake.md\]\(intake.md\)\))?,")
        row = rf"\| `{t.name}` \| {t.zh} \| {meaning} \| {t.key} \| {t.partitions} \| {t.days} days \| {t.written_by} \|"
        assert re.search(row, text), t.name
    assert f"{PARTITIONS} are shared evenly" in text
