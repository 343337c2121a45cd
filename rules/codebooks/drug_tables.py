"""The tables of drugs and orders."""

from __future__ import annotations

from typing import Final

import polars as pl

from rules.codebooks.columns import ages, choice, item, items, named, sex, starts, text, whole
from rules.codebooks.form import Column, Dating, Kind, Row, Table

GRADES: Final = ("non-restricted", "restricted", "special")
"""The grades of antibacterials, in rising order."""
PURPOSES: Final = ("payable", "key_monitored", "targeted", "antineoplastic", "albumin")
"""Why a drug needs one of its diagnoses."""
REQUIREMENTS: Final = ("culture_or_consultation", "albumin_test", "nutrition_screening")
"""What must be ordered with a drug."""

DRUGS: Final = Table(
    "drugs", "药品限定", "A drug and its limits; an empty cell limits nothing.",
    (
        item(), text("drug_class", "drugs of one class are not given together", required=False),
        choice("grade", GRADES, "antibacterial grade", required=False), sex(), *ages(),
        Column("max_daily_dose", Kind.AMOUNT, "largest dose a day of an adult", required=False),
        text("dose_unit", "unit of that dose", required=False),
        choice("setting", ("inpatient", "outpatient"), "the only place of payment", required=False),
        whole("min_level", "lowest hospital level (1 to 3)"), whole("course_days", "payable days"),
        whole("start_window_hours", "hours after admission within which it must begin"),
    ),
    ("item_code",),
    "the drug is not limited",
    Dating.LINE,
    rows=(
        Row(pl.col("max_daily_dose").is_null() == pl.col("dose_unit").is_null(), "a dose needs its unit, and a unit its dose"),
    ),
)  # fmt: skip
INDICATIONS: Final = Table(
    "drug_indications", "药品限定适应症", "A drug, a purpose, and the starts of diagnoses that justify it.",
    (item(), choice("purpose", PURPOSES, "why it needs one"), starts("prefixes", "starts of ICD-10 codes")),
    ("item_code", "purpose"),
    "the drug needs no diagnosis for that purpose",
    Dating.LINE,
)  # fmt: skip
REQUIREMENTS_TABLE: Final = Table(
    "order_requirements", "用药前置要求", "A drug, what must be ordered with it, and the items that prove it.",
    (
        item(), choice("requirement", REQUIREMENTS, "what is needed"),
        items("evidence_item_codes", "items that prove it"),
        whole("hours_before", "how long before", required=True), whole("hours_after", "how long after", required=True),
    ),
    ("item_code", "requirement"),
    "nothing must be ordered with the drug",
)  # fmt: skip
FREQUENCIES: Final = Table(
    "frequencies", "医嘱频次", "A frequency code and how many times a day it is.",
    (text("frequency", "as orders carry it"), Column("times_a_day", Kind.AMOUNT, "times")),
    ("frequency",),
    "the daily dose is null (prn)",
)  # fmt: skip
IMAGING: Final = Table(
    "imaging", "影像检查", "A scan item and the study that it is.",
    (item(), *named("study")),
    ("item_code",),
    "the item is no scan",
)  # fmt: skip
INFECTION: Final = Table(
    "infection_signs", "感染证据", "A test item, or the start of a diagnosis, that shows an infection or a look for one.",
    (choice("kind", ("item", "diagnosis"), "what the code is"), item("code", "item, or start of a diagnosis")),
    ("kind", "code"),
    "it shows no infection",
)  # fmt: skip
ALTERNATIVES: Final = Table(
    "drug_alternatives", "同适应证可选药品", "A drug, another of the same indication, and when it may take its place.",
    (
        item(), item("alternative_code", "the other drug"),
        starts("indications", "starts of ICD-10 codes that both treat"), *named("condition", both=True),
    ),
    ("item_code", "alternative_code"),
    "no alternative is named",
    rows=(Row(pl.col("item_code") != pl.col("alternative_code"), "a drug is no alternative to itself"),),
)  # fmt: skip

ALL: Final = (DRUGS, INDICATIONS, REQUIREMENTS_TABLE, FREQUENCIES, IMAGING, INFECTION, ALTERNATIVES)
"""The tables of this module."""
