"""What the graph's follower tells while it runs: metrics, readiness, logs.

Served like those of the stream worker (``streaming.probe``). docs/operations.md explains each metric.
"""

from __future__ import annotations

import threading
import time
from datetime import datetime
from typing import Any, Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from domain.graph import GraphState
from streaming import logs
from streaming.meters import STAGE_BUCKETS_S
from streaming.readiness import Clock, Part, part_of, told

OUTCOMES: Final = ("placed", "removed", "unchanged", "set_aside")
"""What became of a stay that waited."""

BEHIND_S: Final = 300.0
"""A stay that has waited so long makes the follower not ready: an outage is minutes old, and
whoever looks at a case sees yesterday's graph."""

STUCK_S: Final = 300.0
"""A loop that has not turned for so long hangs: the longest transaction takes two minutes."""


class GraphMeters:
    """The metric objects, in a registry of their own."""

    def __init__(self, *, graph: str, version: str) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"sentinel_graph_{name}", text, labels, registry=registry)

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"sentinel_graph_{name}", text, labels, registry=registry)

        self.behind = gauge("behind_stays", "Stays that changed and are not in the graph yet.")
        self.behind_age = gauge("behind_seconds", "How long the oldest of them has waited.")
        self.set_aside = gauge("set_aside_stays", "Stays that could not be brought in.")
        self.turn = gauge("turn", "1 while this process brings the graph up to date.")
        self.stays = counter("stays", "Stays by what became of them.", "outcome")
        self.batches = counter("batches", "Batches by outcome: committed or failed.", "outcome")
        self.batch_seconds = Histogram(
            "sentinel_graph_batch_seconds",
            "Time of a committed batch.",
            registry=registry,
            buckets=STAGE_BUCKETS_S,
        )
        self.last_commit = gauge(
            "last_commit_timestamp_seconds", "When the last batch was committed."
        )
        self.swept = counter("swept", "Stays and nodes of earlier builds taken away.")
        self.retries = counter("retries", "Attempts made again after an error.", "what")
        self.up = gauge("up", "1 while the part answers: database, graph.", "part")
        self.ready = gauge("ready", "1 while /ready answers 200.")
        build = Info("sentinel_graph_build", "What runs.", registry=registry)
        build.info({"graph": graph, "version": version})
        for outcome in OUTCOMES:
            self.stays.labels(outcome)
        for outcome in ("committed", "failed"):
            self.batches.labels(outcome)
        for part in ("database", "graph"):
            self.up.labels(part)
            self.retries.labels(part)


class GraphWatch:
    """Everything that is told of one follower; safe to call from several threads.

    Without ``logged`` it writes no log: a command or the service tells of the graph in its own way.
    """

    def __init__(
        self, *, graph: str, worker: str, version: str,
        clock: Clock = time.monotonic, now: Clock = time.time, logged: bool = True,
    ) -> None:  # fmt: skip
        self._log = logs.logger if logged else logs.silent
        self.meters = GraphMeters(graph=graph, version=version)
        self.graph = graph
        self.worker = worker
        self.clock = clock
        self.now = now
        self._lock = threading.Lock()
        self._parts = {
            "database": Part(False, "not asked yet"),
            "graph": Part(False, "not asked yet"),
            "batch": Part(True, "no batch yet"),
        }
        self._state = GraphState(graph, None, None, None)
        self._leads = False
        self._stopping = False
        self._beat = clock()

    @property
    def log(self) -> Any:
        """The logger with the worker's and the graph's name bound; see ``streaming.logs``."""
        return self._log().bind(worker=self.worker, graph=self.graph)

    def beat(self) -> None:
        """The loop turned."""
        with self._lock:
            self._beat = self.clock()

    def stopping(self) -> None:
        """The follower was told to stop."""
        with self._lock:
            self._stopping = True
        self.log.info("stopping")

    def turn(self, *, leads: bool) -> None:
        """Whether this process brings the graph up to date, or another one does."""
        with self._lock:
            changed, self._leads = self._leads != leads, leads
        self.meters.turn.set(int(leads))
        if changed:
            self.log.info("following" if leads else "standing by")

    def part(self, name: str, error: BaseException | None) -> None:
        """The database or the graph answered, or failed with this error."""
        with self._lock:
            self._parts[name] = part_of(error, "answers")
        self.meters.up.labels(name).set(int(error is None))

    def state(self, state: GraphState) -> None:
        """How far the graph is behind."""
        with self._lock:
            self._state = state
        self.meters.behind.set(state.behind or 0)
        self.meters.behind_age.set(self._age(state.behind_since))
        self.meters.set_aside.set(state.set_aside or 0)

    def committed(self, *, placed: int, removed: int, unchanged: int, seconds: float) -> None:
        """A batch is in the graph and off the list."""
        with self._lock:
            self._parts["batch"] = Part(True, "committed")
        counts = {"placed": placed, "removed": removed, "unchanged": unchanged}
        for outcome, number in counts.items():
            self.meters.stays.labels(outcome).inc(number)
        self.meters.batches.labels("committed").inc()
        self.meters.batch_seconds.observe(seconds)
        self.meters.last_commit.set(self.now())
        self.log.info(
            "batch", stays=placed + removed + unchanged, milliseconds=round(seconds * 1000, 1),
            outcome="committed",
        )  # fmt: skip

    def failed(self, error: BaseException) -> None:
        """A batch could not be brought in."""
        with self._lock:
            self._parts["batch"] = part_of(error, "committed")
        self.meters.batches.labels("failed").inc()
        self.log.error("batch", outcome="failed", **_error(error))

    def set_aside(self, kind: str) -> None:
        """One stay cannot be brought in; ``kind`` is the kind of its error."""
        self.meters.stays.labels("set_aside").inc()
        self.log.warning("set aside", error=kind)

    def swept(self, number: int) -> None:
        """What an earlier build had left is gone."""
        self.meters.swept.inc(number)
        self.log.info("swept", rows=number)

    def retried(self, what: str, error: BaseException, *, attempt: int, wait_s: float) -> None:
        """The database or the graph is tried again, after this error and this wait."""
        self.part(what, error)
        self.meters.retries.labels(what).inc()
        self.log.warning(
            "trying again",
            what=what,
            attempt=attempt,
            wait_ms=round(wait_s * 1000),
            **_error(error),
        )

    @property
    def behind(self) -> int:
        """Stays that waited when they were last counted."""
        with self._lock:
            return self._state.behind or 0

    # What is read from outside

    def live(self) -> Part:
        """Whether the loop still turns."""
        with self._lock:
            still = self.clock() - self._beat
        if still <= STUCK_S:
            return Part(True, "the loop turns")
        return Part(False, f"the loop has not turned for {still:.0f} s")

    def ready(self) -> tuple[bool, dict[str, dict[str, Any]]]:
        """Whether the graph is kept up to date, and each part as {ok, detail}.

        A follower that stands by for another one is ready if its database answers.
        """
        with self._lock:
            age = self._age(self._state.behind_since)
            parts = dict(self._parts)
            parts["behind"] = Part(
                age <= BEHIND_S,
                f"{self._state.behind or 0} stays behind, the oldest for {age:.0f} s",
            )
            if not self._leads and self._parts["database"].ok:
                parts = {
                    "database": parts["database"],
                    "turn": Part(True, "another follower brings this graph up to date"),
                }
            if self._stopping:
                parts["stopping"] = Part(False, "the follower was told to stop")
        well = all(part.ok for part in parts.values())
        self.meters.ready.set(int(well))
        return well, {name: {"ok": p.ok, "detail": p.detail} for name, p in parts.items()}

    def render(self) -> bytes:
        """The metrics in Prometheus' text format."""
        self.ready()
        return generate_latest(self.meters.registry)

    def _age(self, since: datetime | None) -> float:
        return 0.0 if since is None else max(0.0, self.now() - since.timestamp())


def _error(error: BaseException) -> dict[str, Any]:
    return {"error": type(error).__name__, "detail": told(error), "frames": logs.frames(error)}
