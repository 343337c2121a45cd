"""Facts of charge lines: repetition, beds, nursing, hours, activity, posting."""

from __future__ import annotations

from typing import Final

import polars as pl

from domain.claim import CHARGES
from rules.facts import reference
from rules.facts.fact import Fact, Kind, declare, from_fields
from rules.facts.source import ROW, Source

FLAG, INTEGER, MONEY, DECIMAL, DATE = (
    Kind.FLAG, Kind.INTEGER, Kind.MONEY, Kind.DECIMAL, Kind.DATE,
)  # fmt: skip
_NONE: Final = "the claim has no charge lines"
ACTIVE_CATEGORIES: Final = ("03", "04", "05", "06", "09", "10", "11")
"""Charge categories that show something done for the patient: exams, lab, treatment, operation, drugs."""
BED_CATEGORY: Final = "01"
NURSING_CATEGORY: Final = "07"
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


def of_stay(source: Source) -> pl.LazyFrame:
    """The facts ``OF_STAY``; a claim without charge lines is left out."""
    product = (pl.col("quantity") * pl.col("unit_price") * 100).round(0).cast(pl.Int64)
    rows = source.table("charges").lazy()
    minute = (
        rows.group_by("stay_id", pl.col("posted_time").dt.truncate("1m"))
        .len()
        .group_by("stay_id")
        .agg(
            pl.when(pl.col("posted_time").is_not_null().all())
            .then(pl.col("len").max())
            .alias("lines_posted_at_once")
        )
    )
    return (
        rows.group_by("stay_id")
        .agg(
            pl.len().alias("charge_line_count"),
            pl.col("amount_fen").sum().alias("charge_lines_total_fen"),
            (product - pl.col("amount_fen")).abs().max().alias("largest_line_difference_fen"),
            pl.col("charge_date").max().alias("last_charge_date"),
        )
        .join(minute, on="stay_id", how="left")
    )


def beds(source: Source) -> pl.LazyFrame:
    """The facts ``BEDS``; a claim without charge lines is left out."""
    rows = reference.with_items(_marked(source), "charge_date", source.reference).filter(
        (pl.col("category") == BED_CATEGORY)
        # Regions put other fees of the room, such as heating, into the bed category.
        & (pl.col("is_bed").fill_null(value=True) | pl.col("is_newborn_bed"))
    )
    newborn = pl.col("is_newborn_bed").fill_null(value=False)
    counted = (
        rows.group_by("stay_id", newborn.alias("newborn"))
        .agg(
            pl.col("quantity").sum().alias("bed_days_charged"),
            pl.col("amount_fen").sum().alias("bed_charges_fen"),
        )
        .sort("stay_id", "bed_days_charged", "newborn", descending=[False, True, False])
        .unique("stay_id", keep="first", maintain_order=True)
        .drop("newborn")
    )
    several = _several(rows.filter(~newborn & ~pl.col("line_is_reversed")), "item_code").rename(
        {"kinds": "beds_on_a_day", "first": "several_beds_date", "extra": "extra_beds_fen"}
    )
    return (
        _lined(source)
        .join(counted, on="stay_id", how="left")
        .join(several, on="stay_id", how="left")
        .with_columns(
            pl.col(
                "bed_days_charged", "bed_charges_fen", "beds_on_a_day", "extra_beds_fen"
            ).fill_null(0)
        )
    )


def nursing(source: Source) -> pl.LazyFrame:
    """The facts ``NURSING``; a claim without charge lines is left out."""
    levels = ("is_nursing_special", "is_nursing_1", "is_nursing_2", "is_nursing_3")
    rows = reference.with_items(live(source), "charge_date", source.reference)
    nurse = pl.col("category") == NURSING_CATEGORY
    level = pl.coalesce(pl.when(pl.col(c)).then(pl.lit(c)) for c in levels)
    several = _several(
        rows.filter(nurse).with_columns(level=level).filter(pl.col("level").is_not_null()), "level"
    ).rename(
        {
            "kinds": "nursing_levels_on_a_day",
            "first": "several_levels_date",
            "extra": "extra_nursing_fen",
        }
    )
    stays = rows.group_by("stay_id").agg(
        (~nurse | pl.col("is_bed").is_not_null()).all().alias("nursing_items_all_classified")
    )
    return (
        _lined(source)
        .join(stays, on="stay_id", how="left")
        .join(several, on="stay_id", how="left")
        .with_columns(
            pl.col("nursing_levels_on_a_day", "extra_nursing_fen").fill_null(0),
            pl.col("nursing_items_all_classified").fill_null(value=True),
        )
    )


def _several(rows: pl.LazyFrame, kind: str) -> pl.LazyFrame:
    """Kinds on one day at most, the first day with several, the sum without each day's dearest."""
    several = pl.col("kinds") > 1
    return (
        rows.group_by("stay_id", "charge_date", kind)
        .agg(pl.col("amount_fen").sum())
        .group_by("stay_id", "charge_date")
        .agg(
            pl.len().cast(pl.Int64).alias("kinds"),
            (pl.col("amount_fen").sum() - pl.col("amount_fen").max()).alias("extra"),
        )
        .group_by("stay_id")
        .agg(
            pl.col("kinds").max(),
            pl.col("charge_date").filter(several).min().alias("first"),
            pl.col("extra").sum(),
        )
    )


def _lined(source: Source) -> pl.LazyFrame:
    """The stays that have charge lines."""
    return source.table("charges").lazy().select("stay_id").unique()


def activity(source: Source) -> pl.LazyFrame:
    """The facts ``ACTIVITY``."""
    charged = (
        reference.with_items(live(source), "charge_date", source.reference)
        .filter(pl.col("category").is_in(ACTIVE_CATEGORIES) | pl.col("is_clinical"))
        .select("stay_id", pl.col("charge_date").alias("day"))
    )
    operated = (
        source.table("procedures").lazy().select("stay_id", pl.col("procedure_date").alias("day"))
    )
    stays = source.table("stays").lazy().select("stay_id", "admission_date", "discharge_date")
    active = (
        pl.concat([charged, operated])
        .join(stays, on="stay_id", how="inner")
        .filter(
            (pl.col("day") > pl.col("admission_date")) & (pl.col("day") < pl.col("discharge_date"))
        )
        .group_by("stay_id")
        .agg(pl.col("day").n_unique().alias("active"))
    )
    lined = _lined(source).with_columns(lined=pl.lit(value=True))
    days = (pl.col("discharge_date") - pl.col("admission_date")).dt.total_days()
    full = pl.max_horizontal(days - 1, pl.when(days.is_not_null()).then(0))
    return (
        stays.join(active, on="stay_id", how="left")
        .join(lined, on="stay_id", how="left")
        .select(
            "stay_id",
            full.alias("full_days"),
            pl.when("lined")
            .then(full - pl.col("active").fill_null(0))
            .alias("days_without_activity"),
        )
    )


def ventilation_minutes(source: Source) -> pl.LazyFrame:
    """Minutes of invasive ventilation charged (``ventilation_minutes_charged``) of stays that have any."""
    return (
        reference.with_items(live(source), "charge_date", source.reference)
        .filter("is_ventilation")
        .group_by("stay_id")
        .agg((pl.col("quantity").sum() * 60).cast(pl.Int64).alias("ventilation_minutes_charged"))
    )


def lines(source: Source) -> pl.LazyFrame:
    """The facts ``LINES``, one row a charge line."""
    head = source.table("stays").lazy().select("stay_id", "admission_date", "discharge_date")
    marked = _marked(source).join(head, on="stay_id", how="inner")
    item_day = ["stay_id", "item_code", "charge_date"]
    hourly = pl.coalesce("is_hourly", pl.col("unit").str.strip_chars().is_in(HOUR_WORDS))
    return (
        reference.with_items(marked, "charge_date", source.reference)
        .join(_alike(marked, item_day), on=ROW, how="left")
        .with_columns(
            pl.when("alike").then("place").otherwise(0).alias("identical_lines_before"),
            hourly.alias("item_is_hourly"),
            pl.col("is_repeatable").alias("item_is_repeatable"),
            pl.col("quantity").sum().over(item_day).alias("item_quantity_on_day"),
            pl.col("amount_fen").sum().over(item_day).alias("item_amount_on_day_fen"),
            (pl.col("line_id") == pl.col("line_id").min().over(item_day)).alias(
                "first_line_of_item_on_day"
            ),
            (pl.col("admission_date") - pl.col("charge_date"))
            .dt.total_days()
            .alias("days_before_admission"),
            (pl.col("charge_date") - pl.col("discharge_date"))
            .dt.total_days()
            .alias("days_after_discharge"),
        )
        .rename(DIRECT | {"line_id": ":subject_id"})
        .select("stay_id", ":subject_id", ROW, *[f.name for f in LINES])
        .sort(ROW)
    )


def _alike(marked: pl.LazyFrame, item_day: list[str]) -> pl.LazyFrame:
    """Live lines equal to others in all but the clock, with their ``place`` among the equal ones.

    The place counts from 0 by line id within the minute; null where a time is not stated.
    Ranking is costly and few lines have a like, so only those are ranked.
    """
    coarse = [*item_day, "quantity", "unit_price", "ordering_physician_id"]
    return (
        marked.filter(~pl.col("line_is_reversed"))
        .filter(pl.len().over(coarse) > 1)
        .sort("line_id")
        .with_columns(
            place=pl.int_range(pl.len()).over([*coarse, pl.col("charge_time").dt.truncate("1m")]),
            untimed=pl.col("charge_time").is_null().any().over(coarse),
        )
        .select(
            ROW, alike=pl.lit(value=True),
            place=pl.when(~pl.col("untimed")).then("place"),
        )
    )  # fmt: skip


def _marked(source: Source) -> pl.LazyFrame:
    """Lines with ``line_is_reversed``; a line that was taken back in part still stands."""
    rows = source.table("charges").lazy().with_row_index(ROW)
    taken_back = (
        rows.filter(pl.col("reverses_line_id").is_not_null())
        .group_by("stay_id", pl.col("reverses_line_id").alias("line_id"))
        .agg(pl.col("quantity").sum().abs().alias("taken_back"))
    )
    return rows.join(taken_back, on=["stay_id", "line_id"], how="left").with_columns(
        line_is_reversed=pl.col("reverses_line_id").is_not_null()
        | (pl.col("taken_back") >= pl.col("quantity")).fill_null(value=False)
    )


def live(source: Source) -> pl.LazyFrame:
    """The charge lines that stand: neither taken back nor taking another back."""
    return _marked(source).filter(~pl.col("line_is_reversed"))
