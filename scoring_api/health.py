"""/healthz, /readyz and /metrics: whether the service lives, can work, and how it does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from domain.calendar import CHINA
from domain.errors import SentinelError
from scoring_api import logs
from scoring_api.answers import Health, Readiness
from scoring_api.evidence import Checks
from scoring_api.metrics import Metrics
from store import Store

Ready = Callable[[], Mapping[str, Any]]


def route(store: Store, checks: Checks, metrics: Metrics, ready: Ready, version: str) -> APIRouter:
    """The routes, with what they look at."""
    router = APIRouter(tags=["service"])

    @router.get("/healthz", response_model=Health, summary="Is the process alive?")
    def health() -> Any:
        """Answers as long as the process does; says nothing about the database."""
        return {"status": "ok", "version": version}

    @router.get(
        "/readyz",
        response_model=Readiness,
        responses={
            503: {"model": Readiness, "description": "A part is not ready; `parts` says which."}
        },
        summary="Can the service work?",
    )
    def readiness() -> Any:
        """200 if the database answers at its newest revision, checks are loaded and the rest is well."""
        parts = {"store": _probe(store.check, "revision {}"), "rules": _rules(checks)}
        try:
            parts.update({name: _part(value) for name, value in ready().items()})
        except Exception as error:  # a probe must answer whatever breaks
            logs.logger().error(
                "probe failed", error=type(error).__name__, frames=logs.frames(error)
            )
            parts["service"] = {"ok": False, "detail": f"the probe failed: {type(error).__name__}"}
        well = all(part["ok"] for part in parts.values())
        metrics.set_ready(well)
        body = {"status": "ready" if well else "not ready", "version": version, "parts": parts}
        return JSONResponse(body, 200 if well else 503)

    @router.get(
        "/metrics",
        response_class=Response,
        responses={200: {"content": {"text/plain": {}}, "description": "Prometheus text format."}},
        summary="Metrics for Prometheus",
    )
    def render_metrics() -> Any:
        """Requests, latencies, claims and alerts since the process started; cards of today."""
        with suppress(SentinelError):  # what the database cannot tell now stays as it was told last
            metrics.set_cards(*store.cards.of_day(datetime.now(CHINA).date()))
        return Response(metrics.render(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return router


def _probe(probe: Callable[[], str], text: str) -> dict[str, Any]:
    try:
        return {"ok": True, "detail": text.format(probe())}
    except SentinelError as error:
        return {"ok": False, "detail": f"{error.what}. {error.cure}"}


def _rules(checks: Checks) -> dict[str, Any]:
    number = len(checks.listed)
    return {"ok": number > 0, "detail": f"{number} loaded"}


def _part(value: Any) -> dict[str, Any]:
    """A part told as text is well; one told as {ok, detail} says so itself."""
    if isinstance(value, Mapping):
        return {"ok": bool(value.get("ok")), "detail": str(value.get("detail", ""))}
    return {"ok": True, "detail": str(value)}
