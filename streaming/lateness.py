"""Stays judged on less than is known now: a claim of the patient came late or changed, or nobody measured."""

from __future__ import annotations

from typing import Final

import polars as pl

from domain.results import MEASURES
from domain.tables import conform
from store import Store
from streaming.measuring import measure_stored
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


def measure_decided(store: Store, engine: Engine, *, at_once: int = STAYS_AT_ONCE) -> int:
    """Measure the stays that count and were decided before anybody measured; how many were new.

    They go by their id, so many at a time, each part in one transaction.
    """
    total, last = 0, None
    while (part := store.measured.unmeasured(last, at_once)).last is not None:
        last = part.last
        decisions = pl.DataFrame(
            {"stay_id": list(part.decisions), "decision_id": list(part.decisions.values())}
        )
        rows = measure_stored(
            part.claims,
            decisions,
            history=look_back(store, part.claims),
            library=engine.library,
            ruleset=engine.ruleset,
        )
        total += store.measured.keep(conform(rows.to_arrow(), MEASURES))
    return total
