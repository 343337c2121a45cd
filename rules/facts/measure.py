"""Measures: the share of a hospital's stays with a trait, beside its peers and its own past.

Peers are the other hospitals of the same level in the same month, never the hospital
itself. A share is compared by a funnel limit: how many standard deviations it lies above
what the peers' share makes likely for that number of stays, widened by how much the peers
differ among themselves (overdispersion; Spiegelhalter, Statistics in Medicine 2005). So a
small hospital does not fire by chance, nor a large one by a difference that all of them show.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import polars as pl

from rules.facts.exchange import everyone
from rules.facts.fact import Fact, Kind, declare
from rules.facts.period import KEYS, SUBJECT, before, month_stays, months
from rules.facts.source import Source

MIN_PEERS: Final = 3
"""Fewer peers with such stays say nothing: facts of peers are then null."""

NO_PEERS: Final = (
    "the hospital has no such stay, or fewer than three peers of its level have one in the month"
)
PEERS: Final = "hospitals of the same level in the same month, without itself"
EARLIER: Final = "the same hospital's twelve months before"
_NO_PAST: Final = "the hospital has no such stay, or none in the twelve months before"


@dataclass(frozen=True, slots=True)
class Measure:
    """A trait of stays: ``trait`` is true or false among the stays asked, else null.

    ``zh`` and ``en`` name the stays with the trait; ``among`` says which stays are asked.
    ``money`` is what a stay with the trait cost the fund beyond what it would have without.
    """

    name: str
    zh: str
    en: str
    among: str
    trait: pl.Expr
    money: pl.Expr
    rows: Callable[[Source], pl.LazyFrame] = month_stays
    past: bool = False
    source: str = "stays"

    def facts(self) -> tuple[Fact, ...]:
        """The facts of the measure; those of its past only if ``past``."""
        n = self.name
        made = declare("provider_month", self.source, (
            (f"{n}_of", Kind.INTEGER, f"{self.zh}:分母", f"{self.en}: stays asked", f"Stays asked: {self.among}.", None),
            (f"{n}_count", Kind.INTEGER, f"{self.zh}:例数", f"{self.en}: stays", f"Stays with the trait: {self.en}.", None),
            (f"{n}_share", Kind.NUMBER, f"{self.zh}:占比", f"{self.en}: share", "Count divided by the stays asked.",
             "the hospital has no such stay in the month"),
        )) + declare("provider_month", self.source, (
            (f"{n}_peer_share", Kind.NUMBER, f"{self.zh}:同级占比", f"{self.en}: share of the peers",
             "All such stays of the peers together.", NO_PEERS),
            (f"{n}_sigma", Kind.NUMBER, f"{self.zh}:高于同级(标准差)", f"{self.en}: standard deviations above the peers",
             "Distance of the share from that of the peers in standard deviations of a count of this size, widened by how "
             "much the peers differ.", NO_PEERS),
            (f"{n}_excess_fen", Kind.MONEY, f"{self.zh}:超出同级部分金额", f"{self.en}: money beyond the peers' share",
             "What the stays with the trait cost the fund, times the part of them beyond the peers' share.", NO_PEERS),
        ), as_of=PEERS, measures={f"{n}_sigma": "standard deviation"})  # fmt: skip
        if self.past:
            made += declare("provider_month", self.source, (
                (f"{n}_earlier_of", Kind.INTEGER, f"{self.zh}:既往分母", f"{self.en}: stays asked before", "Stays asked in those months.", None),
                (f"{n}_earlier_share", Kind.NUMBER, f"{self.zh}:既往占比", f"{self.en}: share before",
                 "Share in those months together.", _NO_PAST),
                (f"{n}_rise_sigma", Kind.NUMBER, f"{self.zh}:较既往上升(标准差)", f"{self.en}: standard deviations above before",
                 "Difference from the share before in standard deviations of two counts.", _NO_PAST),
            ), as_of=EARLIER, measures={f"{n}_rise_sigma": "standard deviation"})  # fmt: skip
        return made

    def run(self, source: Source) -> pl.LazyFrame:
        """The facts of every hospital and month."""
        n = self.name
        rows = self.rows(source).with_columns(trait=self.trait, money=self.money)
        counted = everyone(source, f"measure {n}", counts(rows))
        found = (
            months(source)
            .join(beside_peers(counted, source), on=SUBJECT, how="left")
            .with_columns(pl.col("of", "count").fill_null(0))
        )
        if self.past:
            found = found.join(beside_past(counted, source), on=SUBJECT, how="left").with_columns(
                pl.col("earlier_of").fill_null(0)
            )
        wanted = {f.name: f.name.removeprefix(f"{n}_") for f in self.facts()}
        return found.select(SUBJECT, *[pl.col(c).alias(name) for name, c in wanted.items()])


def counts(rows: pl.LazyFrame) -> pl.LazyFrame:
    """``of``, ``count`` and ``money`` a hospital and month, from ``trait`` and ``money`` of rows."""
    return (
        rows.filter(pl.col("trait").is_not_null())
        .group_by(KEYS)
        .agg(
            pl.len().cast(pl.Int64).alias("of"),
            pl.col("trait").sum().cast(pl.Int64).alias("count"),
            pl.col("money").filter(pl.col("trait")).sum().cast(pl.Int64).alias("money"),
        )
        .with_columns(share=(pl.col("count") / pl.col("of")).round(4))
        .sort(SUBJECT)
    )


def beside_peers(counted: pl.LazyFrame, source: Source, *kinds: str) -> pl.LazyFrame:
    """The counts with ``peer_share``, ``sigma`` and ``excess_fen``; each of ``kinds`` apart.

    The counts are those of ``exchange.everyone``.
    """
    k, n = pl.col("count"), pl.col("of")
    alike = ("level", "month", *kinds)

    def others(value: pl.Expr) -> pl.Expr:
        return value.sum().over(alike) - value

    p = pl.col("p")
    # Sum over the peers of (k - n p)^2 / (n p (1 - p)), from sums that leave out the row.
    spread = (pl.col("kk") - 2 * p * pl.col("k_") + p * p * pl.col("n_")) / (p * (1 - p))
    widened = pl.max_horizontal(spread / (pl.col("peers") - 1), pl.lit(1.0))
    enough = pl.col("peers") >= MIN_PEERS
    part = pl.max_horizontal(1 - p * n / k, pl.lit(0.0))
    return (
        counted.join(levels(source), on=SUBJECT, how="left")
        .sort(SUBJECT, *kinds)
        .with_columns(
            peers=pl.when(pl.col("level").is_not_null()).then(pl.len().over(alike) - 1),
            k_=others(k),
            n_=others(n),
            kk=others(k * k / n),
        )
        # Half a stay is added, so that a trait that no peer has is not infinitely rare.
        .with_columns(p=(pl.col("k_") + 0.5) / (pl.col("n_") + 1))
        .select(
            SUBJECT,
            *kinds,
            "of",
            "count",
            "share",
            peer_share=pl.when(enough).then(pl.col("k_") / pl.col("n_")).round(4),
            sigma=pl.when(enough).then((k - n * p) / (widened * n * p * (1 - p)).sqrt()).round(2),
            excess_fen=pl.when(enough)
            .then(pl.when(k > 0).then(pl.col("money") * part).otherwise(0.0).round(0))
            .cast(pl.Int64),
        )
    )


def levels(source: Source) -> pl.LazyFrame:
    """The level of every hospital in every month, the peers' too."""
    return everyone(source, "levels", months(source).select(SUBJECT, "level"))


def beside_past(counted: pl.LazyFrame, source: Source) -> pl.LazyFrame:
    """``earlier_of``, ``earlier_share`` and ``rise_sigma`` beside the hospital's own year before."""
    past = (
        before(source)
        .join(
            counted.select("provider_id", "of", "count", earlier="month"),
            on=["provider_id", "earlier"],
            how="inner",
        )
        .group_by(SUBJECT)
        .agg(pl.col("of").sum().alias("earlier_of"), pl.col("count").sum().alias("earlier_count"))
    )
    n, m = pl.col("of"), pl.col("earlier_of")
    both = (pl.col("count") + pl.col("earlier_count") + 0.5) / (n + m + 1)
    rise = pl.col("count") / n - pl.col("earlier_count") / m
    return counted.join(past, on=SUBJECT, how="inner").select(
        SUBJECT,
        "earlier_of",
        earlier_share=(pl.col("earlier_count") / m).round(4),
        rise_sigma=(rise / (both * (1 - both) * (1 / n + 1 / m)).sqrt()).round(2),
    )
