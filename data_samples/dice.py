"""A seeded source of choices that gives the same sequence on every machine.

Only ``random.Random.random`` is used, the one method whose sequence Python promises to
keep; nothing here goes through the platform's mathematics library.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """Choices drawn from a stream named by ``parts``, such as ``(seed, "stay", 17)``.

    Streams of different names are independent, so that one more stay does not change
    the stays before it.
    """

    __slots__ = ("_next",)

    def __init__(self, *parts: str | int) -> None:
        self._next = random.Random("/".join(map(str, parts))).random  # noqa: S311 - test data

    def chance(self, share: float) -> bool:
        """True with this probability."""
        return self._next() < share

    def between(self, least: int, most: int) -> int:
        """An integer from ``least`` to ``most``, both included, all equally likely."""
        return least + int(self._next() * (most - least + 1))

    def around(self, least: int, usual: int, most: int) -> int:
        """An integer from ``least`` to ``most``; half of them at or below ``usual``."""
        if self._next() < 0.5:
            return self.between(least, usual)
        return self.between(usual, most)

    def share(self, least: float, most: float) -> float:
        """A number between ``least`` and ``most``, the middle being most likely."""
        return least + (self._next() + self._next()) / 2 * (most - least)

    def choose(self, options: Sequence[T]) -> T:
        """One of the options, all equally likely."""
        return options[int(self._next() * len(options))]

    def weigh(self, options: Sequence[T], weights: Sequence[int]) -> T:
        """One of the options, each as likely as its weight among all."""
        left = self._next() * sum(weights)
        for option, weight in zip(options, weights, strict=True):
            left -= weight
            if left < 0:
                return option
        return options[-1]

    def take(self, options: Sequence[T], count: int) -> list[T]:
        """``count`` different options in random order; all of them if there are fewer."""
        pool = list(options)
        wanted = range(min(count, len(pool)))
        return [pool.pop(int(self._next() * len(pool))) for _ in wanted]
