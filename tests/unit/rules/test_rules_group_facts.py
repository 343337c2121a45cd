"""Facts of group, payment, near groups and outlook, from a settled batch."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

import drg
from drg import projection
from rules.facts import Source, build, facts_of
from rules.facts.group import ALTERNATIVES, OTHER_PRINCIPAL, OUTLOOK, PAYMENT
from tests.rules_claims import charge, day, diagnosis, procedure, stay, tables
from tests.schemes import tiny

HERE = {
    "region_code": "110101", "insurance_type": "310", "provider_level": "3", "sex": "1", "age_years": 60,
}  # fmt: skip


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> drg.Library:
    return drg.load([tiny(tmp_path_factory.mktemp("scheme"))])


def read(settled: drg.Settled, *names: str) -> list[tuple[Any, ...]]:
    return (
        build(Source(settled.tables, settled=settled), {"stay": names})["stay"].select(names).rows()
    )


@pytest.fixture(scope="module")
def settled(library: drg.Library) -> drg.Settled:
    stays = [
        stay("a", **HERE, total_amount_fen=990_000, billed_group_code="BB21"),
        stay("b", **HERE, total_amount_fen=500_000),
        stay("c", **HERE, diagnosis_system="ICD-9-CM", billed_group_code="X"),
    ]
    codes = {"a": ["I63.900", "J96.000", "N18.900"], "b": ["I61.000", "I63.900"], "c": ["4280"]}
    return drg.settle(
        tables(
            stays,
            diagnoses=[
                diagnosis(stay_id, n, code)
                for stay_id, listed in codes.items()
                for n, code in enumerate(listed, 1)
            ],
            procedures=[procedure("a", 1, "01.2401")],
        ),
        library,
    )


def test_group_and_payment(settled: drg.Settled) -> None:
    assert read(settled, "grouped_code", "group_code", "group_source", "adrg", "mdc") == [
        ("BB21", "BB21", "grouper", "BB2", "B"),
        ("BR15", "BR15", "grouper", "BR1", "B"),
        (None, "X", "billed", None, None),
    ]
    assert read(settled, "group_status", "group_reason", "severity", "severity_diagnosis_code") == [
        ("grouped", None, "mcc", "J96.000"),
        ("grouped", None, "none", None),
        ("not_grouped", "no_scheme", None, None),
    ]
    assert read(settled, "payment_standard_fen", "group_balance_fen", "cost_ratio")[0] == (
        5_610_000, 5_610_000 - 990_000, 990_000 / 5_610_000,
    )  # fmt: skip
    assert read(settled, "billed_group_weight", "billed_payment_standard_fen") == [
        (Decimal("5.1"), 5_610_000), (None, None), (None, None),
    ]  # fmt: skip


def test_what_rests_on_what(settled: drg.Settled) -> None:
    names = (
        "counting_mcc", "counting_cc", "group_without_complications", "weight_without_complications",
        "group_without_severity_diagnosis", "weight_without_severity_diagnosis", "sibling_groups",
    )  # fmt: skip
    assert read(settled, *names) == [
        (1, 1, "BB25", Decimal("3.2"), "BB23", Decimal("3.9"), "BB23|BB25"),
        # I63.900 is a CC that the principal diagnosis excludes.
        (0, 0, "BR15", Decimal("0.9012"), None, None, "BR11|BR13"),
        (None,) * 7,
    ]


def test_groups_with_another_diagnosis_first(settled: drg.Settled) -> None:
    names = ("groups_by_other_diagnosis", "lowest_weight_by_other_diagnosis")
    assert read(settled, *names) == [(None, None), ("BR25", Decimal("0.72")), (None, None)]


def test_without_a_grouper_nothing_is_known() -> None:
    batch = tables([stay("a")])
    names = [f.name for f in (*PAYMENT, *ALTERNATIVES, *OTHER_PRINCIPAL, *OUTLOOK)]
    (row,) = build(Source(batch), {"stay": names})["stay"].select(names).to_dicts()
    assert set(row.values()) == {None}


def test_patients_in_hospital_are_projected(library: drg.Library) -> None:
    def ward(
        prefix: str, stays: int, *, days: int | None
    ) -> tuple[list[Any], list[Any], list[Any]]:
        ids = [f"{prefix}{n}" for n in range(stays)]
        length = 8 if days is None else days
        return (
            [stay(i, days=days, **HERE, total_amount_fen=length * 110_000) for i in ids],
            [diagnosis(i, 1, "I63.900") for i in ids],
            [
                charge(
                    i, str(d), charge_date=date(2024, 3, 1 + d), amount_fen=110_000,
                    unit_price=1100,
                )
                for i in ids
                for d in range(length)
            ],
        )  # fmt: skip

    heads, diagnoses, charges = ward("s", 40, days=10)
    past = tables(heads, diagnoses=diagnoses, charges=charges)
    curves = projection.fit(past, drg.settle(past, library).by_cell)

    heads, diagnoses, charges = ward("open", 1, days=None)
    left, more, lines = ward("left", 1, days=4)
    now = tables([*heads, *left], diagnoses=[*diagnoses, *more], charges=[*charges, *lines])
    settled = drg.settle(now, library, curves=curves)
    names = ("day_of_stay", "cost_to_date_fen", "standard_reached_on", "projected_total_fen")
    seen, gone = read(settled, *names)
    # The standard is 792,000: it was passed on the eighth day, with 880,000.
    assert seen[:3] == (8, 880_000, day("2024-03-08"))
    assert seen[3] >= 880_000
    assert gone == (None,) * 4
    ((ratio, over),) = read(settled, "projected_ratio", "probability_over_standard")[:1]
    assert ratio >= 880_000 / 792_000
    assert over == 1.0


def test_every_fact_is_declared_with_both_names(settled: drg.Settled) -> None:
    known = facts_of("stay")
    for fact in (*PAYMENT, *ALTERNATIVES, *OTHER_PRINCIPAL, *OUTLOOK):
        assert known[fact.name].zh
        assert known[fact.name].en
    assert isinstance(settled.priced, pl.DataFrame)
