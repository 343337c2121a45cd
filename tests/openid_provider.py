"""A small OpenID provider over HTTP that signs real tokens, and can be told to sign wrong ones."""

from __future__ import annotations

import base64
import hashlib
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

import uvicorn
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

CLIENT, SECRET = "drg-sentinel", "s3cret/with+signs"


@dataclass
class OpenIdProvider:
    """Signs whoever comes in as ``claims``; ``wrong`` is what it does wrong with the next token."""

    issuer: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    wrong: str | None = None
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "k1"}))
    stranger: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "k1"}))
    asked: dict[str, dict[str, str]] = field(default_factory=dict)
    keys_served: int = 0

    def rotate(self) -> None:
        """Sign with another key from now on."""
        self.key = RSAKey.generate_key(2048, {"kid": secrets.token_hex(4)})

    def configuration(self, _: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
            }
        )

    def keys(self, _: Request) -> Response:
        self.keys_served += 1
        return JSONResponse({"keys": [self.key.as_dict(private=False, use="sig", alg="RS256")]})

    def authorize(self, request: Request) -> Response:
        given = dict(request.query_params)
        assert given["client_id"] == CLIENT
        assert given["response_type"] == "code"
        assert given["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self.asked[code] = given
        back = urlencode({"code": code, "state": given["state"]})
        return RedirectResponse(f"{given['redirect_uri']}?{back}", 303)

    async def token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        kind, _, basic = request.headers.get("authorization", "").partition(" ")
        name, _, secret = base64.b64decode(basic).decode().partition(":")
        if (kind, name, secret) != ("Basic", CLIENT, "s3cret%2Fwith%2Bsigns"):
            return JSONResponse({"error": "invalid_client"}, 401)
        given = self.asked.pop(form["code"], None)
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if given is None or challenge != given["code_challenge"]:
            return JSONResponse({"error": "invalid_grant"}, 400)
        assert form["redirect_uri"] == given["redirect_uri"]
        return JSONResponse(
            {"access_token": "a", "token_type": "Bearer", "id_token": self.sign(given)}
        )

    def sign(self, given: dict[str, str]) -> str:
        now = int(time.time())
        claims = {
            "iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": given["nonce"], **self.claims,
        }  # fmt: skip
        header, key = {"alg": "RS256", "kid": self.key.kid}, self.key
        match self.wrong:
            case "nonce":
                claims["nonce"] = "another"
            case "audience":
                claims["aud"] = "another-client"
            case "issuer":
                claims["iss"] = "https://elsewhere.example"
            case "expired":
                claims |= {"iat": now - 900, "exp": now - 600}
            case "party":
                claims |= {"aud": [CLIENT, "another"], "azp": "another"}
            case "signature":
                key = self.stranger
                header["kid"] = self.key.kid
            case "none":
                body = ".".join(
                    base64.urlsafe_b64encode(part).decode().rstrip("=")
                    for part in (b'{"alg":"none"}', jwt_body(claims))
                )
                return f"{body}."
            case "symmetric":  # keyed by what everybody can read: the public key
                public = OctKey.import_key(self.key.as_pem(private=False))
                return jwt.encode({"alg": "HS256", "kid": self.key.kid}, claims, public)
        return jwt.encode(header, claims, key)


def jwt_body(claims: dict[str, Any]) -> bytes:
    import json

    return json.dumps(claims).encode()


@contextmanager
def running() -> Iterator[OpenIdProvider]:
    """The provider, listening on a free port of this machine until the block ends."""
    provider = OpenIdProvider()
    app = Starlette(
        routes=[
            Route("/.well-known/openid-configuration", provider.configuration),
            Route("/keys", provider.keys),
            Route("/authorize", provider.authorize),
            Route("/token", provider.token, methods=["POST"]),
        ]
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        provider.issuer = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield provider
        finally:
            server.should_exit = True
            thread.join(10)
