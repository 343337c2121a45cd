"""The pipeline as a pure function: one decision a stay, the same bytes every time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

import rules
import store
from domain.results import DECISIONS, RESULT_TABLES, Results
from domain.tables import Tables, concat
from streaming import intake, outputs
from streaming.pipeline import NO_MODEL, Engine, assess
from streaming.pseudonym import PseudonymKey
from streaming.service import Desk, described, keep

KEY = PseudonymKey(b"a key for tests, 32 bytes at least")
PATTERNS = ("ADM-001", "CHG-001", "IDB-030", "CST-001", "SLQ-013", "SHF-002")


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(rules.load())


@pytest.fixture(scope="module")
def claims(root: Path) -> Tables:
    files = [root / "data_samples" / "patterns" / f"{name}.jsonl" for name in PATTERNS]
    read = intake.read(files, "jsonl", key=KEY)
    assert read.set_aside == 0
    return read.tables


@pytest.fixture(scope="module")
def results(claims: Tables, engine: Engine) -> Results:
    return assess(claims, engine)


def content(results: Results) -> dict[str, list[dict[str, object]]]:
    return {
        table.name: sorted(getattr(results, table.name).to_pylist(), key=json_key)
        for table in RESULT_TABLES
    }


def json_key(row: dict[str, object]) -> str:
    return json.dumps(row, default=str, sort_keys=True)


def test_each_stay_has_exactly_one_decision_in_the_order_of_the_batch(
    claims: Tables, results: Results
) -> None:
    assert results.decisions["stay_id"].to_pylist() == claims.stays["stay_id"].to_pylist()
    assert len(set(results.decisions["decision_id"].to_pylist())) == len(claims)


def test_every_planted_check_raises_an_alert_with_money_and_both_titles(results: Results) -> None:
    found = {rule for row in results.alerts["rule_ids"].to_pylist() for rule in row.split()}
    assert set(PATTERNS) <= found
    for alert in results.alerts.to_pylist():
        assert alert["title_zh"]
        assert alert["title_en"]
        assert alert["exposure_fen"] >= 0


def test_without_a_model_the_decision_says_why_it_has_no_score(results: Results) -> None:
    assert set(results.decisions["score_absent"].to_pylist()) == {NO_MODEL}
    assert results.scores.num_rows == 0


def test_the_verdict_letters_count_what_they_say(results: Results, engine: Engine) -> None:
    for row in results.decisions.to_pylist():
        assert len(row["verdicts"]) == len(engine.ruleset.ids)
        assert row["verdicts"].count("H") == row["hit_count"]
        assert row["verdicts"].count("U") == row["unknown_count"]
    hits = pl.DataFrame(results.hits)
    per_stay = dict(hits.group_by("stay_id").agg(pl.col("rule_id").n_unique()).iter_rows())
    for row in results.decisions.to_pylist():
        assert per_stay.get(row["stay_id"], 0) == row["hit_count"]


def test_neither_row_order_nor_splitting_the_batch_changes_a_decision(
    claims: Tables, results: Results, engine: Engine
) -> None:
    backwards = Tables(
        **{n: t.take(pa.array(range(t.num_rows)[::-1], pa.int64())) for n, t in claims.items()}
    )
    assert content(assess(backwards, engine)) == content(results)
    ids = claims.stays["stay_id"].combine_chunks()
    first, other = claims.select(ids[::2]), claims.select(ids[1::2])
    parts = [assess(first, engine, history=other), assess(other, engine, history=first)]
    both = Results(
        **{t.name: pa.concat_tables([getattr(p, t.name) for p in parts]) for t in RESULT_TABLES}
    )
    assert content(both) == content(results)


def test_more_history_that_finds_more_is_another_decision(claims: Tables, engine: Engine) -> None:
    later = claims.select(pl.Series(["P-ADM-001-2"]).to_arrow())
    earlier = claims.select(pl.Series(["P-ADM-001-1"]).to_arrow())
    alone = assess(later, engine).decisions.to_pylist()[0]
    informed = assess(later, engine, history=earlier).decisions.to_pylist()[0]
    assert alone["hit_count"] < informed["hit_count"]
    assert alone["decision_id"] != informed["decision_id"]
    assert alone["input_sha256"] == informed["input_sha256"]


def test_an_empty_batch_gives_empty_results(engine: Engine) -> None:
    found = assess(Tables.of(), engine)
    assert {t.num_rows for _, t in found.items()} == {0}
    assert found.decisions.schema.equals(DECISIONS.arrow)


def test_the_files_of_a_run_can_be_read_back_and_open_in_excel(
    results: Results, tmp_path: Path
) -> None:
    outputs.write(results, {"read": 1}, tmp_path)
    assert pl.read_parquet(tmp_path / "decisions.parquet").height == results.decisions.num_rows
    raw = (tmp_path / "alerts.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    rows = pl.read_csv(tmp_path / "alerts.csv", infer_schema=False)
    assert rows["priority"].cast(pl.Float64).is_sorted(descending=True)
    fen = dict(
        zip(
            results.alerts["alert_id"].to_pylist(),
            results.alerts["exposure_fen"].to_pylist(),
            strict=True,
        )
    )
    for alert, amount in rows.select("alert_id", "exposure").iter_rows():
        assert round(float(amount) * 100) == fen[alert]
        assert len(amount.split(".")[1]) == 2


@pytest.fixture
def desk(tmp_path: Path, engine: Engine) -> Iterator[Desk]:
    with store.open(f"sqlite:///{tmp_path / 'desk.db'}") as opened:
        yield Desk(engine, opened, KEY)


def records(root: Path, name: str) -> list[bytes]:
    return (root / "data_samples" / "patterns" / f"{name}.jsonl").read_bytes().splitlines()


def test_the_desk_looks_back_into_the_store_one_claim_at_a_time(desk: Desk, root: Path) -> None:
    first, second = (r for r in records(root, "ADM-001") if b"P-ADM-001-" in r)
    assert "ADM-001" not in desk([first]).results.hits["rule_id"].to_pylist()
    found = desk([second])
    assert "ADM-001" in found.results.hits["rule_id"].to_pylist()


def test_the_desk_finds_a_cloned_code_vector_of_another_patient(desk: Desk, root: Path) -> None:
    found: set[str] = set()
    for record in records(root, "IDB-030"):
        found |= set(desk([record]).results.hits["rule_id"].to_pylist())
    assert "IDB-030" in found


def test_claims_given_twice_leave_one_decision(desk: Desk, root: Path) -> None:
    given = records(root, "CHG-001")
    first = desk(given)
    before = desk.store.counts()
    second = desk(given)
    assert desk.store.counts() == before
    assert content(first.results) == content(second.results)


def test_refused_records_are_named_and_the_others_judged(desk: Desk, root: Path) -> None:
    good = records(root, "CHG-001")[0]
    assessment = desk([b"{", good, b"\xff\xfe"])
    assert [r.index for r in assessment.refused] == [0, 2]
    assert [r.reasons[0].rule for r in assessment.refused] == ["not-json", "not-utf8"]
    assert assessment.results.decisions.num_rows == 1
    nothing = desk([b"{"])
    assert nothing.results.decisions.num_rows == 0


def test_a_file_run_and_the_desk_agree(
    claims: Tables, results: Results, engine: Engine, tmp_path: Path, root: Path
) -> None:
    with store.open(f"sqlite:///{tmp_path / 'a.db'}") as opened:
        keep(opened, claims, results, engine)
        again = Desk(engine, opened, KEY)([r for name in PATTERNS for r in records(root, name)])
    assert content(again.results) == content(results)


def test_every_check_describes_itself_for_the_service(engine: Engine) -> None:
    for rule in described(engine.ruleset):
        assert rule["name"]["zh"]
        assert rule["name"]["en"]
        json.dumps(rule)  # plain data


def test_batches_concatenate_to_the_whole(claims: Tables) -> None:
    half = claims.stays["stay_id"].combine_chunks()[:3]
    assert len(concat([claims.select(half), Tables.of()])) == 3
