"""The stream worker: reads messages, hands them to their handler, commits, publishes.

It knows neither Kafka nor SQL: a ``Source`` gives messages and partitions, a ``Journal``
commits a step, a ``Sink`` publishes. Its promises, and where they are kept:

- Nothing is lost: an offset moves on only in the transaction that stores what came of the
  message (``_step``), and a message that cannot be handled is stored as a dead letter.
- Nothing counts twice: the step is refused if another worker has claimed the partition
  (``LostPartitionError``), and decisions have deterministic ids.
- One bad message does not stop its partition: a batch that fails is cut in halves until
  the message is found (``_work``).
- A database or a broker that is away is waited for, while the worker stays in its group.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import Final

from polars.exceptions import PanicException

from domain.errors import Refusal, SentinelError
from store import Journal, Lease, LostPartitionError, Partition, Step, StoreError, StoreRuleError
from streaming.batching import Bounds, Buffer, Pace
from streaming.messages import Chore, Handled, Handler, Message
from streaming.publishing import SLICE_S, Backoff, Clock, Publisher, Sink
from streaming.source import Source
from streaming.telling import tell_dead
from streaming.watch import Batch, Watch

IDLE_S: Final = 0.5
"""How long a turn waits for messages: a stop signal is obeyed within this time."""

TIDY_S: Final = 1.0
"""Between two looks at lag and acknowledged messages, when nothing else happens."""

CHORES_S: Final = 5.0
"""Between two chores while messages wait: a chore costs about as much as a small batch, and
what came late may be judged again some seconds later."""

PROBE_S: Final = 5.0
"""Between two looks at the outbox, which also tell whether the database still answers."""

LEAVE_S: Final = 5.0
"""How long a worker that stops waits for the broker to acknowledge its last messages."""

MOST_UNHANDLED: Final = 100
"""Messages in a row that could not be handled, before the worker stops: then the fault is
hardly theirs, and setting thousands aside would only have to be undone."""


class WorkerError(SentinelError):
    """The worker cannot go on; everything up to its last commit is stored."""


@dataclass(slots=True)
class Worker:
    """One worker of a consumer group. Build it, then ``run`` it until an event is set."""

    source: Source
    sink: Sink
    journal: Journal
    handlers: Mapping[str, Handler]
    watch: Watch
    owner: str
    bounds: Bounds = field(default_factory=Bounds)
    clock: Clock = time.monotonic
    chores: Sequence[Chore] = ()
    _publisher: Publisher = field(init=False)
    _database: Backoff = field(init=False)
    _pace: Pace = field(init=False)
    _buffer: Buffer = field(init=False)
    _leases: dict[Partition, Lease] = field(init=False, default_factory=dict)
    _next: dict[Partition, int] = field(init=False, default_factory=dict)
    _unclaimed: set[Partition] = field(init=False, default_factory=set)
    _held: bool = field(init=False, default=False)
    _unhandled: int = field(init=False, default=0)
    _tidied: float = field(init=False, default=0.0)
    _probed: float = field(init=False, default=0.0)
    _chored: float = field(init=False, default=0.0)
    _chores: Backoff = field(init=False)

    def __post_init__(self) -> None:
        self._publisher = Publisher(self.sink, self.journal, self.watch, self.clock)
        self._database = Backoff(self.clock)
        self._chores = Backoff(self.clock)
        self._pace = Pace(self.bounds)
        self._buffer = Buffer(self.bounds)

    def run(self, stop: Event) -> None:
        """Work until ``stop`` is set; then finish the batch at hand, publish and leave."""
        try:
            while not stop.is_set():
                self.turn(stop)
        finally:
            self._leave()

    def turn(self, stop: Event | None = None) -> None:
        """One turn: follow the assignment, fetch, and if a batch is due, handle it."""
        self.watch.beat()
        self._follow()
        self._buffer.add(self.source.poll(self._patience(), self._buffer.room))
        self._follow()  # what was fetched of a partition that is gone is dropped here
        self._throttle()
        if self._may_work() and self._buffer.due(self._pace.target, self.clock()):
            self._work(stop or Event())
        self._tidy()

    # The assignment

    def _follow(self) -> None:
        changes = self.source.changes()
        if changes:
            if changes.lost:
                self._hand_over()
            self._let_go(changes.lost)
            self._unclaimed |= changes.gained
            self._unclaimed &= self.source.assignment()
            self.watch.assigned({*self._leases, *self._unclaimed})
        if self._unclaimed and self._database.wait_s == 0:
            self._claim()

    def _claim(self) -> None:
        wanted = frozenset(self._unclaimed)
        try:
            leases = self.journal.claim(wanted, self.owner)
        except StoreError as error:
            self._database_failed(error)
            return
        self._database_answers()
        self._unclaimed -= wanted
        # What the worker before us committed and did not publish any more is ours to publish.
        self._publisher.take_over(wanted)
        for lease in leases:
            place = (lease.topic, lease.partition)
            self._leases[place] = lease
            self._next[place] = lease.next_offset or 0
            self.source.start(place, lease.next_offset)
            if self._held:
                self.source.hold([place])

    def _hand_over(self) -> None:
        """Forget what the broker has, so that whoever reads on does not publish it once more."""
        self._publisher.finish(SLICE_S)
        acknowledged = self._publisher.acknowledged
        if not acknowledged or self._database.wait_s > 0:
            return
        try:
            self.journal.acknowledge(acknowledged)
        except StoreError as error:
            self._database_failed(error)
        else:
            self._publisher.forget(acknowledged)

    def _let_go(self, partitions: Iterable[Partition]) -> None:
        gone = set(partitions)
        self._buffer.drop(gone)
        self._publisher.release(gone)
        self._unclaimed -= gone
        for place in gone:
            self._leases.pop(place, None)
            self._next.pop(place, None)

    # Fetching

    def _patience(self) -> float:
        """How long this turn may wait for messages."""
        waits = [IDLE_S]
        if self._database.attempt:
            waits.append(self._database.wait_s)
        elif self._publisher.behind:
            waits.append(self._publisher.wait_s)
        elif len(self._buffer):
            if self._buffer.due(self._pace.target, self.clock()):
                return 0.0
            waits.append(self.bounds.age_s - self._buffer.age_s(self.clock()))
        # A full buffer or an outage must not turn the loop into a spin.
        return (
            max(0.01, min(waits)) if self._held or self._database.attempt else max(0.0, min(waits))
        )

    def _throttle(self) -> None:
        if not self._held and self._buffer.full:
            self.source.hold(self._leases)
            self._held = True
        elif self._held and self._buffer.low:
            self.source.release(self._leases)
            self._held = False
        self.watch.buffered(
            len(self._buffer), self._buffer.octets, len(self._leases) if self._held else 0
        )

    # Working

    def _may_work(self) -> bool:
        if self._database.wait_s > 0:
            return False
        try:
            return self._publisher.settle(self._leases)
        except StoreError as error:
            self._database_failed(error)
            return False

    def _work(self, stop: Event) -> None:
        batch = self._buffer.take(self._pace.target)
        began = self.clock()
        parts = [batch]
        while parts:
            part = parts.pop()
            try:
                if stop.is_set() and len(part) < len(batch):
                    raise _StoppedError  # halves that were not tried yet are read again
                self._step(part)
                self._unhandled = 0
            except _StoppedError:
                self._put_back(part, parts)
                return
            except LostPartitionError as error:
                self._put_back(part, parts)
                self._lose(error)
                return
            except (StoreRuleError, Exception, PanicException) as error:
                if isinstance(error, StoreError) and not isinstance(error, StoreRuleError):
                    self._put_back(part, parts)
                    self._database_failed(error)
                    return
                if len(part) > 1:
                    middle = len(part) // 2
                    parts += (part[middle:], part[:middle])
                else:
                    parts.append(part)
                    if not self._set_aside(parts, error):
                        return
        self._pace.after(len(batch), self.clock() - began, len(self._buffer))

    def _set_aside(self, parts: list[list[Message]], error: BaseException) -> bool:
        """Store the one message that fails as a dead letter; whether that could be done."""
        part = parts.pop()
        self._unhandled += 1
        if self._unhandled > MOST_UNHANDLED:
            self._put_back(part, parts)
            raise WorkerError(
                f"{self._unhandled} messages in a row could not be handled, the last for {type(error).__name__}",
                where=f"{part[0].topic}-{part[0].partition} at offset {part[0].offset}",
                cure="The fault is hardly in the messages: look at the log, correct the rule files, model or "
                "program, start again, and replay the dead letters with the reason not-handled.",
            ) from error
        try:
            self._step(part, failed=error)
        except LostPartitionError as lost:
            self._put_back(part, parts)
            self._lose(lost)
            return False
        except StoreError as away:
            self._put_back(part, parts)
            self._database_failed(away)
            return False
        return True

    def _step(self, messages: Sequence[Message], failed: BaseException | None = None) -> None:
        """Handle messages and commit all that comes of them, or raise with nothing stored.

        With ``failed`` the messages are set aside for that error instead.
        """
        messages = [m for m in messages if m.place in self._leases]
        if not messages:
            return
        acknowledged = self._publisher.acknowledged
        advanced = {m.place: m.offset + 1 for m in messages}
        with self._observe(messages) as batch:
            if failed is None:
                handled = self._handle(messages, batch)
            else:
                handled = [Handled(dead=[(m, _not_handled(failed)) for m in messages])]
            dead = [pair for part in handled for pair in part.dead]
            letters, told = tell_dead(self.journal.group, dead)
            step = Step(
                advances=[(self._leases[place], offset) for place, offset in advanced.items()],
                judged=[j for part in handled for j in part.judged],
                writes=[w for part in handled for w in part.writes],
                outgoing=[*(o for part in handled for o in part.outgoing), *told],
                dead_letters=letters,
                acknowledged=acknowledged,
            )
            with batch.stage("write"):
                committed = self.journal.commit(step)
            for message, reasons in dead:
                batch.set_aside(
                    message.topic, message.partition, message.offset,
                    [r.rule for r in reasons], message.traceparent,
                )  # fmt: skip
            self._database_answers()
            self._publisher.forget(acknowledged)
            self._next.update(advanced)
            with batch.stage("publish"):
                self._publisher.send(committed.parcels, self._leases)
        self.source.commit(advanced)

    def _handle(self, messages: Sequence[Message], batch: Batch) -> list[Handled]:
        topics: dict[str, list[Message]] = {}
        for message in messages:
            topics.setdefault(message.topic, []).append(message)
        return [self.handlers[topic](part, batch) for topic, part in topics.items()]

    def _observe(self, messages: Sequence[Message]) -> Batch:
        topics: dict[str, int] = {}
        for message in messages:
            topics[message.topic] = topics.get(message.topic, 0) + 1
        times = [m.timestamp_ms for m in messages if m.timestamp_ms is not None]
        return self.watch.batch(
            messages=topics,
            octets=sum(m.octets for m in messages),
            age_s=self.clock() - min(m.fetched for m in messages),
            oldest=min(times) / 1000 if times else None,
            traceparents=[m.traceparent for m in messages],
        )

    # When something fails

    def _put_back(self, part: list[Message], parts: list[list[Message]]) -> None:
        for later in parts:
            self._buffer.put_back(later)
        self._buffer.put_back(part)

    def _lose(self, error: LostPartitionError) -> None:
        """Another worker claimed partitions: it is right, unless the group says otherwise."""
        lost = {(lease.topic, lease.partition) for lease in error.lost}
        self.watch.log.warning("lost", partitions=[f"{t}-{p}" for t, p in sorted(lost)])
        self.source.hold(lost & self.source.assignment())
        self._let_go(lost)
        self._unclaimed |= lost & self.source.assignment()
        # So that the group can tell us first whether they are still ours.
        self._database.failed()

    def _database_failed(self, error: StoreError) -> None:
        self.watch.database(error)
        wait = self._database.failed()
        self.watch.retried("database", error, attempt=self._database.attempt, wait_s=wait)

    def _database_answers(self) -> None:
        self._database.passed()
        self.watch.database(None)

    # Now and then

    def _tidy(self) -> None:
        now = self.clock()
        if now - self._tidied < TIDY_S:
            return
        self._tidied = now
        self.watch.broker(self.source.trouble())
        for place, messages in self.source.lag(self._next).items():
            self.watch.lag(*place, messages)
        if self._database.wait_s > 0:
            return
        try:
            acknowledged = self._publisher.acknowledged
            if acknowledged and not len(self._buffer):
                self.journal.acknowledge(acknowledged)
                self._publisher.forget(acknowledged)
            if self._may_do_chores(now):
                self._chored = now
                self._do_chores()
            if now - self._probed >= PROBE_S:
                self._probed = now
                self._probe()
        except StoreError as error:
            self._database_failed(error)

    def _may_do_chores(self, now: float) -> bool:
        if not self._leases or self._publisher.behind or self._chores.wait_s > 0:
            return False
        if self.source.trouble() is not None:
            return False  # every step of a rebalance waits for a poll; a chore takes seconds
        return not len(self._buffer) or now - self._chored >= CHORES_S

    def _do_chores(self) -> None:
        """Each in a transaction of its own. One that fails is tried again later and stops nothing."""
        source = min(self._leases)
        for chore in self.chores:
            try:
                if not chore.waiting():
                    continue
                with self.watch.batch(messages={}) as batch:
                    done = chore(source, batch)
                    step = Step(judged=done.judged, writes=done.writes, outgoing=done.outgoing)
                    with batch.stage("write"):
                        committed = self.journal.commit(step)
                    with batch.stage("publish"):
                        self._publisher.send(committed.parcels, self._leases)
                self._chores.passed()
            except StoreError:
                raise
            except (Exception, PanicException) as error:
                wait = self._chores.failed()
                self.watch.retried("chore", error, attempt=self._chores.attempt, wait_s=wait)

    def _probe(self) -> None:
        rows, oldest = self.journal.depth()
        self._database_answers()
        age = 0.0 if oldest is None else max(0.0, self.watch.now() - oldest.timestamp())
        self.watch.outbox(rows, age)

    def _leave(self) -> None:
        self.watch.stopping()
        self._publisher.finish(LEAVE_S)
        try:
            self.journal.acknowledge(self._publisher.acknowledged)
        except StoreError as error:
            self.watch.database(error)  # the next owner publishes them once more
        self.sink.close()
        self.source.close()


class _StoppedError(Exception):
    """The worker was told to stop between two parts of a batch."""


def _not_handled(error: BaseException) -> tuple[Refusal, ...]:
    return (
        Refusal(
            "(record)", type(error).__name__, "not-handled",
            "The program failed on this message alone: report it as a defect, and replay it after the correction.",
        ),
    )  # fmt: skip
