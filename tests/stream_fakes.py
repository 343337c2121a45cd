"""A source and a sink in memory, and a handler that tells one message for each it takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from domain.errors import Refusal, SentinelError
from store import Outgoing, Parcel, Partition
from streaming.messages import Handled, Message
from streaming.publishing import SinkError
from streaming.source import Changes
from streaming.watch import Batch


class Topic:
    """Messages of one topic's partitions, shared by the sources of several workers."""

    def __init__(self, partitions: int = 1) -> None:
        self.logs: list[list[bytes]] = [[] for _ in range(partitions)]

    def send(self, values: Iterable[bytes], partition: int = 0) -> None:
        self.logs[partition].extend(values)


class Source:
    """A member of a group in which the test itself plays the coordinator (``give``, ``take``)."""

    def __init__(self, topic: Topic) -> None:
        self.topic = topic
        self.next: dict[Partition, int] = {}
        self.mine: set[Partition] = set()
        self.running: set[Partition] = set()
        self.gained: set[Partition] = set()
        self.lost: set[Partition] = set()
        self.committed: dict[Partition, int] = {}
        self.closed = False

    def give(self, *partitions: int) -> None:
        self.mine |= {("claims", p) for p in partitions}
        self.gained |= {("claims", p) for p in partitions}

    def take(self, *partitions: int) -> None:
        gone = {("claims", p) for p in partitions}
        self.mine -= gone
        self.running -= gone
        self.gained -= gone
        self.lost |= gone

    def poll(self, wait_s: float, most: int) -> list[Message]:
        found: list[Message] = []
        for place in sorted(self.running):
            log = self.topic.logs[place[1]]
            start = self.next[place]
            part = log[start : start + most - len(found)]
            found += (
                Message("claims", place[1], start + i, b"k", value, (), 1_000 * (start + i))
                for i, value in enumerate(part)
            )
            self.next[place] = start + len(part)
        return found

    def changes(self) -> Changes:
        changes = Changes(frozenset(self.gained), frozenset(self.lost))
        self.gained, self.lost = set(), set()
        return changes

    def assignment(self) -> frozenset[Partition]:
        return frozenset(self.mine)

    def start(self, partition: Partition, next_offset: int | None) -> None:
        if partition in self.mine:
            self.next[partition] = next_offset or 0
            self.running.add(partition)

    def hold(self, partitions: Iterable[Partition]) -> None:
        self.running -= set(partitions)

    def release(self, partitions: Iterable[Partition]) -> None:
        self.running |= set(partitions) & self.mine

    def lag(self, next_offsets: Mapping[Partition, int]) -> dict[Partition, int]:
        return {p: len(self.topic.logs[p[1]]) - n for p, n in next_offsets.items()}

    def commit(self, next_offsets: Mapping[Partition, int]) -> None:
        self.committed.update(next_offsets)

    def trouble(self) -> SentinelError | None:
        return None

    def close(self) -> None:
        self.closed = True


class Sink:
    """Keeps what was published; ``down`` refuses, ``silent`` never acknowledges."""

    def __init__(self) -> None:
        self.published: list[Outgoing] = []
        self.unconfirmed: list[Parcel] = []
        self.down = False
        self.silent = False
        self.resets = 0

    @property
    def waiting(self) -> int:
        return len(self.unconfirmed)

    def send(self, parcels: Sequence[Parcel]) -> None:
        if self.down:
            raise SinkError("refused", where="here", cure="None.")
        self.published += (message for parcel in parcels for message in parcel.messages)
        self.unconfirmed += parcels

    def confirm(self, wait_s: float) -> list[Parcel]:
        if self.silent:
            return []
        done, self.unconfirmed = self.unconfirmed, []
        return done

    def reset(self) -> None:
        self.unconfirmed = []
        self.resets += 1

    def close(self) -> None:
        self.unconfirmed = []

    @property
    def values(self) -> list[bytes]:
        return [row.value for row in self.published]


class Echo:
    """Tells each message on; ``refuse…`` is refused, ``crash…`` fails; keeps what it was given."""

    def __init__(self) -> None:
        self.calls: list[list[bytes]] = []

    def __call__(self, messages: Sequence[Message], batch: Batch, /) -> Handled:
        values = [m.value or b"" for m in messages]
        self.calls.append(values)
        if any(v.startswith(b"crash") for v in values):
            raise ValueError("this text may name a patient: 张三")
        dead = [
            (m, (Refusal("(record)", "", "not-json", "Send JSON."),))
            for m in messages
            if (m.value or b"").startswith(b"refuse")
        ]
        refused = {m.offset for m, _ in dead}
        told = [
            Outgoing("decisions", f"id-{m.partition}-{m.offset}", m.key, m.value or b"", m.place)
            for m in messages
            if m.offset not in refused
        ]
        return Handled(dead=dead, outgoing=told)
