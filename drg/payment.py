"""What a group pays: weight x base rate x level coefficient, exact to the fen."""

from __future__ import annotations

from functools import cache

import polars as pl

from domain.tables import Tables
from drg.pack import Pack, load

_SCALE = 10**8  # weight and coefficient carry four decimal places each


@cache
def _sample() -> Pack:
    return load()


def price(tables: Tables, pack: Pack | None = None) -> pl.DataFrame:
    """Price every stay by the group it was billed under.

    Returns one row a stay: stay_id, group_code, group_weight (Decimal, 4 places),
    payment_standard_fen (Int64), mean_stay_days (Float64). All but stay_id and
    group_code are null where the pack has no such group, or no rate for the stay's
    region, insurance type, hospital level and date of discharge (admission while in
    hospital). Half a fen rounds up.
    """
    pack = pack or _sample()
    stays = pl.DataFrame(
        tables.stays.select(
            [
                "stay_id",
                "claim_type",
                "billed_group_code",
                "region_code",
                "insurance_type",
                "provider_level",
                "admission_date",
                "discharge_date",
            ]
        )
    ).with_columns(date=pl.coalesce("discharge_date", "admission_date"))
    inpatient = stays.filter(
        (pl.col("claim_type") == "inpatient") & pl.col("billed_group_code").is_not_null()
    )
    rated = (
        inpatient.join(
            pack.rates,
            left_on=["region_code", "insurance_type", "provider_level"],
            right_on=["region_code", "insurance_type", "level"],
        )
        .filter(pl.col("effective_from") <= pl.col("date"))
        .sort("effective_from")
        .unique("stay_id", keep="last")
        .join(pack.groups, left_on="billed_group_code", right_on="group_code")
        .select(
            "stay_id",
            (pl.col("weight_e4").cast(pl.Decimal(18, 4)) / 10_000)
            .cast(pl.Decimal(18, 4))
            .alias("group_weight"),
            (
                (pl.col("weight_e4") * pl.col("rate_fen") * pl.col("coefficient_e4") + _SCALE // 2)
                // _SCALE
            ).alias("payment_standard_fen"),
            "mean_stay_days",
        )
    )
    return stays.select("stay_id", pl.col("billed_group_code").alias("group_code")).join(
        rated, on="stay_id", how="left", maintain_order="left"
    )
