"""The SQL tables of replays: stored history judged again by other checks or another model.

Nothing that is live refers to them, and they change nothing that is live. A change here needs
a migration: a test compares both.
"""

from __future__ import annotations

import sqlalchemy as sa

from domain.results import FINDINGS, HITS, Severity
from domain.schema import Table
from store.tables import METADATA, Instant, column_of, created

_SEVERITIES = [str(s) for s in Severity]

RUNS_SQL = sa.Table(
    "runs",
    METADATA,
    sa.Column("run", sa.Text(), primary_key=True),
    sa.Column("first_day", sa.Date(), nullable=False),
    sa.Column("last_day", sa.Date(), nullable=False),
    sa.Column("rules_sha256", sa.Text(), nullable=False),
    sa.Column("pack_sha256", sa.Text()),
    sa.Column("model_sha256", sa.Text()),
    # Ids of the checks in the order of the letters, and of those of months and days.
    sa.Column("manifest", sa.JSON(), nullable=False),
    created(),
    sa.Column("finished_at", Instant()),
)
RUN_DAYS_SQL = sa.Table(
    "run_days",
    METADATA,
    sa.Column("run", sa.Text(), primary_key=True),
    sa.Column("day", sa.Date(), primary_key=True),
    sa.Column("stays", sa.Integer(), nullable=False),
    sa.Column("done_at", Instant(), nullable=False),
    sa.ForeignKeyConstraint(["run"], ["runs.run"]),
)
RUN_DECISIONS_SQL = sa.Table(
    "run_decisions",
    METADATA,
    sa.Column("run", sa.Text(), primary_key=True),
    sa.Column("stay_id", sa.Text(), primary_key=True),
    sa.Column("claim_version", sa.Integer(), nullable=False),
    sa.Column("input_sha256", sa.Text(), nullable=False),
    sa.Column("day", sa.Date(), nullable=False),
    sa.Column("provider_id", sa.Text(), nullable=False),
    sa.Column("currency", sa.Text(), nullable=False),
    sa.Column("verdicts", sa.Text(), nullable=False),
    sa.Column("hit_count", sa.Integer(), nullable=False),
    sa.Column("unknown_count", sa.Integer(), nullable=False),
    sa.Column("severity", sa.Text()),
    sa.Column("exposure_fen", sa.BigInteger(), nullable=False),
    sa.Column("score", sa.Double()),
    # Whether it would have raised an alert, and of which priority.
    sa.Column("priority", sa.Double()),
    # The live decision beside which it stands; empty if the claim had none.
    sa.Column("live_decision_id", sa.Text()),
    sa.CheckConstraint(sa.column("severity").in_(_SEVERITIES), name="severity"),
    sa.ForeignKeyConstraint(["run"], ["runs.run"]),
    sa.Index(None, "run", "day"),
)


def _of_run(name: str, table: Table, key: tuple[str, ...], drop: frozenset[str]) -> sa.Table:
    """A table of results with the run in place of the decision."""
    return sa.Table(
        name,
        METADATA,
        sa.Column("run", sa.Text(), primary_key=True),
        *[column_of(f, key) for f in table.columns if f.name not in drop],
        sa.ForeignKeyConstraint(["run"], ["runs.run"]),
        sa.Index(None, "run", "rule_id"),
    )


RUN_HITS_SQL = _of_run(
    "run_hits", HITS, ("stay_id", "rule_id", "subject_id"), frozenset({"decision_id"})
)
RUN_FINDINGS_SQL = _of_run("run_findings", FINDINGS, ("finding_id",), frozenset())
