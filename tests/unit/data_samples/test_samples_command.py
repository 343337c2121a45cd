"""``sentinel samples``: what a person types and what comes back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.samples import app
from data_samples import committed

runner = CliRunner()


def test_generate_writes_a_month_and_says_so_in_one_json_line(tmp_path: Path) -> None:
    out = tmp_path / "month"
    done = runner.invoke(
        app, ["generate", "--preset", "clean", "--stays", "20", "--seed", "5", "--out", str(out)]
    )
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["stays"], told["visits"], told["planted"]) == (20, 3, 0)
    assert len((out / "stays.jsonl").read_bytes().splitlines()) == 23
    assert sorted(told["files"]) == sorted(p.name for p in out.iterdir())
    assert "Yes" not in (out / "labels.csv").read_text(encoding="utf-8")


def test_generate_writes_parquet(tmp_path: Path) -> None:
    done = runner.invoke(
        app, ["generate", "--stays", "5", "--format", "parquet", "--out", str(tmp_path)]
    )
    assert done.exit_code == 0, done.output
    assert (tmp_path / "planted.parquet").is_file()
    assert (tmp_path / "stays.parquet").is_file()


def test_check_is_silent_about_good_files() -> None:
    done = runner.invoke(app, ["check"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout.splitlines()[-1])["stale"] == 0


def test_check_ends_with_status_1_and_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    committed.write(tmp_path)
    (tmp_path / "patterns" / "LOS-004.jsonl").write_bytes(b"")
    monkeypatch.setattr("data_samples.check", lambda: committed.check(tmp_path))
    done = runner.invoke(app, ["check"])
    assert done.exit_code == 1
    assert "LOS-004.jsonl is not what the generator writes" in done.stderr.replace("\n", "")
    assert "sentinel samples write" in done.stderr
