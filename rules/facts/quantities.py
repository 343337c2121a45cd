"""Facts of a stay from sums of charged items: hours, sessions, courses, tests billed singly."""

from __future__ import annotations

from typing import Final

import polars as pl

from rules.facts import charge_line, reference, terms
from rules.facts.billed import earlier_claims, item_days, pairs, stated, watched
from rules.facts.fact import Kind, declare
from rules.facts.source import PERSON, ROW, STAY, Source

INTEGER, MONEY, TEXT, DECIMAL, DATE = (
    Kind.INTEGER, Kind.MONEY, Kind.TEXT, Kind.DECIMAL, Kind.DATE,
)  # fmt: skip
COURSE_WINDOW_DAYS: Final = 180
"""Days back that count as one course of rehabilitation (design default)."""
WEEK_DAYS: Final = 7
DAY_HOURS: Final = 24
_NONE: Final = "the claim has no charge lines"

# fmt: off
HOURS: Final = declare("stay", "charges, stays, reference/items.csv, item_terms.csv, item_pairs.csv", (
    ("item_hours_charged", DECIMAL, "按小时项目最长收费时数", "most hours of an hourly item",
     "Largest sum of hours of one hourly item of the tariff; 0 where none was charged. Items of which several devices may run at one "
     "time (term parallel) are left out, and reversed lines.", _NONE),
    ("item_of_most_hours", TEXT, "时数最多的项目", "that item", "Its name.", "none was charged"),
    ("item_hours_fen", MONEY, "该项目金额", "amount of that item", "Sum of its lines.", "none was charged"),
    ("hours_in_hospital", DECIMAL, "在院时数", "hours in hospital", "Discharge minus admission, from the two times.",
     "one of the two times is not stated"),
    ("monitor_hours", DECIMAL, "监测时数", "hours of monitoring",
     "Hours of the monitoring item of item_pairs.csv that exceeds its treatment most; 0 where none was charged.", _NONE),
    ("monitored_treatment_hours", DECIMAL, "被监测治疗时数", "hours of the treatment monitored", "Hours of that treatment in the stay.", _NONE),
    ("monitor_item_name", TEXT, "监测项目", "the monitoring item", "Its name.", "none was charged"),
    ("monitor_fen", MONEY, "监测金额", "amount of monitoring", "Sum of its lines.", "none was charged"),
    ("oxygen_hours_beside_ventilation", DECIMAL, "与有创通气重叠的吸氧时数", "hours of oxygen beside ventilation",
     "Over the days, the hours by which oxygen and invasive ventilation together exceed 24, at most the hours of oxygen.", _NONE),
    ("oxygen_beside_ventilation_fen", MONEY, "重叠吸氧金额", "amount of that oxygen", "Those hours at the mean price of oxygen in the stay.",
     "there are none"),
), measures={"item_hours_charged": "hour", "hours_in_hospital": "hour", "monitor_hours": "hour",
             "monitored_treatment_hours": "hour", "oxygen_hours_beside_ventilation": "hour"})
SESSIONS: Final = declare("stay", "charges, procedures, reference/item_terms.csv", (
    ("dialysis_in_7_days", DECIMAL, "7日内血液透析次数", "dialysis sessions in 7 days",
     "Largest quantity of haemodialysis in any seven days running.", _NONE),
    ("dialysis_week_start", DATE, "该7日首日", "first of those days", "The first day of the seven.", "no dialysis was charged"),
    ("dialysis_sessions", DECIMAL, "血液透析次数", "dialysis sessions", "Quantity of haemodialysis in the stay.", _NONE),
    ("dialysis_fen", MONEY, "血液透析金额", "amount of dialysis", "Sum of those lines.", "no dialysis was charged"),
    ("anaesthesia_extra_hours", DECIMAL, "麻醉延时收费时数", "further hours of anaesthesia charged",
     "Hours of the surcharge for long anaesthesia; 0 where none was charged.", _NONE),
    ("anaesthesia_extra_fen", MONEY, "麻醉延时金额", "amount of that surcharge", "Sum of its lines.", "none was charged"),
    ("anaesthesia_hours_recorded", INTEGER, "麻醉记录时数", "hours of anaesthesia recorded",
     "Sum over the stay's anaesthesias of end minus start, each rounded up to hours; procedures of one start are one anaesthesia.",
     "no procedure states both times, or one with an anaesthetist or method lacks them"),
    ("anaesthesia_count", INTEGER, "麻醉次数", "number of anaesthesias", "Different starts of anaesthesia.", "as for the hours recorded"),
), measures={"anaesthesia_extra_hours": "hour", "anaesthesia_hours_recorded": "hour"})
COURSE: Final = declare("stay", "charges of the patient, reference/item_terms.csv", (
    ("course_item_days", INTEGER, "疗程内项目天数", "days with the item in its course",
     f"Days with the rehabilitation item that exceeds its payable course most, in this and earlier claims, within {COURSE_WINDOW_DAYS} days "
     "before its last day in the stay; 0 where none has a course.", _NONE),
    ("course_days_payable", INTEGER, "可支付疗程天数", "payable days of the course", "Days that item_terms.csv pays of that item; 0 where none.", _NONE),
    ("course_item_name", TEXT, "疗程项目", "the item", "Its name.", "no item with a course was charged"),
    ("course_over_fen", MONEY, "超疗程金额", "amount beyond the course",
     "The stay's lines of that item, by the share of its days that lie beyond the course.", "no item with a course was charged"),
), measures={"course_item_days": "day", "course_days_payable": "day"},
   as_of="lines of this and earlier claims of the patient")
PANELS: Final = declare("stay", "charges, reference/items.csv, item_pairs.csv", (
    ("panel_members_billed_singly", INTEGER, "单项收取的组合成员数", "members of a panel billed singly",
     "On the day on which it is largest: different members of one panel that were charged without the panel on that day.", _NONE),
    ("panel_billed_singly_date", DATE, "该日", "that day", "The day.", "there is none"),
    ("panel_saving_fen", MONEY, "拆分多收金额", "more than the panel costs", "The members' amounts of that day minus the panel's price.",
     "there is none, or the tariff has no price of the panel"),
))
# fmt: on


def hours(source: Source) -> pl.DataFrame:
    """The facts ``HOURS``."""
    lines = watched(source)
    hourly = reference.items(source.reference).filter("is_hourly")["item_code"]
    most = (
        charge_line.of_items(lines, source, hourly)
        .join(_rows_of(source, "parallel"), on=ROW, how="anti")
        .group_by(STAY, "item_code")
        .agg(
            pl.col("quantity").sum().alias("item_hours_charged"),
            pl.col("amount_fen").sum().alias("item_hours_fen"),
            pl.col("item_name").min().alias("item_of_most_hours"),
        )
        .sort("item_hours_charged", "item_code", descending=[True, False])
        .unique(STAY, keep="first", maintain_order=True)
    )
    present = (pl.col("discharge_time") - pl.col("admission_time")).dt.total_minutes()
    return (
        charge_line.lined(source)
        .join(most, on=STAY, how="left")
        .join(_monitored(source), on=STAY, how="left")
        .join(_oxygen(source), on=STAY, how="left")
        .with_columns(
            pl.col(
                "item_hours_charged",
                "monitor_hours",
                "monitored_treatment_hours",
                "oxygen_hours_beside_ventilation",
            ).fill_null(0)
        )
        .join(
            source.keyed("stays").select(STAY, (present / 60).round(4).alias("hours_in_hospital")),
            on=STAY,
            how="full",
            coalesce=True,
        )
    )


def sessions(source: Source) -> pl.DataFrame:
    """The facts ``SESSIONS``."""
    dialysis = _role(source, "dialysis")
    days = dialysis.group_by(STAY, "charge_date").agg(pl.col("quantity").sum())
    week = (
        days.join(days, on=STAY, suffix="_later")
        .with_columns(gap=(pl.col("charge_date_later") - pl.col("charge_date")).dt.total_days())
        .filter(pl.col("gap").is_between(0, WEEK_DAYS - 1))
        .group_by(STAY, pl.col("charge_date").alias("dialysis_week_start"))
        .agg(pl.col("quantity_later").sum().alias("dialysis_in_7_days"))
        .sort("dialysis_in_7_days", "dialysis_week_start", descending=[True, False])
        .unique(STAY, keep="first", maintain_order=True)
    )
    totals = dialysis.group_by(STAY).agg(
        pl.col("quantity").sum().alias("dialysis_sessions"),
        pl.col("amount_fen").sum().alias("dialysis_fen"),
    )
    extra = (
        _role(source, "anaesthesia_extra")
        .group_by(STAY)
        .agg(
            pl.col("quantity").sum().alias("anaesthesia_extra_hours"),
            pl.col("amount_fen").sum().alias("anaesthesia_extra_fen"),
        )
    )
    return (
        charge_line.lined(source)
        .join(week, on=STAY, how="left")
        .join(totals, on=STAY, how="left")
        .join(extra, on=STAY, how="left")
        .with_columns(
            pl.col("dialysis_in_7_days", "dialysis_sessions", "anaesthesia_extra_hours").fill_null(
                0
            )
        )
        .join(_anaesthesias(source), on=STAY, how="full", coalesce=True)
    )


def course(source: Source) -> pl.DataFrame:
    """The facts ``COURSE``."""
    limits = (
        stated(source)
        .filter(term="course_days")
        .select(ROW, pl.col("value").cast(pl.Int64).alias("course_days_payable"))
    )
    mine = (
        watched(source)
        .join(limits, on=ROW, how="inner")
        .group_by("stay_id", "item_code")
        .agg(
            pl.col("charge_date").max().alias("last"),
            pl.col("charge_date").n_unique().cast(pl.Int64).alias("days"),
            pl.col("amount_fen").sum(),
            pl.col("item_name").min().alias("course_item_name"),
            # A limit that changes within the stay: the wider one counts.
            pl.col("course_days_payable").max(),
        )
    )
    claims = earlier_claims(source)
    seen = (
        item_days(source, "course_days")
        .join(claims, on="stay_id", how="inner")
        .select(*PERSON, "item_code", pl.col("claim").alias("then"), "charge_date")
    )
    gap = (pl.col("last") - pl.col("charge_date")).dt.total_days()
    over = pl.col("course_item_days") - pl.col("course_days_payable")
    found = (
        mine.join(claims, on="stay_id", how="inner")
        .join(seen, on=[*PERSON, "item_code"], how="inner")
        .filter((pl.col("then") <= pl.col("claim")) & gap.is_between(0, COURSE_WINDOW_DAYS - 1))
        .group_by("stay_id", "item_code")
        .agg(
            pl.col("charge_date").n_unique().cast(pl.Int64).alias("course_item_days"),
            pl.col("days", "amount_fen", "course_item_name", "course_days_payable").first(),
        )
        .with_columns(over=over)
        .sort("over", "item_code", descending=[True, False])
        .unique("stay_id", keep="first", maintain_order=True)
        .select(
            "stay_id",
            "course_item_days",
            "course_days_payable",
            "course_item_name",
            (
                pl.col("amount_fen")
                * pl.min_horizontal(pl.max_horizontal("over", pl.lit(0)), "days")
                // pl.col("days")
            ).alias("course_over_fen"),
        )
    )
    return (
        charge_line.lined(source)
        .join(found, on="stay_id", how="left")
        .with_columns(pl.col("course_item_days", "course_days_payable").fill_null(0))
    )


def panels(source: Source) -> pl.DataFrame:
    """The facts ``PANELS``."""
    members = pairs(source).filter(pl.col("relation") == "panel")
    with_panel = members.filter("found").select(ROW, "main_code")
    alone = members.select(ROW, "main_code").unique().join(
        with_panel, on=[ROW, "main_code"], how="anti"
    )  # fmt: skip
    days = (
        watched(source)
        .join(alone, on=ROW, how="inner")
        .group_by(STAY, "charge_date", "main_code", "region_code")
        .agg(
            pl.col("item_code").n_unique().cast(pl.Int64).alias("members"),
            pl.col("amount_fen").sum(),
        )
        .sort("members", "charge_date", "main_code", descending=[True, False, False])
        .unique(STAY, keep="first", maintain_order=True)
        .rename({"main_code": "item_code"})
    )
    price = terms.applicable(days, terms.item_prices(source.reference)).select(
        STAY, (pl.col("price_yuan") * 100).cast(pl.Int64).alias("price_fen")
    )
    return (
        charge_line.lined(source)
        .join(days, on=STAY, how="left")
        .join(price, on=STAY, how="left")
        .select(
            STAY,
            pl.col("members").fill_null(0).alias("panel_members_billed_singly"),
            pl.col("charge_date").alias("panel_billed_singly_date"),
            (pl.col("amount_fen") - pl.col("price_fen")).alias("panel_saving_fen"),
        )
    )


def _rows_of(source: Source, term: str) -> pl.DataFrame:
    return stated(source).filter(term=term).select(ROW)


def _role(source: Source, role: str) -> pl.DataFrame:
    rows = stated(source).filter(term="role", value=role).select(ROW)
    return watched(source).join(rows, on=ROW, how="semi")


def _monitored(source: Source) -> pl.DataFrame:
    """The monitoring item that exceeds its treatment most, by stay."""
    lines = watched(source)
    table = terms.item_pairs(source.reference).filter(relation="monitors")
    billed = terms.applicable(lines, table, on="other_code").group_by(STAY, "main_code").agg(
        pl.col("quantity").sum().alias("monitor_hours"),
        pl.col("amount_fen").sum().alias("monitor_fen"),
        pl.col("item_name").min().alias("monitor_item_name"),
    )  # fmt: skip
    mains = charge_line.of_items(lines, source, table["item_code"])
    treated = mains.group_by(STAY, pl.col("item_code").alias("main_code")).agg(
        pl.col("quantity").sum().alias("monitored_treatment_hours")
    )
    return (
        billed.join(treated, on=[STAY, "main_code"], how="left")
        .with_columns(pl.col("monitored_treatment_hours").fill_null(0))
        .with_columns(over=pl.col("monitor_hours") - pl.col("monitored_treatment_hours"))
        .sort("over", "main_code", descending=[True, False])
        .unique(STAY, keep="first", maintain_order=True)
        .drop("main_code", "over")
    )


def _oxygen(source: Source) -> pl.DataFrame:
    """Hours of oxygen that do not fit beside invasive ventilation into their days."""
    oxygen = _role(source, "oxygen").group_by(STAY, "charge_date").agg(
        pl.col("quantity").sum().alias("oxygen"), pl.col("amount_fen").sum()
    )  # fmt: skip
    ventilated = _role(source, "ventilation").group_by(STAY, "charge_date").agg(
        pl.col("quantity").sum().alias("ventilated")
    )  # fmt: skip
    both = pl.col("oxygen") + pl.col("ventilated") - DAY_HOURS
    price = pl.col("amount_fen").cast(pl.Float64) / pl.col("oxygen").cast(pl.Float64)
    beside = pl.min_horizontal(pl.max_horizontal(both, pl.lit(0)), "oxygen")
    return (
        oxygen.join(ventilated, on=[STAY, "charge_date"], how="inner")
        .filter(pl.col("oxygen") > 0)
        .with_columns(beside=beside)
        .with_columns(fen=(beside.cast(pl.Float64) * price).floor().cast(pl.Int64))
        .group_by(STAY)
        .agg(
            pl.col("beside").sum().alias("oxygen_hours_beside_ventilation"),
            pl.col("fen").sum().alias("oxygen_beside_ventilation_fen"),
        )
    )


def _anaesthesias(source: Source) -> pl.DataFrame:
    rows = source.keyed("procedures")
    minutes = pl.col("anaesthesia_end_time") - pl.col("anaesthesia_start_time")
    timed = minutes.is_not_null()
    given = pl.col("anaesthetist_id").is_not_null() | pl.col("anaesthesia_method").is_not_null()
    blind = rows.group_by(STAY).agg((given & ~timed).any().alias("blind"))
    return (
        rows.filter(timed)
        .group_by(STAY, "anaesthesia_start_time")
        .agg(minutes.max().dt.total_minutes().alias("minutes"))
        .group_by(STAY)
        .agg(
            (pl.col("minutes") / 60).ceil().cast(pl.Int64).sum().alias("hours"),
            pl.len().cast(pl.Int64).alias("count"),
        )
        .join(blind, on=STAY, how="inner")
        .filter(~pl.col("blind"))
        .select(
            STAY,
            pl.col("hours").alias("anaesthesia_hours_recorded"),
            pl.col("count").alias("anaesthesia_count"),
        )
    )
