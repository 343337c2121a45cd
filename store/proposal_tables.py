"""The SQL tables of the life of checks: proposed values, how proposals ended, backtests, and rollups.

Proposals and their endings are added and never changed. A change here needs a migration: a test
compares both.
"""

from __future__ import annotations

import sqlalchemy as sa

from domain.proposals import DONE, FAILED, OUTCOMES, QUEUED, RUNNING, WITHDRAWN
from store.tables import METADATA, Instant

BACKTESTS_SQL = sa.Table(
    "backtests",
    METADATA,
    sa.Column("backtest_id", sa.Text(), primary_key=True),
    sa.Column("rule_id", sa.Text(), nullable=False),
    # What was tried: a list of [parameter, region, value as text].
    sa.Column("tried", sa.JSON(), nullable=False),
    sa.Column("first_day", sa.Date(), nullable=False),
    sa.Column("last_day", sa.Date(), nullable=False),
    sa.Column("asked_by", sa.Text(), nullable=False),
    sa.Column("asked_name", sa.Text(), nullable=False),
    sa.Column("asked_at", Instant(), nullable=False),
    sa.Column("rules_sha256", sa.Text(), nullable=False),
    sa.Column("status", sa.Text(), nullable=False),
    sa.Column("done", sa.Integer(), nullable=False),
    sa.Column("total", sa.Integer()),
    # When its worker last said how far it is: a job of a service that died stays behind.
    sa.Column("touched_at", Instant(), nullable=False),
    sa.Column("finished_at", Instant()),
    sa.Column("result", sa.JSON()),
    sa.Column("trouble", sa.Text()),
    sa.CheckConstraint(sa.column("status").in_([QUEUED, RUNNING, DONE, FAILED]), name="status"),
    sa.Index(None, "rule_id", "asked_at"),
    sa.Index(None, "status", "touched_at"),
)
PROPOSALS_SQL = sa.Table(
    "proposals",
    METADATA,
    sa.Column("proposal_id", sa.Text(), primary_key=True),
    sa.Column("rule_id", sa.Text(), nullable=False),
    sa.Column("parameter", sa.Text(), nullable=False),
    # The start of a region code; empty where no regional value holds.
    sa.Column("region", sa.Text(), nullable=False),
    sa.Column("since", sa.Date(), nullable=False),
    # Exact, as written: 7 or 0.30.
    sa.Column("value", sa.Text(), nullable=False),
    sa.Column("unit", sa.Text(), nullable=False),
    sa.Column("value_before", sa.Text()),
    sa.Column("why", sa.Text(), nullable=False),
    sa.Column("rule_sha256", sa.Text(), nullable=False),
    sa.Column("backtest_id", sa.Text()),
    sa.Column("proposed_by", sa.Text(), nullable=False),
    sa.Column("proposed_name", sa.Text(), nullable=False),
    sa.Column("proposed_at", Instant(), nullable=False),
    sa.ForeignKeyConstraint(["backtest_id"], ["backtests.backtest_id"]),
    # Only so that an ending can repeat who proposed (below).
    sa.UniqueConstraint("proposal_id", "proposed_by"),
    sa.Index(None, "proposed_at", "proposal_id"),
    sa.Index(None, "rule_id", "since"),
)
PROPOSAL_ENDINGS_SQL = sa.Table(
    "proposal_endings",
    METADATA,
    # One ending a proposal: whoever comes second is refused by the key.
    sa.Column("proposal_id", sa.Text(), primary_key=True),
    sa.Column("proposed_by", sa.Text(), nullable=False),
    sa.Column("outcome", sa.Text(), nullable=False),
    sa.Column("ended_by", sa.Text(), nullable=False),
    sa.Column("ended_name", sa.Text(), nullable=False),
    sa.Column("reason", sa.Text(), nullable=False),
    sa.Column("ended_at", Instant(), nullable=False),
    sa.ForeignKeyConstraint(
        ["proposal_id", "proposed_by"], ["proposals.proposal_id", "proposals.proposed_by"]
    ),
    sa.CheckConstraint(sa.column("outcome").in_(list(OUTCOMES)), name="outcome"),
    # Two persons: the database itself refuses that somebody approves what is their own.
    sa.CheckConstraint(f"(outcome = '{WITHDRAWN}') = (ended_by = proposed_by)", name="two_persons"),
)

CHECK_MONTHS_SQL = sa.Table(
    "check_months",
    METADATA,
    # Hits of decisions that count, by check, month of service, hospital and currency.
    sa.Column("rule_id", sa.Text(), primary_key=True),
    sa.Column("month", sa.Date(), primary_key=True),
    sa.Column("provider_id", sa.Text(), primary_key=True),
    sa.Column("currency", sa.Text(), primary_key=True),
    sa.Column("hits", sa.Integer(), nullable=False),
    sa.Column("claims", sa.Integer(), nullable=False),
    sa.Column("exposure_fen", sa.BigInteger(), nullable=False),
    sa.Index(None, "month"),
)
CHECK_VERDICTS_SQL = sa.Table(
    "check_verdicts",
    METADATA,
    # Claims that count by verdict, by check and month of service; on trial apart.
    sa.Column("rule_id", sa.Text(), primary_key=True),
    sa.Column("month", sa.Date(), primary_key=True),
    sa.Column("on_trial", sa.Boolean(), primary_key=True),
    sa.Column("passed", sa.Integer(), nullable=False),
    sa.Column("hit", sa.Integer(), nullable=False),
    sa.Column("unknown", sa.Integer(), nullable=False),
    sa.Column("out_of_force", sa.Integer(), nullable=False),
    sa.Index(None, "month"),
)
CHECK_ROLLUPS_SQL = sa.Table(
    "check_rollups",
    METADATA,
    # One row: up to which change of claims the two tables above are told.
    sa.Column("rollup", sa.Text(), primary_key=True),
    sa.Column("told_upto", Instant(), nullable=False),
)
