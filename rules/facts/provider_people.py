"""Facts of ``provider_month`` about who lies there: shared marks, companions, chains, beds, doctors."""

from __future__ import annotations

from typing import Final

import polars as pl

from rules.facts.exchange import everyone
from rules.facts.fact import Kind, declare
from rules.facts.period import SUBJECT, every_month, month_stays, months
from rules.facts.source import Source

INTEGER, MONEY, NUMBER, TEXT = Kind.INTEGER, Kind.MONEY, Kind.NUMBER, Kind.TEXT
YEAR_DAYS: Final = 365
CROWDED_DAY: Final = 5
"""Which of the fullest days counts: one full day is chance, five are not."""

CHAIN_NIGHTS: Final = (10, 17)
"""Stays of about 10, 14 or 15 days are links of a chain of transfers."""

SHARED: Final = (
    ("phone", "联系电话", "telephone number"),
    ("bank_account", "收款账户", "bank account"),
    ("address", "住址", "address"),
)
"""Pseudonymised columns that patients who are strangers do not share, and their labels."""

# fmt: off
SHARED_MARKS: Final = tuple(
    fact
    for column, zh, en in SHARED
    for fact in declare("provider_month", f"stays.{column}", (
        (f"{column}_patients", INTEGER, f"填有{zh}的患者数", f"patients with a {en}", f"Different inpatients with a {en}.", None),
        (f"shared_{column}_patients", INTEGER, f"共用同一{zh}的最多患者数", f"most patients with one {en}",
         f"Largest number of different inpatients of the month with the same {en}.", f"no stay states a {en}"),
        (f"shared_{column}_fen", MONEY, f"共用{zh}患者的基金支付", f"fund payment of the patients with that {en}",
         "What the fund paid for their stays in the month.", f"no stay states a {en}"),
    ))
)
COMPANIONS: Final = declare("provider_month", "stays", (
    ("companions", INTEGER, "结伴住院人数", "companions",
     "Inpatients who in the 365 days up to the month's end at least twice entered and left a hospital on the same two days as "
     "another, the same, patient; at least one of these stays in the month and at this hospital.", None),
    ("companion_stays_fen", MONEY, "结伴住院基金支付", "fund payment of companions' stays",
     "What the fund paid for their stays of the month at this hospital.", None),
), as_of="stays that ended in the 365 days up to the month's end")
CHAIN: Final = declare("provider_month", "stays", (
    ("chain_patients", INTEGER, "周期性转院患者数", "patients in a chain of transfers",
     "Inpatients whose stay is at least the third in a row of 10 to 17 days each, each at another hospital than the one "
     "before and begun within a day of its end.", None),
    ("chain_stays_fen", MONEY, "周期性转院基金支付", "fund payment of such stays", "What the fund paid for these stays of the month.", None),
), as_of="earlier stays of the patients")
CENSUS: Final = declare("provider_month", "stays, providers", (
    ("bed_count", INTEGER, "编制床位数", "approved beds", "Beds of the hospital as registered.", "the providers table does not state them"),
    ("highest_census", INTEGER, "最高在院人数", "highest census",
     "Most inpatients in bed over a night of the month, by stays that ended by then; day surgery is left out.", None),
    ("crowded_census", INTEGER, "第五高在院人数", "census of the fifth fullest night", "The census that at least five nights reached.", None),
), measures={"bed_count": "bed"}, as_of="stays that ended by the month's end")
DOCTOR: Final = declare("provider_month", "drg.settle", (
    ("severity_doctor_id", TEXT, "并发症占比最高医师", "physician furthest above the colleagues",
     "Attending physician whose share of stays with CC or MCC lies furthest above that of the colleagues of the department.",
     "no physician has colleagues with stays"),
    ("severity_doctor_stays", INTEGER, "该医师病例数", "stays of the physician", "Stays with a group; 0 if there is no such physician.", None),
    ("severity_doctor_share", NUMBER, "该医师占比", "share of the physician", "Share with CC or MCC.", "as the physician"),
    ("severity_colleague_share", NUMBER, "同科室占比", "share of the colleagues", "Share of all others of the department.", "as the physician"),
    ("severity_doctor_sigma", NUMBER, "高于同科室(标准差)", "standard deviations above the colleagues",
     "Distance in standard deviations of a count of this size.", "as the physician"),
), measures={"severity_doctor_sigma": "standard deviation"})
# fmt: on


def shared_marks(source: Source) -> pl.LazyFrame:
    """The facts ``SHARED_MARKS``."""
    found = months(source).select(SUBJECT)
    for column, _, _ in SHARED:
        rows = month_stays(source).filter(pl.col(column).is_not_null())
        marks = rows.group_by(SUBJECT, column).agg(
            pl.col("patient_id").n_unique().cast(pl.Int64).alias("n"),
            pl.col("fund_payment_fen").sum().alias("fen"),
        )
        most = marks.group_by(SUBJECT).agg(
            pl.col("n").max().alias(f"shared_{column}_patients"),
            pl.col("fen").sort_by("n", "fen").last().alias(f"shared_{column}_fen"),
        )
        people = rows.group_by(SUBJECT).agg(
            pl.col("patient_id").n_unique().cast(pl.Int64).alias(f"{column}_patients")
        )
        found = found.join(most, on=SUBJECT, how="left").join(people, on=SUBJECT, how="left")
    return found.with_columns(pl.col(f"{c}_patients").fill_null(0) for c, *_ in SHARED)


def companions(source: Source) -> pl.LazyFrame:
    """The facts ``COMPANIONS``."""
    stays = (
        month_stays(source)
        .filter(pl.col("nights") > 0)
        .select(
            SUBJECT, "stay_id", "provider_id", "patient_id", "admission_date", "discharge_date",
            "fund_payment_fen",
        )
    )  # fmt: skip
    dates = ["provider_id", "admission_date", "discharge_date"]
    # Only those who can have a companion at all; most stays are alone in their dates.
    together = stays.filter(pl.col("patient_id").n_unique().over(dates) > 1)
    pairs = together.join(
        together.select(*dates, companion="patient_id"), on=dates, how="inner"
    ).filter(pl.col("patient_id") != pl.col("companion"))
    key = ["patient_id", "companion"]
    # Two may have met in another hospital too.
    earlier = everyone(
        source, "companions", pairs.select(*key, before="discharge_date", other="stay_id").unique()
    )
    repeated = (
        pairs.join(earlier, on=key, how="inner")
        .filter(
            (pl.col("other") != pl.col("stay_id"))
            & (pl.col("before") <= pl.col("discharge_date").dt.month_end())
            & (
                pl.col("before")
                > pl.col("discharge_date").dt.month_end().dt.offset_by(f"-{YEAR_DAYS}d")
            )
        )
        .unique("stay_id")
    )
    counted = repeated.group_by(SUBJECT).agg(
        pl.col("patient_id").n_unique().cast(pl.Int64).alias("companions"),
        pl.col("fund_payment_fen").sum().alias("companion_stays_fen"),
    )
    return every_month(source, counted, "companions", "companion_stays_fen")


def chain(source: Source) -> pl.LazyFrame:
    """The facts ``CHAIN``."""
    counted = (
        chained(source)
        .group_by(SUBJECT)
        .agg(
            pl.col("patient_id").n_unique().cast(pl.Int64).alias("chain_patients"),
            pl.col("fund_payment_fen").sum().alias("chain_stays_fen"),
        )
    )
    return every_month(source, counted, "chain_patients", "chain_stays_fen")


def chained(source: Source) -> pl.LazyFrame:
    """Stays that are the third or a later one of a chain, with subject, patient and payment."""
    return source.once("chained_stays", _chained).lazy()


def _chained(source: Source) -> pl.DataFrame:
    stays = month_stays(source).sort("patient_id", "admission_date", "admission_time", "stay_id")
    same = pl.col("patient_id") == pl.col("patient_id").shift(1)
    gap = (pl.col("admission_date") - pl.col("discharge_date").shift(1)).dt.total_days()
    long = pl.col("nights").is_between(*CHAIN_NIGHTS)
    moved = pl.col("provider_id") != pl.col("provider_id").shift(1)
    link = (same & gap.is_between(0, 1) & moved & long & long.shift(1)).fill_null(value=False)
    linked = stays.with_columns(link=link).with_columns(
        third=pl.col("link") & pl.col("link").shift(1, fill_value=False)
    )
    return (
        linked.filter("third")
        .select(SUBJECT, "provider_id", "stay_id", "patient_id", "fund_payment_fen")
        .collect()
    )


def census(source: Source) -> pl.LazyFrame:
    """The facts ``CENSUS``."""
    stays = month_stays(source).filter(
        (pl.col("inpatient_type").fill_null("1") != "2") & (pl.col("nights") > 0)
    )
    entered = stays.select("provider_id", "month", day="admission_date", step=pl.lit(1))
    left = stays.select("provider_id", "month", day="discharge_date", step=pl.lit(-1))
    # The census of a month counts stays that ended by its end, so a stay of the month after
    # counts nowhere but in its own month: nothing is seen before it is settled.
    nights = (
        pl.concat([entered, left])
        .join(months(source).select(SUBJECT, "provider_id", of="month"), on="provider_id")
        .filter(
            (pl.col("month") <= pl.col("of"))
            & (pl.col("month") >= pl.col("of").dt.offset_by("-2mo"))
        )
        .group_by(SUBJECT, "of", "day")
        .agg(pl.col("step").sum())
        .sort(SUBJECT, "day")
        .with_columns(
            census=pl.col("step").cum_sum().over(SUBJECT),
            until=pl.col("day").shift(-1).over(SUBJECT),
        )
        .with_columns(
            first=pl.max_horizontal("day", "of"),
            last=pl.min_horizontal(
                pl.coalesce("until", pl.col("day")), pl.col("of").dt.offset_by("1mo")
            ),
        )
        .with_columns(days=(pl.col("last") - pl.col("first")).dt.total_days())
        .filter(pl.col("days") > 0)
        .sort(SUBJECT, "census", descending=[False, True])
        .with_columns(reached=pl.col("days").cum_sum().over(SUBJECT))
        .group_by(SUBJECT)
        .agg(
            pl.col("census").max().cast(pl.Int64).alias("highest_census"),
            pl.col("census")
            .filter(pl.col("reached") >= CROWDED_DAY)
            .max()
            .cast(pl.Int64)
            .alias("crowded_census"),
        )
    )
    beds = (
        source.table("providers")
        .lazy()
        .select("provider_id", pl.col("bed_count").cast(pl.Int64))
        .unique("provider_id")
    )
    keyed = months(source).select(SUBJECT, "provider_id").join(beds, on="provider_id", how="left")
    return keyed.join(nights, on=SUBJECT, how="left").with_columns(
        pl.col("highest_census", "crowded_census").fill_null(0)
    )


def doctor(source: Source) -> pl.LazyFrame:
    """The facts ``DOCTOR``."""
    own = (
        month_stays(source)
        .filter(
            pl.col("severity").is_not_null()
            & pl.col("attending_physician_id").is_not_null()
            & pl.col("department").is_not_null()
        )
        .group_by(SUBJECT, "department", "attending_physician_id")
        .agg(
            pl.len().cast(pl.Int64).alias("n"),
            pl.col("severity").is_in(["mcc", "cc"]).sum().cast(pl.Int64).alias("k"),
        )
        .sort(SUBJECT, "department", "attending_physician_id")
    )
    alike = [SUBJECT, "department"]
    n, k = pl.col("n"), pl.col("k")
    p = (pl.col("k_") + 0.5) / (pl.col("n_") + 1)
    furthest = (
        own.with_columns(n_=n.sum().over(alike) - n, k_=k.sum().over(alike) - k)
        .filter(pl.col("n_") > 0)
        .with_columns(sigma=((k - n * p) / (n * p * (1 - p)).sqrt()).round(2))
        .sort(SUBJECT, "sigma", "attending_physician_id", descending=[False, True, False])
        .unique(SUBJECT, keep="first", maintain_order=True)
        .select(
            SUBJECT,
            severity_doctor_id="attending_physician_id",
            severity_doctor_stays="n",
            severity_doctor_share=(k / n).round(4),
            severity_colleague_share=(pl.col("k_") / pl.col("n_")).round(4),
            severity_doctor_sigma="sigma",
        )
    )
    return every_month(source, furthest, "severity_doctor_stays")
