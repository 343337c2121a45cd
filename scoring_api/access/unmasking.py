"""The identifier behind a pseudonym: told for a purpose, and the purpose is logged."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from domain.access import UNMASK_PURPOSES as PURPOSES
from domain.access import Permission
from scoring_api import bodies, pages
from scoring_api.access import managing
from scoring_api.access.accounts import Accounts
from scoring_api.access.guard import needs, who
from scoring_api.answers import Answer
from scoring_api.problems import ProblemError, document

LONGEST_TEXT: Final = 500


class Unmasked(Answer):
    """The identifier behind a pseudonym."""

    pseudonym: str
    kept: bool
    """False where intake was not told to keep identifiers when it came."""
    original: str | None


class _Asked(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    pseudonym: str
    purpose: str
    text: str


_DECODER: Final = msgspec.json.Decoder(_Asked)


def unmask(access: Accounts, request: Request, asked: _Asked) -> dict[str, Any]:
    """The original, or that it was not kept; a 404 problem if no stay in sight is of that patient."""
    text = asked.text.strip()
    if asked.purpose not in PURPOSES:
        raise _refusal(
            "purpose", "The purpose is not known.", f"Write one of {', '.join(PURPOSES)}."
        )
    if not 5 <= len(text) <= LONGEST_TEXT:
        raise _refusal(
            "text", "What it is for is not said.", f"Write 5 to {LONGEST_TEXT} characters."
        )
    if not 1 <= len(asked.pseudonym) <= 80 or not asked.pseudonym.isprintable():
        raise _refusal("pseudonym", "That is no pseudonym.", "Take it from the alert.")
    managing.note(
        access, request, "unmask", pseudonym=asked.pseudonym, purpose=asked.purpose, text=text
    )
    identities = access.access.identities
    if not identities.in_sight(asked.pseudonym, who(request).rows):
        raise ProblemError(
            404,
            "not-found",
            "No stay that this account sees is of that patient.",
            cure="Take the pseudonym from an alert.",
        )
    original = identities.original(asked.pseudonym, access.keys)
    return {"pseudonym": asked.pseudonym, "kept": original is not None, "original": original}


def route(access: Accounts) -> APIRouter:
    """The route, and the form's answer as a page."""
    router = APIRouter()
    guard = [needs(Permission.IDENTIFIERS_UNMASK)]

    @router.post(
        "/v1/identifiers:unmask", response_model=Unmasked, tags=["access"], dependencies=guard,
        responses=document(400, 404, 413, 415, 422, 503), summary="Unmask a patient's identifier",
        openapi_extra=bodies.describe(
            {
                "pseudonym": {"type": "string", "minLength": 1, "maxLength": 80},
                "purpose": {"enum": list(PURPOSES)},
                "text": {"type": "string", "minLength": 5, "maxLength": LONGEST_TEXT},
            },
            required=["pseudonym", "purpose", "text"],
            example={"pseudonym": "p_0f3a…", "purpose": "investigation", "text": "案件 2024-17 现场核查"},
        ),
    )  # fmt: skip
    async def unmask_route(request: Request) -> Any:
        """The identifier behind a pseudonym. Who asked, and for what, is in the audit log."""
        asked = await bodies.read(
            request, _DECODER, '{"pseudonym": "…", "purpose": "…", "text": "…"}'
        )
        return await run_in_threadpool(unmask, access, request, asked)

    @router.post("/identifiers/unmask", include_in_schema=False, dependencies=guard)
    async def unmask_form(request: Request) -> Response:
        given = await bodies.read_form(request)
        asked = _Asked(given.get("pseudonym", ""), given.get("purpose", ""), given.get("text", ""))
        told = await run_in_threadpool(unmask, access, request, asked)
        return pages.render(
            request, "unmasked.html", {"told": told, "purpose": PURPOSES[asked.purpose], "text": asked.text}
        )  # fmt: skip

    return router


def _refusal(field: str, what: str, cure: str) -> ProblemError:
    return ProblemError(422, "unmask", what, cure=cure, more={"field": field})
