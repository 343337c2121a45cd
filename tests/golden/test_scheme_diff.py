"""A city's next edition beside its last: every kind of change stands in the comparison."""

from __future__ import annotations

from pathlib import Path

import pytest

from drg import schemes
from tests.schemes import MANIFEST, TABLES, tiny

SUMMARY = """\
版本
tiny 1 (OLD) -> tiny 2 (NEW)
方案说明 (1)
  version: 1 -> 2
编码、名称与参数: mdcs.csv (1)
  ~ B: ambiguity main_procedure -> any_procedure
编码、名称与参数: adrgs.csv (2)
  ~ BR1: name_zh 颅内出血 -> 颅内出血性疾患
  ~ BX1: rank 6 -> 7
编码、名称与参数: groups.csv (2)
  ~ BR25: name_zh 脑缺血 -> 脑缺血性疾患; name_en Cerebral ischaemia -> -
  - MR11: adrg MR1 -> -; rank 1 -> -; name_zh 男性肿瘤伴并发症 -> -; \
name_en Tumours of men with a complication -> -
编码、名称与参数: diagnoses.csv (1)
  + K00.000: name_zh - -> 无牙症
编码、名称与参数: procedures.csv (1)
  ~ 88.4100: operating false -> true
编码、名称与参数: crosswalks.csv (1)
  ~ kind procedure, code 01.2499: target 01.2401 -> 01.2400
编码、名称与参数: weights.csv (3)
  - group_code AA19 2024-01-01: weight 18.5000 -> -; mean_stay_days 30.50 -> -; \
mean_cost_yuan 210000.00 -> -
  ~ group_code BR25 2024-01-01: effective_to - -> 2024-12-31
  + group_code BR25 2025-01-01: weight 0.7000 -> 0.6800
编码、名称与参数: base_rates.csv (1)
  ~ region_code 1101, insurance_type 390 2024-01-01: base_rate_yuan 9000.5000 -> 9100.0000
列表 (3)
  ~ B: +1 (J96.000) -1 (R56.000)
  + N: +1 (J96.000)
  - P: -2 (P07.000, P22.000)
入组条件 (3)
  group BR21: 有严重合并症或并发症（MCC）；或者 任一其他诊断属于列表 BX1 且 年龄（岁）不少于 80 -> \
有严重合并症或并发症（MCC）；或者 任一其他诊断属于列表 BX1 且 年龄（岁）不少于 75
  group MR11: 有 MCC 或 CC -> -
  mdc P: 主要诊断属于列表 P 或 Z 且 年龄（天）不超过 28 -> 主要诊断属于列表 Z 或 N 且 年龄（天）不超过 28
MCC/CC 级别 (2)
  E11.900 2型糖尿病: cc -> mcc
  N18.900 慢性肾脏病: cc -> -
MCC/CC 排除 (1)
  3 -> 3 (1 MCC/CC): +1 (I61.900) -1 (I61.000)
"""


def edition(folder: Path) -> Path:
    """The tiny scheme as a city might publish it a year later."""
    tables = dict(TABLES)

    def replace(table: str, old: str, new: str) -> None:
        assert tables[table].count(old) == 1, old
        tables[table] = tables[table].replace(old, new)

    replace("mdcs", "B,5,main_procedure", "B,5,any_procedure")
    replace("adrgs", "stop,颅内出血,", "stop,颅内出血性疾患,")
    replace("adrgs", "BX1,B,6", "BX1,B,7")
    replace("groups", "MR11,MR1,1,男性肿瘤伴并发症,Tumours of men with a complication\n", "")
    replace("groups", "脑缺血,Cerebral ischaemia\n", "脑缺血性疾患,\n")
    replace("diagnoses", "N18.900,慢性肾脏病,\n", "N18.900,慢性肾脏病,\nK00.000,无牙症,\n")
    replace("procedures", "88.4100,false", "88.4100,true")
    replace("crosswalks", "01.2499,01.2401", "01.2499,01.2400")
    replace("weights", "AA19,,18.5,30.5,210000,2024-01-01,,made up\n", "")
    replace(
        "weights",
        "BR25,,0.7,9,8000,2024-01-01,,made up\n",
        "BR25,,0.7,9,8000,2024-01-01,2024-12-31,made up\nBR25,,0.68,9,8000,2025-01-01,,new\n",
    )
    replace("base_rates", "9000.5", "9100")
    replace("diagnosis_lists", "\nB,R56.000", "\nB,J96.000")
    replace("diagnosis_lists", "P,P07.000\nP,P22.000\n", "N,J96.000\n")
    replace("conditions", "in,P|Z", "in,Z|N")
    replace("conditions", ">=,80", ">=,75")
    replace("conditions", "group,MR11,1,complication,is,mcc_or_cc\n", "")
    replace("complications", "E11.900,cc", "E11.900,mcc")
    replace("complications", "N18.900,cc,\n", "")
    replace("exclusions", "3,I61.000", "3,I61.900")
    return tiny(
        folder, tables, name="new", manifest=MANIFEST.replace('version = "1"', 'version = "2"')
    )


def test_every_kind_of_change_is_told(tmp_path: Path) -> None:
    old, new = schemes.load(tiny(tmp_path)), schemes.load(edition(tmp_path))
    said = schemes.diff(old, new).summary("zh")
    said = said.replace(old.sha256[:12], "OLD").replace(new.sha256[:12], "NEW")
    assert "版本\n" + said == SUMMARY


def test_the_way_back_tells_the_reverse(tmp_path: Path) -> None:
    old, new = schemes.load(tiny(tmp_path)), schemes.load(edition(tmp_path))
    there, back = schemes.diff(old, new), schemes.diff(new, old)
    assert there.severities.select("old", "new").rows() == [
        (b, a) for a, b in back.severities.select("old", "new").rows()
    ]
    assert back.lists.filter(change="added")["list"].to_list() == ["P"]
    removed = there.rows.filter(change="removed")
    came = back.rows.filter(change="added")
    assert (
        removed.select("sheet", "key", "column", "old", "new").rows()
        == came.select("sheet", "key", "column", "new", "old").rows()
    )


def test_a_pack_does_not_differ_from_itself(tmp_path: Path) -> None:
    scheme = schemes.load(tiny(tmp_path))
    same = schemes.diff(scheme, scheme)
    assert same.same
    assert "没有差别" in same.summary("zh")


@pytest.mark.parametrize("table", ["exclusions", "complications"])
def test_numbers_of_exclusion_tables_do_not_matter(table: str, tmp_path: Path) -> None:
    renumbered = {
        "exclusions": TABLES["exclusions"].replace("3,", "77,"),
        "complications": TABLES["complications"].replace(",3\n", ",77\n"),
    }
    old = schemes.load(tiny(tmp_path))
    new = schemes.load(tiny(tmp_path, renumbered, name="new"))
    assert old.sha256 != new.sha256
    assert schemes.diff(old, new).same
    assert not old.tables[table].equals(new.tables[table])
