"""The tables of charge items: tariff, terms, pairs, price caps, settings, classes, cost of groups."""

from __future__ import annotations

from typing import Final

import polars as pl

from domain import codes
from rules.codebooks.columns import choice, item, named, region, text, whole
from rules.codebooks.form import Column, Dating, Kind, Row, Table

ITEM_FLAGS: Final = (
    "antibacterial", "bed", "clinical", "hourly", "newborn_bed", "nursing_1", "nursing_2",
    "nursing_3", "nursing_special", "repeatable", "ventilation",
)  # fmt: skip
"""The flags that ``items.csv`` may carry."""
TERMS: Final = {
    "day_limit": "number",
    "plausible_day_most": "number",
    "sex": "sex",
    "least_age": "number",
    "most_age": "number",
    "least_level": "number",
    "interval_days": "number",
    "course_days": "number",
    "parallel": "number",
    "role": "text",
    "incision_group": "text",
    "part_group": "text",
}
"""The terms that ``item_terms.csv`` may state of an item, and what their value is."""
RELATIONS: Final = (
    "includes", "includes_in_stay", "includes_coronary", "includes_critical_care",
    "includes_delivery", "panel", "excludes", "surcharge", "imaging_surcharge", "needs",
    "monitors", "ncci",
)  # fmt: skip
"""The relations of ``item_pairs.csv``."""
SETTINGS: Final = ("ward", "clinic", "parenteral", "vehicle", "oral")
"""What ``settings.csv`` may say of a treatment (the first two) or a drug; a vehicle is a fluid
that carries drugs or salts, given in a ward but for any disease."""
ITEM_CLASSES: Final = ("blood_product", "intensive_bed")
"""The classes that ``item_classes.csv`` may name; antibacterials are flagged in ``items.csv``."""
MEASURES: Final = (
    "total_cost", "drug_cost", "consumable_cost", "exam_cost", "lab_cost", "treatment_cost",
    "operation_cost", "bed_and_nursing_cost", "other_cost", "chinese_drug_cost",
    "antibacterial_cost", "blood_product_cost", "bed_and_nursing_per_day", "cost_per_day",
    "preoperative_cost", "operation_day_cost", "postoperative_cost", "first_days_cost",
    "last_days_cost", "dearest_day_cost", "preoperative_days", "postoperative_days",
)  # fmt: skip
"""What ``group_benchmarks.csv`` gives of a group: mean and 95th percentile, in fen or days."""

_NUMERIC: Final = [name for name, kind in TERMS.items() if kind == "number"]
_value, _term = pl.col("value"), pl.col("term")

ITEMS: Final = Table(
    "items", "收费项目", "A charge or order item of the tariff.",
    (
        item(), *named(note=True),
        choice("category", tuple(codes.CHARGE_CATEGORY), "national charge category"),
        text("unit", "what one of it is", note=True),
        Column("unit_price_yuan", Kind.AMOUNT, "price of one unit in yuan"),
        choice("insurance_class", tuple(codes.INSURANCE_CLASS), "01 in full, 02 in part, 03 not covered"),
        Column("flags", Kind.WORDS, "see below", required=False, options=ITEM_FLAGS),
        Column("order_type", meaning="kind of order", options=tuple(codes.ORDER_TYPE), note=True),
    ),
    ("item_code",),
    "the item is not of the tariff: facts that need it are null, never false",
    Dating.LINE,
)  # fmt: skip
ITEM_TERMS: Final = Table(
    "item_terms", "项目限定", "What the tariff says of an item: limit a day, sex, age, level, interval, course, role, group.",
    (
        item(), choice("term", tuple(TERMS), "what is said"),
        text("value", "how much: a whole number, a sex (1, 2) or a word"), region(),
    ),
    ("item_code", "term", "region_code"),
    "the item is not restricted",
    Dating.LINE,
    rows=(
        Row(_term.is_in(_NUMERIC).not_() | _value.str.contains(r"^\d{1,9}$"), "the value of this term is not a whole number"),
        Row((_term != "sex") | _value.is_in(["1", "2"]), "the value of this term is not a sex (1 or 2)"),
    ),
)  # fmt: skip
ITEM_PAIRS: Final = Table(
    "item_pairs", "项目关系", "What the tariff says of a main item and another: inclusion, panel, exclusion, surcharge, link.",
    (
        choice("relation", RELATIONS, "what the two are to each other"),
        item(meaning="the main item"), item("other_code", "the other item"),
        Column("window", meaning="day, stay, or minutes apart", pattern=r"^(day|stay|\d{1,6})$",
               looks_like="day, stay or a number of minutes"),
        Column("value", meaning="how many of the other a main one allows", required=False, pattern=r"^\d{1,9}$", looks_like="a whole number"),
        region(),
    ),
    ("relation", "item_code", "other_code", "region_code"),
    "the two items have nothing to do with each other",
    Dating.LINE,
)  # fmt: skip
PRICE_CAPS: Final = Table(
    "price_caps", "最高限价", "The highest price of an item by region, hospital level and date.",
    (
        item(), region(),
        choice("provider_level", ("1", "2", "3"), "level of the hospital; empty: every level", required=False),
        Column("cap_yuan", Kind.AMOUNT, "highest price of one unit in yuan"),
    ),
    ("item_code", "region_code", "provider_level"),
    "the price is not capped",
    Dating.LINE,
)  # fmt: skip
SETTINGS_TABLE: Final = Table(
    "settings", "使用场所与给药方式", "Where a treatment is usually given, or how a drug is.",
    (item(), choice("setting", SETTINGS, "ward, clinic; parenteral, vehicle (a fluid that carries drugs), oral")),
    ("item_code",),
    "it is not known where the item is given: care_items_all_classified is false, gives_oral_drugs_only null",
    Dating.LINE,
)  # fmt: skip
CLASSES: Final = Table(
    "item_classes", "项目类别", "An item that is a blood product or an intensive care bed.",
    (item(), choice("class", ITEM_CLASSES, "what it is")),
    ("item_code",),
    "the item is neither",
    Dating.LINE,
)  # fmt: skip
BENCHMARKS: Final = Table(
    "group_benchmarks", "病组基准", "What stays of a group or ADRG cost: mean and 95th percentile of each measure.",
    (
        text("cell", "group or ADRG"), choice("currency", tuple(codes.CURRENCY), "of the amounts"),
        Column("cases", Kind.WHOLE, "stays behind the figures", note=True),
        *[
            Column(f"{name}_{part}", Kind.NUMBER, "days" if name.endswith("_days") else "fen", required=False)
            for name in MEASURES for part in ("mean", "p95")
        ],
    ),
    ("cell", "currency"),
    "the group is compared with its ADRG, and with nothing (null) if that is missing too",
    Dating.LINE,
)  # fmt: skip
IMPLIED: Final = Table(
    "implied_diagnoses", "治疗提示诊断", "An item and a diagnosis that explains it, from some days on.",
    (
        choice("diagnosis_system", tuple(codes.DIAGNOSIS_SYSTEM), "code system of the diagnosis"),
        text("condition_zh", "in Chinese"), text("condition_en", "in English"),
        item(), whole("least_days", "days of it from which it needs explaining", required=True),
        Column("prefix", meaning="start of a diagnosis that explains it", pattern=r"^[A-Z0-9.]+$",
               looks_like="the start of a code in capitals"),
    ),
    ("diagnosis_system", "item_code", "prefix"),
    "the item needs no diagnosis",
    Dating.LINE,
)  # fmt: skip
TEXTS: Final = Table(
    "item_texts", "项目内涵与除外内容", "What the price list says of an item in words: content, what is charged apart, notes.",
    (
        item(), Column("content_zh", meaning="项目内涵", required=False, note=True),
        Column("excluded_zh", meaning="除外内容", required=False, note=True),
        Column("note_zh", meaning="说明", required=False, note=True),
    ),
    ("item_code",),
    "the list says nothing of the item, or was not imported; no fact reads the words",
)  # fmt: skip

ALL: Final = (
    ITEMS, ITEM_TERMS, ITEM_PAIRS, PRICE_CAPS, SETTINGS_TABLE, CLASSES, BENCHMARKS, IMPLIED, TEXTS,
)  # fmt: skip
"""The tables of this module."""
