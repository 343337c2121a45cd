"""Signing in: password, second factor, and the session that comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from domain.access import PERMISSIONS, Permission, Principal, Role
from scoring_api import bodies, pages
from scoring_api.access import codes
from scoring_api.access.accounts import Accounts, address_of
from scoring_api.access.guard import PUBLIC
from store.access import Account

Outcome = Literal["in", "code", "refused"]
_LANDINGS: Final = (
    (Permission.ALERTS_READ, "/"),
    (Permission.USERS_MANAGE, "/admin"),
    (Permission.AUDIT_READ, "/audit"),
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """How a try to sign in ended, and whose it was if it went on."""

    outcome: Outcome
    account: Account | None = None


def try_password(access: Accounts, request: Request, login: str, password: str) -> Attempt:
    """Check login and password. Every refusal looks alike, and takes as long."""
    access.sign_ins_of_address.take(address_of(request))
    access.sign_ins.take(login.strip().casefold()[:64])
    accounts, now = access.access.accounts, access.clock()
    account = accounts.named(login[:64])
    able = account is not None and account.active and account.role is not Role.SERVICE
    kept = account.password_hash if account is not None and able else None
    fits = access.passwords.fit(kept, password[:1_000])
    locked = account is not None and account.locked_until is not None and now < account.locked_until
    if account is None or kept is None or locked or not fits:
        if account is not None and kept is not None and not locked:
            _failed(access, request, account, "password")
        else:
            about = {"why": "locked" if locked else "unknown"}
            access.log(request, "sign-in", "refused", account=account, allowed=False, about=about)
        return Attempt("refused")
    if access.passwords.stale(kept):
        accounts.renew_hash(account.user_id, kept, access.passwords.hash(password))
    return Attempt("code" if account.totp_confirmed else "in", account)


def try_code(access: Accounts, request: Request, code: str) -> Attempt:
    """Check the code that follows the password: of the app, or a recovery code; each counts once."""
    access.sign_ins_of_address.take(address_of(request))
    account = waiting(access, request)
    if account is None or account.totp_secret is None:
        return Attempt("refused")
    now = access.clock()
    if account.locked_until is not None and now < account.locked_until:
        access.log(
            request, "sign-in", "refused", account=account, allowed=False, about={"why": "locked"}
        )
        return Attempt("refused")
    if not check_code(access, account, code):
        _failed(access, request, account, "code")
        return Attempt("refused")
    return Attempt("in", account)


def check_code(access: Accounts, account: Account, code: str) -> bool:
    """Whether the code is one that counts; it is used up."""
    accounts = access.access.accounts
    if account.totp_secret is None:
        return False
    secret = access.keys.decrypt(account.totp_secret)
    step = codes.step_of(secret, code[:64], access.clock())
    if step is not None:
        return accounts.take_step(account.user_id, step)
    return accounts.take_recovery(account.user_id, codes.recovery_digest(code[:64]))


def waiting(access: Accounts, request: Request) -> Account | None:
    """Whose password was right a moment ago, while the code is awaited."""
    cookie = access.cookie(request)
    session = access.access.sessions.find(cookie, access.clock()) if cookie else None
    if session is None or not session.pending:
        return None
    account = access.access.accounts.find(session.user_id)
    return account if account is not None and account.active else None


def finish(access: Accounts, request: Request, account: Account, response: Response) -> None:
    """Sign in: a session of a new id, the failures before it forgotten, a row in the log."""
    access.begin(request, account, response)
    access.access.accounts.signed_in(account.user_id, access.clock())
    access.log(request, "sign-in", "ok", account=account)


def own_path(given: str) -> str | None:
    """``given`` if it is a path of this service and nothing else; None for another site's address."""
    if not given.startswith("/") or given.startswith(("//", "/\\")) or "\\" in given:
        return None
    if any(ord(c) < 0x21 or ord(c) == 0x7F for c in given) or len(given) > 2_000:
        return None
    parts = urlsplit(given)
    if parts.scheme or parts.netloc or parts.path in ("/sign-in", "/sign-in/code", "/sign-out"):
        return None
    return given


def landing(request: Request, account: Account, permissions: frozenset[Permission]) -> str:
    """The page to begin on."""
    if account.must_change_password:
        return "/account"
    if pages.begins_on_ward(request, permissions):
        return pages.WARD
    return next((path for needed, path in _LANDINGS if needed in permissions), "/account")


def route(access: Accounts) -> APIRouter:
    """The pages of signing in and out."""
    router = APIRouter(include_in_schema=False)

    @router.get("/sign-in", dependencies=[PUBLIC])
    def sign_in_page(request: Request) -> Response:
        return _page(request, access, "sign_in.html")

    @router.post("/sign-in", dependencies=[PUBLIC])
    async def sign_in(request: Request) -> Response:
        given = await bodies.read_form(request)
        return await run_in_threadpool(_sign_in, access, request, given)

    @router.get("/sign-in/code", dependencies=[PUBLIC])
    def code_page(request: Request) -> Response:
        if waiting(access, request) is None:
            return RedirectResponse(f"/sign-in?lang={pages.choose_language(request)}", 303)
        return _page(request, access, "sign_in_code.html")

    @router.post("/sign-in/code", dependencies=[PUBLIC])
    async def code(request: Request) -> Response:
        given = await bodies.read_form(request)
        return await run_in_threadpool(_code, access, request, given)

    @router.post("/sign-out", dependencies=[PUBLIC])
    async def sign_out(request: Request) -> Response:
        await bodies.read_form(request)
        return await run_in_threadpool(_sign_out, access, request)

    return router


def _sign_in(access: Accounts, request: Request, given: Mapping[str, str]) -> Response:
    attempt = try_password(
        access, request, given.get("login", "").strip(), given.get("password", "")
    )
    wanted = own_path(given.get("next", ""))
    if attempt.account is None:
        return _page(request, access, "sign_in.html", wrong=True, given=given)
    if attempt.outcome == "code":
        there = f"/sign-in/code?lang={pages.choose_language(request)}"
        response = RedirectResponse(
            there + (f"&next={quote(wanted, safe='')}" if wanted else ""), 303
        )
        access.begin(request, attempt.account, response, pending=True)
        return response
    return _enter(access, request, attempt.account, wanted)


def _code(access: Accounts, request: Request, given: Mapping[str, str]) -> Response:
    attempt = try_code(access, request, given.get("code", ""))
    if attempt.account is None:
        if waiting(access, request) is None:
            return RedirectResponse(f"/sign-in?lang={pages.choose_language(request)}", 303)
        return _page(request, access, "sign_in_code.html", wrong=True, given=given)
    return _enter(access, request, attempt.account, own_path(given.get("next", "")))


def _enter(access: Accounts, request: Request, account: Account, wanted: str | None) -> Response:
    to = wanted if wanted and not account.must_change_password else None
    to = to or landing(request, account, PERMISSIONS[account.role])
    lang = request.query_params.get("lang")
    if lang in ("zh", "en") and "lang=" not in to:
        to += f"{'&' if '?' in to else '?'}lang={lang}"
    response = RedirectResponse(to, 303)
    finish(access, request, account, response)
    return response


def _sign_out(access: Accounts, request: Request) -> Response:
    response = RedirectResponse(f"/sign-in?lang={pages.choose_language(request)}", 303)
    cookie = access.cookie(request)
    principal: Principal | None = request.state.principal
    if cookie:
        access.access.sessions.end_cookie(cookie)
        access.forget()
    access.take_cookie(request, response)
    if principal is not None:
        access.log(request, "sign-out", "ok", principal=principal)
    return response


def _failed(access: Accounts, request: Request, account: Account, why: str) -> None:
    until = access.access.accounts.fail(account.user_id, access.clock())
    access.log(request, "sign-in", "refused", account=account, allowed=False, about={"why": why})
    if until is not None:
        access.log(
            request,
            "locked",
            "locked",
            account=account,
            allowed=False,
            about={"until": until.isoformat()},
        )


def _page(
    request: Request,
    access: Accounts,
    template: str,
    *,
    wrong: bool = False,
    given: Mapping[str, str] | None = None,
) -> Response:
    asked = (given or {}).get("next") or request.query_params.get("next", "")
    context = {
        "wrong": wrong,
        "next": own_path(asked) or "",
        "login": (given or {}).get("login", "")[:64],
        "oidc": access.oidc.name if access.oidc else None,
    }
    return pages.render(request, template, context, 401 if wrong else 200)
