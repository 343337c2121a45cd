"""``sentinel reviews`` as a person uses it."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import store
from cli import app
from tests import service_samples as samples

COLUMNS = (
    "stay_id,finding_id,rule_id,outcome,reason,recovered_fen,currency,note,reviewer,reviewed_at"
)


@pytest.fixture
def database(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    with store.open(url) as opened:
        samples.write(opened, 6)
    return url


def run(*words: Any, code: int = 0) -> Any:
    done = CliRunner().invoke(app, ["reviews", *map(str, words)])
    assert done.exit_code == code, done.output
    return done


def hit(url: str) -> tuple[str, str]:
    with store.open(url) as opened:
        row = opened.alerts().rows[0]
        return row["stay_id"], row["rule_ids"][0]


def test_earlier_audits_come_in_and_go_out_unchanged(database: str, tmp_path: Path) -> None:
    stay, rule = hit(database)
    file = tmp_path / "audit.csv"
    line = f'{stay},,{rule},partly,coding-error,12345,CNY,"编码, 已改",审计组,2025-03-01T09:30:00+08:00'
    file.write_text(f"{COLUMNS}\n{line}\n", encoding="utf-8-sig")
    told = json.loads(run("import", file, "--db", database).stdout.splitlines()[-1])
    assert told == {"read": 1, "stored": 1, "known": 0, "refused": 0}
    told = json.loads(run("import", file, "--db", database).stdout.splitlines()[-1])
    assert told == {"read": 1, "stored": 0, "known": 1, "refused": 0}
    out = tmp_path / "out.csv"
    run("export", "--out", out, "--db", database)
    (row,) = csv.DictReader(out.open(encoding="utf-8-sig", newline=""))
    assert row["note"] == "编码, 已改"
    assert row["reviewed_at"] == "2025-03-01T01:30:00+00:00"
    assert run("export", "--db", database).stdout.startswith(COLUMNS)
    with store.open(database) as opened:
        assert opened.reviewed()[rule].precision == 1.0


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"outcome": "yes"}, "outcome"),
        ({"reason": "documented"}, "reason"),
        ({"reviewer": ""}, "reviewer"),
        ({"reviewed_at": "2025-03-01T09:30:00"}, "zone"),
        ({"reviewed_at": "gestern"}, "instant"),
        ({"recovered_fen": "12.50"}, "recovered_fen"),
        ({"recovered_fen": "5", "currency": ""}, "recovered_fen"),
        ({"stay_id": "S999999"}, "no decision that counts"),
        ({"stay_id": ""}, "one of the two"),
        ({"stay_id": "", "finding_id": "f" * 32}, "no such finding"),
        ({"rule_id": "XYZ-001"}, "no decision that counts"),
    ],
)
def test_a_wrong_line_is_told_with_its_place_and_the_others_are_kept(
    change: dict[str, str], word: str, database: str, tmp_path: Path
) -> None:
    stay, rule = hit(database)
    good = {
        "stay_id": stay, "finding_id": "", "rule_id": rule, "outcome": "confirmed", "reason": "violation",
        "recovered_fen": "1", "currency": "CNY", "note": "", "reviewer": "a",
        "reviewed_at": "2025-03-01T09:30:00+08:00",
    }  # fmt: skip
    file = tmp_path / "audit.csv"
    with file.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.DictWriter(opened, COLUMNS.split(","))
        writer.writeheader()
        writer.writerow({**good, **change})
        writer.writerow(good)
    done = run("import", file, "--db", database, code=1)
    assert json.loads(done.stdout.splitlines()[-1]) == {"read": 2, "stored": 1, "known": 0, "refused": 1}  # fmt: skip
    assert f"{file.name}:2: " in done.stderr.replace("\n", "")
    assert word in done.stderr.replace("\n", " ")
