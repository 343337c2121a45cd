"""Work on a large batch spread over threads; Polars and NumPy let go of the interpreter meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

import polars as pl

MANY: Final = 1_000
"""Stays of a batch that is spread: with fewer, handing work over costs more than it brings."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def worth_it(stays: int) -> bool:
    """Whether a batch of so many stays is spread."""
    return stays >= MANY and pl.thread_pool_size() > 1


def over_threads(work: Callable[[Item], Result], items: Iterable[Item], stays: int) -> list[Result]:
    """What ``work`` gives for each item, in their order; on as many threads as Polars has.

    ``stays`` is the size of the batch. An item's error is raised here.
    """
    if not worth_it(stays):
        return [work(item) for item in items]
    with ThreadPoolExecutor(pl.thread_pool_size(), thread_name_prefix="facts") as pool:
        return list(pool.map(work, items))
