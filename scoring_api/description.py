"""The description of the service (OpenAPI 3.1): what routes cannot say by themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fastapi import FastAPI

from domain.access import Permission
from scoring_api import answers
from scoring_api.problems import MEDIA_TYPE, document

TAGS: Final[Mapping[str, str]] = {
    "alerts": "The queue: claims on which checks hit or that scored high, to be looked at by a person.",
    "queue": "Work on the queue: assignment, bulk actions, due times, saved views.",
    "proposals": "Values of parameters that one person proposes and another one approves.",
    "reviews": "What people concluded about what checks found.",
    "cases": "Cases made of alerts: comments, disposition, approval, appeal.",
    "findings": "What only many claims together show: of a hospital's month, a physician's day.",
    "claims": "Have claims judged, scored and stored.",
    "drg": "Group a claim, and try what a change would do; nothing is stored.",
    "orders": "Patients in hospital: orders judged before the bill.",
    "advice": "Cards for physicians: their answers, how each check's are taken, checks that are quiet for them.",
    "cds": "CDS Hooks 2.0: cards for record systems at the moment of an order.",
    "graph": "The entity graph: who shares what with whom.",
    "rules": "The checks, and proposals to change their parameters.",
    "models": "The models in use.",
    "indicators": "The cockpit's numbers with the stays behind them.",
    "access": "Accounts, sessions, tokens, and the log of who did what.",
    "events": "What happens to work, as it happens (server-sent events).",
    "wording": "Samples of what a language model wrote, people's judgements of them, and which model is on.",
    "webhooks": "Signed messages to other systems about what happens to work (Standard Webhooks).",
    "service": "Health, readiness, metrics.",
}
"""Tag -> what its routes are for."""

_SCHEMES: Final[dict[str, Any]] = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token of a program, given out by an administrator.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-sentinel",
        "description": "The session of a person who signed in on the page (`sentinel` where the service is reached "
        "without https). A request that changes something "
        "sends the session's secret back in the header X-CSRF-Token.",
    },
}
"""How callers are recognised; where the service runs without sign-in, neither is needed."""

_EXAMPLES: Final[Mapping[str, tuple[str, str, str, str]]] = {
    "400": ("json", "Bad Request", "The body is not valid JSON in UTF-8.", "Check that the body is complete and encoded in UTF-8."),
    "401": ("unauthenticated", "Unauthorized", "Nobody is signed in, and the request carries no token.", "Send Authorization: Bearer with a token of this service."),
    "403": ("forbidden", "Forbidden", "The role analyst does not have the permission alerts.work.", "Ask an administrator of this service for an account that has it."),
    "404": ("not-found", "Not Found", "There is nothing of that id in sight.", "Take an id from the list."),
    "409": ("idempotency-key-under-way", "Conflict", "A request with this Idempotency-Key is under way.", "Wait for its answer, or send the same request again in some seconds."),
    "412": ("changed-meanwhile", "Precondition Failed", "It was changed by somebody else meanwhile.", "Read it again, look at what is new, and repeat the change if it is still right."),
    "413": ("body-too-large", "Content Too Large", "The body is larger than 16 MiB.", "Send fewer claims at once."),
    "415": ("content-type", "Unsupported Media Type", "The body is not declared as JSON.", "Send Content-Type: application/json and a JSON body in UTF-8."),
    "422": ("invalid-parameters", "Unprocessable Content", "These parameters cannot be read: limit.", "Correct them as their messages say; docs/api.md lists what each may be."),
    "428": ("if-match-missing", "Precondition Required", "The request does not say which version it changes.", "Read it again and send its ETag as If-Match."),
    "429": ("too-many-requests", "Too Many Requests", "Too many requests came from here.", "Wait as long as Retry-After says."),
    "500": ("internal", "Internal Server Error", "The service failed in a way that it does not know. The error's id is 5f0c3a527d7e4a56.", "Try again. If it stays, give the error's id to those who run the service: it is in the log."),
    "504": ("too-slow", "Gateway Timeout", "The question took too long.", "Narrow it, or ask again when the service is less busy."),
    "503": ("store-busy", "Service Unavailable", "The database is busy.", "Try again in some seconds."),
}  # fmt: skip
"""Status -> name, title, what happened, what to do: what a problem looks like."""


def install(app: FastAPI) -> None:
    """Let the app's description say who may call each route, how errors look, and what tags mean."""
    described = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is not None:
            return app.openapi_schema
        found = described()
        components = found.setdefault("components", {})
        components.setdefault("schemas", {}).setdefault(
            "Problem",
            answers.Problem.model_json_schema(ref_template="#/components/schemas/{model}"),
        )
        # Where nobody signs in every caller may do everything; the description says no other.
        known = app.state.access.sign_in is not None
        if known:
            components["securitySchemes"] = _SCHEMES
        used = set()
        needed: Mapping[tuple[str, str], Permission | None] = app.state.routes
        for path, operations in found["paths"].items():
            for method, operation in operations.items():
                used |= set(operation.get("tags", ()))
                _say_who(operation, needed.get((method.upper(), path)), known)
                _say_problems(operation, path)
        found["tags"] = [
            {"name": name, "description": TAGS.get(name, name)} for name in sorted(used)
        ]
        return found

    app.openapi = openapi  # type: ignore[method-assign]


def _say_who(operation: dict[str, Any], permission: Permission | None, known: bool) -> None:
    operation["security"] = [{"token": []}, {"session": []}] if known and permission else []
    if permission is None:
        return
    operation["x-permission"] = str(permission)
    for status, answer in document(401, 403).items():
        operation["responses"].setdefault(str(status), answer)


def _say_problems(operation: dict[str, Any], path: str) -> None:
    for status, answer in list(operation["responses"].items()):
        content = answer.get("content", {}).get(MEDIA_TYPE)
        if content is None or status not in _EXAMPLES:
            continue
        name, title, detail, cure = _EXAMPLES[status]
        example = {
            "type": f"urn:drg-sentinel:problem:{name}",
            "title": title,
            "status": int(status),
            "detail": detail,
            "instance": path,
            "cure": cure,
        }
        # A copy: routes share the objects that their responses are made of.
        contents = {**answer["content"], MEDIA_TYPE: {"example": example, **content}}
        operation["responses"][status] = {**answer, "content": contents}
