"""Running the application: one process, graceful stop."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import uvicorn
from fastapi import FastAPI

from domain.errors import SentinelError
from scoring_api import logs

GRACE_S: Final = 20
"""How long a stop waits for requests under way: 500 claims take a few seconds."""


class ServiceError(SentinelError):
    """The service could not be started."""


class _Server(uvicorn.Server):
    def __init__(
        self, app: FastAPI, config: uvicorn.Config, started: Callable[[str], None], url: str
    ) -> None:
        super().__init__(config)
        self._app, self._announce, self._url = app, started, url

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._announce(self._url)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Streams that wait for events would hold the stop up until its grace is over.
        for end in getattr(self._app.state, "endings", ()):
            end()
        await super().shutdown(sockets)


def run(
    app: FastAPI,
    host: str = "127.0.0.1",
    port: int = 8080,
    *,
    started: Callable[[str], None] | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM, then finish the requests under way and return.

    ``started`` is told the address once it takes requests; port 0 takes a free one.
    ServiceError if the address cannot be bound. Other machines reach it best through a proxy that
    speaks https.
    """
    logs.configure()
    listener = _listen(host, port)
    bound = listener.getsockname()
    shown = f"[{bound[0]}]" if listener.family == socket.AF_INET6 else bound[0]
    url = f"http://{shown}:{bound[1]}/"
    config = uvicorn.Config(
        app,
        log_config=None,  # logs.configure has done it
        access_log=False,  # scoring_api.watch logs requests, without their paths
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
    )

    def announce(address: str) -> None:
        logs.logger().info("started", address=address)
        if started is not None:
            started(address)

    with listener, _signals_end_here():
        _Server(app, config, announce, url).run(sockets=[listener])
    logs.logger().info("stopped")


def check_address(host: str, port: int) -> None:
    """Prove that ``run`` could listen there now; ServiceError if not."""
    _listen(host, port).close()


@contextmanager
def _signals_end_here() -> Iterator[None]:
    """Let ``run`` return after a signal.

    uvicorn stops on SIGINT or SIGTERM and then raises the signal again for whoever had
    it before; by default that ends the process before its caller can close the store.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {s: signal.signal(s, lambda *_: None) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, proto)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except (OSError, OverflowError) as error:
        raise ServiceError(
            f"the service cannot listen: {getattr(error, 'strerror', None) or error}",
            where=f"{host}:{port}",
            cure="Another program may use the port: give another one with --port, or 0 for a free one.",
        ) from error
    return listener
