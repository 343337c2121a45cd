"""The published schemas: real messages fit them, and a change that breaks someone is refused."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from typer.testing import CliRunner

import rules
from cli import app
from domain.errors import Refusal
from domain.withdrawal import REASONS, Withdrawn
from streaming import intake
from streaming.intake.withdrawals import read_withdrawal
from streaming.messages import Message
from streaming.pipeline import Engine, assess
from streaming.pseudonym import PseudonymKey
from streaming.schemas import breaks, file_name, schemas
from streaming.telling import tell_dead, tell_results
from streaming.topics import TOPICS
from tests import intake_claims

KEY = PseudonymKey(b"a key for tests, 32 bytes at least")


def validator(topic: str) -> Any:
    return jsonschema_rs.validator_for(schemas()[topic])


def test_every_topic_has_a_schema_and_it_is_published(root: Path) -> None:
    assert set(schemas()) == {t.name for t in TOPICS}
    for topic, schema in schemas().items():
        jsonschema_rs.meta.validate(schema)
        published = (root / "docs/schema/topics" / file_name(topic)).read_text("utf-8")
        assert json.loads(published) == schema


def test_what_the_worker_tells_fits_its_schema(root: Path) -> None:
    lines = (root / "data_samples/patterns/CHG-001.jsonl").read_bytes().splitlines()
    claims, refused = intake.decode(lines, key=KEY)
    assert not refused
    message = Message("claims", 0, 0, b"k", lines[0])
    results = assess(claims, Engine(rules.load()))
    told = tell_results(results, dict.fromkeys(claims.stays["stay_id"].to_pylist(), message))
    topics = set()
    for one in told:
        validator(one.topic).validate(json.loads(one.value))
        topics.add(one.topic)
    assert topics == {"decisions", "alerts"}


@pytest.mark.parametrize(
    "value", [None, b"", b"\xff", b"x" * 2_000_000], ids=["none", "empty", "bytes", "long"]
)
@pytest.mark.parametrize("reasons", [1, 9_000])
def test_a_dead_letter_fits_its_schema(value: bytes | None, reasons: int) -> None:
    message = Message("claims", 3, 7, b"k", value, (("source", b"\xff"),), timestamp_ms=1)
    why = (Refusal("charges[1].amount_fen", "x" * 120, "type", "Write a number."),) * reasons
    _, (told,) = tell_dead("sentinel", [(message, why)])
    validator("dead-letters").validate(json.loads(told.value))


def test_a_good_claim_fits_the_schema_of_claims_and_a_bad_one_does_not() -> None:
    validator("claims").validate(intake_claims.claim())
    assert not validator("claims").is_valid(intake_claims.claim(total_amount_fen="12"))
    assert not validator("claims").is_valid(intake_claims.claim(stay_id=...))


def test_a_withdrawal_fits_the_schema_of_claims_and_a_bad_one_does_not() -> None:
    withdrawal = {"stay_id": "S1", "withdrawn_version": 2, "reason": next(iter(REASONS))}
    assert read_withdrawal(json.dumps(withdrawal).encode()) == Withdrawn("S1", 2, withdrawal["reason"])  # fmt: skip
    validator("claims").validate(withdrawal)
    assert not validator("claims").is_valid(withdrawal | {"withdrawn_version": 0})
    assert not validator("claims").is_valid({"withdrawn_version": 2})


def changed(topic: str, change: Any) -> list[str]:
    old = schemas()[topic]
    new = copy.deepcopy(old)
    change(new.get("else", new))
    return breaks(topic, old, new)


def drop(*path: str) -> Any:
    def change(schema: dict[str, Any]) -> None:
        for name in path[:-1]:
            schema = schema[name]
        del schema[path[-1]]

    return change


def put(value: Any, *path: str) -> Any:
    def change(schema: dict[str, Any]) -> None:
        for name in path[:-1]:
            schema = schema[name]
        schema[path[-1]] = value

    return change


TEXT = {"type": "string"}


@pytest.mark.parametrize("topic", ["claims", "decisions", "dead-letters"])
def test_a_new_optional_field_breaks_nobody(topic: str) -> None:
    assert changed(topic, put(TEXT, "properties", "new_field")) == []
    assert changed(topic, lambda _: None) == []


@pytest.mark.parametrize(
    "change",
    [
        drop("properties", "department"),
        put(["stay_id"], "required"),
        put({"type": ["string", "null"]}, "properties", "stay_id"),
        put({"type": "string", "enum": ["low", "new"]}, "properties", "severity"),
        put({"type": "number"}, "properties", "score"),
        drop("properties", "hits", "items", "properties", "rule_id"),
    ],
    ids=["removed", "optional", "nullable", "new code", "no limit", "removed within hits"],
)
def test_what_breaks_readers_of_decisions_is_told(change: Any) -> None:
    assert changed("decisions", change)


@pytest.mark.parametrize(
    "change",
    [
        drop("properties", "ward"),
        put(
            ["stay_id", "ward", *intake_claims.GOOD],
            "required",
        ),
        put({"type": "string"}, "properties", "department"),
        put({"type": ["string", "null"], "maxLength": 3}, "properties", "ward"),
        put({"type": "string", "enum": ["inpatient"]}, "properties", "claim_type"),
        drop("properties", "charges", "items", "properties", "quantity"),
    ],
    ids=["removed", "required", "new field is fine", "shorter", "code gone", "removed in charges"],
)
def test_what_breaks_senders_of_claims_is_told(change: Any, request: pytest.FixtureRequest) -> None:
    told = changed("claims", change)
    assert bool(told) == ("fine" not in request.node.name), told


def test_what_frees_senders_of_claims_breaks_nobody() -> None:
    assert changed("claims", put(["stay_id"], "required")) == []
    assert changed("claims", put(TEXT, "properties", "ward")) != []  # null was allowed


def test_the_command_refuses_to_write_a_break(tmp_path: Path) -> None:
    run = CliRunner()
    assert run.invoke(app, ["stream", "schemas", "--out", str(tmp_path)]).exit_code == 0
    assert run.invoke(app, ["stream", "schemas", "--out", str(tmp_path), "--check"]).exit_code == 0
    path = tmp_path / file_name("alerts")
    before = json.loads(path.read_text("utf-8"))
    before["properties"]["of_old"] = {"type": "string"}
    path.write_text(json.dumps(before), "utf-8")
    refused = run.invoke(app, ["stream", "schemas", "--out", str(tmp_path)])
    assert "of_old: removed" in str(refused.exception)
    assert json.loads(path.read_text("utf-8")) == before
    forced = run.invoke(app, ["stream", "schemas", "--out", str(tmp_path), "--breaking"])
    assert forced.exit_code == 0
    assert "of_old" not in path.read_text("utf-8")


def test_a_stale_file_fails_the_check(tmp_path: Path) -> None:
    run = CliRunner()
    run.invoke(app, ["stream", "schemas", "--out", str(tmp_path)])
    path = tmp_path / file_name("orders")
    path.write_text(path.read_text("utf-8").replace('"title"', '"Title"'), "utf-8")
    checked = run.invoke(app, ["stream", "schemas", "--out", str(tmp_path), "--check"])
    assert checked.exit_code == 1
    assert '"Title"' in path.read_text("utf-8"), "a check writes nothing"
