"""What is known on a day: the claims discharged and settled before it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import polars as pl

from domain.errors import SentinelError
from domain.tables import Tables

KNOWN_ON = "known_on"
"""Day on which a claim is complete: the later of discharge and end of settlement."""


def frame(tables: Tables, name: str) -> pl.DataFrame:
    """One table of the batch as a Polars frame (no copy where Arrow allows it)."""
    made = pl.from_arrow(getattr(tables, name))
    if not isinstance(made, pl.DataFrame):  # pragma: no cover - a table always gives a frame
        raise TypeError(name)
    return made


def known_on() -> pl.Expr:
    """The day on which a stay is complete; null while it has no date of discharge or settlement."""
    return pl.max_horizontal("discharge_date", "settlement_end_date").alias(KNOWN_ON)


def cut(tables: Tables, upto: date) -> Tables:
    """The claims that were complete before ``upto``, with nothing learned later.

    A stay without a discharge or settlement date is left out. A death on or after
    ``upto`` becomes unknown, since nobody knew of it. Rows keep their order.
    """
    stays = frame(tables, "stays").select("stay_id", "death_date", known_on())
    kept = stays.filter(pl.col(KNOWN_ON) < upto)["stay_id"]
    inside = tables if kept.len() == len(tables) else tables.select(kept.to_arrow())
    late = pl.col("death_date") >= upto
    cleaned = frame(inside, "stays").with_columns(
        death_date=pl.when(late).then(None).otherwise(pl.col("death_date")),
        death_time=pl.when(late).then(None).otherwise(pl.col("death_time")),
    )
    return replace(inside, stays=cleaned.to_arrow().cast(tables.stays.schema))


def day_after_last(tables: Tables) -> date:
    """The first day on which every dated claim of the batch is known: the usual ``upto``.

    SentinelError if no claim has a discharge or settlement date.
    """
    last = frame(tables, "stays").select(known_on().max()).item()
    if last is None:
        raise SentinelError(
            "no claim has a discharge or settlement date",
            where="graph_models.day_after_last",
            cure="Give claims that are discharged, or pass --upto with providers from an extra table.",
        )
    return last + timedelta(days=1)  # type: ignore[no-any-return]
