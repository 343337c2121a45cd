"""/account: one's own password, second factor, sessions, tokens and language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from domain.access import PERMISSIONS, ROLE_NAMES
from scoring_api import bodies, pages
from scoring_api.access import codes, managing, own
from scoring_api.access.accounts import Accounts
from scoring_api.access.guard import SIGNED_IN
from scoring_api.access.own import SessionId, TokenId
from scoring_api.access.signing import check_code
from scoring_api.problems import ProblemError
from store.access import Account
from store.access.passwords import weakness
from store.access.tokens import DEFAULT_DAYS, LONGEST_DAYS


def route(access: Accounts) -> APIRouter:
    """The page and its forms."""
    router = APIRouter(include_in_schema=False)
    guard = [SIGNED_IN]

    @router.get("/account", dependencies=guard)
    def account_page(request: Request) -> Response:
        return _page(access, request)

    @router.post("/account/password", dependencies=guard)
    async def password(request: Request) -> Response:
        given = await bodies.read_form(request)
        return await run_in_threadpool(_change_password, access, request, given)

    @router.post("/account/totp", dependencies=guard)
    async def start_totp(request: Request) -> Response:
        await bodies.read_form(request)
        return await run_in_threadpool(_start_totp, access, request)

    @router.get("/account/totp.svg", dependencies=guard)
    def totp_picture(request: Request) -> Response:
        account = _own(access, request)
        if account.totp_secret is None or account.totp_confirmed:
            raise ProblemError(
                404, "not-found", "There is no such picture.", cure="Open your account."
            )
        drawn = codes.draw(access.keys.decrypt(account.totp_secret), account.login)
        return Response(drawn, media_type="image/svg+xml")

    @router.post("/account/totp/confirm", dependencies=guard)
    async def confirm_totp(request: Request) -> Response:
        given = await bodies.read_form(request)
        return await run_in_threadpool(_confirm_totp, access, request, given)

    @router.post("/account/totp/remove", dependencies=guard)
    async def remove_totp(request: Request) -> Response:
        given = await bodies.read_form(request)
        return await run_in_threadpool(_remove_totp, access, request, given)

    @router.post("/account/language", dependencies=guard)
    async def language(request: Request) -> Response:
        given = await bodies.read_form(request)
        return await run_in_threadpool(_set_language, access, request, given)

    @router.post("/account/sessions/{session_id}/end", dependencies=guard)
    async def end_session(session_id: SessionId, request: Request) -> Response:
        await bodies.read_form(request)
        await run_in_threadpool(managing.end_session, access, request, session_id)
        return _back(request, "sessions")

    @router.post("/account/tokens", dependencies=guard)
    async def made(request: Request) -> Response:
        given = await bodies.read_form(request)
        return await run_in_threadpool(make_token, access, request, given)

    @router.post("/account/tokens/{token_id}/revoke", dependencies=guard)
    async def revoke_token(token_id: TokenId, request: Request) -> Response:
        await bodies.read_form(request)
        await run_in_threadpool(managing.revoke_token, access, request, token_id)
        return _back(request, "tokens")

    return router


def _change_password(access: Accounts, request: Request, given: Mapping[str, str]) -> Response:
    account = _own(access, request)
    if account.password_hash is None:
        raise ProblemError(
            409,
            "no-password",
            "The account has no password here.",
            cure="Change it where you are signed in from.",
        )
    problem = _wrong_password(access, request, account, given.get("current", ""))
    new = given.get("new", "")
    if problem is None and new != given.get("again", ""):
        problem = "password_differs"
    if problem is None and new == given.get("current"):
        problem = "password_same"
    if problem is not None:
        return _page(access, request, problem=problem, at="password", status=422)
    weak = weakness(new, account.login, account.name)
    if weak is not None:
        return _page(access, request, weak=weak, at="password", status=422)
    access.access.accounts.set_password(
        account.user_id, access.passwords.hash(new), must_change=False, now=access.clock()
    )
    managing.note(access, request, "account", what="password changed", user=account.user_id)
    return _anew(access, request, account, "password_changed")


def _start_totp(access: Accounts, request: Request) -> Response:
    account = _own(access, request)
    if account.password_hash is not None and not account.totp_confirmed:
        secret = access.keys.encrypt(codes.make_secret())
        access.access.accounts.set_totp(account.user_id, secret, now=access.clock())
        managing.note(access, request, "account", what="second factor begun", user=account.user_id)
    return _back(request, "second")


def _confirm_totp(access: Accounts, request: Request, given: Mapping[str, str]) -> Response:
    account = _own(access, request)
    if account.totp_secret is None or account.totp_confirmed:
        return _back(request, "second")
    access.sign_ins.take(account.login)
    secret = access.keys.decrypt(account.totp_secret)
    step = codes.step_of(secret, given.get("code", "")[:64], access.clock())
    if step is None:
        return _page(access, request, problem="code_wrong", at="second", status=422)
    recovery = codes.make_recovery()
    access.access.accounts.confirm_totp(
        account.user_id, step, [codes.recovery_digest(c) for c in recovery], now=access.clock()
    )
    access.access.sessions.end_all(account.user_id)
    managing.note(access, request, "account", what="second factor set", user=account.user_id)
    response = pages.render(request, "told_once.html", {"codes": recovery, "secret": None})
    access.begin(request, account, response)
    return response


def _remove_totp(access: Accounts, request: Request, given: Mapping[str, str]) -> Response:
    account = _own(access, request)
    if account.totp_confirmed:
        problem = _wrong_password(access, request, account, given.get("password", ""))
        if problem is None and not check_code(access, account, given.get("code", "")):
            access.access.accounts.fail(account.user_id, access.clock())
            problem = "code_wrong"
        if problem is not None:
            return _page(access, request, problem=problem, at="second", status=422)
    access.access.accounts.set_totp(account.user_id, None, now=access.clock())
    access.access.sessions.end_all(account.user_id)
    managing.note(access, request, "account", what="second factor removed", user=account.user_id)
    return _anew(access, request, account, "second")


def _set_language(access: Accounts, request: Request, given: Mapping[str, str]) -> Response:
    chosen = managing.language_of(given.get("language"))
    account = _own(access, request)
    access.access.accounts.change(account.user_id, {"language": chosen}, now=access.clock())
    access.forget()
    return RedirectResponse("/account#language", 303)


def make_token(
    access: Accounts, request: Request, given: Mapping[str, str], user_id: str | None = None
) -> Response:
    """Make the token that a form asks for, of the caller or of a service account, and show it."""
    token, secret = managing.make_token(
        access,
        request,
        {
            "user_id": user_id,
            "name": given.get("name"),
            "days": bodies.whole(given.get("days", ""), 4) or 0,
            # A form's boxes: permission.<name>=on
            "permissions": [
                name.removeprefix("permission.") for name in given if name.startswith("permission.")
            ],
        },
    )
    return pages.render(
        request, "told_once.html", {"codes": None, "secret": secret, "token": token}
    )


def _own(access: Accounts, request: Request) -> Account:
    return managing.find(access, managing.in_session(request).user_id)


def _wrong_password(
    access: Accounts, request: Request, account: Account, password: str
) -> str | None:
    """What is wrong with the current password; guesses here count as those at sign-in."""
    access.sign_ins.take(account.login)
    locked = account.locked_until is not None and access.clock() < account.locked_until
    fits = access.passwords.fit(account.password_hash, password[:1_000])
    if fits and not locked:
        return None
    if not locked:
        access.access.accounts.fail(account.user_id, access.clock())
    return "password_wrong"


def _anew(access: Accounts, request: Request, account: Account, at: str) -> Response:
    """Back to the page with a session of a new id: the old ones ended with the change."""
    response = _back(request, at)
    access.begin(request, account, response)
    return response


def _back(request: Request, at: str) -> Response:
    return RedirectResponse(f"/account?lang={pages.choose_language(request)}#{at}", 303)


def _page(
    access: Accounts,
    request: Request,
    *,
    problem: str | None = None,
    weak: tuple[str, str] | None = None,
    at: str | None = None,
    status: int = 200,
) -> Response:
    account = _own(access, request)
    secret = None
    if account.totp_secret is not None and not account.totp_confirmed:
        secret = access.keys.decrypt(account.totp_secret)
    here = getattr(request.state, "session_id", None)
    context: dict[str, Any] = {
        "account": account,
        "role": ROLE_NAMES[account.role],
        "secret": secret,
        "sessions": [
            own.tell_session(one, here)
            for one in access.access.sessions.of(account.user_id, access.clock())
        ],
        "tokens": access.access.tokens.of(account.user_id),
        "permissions": sorted(str(p) for p in PERMISSIONS[account.role]),
        "now": access.clock(),
        "days": (DEFAULT_DAYS, LONGEST_DAYS),
        "problem": problem,
        "weak": weak,
        "at": at,
        "zone": "Asia/Shanghai",
    }
    return pages.render(request, "account.html", context, status)
