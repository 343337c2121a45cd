"""``sentinel project``: what a person at the keyboard gets."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import data_samples
from cli.project import app
from domain.errors import SentinelError


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("month")
    data_samples.produce(folder, preset="clean", stays=300, seed=5)
    return folder


def call(folder: Path, *words: object) -> tuple[list[str], dict]:
    result = CliRunner().invoke(app, [*map(str, words), "--key", str(folder / "key")])
    if result.exception is not None:
        raise result.exception
    lines = result.stdout.splitlines()
    return lines, json.loads(lines[-1])


def test_curves_are_fitted_shown_and_tested(month: Path, tmp_path: Path) -> None:
    _, fitted = call(tmp_path, "fit", month, "--out", tmp_path / "curves", "--upto", "2025-03-20")
    assert 100 < fitted["cases"] < 300
    assert fitted["window"]["last_discharge"] < "2025-03-20"

    table = tmp_path / "open.csv"
    lines, shown = call(
        tmp_path, "show", month, "--as-of", "2025-03-19", "--curves", tmp_path / "curves",
        "--top", 5, "--csv", table,
    )  # fmt: skip
    assert shown["curves_sha256"] == fitted["curves_sha256"]
    assert shown["open"] > 20
    assert shown["open"] + sum(shown["absent"].values()) == 345  # with the visits
    assert len(lines) == 1 + 5 + 1
    rows = list(csv.DictReader(table.open(encoding="utf-8")))
    assert len(rows) == shown["open"]
    # Those most at risk come first, the same in the list and in the file.
    assert lines[1].split()[0] == rows[0]["stay_id"]
    chances = [
        float(r["probability_over_standard"]) for r in rows if r["probability_over_standard"]
    ]
    assert chances == sorted(chances, reverse=True)

    lines, tested = call(tmp_path, "backtest", month, "--split", "2025-03-20")
    assert tested["projections"] > 200
    assert 0.5 < tested["coverage"] <= 1
    assert lines[1].split()[0] == "1"


def test_what_cannot_be_done_is_told(month: Path, tmp_path: Path) -> None:
    with pytest.raises(SentinelError, match="cannot be read"):
        call(tmp_path, "show", month, "--as-of", "2025-03-19", "--curves", tmp_path / "none")
    with pytest.raises(SentinelError, match="0 settled stays"):
        call(tmp_path, "fit", month, "--out", tmp_path / "curves", "--upto", "2020-01-01")
