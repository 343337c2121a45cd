"""The tables of diagnoses: meanings, limits, partners, evidence."""

from __future__ import annotations

from typing import Final

import polars as pl

from rules.codebooks.columns import (
    ages,
    choice,
    diagnosis_system,
    item,
    named,
    sex,
    start,
    starts,
    text,
    whole,
)
from rules.codebooks.form import Dating, Row, Table

MEANINGS: Final = (
    "acute_event", "asterisk", "birth_outcome", "birth_related", "brain_injury", "complication",
    "delivery", "external_cause", "grey", "malignant", "outpatient_treatable", "perinatal",
    "poa_exempt", "pregnancy", "psychiatric", "status", "symptom", "third_party",
    "treatment_cycle", "unacceptable_principal",
)  # fmt: skip
"""What ``diagnoses.csv`` may say of a code; ``unacceptable_principal``: never
a principal diagnosis; ``grey``: not to be used for settlement (灰码), which no check reads yet."""
PARTNER_RELATIONS: Final = ("needs", "dagger", "excludes")
"""How two diagnoses may depend on each other (``diagnosis_partners.csv``)."""
ROLES: Final = ("heavier", "lighter")
"""The sides of a pair of principal diagnoses (``diagnosis_pairs.csv``)."""

MEANINGS_TABLE: Final = Table(
    "diagnoses", "诊断含义", "The start of a diagnosis code with a meaning.",
    (choice("meaning", MEANINGS, "what the code is"), diagnosis_system(), start()),
    ("meaning", "system", "prefix"),
    "the code does not have the meaning",
)  # fmt: skip
LIMITED: Final = Table(
    "limited_diagnoses", "限性别年龄诊断", "The start of a diagnosis of one sex or an age.",
    (diagnosis_system(), start(), sex(), *ages()),
    ("system", "prefix"),
    "the code is not limited",
    rows=(
        Row(pl.any_horizontal(pl.col("sex", "min_age_years", "max_age_years").is_not_null()), "the row limits neither sex nor age"),
    ),
)  # fmt: skip
PARTNERS: Final = Table(
    "diagnosis_partners", "诊断间关系", "One side of a rule on two diagnoses: needs, dagger and asterisk, excludes.",
    (
        choice("relation", PARTNER_RELATIONS, "needs: a code `of` it stands with one `with` it; dagger: an asterisk code and its dagger codes; excludes: both cannot hold"),
        text("rule", "name of the rule"), choice("side", ("of", "with"), "which side"), diagnosis_system(), start(),
    ),
    ("relation", "rule", "side", "system", "prefix"),
    "the code is not judged",
    whole=(Row(pl.col("side").n_unique().over("relation", "rule") == 2, "the rule has only one side"),),
)  # fmt: skip
NAMES: Final = Table(
    "diagnosis_names", "诊断名称用词", "A word of a diagnosis name and the start of a code that it fits.",
    (text("word", "as it stands in the name"), diagnosis_system(), start()),
    ("word", "system", "prefix"),
    "a name with none of the words is not judged",
)  # fmt: skip
PAIRS: Final = Table(
    "diagnosis_pairs", "主诊断替换对", "The start of a principal diagnosis that is the heavier or lighter one of a pair.",
    (text("pair", "name of the pair"), choice("role", ROLES, "which one"), diagnosis_system(), start()),
    ("pair", "role", "system", "prefix"),
    "the diagnosis is not compared",
    whole=(Row(pl.col("role").n_unique().over("pair") == 2, "the pair lacks a heavier or a lighter diagnosis"),),
)  # fmt: skip
TREATABLE: Final = Table(
    "outpatient_treatable", "门诊可治疾病", "The start of a principal diagnosis that a clinic usually treats (shares of a hospital).",
    (diagnosis_system(), start()),
    ("system", "prefix"),
    "the diagnosis does not count",
)  # fmt: skip
INDICATED: Final = Table(
    "items_with_indication", "项目对应诊断", "A treatment or drug item and the start of a diagnosis that explains it, written widely.",
    (item(), diagnosis_system(), start()),
    ("item_code", "system", "prefix"),
    "the item implies nothing",
    Dating.LINE,
)  # fmt: skip
EVIDENCE: Final = Table(
    "diagnosis_evidence", "诊断证据", "A test, drug, treatment or operation that shows a diagnosis; the longest start holds.",
    (
        diagnosis_system("diagnosis_system"), start(),
        choice("kind", ("item", "flag", "category", "procedure"), "what the value is: an item, a flag of items.csv, a charge category, the start of a procedure"),
        text("value", "what shows it"), whole("least", "on how many days it must stand", required=True), *named(both=True),
    ),
    ("diagnosis_system", "prefix", "kind", "value"),
    "the diagnosis is not judged",
    Dating.LINE,
)  # fmt: skip
ACQUIRED: Final = Table(
    "hospital_acquired", "医院获得性疾病", "The start of a diagnosis that good care mostly prevents.",
    (diagnosis_system("diagnosis_system"), start(), *named(both=True)),
    ("diagnosis_system", "prefix"),
    "the diagnosis is not asked",
    Dating.LINE,
)  # fmt: skip
MINOR: Final = Table(
    "minor_complications", "轻微合并症", "A principal diagnosis and a minor part of it.",
    (diagnosis_system("diagnosis_system"), start("principal_prefix", "start of the principal diagnosis"), start(meaning="start of the minor one")),
    ("diagnosis_system", "principal_prefix", "prefix"),
    "the diagnosis is not minor",
    Dating.LINE,
)  # fmt: skip
TRAUMA: Final = Table(
    "trauma_regions", "创伤部位", "The body region of an injury.",
    (diagnosis_system("diagnosis_system"), start(), *named("region", both=True)),
    ("diagnosis_system", "prefix"),
    "the diagnosis is no injury of a region",
)  # fmt: skip
WORDS: Final = Table(
    "condition_words", "限定支付病种用词", "A word of a restricted indication and the starts of the codes that it means.",
    (text("word", "as it stands in the restriction"), diagnosis_system(), starts("prefixes", "starts of codes")),
    ("word", "system"),
    "a restriction with the word is not understood; only the import of drug lists reads the table",
)  # fmt: skip

ALL: Final = (
    MEANINGS_TABLE, LIMITED, PARTNERS, NAMES, PAIRS, TREATABLE, INDICATED, EVIDENCE, ACQUIRED,
    MINOR, TRAUMA, WORDS,
)  # fmt: skip
"""The tables of this module."""
