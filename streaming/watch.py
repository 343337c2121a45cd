"""What the stream worker tells while it runs: metrics, readiness, logs and spans, in one place.

The worker calls ``Watch`` at the moments named below and nothing else; it never touches
a metric object. In outline::

    watch = Watch(worker="w1", version="0.1.0")
    with probe.serve(watch, port=9090):
        watch.assigned({("claims", 0), ("claims", 1)})       # also after each rebalance
        while running:
            watch.beat()                                      # each turn of the loop
            watch.lag("claims", 0, 12)
            with watch.batch(messages=500, octets=1_000_000) as batch:
                with batch.stage("decode"):
                    ...
                batch.set_aside("claims", 0, 4711, ["not-json"], traceparent)
                with batch.stage("judge"):
                    ...
                batch.judged(results)
                with batch.stage("write"):
                    ...                                       # the database transaction
            # left without an error: the batch counts as committed; with one: as failed

``Batch`` counts when the batch is left without an error, so that a batch tried three
times is counted once. Every method is safe to call from several threads.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
import polars as pl

from domain.results import Results, Severity, Verdict
from streaming import logs, traces
from streaming.intake.refusals import RULES
from streaming.meters import OTHER, RETRIES, STAGES, Meters
from streaming.readiness import Clock, Limits, Part, Readiness, told

_VERDICTS: Final = {v.letter: v.name.lower() for v in Verdict}
_SEVERITIES: Final = frozenset(str(s) for s in Severity)
_MOST_TRACES: Final = 8
"""Trace ids of messages that a batch's log line names; its span links to more."""

_MOST_REASONS: Final = 40
"""Kinds of reasons beside intake's own that become labels, before the rest is ``other``."""


class Watch:
    """Everything that is told of one worker.

    ``checks`` are the ids of the rule set in the order of ``decisions.verdicts``
    (``ruleset.ids``); without them unknowns are counted in total only.
    """

    def __init__(
        self,
        *,
        worker: str,
        version: str,
        checks: Sequence[str] = (),
        rules_sha256: str = "",
        limits: Limits | None = None,
        clock: Clock = time.monotonic,
        now: Clock = time.time,
    ) -> None:
        self.meters = Meters(worker=worker, version=version, rules_sha256=rules_sha256)
        self.readiness = Readiness(limits or Limits(), clock)
        self.checks = tuple(checks)
        self.tracer = traces.tracer(version)
        self.worker = worker
        self.clock = clock
        self.now = now
        self._partitions: set[tuple[str, int]] = set()
        self._reasons: set[str] = set(RULES)

    @property
    def log(self) -> Any:
        """The worker's logger with its name bound; see ``streaming.logs``."""
        return logs.logger().bind(worker=self.worker)

    # The consumer group

    def assigned(self, partitions: Iterable[tuple[str, int]]) -> None:
        """Exactly these (topic, partition) are read from now on; none after leaving the group."""
        new = set(partitions)
        self.meters.rebalances.inc()
        for topic, partition in self._partitions - new:
            # Another worker tells its lag now; our last value would stand for ever.
            try:
                self.meters.lag.remove(topic, str(partition))
            except KeyError:
                continue
        self._partitions = new
        self.meters.assigned.set(len(new))
        self.readiness.assign(new)
        self.log.info("assigned", partitions=[f"{t}-{p}" for t, p in sorted(new)])

    def lag(self, topic: str, partition: int, messages: int) -> None:
        """Messages of the partition after the last committed one: end offset minus next offset."""
        if (topic, partition) in self._partitions:
            self.meters.lag.labels(topic, str(partition)).set(max(0, messages))
            self.readiness.lag(topic, partition, max(0, messages))

    def buffered(self, messages: int, octets: int, paused: int) -> None:
        """Messages and bytes fetched and not yet in a batch, and how many partitions are paused."""
        self.meters.buffered.set(messages)
        self.meters.buffered_bytes.set(octets)
        self.meters.paused.set(paused)

    def beat(self) -> None:
        """The loop turned; call it also while waiting for a database or broker to come back."""
        self.readiness.beat()

    def stopping(self) -> None:
        """The worker was told to stop: it is not ready from now on."""
        self.readiness.stop()
        self.log.info("stopping")

    # What the worker needs

    def broker(self, error: BaseException | None = None) -> None:
        """The broker answered, or failed with this error."""
        self.readiness.broker(error)
        self._up("broker", error)

    def database(self, error: BaseException | None = None) -> None:
        """The database answered, or failed with this error."""
        self.readiness.database(error)
        self._up("database", error)

    def retried(self, what: str, error: BaseException, *, attempt: int, wait_s: float) -> None:
        """``what`` (broker, database, publish, chore) is tried again, after this error and this wait."""
        self.meters.retries.labels(what if what in RETRIES else OTHER).inc()
        self.log.warning(
            "trying again",
            what=what,
            attempt=attempt,
            wait_ms=round(wait_s * 1000),
            **_error(error),
        )

    # The outbox

    def outbox(self, rows: int, oldest_s: float) -> None:
        """Rows committed and not yet acknowledged, and the age of the oldest (0 if there is none)."""
        self.meters.outbox_rows.set(rows)
        self.meters.outbox_age.set(oldest_s)

    def published(self, topic: str, messages: int) -> None:
        """The broker acknowledged so many messages of an output topic."""
        self.meters.published.labels(topic).inc(messages)

    # Batches

    def batch(
        self,
        *,
        messages: dict[str, int] | int,
        octets: int = 0,
        age_s: float = 0.0,
        oldest: float | None = None,
        traceparents: Sequence[bytes | str | None] = (),
    ) -> Batch:
        """A context manager for one attempt at one batch.

        ``messages`` counts the input by topic (a bare number is of ``claims``; without any it is
        a chore between batches, which neither age nor readiness look at), ``octets``
        its bytes; ``age_s`` is how long ago its first message was fetched, ``oldest`` the
        broker's timestamp of its oldest message in Unix seconds; ``traceparents`` are the
        header values of its messages.
        """
        by_topic = messages if isinstance(messages, dict) else {"claims": messages}
        return Batch(
            self,
            by_topic,
            octets=octets,
            age_s=age_s,
            oldest=oldest,
            traceparents=traceparents,
        )

    # What is read from outside

    def ready(self) -> tuple[bool, dict[str, dict[str, Any]]]:
        """Whether the worker can work, and each part as {ok, detail}."""
        parts = self.readiness.parts()
        well = all(part.ok for part in parts.values())
        self.meters.ready.set(int(well))
        return well, {name: {"ok": p.ok, "detail": p.detail} for name, p in parts.items()}

    def live(self) -> Part:
        """Whether the loop still turns."""
        return self.readiness.live()

    def render(self) -> bytes:
        """The metrics in Prometheus' text format."""
        self.ready()
        return self.meters.render()

    def reason_label(self, reason: str) -> str:
        """The reason as a label: intake's rule names and the first kinds beside them, else ``other``."""
        if reason in self._reasons:
            return reason
        if len(self._reasons) < len(RULES) + _MOST_REASONS and _is_name(reason):
            self._reasons.add(reason)
            return reason
        return OTHER

    def _up(self, part: str, error: BaseException | None) -> None:
        self.meters.up.labels(part).set(int(error is None))
        if error is not None:
            self.log.warning("away", part=part, **_error(error))


class Batch:
    """One attempt at one batch; made by ``Watch.batch``."""

    def __init__(
        self,
        watch: Watch,
        messages: dict[str, int],
        *,
        octets: int,
        age_s: float,
        oldest: float | None,
        traceparents: Sequence[bytes | str | None],
    ) -> None:
        self._watch = watch
        self._messages = messages
        self._octets = octets
        self._age_s = age_s
        self._oldest = oldest
        self._traceparents = traceparents
        self._stages: dict[str, float] = {}
        self._hits: Counter[tuple[str, str]] = Counter()
        self._alerts: Counter[str] = Counter()
        self._verdicts: Counter[str] = Counter()
        self._unknowns: Counter[str] = Counter()
        self._reasons: Counter[tuple[str, str]] = Counter()
        self._dead: Counter[str] = Counter()
        self._decisions = 0
        self._suggestions = 0
        self._kind = "batch" if messages else "chore"

    def __enter__(self) -> Self:
        """Start the clock and the span."""
        self._began = self._watch.clock()
        total = sum(self._messages.values())
        self._context = traces.start_batch(self._watch.tracer, self._traceparents, total)
        self._span = self._context.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Count the batch as committed, or as failed if an error passes through."""
        if error is None:
            self._committed()
        elif isinstance(error, Exception):
            self._failed(error)
        self._context.__exit__(kind, error, trace)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time one stage (``meters.STAGES``); the same stage may come several times in a batch."""
        label = name if name in STAGES else OTHER
        meters = self._watch.meters
        began, cpu = self._watch.clock(), time.process_time()
        with traces.start_stage(self._watch.tracer, label):
            try:
                yield
            finally:
                seconds = self._watch.clock() - began
                self._stages[label] = self._stages.get(label, 0.0) + seconds
                meters.stage_seconds.labels(label).observe(seconds)
                meters.stage_cpu.labels(label).inc(max(0.0, time.process_time() - cpu))

    def judged(self, results: Results) -> None:
        """Take the decisions, verdicts, hits and alerts of these results; may be called several times."""
        self._decisions += results.decisions.num_rows
        self._count_verdicts(results)
        hits = pl.DataFrame(results.hits).group_by("rule_id", "severity").len()
        for check, severity, number in hits.iter_rows():
            self._hits[check, severity] += number
        alerts = pl.DataFrame(results.alerts).group_by("severity").len()
        for severity, number in alerts.iter_rows():
            self._alerts[severity] += number

    def found(self, check: str, severity: str, number: int = 1) -> None:
        """Hits that are in no ``Results``, such as those on an order before it is carried out."""
        self._hits[check, severity] += number

    def suggested(self, number: int) -> None:
        """Plan suggestions in this batch."""
        self._suggestions += number

    def set_aside(
        self,
        topic: str,
        partition: int,
        offset: int,
        reasons: Iterable[str],
        traceparent: bytes | str | None = None,
    ) -> None:
        """A message became a dead letter; ``reasons`` are rule names of its refusals, never values."""
        labels = sorted({self._watch.reason_label(reason) for reason in reasons})
        self._dead[topic] += 1
        for label in labels:
            self._reasons[topic, label] += 1
        self._watch.log.warning(
            "set aside",
            topic=topic,
            partition=partition,
            offset=offset,
            reasons=labels,
            trace_id=logs.trace_id(traceparent),
        )

    def _count_verdicts(self, results: Results) -> None:
        rows = results.decisions["verdicts"].to_pylist()
        letters = np.frombuffer("".join(rows).encode(), dtype=np.uint8)
        for code, number in enumerate(np.bincount(letters).tolist()):
            if number:
                self._verdicts[chr(code)] += number
        checks = self._watch.checks
        fitting = [row for row in rows if len(row) == len(checks)]
        if not checks or not fitting:
            return
        if len(fitting) < len(rows):
            letters = np.frombuffer("".join(fitting).encode(), dtype=np.uint8)
        unknown = letters.reshape(len(fitting), len(checks)) == ord(Verdict.UNKNOWN.letter)
        for check, number in zip(checks, unknown.sum(axis=0).tolist(), strict=True):
            if number:
                self._unknowns[check] += number

    def _committed(self) -> None:
        watch, meters = self._watch, self._watch.meters
        spent = watch.clock() - self._began
        total = sum(self._messages.values())
        if self._messages:
            meters.batches.labels("committed").inc()
            meters.batch_messages.observe(total)
            meters.batch_age.observe(self._age_s + spent)
            meters.last_commit.set(watch.now())
            watch.readiness.batch(None)
        else:
            meters.chores.labels("committed").inc()
        if self._oldest is not None:
            meters.delay.observe(max(0.0, watch.now() - self._oldest))
        for topic, number in self._messages.items():
            meters.messages.labels(topic, "dead").inc(self._dead[topic])
            meters.messages.labels(topic, "taken").inc(max(0, number - self._dead[topic]))
        meters.decisions.inc(self._decisions)
        meters.suggestions.inc(self._suggestions)
        for letter, number in self._verdicts.items():
            meters.verdicts.labels(_VERDICTS[letter]).inc(number)
        for check, number in self._unknowns.items():
            meters.unknowns.labels(check).inc(number)
        for (check, severity), number in self._hits.items():
            meters.hits.labels(check, _severity(severity)).inc(number)
        for severity, number in self._alerts.items():
            meters.alerts.labels(_severity(severity)).inc(number)
        for (topic, reason), number in self._reasons.items():
            meters.dead_letters.labels(topic, reason).inc(number)
        self._tell(self._kind, spent, outcome="committed")

    def _failed(self, error: Exception) -> None:
        if self._messages:
            self._watch.meters.batches.labels("failed").inc()
            self._watch.readiness.batch(error)
        else:
            self._watch.meters.chores.labels("failed").inc()
        traces.mark_failed(self._span, error)
        self._tell(self._kind, self._watch.clock() - self._began, outcome="failed", **_error(error))

    def _tell(self, event: str, spent: float, **more: Any) -> None:
        ids = dict.fromkeys(t for h in self._traceparents if (t := logs.trace_id(h)) is not None)
        log = self._watch.log.info if "error" not in more else self._watch.log.error
        log(
            event,
            messages=sum(self._messages.values()),
            octets=self._octets,
            decisions=self._decisions,
            hits=sum(self._hits.values()),
            alerts=sum(self._alerts.values()),
            dead=sum(self._dead.values()),
            milliseconds=round(spent * 1000, 1),
            age_ms=round((self._age_s + spent) * 1000, 1),
            stages_ms={name: round(s * 1000, 1) for name, s in self._stages.items()},
            trace_id=traces.trace_id_of(self._span),
            trace_ids=list(ids)[:_MOST_TRACES],
            **more,
        )


def _severity(text: str) -> str:
    return text if text in _SEVERITIES else OTHER


def _is_name(text: str) -> bool:
    """Whether it looks like a rule name of ours, so that no value of a claim becomes a label."""
    return len(text) <= 40 and text.isascii() and text.replace("-", "").isalpha() and text.islower()


def _error(error: BaseException) -> dict[str, Any]:
    return {"error": type(error).__name__, "detail": told(error), "frames": logs.frames(error)}
