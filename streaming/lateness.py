"""Stays judged on less than is known now: a claim of the patient came late, or changed."""

from __future__ import annotations

from typing import Final

from store import Store
from streaming.pipeline import Engine, assess
from streaming.service import keep, look_back

STAYS_AT_ONCE: Final = 500
"""Stays taken off the list at a time: a batch of the size in which claims stream in."""


def judge_listed(store: Store, engine: Engine, *, most: int = STAYS_AT_ONCE) -> int:
    """Judge again the stays that waited longest for it, in one transaction; how many were taken.

    A stay that was withdrawn meanwhile is taken off the list without a judgement.
    """
    taken = store.to_judge(most)
    if not taken:
        return 0
    again = store.stays([row["stay_id"] for row in taken])
    results = assess(again, engine, history=look_back(store, again))
    keep(store, again, results, engine, taken=[(row["stay_id"], row["since"]) for row in taken])
    return len(taken)
