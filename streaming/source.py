"""Where a worker's messages come from, seen from the worker: partitions given and taken, messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from domain.errors import SentinelError
from store import Partition
from streaming.messages import Message


@dataclass(frozen=True, slots=True)
class Changes:
    """Partitions that the group gave to this worker, or took from it, since last asked."""

    gained: frozenset[Partition] = frozenset()
    lost: frozenset[Partition] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.gained or self.lost)


class Source(Protocol):
    """Where messages come from. A gained partition gives none before ``start``."""

    def poll(self, wait_s: float, most: int) -> list[Message]:
        """Messages that came, at most so many, waiting at most so long; keeps the membership alive."""
        ...

    def changes(self) -> Changes:
        """What changed in the assignment since the last call."""
        ...

    def assignment(self) -> frozenset[Partition]:
        """The partitions that the group gives to this worker now."""
        ...

    def start(self, partition: Partition, next_offset: int | None) -> None:
        """Read the partition from this offset on, or from its first message if None."""
        ...

    def hold(self, partitions: Iterable[Partition]) -> None:
        """Fetch nothing more from these for now."""
        ...

    def release(self, partitions: Iterable[Partition]) -> None:
        """Fetch from these again."""
        ...

    def lag(self, next_offsets: Mapping[Partition, int]) -> dict[Partition, int]:
        """Messages at and after these offsets, for the partitions where that is known."""
        ...

    def commit(self, next_offsets: Mapping[Partition, int]) -> None:
        """Tell the broker the offsets, for tools that show lag; ours are in the database."""
        ...

    def trouble(self) -> SentinelError | None:
        """Why the broker does not answer; None if it does."""
        ...

    def close(self) -> None:
        """Leave the group."""
        ...
