"""Replay: stored claims judged again by other checks or another model, day by day.

Nothing live is touched. Each claim looks back at what had begun by its day of service, as it is
known now: a claim that came late then is seen, and one that was corrected since is seen as
corrected. So a difference from the live decision comes from the checks, not from late data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import polars as pl
import pyarrow as pa

from domain.calendar import month_after
from domain.results import FINDINGS
from store import Run, Store
from streaming.pipeline import Engine, assess, find
from streaming.refresh import PAST
from streaming.service import look_back

CLAIMS_AT_ONCE: Final = 4_000
"""Claims judged together: with their look-back some 200 MB, and large enough to be quick."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay did now: days judged and days that were done before, claims, findings."""

    days: int
    days_before: int
    claims: int
    findings: int


def replay(
    store: Store,
    engine: Engine,
    *,
    name: str,
    first: date,
    last: date,
    progress: Progress = lambda _done, _total: None,
) -> Replayed:
    """Judge the claims served from ``first`` to ``last`` into the run ``name``.

    A run that stopped goes on at the day where it stopped. StoreError if the name stands for
    another run.
    """
    replays = store.replays()
    ruleset = engine.ruleset
    done = replays.begin(
        Run(
            name,
            first,
            last,
            ruleset.sha256,
            engine.pack_sha256,
            engine.artifact.sha256 if engine.artifact else None,
            {"ids": list(ruleset.ids), "aggregate_ids": list(ruleset.aggregate_ids)},
        )
    )
    days = replays.days(first, last)
    total = sum(number for _, number in days)
    judged = before = claims = 0
    for day, number in days:
        if day in done:
            before += 1
            progress(claims := claims + number, total)
            continue
        stays = replays.stays_of_day(day)
        for start in range(0, len(stays), CLAIMS_AT_ONCE):
            _judge(store, engine, name, day, stays[start : start + CLAIMS_AT_ONCE])
            progress(claims + min(start + CLAIMS_AT_ONCE, len(stays)), total)
        replays.end_day(name, day, len(stays))
        judged += 1
        claims += len(stays)
    findings = _find(store, engine, first, last)
    replays.finish(name, findings)
    return Replayed(judged, before, claims, findings.num_rows)


def _judge(store: Store, engine: Engine, name: str, day: date, stays: list[str]) -> None:
    batch = store.stays(stays)
    history = look_back(store, batch, day)
    store.replays().keep(name, day, assess(batch, engine, history=history))


def _find(store: Store, engine: Engine, first: date, last: date) -> pa.Table:
    """What the checks of months and days find on the complete ones of the period, a month at a time."""
    found = [FINDINGS.arrow.empty_table()]
    month = first.replace(day=1)
    while engine.ruleset.aggregate_ids and month <= last:
        upto = min(month_after(month), last + timedelta(days=1))
        # An operation may stand on a claim that ends later; what ended after the period is not seen.
        seen = min(month_after(month, 4), last + timedelta(days=1))
        claims = store.ended(month_after(month, -PAST), seen)
        findings, _ = find(claims, engine, upto=seen)
        frame = pl.DataFrame(findings)
        inside = frame.select(
            (pl.col("period_start") >= max(first, month)) & (pl.col("period_end") < upto)
        ).to_series()
        found.append(findings.filter(pa.array(inside.to_list(), pa.bool_())))
        month = month_after(month)
    return pa.concat_tables(found)
