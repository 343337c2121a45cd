"""The engine on the tiny scheme: what a coder or an auditor would look for in its answers."""

from __future__ import annotations

import dataclasses
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from domain.tables import Tables
from drg import chs, grouping
from drg.chs import compiled as compiling
from drg.grouping import Grouping
from drg.schemes import Scheme, SchemeError, load
from tests.chs_schemes import claim
from tests.rules_claims import at
from tests.schemes import MANIFEST, added, changed, tiny


@pytest.fixture(scope="module")
def scheme(tmp_path_factory: pytest.TempPathFactory) -> Scheme:
    return load(tiny(tmp_path_factory.mktemp("chs")))


def made(diagnoses: str, procedures: str = "", stay_id: str = "s1", **more: Any) -> dict[str, Any]:
    """A stay of a man of 50, with its codes in their order."""
    return {
        "stay_id": stay_id,
        "claim_type": "inpatient",
        "admission_date": date(2024, 3, 1),
        "sex": "1",
        "age_years": 50,
        "diagnoses": list(enumerate(diagnoses.split(), 1)),
        "procedures": list(enumerate(procedures.split(), 1)),
    } | more


def answer(scheme: Scheme, *args: str, **more: Any) -> dict[str, Any]:
    return chs.group(claim([made(*args, **more)]), scheme).stays.row(0, named=True)


def near(tables: Tables, scheme: Scheme) -> chs.Variants:
    return chs.Variants(chs.walked(tables, scheme))


def traced(scheme: Scheme, *args: str, **more: Any) -> Grouping:
    return chs.group(claim([made(*args, **more)]), scheme)


@pytest.mark.parametrize(
    ("diagnoses", "procedures", "more", "group"),
    [
        ("I61.000", "", {}, "BR15"),
        ("I61.000 N18.900", "", {}, "BR13"),
        ("I61.000 N18.900 A41.900", "", {}, "BR11"),
        ("I63.000", "", {}, "BR25"),
        ("I63.000 R56.000", "", {"age_years": 80}, "BR21"),
        ("I63.000", "01.2400 88.4100", {}, "BB25"),
        ("I61.900x001", "01.2499", {}, "BB25"),
        ("I61.000 A41.900", "01.2400", {}, "BB11"),
        ("I63.000", "39.7200 00.6300", {}, "BC19"),
        ("I63.000", "00.6300 39.7200", {}, "BC19"),
        ("I63.000 C61.x00", "00.6300 39.7200", {}, "BQY"),
        ("R56.000", "", {"age_years": 3}, "BX19"),
        ("I61.000", "37.5100", {}, "AA19"),
        ("I61.000", "88.4100 96.7201", {}, "AH15"),
        ("S06.500 S72.000", "", {}, "ZZ19"),
        ("S06.500 S72.000 A41.900", "60.2900", {}, "ZB11"),
        ("C61.x00", "60.2900", {}, "MB19"),
        ("C61.x00", "01.2400", {}, "MQY"),
        ("C61.x00 N18.900", "", {}, "MR11"),
        ("C61.x00", "", {}, "MR1"),
        ("P22.000", "", {"age_years": 0, "age_days": 28, "newborn_birth_weight_g": 3000}, "PS19"),
        ("P22.000", "", {"age_years": 0, "age_days": 2, "newborn_birth_weight_g": 1499}, "PR15"),
    ],
)  # fmt: skip
def test_groups(
    scheme: Scheme, diagnoses: str, procedures: str, more: dict[str, Any], group: str
) -> None:
    assert answer(scheme, diagnoses, procedures, **more)["group_code"] == group


@pytest.mark.parametrize(
    ("codes", "more", "status", "reason"),
    [
        (("", ""), {}, "invalid", "no_principal_diagnosis"),
        (("I61.000", ""), {"sex": "9"}, "invalid", "sex_missing"),
        (("I61.000", ""), {"sex": None}, "invalid", "sex_missing"),
        (("I61.000", ""), {"age_years": None}, "invalid", "age_missing"),
        (("I61.000", ""), {"age_years": 0}, "invalid", "age_days_missing"),
        (("P22.000", ""), {"age_years": 0, "age_days": 28}, "invalid", "birth_weight_missing"),
        (
            ("P22.000", ""), {"age_years": 0, "age_days": 28, "newborn_birth_weight_g": 0},
            "invalid", "birth_weight_missing",
        ),
        (("P22.000", ""), {"age_years": 0, "age_days": 29}, "ungroupable", "no_mdc"),
        (("X61.000", ""), {}, "unknown_code", "unknown_diagnosis"),
        (("I61.000 X61.000", ""), {}, "unknown_code", "unknown_diagnosis"),
        (("Z99.000 I61.000", ""), {}, "unknown_code", "unknown_diagnosis"),
        (("I61.000", "01.2400 77.7777"), {}, "unknown_code", "unknown_procedure"),
        (("I61.000", "99.9900 01.2400"), {}, "unknown_code", "unknown_procedure"),
        (("I10.x00", ""), {}, "ungroupable", "no_mdc"),
        (("C61.x00", ""), {"sex": "2"}, "ungroupable", "no_mdc"),
        (("R56.000", ""), {"age_years": 14}, "ungroupable", "no_adrg"),
        (("R56.000", "01.2400"), {"age_years": 14, "claim_type": "outpatient"}, "not_grouped", "not_inpatient"),
        (("C61.x00", "01.2400"), {}, "ambiguous", "unrelated_procedure"),
    ],
)  # fmt: skip
def test_reasons(
    scheme: Scheme,
    codes: tuple[str, str],
    more: dict[str, Any],
    status: str,
    reason: str,
) -> None:
    row = answer(scheme, *codes, **more)
    assert (row["status"], row["reason"]) == (status, reason)
    assert row["adrg"] is None
    wanted = {"ungroupable": "0000", "ambiguous": "MQY"}.get(status)
    assert row["group_code"] == wanted


def test_codes_that_the_crosswalk_leaves_out_count_as_nothing(scheme: Scheme) -> None:
    found = traced(scheme, "I61.000 Z99.000 N18.900", "01.2400 99.9900")
    assert found.stays["group_code"].to_list() == ["BB23"]
    assert found.diagnoses["used_code"].to_list() == ["I61.000", None, "N18.900"]
    assert found.diagnoses["counted"].to_list() == [False, False, True]


def test_a_list_without_its_first_place_has_no_principal_diagnosis(scheme: Scheme) -> None:
    # Moving the second up would group a stay by a diagnosis that nobody called the principal one.
    stay = made("") | {"diagnoses": [(2, "I61.000"), (3, "N18.900")]}
    row = chs.group(claim([stay]), scheme).stays.row(0, named=True)
    assert row["reason"] == "no_principal_diagnosis"
    assert row["principal_diagnosis"] is None


def test_age_comes_from_dates_where_it_is_not_stated(scheme: Scheme) -> None:
    born = {"age_years": None, "birth_date": date(2010, 3, 1)}
    assert answer(scheme, "R56.000", **born)["reason"] == "no_adrg"  # 14 on this very day
    younger = born | {"birth_date": date(2010, 3, 2)}
    assert answer(scheme, "R56.000", **younger)["group_code"] == "BX19"
    newborn = {
        "age_years": None, "birth_date": date(2024, 2, 28), "newborn_birth_weight_g": 1200,
    }  # fmt: skip
    assert answer(scheme, "P07.000", **newborn)["group_code"] == "PR15"
    unborn = newborn | {"birth_date": date(2024, 3, 2)}
    assert answer(scheme, "P07.000", **unborn)["reason"] == "age_missing"


def test_an_adult_with_0_in_the_field_of_newborns_is_no_newborn(scheme: Scheme) -> None:
    more = {"age_days": 0, "newborn_birth_weight_g": 0}
    row = answer(scheme, "P22.000", **more)
    assert row["reason"] == "no_mdc"


def test_trace_says_what_counted_what_was_excluded_and_the_way(scheme: Scheme) -> None:
    found = traced(scheme, "I63.000 I63.900 N18.900 J96.000 I10.x00")
    assert found.stays.row(0, named=True) == {
        "stay_id": "s1", "scheme_code": "tiny", "status": "grouped", "reason": None, "mdc": "B",
        "adrg": "BR2", "group_code": "BR21", "alternative": 1, "severity": "mcc",
        "severity_diagnosis": "J96.000", "principal_diagnosis": "I63.000", "main_procedure": None,
    }  # fmt: skip
    assert found.diagnoses.select("level", "counted", "excluded_by").rows() == [
        (None, False, None),
        ("cc", False, "3"),
        ("cc", True, None),
        ("mcc", True, None),
        (None, False, None),
    ]
    left = traced(scheme, "C61.x00 S27.000", "88.4100", age_years=70)
    assert left.steps.select("owner", "code", "alternative", "outcome").rows() == [
        ("mdc", "M", 1, "taken"),
        ("adrg", "MR1", 1, "taken"),
    ]
    turned = traced(scheme, "I61.000 N18.900", "01.2400 96.7201")
    assert turned.steps.select("owner", "code", "alternative", "outcome").rows() == [
        ("mdc", "A", 1, "taken"),
        ("adrg", "AH1", None, "taken"),
        ("group", "AH15", None, "taken"),
    ]
    unsplit = traced(scheme, "I61.000 N18.900", "01.2400")
    assert unsplit.steps.select("owner", "code", "alternative", "outcome").rows() == [
        ("mdc", "B", 1, "taken"),
        ("adrg", "BB1", 1, "left"),
        ("adrg", "BB2", 1, "taken"),
        ("group", "BB23", 1, "taken"),
    ]


def test_the_trace_of_a_stay_that_was_not_grouped_claims_no_judgement(scheme: Scheme) -> None:
    found = traced(scheme, "I63.000 N18.900", sex=None)
    assert found.diagnoses["level"].to_list() == [None, "cc"]
    assert found.diagnoses["counted"].to_list() == [None, None]
    assert found.steps.is_empty()


def test_a_subset_overlooks_secondary_codes_that_it_does_not_know(tmp_path: Path) -> None:
    text = MANIFEST.replace("subset = false", "subset = true")
    subset = load(tiny(tmp_path, manifest=text))
    assert answer(subset, "I61.000 X99.900 N18.900", "01.2400 77.7777")["group_code"] == "BB23"
    for diagnoses, procedures, status in (
        ("X99.900", "", "unknown_code"),
        ("I61.000", "77.7777", "unknown_code"),
        ("I10.x00", "", "ungroupable"),
        ("R56.000", "", "ungroupable"),
    ):
        row = answer(subset, diagnoses, procedures)
        assert (row["status"], row["reason"]) == (status, "outside_subset")


def test_other_procedures_are_tried_alone_where_the_scheme_says_so(tmp_path: Path) -> None:
    plain = load(tiny(tmp_path, name="plain"))
    text = MANIFEST + "retry_other_procedures = true\n"
    again = load(tiny(tmp_path, manifest=text, name="again"))
    stay = ("G40.900", "88.4100 60.2900 01.2401 39.7200")
    assert answer(plain, *stay)["group_code"] == "0000"
    row = answer(again, *stay)
    # 60.2900 operates outside the category: with it alone the stay is ambiguous at once.
    assert (row["group_code"], row["main_procedure"]) == ("BQY", "60.2900")
    row = answer(again, "G40.900", "88.4100 88.4100 01.2401")
    assert (row["group_code"], row["main_procedure"]) == ("BB25", "01.2401")
    found = traced(again, "G40.900", "88.4100 88.4100 01.2401")
    assert found.steps["outcome"].to_list() == ["left", "left", "taken", "taken", "taken"]


def test_hours_in_intensive_care_that_overlap_count_once(tmp_path: Path) -> None:
    pack = tiny(
        tmp_path, changed("conditions", "adrg,BX1,1,age_years,<,14", "adrg,BX1,1,icu_hours,>,24")
    )
    scheme = load(pack)
    day = (at("2024-03-01T08:00:00"), at("2024-03-02T08:00:00"))
    inside = (at("2024-03-01T09:00:00"), at("2024-03-01T20:00:00"))
    after = (at("2024-03-03T08:00:00"), at("2024-03-03T08:01:00"))
    running = (at("2024-03-03T08:00:00"), None)
    for icu, group in (
        ([], "0000"),
        ([day, inside], "0000"),
        ([inside, day, after], "BX19"),
        ([day, after, running], "0000"),
    ):
        assert answer(scheme, "R56.000", icu=icu)["group_code"] == group


def test_department_is_that_of_discharge_and_else_that_of_admission(tmp_path: Path) -> None:
    pack = tiny(
        tmp_path,
        changed("conditions", "adrg,BX1,1,age_years,<,14", "adrg,BX1,1,department,is,ICU|0302"),
    )
    scheme = load(pack)
    for discharge, admission, group in (
        ("ICU", "01", "BX19"), (None, "0302", "BX19"), ("01", "ICU", "0000"), (None, None, "0000"),
    ):  # fmt: skip
        more = {"discharge_department": discharge, "admission_department": admission}
        assert answer(scheme, "R56.000", **more)["group_code"] == group


def test_a_code_of_both_levels_counts_where_its_tables_let_it(tmp_path: Path) -> None:
    scheme = load(tiny(tmp_path, added("complications", "J96.000,cc,")))
    newborn = {"age_years": 0, "age_days": 2, "newborn_birth_weight_g": 3000}
    as_cc = traced(scheme, "P22.000 J96.000", **newborn)
    assert as_cc.stays["severity"][0] == "cc"
    assert as_cc.diagnoses.row(1)[4:] == ("cc", True, None)
    assert traced(scheme, "I61.000 J96.000").diagnoses.row(1)[4:] == ("mcc", True, None)


def test_empty_and_odd_batches_keep_the_schemas(scheme: Scheme) -> None:
    for tables in (Tables.of(), claim([made("")]), claim([made("", claim_type="outpatient")])):
        found = chs.group(tables, scheme)
        assert found.stays.schema == grouping.STAYS
        assert found.diagnoses.schema == grouping.DIAGNOSES
        assert found.steps.schema == grouping.STEPS
        assert found.edits.schema == grouping.EDITS
        assert chs.alternatives(near(tables, scheme)).schema == chs.ALTERNATIVES
        assert chs.by_diagnosis(near(tables, scheme)).schema == chs.BY_DIAGNOSIS


def test_codes_of_stays_outside_the_batch_are_no_ones(scheme: Scheme) -> None:
    tables = claim([made("I61.000"), made("I63.000 A41.900", stay_id="s2")])
    only = dataclasses.replace(tables, stays=tables.stays.slice(0, 1))
    found = chs.group(only, scheme)
    assert found.stays["group_code"].to_list() == ["BR15"]
    assert found.diagnoses["stay_id"].to_list() == ["s1"]


def test_alternatives_tell_what_rests_on_one_diagnosis(scheme: Scheme) -> None:
    tables = claim(
        [
            made("I61.000 A41.900 N18.900", stay_id="one"),
            made("I61.000 A41.900 J96.000", stay_id="two"),
            made("I61.000 A41.900 A41.900", stay_id="twice"),
            made("I61.000", stay_id="none"),
            made("C61.x00", stay_id="unsplit"),
            made("I10.x00", stay_id="ungroupable"),
        ]
    )
    found = chs.alternatives(near(tables, scheme))
    assert found.rows() == [
        ("one", "BR15", "BR13", 1, 1, "BR13|BR15"),
        ("two", "BR15", None, 2, 0, "BR13|BR15"),
        ("twice", "BR15", "BR15", 1, 0, "BR13|BR15"),
        ("none", "BR15", None, 0, 0, "BR11|BR13"),
        ("unsplit", "MR1", None, 0, 0, "MR11"),
    ]


def test_by_diagnosis_groups_with_each_other_diagnosis_first(scheme: Scheme) -> None:
    tables = claim([made("I63.000 I61.900x001 Z99.000 I10.x00 I63.000")])
    found = chs.by_diagnosis(near(tables, scheme))
    assert found.rows() == [
        ("s1", 2, "I61.900", "BR15", "BR1", "grouped"),
        ("s1", 4, "I10.x00", "0000", None, "ungroupable"),
    ]


def test_by_diagnosis_in_portions_is_by_diagnosis_at_once(
    scheme: Scheme, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = claim([made("I63.000 I61.900 N18.900 I63.900", stay_id=f"s{n}") for n in range(9)])
    whole = chs.by_diagnosis(near(tables, scheme))
    monkeypatch.setattr("drg.chs.variants._AT_ONCE", 10)
    assert chs.by_diagnosis(near(tables, scheme)).equals(whole)
    assert whole.height == 27


def test_a_scheme_for_another_engine_or_without_a_list_is_refused(scheme: Scheme) -> None:
    other = dataclasses.replace(
        scheme, manifest=dataclasses.replace(scheme.manifest, engine="ms"), sha256="other"
    )
    with pytest.raises(SchemeError, match="is for the engine 'ms'"):
        chs.group(Tables.of(), other)
    lists = scheme.tables["procedure_lists"].filter(pl.col("list") != "BB")
    broken = dataclasses.replace(
        scheme, tables={**scheme.tables, "procedure_lists": lists}, sha256="broken"
    )
    with pytest.raises(SchemeError, match=r"names the list 'BB', which is not there \(at .*csv\)"):
        chs.group(Tables.of(), broken)


def test_compiled_schemes_are_kept_by_content_and_not_without_end(scheme: Scheme) -> None:
    first = compiling.compiled(scheme)
    assert compiling.compiled(dataclasses.replace(scheme, folder=Path("elsewhere"))) is first
    for number in range(compiling.KEPT):
        compiling.compiled(dataclasses.replace(scheme, sha256=f"kept-{number}"))
    assert compiling.compiled(scheme) is not first


def test_the_reason_remembers_a_category_that_only_the_first_try_entered(tmp_path: Path) -> None:
    pack = tiny(
        tmp_path,
        added("conditions", "mdc,B,1,main_procedure,not_in,MB1"),
        manifest=MANIFEST + "retry_other_procedures = true\n",
    )
    row = answer(load(pack), "R56.000", "88.4100 60.2900")
    assert (row["group_code"], row["reason"]) == ("0000", "no_adrg")


def test_alternatives_of_a_stay_that_another_procedure_grouped(tmp_path: Path) -> None:
    scheme = load(tiny(tmp_path, manifest=MANIFEST + "retry_other_procedures = true\n"))
    tables = claim([made("G40.900 A41.900 N18.900", "88.4100 01.2401")])
    grouped = chs.group(tables, scheme)
    assert grouped.stays["group_code"].to_list() == ["BB21"]
    assert chs.alternatives(near(tables, scheme)).row(0)[1:3] == ("BB25", "BB23")
