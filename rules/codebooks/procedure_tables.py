"""The tables of procedures, operations and settlement lists."""

from __future__ import annotations

from typing import Final

import polars as pl

from domain import codes
from domain.claim import STAYS
from rules.codebooks.columns import (
    ages,
    choice,
    items,
    named,
    procedure_system,
    sex,
    start,
    starts,
    whole,
)
from rules.codebooks.form import Column, Kind, Row, Table

MEANINGS: Final = ("cancer_session", "delivery", "long_ventilation")
"""What ``procedures.csv`` may say of a code."""
EVIDENCE_KINDS: Final = ("implant", "service", "invasive_ventilation")
"""What an operation must be charged with."""

FIELDS: Final = (*[column.name for column in STAYS.columns], "principal_diagnosis_code")
"""What a claim type may have to fill."""

MEANINGS_TABLE: Final = Table(
    "procedures", "手术操作含义", "A procedure code with a meaning (of delivery and cancer_session its start).",
    (choice("meaning", MEANINGS, "what the code is"), procedure_system(), start("code", "the code, or its start")),
    ("meaning", "system", "code"),
    "the code does not have the meaning",
)  # fmt: skip
LIMITED: Final = Table(
    "procedure_limits", "限性别年龄手术", "The start of a procedure that only one sex or age has.",
    (start(), *named(), sex(), *ages()),
    ("prefix",),
    "the code is not limited",
    rows=(
        Row(pl.any_horizontal(pl.col("sex", "min_age_years", "max_age_years").is_not_null()), "the row limits neither sex nor age"),
    ),
)  # fmt: skip
OPERATIONS: Final = Table(
    "operations", "手术分级", "The start of the code of an operation, its level and whether it needs anaesthesia.",
    (start(), *named(), whole("level", "1 to 4", required=True), Column("anaesthesia", Kind.FLAG, "whether it needs anaesthesia")),
    ("prefix",),
    "the code is asked for nothing",
    rows=(Row(pl.col("level").is_between(1, 4), "the level is not 1 to 4"),),
)  # fmt: skip
EVIDENCE: Final = Table(
    "procedure_evidence", "手术对应收费", "The start of a procedure code and the items that prove what it needs.",
    (
        start(), choice("kind", EVIDENCE_KINDS, "what is to be proven"), *named(),
        choice("category", tuple(codes.CHARGE_CATEGORY), "an item of this category that the tariff lacks leaves it open"),
        items("item_codes", "items that prove it"),
    ),
    ("prefix", "kind"),
    "the procedure needs no such charge",
)  # fmt: skip
BUNDLES: Final = Table(
    "procedure_bundles", "手术包含步骤", "A comprehensive operation and a step of it.",
    (start("comprehensive", "start of the operation"), start("component", "start of the step"), *named("step")),
    ("comprehensive", "component"),
    "the procedure is no step of the operation",
)  # fmt: skip
ONCE: Final = Table(
    "once_only", "终生一次手术", "An operation that removes an organ whole, and how many of it a person has.",
    (start(), *named("organ"), whole("most", "how many a person has", required=True)),
    ("prefix",),
    "the operation may be repeated",
)  # fmt: skip
UNCOVERED: Final = Table(
    "procedures_not_covered", "不予支付手术", "A procedure outside coverage and the diagnoses that make it a repair.",
    (start(), *named(), starts("accepted_diagnoses", "starts of diagnoses that make it a repair", required=False)),
    ("prefix",),
    "the procedure is covered",
)  # fmt: skip
BILATERAL: Final = Table(
    "bilateral_procedures", "双侧手术", "An operation on both sides, and the diagnoses of one and of both sides.",
    (start(), starts("one_sided_diagnoses", "starts of diagnoses of one side"), starts("both_sided_diagnoses", "starts of diagnoses of both")),
    ("prefix",),
    "the operation is not of both sides",
)  # fmt: skip
DAY_SURGERY: Final = Table(
    "day_surgery", "日间手术病种", "The start of an operation that is usually done as day surgery.",
    (
        procedure_system(), start(), *named(),
        starts("diagnoses", "starts of principal diagnoses with which it is; empty: with any", required=False),
    ),
    ("system", "prefix"),
    "the operation is not asked to be done as day surgery",
)  # fmt: skip
REQUIRED: Final = Table(
    "required_fields", "必填项", "A field that a claim type must fill.",
    (choice("claim_type", tuple(codes.CLAIM_TYPE), "of the claim"), Column("field", meaning="name of the field in docs/fields.md", options=FIELDS, looks_like="a field of a stay in docs/fields.md")),
    ("claim_type", "field"),
    "the field may stay empty",
)  # fmt: skip

ALL: Final = (
    MEANINGS_TABLE, LIMITED, OPERATIONS, EVIDENCE, BUNDLES, ONCE, UNCOVERED, BILATERAL,
    DAY_SURGERY, REQUIRED,
)  # fmt: skip
"""The tables of this module."""
