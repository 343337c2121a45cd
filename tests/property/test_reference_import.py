"""Whatever a file of an authority holds: no row is lost, and what is written can be read."""

from __future__ import annotations

import csv
import tempfile
from datetime import date
from pathlib import Path

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.codebooks import SHIPPED, checks
from rules.codebooks.conversion import Conversion, Fate, Standing, convert, given_by
from rules.codebooks.force import lay_over, loaded_anew
from rules.codebooks.form import Table
from rules.codebooks.layouts import LAYOUTS, Layout
from rules.codebooks.layouts.sheet import read_sheet
from rules.codebooks.reading import clashes, ever, parse
from rules.codebooks.site import is_site
from rules.codebooks.tables import TABLES
from rules.codebooks.writing import report, write

DAY = date(2024, 1, 1)
DEFAULTS = {"unit_price_yuan": "0", "insurance_class": "02", "category": "05"}

LIKELY = st.sampled_from(
    [
        "", "-", "是", "否", "甲", "乙类", "三级", "特殊使用级", "限急性脑梗死患者，支付不超过14天。", "限儿童", "限某病患者",
        "人血白蛋白", "左氧氟沙星", "注射剂", "片", "S-0901026", "I63.900", "I63.9、I61", "U92.x00", "13.4100x001", "51.23;47.01",
        "120100003", "311201001", "日", "小时", "5.50", "1,200", "12.345", "每日限2次", "C" + "0" * 26, "普通病房床位费", "=1+1", "\u3000",
    ]
)  # fmt: skip
CELLS = st.one_of(
    LIKELY, st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12), LIKELY
)


@st.composite
def files(draw: st.DrawFn) -> tuple[Layout, list[list[str]]]:
    """A layout, and a grid of headings and rows of it."""
    layout = draw(st.sampled_from(sorted(LAYOUTS.values(), key=lambda known: known.name)))
    fields = [f for f in layout.fields if f.required or draw(st.booleans())]
    headings = [draw(st.sampled_from(f.headings)) for f in fields]
    width = len(headings)
    rows = draw(st.lists(st.lists(CELLS, min_size=width, max_size=width), max_size=8))
    return layout, [headings, *rows]


def take(layout: Layout, file: Path, folder: Path, day: date = DAY) -> Conversion:
    base = folder if is_site(folder) else SHIPPED
    given_ = given_by(base, day, source="test", region="5101", defaults=DEFAULTS)
    standing = Standing(base, day, {*layout.tables, "items"})
    made = convert(layout, read_sheet(file, layout.headings()), given_, standing)
    write(made, folder)
    report(made, folder, {})
    return made


@settings(deadline=None, max_examples=60)
@given(made=files(), encoding=st.sampled_from(["utf-8", "utf-8-sig", "gb18030"]))
def test_each_row_is_taken_or_unneeded_or_set_aside_with_its_reason(
    made: tuple[Layout, list[list[str]]], encoding: str
) -> None:
    layout, grid = made
    with tempfile.TemporaryDirectory() as scratch:
        file, folder = Path(scratch) / "file.csv", Path(scratch) / "site"
        with file.open("w", encoding=encoding, newline="") as out:
            csv.writer(out).writerows(grid)
        found = take(layout, file, folder)
        full = [row for row in grid[1:] if any(cell.strip() for cell in row)]
        assert len(found.outcomes) == len(full)
        assert sum(found.count(fate) for fate in Fate) == len(full)
        for outcome in found.outcomes:
            assert bool(outcome.reason) == (outcome.fate is not Fate.TAKEN)
            assert bool(outcome.rows) == (outcome.fate is Fate.TAKEN)
        told = folder / "reports" / f"{layout.name}-file.csv"
        with told.open(encoding="utf-8", newline="") as report_:
            assert sum(1 for _ in csv.reader(report_)) == len(full) + 1
        assert not [fault for fault in checks.check(folder) if not fault.warning]
        before = {path.name: path.read_bytes() for path in folder.glob("*.csv")}
        take(layout, file, folder)
        assert {path.name: path.read_bytes() for path in folder.glob("*.csv")} == before
        take(layout, file, folder, date(2025, 1, 1))
        assert not [fault for fault in checks.check(folder) if not fault.warning]


DAYS = st.dates(date(2020, 1, 1), date(2020, 12, 31))


def table_of(rows: list[tuple[str, date, date | None, int]]) -> pl.DataFrame:
    """``once_only`` rows of (prefix, from, to, most)."""
    text = ",".join(TABLES["once_only"].header) + "\n"
    for prefix, since, until, most in rows:
        text += f"{prefix},x,x,{most},{since},{until or ''},s\n"
    return parse(TABLES["once_only"], Path("once_only.csv"), text.encode()).frame


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[str, date, date | None, int]]:
    """Rows of a few keys that never hold together."""
    rows = []
    for prefix in draw(st.lists(st.sampled_from(["1", "2"]), unique=True)):
        days = sorted(draw(st.lists(DAYS, min_size=1, max_size=6, unique=True)))
        for place, since in enumerate(days):
            until = days[place + 1] if place + 1 < len(days) else None
            if until is None or draw(st.booleans()):
                rows.append((prefix, since, until, draw(st.integers(1, 9))))
    return rows


@settings(deadline=None)
@given(ours=histories(), theirs=histories(), day=DAYS)
def test_a_site_has_the_last_word_from_its_rows_on_or_is_refused(
    ours: list[tuple[str, date, date | None, int]],
    theirs: list[tuple[str, date, date | None, int]],
    day: date,
) -> None:
    table: Table = TABLES["once_only"]
    laid = ever(lay_over(table, table_of(ours), table_of(theirs)))
    if [fault for fault in clashes(table, laid) if not fault.warning]:
        return  # an overlap is told, never settled in silence
    for key in ("1", "2"):
        ended = pl.col("valid_to").is_not_null() & (pl.col("valid_to") <= day)
        now = laid.filter((pl.col("valid_from") <= day) & ~ended, prefix=key)["most"].to_list()
        own = [row for row in theirs if row[0] == key and row[1] <= day]
        if own and (own[-1][2] is None or day < own[-1][2]):
            assert now == [own[-1][3]]
        elif not [row for row in theirs if row[0] == key]:
            mine = [r for r in ours if r[0] == key and r[1] <= day and (r[2] is None or day < r[2])]
            assert now == [r[3] for r in mine]
        assert len(now) <= 1


def test_the_shipped_tables_laid_over_by_nothing_stay_as_they_are() -> None:
    for name, table in TABLES.items():
        frame = loaded_anew(name, SHIPPED).frame
        assert lay_over(table, frame, frame.clear()).equals(frame), name
