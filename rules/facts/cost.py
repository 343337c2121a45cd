"""Facts of cost: what a stay cost by kind of charge, and by phase and day of the stay.

Everything is computed from the sums of ``charge_day.days``.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from rules.facts import charge_day, charge_line
from rules.facts.charge_day import KINDS
from rules.facts.fact import Fact, Kind, declare
from rules.facts.source import STAY, Source

FLAG, INTEGER, MONEY, DECIMAL, DATE, NUMBER = (
    Kind.FLAG, Kind.INTEGER, Kind.MONEY, Kind.DECIMAL, Kind.DATE, Kind.NUMBER,
)  # fmt: skip
_NONE: Final = "the claim has no charge lines"
_NO_OPERATION: Final = "the main procedure is not dated, or the claim has none"
FIRST_DAYS: Final = 2
"""The day of admission and the next: what was ordered on arrival is charged then."""
LAST_DAYS: Final = 2
"""The day of discharge and the one before it."""
SURGICAL_LETTERS: Final = "ABCDEFGHJ"
"""Second letters of the ADRGs of operations in CHS-DRG; K to Q are other procedures, R to Z medical."""
# fmt: off
SUMS: Final = declare("stay", "charges, reference/item_classes.csv", (
    ("drug_cost_fen", MONEY, "药品费用", "cost of drugs", "Net amount of western drugs, herbal pieces and patent drugs.", _NONE),
    ("consumable_cost_fen", MONEY, "医用耗材费用", "cost of consumables", "Net amount of materials and implants.", _NONE),
    ("exam_cost_fen", MONEY, "检查费用", "cost of examinations", "Net amount of examinations.", _NONE),
    ("lab_cost_fen", MONEY, "检验费用", "cost of laboratory tests", "Net amount of laboratory tests.", _NONE),
    ("treatment_cost_fen", MONEY, "治疗费用", "cost of treatment", "Net amount of treatment, rehabilitation included.", _NONE),
    ("operation_cost_fen", MONEY, "手术费用", "cost of operations", "Net amount of operations and anaesthesia.", _NONE),
    ("bed_and_nursing_cost_fen", MONEY, "床位与护理费用", "cost of bed and nursing", "Net amount of the categories bed and nursing.", _NONE),
    ("other_cost_fen", MONEY, "其他费用", "other cost", "Net amount of consultation, registration and other fees.", _NONE),
    ("chinese_drug_cost_fen", MONEY, "中药饮片与中成药费用", "cost of Chinese drugs", "Net amount of herbal pieces and patent drugs.", _NONE),
    ("antibacterial_cost_fen", MONEY, "抗菌药物费用", "cost of antibacterials", "Net amount of the items that the tariff flags as antibacterial.", _NONE),
    ("blood_product_cost_fen", MONEY, "血液及白蛋白类费用", "cost of blood products", "Net amount of the items listed as blood, albumin or globulin.", _NONE),
    ("bed_and_nursing_per_day_fen", MONEY, "日均床位与护理费用", "bed and nursing per day",
     "Bed and nursing divided by the days of stay (at least one), cut to whole fen.", "the claim has no charge lines or no discharge"),
    ("cost_per_day_fen", MONEY, "日均费用", "cost per day",
     "Sum of the lines divided by the days of stay (at least one), cut to whole fen.", "the claim has no charge lines or no discharge"),
))
PHASES: Final = declare("stay", "charges, procedures", (
    ("preoperative_days", INTEGER, "术前住院日", "days before the operation", "Date of the main procedure minus admission date.", _NO_OPERATION),
    ("postoperative_days", INTEGER, "术后住院日", "days after the operation",
     "Discharge date minus the date of the last procedure.", "a procedure is not dated, there is none, or the patient is still in hospital"),
    ("preoperative_cost_fen", MONEY, "术前费用", "cost before the operation", "Charges dated before the main procedure, reversed lines left out.", _NO_OPERATION),
    ("operation_day_cost_fen", MONEY, "手术日费用", "cost of the operation day", "Charges on the day of the main procedure, reversed lines left out.", _NO_OPERATION),
    ("postoperative_cost_fen", MONEY, "术后费用", "cost after the operation", "Charges dated after the last procedure, reversed lines left out.",
     "a procedure is not dated, or the claim has none"),
), measures={"preoperative_days": "day", "postoperative_days": "day"})
COURSE: Final = declare("stay", "charges, procedures", (
    ("first_days_cost_fen", MONEY, "入院前两日费用", "cost of the first two days",
     "Charges of the day of admission and the next, without operations, materials and reversed lines.", _NONE),
    ("last_days_cost_fen", MONEY, "出院前两日费用", "cost of the last two days",
     "Charges of the day of discharge and the one before, without days of a procedure, drugs to take home and reversed lines.",
     "the claim has no charge lines or no discharge"),
    ("dearest_day_cost_fen", MONEY, "最高单日费用", "cost of the dearest day",
     "Largest sum of charges of one day without a procedure, reversed lines left out; the first day with charges is left out too.",
     "there is no such day"),
    ("dearest_day_date", DATE, "最高单日费用日期", "dearest day", "The first day with that sum.", "there is no such day"),
    ("median_day_cost_fen", MONEY, "单日费用中位数", "cost of the middle day",
     "Median of the sums of those days, cut to whole fen.", "there is no such day"),
    ("priced_days", INTEGER, "可比费用日数", "days compared", "Number of those days.", _NONE),
    ("days_since_last_therapy", INTEGER, "末次治疗后住院日", "days after the last treatment",
     "Discharge date minus the last day with treatment, operation or drug charged; all days of stay if there is none.",
     "the claim has no charge lines or no discharge"),
    ("therapy_days", INTEGER, "有治疗的日数", "days with treatment", "Days with treatment, operation or drug charged.", _NONE),
), measures={"priced_days": "day", "days_since_last_therapy": "day", "therapy_days": "day"})
INTENSIVE: Final = declare("stay", "charges, icu_stays, reference/item_classes.csv", (
    ("intensive_bed_days", DECIMAL, "监护床位收费天数", "intensive care bed days charged",
     "Net quantity of the items listed as intensive care beds.", _NONE),
    ("intensive_bed_cost_fen", MONEY, "监护床位费用", "cost of intensive care beds", "Net amount of those items.", _NONE),
    ("intensive_hours", INTEGER, "重症监护记录时长", "recorded hours of intensive care",
     "Whole hours of the intensive care stays on the list.", "the list has none, or one has no end"),
), measures={"intensive_bed_days": "day", "intensive_hours": "hour"})
DEPARTMENTS: Final = declare("stay", "charges", (
    ("second_department_cost_fen", MONEY, "第二科室费用", "cost of the second department",
     "Second largest sum of charges by ordering department; 0 if one department ordered all.",
     "the claim states no transfer between departments, has no charge lines, or a line does not state who ordered it"),
))
# fmt: on


def sums(source: Source) -> pl.LazyFrame:
    """The facts ``SUMS`` by ``stay_id``; a claim without charge lines is left out."""
    return source.once("cost.sums", _sum).lazy()


_ADDED: Final = (*KINDS, "chinese_drug", "antibacterial", "blood_product")


def _sum(source: Source) -> pl.DataFrame:
    days = pl.when(_stay_days().is_not_null()).then(pl.max_horizontal(_stay_days(), 1))
    return (
        _days(source)
        .group_by(STAY, maintain_order=True)
        .agg(
            pl.col(*(f"{name}_cost_fen" for name in _ADDED), "all_fen").sum(),
            _first("stay_id", "admission_date", "discharge_date"),
        )
        .with_columns(
            (pl.col("bed_and_nursing_cost_fen") // days).alias("bed_and_nursing_per_day_fen"),
            (pl.col("all_fen") // days).alias("cost_per_day_fen"),
        )
    )


def phases(source: Source) -> pl.DataFrame:
    """The facts ``PHASES`` of stays with procedures."""
    main, last = pl.col("main_date"), pl.col("last_date")
    day, cost = pl.col("charge_date"), pl.col("standing_fen")
    operated = _operations(source)
    spent = (
        _days(source)
        .select(STAY, "charge_date", "standing_fen")
        .join(operated, on=STAY, how="inner")
        .group_by(STAY)
        .agg(
            _only(cost, day < main).sum().alias("preoperative_cost_fen"),
            _only(cost, day == main).sum().alias("operation_day_cost_fen"),
            _only(cost, day > last).sum().alias("postoperative_cost_fen"),
        )
    )
    stays = source.table("stays").select("admission_date", "discharge_date")
    return (
        operated.with_columns(stays.select(pl.all().gather(operated[STAY])))
        .join(spent, on=STAY, how="left")
        .with_columns(
            (main - pl.col("admission_date")).dt.total_days().alias("preoperative_days"),
            (pl.col("discharge_date") - last).dt.total_days().alias("postoperative_days"),
            pl.when(main.is_not_null()).then(
                pl.col("preoperative_cost_fen", "operation_day_cost_fen")
            ),
            pl.when(last.is_not_null()).then("postoperative_cost_fen"),
        )
    )


def course(source: Source) -> pl.DataFrame:
    """The facts ``COURSE``; a claim without charge lines is left out."""
    operated = (
        source.keyed("procedures")
        .select(STAY, pl.col("procedure_date").alias("charge_date"))
        .unique()
        .with_columns(operated=pl.lit(value=True))
    )
    since = (pl.col("charge_date") - pl.col("admission_date")).dt.total_days()
    to_go = (pl.col("discharge_date") - pl.col("charge_date")).dt.total_days()
    plain = ~pl.col("operated")
    compared = plain & (pl.col("charge_date") > pl.col("first_date"))
    cost = pl.col("standing_fen")
    others = _only(cost, compared, keep_null=True)
    treated = _only(pl.col("charge_date"), pl.col("treats"), keep_null=True)
    return (
        _days(source)
        .join(operated, on=[STAY, "charge_date"], how="left", maintain_order="left")
        .with_columns(
            pl.col("operated").fill_null(value=False),
            first_date=pl.col("charge_date").min().over(STAY),
        )
        .with_columns(others=others, treated=treated)
        .group_by(STAY, maintain_order=True)
        .agg(
            _only(pl.col("light_fen"), (since >= 0) & (since < FIRST_DAYS))
            .sum()
            .alias("first_days_cost_fen"),
            _only(cost - pl.col("home_fen"), plain & (to_go >= 0) & (to_go < LAST_DAYS))
            .sum()
            .alias("last_days_cost_fen"),
            pl.col("others").max().alias("dearest_day_cost_fen"),
            pl.col("charge_date")
            .get(pl.col("others").fill_null(-1).arg_max())
            .alias("dearest_day_date"),
            pl.col("others").median().floor().cast(pl.Int64).alias("median_day_cost_fen"),
            pl.col("others").count().cast(pl.Int64).alias("priced_days"),
            pl.col("treated").count().cast(pl.Int64).alias("therapy_days"),
            pl.col("treated").max(),
            _first("admission_date", "discharge_date"),
        )
        .with_columns(
            pl.when(pl.col("discharge_date").is_not_null()).then("last_days_cost_fen"),
            pl.when(pl.col("dearest_day_cost_fen").is_not_null()).then("dearest_day_date"),
            (pl.col("discharge_date") - pl.coalesce("treated", "admission_date"))
            .dt.total_days()
            .alias("days_since_last_therapy"),
        )
    )


def intensive(source: Source) -> pl.DataFrame:
    """The facts ``INTENSIVE``."""
    minutes = (pl.col("end_time") - pl.col("start_time")).dt.total_minutes()
    recorded = (
        source.keyed("icu_stays")
        .group_by(STAY)
        .agg(pl.when(minutes.null_count() == 0).then(minutes.sum() // 60).alias("intensive_hours"))
    )
    charged = (
        _days(source)
        .group_by(STAY, maintain_order=True)
        .agg(pl.col("intensive_bed_days", "intensive_bed_cost_fen").sum())
    )
    return charged.join(recorded, on=STAY, how="full", coalesce=True)


def departments(source: Source) -> pl.DataFrame:
    """The facts ``DEPARTMENTS`` of stays that state a transfer between departments."""
    moved = source.keyed("stays").filter(pl.col("transfer_departments").is_not_null())[STAY]
    named = pl.col("ordering_department").is_not_null()
    return (
        charge_line.lines(source)
        .select(STAY, "ordering_department", "amount_fen")
        .filter(pl.col(STAY).is_in(moved.implode()))
        .group_by(STAY, "ordering_department")
        .agg(pl.col("amount_fen").sum())
        .group_by(STAY)
        .agg(
            pl.when(named.all())
            .then(pl.col("amount_fen").sort(descending=True).get(1, null_on_oob=True).fill_null(0))
            .alias("second_department_cost_fen")
        )
    )


def _days(source: Source) -> pl.DataFrame:
    """The sums of ``charge_day.days`` with the dates of the stay."""
    return source.once("cost.days", _dated)


def _dated(source: Source) -> pl.DataFrame:
    found = charge_day.days(source)
    stays = source.table("stays").select("admission_date", "discharge_date")
    return found.with_columns(stays.select(pl.all().gather(found[STAY])))


def _operations(source: Source) -> pl.DataFrame:
    """``main_date`` (null where not dated) and ``last_date`` (null where one is not dated)."""
    on = pl.col("procedure_date")
    return (
        source.keyed("procedures")
        .group_by(STAY)
        .agg(
            on.filter(pl.col("ordinal") == 1).first().alias("main_date"),
            pl.when(on.null_count() == 0).then(on.max()).alias("last_date"),
        )
    )


def _only(value: pl.Expr, which: pl.Expr, *, keep_null: bool = False) -> pl.Expr:
    """The value where ``which`` holds, else 0 (or null)."""
    return pl.when(which).then(value).otherwise(None if keep_null else 0)


def _first(*names: str) -> pl.Expr:
    return pl.col(*names).first()


def _stay_days() -> pl.Expr:
    return (pl.col("discharge_date") - pl.col("admission_date")).dt.total_days()


FACTS: Final[tuple[Fact, ...]] = (*SUMS, *PHASES, *COURSE, *INTENSIVE, *DEPARTMENTS)
"""Every fact of this module."""
