"""Facts of insurance and of who pays: coverage, self-paid items, outside supply, invoices."""

from __future__ import annotations

from typing import Final

import polars as pl

from rules.facts import reference
from rules.facts.fact import Kind, declare
from rules.facts.lookback import BEFORE, ORDER, of_patients
from rules.facts.order import DEAD_STATUSES
from rules.facts.source import PERSON, Source

FLAG, INTEGER, MONEY, TEXT = Kind.FLAG, Kind.INTEGER, Kind.MONEY, Kind.TEXT
FULL_YEAR_MONTHS: Final = 12
OUTSIDE_WORDS: Final = ("外购", "自备", "院外")
"""What doctors write into an order for something that the patient brings."""

# fmt: off
INSURED: Final = declare("stay", "coverages", (
    ("insured_on_admission", FLAG, "入院日在保", "insured on admission",
     "A coverage period holds the day of admission and is not suspended; where only the covered months of a year are known, "
     "12 means yes and fewer leave it open.", "no period holds the day and the claim lists none, or one whose dates or state leave it open"),
    ("days_since_coverage_began", INTEGER, "首次参保至入院天数", "days since coverage began",
     "Admission date minus the first day of the earliest coverage period.",
     "the claim lists no coverage, or one without a first day"),
    ("coverage_began_mid_year", FLAG, "年中参保", "coverage began in the course of a year",
     "The earliest coverage period does not begin on 1 January.", "as days since coverage began"),
), measures={"days_since_coverage_began": "day"})
SELF_PAID: Final = declare("stay", "charges, reference/items.csv", (
    ("listed_self_paid_lines", INTEGER, "目录内甲类自费条数", "class A lines that the patient paid",
     "Lines whose item is class A in the tariff and which the patient paid in full, less what was taken back.",
     "the claim has no charge lines, or none is found and a class A line says nothing of who paid"),
    ("listed_self_paid_fen", MONEY, "目录内甲类自费金额", "class A items paid by the patient",
     "Net sum of those lines.", "as listed self-paid lines"),
    ("listed_self_paid_names", TEXT, "目录内甲类自费项目", "names of class A items paid by the patient",
     "Names (or codes) of the items, joined by 、.", "there is none"),
))
OUTSIDE: Final = declare("stay", "orders", (
    ("outside_supply_orders", INTEGER, "外购自备医嘱数", "orders of outside supply",
     "Live orders of a drug or consumable whose name says that the patient brings it (外购, 自备, 院外).",
     "the claim has no orders, or none is found and a drug or consumable order has no name"),
    ("outside_supply_names", TEXT, "外购自备项目", "what the patient brings", "The names, joined by 、.", "there is none"),
))
INVOICE: Final = declare("stay", "claims of the patient", (
    ("same_invoice_claim_id", TEXT, "同票据号的另一结算ID", "earlier claim with the same invoice",
     "The first earlier claim of the patient at the same hospital with the same invoice number.", "there is none"),
    ("has_same_invoice_claim", FLAG, "票据号重复", "an earlier claim has the same invoice",
     "There is such a claim; false where this claim states no invoice number.", None),
), as_of=BEFORE)
# fmt: on


def insured(source: Source) -> pl.LazyFrame:
    """The facts ``INSURED``; a claim without coverage periods is left out."""
    day = pl.col("admission_date")
    dated = pl.col("start_date").is_not_null() | pl.col("end_date").is_not_null()
    holds = (pl.col("start_date") <= day) & (
        pl.col("end_date").is_null() | (pl.col("end_date") >= day)
    )
    # A period that has ended without a last day may have ended before.
    open_end = (pl.col("status") == "ended").fill_null(value=False) & pl.col("end_date").is_null()
    after_end = (pl.col("end_date") < day).fill_null(value=False)
    before_start = (pl.col("start_date") > day).fill_null(value=False)
    suspended = (pl.col("status") == "suspended").fill_null(value=False)
    months = pl.col("covered_months")
    covers = (
        pl.when(after_end | before_start | (dated & suspended))
        .then(pl.lit(value=False))
        .when(dated & open_end)
        .then(None)
        .when(dated)
        .then(holds)
        .when(months == FULL_YEAR_MONTHS)
        .then(pl.lit(value=True))
    )
    start = pl.col("start_date").min()
    return (
        source.table("coverages")
        .lazy()
        .join(
            source.table("stays").lazy().select("stay_id", "admission_date"),
            on="stay_id",
            how="inner",
        )
        .with_columns(covers=covers)
        .group_by("stay_id")
        .agg(
            pl.col("covers").any(ignore_nulls=False).alias("insured_on_admission"),
            pl.when(pl.col("start_date").null_count() == 0)
            .then((day.first() - start).dt.total_days())
            .alias("days_since_coverage_began"),
            pl.when(pl.col("start_date").null_count() == 0)
            .then((start.dt.month() != 1) | (start.dt.day() != 1))
            .alias("coverage_began_mid_year"),
        )
    )


def self_paid(source: Source) -> pl.LazyFrame:
    """The facts ``SELF_PAID``; a claim without charge lines is left out."""
    by_patient = pl.coalesce(
        pl.when(pl.col("insurance_class").is_not_null()).then(pl.col("insurance_class") == "03"),
        pl.col("self_pay_fen") == pl.col("amount_fen"),
    ) | ((pl.col("self_pay_fen") == pl.col("amount_fen")) & (pl.col("amount_fen") != 0)).fill_null(
        value=False
    )
    lines = source.table("charges").lazy()
    # Nearly all lines say that the fund shares in them; only the others are looked up.
    open_lines = (
        lines.with_columns(by_patient=by_patient)
        .filter(pl.col("by_patient").fill_null(value=True))
        .select(
            "stay_id", "item_code", "item_name", "charge_date", "quantity", "amount_fen",
            "reverses_line_id", "by_patient",
        )
    )  # fmt: skip
    found = (
        reference.with_classes(open_lines, "charge_date", source.reference)
        .filter(pl.col("tariff_class") == "01")
        .group_by("stay_id", "item_code", "by_patient")
        .agg(
            pl.col("quantity").sum(),
            pl.col("amount_fen").sum(),
            pl.col("item_name").min(),
            (pl.col("reverses_line_id").is_null().sum() - pl.col("reverses_line_id").count())
            .cast(pl.Int64)
            .alias("lines"),
        )
        .filter(pl.col("quantity") > 0)
        .sort("stay_id", "item_code")
        .group_by("stay_id", maintain_order=True)
        .agg(
            pl.col("lines").filter("by_patient").sum().alias("listed_self_paid_lines"),
            pl.col("amount_fen").filter("by_patient").sum().alias("listed_self_paid_fen"),
            pl.when(pl.col("by_patient").any())
            .then(pl.coalesce("item_name", "item_code").filter("by_patient").str.join("、"))
            .alias("listed_self_paid_names"),
            (~pl.col("by_patient").any() & pl.col("by_patient").is_null().any()).alias("silent"),
        )
    )
    silent = pl.col("silent").fill_null(value=False)
    return (
        lines.select("stay_id")
        .unique()
        .join(found, on="stay_id", how="left")
        .with_columns(
            pl.when(~silent).then(pl.col(name).fill_null(0)).alias(name)
            for name in ("listed_self_paid_lines", "listed_self_paid_fen")
        )
    )


def outside(source: Source) -> pl.LazyFrame:
    """The facts ``OUTSIDE``; a claim without orders is left out."""
    orders = source.table("orders").lazy()
    supplies = pl.col("order_type").is_in(["drug", "consumable"])
    says = pl.col("item_name").str.contains_any(list(OUTSIDE_WORDS))
    found = (
        orders.filter(supplies & ~pl.col("status").is_in(DEAD_STATUSES))
        .with_columns(says=says)
        .filter(pl.col("says").fill_null(value=True))
        .group_by("stay_id")
        .agg(
            pl.when(pl.col("says").any() | pl.col("says").is_not_null().all())
            .then(pl.col("says").sum())
            .cast(pl.Int64)
            .alias("outside_supply_orders"),
            pl.when(pl.col("says").any())
            .then(pl.col("item_name").filter("says").unique().sort().str.join("、"))
            .alias("outside_supply_names"),
            pl.lit(value=True).alias("found"),
        )
    )
    return (
        orders.select("stay_id")
        .unique()
        .join(found, on="stay_id", how="left")
        .with_columns(
            pl.when(pl.col("found").is_null())
            .then(0)
            .otherwise("outside_supply_orders")
            .alias("outside_supply_orders")
        )
    )


def invoice(source: Source) -> pl.LazyFrame:
    """The facts ``INVOICE`` of every claim of the batch."""
    numbers = (
        source.all_rows("stays")
        .select("stay_id", pl.col("invoice_number").str.strip_chars())
        .filter(pl.col("invoice_number").str.len_chars() > 0)
    )
    keys = [*PERSON, "provider_id", "invoice_number"]
    return (
        of_patients(source)
        .join(numbers, on="stay_id", how="inner")
        .filter(pl.struct(keys).is_duplicated())
        .lazy()
        .sort(*ORDER, nulls_last=False)
        .with_columns(
            same_invoice_claim_id=pl.when(pl.int_range(pl.len()).over(keys) > 0).then(
                pl.col("stay_id").first().over(keys)
            )
        )
        .filter("in_batch")
        .select(
            "stay_id",
            "same_invoice_claim_id",
            pl.col("same_invoice_claim_id").is_not_null().alias("has_same_invoice_claim"),
        )
    )
