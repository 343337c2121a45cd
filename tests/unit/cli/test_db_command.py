"""``sentinel db``: withdrawals in, late claims and changed months judged again, and what waits."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import store
from cli import app
from domain.access import Role, Rows
from domain.errors import SentinelError
from store.open_stays import StayChange, save
from streaming.pipeline import assess
from streaming.service import keep
from tests.rules_claims import diagnosis, stay, tables
from tests.small_catalogue import engine_of, write_catalogue


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    return write_catalogue(tmp_path / "rules", ADM_002="active", ADM_023="active")


@pytest.fixture
def database(tmp_path: Path, rules: Path) -> str:
    """A stay, then the one before it, which came late."""
    url = f"sqlite:///{tmp_path / 'a.db'}"
    engine = engine_of(rules)
    with store.open(url) as opened:
        for name, begin in (("b", "2024-03-15"), ("a", "2024-03-01")):
            batch = tables([stay(name, begin, 4)], diagnoses=[diagnosis(name, 1, "J44.100")])
            keep(opened, batch, assess(batch, engine), engine)
    return url


def run(*words: object, code: int = 0) -> dict[str, Any]:
    result = CliRunner().invoke(app, ["db", *map(str, words)])
    assert result.exit_code == code, result.output + str(result.exception)
    found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return found


def test_what_waits_is_told_judged_and_gone(database: str, rules: Path) -> None:
    told = run("status", "--db", database)
    assert (told["stays_to_judge"], told["months_changed"]) == (1, 1)
    assert told["because"] == {"earlier claim came or changed": 1}
    assert run("rejudge", "--rules", rules, "--db", database) == {"stays_judged_again": 1}
    assert run("refresh", "--upto", "2024-04-01", "--rules", rules, "--db", database) == {
        "months_changed": 1, "claims_read": 2, "findings": 0, "findings_new": 0,
    }  # fmt: skip
    told = run("status", "--db", database)
    assert (told["stays_to_judge"], told["months_changed"]) == (0, 0)
    with store.open(database) as opened:
        assert opened.stored_hits(["a", "b"]) == [("b", "ADM-002")]


def test_a_withdrawal_ends_the_decision_and_what_looked_back_at_it(
    database: str, rules: Path, tmp_path: Path
) -> None:
    run("rejudge", "--rules", rules, "--db", database)
    file = tmp_path / "w.jsonl"
    line = {"stay_id": "a", "withdrawn_version": 1, "reason": "reversed",
            "withdrawn_time": "2024-05-01T08:00:00+08:00"}  # fmt: skip
    file.write_text(json.dumps(line) + "\n\n" + json.dumps({**line, "reason": "张三"}) + "\n{}\n")
    told = run("withdraw", file, "--rules", rules, "--db", database, code=1)
    assert told == {
        "read": 3, "withdrawn": 1, "refused": 2, "decisions_ended": 1, "stays_judged_again": 1,
    }  # fmt: skip
    with store.open(database) as opened:
        assert opened.stored_hits(["a", "b"]) == []
        assert opened.count_alerts() == 0
    months = CliRunner().invoke(app, ["db", "months", "--db", database])
    (row,) = [json.loads(line) for line in months.stdout.splitlines()]
    assert (row["claims"], row["month"]) == (1, "2024-03-01")


@pytest.mark.parametrize(
    ("change", "field", "rule"),
    [
        ({"stay_id": None}, "stay_id", "required"),
        ({"stay_id": "a b"}, "stay_id", "value"),
        ({"withdrawn_version": "1"}, "withdrawn_version", "value"),
        ({"withdrawn_version": True}, "withdrawn_version", "value"),
        ({"withdrawn_version": 0}, "withdrawn_version", "value"),
        ({"reason": "whatever"}, "reason", "value"),
        ({"withdrawn_time": "2024-05-01T08:00:00"}, "withdrawn_time", "value"),
        ({"withdrawn_time": 7}, "withdrawn_time", "value"),
        ({"patient_name": "张三"}, "patient_name", "unknown-field"),
    ],
)
def test_a_withdrawal_is_read_strictly(change: dict[str, Any], field: str, rule: str) -> None:
    from domain.withdrawal import Withdrawn
    from streaming.intake.withdrawals import is_withdrawal, read_withdrawal

    good = {"stay_id": "a", "withdrawn_version": 1, "reason": "reversed"}
    assert isinstance(read_withdrawal(json.dumps(good).encode()), Withdrawn)
    record = json.dumps({**good, **change}, ensure_ascii=False).encode()
    assert is_withdrawal(record)
    found = read_withdrawal(record)
    assert not isinstance(found, Withdrawn)
    assert [(r.field, r.rule) for r in found] == [(field, rule)]
    assert "张三" not in str(found), "a name is not told"


def test_a_claim_that_speaks_of_withdrawals_is_a_claim() -> None:
    from streaming.intake.withdrawals import is_withdrawal

    assert not is_withdrawal(json.dumps({"stay_id": "a", "ward": '"withdrawn_version"'}).encode())
    assert not is_withdrawal(b'[{"withdrawn_version": 1}]')
    assert not is_withdrawal(b'{"withdrawn_version": ')


def test_a_patient_of_whom_nothing_was_heard_is_forgotten(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    now = datetime.now(UTC)
    common = {
        "provider_id": "H1", "patient_id": "p_1", "physician_id": None, "department": None,
        "phase": "open", "currency": "CNY", "running_cost_fen": 0, "costs": {}, "active_orders": 0,
        "last_event_id": "E1", "body": b"{}",
    }  # fmt: skip
    rows = [
        {**common, "stay_id": "silent", "last_event_time": now - timedelta(days=31)},
        {**common, "stay_id": "heard", "last_event_time": now - timedelta(days=29)},
    ]
    with store.open(url) as opened:
        opened.open_stays.commit(save([StayChange(row, 0) for row in rows]), now)
    assert run("sweep", "--silent-days", 30, "--db", url) == {
        "stays_forgotten": 1,
        "cards_forgotten": 0,
    }
    with store.open(url) as opened:
        assert [s["stay_id"] for s in opened.open_stays.page()] == ["heard"]


def test_the_queue_is_repriced_given_out_and_timed(database: str) -> None:
    assert run("reprice", "--db", database) == {"checks_changed": [], "alerts_changed": 0}
    assert run("reprice", "--every", "--db", database)["alerts_changed"] == 0
    given = run("assign", "li", "wang", "--up-to", "1", "--db", database)
    assert given["alerts_given"] == sum(given["open_alerts"].values())
    assert set(given["open_alerts"]) == {"li", "wang"}
    assert run("due-times", "--db", database)["critical"] == 48
    assert run("due-times", "--set", "high=72", "--db", database)["high"] == 72
    refused = CliRunner().invoke(app, ["db", "due-times", "--set", "high=soon", "--db", database])
    assert refused.exit_code == 2


def test_alerts_are_given_to_accounts_that_may_see_them(database: str, rules: Path) -> None:
    run("rejudge", "--rules", rules, "--db", database)
    now = datetime.now(UTC)
    with store.open(database) as opened:
        (alert,) = opened.alerts().rows
        add = opened.access.accounts.add
        add("li", "Li", Role.OFFICER, now=now, rows=Rows(providers=frozenset({"H9"})))
        wang = add("wang", "Wang", Role.OFFICER, now=now)
        add("root", "Root", Role.ADMINISTRATOR, now=now)
    given = run("assign", "li", "wang", "--db", database)
    assert given == {"alerts_given": 1, "open_alerts": {"li": 0, "wang": 1}}
    with store.open(database) as opened:
        (row,) = opened.queue.look([alert["alert_id"]])
        assert row["assignee"] == wang.user_id
    for nobody in ("root", "zhao"):
        refused = CliRunner().invoke(app, ["db", "assign", "wang", nobody, "--db", database])
        assert isinstance(refused.exception, SentinelError)
        assert refused.exception.where == nobody
