"""The SQL tables of patients in hospital: each stay so far, and what was told about it.

A change here needs a migration: a test compares both.
"""

from __future__ import annotations

import sqlalchemy as sa

from domain.orders import ORDER_DECISIONS
from store.tables import METADATA, RULESETS_SQL, Instant, created, mirror

OPEN_STAYS_SQL = sa.Table(
    "open_stays",
    METADATA,
    sa.Column("stay_id", sa.Text(), primary_key=True),
    # Counts the writes: a writer that read an older one writes nothing.
    sa.Column("version", sa.Integer(), nullable=False),
    sa.Column("provider_id", sa.Text(), nullable=False),
    sa.Column("patient_id", sa.Text(), nullable=False),
    sa.Column("physician_id", sa.Text()),
    sa.Column("department", sa.Text()),
    sa.Column("phase", sa.Text(), nullable=False),
    sa.Column("currency", sa.Text()),
    sa.Column("running_cost_fen", sa.BigInteger(), nullable=False),
    # Charge category -> running cost, as a JSON object.
    sa.Column("costs", sa.JSON(), nullable=False),
    sa.Column("active_orders", sa.Integer(), nullable=False),
    sa.Column("last_event_time", Instant(), nullable=False),
    sa.Column("last_event_id", sa.Text(), nullable=False),
    # What is not in the two tables below: head, lists, discharge, what was told; zlib of JSON.
    sa.Column("body", sa.LargeBinary(), nullable=False),
    created(),
    sa.Column("changed_at", Instant(), nullable=False),
    sa.Index(None, "provider_id", "phase"),
    sa.Index(None, "phase", "last_event_time"),
)
OPEN_ORDERS_SQL = sa.Table(
    "open_orders",
    METADATA,
    sa.Column("stay_id", sa.Text(), primary_key=True),
    sa.Column("order_id", sa.Text(), primary_key=True),
    # Empty while only the status of the order is known, or only its content.
    sa.Column("status", sa.Text()),
    sa.Column("item_code", sa.Text()),
    sa.Column("body", sa.LargeBinary(), nullable=False),
)
OPEN_LINES_SQL = sa.Table(
    "open_lines",
    METADATA,
    sa.Column("stay_id", sa.Text(), primary_key=True),
    sa.Column("line_id", sa.Text(), primary_key=True),
    sa.Column("category", sa.Text(), nullable=False),
    sa.Column("amount_fen", sa.BigInteger(), nullable=False),
    sa.Column("body", sa.LargeBinary(), nullable=False),
)
ORDER_DECISIONS_SQL = mirror(
    ORDER_DECISIONS,
    sa.ForeignKeyConstraint(["rules_sha256"], [RULESETS_SQL.c.sha256]),
    sa.Column("decided_at", Instant(), nullable=False),
    sa.Index(None, "stay_id", "rule_id"),
    sa.Index(None, "rule_id", "judged_as_of"),
    sa.Index(None, "physician_id", "judged_as_of"),
    sa.Index(None, "suggestion_id"),
)
PLAN_SUGGESTIONS_SQL = sa.Table(
    "plan_suggestions",
    METADATA,
    sa.Column("suggestion_id", sa.Text(), primary_key=True),
    sa.Column("stay_id", sa.Text(), nullable=False),
    sa.Column("provider_id", sa.Text(), nullable=False),
    sa.Column("physician_id", sa.Text()),
    sa.Column("indicator", sa.Text(), nullable=False),
    # The message of topic plan-suggestions, as it went out.
    sa.Column("body", sa.JSON(), nullable=False),
    created(),
    sa.Index(None, "stay_id", "created_at"),
    sa.Index(None, "physician_id", "created_at"),
)

OPEN_TABLES = (
    OPEN_STAYS_SQL, OPEN_ORDERS_SQL, OPEN_LINES_SQL, ORDER_DECISIONS_SQL, PLAN_SUGGESTIONS_SQL,
)  # fmt: skip
"""All tables of patients in hospital, referred ones first."""
