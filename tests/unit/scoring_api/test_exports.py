"""Files to take away: what a spreadsheet makes of them."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook
from starlette.responses import StreamingResponse

from scoring_api import exports
from scoring_api.exports import Column
from tests import coroutines

COLUMNS = (
    Column("标题", "Title", "title"),
    Column("涉及金额（元）", "At stake", "fen", "money"),
    Column("入院", "Admission", "day", "date"),
    Column("时间（北京）", "Time (Beijing)", "at", "instant"),
    Column("评分", "Score", "score", "share"),
    Column("规则", "Checks", "rules"),
    Column("天数", "Days", lambda row: len(row["rules"]), "integer"),
)
ROW: dict[str, Any] = {
    "title": "疑似分解住院",
    "fen": -1234505,
    "day": date(2026, 3, 1),
    "at": datetime(2026, 3, 1, 17, 30, 9, 5, tzinfo=UTC),
    "score": 0.5,
    "rules": ["ADM-003", "DRG-001"],
}


def body(response: StreamingResponse) -> bytes:
    async def read() -> bytes:
        return b"".join([bytes(part) async for part in response.body_iterator])

    return coroutines.run(read())


def table(rows: list[dict[str, Any]], **given: Any) -> list[list[str]]:
    text = body(exports.as_csv(rows, COLUMNS, name="x", **given)).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text, newline="")))


def sheet(rows: list[dict[str, Any]], **given: Any) -> Any:
    made = body(exports.as_xlsx(rows, COLUMNS, name="x", sheet="告警", **given))
    return load_workbook(io.BytesIO(made))["告警"]


def test_csv_has_chinese_heads_money_in_yuan_and_beijing_time() -> None:
    response = exports.as_csv([ROW], COLUMNS, name="告警 2026")
    raw = body(response)
    assert raw.startswith(b"\xef\xbb\xbf"), "without it Excel shows Chinese as nonsense"
    assert response.headers["content-disposition"] == (
        "attachment; filename=\"2026.csv\"; filename*=UTF-8''%E5%91%8A%E8%AD%A6%202026.csv"
    )
    assert table([ROW]) == [
        ["标题", "涉及金额（元）", "入院", "时间（北京）", "评分", "规则", "天数"],
        ["疑似分解住院", "-12345.05", "2026-03-01", "2026-03-02 01:30:09", "0.5", "ADM-003 DRG-001", "2"],
    ]  # fmt: skip
    assert table([], lang="en") == [[column.en for column in COLUMNS]]


def test_a_workbook_holds_dates_and_numbers_that_can_be_calculated_with() -> None:
    page = sheet([ROW])
    cells = {head.value: cell for head, cell in zip(page[1], page[2], strict=True)}
    assert cells["涉及金额（元）"].value == pytest.approx(-12345.05)
    assert cells["涉及金额（元）"].number_format == "#,##0.00"
    assert cells["入院"].value == datetime(2026, 3, 1)  # noqa: DTZ001 (Excel knows no zones)
    assert cells["时间（北京）"].value == datetime(2026, 3, 2, 1, 30, 9)  # noqa: DTZ001
    assert (cells["评分"].value, cells["评分"].number_format) == (0.5, "0.0%")
    assert page.freeze_panes == "A2"
    assert page.auto_filter.ref == "A1:G2"


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\n=1", "＝1+1",
     '=HYPERLINK("http://x","y")', "#N/A", "\x00=1", "-2+3+cmd|' /C calc'!A0"],
)  # fmt: skip
def test_no_text_becomes_a_formula(text: str) -> None:
    row = {**ROW, "title": text}
    cell = sheet([row])["A2"]
    assert cell.data_type == "s"
    shown = table([row])[1][0]
    if text != "#N/A":
        assert shown.startswith("'")
    assert text.strip("\x00").strip() in shown or "\r" in text


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=12), max_size=4), st.integers(-(2**62), 2**62))
def test_whatever_is_written_stays_in_its_cell(titles: list[str], fen: int) -> None:
    rows = [{**ROW, "title": title, "fen": fen} for title in titles]
    found = table(rows)
    assert [len(line) for line in found] == [len(COLUMNS)] * (len(rows) + 1)
    for line in found[1:]:
        assert not line[0].lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r"))
        assert Decimal(line[1]) * 100 == fen


def test_a_file_that_was_cut_says_so() -> None:
    rows = [ROW] * 4
    assert len(table(rows, most=4)) == 5
    cut = table(rows, most=3)
    assert len(cut) == 5
    assert cut[-1] == ["仅导出前 3 行，其余未导出：请缩小筛选条件后分次导出。"]
    page = sheet(rows, most=3, lang="en")
    assert page.max_row == 5
    assert page["A5"].value.startswith("Only the first 3 rows")
    assert page.auto_filter.ref == "A1:G4"


def test_an_error_before_the_first_row_is_no_half_file() -> None:
    def failing() -> Any:
        raise OSError("the database is away")
        yield

    with pytest.raises(OSError, match="away"):
        exports.as_csv(failing(), COLUMNS, name="x")
