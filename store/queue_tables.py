"""The SQL tables of the work queue beside ``alerts``: odds of checks, due times, saved views."""

from __future__ import annotations

import sqlalchemy as sa

from store.tables import METADATA, Instant, created

CHECK_ODDS_SQL = sa.Table(
    "check_odds",
    METADATA,
    sa.Column("rule_id", sa.Text(), primary_key=True),
    # The severity of its hits, which gives the prior.
    sa.Column("severity", sa.Text(), nullable=False),
    # What its reviews had said when the probability was last reckoned.
    sa.Column("confirmed", sa.Integer(), nullable=False),
    sa.Column("concluded", sa.Integer(), nullable=False),
    sa.Column("probability", sa.Double(), nullable=False),
    sa.Column("changed_at", Instant(), nullable=False),
)
DUE_TIMES_SQL = sa.Table(
    "due_times",
    METADATA,
    sa.Column("severity", sa.Text(), primary_key=True),
    sa.Column("hours", sa.Integer(), nullable=False),
    sa.CheckConstraint("hours > 0", name="hours"),
)
VIEWS_SQL = sa.Table(
    "saved_views",
    METADATA,
    sa.Column("view_id", sa.Text(), primary_key=True),
    sa.Column("user_id", sa.Text(), nullable=False),
    sa.Column("name", sa.Text(), nullable=False),
    # The filter and order as the query of the page.
    sa.Column("query", sa.Text(), nullable=False),
    # Everybody of this role sees it too; empty for its owner alone.
    sa.Column("role", sa.Text()),
    sa.Column("version", sa.Integer(), nullable=False),
    created(),
    sa.Column("changed_at", Instant(), nullable=False),
    sa.Index(None, "user_id", "name", unique=True),
    sa.Index(None, "role"),
)
