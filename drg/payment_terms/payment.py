"""What every stay of a batch is paid by the terms of a scheme."""

from __future__ import annotations

from typing import Final

import polars as pl
import pyarrow.compute as pc

from domain.errors import SchemaMismatchError
from domain.tables import Tables
from drg.arrays import integers
from drg.payment_terms.answer import PAID
from drg.payment_terms.charges import add_excluded
from drg.payment_terms.day_rates import add_day_rates
from drg.payment_terms.matching import Keys
from drg.payment_terms.special_cases import add_reviews
from drg.payment_terms.standard import add_level, add_lines, add_standard, half_up, wide
from drg.payment_terms.terms import Terms, read_terms
from drg.schemes.scheme import Scheme

_BY_GROUP: Final = ("drg", "per_diem")
_READ: Final = (
    "claim_type",
    "currency",
    "region_code",
    "insurance_type",
    "payment_method",
    "provider_id",
    "provider_level",
    "admission_date",
    "discharge_date",
    "length_of_stay_days",
    "transfer_departments",
    "total_amount_fen",
)
AMOUNTS: Final = ("group_weight", "payment_standard_fen", "payment_fen")
"""The columns of ``amounts``."""


def pay(stays: pl.DataFrame, tables: Tables, scheme: Scheme) -> pl.DataFrame:
    """What the stays are paid: one row ``PAID`` a row of ``stays``, in its order.

    ``stays`` has ``stay_id``, ``group_code`` and ``adrg`` (the last two null where there is
    no group); all else is read from ``tables``. Terms are those in force on the day of
    discharge, or of admission while the patient is in hospital. SchemaMismatchError where
    ``tables`` lacks a stay, SchemeError where the terms contradict themselves.
    """
    terms = read_terms(scheme)
    facts, keys = _price(stays, tables, terms)
    return add_reviews(facts, keys, tables, terms).select(_ANSWER)


def amounts(stays: pl.DataFrame, tables: Tables, scheme: Scheme) -> pl.DataFrame:
    """Only ``AMOUNTS`` of what ``pay`` answers: for groups that stays are merely near to."""
    return _price(stays, tables, read_terms(scheme))[0].select(_AMOUNTS)


def _price(stays: pl.DataFrame, tables: Tables, terms: Terms) -> tuple[pl.DataFrame, Keys]:
    facts = _gather(stays, tables, terms)
    facts = add_level(facts, Keys(facts), tables, terms)
    keys = Keys(facts)
    facts = add_standard(facts, keys, terms)
    facts = add_excluded(facts, tables, terms)
    facts = add_day_rates(facts, keys, terms)
    facts = facts.with_columns(_ABSENT).with_columns(_STANDARD)
    facts = add_lines(facts, keys, terms)
    for step in _SETTLED:
        facts = facts.with_columns(step)
    return facts, keys


def _gather(stays: pl.DataFrame, tables: Tables, terms: Terms) -> pl.DataFrame:
    """What the terms are chosen and measured by."""
    asked = stays.select("stay_id", "group_code", "adrg").cast(pl.String)
    at = integers(
        pc.index_in(asked["stay_id"].to_arrow().cast("string"), value_set=tables.stays["stay_id"]),
        missing=-1,
    )
    if (at < 0).any():
        raise SchemaMismatchError(
            f"{(at < 0).sum()} stays to be paid are not in the batch, the first is "
            f"{asked['stay_id'][int((at < 0).argmax())]}",
            where="payment_terms.pay",
            cure="Give the tables that hold these stays.",
        )
    heads = pl.DataFrame(tables.stays.select(list(_READ)).take(at))
    named = {"total_amount_fen": "total_fen"}
    facts = asked.hstack([column.alias(named.get(column.name, column.name)) for column in heads])
    if tables.icu_stays.num_rows:
        facts = facts.join(_intensive(tables), on="stay_id", how="left", maintain_order="left")
    else:
        facts = facts.with_columns(_NO_ICU)
    moves = _TRANSFERS if "transfers" in terms.reviews else _NO_TRANSFERS
    return facts.with_columns(*_DERIVED, moves)


def _intensive(tables: Tables) -> pl.DataFrame:
    return (
        pl.DataFrame(tables.icu_stays.select(["stay_id", "start_time", "end_time"]))
        .with_columns(minutes=(pl.col("end_time") - pl.col("start_time")).dt.total_minutes())
        .group_by("stay_id")
        .agg(
            # An open or reversed time makes the whole unknown, not shorter.
            icu_minutes=pl.when((pl.col("minutes") >= 0).fill_null(False).all()).then(
                pl.col("minutes").sum()
            ),
            icu=pl.lit(True),
        )
    )


_NO_ICU: Final = [
    pl.lit(None, pl.Int64).alias("icu_minutes"),
    pl.lit(None, pl.Boolean).alias("icu"),
]
_TRANSFERS: Final = (
    pl.col("transfer_departments")
    .str.split("→")
    .list.eval(pl.element().str.strip_chars() != "")
    .list.sum()
    .alias("transfers")
)
_NO_TRANSFERS: Final = pl.lit(None, pl.UInt32).alias("transfers")
_stated: Final = pl.coalesce(
    pl.col("length_of_stay_days").cast(pl.Int64),
    (pl.col("discharge_date") - pl.col("admission_date")).dt.total_days(),
)
_inpatient: Final = pl.col("claim_type") == "inpatient"
_DERIVED: Final = [
    pl.coalesce("discharge_date", "admission_date").alias("date"),
    _inpatient.alias("inpatient"),
    pl.col("discharge_date").is_null().alias("in_hospital"),
    # A stay that ends on the day on which it began is paid and counted as one day.
    pl.when(pl.col("discharge_date").is_not_null() & (_stated >= 0))
    .then(_stated.clip(lower_bound=1))
    .alias("days"),
    pl.when(pl.col("icu").fill_null(False)).then("icu_minutes").otherwise(0).alias("icu_minutes"),
    (
        _inpatient
        & (pl.col("currency") == "CNY")
        & (pl.col("insurance_type").fill_null("") != "self")
        & pl.col("payment_method").fill_null("drg").is_in(_BY_GROUP)
    ).alias("by_group"),
]

_ABSENT: Final = (
    pl.when(~pl.col("inpatient"))
    .then(pl.lit("not_inpatient"))
    .when(pl.col("currency") != "CNY")
    .then(pl.lit("currency"))
    .when("by_day")
    .then(pl.lit("day_rate"))
    .when(pl.col("group_code").is_null())
    .then(pl.lit("no_group"))
    .when(pl.col("weight").is_null())
    .then(pl.lit("no_weight"))
    .when(pl.col("rate").is_null())
    .then(pl.lit("no_rate"))
    .when(pl.col("needs_coefficient") & pl.col("coefficient").is_null())
    .then(pl.lit("no_coefficient"))
    .alias("absent")
)
_STANDARD: Final = [
    pl.when(pl.col("absent").is_null()).then("formula_fen").alias("standard_fen"),
    # The stay has ended and the fund pays it so.
    (pl.col("by_group") & ~pl.col("in_hospital")).alias("settled"),
]


def _settle() -> list[list[pl.Expr]]:
    """The case, the parts of the payment, and why there is none: step by step."""
    has_line = pl.col("high_row") | pl.col("low_row")
    no_line_basis = (pl.col("high_row") & pl.col("high_line_fen").is_null()) | (
        pl.col("low_row") & pl.col("low_line_fen").is_null()
    )
    by_day = pl.col("by_day")
    # A stay without lines is paid the standard whatever it cost.
    needs_cost = has_line | (by_day & pl.col("cap_at_cost"))
    # The fund pays by day here, but the scheme has no day rates for the stay.
    foreign = ~pl.col("by_group") | ((pl.col("payment_method") == "per_diem") & ~by_day).fill_null(
        False
    )
    why = (
        pl.when(pl.col("absent").is_in(["not_inpatient", "currency"]))
        .then("absent")
        .when(foreign)
        .then(pl.lit("not_by_group"))
        .when(pl.col("absent").is_not_null() & (pl.col("absent") != "day_rate"))
        .then("absent")
        .when("in_hospital")
        .then(pl.lit("in_hospital"))
        .when("too_large")
        .then(pl.lit("amount_too_large"))
        .when("lines_needed")
        .then(pl.lit("no_charges"))
        .when(needs_cost & pl.col("total_fen").is_null())
        .then(pl.lit("no_total"))
        .when(pl.col("cost_fen") < 0)
        .then(pl.lit("excluded_above_total"))
        .when(by_day & pl.col("day_payment_fen").is_null())
        .then(pl.lit("no_days"))
        .when(~by_day & no_line_basis)
        .then(pl.lit("no_mean_cost"))
    )
    payable = pl.col("payment_absent").is_null()
    case = (
        pl.when(pl.col("payment_absent").is_in(["not_inpatient", "not_by_group"]))
        .then(pl.lit("not_paid"))
        .when(~payable)
        .then(pl.lit(None, pl.String))
        .when(by_day)
        .then(pl.lit("day_rate"))
        .when((pl.col("cost_fen") > pl.col("high_line_fen")).fill_null(False))
        .then(pl.lit("high_outlier"))
        .when((pl.col("cost_fen") < pl.col("low_line_fen")).fill_null(False))
        .then(pl.lit("low_outlier"))
        .otherwise(pl.lit("standard"))
    )
    outlier = [
        pl.when(pl.col("payment_case") == "high_outlier")
        .then(f"high_{name}")
        .when(pl.col("payment_case") == "low_outlier")
        .then(f"low_{name}")
        .alias(f"outlier_{name}")
        for name in ("pays", "factor", "cap_multiple", "line_fen")
    ]
    pays = pl.col("outlier_pays")
    excess = wide("cost_fen") - wide("outlier_line_fen")
    uncapped = (
        pl.when(pays == "cost")
        .then(half_up(wide("cost_fen") * wide("outlier_factor"), 10_000))
        .when(pays == "excess")
        .then(pl.col("standard_fen") + half_up(excess * wide("outlier_factor"), 10_000))
        .when(pays == "standard")
        .then(half_up(wide("standard_fen") * wide("outlier_factor"), 10_000))
        .when(by_day)
        .then("day_payment_fen")
        .otherwise("standard_fen")
    )
    cap = (
        pl.when(by_day & pl.col("cap_at_cost"))
        .then("cost_fen")
        .when(~by_day)
        .then(half_up(wide("standard_fen") * wide("outlier_cap_multiple"), 10_000))
    )
    capped = (pl.col("uncapped") > pl.col("cap")).fill_null(False) | (
        by_day & pl.col("capped_by_day")
    )
    return [
        [why.alias("payment_absent")],
        [case.alias("payment_case")],
        outlier,
        [uncapped.alias("uncapped"), cap.alias("cap")],
        [
            pl.when(payable).then(capped).alias("capped"),
            pl.when(payable).then(pl.min_horizontal("uncapped", "cap")).alias("group_payment_fen"),
            pl.when(payable).then("excluded_payment_fen").alias("excluded_payment_fen"),
        ],
        [(pl.col("group_payment_fen") + pl.col("excluded_payment_fen")).alias("payment_fen")],
        [(pl.col("payment_fen") - pl.col("total_fen")).alias("balance_fen")],
    ]


_SETTLED: Final = _settle()


def _answer() -> list[pl.Expr]:
    """The columns of ``PAID`` from the facts."""
    outlier_source = pl.coalesce(
        pl.when(pl.col("payment_case") == "high_outlier").then("high_source"),
        pl.when(pl.col("payment_case") == "low_outlier").then("low_source"),
        pl.when("by_day").then("day_source"),
    )
    named = [pl.col("weight_source"), pl.col("rate_source"), pl.col("coefficient_source")]
    once: list[pl.Expr] = []
    for source in (*named, outlier_source):
        said = pl.any_horizontal(source == earlier for earlier in once) if once else pl.lit(False)
        once.append(pl.when(~said.fill_null(False)).then(source))
    sources = pl.concat_str(once, separator="|", ignore_nulls=True)
    made = {
        "group_weight": _decimal("weight", 4),
        "base_rate_fen": _decimal("rate", 2),
        "hospital_level": pl.col("level"),
        "level_coefficient": _decimal("coefficient", 6),
        "payment_standard_fen": pl.col("standard_fen"),
        "mean_stay_days": pl.col("mean_days") / 100,
        "outlier_factor": _decimal("outlier_factor", 4),
        "paid_days": pl.when(pl.col("payment_case") == "day_rate").then("days"),
        "sources": pl.when(sources != "").then(sources),
    }
    return [made.get(name, pl.col(name)).cast(dtype).alias(name) for name, dtype in PAID.items()]


def _decimal(column: str, places: int) -> pl.Expr:
    """A count of 10**-places as a decimal with that many places."""
    counted = pl.col(column).cast(pl.Decimal(38, places))
    return counted / pl.lit(10**places)


_ANSWER: Final = _answer()
_AMOUNTS: Final = [e for e in _ANSWER if e.meta.output_name() in AMOUNTS]
