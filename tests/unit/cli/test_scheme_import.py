"""``sentinel scheme import opendrg``: a pack on disk, a report, and refusals that say what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.output import OutputError
from cli.scheme_import import app
from drg.opendrg import OpenDrgError
from drg.schemes import load
from tests.opendrg_checkouts import REGION, checkout


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = checkout(tmp_path_factory.mktemp("opendrg"))
    (folder / "LICENSE").write_text("terms", "utf-8")
    return folder


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["opendrg", *map(str, arguments)])


def test_a_pack_is_written_that_loads(source: Path, tmp_path: Path) -> None:
    result = run(source, "--region", REGION, "--out", tmp_path / "deep" / "pack")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout.splitlines()[-1])
    scheme = load(tmp_path / "deep" / "pack")
    assert (told["sha256"], told["rows"]["adrgs"]) == (scheme.sha256, 11)
    assert told["notes"]["never_reached"] == 1
    assert (tmp_path / "deep" / "pack" / "LICENSE").read_text("utf-8") == "terms"
    assert sorted(p.name for p in (tmp_path / "deep").iterdir()) == ["pack"]


def test_what_was_changed_is_told_and_kept_in_both_languages(source: Path, tmp_path: Path) -> None:
    result = run(source, "--region", REGION, "--out", tmp_path)
    report = (tmp_path / "REPORT.md").read_text("utf-8")
    for text in (result.stderr, report):
        assert "BR17 (BR15)" in text
        assert "永远轮不到" in text
        assert "never get their turn" in text
    assert "Apache-2.0" in report


def test_regions_are_listed(source: Path) -> None:
    assert run(source, "--list").stdout == f"{REGION}\n"


def test_a_pack_may_be_replaced_but_nothing_else(source: Path, tmp_path: Path) -> None:
    assert run(source, "--region", REGION, "--out", tmp_path / "pack").exit_code == 0
    assert run(source, "--region", REGION, "--out", tmp_path / "pack").exit_code == 0
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("years of work", "utf-8")
    refused = run(source, "--region", REGION, "--out", tmp_path / "thesis")
    assert isinstance(refused.exception, OutputError)
    assert [p.name for p in (tmp_path / "thesis").iterdir()] == ["chapter.txt"]
    refused = run(source, "--region", REGION, "--out", tmp_path / "thesis" / "chapter.txt")
    assert isinstance(refused.exception, OutputError)


def test_a_refused_import_leaves_the_older_pack(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "pack"
    assert run(source, "--region", REGION, "--out", out).exit_code == 0
    before = load(out).sha256
    broken = checkout(tmp_path / "broken", {"DATA/MCC.dat": None})
    assert isinstance(run(broken, "--region", REGION, "--out", out).exception, OpenDrgError)
    assert load(out).sha256 == before


def test_a_folder_that_is_no_checkout_is_refused_with_a_cure(tmp_path: Path) -> None:
    error = run(tmp_path, "--list").exception
    assert isinstance(error, OpenDrgError)
    assert "clone" in error.cure


@pytest.mark.parametrize("left_out", ["--region", "--out"])
def test_region_and_folder_are_both_needed(source: Path, tmp_path: Path, left_out: str) -> None:
    given = {"--region": REGION, "--out": str(tmp_path)}
    del given[left_out]
    result = run(source, *(part for pair in given.items() for part in pair))
    assert result.exit_code == 2
    assert "--region NAME and --out DIR" in result.output
