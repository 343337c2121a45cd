"""Stays judged on less than is known now: a claim of the patient came late, or changed."""

from __future__ import annotations

from typing import Final

import polars as pl
import pyarrow as pa

from domain.tables import Tables
from store import Store
from streaming.pipeline import Engine, assess
from streaming.service import keep, look_back

STAYS_AT_ONCE: Final = 500
"""Stays taken off the list at a time: a batch of the size in which claims stream in."""


def later_stays(batch: Tables, history: Tables, *, most: int = STAYS_AT_ONCE) -> pa.Array:
    """Stays of the history whose facts may see a claim of the batch, at most so many, by id.

    They are of the same patients and began, or ended, on or after the first day of such a
    claim. Judged with the batch, they see it; their own look-back must be read for them.
    """
    if not len(batch) or not len(history):
        return pa.array([], pa.string())
    first = (
        pl.DataFrame(batch.stays.select(["patient_id", "admission_date"]))
        .group_by("patient_id")
        .agg(pl.col("admission_date").min().alias("since"))
    )
    heads = pl.DataFrame(
        history.stays.select(
            ["stay_id", "patient_id", "claim_type", "admission_date", "discharge_date"]
        )
    )
    in_hospital = (pl.col("claim_type") == "inpatient") & pl.col("discharge_date").is_null()
    last = pl.max_horizontal("admission_date", "discharge_date")
    found = (
        heads.join(first, on="patient_id", how="inner")
        .filter((last >= pl.col("since")) | in_hospital)
        .sort("stay_id")
        .head(most)
    )
    return pa.array(found["stay_id"].to_list(), pa.string())


def judge_listed(store: Store, engine: Engine, *, most: int = STAYS_AT_ONCE) -> int:
    """Judge again the stays that waited longest for it, in one transaction; how many were taken.

    A stay that was withdrawn meanwhile is taken off the list without a judgement.
    """
    taken = store.to_judge(most)
    if not taken:
        return 0
    again = store.stays([row["stay_id"] for row in taken])
    results = assess(again, engine, history=look_back(store, again))
    keep(store, again, results, engine, taken=[(row["stay_id"], row["since"]) for row in taken])
    return len(taken)
