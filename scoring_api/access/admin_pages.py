"""/admin: the accounts, for whoever keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from domain.access import PERMISSIONS, ROLE_NAMES, Permission, Role
from scoring_api import bodies, pages
from scoring_api.access import managing
from scoring_api.access.account_pages import make_token
from scoring_api.access.accounts import Accounts
from scoring_api.access.guard import needs, whole_view
from scoring_api.access.own import TokenId
from scoring_api.access.users import UserId
from scoring_api.pages.texts import TEXTS
from scoring_api.problems import ProblemError
from store.access.tokens import DEFAULT_DAYS, LONGEST_DAYS

ACCOUNTS_A_PAGE = 50


def route(access: Accounts) -> APIRouter:
    """The pages and their forms."""
    router = APIRouter(include_in_schema=False)
    # Who sees a part could otherwise give themselves the rest.
    guard = [needs(Permission.USERS_MANAGE), whole_view]

    @router.get("/admin", dependencies=guard)
    def list_page(request: Request) -> Response:
        return _list(access, request)

    @router.post("/admin", dependencies=guard)
    async def add(request: Request) -> Response:
        given = await bodies.read_form(request)
        return await run_in_threadpool(_add, access, request, given)

    @router.get("/admin/{user_id}", dependencies=guard)
    def account_page(user_id: UserId, request: Request) -> Response:
        return _one(access, request, user_id)

    @router.post("/admin/{user_id}", dependencies=guard)
    async def change(user_id: UserId, request: Request) -> Response:
        given = await bodies.read_form(request)
        return await run_in_threadpool(_change, access, request, user_id, given)

    @router.post("/admin/{user_id}/password", dependencies=guard)
    async def reset_password(user_id: UserId, request: Request) -> Response:
        await bodies.read_form(request)
        password = await run_in_threadpool(managing.reset_password, access, request, user_id)
        return await run_in_threadpool(_one, access, request, user_id, password=password)

    @router.post("/admin/{user_id}/second-factor", dependencies=guard)
    async def reset_second(user_id: UserId, request: Request) -> Response:
        await bodies.read_form(request)
        await run_in_threadpool(managing.reset_second_factor, access, request, user_id)
        return _back(request, user_id)

    @router.post("/admin/{user_id}/unlock", dependencies=guard)
    async def unlock(user_id: UserId, request: Request) -> Response:
        await bodies.read_form(request)
        await run_in_threadpool(managing.unlock, access, request, user_id)
        return _back(request, user_id)

    @router.post("/admin/{user_id}/tokens", dependencies=guard)
    async def made(user_id: UserId, request: Request) -> Response:
        given = await bodies.read_form(request)
        return await run_in_threadpool(make_token, access, request, given, user_id)

    @router.post("/admin/{user_id}/tokens/{token_id}/revoke", dependencies=guard)
    async def revoke_token(user_id: UserId, token_id: TokenId, request: Request) -> Response:
        await bodies.read_form(request)
        await run_in_threadpool(managing.revoke_token, access, request, token_id)
        return _back(request, user_id)

    return router


def _add(access: Accounts, request: Request, given: Mapping[str, str]) -> Response:
    try:
        account, password = managing.add(access, request, {**_fields(given), "login": given.get("login", "")})  # fmt: skip
    except ProblemError as problem:
        return _list(access, request, problem=problem, given=given)
    return _one(access, request, account.user_id, password=password, status=201)


def _change(access: Accounts, request: Request, user_id: str, given: Mapping[str, str]) -> Response:
    version = bodies.whole(given.get("version", "")) or 0  # which no account has
    changed = {**_fields(given), "active": given.get("active") == "on"}
    try:
        managing.change(access, request, user_id, changed, version)
    except ProblemError as problem:
        if problem.status == 404:
            raise
        return _one(access, request, user_id, problem=problem, status=problem.status)
    return _back(request, user_id)


def _fields(given: Mapping[str, str]) -> dict[str, Any]:
    return {
        "name": given.get("name", ""),
        "role": given.get("role", ""),
        "providers": _codes(given.get("providers", "")),
        "departments": _codes(given.get("departments", "")),
        "physician_id": given.get("physician_id", "").strip()[:64] or None,
        "language": given.get("language") or None,
    }


def _codes(text: str) -> list[str] | None:
    """Codes between blanks, commas or line ends; none is no limit."""
    return [c for c in text.replace(",", " ").replace("，", " ").split() if c] or None


def _list(
    access: Accounts,
    request: Request,
    *,
    problem: ProblemError | None = None,
    given: Mapping[str, str] | None = None,
) -> Response:
    lang = pages.choose_language(request)
    after = request.query_params.get("after", "")[:64]
    found = access.access.accounts.listing(after, ACCOUNTS_A_PAGE + 1)
    shown = found[:ACCOUNTS_A_PAGE]
    context = {
        "accounts": shown,
        "next": shown[-1].login if len(found) > ACCOUNTS_A_PAGE else None,
        "roles": ROLE_NAMES,
        "given": dict(given or {}),
        "problem": _tell(problem, lang),
        "now": access.clock(),
        "zone": "Asia/Shanghai",
    }
    return pages.render(request, "admin.html", context, problem.status if problem else 200)


def _one(
    access: Accounts,
    request: Request,
    user_id: str,
    *,
    password: str | None = None,
    problem: ProblemError | None = None,
    status: int = 200,
) -> Response:
    account = managing.find(access, user_id)
    context = {
        "account": account,
        "roles": ROLE_NAMES,
        "password": password,
        "problem": _tell(problem, pages.choose_language(request)),
        "tokens": access.access.tokens.of(user_id),
        "permissions": sorted(str(p) for p in PERMISSIONS[Role.SERVICE]),
        "days": (DEFAULT_DAYS, LONGEST_DAYS),
        "now": access.clock(),
        "zone": "Asia/Shanghai",
    }
    return pages.render(request, "admin_account.html", context, status)


def _tell(problem: ProblemError | None, lang: str) -> str | None:
    if problem is None:
        return None
    field = str(problem.more.get("field", problem.name if problem.status == 412 else "conflict"))
    words = TEXTS[lang]
    return words.get(f"account_refused.{field}", f"{problem.detail} {problem.cure}")


def _back(request: Request, user_id: str) -> Response:
    return RedirectResponse(f"/admin/{user_id}?lang={pages.choose_language(request)}", 303)
