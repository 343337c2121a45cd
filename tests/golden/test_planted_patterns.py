"""Each planted pattern is found by the check it names, in the stays it names, and nothing else is.

The whole path runs: intake, price, judge.
"""

from __future__ import annotations

import json
import tempfile
from functools import cache
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
from drg import projection
from drg.projection import Curves
from streaming import intake
from streaming.pseudonym import PseudonymKey

SAMPLES = Path(__file__).resolve().parents[2] / "data_samples"
INDEX: list[dict[str, Any]] = json.loads(
    (SAMPLES / "patterns" / "index.json").read_text(encoding="utf-8")
)
US_ONLY = {"SHF-016"}


@pytest.fixture(scope="module")
def ruleset() -> rules.RuleSet:
    return rules.load()


def read(name: str | Path) -> Tables:
    found = intake.read([SAMPLES / name], "jsonl", key=PseudonymKey(b"sample-tests" * 3))
    assert found.set_aside == 0
    return found.tables


@cache
def curves() -> Curves:
    """Cost curves of a clean month, by which patients still in hospital are projected."""
    with tempfile.TemporaryDirectory() as folder:
        data_samples.produce(Path(folder), preset="clean", stays=600, seed=12)
        tables = read(Path(folder))
    return projection.fit(tables, drg.settle(tables, drg.load()).by_cell)


def judge(ruleset: rules.RuleSet, tables: Tables, history: Tables | None = None) -> rules.Judged:
    settled = drg.settle(tables, drg.load(), curves=curves())
    return rules.judge(ruleset, tables, history=history, settled=settled)


def hit_by(judged: rules.Judged, check: str) -> set[str]:
    return set(judged.verdicts.filter(pl.col(check) == Verdict.HIT)["stay_id"])


def severe(judged: rules.Judged) -> pl.DataFrame:
    high = [str(s) for s in Severity if s.rank >= Severity.HIGH.rank]
    return judged.hits.filter(pl.col("severity").is_in(high))


@pytest.mark.parametrize("entry", INDEX, ids=[e["check"] for e in INDEX])
def test_the_check_hits_exactly_the_planted_stays(
    entry: dict[str, Any], ruleset: rules.RuleSet
) -> None:
    judged = judge(ruleset, read(f"patterns/{entry['file']}"))
    assert hit_by(judged, entry["check"]) == set(entry["hits"])
    others: dict[str, list[str]] = {}
    for rule_id, stay_id in (
        severe(judged).select("rule_id", "stay_id").unique().sort(pl.all()).rows()
    ):
        if rule_id != entry["check"]:
            others.setdefault(rule_id, []).append(stay_id)
    assert others == entry["also"]


@pytest.mark.parametrize("entry", INDEX, ids=[e["check"] for e in INDEX])
def test_a_pattern_is_found_whichever_claim_comes_in_its_own_batch(
    entry: dict[str, Any], ruleset: rules.RuleSet
) -> None:
    tables = read(f"patterns/{entry['file']}")
    found = set()
    for stay_id in tables.stays["stay_id"].to_pylist():
        alone = tables.select(pa.array([stay_id]))
        found |= hit_by(judge(ruleset, alone, history=tables), entry["check"])
    assert found == set(entry["hits"])


def test_every_active_check_has_a_planted_pattern(ruleset: rules.RuleSet) -> None:
    assert {entry["check"] for entry in INDEX} == set(ruleset.ids)


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    out = tmp_path_factory.mktemp("month")
    data_samples.produce(out, preset="clean", stays=300, seed=11)
    return read(out)


def test_the_committed_clean_month_has_no_severe_hit(ruleset: rules.RuleSet) -> None:
    judged = judge(ruleset, read("clean/month-small.jsonl"))
    assert severe(judged).select("stay_id", "rule_id", "finding_en").rows() == []


def test_a_clean_month_of_another_seed_has_no_severe_hit(
    month: Tables, ruleset: rules.RuleSet
) -> None:
    judged = judge(ruleset, month)
    assert severe(judged).select("stay_id", "rule_id", "finding_en").rows() == []
    # Nor so much of the lesser kind that nobody would look at it.
    assert judged.hits["stay_id"].n_unique() < 0.15 * len(month)


def test_every_check_but_the_us_one_can_judge_every_stay_of_a_clean_month(
    month: Tables, ruleset: rules.RuleSet
) -> None:
    verdicts = judge(ruleset, month).verdicts.join(
        pl.DataFrame(month.stays.select(["stay_id", "claim_type"])), on="stay_id"
    )
    stays = verdicts.filter(pl.col("claim_type") == "inpatient")
    blind = {
        entry["check"]: unknown
        for entry in INDEX
        if entry["check"] not in US_ONLY
        and (unknown := int((stays[entry["check"]] == Verdict.UNKNOWN).sum()))
    }
    assert blind == {}


def test_the_scheme_shows_in_the_checks_that_look_at_several_claims(
    tmp_path: Path, ruleset: rules.RuleSet
) -> None:
    made = data_samples.produce(tmp_path, preset="demo", stays=600, seed=11)
    tables = read(tmp_path)
    assert len(tables) == made.stays + made.visits + made.planted
    hits = judge(ruleset, tables).hits
    labels = pl.read_csv(tmp_path / "labels.csv")
    guilty = labels.filter(PotentialFraud="Yes")["Provider"]
    stays = pl.DataFrame(tables.stays.select(["stay_id", "provider_id", "claim_type"])).filter(
        ~pl.col("stay_id").str.starts_with("P-"), claim_type="inpatient"
    )
    found = stays.with_columns(
        guilty=pl.col("provider_id").is_in(guilty.to_list()),
        returned=pl.col("stay_id").is_in(hits.filter(rule_id="ADM-003")["stay_id"].to_list()),
    )
    share = dict(found.group_by("guilty").agg(pl.col("returned").mean()).rows())
    assert share[True] > 1.5 * share[False] > 0
