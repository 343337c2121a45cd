"""Facts of charge lines: repetition, beds, nursing, hours, activity, posting."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from domain.claim import CHARGES
from rules.facts import charge_day, charge_line
from rules.facts.charge_line import CATEGORY, ITEM, ITEM_DAY, STANDS
from rules.facts.fact import Fact, Kind, declare, from_fields
from rules.facts.source import ROW, STAY, Source

FLAG, INTEGER, MONEY, DECIMAL, DATE = (
    Kind.FLAG, Kind.INTEGER, Kind.MONEY, Kind.DECIMAL, Kind.DATE,
)  # fmt: skip
_NONE: Final = "the claim has no charge lines"
BED_CATEGORY: Final = 1
NURSING_CATEGORY: Final = 7
MINUTE: Final = 60_000_000
"""Microseconds."""
HOUR_WORDS: Final = ("小时", "时", "h", "hr", "hour", "hours")
"""Units that say that a line's quantity counts hours, for items that the tariff lacks."""

# fmt: off
OF_STAY: Final = declare("stay", "charges", (
    ("charge_line_count", INTEGER, "费用明细条数", "number of charge lines", "Charge lines.", _NONE),
    ("charge_lines_total_fen", MONEY, "明细合计", "sum of the charge lines", "Sum of the lines' amounts.", _NONE),
    ("largest_line_difference_fen", MONEY, "单条明细最大差额", "largest difference of a line",
     "Largest difference between quantity times unit price and the amount of a line.", _NONE),
    ("lines_posted_at_once", INTEGER, "同一分钟记账条数", "lines posted in one minute",
     "Largest number of lines posted in the same minute.", "a line does not state when it was posted"),
    ("last_charge_date", DATE, "最后费用日期", "date of the last charge", "Latest date of service of a line.", _NONE),
))
BEDS: Final = declare("stay", "charges, reference/items.csv", (
    ("bed_days_charged", DECIMAL, "收费床日数", "bed days charged",
     "Net quantity of lines in the bed category, without what the tariff knows to be no bed. A newborn's bed on the "
     "mother's claim is counted apart; the larger count is given.", _NONE),
    ("bed_charges_fen", MONEY, "床位费合计", "bed charges", "Sum of the lines so counted.", _NONE),
    ("beds_on_a_day", INTEGER, "单日床位种类数", "kinds of bed on one day",
     "Largest number of different bed items charged on one day, newborn beds and reversed lines left out.", _NONE),
    ("several_beds_date", DATE, "多种床位费首日", "first day with several beds",
     "The first day with more than one bed item.", "no day has more than one"),
    ("extra_beds_fen", MONEY, "同日多收床位费", "charges for further beds of a day",
     "On the days with more than one bed item, the sum without the dearest item.", _NONE),
))
NURSING: Final = declare("stay", "charges, reference/items.csv", (
    ("nursing_levels_on_a_day", INTEGER, "单日护理级别数", "nursing levels on one day",
     "Largest number of different nursing levels charged on one day, reversed lines left out.", _NONE),
    ("several_levels_date", DATE, "多级护理首日", "first day with several levels",
     "The first day with more than one nursing level.", "no day has more than one"),
    ("extra_nursing_fen", MONEY, "同日多收护理费", "charges for further nursing levels of a day",
     "On the days with more than one nursing level, the sum without the dearest level.", _NONE),
    ("nursing_items_all_classified", FLAG, "护理项目均可识别", "all nursing items are in the tariff",
     "The tariff knows every item of the nursing category on the claim.", _NONE),
))
ACTIVITY: Final = declare("stay", "charges, procedures", (
    ("full_days", INTEGER, "完整住院日数", "full days in hospital",
     "Days between the day of admission and the day of discharge, both left out.", "the patient is still in hospital"),
    ("days_without_activity", INTEGER, "无诊疗活动天数", "days without clinical activity",
     "Full days with neither exam, test, treatment, operation nor drug on them.",
     "the claim has no charge lines or no discharge"),
), measures={"full_days": "day", "days_without_activity": "day"})
OWN: Final = declare("charge", "charges, reference/items.csv", (
    ("line_is_reversed", FLAG, "已冲销", "line is reversed",
     "The line takes another back, or others take back all of its quantity.", None),
    ("item_is_repeatable", FLAG, "允许重复的项目", "item may repeat",
     "The tariff says that equal lines at one time can be right.", "the tariff lacks the item"),
    ("identical_lines_before", INTEGER, "此前完全相同明细数", "earlier identical lines",
     "Live lines of smaller id with the same item, minute, quantity, price and ordering doctor.",
     "the time is not stated and a line of the same day is equal in all else"),
    ("item_is_hourly", FLAG, "按小时计价", "item is charged by the hour",
     "The tariff says so, or the unit does where the tariff lacks the item.", "neither says"),
    ("item_quantity_on_day", DECIMAL, "该项目当日数量", "quantity of the item on the day",
     "Net quantity of the item on the line's day.", None),
    ("item_amount_on_day_fen", MONEY, "该项目当日金额", "amount of the item on the day",
     "Net amount of the item on the line's day.", None),
    ("first_line_of_item_on_day", FLAG, "该项目当日首条", "first line of the item on the day",
     "The line has the smallest id among the item's lines of the day.", None),
    ("days_before_admission", INTEGER, "早于入院天数", "days before admission",
     "Admission date minus the line's date.", None),
    ("days_after_discharge", INTEGER, "晚于出院天数", "days after discharge",
     "The line's date minus the discharge date.", "the patient is still in hospital"),
), measures={"item_quantity_on_day": "unit of the item", "days_before_admission": "day", "days_after_discharge": "day"})
DIRECT: Final = {
    "order_id": "line_order_id", "item_code": "item_code", "item_name": "item_name",
    "category": "charge_category", "quantity": "line_quantity", "unit": "line_unit",
    "unit_price": "line_unit_price", "amount_fen": "line_amount_fen",
    "charge_date": "charge_date", "charge_time": "charge_time", "posted_time": "posted_time",
    "ordering_physician_id": "line_ordering_physician_id",
    "ordering_department": "line_ordering_department",
    "insurance_class": "insurance_class", "in_scope_fen": "line_in_scope_fen",
    "self_pay_first_fen": "line_self_pay_first_fen", "over_limit_fen": "line_over_limit_fen",
    "self_pay_fen": "line_self_pay_fen", "discharge_medication": "discharge_medication",
}
LINES: Final[tuple[Fact, ...]] = (*from_fields(CHARGES, "charge", DIRECT), *OWN)
# fmt: on


def of_stay(source: Source) -> pl.DataFrame:
    """The facts ``OF_STAY``; a claim without charge lines is left out."""
    return _sums(source).join(_at_once(source), on=STAY, how="left")


def _sums(source: Source) -> pl.DataFrame:
    product = (pl.col("quantity") * pl.col("unit_price") * 100).round(0).cast(pl.Int64)
    return (
        charge_line.lines(source)
        .select(STAY, "charge_date", "amount_fen", off=(product - pl.col("amount_fen")).abs())
        .group_by(STAY, maintain_order=True)
        .agg(
            pl.len().alias("charge_line_count"),
            pl.col("amount_fen").sum().alias("charge_lines_total_fen"),
            pl.col("off").max().alias("largest_line_difference_fen"),
            pl.col("charge_date").max().alias("last_charge_date"),
        )
    )


def _at_once(source: Source) -> pl.DataFrame:
    """Lines posted in one minute at most, of the stays whose lines all say when."""
    rows = charge_line.lines(source).select(STAY, "posted_time")
    if rows["posted_time"].null_count():
        silent = rows.filter(pl.col("posted_time").is_null())[STAY].unique()
        rows = rows.filter(~pl.col(STAY).is_in(silent.implode()))
    minute = rows["posted_time"].to_physical().to_numpy() // MINUTE
    minute -= minute.min(initial=0)
    span = int(minute.max(initial=0)) + 1
    # Lines are in the order of their stays, which a stable sort makes use of.
    keys = np.sort(rows[STAY].to_numpy() * np.int64(span) + minute, kind="stable")
    keys, lines_at = _runs(keys)
    return (
        pl.DataFrame({STAY: (keys // span).astype(np.uint32), "lines": lines_at})
        .group_by(STAY, maintain_order=True)
        .agg(pl.col("lines").max().alias("lines_posted_at_once"))
    )


def _runs(keys: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The distinct keys of a sorted array, and how often each stands there."""
    first = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1]))) if len(keys) else keys
    return keys[first], np.diff(np.append(first, len(keys)))


def beds(source: Source) -> pl.DataFrame:
    """The facts ``BEDS``; a claim without charge lines is left out."""
    rows = (
        charge_line.lines(source)
        .select(STAY, CATEGORY, ITEM, ITEM_DAY, STANDS, "charge_date", "quantity", "amount_fen")
        .filter(pl.col(CATEGORY) == BED_CATEGORY)
    )
    # Regions put other fees of the room, such as heating, into the bed category.
    rows = charge_line.told(rows, source, "is_bed", "is_newborn_bed").filter(
        pl.col("is_bed").fill_null(value=True) | pl.col("is_newborn_bed")
    )
    newborn = pl.col("is_newborn_bed").fill_null(value=False)
    counted = (
        rows.group_by(STAY, newborn.alias("newborn"))
        .agg(
            pl.col("quantity").sum().alias("bed_days_charged"),
            pl.col("amount_fen").sum().alias("bed_charges_fen"),
        )
        .sort(STAY, "bed_days_charged", "newborn", descending=[False, True, False])
        .unique(STAY, keep="first", maintain_order=True)
        .drop("newborn")
    )
    several = _several(rows.filter(~newborn & pl.col(STANDS)), ITEM).rename(
        {"kinds": "beds_on_a_day", "first": "several_beds_date", "extra": "extra_beds_fen"}
    )
    return (
        charge_line.lined(source)
        .join(counted, on=STAY, how="left")
        .join(several, on=STAY, how="left")
        .with_columns(
            pl.col(
                "bed_days_charged", "bed_charges_fen", "beds_on_a_day", "extra_beds_fen"
            ).fill_null(0)
        )
    )


_LEVELS: Final = ("is_nursing_special", "is_nursing_1", "is_nursing_2", "is_nursing_3")


def nursing(source: Source) -> pl.DataFrame:
    """The facts ``NURSING``; a claim without charge lines is left out."""
    rows = (
        charge_line.live(source)
        .select(STAY, CATEGORY, ITEM_DAY, "charge_date", "amount_fen")
        .filter(pl.col(CATEGORY) == NURSING_CATEGORY)
    )
    rows = charge_line.told(rows, source, *_LEVELS, "is_bed")
    level = pl.coalesce(pl.when(pl.col(c)).then(pl.lit(i)) for i, c in enumerate(_LEVELS))
    several = _several(rows.with_columns(level=level).drop_nulls("level"), "level").rename(
        {
            "kinds": "nursing_levels_on_a_day",
            "first": "several_levels_date",
            "extra": "extra_nursing_fen",
        }
    )
    unknown = rows.filter(pl.col("is_bed").is_null())[STAY].unique()
    return (
        charge_line.lined(source)
        .join(several, on=STAY, how="left")
        .with_columns(
            pl.col("nursing_levels_on_a_day", "extra_nursing_fen").fill_null(0),
            nursing_items_all_classified=~pl.col(STAY).is_in(unknown.implode()),
        )
    )


def _several(rows: pl.DataFrame, kind: str) -> pl.DataFrame:
    """Kinds on one day at most, the first day with several, the sum without each day's dearest."""
    several = pl.col("kinds") > 1
    return (
        rows.group_by(STAY, "charge_date", kind)
        .agg(pl.col("amount_fen").sum())
        .group_by(STAY, "charge_date")
        .agg(
            pl.len().cast(pl.Int64).alias("kinds"),
            (pl.col("amount_fen").sum() - pl.col("amount_fen").max()).alias("extra"),
        )
        .group_by(STAY)
        .agg(
            pl.col("kinds").max(),
            pl.col("charge_date").filter(several).min().alias("first"),
            pl.col("extra").sum(),
        )
    )


def activity(source: Source) -> pl.DataFrame:
    """The facts ``ACTIVITY``."""
    days = charge_day.days(source)
    stays = source.keyed("stays").select(STAY, "admission_date", "discharge_date")
    done = pl.concat(
        [
            days.filter("active").select(STAY, pl.col("charge_date").alias("day")),
            source.keyed("procedures").select(STAY, pl.col("procedure_date").alias("day")),
        ]
    )
    active = (
        done.with_columns(stays.select(pl.all().exclude(STAY).gather(done[STAY])))
        .filter(
            (pl.col("day") > pl.col("admission_date")) & (pl.col("day") < pl.col("discharge_date"))
        )
        .group_by(STAY)
        .agg(pl.col("day").n_unique().alias("active"))
    )
    lined = charge_line.lined(source).with_columns(lined=pl.lit(value=True))
    length = (pl.col("discharge_date") - pl.col("admission_date")).dt.total_days()
    full = pl.max_horizontal(length - 1, pl.when(length.is_not_null()).then(0))
    return (
        stays.join(active, on=STAY, how="left")
        .join(lined, on=STAY, how="left")
        .select(
            STAY,
            full.alias("full_days"),
            pl.when("lined")
            .then(full - pl.col("active").fill_null(0))
            .alias("days_without_activity"),
        )
    )


def ventilation_minutes(source: Source) -> pl.DataFrame:
    """Minutes of invasive ventilation charged (``ventilation_minutes_charged``) of stays that have any."""
    return source.once("ventilation minutes", _ventilation_minutes)


def _ventilation_minutes(source: Source) -> pl.DataFrame:
    rows = charge_line.live(source).select(STAY, ITEM_DAY, "quantity")
    return (
        rows.filter(charge_line.source_of(source, "is_ventilation", rows[ITEM_DAY]))
        .group_by(STAY)
        .agg((pl.col("quantity").sum() * 60).cast(pl.Int64).alias("ventilation_minutes_charged"))
    )


def live(source: Source) -> pl.LazyFrame:
    """The charge lines that stand: neither taken back in full nor taking another back."""
    return charge_line.live(source).lazy()


def lines(source: Source) -> pl.DataFrame:
    """The facts ``LINES``, one row a charge line, with ``:stay`` and ``:row``."""
    rows = charge_line.lines(source)
    head = source.table("stays").select("admission_date", "discharge_date")
    told = charge_line.told(rows, source, "is_hourly", "is_repeatable")
    return (
        told.with_columns(head.select(pl.all().gather(rows[STAY])))
        .with_columns(
            *_on_day(rows),
            _hourly(told),
            (~pl.col(STANDS)).alias("line_is_reversed"),
            pl.col("is_repeatable").alias("item_is_repeatable"),
            (pl.col("admission_date") - pl.col("charge_date"))
            .dt.total_days()
            .alias("days_before_admission"),
            (pl.col("charge_date") - pl.col("discharge_date"))
            .dt.total_days()
            .alias("days_after_discharge"),
        )
        .select(STAY, ROW, pl.col("line_id").alias(":subject_id"), *_LINES)
    )


_LINES: Final = (
    *(pl.col(own).alias(fact) for own, fact in DIRECT.items()),
    *(pl.col(fact.name) for fact in OWN),
)


def _hourly(told: pl.DataFrame) -> pl.Series:
    """``item_is_hourly``: the tariff says so, else the unit; few items are not in the tariff."""
    hourly = told["is_hourly"].alias("item_is_hourly")
    open_lines = hourly.is_null().arg_true()
    words = told["unit"].gather(open_lines).str.strip_chars().is_in(HOUR_WORDS)
    return hourly.scatter(open_lines, words) if len(open_lines) else hourly


def _on_day(rows: pl.DataFrame) -> list[pl.Series]:
    """What a line's equals on its day say of it; most lines stand alone there."""
    again = rows.select(
        STAY, ROW, ITEM_DAY, STANDS, "line_id", "quantity", "unit_price", "amount_fen",
        "ordering_physician_id", "charge_time",
    ).filter(charge_line.repeated(rows))  # fmt: skip
    day = [STAY, ITEM_DAY]
    sums = again.select(
        ROW,
        pl.col("quantity").sum().over(day),
        pl.col("amount_fen").sum().over(day),
        first=pl.col("line_id") == pl.col("line_id").min().over(day),
    )
    quantity = rows["quantity"].cast(sums["quantity"].dtype)
    amount, first = rows["amount_fen"].clone(), pl.repeat(value=True, n=rows.height, eager=True)
    alike, none = _alike(again), pl.zeros(rows.height, dtype=pl.Int64, eager=True)
    return [
        quantity.scatter(sums[ROW], sums["quantity"]).alias("item_quantity_on_day"),
        amount.scatter(sums[ROW], sums["amount_fen"]).alias("item_amount_on_day_fen"),
        first.scatter(sums[ROW], sums["first"]).alias("first_line_of_item_on_day"),
        none.scatter(alike[ROW], alike["place"]).alias("identical_lines_before"),
    ]


def _alike(again: pl.DataFrame) -> pl.DataFrame:
    """``:row`` of live lines equal to others in all but the clock, and their ``place`` among those.

    The place counts from 0 by line id within the minute; null where a line of the day is
    equal in all else and the time of one is not stated.
    """
    coarse = [STAY, ITEM_DAY, "quantity", "unit_price", "ordering_physician_id"]
    return (
        again.filter(STANDS)
        .filter(pl.len().over(coarse) > 1)
        .sort("line_id")
        .with_columns(
            place=pl.int_range(pl.len()).over([*coarse, pl.col("charge_time").dt.truncate("1m")]),
            untimed=pl.col("charge_time").is_null().any().over(coarse),
        )
        .select(ROW, place=pl.when(~pl.col("untimed")).then("place"))
    )
