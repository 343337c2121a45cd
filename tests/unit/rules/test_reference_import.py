"""Files of authorities taken over into a site's tables: every layout, and what becomes of each row."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest

from rules import codebooks
from rules.codebooks import SHIPPED, checks
from rules.codebooks.conversion import Conversion, Fate, Standing, convert, given_by
from rules.codebooks.layouts import LAYOUTS, LayoutError
from rules.codebooks.layouts.layout import NotTakenError
from rules.codebooks.layouts.restriction import understand
from rules.codebooks.layouts.sheet import read_sheet
from rules.codebooks.site import is_site
from rules.codebooks.writing import report, write
from tests.reference_folders import site

DAY = date(2024, 1, 1)
Grid = list[list[Any]]


def workbook(path: Path, grid: Grid) -> Path:
    book = openpyxl.Workbook()
    for row in grid:
        book.active.append(row)
    book.save(path)
    return path


def take(
    layout: str, file: Path, folder: Path, *, day: date = DAY, region: str = "", **defaults: str
) -> Conversion:
    """Import a file into a folder as the command does."""
    base = folder if is_site(folder) else SHIPPED
    known = LAYOUTS[layout]
    given = given_by(base, day, source="test", region=region, defaults=defaults)
    made = convert(
        known,
        read_sheet(file, known.headings()),
        given,
        Standing(base, day, {*known.tables, "items"}),
    )
    write(made, folder)
    report(made, folder, {})
    return made


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    path = folder / f"{name}.csv"
    return pl.read_csv(path, infer_schema=False).fill_null("").to_dicts() if path.is_file() else []


def fates(made: Conversion) -> dict[int, str]:
    return {outcome.line: f"{outcome.fate} {outcome.reason}".strip() for outcome in made.outcomes}


# The eight layouts

CATALOGUE: Grid = [
    ["国家基本医疗保险药品目录（示例，虚构）"],
    ["药品分类代码", "编号", "药品名称", "剂型", "甲乙", "备注"],
    ["XA", None, "消化道和代谢方面的药物", None, None, None],
    [None, 1, "头孢呋辛钠", "注射剂", "甲", None],
    [None, "★(2)", "丁苯酞氯化钠", "注射剂", "乙", "限急性脑梗死患者，支付不超过14天。"],
    [None, 3, "人血白蛋白", "注射剂", "乙", "限二级及以上医疗机构；限肝硬化患者"],
    [None, 4, "左氧氟沙星", "注射剂", "乙", "限有明确药敏证据的患者"],
    [None, 5, "不存在的药", "口服常释剂型", "甲", None],
    [None, 6, "左氧氟沙星", "注射剂", "丁", None],
]


def tariff(folder: Path) -> Path:
    """A site with a tariff of a few drugs of its own."""
    names = {"D1": "注射用头孢呋辛钠0.75g", "D2": "丁苯酞氯化钠注射液100ml", "D3": "人血白蛋白10g", "D4": "左氧氟沙星注射液0.5g", "D5": "左氧氟沙星片0.5g"}  # fmt: skip
    return site(
        folder, items_only=[{"item_code": code, "name_zh": name} for code, name in names.items()]
    )


def test_the_drug_catalogue_limits_what_it_says_and_nothing_else(tmp_path: Path) -> None:
    folder = tariff(tmp_path / "site")
    made = take("drug-catalogue", workbook(tmp_path / "目录.xlsx", CATALOGUE), folder)
    assert fates(made) == {
        3: "unneeded a heading of the list, no drug",
        4: "taken",
        5: "taken",
        6: "taken",
        7: "set aside the restriction '限有明确药敏证据的患者' is not understood",
        8: "set aside the tariff (items.csv) has no item called 不存在的药 (口服常释剂型)",
        9: "set aside the class '丁' is none of 甲, 乙, 丙",
    }
    drugs = {r["item_code"]: r for r in rows(folder, "drugs")}
    assert set(drugs) == {"D2", "D3"}
    assert (drugs["D2"]["course_days"], drugs["D2"]["min_level"]) == ("14", "")
    assert (drugs["D3"]["course_days"], drugs["D3"]["min_level"]) == ("", "2")
    payable = {r["item_code"]: r["prefixes"] for r in rows(folder, "drug_indications")}
    assert payable == {"D2": "I63", "D3": "K70.3 K74"}
    classes = {
        (r["item_code"], r["valid_from"]): r["insurance_class"] for r in rows(folder, "items")
    }
    assert classes["D2", "2024-01-01"] == "02"
    assert ("D1", "2024-01-01") not in classes, "甲 is what the tariff said already"
    ended = next(r for r in rows(folder, "items") if r["item_code"] == "D2")
    assert (ended["valid_from"], ended["valid_to"]) == ("2000-01-01", "2024-01-01")
    assert checks.check(folder) == []


def test_a_second_list_adds_to_the_rows_of_the_first(tmp_path: Path) -> None:
    folder = tariff(tmp_path / "site")
    take("drug-catalogue", workbook(tmp_path / "a.xlsx", CATALOGUE), folder)
    grades: Grid = [
        ["抗菌药物名称", "通用名", "分级"],
        ["", "左氧氟沙星", "非限制使用级"],
        ["", "人血白蛋白", "特殊使用级"],
        ["", "头孢呋辛钠", "很高"],
    ]
    made = take("antibacterial-grades", workbook(tmp_path / "b.xlsx", grades), folder, day=date(2025, 1, 1))  # fmt: skip
    assert fates(made)[4] == "set aside the grade '很高' is none of 非限制使用, 限制使用, 特殊使用"
    drugs = [(r["item_code"], r["grade"], r["min_level"], r["valid_from"], r["valid_to"]) for r in rows(folder, "drugs")]  # fmt: skip
    assert ("D3", "", "2", "2024-01-01", "2025-01-01") in drugs
    assert ("D3", "special", "2", "2025-01-01", "") in drugs, "the limit of the catalogue stays"
    assert {d[0] for d in drugs if d[1] == "non-restricted"} == {"D4", "D5"}
    flagged = {r["item_code"] for r in rows(folder, "items") if "antibacterial" in r["flags"]}
    assert flagged == {"D3", "D4", "D5"}
    assert checks.check(folder) == []


def test_a_monitored_drug_is_justified_by_what_it_is_payable_for(tmp_path: Path) -> None:
    folder = tariff(tmp_path / "site")
    take("drug-catalogue", workbook(tmp_path / "a.xlsx", CATALOGUE), folder)
    listed: Grid = [
        ["第二批重点监控合理用药药品目录（示例）"],
        ["序号", "药品通用名", "适应症编码"],
        [1, "人血白蛋白", None],
        [2, "头孢呋辛钠", None],
        [3, "丁苯酞氯化钠", "I63、I69.3"],
    ]
    made = take("key-monitored-drugs", workbook(tmp_path / "b.xlsx", listed), folder)
    assert fates(made)[4].startswith("set aside no diagnosis is known that justifies D1")
    found = {r["item_code"]: r["prefixes"] for r in rows(folder, "drug_indications") if r["purpose"] == "key_monitored"}  # fmt: skip
    assert found == {"D3": "K70.3 K74", "D2": "I63 I69.3"}


def test_a_price_list_gives_items_caps_limits_and_its_words(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    grid: Grid = [
        ["某市医疗服务项目价格目录（示例）"],
        [
            "财务分类",
            "项目编码",
            "项目名称",
            "项目内涵",
            "除外内容",
            "计价单位",
            "三级",
            "二级",
            "说明",
        ],
        [None, "1201", "护理费", None, None, None, None, None, None],
        ["E", "120100003", "Ⅰ级护理", "含需要时护士巡视观察", None, "日", 24, "20.00", None],
        ["D", "110900001", "普通病房床位费", None, None, "床日", 50, 40, None],
        ["H", "311201001", "心电监测", None, "电极片", "小时", 5.5, 4.4, "每日限24次"],
        ["G", "330100001", "腹腔镜手术", None, None, "次", "1,200.005", None, None],
        ["G", "990100001", "其他", None, None, "次", 10, 10, None],
        ["G", "330100002", "另一手术", None, None, "次", None, None, None],
    ]
    made = take("service-prices", workbook(tmp_path / "价格.xlsx", grid), folder, region="5101", insurance_class="02")  # fmt: skip
    assert fates(made) == {
        3: "unneeded a heading of the list: it has neither unit nor price",
        4: "taken",
        5: "taken",
        6: "taken",
        7: "set aside the price '1,200.005' is not whole fen",
        8: "set aside no charge category is known for codes that begin with 99: give --set category=05",
        9: "set aside there is no price",
    }
    items = {r["item_code"]: r for r in rows(folder, "items")}
    assert [(items[c]["category"], items[c]["flags"], items[c]["unit_price_yuan"]) for c in sorted(items)] == [
        ("01", "bed", "50.00"), ("07", "nursing_1", "24.00"), ("05", "clinical hourly", "5.50"),
    ]  # fmt: skip
    caps = {
        (r["item_code"], r["provider_level"]): r["cap_yuan"] for r in rows(folder, "price_caps")
    }
    assert caps["311201001", "2"] == "4.40"
    assert {r["region_code"] for r in rows(folder, "price_caps")} == {"5101"}
    (limit,) = rows(folder, "item_terms")
    assert (limit["term"], limit["value"], limit["region_code"]) == ("day_limit", "24", "5101")
    words = {r["item_code"]: r for r in rows(folder, "item_texts")}
    assert words["311201001"]["excluded_zh"] == "电极片"
    assert words["120100003"]["content_zh"] == "含需要时护士巡视观察"


def test_consumables_are_taken_by_their_code_of_27_places(tmp_path: Path) -> None:
    folder, code = tmp_path / "site", "C0201010010100100001" + "0000001"
    grid: Grid = [
        ["医用耗材代码", "一级分类（学科、品类）", "二级分类（用途、品目）", "三级分类（部位、功能、品种）", "医保通用名", "耗材材质", "规格（特征、参数）", "耗材企业"],
        [code, "02-血管介入治疗类材料", "01-支架", "01-冠状动脉", "药物洗脱支架", "钴铬合金", "3.0mm", "示例公司"],
        [code[:-1], "", "", "", "短码", "", "", ""],
    ]  # fmt: skip
    made = take("consumable-codes", workbook(tmp_path / "a.xlsx", grid), folder, unit_price_yuan="0", insurance_class="02")  # fmt: skip
    assert [o.fate for o in made.outcomes] == [Fate.TAKEN, Fate.SET_ASIDE]
    (item,) = rows(folder, "items")
    assert (item["item_code"], item["category"], item["order_type"]) == (code, "08", "consumable")
    bare = take("consumable-codes", workbook(tmp_path / "b.xlsx", grid), tmp_path / "other")
    assert "give --set unit_price_yuan=.." in fates(bare)[2]
    assert not (tmp_path / "other" / "items.csv").exists()


def test_grey_codes_and_codes_that_are_no_principal_diagnosis(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    grid: Grid = [
        ["诊断代码", "诊断名称", "灰码", "不可作为主要诊断"],
        ["U91.000", "某病", "是", None],
        ["U92.x00", "某组", "是", None],
        ["U92.x00x002", "某组之一", None, None],
        ["U93.100", "某状态", None, "√"],
        ["U94.000", "另一病", None, None],
        ["U95.000", "又一病", "也许", None],
        ["第一章", "传染病", None, None],
    ]
    made = take("diagnosis-codes", workbook(tmp_path / "a.xlsx", grid), folder)
    found = fates(made)
    assert found[3].startswith("set aside U92.X00 is the start of U92X00X002, which is not marked")
    assert found[4] == found[6] == "unneeded the code may be used, and be the principal diagnosis"
    assert found[7] == "set aside the mark '也许' is neither yes nor no"
    assert found[8] == "set aside '第一章' is no code"
    listed = sorted((r["meaning"], r["prefix"]) for r in rows(folder, "diagnoses"))
    assert listed == [("grey", "U91.000"), ("unacceptable_principal", "U91.000"), ("unacceptable_principal", "U93.100")]  # fmt: skip


def test_procedures_bring_level_anaesthesia_of_their_start_and_day_surgery(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    text = (
        "手术操作代码,手术操作名称,手术操作类型,手术级别,介入,日间,微创\n"
        "51.2300x001,腹腔镜胆囊切除术,手术,三级,否,是,是\n"
        "00.1000,某操作,治疗性操作,,,,\n"
        "99.9900,某手术,手术,五级,,,\n"
    )
    file = tmp_path / "手术.csv"
    file.write_bytes(text.encode("gb18030"))
    made = take("procedure-codes", file, folder)
    assert [o.fate for o in made.outcomes] == [Fate.TAKEN, Fate.UNNEEDED, Fate.SET_ASIDE]
    (operation,) = rows(folder, "operations")
    assert (operation["prefix"], operation["level"], operation["anaesthesia"]) == ("51.2300X001", "3", "true")  # fmt: skip
    assert [r["prefix"] for r in rows(folder, "day_surgery")] == ["51.2300X001"]


def test_a_list_of_day_surgery_names_operations_and_diagnoses(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    file = tmp_path / "日间.csv"
    file.write_text(
        "\ufeff序号,病种名称,诊断编码,手术编码\n1,下肢静脉曲张,I83.9、I83.1,38.5901;38.5902\n2,无编码,,\n",
        encoding="utf-8",
    )
    made = take("day-surgery", file, folder)
    assert fates(made)[3] == "set aside the code of the operation is empty"
    assert [(r["prefix"], r["diagnoses"]) for r in rows(folder, "day_surgery")] == [
        ("38.5901", "I83.9 I83.1"), ("38.5902", "I83.9 I83.1"),
    ]  # fmt: skip


def test_every_layout_says_what_it_assumes_and_cannot_take() -> None:
    assert len(LAYOUTS) == 8
    for layout in LAYOUTS.values():
        assert layout.assumed, layout.name
        assert layout.untaken, layout.name
        assert set(layout.tables) <= set(codebooks.TABLES)
        assert len(layout.headings()) == sum(len(f.headings) for f in layout.fields), layout.name


# Files that are not what was said


def test_a_file_of_another_layout_is_refused_with_what_it_has(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("序号,通用名称,单位\n1,x,次\n", encoding="utf-8")
    with pytest.raises(LayoutError, match=r"no column is headed 备注.*found: 序号, 通用名称, 单位") as told:  # fmt: skip
        take("drug-catalogue", file.rename(tmp_path / "b.csv"), tmp_path / "site")
    assert "drug-catalogue" in told.value.cure


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"a,b\n1,2\n", "no row has headings of this layout; the first row says a, b"),
        (b"", "the first row says nothing"),
        ("药品名称,通用名,备注\nx,y,z\n".encode(), "both say name"),
        ("药品名称,药品名称,备注\nx,y,z\n".encode(), "stands twice"),
        (b"\xff\xfe\x00\x81\xff", "neither UTF-8 nor GB18030"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "neither UTF-8 nor GB18030"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, content: bytes, what: str) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(content)
    with pytest.raises(LayoutError, match=what):
        take("drug-catalogue", file, tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_a_workbook_that_is_none_and_a_sheet_that_is_missing_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(b"not a workbook")
    with pytest.raises(LayoutError, match="no Excel workbook"):
        read_sheet(tmp_path / "a.xlsx", LAYOUTS["drug-catalogue"].headings())
    file = workbook(tmp_path / "b.xlsx", CATALOGUE)
    with pytest.raises(LayoutError, match="no sheet 目录"):
        read_sheet(file, LAYOUTS["drug-catalogue"].headings(), sheet="目录")


def test_a_row_that_has_slipped_is_set_aside(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("病种名称,手术编码\n白内障,13.4100,多出来的\n", encoding="utf-8")
    made = take("day-surgery", file, tmp_path / "site")
    assert fates(made) == {2: "set aside a cell stands beyond the last heading: the row may be shifted"}  # fmt: skip


def test_two_rows_that_contradict_each_other_are_not_both_taken(tmp_path: Path) -> None:
    folder = tariff(tmp_path / "site")
    grid: Grid = [["药品名称", "剂型", "甲乙", "备注"], ["人血白蛋白", "注射剂", "乙", ""], ["人血白蛋白", "注射剂", "丙", ""]]  # fmt: skip
    made = take("drug-catalogue", workbook(tmp_path / "a.xlsx", grid), folder)
    assert fates(made)[3] == "set aside line 2 says otherwise of D3 in items"


def test_the_same_file_twice_changes_nothing(tmp_path: Path) -> None:
    folder = tariff(tmp_path / "site")
    file = workbook(tmp_path / "a.xlsx", CATALOGUE)
    take("drug-catalogue", file, folder)
    before = {path.name: path.read_bytes() for path in folder.glob("*.csv")}
    take("drug-catalogue", file, folder)
    assert {path.name: path.read_bytes() for path in folder.glob("*.csv")} == before


def test_the_report_keeps_every_row_with_its_fate(tmp_path: Path) -> None:
    folder = tariff(tmp_path / "site")
    take("drug-catalogue", workbook(tmp_path / "目录.xlsx", CATALOGUE), folder)
    told = pl.read_csv(folder / "reports" / "drug-catalogue-目录.csv", infer_schema=False)
    assert told.height == 7
    assert told.filter(pl.col("fate") == "set aside")["药品名称"].to_list() == ["左氧氟沙星", "不存在的药", "左氧氟沙星"]  # fmt: skip
    summary = (folder / "reports" / "drug-catalogue-目录.md").read_text(encoding="utf-8")
    assert "unverified" in summary
    assert "rows of the file: 7" in summary


# Restrictions in words


@pytest.mark.parametrize(
    ("text", "limits", "diagnoses"),
    [
        ("限二级及以上医疗机构", {"min_level": "2"}, ()),
        ("限三级医院使用", {"min_level": "3"}, ()),
        ("支付不超过14天", {"course_days": "14"}, ()),
        ("疗程不超过两周。", {"course_days": "14"}, ()),
        ("限住院；限女性患者", {"setting": "inpatient", "sex": "2"}, ()),
        ("限18岁及以上患者", {"min_age_years": "18"}, ()),
        ("限14岁以下儿童", {"max_age_years": "13"}, ()),
        ("限儿童", {"max_age_years": "17"}, ()),
        ("限心力衰竭或急性心肌梗死患者", {}, ("I21", "I22", "I50")),
        ("限急性脑梗死患者，支付不超过21天", {"course_days": "21"}, ("I63",)),
    ],
)
def test_what_restrictions_mean(
    text: str, limits: dict[str, str], diagnoses: tuple[str, ...]
) -> None:
    words = {"心力衰竭": ("I50",), "急性心肌梗死": ("I21", "I22"), "急性脑梗死": ("I63",)}
    found = understand(text, words)
    assert (dict(found.limits), tuple(sorted(found.diagnoses))) == (limits, diagnoses)


@pytest.mark.parametrize(
    "text",
    [
        "限有药敏证据的患者",
        "限心力衰竭患者二线治疗失败后",
        "限非心力衰竭患者",
        "限心力衰竭患者；需专家会诊",
        "支付不超过14天；支付不超过7天",
        "限0岁以下",
    ],
)
def test_half_a_restriction_is_none(text: str) -> None:
    with pytest.raises(NotTakenError):
        understand(text, {"心力衰竭": ("I50",)})
