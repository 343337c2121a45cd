"""What Medicare pays for one inpatient stay: exact, each part in cents.

The steps and their rounding follow CMS's pricer (program PPCAL215 of fiscal year 2021, a
public copy read 2026-11): intermediate amounts keep nine places, factors those of the
program, every paid part is rounded to the cent, half a cent up. The regulation (42 CFR
part 412, section 1886(d) of the Social Security Act) was not read in full: ``unverified``.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Final

D = Decimal
_CONTEXT: Final = Context(prec=40, rounding=ROUND_HALF_UP)
_NINE, _FOUR, _THREE, _CENT = D("1e-9"), D("1e-4"), D("1e-3"), D("0.01")
FULL: Final = D(1)
"""The fraction of a stay that is no transfer."""
_HALF: Final = D("0.5")
_HAC_SHARE: Final = D("0.01")


@dataclass(frozen=True, slots=True)
class Rates:
    """A row of ``ms_rates``; amounts in dollars."""

    labor_usd: Decimal
    nonlabor_usd: Decimal
    labor_low_usd: Decimal
    nonlabor_low_usd: Decimal
    capital_usd: Decimal
    labor_share: Decimal
    labor_low_share: Decimal
    gaf_exponent: Decimal
    capital_cola_share: Decimal
    fixed_loss_usd: Decimal
    marginal_factor: Decimal
    burn_marginal_factor: Decimal


@dataclass(frozen=True, slots=True)
class Hospital:
    """A row of ``ms_hospitals``; without both cost-to-charge ratios outliers cannot be judged."""

    wage_index: Decimal
    gaf: Decimal | None
    cola: Decimal
    operating_ime: Decimal
    operating_dsh: Decimal
    capital_ime: Decimal
    capital_dsh: Decimal
    uncompensated_usd: Decimal
    operating_ccr: Decimal | None
    capital_ccr: Decimal | None
    value_based_factor: Decimal
    readmission_factor: Decimal
    hac_reduction: bool


@dataclass(frozen=True, slots=True)
class Group:
    """What ``ms_groups`` knows of a group that is paid."""

    weight: Decimal
    gmlos_days: Decimal | None
    special_pay: bool
    transfer_exempt: bool
    burn: bool


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a payment in cents; ``total`` is their sum.

    The two quality parts and the reduction for hospital-acquired conditions can be below 0.
    """

    operating: int
    operating_ime: int
    operating_dsh: int
    uncompensated: int
    value_based: int
    readmissions: int
    capital: int
    capital_ime: int
    capital_dsh: int
    outlier_operating: int
    outlier_capital: int
    hac_reduction: int

    @property
    def total(self) -> int:
        """What is paid, in cents."""
        return sum(getattr(self, field.name) for field in fields(self))


@dataclass(frozen=True, slots=True)
class Paid:
    """A payment: its parts, and what they were computed from.

    ``fraction`` is the share of the full amount that a transfer is paid (1 without one).
    ``cost`` and ``line`` are the estimated cost and the cost above which an outlier is
    paid, in cents; None where charges or ratios are not known, and then the parts hold
    no outlier.
    """

    parts: Parts
    fraction: Decimal
    cost: int | None
    line: int | None


def transfer_fraction(group: Group, stay_days: int, *, post_acute: bool) -> Decimal:
    """The share of the full amount that a transfer is paid, at most 1.

    By the day: twice the daily amount for the first day, once for each further one, where
    the daily amount is the full one over the geometric mean stay; a stay of no night
    counts as one day. With special pay, half at once and half by the day. Only a transfer
    to post-acute care is paid by special pay.
    """
    if group.transfer_exempt or not group.gmlos_days:
        return FULL
    days = D(max(stay_days, 1) + 1)
    if group.special_pay and post_acute:
        share = _HALF + _CONTEXT.divide(_HALF * days, group.gmlos_days)
    else:
        share = _CONTEXT.divide(days, group.gmlos_days)
    return min(FULL, _round(share, _FOUR))


def price(
    group: Group,
    hospital: Hospital,
    rates: Rates,
    *,
    fraction: Decimal = FULL,
    charges: int | None = None,
) -> Paid:
    """The payment of one stay; ``charges`` in cents.

    Operating and capital amounts x weight x ``fraction``; teaching and low-income factors
    on top; an outlier where the estimated cost exceeds the payment and the fixed loss.
    """
    high = hospital.wage_index > 1
    labor, rest = (
        (rates.labor_usd, rates.nonlabor_usd)
        if high
        else (rates.labor_low_usd, rates.nonlabor_low_usd)
    )
    base = labor * hospital.wage_index + rest * hospital.cola
    operating = _round(_round(base * group.weight, _NINE) * fraction, _NINE)
    gaf = _gaf(hospital, rates)
    cola = _round(rates.capital_cola_share * (hospital.cola - 1) + 1, _THREE)
    capital = _round(
        _round(group.weight * _round(rates.capital_usd * gaf, _CENT) * cola, _NINE) * fraction,
        _NINE,
    )
    share = rates.labor_share if high else rates.labor_low_share
    threshold = _round(rates.fixed_loss_usd * fraction, _CENT)
    outlier = _outlier(
        hospital,
        charges,
        (
            operating * (1 + hospital.operating_ime + hospital.operating_dsh)
            + hospital.uncompensated_usd,
            capital * (1 + hospital.capital_ime + hospital.capital_dsh),
        ),
        (
            threshold * (share * hospital.wage_index + (1 - share) * hospital.cola),
            threshold * gaf * cola,
        ),
        rates.burn_marginal_factor if group.burn else rates.marginal_factor,
    )
    before = Parts(
        operating=_cents(operating),
        operating_ime=_cents(operating * hospital.operating_ime),
        operating_dsh=_cents(operating * hospital.operating_dsh),
        uncompensated=_cents(hospital.uncompensated_usd),
        value_based=_cents(operating * (hospital.value_based_factor - 1)),
        readmissions=_cents(operating * (hospital.readmission_factor - 1)),
        capital=_cents(capital),
        capital_ime=_cents(capital * hospital.capital_ime),
        capital_dsh=_cents(capital * hospital.capital_dsh),
        outlier_operating=outlier.operating,
        outlier_capital=outlier.capital,
        hac_reduction=0,
    )
    parts = before
    if hospital.hac_reduction:
        cut = _cents(-(D(before.total) / 100) * _HAC_SHARE)
        parts = Parts(
            **{f.name: getattr(before, f.name) for f in fields(Parts)} | {"hac_reduction": cut}
        )
    return Paid(parts, fraction, outlier.cost, outlier.line)


@dataclass(frozen=True, slots=True)
class _Outlier:
    operating: int
    capital: int
    cost: int | None
    line: int | None


def _outlier(
    hospital: Hospital,
    charges: int | None,
    payments: tuple[Decimal, Decimal],
    thresholds: tuple[Decimal, Decimal],
    marginal: Decimal,
) -> _Outlier:
    """The outlier; the loss is split over operating and capital as their ratios are."""
    operating_ccr, capital_ccr = hospital.operating_ccr, hospital.capital_ccr
    if charges is None or operating_ccr is None or capital_ccr is None:
        return _Outlier(0, 0, None, None)
    billed, ratios = D(charges) / 100, operating_ccr + capital_ccr
    share = _round(_CONTEXT.divide(operating_ccr, ratios), _NINE) if ratios else D(0)
    rest = _round(_CONTEXT.divide(capital_ccr, ratios), _NINE) if ratios else D(0)
    operating_cost = _round(billed * operating_ccr, _NINE)
    capital_cost = _round(billed * capital_ccr, _NINE)
    operating_line = _round(payments[0] + thresholds[0] * share, _NINE)
    capital_line = _round(payments[1] + thresholds[1] * rest, _NINE)
    cost, line = operating_cost + capital_cost, operating_line + capital_line
    # Each side is judged by its own line, but only a stay over both together is an outlier.
    if cost < line:
        return _Outlier(0, 0, _cents(cost), _cents(line))
    return _Outlier(
        _cents(marginal * max(D(0), operating_cost - operating_line)),
        _cents(marginal * max(D(0), capital_cost - capital_line)),
        _cents(cost),
        _cents(line),
    )


def _gaf(hospital: Hospital, rates: Rates) -> Decimal:
    if hospital.gaf is not None:
        return hospital.gaf
    return _round(_CONTEXT.power(hospital.wage_index, rates.gaf_exponent), _FOUR)


def _round(value: Decimal, places: Decimal) -> Decimal:
    return value.quantize(places, rounding=ROUND_HALF_UP, context=_CONTEXT)


def _cents(dollars: Decimal) -> int:
    return int(_round(dollars, _CENT) * 100)
