"""Arrow tables to verdicts over the real claims: claims a second and peak memory.

    python -m benchmarks.assess_real_claims [--folder DIR] [--counts]

Intake runs once; then a fresh process reads the Arrow files and judges five times. The
last lines are a Markdown row for docs/real-claims.md and, with ``--counts``, one row a
check.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pyarrow as pa
from pyarrow import feather

import rules
from domain.results import Verdict
from domain.tables import Tables

FOLDER = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "provider_fraud"
RUNS = 5


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--folder", type=Path, default=FOLDER)
    arguments.add_argument("--counts", action="store_true")
    arguments.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.child:
        measure(given.child, counts=given.counts)
        return
    with tempfile.TemporaryDirectory() as scratch:
        prepare(given.folder, Path(scratch))
        words = ["-m", "benchmarks.assess_real_claims", "--child", scratch]
        words += ["--counts"] if given.counts else []
        subprocess.run([sys.executable, *words], check=True)


def prepare(folder: Path, scratch: Path) -> None:
    """Read the claims and leave them as Arrow files."""
    from streaming import intake
    from streaming.pseudonym import PseudonymKey

    found = intake.read([folder], "provider-csv", key=PseudonymKey(os.urandom(32)))
    print(f"read {found.read:,}, accepted {found.accepted:,}, set aside {found.set_aside:,}")
    for name, table in found.tables.items():
        feather.write_feather(table, scratch / f"{name}.arrow", compression="uncompressed")


def measure(scratch: Path, *, counts: bool) -> None:
    """Judge five times and print what it took."""
    tables = Tables.of({p.stem: feather.read_table(p) for p in scratch.glob("*.arrow")})
    ruleset = rules.load()
    loaded = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = []
    for _ in range(RUNS):
        start = time.perf_counter()
        judged = rules.judge(ruleset, tables)
        seconds.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    best, median = min(seconds), statistics.median(seconds)
    n = len(tables)
    print(
        "| date | machine | polars, pyarrow | checks | claims | best s | median s | claims/s best | claims/s median | peak GiB (before judging) |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    print(
        f"| {datetime.now(UTC):%Y-%m-%d} | {machine()} | {pl.__version__}, {pa.__version__} "
        f"| {len(ruleset.ids)} | {n:,} | {best:.2f} | {median:.2f} | {n / best:,.0f} "
        f"| {n / median:,.0f} | {peak / 2**20:.2f} ({loaded / 2**20:.2f}) |"
    )
    if counts:
        print("\n| check | hit | pass | unknown | out of force |\n|---|---|---|---|---|")
        for rule_id in ruleset.ids:
            column = judged.verdicts[rule_id]
            tally = {v: int((column == int(v)).sum()) for v in Verdict}
            print(
                f"| {rule_id} | {tally[Verdict.HIT]:,} | {tally[Verdict.PASS]:,} "
                f"| {tally[Verdict.UNKNOWN]:,} | {tally[Verdict.OUT_OF_FORCE]:,} |"
            )
    print(json.dumps({"claims": n, "best_s": best, "median_s": median, "peak_kib": peak}))


def machine() -> str:
    """Processor and cores, as far as the system tells."""
    name = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            name = line.split(":", 1)[1].strip()
            break
    return f"{name}, {len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f}"


if __name__ == "__main__":
    main()
