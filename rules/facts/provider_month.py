"""Facts of ``provider_month``: the hospital's month itself, and shares beside its peers.

Each ``Measure`` below is a builder of its own, so only those that a check reads are counted.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from rules.facts import group, pairs
from rules.facts.exchange import everyone
from rules.facts.fact import Fact, Kind, declare
from rules.facts.measure import PEERS, Measure, beside_peers, counts
from rules.facts.period import SUBJECT, month_stays, months
from rules.facts.source import Source

INTEGER, MONEY, NUMBER, TEXT = Kind.INTEGER, Kind.MONEY, Kind.NUMBER, Kind.TEXT
NIGHTS: Final = pl.col("nights")
WEIGHT_LINES_G: Final = (1500, 2000, 2500)
"""Birth weights at which CHS-DRG divides the newborn groups."""

WEIGHT_BAND_G: Final = 50
NEAR_STANDARD: Final = 0.05
NEAR_HIGH_LINE: Final = 0.1
STAY_LIMITS: Final = (15, 30)
"""Days of stay from which regions ask for a reason, or pay otherwise."""

RETURN_DAYS: Final = 15
HEAVY_WEIGHT: Final = 2
"""Weight from which a group counts as heavy."""

# fmt: off
MONTH: Final = declare("provider_month", "stays", (
    ("stays", INTEGER, "出院人次", "stays", "Inpatient stays discharged in the month.", None),
    ("visits", INTEGER, "门诊人次", "visits", "Outpatient claims of the month.", None),
    ("patients", INTEGER, "住院人数", "patients", "Different inpatients.", None),
    ("month_of_year", INTEGER, "月份", "month of the year", "1 to 12.", None),
    ("month_fund_payment_fen", MONEY, "当月住院基金支付", "fund payment of the month",
     "What the fund paid for the stays.", "the hospital has no stay, or a payment is not stated"),
    ("month_total_fen", MONEY, "当月住院总费用", "total charges of the month",
     "Total amounts of the stays.", "the hospital has no stay, or a total is not stated"),
    ("cmi", NUMBER, "病例组合指数", "case mix index", "Mean weight of the groups that pay.", "no stay has a group with a weight"),
))
WEIGHTS: Final = declare("provider_month", "stays", (
    ("weights_near_line", INTEGER, "临界体重新生儿数", "newborns near a weight line",
     "Newborns within 50 g of a birth weight that divides groups (1500, 2000, 2500 g; the line itself lies above).", None),
    ("weights_below_line", INTEGER, "临界以下新生儿数", "newborns just below a weight line", "Those of them below the line.", None),
    ("weights_below_sigma", NUMBER, "临界以下偏离(标准差)", "standard deviations above one half",
     "Distance of the newborns just below from one half, in standard deviations of an even chance.", "no newborn is near a line"),
    ("weights_below_excess_fen", MONEY, "临界以下超出部分金额", "money of the newborns beyond one half",
     "What the fund paid for those just below, times the part of them beyond one half.", "no newborn is near a line"),
), measures={"weights_below_sigma": "standard deviation"})
HEAP: Final = declare("provider_month", "drg.settle", (
    ("near_high_line", INTEGER, "高倍率线附近病例数", "stays near the high outlier line",
     "Stays whose cost lies within a tenth of the high outlier line.", None),
    ("above_high_line", INTEGER, "刚过高倍率线病例数", "stays just above the high outlier line", "Those of them at or above it.", None),
    ("above_high_line_sigma", NUMBER, "刚过线偏离(标准差)", "standard deviations above one half",
     "Distance of the stays just above from one half, in standard deviations of an even chance; dear stays grow rarer with "
     "their cost, so less than half is usual.", "no stay is near the line"),
    ("above_high_line_fen", MONEY, "刚过线病例基金支付", "fund payment of the stays just above",
     "What the fund paid for them beyond the payment standard, where it paid more.", "no stay is near the line"),
), measures={"above_high_line_sigma": "standard deviation"})
SUBSTITUTION: Final = declare("provider_month", "diagnoses, reference/diagnosis_pairs.csv", (
    ("substitution_pair", TEXT, "诊断替换组合", "pair of diagnoses", "The pair that lies furthest above the peers.", "the hospital has no stay of a pair that peers have too"),
    ("substitution_of", INTEGER, "该组合病例数", "stays of the pair",
     "Stays whose principal diagnosis is of the pair; 0 if the hospital has no stay of any pair.",
     "the hospital has such stays, but too few peers do"),
    ("substitution_count", INTEGER, "其中较重诊断数", "stays with the heavier diagnosis", "Those with the heavier one.", "as the pair"),
    ("substitution_share", NUMBER, "较重诊断占比", "share of the heavier diagnosis", "Count divided by the stays of the pair.", "as the pair"),
    ("substitution_peer_share", NUMBER, "同级较重诊断占比", "share of the peers", "Share of all peers together.", "as the pair"),
    ("substitution_sigma", NUMBER, "高于同级(标准差)", "standard deviations above the peers", "As for other shares.", "as the pair"),
    ("substitution_excess_fen", MONEY, "超出同级部分金额", "money beyond the peers' share",
     "What the fund paid for the heavier ones, times the part beyond the peers' share.", "as the pair"),
), as_of=PEERS, measures={"substitution_sigma": "standard deviation"})
# fmt: on


def _status(*wanted: str) -> pl.Expr:
    known = pl.col("group_status").is_in(["grouped", "ambiguous", "ungroupable", "invalid"])
    return pl.when(known).then(pl.col("group_status").is_in(wanted))


def _severity_rows(source: Source) -> pl.LazyFrame:
    """Stays with ``gain_fen``: what the standard is above that without complications."""
    light = without_complications(source)
    part = pl.col("weight_without_complications").cast(pl.Float64) / pl.col("group_weight").cast(
        pl.Float64
    )
    gain = pl.col("payment_standard_fen") * pl.max_horizontal(1 - part, pl.lit(0.0))
    return (
        month_stays(source)
        .join(light, on="stay_id", how="left")
        .with_columns(gain_fen=gain.round(0).fill_null(0))
    )


def without_complications(source: Source) -> pl.LazyFrame:
    """``stay_id`` and the weight of its group if no other diagnosis counted."""
    return source.once(
        "without_complications",
        lambda source: (
            group.alternatives(source).select("stay_id", "weight_without_complications").collect()
        ),
    ).lazy()


def _treatable_rows(source: Source) -> pl.LazyFrame:
    """Stays with ``treatable``: the principal diagnosis is on the list, nothing was operated."""
    operated = source.table("procedures").lazy().select("stay_id").unique()
    return (
        month_stays(source)
        .join(operated.with_columns(operated=pl.lit(value=True)), on="stay_id", how="left")
        .with_columns(
            treatable=pl.col("principal").str.contains(pairs.outpatient_treatable(source.reference))
            & pl.col("operated").is_null()
            & (pl.col("severity").fill_null("none") == "none")
        )
    )


_FUND: Final = pl.col("fund_payment_fen").fill_null(0)
_RATIO: Final = pl.col("cost_ratio")
_SINCE: Final = pl.col("days_since_prior_stay")
_NEAR_LIMIT: Final = pl.any_horizontal(
    NIGHTS.is_between(limit - 2, limit + 3) for limit in STAY_LIMITS
)
_AT_LIMIT: Final = pl.any_horizontal(NIGHTS.is_between(limit - 2, limit) for limit in STAY_LIMITS)

# fmt: off
MEASURES: Final = (
    Measure("severity", "伴并发症或合并症病例", "stays with CC or MCC", "those with a group",
            pl.col("severity").is_in(["mcc", "cc"]), pl.col("gain_fen"), _severity_rows, past=True, source="drg.settle"),
    Measure("ambiguous", "歧义组病例", "stays in an ambiguous group (QY)", "those that the grouper could judge",
            _status("ambiguous"), pl.lit(0), source="drg.settle"),
    Measure("ungroupable", "未入组病例", "stays without a group (0000, invalid)", "those that the grouper could judge",
            _status("ungroupable", "invalid"), pl.lit(0), source="drg.settle"),
    Measure("review", "符合特例单议条件病例", "stays that meet grounds for single review", "those with a payment standard",
            pl.when(pl.col("payment_standard_fen").is_not_null()).then(pl.col("review_reasons").is_not_null()), pl.lit(0),
            source="drg.settle"),
    Measure("over_standard", "超支付标准病例", "stays above the payment standard", "those with a standard and a total",
            _RATIO > 1, pl.lit(0), source="drg.settle"),
    Measure("just_below_standard", "支付标准以下5%内病例", "stays at or just below the payment standard",
            "those within 5 percent of their standard",
            pl.when((_RATIO - 1).abs() <= NEAR_STANDARD).then(_RATIO <= 1), pl.lit(0), source="drg.settle"),
    Measure("at_stay_limit", "住院日限值以内病例", "stays that end at or up to two days before a limit of days",
            "those from two days before to three days after 15 or 30 days", pl.when(_NEAR_LIMIT).then(_AT_LIMIT), pl.lit(0)),
    Measure("weekend", "周末入院病例", "stays admitted on a Saturday or Sunday", "all inpatient stays",
            pl.col("admission_date").dt.weekday() >= 6, pl.lit(0)),
    Measure("returned", "同病15日内返院病例", "stays that return to the hospital for the same disease within 15 days",
            "all inpatient stays but treatment cycles",
            pl.when(~pl.col("principal_is_treatment_cycle").fill_null(value=False)).then(
                (_SINCE.is_between(0, RETURN_DAYS) & pl.col("same_disease_as_prior") & pl.col("prior_same_provider")
                 & ~pl.col("transferred_from_prior") & ~pl.col("prior_stated_plan")).fill_null(value=False)),
            _FUND, source="stays of the patient"),
    Measure("treatable", "门诊可治病例", "stays for diseases that a clinic treats, without operation or complication",
            "stays with a diagnosis", pl.col("treatable"), _FUND, _treatable_rows,
            source="diagnoses, reference/outpatient_treatable.csv"),
    Measure("low_risk_death", "低风险组死亡", "deaths in low-risk groups", "stays of weight below 1 without CC or MCC",
            pl.when((pl.col("group_weight").cast(pl.Float64) < 1) & (pl.col("severity") == "none"))
            .then((pl.col("discharge_way") == "5").fill_null(value=False)), pl.lit(0), source="drg.settle"),
    Measure("against_advice", "非医嘱离院", "stays that ended against advice", "those with a way of discharge",
            pl.col("discharge_way") == "4", pl.lit(0)),
    Measure("severe_transfer", "重症转出病例", "stays with MCC that were transferred out", "stays with MCC and a way of discharge",
            pl.when(pl.col("severity") == "mcc").then(pl.col("discharge_way").is_in(["2", "3"])), pl.lit(0), past=True,
            source="drg.settle"),
)
# fmt: on


def month(source: Source) -> pl.LazyFrame:
    """The facts ``MONTH``."""
    inpatient = (
        month_stays(source)
        .group_by(SUBJECT)
        .agg(
            pl.len().cast(pl.Int64).alias("stays"),
            pl.col("patient_id").n_unique().cast(pl.Int64).alias("patients"),
            *[
                pl.when(pl.col(c).is_not_null().all()).then(pl.col(c).sum()).alias(name)
                for c, name in (
                    ("fund_payment_fen", "month_fund_payment_fen"),
                    ("total_amount_fen", "month_total_fen"),
                )
            ],
            pl.col("group_weight").cast(pl.Float64).mean().round(4).alias("cmi"),
        )
    )
    return (
        months(source)
        .join(inpatient, on=SUBJECT, how="left")
        .with_columns(
            pl.col("stays", "patients").fill_null(0),
            month_of_year=pl.col("month").dt.month(),
        )
        .with_columns(visits=pl.col("claims") - pl.col("stays"))
    )


def weights(source: Source) -> pl.LazyFrame:
    """The facts ``WEIGHTS``."""
    weight = pl.col("newborn_birth_weight_g")
    near = pl.any_horizontal(
        (weight >= t - WEIGHT_BAND_G) & (weight < t + WEIGHT_BAND_G) for t in WEIGHT_LINES_G
    )
    below = pl.any_horizontal((weight >= t - WEIGHT_BAND_G) & (weight < t) for t in WEIGHT_LINES_G)
    rows = month_stays(source).filter(near).with_columns(trait=below, money=_FUND)
    names = (
        "weights_near_line", "weights_below_line", "weights_below_sigma", "weights_below_excess_fen",
    )  # fmt: skip
    part = pl.max_horizontal(1 - pl.col("of") / (2 * pl.col("count")), pl.lit(0.0))
    money = pl.when(pl.col("count") > 0).then(pl.col("money") * part).otherwise(0.0)
    return _even(rows, source, names, money.round(0))


def heap(source: Source) -> pl.LazyFrame:
    """The facts ``HEAP``."""
    total, line = pl.col("total_amount_fen"), pl.col("high_line_fen")
    near = (total >= (1 - NEAR_HIGH_LINE) * line) & (total < (1 + NEAR_HIGH_LINE) * line)
    beyond = pl.max_horizontal(_FUND - pl.col("payment_standard_fen"), pl.lit(0))
    rows = month_stays(source).filter(near).with_columns(trait=total >= line, money=beyond)
    names = ("near_high_line", "above_high_line", "above_high_line_sigma", "above_high_line_fen")
    return _even(rows, source, names, pl.col("money"))


def _even(
    rows: pl.LazyFrame, source: Source, names: tuple[str, str, str, str], money: pl.Expr
) -> pl.LazyFrame:
    """Count, part, standard deviations above one half and money, under the names given."""
    n, k = pl.col("of"), pl.col("count")
    counted = counts(rows).select(
        SUBJECT,
        n.alias(names[0]),
        k.alias(names[1]),
        ((2 * k - n) / n.cast(pl.Float64).sqrt()).round(2).alias(names[2]),
        money.cast(pl.Int64).alias(names[3]),
    )
    return (
        months(source)
        .select(SUBJECT)
        .join(counted, on=SUBJECT, how="left")
        .with_columns(pl.col(names[0], names[1]).fill_null(0))
    )


def substitution(source: Source) -> pl.LazyFrame:
    """The facts ``SUBSTITUTION``: the pair of diagnoses furthest above the peers."""
    stays = month_stays(source).filter(pl.col("principal").is_not_null())
    found = []
    for pair, heavier, lighter in pairs.diagnosis_pairs(source.reference):
        is_heavy = pl.col("principal").str.contains(heavier)
        of_pair = is_heavy | pl.col("principal").str.contains(lighter)
        trait = pl.when(of_pair).then(is_heavy)
        rows = stays.with_columns(trait=trait, money=_FUND)
        counted = everyone(source, f"pair {pair}", counts(rows))
        found.append(beside_peers(counted, source).with_columns(pair=pl.lit(pair)))
    if not found:  # a site may have no pair: nothing is compared
        return (
            months(source)
            .select(
                SUBJECT,
                *[pl.lit(None, f.kind.dtype).alias(f.name) for f in SUBSTITUTION],
            )
            .with_columns(pl.lit(0).alias("substitution_of"))
        )
    compared = pl.concat(found)
    some = compared.select(SUBJECT).unique().with_columns(some=pl.lit(value=True))
    worst = (
        compared.filter(pl.col("sigma").is_not_null())
        .sort(SUBJECT, "sigma", "pair", descending=[False, True, False])
        .unique(SUBJECT, keep="first", maintain_order=True)
    )
    named = worst.select(
        SUBJECT,
        *[pl.col(f.name.removeprefix("substitution_")).alias(f.name) for f in SUBSTITUTION],
    )
    return (
        months(source)
        .select(SUBJECT)
        .join(named, on=SUBJECT, how="left")
        .join(some, on=SUBJECT, how="left")
        .with_columns(
            pl.when(pl.col("some").is_null())
            .then(0)
            .otherwise("substitution_of")
            .alias("substitution_of")
        )
    )


def facts() -> tuple[Fact, ...]:
    """All facts that this module declares."""
    return (*MONTH, *WEIGHTS, *HEAP, *SUBSTITUTION, *(f for m in MEASURES for f in m.facts()))
