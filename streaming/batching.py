"""How large the next batch should be, and what waits to be in one.

A batch has a fixed cost (building the facts of 250 checks, one commit) and a cost a
message. When messages wait, large batches share the fixed cost; when few come, a large
batch would only make them wait. ``Pace`` follows: it doubles while there is a backlog
and halves while batches leave half empty or take too long.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from streaming.messages import Message

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits of batches and of the buffer, each with the reason of its number."""

    most: int = 8_000
    """Messages of the largest batch: some 22 MB of claims. Whatever its size, a batch costs about a
    quarter of a second of judging; beyond this that is no longer felt (docs/benchmarks.md)."""
    least: int = 64
    """Messages that the first batch, and any after an idle time, waits for at most."""
    octets: int = 32 * MIB
    """Bytes of a batch, as for intake: as Arrow tables and facts they are about ten times that."""
    age_s: float = 0.05
    """How long a message waits for others. Half of what an idle batch itself takes: waiting
    longer adds to the delay more than the batch saves."""
    slow_s: float = 10.0
    """A batch that takes longer is followed by one of half the size: a worker told to stop
    finishes its batch first, and orchestrators grant 30 s. Less would shrink batches just when
    a machine is busy, and small batches cost more a message."""
    buffer_messages: int = 16_000
    """Two of the largest batches: one to work on, one ready. More would only be read
    again by the next owner after a rebalance."""
    buffer_octets: int = 64 * MIB
    """As ``buffer_messages``, for large messages."""


class Pace:
    """The target size of the next batch."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self.target = min(bounds.least, bounds.most)

    def after(self, taken: int, seconds: float, waiting: int) -> None:
        """Learn from a batch: messages taken, how long it took, messages waiting behind it."""
        bounds = self._bounds
        if seconds > bounds.slow_s:
            self.target = max(1, min(self.target, taken) // 2)
        elif waiting >= self.target:
            self.target = min(bounds.most, self.target * 2)
        elif taken * 2 <= self.target and waiting == 0:
            self.target = max(min(bounds.least, bounds.most), self.target // 2)


class Buffer:
    """Messages fetched and not yet in a batch, in the order in which they came.

    That order keeps the order within each partition.
    """

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._waiting: deque[Message] = deque()
        self.octets = 0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def full(self) -> bool:
        """Whether fetching must pause."""
        bounds = self._bounds
        return len(self) >= bounds.buffer_messages or self.octets >= bounds.buffer_octets

    @property
    def low(self) -> bool:
        """Whether fetching may go on: half is free, so that it does not switch at every message."""
        bounds = self._bounds
        return 2 * len(self) <= bounds.buffer_messages and 2 * self.octets <= bounds.buffer_octets

    @property
    def room(self) -> int:
        """How many messages may be fetched now; at least 1."""
        return max(1, self._bounds.buffer_messages - len(self))

    def age_s(self, now: float) -> float:
        """How long the first message has waited; 0 if none waits."""
        return max(0.0, now - self._waiting[0].fetched) if self._waiting else 0.0

    def add(self, messages: Iterable[Message]) -> None:
        """Take fetched messages in."""
        for message in messages:
            self._waiting.append(message)
            self.octets += message.octets

    def put_back(self, messages: Iterable[Message]) -> None:
        """Put messages that were taken in front again, in their order."""
        returned = list(messages)
        self._waiting.extendleft(reversed(returned))
        self.octets += sum(m.octets for m in returned)

    def take(self, count: int) -> list[Message]:
        """The next batch: at most ``count`` messages and the bytes of a batch, at least one message."""
        batch: list[Message] = []
        octets = 0
        while self._waiting and len(batch) < count:
            size = self._waiting[0].octets
            if batch and octets + size > self._bounds.octets:
                break
            batch.append(self._waiting.popleft())
            octets += size
        self.octets -= octets
        return batch

    def drop(self, places: Iterable[tuple[str, int]]) -> int:
        """Forget the messages of these partitions, which another worker reads; how many they were."""
        gone = set(places)
        kept = [m for m in self._waiting if m.place not in gone]
        dropped = len(self) - len(kept)
        self._waiting = deque(kept)
        self.octets = sum(m.octets for m in kept)
        return dropped

    def due(self, target: int, now: float) -> bool:
        """Whether a batch should leave: enough messages or bytes wait, or the first has waited long."""
        if not self._waiting:
            return False
        enough = len(self) >= target or self.octets >= self._bounds.octets
        return enough or self.age_s(now) >= self._bounds.age_s
