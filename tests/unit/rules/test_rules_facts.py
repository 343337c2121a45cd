"""Facts computed from claims, one scene a test: what a person would count by hand."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from domain.claim import STAYS
from domain.errors import SentinelError
from domain.tables import Tables
from rules.facts import UNITS, Source, build, facts_of
from rules.facts.page import page
from tests.rules_claims import (
    at,
    charge,
    day,
    diagnosis,
    order,
    procedure,
    stay,
    tables,
    visit,
)  # fmt: skip


def facts(
    batch: Tables, *names: str, unit: str = "stay", history: Tables | None = None
) -> dict[str, Any]:
    """Facts of a batch by subject: one value, or a tuple where several are asked for."""
    table = build(Source(batch, history), {unit: names})[unit]
    rows = table.filter(":has_row").select(":subject_id", *names).rows()
    return {row[0]: row[1] if len(names) == 1 else row[1:] for row in rows}


# head


def test_days_and_minutes_of_a_stay() -> None:
    batch = tables(
        [
            stay("a", "2024-03-01", 4),
            stay("b", "2024-03-01", None),
            stay("c", admission_time=at("2024-03-01T08:00:00"), discharge_time=at("2024-03-01T07:59:00"), discharge_date=day("2024-03-01")),
        ]
    )  # fmt: skip
    assert facts(batch, "stay_days", "stay_minutes") == {
        "a": (4, 5760), "b": (None, None), "c": (0, -1),
    }  # fmt: skip


def test_age_counts_birthdays() -> None:
    batch = tables(
        [
            stay("eve", birth_date=day("1960-03-02")),
            stay("birthday", birth_date=day("1960-03-01")),
            stay("later", birth_date=day("2024-04-01")),
            stay("unknown"),
        ]
    )
    assert facts(batch, "age_at_admission_years") == {
        "eve": 63, "birthday": 64, "later": -1, "unknown": None,
    }  # fmt: skip


def test_exceptions_hold_only_if_stated() -> None:
    batch = tables(
        [
            stay("silent"),
            stay("moved", discharge_way="2"),
            stay("died", discharge_way="5"),
            stay("registry", death_date=day("2024-03-04")),
            stay("before", death_date=day("2024-02-28")),
            stay("day", inpatient_type="2"),
        ]
    )
    found = facts(batch, "stated_day_surgery", "stated_transfer_out", "stated_death_in_stay")
    assert found == {
        "silent": (False, False, False),
        "moved": (False, True, False),
        "died": (False, False, True),
        "registry": (False, False, True),
        "before": (False, False, False),
        "day": (True, False, False),
    }


def test_required_fields_that_are_empty_or_blank_are_named() -> None:
    full = {
        "sex": "1", "birth_date": day("1960-01-01"), "insurance_type": "310", "admission_way": "2",
        "admission_time": at("2024-03-01T08:00:00"), "admission_department": "A01",
        "discharge_time": at("2024-03-06T08:00:00"), "discharge_department": "A01",
        "discharge_way": "1", "length_of_stay_days": 5, "attending_physician_id": "D1",
        "total_amount_fen": 100,
    }  # fmt: skip
    batch = tables(
        [
            stay("full", **full),
            stay("blank", **full | {"discharge_department": "  ", "sex": None}),
            stay(
                "here",
                days=None,
                **full
                | dict.fromkeys(
                    (
                        "discharge_time",
                        "discharge_department",
                        "discharge_way",
                        "length_of_stay_days",
                        "total_amount_fen",
                    )
                ),
            ),
        ],
        diagnoses=[diagnosis(s, 1, "I10") for s in ("full", "blank", "here")],
    )
    names = ("empty_required_fields", "empty_required_field_names", "empty_required_field_labels")
    assert facts(batch, *names) == {
        "full": (0, "", ""),
        "blank": (2, "sex,discharge_department", "性别、出院科别"),
        # Still in hospital: nothing of the discharge can be there yet.
        "here": (0, "", ""),
    }


# codes


def test_the_principal_diagnosis_is_the_first_on_the_list() -> None:
    batch = tables(
        [stay("a"), stay("b"), stay("none"), stay("us", diagnosis_system="ICD-9-CM")],
        diagnoses=[
            diagnosis("a", 2, "W19"), diagnosis("a", 1, "S72.0"),
            diagnosis("b", 1, "w19.0"), diagnosis("us", 1, "E8859"),
        ],
    )  # fmt: skip
    assert facts(batch, "principal_diagnosis_code", "principal_is_external_cause") == {
        "a": ("S72.0", False), "b": ("w19.0", True), "none": (None, None), "us": ("E8859", True),
    }  # fmt: skip


def test_a_letter_means_different_things_in_the_two_code_systems() -> None:
    batch = tables(
        [stay("cn"), stay("us", diagnosis_system="ICD-9-CM")],
        # E11 is diabetes in ICD-10 and a cause in ICD-9; V58.1 is a cause in ICD-10 and chemotherapy in ICD-9.
        diagnoses=[diagnosis("cn", 1, "E11.9"), diagnosis("us", 1, "V58.11")],
    )
    names = ("principal_is_external_cause", "principal_is_treatment_cycle")
    assert facts(batch, *names) == {"cn": (False, False), "us": (False, True)}


@pytest.mark.parametrize(
    ("second", "present", "expected"),
    [
        ("K35.8", "1", True),
        ("K35.8", "4", False),
        ("K35.8", None, None),
        ("R11", "1", False),
        ("R11", None, False),
        ("Z96.6", "1", False),
        ("W19", "1", False),
    ],
)
def test_a_definite_secondary_diagnosis(
    second: str, present: str | None, expected: bool | None
) -> None:
    batch = tables(
        [stay("a")],
        diagnoses=[
            diagnosis("a", 1, "R10.4"),
            diagnosis("a", 2, second, present_on_admission=present),
        ],
    )
    assert facts(batch, "has_definite_secondary_diagnosis") == {"a": expected}


def test_repeated_diagnoses_are_counted_from_the_second_on() -> None:
    batch = tables(
        [stay("a"), stay("b")],
        diagnoses=[
            diagnosis("a", 1, "I10"), diagnosis("a", 2, "E11.9"), diagnosis("a", 3, "i10 "),
            diagnosis("a", 4, "I10"), diagnosis("b", 1, "I10"),
        ],
    )  # fmt: skip
    table = build(Source(batch), {"diagnosis": ["same_code_before"]})["diagnosis"]
    assert sorted(table.select("stay_id", ":subject_id", "same_code_before").rows()) == [
        ("a", "dx-1", 0), ("a", "dx-2", 0), ("a", "dx-3", 1), ("a", "dx-4", 2), ("b", "dx-1", 0),
    ]  # fmt: skip


def test_the_same_procedure_needs_code_day_and_surgeon() -> None:
    first = {"procedure_date": day("2024-03-02"), "surgeon_id": "D1"}
    batch = tables(
        [stay("a"), stay("undated")],
        procedures=[
            procedure("a", 1, "51.23", **first), procedure("a", 2, "51.23", **first),
            procedure("a", 3, "51.23", **first | {"surgeon_id": "D2"}),
            procedure("a", 4, "51.23", **first | {"procedure_date": day("2024-03-03")}),
            procedure("a", 5, "54.11"),
            procedure("undated", 1, "51.23"), procedure("undated", 2, "51.23"),
        ],
    )  # fmt: skip
    table = build(Source(batch), {"procedure": ["same_procedure_before"]})["procedure"]
    assert sorted(table.select("stay_id", ":subject_id", "same_procedure_before").rows()) == [
        ("a", "px-1", 0), ("a", "px-2", 1), ("a", "px-3", 0), ("a", "px-4", 0), ("a", "px-5", 0),
        ("undated", "px-1", 0), ("undated", "px-2", None),
    ]  # fmt: skip


def test_ventilation_is_taken_from_the_list_or_else_from_the_charges() -> None:
    hours = {"category": "05", "unit": "小时"}
    batch = tables(
        [stay("stated", ventilation_minutes=60), stay("charged"), stay("neither")],
        procedures=[procedure("stated", 1, "96.7201"), procedure("charged", 1, "967201")],
        charges=[
            charge("stated", "1", "S-0106001", quantity=24, **hours),
            charge("charged", "1", "S-0106001", quantity=24, **hours),
            charge("charged", "2", "S-0106001", quantity=10, **hours),
            charge("charged", "3", "S-0106002", quantity=10, **hours),
            charge("neither", "1"),
        ],
    )
    assert facts(batch, "ventilation_minutes_shown") == {
        "stated": 60, "charged": 34 * 60, "neither": None,
    }  # fmt: skip
    table = build(Source(batch), {"procedure": ["is_long_ventilation"]})["procedure"]
    assert table.filter(":has_row")["is_long_ventilation"].to_list() == [True, True]


# charges


def test_sums_are_unknown_without_lines_and_zero_without_beds() -> None:
    batch = tables(
        [stay("lines"), stay("none")],
        charges=[
            charge("lines", "1", quantity=2, unit_price="10.005"),
            charge("lines", "2", amount_fen=995),
        ],
    )
    names = ("charge_lines_total_fen", "largest_line_difference_fen", "bed_days_charged")
    assert facts(batch, *names) == {"lines": (2001 + 995, 5, 0), "none": (None, None, None)}


def test_identical_lines_share_item_minute_quantity_price_and_doctor() -> None:
    same = {"charge_time": at("2024-03-02T10:00:05"), "ordering_physician_id": "D1"}
    batch = tables(
        [stay("a")],
        charges=[
            charge("a", "1", **same),
            charge("a", "2", **same | {"charge_time": at("2024-03-02T10:00:55")}),
            charge("a", "3", **same | {"charge_time": at("2024-03-02T10:01:00")}),
            charge("a", "4", **same | {"ordering_physician_id": "D2"}),
            charge("a", "5", **same, quantity=2),
            charge("a", "6", **same),
            charge("a", "7", reverses_line_id="6", quantity=-1),
        ],
    )
    assert facts(batch, "identical_lines_before", "line_is_reversed", unit="charge") == {
        "1": (0, False), "2": (1, False), "3": (0, False), "4": (0, False), "5": (0, False),
        "6": (0, True), "7": (0, True),
    }  # fmt: skip


def test_lines_without_a_time_are_unknown_only_if_they_might_be_equal() -> None:
    batch = tables(
        [stay("a")],
        charges=[
            charge("a", "1", charge_time=None), charge("a", "2", charge_time=None),
            charge("a", "3", "S-0103002", charge_time=None),
        ],
    )  # fmt: skip
    assert facts(batch, "identical_lines_before", unit="charge") == {"1": None, "2": None, "3": 0}


def test_items_are_looked_up_in_the_tariff_and_missing_ones_are_unknown() -> None:
    batch = tables(
        [stay("a")],
        charges=[
            charge("a", "1", "S-0106003", unit="小时"), charge("a", "2", "ELSEWHERE", unit="小时"),
            charge("a", "3", "ELSEWHERE", unit="次"), charge("a", "4", "ELSEWHERE"),
        ],
    )  # fmt: skip
    assert facts(batch, "item_is_repeatable", "item_is_hourly", unit="charge") == {
        "1": (True, True), "2": (None, True), "3": (None, False), "4": (None, None),
    }  # fmt: skip


def test_the_day_of_an_hourly_item_is_counted_once_and_net() -> None:
    hours = {"category": "05", "unit": "小时"}
    batch = tables(
        [stay("a")],
        charges=[
            charge("a", "1", "S-0106003", quantity=20, **hours),
            charge("a", "2", "S-0106003", quantity=8, **hours),
            charge("a", "3", "S-0106003", quantity=-8, reverses_line_id="2", **hours),
            charge("a", "4", "S-0106003", quantity=5, charge_date=day("2024-03-03"), **hours),
        ],
    )
    found = facts(batch, "item_quantity_on_day", "first_line_of_item_on_day", unit="charge")
    assert {k: (int(v), first) for k, (v, first) in found.items()} == {
        "1": (20, True), "2": (20, False), "3": (20, False), "4": (5, True),
    }  # fmt: skip


def test_nursing_levels_of_one_day() -> None:
    nursing = {"category": "07"}
    batch = tables(
        [stay("two"), stay("change"), stay("reversed"), stay("foreign"), stay("none")],
        charges=[
            charge("two", "1", "S-0108002", **nursing), charge("two", "2", "S-0108003", **nursing),
            charge("change", "1", "S-0108002", **nursing),
            charge("change", "2", "S-0108003", **nursing, charge_date=day("2024-03-03")),
            charge("reversed", "1", "S-0108002", **nursing),
            charge("reversed", "2", "S-0108003", **nursing),
            charge("reversed", "3", "S-0108003", **nursing, quantity=-1, reverses_line_id="2"),
            charge("foreign", "1", "ELSEWHERE", **nursing),
        ],
    )  # fmt: skip
    assert facts(batch, "nursing_levels_on_a_day", "nursing_items_all_classified") == {
        "two": (2, True), "change": (1, True), "reversed": (1, True), "foreign": (0, False),
        "none": (None, None),
    }  # fmt: skip


def test_days_with_several_nursing_levels_cost_all_but_the_dearest() -> None:
    nursing = {"category": "07"}
    later = nursing | {"charge_date": day("2024-03-04")}
    batch = tables(
        [stay("two")],
        charges=[
            charge("two", "1", "S-0108003", unit_price=12, **later),
            charge("two", "2", "S-0108002", unit_price=24, **later),
            charge("two", "3", "S-0108003", unit_price=12, **nursing),
        ],
    )
    assert facts(batch, "several_levels_date", "extra_nursing_fen") == {
        "two": (day("2024-03-04"), 1200)
    }


def test_beds_of_one_day() -> None:
    def bed(stay_id: str, line: str, item: str, price: int, on: int = 2) -> dict[str, Any]:
        when = day(f"2024-03-0{on}")
        return charge(stay_id, line, item, category="01", unit_price=price, charge_date=when)

    batch = tables(
        [stay(n) for n in ("moved", "mother", "heated", "foreign", "back", "none")],
        charges=[
            bed("moved", "1", "S-0101001", 40), bed("moved", "2", "S-0101004", 140, on=3),
            bed("moved", "3", "S-0101001", 40, on=3),
            # The newborn lies in the mother's room, on her claim.
            bed("mother", "1", "S-0101002", 60), bed("mother", "2", "S-0101006", 30),
            # The tariff knows the item and that it is no bed.
            bed("heated", "1", "S-0101002", 60), bed("heated", "2", "S-0102001", 25),
            bed("foreign", "1", "S-0101002", 60), bed("foreign", "2", "ELSEWHERE", 50),
            bed("back", "1", "S-0101002", 60), bed("back", "2", "S-0101001", 40),
            bed("back", "3", "S-0101001", 40) | {"quantity": Decimal(-1), "amount_fen": -4000, "reverses_line_id": "2"},
            charge("none", "1"),
        ],
    )  # fmt: skip
    names = ("bed_days_charged", "bed_charges_fen", "beds_on_a_day", "extra_beds_fen", "several_beds_date")  # fmt: skip
    assert facts(batch, *names) == {
        "moved": (3, 22_000, 2, 4000, day("2024-03-03")),
        "mother": (1, 6000, 1, 0, None),
        "heated": (1, 6000, 1, 0, None),
        "foreign": (2, 11_000, 2, 5000, day("2024-03-02")),
        "back": (1, 6000, 1, 0, None),
        "none": (0, 0, 0, 0, None),
    }


def test_a_line_that_was_taken_back_in_part_still_stands() -> None:
    batch = tables(
        [stay("a")],
        charges=[
            charge("a", "1", quantity=10),
            charge("a", "2", quantity=-3, reverses_line_id="1"),
            charge("a", "3", quantity=2),
            charge("a", "4", quantity=-1, reverses_line_id="3"),
            charge("a", "5", quantity=-1, reverses_line_id="3"),
        ],
    )
    assert facts(batch, "line_is_reversed", unit="charge") == {
        "1": False, "2": True, "3": True, "4": True, "5": True,
    }  # fmt: skip


def test_days_without_activity_leave_out_the_first_and_last_day() -> None:
    bed = {"item": "S-0101001", "category": "01"}
    batch = tables(
        [stay("idle", days=6), stay("busy", days=3), stay("none", days=6), stay("here", days=None)],
        charges=[
            *[charge("idle", str(n), charge_date=day(f"2024-03-0{n}"), **bed) for n in range(1, 7)],
            charge("idle", "drug", "S-0901001", category="09", charge_date=day("2024-03-03")),
            charge("idle", "first", charge_date=day("2024-03-01")),
            charge("busy", "1"), charge("here", "1"),
        ],
        procedures=[procedure("idle", 1, "51.23", procedure_date=day("2024-03-05")),
                    procedure("busy", 1, "51.23", procedure_date=day("2024-03-03"))],
    )  # fmt: skip
    assert facts(batch, "full_days", "days_without_activity") == {
        "idle": (5, 3), "busy": (2, 0), "none": (5, None), "here": (None, None),
    }  # fmt: skip


def test_lines_posted_in_one_minute() -> None:
    batch = tables(
        [stay("a"), stay("b")],
        charges=[
            charge("a", "1", posted_time=at("2024-03-02T10:00:01")),
            charge("a", "2", posted_time=at("2024-03-02T10:00:59")),
            charge("a", "3", posted_time=at("2024-03-02T10:01:00")),
            charge("b", "1", posted_time=at("2024-03-02T10:00:00")), charge("b", "2"),
        ],
    )  # fmt: skip
    assert facts(batch, "lines_posted_at_once") == {"a": 2, "b": None}


# orders


def test_orders_overlap_with_the_earlier_one_of_the_same_drug_and_route() -> None:
    drug = "S-0901016"
    batch = tables(
        [stay("a", discharge_time=at("2024-03-06T12:00:00"))],
        orders=[
            order("a", "1", drug, "2024-03-01T08:00:00", "2024-03-05T08:00:00"),
            order("a", "2", drug, "2024-03-02T08:00:00", "2024-03-03T07:30:00"),
            order("a", "3", drug, "2024-03-04T08:00:00", None),
            order("a", "4", drug, "2024-03-02T08:00:00", None, route="po"),
            order("a", "5", drug, "2024-03-02T08:00:00", None, status="revoked"),
            order("a", "6", drug, "2024-03-05T09:00:00", None, long_term=False),
        ],
    )
    found = facts(batch, "overlap_hours_with_same_item", unit="order")
    # Order 3 runs to the discharge; order 6 is a single one and overlaps for no time.
    assert found == {"1": 0, "2": 23, "3": 24, "4": 0, "5": 0, "6": 0}


def test_a_running_order_of_a_patient_in_hospital_overlaps_what_comes_after() -> None:
    one, two, three = "S-0901016", "S-0901001", "S-0901002"
    batch = tables(
        [stay("a", days=None)],
        orders=[
            order("a", "1", one, "2024-03-01T08:00:00", None, status="active"),
            order("a", "2", one, "2024-03-02T08:00:00", "2024-03-05T08:00:00"),
            order("a", "3", one, "2024-03-03T08:00:00", None, status="active"),
            order("a", "4", two, "2024-03-01T08:00:00", "2024-03-04T08:00:00"),
            order("a", "5", two, "2024-03-02T08:00:00", None, status="active"),
            order("a", "6", three, "2024-03-01T08:00:00", None, status="completed"),
            order("a", "7", three, "2024-03-02T08:00:00", None, status="active"),
        ],
    )
    found = facts(batch, "overlap_hours_with_same_item", unit="order")
    # 3 runs beside 1 and neither has an end; 4 ended two days after 5 began; when 6 ended, nobody says.
    assert found == {"1": 0, "2": 72, "3": 168, "4": 0, "5": 48, "6": 0, "7": None}


def test_antibacterials_at_one_moment() -> None:
    batch = tables(
        [stay("three"), stay("in turn"), stay("foreign"), stay("none")],
        orders=[
            order("three", "1", "S-0901001", "2024-03-01T08:00:00", "2024-03-05T08:00:00"),
            order("three", "2", "S-0901002", "2024-03-02T08:00:00", "2024-03-05T08:00:00"),
            order("three", "3", "S-0901003", "2024-03-05T07:59:00", "2024-03-06T08:00:00"),
            order("in turn", "1", "S-0901001", "2024-03-01T08:00:00", "2024-03-02T08:00:00"),
            order("in turn", "2", "S-0901002", "2024-03-02T08:00:00", "2024-03-03T08:00:00"),
            order("foreign", "1", "ELSEWHERE", "2024-03-01T08:00:00", None),
        ],
    )
    assert facts(batch, "antibacterials_at_once", "drug_items_all_classified") == {
        "three": (3, True), "in turn": (1, True), "foreign": (0, False), "none": (None, None),
    }  # fmt: skip


# look-back


def test_the_prior_stay_is_the_last_that_began_before() -> None:
    batch = tables(
        [
            stay("1", "2024-03-01", 5, discharge_way="2"),
            stay("2", "2024-03-06", 2, provider_id="H2"),
            stay("3", "2024-03-20", None),
            stay("4", "2024-04-01", 1),
            visit("v", "2024-03-05"),
            stay("other", "2024-03-07", patient_id="p_2"),
        ]
    )
    names = (
        "prior_stay_id",
        "days_since_prior_stay",
        "prior_same_provider",
        "prior_stated_transfer",
    )
    assert facts(batch, "has_prior_stay", *names) == {
        "1": (False, None, None, False, False),
        "2": (True, "1", 0, False, True),
        "3": (True, "2", 12, False, False),
        "4": (True, "3", None, True, False),
        "v": (False, None, None, False, False),
        "other": (False, None, None, False, False),
    }


def test_overlap_with_any_earlier_stay() -> None:
    batch = tables(
        [
            stay("long", "2024-03-01", 30),
            stay("short", "2024-03-05", 2),
            stay("inside", "2024-03-10", 1),
        ]
    )
    assert facts(batch, "overlap_days_with_prior", "overlap_days_with_earlier") == {
        "long": (None, None), "short": (26, 26), "inside": (0, 21),
    }  # fmt: skip


def test_stays_of_one_day_are_ordered_by_time_and_then_by_id() -> None:
    batch = tables(
        [
            stay("a", "2024-03-01", 0, admission_time=at("2024-03-01T15:00:00")),
            stay("b", "2024-03-01", 0, admission_time=at("2024-03-01T08:00:00")),
        ]
    )
    assert facts(batch, "prior_stay_id") == {"a": "b", "b": None}


def test_stays_of_the_year_include_this_one_and_forget_the_366th_day() -> None:
    batch = tables([stay("1", "2023-03-02"), stay("2", "2023-03-03"), stay("3", "2024-03-01")])
    assert facts(batch, "stays_in_365_days") == {"1": 1, "2": 2, "3": 2}


def test_a_stay_never_sees_itself_in_the_history() -> None:
    old = tables([stay("a", "2024-03-01", 9), stay("0", "2024-02-01", 3)])
    new = tables([stay("a", "2024-03-02", 9, claim_version=2)])
    assert facts(new, "prior_stay_id", history=old) == {"a": "0"}
    assert facts(new, "same_admission_claims_before", history=old) == {"a": 0}


def test_of_two_versions_in_the_history_the_higher_counts() -> None:
    old = tables([stay("0", "2024-02-01", 28, claim_version=2)])
    older = tables([stay("0", "2024-02-01", 40)])
    from domain.tables import concat

    new = tables([stay("a", "2024-03-01")])
    for history in (concat([old, older]), concat([older, old])):
        assert facts(new, "days_since_prior_stay", history=history) == {"a": 1}


def test_the_same_disease_is_the_three_character_category_of_one_code_system() -> None:
    batch = tables(
        [stay("1", "2024-03-01"), stay("2", "2024-03-10"), stay("3", "2024-03-20"), stay("4", "2024-03-28")],
        diagnoses=[
            diagnosis("1", 1, "J18.9"), diagnosis("2", 1, "J180"), diagnosis("3", 1, "J20.9"),
        ],
    )  # fmt: skip
    assert facts(batch, "same_disease_as_prior") == {"1": None, "2": True, "3": False, "4": None}


def test_claims_of_one_admission() -> None:
    batch = tables(
        [
            stay("a"),
            stay("b"),
            stay("c", provider_id="H2"),
            stay("d", patient_id="p_2"),
            visit("v", "2024-03-01"),
        ]
    )
    assert facts(batch, "same_admission_claims_before", "same_admission_claim_id") == {
        "a": (0, None), "b": (1, "a"), "c": (0, None), "d": (0, None), "v": (0, None),
    }  # fmt: skip


def test_a_claim_that_the_fund_did_not_pay_is_not_the_first_of_two_payments() -> None:
    batch = tables(
        [
            stay("a", fund_payment_fen=0),
            stay("b", admission_time=at("2024-03-01T01:00:00")),
            stay("c", admission_time=at("2024-03-01T02:30:00")),
            stay("d", patient_id="p_2", fund_payment_fen=None),
            stay("e", patient_id="p_2"),
        ]
    )
    names = ("same_admission_claims_before", "same_admission_claim_id", "same_admission_minutes_apart")  # fmt: skip
    assert facts(batch, *names) == {
        "a": (0, None, None), "b": (0, None, None), "c": (1, "b", 90),
        "d": (0, None, None), "e": (None, None, None),
    }  # fmt: skip


def test_a_newborn_under_the_mothers_number_is_another_person() -> None:
    mother = {"sex": "2", "birth_date": day("1994-05-05")}
    batch = tables(
        [
            stay("birth", "2024-03-01", 5, **mother),
            stay("baby", "2024-03-03", 9, sex="1", birth_date=day("2024-03-01")),
            stay("baby2", "2024-03-20", 2, sex="1", birth_date=day("2024-03-01")),
            stay("again", "2024-04-02", 2, **mother),
            stay("wrong", "2024-05-01", 2, sex="2", birth_date=day("2025-01-01")),
        ]
    )
    names = ("prior_stay_id", "overlap_days_with_prior", "sex_differs_from_earlier", "stays_in_365_days")  # fmt: skip
    assert facts(batch, *names) == {
        "birth": (None, None, False, 1),
        "baby": (None, None, False, 1),
        "baby2": ("baby", 0, False, 2),
        "again": ("birth", 0, False, 2),
        # Born after the admission: no infant, a wrong date.
        "wrong": ("again", 0, False, 3),
    }


def test_a_transfer_is_stated_by_either_stay_and_only_between_hospitals() -> None:
    def pair(patient: str, first: dict[str, Any], second: dict[str, Any]) -> list[dict[str, Any]]:
        return [
            stay(f"{patient}1", patient_id=patient, **first),
            stay(f"{patient}2", "2024-03-06", patient_id=patient, **second),
        ]

    other = {"provider_id": "H2"}
    batch = tables(
        [
            *pair("sent", {"discharge_way": "2"}, other),
            *pair("taken", {}, other | {"admission_way": "3"}),
            *pair("silent", {"discharge_way": "1"}, other | {"admission_way": "1"}),
            *pair("same", {"discharge_way": "2"}, {"admission_way": "3"}),
        ]
    )
    found = facts(batch, "transferred_from_prior")
    assert {k for k, v in found.items() if v} == {"sent2", "taken2"}


def test_a_refund_after_the_death_is_no_service() -> None:
    batch = tables(
        [stay("a", "2024-03-01", 4, death_date=day("2024-03-03"))],
        charges=[
            charge("a", "1", quantity=2, unit_price=7, charge_date=day("2024-03-04")),
            charge("a", "2", charge_date=day("2024-03-03")),
            charge("a", "3", quantity=-1, reverses_line_id="2", charge_date=day("2024-03-20")),
        ],
    )
    assert facts(batch, "days_from_death_to_service", "charges_after_death_fen") == {"a": (2, 1400)}


def test_identity_is_compared_with_the_last_claim_that_states_it() -> None:
    batch = tables(
        [
            stay("1", "2024-01-01", sex="1", birth_date=day("1960-01-01")),
            stay("2", "2024-02-01"),
            stay("3", "2024-03-01", sex="2", birth_date=day("1960-01-01")),
            stay("4", "2024-04-01", sex="9", birth_date=day("1961-01-01")),
        ]
    )
    assert facts(batch, "sex_differs_from_earlier", "birth_date_differs_from_earlier") == {
        "1": (False, False), "2": (None, None), "3": (True, False), "4": (None, True),
    }  # fmt: skip


def test_a_death_is_remembered_by_later_claims_only() -> None:
    batch = tables(
        [
            stay("before", "2024-01-01", 1),
            stay("dies", "2024-02-01", 4, discharge_way="5"),
            visit("after", "2024-03-01"),
        ],
        charges=[charge("dies", "1", charge_date=day("2024-02-09"))],
    )
    assert facts(batch, "death_is_known", "days_from_death_to_service") == {
        "before": (False, None), "dies": (True, 4), "after": (True, 25),
    }  # fmt: skip


def test_visits_during_and_before_a_stay() -> None:
    batch = tables(
        [
            stay("s", "2024-03-05", 5),
            visit("early", "2024-03-01", fund_payment_fen=7),
            visit("same day", "2024-03-05", fund_payment_fen=None),
            visit("inside", "2024-03-07"), visit("inside too", "2024-03-09"),
            visit("last day", "2024-03-10"),
            visit("elsewhere", "2024-03-07", provider_id="H2"),
            visit("someone", "2024-03-07", patient_id="p_2"),
            stay("lone", "2024-03-05", 5, patient_id="p_3"),
            stay("here", "2024-03-05", None, patient_id="p_4"),
        ]
    )  # fmt: skip
    names = ("outpatient_claims_during_stay", "outpatient_paid_during_stay_fen",
             "has_same_provider_visit", "days_since_same_provider_visit", "same_provider_visit_paid_fen")  # fmt: skip
    found = facts(batch, *names)
    assert found["s"] == (2, 20_000, True, 0, None)
    assert found["lone"] == (0, None, False, None, None)
    assert found["here"] == (None, None, False, None, None)
    assert found["early"] == (None, None, False, None, None)


def test_identical_code_vectors_need_every_code_in_order() -> None:
    def codes(stay_id: str, *listed: str) -> list[dict[str, Any]]:
        return [diagnosis(stay_id, n, code) for n, code in enumerate(listed, 1)]

    batch = tables(
        [
            stay("a", "2024-03-01"),
            stay("b", "2024-03-02", patient_id="p_2"),
            stay("order", "2024-03-03", patient_id="p_3"),
            stay("more", "2024-03-04", patient_id="p_4"),
            stay("group", "2024-03-05", patient_id="p_5", billed_group_code="GA1"),
            visit("visit", "2024-03-06"),
            stay("none", "2024-03-07"),
        ],
        diagnoses=[
            *codes("a", "K35.8", "I10"), *codes("b", "K35.8", "I10"), *codes("order", "I10", "K35.8"),
            *codes("more", "K35.8", "I10"), *codes("group", "K35.8", "I10"), *codes("visit", "K35.8", "I10"),
        ],
        procedures=[procedure("more", 1, "47.01")],
    )  # fmt: skip
    found = facts(
        batch, "code_count", "identical_code_vectors_before", "identical_code_vector_stay_id"
    )
    assert found == {
        "a": (2, 0, None), "b": (2, 1, "a"), "order": (2, 0, None), "more": (3, 0, None),
        "group": (2, 0, None), "visit": (2, 0, None), "none": (None, None, None),
    }  # fmt: skip


# the registry


def test_a_stay_without_lines_has_one_row_that_says_so() -> None:
    batch = tables([stay("a"), stay("b")], charges=[charge("a", "1")])
    table = build(Source(batch), {"charge": ["line_amount_fen", "stay_days"]})["charge"]
    assert sorted(table.select("stay_id", ":has_row", "stay_days", "line_amount_fen").rows()) == [
        ("a", True, 5, 1000), ("b", False, 5, None),
    ]  # fmt: skip


def test_no_fact_holds_personal_data() -> None:
    personal = {f.name for f in STAYS.personal}
    for unit in UNITS:
        assert not personal & set(facts_of(unit))


def test_every_fact_says_what_makes_it_null_and_keeps_its_word() -> None:
    empty = tables([stay("a", fund_payment_fen=None, region_code=None)])
    for unit in UNITS:
        names = sorted(facts_of(unit))
        table = build(Source(empty), {unit: names})[unit]
        for name in names:
            fact = facts_of(unit)[name]
            assert table.schema[name] == fact.kind.dtype, name
            if fact.unit == "stay" and fact.null_when is None:
                assert table[name].null_count() == 0, f"{name} has no null_when yet is null"


def test_a_stay_that_stands_twice_in_a_batch_is_refused() -> None:
    batch = tables([stay("a"), stay("a", claim_version=2)])
    with pytest.raises(SentinelError, match="twice"):
        build(Source(batch), {"stay": ["stay_days"]})


def test_the_page_of_facts_is_up_to_date() -> None:
    written = Path(__file__).resolve().parents[3] / "docs" / "facts.md"
    assert written.read_text(encoding="utf-8") == page(), "run python -m rules.facts.page"
