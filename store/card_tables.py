"""The SQL tables of cards for physicians: what was proposed, shown and answered; budgets; quiet checks.

Answers and the steps of quiet checks are added and never changed. A change here needs a
migration: a test compares both.
"""

from __future__ import annotations

import sqlalchemy as sa

from domain.cards import ANSWERS, HELD, SHOWN
from store.tables import METADATA, Instant

CARDS_SQL = sa.Table(
    "cards",
    METADATA,
    sa.Column("card_id", sa.Text(), primary_key=True),
    sa.Column("stay_id", sa.Text(), nullable=False),
    sa.Column("provider_id", sa.Text(), nullable=False),
    sa.Column("physician_id", sa.Text(), nullable=False),
    sa.Column("department", sa.Text()),
    sa.Column("hook", sa.Text(), nullable=False),
    sa.Column("suggestion_key", sa.Text(), nullable=False),
    sa.Column("digest", sa.Text(), nullable=False),
    sa.Column("severity", sa.Text(), nullable=False),
    sa.Column("indicator", sa.Text(), nullable=False),
    sa.Column("effect_fen", sa.BigInteger(), nullable=False),
    # Texts and suggestions.
    sa.Column("body", sa.JSON(), nullable=False),
    # Shown, or why not.
    sa.Column("outcome", sa.Text(), nullable=False),
    # The day of China whose budget it counts in.
    sa.Column("day", sa.Date(), nullable=False),
    # How often it was proposed that day with the same end; one row stands for all of them.
    sa.Column("times", sa.Integer(), nullable=False),
    # The answer that counts: the last one said.
    sa.Column("answer", sa.Text()),
    sa.Column("reason", sa.Text()),
    sa.Column("answered_at", Instant()),
    sa.Column("created_at", Instant(), nullable=False),
    sa.CheckConstraint(sa.column("outcome").in_([SHOWN, *HELD]), name="outcome"),
    sa.CheckConstraint(sa.column("answer").in_(list(ANSWERS)), name="answer"),
    sa.Index(None, "suggestion_key", "day"),
    sa.Index(None, "stay_id", "created_at"),
    sa.Index(None, "physician_id", "created_at", "card_id"),
    sa.Index(None, "day", "provider_id"),
)
CARD_RULES_SQL = sa.Table(
    "card_rules",
    METADATA,
    sa.Column("card_id", sa.Text(), primary_key=True),
    sa.Column("rule_id", sa.Text(), primary_key=True),
    # The place among the card's checks: the first is what it is about.
    sa.Column("place", sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(["card_id"], ["cards.card_id"], ondelete="CASCADE"),
)
CARD_ANSWERS_SQL = sa.Table(
    "card_answers",
    METADATA,
    # Made of what was said: the same answer sent again is the same row.
    sa.Column("answer_id", sa.Text(), primary_key=True),
    sa.Column("card_id", sa.Text(), nullable=False),
    sa.Column("outcome", sa.Text(), nullable=False),
    sa.Column("accepted", sa.JSON(), nullable=False),
    sa.Column("reason", sa.Text()),
    sa.Column("comment", sa.Text()),
    sa.Column("answered_at", Instant(), nullable=False),
    sa.Column("created_at", Instant(), nullable=False),
    sa.CheckConstraint(sa.column("outcome").in_(list(ANSWERS)), name="outcome"),
    sa.ForeignKeyConstraint(["card_id"], ["cards.card_id"], ondelete="CASCADE"),
    sa.Index(None, "card_id"),
)
CARD_DAYS_SQL = sa.Table(
    "card_days",
    METADATA,
    # One row a physician and day: held while cards are offered, so that two offers take turns.
    sa.Column("provider_id", sa.Text(), primary_key=True),
    sa.Column("physician_id", sa.Text(), primary_key=True),
    sa.Column("day", sa.Date(), primary_key=True),
    sa.Column("shown", sa.Integer(), nullable=False),
    sa.CheckConstraint("shown >= 0", name="shown"),
    sa.Index(None, "day"),
)
CARD_SUBJECTS_SQL = sa.Table(
    "card_subjects",
    METADATA,
    # What was last shown about one thing of a stay.
    sa.Column("suggestion_key", sa.Text(), primary_key=True),
    sa.Column("stay_id", sa.Text(), nullable=False),
    # Empty until something was shown.
    sa.Column("digest", sa.Text(), nullable=False),
    sa.Column("card_id", sa.Text(), nullable=False),
    # Answered with "later": from this day on it may be shown again.
    sa.Column("again_on", sa.Date()),
    sa.Column("changed_at", Instant(), nullable=False),
    sa.Index(None, "changed_at"),
)
QUIET_CHECKS_SQL = sa.Table(
    "quiet_checks",
    METADATA,
    sa.Column("quiet_id", sa.Text(), primary_key=True),
    sa.Column("rule_id", sa.Text(), nullable=False),
    # Empty for everywhere.
    sa.Column("provider_id", sa.Text(), nullable=False),
    sa.Column("why", sa.Text(), nullable=False),
    # The figures that it was proposed with.
    sa.Column("figures", sa.JSON(), nullable=False),
    sa.Column("proposed_by", sa.Text(), nullable=False),
    sa.Column("proposed_name", sa.Text(), nullable=False),
    sa.Column("proposed_at", Instant(), nullable=False),
    # Only so that a step can repeat who proposed (below).
    sa.UniqueConstraint("quiet_id", "proposed_by"),
    sa.Index(None, "rule_id", "provider_id"),
    sa.Index(None, "proposed_at", "quiet_id"),
)
QUIET_STEPS_SQL = sa.Table(
    "quiet_steps",
    METADATA,
    # Step 1 decides, step 2 takes a confirmed one back: whoever comes second is refused by the key.
    sa.Column("quiet_id", sa.Text(), primary_key=True),
    sa.Column("step", sa.Integer(), primary_key=True),
    sa.Column("proposed_by", sa.Text(), nullable=False),
    sa.Column("outcome", sa.Text(), nullable=False),
    # Of a confirmation: the first day of China on which it is quiet.
    sa.Column("since", sa.Date()),
    sa.Column("decided_by", sa.Text(), nullable=False),
    sa.Column("decided_name", sa.Text(), nullable=False),
    sa.Column("reason", sa.Text(), nullable=False),
    sa.Column("decided_at", Instant(), nullable=False),
    sa.ForeignKeyConstraint(
        ["quiet_id", "proposed_by"], ["quiet_checks.quiet_id", "quiet_checks.proposed_by"]
    ),
    sa.CheckConstraint(
        "(step = 1 AND outcome IN ('confirmed', 'refused', 'withdrawn')) "
        "OR (step = 2 AND outcome = 'ended')",
        name="step",
    ),
    sa.CheckConstraint("(outcome = 'confirmed') = (since IS NOT NULL)", name="since"),
    # Two persons: the database itself refuses that somebody confirms what is their own.
    sa.CheckConstraint("outcome <> 'confirmed' OR decided_by <> proposed_by", name="two_persons"),
)
