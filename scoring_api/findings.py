"""GET /v1/findings: what only many stays show, of hospitals' months and physicians' days."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Final, Literal, get_args
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from domain.access import ALL_ROWS, Permission, Principal, Rows
from scoring_api.access import masked, needs, refuse_search, who
from scoring_api.answers import Answer, Bilingual, SeverityWord
from scoring_api.listing import MAX_PAGE, Text
from scoring_api.problems import ProblemError, document
from store import FindingFilter, Store

FindingId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
Unit = Literal["provider_month", "physician_day"]
UNITS: Final[tuple[str, ...]] = get_args(Unit)
"""Units of checks whose hits are findings on many stays."""


class FindingQuery(BaseModel):
    """Query parameters of GET /v1/findings; every condition given must hold."""

    model_config = ConfigDict(extra="forbid")

    provider: Annotated[Text | None, Field(description="Hospital.")] = None
    physician: Annotated[Text | None, Field(description="Physician.")] = None
    rule: Annotated[Text | None, Field(description="A check, such as GRP-023.")] = None
    unit: Annotated[Unit | None, Field(description="A month or a day.")] = None
    period_from: Annotated[date | None, Field(description="First day.")] = None
    period_to: Annotated[date | None, Field(description="Last day.")] = None
    closed: Annotated[
        bool, Field(description="List those too that were judged again and not found.")
    ] = False
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE, description="Findings a page.")] = 50
    cursor: Annotated[
        str | None,
        Field(
            pattern=r"^[0-4]-[0-9a-f]{32}$",
            description="Where the page starts, from the page before.",
        ),
    ] = None

    def wanted(self, rows: Rows = ALL_ROWS) -> FindingFilter:
        """The conditions as the store takes them, within the rows that the caller may see."""
        return FindingFilter(
            self.provider,
            self.physician,
            self.rule,
            self.unit,
            self.period_from,
            self.period_to,
            self.closed,
            rows,
        )

    def place(self) -> tuple[int, str] | None:
        """Where the page starts; None for the first one."""
        return None if self.cursor is None else (int(self.cursor[0]), self.cursor[2:])


class Finding(Answer):
    """What one check found on one hospital's month or physician's day."""

    finding_id: str
    rule_id: str
    rule_sha256: str
    unit: Unit
    subject_id: str
    provider_id: str
    physician_id: str | None
    period_start: date
    period_end: date
    upto: date
    """Only claims that ended before this day were used."""
    severity: SeverityWord
    cause: str
    exposure_fen: int | None
    """In the hundredth of `currency`; null where nobody knows."""
    currency: str
    stay_count: int
    """Claims behind the period."""
    title: Bilingual
    finding: Bilingual
    thresholds: dict[str, Any]
    facts: dict[str, Any]
    closed_at: datetime | None
    """When it was judged again and no longer held; null while it holds."""
    closed_because: str | None


class FindingList(Answer):
    """A page of findings, worst first."""

    findings: list[Finding]
    cursor: str | None
    next: str | None
    """Address of the next page; null on the last one."""


def route(store: Store) -> APIRouter:
    """The route, with what it reads."""
    router = APIRouter()

    @router.get(
        "/v1/findings",
        response_model=FindingList,
        responses=document(422, 503),
        summary="List findings on months and days",
        tags=["findings"],
        dependencies=[needs(Permission.ALERTS_READ)],
    )
    def list_findings(request: Request, query: Annotated[FindingQuery, Query()]) -> Any:
        """Findings by filter, worst first, a page at a time."""
        refuse_search(who(request), query.physician)
        page = store.findings(query.wanted(who(request).rows), query.place(), query.limit)
        cursor = None if page.after is None else write_cursor(page.after)
        return {
            "findings": [masked(who(request), tell(row)) for row in page.rows],
            "cursor": cursor,
            "next": None if cursor is None else f"/v1/findings?{_query_string(query, cursor)}",
        }

    @router.get(
        "/v1/findings/{finding_id}",
        response_model=Finding,
        responses=document(404, 422, 503),
        summary="Open a finding",
        tags=["findings"],
        dependencies=[needs(Permission.ALERTS_READ)],
    )
    def open_finding(request: Request, finding_id: FindingId) -> Any:
        """One finding with its thresholds and facts."""
        return masked(who(request), tell(find(store, finding_id, who(request))))

    return router


def find(store: Store, finding_id: str, principal: Principal) -> Mapping[str, Any]:
    """The stored finding; ProblemError 404 if there is none that the caller may see."""
    row = store.finding(finding_id)
    if row is None or not principal.rows.allow(row["provider_id"], None, row["physician_id"]):
        raise ProblemError(
            404,
            "not-found",
            f"No finding has the id {finding_id}.",
            cure="Take an id from GET /v1/findings.",
        )
    return row


def write_cursor(after: tuple[int, str]) -> str:
    """The place after which the next page starts, as the query parameter ``cursor``."""
    return f"{after[0]}-{after[1]}"


def tell(row: Mapping[str, Any]) -> dict[str, Any]:
    """A stored finding as plain data, in the form of ``Finding``."""
    return {
        **{name: row[name] for name in Finding.model_fields if name in row},
        "title": {"zh": row["title_zh"], "en": row["title_en"]},
        "finding": {"zh": row["finding_zh"], "en": row["finding_en"]},
        "thresholds": json.loads(row["thresholds"]),
        "facts": json.loads(row["facts"]),
    }


def _query_string(query: FindingQuery, cursor: str) -> str:
    given = query.model_dump(mode="json", exclude_defaults=True, exclude={"cursor"})
    return urlencode({**given, "cursor": cursor})
