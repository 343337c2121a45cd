"""The groups that stays would be in if part of their claim were not there, and what those pay.

They answer an auditor's question: what is at stake if this diagnosis or operation does not
hold? Only stays that a CHS scheme grouped are answered.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import polars as pl

from domain.tables import Tables
from drg import chs, grouping
from drg.grouping import Status
from drg.schemes import Scheme
from drg.settlement import Settled, pay, unread

SUPPOSED: Final = pl.Schema(
    {
        "stay_id": pl.String(),
        "group_code": pl.String(),
        "adrg": pl.String(),
        "severity": pl.String(),
        "group_weight": pl.Decimal(18, 4),
        "payment_standard_fen": pl.Int64(),
        "payment_fen": pl.Int64(),
    }
)
"""One row a stay asked about: its other group, and what that pays at the stay's place and day.

``group_code`` is null where the grouper could not answer any more.
"""

_PRICE: Final = ("group_weight", "payment_standard_fen", "payment_fen")

KINDS: Final = pl.Schema(
    {"stay_id": pl.String(), "group_kind": pl.String(), "unread_codes": pl.Int64()}
)
"""One row a stay of a CHS scheme: the kind of its ADRG (surgical, procedure, medical; null if it
has none), and how many of its codes the scheme does not know."""


def without_diagnoses(settled: Settled, dropped: pl.DataFrame) -> pl.DataFrame:
    """The stays of ``dropped`` (stay_id, ordinal) without these diagnoses; frame ``SUPPOSED``.

    A principal diagnosis is never dropped: another one would have to take its place.
    """
    rows = dropped.filter(pl.col("ordinal") != 1).select("stay_id", "ordinal").unique()
    return _ask(settled, rows, "diagnoses")


def without_procedures(settled: Settled, dropped: pl.DataFrame) -> pl.DataFrame:
    """The stays of ``dropped`` (stay_id, ordinal) without these procedures; frame ``SUPPOSED``."""
    return _ask(settled, dropped.select("stay_id", "ordinal").unique(), "procedures")


def without_exclusions(settled: Settled, stay_ids: pl.Series) -> pl.DataFrame:
    """These stays as if no other diagnosis were ruled out as MCC or CC; frame ``SUPPOSED``."""
    made = []
    for part, scheme, grouped in settled.chs_parts:
        asked = _grouped(grouped, stay_ids)
        if len(asked):
            some = _some(part, asked)
            found = chs.without_exclusions(some, scheme, grouped).with_columns(
                adrg=pl.col("group_code").str.head(3), severity=pl.lit(None, pl.String)
            )
            made.append(_price(found, some, scheme))
    return pl.concat([grouping.empty(SUPPOSED), *made])


def kinds(settled: Settled) -> pl.DataFrame:
    """The kind of each stay's ADRG and the codes unknown to its scheme; frame ``KINDS``."""
    made = []
    for part, scheme, grouped in settled.chs_parts:
        adrgs = scheme.tables["adrgs"].select("adrg", group_kind="kind")
        codes = pl.concat(unread(part, scheme, kind) for kind in ("diagnosis", "procedure"))
        counts = codes.group_by("stay_id").agg(pl.len().cast(pl.Int64).alias("unread_codes"))
        made.append(
            grouped.select("stay_id", "adrg")
            .join(adrgs, on="adrg", how="left", maintain_order="left")
            .join(counts, on="stay_id", how="left", maintain_order="left")
            .select("stay_id", "group_kind", pl.col("unread_codes").fill_null(0))
        )
    return pl.concat([grouping.empty(KINDS), *made])


def complications(settled: Settled) -> pl.DataFrame:
    """The codes (``code``) that a scheme of the batch calls MCC or CC, and those it translates."""
    made = [
        pl.concat(
            [
                scheme.tables["complications"].select("code"),
                scheme.tables["crosswalks"].filter(pl.col("kind") == "diagnosis").select("code"),
            ]
        )
        for _, scheme, _ in settled.chs_parts
    ]
    return pl.concat([pl.DataFrame(schema={"code": pl.String()}), *made]).unique()


def _ask(settled: Settled, dropped: pl.DataFrame, table: str) -> pl.DataFrame:
    made = []
    for part, scheme, grouped in settled.chs_parts:
        asked = _grouped(grouped, dropped["stay_id"].unique(maintain_order=True))
        if not len(asked):
            continue
        some = _some(part, asked)
        rows = pl.DataFrame(getattr(some, table).select(["stay_id", "ordinal"]))
        kept = rows.with_row_index("at").join(
            dropped.cast({"ordinal": rows["ordinal"].dtype}), on=["stay_id", "ordinal"], how="anti"
        )
        less = replace(some, **{table: getattr(some, table).take(kept["at"].sort().to_arrow())})
        answer = chs.group(less, scheme, trace=False).stays.filter(
            pl.col("status") != Status.UNGROUPABLE.value
        )
        made.append(
            _price(answer.select("stay_id", "group_code", "adrg", "severity"), some, scheme)
        )
    return pl.concat([grouping.empty(SUPPOSED), *made])


def _grouped(grouped: pl.DataFrame, stay_ids: pl.Series) -> pl.Series:
    """Those of the stays that the scheme grouped, in the order of the batch."""
    return grouped.filter(
        (pl.col("status") == Status.GROUPED.value) & pl.col("stay_id").is_in(stay_ids.implode())
    )["stay_id"]


def _some(part: Tables, stay_ids: pl.Series) -> Tables:
    """Some stays without what neither group nor price reads."""
    lean = replace(part, charges=part.charges.slice(0, 0), orders=part.orders.slice(0, 0))
    return lean.select(stay_ids.to_arrow())


def _price(found: pl.DataFrame, part: Tables, scheme: Scheme) -> pl.DataFrame:
    asked = found.filter(pl.col("group_code").is_not_null()).select(
        "stay_id", "group_code", adrg=pl.col("group_code").str.head(3)
    )
    paid = pay(asked, part, scheme).select("stay_id", *_PRICE)
    return found.join(paid, on="stay_id", how="left", maintain_order="left").select(
        pl.col(name).cast(dtype) for name, dtype in SUPPOSED.items()
    )
