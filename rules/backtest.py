"""Backtest: what a check, or a changed one, would have found in claims of the past."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from domain.results import Verdict
from domain.tables import Tables
from drg import Settled
from rules.engine import Judged, judge
from rules.ruleset import RuleSet

MOST_OVERLAPS: Final = 10
"""Checks named as overlapping, the most frequent first; the rest is noise to a reader."""


@dataclass(frozen=True, slots=True)
class Backtest:
    """One check over one period.

    ``verdicts`` counts stays by verdict. ``exposure_fen`` adds up by currency. ``overlap``
    says how many of the stays hit were also hit by other checks when they were decided.
    ``gained`` and ``lost`` are the stays by which it differs from the version in force,
    with the money; None where there is no such version.
    """

    rule_id: str
    stays: int
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

    def as_json(self) -> dict[str, Any]:
        """The counts and stays as plain data, without the evidence of each hit."""
        return {
            "rule": self.rule_id,
            "stays": self.stays,
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


def backtest(
    candidate: RuleSet,
    tables: Tables,
    *,
    history: Tables | None = None,
    settled: Settled | None = None,
    in_force: RuleSet | None = None,
    others: pl.DataFrame | None = None,
) -> Backtest:
    """Judge the claims with one check and compare.

    ``candidate`` judges exactly one check (``RuleSet.only``), ``in_force`` its present
    version. ``others`` (stay_id, rule_id) are the hits that were decided; those of the
    check itself are left out. Nothing is stored.
    """
    (rule_id,) = candidate.ids
    judged = judge(candidate, tables, history=history, settled=settled)
    column = judged.verdicts[rule_id]
    hit = _stays(judged, rule_id)
    money = _money(judged, tables)
    overlap: dict[str, int] = {}
    shared: set[str] = set()
    if others is not None:
        beside = others.filter(
            pl.col("stay_id").is_in(sorted(hit)) & (pl.col("rule_id") != rule_id)
        ).unique()
        shared = set(beside["stay_id"])
        counted = (
            beside.group_by("rule_id").len().sort(["len", "rule_id"], descending=[True, False])
        )
        overlap = dict(counted.head(MOST_OVERLAPS).iter_rows())
    gained = lost = None
    gained_fen = lost_fen = None
    if in_force is not None:
        before = judge(in_force, tables, history=history, settled=settled)
        earlier = _stays(before, in_force.ids[0])
        gained, lost = tuple(sorted(hit - earlier)), tuple(sorted(earlier - hit))
        gained_fen, lost_fen = (
            _sum(money, gained),
            _sum(_money(before, tables), lost),
        )
    return Backtest(
        rule_id,
        len(tables),
        {v.name.lower(): int((column == int(v)).sum()) for v in Verdict},
        judged.hits.height,
        _sum(money, sorted(hit)),
        overlap,
        len(hit - shared),
        gained,
        lost,
        gained_fen,
        lost_fen,
        judged.hits,
    )


def _stays(judged: Judged, rule_id: str) -> set[str]:
    return set(judged.verdicts.filter(pl.col(rule_id) == int(Verdict.HIT))["stay_id"])


def _money(judged: Judged, tables: Tables) -> pl.DataFrame:
    """Money at risk a stay with its currency; hits without an amount count nothing."""
    currency = pl.DataFrame(tables.stays.select(["stay_id", "currency"]))
    return (
        judged.hits.group_by("stay_id")
        .agg(pl.col("exposure_fen").sum())
        .join(currency, on="stay_id", how="left")
    )


def _sum(money: pl.DataFrame, stays: tuple[str, ...] | list[str]) -> dict[str, int]:
    some = money.filter(pl.col("stay_id").is_in(list(stays)))
    return dict(some.group_by("currency").agg(pl.col("exposure_fen").sum()).sort("currency").rows())
