"""An OpenID provider that vouches for people: authorization code with PKCE, state and nonce."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote_plus, urlsplit

import httpx
import msgspec
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from domain.access import Role, Rows
from domain.errors import SentinelError

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384")
"""Signatures with a public key only: never `none`, never one keyed by the client's secret."""
LEEWAY_S: Final = 30
"""How far the two clocks may be apart."""
_TIMEOUT_S: Final = 10
_KEPT_S: Final = 3600


class OidcError(SentinelError):
    """The provider could not be asked, or what it said does not hold."""


class RoleMapping(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Which claim tells the role, and which of its values is which role; the first that fits counts."""

    claim: str
    values: dict[str, Role]


class Options(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The file of ``--oidc``: the provider, and how its claims become an account."""

    issuer: str
    client_id: str
    role: RoleMapping
    name: str = "OpenID Connect"
    client_secret_env: str | None = None
    scopes: list[str] = msgspec.field(default_factory=lambda: ["openid", "profile"])
    redirect_uri: str | None = None
    login: str = "preferred_username"
    display_name: str = "name"
    providers: str | None = None
    departments: str | None = None
    physician_id: str | None = None


@dataclass(frozen=True, slots=True)
class Vouched:
    """Whom the provider vouches for, and what its claims make of them here."""

    issuer: str
    subject: str
    login: str
    name: str
    role: Role
    rows: Rows


class Provider:
    """One OpenID provider; its configuration and keys are fetched when first needed and kept an hour."""

    def __init__(
        self, options: Options, secret: str | None, client: httpx.Client | None = None
    ) -> None:
        parts = urlsplit(options.issuer)
        if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "::1", "localhost"):
            raise OidcError(
                "the issuer is not an https address",
                where="issuer",
                cure="Give the provider's https address: tokens travel there.",
            )
        self.options, self._secret = options, secret
        self.name = options.name
        self._client = client or httpx.Client(timeout=_TIMEOUT_S)
        self._kept: dict[str, tuple[float, Any]] = {}
        self._lock = threading.Lock()

    @classmethod
    def load(cls, path: Path, environ: Mapping[str, str] = os.environ) -> Provider:
        """The provider that a JSON file describes; OidcError if it is wrong or its secret is missing."""
        try:
            options = msgspec.json.decode(path.read_bytes(), type=Options)
        except (OSError, msgspec.DecodeError) as error:
            raise OidcError(
                f"the file of the OpenID provider cannot be read: {error}",
                where=str(path),
                cure="Write it as docs/access.md shows.",
            ) from error
        secret = None
        if options.client_secret_env is not None:
            secret = environ.get(options.client_secret_env)
            if not secret:
                raise OidcError(
                    f"the environment has no {options.client_secret_env}",
                    where=str(path),
                    cure="Set it to the client's secret, or leave client_secret_env out for a public client.",
                )
        return cls(options, secret)

    def begin(self, redirect_uri: str, state: str, nonce: str, verifier: str) -> str:
        """The address to send the browser to."""
        return str(
            prepare_grant_uri(
                self._configuration()["authorization_endpoint"],
                self.options.client_id,
                "code",
                redirect_uri=redirect_uri,
                scope=" ".join(self.options.scopes),
                state=state,
                nonce=nonce,
                code_challenge=create_s256_code_challenge(verifier),
                code_challenge_method="S256",
            )
        )

    def finish(self, redirect_uri: str, code: str, nonce: str, verifier: str) -> Vouched:
        """Change the code for a token, prove the token, and read its claims; OidcError if anything is wrong."""
        o = self.options
        asked = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
            "client_id": o.client_id,
        }
        secret = None
        if self._secret:  # RFC 6749, 2.3.1: both are form-encoded first
            secret = (quote_plus(o.client_id), quote_plus(self._secret))
        try:
            got = self._client.post(
                self._configuration()["token_endpoint"],
                data=asked,
                auth=secret or httpx.USE_CLIENT_DEFAULT,
            )
            got.raise_for_status()
            answer = got.json()
        except (httpx.HTTPError, ValueError) as error:
            raise _wrong(f"the code was not taken ({type(error).__name__})") from error
        token = answer.get("id_token") if isinstance(answer, dict) else None
        if not isinstance(token, str):
            raise _wrong("it sent no id_token")
        return self._read(self.prove(token, nonce))

    def prove(self, token: str, nonce: str) -> Mapping[str, Any]:
        """The claims of an id_token that the provider signed for us, now, and for this sign-in."""
        claims = self._decode(token)
        registry = jwt.JWTClaimsRegistry(
            leeway=LEEWAY_S,
            iss={"essential": True, "value": self.options.issuer},
            sub={"essential": True},
            aud={"essential": True, "value": self.options.client_id},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            registry.validate(dict(claims))
        except JoseError as error:
            raise _wrong(f"its token does not hold ({error.error}: {error.description})") from error
        audience = claims["aud"]
        several = isinstance(audience, list) and len(audience) > 1
        if (several or "azp" in claims) and claims.get("azp") != self.options.client_id:
            raise _wrong("its token was issued to another client")
        return claims

    def _decode(self, token: str) -> Mapping[str, Any]:
        for fresh in (False, True):  # keys rotate: an unknown one is asked for once more
            try:
                keys = KeySet.import_key_set(self._keys(fresh=fresh))
                return jwt.decode(token, keys, algorithms=list(ALGORITHMS)).claims
            except (JoseError, ValueError) as error:
                if fresh:
                    raise _wrong("its token is not signed by its keys") from error
        raise AssertionError("one of the two returns or raises")

    def _read(self, claims: Mapping[str, Any]) -> Vouched:
        o = self.options
        given = {str(v) for v in _several(claims.get(o.role.claim))}
        role = next((r for value, r in o.role.values.items() if value in given), None)
        login = claims.get(o.login)
        if role is None or not isinstance(login, str) or not login.strip():
            raise OidcError(
                "the provider knows the person, but says of no role here",
                where=o.role.claim,
                cure="Ask those who keep the provider's groups for a role in this service.",
            )
        limits = {}
        for limit, claim in (("providers", o.providers), ("departments", o.departments)):
            # A limit that is configured but not said is a limit to nothing, not none.
            limits[limit] = (
                None if claim is None else frozenset(str(v) for v in _several(claims.get(claim)))
            )
        physician = claims.get(o.physician_id) if o.physician_id else None
        name = claims.get(o.display_name)
        return Vouched(
            o.issuer,
            str(claims["sub"]),
            login.strip()[:64],
            (name if isinstance(name, str) and name.strip() else login).strip()[:80],
            role,
            Rows(
                limits["providers"],
                limits["departments"],
                # Only a physician's account is held to one physician.
                str(physician) if physician and role is Role.PHYSICIAN else None,
            ),
        )

    def _configuration(self) -> dict[str, Any]:
        address = f"{self.options.issuer.rstrip('/')}/.well-known/openid-configuration"
        found = self._fetch(address)
        if found.get("issuer") != self.options.issuer:
            raise _wrong("its configuration names another issuer")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            if not isinstance(found.get(name), str):
                raise _wrong(f"its configuration has no {name}")
        return found

    def _keys(self, *, fresh: bool) -> Any:
        return self._fetch(self._configuration()["jwks_uri"], fresh=fresh)

    def _fetch(self, address: str, *, fresh: bool = False) -> dict[str, Any]:
        with self._lock:
            at, kept = self._kept.get(address, (0.0, None))
        if kept is not None and not fresh and time.monotonic() < at + _KEPT_S:
            return dict(kept)
        try:
            answer = self._client.get(address)
            answer.raise_for_status()
            found = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise OidcError(
                f"the OpenID provider does not answer ({type(error).__name__})",
                where=address,
                cure="Try again; if it stays, check the issuer's address and the network.",
            ) from error
        if not isinstance(found, dict):
            raise _wrong("it answered with something else than an object")
        with self._lock:
            self._kept[address] = (time.monotonic(), found)
        return found


def _several(value: Any) -> Sequence[Any]:
    if value is None:
        return ()
    return value if isinstance(value, list) else (value,)


def _wrong(what: str) -> OidcError:
    return OidcError(
        f"the OpenID provider's answer does not hold: {what}",
        where="OpenID provider",
        cure="Sign in again; if it stays, those who run the service compare --oidc with the provider.",
    )
