"""Backtest: what a check, or a changed one, would have found in claims of the past."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

import polars as pl

from domain.results import Verdict
from domain.tables import Tables
from drg import Settled
from rules.aggregates import judge_aggregates
from rules.engine import judge
from rules.facts.fact import AGGREGATE_UNITS
from rules.facts.period import LOOK_BACK_MONTHS
from rules.ruleset import RuleSet

MOST_OVERLAPS: Final = 10
"""Checks named as overlapping, the most frequent first; the rest is noise to a reader."""

PAST: Final = timedelta(days=31 * (LOOK_BACK_MONTHS + 1))
"""How far before a period the claims must reach, for its months to be compared with earlier ones."""


@dataclass(frozen=True, slots=True)
class Backtest:
    """One check over one period.

    ``subjects`` is the number of stays that were judged, or of months or days where
    ``unit`` is one of those. ``verdicts`` counts them by verdict. ``exposure_fen`` adds up
    by currency. ``overlap`` says how many of the subjects hit were also hit by other
    checks when they were decided. ``gained`` and ``lost`` are the subjects by which it
    differs from the version in force, with the money; None where there is no such version.
    ``money`` is that of each subject hit (``subject``, ``exposure_fen``, ``currency``).
    """

    rule_id: str
    unit: str
    subjects: int
    verdicts: dict[str, int]
    hits: int
    exposure_fen: dict[str, int]
    overlap: dict[str, int]
    only_this: int
    gained: tuple[str, ...] | None
    lost: tuple[str, ...] | None
    gained_fen: dict[str, int] | None
    lost_fen: dict[str, int] | None
    found: pl.DataFrame
    money: pl.DataFrame

    @property
    def counted(self) -> str:
        """What the subjects are: ``stays``, ``provider_months`` or ``physician_days``."""
        return f"{self.unit}s" if self.unit in AGGREGATE_UNITS else "stays"

    def as_json(self) -> dict[str, Any]:
        """The counts as plain data, without the evidence of each hit."""
        return {
            "rule": self.rule_id,
            self.counted: self.subjects,
            **self.verdicts,
            "hits": self.hits,
            "exposure_fen": self.exposure_fen,
            "overlap": self.overlap,
            "only_this": self.only_this,
            "gained": None if self.gained is None else len(self.gained),
            "gained_fen": self.gained_fen,
            "lost": None if self.lost is None else len(self.lost),
            "lost_fen": self.lost_fen,
        }


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What one version said: (subject, verdict), money (subject, exposure_fen, currency), hits."""

    verdicts: pl.DataFrame
    money: pl.DataFrame
    found: pl.DataFrame

    @property
    def hit(self) -> set[str]:
        return set(self.verdicts.filter(pl.col("verdict") == int(Verdict.HIT))["subject"])

    def amount(self, subjects: set[str]) -> dict[str, int]:
        """Money at risk of these subjects by currency; hits without an amount count nothing."""
        some = self.money.filter(pl.col("subject").is_in(sorted(subjects)))
        added = some.group_by("currency").agg(pl.col("exposure_fen").sum()).sort("currency")
        return dict(added.rows())


def backtest(
    candidate: RuleSet,
    tables: Tables,
    *,
    history: Tables | None = None,
    settled: Settled | None = None,
    in_force: RuleSet | None = None,
    others: pl.DataFrame | None = None,
    period: tuple[date, date] | None = None,
) -> Backtest:
    """Judge the claims with one check and compare.

    ``candidate`` judges exactly one check (``RuleSet.only``), ``in_force`` its present
    version. ``others`` (``stay_id`` or ``subject_id``, rule_id) are the hits that were
    decided; those of the check itself are left out. A check of months or days needs
    ``period``: those that ended in it (first to last day) are told, and ``tables`` holds
    all claims of the place from the year before it on. Nothing is stored.
    """
    (compiled,) = candidate.compiled
    rule = compiled.rule

    def ask(ruleset: RuleSet) -> _Outcome:
        if rule.unit not in AGGREGATE_UNITS:
            return _judge(ruleset, tables, history, settled)
        if period is None:
            raise ValueError("a check of months or days needs a period")
        return _judge_aggregates(ruleset, tables, settled, period)

    now = ask(candidate)
    hit = now.hit
    overlap: dict[str, int] = {}
    shared: set[str] = set()
    if others is not None:
        beside = (
            others.rename({others.columns[0]: "subject"})
            .filter(pl.col("subject").is_in(sorted(hit)) & (pl.col("rule_id") != rule.id))
            .unique()
        )
        shared = set(beside["subject"])
        counted = (
            beside.group_by("rule_id").len().sort(["len", "rule_id"], descending=[True, False])
        )
        overlap = dict(counted.head(MOST_OVERLAPS).iter_rows())
    gained = lost = None
    gained_fen = lost_fen = None
    if in_force is not None:
        before = ask(in_force)
        gained, lost = tuple(sorted(hit - before.hit)), tuple(sorted(before.hit - hit))
        gained_fen, lost_fen = now.amount(set(gained)), before.amount(set(lost))
    verdicts = now.verdicts["verdict"]
    return Backtest(
        rule.id,
        rule.unit,
        now.verdicts.height,
        {v.name.lower(): int((verdicts == int(v)).sum()) for v in Verdict},
        now.found.height,
        now.amount(hit),
        overlap,
        len(hit - shared),
        gained,
        lost,
        gained_fen,
        lost_fen,
        now.found,
        now.money.select("subject", pl.col("exposure_fen").fill_null(0), "currency"),
    )


def _judge(
    ruleset: RuleSet, tables: Tables, history: Tables | None, settled: Settled | None
) -> _Outcome:
    (rule_id,) = ruleset.ids
    judged = judge(ruleset, tables, history=history, settled=settled)
    currency = pl.DataFrame(tables.stays.select(["stay_id", "currency"]))
    money = (
        judged.hits.group_by("stay_id")
        .agg(pl.col("exposure_fen").sum())
        .join(currency, on="stay_id", how="left")
    )
    return _Outcome(
        judged.verdicts.select(
            pl.col("stay_id").alias("subject"), pl.col(rule_id).alias("verdict")
        ),
        money.rename({"stay_id": "subject"}),
        judged.hits,
    )


def _judge_aggregates(
    ruleset: RuleSet, tables: Tables, settled: Settled | None, period: tuple[date, date]
) -> _Outcome:
    first, last = period
    judged = judge_aggregates(ruleset, tables, settled=settled, upto=last + timedelta(days=1))
    asked = pl.col("period_end").is_between(first, last)
    found = judged.findings.filter(asked)
    return _Outcome(
        judged.verdicts.filter(asked).select(pl.col("subject_id").alias("subject"), "verdict"),
        found.select(pl.col("subject_id").alias("subject"), "exposure_fen", "currency"),
        found,
    )
