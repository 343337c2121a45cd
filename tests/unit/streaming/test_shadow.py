"""Checks on trial judge beside the others, and nothing of a decision depends on them."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

import store
from domain.tables import Tables
from streaming import intake
from streaming.pipeline import Engine, assess
from streaming.pseudonym import PseudonymKey
from streaming.service import keep
from tests.rules_claims import diagnosis, stay, tables
from tests.small_catalogue import engine_of, write_catalogue


@pytest.fixture(scope="module")
def claims() -> Tables:
    """Two stays of one patient, ten days apart, for one disease."""
    heads = [stay("a", "2024-03-01", 4), stay("b", "2024-03-15", 4)]
    return tables(heads, diagnoses=[diagnosis(s, 1, "J44.100") for s in ("a", "b")])


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Engine]:
    """ADM-002 (readmission) on trial, active and absent, beside an active LOS-004."""
    folder = tmp_path_factory.mktemp("catalogues")
    return {
        "trial": engine_of(write_catalogue(folder / "t", LOS_004="active", ADM_002="shadow")),
        "active": engine_of(write_catalogue(folder / "a", LOS_004="active", ADM_002="active")),
        "absent": engine_of(write_catalogue(folder / "n", LOS_004="active", ADM_002="draft")),
    }


def test_a_check_on_trial_finds_what_it_would_find_as_an_active_one(
    claims: Tables, engines: dict[str, Engine]
) -> None:
    trial, active = assess(claims, engines["trial"]), assess(claims, engines["active"])
    (found,) = trial.shadow_hits.to_pylist()
    (live,) = [h for h in active.hits.to_pylist() if h["rule_id"] == "ADM-002"]
    del found["shadow_id"], live["decision_id"], found["rule_sha256"], live["rule_sha256"]
    assert found == live
    assert live["facts"], "the evidence is there"


def test_it_changes_nothing_of_decisions_alerts_and_identifiers(
    claims: Tables, engines: dict[str, Engine]
) -> None:
    trial, absent = assess(claims, engines["trial"]), assess(claims, engines["absent"])
    for name in ("decisions", "hits", "alerts", "findings"):
        assert getattr(trial, name).equals(getattr(absent, name)), name
    assert trial.shadow_hits.num_rows == 1
    assert absent.shadow_decisions.num_rows == 0


def test_what_it_says_is_counted_beside_its_decision(
    claims: Tables, engines: dict[str, Engine]
) -> None:
    results = assess(claims, engines["trial"])
    decisions = {row["stay_id"]: row["decision_id"] for row in results.decisions.to_pylist()}
    rows = {row["stay_id"]: row for row in results.shadow_decisions.to_pylist()}
    assert {s: r["decision_id"] for s, r in rows.items()} == decisions
    assert (rows["a"]["verdicts"], rows["b"]["verdicts"]) == ("P", "H")
    assert (rows["a"]["exposure_fen"], rows["b"]["exposure_fen"]) == (0, 500_000)
    assert [r["hit_count"] for r in results.decisions.to_pylist()] == [0, 0]


def test_the_store_keeps_both_apart_and_tells_their_records_apart(
    claims: Tables, engines: dict[str, Engine], tmp_path: Path
) -> None:
    with store.open(f"sqlite:///{tmp_path / 'a.db'}") as opened:
        engine = engines["trial"]
        keep(opened, claims, assess(claims, engine), engine)
        again = keep(opened, claims, assess(claims, engine), engine)
        assert again.total == 0, "written twice, stored once"
        assert opened.count_alerts() == 0
        record = opened.check_history
        record.refresh()
        assert set(record.tallies()) == {"LOS-004"}
        tally = record.tallies(on_trial=True)["ADM-002"]
        assert (tally.hit, tally.passed, tally.judged) == (1, 1, 2)
        # The trial ends: the check decides, and its record on trial stays.
        active = engines["active"]
        keep(opened, claims, assess(claims, active), active)
        record.refresh()
        assert record.tallies()["ADM-002"].hit == 1
        assert opened.count_alerts() == 1


def test_a_changed_check_on_trial_is_judged_anew_beside_the_same_decision(
    claims: Tables, engines: dict[str, Engine], tmp_path: Path
) -> None:
    folder = write_catalogue(tmp_path / "c", LOS_004="active", ADM_002="shadow")
    path = folder / "adm" / "ADM-002.yaml"
    path.write_text(path.read_text("utf-8").replace("default: {2000-01-01: 15}", "default: {2000-01-01: 3}"), "utf-8")  # fmt: skip
    with store.open(f"sqlite:///{tmp_path / 'a.db'}") as opened:
        for engine in (engines["trial"], engine_of(folder)):
            keep(opened, claims, assess(claims, engine), engine)
        assert opened.counts()["decisions"] == 2, "no decision changed"
        assert opened.counts()["shadow_decisions"] == 4
        opened.check_history.refresh()
        tallies = opened.check_history.tallies(on_trial=True)
        assert tallies["ADM-002"].hit == 0, "the last word counts"


def test_checks_of_months_on_trial_stand_apart_too(root: Path, tmp_path: Path) -> None:
    file = root / "data_samples" / "aggregates" / "ADM-023.jsonl"
    read = intake.read([file], "jsonl", key=PseudonymKey(b"shadow-tests" * 3)).tables
    trial = engine_of(write_catalogue(tmp_path / "t", ADM_023="shadow", LOS_004="active"))
    live = engine_of(write_catalogue(tmp_path / "a", ADM_023="active", LOS_004="active"))
    on_trial = assess(read, trial, upto=date(2025, 4, 1))
    active = assess(read, live, upto=date(2025, 4, 1))
    assert on_trial.findings.num_rows == 0
    assert active.findings.num_rows == on_trial.shadow_findings.num_rows > 0
    with store.open(f"sqlite:///{tmp_path / 'a.db'}") as opened:
        keep(opened, read, on_trial, trial)
        assert opened.findings().rows == ()
        assert opened.counts()["shadow_findings"] == on_trial.shadow_findings.num_rows
