"""/sign-in/oidc: to the OpenID provider and back."""

from __future__ import annotations

import hmac
import json
import secrets
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from domain.access import PERMISSIONS
from scoring_api import pages
from scoring_api.access.accounts import Accounts, address_of
from scoring_api.access.guard import PUBLIC
from scoring_api.access.oidc import OidcError, Provider, Vouched
from scoring_api.access.signing import finish, landing, own_path
from scoring_api.problems import ProblemError
from store.access import Account, AccountError, KeyringError

WAIT_S: Final = 600
"""How long somebody may take at the provider."""


def route(access: Accounts, provider: Provider) -> APIRouter:
    """The two addresses."""
    router = APIRouter(include_in_schema=False)

    @router.get("/sign-in/oidc", dependencies=[PUBLIC])
    def begin(request: Request) -> Response:
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        kept = {
            "state": state,
            "nonce": nonce,
            "verifier": verifier,
            "next": own_path(request.query_params.get("next", "")),
            "lang": pages.choose_language(request),
        }
        try:
            address = provider.begin(_back_here(request, provider), state, nonce, verifier)
        except OidcError as error:
            raise ProblemError(502, "oidc", error.what, cure=error.cure) from error
        response = RedirectResponse(address, 303)
        # What the way back needs, in the browser that goes: nobody else can come back with it.
        response.set_cookie(
            _cookie_name(access, request),
            access.keys.encrypt(json.dumps(kept)).decode(),
            max_age=WAIT_S,
            path="/",
            secure=access.secure(request),
            httponly=True,
            samesite="lax",
        )
        return response

    @router.get("/sign-in/oidc/callback", dependencies=[PUBLIC])
    def callback(request: Request) -> Response:
        access.sign_ins_of_address.take(address_of(request))
        try:
            kept = _kept(access, request)
            code = request.query_params.get("code", "")
            if not code:
                raise _refused("the provider let nobody in")
            vouched = provider.finish(
                _back_here(request, provider), code, kept["nonce"], kept["verifier"]
            )
            account = _account(access, vouched)
        except (OidcError, AccountError) as error:
            access.log(
                request, "sign-in", "refused", allowed=False, about={"why": "oidc", "what": error.what}
            )  # fmt: skip
            raise ProblemError(401, "oidc", error.what, cure=error.cure) from error
        to = kept["next"] or landing(request, account, PERMISSIONS[account.role])
        response = RedirectResponse(to, 303)
        response.delete_cookie(
            _cookie_name(access, request), path="/", secure=access.secure(request)
        )
        finish(access, request, account, response)
        return response

    return router


def _kept(access: Accounts, request: Request) -> dict[str, Any]:
    """What this browser was sent away with; OidcError if it was not, or not with this state."""
    try:
        sealed = request.cookies.get(_cookie_name(access, request), "")
        kept: dict[str, Any] = json.loads(access.keys.decrypt(sealed.encode(), WAIT_S))
    except KeyringError:
        raise _refused("this browser did not begin it, or took too long") from None
    if not hmac.compare_digest(
        kept["state"].encode(), request.query_params.get("state", "").encode()
    ):
        raise _refused("the answer belongs to another sign-in")
    return kept


def _account(access: Accounts, vouched: Vouched) -> Account:
    """The account of whom the provider vouches for, made at the first sign-in and brought up to date at each."""
    accounts, now = access.access.accounts, access.clock()
    found = accounts.vouched(vouched.issuer, vouched.subject)
    if found is None:
        return accounts.add(
            vouched.login,
            vouched.name,
            vouched.role,
            now=now,
            rows=vouched.rows,
            issuer=vouched.issuer,
            subject=vouched.subject,
        )
    if not found.active:
        raise _refused("the account was deactivated here")
    if (found.name, found.role, found.rows) == (vouched.name, vouched.role, vouched.rows):
        return found
    rows = vouched.rows
    changed = accounts.change(
        found.user_id,
        {
            "name": vouched.name,
            "role": vouched.role,
            "providers": None if rows.providers is None else sorted(rows.providers),
            "departments": None if rows.departments is None else sorted(rows.departments),
            "physician_id": rows.physician_id,
        },
        now=now,
    )
    access.forget()
    return changed or found


def _back_here(request: Request, provider: Provider) -> str:
    here = f"{request.url.scheme}://{request.url.netloc}/sign-in/oidc/callback"
    return provider.options.redirect_uri or here


def _cookie_name(access: Accounts, request: Request) -> str:
    return f"{access.cookie_name(request)}-oidc"


def _refused(what: str) -> OidcError:
    return OidcError(what, where="sign-in", cure="Sign in again.")
