"""What travels between a record system and the service of CDS Hooks 2.0: hooks, codes, JSON Schemas.

Written from the specification (cds-hooks.hl7.org, 2.0) and the pages of its hooks; the schemas are
ours, for HL7 publishes none. They say what the text demands and no more: members that they do not
name pass, as the specification asks of both sides (``extension`` above all).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

Schema = dict[str, Any]

SUMMARY_LENGTH: Final = 139
"""Characters of a card's summary at most: the specification asks for fewer than 140."""
MOST_RESOURCES: Final = 2_000
"""FHIR resources of one call at most: forty orders are a busy day, a thousand a sender's mistake."""
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
TOPIC_SYSTEM: Final = "urn:drg-sentinel:cds-topic"
REASON_SYSTEM: Final = "urn:drg-sentinel:override-reason"
SET_ASIDE: Final = "urn:drg-sentinel:set-aside"
"""The extension of an answer that names resources which could not be read, and why."""

TOPICS: Final[Mapping[str, tuple[str, str]]] = {
    "order": ("医嘱合规", "Orders and insurance rules"),
    "cost": ("费用进度", "Cost against the standard"),
    "documentation": ("病历记录", "Documentation"),
    "special-case": ("特例单议", "Filing as a special case"),
    "discharge": ("出院准备", "Ready for discharge"),
}
"""What a card is about (``source.topic``): code -> Chinese and English."""

INDICATORS: Final = ("info", "warning")
"""How loud a card of ours may be. The specification knows ``critical`` too: payment never is."""
OUTCOMES: Final = ("accepted", "overridden")


@dataclass(frozen=True, slots=True)
class Hook:
    """One hook that a service answers: its name, what the request must say, and our words for it."""

    hook: str
    service_id: str
    title: tuple[str, str]
    description: tuple[str, str]
    required: tuple[str, ...]

    def template(self) -> dict[str, str]:
        """The FHIR R4 queries that a client is asked to make beforehand, by key."""
        return dict(_PREFETCH)


# Read, search by reference, token equality: the subset that the specification recommends, and no other.
_OF_ENCOUNTER: Final = "?patient={{context.patientId}}&encounter={{context.encounterId}}"
_PREFETCH: Final[Mapping[str, str]] = {
    "patient": "Patient/{{context.patientId}}",
    "encounter": "Encounter/{{context.encounterId}}",
    "conditions": f"Condition{_OF_ENCOUNTER}",
    "procedures": f"Procedure{_OF_ENCOUNTER}",
    "medications": f"MedicationRequest{_OF_ENCOUNTER}&status=active",
    "services": f"ServiceRequest{_OF_ENCOUNTER}&status=active",
    "coverage": "Coverage?patient={{context.patientId}}&status=active",
}

_WHO: Final = ("userId", "patientId")
HOOKS: Final[tuple[Hook, ...]] = (
    Hook(
        "order-select",
        "drg-order-select",
        ("医保合规：所选医嘱", "Insurance rules: the orders just selected"),
        (
            "只就刚选中的医嘱提示：重复、限定支付、间隔与所需检查。",
            "Speaks of the selected orders only: repeats, restricted drugs, intervals, tests that are asked for.",
        ),
        (*_WHO, "selections", "draftOrders"),
    ),
    Hook(
        "order-sign",
        "drg-order-sign",
        ("医保合规：待签医嘱", "Insurance rules: the orders to be signed"),
        (
            "签署前核对全部草稿医嘱；费用将超支付标准的，只提示一次。",
            "Checks all drafts before they are signed; says once where the stay's cost is heading over its standard.",
        ),
        (*_WHO, "draftOrders"),
    ),
    Hook(
        "encounter-discharge",
        "drg-encounter-discharge",
        ("医保合规：出院前", "Insurance rules: before discharge"),
        (
            "出院前还缺的记录、特例单议申请与待确认问题。",
            "Documentation that is missing, filing as a special case, questions before the patient leaves.",
        ),
        (*_WHO, "encounterId"),
    ),
    Hook(
        "patient-view",
        "drg-patient-view",
        ("医保合规：本次住院", "Insurance rules: this stay"),
        (
            "至多一张卡片：费用进度与未处理的建议。",
            "At most one card: the cost so far and the suggestions still open.",
        ),
        _WHO,
    ),
)
"""The hooks that are answered; each has a service of its own, for a card is told once (decision 0044)."""
BY_ID: Final[Mapping[str, Hook]] = {h.service_id: h for h in HOOKS}


def services(language: str) -> dict[str, Any]:
    """The answer of discovery in ``zh`` or ``en``."""
    place = 0 if language == "zh" else 1
    usage = (
        "住院号须在 Encounter.identifier 中；JWT、语言与医院的设置见 docs/cds-hooks.md。",
        "The stay's number must stand in Encounter.identifier; docs/cds-hooks.md: JWT, language, hospitals.",
    )
    return {
        "services": [
            {
                "hook": h.hook,
                "title": h.title[place],
                "description": h.description[place],
                "id": h.service_id,
                "prefetch": h.template(),
                "usageRequirements": usage[place],
            }
            for h in HOOKS
        ]
    }


_TEXT: Final[Schema] = {"type": "string", "minLength": 1}
_UUID: Final[Schema] = {"type": "string", "format": "uuid"}
_URL: Final[Schema] = {"type": "string", "format": "uri", "pattern": "^https?://"}
_TIME: Final[Schema] = {"type": "string", "format": "date-time"}
_EXTENSION: Final[Schema] = {"extension": {"type": "object"}}
_RESOURCE: Final[Schema] = {
    "type": "object",
    "properties": {"resourceType": _TEXT},
    "required": ["resourceType"],
}
"""A FHIR resource, whose extensions are FHIR's own; its reader says what is wrong with it."""


def _object(properties: Schema, *required: str, **more: Any) -> Schema:
    return {
        "type": "object",
        "properties": properties | _EXTENSION,
        "required": list(required),
        **more,
    }


def _coding(*required: str) -> Schema:
    return _object({"code": _TEXT, "system": _TEXT, "display": _TEXT}, *required)


def discovery_schema() -> Schema:
    """The JSON Schema (draft 2020-12) of the answer of ``GET /cds-services``."""
    service = _object(
        {
            "hook": _TEXT,
            "title": _TEXT,
            "description": _TEXT,
            "id": _TEXT,
            "prefetch": {"type": "object", "minProperties": 1, "additionalProperties": _TEXT},
            "usageRequirements": _TEXT,
        },
        "hook",
        "description",
        "id",
    )
    found = _object({"services": {"type": "array", "items": service}}, "services")
    return _named("discovery", "The services that are offered, and what each wants to know.", found)


def request_schema(hook: Hook | None = None) -> Schema:
    """The JSON Schema of a call, of one hook or of any."""
    bundle = _RESOURCE | {
        "properties": {
            "resourceType": {"const": "Bundle"},
            "entry": {
                "type": "array",
                "items": {"type": "object", "properties": {"resource": _RESOURCE}},
            },
        }
    }
    known = {
        "userId": {"type": "string", "pattern": "^[A-Z][A-Za-z]+/.+"},
        "patientId": _TEXT,
        "encounterId": _TEXT,
        "selections": {"type": "array", "items": _TEXT},
        "draftOrders": bundle,
    }
    authorization = _object(
        {
            "access_token": _TEXT,
            "token_type": {"const": "Bearer"},
            "expires_in": {"type": "integer"},
            "scope": {"type": "string"},
            "subject": _TEXT,
            "patient": _TEXT,
        },
        "access_token", "token_type", "expires_in", "scope", "subject",
    )  # fmt: skip
    found = _object(
        {
            "hook": _TEXT if hook is None else {"const": hook.hook},
            "hookInstance": _UUID,
            "fhirServer": _URL,
            "fhirAuthorization": authorization,
            "context": _object(known, *(() if hook is None else hook.required)),
            # A query without an answer is null, one that was not made is not there.
            "prefetch": {
                "type": "object",
                "additionalProperties": {"anyOf": [_RESOURCE, {"type": "null"}]},
            },
        },
        "hook",
        "hookInstance",
        "context",
        dependentRequired={"fhirAuthorization": ["fhirServer"]},
    )
    name = "request" if hook is None else f"request-{hook.hook}"
    return _named(name, "A call of a service: the moment, who and whose, and what is known.", found)


def response_schema() -> Schema:
    """The JSON Schema of the answer to a call; ``critical`` is not among its indicators, by our own rule."""
    action = _object(
        {
            "type": {"enum": ["create", "update", "delete"]},
            "description": _TEXT,
            "resource": _RESOURCE,
            "resourceId": {"type": "string", "pattern": "^[A-Z][A-Za-z]+/.+"},
        },
        "type",
        "description",
        allOf=[
            {
                "if": {"properties": {"type": {"const": "delete"}}},
                "then": {"required": ["resourceId"], "properties": {"resource": False}},
                "else": {"required": ["resource"]},
            }
        ],
    )
    suggestion = _object(
        {
            "label": _TEXT,
            "uuid": _UUID,
            "isRecommended": {"type": "boolean"},
            "actions": {"type": "array", "items": action, "minItems": 1},
        },
        "label",
        "uuid",
    )
    link = _object(
        {"label": _TEXT, "url": _URL, "type": {"const": "absolute"}, "appContext": False},
        "label",
        "url",
        "type",
    )
    card = _object(
        {
            "uuid": _UUID,
            "summary": {"type": "string", "minLength": 1, "maxLength": SUMMARY_LENGTH},
            "detail": _TEXT,
            "indicator": {"enum": list(INDICATORS)},
            "source": _object(
                {"label": _TEXT, "url": _URL, "icon": _URL, "topic": _coding("code", "system")},
                "label",
                "topic",
            ),
            "suggestions": {
                "type": "array",
                "items": suggestion,
                "minItems": 1,
                "contains": _object({"isRecommended": {"const": True}}, "isRecommended"),
                "minContains": 0,
                "maxContains": 1,
            },
            "selectionBehavior": {"enum": ["at-most-one", "any"]},
            "overrideReasons": {
                "type": "array",
                "items": _coding("code", "system", "display"),
                "minItems": 1,
            },
            "links": {"type": "array", "items": link, "minItems": 1},
        },
        "uuid",
        "summary",
        "indicator",
        "source",
        dependentRequired={"suggestions": ["selectionBehavior"]},
    )
    found = _object({"cards": {"type": "array", "items": card}, "systemActions": False}, "cards")
    return _named("response", "The cards that answer a call; nothing is changed by itself.", found)


def feedback_schema() -> Schema:
    """The JSON Schema of what a client says about cards that it showed."""
    one = _object(
        {
            "card": _UUID,
            "outcome": {"enum": list(OUTCOMES)},
            "acceptedSuggestions": {
                "type": "array",
                "minItems": 1,
                "items": _object({"id": _UUID}, "id"),
            },
            "overrideReason": _object(
                {"reason": _coding("code", "system"), "userComment": _TEXT},
                anyOf=[{"required": ["reason"]}, {"required": ["userComment"]}],
            ),
            "outcomeTimestamp": _TIME,
        },
        "card",
        "outcome",
        "outcomeTimestamp",
        allOf=[
            {
                "if": {"properties": {"outcome": {"const": "accepted"}}, "required": ["outcome"]},
                "then": {"required": ["acceptedSuggestions"]},
            }
        ],
    )
    found = _object(
        {"feedback": {"type": "array", "items": one, "minItems": 1, "maxItems": 1000}}, "feedback"
    )
    return _named("feedback", "What became of cards: accepted, or overridden and why.", found)


def schemas() -> dict[str, Schema]:
    """Every schema by the name of its file below docs/schema/cds-hooks, without its ending."""
    return {
        "discovery": discovery_schema(),
        "request": request_schema(),
        **{f"request-{h.hook}": request_schema(h) for h in HOOKS},
        "response": response_schema(),
        "feedback": feedback_schema(),
    }


def _named(name: str, meaning: str, schema: Schema) -> Schema:
    head = {"$schema": DIALECT, "$id": f"urn:drg-sentinel:schema:cds-hooks:{name}", "title": name}
    return head | {"description": meaning} | schema
