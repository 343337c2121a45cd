"""The guard of every route: what it needs stands beside it, and a route without one is a defect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol
from urllib.parse import quote

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool

from domain.access import PERMISSIONS, Permission, Principal, Role, Rows
from scoring_api.access import csrf
from scoring_api.problems import ProblemError, nul

_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class Access(Protocol):
    """How callers are recognised, and where what they did is kept."""

    sign_in: str | None
    """Address of the page to sign in on; None where nobody signs in."""

    def identify(self, request: Request) -> Principal | None:
        """Who is calling; None if nobody known. ProblemError for credentials that are wrong."""
        ...

    def record(
        self,
        request: Request,
        principal: Principal | None,
        needed: Permission | None,
        allowed: bool,
        about: Mapping[str, Any] | None = None,
    ) -> None:
        """Keep who asked for what; ``about`` names what was touched, beside the path's parameters."""
        ...

    def people(self, needed: Permission) -> Sequence[tuple[str, str]]:
        """(user_id, name) of everybody who has a permission, by name: whom work can be given to."""
        ...

    def rows_of(self, user_id: str) -> Rows:
        """What one of ``people`` may see."""
        ...


EVERYTHING: Final = Principal(
    user_id="local",
    name="local",
    role=Role.SENIOR,
    permissions=frozenset(Permission),
)
"""Whoever uses a service on their own machine that asks for no sign-in."""


class OpenAccess:
    """No sign-in: every caller may do everything. For one person on their own machine, and for tests."""

    sign_in: str | None = None

    def __init__(self, principal: Principal = EVERYTHING) -> None:
        self._principal = principal

    def identify(self, request: Request) -> Principal | None:
        """Always the same one."""
        return self._principal

    def record(
        self,
        request: Request,
        principal: Principal | None,
        needed: Permission | None,
        allowed: bool,
        about: Mapping[str, Any] | None = None,
    ) -> None:
        """Nothing is kept: there is nobody to tell apart."""

    def people(self, needed: Permission) -> Sequence[tuple[str, str]]:
        """The one principal."""
        one = self._principal
        return [(one.user_id, one.name)] if one.may(needed) else []

    def rows_of(self, user_id: str) -> Rows:
        """What the one principal may see."""
        return self._principal.rows


class Needs:
    """The dependency of a route: who calls, and whether they may; None lets everybody in.

    With ``own`` everybody who is signed in: for what is the caller's own, such as their sessions.
    """

    def __init__(self, permission: Permission | None, *, own: bool = False) -> None:
        self.permission = permission
        self.own = own

    async def __call__(self, request: Request) -> None:
        """Let the caller in, or answer with a problem: 401, 403, or the page to sign in on."""
        access: Access = request.app.state.access
        principal = await run_in_threadpool(access.identify, request)
        request.state.principal = principal
        if self.permission is None and not self.own:
            _refuse_nul(request)
            return
        allowed = principal is not None and (
            self.permission is None or principal.may(self.permission)
        )
        await run_in_threadpool(access.record, request, principal, self.permission, allowed)
        if principal is None:
            raise _unknown(request, access)
        if not allowed:
            raise ProblemError(
                403,
                "forbidden",
                f"The role {principal.role} does not have the permission {self.permission}."
                if self.permission not in PERMISSIONS[principal.role]
                else f"The token was made without the permission {self.permission}.",
                cure="Ask an administrator of this service for an account that has it.",
            )
        _refuse_nul(request)
        if request.method not in _READING and request.url.path.startswith("/v1/"):
            csrf.check_header(request)


def _refuse_nul(request: Request) -> None:
    """Refuse U+0000 in path and query, which no database's text can hold; a 422 problem."""
    given = [*request.path_params.values()]
    for name, value in request.query_params.multi_items():
        given += (name, value)
    if any("\x00" in str(one) for one in given):
        raise nul("path or query")


def needs(permission: Permission) -> Any:
    """What a route asks of its caller, as a dependency: ``dependencies=[needs(Permission.EXPORT)]``."""
    return Depends(Needs(permission))


PUBLIC: Final[Any] = Depends(Needs(None))
"""A route for everybody, signed in or not."""

SIGNED_IN: Final[Any] = Depends(Needs(None, own=True))
"""A route for everybody who is signed in, whatever their role: for what is their own."""


async def _whole_view(request: Request) -> None:
    principal: Principal | None = request.state.principal
    if principal is not None and principal.rows.limited:
        raise ProblemError(
            403,
            "limited-view",
            "This crosses hospitals, and the account sees only some hospitals, departments or stays.",
            cure="Ask somebody whose account is not limited.",
        )


whole_view: Final[Any] = Depends(_whole_view)
"""For routes whose answers cross hospitals: after ``needs``, only for callers without a limit."""


def who(request: Request) -> Principal:
    """The caller of a route that needs a permission."""
    principal: Principal = request.state.principal
    return principal


def include(app: FastAPI, router: APIRouter, *dependencies: Any) -> None:
    """Take a router in, with what all its routes need; AssertionError names one that does not say so.

    ``app.state.routes`` then holds what each (method, path) needs; None is for everybody, or if it
    is in ``app.state.own`` for everybody who is signed in.
    """
    shared = [d.dependency for d in dependencies if isinstance(d.dependency, Needs)]
    known: dict[tuple[str, str], Permission | None] = getattr(app.state, "routes", {})
    own_routes: set[tuple[str, str]] = getattr(app.state, "own", set())
    for route in router.routes:
        if not isinstance(route, APIRoute):
            raise AssertionError(f"{route} is no route of ours: nothing says what it needs")
        own = [d.call for d in route.dependant.dependencies if isinstance(d.call, Needs)]
        guards = [*shared, *own]
        if len(guards) != 1:
            raise AssertionError(
                f"{route.path} has {len(guards)} guards: give it just one needs(…) or PUBLIC"
            )
        here = {(method, route.path): guards[0].permission for method in route.methods or ()}
        known |= here
        if guards[0].own:
            own_routes |= set(here)
    app.state.routes, app.state.own = known, own_routes
    app.include_router(router, dependencies=list(dependencies))


def _unknown(request: Request, access: Access) -> ProblemError:
    browser = "text/html" in request.headers.get("accept", "") and request.method in ("GET", "HEAD")
    if access.sign_in and browser and not request.url.path.startswith("/v1/"):
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return ProblemError(
            303,
            "sign-in",
            "This page is for people who are signed in.",
            cure="Sign in.",
            headers={"Location": f"{access.sign_in}?next={quote(here, safe='')}"},
        )
    return ProblemError(
        401,
        "unauthenticated",
        "Nobody is signed in, and the request carries no token.",
        cure="Sign in on the page, or send Authorization: Bearer with a token of this service (sentinel tokens add).",
        headers={"WWW-Authenticate": 'Bearer realm="drg-sentinel"'},
    )
