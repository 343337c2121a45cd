"""Facts of charge lines that come from the tariff's terms: limits, inclusion, exclusion, caps."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import polars as pl

from domain import codes
from rules.facts import charge_line, reference, terms
from rules.facts.billed import codes_charged, earlier_claims, item_days, pairs, stated, watched
from rules.facts.charge_line import CATEGORY, ITEM_DAY
from rules.facts.fact import Fact, Kind, declare
from rules.facts.place import placed
from rules.facts.source import PERSON, ROW, STAY, Source

FLAG, INTEGER, MONEY, TEXT, DECIMAL = (
    Kind.FLAG, Kind.INTEGER, Kind.MONEY, Kind.TEXT, Kind.DECIMAL,
)  # fmt: skip
SERVICE_CATEGORIES: Final = (2, 3, 4, 5, 6, 7)
"""Charge categories of services, whose items stand in the tariff; drugs and devices have lists of their own."""
CONSUMABLE: Final = 8
PIECES: Final = ("个", "套", "根", "枚", "片", "把", "支", "条", "只")
"""Units in which a consumable is counted whole."""

# fmt: off
_TERMS: Final = "item_terms.csv sets none for the item, day and region"
_OWN: Final = declare("charge", "charges, reference/item_terms.csv, item_pairs.csv, price_caps.csv, items.csv", (
    ("line_is_first_standing_on_day", FLAG, "该项目当日首条有效明细", "first standing line of the item on the day",
     "The smallest id among the standing lines of the item on the day, for items with a limit a day and surcharges.", None),
    ("line_has_day_limit", FLAG, "有每日计费上限", "item has a limit a day", "item_terms.csv sets a quantity that is paid a day.", None),
    ("line_has_plausible_most", FLAG, "有单日合理上限", "item has a plausible most a day", "item_terms.csv sets a plausible quantity a day.", None),
    ("line_is_sex_limited", FLAG, "限性别项目", "item is limited to one sex", "item_terms.csv limits the item to one sex.", None),
    ("line_has_least_age", FLAG, "有最低年龄", "item has a least age", "item_terms.csv sets a least age.", None),
    ("line_has_most_age", FLAG, "有最高年龄", "item has a most age", "item_terms.csv sets a most age.", None),
    ("line_day_limit", DECIMAL, "每日计费上限", "limit a day", "Quantity of the item that the tariff pays a day.", _TERMS),
    ("line_plausible_day_most", DECIMAL, "单日合理最大数量", "plausible most a day",
     "Largest quantity of the item that is plausible on a day.", _TERMS),
    ("line_sex_limit", TEXT, "项目限定性别", "sex that the item is limited to", "The only sex for which the item exists.", _TERMS),
    ("line_least_age", INTEGER, "项目最低年龄", "least age of the item", "Youngest age in years for which the item is paid.", _TERMS),
    ("line_most_age", INTEGER, "项目最高年龄", "most age of the item", "Oldest age in years for which the item is paid.", _TERMS),
    ("line_is_level_limited", FLAG, "限医院等级项目", "item is limited by hospital level",
     "The tariff names a least level of hospital for the item.", None),
    ("line_levels_short", INTEGER, "医院等级差", "levels that the hospital lacks",
     "Least level of the item minus the hospital's level.", "the item is not so limited or the hospital's level is not stated or unrated"),
    ("line_is_capped", FLAG, "有最高限价", "item has a price cap", "price_caps.csv has a cap for the item in the region on the day.", None),
    ("line_cap_fen", MONEY, "按最高限价金额", "amount at the cap", "Quantity times the cap of region and hospital level, rounded up.",
     "there is no cap, or it depends on a level that the claim does not state"),
    ("line_tariff_fen", MONEY, "按标准价金额", "amount at the full price",
     "Full price of the tariff times the quantity rounded up to whole pieces.",
     "the item stands in no group of operations or body parts, or the tariff lacks it"),
    ("line_is_later_operation", FLAG, "同切口第二台及以后手术", "further operation through one incision",
     "Another operation of the item's group of item_terms.csv was charged on the day with a larger amount (equal: a smaller line id).", None),
    ("line_is_later_part", FLAG, "同类检查第二部位", "further body part of one kind of scan",
     "Another scan of the item's group for the region was charged on the day with a larger amount (equal: a smaller line id).", None),
    ("line_is_included_on_day", FLAG, "当日主项已包含", "included in an item of the day", "An item that contains this one was charged on the day.", None),
    ("line_is_included_in_stay", FLAG, "本次就诊主项已包含", "included in an operation of the stay",
     "An operation that contains this one was charged in the stay.", None),
    ("line_is_included_in_stent", FLAG, "支架术已包含", "included in coronary stenting",
     "Coronary stenting, which contains this item, was charged on the day.", None),
    ("line_is_included_in_critical_care", FLAG, "重症监护已包含", "included in critical care",
     "Critical care, which contains this item, was charged on the day.", None),
    ("line_is_included_in_delivery", FLAG, "接生已包含", "included in the delivery",
     "A delivery that contains this item was charged in the stay, or within the minutes of item_pairs.csv.",
     "the window is in minutes and a time is not stated"),
    ("line_is_column_two", FLAG, "NCCI 第二列编码", "column two of an NCCI pair",
     "The complete service of a pair of item_pairs.csv was charged on the day.", None),
    ("line_is_excluded", FLAG, "与互斥项目同时收费", "charged beside an item that excludes it",
     "An item that excludes this one, or is excluded by it, was charged in the window of item_pairs.csv with a larger amount (equal: a smaller line id).",
     "the window is in minutes and a time is not stated"),
    ("related_item_name", TEXT, "相关项目", "the other item", "Name of the item that includes, excludes or replaces this one (first in the alphabet).",
     "there is none"),
    ("line_is_in_panel_on_day", FLAG, "当日已收检验组合", "its panel was charged on the day",
     "A panel of tests that contains this test was charged on the day.", None),
    ("minutes_from_panel", INTEGER, "与组合检验间隔", "minutes from the panel", "Smallest distance in time to such a panel.",
     "there is none on the day or a time is not stated"),
    ("line_is_surcharge", FLAG, "加收项目", "line is a surcharge", "item_pairs.csv names a main item for it.", None),
    ("line_is_imaging_surcharge", FLAG, "影像加收项目", "line is a surcharge of imaging", "item_pairs.csv names a scan for it.", None),
    ("surcharge_allowed_on_day", DECIMAL, "当日允许加收数量", "surcharges allowed on the day",
     "Quantity of the main items of the day times what each allows.", "the line is no surcharge"),
    ("line_lacks_partner", FLAG, "缺关联项目", "linked item is missing",
     "None of the items that item_pairs.csv asks for beside this one was charged in the stay.", None),
    ("line_is_off_tariff", FLAG, "项目不在价目表", "item is not in the tariff",
     "The tariff has no such service on the day. Drugs, consumables, beds and other fees are not asked for.",
     "the tariff knows fewer than half of the claim's services: it is not the tariff of that hospital"),
    ("line_splits_a_piece", FLAG, "耗材数量非整数", "part of a piece", "A consumable counted in pieces has a quantity that is not whole.", None),
    ("line_has_interval", FLAG, "有最短间隔", "item has a minimum interval", "item_terms.csv sets a minimum interval for the item.", None),
    ("test_interval_days", INTEGER, "最短间隔天数", "minimum interval", "Days that must lie between two of the item.", _TERMS),
    ("same_test_before", FLAG, "此前做过同一检查", "same test before",
     "The item was charged for the person on an earlier day.", None),
    ("days_since_same_test", INTEGER, "距上次同一检查天数", "days since the same test",
     "The line's date minus the last earlier date of the item.", "there is no earlier one"),
    ("last_same_test_claim_id", TEXT, "上次同一检查结算ID", "claim of that test", "The claim of that earlier line.", "there is none"),
), measures={
    "line_least_age": "year", "line_most_age": "year", "minutes_from_panel": "minute", "line_levels_short": "level",
    "test_interval_days": "day", "days_since_same_test": "day", "line_day_limit": "unit of the item",
    "line_plausible_day_most": "unit of the item", "surcharge_allowed_on_day": "unit of the item",
}, as_of=dict.fromkeys(("same_test_before", "days_since_same_test", "last_same_test_claim_id"), "lines of this and earlier claims of the patient, of earlier days"))
LINES: Final[tuple[Fact, ...]] = tuple(
    replace(f, codes=codes.SEX) if f.name == "line_sex_limit" else f for f in _OWN
)
# fmt: on
_WITHIN: Final = {
    "includes": "line_is_included_on_day",
    "includes_in_stay": "line_is_included_in_stay",
    "includes_coronary": "line_is_included_in_stent",
    "includes_critical_care": "line_is_included_in_critical_care",
    "includes_delivery": "line_is_included_in_delivery",
    "ncci": "line_is_column_two",
    "excludes": "line_is_excluded",
}


def lines(source: Source) -> pl.DataFrame:
    """The facts ``LINES`` by ``:row``, of the lines of which a reference table says something."""
    # A reversed line is no charge; its facts stay empty, and its flags false.
    every = (_first, _limits, _caps, _later, _pairs, _interval, _off_tariff, _split_pieces)
    parts = [found for part in every if (found := part(source)) is not None]
    rows = pl.concat([pl.Series(ROW, dtype=pl.UInt32), *(p[ROW] for p in parts)]).unique().sort()
    found = pl.DataFrame([rows, *(c for part in parts for c in _at(part, rows))])
    absent = [pl.lit(None, kind).alias(n) for n, kind in _KINDS.items() if n not in found.columns]
    return found.with_columns(absent).with_columns(_FALSE).with_columns(_UNSURE)


def _at(part: pl.DataFrame, rows: pl.Series) -> list[pl.Series]:
    """The columns of a part at the places of its rows among all."""
    at = np.searchsorted(rows.to_numpy(), part[ROW].to_numpy()).astype(np.uint32)
    return placed(part.drop(ROW), pl.Series(at), len(rows)).get_columns()


_DOUBTED: Final = ("line_is_included_in_delivery", "line_is_excluded", "line_is_off_tariff")
_KINDS: Final = {
    **{f.name: f.kind.dtype for f in LINES},
    **{f"unsure:{name}": pl.Boolean() for name in _DOUBTED},
}
_FALSE: Final = [pl.col(f.name).fill_null(value=False) for f in LINES if f.kind is FLAG]
_UNSURE: Final = [
    pl.when(pl.col(name) | ~pl.col(f"unsure:{name}").fill_null(value=False))
    .then(pl.col(name))
    .alias(name)
    for name in _DOUBTED
]


def _of(source: Source, term: str, name: str) -> pl.DataFrame:
    return stated(source).filter(term=term).select(ROW, pl.col("value").alias(name))


_HAS: Final = {
    "line_day_limit": "line_has_day_limit",
    "line_plausible_day_most": "line_has_plausible_most",
    "line_sex_limit": "line_is_sex_limited",
    "line_least_age": "line_has_least_age",
    "line_most_age": "line_has_most_age",
    "test_interval_days": "line_has_interval",
}
"""Limit -> the flag that says that there is one."""


_LIMITS: Final = {
    "day_limit": "line_day_limit", "plausible_day_most": "line_plausible_day_most",
    "sex": "line_sex_limit", "least_age": "line_least_age", "most_age": "line_most_age",
    "least_level": "least", "interval_days": "test_interval_days",
}  # fmt: skip
"""Term of ``item_terms.csv`` -> the limit that it states."""
_LEVEL: Final = pl.when(pl.col("provider_level").is_in(["1", "2", "3"])).then("provider_level")
_LIMIT_FACTS: Final = [
    pl.col(ROW),
    pl.col("line_sex_limit").cast(pl.String),
    pl.col("line_day_limit", "line_plausible_day_most").cast(DECIMAL.dtype),
    pl.col("line_least_age", "line_most_age", "test_interval_days").cast(pl.Int64),
    pl.col("least").is_not_null().alias("line_is_level_limited"),
    (pl.col("least").cast(pl.Int64) - _LEVEL.cast(pl.Int64)).alias("line_levels_short"),
    *[pl.col(of).is_not_null().alias(name) for of, name in _HAS.items()],
]


def _limits(source: Source) -> pl.DataFrame | None:
    said = stated(source).filter(pl.col("term").is_in(list(_LIMITS)))
    if said.is_empty():
        return None
    rows = said[ROW].unique().sort()
    columns = [rows]
    for term, name in _LIMITS.items():
        mine = said.filter(pl.col("term") == term).select(
            ROW, pl.col("value").cast(pl.Int64).alias(name)
        )
        columns += _at(mine, rows)
    levels = watched(source).select(ROW, "provider_level")
    return pl.DataFrame(columns).join(levels, on=ROW, how="left").select(_LIMIT_FACTS)


def _first(source: Source) -> pl.DataFrame | None:
    """The first standing line of each limited item on each day."""
    limited = terms.item_terms(source.reference).filter(
        pl.col("term").is_in(["day_limit", "plausible_day_most"])
    )
    added = terms.item_pairs(source.reference).filter(pl.col("relation").str.ends_with("surcharge"))
    items = pl.concat([limited["item_code"], added["other_code"]])
    lines = charge_line.of_items(
        watched(source).select(ROW, STAY, ITEM_DAY, "line_id"), source, items
    )
    if lines.is_empty():
        return None
    # Most items stand once on a day; only the others have to be put in order.
    several = charge_line.repeated(lines)
    first = lines.filter(several).sort("line_id").unique([STAY, ITEM_DAY], keep="first")
    rows = pl.concat([lines.filter(~several)[ROW], first[ROW]])
    return pl.DataFrame([rows]).with_columns(line_is_first_standing_on_day=pl.lit(value=True))


def _caps(source: Source) -> pl.DataFrame | None:
    cap = (pl.col("quantity").cast(pl.Float64) * pl.col("cap_yuan").cast(pl.Float64) * 100).round(4)
    fits = (pl.col("level") == "") | (pl.col("level") == pl.col("provider_level"))
    table = terms.price_caps(source.reference).rename({"provider_level": "level"})
    capped = terms.applicable(watched(source), table)
    if capped.is_empty():
        return None
    return (
        capped.with_columns(
            reach=pl.col("term_region").str.len_bytes(), fits=fits.fill_null(value=False)
        )
        .filter(pl.col("reach") == pl.col("reach").max().over(ROW))
        .sort("fits", "level")
        .unique(ROW, keep="last", maintain_order=True)
        .select(
            ROW,
            pl.lit(value=True).alias("line_is_capped"),
            pl.when("fits").then(cap.ceil().cast(pl.Int64)).alias("line_cap_fen"),
        )
    )


def _later(source: Source) -> pl.DataFrame | None:
    """Operations of one incision and scans of one kind: which of the day comes second."""
    marks = {"incision_group": "line_is_later_operation", "part_group": "line_is_later_part"}
    grouped = stated(source).filter(pl.col("term").is_in(list(marks))).select(ROW).unique()
    if grouped.is_empty():
        return None
    found = watched(source).join(grouped, on=ROW, how="semi")
    price = terms.applicable(found, terms.item_prices(source.reference)).select(
        ROW,
        (pl.col("quantity").ceil().cast(pl.Float64) * pl.col("price_yuan").cast(pl.Float64) * 100)
        .round(0)
        .cast(pl.Int64)
        .alias("line_tariff_fen"),
    )
    for term in marks:
        found = found.join(_of(source, term, term), on=ROW, how="left")
    found = found.sort("amount_fen", "line_id", descending=[True, False])
    return (
        found.with_columns(
            (
                pl.col(term).is_not_null()
                & (pl.int_range(pl.len()).over(STAY, "charge_date", term) > 0)
            ).alias(name)
            for term, name in marks.items()
        )
        .join(price, on=ROW, how="left")
        .select(ROW, "line_tariff_fen", *marks.values())
    )


def _pairs(source: Source) -> pl.DataFrame | None:
    # A charge that excludes another: the fault is the cheaper line, so that the dearer may stay.
    all_pairs = pairs(source)
    if all_pairs.is_empty():
        return None
    met = all_pairs.filter("found")
    cheaper = (pl.col("main_amount") < pl.col("amount_fen")) | (
        (pl.col("main_amount") == pl.col("amount_fen")) & (pl.col("main_line") > pl.col("line_id"))
    )
    swap = (pl.col("relation") == "excludes") & cheaper
    faults = met.with_columns(
        pl.when(swap).then("main_row").otherwise(ROW).alias(ROW),
        pl.when(swap).then("item_name").otherwise("main_name").alias("main_name"),
    ).filter(pl.col("relation").is_in([*_WITHIN, "panel"]))

    def marked(relation: str, *, sure: bool) -> pl.Expr:
        return ((pl.col("relation") == relation) & (pl.col("sure") == sure)).any()

    inside = faults.group_by(ROW).agg(
        *[marked(relation, sure=True).alias(name) for relation, name in _WITHIN.items()],
        marked("panel", sure=True).alias("line_is_in_panel_on_day"),
        marked("includes_delivery", sure=False).alias("unsure:line_is_included_in_delivery"),
        marked("excludes", sure=False).alias("unsure:line_is_excluded"),
        pl.col("minutes").filter(pl.col("relation") == "panel").min().alias("minutes_from_panel"),
        pl.col("main_name").min().alias("related_item_name"),
    )
    kind = pl.col("relation")
    allowed = pl.when("found").then(
        pl.col("main_quantity").cast(DECIMAL.dtype) * pl.col("value").cast(pl.Int64, strict=False)
    )
    beside = (
        all_pairs.filter(kind.is_in(["surcharge", "imaging_surcharge", "needs"]))
        .with_columns(allowed=allowed)
        .group_by(ROW)
        .agg(
            (kind == "surcharge").any().alias("line_is_surcharge"),
            (kind == "imaging_surcharge").any().alias("line_is_imaging_surcharge"),
            pl.when((kind != "needs").any())
            .then(pl.col("allowed").filter(kind != "needs").sum())
            .alias("surcharge_allowed_on_day"),
            ((kind == "needs").any() & ~((kind == "needs") & pl.col("found")).any()).alias(
                "line_lacks_partner"
            ),
        )
    )
    return inside.join(beside, on=ROW, how="full", coalesce=True)


def _interval(source: Source) -> pl.DataFrame | None:
    """The last earlier day on which a person had an item that has a minimum interval."""
    items = (
        terms.item_terms(source.reference)
        .filter(term="interval_days")["item_code"]
        .unique()
        .to_list()
    )
    mine = watched(source).filter(pl.col("item_code").is_in(items))
    if mine.is_empty():
        return None
    claims = earlier_claims(source)
    seen = (
        item_days(source, "interval_days")
        .join(claims, on="stay_id", how="inner")
        .select(
            *PERSON,
            "item_code",
            pl.col("claim").alias("then"),
            pl.col("charge_date").alias("last"),
            pl.col("stay_id").alias("last_same_test_claim_id"),
        )
    )
    return (
        mine.join(claims, on="stay_id", how="inner")
        .join(seen, on=[*PERSON, "item_code"], how="inner")
        .filter((pl.col("then") <= pl.col("claim")) & (pl.col("last") < pl.col("charge_date")))
        .sort("last", "then")
        .unique(ROW, keep="last", maintain_order=True)
        .select(
            ROW,
            pl.lit(value=True).alias("same_test_before"),
            (pl.col("charge_date") - pl.col("last")).dt.total_days().alias("days_since_same_test"),
            "last_same_test_claim_id",
        )
    )


def _off_tariff(source: Source) -> pl.DataFrame | None:
    """Services that the tariff lacks; in doubt where it knows fewer than half of the claim's."""
    known = reference.items(source.reference)["item_code"]
    strange = sorted(codes_charged(source).difference(known.to_list()))
    if not strange:
        return None
    services = (
        charge_line.lines(source)
        .select(ROW, STAY, CATEGORY, "item_code")
        .filter(pl.col(CATEGORY).is_in(SERVICE_CATEGORIES))
    )
    lacking = services.filter(pl.col("item_code").is_in(strange)).select(ROW, STAY)
    share = (
        services.filter(pl.col(STAY).is_in(lacking[STAY].unique().implode()))
        .group_by(STAY)
        .agg(pl.col("item_code").is_in(known.unique().implode()).mean().alias("share"))
    )
    return lacking.join(share, on=STAY, how="inner").select(
        ROW,
        pl.when(pl.col("share") * 2 >= 1).then(pl.lit(value=True)).alias("line_is_off_tariff"),
        (pl.col("share") * 2 < 1).alias("unsure:line_is_off_tariff"),
    )


def _split_pieces(source: Source) -> pl.DataFrame | None:
    return (
        charge_line.lines(source)
        .select(ROW, CATEGORY, "unit", "quantity")
        .filter(pl.col(CATEGORY) == CONSUMABLE)
        .filter(pl.col("unit").is_in(PIECES) & (pl.col("quantity") != pl.col("quantity").floor()))
        .select(ROW, pl.lit(value=True).alias("line_splits_a_piece"))
    )
