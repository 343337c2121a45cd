"""Rows a second into the store, and look-backs out of it, on SQLite or PostgreSQL.

    python -m benchmarks.store --db URL [--claims N] [--batch N] [--lines N] [--lookbacks N] [--times N]

Writes N made-up claims in batches of the size in which a stream worker writes, with decisions,
hits, alerts, states and sums of months, each batch one transaction; then writes the first tenth
again, which must change nothing; then looks back for the patients of a batch, and explains the
query. With ``--times`` the database copies what was written so many times (as claims of other
patients) before the look-backs, and one more tenth is written after it: so a million claims stand
in it within a minute. CPU of a PostgreSQL on this machine is that of the connection's own process.
Give an empty database: it is filled. Prints one JSON line.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

import store
from benchmarks.assess_real_claims import machine
from store.tables import METADATA
from tests import measure_samples
from tests import service_samples as samples

_PLAN = (
    "EXPLAIN {analyse} SELECT c.body FROM stay_states s JOIN claims c ON c.stay_id = s.stay_id "
    "AND c.claim_version = s.claim_version AND c.input_sha256 = s.input_sha256 "
    "WHERE s.patient_id IN ({patients}) AND s.decision_id IS NOT NULL"
)


def main() -> None:
    """Measure and print."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--db", required=True)
    asked.add_argument("--claims", type=int, default=100_000)
    asked.add_argument("--batch", type=int, default=1_000)
    asked.add_argument("--lines", type=int, default=3, help="charge lines a claim")
    asked.add_argument("--measures", action="store_true", help="with what each stay measured")
    asked.add_argument("--lookbacks", type=int, default=50)
    asked.add_argument("--times", type=int, default=1, help="stored claims, in multiples")
    given = asked.parse_args()
    with store.open(given.db) as opened:
        if opened.counts()["claims"]:
            asked.error("the database holds claims already: name an empty one")
        server = server_cpu(opened)
        wrote = [write(opened, first, given) for first in range(0, given.claims, given.batch)]
        server = server_cpu(opened) - server
        rows = sum(opened.counts().values())
        more = []
        if given.times > 1:
            multiply(opened, given.times)
            here = range(given.claims, given.claims + given.claims // 10, given.batch)
            more = [write(opened, first, given) for first in here]
        again = [write(opened, first, given) for first in range(0, given.claims // 10, given.batch)]
        counts = opened.counts()
        looks, found = [], 0
        for turn in range(given.lookbacks):
            batch = samples.claims(
                given.batch, first=turn * 7919 % max(1, given.claims - given.batch), lines=0
            )
            patients = batch.stays["patient_id"].unique().to_pylist()
            began = time.perf_counter()
            found += len(opened.history(patients))
            looks.append(time.perf_counter() - began)
        told: dict[str, Any] = {
            "database": opened.engine.dialect.name,
            "claims": given.claims,
            "batch": given.batch,
            "charge_lines": given.lines,
            "rows": rows,
            "write_s": round(sum(s for s, _ in wrote), 2),
            "claims_per_second": round(given.claims / sum(s for s, _ in wrote)),
            "rows_per_second": round(rows / sum(s for s, _ in wrote)),
            "cpu_s_of_this_process": round(sum(c for _, c in wrote), 2),
            "cpu_s_of_the_server": round(server, 2),
            "claims_stored": counts["claims"],
            "cpu_s_of_a_tenth_more_after_copying": round(sum(c for _, c in more), 2),
            "s_of_a_tenth_more_after_copying": round(sum(s for s, _ in more), 2),
            "batch_ms_p50": round(1000 * statistics.median(s for s, _ in wrote), 1),
            "batch_ms_p99": round(1000 * sorted(s for s, _ in wrote)[int(0.99 * len(wrote))], 1),
            "last_tenth_claims_per_second": round(
                given.batch
                * (len(wrote) // 10 or 1)
                / sum(s for s, _ in wrote[-(len(wrote) // 10 or 1) :])
            ),
            "again_claims_per_second": round(given.claims // 10 / sum(s for s, _ in again)),
            "lookback_ms_p50": round(1000 * statistics.median(looks), 1),
            "lookback_claims": round(found / given.lookbacks),
            "plan": plan(opened),
            "machine": machine(),
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
        }
    print(json.dumps(told))


def write(opened: store.Store, first: int, given: argparse.Namespace) -> tuple[float, float]:
    """Write one batch; seconds on the wall, and of this process's CPU."""
    batch = samples.claims(given.batch, first=first, lines=given.lines)
    results = samples.assess(batch)
    if given.measures:
        results = measure_samples.measured(batch, results)
    began, cpu = time.perf_counter(), time.process_time()
    opened.write(
        claims=batch, results=results, fingerprints={}, ruleset=samples.RULESET, model=samples.MODEL
    )
    return time.perf_counter() - began, time.process_time() - cpu


def server_cpu(opened: store.Store) -> float:
    """CPU seconds so far of the connection's process, if it is one of this machine; else 0."""
    if opened.engine.dialect.name != "postgresql":
        return 0.0
    with opened.engine.connect() as connection:
        pid = connection.execute(sa.text("SELECT pg_backend_pid()")).scalar_one()
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def multiply(opened: store.Store, times: int) -> None:
    """Copy claims, decisions and states as those of other stays and patients, in the database."""
    turns = f"(WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < {times - 1}) SELECT n FROM t)"
    other = {
        "stay_id": "stay_id || '-' || g.n", "patient_id": "patient_id || '-' || g.n",
        "decision_id": "decision_id || '-' || g.n",
    }  # fmt: skip
    with opened.engine.begin() as connection:
        for name in ("claims", "decisions", "stay_states"):
            columns = [column.name for column in METADATA.tables[name].columns]
            made = ", ".join(other.get(column, column) for column in columns)
            connection.execute(
                sa.text(
                    f"INSERT INTO {name} ({', '.join(columns)}) SELECT {made} FROM {name}, {turns} AS g"
                )
            )


def plan(opened: store.Store) -> list[str]:
    """How the database finds the claims of ten patients."""
    patients = samples.claims(20, lines=0).stays["patient_id"].unique().to_pylist()
    listed = ", ".join(f"'{patient}'" for patient in patients)
    postgres = opened.engine.dialect.name == "postgresql"
    text = _PLAN.format(
        analyse="(ANALYZE, TIMING OFF)" if postgres else "QUERY PLAN", patients=listed
    )
    with opened.engine.connect() as connection:
        if postgres:
            connection.execute(sa.text("ANALYZE stay_states"))
        return [
            str(row[-1]).replace(listed, "…")[:160] for row in connection.execute(sa.text(text))
        ]


if __name__ == "__main__":
    main()
