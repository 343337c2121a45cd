"""Facts of what the fund paid for a person in a year."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from rules.facts.fact import Fact, Kind, declare
from rules.facts.lookback import ORDER, YEAR_DAYS
from rules.facts.source import PERSON, Source

# fmt: off
YEARLY: Final[tuple[Fact, ...]] = declare("stay", "claims of the patient", (
    ("fund_paid_in_365_days_fen", Kind.MONEY, "365天内基金支付", "fund payments in 365 days",
     "What the fund paid for this and earlier claims that began in the 365 days up to the admission day, visits included; "
     "a stay still in hospital counts 0.",
     "one of these claims does not state what the fund paid"),
), as_of="claims that began before it (admission date, admission time, stay_id)")
# fmt: on


def yearly(source: Source) -> pl.LazyFrame:
    """The facts ``YEARLY`` of every claim of the batch."""
    mine = source.claims.filter("in_batch").select("patient_id").unique()
    claims = source.claims.join(mine, on="patient_id", how="semi").sort(
        *PERSON, *ORDER, nulls_last=False
    )
    staying = (pl.col("claim_type") == "inpatient") & pl.col("discharge_date").is_null()
    paid = pl.when(staying & pl.col("fund_payment_fen").is_null()).then(0).otherwise(
        "fund_payment_fen"
    )  # fmt: skip
    changes = pl.any_horizontal(pl.col(c) != pl.col(c).shift(1) for c in PERSON)
    columns = claims.select(
        patient=changes.fill_null(value=True).cast(pl.Int64).cum_sum(),
        day=pl.col("admission_date").to_physical().cast(pl.Int64),
        paid=paid.fill_null(0),
        silent=paid.is_null().cast(pl.Int64),
    )
    # One sorted key of patient and day turns the look-back into a search.
    key = columns["patient"].to_numpy() * np.int64(10_000_000) + columns["day"].to_numpy()
    first = np.searchsorted(key, key - (YEAR_DAYS - 1), side="left")

    def since(name: str) -> pl.Series:
        upto = np.concatenate(([0], np.cumsum(columns[name].to_numpy())))
        return pl.Series(name, upto[1:] - upto[first], dtype=pl.Int64)

    return (
        claims.select("stay_id", "in_batch")
        .with_columns(since("paid"), since("silent"))
        .lazy()
        .filter("in_batch")
        .select(
            "stay_id",
            pl.when(pl.col("silent") == 0).then("paid").alias("fund_paid_in_365_days_fen"),
        )
    )
