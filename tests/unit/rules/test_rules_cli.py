"""``sentinel rules``: what a person at the keyboard gets, and the exit status."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.rules import app
from domain.errors import SentinelError
from rules import loader

ROOT = Path(__file__).resolve().parents[3]
PATTERN = ROOT / "data_samples" / "patterns" / "IDB-001.jsonl"


def call(*words: str) -> tuple[int, list[str]]:
    result = CliRunner().invoke(app, list(words))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout.splitlines()


def test_a_new_rule_passes_the_check_and_stands_where_it_belongs(tmp_path: Path) -> None:
    status, lines = call("new", "CHG-042", "--unit", "charge", "--folder", str(tmp_path))
    assert status == 0
    assert Path(lines[0]) == tmp_path / "chg" / "CHG-042.yaml"
    status, lines = call("check", str(tmp_path))
    assert (status, json.loads(lines[-1])) == (0, {"files": 1, "problems": 0})


def test_check_names_file_line_code_and_cure_and_fails(tmp_path: Path) -> None:
    call("new", "CHG-042", "--unit", "charge", "--folder", str(tmp_path))
    path = tmp_path / "chg" / "CHG-042.yaml"
    path.write_text(
        path.read_text("utf-8").replace("2021-05-01: stay_days", "2021-05-01: stay_dayz"), "utf-8"
    )
    status, lines = call("check", str(path))
    assert status == 1
    number = next(
        i for i, t in enumerate(path.read_text("utf-8").splitlines(), 1) if "stay_dayz" in t
    )
    assert lines[0].startswith(f"{path}:{number}: RL008 ")
    assert "Did you mean stay_days" in lines[0]


def test_check_judges_the_catalogue_by_default() -> None:
    status, lines = call("check", "--parameters", str(loader.CATALOG.parent / "parameters"))
    assert status == 0
    files = len(list(loader.CATALOG.rglob("*.yaml")))
    assert json.loads(lines[-1]) == {"files": files, "problems": 0}


def test_list_filters_and_prints_json() -> None:
    _, lines = call("list", "--family", "adm")
    ids = [line[:7] for line in lines]
    assert ids == sorted(path.stem for path in (loader.CATALOG / "adm").glob("*.yaml"))
    assert "当日再入院" in lines[0]
    _, lines = call("list", "--json", "--family", "LOS", "--status", "active")
    (very_long,) = [rule for rule in map(json.loads, lines) if rule["id"] == "LOS-003"]
    assert very_long["params"]["long_days"]["default"] == {"2000-01-01": "60"}
    _, lines = call("list", "--status", "draft")
    assert [line[:7] for line in lines] == ["CST-030"]


def test_run_prints_the_hits_and_accounts_for_every_claim(tmp_path: Path) -> None:
    status, lines = call("run", "IDB-001", str(PATTERN), "--key", str(tmp_path / "k"))
    assert status == 0
    counts = json.loads(lines[-1])
    assert counts["hit"] == counts["hits"] == len(lines) - 1 > 0
    assert (
        counts["pass"] + counts["hit"] + counts["unknown"] + counts["out_of_force"]
        == counts["accepted"]
    )
    hit = json.loads(lines[0])
    assert hit["thresholds"]["min_overlap_days"] == {"value": 1, "unit": "day"}
    assert hit["facts"]["overlap_days_with_prior"] >= 1


def test_run_tells_an_unknown_check(tmp_path: Path) -> None:
    with pytest.raises(SentinelError, match="no check is named XXX-001"):
        call("run", "XXX-001", str(PATTERN), "--key", str(tmp_path / "k"))
