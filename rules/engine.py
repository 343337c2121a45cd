"""Judging: facts tables in, one verdict column a check and the hits out."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import polars as pl

from domain.results import HITS, Verdict
from domain.tables import Tables
from drg import Settled
from rules.compiled import Compiled
from rules.facts import Source, build
from rules.facts.fact import STAY_UNITS
from rules.facts.likeness import code_vectors
from rules.facts.source import STAY
from rules.facts.table import HAS_ROW, SERVICE_DATE, SUBJECT
from rules.ruleset import RuleSet
from rules.spread import over_threads

HIT_COLUMNS: Final = tuple(c.name for c in HITS.columns if c.name != "decision_id")
"""The columns of ``Judged.hits``."""

EMPTY_IS_PASS: Final = frozenset({"procedure"})
"""Units whose absence says something: a list without procedures means that none was done.

Diagnoses, charge lines and orders always exist, so a claim without them was sent
without them, and a check of them cannot be judged.
"""


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdicts (``stay_id`` and an Int8 column a check, one row a stay) and the hits.

    ``shadow`` holds those of the checks on trial, if the rule set has any. ``facts`` are the facts
    of stays that the caller asked for (``stay_id`` and a column each).
    """

    verdicts: pl.DataFrame
    hits: pl.DataFrame
    shadow: Judged | None = None
    facts: pl.DataFrame | None = None


def judge(
    ruleset: RuleSet,
    tables: Tables,
    *,
    history: Tables | None = None,
    settled: Settled | None = None,
    known: Mapping[str, pl.DataFrame] | None = None,
    facts_of_stays: Collection[str] = (),
) -> Judged:
    """Every active check over every stay of the batch, in the order of the batch.

    Checks on trial judge the same facts; what they say stands apart. ``history`` holds the
    other claims that facts may look back at; stays of it that the batch holds too are
    ignored. ``settled`` comes from ``drg.settle``; without it, facts
    of group and payment are null. ``known`` holds facts that look at claims beyond batch and
    history and were computed where those are (``facts.exchange``). ``facts_of_stays`` are facts
    that the caller wants beside the verdicts (``Judged.facts``): most of them checks read anyway.
    """
    by_table: dict[str, list[Compiled]] = {}
    for check in ruleset.every:
        if check.rule.unit in STAY_UNITS:
            by_table.setdefault(check.table, []).append(check)
    wanted = {
        name: sorted({fact for c in checks for fact in c.facts})
        for name, checks in by_table.items()
    }
    if facts_of_stays:
        wanted["stay"] = sorted({*wanted.get("stay", ()), *facts_of_stays})
    facts = build(Source(tables, history, settled, ruleset.reference, known or {}), wanted)
    stays = pl.DataFrame({"stay_id": pl.from_arrow(tables.stays["stay_id"])})

    def judge_table(name: str) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
        checks, table = by_table[name], facts[name]
        judged = verdict_columns(checks, table)
        # Most checks find nothing: one look at all of them spares a frame for each.
        found = judged.select((pl.all() == int(Verdict.HIT)).any()).row(0)
        hits = [
            _hits(check, table, judged[check.rule.id])
            for check, any_hit in zip(checks, found, strict=True)
            if any_hit
        ]
        if name != "stay":
            judged = _reduce(table, judged, len(tables), empty_is_pass=name in EMPTY_IS_PASS)
        return judged, hits

    judged = over_threads(judge_table, by_table, len(tables))
    hits = [found for _, of_table in judged for found in of_table]
    split = _split(
        ruleset,
        pl.concat([stays, *(verdicts for verdicts, _ in judged)], how="horizontal"),
        pl.concat([_no_hits(), *hits]).sort("stay_id", "rule_id", "subject_id"),
    )
    if not facts_of_stays:
        return split
    return replace(split, facts=facts["stay"].select("stay_id", *facts_of_stays))


def _split(ruleset: RuleSet, verdicts: pl.DataFrame, hits: pl.DataFrame) -> Judged:
    """What the active checks say, and apart from it what those on trial say."""
    decided = verdicts.select("stay_id", *ruleset.ids)
    if ruleset.shadow is None:
        return Judged(decided, hits)
    on_trial = pl.col("rule_id").is_in(ruleset.shadow.ids)
    shadow = Judged(verdicts.select("stay_id", *ruleset.shadow.ids), hits.filter(on_trial))
    return Judged(decided, hits.filter(~on_trial), shadow)


def verdict_columns(checks: list[Compiled], table: pl.DataFrame) -> pl.DataFrame:
    """One Int8 column a check, row by row, for a facts table of their unit."""
    bound = [e.alias(n) for c in checks if c.needs_columns for n, e in c.bound.items()]
    # Nearly all claims are judged by the newest version of all checks, which need not be chosen
    # row by row.
    dates = table[SERVICE_DATE]
    first = None if dates.null_count() else dates.min()
    return table.with_columns(bound).select(
        c.newest if c.since and first and c.since <= first else c.verdict.alias(c.rule.id)  # type: ignore[operator]
        for c in checks
    )


def fingerprint(tables: Tables) -> pl.DataFrame:
    """``stay_id`` and ``code_fingerprint`` of every stay; null where it has no diagnosis.

    The fingerprint is 32 hex digits of the SHA-256 of the code vector (see
    ``facts.likeness.code_vectors``). A store that keeps it can fetch, for a batch, the
    earlier claims with equal codes that IDB-030 asks for.
    """
    source = Source(tables)
    vectors = code_vectors(
        source.table("stays"), source.table("diagnoses"), source.table("procedures")
    ).collect()
    texts = vectors["vector"].unique()
    digests = [hashlib.sha256(t.encode()).hexdigest()[:32] for t in texts.to_list()]
    names = pl.DataFrame({"vector": texts, "code_fingerprint": pl.Series(digests, dtype=pl.String)})
    return (
        source.table("stays")
        .select("stay_id")
        .join(vectors, on="stay_id", how="left", maintain_order="left")
        .join(names, on="vector", how="left", maintain_order="left")
        .select("stay_id", "code_fingerprint")
    )


_WORSE: Final = (Verdict.OUT_OF_FORCE, Verdict.UNKNOWN, Verdict.HIT)
"""What a line may be but a pass; a stay takes the last of them that one of its lines has.

A check is in force or not for all lines of a stay alike, since the date is the stay's.
"""


def _reduce(
    table: pl.DataFrame, judged: pl.DataFrame, stays: int, *, empty_is_pass: bool
) -> pl.DataFrame:
    """Verdicts of lines to one a stay: hit if any, else unknown if any, else pass."""
    at, lined = table[STAY].to_numpy(), table[HAS_ROW].to_numpy()
    lone = ~lined if not lined.all() else None
    worse = judged.select((pl.all() != int(Verdict.PASS)).any()).row(0)
    columns = []
    for verdicts, any_worse in zip(judged, worse, strict=True):
        found = np.full(stays, int(Verdict.PASS), dtype=np.int8)
        if any_worse:
            each = verdicts.to_numpy()
            if lone is not None:
                # A stay without lines has no subject that could hit; only its head may clear it.
                settled = np.isin(each, (int(Verdict.PASS), int(Verdict.OUT_OF_FORCE)))
                other = Verdict.PASS if empty_is_pass else Verdict.UNKNOWN
                each = np.where(lone & ~settled, np.int8(int(other)), each)
            for verdict in _WORSE:
                found[at[each == int(verdict)]] = int(verdict)
        columns.append(pl.Series(verdicts.name, found))
    return pl.DataFrame(columns)


def _hits(check: Compiled, table: pl.DataFrame, verdicts: pl.Series) -> pl.DataFrame:
    rows = table[(verdicts == int(Verdict.HIT)).arg_true()].filter(HAS_ROW)
    if not rows.height:
        return _no_hits()
    rows = rows.with_columns(e.alias(n) for n, e in check.bound.items())
    return rows.select("stay_id", *evidence(check))


def evidence(check: Compiled) -> list[pl.Expr]:
    """What is kept of a hit, read from its row of the facts table with the bound parameters."""
    rule = check.rule
    limits = [
        pl.struct(
            pl.col(column).alias("value"), pl.lit(rule.params[name].unit).alias("unit")
        ).alias(name)
        for name, column in check.columns().items()
    ]
    values = [pl.col(name) for name in check.shown]
    return [
        pl.lit(rule.id).alias("rule_id"),
        pl.lit(rule.sha256).alias("rule_sha256"),
        pl.lit(rule.unit).alias("unit"),
        pl.col(SUBJECT).alias("subject_id"),
        pl.lit(str(rule.severity)).alias("severity"),
        pl.lit(rule.cause).alias("cause"),
        check.exposure.alias("exposure_fen"),
        _json(limits).alias("thresholds"),
        _json(values).alias("facts"),
        check.finding_zh.alias("finding_zh"),
        check.finding_en.alias("finding_en"),
    ]


def _json(fields: list[pl.Expr]) -> pl.Expr:
    if not fields:
        return pl.lit("{}")
    return pl.struct(fields).struct.json_encode()


def _no_hits() -> pl.DataFrame:
    types = {"exposure_fen": pl.Int64()}
    return pl.DataFrame(schema={name: types.get(name, pl.String()) for name in HIT_COLUMNS})
