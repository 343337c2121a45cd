"""Facts of the chain of a patient's stays: each scene a few claims, counted by hand."""

from __future__ import annotations

from typing import Any

import pytest

from domain.tables import Tables
from rules.facts import Source, build
from tests.rules_claims import at, charge, day, diagnosis, procedure, stay, tables, visit


def facts(batch: Tables, *names: str, history: Tables | None = None) -> dict[str, Any]:
    table = build(Source(batch, history), {"stay": names})["stay"]
    return {
        row[0]: row[1] if len(names) == 1 else row[1:]
        for row in table.select("stay_id", *names).rows()
    }


def moved(stay_id: str, admitted: str, days: int | None, hour: int = 9, **more: Any) -> Any:
    made = stay(stay_id, admitted, days, **more)
    made["admission_time"] = at(f"{admitted}T{hour:02}:00:00")
    if days is not None:
        made["discharge_time"] = at(f"{made['discharge_date']}T10:30:00")
    return made


def test_minutes_and_department_since_the_prior_stay() -> None:
    batch = tables(
        [
            moved("a", "2024-03-01", 4, discharge_department="A03", discharge_way="1"),
            moved("b", "2024-03-05", 2, hour=12, admission_department="A04"),
            moved("c", "2024-03-09", 2, admission_department="A04"),
            stay("untimed", "2024-04-01", 1, patient_id="p_2"),
            moved("after", "2024-04-02", 1, patient_id="p_2", admission_department="A01"),
        ]
    )
    found = facts(
        batch,
        "minutes_since_prior_stay",
        "department_differs_from_prior",
        "prior_department",
        "prior_stated_home",
    )
    assert found == {
        "a": (None, None, None, False),
        "b": (90, True, "A03", True),
        # b states neither department nor way of discharge.
        "c": (2790, None, None, False),
        "untimed": (None, None, None, False),
        "after": (None, None, None, False),
    }


def test_payment_by_group_and_by_day_in_turn() -> None:
    batch = tables(
        [
            stay("a", "2024-03-01", 4, payment_method="drg"),
            stay("b", "2024-03-06", 4, payment_method="per_diem"),
            stay("c", "2024-03-11", 4, payment_method="per_diem"),
            stay("d", "2024-03-16", 4, payment_method="drg"),
            stay("silent", "2024-03-21", 4),
            stay("last", "2024-03-26", 4, payment_method="per_diem"),
        ]
    )
    assert facts(batch, "mixes_group_and_day_rate_with_prior", "prior_payment_method") == {
        "a": (False, None),
        "b": (True, "drg"),
        "c": (False, "per_diem"),
        "d": (True, "per_diem"),
        "silent": (False, "drg"),
        "last": (False, None),
    }


def test_a_return_after_a_transfer_looks_two_stays_back() -> None:
    def way(
        prefix: str, patient: str, home: str, first: str | None, levels: tuple[str, str]
    ) -> Any:
        away = "H9"
        return [
            stay(f"{prefix}1", "2024-03-01", 4, patient_id=patient, provider_id=home,
                 discharge_way=first, provider_level=levels[0]),
            stay(f"{prefix}2", "2024-03-05", 3, patient_id=patient, provider_id=away, provider_level=levels[1]),
            stay(f"{prefix}3", "2024-03-09", 3, patient_id=patient, provider_id=home, provider_level=levels[0]),
        ]  # fmt: skip

    batch = tables(
        [
            *way("down", "p_1", "H1", "2", ("3", "2")),
            *way("up", "p_2", "H2", "3", ("1", "3")),
            *way("home", "p_3", "H3", "1", ("3", "9")),
        ]
    )
    found = facts(
        batch,
        "stated_return_after_transfer",
        "days_since_transfer_out",
        "stay_before_prior_id",
        "prior_level_is_higher",
    )
    assert {k: v for k, v in found.items() if k.endswith("3")} == {
        "down3": (True, 4, "down1", False),
        "up3": (True, 4, "up1", True),
        "home3": (False, 4, "home1", None),
    }
    assert found["down2"] == (False, None, None, True)


def test_a_second_account_overlaps_at_the_same_hospital() -> None:
    batch = tables(
        [
            stay("insured", "2024-03-01", 9, insurance_type="310", total_amount_fen=900_000),
            stay("self", "2024-03-03", 2, insurance_type="self", total_amount_fen=50_000),
            stay("later", "2024-03-20", 2, insurance_type="self"),
            stay("silent", "2024-03-01", 9, patient_id="p_2"),
            stay("beside", "2024-03-03", 2, patient_id="p_2", insurance_type="self"),
            stay("h1", "2024-03-01", 9, patient_id="p_3", insurance_type="310"),
            stay("h2", "2024-03-03", 2, patient_id="p_3", insurance_type="self", provider_id="H2"),
            stay("open", "2024-03-01", None, patient_id="p_4", insurance_type="self"),
            stay("follows", "2024-03-08", 2, patient_id="p_4", insurance_type="310"),
        ]
    )
    found = facts(
        batch, "has_self_paid_overlap", "self_paid_overlap_stay_id", "self_paid_overlap_fen"
    )
    assert found["self"] == (True, "insured", 50_000)
    assert found["beside"] == found["follows"] == (None, None, None)
    clear = ("insured", "later", "silent", "h1", "h2", "open")
    assert {found[name] for name in clear} == {(False, None, None)}


def test_the_rhythm_of_four_stays() -> None:
    batch = tables(
        [
            *[
                stay(f"e{n}", admitted, 3, provider_id=f"H{n % 2}")
                for n, admitted in enumerate(
                    ("2024-01-01", "2024-01-31", "2024-03-02", "2024-04-01", "2024-04-11")
                )
            ],
            *[stay(f"few{n}", f"2024-0{n + 1}-01", 3, patient_id="p_2") for n in range(3)],
            visit("v", "2024-05-01"),
        ]
    )
    found = facts(
        batch,
        "has_four_stays",
        "interval_spread_days",
        "shortest_interval_days",
        "hospitals_in_last_four_stays",
    )
    # 30, 31 and 30 days; then 31, 30 and 10.
    assert found["e3"] == (True, 1, 30, 2)
    assert found["e4"] == (True, 21, 10, 2)
    assert {found[k] for k in ("e0", "e1", "e2", "few2", "v")} == {(False, None, None, None)}


def test_operations_of_this_and_the_prior_stay() -> None:
    batch = tables(
        [
            stay("a", "2024-03-01"), stay("b", "2024-03-10"), stay("c", "2024-03-20"), stay("d", "2024-04-01"),
            stay("us1", "2024-03-01", patient_id="p_2", procedure_system="ICD-10-PCS"),
            stay("us2", "2024-03-10", patient_id="p_2", procedure_system="ICD-10-PCS"),
        ],
        procedures=[
            procedure("a", 1, "51.2300"), procedure("a", 2, "99.2500"),
            procedure("b", 1, "51.8800"), procedure("b", 2, "99.2500"),
            procedure("c", 1, "51.8800"),
            procedure("us1", 1, "0FT44ZZ"), procedure("us2", 1, "0FB44ZX"),
        ],
    )  # fmt: skip
    found = facts(
        batch,
        "operates_where_prior_did",
        "repeats_operation_of_prior",
        "operation_codes",
        "prior_operation_codes",
    )
    assert found == {
        "a": (False, False, "51.2300", None),
        # The injection (99.25) is no operation.
        "b": (True, False, "51.8800", "51.2300"),
        "c": (True, True, "51.8800", "51.8800"),
        "d": (False, False, None, "51.8800"),
        "us1": (False, False, "0FT44ZZ", None),
        "us2": (True, False, "0FB44ZX", "0FT44ZZ"),
    }


def test_pregnancy_and_delivery() -> None:
    batch = tables(
        [stay("wait", "2024-03-01"), stay("birth", "2024-03-07"), stay("after", "2024-03-20"), stay("none", "2024-04-20"),
         stay("next", "2024-05-20")],
        diagnoses=[
            diagnosis("wait", 1, "O47.900"),
            diagnosis("birth", 2, "z37.000"), diagnosis("birth", 1, "O70.000"),
            diagnosis("after", 1, "O90.000"),
            diagnosis("next", 1, "J18.900"),
        ],
    )  # fmt: skip
    assert facts(batch, "is_delivery", "prior_is_pregnancy", "prior_diagnosis_code") == {
        "wait": (False, None, None),
        "birth": (True, True, "O47.900"),
        "after": (False, False, "O70.000"),
        "none": (None, True, "O90.000"),
        "next": (False, None, None),
    }


def test_drugs_shared_with_the_prior_stay_are_net_of_what_was_taken_back() -> None:
    drug = {"category": "09"}
    batch = tables(
        [stay("a", "2024-03-01"), stay("b", "2024-03-10"), stay("c", "2024-03-20"), stay("bare", "2024-04-01")],
        charges=[
            charge("a", "1", "X", **drug), charge("a", "2", "Y", **drug), charge("a", "3", "Z", **drug),
            charge("a", "4", "Z", quantity=-1, reverses_line_id="3", **drug), charge("a", "5", "B", category="01"),
            charge("a", "6", "S-0901013", **drug), charge("b", "4", "S-0901013", **drug),
            charge("b", "1", "Y", **drug), charge("b", "2", "X", **drug), charge("b", "3", "W", **drug),
            charge("c", "1", "B", category="01"),
        ],
    )  # fmt: skip
    found = facts(batch, "drugs_shared_with_prior", "drug_likeness_with_prior")
    assert found["a"] == found["bare"] == (None, None)
    # Salt water (S-0901013) tells nothing.
    assert found["b"] == (2, pytest.approx(2 / 3))
    assert found["c"] == (0, 0.0)


def test_an_invoice_that_an_earlier_claim_carries() -> None:
    batch = tables(
        [
            stay("a", "2024-03-01", invoice_number="N1"),
            stay("b", "2024-04-01", invoice_number=" N1 "),
            stay("other", "2024-05-01", invoice_number="N2"),
            stay("blank1", "2024-06-01", invoice_number=" "),
            stay("blank2", "2024-07-01", invoice_number=" "),
            stay("elsewhere", "2024-08-01", invoice_number="N1", provider_id="H2"),
            stay("somebody", "2024-09-01", invoice_number="N1", patient_id="p_2"),
        ]
    )
    found = facts(batch, "has_same_invoice_claim", "same_invoice_claim_id")
    assert found.pop("b") == (True, "a")
    assert set(found.values()) == {(False, None)}


def test_the_chain_is_the_same_from_history_and_in_any_order() -> None:
    rows = [
        moved("a", "2024-03-01", 4, discharge_department="A03", invoice_number="N", insurance_type="310"),
        moved("b", "2024-03-05", 4, hour=11, admission_department="A04", invoice_number="N", insurance_type="self"),
        moved("c", "2024-03-08", 4, admission_department="A04", insurance_type="310"),
    ]  # fmt: skip
    codes = {
        "diagnoses": [diagnosis("a", 1, "O47"), diagnosis("b", 1, "O80"), diagnosis("c", 1, "J18")],
        "procedures": [procedure("a", 1, "51.22"), procedure("b", 1, "51.23")],
        "charges": [charge(s, "1", "X", category="09") for s in "abc"],
    }
    names = (
        "minutes_since_prior_stay", "has_self_paid_overlap", "operates_where_prior_did", "prior_is_pregnancy",
        "drugs_shared_with_prior", "same_invoice_claim_id",
    )  # fmt: skip
    whole = tables(rows, **codes)
    turned = facts(
        tables(rows[::-1], **{k: v[::-1] for k, v in codes.items()}),
        *names,
    )
    assert facts(whole, *names) == turned
    for row in rows:
        own = row["stay_id"]
        alone = tables(
            [row], **{k: [r for r in v if r["stay_id"] == own] for k, v in codes.items()}
        )
        assert facts(alone, *names, history=whole) == {own: turned[own]}


def test_mother_and_child_under_one_number_are_two_people() -> None:
    child: dict[str, Any] = {"birth_date": day("2024-03-05")}
    batch = tables(
        [
            moved("mother", "2024-03-01", 6, birth_date=day("1990-01-01"), invoice_number="N"),
            moved("child", "2024-03-07", 2, invoice_number="N", **child),
        ]
    )
    assert facts(batch, "minutes_since_prior_stay", "has_same_invoice_claim")["child"] == (
        None,
        False,
    )
