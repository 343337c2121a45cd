"""Facts of ``provider_month`` beside the hospital's own past, and cost and days beside its peers."""

from __future__ import annotations

from typing import Final

import polars as pl

from rules.facts.exchange import everyone
from rules.facts.fact import Fact, Kind, declare
from rules.facts.measure import EARLIER, MIN_PEERS, PEERS
from rules.facts.period import SUBJECT, before, every_month, month_stays, months
from rules.facts.source import Source

INTEGER, MONEY, NUMBER, TEXT = Kind.INTEGER, Kind.MONEY, Kind.NUMBER, Kind.TEXT
MIN_MONTHS: Final = 3
"""Fewer earlier months say nothing: facts of the trend are then null."""

MIN_MONTH_STAYS: Final = 3
"""An earlier month with fewer stays is no past: often only a few claims of it are at hand."""

MIN_GROUP_STAYS: Final = 5
"""A group that the peers have less often has no usual cost."""

HEAVY_WEIGHT: Final = 2.0
_SHORT: Final = "the hospital has fewer than three earlier months in the year before"

TRENDS: Final = (
    ("stays", "出院人次", "stays", INTEGER),
    ("visits", "门诊人次", "visits", INTEGER),
    ("heavy_stays", "高权重病组病例", "stays of weight 2 and more", INTEGER),
    ("fund", "基金支付", "fund payment", MONEY),
    ("cmi", "病例组合指数", "case mix index", NUMBER),
    ("mean_cost", "次均费用", "mean cost of a stay", NUMBER),
    ("mean_ratio", "费用与支付标准之比", "mean cost against the standard", NUMBER),
)
"""What is followed over the months: name, labels, kind."""


# fmt: off
def _trend_facts(name: str, zh: str, en: str) -> tuple[Fact, ...]:
    return declare("provider_month", "stays", (
        (f"{name}_growth", NUMBER, f"{zh}:较既往增长", f"{en}: growth", "This month divided by the mean of the earlier months, less one.", _SHORT),
        (f"{name}_growth_sigma", NUMBER, f"{zh}:增长(标准差)", f"{en}: growth in standard deviations",
         "Difference from the mean of the earlier months in their standard deviations; for counts at least that of chance "
         "(root of the mean), for amounts at least 5 percent of the mean.", _SHORT),
    ), as_of=EARLIER, measures={f"{name}_growth_sigma": "standard deviation"})


TREND: Final = (
    *declare("provider_month", "stays", (
        ("earlier_months", INTEGER, "既往月数", "earlier months", "Months of the year before in which the hospital had at least three stays.", None),
        ("fund_beyond_past_fen", MONEY, "超出既往均值基金支付", "fund payment beyond the past",
         "What the fund paid beyond the mean of the earlier months; 0 if less.", _SHORT),
    ), as_of=EARLIER),
    *(f for name, zh, en, _ in TRENDS for f in _trend_facts(name, zh, en)),
)
OPENING: Final = declare("provider_month", "stays", (
    ("months_since_first_claim", INTEGER, "首次结算以来月数", "months since the first claim",
     "Months from the hospital's first claim to this one.", "its first month is the first month of all claims, so it may be older"),
), as_of="all earlier claims", measures={"months_since_first_claim": "month"})
INDEX: Final = declare("provider_month", "drg.settle", (
    ("cost_index", NUMBER, "费用消耗指数", "cost consumption index",
     "Mean over the stays of the total amount divided by the peers' mean of the same group; groups of which the peers have "
     "fewer than five stays are left out.", "no stay has such a group"),
    ("cost_index_stays", INTEGER, "费用消耗指数病例数", "stays in the cost index", "Stays that entered it.", None),
    ("cost_index_sigma", NUMBER, "费用消耗指数偏离(标准差)", "standard deviations of the cost index above one",
     "The index less one, divided by the standard error of its mean.", "fewer than two stays entered it, or all are alike"),
    ("days_index", NUMBER, "时间消耗指数", "time consumption index", "The same with days of stay.", "no stay has such a group"),
    ("days_index_stays", INTEGER, "时间消耗指数病例数", "stays in the time index", "Stays that entered it.", None),
    ("days_index_sigma", NUMBER, "时间消耗指数偏离(标准差)", "standard deviations of the time index above one",
     "As for the cost.", "fewer than two stays entered it, or all are alike"),
), as_of=PEERS)
SEVERITY_MIX: Final = declare("provider_month", "drg.settle", (
    ("mix_stays", INTEGER, "可比病例数", "comparable stays", "Stays in an ADRG of which the peers have at least five stays.", None),
    ("heavier_in_adrg", INTEGER, "同核心病组重度分组病例", "stays in a heavier group of their ADRG", "Those of them with MCC or CC.", None),
    ("heavier_expected", NUMBER, "按同级应有例数", "expected number",
     "How many it would be with each ADRG's share at the peers.", "no stay is comparable"),
    ("heavier_sigma", NUMBER, "高于应有例数(标准差)", "standard deviations above the expected number",
     "Difference in standard deviations of independent stays.", "no stay is comparable, or no other number is possible"),
), as_of=PEERS)
SPREAD: Final = declare("provider_month", "drg.settle", (
    ("spread_stays", INTEGER, "变异系数病例数", "stays in the spread", "Stays with a total and a standard.", None),
    ("cost_spread", NUMBER, "费用变异系数", "spread of the cost",
     "Standard deviation of cost against the standard, divided by its mean.", "fewer than two stays have both"),
    ("cost_spread_peer_median", NUMBER, "同级变异系数中位数", "median spread of the peers", "Median over the peers.",
     "fewer than three peers have a spread"),
), as_of=PEERS)
LOSS: Final = declare("provider_month", "drg.settle", (
    ("losing_group", TEXT, "亏损最大病组", "group with the largest loss",
     "Group whose stays of this and the two months before cost most beyond their standards.", "no group costs more than its standard"),
    ("losing_group_stays", INTEGER, "该病组病例数", "stays of that group", "Stays of those three months; 0 if no group loses.", None),
    ("losing_group_ratio", NUMBER, "该病组费用支付比", "cost of that group against its standard",
     "Total of the costs divided by the total of the standards.", "as the group"),
    ("losing_group_loss_fen", MONEY, "该病组亏损", "loss of that group", "Costs less standards.", "as the group"),
), as_of="the hospital's stays of this and the two months before")
# fmt: on


def trend(source: Source) -> pl.LazyFrame:
    """The facts ``TREND``."""
    weight = pl.col("group_weight").cast(pl.Float64)
    monthly = (
        month_stays(source)
        .group_by(SUBJECT)
        .agg(
            pl.len().cast(pl.Float64).alias("stays"),
            (weight >= HEAVY_WEIGHT).sum().cast(pl.Float64).alias("heavy_stays"),
            pl.col("fund_payment_fen").sum().cast(pl.Float64).alias("fund"),
            weight.mean().alias("cmi"),
            pl.col("total_amount_fen").mean().alias("mean_cost"),
            pl.col("cost_ratio").mean().alias("mean_ratio"),
        )
    )
    mine = (
        months(source)
        .join(monthly, on=SUBJECT, how="left")
        .with_columns(pl.col("stays", "heavy_stays", "fund").fill_null(0.0))
        .with_columns(visits=pl.col("claims") - pl.col("stays"))
        .sort(SUBJECT)
    )
    names = [name for name, *_ in TRENDS]
    past = (
        before(source)
        .join(
            mine.filter(pl.col("stays") >= MIN_MONTH_STAYS).select(
                "provider_id", *names, earlier="month"
            ),
            on=["provider_id", "earlier"],
            how="inner",
        )
        .sort(SUBJECT, "earlier")
        .group_by(SUBJECT)
        .agg(
            pl.len().cast(pl.Int64).alias("earlier_months"),
            *[pl.col(n).mean().alias(f"{n}_mean") for n in names],
            *[pl.col(n).std().alias(f"{n}_std") for n in names],
        )
    )
    enough = pl.col("earlier_months") >= MIN_MONTHS
    derived = []
    for name, _, _, kind in TRENDS:
        value, mean = pl.col(name), pl.col(f"{name}_mean")
        chance = mean.sqrt() if kind is INTEGER else 0.05 * mean
        spread = pl.max_horizontal(f"{name}_std", chance)
        sure = pl.when(enough & (mean > 0))
        derived += [
            sure.then(value / mean - 1).round(4).alias(f"{name}_growth"),
            sure.then((value - mean) / spread).round(2).alias(f"{name}_growth_sigma"),
        ]
    beyond = pl.max_horizontal(pl.col("fund") - pl.col("fund_mean"), pl.lit(0.0))
    return mine.join(past, on=SUBJECT, how="left").select(
        SUBJECT,
        pl.col("earlier_months").fill_null(0),
        pl.when(enough).then(beyond.round(0)).cast(pl.Int64).alias("fund_beyond_past_fen"),
        *derived,
    )


def opening(source: Source) -> pl.LazyFrame:
    """The facts ``OPENING``."""
    first = pl.col("month").min()
    old = first.over("provider_id") == first
    apart = (pl.col("month").dt.year() - first.over("provider_id").dt.year()) * 12 + (
        pl.col("month").dt.month() - first.over("provider_id").dt.month()
    )
    return months(source).select(
        SUBJECT, pl.when(~old).then(apart).cast(pl.Int64).alias("months_since_first_claim")
    )


def _beside_peers(
    rows: pl.LazyFrame, source: Source, group: str, values: list[str]
) -> pl.LazyFrame:
    """Stays with the ``number`` of the peers' stays of the same group and, as ``x_peers``, their sums.

    The values are whole numbers, so their sums do not depend on the order of rows.
    """
    alike = [group, "level", "month"]
    sums = [pl.col(v).cast(pl.Float64).sum().alias(f"{v}_peers") for v in values]
    summed = ["number", *(f"{v}_peers" for v in values)]
    grouped = rows.filter(pl.col(group).is_not_null())
    own = (
        grouped.group_by(SUBJECT, "month", group)
        .agg(*sums, number=pl.len().cast(pl.Int64))
        .join(months(source).select(SUBJECT, "level"), on=SUBJECT, how="left")
        .filter(pl.col("level").is_not_null())
    )
    peers = (
        everyone(source, f"sums by {group}", own)
        .with_columns(pl.col(c).sum().over(alike) - pl.col(c) for c in summed)
        .filter(pl.col("number") >= MIN_GROUP_STAYS)
        .select(SUBJECT, group, *summed)
    )
    return grouped.join(peers, on=[SUBJECT, group], how="inner")


def index(source: Source) -> pl.LazyFrame:
    """The facts ``INDEX``."""
    rows = _beside_peers(month_stays(source), source, "group_code", ["total_amount_fen", "nights"])
    asked = []
    for name, value in (("cost_index", "total_amount_fen"), ("days_index", "nights")):
        usual = pl.col(f"{value}_peers") / pl.col("number")
        part = pl.when(usual > 0).then(pl.col(value) / usual)
        error = part.std() / part.count().cast(pl.Float64).sqrt()
        asked += [
            part.mean().round(4).alias(name),
            part.count().cast(pl.Int64).alias(f"{name}_stays"),
            pl.when(error > 0).then((part.mean() - 1) / error).round(2).alias(f"{name}_sigma"),
        ]
    return every_month(
        source, rows.group_by(SUBJECT).agg(asked), "cost_index_stays", "days_index_stays"
    )


def severity_mix(source: Source) -> pl.LazyFrame:
    """The facts ``SEVERITY_MIX``."""
    stays = month_stays(source).filter(pl.col("severity").is_not_null())
    heavy = pl.col("severity").is_in(["mcc", "cc"]).cast(pl.Float64)
    rows = _beside_peers(stays.with_columns(heavy=heavy), source, "adrg", ["heavy"])
    # Half a stay is added, so that what no peer has is not impossible.
    p = (pl.col("heavy_peers") + 0.5) / (pl.col("number") + 1)
    spread = (p * (1 - p)).sum().sqrt()
    return every_month(
        source,
        rows.group_by(SUBJECT).agg(
            pl.len().cast(pl.Int64).alias("mix_stays"),
            pl.col("heavy").sum().cast(pl.Int64).alias("heavier_in_adrg"),
            p.sum().round(2).alias("heavier_expected"),
            pl.when(spread > 0)
            .then((pl.col("heavy").sum() - p.sum()) / spread)
            .round(2)
            .alias("heavier_sigma"),
        ),
        "mix_stays",
        "heavier_in_adrg",
    )


def spread(source: Source) -> pl.LazyFrame:
    """The facts ``SPREAD``."""
    ratio = pl.col("cost_ratio")
    own = (
        months(source)
        .select(SUBJECT, "level", "month")
        .join(
            month_stays(source)
            .filter(ratio.is_not_null())
            .group_by(SUBJECT)
            .agg(
                pl.len().cast(pl.Int64).alias("spread_stays"),
                pl.when((ratio.count() > 1) & (ratio.mean() > 0))
                .then(ratio.std() / ratio.mean())
                .round(4)
                .alias("cost_spread"),
            ),
            on=SUBJECT,
            how="left",
        )
    )
    others = everyone(
        source,
        "spreads",
        own.filter(pl.col("cost_spread").is_not_null()).select(
            "level", "month", other=SUBJECT, theirs="cost_spread"
        ),
    )
    peers = (
        own.join(others, on=["level", "month"], how="inner")
        .filter(pl.col("other") != pl.col(SUBJECT))
        .group_by(SUBJECT)
        .agg(
            pl.when(pl.len() >= MIN_PEERS)
            .then(pl.col("theirs").median())
            .round(4)
            .alias("cost_spread_peer_median")
        )
    )
    return own.join(peers, on=SUBJECT, how="left").with_columns(pl.col("spread_stays").fill_null(0))


def loss(source: Source) -> pl.LazyFrame:
    """The facts ``LOSS``."""
    cost = month_stays(source).filter(
        pl.col("total_amount_fen").is_not_null()
        & (pl.col("payment_standard_fen") > 0)
        & pl.col("group_code").is_not_null()
    )
    monthly = cost.group_by("provider_id", "month", "group_code").agg(
        pl.len().cast(pl.Int64).alias("n"),
        pl.col("total_amount_fen").sum().alias("cost"),
        pl.col("payment_standard_fen").sum().alias("standard"),
    )
    recent = (
        months(source)
        .select(SUBJECT, "provider_id", until="month")
        .join(monthly, on="provider_id", how="inner")
        .filter(
            (pl.col("month") <= pl.col("until"))
            & (pl.col("month") >= pl.col("until").dt.offset_by("-2mo"))
        )
        .group_by(SUBJECT, "group_code")
        .agg(pl.col("n", "cost", "standard").sum())
        .with_columns(loss=pl.col("cost") - pl.col("standard"))
        .filter(pl.col("loss") > 0)
        .sort(SUBJECT, "loss", "group_code", descending=[False, True, False])
        .unique(SUBJECT, keep="first", maintain_order=True)
    )
    losing = recent.select(
        SUBJECT,
        losing_group="group_code",
        losing_group_stays="n",
        losing_group_ratio=(pl.col("cost") / pl.col("standard")).round(4),
        losing_group_loss_fen="loss",
    )
    return every_month(source, losing, "losing_group_stays")
