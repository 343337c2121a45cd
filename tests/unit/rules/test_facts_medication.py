"""Facts of ordered drugs and exams, one scene a test."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from domain.tables import Tables
from rules.facts import Source, build
from rules.facts.codebook import ReferenceTableError, read
from tests.rules_claims import at, charge, day, diagnosis, order, stay, tables

PANTOPRAZOLE, OMEPRAZOLE, BUTYLPHTHALIDE = "S-0901016", "S-0901802", "S-0901801"
MEROPENEM, CULTURE, HEAD_CT, AMLODIPINE = "S-0901007", "S-0104018", "S-0103003", "S-0901019"


def facts(batch: Tables, *names: str, unit: str = "order") -> dict[str, Any]:
    table = build(Source(batch), {unit: names})[unit]
    rows = table.filter(":has_row").select(":subject_id", *names).rows()
    return {row[0]: row[1] if len(names) == 1 else row[1:] for row in rows}


def test_a_draft_stands_only_while_the_patient_is_in_hospital() -> None:
    start = "2024-03-01T10:00:00"
    batch = tables(
        [stay("here", days=None), stay("left")],
        orders=[
            order("here", "a", "X", start, None, status="draft"),
            order("here", "b", "X", start, None, status="revoked"),
            order("here", "c", "X", start, None, status="entered-in-error"),
            order("left", "d", "X", start, None, status="draft"),
            order("left", "e", "X", start, None, status="completed"),
        ],
    )
    assert facts(batch, "order_stands") == {
        "a": True, "b": False, "c": False, "d": False, "e": True,
    }  # fmt: skip


def test_limits_of_a_drug_hold_from_the_day_on_which_they_are_valid() -> None:
    batch = tables(
        [
            stay("a", provider_level="2"),
            stay("old", "2019-12-01", provider_level="9"),
            stay("silent"),
        ],
        orders=[
            order("a", "oxytocin", "S-0901807", "2024-03-01T10:00:00", None),
            order("a", "quinolone", "S-0901005", "2024-03-01T10:00:00", None),
            order("old", "before", "S-0901005", "2019-12-01T10:00:00", None),
            order("silent", "child", "S-0901818", "2024-03-01T10:00:00", None),
            order("a", "other", "X", "2024-03-01T10:00:00", None),
            order("a", "bag", "S-0901812", "2024-03-01T10:00:00", None),
            order("a", "level", "S-0901817", "2024-03-01T10:00:00", None),
        ],
    )
    names = (
        "drug_sex", "drug_min_age_years", "drug_max_age_years", "drug_setting", "drug_min_level",
        "hospital_level", "antibacterial_grade",
    )  # fmt: skip
    assert facts(batch, *names) == {
        "oxytocin": ("2", None, None, None, None, 2, None),
        "quinolone": (None, 18, None, None, None, 2, "non-restricted"),
        "before": (None, None, None, None, None, None, None),
        "child": (None, None, 14, None, None, None, None),
        "other": (None, None, None, None, None, 2, None),
        "bag": (None, None, None, "inpatient", None, 2, None),
        "level": (None, 18, None, None, 2, 2, "special"),
    }


def test_the_charges_of_a_patient_in_hospital_show_how_long_an_order_runs() -> None:
    began = "2024-03-01T10:00:00"
    batch = tables(
        [stay("here", days=None), stay("left", days=9)],
        orders=[
            order("here", "1", BUTYLPHTHALIDE, began, None, status="active"),
            order("left", "2", BUTYLPHTHALIDE, began, None, status="active"),
        ],
        charges=[
            charge("here", "L1", charge_time=at("2024-03-04T10:00:00")),
            charge("here", "L2"),
            charge("left", "L1", charge_time=at("2024-03-04T10:00:00")),
        ],
    )
    # Of a settled stay only its orders tell: what it charged may be a day too late.
    assert facts(batch, "drug_days_ordered", "order_hours_so_far") == {"1": (4, 72), "2": (1, 0)}


def test_days_of_a_course_are_counted_once_and_in_local_time() -> None:
    batch = tables(
        [stay("a", days=None, admission_time=at("2024-03-01T08:00:00")), stay("b")],
        orders=[
            order("a", "1", BUTYLPHTHALIDE, "2024-03-01T10:00:00", "2024-03-03T10:00:00"),
            # Overlaps by a day; 20:00 UTC is the next day in Shanghai.
            order("a", "2", BUTYLPHTHALIDE, "2024-03-03T10:00:00", "2024-03-05T20:00:00"),
            order("a", "3", BUTYLPHTHALIDE, "2024-03-08T00:00:00", None),
            order("a", "x", "X", "2024-03-09T00:00:00", "2024-03-09T00:00:00"),
            order("b", "4", BUTYLPHTHALIDE, "2024-03-01T10:00:00", "2024-03-03T10:00:00", status="revoked"),
        ],
    )  # fmt: skip
    names = (
        "drug_course_days", "drug_days_ordered", "drug_start_window_hours", "hours_from_admission",
        "first_order_of_item", "order_hours_so_far",
    )  # fmt: skip
    assert facts(batch, *names) == {
        "1": (14, 3, 48, 2, True, 48),
        "2": (14, 6, 48, 50, False, 58),
        # Runs on: known to reach the latest start of any order, 9 March.
        "3": (14, 8, 48, 160, False, 24),
        "x": (None, None, None, None, None, None),
        "4": (14, 0, 48, None, False, 48),
    }


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"dose": 5, "dose_unit": "mg", "frequency": "bid"}, Decimal(10)),
        ({"dose": Decimal("0.005"), "dose_unit": "g", "frequency": " TID "}, Decimal(15)),
        ({"dose": 5000, "dose_unit": "ug", "frequency": "qod"}, Decimal("2.5")),
        ({"dose": 5, "dose_unit": "ml", "frequency": "bid"}, None),
        ({"dose": 5, "dose_unit": "mg", "frequency": "prn"}, None),
        ({"dose": 5, "dose_unit": "mg"}, None),
        ({"dose_unit": "mg", "frequency": "bid"}, None),
    ],
)
def test_the_daily_dose_is_in_the_unit_of_the_maximum(said: dict[str, Any], expected: Decimal | None) -> None:  # fmt: skip
    batch = tables(
        [stay("a")],
        orders=[
            order("a", "1", AMLODIPINE, "2024-03-01T10:00:00", None, **said),
            order("a", "2", "X", "2024-03-01T10:00:00", None, **said),
        ],
    )
    found = facts(batch, "ordered_daily_dose", "drug_max_daily_dose", "dose_limit_unit")
    assert found == {"1": (expected, Decimal(10), "mg"), "2": (None, None, None)}


def test_the_longest_overlap_within_a_class_names_the_other_drug() -> None:
    batch = tables(
        [stay("a"), stay("open", days=None), stay("same")],
        orders=[
            order("a", "1", PANTOPRAZOLE, "2024-03-01T10:00:00", "2024-03-04T10:00:00", item_name="P"),
            order("a", "2", OMEPRAZOLE, "2024-03-02T10:00:00", "2024-03-09T10:00:00"),
            order("a", "3", PANTOPRAZOLE, "2024-03-04T10:00:00", "2024-03-05T10:00:00"),
            order("a", "dead", OMEPRAZOLE, "2024-03-01T12:00:00", None, status="revoked"),
            order("open", "4", PANTOPRAZOLE, "2024-03-01T10:00:00", None),
            order("open", "5", OMEPRAZOLE, "2024-03-01T10:00:00", None),
            order("same", "6", OMEPRAZOLE, "2024-03-01T10:00:00", "2024-03-04T10:00:00"),
            order("same", "7", OMEPRAZOLE, "2024-03-01T11:00:00", "2024-03-04T10:00:00"),
        ],
    )  # fmt: skip
    assert facts(batch, "drug_class", "same_class_overlap_hours", "same_class_drug") == {
        "1": ("ppi", 0, None),
        "2": ("ppi", 48, "P"),
        "3": ("ppi", 24, OMEPRAZOLE),
        "dead": ("ppi", 0, None),
        "4": ("ppi", 0, None),
        "5": ("ppi", 168, PANTOPRAZOLE),
        "6": ("ppi", 0, None),
        "7": ("ppi", 0, None),
    }


def test_indications_ask_the_diagnoses_and_the_admission_diagnosis() -> None:
    def drug(stay_id: str, item: str) -> dict[str, Any]:
        return order(stay_id, f"{stay_id}-{item[-3:]}", item, "2024-03-01T10:00:00", None)

    batch = tables(
        [
            stay("shown"), stay("other"), stay("admitted", admission_diagnosis_code="i63.9"),
            stay("none"), stay("us", diagnosis_system="ICD-9-CM"),
        ],
        diagnoses=[
            diagnosis("shown", 1, "I10"), diagnosis("shown", 2, "I63.900"),
            diagnosis("other", 1, "I10"), diagnosis("admitted", 1, "I10"), diagnosis("us", 1, "4340"),
        ],
        orders=[
            *(drug(s, BUTYLPHTHALIDE) for s in ("shown", "other", "admitted", "none", "us")),
            drug("other", "S-0901028"), drug("other", "X-000"),
        ],
    )  # fmt: skip
    assert facts(batch, "has_payable_list", "payable_diagnosis_present") == {
        "shown-801": (True, True), "other-801": (True, False), "admitted-801": (True, True),
        "none-801": (True, None), "us-801": (True, None),
        "other-028": (False, None), "other-000": (False, None),
    }  # fmt: skip
    names = ("has_antineoplastic_list", "antineoplastic_diagnosis_present")
    assert facts(batch, *names)["other-028"] == (True, False)
    for purpose in ("targeted", "key_monitored", "albumin"):
        found = facts(batch, f"has_{purpose}_list", f"{purpose}_diagnosis_present")
        assert set(found.values()) == {(False, None)}


def test_a_requirement_is_met_in_its_window_by_an_order_that_stands() -> None:
    def scene(name: str, cultured: str | None, **more: Any) -> list[dict[str, Any]]:
        made = [order(name, f"{name}-m", MEROPENEM, "2024-03-10T10:00:00", None)]
        if cultured is not None:
            made.append(order(name, f"{name}-c", CULTURE, cultured, cultured, **more))
        return made

    cases = {
        "none": scene("none", None),
        "before": scene("before", "2024-03-03T10:00:00"),
        "early": scene("early", "2024-03-03T09:59:00"),
        "after": scene("after", "2024-03-11T10:00:00"),
        "late": scene("late", "2024-03-11T10:01:00"),
        "revoked": scene("revoked", "2024-03-10T10:00:00", status="revoked"),
    }
    batch = tables([stay(s) for s in cases], orders=[o for rows in cases.values() for o in rows])
    found = facts(batch, "lacks_culture_or_consultation")
    assert {s: found[f"{s}-m"] for s in cases} == {
        "none": True, "before": False, "early": True, "after": False, "late": True, "revoked": True,
    }  # fmt: skip
    assert not any(found[i] for i in found if i.endswith("-c"))
    assert set(facts(batch, "lacks_albumin_test", "lacks_nutrition_screening").values()) == {(False, False)}  # fmt: skip


def test_equal_studies_of_a_week_are_counted_whatever_the_order_of_rows() -> None:
    rows = [
        order("a", "1", HEAD_CT, "2024-03-01T10:00:00", None),
        order("a", "2", HEAD_CT, "2024-03-01T10:00:00", None),
        order("a", "3", HEAD_CT, "2024-03-08T10:00:00", None),
        order("a", "4", HEAD_CT, "2024-03-08T10:01:00", None),
        order("a", "5", "S-0103002", "2024-03-08T10:01:00", None),
        order("a", "6", HEAD_CT, "2024-03-02T10:00:00", None, status="revoked"),
        order("a", "7", "X", "2024-03-02T10:00:00", None),
    ]
    expected = {
        "1": ("头颅CT", 0), "2": ("头颅CT", 1), "3": ("头颅CT", 2), "4": ("头颅CT", 1),
        "5": ("胸部CT", 0), "6": ("头颅CT", 2), "7": (None, 0),
    }  # fmt: skip
    names = ("imaging_study", "same_studies_in_7_days")
    for given in (rows, rows[::-1]):
        assert facts(tables([stay("a")], orders=given), *names) == expected


def test_infection_shows_in_a_diagnosis_or_a_test() -> None:
    batch = tables(
        [stay(s) for s in ("code", "test", "dead", "plain", "none", "tested")],
        diagnoses=[
            diagnosis(s, 1, "J18.900" if s == "code" else "I10")
            for s in ("code", "test", "dead", "plain")
        ],
        orders=[
            order("test", "1", CULTURE, "2024-03-01T10:00:00", None),
            order("dead", "2", CULTURE, "2024-03-01T10:00:00", None, status="revoked"),
            order("tested", "3", CULTURE, "2024-03-01T10:00:00", None),
        ],
        icu_stays=[
            {"stay_id": "test", "ordinal": 1, "start_time": at("2024-03-01T10:00:00")},
        ],
    )
    assert facts(batch, "infection_evidence", "listed_intensive_care", unit="stay") == {
        "code": (True, False), "test": (True, True), "dead": (False, False),
        "plain": (False, False), "none": (None, False), "tested": (True, False),
    }  # fmt: skip


def test_a_table_that_says_nonsense_is_refused_with_file_and_line(tmp_path: Path) -> None:
    text = (
        "frequency,times_a_day,valid_from,valid_to,source\n"
        "qd,1,2000-01-01,,known\nbid,two,2000-01-01,,known\n"
    )
    (tmp_path / "frequencies.csv").write_text(text, encoding="utf-8")
    with pytest.raises(ReferenceTableError, match=r"frequencies.csv:3"):
        read("frequencies", tmp_path)
    (tmp_path / "imaging.csv").write_text("item_code,source\n", encoding="utf-8")
    with pytest.raises(ReferenceTableError, match="study_zh"):
        read("imaging", tmp_path)
    (tmp_path / "once_only.csv").write_text(
        "prefix,organ_zh,organ_en,most,valid_from,valid_to,source\n47.0,阑尾,appendix,1,2000-01-01,,\n",
        encoding="utf-8",
    )
    with pytest.raises(ReferenceTableError, match="no source"):
        read("once_only", tmp_path)


def test_a_batch_without_orders_gives_no_rows() -> None:
    batch = tables([stay("a", discharge_date=day("2024-03-02"))])
    names = (
        "order_stands", "drug_days_ordered", "ordered_daily_dose", "same_class_overlap_hours",
        "payable_diagnosis_present", "lacks_albumin_test", "same_studies_in_7_days",
    )  # fmt: skip
    assert facts(batch, *names) == {}
