"""The pack of a checkout groups random stays as the checkout's own Python does."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks import grouper_equality
from benchmarks.grouper_equality import compare
from tests.opendrg_checkouts import ANSWER, REGION, RETRY, checkout, files

ALL = "".join(f"{line.split(' ')[0]} {line.split(' ')[0]}\n" for line in files()["ICD/ZD_INFO.dat"].splitlines())  # fmt: skip
PROCEDURES = "".join(f"{line.split(' ')[0]} {line.split(' ')[0]}\n" for line in files()["ICD/SS_INFO.dat"].splitlines())  # fmt: skip
CLEAN = {"DATA/CC.dat": "E11.900 2\nI10.x00 999\n", "DATA/CCE.dat": "G01.100 1\nG01.200 2\n"}


@pytest.mark.parametrize("retry", ["", RETRY])
def test_every_group_is_reached_and_every_case_is_the_same(tmp_path: Path, retry: str) -> None:
    changed = {**CLEAN, f"Grouper_{REGION}.py": ANSWER.format(retry=retry)}
    folder = checkout(tmp_path, changed)
    result = compare(folder, REGION, 800, 1, translate=False, timed=False)
    assert result.different == []
    assert result.groups[0] == result.groups[1] == 15
    assert set(result.statuses) == {"grouped", "ambiguous", "ungroupable"}


def test_differences_by_mended_slips_are_explained(tmp_path: Path) -> None:
    result = compare(checkout(tmp_path), REGION, 600, 1, translate=False, timed=False)
    assert result.explained == {
        "a slip of its data files that the importer mends": len(result.different)
    }
    assert result.different
    assert all({"D64.900", "G01.300"} & set(case["diagnoses"]) for case, *_ in result.different)


def test_translated_codes_group_as_opendrg_translates_them(tmp_path: Path) -> None:
    maps = {
        "ICD/ZD_MAP.dat": ALL.replace("R51.x00 R51.x00", "R51.x00 G01.200") + "G01.900 G01.100\n",
        "ICD/SS_MAP.dat": PROCEDURES + "01.2499 01.2400\n",
    }
    folder = checkout(tmp_path, {**CLEAN, **maps})
    result = compare(folder, REGION, 600, 1, translate=True, timed=False)
    assert result.different == []
    assert result.otherwise > 0  # R51.x00 is valid, so the pack keeps it


def test_a_name_that_is_not_imported_explains_where_opendrg_breaks_off(tmp_path: Path) -> None:
    given = files()["ADRG/BB1.py"].replace(f"from drg_group.{REGION}.DRG_EX import BB12\n", "")
    folder = checkout(tmp_path, {**CLEAN, "ADRG/BB1.py": given})
    result = compare(folder, REGION, 400, 1, translate=False, timed=False)
    assert result.unexplained == []
    assert set(result.explained) == {"NameError: name 'BB12' is not defined"}


def test_a_missing_file_is_stood_in_for(tmp_path: Path) -> None:
    women = files()["MDC/MDCN.py"].replace("NA1_1,NA1_2", "NA1").replace("NA1_1.group", "NA1.group")
    women = women.replace("result=NA1_2.group(record)\n  if result:\n    return result\n  ", "")
    folder = checkout(tmp_path, {**CLEAN, "MDC/MDCN.py": women})
    assert compare(folder, REGION, 400, 1, translate=False, timed=False).different == []


def test_an_unexplained_difference_ends_the_command_with_1_and_the_case(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The importer does not read the proxy, so a proxy that forgets codes must be noticed."""
    proxy = files()["GroupProxy.py"].replace("zdList=lists[0]", "zdList=lists[0][:1]")
    folder = checkout(tmp_path, {**CLEAN, "GroupProxy.py": proxy})
    argv = ["x", "--checkout", str(folder), "--cases", "300", "--no-times"]
    monkeypatch.setattr(sys, "argv", argv)
    assert grouper_equality.main() == 1
    told = capsys.readouterr().out
    assert "DIFFERENT ours" in told
    assert '"diagnoses": [' in told
