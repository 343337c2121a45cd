"""Cards for physicians: proposed, shown and answered; their budgets; checks that are quiet for physicians."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)
_INDEXES = (
    ("cards", "suggestion_key", "day"),
    ("cards", "stay_id", "created_at"),
    ("cards", "physician_id", "created_at", "card_id"),
    ("cards", "day", "provider_id"),
    ("card_answers", "card_id"),
    ("card_days", "day"),
    ("card_subjects", "changed_at"),
    ("quiet_checks", "rule_id", "provider_id"),
    ("quiet_checks", "proposed_at", "quiet_id"),
)
_TABLES = (
    "quiet_steps",
    "quiet_checks",
    "card_subjects",
    "card_days",
    "card_answers",
    "card_rules",
    "cards",
)


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "cards",
        sa.Column("card_id", sa.Text(), nullable=False),
        sa.Column("stay_id", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("physician_id", sa.Text(), nullable=False),
        sa.Column("department", sa.Text(), nullable=True),
        sa.Column("hook", sa.Text(), nullable=False),
        sa.Column("suggestion_key", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("indicator", sa.Text(), nullable=False),
        sa.Column("effect_fen", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("answered_at", _INSTANT, nullable=True),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.CheckConstraint(
            "outcome IN ('shown', 'repeat', 'budget', 'quiet')", name=op.f("ck_cards_outcome")
        ),
        sa.CheckConstraint(
            "answer IN ('accepted', 'overridden', 'later')", name=op.f("ck_cards_answer")
        ),
        sa.PrimaryKeyConstraint("card_id", name=op.f("pk_cards")),
    )
    op.create_table(
        "card_rules",
        sa.Column("card_id", sa.Text(), nullable=False),
        sa.Column("rule_id", sa.Text(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["card_id"], ["cards.card_id"], name=op.f("fk_card_rules_cards"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("card_id", "rule_id", name=op.f("pk_card_rules")),
    )
    op.create_table(
        "card_answers",
        sa.Column("answer_id", sa.Text(), nullable=False),
        sa.Column("card_id", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("accepted", sa.JSON(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column("answered_at", _INSTANT, nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.CheckConstraint(
            "outcome IN ('accepted', 'overridden', 'later')", name=op.f("ck_card_answers_outcome")
        ),
        sa.ForeignKeyConstraint(
            ["card_id"], ["cards.card_id"], name=op.f("fk_card_answers_cards"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("answer_id", name=op.f("pk_card_answers")),
    )
    op.create_table(
        "card_days",
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("physician_id", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("shown", sa.Integer(), nullable=False),
        sa.CheckConstraint("shown >= 0", name=op.f("ck_card_days_shown")),
        sa.PrimaryKeyConstraint("provider_id", "physician_id", "day", name=op.f("pk_card_days")),
    )
    op.create_table(
        "card_subjects",
        sa.Column("suggestion_key", sa.Text(), nullable=False),
        sa.Column("stay_id", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("card_id", sa.Text(), nullable=False),
        sa.Column("again_on", sa.Date(), nullable=True),
        sa.Column("changed_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("suggestion_key", name=op.f("pk_card_subjects")),
    )
    op.create_table(
        "quiet_checks",
        sa.Column("quiet_id", sa.Text(), nullable=False),
        sa.Column("rule_id", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("figures", sa.JSON(), nullable=False),
        sa.Column("proposed_by", sa.Text(), nullable=False),
        sa.Column("proposed_name", sa.Text(), nullable=False),
        sa.Column("proposed_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("quiet_id", name=op.f("pk_quiet_checks")),
        sa.UniqueConstraint(
            "quiet_id", "proposed_by", name=op.f("uq_quiet_checks_quiet_id_proposed_by")
        ),
    )
    op.create_table(
        "quiet_steps",
        sa.Column("quiet_id", sa.Text(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("proposed_by", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("since", sa.Date(), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("decided_name", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("decided_at", _INSTANT, nullable=False),
        sa.CheckConstraint(
            "(step = 1 AND outcome IN ('confirmed', 'refused', 'withdrawn')) "
            "OR (step = 2 AND outcome = 'ended')",
            name=op.f("ck_quiet_steps_step"),
        ),
        sa.CheckConstraint(
            "(outcome = 'confirmed') = (since IS NOT NULL)", name=op.f("ck_quiet_steps_since")
        ),
        sa.CheckConstraint(
            "outcome <> 'confirmed' OR decided_by <> proposed_by",
            name=op.f("ck_quiet_steps_two_persons"),
        ),
        sa.ForeignKeyConstraint(
            ["quiet_id", "proposed_by"],
            ["quiet_checks.quiet_id", "quiet_checks.proposed_by"],
            name=op.f("fk_quiet_steps_quiet_checks"),
        ),
        sa.PrimaryKeyConstraint("quiet_id", "step", name=op.f("pk_quiet_steps")),
    )
    for table, *columns in _INDEXES:
        op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, columns, unique=False)


def downgrade() -> None:
    """Drop them."""
    for name in _TABLES:
        op.drop_table(name)
