"""How long the import of files of a national list's size takes: ``python -m benchmarks.reference_import``.

Invented rows: a tariff of 20,000 services, a catalogue of 3,200 drugs matched by name with
50,000 items, 35,000 diagnosis codes of which a third are grey, and 13,000 procedures.
"""

from __future__ import annotations

import csv
import json
import tempfile
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from rules.codebooks import SHIPPED, TABLES
from rules.codebooks.checks import check
from rules.codebooks.conversion import Fate, Standing, convert, given_by
from rules.codebooks.layouts import LAYOUTS
from rules.codebooks.layouts.sheet import read_sheet
from rules.codebooks.site import is_site
from rules.codebooks.writing import report, write

DAY = date(2024, 1, 1)


def files() -> Iterator[tuple[str, list[str], list[list[str]]]]:
    """Layout, headings and rows of each file."""
    yield "service-prices", ["项目编码", "项目名称", "项目内涵", "计价单位", "三级", "二级", "说明"], [
        [f"{n + 250000000}", f"检验项目{n}", "含采样", "次", "12.50", "10.00", "每日限2次"] for n in range(20_000)
    ]  # fmt: skip
    yield "drug-catalogue", ["编号", "药品名称", "剂型", "甲乙", "备注"], [
        [str(n), f"药品{_letters(n)}", "注射剂", "乙", "限急性脑梗死患者；支付不超过14天" if n % 2 else ""]
        for n in range(3_200)
    ]  # fmt: skip
    yield "diagnosis-codes", ["诊断代码", "诊断名称", "灰码", "不可作为主要诊断"], [
        [f"U{n // 1000:02}.{n % 1000:03}", f"病{n}", "是" if n % 3 == 0 else "", ""] for n in range(35_000)
    ]  # fmt: skip
    yield "procedure-codes", ["手术操作代码", "手术操作名称", "手术级别", "日间"], [
        [f"{n // 1000:02}.{n % 1000:03}0", f"手术{n}", "三级", "是" if n % 20 == 0 else ""] for n in range(13_000)
    ]  # fmt: skip


def main() -> None:
    """Import each file into one folder and print rows, fates and seconds."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "site"
        folder.mkdir()
        _tariff(folder)
        for name, headings, rows in files():
            file = Path(scratch) / f"{name}.csv"
            with file.open("w", encoding="utf-8", newline="") as out:
                csv.writer(out).writerows([headings, *rows])
            print(json.dumps(_import(name, file, folder)))
        began = time.process_time()
        faults = [str(fault) for fault in check(folder) if not fault.warning]
        print(json.dumps({"check": len(faults), "cpu_seconds": round(time.process_time() - began, 2)}))  # fmt: skip


def _import(name: str, file: Path, folder: Path) -> dict[str, object]:
    began = time.process_time()
    layout = LAYOUTS[name]
    base = folder if is_site(folder) else SHIPPED
    given = given_by(
        base, DAY, source="benchmark", region="5101", defaults={"insurance_class": "02"}
    )
    standing = Standing(base, DAY, {*layout.tables, "items"})
    made = convert(layout, read_sheet(file, layout.headings()), given, standing)
    written = write(made, folder)
    report(made, folder, written)
    return {
        "layout": name, "rows": len(made.outcomes), **{str(f): made.count(f) for f in Fate},
        "written": written, "cpu_seconds": round(time.process_time() - began, 2),
    }  # fmt: skip


def _tariff(folder: Path) -> None:
    """50,000 items, of which 6,400 are the catalogue's drugs in two strengths."""
    with (folder / "items.csv").open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(TABLES["items"].header)
        for n in range(50_000):
            name = f"注射用药品{_letters(n % 3_200)}{1 + n // 3_200}g" if n < 6_400 else f"物品{n}"
            writer.writerow([f"I{n}", name, "x", "09", "支", "1.00", "01", "", "drug", "2020-01-01", "", "x"])  # fmt: skip
    (folder / "reference.toml").write_text('[tables]\nitems = "replace"\n', encoding="utf-8")


def _letters(n: int) -> str:
    return "".join("甲乙丙丁戊己庚辛壬癸"[int(digit)] for digit in f"{n:04}")


if __name__ == "__main__":
    main()
