"""What must hold for every US payment, whatever the figures."""

from __future__ import annotations

from dataclasses import fields, replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from drg.medicare.formula import Group, Hospital, Parts, Rates, price, transfer_fraction


def decimals(low: str, high: str, places: int) -> st.SearchStrategy[Decimal]:
    return st.decimals(low, high, places=places, allow_nan=False, allow_infinity=False)


def money(high: str) -> st.SearchStrategy[Decimal]:
    return decimals("0", high, 2)


GROUPS = st.builds(
    Group,
    weight=decimals("0.1", "40", 4),
    gmlos_days=st.none() | decimals("1", "40", 1),
    special_pay=st.booleans(),
    transfer_exempt=st.booleans(),
    burn=st.booleans(),
)
HOSPITALS = st.builds(
    Hospital,
    wage_index=decimals("0.3", "2.2", 4),
    gaf=st.none() | decimals("0.4", "1.8", 4),
    cola=decimals("1", "1.25", 3),
    operating_ime=decimals("0", "0.5", 9),
    operating_dsh=decimals("0", "0.2", 9),
    capital_ime=decimals("0", "0.5", 9),
    capital_dsh=decimals("0", "0.2", 9),
    uncompensated_usd=money("3000"),
    operating_ccr=decimals("0.01", "1.5", 3),
    capital_ccr=decimals("0.001", "0.2", 3),
    value_based_factor=decimals("0.98", "1.02", 9),
    readmission_factor=decimals("0.97", "1", 4),
    hac_reduction=st.booleans(),
)
RATES = st.builds(
    Rates,
    labor_usd=money("6000"),
    nonlabor_usd=money("4000"),
    labor_low_usd=money("6000"),
    nonlabor_low_usd=money("4000"),
    capital_usd=money("800"),
    labor_share=decimals("0.5", "0.8", 4),
    labor_low_share=decimals("0.5", "0.8", 4),
    gaf_exponent=decimals("0.6", "0.7", 4),
    capital_cola_share=decimals("0.3", "0.4", 4),
    fixed_loss_usd=money("60000"),
    marginal_factor=decimals("0.7", "0.9", 2),
    burn_marginal_factor=decimals("0.8", "0.95", 2),
)
CHARGES = st.integers(0, 500_000_000)
DAYS = st.integers(0, 200)


@given(GROUPS, HOSPITALS, RATES, decimals("0.0001", "5", 4))
def test_a_heavier_group_is_never_paid_less(
    group: Group, hospital: Hospital, rates: Rates, more: Decimal
) -> None:
    heavier = replace(group, weight=group.weight + more)
    assert price(heavier, hospital, rates).parts.total >= price(group, hospital, rates).parts.total


@given(GROUPS, HOSPITALS, RATES, CHARGES)
def test_the_parts_add_up_and_only_the_reductions_are_below_nothing(
    group: Group, hospital: Hospital, rates: Rates, charges: int
) -> None:
    parts = price(group, hospital, rates, charges=charges).parts
    named = {field.name: getattr(parts, field.name) for field in fields(Parts)}
    assert parts.total == sum(named.values())
    below = {name for name, cents in named.items() if cents < 0}
    assert below <= {"value_based", "readmissions", "hac_reduction"}
    assert all(isinstance(cents, int) for cents in named.values())


@given(GROUPS, HOSPITALS, RATES, DAYS, st.booleans())
def test_a_transfer_is_never_paid_more_than_the_full_amount(
    group: Group, hospital: Hospital, rates: Rates, days: int, post_acute: bool
) -> None:
    fraction = transfer_fraction(group, days, post_acute=post_acute)
    assert 0 < fraction <= 1
    assert transfer_fraction(group, days + 1, post_acute=post_acute) >= fraction
    moved = price(group, hospital, rates, fraction=fraction).parts
    full = price(group, hospital, rates).parts
    assert moved.operating <= full.operating
    assert moved.capital <= full.capital
    assert moved.total <= full.total


@given(GROUPS, HOSPITALS, RATES, CHARGES, st.integers(1, 100_000_000))
def test_higher_charges_never_lower_the_payment(
    group: Group, hospital: Hospital, rates: Rates, charges: int, more: int
) -> None:
    lower = price(group, hospital, rates, charges=charges)
    higher = price(group, hospital, rates, charges=charges + more)
    assert higher.parts.total >= lower.parts.total
    assert lower.cost is not None
    assert lower.line is not None
    if lower.cost < lower.line:
        assert lower.parts.outlier_operating + lower.parts.outlier_capital == 0


@given(GROUPS, HOSPITALS, RATES, CHARGES)
def test_an_outlier_covers_at_most_its_share_of_each_sides_costs(
    group: Group, hospital: Hospital, rates: Rates, charges: int
) -> None:
    paid = price(group, hospital, rates, charges=charges)
    assert paid.cost is not None
    share = rates.burn_marginal_factor if group.burn else rates.marginal_factor
    assert paid.parts.outlier_operating + paid.parts.outlier_capital <= share * paid.cost + 1
