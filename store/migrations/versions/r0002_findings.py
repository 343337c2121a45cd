"""What many stays show: findings on a hospital's month or a physician's day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table of findings."""
    op.create_table(
        "findings",
        sa.Column("finding_id", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("physician_id", sa.Text(), nullable=True),
        sa.Column("period_start", sa.Date(), nullable=False),
        sa.Column("period_end", sa.Date(), nullable=False),
        sa.Column("upto", sa.Date(), nullable=False),
        sa.Column("region_code", sa.Text(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("stay_count", sa.Integer(), nullable=False),
        sa.Column("rule_id", sa.Text(), nullable=False),
        sa.Column("rule_sha256", sa.Text(), nullable=False),
        sa.Column("rules_sha256", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("exposure_fen", sa.BigInteger(), nullable=True),
        sa.Column("thresholds", sa.Text(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("finding_zh", sa.Text(), nullable=False),
        sa.Column("finding_en", sa.Text(), nullable=False),
        sa.Column("title_zh", sa.Text(), nullable=False),
        sa.Column("title_en", sa.Text(), nullable=False),
        sa.Column("severity_rank", sa.SmallInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "severity IN ('info', 'low', 'medium', 'high', 'critical')",
            name=op.f("ck_findings_severity"),
        ),
        sa.ForeignKeyConstraint(
            ["rules_sha256"], ["rulesets.sha256"], name=op.f("fk_findings_rulesets")
        ),
        sa.PrimaryKeyConstraint("finding_id", name=op.f("pk_findings")),
    )
    for columns in (
        ["provider_id", "period_start"],
        ["rule_id", "period_start"],
        ["severity_rank", "finding_id"],
    ):
        op.create_index(op.f(f"ix_findings_{'_'.join(columns)}"), "findings", columns, unique=False)


def downgrade() -> None:
    """Drop the table of findings."""
    op.drop_index(op.f("ix_findings_severity_rank_finding_id"), table_name="findings")
    op.drop_index(op.f("ix_findings_rule_id_period_start"), table_name="findings")
    op.drop_index(op.f("ix_findings_provider_id_period_start"), table_name="findings")
    op.drop_table("findings")
