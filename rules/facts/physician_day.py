"""Facts of ``physician_day``: what one physician did on one calendar day, in all hospitals."""

from __future__ import annotations

from typing import Final

import polars as pl

from rules.facts.fact import Kind, declare
from rules.facts.order import DEAD_STATUSES
from rules.facts.period import SUBJECT, month_claims
from rules.facts.source import Source

INTEGER, MONEY, TEXT, DATE = Kind.INTEGER, Kind.MONEY, Kind.TEXT, Kind.DATE
DAY_KEYS: Final = (SUBJECT, "physician_id", "day")
_UNTIMED: Final = (
    "two operations stand on the day, one without times, and the others do not overlap"
)

# fmt: off
OPERATIONS: Final = declare("physician_day", "procedures", (
    ("operations", INTEGER, "主刀台次", "operations as surgeon",
     "Stays that the physician operated on that day under anaesthesia (an anaesthetist or method is stated).", None),
    ("operation_minutes", INTEGER, "主刀总时长", "minutes of operation",
     "Sum over these stays of the time from first start to last end on the day.", "an operation has no times"),
    ("operations_overlap_minutes", INTEGER, "手术重叠时长", "minutes of two operations at once",
     "Longest time that two operations on different patients overlap; 0 if none.", _UNTIMED),
    ("overlapping_stays", TEXT, "重叠手术的结算ID", "stays of the overlapping operations", "Their two claims.", "none overlap"),
    ("overlapping_operation_fen", MONEY, "重叠手术较小基金支付", "smaller payment of the two",
     "What the fund paid for the one of the two for which it paid less.", "none overlap, or a payment is not stated"),
    ("operations_fen", MONEY, "手术病例基金支付", "fund payment of the operated stays", "What the fund paid for the stays operated on.",
     "a payment is not stated"),
), measures={"operation_minutes": "minute", "operations_overlap_minutes": "minute"})
ANAESTHESIA: Final = declare("physician_day", "procedures", (
    ("anaesthetics_at_once", INTEGER, "同时麻醉台数", "anaesthetics at one time",
     "Largest number of different patients under anaesthesia by the physician at one moment; 0 if none is timed.", None),
    ("anaesthetics", INTEGER, "麻醉台次", "anaesthetics", "Stays in which the physician gave anaesthesia that day.", None),
    ("anaesthetics_fen", MONEY, "麻醉病例基金支付", "fund payment of these stays", "What the fund paid for them.", "a payment is not stated"),
))
PRESENCE: Final = declare("physician_day", "procedures, orders", (
    ("hospitals", INTEGER, "当日执业机构数", "hospitals of the day",
     "Hospitals at which the physician operated, gave anaesthesia or ordered that day.", None),
    ("minutes_between_hospitals", INTEGER, "两院活动最短间隔", "minutes between hospitals",
     "Shortest time between an operation or order at one hospital and one at another; 0 if they overlap.",
     "there are fewer than two hospitals, or no times"),
    ("second_hospital_fen", MONEY, "较少机构当日病例基金支付", "fund payment at the lesser hospital",
     "What the fund paid for the stays of the day at the hospital where it paid least.", "there are fewer than two hospitals"),
    ("ordering_hours", INTEGER, "开嘱小时数", "hours of the day with orders", "Different clock hours in which orders began.", None),
    ("orders", INTEGER, "医嘱条数", "orders", "Live orders that began that day.", None),
    ("ordered_stays", INTEGER, "开嘱患者数", "patients with orders", "Different stays among them.", None),
), measures={"minutes_between_hospitals": "minute", "ordering_hours": "hour"})
CASELOAD: Final = declare("physician_day", "stays", (
    ("visits", INTEGER, "门诊人次", "outpatient visits", "Outpatient claims attended that day, one a patient and hospital.", None),
    ("visits_fen", MONEY, "门诊基金支付", "fund payment of the visits", "What the fund paid for them.", "a payment is not stated"),
    ("discharges", INTEGER, "出院人次", "discharges", "Inpatient stays that the physician attended and that ended that day.", None),
    ("batch_patients", INTEGER, "同入同出患者数", "patients of one batch",
     "Largest number of them that also began on one and the same day (day surgery and newborns left out).", None),
    ("batch_admission_date", DATE, "该批入院日期", "day on which the batch entered", "That day.", "no stay ended"),
    ("batch_diseases", INTEGER, "该批病种数", "diseases of the batch", "Different three-character principal diagnoses.", "no stay ended"),
    ("batch_fen", MONEY, "该批基金支付", "fund payment of the batch", "What the fund paid for them.", "no stay ended"),
))
REGISTER: Final = declare("physician_day", "physicians", (
    ("hospitals_without_register", INTEGER, "无医师名册机构数", "hospitals without a register",
     "Hospitals of the day for which the physicians table lists nobody.", None),
    ("unregistered_hospitals", INTEGER, "未登记执业机构数", "hospitals where the physician is not registered",
     "Hospitals of the day whose register does not list the physician, or lists them as no longer active.",
     "no hospital of the day has a register"),
    ("unregistered_fen", MONEY, "未登记机构病例基金支付", "fund payment at those hospitals",
     "What the fund paid for the stays of the day there.", "as the hospitals"),
))
# fmt: on


def acts(source: Source) -> pl.LazyFrame:
    """What physicians did: one row an act with physician, day, hospital, stay, kind, start, end."""
    return source.once("physician_acts", _acts).lazy()


def _acts(source: Source) -> pl.DataFrame:
    heads = month_claims(source).select(
        "stay_id", "provider_id", "patient_id", "fund_payment_fen", "region_code", "currency"
    )
    procedures = source.table("procedures").lazy()
    # An operation is what was done under anaesthesia: drips and ventilation overlap rightly.
    under = pl.col("anaesthetist_id").is_not_null() | pl.col("anaesthesia_method").is_not_null()
    surgery = procedures.filter(under).select(
        "stay_id", kind=pl.lit("operation"), physician_id="surgeon_id", day="procedure_date",
        start="start_time", end="end_time",
    )  # fmt: skip
    numbing = procedures.select(
        "stay_id", kind=pl.lit("anaesthesia"), physician_id="anaesthetist_id", day="procedure_date",
        start=pl.coalesce("anaesthesia_start_time", "start_time"),
        end=pl.coalesce("anaesthesia_end_time", "end_time"),
    )  # fmt: skip
    zones = source.table("stays").lazy().select("stay_id", "time_zone")
    names = source.table("stays")["time_zone"].unique().sort().to_list()
    at = pl.col("start_time")
    local = pl.coalesce(
        [pl.lit(None, pl.Date)]
        + [
            pl.when(pl.col("time_zone") == zone).then(at.dt.convert_time_zone(zone).dt.date())
            for zone in names
        ]
    )
    orders = (
        source.table("orders")
        .lazy()
        .filter(~pl.col("status").is_in(DEAD_STATUSES))
        .join(zones, on="stay_id", how="inner")
        .select(
            "stay_id", kind=pl.lit("order"), physician_id="ordering_physician_id", day=local,
            start=at, end=at,
        )
    )  # fmt: skip
    attended = month_claims(source).select(
        "stay_id",
        kind=pl.when(pl.col("claim_type") == "inpatient").then(pl.lit("discharge")).otherwise(pl.lit("visit")),
        physician_id="attending_physician_id",
        day="end",
        start=pl.lit(None, pl.Datetime("us", "UTC")),
        end=pl.lit(None, pl.Datetime("us", "UTC")),
    )  # fmt: skip
    return (
        pl.concat([surgery, numbing, orders, attended])
        .filter(pl.col("physician_id").is_not_null() & pl.col("day").is_not_null())
        .join(heads, on="stay_id", how="inner")
        .with_columns(
            pl.concat_str(
                "physician_id", pl.lit("|"), pl.col("day").dt.to_string("%Y-%m-%d")
            ).alias(SUBJECT)
        )
        .sort(SUBJECT, "stay_id", "kind", "start", "end")
        .collect()
    )


def days(source: Source) -> pl.LazyFrame:
    """One row a physician and day: keys, hospital (of most acts), region, currency, claims."""
    return source.once("physician_days", _days).lazy()


def _days(source: Source) -> pl.DataFrame:
    main = (
        acts(source)
        .group_by(SUBJECT, "provider_id")
        .len()
        .sort(SUBJECT, "len", "provider_id", descending=[False, True, False])
        .unique(SUBJECT, keep="first", maintain_order=True)
        .select(SUBJECT, "provider_id")
    )
    return (
        acts(source)
        .group_by(DAY_KEYS)
        .agg(
            pl.col("region_code").drop_nulls().min().alias("region_code"),
            pl.col("currency").min().alias("currency"),
            pl.col("stay_id").n_unique().cast(pl.Int64).alias("claims"),
        )
        .join(main, on=SUBJECT, how="left")
        .with_columns(period_end="day")
        .sort(SUBJECT)
        .collect()
    )


def _of_stays(source: Source, kind: str) -> pl.LazyFrame:
    """Acts of a kind, one row a physician, day and stay: first start, last end, payment."""
    return (
        acts(source)
        .filter(pl.col("kind") == kind)
        .group_by(SUBJECT, "stay_id")
        .agg(
            pl.col("start").min(),
            pl.col("end").max(),
            pl.col("fund_payment_fen").first(),
            pl.col("patient_id").first(),
            timed=pl.col("start").is_not_null().all() & pl.col("end").is_not_null().all(),
        )
    )


def operations(source: Source) -> pl.LazyFrame:
    """The facts ``OPERATIONS``."""
    each = _of_stays(source, "operation")
    minutes = (pl.col("end") - pl.col("start")).dt.total_minutes()
    counted = each.group_by(SUBJECT).agg(
        pl.len().cast(pl.Int64).alias("operations"),
        pl.when(pl.col("timed").all()).then(minutes.sum()).alias("operation_minutes"),
        pl.col("timed").all().alias("all_timed"),
        _known_sum("fund_payment_fen").alias("operations_fen"),
    )
    # The rows as they stand, not first start to last end, which may hold a pause.
    rows = (
        acts(source)
        .filter((pl.col("kind") == "operation") & pl.col("start").is_not_null())
        .select(SUBJECT, "stay_id", "patient_id", "start", "end", "fund_payment_fen")
        .unique()
    )
    several = rows.filter(pl.col("stay_id").n_unique().over(SUBJECT) > 1)
    common = pl.min_horizontal("end", "end_right") - pl.max_horizontal("start", "start_right")
    pairs = (
        several.join(several, on=SUBJECT, how="inner")
        .filter(
            (pl.col("stay_id") < pl.col("stay_id_right"))
            & (pl.col("patient_id") != pl.col("patient_id_right"))
        )
        .with_columns(
            overlap=common.dt.total_minutes(),
            names=pl.concat_str("stay_id", pl.lit(", "), "stay_id_right"),
            fen=pl.when(
                pl.col("fund_payment_fen").is_not_null()
                & pl.col("fund_payment_fen_right").is_not_null()
            ).then(pl.min_horizontal("fund_payment_fen", "fund_payment_fen_right")),
        )
        .filter(pl.col("overlap") > 0)
        .sort(SUBJECT, "overlap", "names", descending=[False, True, False])
        .unique(SUBJECT, keep="first", maintain_order=True)
        .select(SUBJECT, "overlap", overlapping_stays="names", overlapping_operation_fen="fen")
    )
    blind = ~pl.col("all_timed").fill_null(value=True) & (pl.col("operations") > 1)
    return (
        _whole(source, counted, "operations", "operation_minutes", "operations_fen")
        .join(pairs, on=SUBJECT, how="left")
        .with_columns(
            operations_overlap_minutes=pl.when(pl.col("overlap").is_not_null())
            .then("overlap")
            .when(~blind)
            .then(0)
        )
    )


def anaesthesia(source: Source) -> pl.LazyFrame:
    """The facts ``ANAESTHESIA``."""
    each = _of_stays(source, "anaesthesia")
    counted = each.group_by(SUBJECT).agg(
        pl.len().cast(pl.Int64).alias("anaesthetics"),
        _known_sum("fund_payment_fen").alias("anaesthetics_fen"),
    )
    timed = each.filter("timed")
    steps = pl.concat(
        [
            timed.select(SUBJECT, at="end", step=pl.lit(-1)),
            timed.select(SUBJECT, at="start", step=pl.lit(1)),
        ]
    )
    at_once = (
        # Who ends at a minute has left before the next begins.
        steps.sort(SUBJECT, "at", "step")
        .with_columns(n=pl.col("step").cum_sum().over(SUBJECT))
        .group_by(SUBJECT)
        .agg(pl.col("n").max().cast(pl.Int64).alias("anaesthetics_at_once"))
    )
    return _whole(
        source, counted.join(at_once, on=SUBJECT, how="left"), "anaesthetics", "anaesthetics_at_once",
        "anaesthetics_fen",
    )  # fmt: skip


def presence(source: Source) -> pl.LazyFrame:
    """The facts ``PRESENCE``."""
    there = acts(source).filter(pl.col("kind").is_in(["operation", "anaesthesia", "order"]))
    ordered = pl.col("kind") == "order"
    counted = there.group_by(SUBJECT).agg(
        pl.col("provider_id").n_unique().cast(pl.Int64).alias("hospitals"),
        pl.col("start").filter(ordered).dt.truncate("1h").n_unique().cast(pl.Int64).alias("ordering_hours"),
        ordered.sum().cast(pl.Int64).alias("orders"),
        pl.col("stay_id").filter(ordered).n_unique().cast(pl.Int64).alias("ordered_stays"),
    )  # fmt: skip
    several = there.filter(pl.col("provider_id").n_unique().over(SUBJECT) > 1)
    timed = several.filter(pl.col("start").is_not_null()).select(
        SUBJECT, "provider_id", "start", pl.coalesce("end", "start").alias("end")
    ).unique()  # fmt: skip
    gap = pl.max_horizontal("start", "start_right") - pl.min_horizontal("end", "end_right")
    between = (
        timed.join(timed, on=SUBJECT, how="inner")
        .filter(pl.col("provider_id") < pl.col("provider_id_right"))
        .group_by(SUBJECT)
        .agg(
            pl.max_horizontal(gap.dt.total_minutes().min(), pl.lit(0)).alias(
                "minutes_between_hospitals"
            )
        )
    )
    lesser = (
        several.unique([SUBJECT, "provider_id", "stay_id"])
        .group_by(SUBJECT, "provider_id")
        .agg(pl.col("fund_payment_fen").sum())
        .group_by(SUBJECT)
        .agg(pl.col("fund_payment_fen").min().alias("second_hospital_fen"))
    )
    return (
        _whole(source, counted, "hospitals", "ordering_hours", "orders", "ordered_stays")
        .join(between, on=SUBJECT, how="left")
        .join(lesser, on=SUBJECT, how="left")
    )


def caseload(source: Source) -> pl.LazyFrame:
    """The facts ``CASELOAD``."""
    visited = (
        acts(source)
        .filter(pl.col("kind") == "visit")
        .group_by(SUBJECT)
        .agg(
            pl.struct("patient_id", "provider_id").n_unique().cast(pl.Int64).alias("visits"),
            _known_sum("fund_payment_fen").alias("visits_fen"),
        )
    )
    stays = (
        month_claims(source)
        .filter(
            (pl.col("claim_type") == "inpatient") & pl.col("attending_physician_id").is_not_null()
        )
        .with_columns(
            pl.concat_str(
                "attending_physician_id", pl.lit("|"), pl.col("end").dt.to_string("%Y-%m-%d")
            ).alias(SUBJECT)
        )
    )
    left = stays.group_by(SUBJECT).agg(pl.len().cast(pl.Int64).alias("discharges"))
    batches = (
        stays.filter(
            (pl.col("inpatient_type").fill_null("1") != "2")
            & (pl.col("nights") > 1)
            & pl.col("newborn_birth_weight_g").is_null()
        )
        .group_by(SUBJECT, "provider_id", "admission_date")
        .agg(
            pl.col("patient_id").n_unique().cast(pl.Int64).alias("batch_patients"),
            pl.col("principal").str.head(3).n_unique().cast(pl.Int64).alias("batch_diseases"),
            pl.col("fund_payment_fen").sum().alias("batch_fen"),
        )
        .sort(SUBJECT, "batch_patients", "admission_date", descending=[False, True, False])
        .unique(SUBJECT, keep="first", maintain_order=True)
        .rename({"admission_date": "batch_admission_date"})
        .drop("provider_id")
    )
    found = visited.join(left, on=SUBJECT, how="full", coalesce=True).with_columns(
        pl.when(pl.col("visits").is_null()).then(0).otherwise("visits_fen").alias("visits_fen"),
        pl.col("visits", "discharges").fill_null(0),
    )
    return _whole(source, found, "visits", "discharges", "visits_fen").join(
        batches, on=SUBJECT, how="left"
    ).with_columns(pl.col("batch_patients").fill_null(0))  # fmt: skip


def register(source: Source) -> pl.LazyFrame:
    """The facts ``REGISTER``."""
    listed = (
        source.table("physicians")
        .lazy()
        .select("physician_id", "provider_id", active=pl.col("active").fill_null(value=True))
    )
    known = listed.select("provider_id").unique().with_columns(known=pl.lit(value=True))
    mine = listed.group_by("physician_id", "provider_id").agg(pl.col("active").any())
    each = (
        acts(source)
        .unique([SUBJECT, "provider_id", "stay_id"])
        .group_by(SUBJECT, "physician_id", "provider_id")
        .agg(pl.col("fund_payment_fen").sum().alias("fen"))
        .join(known, on="provider_id", how="left")
        .join(mine, on=["physician_id", "provider_id"], how="left")
    )
    has = pl.col("known").is_not_null()
    absent = has & ~pl.col("active").fill_null(value=False)
    counted = each.group_by(SUBJECT).agg(
        (~has).sum().cast(pl.Int64).alias("hospitals_without_register"),
        pl.when(has.any()).then(absent.sum().cast(pl.Int64)).alias("unregistered_hospitals"),
        pl.when(has.any()).then(pl.col("fen").filter(absent).sum()).alias("unregistered_fen"),
    )
    return _whole(source, counted, "hospitals_without_register")


def _known_sum(column: str) -> pl.Expr:
    return pl.when(pl.col(column).is_not_null().all()).then(pl.col(column).sum())


def _whole(source: Source, found: pl.LazyFrame, *zero: str) -> pl.LazyFrame:
    """One row a physician and day; where nothing of the kind was done, ``zero`` are 0."""
    return (
        days(source)
        .select(SUBJECT)
        .join(found.with_columns(seen=pl.lit(value=True)), on=SUBJECT, how="left")
        .with_columns(
            pl.when(pl.col("seen").is_null()).then(0).otherwise(pl.col(c)).alias(c) for c in zero
        )
    )
