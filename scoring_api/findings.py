"""GET /v1/findings: what only many stays show, of hospitals' months and physicians' days."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from scoring_api.answers import Answer, Bilingual, SeverityWord
from scoring_api.listing import MAX_PAGE, Text
from scoring_api.problems import document
from store import FindingFilter, Store

Unit = Literal["provider_month", "physician_day"]


class FindingQuery(BaseModel):
    """Query parameters of GET /v1/findings; every condition given must hold."""

    model_config = ConfigDict(extra="forbid")

    provider: Annotated[Text | None, Field(description="Hospital.")] = None
    physician: Annotated[Text | None, Field(description="Physician.")] = None
    rule: Annotated[Text | None, Field(description="A check, such as GRP-023.")] = None
    unit: Annotated[Unit | None, Field(description="A month or a day.")] = None
    period_from: Annotated[date | None, Field(description="First day.")] = None
    period_to: Annotated[date | None, Field(description="Last day.")] = None
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE, description="Findings a page.")] = 50
    cursor: Annotated[
        str | None,
        Field(
            pattern=r"^[0-4]-[0-9a-f]{32}$",
            description="Where the page starts, from the page before.",
        ),
    ] = None


class Finding(Answer):
    """What one check found on one hospital's month or physician's day."""

    finding_id: str
    rule_id: str
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
    )
    def list_findings(query: Annotated[FindingQuery, Query()]) -> Any:
        """Findings by filter, worst first, a page at a time."""
        wanted = FindingFilter(
            query.provider, query.physician, query.rule, query.unit, query.period_from,
            query.period_to,
        )  # fmt: skip
        page = store.findings(wanted, _place(query.cursor), query.limit)
        cursor = None if page.after is None else f"{page.after[0]}-{page.after[1]}"
        return {
            "findings": [_tell(row) for row in page.rows],
            "cursor": cursor,
            "next": None if cursor is None else f"/v1/findings?{_query_string(query, cursor)}",
        }

    return router


def _place(cursor: str | None) -> tuple[int, str] | None:
    return None if cursor is None else (int(cursor[0]), cursor[2:])


def _tell(row: Mapping[str, Any]) -> dict[str, Any]:
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
