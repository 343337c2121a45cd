"""Facts that tie visits and stays together: each scene a few claims, counted by hand."""

from __future__ import annotations

from typing import Any

from domain.tables import Tables
from rules.facts import Source, build
from tests.rules_claims import at, charge, diagnosis, stay, tables, visit


def facts(batch: Tables, *names: str, history: Tables | None = None) -> dict[str, Any]:
    table = build(Source(batch, history), {"stay": names})["stay"]
    return {
        row[0]: row[1] if len(names) == 1 else row[1:]
        for row in table.select("stay_id", *names).rows()
    }


def test_visits_to_other_hospitals_strictly_inside_a_stay() -> None:
    batch = tables(
        [
            stay("s", "2024-03-01", 5),
            visit("first day", "2024-03-01", provider_id="H2"),
            visit("in2", "2024-03-04", provider_id="H2", fund_payment_fen=700),
            visit("in1", "2024-03-02", provider_id="H3", fund_payment_fen=300),
            visit("same", "2024-03-03"),
            visit("last day", "2024-03-06", provider_id="H2"),
            stay("unpaid", "2024-03-01", 5, patient_id="p_2"),
            visit("silent", "2024-03-03", patient_id="p_2", provider_id="H2", fund_payment_fen=None),
            stay("here", "2024-03-01", None, patient_id="p_3"),
        ]
    )  # fmt: skip
    found = facts(
        batch,
        "outpatient_claims_elsewhere_during_stay",
        "outpatient_claim_elsewhere_id",
        "outpatient_paid_elsewhere_fen",
    )
    assert found["s"] == (2, "in1", 1000)
    assert found["unpaid"] == (1, "silent", None)
    assert found["here"] == found["in1"] == (None, None, None)


def test_tests_billed_as_visits_before_admission() -> None:
    lab = {"category": "04"}
    batch = tables(
        [
            visit("v4", "2024-02-26"), visit("v3", "2024-02-27"), visit("v0", "2024-03-01"),
            visit("away", "2024-02-29", provider_id="H2"),
            stay("s", "2024-03-01"),
            visit("bare", "2024-03-01", patient_id="p_2"), stay("t", "2024-03-01", patient_id="p_2"),
            stay("alone", "2024-03-01", patient_id="p_3"),
        ],
        charges=[
            charge("v4", "1", unit_price=9),
            charge("v3", "1", unit_price=10), charge("v3", "2", unit_price=5, **lab), charge("v3", "3", category="09"),
            charge("v0", "1", unit_price=20), charge("v0", "2", unit_price=20, quantity=-1, reverses_line_id="1"),
            charge("away", "1"), charge("s", "1", unit_price=3), charge("s", "2", category="01"),
        ],
    )  # fmt: skip
    found = facts(
        batch,
        "has_test_visit_before",
        "tests_before_admission_fen",
        "test_visit_id",
        "tests_in_stay_fen",
    )
    assert found["s"] == (True, 1500, "v0", 300)
    assert found["t"] == (True, None, "bare", None)
    assert found["alone"] == (False, None, None, None)


def test_examinations_made_up_after_discharge() -> None:
    batch = tables(
        [
            stay("s", "2024-03-01", 5),
            visit("v", "2024-03-08"),
            visit("other disease", "2024-03-06"),
            visit("elsewhere", "2024-03-08", provider_id="H2"),
            visit("during", "2024-03-03"),
            stay("bare", "2024-03-01", 5, patient_id="p_2"),
            visit("w", "2024-03-07", patient_id="p_2"),
        ],
        diagnoses=[
            diagnosis("s", 1, "I10.x05"), diagnosis("v", 1, "i10.x00"), diagnosis("other disease", 1, "J06"),
            diagnosis("bare", 1, "I10"),
        ],
        charges=[
            charge("s", "1", "CT"), charge("s", "2", "MR"), charge("s", "3", "MR", quantity=-1, reverses_line_id="2"),
            charge("v", "1", "CT", unit_price=8), charge("v", "2", "MR", unit_price=5),
            charge("v", "3", "BLOOD", category="04"), charge("other disease", "1", "CT"), charge("w", "1", "CT"),
        ],
    )  # fmt: skip
    found = facts(
        batch,
        "has_same_provider_stay",
        "days_since_same_provider_stay",
        "visit_has_disease_of_stay",
        "examinations_not_in_stay_fen",
    )
    assert found == {
        "s": (False, None, None, None),
        # The CT was done in the stay; the MRI was taken back there.
        "v": (True, 2, True, 500),
        "other disease": (True, 0, False, 0),
        "elsewhere": (False, None, None, None),
        "during": (False, None, None, None),
        "bare": (False, None, None, None),
        "w": (True, 1, None, None),
    }


def test_a_visit_in_another_city_on_the_same_day() -> None:
    day = "2024-03-01"

    def seen(name: str, hour: int, region: str | None, patient: str, minutes: int = 30) -> Any:
        start = at(f"{day}T{hour:02}:00:00")
        return visit(name, day, patient_id=patient, region_code=region, admission_time=start) | (
            {"discharge_time": at(f"{day}T{hour:02}:{minutes}:00")} if minutes else {}
        )

    batch = tables(
        [
            seen("a", 8, "330100", "p_1"), seen("district", 9, "330106", "p_1"), seen("far", 10, "330200", "p_1", 0),
            seen("x", 8, "330100", "p_2"), seen("nowhere", 9, None, "p_2"),
            visit("u1", day, patient_id="p_3", region_code="330100"),
            visit("u2", day, patient_id="p_3", region_code="330200"),
        ]
    )  # fmt: skip
    found = facts(
        batch, "has_other_city_visit", "other_city_visit_id", "minutes_since_other_city_visit"
    )
    assert found == {
        "a": (False, None, None),
        "district": (False, None, None),
        "far": (True, "district", 30),
        "x": (False, None, None),
        "nowhere": (None, None, None),
        "u1": (False, None, None),
        "u2": (True, "u1", None),
    }


def test_one_drug_from_several_providers_in_thirty_days() -> None:
    drug = {"category": "09", "item_name": "Drug"}
    batch = tables(
        [
            visit("old", "2024-02-01", provider_id="H9"),
            visit("a", "2024-03-02", provider_id="H1"), visit("b", "2024-03-05", provider_id="H2"),
            visit("c", "2024-03-31", provider_id="H3"),
            visit("bare", "2024-03-01", provider_id="H1", patient_id="p_2"),
            visit("d", "2024-03-02", provider_id="H2", patient_id="p_2"),
            visit("again", "2024-03-03", provider_id="H2", patient_id="p_3"),
            stay("s", "2024-03-04", patient_id="p_3"),
        ],
        charges=[
            charge("old", "1", "X", **drug), charge("a", "1", "X", **drug),
            charge("b", "1", "X", unit_price=7, **drug), charge("b", "2", "Y", **drug),
            charge("c", "1", "X", unit_price=9, **drug), charge("c", "2", "W", **drug),
            charge("d", "1", "X", **drug), charge("again", "1", "T", category="04"), charge("s", "1", "X", **drug),
        ],
    )  # fmt: skip
    found = facts(
        batch,
        "providers_in_30_days",
        "providers_of_same_drug",
        "same_drug_name",
        "same_drug_amount_fen",
    )
    assert found == {
        "old": (1, 1, "Drug", 1000),
        # The purchase of 1 February lies 30 days back.
        "a": (1, 1, "Drug", 1000),
        "b": (2, 2, "Drug", 700),
        "c": (3, 3, "Drug", 900),
        "bare": (1, None, None, None),
        "d": (2, None, None, None),
        "again": (1, 0, None, None),
        "s": (None, None, None, None),
    }
