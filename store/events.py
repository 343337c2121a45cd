"""What happened to work: one row an event, written in the transaction that makes it happen.

Live queues and webhooks are told from these rows. An event names what it is about and whose it
is; it holds no personal data.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from store.webhook_tables import WORK_EVENTS_SQL as EVENTS


def emit(
    connection: sa.Connection,
    kind: str,
    subject_id: str,
    *,
    at: datetime,
    actor: str | None = None,
    provider_id: str | None = None,
    department: str | None = None,
    physician_id: str | None = None,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Note an event such as ``case.opened``, within the caller's transaction."""
    connection.execute(
        sa.insert(EVENTS).values(
            kind=kind,
            subject_id=subject_id,
            provider_id=provider_id,
            department=department,
            physician_id=physician_id,
            actor=actor,
            data=dict(data or {}),
            happened_at=at,
        )
    )
