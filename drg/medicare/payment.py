"""Prices US inpatient stays by the tables of an ``ms`` pack."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from typing import Any, Final, TypeVar

import polars as pl

from domain.tables import Tables
from drg.medicare.claims import discharge_status
from drg.medicare.formula import Group, Hospital, Paid, Parts, Rates, price, transfer_fraction
from drg.medicare.transfers import kind
from drg.schemes.scheme import Scheme

PARTS: Final = tuple(f"{field.name}_fen" for field in fields(Parts))
"""The parts of a payment; they add up to ``payment_fen``."""

PAYMENTS: Final = pl.Schema(
    {
        "stay_id": pl.String(),
        "group_code": pl.String(),
        "group_weight": pl.Decimal(18, 4),
        "payment_standard_fen": pl.Int64(),
        "mean_stay_days": pl.Float64(),
        "gmlos_days": pl.Float64(),
        "cost_fen": pl.Int64(),
        "payment_case": pl.String(),
        "transfer_fraction": pl.Decimal(18, 4),
        **{name: pl.Int64() for name in PARTS},
        "payment_fen": pl.Int64(),
        "balance_fen": pl.Int64(),
        "high_line_fen": pl.Int64(),
        "low_line_fen": pl.Int64(),
        "review_reasons": pl.String(),
        "absent": pl.String(),
    }
)
"""One row a stay, in the order given; amounts in cents.

``payment_standard_fen`` is the full payment of the group at this hospital, with teaching,
low-income and quality factors, without transfer and outlier. ``cost_fen`` is the charges
times the hospital's cost-to-charge ratios, ``high_line_fen`` the cost above which an
outlier is paid, ``balance_fen`` the payment less that cost: charges are no cost in the US.
``payment_case`` is ``standard``, ``transfer``, ``high_outlier`` or ``transfer_outlier``;
null while the patient is in hospital, and with ``payment_fen`` where it cannot be known.
``low_line_fen`` is always null. ``review_reasons`` is ``default_hospital`` where the row
for every hospital was used. ``absent`` is a key of ``ABSENT``.
"""

ABSENT: Final[dict[str, tuple[str, str]]] = {
    "no_group": ("没有入组", "The stay has no group."),
    "no_weight": ("该组没有权重，不支付", "The group has no weight and is not paid."),
    "no_hospital": ("方案中没有该医院的费率", "The pack has no row for the hospital on that day."),
    "no_rate": ("没有当日的全国费率", "The pack has no national rates for that day."),
    "currency": ("币种不是美元", "The claim is not in US dollars."),
    "no_stay_days": ("住院天数不明，无法计算转院", "The length of stay is not known, so a transfer cannot be priced."),
    "no_charges": ("没有费用总额，无法判断高倍率", "Without charges an outlier cannot be judged."),
    "no_cost_ratio": (
        "没有该医院的成本费用比，无法判断高倍率",
        "Without the hospital's cost-to-charge ratios an outlier cannot be judged.",
    ),
}  # fmt: skip
"""Why a price, or only the payment, is absent."""

_STAY = [
    "stay_id",
    "currency",
    "provider_id",
    "admission_date",
    "discharge_date",
    "discharge_way",
    "length_of_stay_days",
    "total_amount_fen",
]

_Row = dict[str, Any]


def pay(stays: pl.DataFrame, tables: Tables, scheme: Scheme) -> pl.DataFrame:
    """Price every stay of ``stays`` (stay_id, group_code); everything else is in ``tables``.

    Rows of the pack are chosen by the day of discharge, or of admission while in hospital;
    a hospital's own row goes before the one for every hospital.
    """
    book = _Book(scheme)
    facts = {
        row["stay_id"]: row
        for row in pl.DataFrame(tables.stays.select(_STAY)).iter_rows(named=True)
    }
    rows = [
        _pay(facts[stay_id], group_code, book)
        for stay_id, group_code in stays.select("stay_id", "group_code").iter_rows()
    ]
    return pl.DataFrame(rows, schema=PAYMENTS, orient="row")


T = TypeVar("T")

_Dated = dict[str | None, list[tuple[date, date | None, T]]]
"""Values by key, each with its first and last day."""


class _Book:
    """The tables of a pack for look-up by key and day."""

    def __init__(self, scheme: Scheme) -> None:
        tables = scheme.tables
        self.groups = _dated(tables["ms_groups"], "ms_drg", _group)
        self.rates = _dated(tables["ms_rates"], "update_category", _rates)
        self.hospitals = _dated(tables["ms_hospitals"], "provider_id", _hospital)
        self._standards: dict[tuple[int, int, int], int] = {}

    def standard(self, group: Group, hospital: Hospital, rates: Rates) -> int:
        """The full payment of a group at a hospital, in cents."""
        key = id(group), id(hospital), id(rates)
        if key not in self._standards:
            self._standards[key] = price(group, hospital, rates).parts.total
        return self._standards[key]


@dataclass(frozen=True, slots=True)
class _Weighed:
    group: Group | None
    amlos_days: float | None
    post_acute_transfer: bool


@dataclass(frozen=True, slots=True)
class _Placed:
    hospital: Hospital
    category: str


def _pay(stay: _Row, group_code: str | None, book: _Book) -> _Row:
    row: _Row = dict.fromkeys(PAYMENTS.names())
    row |= {"stay_id": stay["stay_id"], "group_code": group_code}
    if stay["currency"] != "USD":
        return row | {"absent": "currency"}
    if group_code is None:
        return row | {"absent": "no_group"}
    day = stay["discharge_date"] or stay["admission_date"]
    weighed = _on(book.groups, group_code, day)
    if weighed is None or weighed.group is None:
        return row | {"absent": "no_weight"}
    group = weighed.group
    row["group_weight"], row["mean_stay_days"] = group.weight, weighed.amlos_days
    row["gmlos_days"] = None if group.gmlos_days is None else float(group.gmlos_days)
    placed = _on(book.hospitals, stay["provider_id"], day)
    if placed is None:
        placed = _on(book.hospitals, None, day)
        row["review_reasons"] = "default_hospital"
    if placed is None:
        return row | {"absent": "no_hospital", "review_reasons": None}
    rates = _on(book.rates, placed.category, day)
    if rates is None:
        return row | {"absent": "no_rate"}
    row["payment_standard_fen"] = book.standard(group, placed.hospital, rates)
    if stay["discharge_date"] is None:
        return row
    fraction = _fraction(stay, group, weighed)
    if fraction is None:
        return row | {"absent": "no_stay_days"}
    paid = price(group, placed.hospital, rates, fraction=fraction, charges=stay["total_amount_fen"])
    row["transfer_fraction"] = fraction
    if paid.cost is None:
        known = stay["total_amount_fen"] is not None
        return row | {"absent": "no_cost_ratio" if known else "no_charges"}
    return row | _paid(paid)


def _paid(paid: Paid) -> _Row:
    outlier = paid.parts.outlier_operating + paid.parts.outlier_capital > 0
    transfer = paid.fraction < 1
    case = (
        ("transfer_outlier" if outlier else "transfer")
        if transfer
        else ("high_outlier" if outlier else "standard")
    )
    total = paid.parts.total
    return {
        **{name: getattr(paid.parts, name.removesuffix("_fen")) for name in PARTS},
        "payment_case": case,
        "cost_fen": paid.cost,
        "high_line_fen": paid.line,
        "payment_fen": total,
        "balance_fen": None if paid.cost is None else total - paid.cost,
    }  # fmt: skip


def _fraction(stay: _Row, group: Group, weighed: _Weighed) -> Decimal | None:
    """The share of the full amount that is paid; none where the length of stay is wanting."""
    status = discharge_status(stay["discharge_way"], discharged=True)
    moved = kind(status, post_acute_group=weighed.post_acute_transfer)
    if moved is None:
        return Decimal(1)
    days = stay["length_of_stay_days"]
    if days is None:
        days = (stay["discharge_date"] - stay["admission_date"]).days
    if days < 0:
        return None
    return transfer_fraction(group, days, post_acute=moved == "post_acute")


def _dated(frame: pl.DataFrame, key: str, value: Callable[[_Row], T]) -> _Dated[T]:
    found: _Dated[T] = defaultdict(list)
    for row in frame.iter_rows(named=True):
        found[row[key]].append((row["effective_from"], row["effective_to"], value(row)))
    return found


def _on(dated: _Dated[T], key: str | None, day: date) -> T | None:
    for first, last, value in dated.get(key, ()):
        if first <= day and (last is None or day <= last):
            return value
    return None


def _group(row: _Row) -> _Weighed:
    group = None
    if row["weight"] is not None:
        group = Group(**{field.name: row[field.name] for field in fields(Group)})
    amlos = row["amlos_days"]
    return _Weighed(group, None if amlos is None else float(amlos), row["post_acute_transfer"])


def _rates(row: _Row) -> Rates:
    return Rates(**{field.name: row[field.name] for field in fields(Rates)})


def _hospital(row: _Row) -> _Placed:
    hospital = Hospital(**{field.name: row[field.name] for field in fields(Hospital)})
    return _Placed(hospital, row["update_category"])
