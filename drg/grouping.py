"""What a grouper answers: a group or a reason for every stay, and what decided it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import polars as pl


class Status(StrEnum):
    """How the grouping of a stay ended."""

    GROUPED = "grouped"
    AMBIGUOUS = "ambiguous"
    """An operating procedure that has nothing to do with the principal diagnosis (QY)."""
    UNGROUPABLE = "ungroupable"
    """No category, or none of its groups, takes the stay (0000)."""
    INVALID = "invalid"
    """Something that grouping needs is missing or contradicts itself."""
    UNKNOWN_CODE = "unknown_code"
    """A code stands neither among the scheme's codes nor in its crosswalk."""
    NOT_GROUPED = "not_grouped"
    """Grouping does not apply: not an inpatient stay, or no scheme for its place and day."""


REASONS: dict[str, tuple[str, str]] = {
    "no_principal_diagnosis": ("没有主要诊断", "There is no principal diagnosis."),
    "sex_missing": ("性别为空或不明", "The sex is missing or not known."),
    "age_missing": ("年龄为空", "The age is missing."),
    "age_days_missing": ("不足一岁但没有天龄", "Under one year old, but the age in days is missing."),
    "birth_weight_missing": ("新生儿没有出生体重", "A newborn without a birth weight."),
    "unknown_diagnosis": ("诊断编码不在方案内", "A diagnosis code is not one of the scheme's."),
    "unknown_procedure": ("手术操作编码不在方案内", "A procedure code is not one of the scheme's."),
    "no_mdc": ("主要诊断不属于任何主要诊断大类", "No category takes the principal diagnosis."),
    "no_adrg": ("大类内没有适合的核心病组", "The category has no group for this stay."),
    "unrelated_procedure": (
        "手术操作与主要诊断无关",
        "A procedure has nothing to do with the principal diagnosis.",
    ),
    "outside_subset": ("编码不在方案子集内", "This pack is a subset and does not know a code."),
    "not_inpatient": ("非住院结算", "Not an inpatient stay."),
    "no_scheme": ("没有适用的分组方案", "No scheme for this place and day."),
}  # fmt: skip
"""Reasons for anything but ``grouped``, in Chinese and English. Engines may add their own."""

STAYS = pl.Schema(
    {
        "stay_id": pl.String(),
        "scheme_code": pl.String(),
        "status": pl.String(),
        "reason": pl.String(),
        "mdc": pl.String(),
        "adrg": pl.String(),
        "group_code": pl.String(),
        "alternative": pl.Int32(),
        "severity": pl.String(),
        "severity_diagnosis": pl.String(),
        "principal_diagnosis": pl.String(),
        "main_procedure": pl.String(),
    }
)
"""One row a stay, in the order of the batch.

``reason`` is null for ``grouped``. ``group_code`` is the group, ``xQY`` for an ambiguous
stay of category x, ``0000`` for an ungroupable one, else null. ``alternative`` is the
condition alternative of the ADRG that took it. ``severity`` is ``mcc``, ``cc`` or
``none``: the worst level among the secondary diagnoses that count; ``severity_diagnosis``
the first code (by ordinal) of that level. The last two are the codes after the crosswalk.
"""

DIAGNOSES = pl.Schema(
    {
        "stay_id": pl.String(),
        "ordinal": pl.Int32(),
        "code": pl.String(),
        "used_code": pl.String(),
        "level": pl.String(),
        "counted": pl.Boolean(),
        "excluded_by": pl.String(),
    }
)
"""One row a diagnosis of a stay: its level (``mcc``, ``cc`` or null), whether it counted,
and the exclusion table that took it out (null otherwise). The principal diagnosis has
``level`` null. ``used_code`` is null where the crosswalk leaves the code out."""

STEPS = pl.Schema(
    {
        "stay_id": pl.String(),
        "step": pl.Int32(),
        "owner": pl.String(),
        "code": pl.String(),
        "alternative": pl.Int32(),
        "outcome": pl.String(),
    }
)
"""The way through the scheme: categories that were ``entered`` and ``left`` without a
group, then the category, ADRG and group that were ``taken``. ``owner`` is ``mdc``,
``adrg`` or ``group``; ``code`` and ``alternative`` point to ``conditions.csv``."""

EDITS = pl.Schema(
    {
        "stay_id": pl.String(),
        "edit": pl.String(),
        "kind": pl.String(),
        "count": pl.Int32(),
        "effect": pl.String(),
    }
)
"""Edits of a code editor (MS-DRG): its name, ``diagnosis`` or ``procedure``, how many
codes it marks, and ``prepayment``, ``postpayment`` or ``both``."""


@dataclass(frozen=True, slots=True)
class Grouping:
    """The answer for one batch: frames ``STAYS``, ``DIAGNOSES``, ``STEPS`` and ``EDITS``.

    Without a trace the last three are empty.
    """

    stays: pl.DataFrame
    diagnoses: pl.DataFrame
    steps: pl.DataFrame
    edits: pl.DataFrame


def empty(schema: pl.Schema) -> pl.DataFrame:
    """A frame of that schema without rows."""
    return pl.DataFrame(schema=schema)
