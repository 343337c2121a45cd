"""``sentinel stream topics`` and ``produce`` against a real broker."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer, TopicPartition
from typer.testing import CliRunner, Result

from cli import app
from streaming.kafka.admin import Admin
from streaming.kafka.connection import BrokerError, Connection
from streaming.pseudonym import PseudonymKey
from streaming.topics import BY_NAME, TOPICS
from tests import intake_claims


@pytest.fixture
def prefix(kafka: str, suffix: str) -> Iterator[str]:
    name = f"t{suffix}."
    yield name
    with Admin(Connection(kafka)) as admin:
        admin.delete(list(admin.find(name)))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["stream", *arguments])


def said(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return found


def test_topics_are_compared_made_and_set_right(kafka: str, prefix: str) -> None:
    here = ["topics", "--bootstrap", kafka, "--prefix", prefix, "--partitions", "2", "--json"]
    before = run(*here)
    assert before.exit_code == 1
    assert {d["real"] for d in said(before)["differences"]} == {"missing"}

    made = run(*here, "--create")
    assert (made.exit_code, said(made)["differences"]) == (0, [])
    assert said(made)["topics"][f"{prefix}claims"] == {"exists": True, "partitions": 2}
    again = run(*here, "--create")
    assert again.exit_code == 0, "making what is there is no error"

    with Admin(Connection(kafka)) as admin:
        admin.alter(f"{prefix}alerts", {"retention.ms": "1000", "segment.bytes": "2000000"})
    told = run(*here)
    assert told.exit_code == 1
    assert [d["what"] for d in said(told)["differences"]] == ["retention.ms"]
    assert run(*here, "--alter").exit_code == 0
    with Admin(Connection(kafka)) as admin:
        found = admin.find(prefix)[f"{prefix}alerts"]
    assert found.configs["retention.ms"] == BY_NAME["alerts"].configs["retention.ms"]
    assert found.configs["segment.bytes"] == "2000000", "what the table does not name stays"


def test_another_number_of_partitions_is_told_and_left(kafka: str, prefix: str) -> None:
    here = ["topics", "--bootstrap", kafka, "--prefix", prefix, "--json"]
    run(*here, "--create", "--partitions", "2")
    told = run(*here, "--create", "--alter")
    assert told.exit_code == 1
    assert {d["what"] for d in said(told)["differences"]} == {"partitions"}
    with Admin(Connection(kafka)) as admin:
        assert {f.partitions for f in admin.find(prefix).values()} == {2}
    assert len(TOPICS) == len(said(told)["topics"])


def test_no_broker_is_told_with_its_address(suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streaming.kafka.admin.PATIENCE_MS", 500)
    refused = run("topics", "--bootstrap", "127.0.0.1:1")
    assert isinstance(refused.exception, BrokerError)
    assert refused.exception.where == "127.0.0.1:1"
    assert "make services" in refused.exception.cure


def test_files_are_sent_as_they_are_keyed_by_patient(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    lines = [
        intake_claims.line(stay_id=f"S{n}", patient_id=f"patient-{n % 3}") for n in range(9)
    ] + [b"no claim"]
    folder = tmp_path / "claims"
    folder.mkdir()
    (folder / "a.jsonl").write_bytes(b"\n".join(lines[:5]) + b"\n\n  \n")
    with gzip.open(folder / "b.jsonl.gz", "wb") as packed:
        packed.write(b"\r\n".join(lines[5:]))
    (folder / "providers.jsonl").write_bytes(b'{"provider_id": "H1"}\n')
    key_file = tmp_path / "key"
    run("topics", "--bootstrap", kafka, "--prefix", prefix, "--create", "--partitions", "4")

    sent = run("produce", str(folder), "--bootstrap", kafka, "--prefix", prefix,
               "--key", str(key_file), "--source", "his-1")  # fmt: skip
    assert sent.exit_code == 0, sent.output
    assert said(sent)["records"] == 10
    assert said(sent)["without_key"] == 1

    consumer = KafkaConsumer(bootstrap_servers=kafka)
    places = [TopicPartition(f"{prefix}claims", p) for p in range(4)]
    consumer.assign(places)
    consumer.seek_to_beginning(*places)
    rows: list[Any] = []
    while len(rows) < 10:
        rows += (row for found in consumer.poll(1000).values() for row in found)
    consumer.close()
    assert sorted(row.value for row in rows) == sorted(lines)
    key = PseudonymKey.load(key_file)
    for row in rows:
        headers = dict(row.headers)
        assert headers["source"] == b"his-1"
        assert headers["content-type"] == b"application/json"
        assert headers["schema-version"] == b"1.0.0"
        if row.value == b"no claim":
            assert row.key is None
        else:
            patient = json.loads(row.value)["patient_id"]
            assert row.key == (key.pseudonym("patient_id", patient) or "").encode()
            assert patient.encode() not in row.key
    assert len({dict(row.headers)["trace-id"] for row in rows}) == 10
    placed = {(row.key, row.partition) for row in rows if row.key}
    assert len(placed) == 3, "a patient's claims are in one partition"


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["produce", "nowhere.jsonl"], "nowhere.jsonl"),
        (["produce", "claims.csv"], "claims.csv"),
        (["produce", ".", "--topic", "decisions"], "--topic"),
    ],
)
def test_what_cannot_be_sent_is_told(
    arguments: list[str], word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("claims.csv").write_text("a,b\n")
    refused = run(*arguments)
    assert refused.exit_code == 1
    assert word in getattr(refused.exception, "where", "")
