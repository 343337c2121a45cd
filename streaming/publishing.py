"""Publishing what was committed: in order, at least once, and never in the way of reading.

A parcel of the outbox is sent right after its commit. It is forgotten once the broker has
acknowledged all of it; until then it stays in the database, and after a failure, a restart or a
rebalance it is sent again from there (*owed*). Before anything new is decided, what is
owed must be out, so that the messages of one partition never overtake each other.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol

from domain.errors import SentinelError
from store import Journal, Parcel, Partition
from streaming.watch import Watch

SLICE_S: Final = 0.2
"""How long one turn of the worker waits for the broker: short, so that it keeps turning."""

GRACE_S: Final = 2.0
"""How long messages of a partition just taken over are left to the worker before, which may have
published them and forgets them within its next turn. Only after that are they published again."""

GLANCE_S: Final = 0.1
"""Between two looks whether it has."""

PAGE: Final = 4
"""Parcels read at once when owed messages are sent again: some thousand messages."""

Clock = Callable[[], float]


class SinkError(SentinelError):
    """The broker did not take a message; it stays in the outbox and is sent again."""


class Sink(Protocol):
    """Where messages are published."""

    @property
    def waiting(self) -> int:
        """Parcels sent and not acknowledged yet."""
        ...

    def send(self, parcels: Sequence[Parcel]) -> None:
        """Send their messages in this order, without waiting; SinkError if that is refused at once."""
        ...

    def confirm(self, wait_s: float) -> list[Parcel]:
        """Parcels acknowledged as a whole since the last call, waiting at most so long for the rest.

        SinkError if the broker refused one or did not answer in time; then nothing sent
        before counts as waiting any more.
        """
        ...

    def reset(self) -> None:
        """Forget everything sent and start afresh."""
        ...

    def close(self) -> None:
        """Give the connection back; what is not acknowledged stays in the outbox."""
        ...


class Backoff:
    """When to try again: after 0.1 s, twice as long each time, at most 5 s.

    The first wait is that of a restarted process on the same machine, the last keeps the
    recovery of a server that was away for minutes within seconds. A quarter of chance
    keeps several workers from knocking all at once.
    """

    FIRST_S: Final = 0.1
    LAST_S: Final = 5.0

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._again = 0.0
        self.attempt = 0

    def failed(self) -> float:
        """Note a failure; the seconds to wait."""
        self.attempt += 1
        wait = min(self.LAST_S, self.FIRST_S * 2.0 ** min(self.attempt - 1, 10))
        wait *= random.uniform(0.75, 1.25)  # noqa: S311 (no secret)
        self._again = self._clock() + wait
        return wait

    def passed(self) -> None:
        """Note a success."""
        self.attempt = 0
        self._again = 0.0

    @property
    def wait_s(self) -> float:
        """Seconds until the next attempt; 0 if it may be made now."""
        return max(0.0, self._again - self._clock()) if self.attempt else 0.0


class Publisher:
    """Sends the outbox of the partitions that this worker reads."""

    def __init__(self, sink: Sink, journal: Journal, watch: Watch, clock: Clock) -> None:
        self._sink = sink
        self._journal = journal
        self._watch = watch
        self._owed: set[Partition] = set()
        self._acknowledged: set[int] = set()
        self._clock = clock
        self._lenient_until = 0.0
        self.backoff = Backoff(clock)

    @property
    def acknowledged(self) -> list[int]:
        """Parcels that the broker has and the database still holds."""
        return sorted(self._acknowledged)

    @property
    def behind(self) -> bool:
        """Whether something of before must go out first."""
        return bool(self._owed)

    @property
    def wait_s(self) -> float:
        """Seconds until another try to send what is owed makes sense."""
        lenient = max(0.0, self._lenient_until - self._clock())
        return max(self.backoff.wait_s, min(GLANCE_S, lenient))

    def take_over(self, partitions: Iterable[Partition]) -> None:
        """Whatever the outbox holds of these partitions is to be sent: they were just claimed."""
        self._owed.update(partitions)
        self._lenient_until = self._clock() + GRACE_S

    def release(self, partitions: Iterable[Partition]) -> None:
        """Another worker reads, and publishes, these now."""
        self._owed.difference_update(partitions)

    def forget(self, outbox_ids: Iterable[int]) -> None:
        """These parcels are deleted."""
        self._acknowledged.difference_update(outbox_ids)

    def send(self, parcels: Sequence[Parcel], partitions: Iterable[Partition]) -> None:
        """Send parcels just committed for these partitions; if that fails, they are owed."""
        if not parcels:
            return
        held = list(partitions)
        try:
            if not self._owed and self._sink.waiting:
                self._confirm(SLICE_S)
            if self._owed or self._sink.waiting:
                self._owed.update(held)
                return
            self._sink.send(parcels)
        except SinkError as error:
            self._owed.update(held)
            self._failed(error)

    def settle(self, partitions: Iterable[Partition]) -> bool:
        """Send what is owed; whether all of it is acknowledged. StoreError if the outbox cannot be read.

        ``partitions`` are those that this worker reads now.
        """
        held = set(partitions)
        try:
            if self._sink.waiting:
                self._confirm(0.0)
            self._owed &= held
            if not self._owed:
                return True
            if self.backoff.wait_s > 0:
                return False
            if self._sink.waiting:
                self._confirm(SLICE_S)
                if self._sink.waiting:
                    return False
            if self._clock() < self._lenient_until and self._journal.pending(self._owed, limit=1):
                return False
            return self._send_owed()
        except SinkError as error:
            self._owed.update(held)
            self._failed(error)
            return False

    def finish(self, wait_s: float) -> None:
        """Wait for what was sent, as long as given, before the worker leaves."""
        try:
            if self._sink.waiting:
                self._confirm(wait_s)
        except SinkError as error:
            self._failed(error)

    def _send_owed(self) -> bool:
        after = 0
        while parcels := self._journal.pending(self._owed, after=after, limit=PAGE):
            after = parcels[-1].outbox_id
            self._sink.send([p for p in parcels if p.outbox_id not in self._acknowledged])
            self._confirm(SLICE_S)
            if self._sink.waiting:
                return False  # the broker is slow; the rest in the next turn
        self._owed.clear()
        self.backoff.passed()
        return True

    def _confirm(self, wait_s: float) -> None:
        topics: Counter[str] = Counter()
        for parcel in self._sink.confirm(wait_s):
            self._acknowledged.add(parcel.outbox_id)
            topics.update(message.topic for message in parcel.messages)
        for topic, count in topics.items():
            self._watch.published(topic, count)

    def _failed(self, error: SinkError) -> None:
        self._sink.reset()
        wait = self.backoff.failed()
        self._watch.retried("publish", error, attempt=self.backoff.attempt, wait_s=wait)
