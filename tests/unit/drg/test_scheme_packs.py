"""Loading, writing, looking up and wording a pack."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from drg import schemes
from drg.schemes.layout import SHEETS, Cell
from drg.schemes.lookup import find_code
from tests.schemes import MANIFEST, added, changed, tiny


@pytest.fixture
def scheme(tmp_path: Path) -> schemes.Scheme:
    return schemes.load(tiny(tmp_path))


def test_every_table_is_there_with_its_types(scheme: schemes.Scheme) -> None:
    assert set(scheme.tables) == {sheet.name for sheet in SHEETS}
    row = scheme.tables["weights"].row(
        by_predicate=(pl.col("group_code") == "BR11") & pl.col("effective_to").is_not_null(),
        named=True,
    )
    assert row["weight"] == Decimal("1.6000")
    assert row["mean_stay_days"] == Decimal("14.00")
    assert row["region_code"] is None
    assert (row["effective_from"], row["effective_to"]) == (date(2024, 1, 1), date(2024, 12, 31))
    operating = dict(scheme.tables["procedures"].select("code", "operating").rows())
    assert operating["88.4100"] is False
    assert scheme.tables["ms_groups"].is_empty()


def test_a_manifest_gives_what_it_leaves_out(scheme: schemes.Scheme) -> None:
    assert scheme.manifest.region_codes == ("1101",)
    assert scheme.manifest.effective_to is None
    assert not scheme.manifest.retry_other_procedures


def test_quotation_marks_are_read_and_a_pair_of_them_is_an_empty_cell(tmp_path: Path) -> None:
    loaded = schemes.load(tiny(tmp_path, added("diagnoses", 'X1,"a ""b"", c",""')))
    row = loaded.tables["diagnoses"].row(by_predicate=pl.col("code") == "X1", named=True)
    assert (row["name_zh"], row["name_en"]) == ('a "b", c', None)


def test_a_change_of_any_kind_changes_the_hash(tmp_path: Path) -> None:
    packs = [
        tiny(tmp_path, name="a"),
        tiny(tmp_path, changed("weights", "0.9012", "0.9013"), name="b"),
        tiny(tmp_path, changed("diagnoses", "2型糖尿病", "2型糖尿病伴"), name="c"),
        tiny(tmp_path, manifest=MANIFEST.replace("false", "true"), name="d"),
    ]
    assert len({schemes.load(pack).sha256 for pack in packs}) == 4


def test_writing_takes_text_and_leaves_no_older_table_behind(
    scheme: schemes.Scheme, tmp_path: Path
) -> None:
    folder = tiny(tmp_path, name="again")
    texts = {
        name: frame.with_columns(pl.all().cast(pl.String).fill_null(""))
        for name, frame in scheme.tables.items()
        if name not in {"weights", "base_rates"}
    }
    texts["diagnoses"] = texts["diagnoses"].drop("name_en")
    schemes.write(folder, scheme.manifest, texts)
    assert not (folder / "weights.csv").exists()
    loaded = schemes.load(folder)
    assert loaded.tables["weights"].is_empty()
    assert loaded.tables["procedures"].equals(scheme.tables["procedures"])


@pytest.mark.parametrize(
    ("tables", "what"),
    [
        ({"weigths": pl.DataFrame()}, "no sheet is named weigths"),
        ({"sites": pl.DataFrame({"mdc": ["Z"], "site": ["head"]})}, r"lacks \['code'\]"),
        (
            {"exclusions": pl.DataFrame({"exclusion_table": ["1"], "code": ["X"], "x": [1]})},
            r"unknown columns \['x'\]",
        ),
        ({"mdcs": pl.DataFrame({"mdc": ["Z"], "rank": ["first"], "ambiguity": ["none"], "name_zh": ["z"]})}, "does not fit"),
    ],
)  # fmt: skip
def test_writing_refuses_tables_of_another_form(
    tables: dict[str, pl.DataFrame], what: str, scheme: schemes.Scheme, tmp_path: Path
) -> None:
    with pytest.raises(schemes.SchemeError, match=what):
        schemes.write(tmp_path / "out", scheme.manifest, tables)
    assert not (tmp_path / "out").exists()


def test_conditions_are_told_in_both_languages(scheme: schemes.Scheme) -> None:
    assert schemes.describe(scheme, "adrg", "BC1", 2, "zh") == (
        "没有诊断属于列表 MR1 且 主要手术操作属于列表 BC1-2 且 任一其他手术操作属于列表 BC1-1"
    )
    assert schemes.describe(scheme, "group", "BR21", None, "en") == (
        "there is a major complication or comorbidity (MCC); or a secondary diagnosis is in list "
        "BX1 and the age in years is at least 80"
    )
    assert schemes.describe(scheme, "mdc", "M", 1, "zh") == "主要诊断属于列表 M 且 性别为男"
    assert schemes.describe(scheme, "mdc", "P", 1, "en") == (
        "the principal diagnosis is in list P or list Z and the age in days is at most 28"
    )
    assert schemes.describe(scheme, "group", "BR25", None, "zh") == "无条件，全部收入"
    with pytest.raises(schemes.SchemeError, match="no alternative 7"):
        schemes.describe(scheme, "group", "BR21", 7, "zh")


def test_every_test_of_the_layout_can_be_told(tmp_path: Path) -> None:
    values = {
        "complication": "mcc_or_cc",
        "sex": "1|2",
        "discharge_way": "2",
        "department": "A03|A04",
    }
    column = next(
        column
        for sheet in SHEETS
        if sheet.name == "conditions"
        for column in sheet.columns
        if column.name == "test"
    )
    assert column.cell is Cell.CHOICE
    rows = []
    for test in column.choices:
        for op in schemes.layout.TESTS[test]:
            default = "BB" if "procedure" in test else "B" if "diagnosis" in test else "2"
            rows.append(f"adrg,ZB1,1,{test},{op},{values.get(test, default)}")
    loaded = schemes.load(tiny(tmp_path, added("conditions", *rows)))
    for language in ("zh", "en"):
        said = schemes.describe(loaded, "adrg", "ZB1", 1, language)
        joint = " 且 " if language == "zh" else " and "
        assert len(said.split(joint)) == len(rows) + 1
        assert len(set(said.split(joint))) == len(rows) + 1


def test_a_diagnosis_is_found_with_its_lists_and_severity(scheme: schemes.Scheme) -> None:
    found = find_code(scheme, "diagnosis", "I63.900")
    assert found.lists == ("B", "BR2")
    assert set(found.conditions["code"]) == {"B", "BR2"}
    assert found.levels == (("cc", "3", 3),)
    assert found.excludes == (("3", 1),)
    translated = find_code(scheme, "diagnosis", "I61.900x001")
    assert (translated.written, translated.code) == ("I61.900x001", "I61.900")
    assert find_code(scheme, "diagnosis", "S27.000").sites == ("Z chest",)


def test_an_operating_procedure_belongs_to_the_built_in_list(scheme: schemes.Scheme) -> None:
    assert "@operating" in find_code(scheme, "procedure", "60.2900").lists
    assert find_code(scheme, "procedure", "88.4100").lists == ()
    with pytest.raises(schemes.SchemeError, match=r"leaves 99\.9900 out"):
        find_code(scheme, "procedure", "99.9900")
    with pytest.raises(schemes.SchemeError, match="no procedure is coded 1"):
        find_code(scheme, "procedure", "1")
