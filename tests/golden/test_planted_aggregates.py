"""Each planted month or day is found by the check it names, for the subjects it names, and no other.

The whole path runs: intake, price, judge.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

import data_samples
import drg
import rules
from domain.results import Severity, Verdict
from domain.tables import Tables
from rules.facts.period import end_of_claim
from streaming import intake
from streaming.pseudonym import PseudonymKey

SAMPLES = Path(__file__).resolve().parents[2] / "data_samples"
FOLDER = SAMPLES / "aggregates"
INDEX: list[dict[str, Any]] = json.loads((FOLDER / "index.json").read_text(encoding="utf-8"))
CHECKS = [entry["check"] for entry in INDEX]


@pytest.fixture(scope="module")
def ruleset() -> rules.RuleSet:
    return rules.load()


def read(*paths: Path) -> Tables:
    found = intake.read(list(paths), "jsonl", key=PseudonymKey(b"sample-tests" * 3))
    assert found.set_aside == 0
    return found.tables


def month_after(tables: Tables) -> date:
    """The first day after the month in which the last claim ended."""
    ends = pl.DataFrame(tables.stays).select(end=end_of_claim())["end"]
    after: date = pl.Series([ends.max()]).dt.month_end().dt.offset_by("1d")[0]
    return after


def judge(ruleset: rules.RuleSet, tables: Tables, upto: date | None = None) -> rules.Aggregated:
    settled = drg.settle(tables, drg.load())
    return rules.judge_aggregates(
        ruleset, tables, settled=settled, upto=upto or month_after(tables)
    )


def severe(findings: pl.DataFrame) -> list[tuple[str, ...]]:
    high = [str(s) for s in Severity if s.rank >= Severity.HIGH.rank]
    return findings.filter(pl.col("severity").is_in(high)).select("rule_id", "subject_id").rows()


def pattern(entry: dict[str, Any]) -> Tables:
    return read(FOLDER / entry["file"], FOLDER / "providers.jsonl", FOLDER / "physicians.jsonl")


@pytest.mark.parametrize("entry", INDEX, ids=CHECKS)
def test_the_check_hits_exactly_the_planted_subjects(
    entry: dict[str, Any], ruleset: rules.RuleSet
) -> None:
    found = judge(ruleset, pattern(entry)).findings
    own = found.filter(rule_id=entry["check"])
    assert own["subject_id"].to_list() == entry["hits"]
    assert own.filter(pl.col("exposure_fen") < 0).height == 0
    assert [row for row in severe(found) if row[0] != entry["check"]] == []


def test_every_active_aggregate_check_has_a_planted_pattern(ruleset: rules.RuleSet) -> None:
    assert set(CHECKS) == set(ruleset.aggregate_ids)


def test_checks_of_aggregates_are_no_letters_of_a_decision(ruleset: rules.RuleSet) -> None:
    assert not set(ruleset.ids) & set(ruleset.aggregate_ids)
    units = {ruleset[i].unit for i in ruleset.aggregate_ids}
    assert units == {"provider_month", "physician_day"}


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    out = tmp_path_factory.mktemp("month")
    data_samples.produce(out, preset="clean", stays=1000, seed=11)
    return read(out)


def test_a_clean_month_has_no_severe_finding_and_hardly_any_other(
    month: Tables, ruleset: rules.RuleSet
) -> None:
    found = judge(ruleset, month, date(2025, 4, 1))
    assert severe(found.findings) == []
    judged = found.verdicts.filter(unit="provider_month")["subject_id"].n_unique()
    assert judged == 60
    assert found.findings["subject_id"].n_unique() <= 6


def test_nothing_of_the_future_is_seen(ruleset: rules.RuleSet, month: Tables) -> None:
    entry = next(e for e in INDEX if e["check"] == "ADM-023")
    now = pattern(entry)
    upto = month_after(now)
    later = pl.DataFrame(now.stays).with_columns(
        pl.concat_str(pl.lit("LATER-"), "stay_id").alias("stay_id"),
        pl.col("admission_date").dt.offset_by("3d"),
        pl.lit(upto).alias("discharge_date"),
    )
    children = {
        name: pl.DataFrame(table)
        .with_columns(pl.concat_str(pl.lit("LATER-"), "stay_id").alias("stay_id"))
        .to_arrow()
        for name, table in now.items()
        if name not in ("stays", "providers", "physicians")
    }
    future = Tables.of({"stays": later.to_arrow(), **children})
    both = Tables(
        **{name: pa.concat_tables([table, getattr(future, name)]) for name, table in now.items()}
    )
    before, after = judge(ruleset, now, upto), judge(ruleset, both, upto)
    assert before.verdicts.equals(after.verdicts)
    assert before.findings.drop("finding_id").equals(after.findings.drop("finding_id"))
    assert judge(ruleset, both, date(2025, 5, 1)).verdicts.height > after.verdicts.height


def test_a_month_that_has_not_ended_is_not_judged(ruleset: rules.RuleSet) -> None:
    entry = next(e for e in INDEX if e["check"] == "ADM-023")
    found = judge(ruleset, pattern(entry), date(2025, 3, 31)).verdicts
    months = found.filter(unit="provider_month")
    assert months["period_end"].max() == date(2025, 2, 28)
    assert judge(ruleset, pattern(entry), date(2025, 4, 1)).verdicts.filter(
        unit="provider_month", verdict=int(Verdict.HIT)
    )["period_end"].max() == date(2025, 3, 31)


@pytest.mark.parametrize("check", ["CST-031", "IDB-009", "CHG-038", "IDB-014"])
def test_neither_order_of_rows_nor_of_batches_matters(check: str, ruleset: rules.RuleSet) -> None:
    tables = pattern(next(e for e in INDEX if e["check"] == check))
    expected = judge(ruleset, tables)
    for shuffled in (_turned(tables, range), _turned(tables, _interleaved)):
        found = judge(ruleset, shuffled)
        assert found.verdicts.equals(expected.verdicts)
        assert found.findings.equals(expected.findings)


def _turned(tables: Tables, order: Any) -> Tables:
    return Tables(
        **{
            name: table.take(pa.array(reversed(_numbers(order(table.num_rows))), pa.int64()))
            for name, table in tables.items()
        }
    )


def _interleaved(count: int) -> list[int]:
    """The rows as if every third came in a batch of its own."""
    return [n for start in range(3) for n in range(start, count, 3)]


def _numbers(given: Sequence[int]) -> list[int]:
    return list(given)
