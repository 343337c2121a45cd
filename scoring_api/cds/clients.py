"""Record systems that may call: a file of those who are trusted, and the proof that it is one of them.

Each call brings a JSON web token that the client signed for this very address (CDS Hooks 2.0, Trusting
CDS Clients). It counts once, for five minutes at most, and only under a key that the file names.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import msgspec
from fastapi import Request
from joserfc import jws, jwt
from joserfc.errors import JoseError

from domain.access import Permission, Principal, Role, Rows
from domain.errors import SentinelError
from scoring_api.access.limits import Limit
from scoring_api.cds import keys
from scoring_api.problems import ProblemError

PATH: Final = "/cds-services"
ALGORITHMS: Final = (
    "ES384",
    "RS384",
    "ES256",
    "ES512",
    "RS256",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
)
"""Signatures with a public key: ES384 and RS384 are recommended; `none` and shared secrets never count."""
LONGEST_S: Final = 300
"""Seconds that a token may count, from ``iat`` to ``exp``."""
LEEWAY_S: Final = 30
"""How far the two clocks may be apart."""
MOST_IDS: Final = 200_000
"""Tokens remembered at most: far above what five minutes of an allowed rate bring."""
PER_SECOND: Final = 100.0
"""Calls a second of one client in the long run: a hospital of thousands of beds makes about ten."""
PERMITTED: Final = frozenset({Permission.CLAIMS_ASSESS, Permission.ADVICE_ANSWER})
"""What a client may: have orders judged, and pass on what physicians answered."""
MEANS: Final = "cds-client"


class ClientsError(SentinelError):
    """The file of clients cannot be used."""


class Tenant(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """An organisation behind a client: its hospitals, and if it is narrower its departments."""

    providers: list[str]
    departments: list[str] | None = None


class Client(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A trusted record system, as the file describes it."""

    iss: str
    name: str
    jwks: dict[str, Any] | None = None
    jwks_uri: str | None = None
    providers: list[str] | None = None
    departments: list[str] | None = None
    tenants: dict[str, Tenant] = msgspec.field(default_factory=dict)
    language: str = "zh"


class Registry(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The file of ``--cds-clients``."""

    clients: list[Client]
    service: str | None = None
    origins: list[str] = msgspec.field(default_factory=list)


class Keys(Protocol):
    """Where the keys of a client come from."""

    def find(self, kid: str) -> Any:
        """The key of that name, or None."""
        ...


class _Given:
    """Keys that stand in the file."""

    def __init__(self, found: Mapping[str, Any]) -> None:
        self._found = found

    def find(self, kid: str) -> Any:
        return self._found.get(kid)


@dataclass(frozen=True, slots=True)
class _Known:
    client: Client
    keys: Keys


class Clients:
    """The trusted clients of one service address; ``identify`` tells who sent a request."""

    def __init__(
        self,
        registry: Registry,
        address: str,
        *,
        fetch: Callable[[str], Keys] = keys.FetchedKeys,
        clock: Callable[[], float] = time.time,
        per_second: float = PER_SECOND,
    ) -> None:
        self.address = address.rstrip("/")
        self.origins = tuple(registry.origins)
        self._known = {c.iss: _Known(c, _keys_of(c, fetch)) for c in registry.clients}
        if len(self._known) < len(registry.clients):
            raise _refuse_file("two clients have one iss", "clients")
        self._clock = clock
        self._limit = Limit(per_second, max(1, int(per_second * 3)))
        self._spent: dict[tuple[str, str], float] = {}
        self._swept = 0.0
        self._lock = threading.Lock()

    @classmethod
    def load(cls, path: Path, *, address: str = "", **more: Any) -> Clients:
        """The clients of a JSON file; ``address`` is that of the service if the file does not say it."""
        try:
            registry = msgspec.json.decode(path.read_bytes(), type=Registry)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _refuse_file(f"the file of clients cannot be read: {error}", str(path)) from error
        service = registry.service or address
        if urlsplit(service).scheme not in ("https", "http") or not urlsplit(service).netloc:
            raise ClientsError(
                "the address that clients sign their tokens for is not known",
                where=str(path),
                cure='Write "service": "https://…" into the file, or give --public-url.',
            )
        for origin in registry.origins:
            parts = urlsplit(origin)
            if parts.scheme not in ("https", "http") or not parts.netloc or parts.path or "*" in origin:  # fmt: skip
                raise _refuse_file(f"{origin} is no origin such as https://ehr.example.org", "origins")  # fmt: skip
        return cls(registry, service, **more)

    def identify(self, request: Request) -> Principal | None:
        """The client that signed the request's token; None if it brings no JSON web token.

        ProblemError: 401 with the reason for one that does not hold, 429 for too many calls, 503
        where the client's keys cannot be fetched.
        """
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or token.count(".") != 2:
            return None
        claims, known = self._prove(token.strip())
        self._check_times(claims)
        self._check_audience(claims, request.url.path)
        client = known.client
        self._limit.take(client.iss)
        self._spend(client.iss, claims)
        request.state.language = client.language
        return _principal(client, claims.get("tenant"))

    def _prove(self, token: str) -> tuple[Mapping[str, Any], _Known]:
        """The claims of a token that a known client signed."""
        try:
            unproved = jws.extract_compact(token.encode("ascii", "strict"))
            header = unproved.headers()
            claims = msgspec.json.decode(unproved.payload)
        except (JoseError, ValueError, TypeError, RecursionError) as error:
            raise _untrusted("it is no JSON web token") from error
        if not isinstance(claims, dict):
            raise _untrusted("its payload is no object")
        if header.get("alg") not in ALGORITHMS:
            raise _untrusted(f"its alg is not one of {', '.join(ALGORITHMS)}")
        if header.get("typ") != "JWT":
            raise _untrusted("its typ is not JWT")
        if "crit" in header:
            raise _untrusted("it asks for extensions (crit) that are not known here")
        kid, issuer = header.get("kid"), claims.get("iss")
        if not isinstance(kid, str) or not kid:
            raise _untrusted("it has no kid")
        known = self._known.get(issuer) if isinstance(issuer, str) else None
        if known is None:
            raise _untrusted("its iss is not a client of this service")
        if "jku" in header and header["jku"] != known.client.jwks_uri:
            raise _untrusted("its jku is not the address of keys that is agreed with the client")
        try:
            key = known.keys.find(kid)
        except keys.KeysError as error:
            raise ProblemError(
                503, "client-keys", error.what, cure=error.cure, headers={"Retry-After": "30"}
            ) from error
        if key is None:
            raise _untrusted("its kid is not one of the client's keys")
        agreed = key.get("alg") if hasattr(key, "get") else None
        if agreed is not None and agreed != header["alg"]:
            raise _untrusted("its alg is not the one of its key")
        try:
            proved = jwt.decode(token, key, algorithms=[header["alg"]])
        except (JoseError, ValueError, TypeError) as error:
            raise _untrusted("its signature does not hold") from error
        return proved.claims, known

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        now = self._clock()
        times = [claims.get("exp"), claims.get("iat")]
        if any(isinstance(t, bool) or not isinstance(t, int | float) for t in times):
            raise _untrusted("it has no exp or no iat in seconds")
        ends, begun = float(claims["exp"]), float(claims["iat"])
        # Written so that what is not a number (NaN) is refused too.
        if not now < ends + LEEWAY_S:
            raise _untrusted("it has expired (exp)")
        if not begun <= now + LEEWAY_S:
            raise _untrusted("it was issued in the future (iat)")
        if not 0 < ends - begun <= LONGEST_S:
            raise _untrusted(f"it counts longer than {LONGEST_S} seconds (exp - iat)")
        before = claims.get("nbf")
        if before is not None and not (
            isinstance(before, int | float) and before <= now + LEEWAY_S
        ):
            raise _untrusted("it does not count yet (nbf)")

    def _check_audience(self, claims: Mapping[str, Any], path: str) -> None:
        audience = claims.get("aud")
        named = audience if isinstance(audience, list) else [audience]
        # The feedback's address lies below its service's: the specification says either may be meant.
        wanted = {f"{self.address}{p}" for p in (path, path.removesuffix("/feedback"))}
        if not wanted & {one for one in named if isinstance(one, str)}:
            raise _untrusted(f"its aud is not {self.address}{path}")

    def _spend(self, issuer: str, claims: Mapping[str, Any]) -> None:
        """Remember the token's id for as long as it counts; 401 if it came before."""
        jti = claims.get("jti")
        if not isinstance(jti, str) or not 1 <= len(jti) <= 256:
            raise _untrusted("it has no jti of 1 to 256 characters")
        now = self._clock()
        with self._lock:
            if now > self._swept + LEEWAY_S:
                self._swept = now
                self._spent = {k: end for k, end in self._spent.items() if end > now}
            if (issuer, jti) in self._spent:
                raise _untrusted("it was used before (jti)")
            if len(self._spent) >= MOST_IDS:
                raise ProblemError(
                    503,
                    "client-tokens",
                    "More tokens came in five minutes than can be remembered.",
                    cure="Call again in some minutes.",
                    headers={"Retry-After": "60"},
                )
            self._spent[issuer, jti] = float(claims["exp"]) + LEEWAY_S


def _principal(client: Client, tenant: Any) -> Principal:
    """The client as a caller that sees the hospitals of the file's tenant, or its own."""
    departments: Sequence[str] | None
    if client.tenants:
        one = client.tenants.get(tenant) if isinstance(tenant, str) else None
        if one is None:
            raise _untrusted("its tenant is not one of the client's")
        providers, departments = one.providers, one.departments
    else:
        providers, departments = client.providers or [], client.departments
    return Principal(
        f"cds:{client.iss}" + (f"#{tenant}" if client.tenants else ""),
        client.name,
        Role.SERVICE,
        PERMITTED,
        Rows.of(providers, departments, None),
        means=MEANS,
    )


def _keys_of(client: Client, fetch: Callable[[str], Keys]) -> Keys:
    where = f"clients, iss {client.iss}"
    if (client.jwks is None) == (client.jwks_uri is None):
        raise _refuse_file("a client has either jwks or jwks_uri", where)
    if not client.tenants and not client.providers:
        raise _refuse_file("a client names its hospitals: providers, or tenants with providers", where)  # fmt: skip
    if any(not tenant.providers for tenant in client.tenants.values()):
        raise _refuse_file("a tenant names its hospitals", where)
    if client.language not in ("zh", "en"):
        raise _refuse_file(f"there is no language {client.language}: zh or en", where)
    if client.jwks is not None:
        return _Given(keys.read(client.jwks, where))
    return fetch(client.jwks_uri or "")


def _refuse_file(what: str, where: str) -> ClientsError:
    return ClientsError(what, where=where, cure="Correct it as docs/cds-hooks.md shows.")


def _untrusted(why: str) -> ProblemError:
    return ProblemError(
        401,
        "cds-token",
        f"The JSON web token is not accepted: {why}.",
        cure="Sign a new token for each call as docs/cds-hooks.md says; compare its claims with the file of clients.",
        headers={"WWW-Authenticate": 'Bearer realm="drg-sentinel", error="invalid_token"'},
    )
