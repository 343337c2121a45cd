"""CORS for record systems that run in a browser: the origins of the clients' file, on these routes alone.

Cookies never count across origins (no credentials are allowed): what proves a client is its token.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from scoring_api.cds.clients import PATH

HEADERS: Final = ("Authorization", "Content-Type", "Accept-Language", "X-Request-Id")
_KEPT_S: Final = 600


class Cors:
    """ASGI middleware: answers preflights and marks answers, for allowed origins below ``/cds-services``."""

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        self.app = app
        self._open = CORSMiddleware(
            app,
            allow_origins=tuple(origins),
            allow_methods=("GET", "POST"),
            allow_headers=HEADERS,
            allow_credentials=False,
            expose_headers=("X-Request-Id", "Retry-After"),
            max_age=_KEPT_S,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        path = scope.get("path", "")
        ours = scope["type"] == "http" and (path == PATH or path.startswith(f"{PATH}/"))
        await (self._open if ours else self.app)(scope, receive, send)
