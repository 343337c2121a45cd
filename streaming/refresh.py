"""Judging anew the months of hospitals and days of physicians that changed.

docs/decisions/0017 says why changed months are judged again from stored claims instead of being
kept as sums: a fact of a month is a median, a share beside peers or a pair of stays, and a
correction must come out of all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

import polars as pl
import pyarrow as pa

from domain.calendar import month_after
from domain.results import Results
from domain.tables import Tables
from store import Change, Scope, Store
from streaming.lateness import judge_listed
from streaming.pipeline import Engine, find
from streaming.service import keep, ruleset_of

CLAIMS_AT_ONCE: Final = 300_000
"""Claims of one reading: some 3 GB with sixty charge lines each. More are judged month by month."""
PAST: Final = 12
"""Months before a judged one that its checks compare with (``facts.period.LOOK_BACK_MONTHS``)."""
STAY_MONTHS: Final = 3
"""Where months are judged one by one: an operation of a month's last day stands on a claim that
ends later, so the claims of so many more months are read with it."""


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh did: changed months, claims read, findings that hold now and that were new."""

    changed: int
    claims: int
    findings: int
    new: int


def refresh_months(store: Store, engine: Engine, *, upto: date | None = None) -> Refreshed:
    """Judge anew every complete month and day that a changed claim may bear on.

    A changed month bears on its hospital's year after it, and on its peers' same months, so all
    periods from the first changed day on are judged, over the stored claims from a year
    before. Findings that no longer hold are closed. ``upto`` is by default the day after the
    last stored claim ended. Nothing to do costs one query.
    """
    changed = store.changed_months()
    last = store.last_end()
    if upto is None:
        upto = date.min if last is None else last + timedelta(days=1)
    seen = [c for c in changed if c.month < upto]
    if not seen:
        return Refreshed(0, 0, 0, 0)
    claims = found = new = 0
    for part in _parts(seen, upto, store):
        read, kept, fresh = _judge_months(store, engine, part, upto)
        claims, found, new = claims + read, found + kept, new + fresh
    # A month that still runs stays marked: only its past days could be judged.
    store.mark_judged([c for c in seen if month_after(c.month) <= upto], upto)
    return Refreshed(len(seen), claims, found, new)


def keep_whole(
    store: Store, claims: Tables, results: Results, engine: Engine, *, upto: date | None
) -> None:
    """Write a file's batch, and leave the database's months and later stays judged.

    ``results`` were judged up to ``upto`` over the file alone. In an empty database its findings
    are the database's; in one that holds other claims the months are judged over all of them.
    """
    alone = store.last_end() is None
    if not alone:
        nothing = results.findings.slice(0, 0)
        results = replace(results, findings=nothing, shadow_findings=nothing)
    keep(store, claims, results, engine)
    while judge_listed(store, engine):
        pass
    if alone and upto is not None:
        judged = [c for c in store.changed_months() if month_after(c.month) <= upto]
        store.mark_judged(judged, upto)
    else:
        refresh_months(store, engine, upto=upto)


@dataclass(frozen=True, slots=True)
class _Part:
    """What to judge together: months and days from a day on that end before another.

    ``reading`` is the first day on which a claim that bears on them may have ended.
    """

    months_from: date
    days_from: date
    before: date
    reading: date


def _parts(changed: Sequence[Change], upto: date, store: Store) -> list[_Part]:
    """All at once if memory allows, else month by month; the sums of the months tell."""
    complete = [c.month for c in changed if month_after(c.month) <= upto]
    months_from = min(complete, default=upto)
    days_from = min(c.changed_from for c in changed)
    first = min(months_from, days_from).replace(day=1)

    def reading(month: date) -> date:
        return month_after(month, -PAST) if complete else month

    claims = sum(
        m["claims"] for m in store.provider_months() if reading(first) <= m["month"] < upto
    )
    if claims <= CLAIMS_AT_ONCE:
        return [_Part(months_from, days_from, upto, reading(first))]
    parts = []
    while first < upto:
        before = min(month_after(first), upto)
        parts.append(_Part(max(first, months_from), max(first, days_from), before, reading(first)))
        first = month_after(first)
    return parts


def _judge_months(store: Store, engine: Engine, part: _Part, upto: date) -> tuple[int, int, int]:
    """Judge one part; claims read, findings that hold, findings that are new."""
    until = upto if part.before == upto else min(upto, month_after(part.before, STAY_MONTHS))
    claims = store.ended(part.reading, until)
    live, trial = find(claims, engine, upto=until)
    shadow = engine.ruleset.shadow
    scopes = [
        Scope(ids, part.months_from, part.days_from, part.before)
        for ids in (engine.ruleset.aggregate_ids, shadow.aggregate_ids if shadow else ())
    ]
    live, trial = _within(live, scopes[0]), _within(trial, scopes[1])
    new = store.keep_findings(
        live, trial, ruleset=ruleset_of(engine.ruleset), scope=scopes[0], shadow_scope=scopes[1]
    )
    return len(claims), live.num_rows, new


def _within(findings: pa.Table, scope: Scope) -> pa.Table:
    if not findings.num_rows:
        return findings
    of_month = pl.col("unit") == "provider_month"
    first = pl.when(of_month).then(pl.lit(scope.months_from)).otherwise(pl.lit(scope.days_from))
    inside = (pl.col("period_start") >= first) & (pl.col("period_end") < scope.upto)
    kept = pl.DataFrame(findings).select(inside).to_series()
    return findings.filter(pa.array(kept.to_list(), pa.bool_()))
