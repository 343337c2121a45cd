"""What a write leaves behind: all of a batch, once, or nothing."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
import sqlalchemy as sa

import store
from domain.results import FINDINGS, Results
from store.engine import writer
from store.tables import METADATA
from tests import service_samples as samples


def dump(opened: store.Store) -> str:
    """Digest of the whole content."""
    with opened.engine.connect() as connection:
        rows = [
            f"{table.name} {tuple(row)}"
            for table in METADATA.sorted_tables
            for row in connection.execute(sa.select(table).order_by(*table.primary_key.columns))
        ]
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def with_column(table: pa.Table, name: str, values: list[object]) -> pa.Table:
    place = table.column_names.index(name)
    return table.set_column(
        place, table.schema.field(name), pa.array(values, table.schema.field(name).type)
    )


def test_a_batch_is_stored_whole_and_counted(opened: store.Store) -> None:
    batch = samples.claims(30)
    results = samples.assess(batch)
    written = opened.write(
        claims=batch, results=results, ruleset=samples.RULESET, model=samples.MODEL
    )
    assert written.counts == {
        "rulesets": 1, "models": 1, "claims": 30, "scores": 3, "reasons": 12,
        "decisions": 30, "hits": results.hits.num_rows, "alerts": results.alerts.num_rows,
        "findings": 0, "shadow_decisions": 0, "shadow_hits": 0, "shadow_findings": 0,
        "shadow_scores": 0, "measures": 0,
    }  # fmt: skip
    counts = opened.counts()
    assert written.counts == {name: counts[name] for name in written.counts}
    assert counts["stay_states"] == 30


def test_a_finding_judged_again_is_replaced_and_keeps_its_first_day(opened: store.Store) -> None:
    batch = samples.claims(3)
    results = samples.assess(batch)

    def keep(upto: date, exposure: int | None) -> int:
        row = {
            "finding_id": "f" * 32, "unit": "provider_month", "subject_id": "H1|2025-03", "provider_id": "H1",
            "physician_id": None, "period_start": date(2025, 3, 1), "period_end": date(2025, 3, 31), "upto": upto,
            "region_code": "330100", "currency": "CNY", "stay_count": 20, "rule_id": "GRP-023",
            "rule_sha256": "r" * 64, "rules_sha256": samples.RULESET.sha256, "severity": "medium",
            "cause": "severity_share", "exposure_fen": exposure, "thresholds": "{}", "facts": "{}",
            "finding_zh": "发现", "finding_en": "found", "title_zh": "标题", "title_en": "title",
        }  # fmt: skip
        found = pa.Table.from_pylist([row], schema=FINDINGS.arrow)
        written = opened.write(
            claims=batch,
            results=replace(results, findings=found),
            ruleset=samples.RULESET,
            model=samples.MODEL,
        )
        return written.counts["findings"]

    query = sa.text("select upto, exposure_fen, severity_rank, created_at from findings")

    def stored() -> list[tuple[object, ...]]:
        with opened.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(query)]

    assert keep(date(2025, 4, 1), 100) == 1
    (first,) = stored()
    assert keep(date(2025, 5, 1), None) == 0
    (second,) = stored()
    assert (str(second[0]), *second[1:]) == ("2025-05-01", None, 2, first[3])


def test_the_same_batch_twice_changes_nothing(opened: store.Store) -> None:
    samples.write(opened, 30)
    before = dump(opened)
    batch = samples.claims(30)
    again = opened.write(
        claims=batch, results=samples.assess(batch), ruleset=samples.RULESET, model=samples.MODEL
    )
    assert again.total == 0
    assert dump(opened) == before


def test_an_overlapping_batch_adds_only_what_is_new(opened: store.Store) -> None:
    samples.write(opened, 20)
    samples.write(opened, 20, first=10)
    assert opened.counts()["decisions"] == 30
    assert opened.counts()["claims"] == 30


def test_a_stored_decision_gets_no_hits_later(opened: store.Store) -> None:
    """Judging a claim again with more history must not change what was decided on it."""
    batch = samples.claims(12)
    first = samples.assess(batch)
    silent = replace(first, hits=first.hits.slice(0, 0), alerts=first.alerts.slice(0, 0))
    opened.write(claims=batch, results=silent, ruleset=samples.RULESET, model=samples.MODEL)
    again = opened.write(claims=batch, results=first, ruleset=samples.RULESET, model=samples.MODEL)
    assert again.total == 0
    assert opened.counts()["hits"] == 0


def test_changed_content_under_the_same_version_keeps_both(opened: store.Store) -> None:
    samples.write(opened, 1)
    batch = samples.claims(1)
    stays = with_column(batch.stays, "fund_payment_fen", [1])
    changed = replace(batch, stays=stays)
    opened.write(
        claims=changed,
        results=samples.assess(changed),
        ruleset=samples.RULESET,
        model=samples.MODEL,
    )
    assert opened.counts()["claims"] == 2
    assert opened.counts()["decisions"] == 2
    history = opened.history(stays["patient_id"].to_pylist())
    assert history.stays["fund_payment_fen"].to_pylist() == [1], "the content stored last counts"


@pytest.mark.parametrize(
    ("table", "column", "value", "constraint"),
    [
        ("decisions", "rules_sha256", "0" * 64, "FOREIGN KEY"),
        ("decisions", "score_id", "no such score", "FOREIGN KEY"),
        ("alerts", "severity", "catastrophic", "ck_alerts_severity"),
        ("decisions", "score", 1.5, "ck_decisions_score"),
    ],
)
def test_an_inconsistent_batch_leaves_nothing(
    opened: store.Store, table: str, column: str, value: object, constraint: str
) -> None:
    batch = samples.claims(6)
    results = samples.assess(batch)
    good = getattr(results, table)
    values = [*good[column].to_pylist()[:-1], value]
    bad = replace(results, **{table: with_column(good, column, values)})
    before = dump(opened)
    with pytest.raises(store.StoreError, match=f"(?i){constraint}"):
        opened.write(claims=batch, results=bad, ruleset=samples.RULESET, model=samples.MODEL)
    assert dump(opened) == before


def test_a_claim_without_a_decision_is_refused(opened: store.Store) -> None:
    batch = samples.claims(6)
    results = samples.assess(samples.claims(5))
    with pytest.raises(store.StoreError, match="6 claims") as caught:
        opened.write(claims=batch, results=results, ruleset=samples.RULESET, model=samples.MODEL)
    assert "one decision for each claim" in caught.value.cure
    assert opened.counts()["claims"] == 0


def test_a_full_disk_leaves_nothing_and_says_what_to_do(opened: store.Store) -> None:
    samples.write(opened, 2)
    before = dump(opened)
    with opened.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()

    @sa.event.listens_for(opened.engine, "checkout")
    def _limit(connection: object, _record: object, _proxy: object) -> None:
        connection.execute(f"PRAGMA max_page_count={pages + 4}")  # type: ignore[attr-defined]

    batch = samples.claims(500, first=10)
    with pytest.raises(store.StoreError, match="full") as caught:
        opened.write(
            claims=batch,
            results=samples.assess(batch),
            ruleset=samples.RULESET,
            model=samples.MODEL,
        )
    assert "Free space" in caught.value.cure
    assert dump(opened) == before


def test_errors_carry_no_values_of_rows(opened: store.Store) -> None:
    batch = samples.claims(2)
    results = samples.assess(batch)
    bad = replace(results, decisions=with_column(results.decisions, "score", [7.25, 7.25]))
    with pytest.raises(store.StoreError) as caught:
        opened.write(claims=batch, results=bad, ruleset=samples.RULESET, model=samples.MODEL)
    patient = batch.stays["patient_id"][0].as_py()
    assert patient not in str(caught.value)
    assert caught.value.__cause__ is None


KILLED = """
import os, sys
import sqlalchemy as sa
import store
from tests import service_samples as samples

@sa.event.listens_for(sa.Engine, "before_cursor_execute")
def die(connection, cursor, statement, parameters, context, executemany):
    if statement.startswith("INSERT INTO alerts"):
        os._exit(9)

opened = store.open(sys.argv[1])
samples.write(opened, 40, first=100)
"""


def test_a_process_killed_while_writing_leaves_the_batches_before(
    opened: store.Store, address: str, root: Path
) -> None:
    samples.write(opened, 10)
    before = dump(opened)
    opened.close()
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, address], cwd=root, check=False, timeout=120
    )
    assert ended.returncode == 9
    with store.open(address) as again:
        assert dump(again) == before
        with again.engine.connect() as connection:
            if connection.dialect.name == "sqlite":
                assert connection.exec_driver_sql("PRAGMA integrity_check").scalar_one() == "ok"
        samples.write(again, 40, first=100)
        assert again.counts()["decisions"] == 50


def test_readers_see_the_state_before_while_a_batch_is_written(opened: store.Store) -> None:
    samples.write(opened, 4)
    with writer(opened.engine).begin() as connection:
        connection.execute(sa.text("DELETE FROM alerts"))
        assert opened.count_alerts() == 4


def test_two_writers_take_turns(address: str, opened: store.Store, root: Path) -> None:
    program = (
        "import store, sys; from tests import service_samples as s\n"
        "with store.open(sys.argv[1]) as o: [s.write(o, 5, first=f) for f in range(0, 40, 5)]"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", program, address], cwd=root) for _ in range(2)
    ]
    assert [process.wait(timeout=120) for process in running] == [0, 0]
    assert opened.counts()["decisions"] == 40


def test_empty_batch_is_no_error(opened: store.Store) -> None:
    batch = samples.claims(0)
    empty = Results(*(table.slice(0, 0) for _, table in samples.assess(samples.claims(1)).items()))
    assert opened.write(claims=batch, results=empty, ruleset=None).total == 0
