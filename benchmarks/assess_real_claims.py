"""Arrow tables to verdicts over the real claims: claims a second and peak memory.

    python -m benchmarks.assess_real_claims [--folder DIR] [--counts]

Intake runs once; then a fresh process reads the Arrow files and judges five times. The
last lines are a Markdown row for docs/real-claims.md and, with ``--counts``, what each check
said: of claims, of hospitals' months and of physicians' days.
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
from datetime import UTC, date, datetime
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
        claims = [(i, judged.verdicts[i]) for i in ruleset.ids]
        tell("claims", claims)
        of_many = rules.judge_aggregates(ruleset, tables, upto=date(2010, 1, 1)).verdicts
        for unit, rows in sorted(of_many.partition_by("unit", as_dict=True).items()):
            tell(
                str(unit[0]),
                [
                    (i, rows.filter(pl.col("rule_id") == i)["verdict"])
                    for i in rows["rule_id"].unique().sort()
                ],
            )
    print(json.dumps({"claims": n, "best_s": best, "median_s": median, "peak_kib": peak}))


def tell(what: str, columns: list[tuple[str, pl.Series]]) -> None:
    """A Markdown table of the checks that judged something, and lists of those that did not."""
    print(f"\n{what}\n\n| check | hit | pass | unknown | unknown rate |\n|---|---|---|---|---|")
    never: list[str] = []
    blind: list[str] = []
    for rule_id, column in columns:
        tally = {v: int((column == int(v)).sum()) for v in Verdict}
        judged = len(column) - tally[Verdict.OUT_OF_FORCE]
        if not judged:
            never.append(rule_id)
        elif tally[Verdict.UNKNOWN] == judged:
            blind.append(rule_id)
        else:
            print(
                f"| {rule_id} | {tally[Verdict.HIT]:,} | {tally[Verdict.PASS]:,} "
                f"| {tally[Verdict.UNKNOWN]:,} | {tally[Verdict.UNKNOWN] / judged:.2%} |"
            )
    print(f"\nOut of force on every one ({len(never)}): {', '.join(never)}")
    print(f"\nUnknown on every one ({len(blind)}): {', '.join(blind)}")


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
