"""How often somebody may ask: token buckets in memory, one a name."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from scoring_api.problems import ProblemError

NAMES: Final = 20_000
"""Names remembered: beyond them those not seen longest are forgotten, which only lets them begin anew."""


class Limit:
    """At most ``burst`` requests at once and ``per_s`` a second in the long run, of each name."""

    def __init__(
        self, per_s: float, burst: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.per_s, self.burst = per_s, burst
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, name: str) -> float:
        """Take one; 0, or how many seconds until there is one."""
        with self._lock:
            now = self._clock()
            left, at = self._left.pop(name, (float(self.burst), now))
            left = min(self.burst, left + (now - at) * self.per_s)
            taken = left >= 1
            self._left[name] = (left - 1 if taken else left, now)
            if len(self._left) > NAMES:
                self._left.popitem(last=False)
            return 0.0 if taken else (1 - left) / self.per_s

    def take(self, name: str) -> None:
        """Take one; a 429 problem that says when to come again if there is none."""
        seconds = math.ceil(self.wait(name))
        if seconds:
            raise ProblemError(
                429,
                "too-many-requests",
                "There were too many requests in a short time.",
                cure=f"Try again in {seconds} s; programs wait as Retry-After says.",
                headers={"Retry-After": str(seconds)},
            )
