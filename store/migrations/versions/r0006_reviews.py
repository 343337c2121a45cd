"""What people concluded about findings: reviews."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_INDEXES = (["decision_id"], ["finding_id"], ["stay_id", "rule_id"], ["rule_id", "reviewed_at"])


def upgrade() -> None:
    """Create the table of reviews."""
    op.create_table(
        "reviews",
        sa.Column("review_id", sa.Text(), nullable=False),
        sa.Column("decision_id", sa.Text(), nullable=True),
        sa.Column("stay_id", sa.Text(), nullable=True),
        sa.Column("finding_id", sa.Text(), nullable=True),
        sa.Column("rule_id", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("recovered_fen", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("reviewer", sa.Text(), nullable=False),
        sa.Column("reviewed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "outcome IN ('confirmed', 'partly', 'not_confirmed', 'needs_information')",
            name=op.f("ck_reviews_outcome"),
        ),
        sa.CheckConstraint(
            "reason IN ('violation', 'coding-error', 'charging-error', 'data-error', 'documented', "
            "'exception', 'check-at-fault', 'record-missing', 'explanation-awaited', 'other')",
            name=op.f("ck_reviews_reason"),
        ),
        sa.CheckConstraint(
            "(decision_id IS NULL) <> (finding_id IS NULL)", name=op.f("ck_reviews_subject")
        ),
        sa.CheckConstraint(
            "(decision_id IS NULL) = (stay_id IS NULL)", name=op.f("ck_reviews_stay")
        ),
        sa.CheckConstraint(
            "(recovered_fen IS NULL) = (currency IS NULL)", name=op.f("ck_reviews_recovered")
        ),
        sa.CheckConstraint("recovered_fen >= 0", name=op.f("ck_reviews_recovered_fen")),
        sa.ForeignKeyConstraint(
            ["decision_id"], ["decisions.decision_id"], name=op.f("fk_reviews_decisions")
        ),
        sa.ForeignKeyConstraint(
            ["finding_id"], ["findings.finding_id"], name=op.f("fk_reviews_findings")
        ),
        sa.PrimaryKeyConstraint("review_id", name=op.f("pk_reviews")),
    )
    for columns in _INDEXES:
        op.create_index(op.f(f"ix_reviews_{'_'.join(columns)}"), "reviews", columns, unique=False)


def downgrade() -> None:
    """Drop the table of reviews."""
    for columns in reversed(_INDEXES):
        op.drop_index(op.f(f"ix_reviews_{'_'.join(columns)}"), table_name="reviews")
    op.drop_table("reviews")
