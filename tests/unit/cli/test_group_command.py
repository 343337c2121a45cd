"""``sentinel group``: from a table of stays, or from claims, to groups."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli import app, flatcsv
from cli.flatcsv import COLUMNS, NEEDED
from domain.errors import SentinelError
from streaming.pseudonym import PseudonymKey
from tests.schemes import tiny

HEAD = "stay_id,sex,age_years,admission_date,discharge_date,region_code,insurance_type,provider_level,diagnoses,procedures,total_amount\n"
GOOD = "A1,1,66,2024-03-01,2024-03-09,110101,310,3,I63.900|E11.900,88.4100,9000.50\n"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["group", *map(str, arguments)])


@pytest.fixture
def scheme(tmp_path: Path) -> Path:
    return tiny(tmp_path)


@pytest.fixture(autouse=True)
def _key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_table_of_stays_is_grouped_and_bad_rows_are_set_aside(
    tmp_path: Path, scheme: Path
) -> None:
    table = tmp_path / "stays.csv"
    table.write_text(
        HEAD
        + GOOD
        + "A2,1,sixty,2024-03-01,2024-03-09,110101,310,3,I63.900,,9000\n"
        + "A3,1,60,2024-02-30,,110101,310,3,I63.900,,\n"
        + "A4,1,60,2024-03-01,,110101,310,3,C61.x00|J96.000,,0.015\n",
        encoding="utf-8-sig",
    )
    done = run(table, "--scheme", scheme, "--out", tmp_path / "out", "--trace")
    assert done.exit_code == 0, done.output
    summary = json.loads(done.stdout.splitlines()[-1])
    assert (summary["read"], summary["accepted"], summary["set_aside"]) == (4, 1, 3)
    (row,) = list(csv.DictReader((tmp_path / "out" / "groups.csv").open(encoding="utf-8")))
    assert (row["group"], row["price_source"], row["payment_standard_fen"]) == (
        "BR25", "grouper", "792000",
    )  # fmt: skip
    assert row["balance_fen"] == str(792_000 - 900_050)
    (told,) = _lines(tmp_path / "out" / "groups.jsonl")
    assert told["diagnoses"][1]["level"] == "cc"
    aside = _lines(tmp_path / "out" / "set-aside.jsonl")
    assert [letter["line"] for letter in aside] == [3, 4, 5]
    assert [letter["reasons"][0]["field"] for letter in aside] == [
        "age_years", "admission_date", "total_amount",
    ]  # fmt: skip
    assert "stays.csv:3" in done.stderr


def test_without_a_folder_json_lines_are_printed(tmp_path: Path, scheme: Path) -> None:
    table = tmp_path / "stays.csv"
    table.write_text(HEAD + GOOD, encoding="utf-8")
    done = run(table, "--scheme", scheme)
    assert [json.loads(line)["group"] for line in done.stdout.splitlines()] == ["BR25"]
    assert json.loads(done.stderr.splitlines()[-1])["accepted"] == 1


def test_claims_are_grouped_like_rows(tmp_path: Path, root: Path) -> None:
    month = root / "data_samples" / "clean" / "month-small.jsonl"
    done = run(month, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    told = _lines(tmp_path / "out" / "groups.jsonl")
    assert {one["status"] for one in told} == {"grouped", "not_grouped"}


def test_gb18030_is_read(tmp_path: Path, scheme: Path) -> None:
    table = tmp_path / "stays.csv"
    table.write_bytes(
        (HEAD.strip() + ",department\n" + GOOD.strip() + ",神经内科\n").encode("gb18030")
    )
    assert run(table, "--scheme", scheme, "--encoding", "gb18030").exit_code == 0
    failed = run(table, "--scheme", scheme)
    assert isinstance(failed.exception, SentinelError)
    assert "gb18030" in failed.exception.cure


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("stay_id,admission_date\n", "lacks the columns diagnoses"),
        ("stay_id,admission_date,diagnoses,weight\n", "unknown the columns weight"),
        ("stay_id,admission_date,diagnoses,stay_id\n", "repeats the columns stay_id"),
        ("", "lacks the columns"),
    ],
)
def test_another_table_is_refused_whole(tmp_path: Path, header: str, said: str) -> None:
    table = tmp_path / "stays.csv"
    table.write_text(header, encoding="utf-8")
    failed = run(table)
    assert isinstance(failed.exception, SentinelError)
    assert said in failed.exception.what
    assert all(name in failed.exception.cure for name in NEEDED)


def test_a_file_without_a_good_row_ends_with_status_1(tmp_path: Path) -> None:
    table = tmp_path / "stays.csv"
    table.write_text(HEAD + GOOD.replace("2024-03-01", "soon"), encoding="utf-8")
    assert run(table).exit_code == 1


def test_every_row_is_accounted_for(tmp_path: Path) -> None:
    table = tmp_path / "stays.csv"
    rows = [
        GOOD,
        GOOD,  # the same stay again
        GOOD.replace("A1", "A2"),
        "A3,1\n",
        GOOD.replace("A1", "A4").strip() + ",more\n",
        GOOD.replace("A1", ""),
        GOOD.replace("A1", "A5").replace("I63.900|E11.900", ""),
    ]
    table.write_text(HEAD + "".join(rows), encoding="utf-8")
    read = flatcsv.read(table, PseudonymKey(b"x" * 32))
    assert read.read == len(rows)
    assert len(read.tables) + len(read.refused) == len(rows)
    assert read.tables.stays["stay_id"].to_pylist() == ["A1", "A2", "A5"]
    assert [line for line, _ in read.refused] == [3, 5, 6, 7]


def test_intensive_care_hours_count(tmp_path: Path) -> None:
    table = tmp_path / "stays.csv"
    table.write_text(
        "stay_id,admission_date,diagnoses,icu_hours\n"
        "A1,2024-03-01,I63.900,120.5\nA2,2024-03-01,I63.900,0\nA3,2024-03-01,I63.900,-1\n",
        encoding="utf-8",
    )
    read = flatcsv.read(table, PseudonymKey(b"x" * 32))
    (icu,) = read.tables.icu_stays.to_pylist()
    assert (icu["end_time"] - icu["start_time"]).total_seconds() == 120.5 * 3600
    assert [line for line, _ in read.refused] == [4]


def test_the_page_lists_every_column(root: Path) -> None:
    page = (root / "docs" / "grouping.md").read_text(encoding="utf-8")
    for column in COLUMNS:
        assert f"`{column}`" in page, column


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
