"""Whether a worker can work, and what keeps it from it: the truth behind ``/ready`` and ``/live``."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from domain.errors import SentinelError

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Limits:
    """From when on a worker calls itself not ready or not alive.

    ``lag`` in messages over all its partitions: 50,000 is 17 s of a province's 3,000
    claims a second, more than a rebalance or a restart costs. ``stuck_s``: a loop that
    has not turned for so long hangs; a batch that waits for a database still turns it,
    and the largest batch takes seconds.
    """

    lag: int = 50_000
    stuck_s: float = 120.0


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that a worker needs, and in words how it is."""

    ok: bool
    detail: str


class Readiness:
    """What is known of the assignment, broker, database, lag and last batch; thread-safe."""

    def __init__(self, limits: Limits, clock: Clock = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._lock = threading.Lock()
        self._partitions: set[tuple[str, int]] = set()
        self._lag: dict[tuple[str, int], int] = {}
        self._broker = Part(False, "not connected yet")
        self._database = Part(False, "not opened yet")
        self._batch = Part(True, "no batch yet")
        self._stopping = False
        self._beat = clock()

    def assign(self, partitions: set[tuple[str, int]]) -> None:
        """These and no other partitions are read now; the lag of others is forgotten."""
        with self._lock:
            self._partitions = set(partitions)
            self._lag = {p: n for p, n in self._lag.items() if p in partitions}

    def lag(self, topic: str, partition: int, messages: int) -> None:
        """Remember the lag of one partition, if it is still assigned."""
        with self._lock:
            if (topic, partition) in self._partitions:
                self._lag[topic, partition] = messages

    def broker(self, error: BaseException | None) -> None:
        """The broker answered, or failed with this error."""
        with self._lock:
            self._broker = part_of(error, "answers")

    def database(self, error: BaseException | None) -> None:
        """The database answered, or failed with this error."""
        with self._lock:
            self._database = part_of(error, "answers")

    def batch(self, error: BaseException | None) -> None:
        """The last batch was committed, or failed with this error."""
        with self._lock:
            self._batch = part_of(error, "committed")

    def stop(self) -> None:
        """The worker finishes what it has and takes no more."""
        with self._lock:
            self._stopping = True

    def beat(self) -> None:
        """The loop turned once more."""
        with self._lock:
            self._beat = self._clock()

    def parts(self) -> dict[str, Part]:
        """Each part by name; the worker is ready if all are well."""
        with self._lock:
            lag = sum(self._lag.values())
            count = len(self._partitions)
            parts = {
                "assignment": Part(count > 0, f"{count} partitions assigned"),
                "broker": self._broker,
                "database": self._database,
                "lag": Part(
                    lag <= self._limits.lag,
                    f"{lag} messages behind, at most {self._limits.lag} are well",
                ),
                "batch": self._batch,
            }
            if self._stopping:
                parts["stopping"] = Part(False, "the worker was told to stop")
            return parts

    def live(self) -> Part:
        """Whether the loop still turns; a worker whose loop hangs is best started again."""
        with self._lock:
            still = self._clock() - self._beat
        if still <= self._limits.stuck_s:
            return Part(True, "the loop turns")
        return Part(False, f"the loop has not turned for {still:.0f} s")


def told(error: BaseException) -> str:
    """What may be said of an error: our own words, or else only its kind.

    The message of a library's error may quote a row, and what is personal must not
    reach a probe or a log. Ours say what happened and what to do, without values.
    """
    if isinstance(error, SentinelError):
        return f"{error.what}. {error.cure}"
    return type(error).__name__


def part_of(error: BaseException | None, well: str) -> Part:
    """A part that is well unless there is an error."""
    return Part(True, well) if error is None else Part(False, told(error))
