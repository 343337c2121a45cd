"""/v1/audit-events and /audit: who saw and did what, in the shape of FHIR R4 AuditEvent."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Final, Literal, get_args
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import Response, StreamingResponse

from domain.access import ROLE_NAMES, Permission, Role
from scoring_api import pages
from scoring_api.access.accounts import Accounts
from scoring_api.access.guard import needs, whole_view
from scoring_api.answers import Answer
from scoring_api.listing import Day, Text
from scoring_api.pages.texts import TEXTS
from scoring_api.problems import ProblemError, document
from store.access import AuditEvent, AuditFilter

ZONE: Final = ZoneInfo("Asia/Shanghai")
"""Days of the filter are days there."""
Kind = Literal["request", "sign-in", "sign-out", "locked", "account", "session", "token", "unmask"]
KINDS: Final = get_args(Kind)
_ACTIONS: Final = {"GET": "R", "HEAD": "R", "POST": "C", "PUT": "U", "PATCH": "U", "DELETE": "D"}
_EVENTS: Final = "http://terminology.hl7.org/CodeSystem/audit-event-type"
_DICOM: Final = "http://dicom.nema.org/resources/ontology/DCM"
_OWN: Final = "urn:drg-sentinel:audit"
_SIGNING: Final = ("sign-in", "sign-out", "locked")


class AuditQuery(BaseModel):
    """Query parameters of GET /v1/audit-events; every condition given must hold."""

    model_config = ConfigDict(extra="forbid")

    user: Annotated[Text | None, Field(description="Id of an account, or a part of a name.")] = None
    kind: Annotated[Kind | None, Field(description="What kind of entry.")] = None
    permission: Annotated[Permission | None, Field(description="What the route needed.")] = None
    subject: Annotated[
        Text | None, Field(description="Id of what it was about, such as an alert's.")
    ] = None
    day_from: Annotated[Day | None, Field(description="First day, of Shanghai.")] = None
    day_to: Annotated[Day | None, Field(description="Last day, of Shanghai.")] = None
    denied: Annotated[bool, Field(description="Only what was not allowed.")] = False
    limit: Annotated[int, Field(ge=1, le=200, description="Entries a page.")] = 50
    cursor: Annotated[
        int | None,
        Field(ge=1, lt=2**63, description="Where the page starts, from the page before."),
    ] = None

    def wanted(self) -> AuditFilter:
        """The conditions as the store takes them."""
        since = None if self.day_from is None else _midnight(self.day_from)
        before = None if self.day_to is None else _midnight(self.day_to, 1)
        return AuditFilter(
            self.user,
            self.kind,
            None if self.permission is None else str(self.permission),
            self.subject,
            since,
            before,
            self.denied,
        )


class AuditPage(Answer):
    """A page of entries, latest first."""

    events: list[dict[str, Any]]
    """FHIR R4 AuditEvent resources."""
    cursor: int | None
    next: str | None
    """Address of the next page; null on the last one."""


def tell(event: AuditEvent) -> dict[str, Any]:
    """An entry as a FHIR R4 AuditEvent."""
    if event.kind in _SIGNING:
        kind = {"system": _DICOM, "code": "110114", "display": "User Authentication"}
        action = "E"
    else:
        kind = {"system": _EVENTS, "code": "rest", "display": "RESTful Operation"}
        action = _ACTIONS.get(event.method or "", "E")
    good = event.outcome in ("ok",) or event.outcome[:1] in ("2", "3")
    agent: dict[str, Any] = {"requestor": True}
    if event.user_id is not None:
        agent["who"] = {
            "identifier": {"system": f"{_OWN}:user", "value": event.user_id},
            "display": event.user_name,
        }
        agent["altId"] = event.user_id
        agent["name"] = event.user_name
    if event.role is not None:
        agent["role"] = [
            {"coding": [{"system": f"{_OWN}:role", "code": event.role,
                         "display": ROLE_NAMES[Role(event.role)][1]}]}
        ]  # fmt: skip
    if event.address:
        agent["network"] = {"address": event.address, "type": "2"}
    if event.permission is not None:
        agent["policy"] = [f"urn:drg-sentinel:permission:{event.permission}"]
    details = {
        "route": event.route,
        "method": event.method,
        "means": event.means,
        "request-id": event.request_id,
        "allowed": "true" if event.allowed else "false",
        **{f"query.{name}": value for name, value in event.query.items()},
        **{name: _text(value) for name, value in event.subject.items()},
    }
    entity: dict[str, Any] = {
        "detail": [{"type": name, "valueString": value} for name, value in details.items() if value]
    }
    about = next((v for k, v in event.subject.items() if k.endswith("_id")), None)
    about = about or event.subject.get("pseudonym") or event.subject.get("user")
    if isinstance(about, str):
        entity["what"] = {"identifier": {"system": f"{_OWN}:subject", "value": about}}
    told: dict[str, Any] = {
        "resourceType": "AuditEvent",
        "id": str(event.event_id),
        "type": kind,
        "subtype": [{"system": f"{_OWN}:kind", "code": event.kind}],
        "action": action,
        "recorded": event.recorded_at.isoformat(),
        "outcome": "0" if good else "8" if event.outcome.startswith("5") else "4",
        "outcomeDesc": event.outcome,
        "agent": [agent],
        "source": {"observer": {"display": "drg-sentinel"}},
        "entity": [entity],
    }
    purpose = event.subject.get("purpose")
    if isinstance(purpose, str):
        told["purposeOfEvent"] = [{"coding": [{"system": f"{_OWN}:purpose", "code": purpose}]}]
    return told


def route(access: Accounts) -> APIRouter:
    """The routes and the page."""
    router = APIRouter()
    # What others did crosses hospitals, and says which patient was asked about.
    guard = [needs(Permission.AUDIT_READ), whole_view]
    audit = access.access.audit

    @router.get(
        "/v1/audit-events", response_model=AuditPage, responses=document(422, 503), tags=["access"],
        summary="Read the audit log", dependencies=guard,
    )  # fmt: skip
    def list_events(query: Annotated[AuditQuery, Query()]) -> Any:
        """Entries as FHIR R4 AuditEvent, latest first, a page at a time. Nothing changes or removes one."""
        found = audit.page(query.wanted(), before=query.cursor, limit=query.limit + 1)
        shown, cursor = found[: query.limit], None
        if len(found) > query.limit:
            cursor = shown[-1].event_id
        given = query.model_dump(mode="json", exclude_defaults=True, exclude={"cursor"})
        return {
            "events": [tell(one) for one in shown],
            "cursor": cursor,
            "next": cursor and f"/v1/audit-events?{urlencode({**given, 'cursor': cursor})}",
        }

    @router.get("/audit", include_in_schema=False, dependencies=guard)
    def audit_page(request: Request) -> Response:
        query, given, problem = _asked(request)
        context: dict[str, Any] = {
            "given": given,
            "kinds": KINDS,
            "permissions": [str(p) for p in Permission],
            "problem": problem,
            "rows": [],
            "next": None,
            "roles": ROLE_NAMES,
            "zone": str(ZONE),
            "download": "/audit/events.ndjson?"
            + urlencode({k: v for k, v in given.items() if k != "cursor"}),
        }
        if query is None:
            return pages.render(request, "audit.html", context, 422)
        found = audit.page(query.wanted(), before=query.cursor, limit=query.limit + 1)
        context["rows"] = found[: query.limit]
        if len(found) > query.limit:
            lang = pages.choose_language(request)
            more = {**given, "cursor": found[query.limit - 1].event_id, "lang": lang}
            context["next"] = "/audit?" + urlencode(more)
        return pages.render(request, "audit.html", context)

    @router.get("/audit/events.ndjson", include_in_schema=False, dependencies=guard)
    def download(request: Request) -> Response:
        query, _, wrong = _asked(request)
        if query is None:
            # A mistyped filter must not take the whole log away.
            raise ProblemError(
                422, "invalid-parameters", str(wrong), cure="Set the filter on the page of the log."
            )
        wanted = query.wanted()

        def lines() -> Iterator[bytes]:
            for event in audit.all(wanted):
                yield json.dumps(tell(event), ensure_ascii=False).encode() + b"\n"

        return StreamingResponse(
            lines(),
            media_type="application/fhir+ndjson",
            headers={"Content-Disposition": 'attachment; filename="audit-events.ndjson"'},
        )

    return router


def _asked(request: Request) -> tuple[AuditQuery | None, dict[str, str], str | None]:
    """What the page's form asks for, as given, and what is wrong with it."""
    names = [name for name in AuditQuery.model_fields if name != "limit"]
    given = {n: v for n in names if (v := request.query_params.get(n, "").strip())}
    words: Mapping[str, str] = TEXTS[pages.choose_language(request)]
    try:
        return AuditQuery.model_validate(given), given, None
    except ValidationError as error:
        wrong = sorted({str(e["loc"][0]) for e in error.errors()})
        fields = words["comma"].join(words.get(f"audit_{name}", name) for name in wrong)
        return None, given, words["bad_filter"].format(fields=fields)


def _midnight(day: date, after: int = 0) -> datetime:
    return datetime.combine(day + timedelta(days=after), time(), ZONE)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
