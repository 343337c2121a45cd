"""Facts of diagnoses: the principal one, symptoms, external causes, repetitions."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from typing import Final

import polars as pl

from domain import codes
from domain.claim import DIAGNOSES
from rules.codebooks import Place
from rules.facts import reference
from rules.facts.fact import Fact, Kind, declare, from_fields
from rules.facts.source import ROW, STAY, Source

FLAG, INTEGER, TEXT = Kind.FLAG, Kind.INTEGER, Kind.TEXT
_NONE: Final = "the claim has no diagnosis"

# fmt: off
_OF_STAY: Final = declare("stay", "diagnoses", (
    ("diagnosis_count", INTEGER, "诊断条数", "number of diagnoses", "Diagnoses on the list.", _NONE),
    ("principal_diagnosis_code", TEXT, "主要诊断编码", "principal diagnosis", "Code of the first diagnosis.", _NONE),
    ("principal_present_on_admission", TEXT, "主要诊断入院病情", "present on admission of the principal diagnosis",
     "1 yes, 2 undetermined, 3 unknown, 4 no.", "the claim does not state it"),
    ("principal_is_external_cause", FLAG, "主要诊断为外因编码", "principal diagnosis is an external cause",
     "The first code names what caused an injury (ICD-10 V to Y, ICD-9 E).", _NONE),
    ("principal_is_symptom", FLAG, "主要诊断为症状体征", "principal diagnosis is a symptom",
     "The first code lies in the chapter of symptoms and signs.", _NONE),
    ("principal_is_treatment_cycle", FLAG, "主要诊断为周期性治疗", "principal diagnosis is a treatment cycle",
     "The first code is a session of chemotherapy, radiotherapy or dialysis.", _NONE),
    ("principal_is_birth_related", FLAG, "主要诊断属产科或围产期", "principal diagnosis is obstetric or perinatal",
     "The first code lies in the chapters of pregnancy and birth or of the perinatal period.", _NONE),
    ("definite_secondary_codes", TEXT, "明确的其他诊断", "definite secondary diagnoses",
     "The codes that make the next fact true, joined by a comma.", "there is none"),
    ("has_definite_secondary_diagnosis", FLAG, "存在明确的其他诊断", "has a definite secondary diagnosis",
     "A further code that is neither symptom, status nor external cause, and was not acquired in hospital.",
     "such a code exists but whether it was present on admission is not stated"),
))
OF_STAY: Final = tuple(
    replace(f, codes=codes.PRESENT_ON_ADMISSION) if f.name == "principal_present_on_admission" else f
    for f in _OF_STAY
)
OWN: Final = declare("diagnosis", "diagnoses", (
    ("same_code_before", INTEGER, "此前相同诊断数", "earlier entries of the same code",
     "Entries of the list before this one with the same code.", None),
))
LINES: Final[tuple[Fact, ...]] = (
    *from_fields(DIAGNOSES, "diagnosis", {
        "ordinal": "diagnosis_ordinal", "code": "diagnosis_code", "name": "diagnosis_name",
        "present_on_admission": "present_on_admission",
    }),
    *OWN,
)
# fmt: on


_first: Final = pl.col("ordinal") == 1
_definite: Final = (
    ~_first
    & ~pl.col("symptom")
    & ~pl.col("status")
    & ~pl.col("external_cause")
    & pl.col("present_on_admission").is_in(["1", "2", "3"])
)
_sure: Final = _definite.fill_null(value=False)
_named: Final = pl.col("code").filter(_sure).sort_by(pl.col("ordinal").filter(_sure))
_LISTED: Final = [
    pl.col("stay_id").first(),
    pl.len().alias("diagnosis_count"),
    pl.when(_named.len() > 0).then(_named.str.join(",")).alias("definite_secondary_codes"),
    _definite.any(ignore_nulls=False).alias("has_definite_secondary_diagnosis"),
]
_LEADING: Final = [
    pl.col("code").alias("principal_diagnosis_code"),
    pl.col("present_on_admission").alias("principal_present_on_admission"),
    pl.col("external_cause").alias("principal_is_external_cause"),
    pl.col("symptom").alias("principal_is_symptom"),
    pl.col("treatment_cycle").alias("principal_is_treatment_cycle"),
    pl.col("birth_related").alias("principal_is_birth_related"),
]
_MEANINGS: Final = ("external_cause", "symptom", "status", "treatment_cycle", "birth_related")


def of_stay(source: Source) -> pl.DataFrame:
    """The facts ``OF_STAY``; a claim without diagnoses is left out."""
    rows = _coded(source)
    heads = rows.filter(_first).select(STAY, *_LEADING).unique(STAY)
    return rows.group_by(STAY).agg(_LISTED).join(heads, on=STAY, how="left")


_LINE: Final = [
    pl.concat_str(pl.lit("dx-"), pl.col("ordinal")).alias(":subject_id"),
    pl.col("ordinal").alias("diagnosis_ordinal"),
    pl.col("code").alias("diagnosis_code"),
    pl.col("name").alias("diagnosis_name"),
    pl.col("present_on_admission"),
    pl.lit(0, pl.Int64).alias("same_code_before"),
]


def lines(source: Source) -> pl.DataFrame:
    """The facts ``LINES``, one row a diagnosis."""
    rows = source.keyed("diagnoses")
    found = rows.select(STAY, ROW, *_LINE)
    # Most codes stand once, so only those that repeat are counted.
    same = [STAY, "norm"]
    norms = rows.select(STAY, ROW, "ordinal", normal("code").alias("norm"))
    repeated = norms.filter(norms.select(same).is_duplicated()).sort(STAY, "ordinal")
    if repeated.is_empty():
        return found
    count = (pl.col("norm").cum_count().over(same).cast(pl.Int64) - 1).alias("same_code_before")
    return found.update(repeated.select(ROW, count), on=ROW)


def normal_codes(rows: pl.DataFrame) -> pl.Series:
    """The column ``code`` as compared."""
    return rows.select(normal("code")).to_series().alias("norm")


def normal(column: str) -> pl.Expr:
    """A code as compared: upper case, without dots and blanks around it."""
    return (
        pl.col(column).str.strip_chars().str.to_uppercase().str.replace_all(".", "", literal=True)
    )


def is_any(meaning: str, code: pl.Expr, folder: Place) -> pl.Expr:
    """Whether a normalised code has the meaning in its own system (``diagnosis_system``)."""
    found = pl.lit(value=False)
    for system, pattern in _patterns(meaning, folder):
        found |= (pl.col("diagnosis_system") == system) & code.str.contains(pattern)
    return found


@cache
def _patterns(meaning: str, folder: Place) -> tuple[tuple[str, str], ...]:
    """(diagnosis system, pattern of the start of its codes) of a meaning."""
    by_system: dict[str, list[str]] = {}
    for system, prefix in reference.diagnosis_prefixes(meaning, folder):
        by_system.setdefault(system, []).append(re.escape(prefix))
    return tuple((s, f"^(?:{'|'.join(prefixes)})") for s, prefixes in by_system.items())


def _coded(source: Source) -> pl.DataFrame:
    """Diagnoses with their meanings as flags; each distinct code is looked at once."""
    rows = source.keyed("diagnoses").select(
        STAY, "stay_id", "ordinal", "code", "present_on_admission"
    )
    systems = source.table("stays")["diagnosis_system"].gather(rows[STAY])
    rows = rows.hstack([systems])
    key = ["diagnosis_system", "code"]
    meanings = (
        rows.select(key)
        .unique()
        .with_columns(
            is_any(meaning, normal("code"), source.reference).alias(meaning)
            for meaning in _MEANINGS
        )
    )
    return rows.join(meanings, on=key, how="left", maintain_order="left")
