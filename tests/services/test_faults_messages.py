"""Messages that are broken, doubled or late: each is accounted for, and none stops the others."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from kafka import KafkaProducer

from tests import intake_claims
from tests.services.conftest import SceneMaker
from tests.stream_scene import FULL, record, shuffled

pytestmark = pytest.mark.timeout(3600 if FULL else 600)

GOOD = 2_000 if FULL else 200
POISON: dict[str, tuple[bytes | None, list[tuple[str, bytes]]]] = {
    "not JSON": (b"{", []),
    "empty": (b"", []),
    "no value": (None, []),
    "not UTF-8": (b'{"stay_id": "\xff\xfe"}', []),
    "too deep": (b"[" * 5_000 + b"]" * 5_000, []),
    "no object": (b"42", []),
    "NaN": (b'{"stay_id": NaN}', []),
    "refused": (intake_claims.line(admission_date="2024-02-30"), []),
    "other schema": (intake_claims.line(), [("schema-version", b"9.0.0")]),
    "huge number": (b'{"total_amount_fen": 1e999999}', []),
}


def test_poison_goes_to_the_dead_letters_and_stops_nothing(
    kafka: str, postgres: str, make_scene: SceneMaker
) -> None:
    scene = make_scene(kafka, postgres)
    producer = KafkaProducer(bootstrap_servers=kafka)
    good = [record(scene.name, n) for n in range(GOOD)]
    step = GOOD // len(POISON)
    scene.start("w0")
    for place, (value, headers) in enumerate(POISON.values()):
        scene.send(good[place * step : (place + 1) * step])
        for partition in range(4):
            producer.send(
                f"{scene.prefix}claims",
                key=b"k",
                value=value,
                headers=headers,
                partition=partition,
            ).get(timeout=30)
            scene.messages += 1
    producer.close()
    scene.settle()
    account = scene.account()
    assert account.balanced, account
    letters = scene.rows("SELECT value, reasons FROM dead_letters")
    stored = Counter(None if row[0] is None else bytes(row[0]) for row in letters)
    assert stored == {value: 4 for value, _ in POISON.values()}
    assert all(row[1] for row in letters), "each has its reasons"
    told = scene.published("dead-letters")
    assert len(told) == 4 * len(POISON)
    assert len({one["dead_letter_id"] for one in told}) == len(told)
    for clear in intake_claims.CLEAR:
        assert clear not in json.dumps([one["reasons"] for one in told], ensure_ascii=False)


def test_duplicates_and_disorder_change_nothing(
    kafka: str, postgres: str, make_scene: SceneMaker
) -> None:
    scene = make_scene(kafka, postgres)
    first = [record(scene.name, n) for n in range(GOOD)]
    corrected = [record(scene.name, n, version=2) for n in range(0, GOOD, 4)]
    # Twice over, in any order: some corrections come before what they correct.
    everything = shuffled([*first, *first, *corrected, *corrected], seed=4)
    scene.start("w0")
    scene.start("w1")
    scene.send(everything)
    scene.send(shuffled(everything, seed=5))
    scene.settle()
    account = scene.account(again=True)
    assert account.balanced, account
    rows = scene.rows("SELECT decision_id, stay_id, claim_version FROM decisions")
    versions = {(row[1], row[2]) for row in rows}
    assert len(versions) <= GOOD + GOOD // 4
    told = Counter(row["decision_id"] for row in scene.published())
    assert set(told) == {row[0] for row in rows}


def test_what_is_told_carries_the_trace_of_its_claim(
    kafka: str, postgres: str, make_scene: SceneMaker
) -> None:
    scene = make_scene(kafka, postgres)
    scene.send(record(scene.name, n) for n in range(5))
    scene.start("w0")
    scene.settle()
    traces = {
        json.loads(row.value)["stay_id"]: dict(row.headers)["trace-id"]
        for row in scene.records("claims")
    }
    for row in scene.records("decisions"):
        headers = dict(row.headers)
        assert headers["trace-id"] == traces[json.loads(row.value)["stay_id"]]
        assert headers["message-id"].decode() == json.loads(row.value)["decision_id"]
        assert headers["schema-version"] == b"1.0.0"
        assert headers["content-type"] == b"application/json"
