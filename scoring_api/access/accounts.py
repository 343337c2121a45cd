"""Access with accounts: who a cookie or a token stands for, and the audit log of what they did."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import structlog
from fastapi import Request
from starlette.responses import Response

from domain.access import PERMISSIONS, Permission, Principal, Role, Rows
from scoring_api.access.limits import Limit
from scoring_api.problems import ProblemError
from store import Store
from store.access import Account, AuditEvent, Keyring
from store.access.passwords import Passwords
from store.access.sessions import digest

REMEMBERED: Final = timedelta(seconds=3)
"""How long an answer of the database counts: other processes' deactivations act within it."""
_MOST: Final = 5_000

_NO_CHANGE_NEEDED: Final = ("/account/password", "/account", "/sign-out", "/sign-in")
CDS_PATH: Final = "/cds-services"
"""Where record systems call, each with a token that it signed itself."""
_OPEN: Final = ("/static/", "/healthz", "/readyz", "/metrics")
_FREE_TEXT: Final = frozenset({"text", "q", "note", "cursor", "next", "code", "state", "name"})
"""Parameters of a query whose values may hold what a person typed: they stay out of the log."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What an operator may set; ``https`` None goes by the scheme of each request."""

    https: bool | None = None
    per_principal_s: float = 30
    principal_burst: int = 300
    per_address_s: float = 200
    address_burst: int = 1_000
    sign_ins_a_minute: int = 10


@dataclass(frozen=True, slots=True)
class _Known:
    principal: Principal
    at: datetime
    ends_at: datetime
    language: str | None = None
    must_change: bool = False
    session_id: str | None = None


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Accounts:
    """``Access`` for a service that people sign in to; ``routes`` of this package need it."""

    store: Store
    keys: Keyring
    passwords: Passwords = field(default_factory=Passwords)
    settings: Settings = field(default_factory=Settings)
    clock: Callable[[], datetime] = _now
    sign_in: str | None = "/sign-in"
    oidc: Any = None
    """The OpenID provider (``oidc.Provider``); None without one."""
    clients: Any = None
    """The record systems that may call (``scoring_api.cds.Clients``); None without any."""

    def __post_init__(self) -> None:
        self.access = self.store.access
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._lock = threading.Lock()
        s = self.settings
        self.of_principals = Limit(s.per_principal_s, s.principal_burst)
        self.of_addresses = Limit(s.per_address_s, s.address_burst)
        self.sign_ins = Limit(s.sign_ins_a_minute / 60, s.sign_ins_a_minute)
        # An office behind one address signs in at the same hour.
        self.sign_ins_of_address = Limit(s.sign_ins_a_minute / 10, 6 * s.sign_ins_a_minute)

    def identify(self, request: Request) -> Principal | None:
        """Who is calling; 401 for a token that does not count, 429 for too many requests.

        With ``request.state.unattended`` a session is looked up, but not kept from ending.
        """
        if request.url.path.startswith(_OPEN):
            return None
        if self.clients is not None and request.url.path.startswith(CDS_PATH):
            # A hospital calls from one address, often: its client has a limit of its own.
            try:
                client: Principal | None = self.clients.identify(request)
            except ProblemError:
                self.of_addresses.take(address_of(request))
                raise
            if client is not None:
                return client
        self.of_addresses.take(address_of(request))
        header = request.headers.get("authorization")
        known = self._bearer(header) if header is not None else self._session(request)
        if known is None:
            return None
        self.of_principals.take(f"{known.principal.user_id} {known.principal.means}")
        request.state.language = known.language
        request.state.session_id = known.session_id
        if known.must_change and not request.url.path.startswith(_NO_CHANGE_NEEDED):
            raise _change_first(request)
        return known.principal

    def record(
        self,
        request: Request,
        principal: Principal | None,
        needed: Permission | None,
        allowed: bool,
        about: Mapping[str, Any] | None = None,
    ) -> None:
        """Note what the request's row of the log will hold; ``trail`` writes it with the outcome."""
        entry = getattr(request.state, "audit", None) or {"about": {}}
        entry |= {"principal": principal, "needed": needed, "allowed": allowed}
        entry["about"] |= dict(about or {})
        request.state.audit = entry

    def write(self, request: Request, entry: dict[str, Any], status: int) -> None:
        """Write the row of a request."""
        about = entry["about"]
        kind = about.get("kind", "request")
        self.log(
            request,
            kind,
            str(status),
            principal=entry["principal"],
            allowed=entry["allowed"],
            needed=entry["needed"],
            about={k: v for k, v in about.items() if k != "kind"},
        )

    def log(
        self,
        request: Request,
        kind: str,
        outcome: str,
        *,
        principal: Principal | None = None,
        account: Account | None = None,
        allowed: bool = True,
        needed: Permission | None = None,
        about: Mapping[str, Any] | None = None,
    ) -> None:
        """Write one row: about a request, or about what happened to an account in it."""
        query = {
            _plain(name[:64]): "…" if name in _FREE_TEXT else _plain(value[:64])
            for name, value in list(request.query_params.multi_items())[:20]
        }
        who_id = principal.user_id if principal else account.user_id if account else None
        who_name = principal.name if principal else account.name if account else None
        role = principal.role if principal else account.role if account else None
        self.access.audit.write(
            AuditEvent(
                recorded_at=self.clock(),
                kind=kind,
                allowed=allowed,
                outcome=outcome,
                user_id=who_id,
                user_name=who_name,
                role=None if role is None else str(role),
                means=principal.means if principal else None,
                permission=None if needed is None else str(needed),
                method=request.method[:10],
                route=getattr(request.scope.get("route"), "path", None),
                subject={k: _plain(v) for k, v in {**request.path_params, **(about or {})}.items()},
                query=query,
                address=address_of(request),
                request_id=structlog.contextvars.get_contextvars().get("request_id"),
            )
        )

    def people(self, needed: Permission) -> Sequence[tuple[str, str]]:
        """(user_id, name) of active people whose role has a permission, by name."""
        roles = [str(r) for r in Role if needed in PERMISSIONS[r] and r is not Role.SERVICE]
        return [(a.user_id, a.name) for a in self.access.accounts.of_roles(roles)]

    def rows_of(self, user_id: str) -> Rows:
        """What an account may see; nothing if there is none."""
        account = self.access.accounts.find(user_id)
        return Rows(providers=frozenset()) if account is None else account.rows

    def forget(self) -> None:
        """Ask the database again: an account, session or token was changed here."""
        with self._lock:
            self._known.clear()

    def secure(self, request: Request) -> bool:
        """Whether the browser is on https."""
        return self.settings.https or request.url.scheme == "https"

    def cookie_name(self, request: Request) -> str:
        """On https the browser itself holds the cookie to this host (``__Host-``)."""
        return "__Host-sentinel" if self.secure(request) else "sentinel"

    def cookie(self, request: Request) -> str | None:
        """What the session's cookie holds; None without one."""
        return request.cookies.get(self.cookie_name(request))

    def give_cookie(self, request: Request, response: Response, cookie: str) -> None:
        """Hand a session to the browser."""
        response.set_cookie(
            self.cookie_name(request),
            cookie,
            path="/",
            secure=self.secure(request),
            httponly=True,
            samesite="lax",
        )

    def take_cookie(self, request: Request, response: Response) -> None:
        """Take the session's cookie from the browser."""
        response.delete_cookie(
            self.cookie_name(request),
            path="/",
            secure=self.secure(request),
            httponly=True,
            samesite="lax",
        )

    def begin(
        self, request: Request, account: Account, response: Response, *, pending: bool = False
    ) -> None:
        """Start a session with a new id, whatever cookie the browser came with, which ends."""
        cookie = self.access.sessions.begin(
            account.user_id,
            now=self.clock(),
            pending=pending,
            address=address_of(request),
            agent=request.headers.get("user-agent"),
            replacing=self.cookie(request),
        )
        self.forget()
        self.give_cookie(request, response, cookie)

    def _bearer(self, header: str) -> _Known:
        scheme, _, secret = header.partition(" ")
        known = None
        if scheme.lower() == "bearer" and secret.strip():
            known = self._remembered(f"token {digest(secret.strip())}", self._token, secret.strip())
        if known is None:
            raise ProblemError(
                401,
                "token",
                "The token is unknown, revoked or ended, or its account is not active.",
                cure="Make a new token on the page of your account, or with sentinel tokens add.",
                headers={"WWW-Authenticate": 'Bearer realm="drg-sentinel", error="invalid_token"'},
            )
        return known

    def _session(self, request: Request) -> _Known | None:
        cookie = self.cookie(request)
        if not cookie:
            return None
        if getattr(request.state, "unattended", False):
            # Not remembered: a use within the next seconds must still be noted.
            return self._signed_in(cookie, self.clock(), attended=False)
        return self._remembered(f"session {digest(cookie)}", self._signed_in, cookie)

    def _remembered(
        self, key: str, ask: Callable[[str, datetime], _Known | None], secret: str
    ) -> _Known | None:
        now = self.clock()
        with self._lock:
            known = self._known.get(key)
        if known is not None and now < min(known.at + REMEMBERED, known.ends_at):
            return known
        known = ask(secret, now)
        with self._lock:
            self._known.pop(key, None)
            if known is not None:
                self._known[key] = known
                if len(self._known) > _MOST:
                    self._known.popitem(last=False)
        return known

    def _signed_in(self, cookie: str, now: datetime, *, attended: bool = True) -> _Known | None:
        session = self.access.sessions.find(cookie, now, attended=attended)
        if session is None or session.pending:
            return None
        account = self.access.accounts.find(session.user_id)
        if account is None or not account.active:
            return None
        principal = Principal(
            account.user_id,
            account.name,
            account.role,
            frozenset() if account.must_change_password else PERMISSIONS[account.role],
            account.rows,
            csrf=hashlib.sha256(b"csrf\x1f" + cookie.encode()).hexdigest(),
            means="session",
        )
        return _Known(
            principal,
            now,
            session.ends_at,
            account.language,
            account.must_change_password,
            session.session_id,
        )

    def _token(self, secret: str, now: datetime) -> _Known | None:
        token = self.access.tokens.find(secret, now)
        account = self.access.accounts.find(token.user_id) if token else None
        if token is None or account is None or not account.active:
            return None
        principal = Principal(
            account.user_id,
            account.name,
            account.role,
            # What the account lost since, the token has lost too.
            token.permissions & PERMISSIONS[account.role],
            account.rows,
            means="token",
        )
        return _Known(principal, now, token.ends_at, account.language)


def address_of(request: Request) -> str:
    """Where a request comes from; behind a proxy on this machine, whom the proxy names."""
    return request.client.host if request.client else "unknown"


def _plain(value: Any) -> Any:
    """A value as PostgreSQL can hold it: what was sent with U+0000 is refused, and logged all the same."""
    return value.replace("\x00", "\ufffd") if isinstance(value, str) else value


def _change_first(request: Request) -> ProblemError:
    page = "text/html" in request.headers.get("accept", "") and request.method in ("GET", "HEAD")
    if page and not request.url.path.startswith("/v1/"):
        return ProblemError(
            303,
            "change-password",
            "The password is for one time.",
            cure="Choose your own password.",
            headers={"Location": "/account"},
        )
    return ProblemError(
        403,
        "change-password",
        "The password is for one time, and must be changed before anything else.",
        cure="Open /account and choose your own password.",
    )
