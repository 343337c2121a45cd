"""Prometheus metrics of one stream worker, in a registry of its own.

docs/operations.md says what each one means and what to do about it. Labels come from
closed sets (checks, severities, rule names of intake, stages) or from what the worker
is assigned (topic, partition), so the number of series is bounded, and none of them
holds personal data.
"""

from __future__ import annotations

from typing import Final

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

STAGES: Final = (
    "decode",
    "look_back",
    "settle",
    "judge",
    "score",
    "decide",
    "tell",
    "write",
    "publish",
)
"""The stages of a batch, in their order; one that is none of these is counted as ``other``."""

RETRIES: Final = ("broker", "database", "publish", "chore")
"""What a worker tries again."""

OTHER: Final = "other"
"""The label of anything outside a closed set."""

STAGE_BUCKETS_S: Final = (
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1,
    2.5,
    5,
    10,
    30,
)
"""From a look-back of one claim on an index to a batch that waits for a busy database."""

AGE_BUCKETS_S: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)
"""From one claim on an idle machine to the half hour that a stopped database may cost."""

SIZE_BUCKETS: Final = (1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000)
"""Messages a batch: from a trickle to the largest batch that a worker is set to."""


class Meters:
    """The metric objects; ``streaming.watch.Watch`` is what a worker calls."""

    def __init__(self, *, worker: str, version: str, rules_sha256: str) -> None:
        # A birth time beside each counter would double the series and nobody asks for it.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"sentinel_worker_{name}", text, labels, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"sentinel_worker_{name}", text, labels, registry=registry)

        def histogram(name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(
                f"sentinel_worker_{name}", text, labels, registry=registry, buckets=buckets
            )

        self.lag = gauge(
            "lag_messages", "Messages after the last committed one.", "topic", "partition"
        )
        self.assigned = gauge("assigned_partitions", "Partitions that this worker reads.")
        self.paused = gauge("paused_partitions", "Partitions paused because the buffer is full.")
        self.buffered = gauge("buffered_messages", "Messages fetched and not yet in a batch.")
        self.buffered_bytes = gauge("buffered_bytes", "Bytes of the messages in the buffer.")
        self.rebalances = counter("rebalances", "Times that the assignment changed.")
        self.messages = counter("messages", "Messages in committed batches.", "topic", "outcome")
        self.batches = counter("batches", "Batches by outcome: committed or failed.", "outcome")
        self.chores = counter(
            "chores", "Work between batches by outcome, such as judging again.", "outcome"
        )
        self.batch_messages = histogram(
            "batch_messages", "Messages in a committed batch.", SIZE_BUCKETS
        )
        self.batch_age = histogram(
            "batch_age_seconds",
            "From the first message of a batch being fetched to its commit.",
            AGE_BUCKETS_S,
        )
        self.delay = histogram(
            "delay_seconds",
            "From the broker taking the oldest message of a batch to its commit.",
            AGE_BUCKETS_S,
        )
        self.stage_seconds = histogram(
            "stage_seconds", "Time that a stage of a batch took.", STAGE_BUCKETS_S, "stage"
        )
        self.stage_cpu = counter(
            "stage_cpu_seconds", "Processor time of all threads in a stage.", "stage"
        )
        self.last_commit = gauge(
            "last_commit_timestamp_seconds", "When the last batch was committed, in Unix time."
        )
        self.decisions = counter("decisions", "Decisions committed.")
        self.verdicts = counter("verdicts", "Verdicts committed, by verdict.", "verdict")
        self.unknowns = counter("unknowns", "Verdicts unknown for want of data.", "check")
        self.hits = counter("hits", "Hits committed.", "check", "severity")
        self.alerts = counter("alerts", "Alerts committed.", "severity")
        self.suggestions = counter("suggestions", "Plan suggestions committed.")
        self.dead_letters = counter(
            "dead_letters", "Messages set aside, once for each reason.", "topic", "reason"
        )
        self.outbox_rows = gauge("outbox_rows", "Committed messages not yet acknowledged.")
        self.outbox_age = gauge("outbox_age_seconds", "Age of the oldest row of the outbox.")
        self.published = counter("published", "Messages acknowledged by the broker.", "topic")
        self.retries = counter("retries", "Attempts made again after an error.", "what")
        self.up = gauge("up", "1 while the part answers: broker, database.", "part")
        self.ready = gauge("ready", "1 while /ready answers 200.")
        build = Info("sentinel_worker_build", "What runs.", registry=registry)
        build.info({"worker": worker, "version": version, "rules_sha256": rules_sha256})
        self._start()

    def _start(self) -> None:
        """Let the series of closed sets exist from the start, so that a rate over them is 0 and not absent."""
        for stage in (*STAGES, OTHER):
            self.stage_seconds.labels(stage)
            self.stage_cpu.labels(stage)
        for outcome in ("committed", "failed"):
            self.batches.labels(outcome)
            self.chores.labels(outcome)
        for what in RETRIES:
            self.retries.labels(what)
        for verdict in ("pass", "hit", "unknown", "out_of_force"):
            self.verdicts.labels(verdict)
        for part in ("broker", "database"):
            self.up.labels(part)

    def names(self) -> frozenset[str]:
        """Every sample name that Prometheus can store from here, such as ``sentinel_worker_hits_total``."""
        suffixes = {
            "counter": ("_total",),
            "gauge": ("",),
            "histogram": ("_bucket", "_sum", "_count"),
            "info": ("_info",),
        }
        return frozenset(
            family.name + suffix
            for family in self.registry.collect()
            for suffix in suffixes.get(family.type, ("",))
        )

    def render(self) -> bytes:
        """The text exposition format."""
        return generate_latest(self.registry)
