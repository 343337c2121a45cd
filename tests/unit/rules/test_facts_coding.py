"""Facts of diagnosis coding, one scene a test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from domain.errors import SentinelError
from domain.tables import Tables
from rules.facts import Source, build
from rules.facts.coding_tables import indications, limits, partners, words
from rules.facts.reference import FOLDER
from tests.rules_claims import day, diagnosis, procedure, stay, tables


def facts(batch: Tables, *names: str, unit: str = "stay") -> dict[str, Any]:
    """Facts of a batch by subject: one value, or a tuple where several are asked for."""
    table = build(Source(batch), {unit: names})[unit]
    rows = table.filter(":has_row").select("stay_id", ":subject_id", *names).rows()
    return {
        row[0] if unit == "stay" else row[1]: row[2] if len(names) == 1 else row[2:] for row in rows
    }


def coded(*codes: str, **head: Any) -> Tables:
    """One stay with these codes, in this order."""
    listed = [diagnosis("a", n, code) for n, code in enumerate(codes, start=1)]
    return tables([stay("a", **head)], diagnoses=listed)


def test_a_missing_place_is_a_gap_whatever_the_order_of_rows() -> None:
    batch = tables(
        [stay("full"), stay("first"), stay("middle"), stay("none")],
        diagnoses=[
            diagnosis("full", 2, "I10.x00"), diagnosis("full", 1, "I50.900"),
            diagnosis("first", 2, "I10.x00"),
            diagnosis("middle", 3, "I10.x00"), diagnosis("middle", 1, "I50.900"),
        ],
    )  # fmt: skip
    found = facts(batch, "diagnosis_order_has_gaps")
    assert found == {"full": False, "first": True, "middle": True, "none": None}


@pytest.mark.parametrize(
    ("code", "fact"),
    [
        ("Z95.501", "principal_is_unacceptable"),
        ("N08.301", "principal_is_asterisk"),
        ("T81.400x001", "principal_is_complication"),
        ("P22.101", "principal_is_perinatal"),
        ("C18.700", "principal_is_malignant"),
        ("I63.900", "principal_is_acute_event"),
        ("S06.202", "has_brain_injury"),
        ("Z37.000", "has_birth_outcome"),
    ],
)
def test_kinds_of_codes(code: str, fact: str) -> None:
    assert facts(coded(code), fact) == {"a": True}
    assert facts(coded("I10.x00"), fact) == {"a": False}
    assert facts(coded(code, diagnosis_system="ICD-9-CM"), fact) == {"a": False}
    assert facts(tables([stay("a")]), fact) == {"a": None}


def test_only_the_first_code_is_the_principal_one() -> None:
    batch = coded("I10.x00", "Z95.501", "Z37.000")
    assert facts(batch, "principal_is_unacceptable", "has_birth_outcome") == {"a": (False, True)}


def test_a_combined_code_carries_its_dagger() -> None:
    assert facts(coded("E11.200x021+N08.3*"), "principal_is_asterisk") == {"a": False}
    assert facts(coded("N08.301*"), "principal_is_asterisk") == {"a": True}


@pytest.mark.parametrize(
    ("codes", "sibling"),
    [
        (("I50.900", "I10.x00", "I50.100", "I50.000"), "I50.100"),
        (("I50.900", "I50.908"), None),
        (("I50.100", "I50.000"), None),
        (("I50.900", "I51.100"), None),
        (("I50.900",), None),
    ],
)
def test_a_more_specific_code_of_the_category(codes: tuple[str, ...], sibling: str | None) -> None:
    assert facts(coded(*codes), "specific_sibling_code") == {"a": sibling}


@pytest.mark.parametrize(
    ("codes", "lacks"),
    [
        (("Z51.103", "I10.x00"), True),
        (("Z51.103", "I10.x00", "C18.700"), False),
        (("C18.700", "Z51.103"), False),
        (("Z47.001",), True),
        (("I10.x00",), False),
    ],
)
def test_a_session_of_treatment_needs_its_disease(codes: tuple[str, ...], lacks: bool) -> None:
    assert facts(coded(*codes), "lacks_needed_diagnosis") == {"a": lacks}


@pytest.mark.parametrize(
    ("codes", "alone"),
    [
        (("I10.x00", "N08.301"), "N08.301"),
        (("E11.200", "N08.301"), None),
        (("N08.301", "E11.200"), None),
        (("E11.300", "N08.301"), "N08.301"),
        (("I10.x00", "E11.200+N08.301*"), None),
        (("I10.x00", "N33.001"), None),  # the table has no pair of this asterisk code
    ],
)
def test_an_asterisk_code_needs_its_dagger(codes: tuple[str, ...], alone: str | None) -> None:
    assert facts(coded(*codes), "asterisk_code_alone") == {"a": alone}


def test_codes_that_exclude_each_other() -> None:
    assert facts(coded("E11.900", "E10.900"), "exclusive_diagnosis_codes") == {
        "a": "E10.900,E11.900"
    }
    assert facts(coded("E11.900", "E11.200"), "exclusive_diagnosis_codes") == {"a": None}
    other = coded("E11.900", "E10.900", diagnosis_system="ICD-10-CM")
    assert facts(other, "exclusive_diagnosis_codes") == {"a": None}


def test_pairs_are_unknown_without_diagnoses() -> None:
    assert facts(tables([stay("a")]), "lacks_needed_diagnosis") == {"a": None}


@pytest.mark.parametrize(
    ("code", "system", "delivers"),
    [
        ("74.1x01", "ICD-9-CM-3-CN", True),
        ("73.5900x002", "ICD-9-CM-3-CN", True),
        ("74.3x00", "ICD-9-CM-3-CN", False),
        ("73.6x01", "ICD-9-CM-3-CN", False),
        ("7410000", "ICD-10-PCS", False),
    ],
)
def test_deliveries(code: str, system: str, delivers: bool) -> None:
    batch = tables([stay("a", procedure_system=system)], procedures=[procedure("a", 1, code)])
    assert facts(batch, "has_delivery_procedure") == {"a": delivers}


def test_no_procedure_is_no_delivery() -> None:
    assert facts(tables([stay("a")]), "has_delivery_procedure") == {"a": False}


@pytest.mark.parametrize(
    ("code", "system", "formed"),
    [
        ("E11.900", "ICD-10-CN", True),
        ("I10.x00x002", "ICD-10-CN", True),
        (" i10.X00 ", "ICD-10-CN", True),
        ("E11.9x0", "ICD-10-CN", True),
        ("E11.200x021+N08.3*", "ICD-10-CN", True),
        ("E11", "ICD-10-CN", False),
        ("E11.9", "ICD-10-CN", False),
        ("E11900", "ICD-10-CN", False),
        ("E11.9000", "ICD-10-CN", False),
        ("S72001A", "ICD-10-CM", True),
        ("S7", "ICD-10-CM", False),
        ("25000", "ICD-9-CM", True),
        ("V5811", "ICD-9-CM", True),
        ("E11.900", "ICD-9-CM", False),
    ],
)
def test_the_form_of_a_code(code: str, system: str, formed: bool) -> None:
    found = facts(
        coded(code, diagnosis_system=system), "diagnosis_code_is_well_formed", unit="diagnosis"
    )
    assert found == {"dx-1": formed}


@pytest.mark.parametrize(
    ("code", "sex", "contradicts"),
    [
        ("N40.x00", "2", True), ("N40.x00", "1", False), ("N40.x00", "9", None), ("N40.x00", None, None),
        ("O80.000", "1", True), ("I10.x00", "2", False), ("I10.x00", None, False),
    ],
)  # fmt: skip
def test_codes_of_one_sex(code: str, sex: str | None, contradicts: bool | None) -> None:
    assert facts(coded(code, sex=sex), "contradicts_sex", unit="diagnosis") == {"dx-1": contradicts}


@pytest.mark.parametrize(
    ("code", "head", "contradicts"),
    [
        ("H25.900", {"birth_date": day("2009-03-02")}, True),
        ("H25.900", {"birth_date": day("2009-03-01")}, False),
        ("H25.900", {}, None),
        ("H25.900", {"age_years": 70}, False),
        ("H25.900", {"birth_date": day("1960-01-01"), "age_days": 5}, True),
        ("O80.000", {"age_years": 65}, True),
        ("O80.000", {"age_years": 64}, False),
        ("P95.x00", {"age_years": 1}, True),
        ("P95.x00", {"age_years": 0}, False),
        ("I10.x00", {}, False),
    ],
)
def test_codes_of_an_age(code: str, head: dict[str, Any], contradicts: bool | None) -> None:
    assert facts(coded(code, **head), "contradicts_age", unit="diagnosis") == {"dx-1": contradicts}


@pytest.mark.parametrize(
    ("code", "name", "contradicts"),
    [
        ("I50.900", "脑梗死", True),
        ("I63.900", "脑梗死", False),
        ("I69.300", "脑梗死后遗症", False),
        ("I50.900", "心力衰竭", False),
        ("J18.900", "肺炎", False),
        ("J18.900", None, None),
    ],
)
def test_names_and_codes(code: str, name: str | None, contradicts: bool | None) -> None:
    batch = tables([stay("a")], diagnoses=[diagnosis("a", 1, code, name=name)])
    assert facts(batch, "name_contradicts_code", unit="diagnosis") == {"dx-1": contradicts}


def test_circumstances_need_no_state_on_admission() -> None:
    batch = coded("I10.x00", "Z37.000", "W01.x00")
    found = facts(batch, "needs_no_admission_state", unit="diagnosis")
    assert found == {"dx-1": False, "dx-2": True, "dx-3": True}


def test_the_tables_are_sound() -> None:
    assert all(table(FOLDER).height for table in (limits, partners, words, indications))


@pytest.mark.parametrize(
    ("name", "text", "what"),
    [
        ("limited_diagnoses.csv", "system,prefix,sex,valid_from,valid_to,source\n", "column min_age_years is missing"),
        ("limited_diagnoses.csv", "system,prefix,sex,min_age_years,max_age_years,valid_from,valid_to,source\nICD-10-CN,O,3,,,2000-01-01,,x\n", "sex"),
        ("limited_diagnoses.csv", "system,prefix,sex,min_age_years,max_age_years,valid_from,valid_to,source\nICD-10-CN,O,,,,2000-01-01,,x\n", "limits neither"),
        ("limited_diagnoses.csv", "system,prefix,sex,min_age_years,max_age_years,valid_from,valid_to,source\nICD-11,O,2,,,2000-01-01,,x\n", "system"),
        ("limited_diagnoses.csv", "system,prefix,sex,min_age_years,max_age_years,valid_from,valid_to,source\nICD-10-CN,O,2,,,2000-01-01,,\n", "source"),
        ("limited_diagnoses.csv", "system,prefix,sex,min_age_years,max_age_years,valid_from,valid_to,source\nICD-10-CN,O,,x,,2000-01-01,,y\n", "whole number"),
    ],
)  # fmt: skip
def test_a_bad_table_is_refused_with_file_and_line(
    tmp_path: Path, name: str, text: str, what: str
) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(SentinelError, match=what) as told:
        limits(tmp_path)
    assert name in told.value.where


def test_a_rule_of_one_side_is_refused(tmp_path: Path) -> None:
    (tmp_path / "diagnosis_partners.csv").write_text(
        "relation,rule,side,system,prefix,valid_from,valid_to,source\n"
        "needs,x,of,ICD-10-CN,Z51,2000-01-01,,y\n",
        encoding="utf-8",
    )
    with pytest.raises(SentinelError, match="one side"):
        partners(tmp_path)
