"""Prometheus metrics of one service, in a registry of its own; labels carry no personal data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    generate_latest,
)

from domain.cards import ANSWERS, HELD, SHOWN

LATENCY_BUCKETS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""From a cached page to 500 claims on a busy machine."""


class Metrics:
    """Counts and times of one running service."""

    def __init__(self, version: str, rules_sha256: str | None = None) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = Counter(
            "sentinel_http_requests",
            "Requests by route and status.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self._latency = Histogram(
            "sentinel_http_request_seconds",
            "Time from the first byte read to the last byte sent.",
            ("route",),
            buckets=LATENCY_BUCKETS_S,
            registry=self.registry,
        )
        self._claims = Counter(
            "sentinel_claims",
            "Claims read by POST /v1/claims:assess, by outcome.",
            ("outcome",),
            registry=self.registry,
        )
        self._alerts = Counter(
            "sentinel_alerts",
            "Alerts in the answers of POST /v1/claims:assess, by severity.",
            ("severity",),
            registry=self.registry,
        )
        self._cards = Gauge(
            "sentinel_cards_today",
            "Cards proposed for physicians since midnight in China, by all processes: shown, or why not.",
            ("outcome",),
            registry=self.registry,
        )
        self._answers = Gauge(
            "sentinel_card_answers_today",
            "Cards of today by the answer that counts.",
            ("outcome",),
            registry=self.registry,
        )
        self._ready = Gauge(
            "sentinel_ready", "1 if the last /readyz answered 200.", registry=self.registry
        )
        build = Info("sentinel_build", "What runs.", registry=self.registry)
        build.info({"version": version, "rules_sha256": rules_sha256 or ""})
        for outcome in ("accepted", "refused"):
            self._claims.labels(outcome)
        self.set_cards({}, {})

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request; ``route`` is the template, such as ``/v1/alerts/{alert_id}``."""
        self._requests.labels(method, route, str(status)).inc()
        self._latency.labels(route).observe(seconds)

    def count_claims(self, *, accepted: int, refused: int, alerts: Iterable[str]) -> None:
        """Count the claims of one assessment and the severities of its alerts."""
        self._claims.labels("accepted").inc(accepted)
        self._claims.labels("refused").inc(refused)
        for severity in alerts:
            self._alerts.labels(severity).inc()

    def set_cards(self, outcomes: Mapping[str, int], answers: Mapping[str, int]) -> None:
        """Tell what became of today's cards, as the database has them; what is not named is 0."""
        for outcome in (SHOWN, *HELD):
            self._cards.labels(outcome).set(outcomes.get(outcome, 0))
        for outcome in ANSWERS:
            self._answers.labels(outcome).set(answers.get(outcome, 0))

    def set_ready(self, ready: bool) -> None:
        """Remember the last answer of ``/readyz``."""
        self._ready.set(int(ready))

    def render(self) -> bytes:
        """The text exposition format."""
        return generate_latest(self.registry)
