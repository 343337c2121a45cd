"""What commands share that run until they are told to stop: signals, and servers that are away."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from threading import Event
from typing import Any, Protocol, TypeVar

from domain.errors import SentinelError

_T = TypeVar("_T")
_MEANT_S = 2.0
"""A signal this long after the first is a person who will not wait."""


class Told(Protocol):
    """Who is told while a server is waited for."""

    clock: Callable[[], float]

    def beat(self) -> None:
        """The process still turns."""
        ...

    def retried(self, what: str, error: BaseException, *, attempt: int, wait_s: float) -> None:
        """The server is tried again, after this error and this wait."""
        ...


def stop_on_signals() -> Event:
    """An event that SIGTERM and SIGINT set. Told again after a while, the process ends at once.

    Not at once at the second signal: ``timeout``, ``make`` and terminals send it to the
    process and to its group, so two come together.
    """
    stop = Event()
    first: list[float] = []

    def told(number: int, _frame: Any) -> None:
        stop.set()
        first.append(time.monotonic())
        if first[-1] - first[0] > _MEANT_S:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, told)
    return stop


def persist(
    make: Callable[[], _T],
    what: str,
    watch: Told,
    stop: Event,
    note: Callable[[SentinelError | None], None],
) -> _T | None:
    """What ``make`` makes, tried until it can be had; None if told to stop before.

    An orchestrator starts the processes and servers at once, in no order. ``note`` is told each
    error of the server, and None once it answers.
    """
    from store import StoreError  # noqa: PLC0415
    from streaming.kafka.connection import BrokerError  # noqa: PLC0415
    from streaming.publishing import Backoff  # noqa: PLC0415

    backoff = Backoff(watch.clock)
    while not stop.is_set():
        watch.beat()
        try:
            made = make()
        except (StoreError, BrokerError) as error:
            if not _may_pass(error):
                raise
            note(error)
            wait = backoff.failed()
            watch.retried(what, error, attempt=backoff.attempt, wait_s=wait)
            stop.wait(wait)
        else:
            note(None)
            return made
    return None


def without_password(url: str) -> str:
    """A database's address as it may be printed."""
    head, at, tail = url.rpartition("@")
    if not at:
        return url
    scheme, _, user = head.partition("://")
    return f"{scheme}://{user.split(':', maxsplit=1)[0]}@{tail}"


def _may_pass(error: SentinelError) -> bool:
    """Whether waiting may help: a server that is away comes back, a wrong address does not."""
    return any(
        part in error.what.lower()
        for part in ("no broker answers", "database answers", "could not connect", "locked")
    )
