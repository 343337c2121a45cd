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
    sa.Index(None, "happened_at"),
)
