"""The register of models: their files, their roles, and what a challenger scores."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "model_files",
        sa.Column("model_sha256", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["model_sha256"], ["models.sha256"], name=op.f("fk_model_files_models")
        ),
        sa.PrimaryKeyConstraint("model_sha256", "name", name=op.f("pk_model_files")),
    )
    op.create_table(
        "model_roles",
        sa.Column(
            "appointment_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("model_sha256", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("appointed_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("appointed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "role IN ('candidate', 'challenger', 'champion', 'retired')",
            name=op.f("ck_model_roles_role"),
        ),
        sa.ForeignKeyConstraint(
            ["model_sha256"], ["models.sha256"], name=op.f("fk_model_roles_models")
        ),
        sa.PrimaryKeyConstraint("appointment_id", name=op.f("pk_model_roles")),
    )
    op.create_index(
        op.f("ix_model_roles_model_sha256_appointment_id"),
        "model_roles",
        ["model_sha256", "appointment_id"],
        unique=False,
    )
    op.create_table(
        "shadow_scores",
        sa.Column("score_id", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("upto", sa.Date(), nullable=False),
        sa.Column("model_sha256", sa.Text(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("base_value", sa.Double(), nullable=False),
        sa.Column("contributions", sa.Text(), nullable=False),
        sa.CheckConstraint("score BETWEEN 0 AND 1", name=op.f("ck_shadow_scores_score")),
        sa.ForeignKeyConstraint(
            ["model_sha256"], ["models.sha256"], name=op.f("fk_shadow_scores_models")
        ),
        sa.PrimaryKeyConstraint("score_id", name=op.f("pk_shadow_scores")),
    )
    op.create_index(
        op.f("ix_shadow_scores_model_sha256_subject_id"),
        "shadow_scores",
        ["model_sha256", "subject_id"],
        unique=False,
    )


def downgrade() -> None:
    """Drop the tables."""
    for table in ("shadow_scores", "model_roles", "model_files"):
        op.drop_table(table)
