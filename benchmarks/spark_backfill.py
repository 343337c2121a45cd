"""A backfill on Spark over the real claims, beside one run over all of them, row for row.

    python -m benchmarks.spark_backfill [--folder DIR] [--format provider-csv] [--master local[2]]
                                        [--buckets N] [--alone]

Reads the claims once, judges them in one process over all (``pipeline.assess``), then by
``sentinel backfill`` in parts, and compares every result table. With ``--alone`` the parts
run without Spark too. Ends with status 1 if a table differs. Prints a Markdown row for
docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.assess_real_claims import FOLDER, machine

KEY = "5" * 64


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--folder", type=Path, default=FOLDER)
    arguments.add_argument("--format", default="provider-csv")
    arguments.add_argument("--master", default="local[2]")
    arguments.add_argument("--buckets", type=int)
    arguments.add_argument("--alone", action="store_true")
    arguments.add_argument("--whole", type=Path, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.whole:
        whole(given.folder, given.format, given.whole)
        return
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as scratch:
        sys.exit(0 if compare(given, Path(scratch)) else 1)


def whole(folder: Path, form: str, out: Path) -> None:
    """Judge all claims in one go and leave the results and what it took."""
    from cli.wiring import engine
    from streaming import intake, outputs
    from streaming.pipeline import assess, day_after_last
    from streaming.pseudonym import PseudonymKey

    judge = engine()
    found = intake.read([folder], form, key=PseudonymKey.from_hex(KEY, where="benchmark"))  # type: ignore[arg-type]
    start = time.perf_counter()
    results = assess(found.tables, judge, upto=day_after_last(found.tables))
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outputs.write(results, {"seconds": seconds, "peak_kib": peak, "claims": len(found.tables)}, out)


def compare(given: argparse.Namespace, scratch: Path) -> bool:
    """Run all and print; whether every table is equal."""
    command = [sys.executable, "-m", "benchmarks.spark_backfill", "--folder", str(given.folder)]
    one = scratch / "one"
    subprocess.run([*command, "--format", given.format, "--whole", str(one)], check=True)
    alone = json.loads((one / "run.json").read_text())
    print(f"in one go: {alone['claims']:,} claims, {alone['seconds']:.1f} s to judge", flush=True)
    print("| date | machine | how | buckets | claims | s | claims/s | equal row for row |")
    print("|---|---|---|---|---|---|---|---|")
    row(alone["claims"], "one run over all (intake not counted)", 1, alone["seconds"], "")
    fine = True
    masters = [given.master] + ([None] if given.alone else [])
    claims = scratch / "made" / "claims"
    for place, master in enumerate(masters):
        out = scratch / f"parts{place}"
        seconds, record = backfill(given, master, out, claims if place else None, scratch)
        if not place:
            claims = out / "claims"
        different = differences(one, out)
        fine = fine and not different
        row(
            record["accepted"],
            f"backfill, {master or 'no Spark'}",
            record["buckets"],
            record["seconds"],
            "yes" if not different else f"NO: {', '.join(different)}",
        )
        print(f"stages: {record['stage_seconds']}; with making ready {seconds:.1f} s", flush=True)
    return fine


def backfill(
    given: argparse.Namespace, master: str | None, out: Path, claims: Path | None, scratch: Path
) -> tuple[float, dict[str, Any]]:
    """Run ``sentinel backfill``; the seconds it took and its record."""
    key = scratch / "key"
    key.write_text(KEY + "\n")
    key.chmod(0o600)
    words = [sys.executable, "-m", "cli", "backfill", "--out", str(out), "--key", str(key)]
    words += ["--input", str(claims or given.folder)]
    words += ["--master", master] if master else []
    words += ["--buckets", str(given.buckets)] if given.buckets else []
    words += [] if claims else ["--format", given.format]
    start = time.perf_counter()
    done = subprocess.run(words, check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"sentinel backfill ended with status {done.returncode}: {done.stdout[-500:]}")
    return time.perf_counter() - start, json.loads(done.stdout.splitlines()[-1])


def differences(one: Path, out: Path) -> list[str]:
    """The names of the result tables that are not equal, whatever the order of rows."""
    from streaming.backfill import read

    different = []
    for name, table in read(out).items():
        path = one / f"{name}.parquet"
        mine = pl.DataFrame(table)
        theirs = pl.read_parquet(path) if path.exists() else mine.clear()
        print(f"  {name}: {theirs.height:,} and {mine.height:,} rows", flush=True)
        columns = mine.columns
        if not mine.sort(columns).equals(theirs.select(columns).sort(columns)):
            different.append(name)
    return different


def row(claims: int, how: str, buckets: object, seconds: float, equal: str) -> None:
    print(
        f"| {datetime.now(UTC):%Y-%m-%d} | {machine()} | {how} | {buckets} | {claims:,} | {seconds:.1f} "
        f"| {claims / seconds:,.0f} | {equal} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
