"""Backtest of a check on hospitals' months, over claims that were stored like any others."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import drg
import rules
import store
from cli import app
from domain.tables import Tables
from rules import loader
from streaming import intake
from streaming.pipeline import Engine, assess
from streaming.pseudonym import PseudonymKey
from streaming.service import keep

SAMPLES = Path(__file__).resolve().parents[3] / "data_samples" / "aggregates"
CHECK = "adm/ADM-023.yaml"
GROWN = "SH330100005|2025-03"
"""The month that the sample plants: 18 stays after four a month."""


def read(*names: str) -> Tables:
    return intake.read(
        [SAMPLES / name for name in names], "jsonl", key=PseudonymKey(b"backtest-tests" * 3)
    ).tables


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    url = f"sqlite:///{tmp_path_factory.mktemp('db') / 'a.db'}"
    engine = Engine(rules.load(), drg.load())
    claims = read("ADM-023.jsonl")
    with store.open(url) as opened:
        keep(opened, claims, assess(claims, engine, upto=date(2025, 4, 1)), engine)
    return url


def run(database: str, *more: object, month: int = 3, check: str = "ADM-023") -> Result:
    period = ["--from", f"2025-{month:02}-01", "--to", f"2025-{month:02}-28"]
    if month == 3:
        period[-1] = "2025-03-31"
    arguments = ["rules", "backtest", check, *period, "--db", database, *map(str, more)]
    return CliRunner().invoke(app, arguments)


def told(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output + str(result.exception)
    found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return found


def test_the_month_is_found_with_the_past_that_lies_before_the_period(database: str) -> None:
    done = run(database)
    summary = told(done)
    assert summary["provider_months"] == 2, "only March is told, of the two hospitals"
    assert (summary["hit"], summary["hits"]) == (1, 1)
    line = json.loads(done.stdout.splitlines()[0])
    assert line["subject_id"] == GROWN
    assert summary["exposure_fen"] == {"CNY": line["exposure_fen"]}


def test_a_month_before_the_growth_is_clean(database: str) -> None:
    summary = told(run(database, month=2))
    assert summary["provider_months"] == 2
    assert summary["hit"] == 0


def test_a_changed_file_tells_the_month_that_it_loses(database: str, tmp_path: Path) -> None:
    folder = tmp_path / "catalogue"
    shutil.copytree(loader.CATALOG, folder)
    text = (folder / CHECK).read_text("utf-8")
    changed = text.replace("{2021-05-01: 15}", "{2021-05-01: 15, 2025-03-01: 30}")
    assert changed != text
    (folder / CHECK).write_text(changed, "utf-8")
    summary = told(run(database, "--file", folder / CHECK))
    assert (summary["hit"], summary["gained"], summary["lost"]) == (0, 0, 1)
    assert summary["lost_provider_months"] == [GROWN]
    assert summary["lost_fen"]["CNY"] > 0


def test_a_backtest_of_months_leaves_the_database_as_it_was(database: str) -> None:
    with store.open(database) as opened:
        before = opened.counts()
    told(run(database))
    with store.open(database) as opened:
        assert opened.counts() == before


def test_the_record_of_a_hospital_is_read_from_the_store(tmp_path: Path) -> None:
    """ADM-016 compares nights with beds, which stand in the record of the hospital."""
    engine = Engine(rules.load(), drg.load())
    for names, hit in ((["ADM-016.jsonl"], 0), (["ADM-016.jsonl", "providers.jsonl"], 1)):
        url = f"sqlite:///{tmp_path / f'{hit}.db'}"
        claims = read(*names)
        with store.open(url) as opened:
            keep(opened, claims, assess(claims, engine), engine)
        assert told(run(url, check="ADM-016"))["hit"] == hit
