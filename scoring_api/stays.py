"""GET /v1/stays: the stays behind the numbers of the cockpit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Path, Query, Request
from pydantic import Field

from domain.access import Permission, Principal
from scoring_api import cockpit, cursors
from scoring_api.access import masked, needs, who
from scoring_api.answers import Answer, SeverityWord
from scoring_api.cockpit import CockpitQuery
from scoring_api.listing import MAX_PAGE
from scoring_api.problems import ProblemError, document
from store import Store
from store.cells import Selection

Kind = Literal[
    "grouped", "ungrouped", "over_standard", "high_outlier", "low_outlier", "readmitted", "died",
    "low_risk_death", "alert", "confirmed", "recovered",
]  # fmt: skip
StayId = Annotated[str, Path(max_length=64, pattern=r"^[^\x00]+$")]
_CURSOR: Final = re.compile(r"^(\d{4}-\d\d-\d\d)_(.{1,64})$")
_TOLD: Final = (
    "stay_id", "provider_id", "department", "attending_physician_id", "currency", "admission_date",
    "discharge_date", "scheme_code", "group_status", "group_code", "grouped", "payment_case",
    "payment_standard_fen", "payment_fen", "balance_fen", "total_amount_fen", "stay_days",
    "drug_fen", "consumable_fen", "over_standard", "readmitted", "died", "alert_id", "severity",
    "exposure_fen",
)  # fmt: skip


class StayQuery(CockpitQuery):
    """Query parameters of GET /v1/stays: those of the cockpit, and which of its stays."""

    kind: Annotated[Kind | None, Field(description="Which of these stays; all by default.")] = None
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE, description="Stays a page.")] = 50
    cursor: Annotated[
        str | None,
        Field(
            max_length=80,
            pattern=r"^\d{4}-\d\d-\d\d_[^\x00]{1,64}$",
            description="Where the page starts, from the page before.",
        ),
    ] = None

    def place(self) -> tuple[date, str] | None:
        """Where the page starts; None for the first one. A 400 problem if the day is none."""
        found = _CURSOR.match(self.cursor or "")
        if found is None:
            return None
        try:
            return date.fromisoformat(found[1]), found[2]
        except ValueError as error:
            raise cursors.unreadable() from error


class Stay(Answer):
    """What one discharged inpatient stay measured; nothing in it names the patient."""

    stay_id: str
    provider_id: str
    department: str | None
    attending_physician_id: str | None
    currency: str
    admission_date: date
    discharge_date: date | None
    scheme_code: str | None
    group_status: str
    group_code: str | None
    grouped: bool
    weight: float | None
    payment_case: str | None
    payment_standard_fen: int | None
    payment_fen: int | None
    balance_fen: int | None
    """The group's payment less the total."""
    total_amount_fen: int | None
    stay_days: int | None
    drug_fen: int | None
    """Null without charge lines, which is not 0."""
    consumable_fen: int | None
    over_standard: bool | None
    readmitted: bool | None
    died: bool | None
    alert_id: str | None
    """The alert on the decision that counts; null if it raised none."""
    severity: SeverityWord | None
    exposure_fen: int | None


class StayList(Answer):
    """A page of stays, last discharge first."""

    stays: list[Stay]
    total: int | None
    """How many the filter finds; null on all but the first page."""
    cursor: str | None
    next: str | None
    """Address of the next page; null on the last one."""


def route(store: Store) -> APIRouter:
    """The routes, with what they read."""
    router = APIRouter()

    @router.get(
        "/v1/stays", response_model=StayList, responses=document(400, 422, 503),
        summary="List the stays behind an indicator", tags=["indicators"],
        dependencies=[needs(Permission.INDICATORS_READ)],
    )  # fmt: skip
    def list_stays(request: Request, query: Annotated[StayQuery, Query()]) -> Any:
        """Discharged inpatient stays that count, by the filter of the cockpit, a page at a time."""
        found = read(store, query, who(request), limit=query.limit)
        more = f"/v1/stays?{found['more']}&limit={query.limit}" if found["more"] else None
        return {
            "stays": masked(who(request), found["rows"]),
            "total": found["total"],
            "cursor": found["cursor"],
            "next": more,
        }

    @router.get(
        "/v1/stays/{stay_id}", response_model=Stay, responses=document(404, 422, 503),
        summary="Open a stay", tags=["indicators"],
        dependencies=[needs(Permission.INDICATORS_READ)],
    )  # fmt: skip
    def open_stay(request: Request, stay_id: StayId) -> Any:
        """What one stay measured in the decision that counts."""
        return masked(who(request), find(store, stay_id, who(request)))

    return router


def read(store: Store, query: StayQuery, principal: Principal, *, limit: int) -> dict[str, Any]:
    """One page: ``wanted``, ``rows``, ``total`` (first page only), ``cursor``, ``more`` (query string)."""
    wanted, _, _ = cockpit.select(store, query, principal)
    low_risk = None
    if query.kind == "low_risk_death":
        low_risk = store.indicators.low_risk(wanted.currency, wanted.first)
    page = store.measured.stays(wanted, query.kind, low_risk, query.place(), limit)
    cursor = None if page.after is None else f"{page.after[0].isoformat()}_{page.after[1]}"
    return {
        "wanted": wanted,
        "rows": [tell(row) for row in page.rows],
        "total": None if query.cursor else store.measured.count_stays(wanted, query.kind, low_risk),
        "cursor": cursor,
        "more": _next(wanted, query, cursor),
    }


def find(store: Store, stay_id: str, principal: Principal) -> dict[str, Any]:
    """The stay; a 404 problem if there is none that the caller may see."""
    row = store.measured.stay(stay_id)
    if row is None or not principal.rows.allow(
        row["provider_id"], row["department"], row["attending_physician_id"]
    ):
        raise ProblemError(
            404,
            "not-found",
            f"No measured stay has the id {stay_id}.",
            cure="Take an id from GET /v1/stays.",
        )
    return tell(row)


def tell(row: Mapping[str, Any]) -> dict[str, Any]:
    """A stored row as plain data, in the form of ``Stay``."""
    weight = row["weight_e4"]
    return {name: row[name] for name in _TOLD} | {
        "weight": None if weight is None else weight / 10_000
    }


def _next(wanted: Selection, query: StayQuery, cursor: str | None) -> str | None:
    if cursor is None:
        return None
    return cockpit.query_string(wanted, kind=query.kind or "", cursor=cursor)
