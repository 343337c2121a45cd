"""The list of patients in hospital: whose they are, where their cost stands, what stands open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from domain.access import Principal
from domain.service import Ward
from scoring_api.bodies import whole
from scoring_api.ward import attention
from scoring_api.ward.answering import key_of
from scoring_api.ward.attention import Level
from scoring_api.ward.drawing import draw_bar
from store import Store

Json = dict[str, Any]

PAGE: Final = 25
"""Patients a page: a large ward; more are not read at one look."""
MOST: Final = 400
"""Stays that are compared with each other for one list; beyond that one has to narrow it down."""
_UNKNOWN: Final = (
    "admission_date", "as_of", "day_of_stay", "sex", "age_years", "diagnosis", "group", "group_name",
    "standard_fen", "expected_fen", "projected_fen", "low_fen", "high_fen", "probability_over_standard",
    "standard_reached_on", "projected_discharge", "absent",
)  # fmt: skip
_ATTENTION: Final = frozenset({Level.OVER, Level.HEADING})


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the filter asks for."""

    department: str | None
    only: bool
    page: int

    @property
    def filtered(self) -> bool:
        """Whether anything is left out."""
        return self.department is not None or self.only


@dataclass(frozen=True, slots=True)
class Listed:
    """One page of the list. ``more``: there are stays beyond ``MOST`` that were not looked at."""

    rows: Sequence[Json]
    total: int
    attention: int
    pages: int
    more: bool


def read_wanted(query: Mapping[str, str]) -> Wanted:
    """The filter of a query; what cannot be read is no condition."""
    department = query.get("department", "").strip()[:64] or None
    page = whole(query.get("page", ""), 4) or 1
    return Wanted(department, query.get("only") == "1", max(page, 1))


def read(
    store: Store, ward: Ward, principal: Principal, wanted: Wanted, answered: Mapping[str, datetime]
) -> Listed:
    """The page, those who need a look first. ``answered``: subject (``key_of``) -> when it was last answered."""
    found = store.ward.stays(principal.rows, department=wanted.department, most=MOST + 1)
    more = len(found) > MOST
    found = found[:MOST]
    standing = store.ward.standing([row["stay_id"] for row in found])
    glances = ward.glance({row["stay_id"]: row["version"] for row in found})
    rows = [
        _row(row, glances.get(row["stay_id"]), open_of(standing.get(row["stay_id"], ()), answered))
        for row in found
    ]
    if wanted.only:
        rows = [row for row in rows if row["open"]]
    rows = attention.sort(rows)
    first = (wanted.page - 1) * PAGE
    shown = [row | {"bar": draw_bar(row, row["level"])} for row in rows[first : first + PAGE]]
    return Listed(
        shown,
        len(rows),
        sum(bool(row["warnings"]) or row["level"] in _ATTENTION for row in rows),
        max(1, -(-len(rows) // PAGE)),
        more,
    )


def open_of(suggestions: Iterable[Json], answered: Mapping[str, datetime]) -> list[Json]:
    """Those not answered since they were made."""
    return [
        one
        for one in suggestions
        if (at := answered.get(key_of(one["stay_id"], one["cause"], one["subject_id"]))) is None
        or at < one["created_at"]
    ]


def _row(row: Json, glance: Json | None, suggestions: Sequence[Json]) -> Json:
    told = dict.fromkeys(_UNKNOWN) | {"running_fen": row["running_cost_fen"]} | (glance or {})
    merged = {**told, **row}
    level = attention.level_of(merged)
    return {
        **merged,
        "level": level,
        "percent": attention.share(merged["running_fen"], merged["standard_fen"]),
        "suggestions": suggestions,
        "open": len(suggestions),
        "warnings": sum(one["indicator"] == "warning" for one in suggestions),
    }
