"""A region of an OpenDRG checkout becomes a pack that says what its sources do."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from drg.opendrg import Imported, import_scheme, regions
from drg.schemes import load, review, write
from tests.opendrg_checkouts import (
    ANSWER,
    MAIN,
    PRINCIPAL,
    REGION,
    RETRY,
    adrg,
    category,
    checkout,
    files,
    splits,
)

Rows = list[tuple[int, str, str, str]]

CONDITIONS: dict[tuple[str, str], Rows] = {
    ("mdc", "A"): [(1, "main_procedure", "in", "@operating|MDCA_list1")],
    ("adrg", "AH1"): [(1, "main_procedure", "in", "AH1")],
    ("group", "AH19"): [(1, "any_procedure", "in", "AH19_list1")],
    ("mdc", "P"): [(1, "principal_diagnosis", "in", "MDCP"), (1, "age_years", "==", "0")],
    ("adrg", "PS1"): [
        (1, "any_diagnosis", "in", "PS1"), (1, "birth_weight_g", ">=", "1500"),
        (1, "birth_weight_g", "<", "2500"), (1, "age_days", "<=", "28"),
    ],
    ("group", "PS11"): [(1, "complication", "is", "mcc")],
    ("group", "PS15"): [],
    ("group", "PS29"): [(1, "icu_hours", ">=", "1"), (1, "icu_hours", "<=", "120")],
    ("mdc", "Z"): [(1, "principal_diagnosis", "in", "MDCZ"), (1, "body_sites", ">=", "2")],
    ("adrg", "ZZ1"): [(1, "any_procedure", "not_in", "@operating")],
    ("mdc", "N"): [(1, "principal_diagnosis", "in", "MDCN"), (1, "sex", "is", "2")],
    ("adrg", "NA1"): [
        (1, "principal_diagnosis", "in", "NA1_1"), (1, "any_procedure", "in", "NA1_1"),
        (1, "any_procedure", "in", "NA1_1b"),
        (2, "principal_diagnosis", "in", "NA1_2"), (2, "any_procedure", "in", "NA1_2"),
    ],
    ("group", "NA11"): [(1, "age_years", "<", "17"), (1, "complication", "is", "mcc_or_cc")],
    ("adrg", "NB1"): [
        (1, "principal_diagnosis", "in", "NB1"), (1, "any_procedure", "in", "NB1_role1"),
        (1, "any_procedure", "in", "NB1_role2"),
        (2, "principal_diagnosis", "in", "NB1"), (2, "any_procedure", "in", "NB1_role3"),
    ],
    ("mdc", "B"): [(1, "principal_diagnosis", "in", "MDCB")],
    ("adrg", "BB1"): [(1, "principal_diagnosis", "in", "BB1"), (1, "main_procedure", "in", "BB1")],
    ("group", "BB12"): [(1, "other_procedure", "in", "BB12"), (1, "complication", "is", "cc")],
    ("group", "BB15"): [(1, "department", "is", "ICU")],
    ("adrg", "BS1"): [
        (1, "principal_diagnosis", "in", "BS1"), (1, "main_procedure", "not_in", "@operating"),
    ],
    ("group", "BS17"): [(1, "stay_days", "<", "5"), (1, "discharge_way", "is", "2|5")],
    ("adrg", "BT1"): [
        (1, "principal_diagnosis", "not_in", "BT1"), (1, "main_procedure", "in", "BT1"),
    ],
    ("adrg", "BU1"): [(1, "other_diagnosis", "in", "BU1b")],
}  # fmt: skip


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Imported:
    return import_scheme(checkout(tmp_path_factory.mktemp("opendrg")), REGION)


def rows(imported: Imported, table: str, *columns: str) -> list[tuple[str, ...]]:
    return imported.tables[table].select(columns).rows()


def conditions(imported: Imported, owner: str, code: str) -> Rows:
    return [
        (int(alternative), test, op, value)
        for of, what, alternative, test, op, value in imported.tables["conditions"].rows()
        if (of, what) == (owner, code)
    ]


def codes(imported: Imported, table: str, name: str) -> list[str]:
    return [code for listed, code in imported.tables[table].rows() if listed == name]


@pytest.mark.parametrize(("owner", "code"), CONDITIONS)
def test_condition_becomes_rows(imported: Imported, owner: str, code: str) -> None:
    assert sorted(conditions(imported, owner, code)) == sorted(CONDITIONS[owner, code])


def test_the_order_of_the_sources_is_kept(imported: Imported) -> None:
    assert [row[0] for row in rows(imported, "mdcs", "mdc")] == ["A", "P", "Z", "N", "B"]
    brain = [row[0] for row in rows(imported, "adrgs", "adrg", "mdc") if row[1] == "B"]
    assert brain == ["BB1", "BR1", "BS1", "BT1", "BU1"]
    groups = rows(imported, "groups", "group_code", "adrg", "rank")
    assert [row for row in groups if row[1] == "BB1"] == [
        ("BB11", "BB1", "1"), ("BB12", "BB1", "2"), ("BB15", "BB1", "3"),
    ]  # fmt: skip


def test_ambiguity_stands_after_the_adrg_that_is_tried_before_it(imported: Imported) -> None:
    """BC1 is left out, so the second place in the source is the first rank in the pack."""
    columns = ("mdc", "ambiguity", "ambiguity_after")
    named = {mdc: how for mdc, *how in rows(imported, "mdcs", *columns)}
    assert named["B"] == ["main_procedure", "1"]
    assert named["A"] == ["none", None]


def test_a_stay_that_no_group_takes_stays_or_goes_on(imported: Imported) -> None:
    unsplit = dict(rows(imported, "adrgs", "adrg", "when_unsplit"))
    assert (unsplit["BB1"], unsplit["PS1"]) == ("stop", "next")


def test_the_first_role_of_a_procedure_counts(imported: Imported) -> None:
    assert codes(imported, "procedure_lists", "NB1_role1") == ["40.2100"]
    assert codes(imported, "procedure_lists", "NB1_role3") == ["85.2200"]


def test_the_last_site_of_a_diagnosis_counts_and_is_told(imported: Imported) -> None:
    site_of = dict(rows(imported, "sites", "code", "site"))
    assert site_of == {
        "S01.100": "头部创伤", "S02.100": "腹部创伤", "S31.100": "腹部创伤", "S41.100": "上肢创伤",
    }  # fmt: skip
    assert imported.told("two_sites") == ("S02.100",)
    assert codes(imported, "diagnosis_lists", "MDCZ") == [
        "S01.100",
        "S02.100",
        "S31.100",
        "S41.100",
    ]


def test_every_code_that_a_list_names_is_valid(imported: Imported) -> None:
    assert imported.told("added_diagnoses") == ("E11.900", "S41.100")
    assert imported.told("added_procedures") == ("39.6500",)
    assert {"E11.900", "S41.100"} <= {row[0] for row in rows(imported, "diagnoses", "code")}
    operating = dict(rows(imported, "procedures", "code", "operating"))
    assert (operating["39.6500"], operating["96.7201"]) == ("true", "false")


def test_stray_characters_are_taken_off_codes_and_told(imported: Imported) -> None:
    assert ("D64.900", "cc", "3") in rows(imported, "complications", "code", "level", "exclusion_table")  # fmt: skip
    assert ("3", "G01.300") in rows(imported, "exclusions", "exclusion_table", "code")
    assert (imported.told("mended_cc"), imported.told("mended_cce")) == (("D64.900",), ("G01.300",))


def test_without_repair_slips_stay_as_opendrg_treats_them(tmp_path: Path) -> None:
    raw = import_scheme(checkout(tmp_path), REGION, repair=False)
    assert not raw.tables["complications"].filter(code="D64.900").height
    assert ("G01.200", "G01.300") in rows(raw, "crosswalks", "code", "target")


def test_an_exclusion_table_without_principal_diagnoses_is_none(imported: Imported) -> None:
    assert imported.tables["complications"].filter(code="I10.x00")["exclusion_table"].item() is None
    assert imported.told("empty_exclusions") == ("999",)


def test_only_foreign_codes_are_translated(imported: Imported) -> None:
    assert sorted(rows(imported, "crosswalks", "kind", "code", "target")) == [
        ("diagnosis", "G01.900", "G01.100"),
        ("diagnosis", "Z99.900", None),
        ("procedure", "01.2499", "01.2400"),
    ]
    assert imported.told("valid_zd_map") == ("G01.200",)


def test_rules_that_never_decide_are_left_out_and_told(imported: Imported) -> None:
    assert imported.told("never_taken") == ("BC1", "BC19")
    assert imported.told("never_reached") == ("BR17 (BR15)",)
    assert imported.told("unused_names") == ("BZ99",)
    assert not {"BC19", "BR17", "BZ99"} & {row[0] for row in rows(imported, "groups", "group_code")}


def test_names_come_from_the_source_or_say_that_there_is_none(imported: Imported) -> None:
    names = dict(rows(imported, "adrgs", "adrg", "name_zh"))
    assert (names["BB1"], names["BR1"]) == ("脑部手术", "脑病")
    assert names["BS1"] == "（来源未给出名称）"


def test_the_manifest_says_where_it_comes_from(tmp_path: Path) -> None:
    folder = checkout(tmp_path)
    heads = folder / ".git" / "refs" / "heads"
    heads.mkdir(parents=True)
    (folder / ".git" / "HEAD").write_text("ref: refs/heads/main\n", "utf-8")
    (heads / "main").write_text("0123456789" * 4 + "\n", "utf-8")
    manifest = import_scheme(folder, REGION).manifest
    assert manifest.code == "opendrg-demo_2022"
    assert (manifest.version, manifest.effective_from) == ("2022", date(2022, 1, 1))
    assert manifest.licence == "Apache-2.0"
    assert manifest.source == f"OpenDRG/DRG_Python {'0123456789' * 4}, demo_2022"


def test_a_known_place_gets_its_name_and_divisions(tmp_path: Path) -> None:
    for name, content in files().items():
        path = tmp_path / "drg_group" / "wuhan_2022" / name.replace(REGION, "wuhan_2022")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content.replace(REGION, "wuhan_2022"), "utf-8")
    manifest = import_scheme(tmp_path, "wuhan_2022").manifest
    assert (manifest.region_codes, manifest.name_zh) == (("4201",), "武汉DRG分组方案（2022）")


def test_the_pack_passes_all_checks_and_is_the_same_each_time(tmp_path: Path) -> None:
    folder = checkout(tmp_path / "checkout")
    hashes = set()
    for name in ("one", "two"):
        imported = import_scheme(folder, REGION)
        write(tmp_path / name, imported.manifest, imported.tables)
        hashes.add(load(tmp_path / name).sha256)
        assert review(tmp_path / name)[0] == []
    assert len(hashes) == 1


def test_other_procedures_are_retried_where_the_source_does(tmp_path: Path) -> None:
    changed = {f"Grouper_{REGION}.py": ANSWER.format(retry=RETRY)}
    assert import_scheme(checkout(tmp_path, changed), REGION).manifest.retry_other_procedures
    assert not import_scheme(checkout(tmp_path), REGION).manifest.retry_other_procedures


def test_ambiguity_by_any_procedure_before_the_first_adrg(tmp_path: Path) -> None:
    brain = category(
        "B",
        "True and record.zdList[0] in mdc_zd",
        ["if record.ssList and intersect(SS_VALID,record.ssList)", "BR1"],
        ["G01.200"],
    )
    imported = import_scheme(checkout(tmp_path, {"MDC/MDCB.py": brain}), REGION)
    last = rows(imported, "mdcs", "mdc", "ambiguity", "ambiguity_after")[-1]
    assert last == ("B", "any_procedure", None)


def test_a_category_without_condition_takes_every_stay(tmp_path: Path) -> None:
    brain = category("B", "True", ["BR1"])
    imported = import_scheme(checkout(tmp_path, {"MDC/MDCB.py": brain}), REGION)
    assert conditions(imported, "mdc", "B") == []


def test_a_missing_adrg_file_is_read_from_its_parts(tmp_path: Path) -> None:
    women = files()["MDC/MDCN.py"].replace(
        "result=NA1_2.group(record)\n  if result:\n    return result\n  ", ""
    )
    women = women.replace("NA1_1,NA1_2", "NA1").replace("NA1_1.group", "NA1.group")
    imported = import_scheme(checkout(tmp_path, {"MDC/MDCN.py": women}), REGION)
    assert imported.told("missing_file") == ("NA1",)
    assert sorted(conditions(imported, "adrg", "NA1")) == sorted(CONDITIONS["adrg", "NA1"])


def test_a_name_that_a_source_does_not_import_is_told(tmp_path: Path) -> None:
    given = files()["ADRG/BB1.py"].replace(f"from drg_group.{REGION}.DRG_EX import BB12\n", "")
    imported = import_scheme(checkout(tmp_path, {"ADRG/BB1.py": given}), REGION)
    assert imported.told("undefined_name") == ("BB12",)
    assert conditions(imported, "group", "BB12") == CONDITIONS["group", "BB12"]


@pytest.mark.parametrize(("written", "kind"), [("2", "int"), ("'2'", "str")])
def test_how_the_source_compares_the_sex_is_known(tmp_path: Path, written: str, kind: str) -> None:
    women = files()["MDC/MDCN.py"].replace("record.gender==2", f"record.gender=={written}")
    imported = import_scheme(checkout(tmp_path, {"MDC/MDCN.py": women}), REGION)
    assert imported.sexes == {kind}
    assert ("sex_as_number" in {note.kind for note in imported.notes}) == (kind == "int")


def test_the_group_is_the_code_that_is_returned_not_the_name_of_the_function(
    tmp_path: Path,
) -> None:
    changed = {
        "ADRG/BR1.py": adrg(
            "BR1", PRINCIPAL, {"MDCB_DRG.BR1B_group": "BR14"}, stop=True, adrg_zd=["G01.200"]
        ),
        "DRG/MDCB_DRG.py": files()["DRG/MDCB_DRG.py"]
        + splits(
            BR1B="len(record.ssList)>1 and intersect(record.ssList[1:],['99.1000','39.6500'])"
        ),
    }
    imported = import_scheme(checkout(tmp_path, changed), REGION)
    assert conditions(imported, "group", "BR14") == [(1, "other_procedure", "in", "BR14_list1")]
    assert codes(imported, "procedure_lists", "BR14_list1") == ["99.1000", "39.6500"]


def test_nothing_of_the_checkout_is_executed(tmp_path: Path) -> None:
    """Any of these would leave a mark if its source were imported or run."""
    mark = tmp_path / "executed"
    touch = f"open({str(mark)!r},'w').close()"
    given = files()
    changed = {
        "GroupProxy.py": f"{touch}\n{given['GroupProxy.py']}",
        "__init__.py": touch,
        "ADRG/__init__.py": touch,
        "Base.py": given["Base.py"].replace("heard = []", f"heard = [{touch}]"),
        "Grouper.py": f"{given['Grouper.py']}if __name__ == '__main__':\n  {touch}\n",
        "DRG/MDCB_DRG.py": f"{given['DRG/MDCB_DRG.py']}if __name__ == '__main__':\n  {touch}\n",
    }
    import_scheme(checkout(tmp_path, changed), REGION)
    assert not mark.exists()


def test_regions_are_those_with_a_grouper(tmp_path: Path) -> None:
    checkout(tmp_path)
    (tmp_path / "drg_group" / "notes").mkdir()
    assert regions(tmp_path) == [REGION]


def test_an_adrg_whose_files_agree_but_for_one_that_never_holds(tmp_path: Path) -> None:
    empty = adrg("NA1", MAIN, {"MDCN_DRG.NA11_group": "NA11"}, stop=True, adrg_ss=[])
    imported = import_scheme(checkout(tmp_path, {"ADRG/NA1_2.py": empty}), REGION)
    assert {row[0] for row in conditions(imported, "adrg", "NA1")} == {1}
