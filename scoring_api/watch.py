"""Around every request: its id, headers, log line, metrics, and the catch for defects."""

from __future__ import annotations

import re
import time
import uuid
from typing import Final

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scoring_api import logs, problems
from scoring_api.metrics import Metrics

_REQUEST_ID: Final = re.compile(r"^[A-Za-z0-9._-]{8,64}$")
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

SECURITY_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Answers hold health data: neither a proxy nor the browser's disk may keep them.
    "Cache-Control": "no-store",
}


class Watch:
    """ASGI middleware; the outermost, so that it sees every answer and every defect."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _REQUEST_ID.match(given) else uuid.uuid4().hex
        started, status = time.perf_counter(), 0

        async def send_watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self.app(scope, receive, send_watched)
            except Exception as error:
                error_id = uuid.uuid4().hex
                logs.logger().error(
                    "defect",
                    error_id=error_id,
                    error=type(error).__name__,
                    frames=logs.frames(error),
                )
                if status:  # the answer is under way: only breaking it off tells the caller
                    raise
                request = Request(scope, receive)
                answer = problems.answer(request, problems.unexpected(error_id))
                await answer(scope, receive, send_watched)
            finally:
                seconds = time.perf_counter() - started
                # The template and not the path or query: those may hold what a person typed.
                route = getattr(scope.get("route"), "path", "unmatched")
                # A method is free text to a client; an unknown one must not make a label.
                method = scope["method"] if scope["method"] in _METHODS else "other"
                self.metrics.observe(method, route, status, seconds)
                logs.logger().info(
                    "request",
                    method=method,
                    route=route,
                    status=status,
                    milliseconds=round(seconds * 1000, 1),
                )
