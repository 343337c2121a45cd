"""POST /v1/orders:check and GET /v1/open-stays: patients in hospital, judged before the claim."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote

import anyio
import anyio.to_thread
import msgspec
from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from domain.access import Permission
from domain.orders import event_schema
from domain.service import CheckOrders
from scoring_api import bodies, evidence
from scoring_api.access import masked, needs, who
from scoring_api.answers import Answer, Bilingual, RefusedClaim, SeverityWord
from scoring_api.listing import MAX_PAGE, Text
from scoring_api.problems import ProblemError, document
from store import Store

MAX_EVENTS: Final = 200
"""Events of one request: a person's orders of one moment; streams go through the topic."""
_AT_ONCE: Final = 4
"""Requests worked on side by side; see ``assessing``."""

PhaseWord = Literal["waiting", "open", "discharged", "void", "closed"]
StayId = Annotated[str, Path(max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]*$")]

EXAMPLE: Final[dict[str, Any]] = {
    "events": [
        {
            "event_id": "E2",
            "kind": "orders",
            "event_time": "2025-03-03T10:30:00+08:00",
            "sequence": 2,
            "stay_id": "H1-2025-77",
            "provider_id": "H33010000001",
            "patient_id": "330100196001010011",
            "time_zone": "Asia/Shanghai",
            "orders": [
                {
                    "order_id": "O1",
                    "order_type": "drug",
                    "long_term": True,
                    "item_code": "S-0901007",
                    "start_time": "2025-03-03T11:00:00+08:00",
                    "status": "draft",
                }
            ],
        }
    ]
}
"""A request that the documentation shows; a test keeps it valid."""


class _Envelope(msgspec.Struct, forbid_unknown_fields=True):
    events: list[msgspec.Raw]


_DECODER = msgspec.json.Decoder(_Envelope)


class OrderDecision(Answer):
    """What one check found on one order of a patient in hospital, or on the stay."""

    decision_id: str
    rule_id: str
    rule_sha256: str
    unit: Literal["order", "stay"]
    subject_id: str
    severity: SeverityWord
    cause: str
    finding: Bilingual
    facts: dict[str, Any]
    thresholds: dict[str, Any]
    told: bool
    """Whether it is for the physician; an order already carried out is not."""
    judged_as_of: datetime
    cleared_by: str | None
    """The event after which it no longer stood."""


class CheckedStay(Answer):
    """A stay with the events made, and what is new about it."""

    stay_id: str
    phase: PhaseWord
    """`waiting`: its head has not come, so nothing was judged."""
    currency: str | None
    running_cost_fen: int
    costs: dict[str, int]
    """Charge category -> running cost."""
    decisions: list[OrderDecision]
    suggestions: list[dict[str, Any]]
    """Messages of topic `plan-suggestions`; docs/orders.md describes them."""
    cleared: list[str]
    """Decisions that would no longer stand."""


class Checked(Answer):
    """The outcome of one request: `accepted` + `set_aside` is `read`."""

    read: int
    accepted: int
    set_aside: int
    stays: list[CheckedStay]
    refused: list[RefusedClaim]


class OpenStaysQuery(BaseModel):
    """Query parameters of GET /v1/open-stays."""

    model_config = ConfigDict(extra="forbid")

    provider: Annotated[Text | None, Field(description="Hospital.")] = None
    phase: Annotated[PhaseWord, Field(description="Where the stays are.")] = "open"
    after: Annotated[str, Field(max_length=64, description="The last stay of the page before.")] = (
        ""
    )
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE, description="Stays a page.")] = 50


class OpenStay(Answer):
    """A patient in hospital: what it cost so far and what is running."""

    stay_id: str
    provider_id: str
    patient_id: str
    """A pseudonym."""
    physician_id: str | None
    department: str | None
    phase: PhaseWord
    currency: str | None
    running_cost_fen: int
    costs: dict[str, int]
    active_orders: int
    last_event_time: datetime
    last_event_id: str
    page: str | None
    """Address of the physician's page on this service; null where it has none."""


class OpenStayPage(Answer):
    """A page of patients in hospital, by identifier."""

    stays: list[OpenStay]
    after: str | None
    """Where the next page starts; null on the last one."""


class OpenStayRecord(OpenStay):
    """One patient in hospital with everything that was found and told."""

    decisions: list[OrderDecision]
    suggestions: list[dict[str, Any]]
    """As they went out, latest first, with `created_at` and whether one of their findings `stands`."""


def route(check: CheckOrders, store: Store) -> APIRouter:
    """The routes, with what they ask."""
    router = APIRouter(tags=["orders"])
    limiter = anyio.CapacityLimiter(_AT_ONCE)

    @router.post(
        "/v1/orders:check",
        response_model=Checked,
        responses=document(400, 413, 415, 422, 500, 503),
        summary="Judge 1 to 200 order events now",
        dependencies=[needs(Permission.CLAIMS_ASSESS)],
        openapi_extra=bodies.describe(
            {
                "events": {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": MAX_EVENTS,
                    "items": event_schema(),
                }
            },
            required=["events"],
            example=EXAMPLE,
        ),
    )
    async def check_orders(request: Request) -> Any:
        """Judge events on top of the stays as the stream left them; nothing is stored.

        The answer is what the same events would bring from the stream: new findings, and
        lawful changes that clear them. What was told before is not told again.
        """
        envelope = await bodies.read(request, _DECODER, '{"events": [event, ...]}')
        if not 1 <= len(envelope.events) <= MAX_EVENTS:
            raise ProblemError(
                422,
                "number-of-events",
                f"The request holds {len(envelope.events)} events.",
                cure=f"Send 1 to {MAX_EVENTS} events in a request.",
            )
        records = [bytes(event) for event in envelope.events]

        def work() -> dict[str, Any]:
            told = check(records)
            refused = evidence.tell_refused(told.refused)
            if len(refused) == len(records):
                raise evidence.refuse_all(refused, len(records))
            return {
                "read": len(records),
                "accepted": len(records) - len(refused),
                "set_aside": len(refused),
                "stays": [
                    {**stay, "decisions": [tell(row) for row in stay["decisions"]]}
                    for stay in told.results
                ],
                "refused": refused,
            }

        return await anyio.to_thread.run_sync(work, limiter=limiter)

    @router.get(
        "/v1/open-stays",
        response_model=OpenStayPage,
        responses=document(422, 503),
        summary="List patients in hospital",
        dependencies=[needs(Permission.ORDERS_READ)],
    )
    def list_open_stays(request: Request, query: Annotated[OpenStaysQuery, Query()]) -> Any:
        """Patients in hospital with running cost and active orders, a page at a time."""
        found = store.open_stays.page(
            provider_id=query.provider,
            phase=query.phase,
            after=query.after,
            limit=query.limit,
            rows=who(request).rows,
        )
        full = len(found) == query.limit
        return {
            "stays": masked(who(request), [row | _page(request, row) for row in found]),
            "after": found[-1]["stay_id"] if full else None,
        }

    @router.get(
        "/v1/open-stays/{stay_id}",
        response_model=OpenStayRecord,
        responses=document(404, 422, 503),
        summary="Open a patient in hospital",
        dependencies=[needs(Permission.ORDERS_READ)],
    )
    def open_stay(request: Request, stay_id: StayId) -> Any:
        """One patient in hospital with what was found and told."""
        found = store.open_stays.find(stay_id, who(request).rows)
        if found is None:
            raise ProblemError(
                404,
                "not-found",
                f"No open stay has the id {stay_id}.",
                cure="Take an id from GET /v1/open-stays; a settled stay stands under its alerts.",
            )
        rows = store.open_stays.decisions(stay_id)
        told = store.open_stays.told(stay_id)
        return masked(
            who(request),
            {
                **found,
                **_page(request, found),
                "decisions": [tell(row) for row in rows],
                "suggestions": told,
            },
        )

    return router


def _page(request: Request, row: dict[str, Any]) -> dict[str, str | None]:
    """Where people look at the stay."""
    shown = "/ward" in request.app.state.pages and row["phase"] in ("open", "waiting")
    return {"page": f"/ward/{quote(row['stay_id'], safe='')}" if shown else None}


def tell(row: dict[str, Any]) -> dict[str, Any]:
    """A row of ``order_decisions`` as the service answers it."""
    return {
        **row,
        "finding": {"zh": row["finding_zh"], "en": row["finding_en"]},
        "facts": msgspec.json.decode(row["facts"]),
        "thresholds": msgspec.json.decode(row["thresholds"]),
    }
