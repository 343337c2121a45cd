"""The audit row of a request: written when its answer is known, before the answer leaves."""

from __future__ import annotations

from typing import Any, Protocol

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from domain.errors import SentinelError
from scoring_api import problems
from scoring_api.problems import ProblemError


class Writes(Protocol):
    """Where rows go."""

    def write(self, request: Request, entry: dict[str, Any], status: int) -> None:
        """Keep what was asked, by whom, and how it ended."""
        ...


class Trail:
    """ASGI middleware; what the log cannot take, nobody sees: the answer is then a 503."""

    def __init__(self, app: ASGIApp, log: Writes) -> None:
        self.app = app
        self.log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        written = withheld = False

        async def send_written(message: Message) -> None:
            nonlocal written, withheld
            if withheld:
                return
            if message["type"] == "http.response.start" and not written and "audit" in state:
                request = Request(scope)
                try:
                    await run_in_threadpool(
                        self.log.write, request, state["audit"], message["status"]
                    )
                except SentinelError as error:
                    withheld = True
                    answer = problems.answer(
                        request,
                        ProblemError(
                            503,
                            "audit",
                            "The audit log could not be written, so nothing is answered.",
                            cure=error.cure,
                            headers={"Retry-After": "5"},
                        ),
                    )
                    await answer(scope, receive, send)
                    return
                written = True
            await send(message)

        try:
            await self.app(scope, receive, send_written)
        except Exception:
            if "audit" in state and not written:
                await run_in_threadpool(self.log.write, Request(scope), state["audit"], 500)
            raise
