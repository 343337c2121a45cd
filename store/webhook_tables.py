"""The SQL tables of: what happened to work (events), webhooks, their deliveries, and idempotency keys."""

from __future__ import annotations

import sqlalchemy as sa

from store.tables import METADATA, SERIAL, Instant

WORK_EVENTS_SQL = sa.Table(
    "work_events",
    METADATA,
    # Rises with time, but not without gaps: two writers may commit in another order.
    sa.Column("event_id", SERIAL, primary_key=True),
    sa.Column("kind", sa.Text(), nullable=False),
    sa.Column("subject_id", sa.Text(), nullable=False),
    # Whose it is: who may hear of it.
    sa.Column("provider_id", sa.Text()),
    sa.Column("department", sa.Text()),
    sa.Column("physician_id", sa.Text()),
    sa.Column("actor", sa.Text()),
    sa.Column("data", sa.JSON(), nullable=False),
    sa.Column("happened_at", Instant(), nullable=False),
    # When it was made into deliveries of webhooks; empty until then, whatever order events commit in.
    sa.Column("spread_at", Instant()),
    sa.Index(None, "happened_at"),
    sa.Index(
        "ix_work_events_waiting",
        "event_id",
        sqlite_where=sa.text("spread_at IS NULL"),
        postgresql_where=sa.text("spread_at IS NULL"),
    ),
)
WEBHOOKS_SQL = sa.Table(
    "webhooks",
    METADATA,
    sa.Column("webhook_id", sa.Text(), primary_key=True),
    sa.Column("version", sa.Integer(), nullable=False),
    sa.Column("url", sa.Text(), nullable=False),
    # Kinds of events; an empty list is all of them.
    sa.Column("kinds", sa.JSON(), nullable=False),
    sa.Column("description", sa.Text(), nullable=False),
    sa.Column("active", sa.Boolean(), nullable=False),
    # Sealed: this table alone signs nothing.
    sa.Column("secret", sa.LargeBinary(), nullable=False),
    sa.Column("old_secret", sa.LargeBinary()),
    sa.Column("old_until", Instant()),
    # Whose events are told: null is no limit.
    sa.Column("providers", sa.JSON()),
    sa.Column("departments", sa.JSON()),
    sa.Column("physician_id", sa.Text()),
    sa.Column("created_by", sa.Text(), nullable=False),
    sa.Column("created_at", Instant(), nullable=False),
    sa.Column("changed_at", Instant(), nullable=False),
    sa.Column("failing_since", Instant()),
    sa.Column("disabled_at", Instant()),
    sa.Column("disabled_because", sa.Text()),
    # Which worker is sending, and until when nobody else may.
    sa.Column("owner", sa.Text()),
    sa.Column("owned_until", Instant()),
)
DELIVERIES_SQL = sa.Table(
    "webhook_deliveries",
    METADATA,
    sa.Column("delivery_id", SERIAL, primary_key=True),
    sa.Column("webhook_id", sa.Text(), nullable=False),
    # The header webhook-id: the same at every attempt.
    sa.Column("message_id", sa.Text(), nullable=False),
    sa.Column("event_id", sa.BigInteger()),
    sa.Column("kind", sa.Text(), nullable=False),
    sa.Column("payload", sa.Text(), nullable=False),
    sa.Column("status", sa.Text(), nullable=False),
    sa.Column("attempts", sa.Integer(), nullable=False),
    sa.Column("next_at", Instant()),
    sa.Column("last_code", sa.Integer()),
    sa.Column("last_error", sa.Text()),
    sa.Column("last_at", Instant()),
    sa.Column("created_at", Instant(), nullable=False),
    sa.Column("delivered_at", Instant()),
    sa.CheckConstraint("status IN ('waiting', 'delivered', 'failed')", name="status"),
    sa.ForeignKeyConstraint(["webhook_id"], ["webhooks.webhook_id"], ondelete="CASCADE"),
    sa.Index(None, "message_id", unique=True),
    sa.Index(None, "webhook_id", "status", "next_at"),
    sa.Index(None, "created_at"),
)
IDEMPOTENCY_KEYS_SQL = sa.Table(
    "idempotency_keys",
    METADATA,
    sa.Column("principal_id", sa.Text(), primary_key=True),
    sa.Column("key", sa.Text(), primary_key=True),
    # Of method, address and body.
    sa.Column("request_sha256", sa.Text(), nullable=False),
    sa.Column("owner", sa.Text(), nullable=False),
    # Empty while the request is under way.
    sa.Column("status", sa.Integer()),
    sa.Column("headers", sa.JSON()),
    sa.Column("body", sa.LargeBinary()),
    sa.Column("created_at", Instant(), nullable=False),
    sa.Index(None, "created_at"),
)
