"""A whole backfill: the stages one after the other, begun again where they stopped, and put together.

What is written to the output folder::

    decisions/00007.parquet ...   one file a bucket; read the folder as one table
    hits/, alerts/, shadow_.../   likewise
    scores.parquet, reasons.parquet, findings.parquet, shadow_findings.parquet
    alerts.csv, findings.csv      for people, as `sentinel assess` writes them
    run.json                      what was run over what, and what it came to
    work/                         between the stages; removed at the end
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from domain.results import FINDINGS, RESULT_TABLES, SHADOW_FINDINGS, Results
from domain.schema import Table
from streaming import outputs
from streaming.backfill import work
from streaming.backfill.claims import BackfillError, Prepared
from streaming.backfill.running import Executor
from streaming.backfill.stages import STAGES, Job, Recipe, pieces, versions_of
from streaming.backfill.work import Output

STAYS_A_BUCKET: Final = 20_000
"""Stays that a task judges at once: a few hundred MB with their charge lines, and a minute or so."""

_RUN: Final = "run.json"
_PLAN: Final = "plan.json"
_WHOLE: Final = {
    "scores": ("score_id",),
    "reasons": ("score_id", "rank"),
    FINDINGS.name: FINDINGS.key,
    SHADOW_FINDINGS.name: SHADOW_FINDINGS.key,
}
"""Results in one file: few rows, and scores come again in every bucket of a hospital's patients."""

_OF_MONTHS: Final = frozenset({"told", "months", "days"})


@dataclass(frozen=True, slots=True)
class Failure:
    """A bucket that could not be done: its stage, its number and the reason."""

    stage: str
    bucket: int
    reason: str


def usual_buckets(prepared: Prepared) -> int:
    """As many buckets as keep each near ``STAYS_A_BUCKET`` stays."""
    return max(1, -(-prepared.accepted // STAYS_A_BUCKET))


def run(
    prepared: Prepared,
    recipe: Recipe,
    executor: Executor,
    out: Path,
    *,
    upto: date,
    buckets: int | None = None,
    keep_work: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Run what is not done yet; the record of the run, which ``run.json`` holds too.

    ``failed`` in it lists the buckets that could not be done; results are put together
    only if there is none. BackfillError if ``out`` holds another run.
    """
    began = time.monotonic()
    engine = recipe.engine()
    plan = {"claims_sha256": prepared.sha256, "upto": upto.isoformat()} | dict(versions_of(engine))
    number = _agree(out, plan, buckets or usual_buckets(prepared), asked=buckets is not None)
    finished = _finished(out, plan)
    if finished is not None:
        say("This run was finished before; nothing is done again")
        return finished
    job = {
        "recipe": recipe,
        "claims": prepared.folder.resolve(),
        "work": (out / "work").resolve(),
        "buckets": number,
        "upto": upto,
        "served": prepared.served or (upto, upto),
        "versions": versions_of(engine),
    }
    seconds: dict[str, float] = {}
    redone: dict[str, int] = {}
    failed: list[Failure] = []
    for stage in STAGES:
        if failed and stage in _OF_MONTHS:
            say(f"{stage}: not run, since a part before it failed")
            continue
        start = time.monotonic()
        stage_failed, done_before = _run_stage(stage, job, executor, prepared.parts, say)
        failed += stage_failed
        redone[stage] = done_before
        seconds[stage] = round(time.monotonic() - start, 3)
    record: dict[str, Any] = plan | {
        "read": prepared.read,
        "accepted": prepared.accepted,
        "set_aside": prepared.set_aside,
        "buckets": number,
        "rules": list(engine.ruleset.ids),
        "aggregate_rules": list(engine.ruleset.aggregate_ids),
        "failed": [{"stage": f.stage, "bucket": f.bucket, "reason": f.reason} for f in failed],
        "finished_before": redone,
        "stage_seconds": seconds,
    }
    if not failed:
        record |= _put_together(job["work"], out)  # type: ignore[arg-type]
    took = time.monotonic() - began
    record["seconds"] = round(took, 3)
    record["claims_per_second"] = round(prepared.accepted / took) if took else None
    _write_json(out / _RUN, record)
    if not failed and not keep_work:
        shutil.rmtree(out / "work", ignore_errors=True)
    return record


def _agree(out: Path, plan: Mapping[str, Any], buckets: int, *, asked: bool) -> int:
    """The number of buckets of the run that the folder holds, or begins to hold now."""
    path = out / _PLAN
    if not path.is_file():
        out.mkdir(parents=True, exist_ok=True)
        _write_json(path, dict(plan) | {"buckets": buckets})
        return buckets
    held = json.loads(path.read_text(encoding="utf-8"))
    number = int(held.pop("buckets"))
    differ = sorted(name for name in plan if held.get(name) != plan[name])
    if asked and buckets != number:
        differ.append("buckets")
    if differ:
        raise BackfillError(
            f"the folder holds another run, with other {', '.join(differ)}",
            where=str(out),
            cure="Name another folder with --out, or remove this one; results of two runs must not be mixed.",
        )
    return number


def _finished(out: Path, plan: Mapping[str, Any]) -> dict[str, Any] | None:
    try:
        record: dict[str, Any] = json.loads((out / _RUN).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    same = all(record.get(name) == value for name, value in plan.items())
    return record if same and not record.get("failed", True) else None


def _run_stage(
    stage: str,
    given: Mapping[str, Any],
    executor: Executor,
    parts: int,
    say: Callable[[str], None],
) -> tuple[list[Failure], int]:
    """Do the buckets that are not done; what failed, and how many were done before."""
    folder: Path = given["work"]
    every = work.done(folder, "told") if stage == "months" else frozenset(range(given["buckets"]))
    before = work.done(folder, stage) & every
    job = Job(stage=stage, pending=every - before, **given)
    if not job.pending:
        say(f"{stage}: all {len(every)} buckets were done before")
        return [], len(before)
    say(f"{stage}: {len(job.pending)} buckets to do, {len(before)} done before")
    seen, failed = set(), []
    for status in executor.run(job, pieces(job, parts)):
        seen.add(status.bucket)
        if not status.ok:
            failed.append(Failure(stage, status.bucket, status.reason))
            say(f"{stage}: bucket {status.bucket} failed: {status.reason}")
    for bucket in job.pending - seen:  # nothing was cut for it: that is done too
        work.keep(folder, stage, bucket, Output({}, {}))
    return failed, len(before)


def _put_together(folder: Path, out: Path) -> dict[str, Any]:
    """Bring the results of all buckets into the output folder, and count them."""
    counts = {}
    for table in RESULT_TABLES:
        files = [p for stage in STAGES for p in work.results(folder, stage, table.name)]
        if table.name in _WHOLE:
            rows = _whole(files, table)
            pq.write_table(rows, out / f"{table.name}.parquet", compression="zstd")
            counts[table.name] = rows.num_rows
            continue
        home = out / table.name
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir()
        for file in files:
            _link(file, home / f"{file.parent.name}.parquet")
        counts[table.name] = sum(pq.read_metadata(p).num_rows for p in files)
    results = read(out, "alerts", FINDINGS.name)
    outputs.write_csv(results.alerts, results.findings, out)
    return counts


def _whole(files: list[Path], table: Table) -> pa.Table:
    key = list(_WHOLE[table.name])
    pieces = [pq.ParquetFile(p).read() for p in files]
    rows = pl.DataFrame(pa.concat_tables([table.arrow.empty_table(), *pieces]))
    sorted_rows = rows.unique(key, keep="first", maintain_order=True).sort(key)
    return sorted_rows.to_arrow().cast(table.arrow)


def read(out: Path, *names: str) -> Results:
    """The results of a finished backfill; of ``names`` only, the other tables empty."""
    found = {}
    for table in RESULT_TABLES:
        if names and table.name not in names:
            found[table.name] = table.arrow.empty_table()
        elif table.name in _WHOLE:
            found[table.name] = pq.ParquetFile(out / f"{table.name}.parquet").read()
        else:
            files = sorted((out / table.name).glob("*.parquet"))
            found[table.name] = pa.concat_tables(
                [table.arrow.empty_table(), *(pq.ParquetFile(p).read() for p in files)]
            )
    return Results(**found)


def _link(file: Path, target: Path) -> None:
    try:
        os.link(file, target)
    except OSError:  # another file system, or one without links
        shutil.copyfile(file, target)


def _write_json(path: Path, record: Mapping[str, Any]) -> None:
    making = path.with_suffix(".making")
    making.write_text(
        json.dumps(record, ensure_ascii=False, indent=2, sort_keys=True) + "\n", "utf-8"
    )
    making.replace(path)
