"""Facts that hold fields of the settlement list to each other, one scene a test."""

from __future__ import annotations

from typing import Any

import pytest

from domain.tables import Tables
from rules.facts import Source, build
from tests.rules_claims import at, charge, day, diagnosis, procedure, stay, tables

TIMED = {
    "admission_time": at("2024-03-01T08:00:00"),
    "discharge_time": at("2024-03-06T08:00:00"),
}


def facts(batch: Tables, *names: str) -> dict[str, Any]:
    """Facts of stays: one value, or a tuple where several are asked for."""
    table = build(Source(batch), {"stay": names})["stay"]
    rows = table.select("stay_id", *names).rows()
    return {row[0]: row[1] if len(names) == 1 else row[1:] for row in rows}


def test_days_of_life_and_days_to_filing() -> None:
    batch = tables(
        [
            stay("new", birth_date=day("2024-02-25"), filed_time=at("2024-03-10T09:00:00")),
            stay("open", days=None, filed_time=at("2024-03-10T09:00:00")),
            stay("silent"),
        ]
    )
    assert facts(batch, "age_at_admission_days", "days_from_discharge_to_filing") == {
        "new": (5, 4), "open": (None, None), "silent": (None, None),
    }  # fmt: skip


def icu(start: str, end: str | None, ordinal: int = 1) -> dict[str, Any]:
    return {
        "stay_id": "a",
        "ordinal": ordinal,
        "start_time": at(start),
        "end_time": None if end is None else at(end),
    }


@pytest.mark.parametrize(
    ("rows", "outside", "turned"),
    [
        ([], 0, False),
        ([icu("2024-03-01T09:00:00", "2024-03-02T09:00:00")], 0, False),
        ([icu("2024-03-01T07:30:00", "2024-03-02T09:00:00")], 30, False),
        ([icu("2024-03-05T07:30:00", "2024-03-06T09:00:00")], 60, False),
        ([icu("2024-03-02T09:00:00", "2024-03-02T08:00:00")], 0, True),
        ([icu("2024-03-02T09:00:00", "2024-03-02T09:00:00")], 0, True),
        ([icu("2024-03-02T09:00:00", None)], None, False),
        ([icu("2024-03-06T08:00:00", "2024-03-06T10:00:00", 2), icu("2024-03-02T08:00:00", "2024-03-03T10:00:00")], 120, False),
    ],
)  # fmt: skip
def test_intensive_care_in_and_out_of_the_stay(
    rows: list[dict[str, Any]], outside: int | None, turned: bool
) -> None:
    batch = tables([stay("a", **TIMED)], icu_stays=rows)
    assert facts(batch, "icu_minutes_outside_stay", "icu_times_reversed") == {
        "a": (outside, turned)
    }


def test_intensive_care_may_go_on_while_the_patient_is_in_hospital() -> None:
    head = stay("a", days=None, admission_time=at("2024-03-01T08:00:00"))
    batch = tables([head], icu_stays=[icu("2024-03-02T09:00:00", None)])
    assert facts(batch, "icu_minutes_outside_stay") == {"a": 0}


@pytest.mark.parametrize(
    ("dates", "outside"),
    [
        ([], 0),
        (["2024-03-01", "2024-03-06"], 0),
        (["2024-02-27", "2024-03-02"], 3),
        (["2024-03-08"], 2),
        ([None], None),
        ([None, "2024-03-02"], None),
        ([None, "2024-03-08"], 2),
    ],
)
def test_procedures_in_and_out_of_the_stay(dates: list[str | None], outside: int | None) -> None:
    rows = [
        procedure("a", n, "51.2300", procedure_date=None if on is None else day(on))
        for n, on in enumerate(dates, start=1)
    ]
    batch = tables([stay("a")], procedures=rows)
    assert facts(batch, "procedure_days_outside_stay") == {"a": outside}


def test_procedure_codes_of_the_wrong_form() -> None:
    batch = tables(
        [stay("a"), stay("us", procedure_system="ICD-10-PCS"), stay("none")],
        procedures=[
            procedure("a", 3, "06.2"), procedure("a", 1, "51.2300"), procedure("a", 2, "51.23"),
            procedure("a", 4, "56.0x00x005"), procedure("us", 1, "0FT44ZZ"),
        ],
    )  # fmt: skip
    assert facts(batch, "malformed_procedure_codes", "malformed_procedure_code") == {
        "a": (2, "51.23"), "us": (0, None), "none": (0, None),
    }  # fmt: skip


def test_sessions_against_cancer_and_other_procedures() -> None:
    batch = tables(
        [stay("a"), stay("b"), stay("none"), stay("us", procedure_system="ICD-9-CM-3")],
        procedures=[
            procedure("a", 1, "99.2503"), procedure("b", 1, "99.2503"), procedure("b", 2, "51.2300"),
            procedure("us", 1, "99.25"),
        ],
    )  # fmt: skip
    assert facts(batch, "has_cancer_session", "has_other_procedure") == {
        "a": (True, False), "b": (True, True), "none": (False, False), "us": (False, True),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("disease", "operation", "contradicts"),
    [
        ("右侧股骨颈骨折", "左侧全髋关节置换", True),
        ("左侧股骨颈骨折", "右侧全髋关节置换", True),
        ("右侧股骨颈骨折", "右侧全髋关节置换", False),
        ("双侧膝关节病", "左侧全膝关节置换", False),
        ("左心室肥厚", "右侧冠状动脉支架", False),
        ("左眼白内障", "右眼白内障超声乳化", True),
        ("左侧及右侧肾结石", "左侧输尿管镜", False),
        (None, "左侧全髋关节置换", None),
        ("右侧股骨颈骨折", None, None),
    ],
)
def test_sides(disease: str | None, operation: str | None, contradicts: bool | None) -> None:
    batch = tables(
        [stay("a"), stay("medical")],
        diagnoses=[diagnosis("a", 1, "S72.000", name=disease), diagnosis("medical", 1, "S72.000")],
        procedures=[procedure("a", 1, "81.5100", name=operation)],
    )
    found = facts(batch, "principal_side_contradicts_procedure")
    assert found == {"a": contradicts, "medical": False}


def test_ventilation_charged_leaves_out_what_was_taken_back() -> None:
    batch = tables(
        [stay("a"), stay("other"), stay("silent")],
        charges=[
            charge("a", "L1", "S-0106001", quantity=10),
            charge("a", "L2", "S-0106001", quantity=5),
            charge("a", "L3", "S-0106001", quantity=-5, reverses_line_id="L2"),
            charge("other", "L1"),
        ],
    )
    assert facts(batch, "ventilation_minutes_charged") == {"a": 600, "other": 0, "silent": None}


METFORMIN = "S-0901018"


def taken(stay_id: str, *days: int, item: str = METFORMIN) -> list[dict[str, Any]]:
    """One line of the drug a day of March."""
    return [
        charge(stay_id, f"L{n}", item, charge_date=day(f"2024-03-{n:02}"), item_name="二甲双胍")
        for n in days
    ]


def test_days_of_a_treatment_that_no_diagnosis_explains() -> None:
    batch = tables(
        [stay("a"), stay("diabetic"), stay("other"), stay("uncoded"), stay("unbilled"), stay("us", diagnosis_system="ICD-9-CM")],
        diagnoses=[
            diagnosis("a", 1, "I10.x00"), diagnosis("diabetic", 1, "I10.x00"), diagnosis("diabetic", 2, "E11.900"),
            diagnosis("other", 1, "I10.x00"), diagnosis("unbilled", 1, "I10.x00"), diagnosis("us", 1, "4019"),
        ],
        charges=[
            *taken("a", 2, 4, 3), *taken("a", 5), charge("a", "R", METFORMIN, quantity=-1, reverses_line_id="L5"),
            *taken("diabetic", 2, 3), *taken("other", 2, item="S-0901019"), *taken("uncoded", 2), *taken("us", 2, 3),
        ],
    )  # fmt: skip
    assert facts(batch, "days_of_unexplained_treatment", "unexplained_item") == {
        "a": (3, "二甲双胍"), "diabetic": (0, None), "other": (0, None), "uncoded": (None, None),
        "unbilled": (None, None), "us": (0, None),
    }  # fmt: skip


def test_of_two_treatments_the_longer_is_named() -> None:
    batch = tables(
        [stay("a")],
        diagnoses=[diagnosis("a", 1, "I10.x00")],
        charges=[
            *taken("a", 2, 3),
            charge("a", "X", "S-0901017", charge_date=day("2024-03-02"), item_name="胰岛素"),
        ],
    )
    assert facts(batch, "days_of_unexplained_treatment", "unexplained_item") == {
        "a": (2, "二甲双胍")
    }


def test_an_indication_counts_from_its_first_day() -> None:
    early = [charge("a", "L1", METFORMIN, charge_date=day("2019-12-31"))]
    batch = tables(
        [stay("a", "2019-12-30")], diagnoses=[diagnosis("a", 1, "I10.x00")], charges=early
    )
    assert facts(batch, "days_of_unexplained_treatment") == {"a": 0}
