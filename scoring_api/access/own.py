"""/v1/me, /v1/sessions, /v1/tokens: what is the caller's own."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Path, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from scoring_api import bodies
from scoring_api.access import managing
from scoring_api.access.accounts import Accounts
from scoring_api.access.guard import SIGNED_IN, who
from scoring_api.answers import Answer
from scoring_api.problems import document
from store.access import Session, Token
from store.access.tokens import DEFAULT_DAYS, LONGEST_DAYS

SessionId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
TokenId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]


class Me(Answer):
    """The caller."""

    user_id: str
    name: str
    role: str
    permissions: list[str]
    providers: list[str] | None
    """Hospitals whose claims are seen; null is all."""
    departments: list[str] | None
    physician_id: str | None
    means: str
    """How the caller was recognised: session or token."""
    csrf: str | None
    """What a script of our pages sends in X-CSRF-Token; null with a token."""


class SessionTold(Answer):
    """One browser that is signed in."""

    session_id: str
    address: str | None
    agent: str | None
    created_at: datetime
    seen_at: datetime
    ends_at: datetime
    current: bool
    """Whether it is the one of this request."""


class SessionList(Answer):
    """The caller's sessions, last used first."""

    sessions: list[SessionTold]


class TokenTold(Answer):
    """One token, without its secret."""

    token_id: str
    user_id: str
    name: str
    permissions: list[str]
    made_by: str
    created_at: datetime
    ends_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None


class TokenList(Answer):
    """Tokens of an account, latest first."""

    tokens: list[TokenTold]


class TokenMade(TokenTold):
    """A new token."""

    token: str
    """The token itself, told once and not kept."""


class _New(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    name: str
    permissions: list[str] | None = None
    days: int | None = None
    user_id: str | None = None


_NEW: Final = msgspec.json.Decoder(_New)


def tell_token(token: Token) -> dict[str, Any]:
    """A token as answered."""
    told = {name: getattr(token, name) for name in TokenTold.model_fields}
    return {**told, "permissions": sorted(str(p) for p in token.permissions)}


def tell_session(session: Session, current: str | None) -> dict[str, Any]:
    """A session as answered."""
    told = {n: getattr(session, n) for n in SessionTold.model_fields if n != "current"}
    return {**told, "current": session.session_id == current}


def route(access: Accounts) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["access"])
    guarded: dict[str, Any] = {"dependencies": [SIGNED_IN]}

    @router.get("/v1/me", response_model=Me, summary="Who am I", responses=document(401), **guarded)
    def me(request: Request) -> Any:
        """The caller, what they may do, and whose rows they see."""
        principal = who(request)
        rows = principal.rows
        return {
            "user_id": principal.user_id,
            "name": principal.name,
            "role": str(principal.role),
            "permissions": sorted(str(p) for p in principal.permissions),
            "providers": None if rows.providers is None else sorted(rows.providers),
            "departments": None if rows.departments is None else sorted(rows.departments),
            "physician_id": rows.physician_id,
            "means": principal.means,
            "csrf": principal.csrf,
        }

    @router.get(
        "/v1/sessions", response_model=SessionList, summary="List one's own sessions",
        responses=document(401, 503), **guarded,
    )  # fmt: skip
    def list_sessions(request: Request) -> Any:
        """Browsers that are signed in as the caller."""
        found = access.access.sessions.of(who(request).user_id, access.clock())
        here = getattr(request.state, "session_id", None)
        return {"sessions": [tell_session(one, here) for one in found]}

    @router.delete(
        "/v1/sessions/{session_id}", status_code=204, summary="End one's own session",
        responses=document(401, 403, 404, 422, 503), **guarded,
    )  # fmt: skip
    def end_session(session_id: SessionId, request: Request) -> Response:
        """Sign a browser out; only one's own."""
        managing.end_session(access, request, session_id)
        return Response(status_code=204)

    @router.get(
        "/v1/tokens", response_model=TokenList, summary="List tokens", responses=document(401, 404, 422, 503),
        **guarded,
    )  # fmt: skip
    def list_tokens(
        request: Request,
        user_id: Annotated[
            str | None, Query(max_length=64, description="Of another account: needs users.manage.")
        ] = None,
    ) -> Any:
        """Tokens of the caller, revoked and ended ones too."""
        found = managing.tokens_of(access, who(request), user_id)
        return {"tokens": [tell_token(one) for one in found]}

    @router.post(
        "/v1/tokens", response_model=TokenMade, status_code=201, summary="Make a token",
        responses=document(400, 401, 403, 404, 413, 415, 422, 503),
        openapi_extra=bodies.describe(
            {
                "name": {"type": "string", "minLength": 1, "maxLength": 80},
                "permissions": {
                    "type": ["array", "null"],
                    "items": {"type": "string"},
                    "description": "Among those of the owner; all of them, if left out.",
                },
                "days": {"type": ["integer", "null"], "minimum": 1, "maximum": LONGEST_DAYS, "default": DEFAULT_DAYS},
                "user_id": {
                    "type": ["string", "null"],
                    "description": "A service account, for whoever has users.manage; one's own, if left out.",
                },
            },
            required=["name"],
            example={"name": "nightly export", "permissions": ["alerts.read"], "days": 30},
        ),
        **guarded,
    )  # fmt: skip
    async def make_token(request: Request) -> Any:
        """Make a token; the answer tells it, once. It never may more than its owner."""
        given = await bodies.read(request, _NEW, '{"name": "…", "permissions": ["alerts.read"]}')
        token, secret = await run_in_threadpool(
            managing.make_token, access, request, msgspec.structs.asdict(given)
        )
        return {**tell_token(token), "token": secret}

    @router.delete(
        "/v1/tokens/{token_id}", status_code=204, summary="Revoke a token",
        responses=document(401, 403, 404, 422, 503), **guarded,
    )  # fmt: skip
    def revoke_token(token_id: TokenId, request: Request) -> Response:
        """Let a token count no more."""
        managing.revoke_token(access, request, token_id)
        return Response(status_code=204)

    return router
