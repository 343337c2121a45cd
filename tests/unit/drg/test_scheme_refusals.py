"""Each fault of a pack is told with its file, its line and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from drg import schemes
from tests.schemes import MANIFEST, TABLES, added, changed, tiny

Tables = dict[str, str | None]


def joined(*parts: dict[str, str]) -> dict[str, str]:
    merged: dict[str, str] = {}
    for part in parts:
        assert not merged.keys() & part.keys()
        merged.update(part)
    return merged


CELLS = [
    (changed("groups", "AA19,AA1,1", "AA19,AA1"), "groups.csv:2", "4 cells and not 5", "5 cells"),
    (changed("groups", "AA19,", "\nAA19,"), "groups.csv:2", "the line is empty", "5 cells"),
    (changed("mdcs", "先期分组", '先"期'), "mdcs.csv:2", "quotation marks", '""'),
    (changed("mdcs", "先期分组", '"a,b",c'), "mdcs.csv:2", "7 cells and not 6", '"..."'),
    (changed("mdcs", "A,1,none", "A,,none"), "mdcs.csv:2", "rank is empty", "Fill it in"),
    (changed("mdcs", "A,1,none", "A,0,none"), "mdcs.csv:2", "rank '0'", "1, 2, 3"),
    (changed("mdcs", "A,1,none", "A,1.0,none"), "mdcs.csv:2", "rank '1.0'", "1, 2, 3"),
    (changed("mdcs", "A,1,none", "A,1,some"), "mdcs.csv:2", "ambiguity 'some'", "main_procedure"),
    (changed("diagnoses", "P07.000", " P07.000"), "diagnoses.csv:2", "blanks", "Take them out"),
    (changed("diagnoses", "P07.000", "P07.000\u200b"), "diagnoses.csv:2", "hidden", "Take"),
    (changed("diagnoses", "P07.000", "P07|000"), "diagnoses.csv:2", "no code", "without blanks"),
    (changed("procedures", "88.4100,false", "88.4100,no"), "procedures.csv:9", "'no'", "true or"),
    (changed("weights", "0.9012", "0.90121"), "weights.csv:9", "'0.90121'", "at most 4 places"),
    (changed("weights", "0.9012", "1e0"), "weights.csv:9", "'1e0'", "with a dot"),
    (changed("weights", "0.9012", "-0.9"), "weights.csv:9", "'-0.9'", "from 0"),
    (changed("weights", "0.9012", "1000"), "weights.csv:9", "too large", "below 1000"),
    (
        changed("weights", "BR13,,1.2,12,13000,2024-01-01", "BR13,,1.2,12,13000,2024-02-30"),
        "weights.csv:8",
        "'2024-02-30' is no day",
        "2024-03-31",
    ),
    (
        changed("weights", "BR13,,1.2,12,13000,2024-01-01", "BR13,,1.2,12,13000,2024-1-1"),
        "weights.csv:8",
        "is no day",
        "2024-03-31",
    ),
    (added("diagnosis_lists", "B,R56.000"), "diagnosis_lists.csv:22", "line 14", "one of the two"),
    (added("conditions", "mdc,M,1,sex,is,1"), "conditions.csv:39", "line 7", "one of the two"),
    (
        added("weights", "BR13,,1.3,12,13000,2024-01-01,,made up"),
        "weights.csv:13",
        "line 8 has the same",
        "one of the two",
    ),
]

CODES = [
    (added("diagnosis_lists", "B,X99"), "diagnosis_lists.csv:22", "X99 does", "diagnoses.csv"),
    (added("procedure_lists", "BB,99.1"), "procedure_lists.csv:10", "99.1 does", "procedures.csv"),
    (added("sites", "Z,neck,X99"), "sites.csv:5", "X99 does", "diagnoses.csv"),
    (added("sites", "W,neck,S06.500"), "sites.csv:5", "mdc W does", "mdcs.csv"),
    (added("complications", "X99,cc,"), "complications.csv:7", "X99 does", "diagnoses.csv"),
    (added("exclusions", "1,X99"), "exclusions.csv:8", "X99 does", "diagnoses.csv"),
    (added("adrgs", "WB1,W,1,medical,stop,烧伤,"), "adrgs.csv:16", "mdc W does", "mdcs.csv"),
    (added("groups", "WB19,WB1,1,烧伤,"), "groups.csv:24", "adrg WB1 does", "adrgs.csv"),
    (
        changed("complications", "A41.900,mcc,", "A41.900,mcc,9"),
        "complications.csv:3",
        "exclusion table 9 has no rows",
        "leave it empty",
    ),
    (
        changed("weights", "AA19,", "AA18,"),
        "weights.csv:2",
        "AA18 is no group or ADRG",
        "groups.csv",
    ),
    (
        added("level_coefficients", "1101,,,XX1,1.1,2024-01-01,,made up"),
        "level_coefficients.csv:4",
        "XX1 is no group or ADRG",
        "groups.csv",
    ),
    (
        changed("base_rates", "1101,390", "1101,391"),
        "base_rates.csv:3",
        "no insurance type is 391",
        "390",
    ),
    (
        changed("base_rates", "1101,390", "华北,390"),
        "base_rates.csv:3",
        "华北 is no division",
        "330100",
    ),
]

CROSSWALKS = [
    (added("crosswalks", "diagnosis,X1,X2"), "crosswalks.csv:6", "target X2 does", "left out"),
    (added("crosswalks", "procedure,X1,I61.900"), "crosswalks.csv:6", "procedures.csv", "left"),
    (
        added("crosswalks", "diagnosis,I61.900,I61.900"),
        "crosswalks.csv:6",
        "circle: I61.900 -> I61.900",
        "take out",
    ),
    (
        added("crosswalks", "diagnosis,I61.000,I63.000", "diagnosis,I63.000,I61.000"),
        "crosswalks.csv:6",
        "circle: I61.000 -> I63.000 -> I61.000",
        "take out",
    ),
    (
        added(
            "crosswalks",
            "diagnosis,I61.000,I63.000",
            "diagnosis,I63.000,I63.900",
            "diagnosis,I63.900,I61.000",
        ),
        "crosswalks.csv:6",
        "circle: I61.000 -> I63.000 -> I63.900 -> I61.000",
        "take out",
    ),
    (
        added("crosswalks", "diagnosis,X1,I63.000", "diagnosis,I63.000,I63.900"),
        "crosswalks.csv:6",
        "itself translated: X1 -> I63.000 -> I63.900",
        "name the last code",
    ),
]

DAYS = [
    (
        changed("weights", "2024-01-01,2024-12-31", "2024-01-01,2023-12-31"),
        "weights.csv:6",
        "effective_to 2023-12-31 lies before effective_from 2024-01-01",
        "Correct one",
    ),
    (
        changed("weights", "2024-01-01,2024-12-31", "2024-01-01,2025-01-01"),
        "weights.csv:7",
        "begins on 2025-01-01 while line 6 (group_code BR11)",
        "effective_to",
    ),
    (
        changed("weights", "2024-01-01,2024-12-31", "2024-01-01,"),
        "weights.csv:7",
        "while line 6",
        "effective_to",
    ),
    (
        # The line in between is short; the first one still holds when the third begins.
        added(
            "base_rates",
            "22,,1,2024-01-01,2024-12-31,made up",
            "22,,1,2024-02-01,2024-02-10,made up",
            "22,,1,2024-06-01,,made up",
        ),
        "base_rates.csv:6",
        "begins on 2024-06-01",
        "effective_to",
    ),
    (
        added("level_coefficients", "1101,3,,,1.1,2024-06-01,,made up"),
        "level_coefficients.csv:4",
        "(region_code 1101, level 3)",
        "effective_to",
    ),
]

ORDER = [
    (changed("mdcs", "P,2,", "P,1,"), "mdcs.csv:3", "already that of line 2", "own rank"),
    (changed("adrgs", "BR2,B,5", "BR2,B,4"), "adrgs.csv:14", "line 13", "own rank"),
    (changed("groups", "BR25,BR2,2", "BR25,BR2,1"), "groups.csv:22", "line 21", "own rank"),
    (changed("mdcs", "main_procedure,3", "main_procedure,9"), "mdcs.csv:6", "rank 9", "empty"),
    (
        {
            "conditions": TABLES["conditions"].replace(
                "adrg,MR1,1,principal_diagnosis,in,MR1", "adrg,MR1,1,main_procedure,in,MB1"
            )
        },
        "adrgs.csv:9",
        "MR1 can never be reached: MB1 (line 8) is tried before it and has the same conditions",
        "narrower one first",
    ),
    (
        added("adrgs", "ZZ2,Z,3,medical,stop,另一组,"),
        "adrgs.csv:16",
        "ZZ2 can never be reached: ZZ1 (line 7) is tried before it and has",
        "narrower one first",
    ),
    (
        added("groups", "BR29,BR2,3,另一组,"),
        "groups.csv:24",
        "BR29 can never be reached: BR25 (line 22)",
        "narrower one first",
    ),
    (
        joined(
            changed("groups", "BR13,BR1,2", "BR12,BR1,4,伴重症,\nBR13,BR1,2"),
            added("conditions", "group,BR12,1,complication,is,mcc"),
        ),
        "groups.csv:19",
        "BR12 can never be reached: BR11 (line 18)",
        "narrower one first",
    ),
    (
        joined(
            added("mdcs", "N,6,none,,又一类,"),
            added("conditions", "mdc,N,1,principal_diagnosis,in,B"),
        ),
        "mdcs.csv:7",
        "N can never be reached: B (line 6) is tried before it and has the same conditions",
        "Correct the conditions",
    ),
    (
        added("conditions", "group,BR21,3,complication,is,mcc"),
        "conditions.csv:39",
        "alternative 3 of BR21 says the same as alternative 1 (line 36)",
        "Take one of the two out",
    ),
    (
        joined(
            changed("adrgs", "BX1,B,6,medical,stop", "BX1,B,6,medical,next"),
            changed("groups", "BX19,BX1,1,儿童惊厥,Convulsions of children\n", ""),
        ),
        "adrgs.csv:15",
        "BX1 has no groups and leaves every stay",
        "stop",
    ),
]

CONDITIONS = [
    (
        added("conditions", "adrg,XX1,1,sex,is,1"),
        "conditions.csv:39",
        "no adrg is named XX1",
        "add",
    ),
    (added("conditions", "mdc,BR1,1,sex,is,1"), "conditions.csv:39", "no mdc is named BR1", "add"),
    (added("conditions", "adrg,BR2,2,weight,<,1"), "conditions.csv:39", "test 'weight'", "body_"),
    (added("conditions", "adrg,BR2,2,sex,==,1"), "conditions.csv:39", "sex cannot be", "Use is"),
    (added("conditions", "adrg,BR2,2,sex,is,3"), "conditions.csv:39", "'3' is no", "joined by |"),
    (
        added("conditions", "adrg,BR2,2,discharge_way,is,6"),
        "conditions.csv:39",
        "'6' is no value for discharge_way",
        "1, 2, 3, 4, 5, 9",
    ),
    (
        added("conditions", "adrg,BR2,2,department,is,A||B"),
        "conditions.csv:39",
        "no value for department",
        "different values",
    ),
    (
        added("conditions", "adrg,BR2,2,age_years,<,x"),
        "conditions.csv:39",
        "'x' is no value for age_years",
        "Write a number",
    ),
    (
        added("conditions", "group,BR25,1,complication,is,CC"),
        "conditions.csv:39",
        "'CC' is no value for complication",
        "mcc_or_cc",
    ),
    (
        added("conditions", "adrg,BR2,2,principal_diagnosis,in,BR2|BB"),
        "conditions.csv:39",
        "no list 'BB' for principal_diagnosis",
        "diagnosis_lists.csv",
    ),
    (
        added("conditions", "adrg,BR2,2,principal_diagnosis,in,@operating"),
        "conditions.csv:39",
        "no list '@operating'",
        "diagnosis_lists.csv",
    ),
    (
        added("conditions", "adrg,BR2,2,main_procedure,in,BR2"),
        "conditions.csv:39",
        "no list 'BR2' for main_procedure",
        "procedure_lists.csv",
    ),
    (
        added("procedure_lists", "@mine,01.2400"),
        "procedure_lists.csv:10",
        "cannot be named '@mine'",
        "not beginning with @",
    ),
    (
        added("conditions", "group,BR25,1,body_sites,>=,2"),
        "conditions.csv:39",
        "none of category B",
        "sites.csv",
    ),
]

HEADERS = [
    (changed("groups", "group_code,adrg,", "group_code,"), "'adrg' is missing"),
    (changed("groups", "group_code,adrg,", "group_code,adgr,"), "no column is named 'adgr'"),
    (changed("groups", "group_code,adrg,", "group_code,adrg,adrg,"), "'adrg' stands there twice"),
    (changed("groups", "group_code,adrg,", "adrg,group_code,"), "another order"),
    ({"groups": ""}, "the file is empty"),
]


@pytest.mark.parametrize(
    ("tables", "where", "what", "cure"),
    [*CELLS, *CODES, *CROSSWALKS, *DAYS, *ORDER, *CONDITIONS],
)
def test_a_faulty_line_is_refused(
    tables: Tables, where: str, what: str, cure: str, tmp_path: Path
) -> None:
    pack = tiny(tmp_path, tables)
    found = schemes.check(pack)
    hits = [error for error in found if error.where == str(pack / where) and what in error.what]
    assert len(hits) == 1, [str(error) for error in found]
    assert cure in hits[0].cure
    with pytest.raises(schemes.SchemeError) as raised:
        schemes.load(pack)
    assert raised.value.where == found[0].where


@pytest.mark.parametrize(("tables", "what"), HEADERS)
def test_a_header_must_be_exact(tables: Tables, what: str, tmp_path: Path) -> None:
    pack = tiny(tmp_path, tables)
    found = [error for error in schemes.check(pack) if error.where == str(pack / "groups.csv:1")]
    assert any(what in error.what for error in found)
    assert all("group_code,adrg,rank,name_zh,name_en" in error.cure for error in found)


def test_a_pack_without_faults_has_no_problems(tmp_path: Path) -> None:
    assert schemes.review(tiny(tmp_path)) == ([], [])


@pytest.mark.parametrize("table", ["mdcs", "conditions", "complications", "diagnoses"])
def test_a_missing_table_is_named_with_its_header(table: str, tmp_path: Path) -> None:
    pack = tiny(tmp_path, {table: None})
    first = schemes.check(pack)[0]
    assert (first.what, first.where) == ("the file is missing", str(pack / f"{table}.csv"))
    assert TABLES[table].split("\n", 1)[0] in first.cure


def test_a_file_with_a_misspelt_name_is_not_passed_over(tmp_path: Path) -> None:
    pack = tiny(tmp_path, {"weights": None, "weight": TABLES["weights"]})
    (error,) = schemes.check(pack)
    assert error.where == str(pack / "weight.csv")
    assert "weights.csv" in error.cure


def test_a_table_of_the_other_engine_does_not_belong(tmp_path: Path) -> None:
    pack = tiny(tmp_path, {"ms_groups": "ms_drg\n"})
    (error,) = schemes.check(pack)
    assert error.where == str(pack / "ms_groups.csv")
    assert "engine chs" in error.what


def test_a_readme_and_a_licence_may_lie_beside_the_tables(tmp_path: Path) -> None:
    pack = tiny(tmp_path)
    for name in ("README.md", "LICENSE", ".gitignore"):
        (pack / name).write_text("x", encoding="utf-8")
    assert schemes.check(pack) == []


@pytest.mark.parametrize(
    ("raw", "row", "what"),
    [
        (b"\xef\xbb\xbfcode,name_zh,name_en\nA,b,\n", 1, "byte order mark"),
        (b"code,name_zh,name_en\nA,b,\r\n", 2, "a CR"),
        (b"code,name_zh,name_en\nA,b,\nB,\0,\n", 3, "a NUL"),
        ("code,name_zh,name_en\nA,脑,\n".encode("gb18030"), 2, "not UTF-8"),
    ],
)
def test_text_that_is_not_plain_utf8_is_refused(
    raw: bytes, row: int, what: str, tmp_path: Path
) -> None:
    pack = tiny(tmp_path)
    (pack / "diagnoses.csv").write_bytes(raw)
    (error,) = schemes.check(pack)
    assert error.where == str(pack / f"diagnoses.csv:{row}")
    assert what in error.what
    assert "UTF-8" in error.cure


@pytest.mark.parametrize(
    ("change", "row", "what", "cure"),
    [
        (('code = "tiny"\n', ""), None, "'code' is missing", "Add code"),
        (('code = "tiny"', 'code = "Tiny"'), 1, "'Tiny'", "small letters"),
        (('engine = "chs"', 'engine = "dip"'), 4, "'dip'", "chs or ms"),
        (('version = "1"', "version = 1"), 5, "version = 1", "quotation marks"),
        (("2024-01-01", '"2024-01-01"'), 6, "effective_from", "without quotation marks"),
        (("2024-01-01", "2024-01-01T00:00:00"), 6, "effective_from", "without quotation"),
        (('["1101"]', '"1101"'), 7, "region_codes", '["2301"]'),
        (('["1101"]', '["1101", "1101"]'), 7, "region_codes", "different"),
        (('["1101"]', '["北京"]'), 7, "region_codes", "first digits"),
        (("subset = false", 'subset = "no"'), 8, "subset", "true or false"),
        (("subset = false", "subste = false"), 8, "'subste'", "subset"),
        (("subset = false", "subset = "), 8, "not TOML", "TOML"),
        (("subset = false", "effective_to = 2023-12-31"), 8, "before effective_from", "days"),
    ],
)
def test_a_manifest_that_cannot_be_used_is_refused(
    change: tuple[str, str], row: int | None, what: str, cure: str, tmp_path: Path
) -> None:
    pack = tiny(tmp_path, manifest=MANIFEST.replace(*change))
    (error,) = schemes.check(pack)
    assert error.where == str(pack / "scheme.toml") + (f":{row}" if row else "")
    assert what in error.what
    assert cure in error.cure


def test_no_folder_and_no_manifest_are_told(tmp_path: Path) -> None:
    (absent,) = schemes.check(tmp_path / "absent")
    assert "no folder" in absent.what
    (tmp_path / "empty").mkdir()
    (error,) = schemes.check(tmp_path / "empty")
    assert error.where == str(tmp_path / "empty" / "scheme.toml")
    assert "effective_from" in error.cure


def test_faults_of_one_kind_are_counted_after_the_first_twenty(tmp_path: Path) -> None:
    pack = tiny(tmp_path, added("diagnosis_lists", *(f"B,X{number}" for number in range(1, 51))))
    found = schemes.check(pack)
    assert len(found) == 21
    assert [error.where for error in found[:2]] == [
        str(pack / f"diagnosis_lists.csv:{row}") for row in (22, 23)
    ]
    assert "30 more" in found[-1].what
    with pytest.raises(schemes.SchemeError, match="49 more problems"):
        schemes.load(pack)


def test_faults_of_several_tables_are_told_together(tmp_path: Path) -> None:
    pack = tiny(
        tmp_path,
        joined(changed("mdcs", "A,1,none", "A,x,none"), added("exclusions", "1,X99")),
    )
    assert [Path(error.where).name for error in schemes.check(pack)] == [
        "mdcs.csv:2",
        "exclusions.csv:8",
    ]


@pytest.mark.parametrize(
    ("tables", "where", "what"),
    [
        (added("diagnosis_lists", "Q,I10.x00"), "diagnosis_lists.csv:22", "the list 'Q'"),
        (added("exclusions", "8,I10.x00"), "exclusions.csv:8", "exclusion table 8"),
        (added("crosswalks", "diagnosis,I10.x00,I61.000"), "crosswalks.csv:6", "valid code"),
        (changed("mdcs", "P,2,none,", "P,2,none,1"), "mdcs.csv:3", "ambiguity is none"),
        (
            added("conditions", "group,BR21,3,complication,is,mcc", "group,BR21,3,sex,is,1"),
            "conditions.csv:39",
            "adds nothing to alternative 1",
        ),
        (
            added("conditions", "adrg,BR1,1,age_years,>=,0"),
            None,
            "",
        ),
    ],
)
def test_what_looks_like_a_slip_is_a_warning_and_loads(
    tables: Tables, where: str | None, what: str, tmp_path: Path
) -> None:
    pack = tiny(tmp_path, tables)
    errors, warnings = schemes.review(pack)
    assert errors == []
    if where is None:
        assert warnings == []
    else:
        assert [w.where for w in warnings] == [str(pack / where)]
        assert what in warnings[0].what
    schemes.load(pack)


def test_an_adrg_that_lets_stays_on_may_be_followed_by_the_same_conditions(
    tmp_path: Path,
) -> None:
    # BB1 asks for MCC in its only group and leaves the rest to BB2: the same rows are no fault.
    tables = changed("conditions", "adrg,BB1,1,principal_diagnosis,in,BR1\n", "")
    assert schemes.check(tiny(tmp_path, tables)) == []
