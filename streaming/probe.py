"""The worker's little HTTP server: ``/metrics``, ``/live`` and ``/ready``; it answers nothing else."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from typing import Any, Final, Protocol
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from domain.errors import SentinelError
from streaming.readiness import Part

_JSON: Final = "application/json; charset=utf-8"
_Start = Callable[[str, list[tuple[str, str]]], Any]


class Watched(Protocol):
    """What the server asks: the stream worker's ``Watch``, or that of the graph's follower."""

    def render(self) -> bytes:
        """The metrics in Prometheus' text format."""
        ...

    def live(self) -> Part:
        """Whether the loop still turns."""
        ...

    def ready(self) -> tuple[bool, dict[str, dict[str, Any]]]:
        """Whether it can work, and each part as {ok, detail}."""
        ...


class ProbeError(SentinelError):
    """The port of the probes cannot be had."""


class _Server(ThreadingMixIn, WSGIServer):
    # A slow reader must not hold up the probe of an orchestrator, nor the end of the process.
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: a scrape every few seconds is no news."""


@contextmanager
def serve(watch: Watched, *, port: int, host: str = "127.0.0.1") -> Iterator[str]:
    """Answer while the block runs; yields the address. Port 0 takes a free one.

    ProbeError if the port is taken.
    """
    try:
        server = make_server(host, port, _application(watch), _Server, _Quiet)
    except OSError as error:
        raise ProbeError(
            f"the port for metrics and probes cannot be opened: {error.strerror or error}",
            where=f"{host}:{port}",
            cure="Give another port with --metrics-port, or 0 for a free one.",
        ) from error
    thread = threading.Thread(target=server.serve_forever, name="probe", daemon=True)
    thread.start()
    try:
        yield f"http://{host}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _application(watch: Watched) -> Callable[[dict[str, Any], _Start], Iterable[bytes]]:
    def answer(environ: dict[str, Any], start: _Start) -> Iterable[bytes]:
        if environ.get("REQUEST_METHOD") not in ("GET", "HEAD"):
            return _reply(start, "405 Method Not Allowed", {"status": "only GET is answered"})
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            start("200 OK", [("Content-Type", CONTENT_TYPE_PLAIN_0_0_4)])
            return [watch.render()]
        if path == "/live":
            part = watch.live()
            body = {"status": "alive" if part.ok else "stuck", "detail": part.detail}
            return _reply(start, _status(part.ok), body)
        if path == "/ready":
            well, parts = watch.ready()
            return _reply(
                start, _status(well), {"status": "ready" if well else "not ready", "parts": parts}
            )
        return _reply(start, "404 Not Found", {"status": "ask for /metrics, /live or /ready"})

    return answer


def _status(well: bool) -> str:
    return "200 OK" if well else "503 Service Unavailable"


def _reply(start: _Start, status: str, body: dict[str, Any]) -> Iterable[bytes]:
    start(status, [("Content-Type", _JSON)])
    return [json.dumps(body, ensure_ascii=False).encode()]
