"""GET /cds-services, POST /cds-services/{service_id} and its feedback: CDS Hooks 2.0 over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Final

import jsonschema_rs
import msgspec
from fastapi import APIRouter, Path, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from domain import cds
from domain.access import Permission
from domain.service import (
    Advise,
    HookCall,
    MissingDataError,
    QueueFullError,
    UnreadableError,
)
from scoring_api import bodies
from scoring_api.access import csrf, needs, who
from scoring_api.problems import ProblemError, document

_DECODER: Final = msgspec.json.Decoder(float_hook=Decimal)
"""FHIR's decimals keep their digits: 0.10 is not 0.1 where a resource is sent back changed."""
_ENCODE: Final = msgspec.json.Encoder(decimal_format="number").encode
MOST_FAULTS: Final = 20
ServiceId = Annotated[str, Path(max_length=64, pattern=r"^[a-z][a-z-]*$")]

EXAMPLE: Final[dict[str, Any]] = {
    "hook": "order-sign",
    "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
    "context": {
        "userId": "Practitioner/D33010001",
        "patientId": "1288992",
        "encounterId": "H1-2025-77",
        "draftOrders": {
            "resourceType": "Bundle",
            "entry": [
                {
                    "resource": {
                        "resourceType": "MedicationRequest",
                        "id": "103",
                        "identifier": [{"system": "urn:drg-sentinel:id:order", "value": "O9"}],
                        "status": "draft",
                        "intent": "order",
                        "medicationCodeableConcept": {
                            "coding": [
                                {
                                    "system": "urn:drg-sentinel:code:national-item",
                                    "code": "S-0901007",
                                    "display": "注射用美罗培南0.5g",
                                }
                            ]
                        },
                        "subject": {"reference": "Patient/1288992"},
                        "encounter": {"reference": "Encounter/H1-2025-77"},
                        "authoredOn": "2025-03-03T11:00:00+08:00",
                    }
                }
            ],
        },
    },
}
"""A call that the documentation shows; a test keeps it valid."""
EXAMPLE_FEEDBACK: Final[dict[str, Any]] = {
    "feedback": [
        {
            "card": "9368d37b-283f-44a0-93ea-547cebab93ed",
            "outcome": "overridden",
            "overrideReason": {
                "reason": {"code": "clinically-needed", "system": cds.REASON_SYSTEM}
            },
            "outcomeTimestamp": "2026-03-03T11:02:00Z",
        }
    ]
}
"""What is said of a card, as the documentation shows it."""


class _Form:
    """One JSON Schema, and what to say where a body does not have its form."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        # Values stay out of what is told: a call holds the names of people.
        self._check = jsonschema_rs.Draft202012Validator(
            dict(schema), validate_formats=True, mask="the value"
        )

    def check(self, body: Any, cure: str) -> None:
        """A 422 problem with every fault, by its place, if the body does not have the form."""
        if self._check.is_valid(body):
            return
        faults = []
        for error in self._check.iter_errors(body):
            where = ".".join(str(part) for part in error.instance_path)
            faults.append({"field": where, "message": error.message})
            if len(faults) == MOST_FAULTS:
                break
        fields = ", ".join(sorted({f["field"] or "the body" for f in faults}))
        raise ProblemError(
            422,
            "cds-request",
            f"The request has not the form that CDS Hooks asks for: {fields}.",
            cure=cure,
            more={"errors": faults},
        )


_FORMS: Final = {h.service_id: _Form(cds.request_schema(h)) for h in cds.HOOKS}
_FEEDBACK: Final = _Form(cds.feedback_schema())


def route(advise: Advise, address: str = "") -> APIRouter:
    """The routes; ``address`` is where people reach the service, else that of each request."""
    router = APIRouter(tags=["cds"])

    @router.get(
        "/cds-services",
        responses={200: _described("The services.", cds.discovery_schema())},
        summary="Discover the services of CDS Hooks",
        dependencies=[needs(Permission.CLAIMS_ASSESS)],
    )
    async def discover(request: Request) -> Response:
        """The services that a record system may call, each with the FHIR queries that it asks for."""
        return _json(cds.services(_language(request)))

    @router.post(
        "/cds-services/{service_id}",
        responses={
            200: _described("The cards, at most a few.", cds.response_schema()),
            **document(400, 404, 412, 413, 415, 422, 429, 500, 503),
        },
        summary="Ask for cards at a moment of the record system",
        dependencies=[needs(Permission.CLAIMS_ASSESS)],
        openapi_extra=_body(cds.request_schema(), EXAMPLE),
    )
    async def call(request: Request, service_id: ServiceId) -> Response:
        """Judge what is about to be ordered or ended, on top of what is known of the stay.

        Nothing of the call is kept but the cards. No prefetch is asked for twice: what is missing is taken
        from the stay as the stream of orders left it; where nothing is known of it, the answer is 412.
        """
        csrf.check_header(request)
        hook = cds.BY_ID.get(service_id)
        if hook is None:
            raise _no_service(service_id)
        body = await _read(request, '{"hook": …, "hookInstance": …, "context": {…}}')
        _FORMS[service_id].check(body, f"Send what docs/cds-hooks.md shows for {hook.hook}.")
        caller = who(request)
        asked = HookCall(
            hook=hook.hook,
            request=body,
            client=caller.user_id,
            providers=tuple(sorted(caller.rows.providers or ())),
            rows=caller.rows,
            language=_language(request),
            address=address or str(request.base_url).rstrip("/"),
            at=datetime.now(UTC),
        )
        try:
            advice = await asyncio.wrap_future(advise.ask(asked))
        except QueueFullError as error:
            raise ProblemError(
                503, "cds-busy", error.what, cure=error.cure, headers={"Retry-After": "1"}
            ) from error
        except MissingDataError as error:
            raise ProblemError(412, "cds-data", error.what, cure=error.cure) from error
        except UnreadableError as error:
            raise ProblemError(
                422,
                "cds-request",
                error.what,
                cure=error.cure,
                more={"errors": [dict(one) for one in error.reasons]} if error.reasons else None,
            ) from error
        told: dict[str, Any] = {"cards": advice.cards}
        if advice.set_aside:
            told["extension"] = {cds.SET_ASIDE: advice.set_aside[:MOST_FAULTS]}
        return _json(told)

    @router.post(
        "/cds-services/{service_id}/feedback",
        responses={
            200: {
                "description": "How many were kept, and which were not and why.",
                "content": {
                    "application/json": {
                        "schema": {
                            "type": "object",
                            "required": ["kept", "refused"],
                            "properties": {
                                "kept": {"type": "integer"},
                                "refused": {"type": "array", "items": {"type": "object"}},
                            },
                        }
                    }
                },
            },
            **document(400, 404, 413, 415, 422, 503),
        },
        summary="Say what became of cards",
        dependencies=[needs(Permission.ADVICE_ANSWER)],
        openapi_extra=_body(cds.feedback_schema(), EXAMPLE_FEEDBACK),
    )
    async def feedback(request: Request, service_id: ServiceId) -> Response:
        """Keep that a card was accepted or overridden, and why; the same may be said again."""
        csrf.check_header(request)
        if service_id not in cds.BY_ID:
            raise _no_service(service_id)
        body = await _read(request, '{"feedback": [{"card": …, "outcome": …}]}')
        _FEEDBACK.check(body, "Send what docs/cds-hooks.md shows for feedback.")
        told = body["feedback"]
        caller = who(request)
        refused = await run_in_threadpool(advise.feedback, told, caller.rows, datetime.now(UTC))
        if len(refused) == len(told):
            raise ProblemError(
                422,
                "cds-feedback",
                "None of it could be kept.",
                cure="Name cards by their uuid as this service answered them; the list says what is wrong with each.",
                more={"refused": refused},
            )
        return _json({"kept": len(told) - len(refused), "refused": refused})

    return router


async def _read(request: Request, shape: str) -> dict[str, Any]:
    """The body as an object, its nulls at the top left out: that is how some clients write absence."""
    found = await bodies.read(request, _DECODER, shape)
    if not isinstance(found, dict):
        raise ProblemError(
            422, "cds-request", "The body is JSON but no object.", cure=f"Send {shape}."
        )
    return {name: value for name, value in found.items() if value is not None}


def _language(request: Request) -> str:
    """``zh`` or ``en``: what the request asks for, else what the client's entry says, else ``zh``."""
    wanted: list[tuple[float, str]] = []
    for part in request.headers.get("accept-language", "").split(",")[:20]:
        tag, _, weight = part.partition(";")
        short = tag.strip().lower().partition("-")[0]
        if short in ("zh", "en"):
            wanted.append((_weight(weight), short))
    if wanted:
        # Of equals the first counts, as it stands first.
        best = max(weight for weight, _ in wanted)
        if best > 0:
            return next(short for weight, short in wanted if weight == best)
    return getattr(request.state, "language", None) or "zh"


def _weight(text: str) -> float:
    name, _, value = text.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        weight = float(value)
    except ValueError:
        return 0.0
    return weight if 0 <= weight <= 1 else 0.0


def _no_service(service_id: str) -> ProblemError:
    return ProblemError(
        404,
        "not-found",
        f"No service has the id {service_id}.",
        cure="Take an id from GET /cds-services.",
    )


def _json(content: Mapping[str, Any]) -> Response:
    return Response(_ENCODE(content), media_type="application/json")


def _described(what: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"description": what, "content": {"application/json": {"schema": _inner(schema)}}}


def _body(schema: Mapping[str, Any], example: Mapping[str, Any]) -> dict[str, Any]:
    content = {"schema": _inner(schema), "example": example}
    return {"requestBody": {"required": True, "content": {"application/json": content}}}


def _inner(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A schema as a part of another document."""
    return {k: v for k, v in schema.items() if k not in ("$schema", "$id")}
