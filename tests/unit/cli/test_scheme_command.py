"""``sentinel scheme`` as a person at the command line sees it, and the pages about packs."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import cli
from cli import app
from drg import schemes
from drg.schemes import page
from tests.schemes import added, changed, tiny


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["scheme", *map(str, arguments)])


def test_check_tells_file_line_and_cure_and_ends_with_one(tmp_path: Path) -> None:
    good = tiny(tmp_path)
    bad = tiny(tmp_path, added("diagnosis_lists", "B,X99", "Q,I10.x00"), name="bad")
    told = run("check", good, bad)
    assert told.exit_code == 1
    *problems, last = told.stdout.splitlines()
    assert problems == [
        f"{bad}/diagnosis_lists.csv:22: code X99 does not stand in diagnoses.csv. "
        "Correct the code, or add it to diagnoses.csv.",
        f"{bad}/diagnosis_lists.csv:23: warning: no condition names the list 'Q'. "
        "Name it in conditions.csv, or take it out.",
    ]
    assert json.loads(last) == {"packs": 2, "problems": 1, "warnings": 1}
    assert run("check", good).exit_code == 0


def test_a_warning_alone_is_no_failure(tmp_path: Path) -> None:
    told = run("check", tiny(tmp_path, added("diagnosis_lists", "Q,I10.x00")))
    assert told.exit_code == 0
    assert json.loads(told.stdout.splitlines()[-1])["warnings"] == 1


def test_show_gives_the_pack_with_its_hash(tmp_path: Path) -> None:
    pack = tiny(tmp_path)
    said = run("show", pack).stdout
    assert schemes.load(pack).sha256 in said
    assert "小方案 / Tiny scheme" in said
    assert "groups without a weight: AH11, AH15, BB11, " in said
    assert re.search(r"B +6 ADRG +神经系统 / Nervous system", said)


def test_show_gives_an_adrg_with_its_groups_conditions_and_weights(tmp_path: Path) -> None:
    said = run("show", tiny(tmp_path), "--adrg", "BR1").stdout
    assert "主要诊断属于列表 BR1" in said
    assert "group BR11 of BR1: 颅内出血伴重症" in said
    assert "weight 1.6000 (everywhere, from 2024-01-01 to 2024-12-31)" in said
    assert "weight 1.7000 (everywhere, from 2025-01-01), mean stay 13.50 days" in said


def test_show_gives_a_code_with_everything_that_names_it(tmp_path: Path) -> None:
    said = run("show", tiny(tmp_path), "--diagnosis", "I63.900", "--language", "en").stdout
    assert "lists: B, BR2" in said
    assert "ADRG BR2, alternative 1: the principal diagnosis is in list BR2" in said
    assert "as a secondary diagnosis CC, not with the 3 principal diagnoses" in said
    assert "as the principal diagnosis it takes out 1 MCC/CC (table 3)" in said
    said = run("show", tiny(tmp_path), "--procedure", "01.2499").stdout
    assert "stands for 01.2499 (crosswalk)" in said
    assert "operating: yes" in said


def test_show_gives_a_us_group(root: Path) -> None:
    said = run("show", root / "drg" / "packs" / "ms_fy2026", "--group", "470").stdout
    assert "MAJOR HIP AND KNEE JOINT REPLACEMENT" in said.upper()
    assert re.search(r"^  weight: \d+\.\d{4}$", said, re.M)
    assert "effective_from: 2025-10-01" in said


def test_diff_says_the_old_and_the_new_and_ends_as_diff_does(tmp_path: Path) -> None:
    old = tiny(tmp_path)
    new = tiny(tmp_path, changed("weights", "0.9012", "0.95"), name="new")
    told = run("diff", old, new)
    assert told.exit_code == 1
    assert "~ group_code BR15 2024-01-01: weight 0.9012 -> 0.9500" in told.stdout
    as_json = run("diff", old, new, "--json")
    (row,) = json.loads(as_json.stdout)["rows"]
    assert (row["sheet"], row["old"], row["new"]) == ("weights", "0.9012", "0.9500")
    assert run("diff", old, old).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("--adrg", "XX1"), "no ADRG is named XX1"),
        (("--group", "XX11"), "no group is named XX11"),
        (("--diagnosis", "X"), "no diagnosis is coded X"),
    ],
)
def test_what_is_not_there_ends_with_two(
    arguments: tuple[str, str],
    what: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(
        sys, "argv", ["sentinel", "scheme", "show", str(tiny(tmp_path)), *arguments]
    )
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert what in told
    assert "where:" in told
    assert "do:" in told


def test_the_page_of_tables_is_what_the_layout_says(root: Path) -> None:
    written = root / "docs" / "scheme-tables.md"
    assert written.read_text("utf-8") == page.render(), "run `sentinel scheme tables`"
    assert run("tables", "--check").exit_code == 0


def test_a_stale_page_is_told(tmp_path: Path) -> None:
    stale = tmp_path / "page.md"
    stale.write_text("old", "utf-8")
    assert run("tables", "--check", "--out", stale).exit_code == 1
    assert stale.read_text("utf-8") == "old"
    assert run("tables", "--out", stale).exit_code == 0
    assert stale.read_text("utf-8") == page.render()


def test_the_walk_through_of_the_manual_is_a_whole_pack(root: Path, tmp_path: Path) -> None:
    text = (root / "docs" / "schemes.md").read_text("utf-8")
    files = re.findall(r"^`([a-z_]+\.(?:csv|toml))`[^\n]*\n\n```\w+\n(.*?)```", text, re.M | re.S)
    assert len(files) == 13
    for name, content in files:
        (tmp_path / name).write_text(content, "utf-8")
    assert schemes.review(tmp_path) == ([], [])
    assert "主要诊断属于列表 BR2" in text
    assert schemes.describe(schemes.load(tmp_path), "adrg", "BR2", 1, "zh") in text

    weights = tmp_path / "weights.csv"
    (raised,) = re.findall(r"```csv\n(BR25.*?)```", text, re.S)
    kept = [line for line in weights.read_text("utf-8").splitlines() if "BR25" not in line]
    old = schemes.load(tmp_path)
    weights.write_text("\n".join([*kept, raised]), "utf-8")
    said = schemes.diff(old, schemes.load(tmp_path)).summary("zh")
    (told,) = re.findall(r"says `(\+ group_code BR25[^`]*)`", text)
    assert told in said
