"""What to list: the filter and order as query parameters, shared by the API and the page."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.types import StringConstraints

from domain.access import ALL_ROWS, Rows
from domain.results import Severity
from store import AlertFilter, AlertSort

MAX_PAGE: Final = 200

Currency = Literal["CNY", "USD"]
# PostgreSQL text cannot hold U+0000.
Text = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00]*$")]


class AlertQuery(BaseModel):
    """Query parameters of GET /v1/alerts; every condition given must hold."""

    model_config = ConfigDict(extra="forbid")

    severity: Annotated[
        list[Severity], Field(default_factory=list, max_length=5, description="Any of these.")
    ]
    min_severity: Annotated[Severity | None, Field(description="This severity or a worse one.")] = (
        None
    )
    status: Annotated[Text | None, Field(description="Status, such as new.")] = None
    rule: Annotated[Text | None, Field(description="A check that hit, such as ADM-003.")] = None
    family: Annotated[
        Text | None, Field(description="Family of a check that hit, such as ADM.")
    ] = None
    provider: Annotated[Text | None, Field(description="Hospital.")] = None
    department: Annotated[Text | None, Field(description="Department.")] = None
    physician: Annotated[Text | None, Field(description="Attending physician.")] = None
    currency: Annotated[Currency | None, Field(description="Currency of the amounts.")] = None
    min_exposure_fen: Annotated[
        int | None,
        Field(
            ge=0, lt=2**63, description="Least money at stake, in the hundredth of the currency."
        ),
    ] = None
    min_score: Annotated[float | None, Field(ge=0, le=1, description="Least fraud score.")] = None
    admitted_from: Annotated[date | None, Field(description="First admission date.")] = None
    admitted_to: Annotated[date | None, Field(description="Last admission date.")] = None
    text: Annotated[
        Text | None, Field(description="Looked for in titles, stay, hospital and check ids.")
    ] = None
    group: Annotated[Text | None, Field(description="Group that pays, such as ES33.")] = None
    superseded: Annotated[
        bool,
        Field(description="List also alerts of claims that were judged again since."),
    ] = False
    sort: Annotated[AlertSort, Field(description="Order; highest or latest first.")] = (
        AlertSort.PRIORITY
    )
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE, description="Alerts a page.")] = 50
    cursor: Annotated[
        str | None,
        Field(max_length=512, description="Where the page starts, from the page before."),
    ] = None

    def wanted(self, rows: Rows = ALL_ROWS) -> AlertFilter:
        """The conditions as the store takes them, within the rows that the caller may see."""
        return AlertFilter(
            severities=frozenset(self.severity),
            min_severity=self.min_severity,
            status=self.status,
            rule_id=self.rule,
            family=self.family,
            provider_id=self.provider,
            department=self.department,
            physician_id=self.physician,
            currency=self.currency,
            min_exposure_fen=self.min_exposure_fen,
            min_score=self.min_score,
            admitted_from=self.admitted_from,
            admitted_to=self.admitted_to,
            text=self.text,
            group=self.group,
            superseded=self.superseded,
            rows=rows,
        )
