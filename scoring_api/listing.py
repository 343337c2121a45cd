"""What to list: the filter and order as query parameters, shared by the API and the page."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.types import StringConstraints

from domain.access import ALL_ROWS, Permission, Principal
from domain.results import Severity
from domain.work import OPEN_STATUSES
from scoring_api.access import refuse_search
from store import AlertFilter, AlertSort

MAX_PAGE: Final = 200

Currency = Literal["CNY", "USD"]
Status = Literal["new", "in_review", "in_case", "reviewed", "open"]
ME: Final = "me"
NOBODY: Final = "nobody"
# PostgreSQL text cannot hold U+0000.
Text = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00]*$")]


Cluster = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=r"^[^\x00]*$")]
# A day after or before which no instant can be told is no day to ask for.
Day = Annotated[date, Field(ge=date(1900, 1, 1), le=date(9000, 1, 1))]


class AlertQuery(BaseModel):
    """Query parameters of GET /v1/alerts; every condition given must hold."""

    model_config = ConfigDict(extra="forbid")

    severity: Annotated[
        list[Severity], Field(default_factory=list, max_length=5, description="Any of these.")
    ]
    min_severity: Annotated[Severity | None, Field(description="This severity or a worse one.")] = (
        None
    )
    status: Annotated[
        list[Status],
        Field(
            default_factory=list,
            max_length=5,
            description="Any of these; `open` is all on which work is to be done.",
        ),
    ]
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
    max_exposure_fen: Annotated[
        int | None, Field(ge=0, lt=2**63, description="Most money at stake, in the same unit.")
    ] = None
    min_score: Annotated[float | None, Field(ge=0, le=1, description="Least fraud score.")] = None
    max_score: Annotated[float | None, Field(ge=0, le=1, description="Highest fraud score.")] = None
    admitted_from: Annotated[date | None, Field(description="First admission date.")] = None
    admitted_to: Annotated[date | None, Field(description="Last admission date.")] = None
    created_from: Annotated[
        Day | None, Field(description="First day on which the alert was raised, in China.")
    ] = None
    created_to: Annotated[Day | None, Field(description="Last such day.")] = None
    assignee: Annotated[
        Text | None,
        Field(description="Who has it: an account, `me`, or `nobody`."),
    ] = None
    overdue: Annotated[bool, Field(description="Only open ones whose due time is past.")] = False
    cluster: Annotated[
        Cluster | None, Field(description="Similar alerts, by `cluster` of one of them.")
    ] = None
    text: Annotated[
        Text | None,
        Field(
            description="Looked for in titles, stay, hospital, department, physician and check ids; "
            "of several words each must be there."
        ),
    ] = None
    group: Annotated[Text | None, Field(description="Group that pays, such as ES33.")] = None
    superseded: Annotated[
        bool,
        Field(description="List also alerts of claims that were judged again since."),
    ] = False
    sort: Annotated[AlertSort, Field(description="Order; highest or latest first.")] = (
        AlertSort.EXPECTED_LOSS
    )
    gather: Annotated[
        bool,
        Field(description="List one alert a cluster, its best, with the sums of the cluster."),
    ] = False
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE, description="Alerts a page.")] = 50
    cursor: Annotated[
        str | None,
        Field(max_length=512, description="Where the page starts, from the page before."),
    ] = None

    def wanted(self, me: Principal | None = None) -> AlertFilter:
        """The conditions as the store takes them, within what the caller ``me`` may see.

        A 403 problem if it looks for a physician, and the caller may not read who that is.
        """
        if me is not None:
            refuse_search(me, self.physician)
        statuses: set[str] = set(self.status)
        if "open" in statuses:
            statuses = statuses - {"open"} | set(OPEN_STATUSES)
        who: dict[str, Any] = {"unassigned": self.assignee == NOBODY}
        if self.assignee not in (None, NOBODY):
            # Without an account nobody is the caller.
            caller = "" if me is None else me.user_id
            who["assignee"] = caller if self.assignee == ME else self.assignee
        return AlertFilter(
            severities=frozenset(self.severity),
            min_severity=self.min_severity,
            statuses=frozenset(statuses),
            rule_id=self.rule,
            family=self.family,
            provider_id=self.provider,
            department=self.department,
            physician_id=self.physician,
            currency=self.currency,
            min_exposure_fen=self.min_exposure_fen,
            max_exposure_fen=self.max_exposure_fen,
            min_score=self.min_score,
            max_score=self.max_score,
            admitted_from=self.admitted_from,
            admitted_to=self.admitted_to,
            created_from=self.created_from,
            created_to=self.created_to,
            overdue=self.overdue,
            cluster=self.cluster,
            text=self.text,
            group=self.group,
            superseded=self.superseded,
            rows=ALL_ROWS if me is None else me.rows,
            by_physician=me is None or me.may(Permission.IDENTIFIERS_READ),
            **who,
        )
