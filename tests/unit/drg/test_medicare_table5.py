"""CMS Table 5 as a sheet: the shipped pack is the table, and a bad table is refused by its row."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from drg import medicare, schemes
from drg.library import MEDICARE
from drg.medicare import table5
from tests.medicare_claims import pack

TABLE = Path(__file__).resolve().parents[4] / "shared" / "data" / "cms_fy2026" / "table5.csv"
HEADER = ",".join(table5.COLUMNS)
GOOD = "291,Yes,No,05,MED,HEART FAILURE AND SHOCK WITH MCC,1.2838,1.2838,4.0,5.2"
NO_GROUP = "999,No,No,,**,UNGROUPABLE,.,.,.,"


def read(tmp_path: Path, *rows: str, header: str = HEADER) -> pl.DataFrame:
    file = tmp_path / "table5.csv"
    file.write_text("\n".join((header, *rows)) + "\n", "utf-8")
    return table5.read(file, pack(tmp_path / "pack").manifest, "made up")


def test_a_row_becomes_a_group_and_a_dot_an_empty_cell(tmp_path: Path) -> None:
    rows = read(tmp_path, GOOD, NO_GROUP, GOOD.replace("291", "927"), GOOD.replace("291", "789"))
    first, second, burn, moved = rows.to_dicts()
    assert first["type"] == "medical"
    assert (first["weight"], first["gmlos_days"], first["amlos_days"]) == ("1.2838", "4.0", "5.2")
    assert (first["post_acute_transfer"], first["special_pay"]) == ("true", "false")
    assert (first["effective_from"], first["effective_to"]) == ("2025-10-01", "2026-09-30")
    assert (second["weight"], second["mdc"], second["type"]) == (None, None, None)
    assert [r["burn"] for r in (first, burn)] == ["false", "true"]
    assert [r["transfer_exempt"] for r in (first, moved)] == ["false", "true"]


@pytest.mark.parametrize(
    ("row", "named"),
    [
        (GOOD.replace("291", "29"), "ms_drg is '29'"),
        (GOOD.replace("Yes", "yes"), "post_acute_transfer is 'yes'"),
        (GOOD.replace("1.2838", "1,2838", 1).replace("1,2838", '"1,2838"'), "columns"),
        (GOOD.replace(",4.0,", ",four,"), "gmlos_days is 'four'"),
        (GOOD.replace(",1.2838,4.0", ",-1,4.0"), "weight is '-1'"),
    ],
)
def test_a_cell_of_another_form_is_refused_with_its_row(
    tmp_path: Path, row: str, named: str
) -> None:
    if named == "columns":
        with pytest.raises(medicare.MedicareError, match="header"):
            read(tmp_path, row, header=HEADER.replace("ms_drg", "drg"))
        return
    with pytest.raises(medicare.MedicareError, match=named) as caught:
        read(tmp_path, GOOD, row)
    assert caught.value.where.endswith("table5.csv:3")


def test_the_command_replaces_the_groups_and_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "pack"
    before = pack(folder)
    file = tmp_path / "table5.csv"
    file.write_text(f"{HEADER}\n{GOOD}\n{NO_GROUP}\n", "utf-8")
    assert table5.main([str(file), str(folder), "--source", "here"]) == 0
    assert capsys.readouterr().out == f"2 groups in {folder}\n"
    after = schemes.load(folder)
    assert after.tables["ms_groups"]["source"].to_list() == ["here", "here"]
    for name in ("ms_rates", "ms_hospitals"):
        assert after.tables[name].equals(before.tables[name])
    assert table5.main([str(tmp_path / "none.csv"), str(folder), "--source", "here"]) == 2
    assert "cannot be read" in capsys.readouterr().err


@pytest.mark.shared
def test_the_shipped_pack_is_table_5_of_fiscal_year_2026() -> None:
    scheme = schemes.load(MEDICARE)
    groups = scheme.tables["ms_groups"]
    table = pl.read_csv(TABLE, infer_schema=False)
    assert groups["ms_drg"].to_list() == table["ms_drg"].to_list()
    assert groups.height == 772
    for name in ("weight", "gmlos_days", "amlos_days"):
        wanted = table[name].replace(".", None).cast(groups.schema[name])
        assert groups[name].to_list() == wanted.to_list()
    for name in ("post_acute_transfer", "special_pay"):
        assert groups[name].to_list() == [cell == "Yes" for cell in table[name]]
    assert groups["title_en"].to_list() == table["title"].to_list()
    assert groups.filter(pl.col("weight").is_null())["ms_drg"].to_list() == ["998", "999"]
