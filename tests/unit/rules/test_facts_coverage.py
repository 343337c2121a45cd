"""Facts of insurance and of who pays: coverage periods, self-paid items, outside supply."""

from __future__ import annotations

from typing import Any

from domain.tables import Tables
from rules.facts import Source, build
from tests.rules_claims import charge, day, order, stay, tables


def facts(batch: Tables, *names: str) -> dict[str, Any]:
    table = build(Source(batch), {"stay": names})["stay"]
    return {
        row[0]: row[1] if len(names) == 1 else row[1:]
        for row in table.select("stay_id", *names).rows()
    }


def period(stay_id: str, start: str | None, end: str | None = None, **more: Any) -> Any:
    return {
        "stay_id": stay_id,
        "ordinal": 1,
        "insurance_type": "390",
        "start_date": None if start is None else day(start),
        "end_date": None if end is None else day(end),
    } | more


def test_insured_on_the_day_of_admission() -> None:
    names = ("running", "last day", "ended", "later", "two", "suspended", "no end", "no start", "silent",
             "year", "part", "zero", "none")  # fmt: skip
    batch = tables(
        [stay(n) for n in names],
        coverages=[
            period("running", "2023-01-01", status="active"),
            period("last day", "2023-01-01", "2024-03-01"),
            period("ended", "2023-01-01", "2024-02-29", status="ended"),
            period("later", "2024-03-02"),
            period("two", "2022-01-01", "2022-12-31"),
            period("two", "2024-01-01", ordinal=2),
            period("suspended", "2023-01-01", status="suspended"),
            period("no end", "2023-01-01", status="ended"),
            period("no start", None, "2024-12-31"),
            period("silent", None),
            period("year", None, covered_months=12),
            period("part", None, covered_months=7),
            period("zero", None, covered_months=0),
        ],
    )
    assert facts(batch, "insured_on_admission") == {
        "running": True, "last day": True, "ended": False, "later": False, "two": True, "suspended": False,
        "no end": None, "no start": None, "silent": None, "year": True, "part": None, "zero": None, "none": None,
    }  # fmt: skip


def test_when_coverage_began() -> None:
    batch = tables(
        [stay("new"), stay("year"), stay("long"), stay("silent"), stay("none")],
        coverages=[
            period("new", "2024-02-01"),
            period("year", "2024-01-01"),
            period("long", "2024-02-01"),
            period("long", "2021-06-01", "2023-12-31", ordinal=2),
            period("silent", "2024-02-01"),
            period("silent", None, ordinal=2),
        ],
    )
    assert facts(batch, "days_since_coverage_began", "coverage_began_mid_year") == {
        "new": (29, True),
        "year": (60, False),
        "long": (1004, True),
        "silent": (None, None),
        "none": (None, None),
    }


def test_class_a_items_that_the_patient_paid() -> None:
    saline, room = "S-0901013", "S-0101003"  # class A, and out of scope
    paid = {"insurance_class": "03", "item_name": "Saline"}
    batch = tables(
        [stay(n) for n in ("paid", "back", "share", "shared", "right", "silent", "strange", "none")],
        charges=[
            charge("paid", "1", saline, quantity=3, **paid), charge("paid", "2", saline, **paid),
            charge("paid", "3", saline, quantity=-1, reverses_line_id="2", **paid),
            charge("back", "1", saline, **paid), charge("back", "2", saline, quantity=-1, reverses_line_id="1", **paid),
            # Class A by the claim too, yet all of it on the patient.
            charge("share", "1", saline, insurance_class="01", self_pay_fen=1000),
            charge("shared", "1", saline, insurance_class="01", self_pay_fen=0),
            charge("right", "1", room, insurance_class="03"),
            charge("silent", "1", saline), charge("silent", "2", room, insurance_class="03"),
            charge("strange", "1", "UNKNOWN", insurance_class="03"),
        ],
    )  # fmt: skip
    names = ("listed_self_paid_lines", "listed_self_paid_fen", "listed_self_paid_names")
    assert facts(batch, *names) == {
        "paid": (1, 3000, "Saline"),
        "back": (0, 0, None),
        "share": (1, 1000, saline),
        "shared": (0, 0, None),
        "right": (0, 0, None),
        "silent": (None, None, None),
        "strange": (0, 0, None),
        "none": (None, None, None),
    }


def test_orders_that_the_patient_is_to_bring() -> None:
    def given(stay_id: str, order_id: str, name: str | None, **more: Any) -> Any:
        return order(stay_id, order_id, "X", "2024-03-01T08:00:00", None, item_name=name, **more)

    batch = tables(
        [stay(n) for n in ("two", "dead", "test", "plain", "unnamed", "either", "none")],
        orders=[
            given("two", "1", "(自备)阿司匹林"), given("two", "2", "外购钢板", order_type="consumable"),
            given("two", "3", "(自备)阿司匹林"), given("two", "4", "头孢"),
            given("dead", "1", "(自备)阿司匹林", status="revoked"), given("dead", "2", "头孢"),
            given("test", "1", "院外检查", order_type="exam"),
            given("plain", "1", "头孢"), given("unnamed", "1", None), given("unnamed", "2", "头孢"),
            given("either", "1", None), given("either", "2", "院外带入"),
        ],
    )  # fmt: skip
    assert facts(batch, "outside_supply_orders", "outside_supply_names") == {
        "two": (3, "(自备)阿司匹林、外购钢板"),
        "dead": (0, None),
        "test": (0, None),
        "plain": (0, None),
        "unnamed": (None, None),
        "either": (1, "院外带入"),
        "none": (None, None),
    }
