"""Judging what only many stays show: a hospital's month, a physician's day."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Final

import polars as pl

from domain.results import FINDINGS, Verdict, identifier
from domain.tables import Tables
from drg import Settled
from rules.compiled import Compiled
from rules.engine import evidence, verdict_columns
from rules.facts import Source, build
from rules.facts.fact import AGGREGATE_UNITS
from rules.facts.period import ended_before
from rules.facts.table import CURRENCY, REGION, SERVICE_DATE, SUBJECT
from rules.ruleset import RuleSet

VERDICTS: Final = pl.Schema(
    {
        "unit": pl.String(),
        "subject_id": pl.String(),
        "provider_id": pl.String(),
        "period_start": pl.Date(),
        "period_end": pl.Date(),
        "rule_id": pl.String(),
        "verdict": pl.Int8(),
    }
)
"""The columns of ``Aggregated.verdicts``."""

_FINDINGS: Final = pl.Schema(pl.DataFrame(FINDINGS.arrow.empty_table()).schema)


@dataclass(frozen=True, slots=True)
class Aggregated:
    """Verdicts, one row a subject and check (``VERDICTS``), and the hits (``domain`` FINDINGS).

    ``shadow`` holds those of the checks on trial, if the rule set has any.
    """

    verdicts: pl.DataFrame
    findings: pl.DataFrame
    shadow: Aggregated | None = None


def judge_aggregates(
    ruleset: RuleSet, tables: Tables, *, settled: Settled | None = None, upto: date
) -> Aggregated:
    """Every active aggregate check over every period of the claims that ended before ``upto``.

    A claim that ends on that day or later, and a stay that has not ended, is not seen at
    all. A month counts as complete, and is judged, if ``upto`` lies after its last day.
    Give all claims of the place and of the year before: peers and past are looked up in
    ``tables`` alone. ``settled`` comes from ``drg.settle`` of the same tables; without it
    facts of group and payment are null.
    """
    seen = ended_before(tables, upto)
    source = Source(seen, settled=settled, reference=ruleset.reference)
    return judge_subjects(ruleset, source, upto=upto)


def wanted_of(ruleset: RuleSet, units: Collection[str]) -> dict[str, list[str]]:
    """The facts that the checks of these units read, active or on trial, by unit."""
    checks = [c for c in ruleset.every if c.rule.unit in units]
    return {
        unit: sorted({fact for c in checks if c.rule.unit == unit for fact in c.facts})
        for unit in units
        if any(c.rule.unit == unit for c in checks)
    }


def judge_subjects(
    ruleset: RuleSet, source: Source, *, upto: date, units: Collection[str] = AGGREGATE_UNITS
) -> Aggregated:
    """As ``judge_aggregates``, for a source (or ``exchange.Part``) of claims that ended before ``upto``."""
    by_unit = {u: [c for c in ruleset.every if c.rule.unit == u] for u in units}
    on_trial = frozenset(ruleset.shadow.aggregate_ids) if ruleset.shadow else frozenset()
    trial_sha256 = ruleset.shadow.sha256 if ruleset.shadow else ""
    wanted = wanted_of(ruleset, units)
    verdicts, findings = [pl.DataFrame(schema=VERDICTS)], [pl.DataFrame(schema=_FINDINGS)]
    if wanted:
        for unit, table in build(source, wanted).items():
            complete = table.filter(pl.col(SERVICE_DATE) < upto)
            judged = verdict_columns(by_unit[unit], complete)
            verdicts.append(_verdicts(unit, complete, judged))
            findings.extend(
                _findings(
                    check,
                    complete,
                    judged[check.rule.id],
                    trial_sha256 if check.rule.id in on_trial else ruleset.sha256,
                    upto,
                )
                for check in by_unit[unit]
            )
    said = pl.concat(verdicts).sort("unit", "subject_id", "rule_id")
    found = pl.concat(findings).sort("unit", "subject_id", "rule_id")
    if ruleset.shadow is None:
        return Aggregated(said, found)
    apart = pl.col("rule_id").is_in(sorted(on_trial))
    shadow = Aggregated(said.filter(apart), found.filter(apart))
    return Aggregated(said.filter(~apart), found.filter(~apart), shadow)


def _verdicts(unit: str, table: pl.DataFrame, judged: pl.DataFrame) -> pl.DataFrame:
    heads = table.select(
        pl.lit(unit).alias("unit"),
        pl.col(SUBJECT).alias("subject_id"),
        pl.col(":provider_id").alias("provider_id"),
        pl.col(":period_start").alias("period_start"),
        pl.col(SERVICE_DATE).alias("period_end"),
    )
    return pl.concat([heads, judged], how="horizontal").unpivot(
        index=heads.columns, variable_name="rule_id", value_name="verdict"
    )


def _findings(
    check: Compiled, table: pl.DataFrame, verdicts: pl.Series, rules_sha256: str, upto: date
) -> pl.DataFrame:
    rows = table.filter(verdicts == int(Verdict.HIT))
    if not rows.height:
        return pl.DataFrame(schema=_FINDINGS)
    rule = check.rule
    return (
        rows.with_columns(e.alias(n) for n, e in check.bound.items())
        .select(
            *evidence(check),
            pl.col(":provider_id").alias("provider_id"),
            pl.col(":physician_id").alias("physician_id"),
            pl.col(":period_start").alias("period_start"),
            pl.col(SERVICE_DATE).alias("period_end"),
            pl.lit(upto).alias("upto"),
            pl.col(REGION).alias("region_code"),
            pl.col(CURRENCY).alias("currency"),
            pl.col(":claims").alias("stay_count"),
            pl.lit(rules_sha256).alias("rules_sha256"),
            pl.lit(rule.name.zh).alias("title_zh"),
            pl.lit(rule.name.en).alias("title_en"),
        )
        .with_columns(
            pl.col("subject_id")
            .map_elements(
                lambda subject: identifier("finding", rule.id, rule.unit, subject),
                return_dtype=pl.String,
            )
            .alias("finding_id")
        )
        .select(pl.col(name).cast(kind) for name, kind in _FINDINGS.items())
    )
