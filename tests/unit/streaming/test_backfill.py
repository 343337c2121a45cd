"""A backfill gives what one run over all claims gives, however it is cut, stopped and begun again."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from streaming import backfill
from streaming.backfill import Alone, BackfillError, Prepared, frames, stages, work
from tests.backfill_claims import RECIPE, different, prepare, whole


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return prepare(tmp_path_factory.mktemp("prepared") / "claims")


def run(prepared: Prepared, out: Path, **more: Any) -> dict[str, Any]:
    return backfill.run(prepared, RECIPE, Alone(), out, **{"upto": whole().upto, **more})


def test_the_claims_here_give_every_cut_something_to_find() -> None:
    results = whole().results
    hits = set(pl.DataFrame(results.hits)["rule_id"])
    assert {"IDB-030", "ADM-003", "IDB-001"} <= hits
    assert set(pl.DataFrame(results.findings)["unit"]) == {"provider_month", "physician_day"}
    assert len(set(pl.DataFrame(results.findings)["rule_id"])) >= 5


@pytest.mark.parametrize("buckets", [1, 5])
def test_parts_give_what_one_run_gives_row_for_row(
    prepared: Prepared, tmp_path: Path, buckets: int
) -> None:
    assert prepared.parts > 3
    assert prepared.set_aside == 0
    record = run(prepared, tmp_path, buckets=buckets)
    assert record["failed"] == []
    assert different(backfill.read(tmp_path)) == []
    assert record["decisions"] == prepared.accepted
    assert not (tmp_path / "work").exists()
    assert pl.read_csv(tmp_path / "alerts.csv").height == record["alerts"]


def test_a_bucket_that_fails_is_told_with_its_reason_and_only_it_is_done_again(
    prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[int] = []
    really = stages._KERNELS["patients"]

    def breaks(job: Any, bucket: int, found: Any) -> Any:
        judged.append(bucket)
        if bucket == 2:
            raise ValueError("张三 330102199001011234")
        return really(job, bucket, found)

    monkeypatch.setitem(stages._KERNELS, "patients", breaks)
    first = run(prepared, tmp_path, buckets=4)
    assert [(f["stage"], f["bucket"]) for f in first["failed"]] == [("patients", 2)]
    reason = first["failed"][0]["reason"]
    assert reason.startswith("ValueError (test_backfill.py:")
    assert "张三" not in reason
    assert not (tmp_path / "decisions").exists()
    assert "findings" not in first

    monkeypatch.setitem(stages._KERNELS, "patients", really)
    judged.clear()
    monkeypatch.setitem(
        stages._KERNELS, "patients", lambda j, b, f: (judged.append(b), really(j, b, f))[1]
    )
    second = run(prepared, tmp_path)
    assert judged == [2]
    assert second["finished_before"]["patients"] == 3
    assert different(backfill.read(tmp_path)) == []


def test_a_finished_run_is_not_done_again(
    prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run(prepared, tmp_path, buckets=2)
    monkeypatch.setattr(stages, "_KERNELS", {})
    assert run(prepared, tmp_path)["decisions"] == first["decisions"]


@pytest.mark.parametrize("what", ["buckets", "upto"])
def test_two_runs_do_not_mix_in_one_folder(prepared: Prepared, tmp_path: Path, what: str) -> None:
    run(prepared, tmp_path, buckets=2)
    other = {"buckets": 3} if what == "buckets" else {"upto": whole().upto - timedelta(days=31)}
    with pytest.raises(BackfillError, match=f"another run, with other {what}"):
        run(prepared, tmp_path, **other)


def test_a_damaged_part_stops_the_run_before_anything_is_judged_without_it(
    prepared: Prepared, tmp_path: Path
) -> None:
    damaged = tmp_path / "claims"
    shutil.copytree(prepared.folder, damaged)
    part = damaged / "charges" / "part-00001.parquet"
    part.write_bytes(part.read_bytes()[:-20])
    with pytest.raises(BackfillError, match="part 1 of the claims cannot be read") as caught:
        run(replace(prepared, folder=damaged), tmp_path / "out", buckets=2)
    assert str(part) in caught.value.where
    assert work.done(tmp_path / "out" / "work", "patients") == frozenset()


def test_a_machine_with_other_checks_judges_nothing(prepared: Prepared, tmp_path: Path) -> None:
    job = stages.Job(
        stage="patients",
        recipe=RECIPE,
        claims=prepared.folder,
        work=tmp_path,
        buckets=1,
        upto=whole().upto,
        served=(whole().upto, whole().upto),
        versions=(("rules_sha256", "f" * 64), ("pack_sha256", "0" * 32), ("model_sha256", None)),
        pending=frozenset({0}),
    )
    with pytest.raises(BackfillError, match="other checks, schemes or another model"):
        job.engine()


def test_claims_made_ready_from_other_files_are_not_taken_for_these(
    prepared: Prepared, tmp_path: Path
) -> None:
    with pytest.raises(BackfillError, match="made ready from other files"):
        backfill.check_inputs(prepared, [tmp_path])


def test_a_folder_that_is_no_whole_preparation_is_refused(tmp_path: Path) -> None:
    (tmp_path / "claims.json").write_text("{}")
    with pytest.raises(BackfillError, match="cannot be read"):
        backfill.open_folder(tmp_path)


def test_equal_keys_fall_into_one_bucket_and_rows_keep_their_order() -> None:
    keys = pl.DataFrame({"k": ["a", "b", None, "a", None, "c"]})
    buckets = frames.buckets_of(keys, 3)
    assert buckets[0] == buckets[3]
    assert buckets[2] == buckets[4]
    table = keys.with_row_index("row").to_arrow()
    cut = dict(frames.cut(table, buckets))
    assert sorted(r for t in cut.values() for r in t["row"].to_pylist()) == list(range(6))
    for part in cut.values():
        assert part["row"].to_pylist() == sorted(part["row"].to_pylist())


def test_a_bucket_done_twice_at_once_is_kept_once(tmp_path: Path) -> None:
    output = work.Output({"a": pl.DataFrame({"x": [1]}).to_arrow()}, {})
    work.keep(tmp_path, "told", 3, output)
    work.keep(tmp_path, "told", 3, output)
    assert work.done(tmp_path, "told") == frozenset({3})
    assert [p.name for p in (tmp_path / "told").iterdir()] == ["00003"]
