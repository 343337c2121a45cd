"""Changes of parameters: proposed and decided; backtests; and how checks did, a month at a time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_INDEXES = (
    ("backtests", "rule_id", "asked_at"),
    ("backtests", "status", "touched_at"),
    ("proposals", "proposed_at", "proposal_id"),
    ("proposals", "rule_id", "since"),
    ("check_months", "month"),
    ("check_verdicts", "month"),
)
_TABLES = (
    "check_rollups",
    "check_verdicts",
    "check_months",
    "proposal_endings",
    "proposals",
    "backtests",
)


def upgrade() -> None:
    """Create the tables."""
    instant = sa.DateTime(timezone=True)
    op.create_table(
        "backtests",
        sa.Column("backtest_id", sa.Text(), nullable=False),
        sa.Column("rule_id", sa.Text(), nullable=False),
        sa.Column("tried", sa.JSON(), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("asked_name", sa.Text(), nullable=False),
        sa.Column("asked_at", instant, nullable=False),
        sa.Column("rules_sha256", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=True),
        sa.Column("touched_at", instant, nullable=False),
        sa.Column("finished_at", instant, nullable=True),
        sa.Column("result", sa.JSON(), nullable=True),
        sa.Column("trouble", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'done', 'failed')", name=op.f("ck_backtests_status")
        ),
        sa.PrimaryKeyConstraint("backtest_id", name=op.f("pk_backtests")),
    )
    op.create_table(
        "proposals",
        sa.Column("proposal_id", sa.Text(), nullable=False),
        sa.Column("rule_id", sa.Text(), nullable=False),
        sa.Column("parameter", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("value_before", sa.Text(), nullable=True),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("rule_sha256", sa.Text(), nullable=False),
        sa.Column("backtest_id", sa.Text(), nullable=True),
        sa.Column("proposed_by", sa.Text(), nullable=False),
        sa.Column("proposed_name", sa.Text(), nullable=False),
        sa.Column("proposed_at", instant, nullable=False),
        sa.ForeignKeyConstraint(
            ["backtest_id"], ["backtests.backtest_id"], name=op.f("fk_proposals_backtests")
        ),
        sa.PrimaryKeyConstraint("proposal_id", name=op.f("pk_proposals")),
        sa.UniqueConstraint(
            "proposal_id", "proposed_by", name=op.f("uq_proposals_proposal_id_proposed_by")
        ),
    )
    op.create_table(
        "proposal_endings",
        sa.Column("proposal_id", sa.Text(), nullable=False),
        sa.Column("proposed_by", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("ended_by", sa.Text(), nullable=False),
        sa.Column("ended_name", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("ended_at", instant, nullable=False),
        sa.CheckConstraint(
            "outcome IN ('approved', 'refused', 'withdrawn')",
            name=op.f("ck_proposal_endings_outcome"),
        ),
        sa.CheckConstraint(
            "(outcome = 'withdrawn') = (ended_by = proposed_by)",
            name=op.f("ck_proposal_endings_two_persons"),
        ),
        sa.ForeignKeyConstraint(
            ["proposal_id", "proposed_by"],
            ["proposals.proposal_id", "proposals.proposed_by"],
            name=op.f("fk_proposal_endings_proposals"),
        ),
        sa.PrimaryKeyConstraint("proposal_id", name=op.f("pk_proposal_endings")),
    )
    op.create_table(
        "check_months",
        sa.Column("rule_id", sa.Text(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("hits", sa.Integer(), nullable=False),
        sa.Column("claims", sa.Integer(), nullable=False),
        sa.Column("exposure_fen", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "rule_id", "month", "provider_id", "currency", name=op.f("pk_check_months")
        ),
    )
    op.create_table(
        "check_verdicts",
        sa.Column("rule_id", sa.Text(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("on_trial", sa.Boolean(), nullable=False),
        sa.Column("passed", sa.Integer(), nullable=False),
        sa.Column("hit", sa.Integer(), nullable=False),
        sa.Column("unknown", sa.Integer(), nullable=False),
        sa.Column("out_of_force", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("rule_id", "month", "on_trial", name=op.f("pk_check_verdicts")),
    )
    op.create_table(
        "check_rollups",
        sa.Column("rollup", sa.Text(), nullable=False),
        sa.Column("told_upto", instant, nullable=False),
        sa.PrimaryKeyConstraint("rollup", name=op.f("pk_check_rollups")),
    )
    for table, *columns in _INDEXES:
        op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, columns, unique=False)


def downgrade() -> None:
    """Drop them."""
    for name in _TABLES:
        op.drop_table(name)
