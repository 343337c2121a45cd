"""A language model's words: what was asked and said, on what it was used, which model is on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_INDEXES = (
    ("wordings", ("facts_sha256", "source"), True),
    ("wordings", ("sampled", "judgement", "asked_at", "wording_id"), False),
    ("wordings", ("source", "verdict"), False),
    ("wording_uses", ("subject_id",), False),
)


def upgrade() -> None:
    """Create the tables."""
    instant = sa.DateTime(timezone=True)
    op.create_table(
        "wordings",
        sa.Column("wording_id", sa.Text(), nullable=False),
        sa.Column("facts_sha256", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("lang", sa.Text(), nullable=False),
        sa.Column("card_key", sa.Text(), nullable=False),
        sa.Column("prompt_sha256", sa.Text(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("refused", sa.JSON(), nullable=False),
        sa.Column("latency_ms", sa.Integer(), nullable=False),
        sa.Column("asked_at", instant, nullable=False),
        sa.Column("sampled", sa.Boolean(), nullable=False),
        sa.Column("judgement", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("judged_by", sa.Text(), nullable=True),
        sa.Column("judged_name", sa.Text(), nullable=True),
        sa.Column("judged_at", instant, nullable=True),
        sa.CheckConstraint(
            "verdict IN ('taken', 'refused', 'failed')", name=op.f("ck_wordings_verdict")
        ),
        sa.CheckConstraint(
            "judgement IN ('good', 'unclear', 'wrong')", name=op.f("ck_wordings_judgement")
        ),
        sa.CheckConstraint(
            "(judgement IS NULL) = (judged_at IS NULL)", name=op.f("ck_wordings_judged")
        ),
        sa.PrimaryKeyConstraint("wording_id", name=op.f("pk_wordings")),
    )
    op.create_table(
        "wording_uses",
        sa.Column("wording_id", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("used_at", instant, nullable=False),
        sa.ForeignKeyConstraint(
            ["wording_id"], ["wordings.wording_id"], name=op.f("fk_wording_uses_wordings")
        ),
        sa.PrimaryKeyConstraint("wording_id", "subject_id", name=op.f("pk_wording_uses")),
    )
    op.create_table(
        "wording_models",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("switched_on", sa.Boolean(), nullable=False),
        sa.Column("because", sa.Text(), nullable=True),
        sa.Column("changed_at", instant, nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("source", name=op.f("pk_wording_models")),
    )
    for table, columns, unique in _INDEXES:
        op.create_index(
            op.f(f"ix_{table}_{'_'.join(columns)}"), table, list(columns), unique=unique
        )


def downgrade() -> None:
    """Drop them."""
    for name in ("wording_models", "wording_uses", "wordings"):
        op.drop_table(name)
