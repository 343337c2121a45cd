"""Groups and payments of stays without part of their claim, held to a batch without that part."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

import drg
from domain.tables import Tables
from drg import supposed
from tests.rules_claims import diagnosis, procedure, stay, tables

CN = {
    "region_code": "330100", "insurance_type": "310", "provider_level": "3", "sex": "1", "age_years": 60,
    "total_amount_fen": 600_000,
}  # fmt: skip
CLAIMS: dict[str, tuple[list[str], list[str]]] = {
    "failure": (["J18.900", "I50.900", "J90.x00"], []),
    "plain": (["J18.900"], []),
    "hernia": (["K40.900x002"], ["53.0501"]),
    "excluded": (["J44.100", "J47.x00"], []),
    "unread": (["J18.900", "Z99.999"], []),
}


def batch(claims: dict[str, tuple[list[str], list[str]]], **more: Any) -> Tables:
    return tables(
        [stay(stay_id, **{**CN, **more}) for stay_id in claims],
        diagnoses=[
            diagnosis(s, n, code) for s, (dx, _) in claims.items() for n, code in enumerate(dx, 1)
        ],
        procedures=[
            procedure(s, n, code) for s, (_, px) in claims.items() for n, code in enumerate(px, 1)
        ],
    )


@pytest.fixture(scope="module")
def settled() -> drg.Settled:
    return drg.settle(batch(CLAIMS), drg.load())


def direct(dx: list[str], px: list[str]) -> dict[str, Any]:
    """What the stay is if the claim is written that way from the start."""
    found = drg.settle(batch({"x": (dx, px)}), drg.load()).priced
    names = ["group_code", "severity", "group_weight", "payment_standard_fen", "payment_fen"]
    return found.select(names).to_dicts()[0]


def rows(*asked: tuple[str, int]) -> pl.DataFrame:
    return pl.DataFrame(asked, schema=["stay_id", "ordinal"], orient="row")


def test_a_stay_without_a_diagnosis_is_the_stay_that_never_listed_it(settled: drg.Settled) -> None:
    found = supposed.without_diagnoses(settled, rows(("failure", 2)))
    assert found.schema == supposed.SUPPOSED
    assert found.drop("stay_id", "adrg").to_dicts() == [direct(["J18.900", "J90.x00"], [])]
    both = supposed.without_diagnoses(settled, rows(("failure", 2), ("failure", 3)))
    assert both.drop("stay_id", "adrg").to_dicts() == [direct(["J18.900"], [])]


def test_cases_asked_at_once_are_those_asked_alone(settled: drg.Settled) -> None:
    asked = [rows(("failure", 2), ("plain", 2)), rows(("failure", 2), ("failure", 3))]
    both = pl.concat([one.with_columns(case=at) for at, one in enumerate(asked)])
    found = supposed.cases(settled, both)
    assert found.schema == supposed.CASES
    for at, one in enumerate(asked):
        alone = supposed.without_diagnoses(settled, one)
        assert found.filter(case=at).drop("case").rows() == alone.rows()


def test_complications_are_the_codes_that_a_scheme_lists(settled: drg.Settled) -> None:
    codes = pl.Series(["K40.900x002", "I50.900", "I50.900", "Z99.999"])
    assert supposed.complications(settled, codes).to_list() == ["I50.900"]


def test_a_principal_diagnosis_is_never_dropped(settled: drg.Settled) -> None:
    assert supposed.without_diagnoses(settled, rows(("failure", 1))).is_empty()


def test_a_stay_without_procedures_is_a_medical_one(settled: drg.Settled) -> None:
    found = supposed.without_procedures(settled)
    assert found["stay_id"].to_list() == ["hernia"]
    assert found.drop("stay_id", "adrg").to_dicts() == [direct(["K40.900x002"], [])]


def test_without_exclusions_an_excluded_complication_counts(settled: drg.Settled) -> None:
    found = supposed.without_exclusions(settled)
    assert found.select("stay_id", "group_code").rows() == [("excluded", "ET23")]
    assert found["payment_standard_fen"].null_count() == 0


def test_kinds_tell_the_adrg_and_the_codes_that_the_scheme_lacks(settled: drg.Settled) -> None:
    found = supposed.kinds(settled)
    assert found.schema == supposed.KINDS
    assert {row[0]: row[1:] for row in found.rows()} == {
        "failure": ("medical", 0), "plain": ("medical", 0), "hernia": ("surgical", 0),
        "excluded": ("medical", 0), "unread": ("medical", 1),
    }  # fmt: skip


def test_a_stay_that_was_not_grouped_is_not_answered() -> None:
    made = drg.settle(batch({"x": (["J18.900", "I50.900"], ["53.0501"])}, sex=None), drg.load())
    assert supposed.without_diagnoses(made, rows(("x", 2))).is_empty()
    assert supposed.without_procedures(made).is_empty()
    assert supposed.without_exclusions(made).is_empty()


def test_an_open_stay_has_a_standard_and_no_payment() -> None:
    made = drg.settle(batch({"x": (["J18.900", "I50.900"], [])}, discharge_date=None), drg.load())
    found = supposed.without_diagnoses(made, rows(("x", 2)))
    assert found["payment_standard_fen"][0] is not None
    assert found["payment_fen"][0] is None
