"""``sentinel reference``, and checks that read a site's own tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from cli import app
from cli.output import complain
from domain.errors import SentinelError
from rules.codebooks import TABLES
from rules.codebooks.layouts import LAYOUTS
from tests.reference_folders import site, write

ROOT = Path(__file__).resolve().parents[3]
CLAIMS = ROOT / "data_samples" / "patterns" / "ADM-012.jsonl"
FEW = str(ROOT / "rules" / "catalog" / "adm")
"""A few checks: the whole catalogue takes seconds to load."""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def call(*words: str) -> tuple[int, list[str]]:
    """Exit status and lines printed; an error for people counts as status 2."""
    done = CliRunner().invoke(app, list(words))
    if isinstance(done.exception, SentinelError):
        complain(done.exception)
        return 2, [str(done.exception)]
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout.splitlines()


def result(lines: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def test_our_own_tables_are_right_and_listed() -> None:
    status, lines = call("reference", "check")
    assert (status, result(lines)["problems"], result(lines)["warnings"]) == (0, 0, 0)
    status, lines = call("reference", "list", "--json")
    assert status == 0
    assert [json.loads(line)["name"] for line in lines] == list(TABLES)


def test_a_fault_of_a_site_is_told_with_file_and_line_and_ends_with_status_1() -> None:
    site(Path("site"), price_caps=[{"item_code": "X", "cap_yuan": "many"}, {"cap_yuan": "1"}])
    status, lines = call("reference", "check", "site")
    assert status == 1
    assert "price_caps.csv:2: cap_yuan holds 'many', which is not a decimal" in lines[0]
    assert "price_caps.csv:3: item_code is empty" in lines[1]
    assert result(lines) | {"sha256": None} == result(lines)
    assert call("reference", "check", "nowhere")[0] == 2


def test_a_table_is_shown_as_on_a_day_with_where_each_row_comes_from() -> None:
    rows = [
        {"system": "ICD-9-CM-3-CN", "prefix": "13.41", "name_zh": "白内障", "name_en": "x", "valid_from": "2024-01-01"},
        {"system": "ICD-9-CM-3-CN", "prefix": "99.01", "name_zh": "输血", "name_en": "x"},
    ]  # fmt: skip
    site(Path("site"), day_surgery=rows)
    _, old = call("reference", "show", "day_surgery", "--on", "2023-12-31", "--reference", "site")
    _, new = call("reference", "show", "day_surgery", "--on", "2024-01-01", "--reference", "site")
    assert old[0] == "system,prefix,name_zh,name_en,diagnoses,valid_from,valid_to,from"
    (before,) = [line for line in old if ",13.41," in line]
    (after,) = [line for line in new if ",13.41," in line]
    assert before.endswith("2000-01-01,2024-01-01,day_surgery.csv:2")
    assert after.endswith("site/day_surgery.csv:2")
    assert len(old) == len(new)
    status, lines = call("reference", "show", "drugs", "--explain")
    assert status == 0
    assert any("valid_from" in line for line in lines)
    assert call("reference", "show", "nothing")[0] == 2


def test_the_difference_of_two_folders_is_told_row_by_row() -> None:
    cap = {"item_code": "X", "cap_yuan": "5.00", "valid_from": "2024-01-01"}
    site(Path("a"), price_caps=[cap])
    site(Path("b"), price_caps=[cap | {"cap_yuan": "6.00"}])
    status, lines = call("reference", "diff", "a", "b")
    assert status == 1
    assert lines[0].startswith("~ price_caps X")
    assert "cap_yuan: 5.000000 -> 6.000000" in lines[0]
    assert result(lines) == {"changes": 1, "before_today": 1}
    status, lines = call("reference", "diff", "a", "shipped", "--json")
    assert json.loads(lines[0])["kind"] == "removed"
    assert call("reference", "diff", "a", "a")[0] == 0


def test_layouts_are_listed_with_their_headings() -> None:
    status, lines = call("reference", "layouts")
    assert status == 0
    assert [line.split()[0] for line in lines] == list(LAYOUTS)
    assert "限定支付范围" in "\n".join(call("reference", "layouts", "drug-catalogue")[1])
    assert call("reference", "layouts", "nothing")[0] == 2


IMPORT = ["--out", "site", "--source", "示例目录", "--valid-from", "2024-01-01"]


def test_an_import_says_how_many_rows_were_taken_and_where_the_others_are() -> None:
    Path("日间.csv").write_text(
        "序号,病种名称,手术编码,收费\n1,白内障,13.4100,1\n2,某病,,2\n", encoding="utf-8"
    )
    status, lines = call("reference", "import", "day-surgery", "日间.csv", *IMPORT)
    told = result(lines)
    assert status == 0
    assert (told["rows"], told["taken"], told["unneeded"], told["set_aside"]) == (2, 1, 0, 1)
    assert told["written"] == {"day_surgery": 1}
    assert Path(told["report"]).is_file()
    assert "收费" in Path(told["report"]).with_suffix(".md").read_text(encoding="utf-8")
    status, lines = call("reference", "check", "site")
    assert (status, result(lines)["tables"]) == (0, 1)


def test_an_import_of_nothing_ends_with_status_1_and_of_a_wrong_file_with_2() -> None:
    Path("a.csv").write_text("病种名称,手术编码\n某病,\n", encoding="utf-8")
    assert call("reference", "import", "day-surgery", "a.csv", *IMPORT)[0] == 1
    status, lines = call("reference", "import", "drug-catalogue", "a.csv", *IMPORT)
    assert status == 2
    assert "药品名称" in lines[0]
    assert "备注" in lines[0]
    assert call("reference", "import", "nothing", "a.csv", *IMPORT)[0] == 2
    assert call("reference", "import", "day-surgery", "gone.csv", *IMPORT)[0] == 2
    assert (
        call("reference", "import", "day-surgery", "a.csv", *IMPORT, "--set", "colour=red")[0] == 2
    )


def test_a_folder_of_tables_without_a_manifest_is_not_written_over() -> None:
    Path("site").mkdir()
    kept = write(Path("site"), "imaging", []).read_bytes()
    Path("a.csv").write_text("病种名称,手术编码\n白内障,13.4100\n", encoding="utf-8")
    status, lines = call("reference", "import", "day-surgery", "a.csv", *IMPORT)
    assert status == 2
    assert "reference.toml" in lines[0]
    assert Path("site/imaging.csv").read_bytes() == kept


def test_a_check_reads_the_sites_tables_and_the_run_records_their_digest() -> None:
    """The cataract that is a hit by our list is none where the site's list ends before."""
    row = {"system": "ICD-9-CM-3-CN", "prefix": "13.41", "name_zh": "白内障", "name_en": "x"}
    site(Path("site"), day_surgery=[row | {"valid_to": "2025-01-01"}])
    ours = call("rules", "run", "ADM-012", str(CLAIMS), "--key", "k", "--folder", FEW)
    theirs = call(
        "rules", "run", "ADM-012", str(CLAIMS), "--key", "k", "--folder", FEW, "--reference", "site"
    )
    assert (result(ours[1])["hits"], result(theirs[1])["hits"]) == (1, 0)

    runs = {}
    for name, words in {"ours": [], "site": ["--reference", "site"]}.items():
        assert (
            call(
                "assess", str(CLAIMS), "--out", f"out-{name}", "--key", "k", "--rules", FEW, *words
            )[0]
            == 0
        )
        runs[name] = (
            pl.read_parquet(f"out-{name}/decisions.parquet"),
            json.loads(Path(f"out-{name}", "run.json").read_text(encoding="utf-8")),
        )
    for column in ("rules_sha256", "decision_id"):
        assert set(runs["ours"][0][column]).isdisjoint(runs["site"][0][column]), column
    (_, ours_told), (_, site_told) = runs["ours"], runs["site"]
    assert ours_told["reference_sha256"] != site_told["reference_sha256"]
    assert site_told["reference"].endswith("/site")
    assert result(call("reference", "check", "site")[1])["sha256"] == site_told["reference_sha256"]
