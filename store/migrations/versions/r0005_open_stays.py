"""Patients in hospital: each stay so far, what was found on it and what was told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables of open stays, their orders and lines, decisions and suggestions."""
    op.create_table(
        "open_lines",
        sa.Column("stay_id", sa.Text(), nullable=False),
        sa.Column("line_id", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("stay_id", "line_id", name=op.f("pk_open_lines")),
    )
    op.create_table(
        "open_orders",
        sa.Column("stay_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("item_code", sa.Text(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("stay_id", "order_id", name=op.f("pk_open_orders")),
    )
    op.create_table(
        "open_stays",
        sa.Column("stay_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("patient_id", sa.Text(), nullable=False),
        sa.Column("physician_id", sa.Text(), nullable=True),
        sa.Column("department", sa.Text(), nullable=True),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("running_cost_fen", sa.BigInteger(), nullable=False),
        sa.Column("costs", sa.JSON(), nullable=False),
        sa.Column("active_orders", sa.Integer(), nullable=False),
        sa.Column("last_event_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_event_id", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("stay_id", name=op.f("pk_open_stays")),
    )
    op.create_index(
        op.f("ix_open_stays_phase_last_event_time"),
        "open_stays",
        ["phase", "last_event_time"],
        unique=False,
    )
    op.create_index(
        op.f("ix_open_stays_provider_id_phase"),
        "open_stays",
        ["provider_id", "phase"],
        unique=False,
    )
    op.create_table(
        "plan_suggestions",
        sa.Column("suggestion_id", sa.Text(), nullable=False),
        sa.Column("stay_id", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("physician_id", sa.Text(), nullable=True),
        sa.Column("indicator", sa.Text(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("suggestion_id", name=op.f("pk_plan_suggestions")),
    )
    op.create_index(
        op.f("ix_plan_suggestions_physician_id_created_at"),
        "plan_suggestions",
        ["physician_id", "created_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_plan_suggestions_stay_id_created_at"),
        "plan_suggestions",
        ["stay_id", "created_at"],
        unique=False,
    )
    op.create_table(
        "order_decisions",
        sa.Column("decision_id", sa.Text(), nullable=False),
        sa.Column("stay_id", sa.Text(), nullable=False),
        sa.Column("patient_id", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("physician_id", sa.Text(), nullable=True),
        sa.Column("department", sa.Text(), nullable=True),
        sa.Column("rule_id", sa.Text(), nullable=False),
        sa.Column("rule_sha256", sa.Text(), nullable=False),
        sa.Column("rules_sha256", sa.Text(), nullable=False),
        sa.Column("pack_sha256", sa.Text(), nullable=False),
        sa.Column("state_sha256", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("thresholds", sa.Text(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("finding_zh", sa.Text(), nullable=False),
        sa.Column("finding_en", sa.Text(), nullable=False),
        sa.Column("occurrence", sa.Integer(), nullable=False),
        sa.Column("told", sa.Boolean(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("judged_as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cleared_by", sa.Text(), nullable=True),
        sa.Column("suggestion_id", sa.Text(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "severity IN ('info', 'low', 'medium', 'high', 'critical')",
            name=op.f("ck_order_decisions_severity"),
        ),
        sa.ForeignKeyConstraint(
            ["rules_sha256"], ["rulesets.sha256"], name=op.f("fk_order_decisions_rulesets")
        ),
        sa.PrimaryKeyConstraint("decision_id", name=op.f("pk_order_decisions")),
    )
    op.create_index(
        op.f("ix_order_decisions_physician_id_judged_as_of"),
        "order_decisions",
        ["physician_id", "judged_as_of"],
        unique=False,
    )
    op.create_index(
        op.f("ix_order_decisions_rule_id_judged_as_of"),
        "order_decisions",
        ["rule_id", "judged_as_of"],
        unique=False,
    )
    op.create_index(
        op.f("ix_order_decisions_stay_id_rule_id"),
        "order_decisions",
        ["stay_id", "rule_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_order_decisions_suggestion_id"), "order_decisions", ["suggestion_id"], unique=False
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_index(op.f("ix_order_decisions_suggestion_id"), table_name="order_decisions")
    op.drop_index(op.f("ix_order_decisions_stay_id_rule_id"), table_name="order_decisions")
    op.drop_index(op.f("ix_order_decisions_rule_id_judged_as_of"), table_name="order_decisions")
    op.drop_index(
        op.f("ix_order_decisions_physician_id_judged_as_of"), table_name="order_decisions"
    )
    op.drop_table("order_decisions")
    op.drop_index(op.f("ix_plan_suggestions_stay_id_created_at"), table_name="plan_suggestions")
    op.drop_index(
        op.f("ix_plan_suggestions_physician_id_created_at"), table_name="plan_suggestions"
    )
    op.drop_table("plan_suggestions")
    op.drop_index(op.f("ix_open_stays_provider_id_phase"), table_name="open_stays")
    op.drop_index(op.f("ix_open_stays_phase_last_event_time"), table_name="open_stays")
    op.drop_table("open_stays")
    op.drop_table("open_orders")
    op.drop_table("open_lines")
