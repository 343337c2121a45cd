"""The time that a question may take, over all the reads that it needs."""

from __future__ import annotations

import time

from domain.graph_questions import GraphTimeoutError


class Deadline:
    """Begins to run when it is made."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    @property
    def passed(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() >= self._end

    def left(self) -> float:
        """Seconds left, more than 0; GraphTimeoutError if there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise self.error()
        return left

    def error(self) -> GraphTimeoutError:
        """The refusal of a question that took too long."""
        return GraphTimeoutError(
            f"the graph has not answered within {self.seconds:g} s",
            where="graph",
            cure="Ask for less: fewer hops, a smaller fan or limit, a later `since`, one hospital; "
            "or allow more time.",
        )
