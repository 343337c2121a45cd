"""Webhooks and their deliveries: who is told of which events, and what became of each message.

Events become deliveries in one transaction, whatever order they were committed in: each carries
whether that was done. A worker owns a webhook for a while (``owned_until``) and sends its messages
in order; if it dies, another one takes over, and a message may come twice under the same id.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from domain.access import Rows
from store.errors import translate
from store.events import emit
from store.webhook_tables import DELIVERIES_SQL as DELIVERIES
from store.webhook_tables import WEBHOOKS_SQL as WEBHOOKS
from store.webhook_tables import WORK_EVENTS_SQL as EVENTS

Row = dict[str, Any]
Message = tuple[str, str]
"""Id (the header webhook-id) and body of a message."""

OWNED_FOR: Final = timedelta(seconds=90)
"""How long a worker owns a webhook without a sign of life; longer than one attempt takes."""
KEPT_FOR: Final = timedelta(days=30)
"""How long settled deliveries are kept."""
_EVENTS_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Attempt:
    """How one attempt ended; ``next_at`` is the next one, None if there is none."""

    delivered: bool
    code: int | None
    error: str | None
    next_at: datetime | None
    disable: str | None = None
    """Why the webhook gets nothing more, if so."""


class Webhooks:
    """The webhooks of a store; get it from ``Store.webhooks``."""

    def __init__(self, readers: sa.Engine, writers: sa.Engine, where: str) -> None:
        self._readers, self._writers, self._where = readers, writers, where

    def keep(self, row: Mapping[str, Any]) -> None:
        """Store a new webhook; ``secret`` is sealed."""
        with translate(self._where), self._writers.begin() as connection:
            connection.execute(sa.insert(WEBHOOKS).values(**row))

    def listed(self) -> list[Row]:
        """All webhooks, oldest first, each with the numbers of its deliveries by status."""
        query = sa.select(WEBHOOKS).order_by(WEBHOOKS.c.created_at, WEBHOOKS.c.webhook_id)
        with translate(self._where), self._readers.connect() as connection:
            rows = [dict(row._mapping) for row in connection.execute(query)]
            return [{**row, "counts": _counts(connection, row["webhook_id"])} for row in rows]

    def find(self, webhook_id: str) -> Row | None:
        """One webhook with the numbers of its deliveries by status; None if there is none."""
        query = sa.select(WEBHOOKS).where(WEBHOOKS.c.webhook_id == webhook_id)
        with translate(self._where), self._readers.connect() as connection:
            row = connection.execute(query).one_or_none()
            if row is None:
                return None
            return {**row._mapping, "counts": _counts(connection, webhook_id)}

    def change(
        self, webhook_id: str, version: int, values: Mapping[str, Any], now: datetime
    ) -> bool:
        """Change a webhook that is still at that version; False if it is not."""
        changed = {**values, "version": version + 1, "changed_at": now}
        return self._one(_at(sa.update(WEBHOOKS), webhook_id, version).values(**changed))

    def remove(self, webhook_id: str, version: int) -> bool:
        """Remove a webhook that is still at that version, with its deliveries; False if it is not."""
        return self._one(_at(sa.delete(WEBHOOKS), webhook_id, version))

    def reseal(self, renew: Callable[[bytes], bytes]) -> int:
        """Seal every secret anew, such as under another key; how many webhooks there are."""
        with translate(self._where), self._writers.begin() as connection:
            rows = connection.execute(
                sa.select(WEBHOOKS.c.webhook_id, WEBHOOKS.c.secret, WEBHOOKS.c.old_secret)
            ).all()
            for row in rows:
                old = None if row.old_secret is None else renew(row.old_secret)
                connection.execute(
                    sa.update(WEBHOOKS)
                    .where(WEBHOOKS.c.webhook_id == row.webhook_id)
                    .values(secret=renew(row.secret), old_secret=old)
                )
        return len(rows)

    def spread(self, make: Callable[[Row, Row], Message], now: datetime) -> int:
        """Make waiting events into deliveries of the webhooks that are told of them; how many events.

        A webhook hears only of what happened after it was made, while it is active.
        """
        waiting = sa.select(EVENTS).where(EVENTS.c.spread_at.is_(None)).order_by(EVENTS.c.event_id)
        with translate(self._where):
            with self._readers.connect() as connection:
                if connection.execute(waiting.limit(1)).first() is None:
                    return 0
            with self._writers.begin() as connection:
                found = connection.execute(
                    waiting.limit(_EVENTS_AT_ONCE).with_for_update(skip_locked=True)
                )
                events = [dict(row._mapping) for row in found]
                told = connection.execute(sa.select(WEBHOOKS).where(WEBHOOKS.c.active))
                hooks = [dict(row._mapping) for row in told]
                made = [
                    _delivery(hook, make(hook, event), event["kind"], now, event["event_id"])
                    for event in events
                    for hook in hooks
                    if _hears(hook, event)
                ]
                if made:
                    connection.execute(sa.insert(DELIVERIES), made)
                ids = [event["event_id"] for event in events]
                connection.execute(
                    sa.update(EVENTS).where(EVENTS.c.event_id.in_(ids)).values(spread_at=now)
                )
        return len(events)

    def take(self, owner: str, now: datetime, most: int = 20) -> tuple[Row, list[Row]] | None:
        """A webhook with messages that are due, and those, oldest first; the worker then owns it.

        None if nothing is due, or if other workers own all webhooks with something due.
        """
        due = (DELIVERIES.c.status == "waiting") & (DELIVERIES.c.next_at <= now)
        free = WEBHOOKS.c.owned_until.is_(None) | (WEBHOOKS.c.owned_until < now)
        has_due = sa.exists().where(DELIVERIES.c.webhook_id == WEBHOOKS.c.webhook_id, due)
        query = sa.select(WEBHOOKS).where(WEBHOOKS.c.active, free, has_due).limit(1)
        with translate(self._where):
            with self._readers.connect() as connection:
                if connection.execute(query).first() is None:
                    return None
            with self._writers.begin() as connection:
                row = connection.execute(query.with_for_update(skip_locked=True)).first()
                if row is None:
                    return None
                this = WEBHOOKS.c.webhook_id == row.webhook_id
                connection.execute(
                    sa.update(WEBHOOKS).where(this).values(owner=owner, owned_until=now + OWNED_FOR)
                )
                messages = connection.execute(
                    sa.select(DELIVERIES)
                    .where(DELIVERIES.c.webhook_id == row.webhook_id, due)
                    .order_by(DELIVERIES.c.delivery_id)
                    .limit(most)
                )
                return dict(row._mapping), [dict(one._mapping) for one in messages]

    def settle(
        self, owner: str, webhook_id: str, delivery_id: int, attempt: Attempt, now: datetime
    ) -> bool:
        """Note how an attempt ended; whether the worker still owns the webhook and may send more."""
        with translate(self._where), self._writers.begin() as connection:
            row = connection.execute(
                sa.select(WEBHOOKS).where(WEBHOOKS.c.webhook_id == webhook_id).with_for_update()
            ).one_or_none()
            if row is None or row.owner != owner:
                return False
            over = attempt.delivered or attempt.next_at is None
            status = "delivered" if attempt.delivered else "failed" if over else "waiting"
            connection.execute(
                sa.update(DELIVERIES)
                .where(DELIVERIES.c.delivery_id == delivery_id)
                .values(
                    status=status,
                    attempts=DELIVERIES.c.attempts + 1,
                    next_at=None if over else attempt.next_at,
                    last_code=attempt.code,
                    last_error=attempt.error,
                    last_at=now,
                    delivered_at=now if attempt.delivered else None,
                )
            )
            values: Row = {"owned_until": now + OWNED_FOR}
            values["failing_since"] = None if attempt.delivered else row.failing_since or now
            if attempt.disable is not None and row.active:
                values |= {
                    "active": False,
                    "disabled_at": now,
                    "disabled_because": attempt.disable,
                    "version": row.version + 1,
                    "changed_at": now,
                }
                emit(
                    connection,
                    "webhook.disabled",
                    webhook_id,
                    at=now,
                    data={"because": attempt.disable},
                )
            connection.execute(
                sa.update(WEBHOOKS).where(WEBHOOKS.c.webhook_id == webhook_id).values(**values)
            )
            return bool(values.get("active", row.active))

    def give_back(self, owner: str, webhook_id: str) -> None:
        """Own a webhook no longer."""
        self._one(
            sa.update(WEBHOOKS)
            .where(WEBHOOKS.c.webhook_id == webhook_id, WEBHOOKS.c.owner == owner)
            .values(owner=None, owned_until=None)
        )

    def deliveries(
        self,
        webhook_id: str,
        *,
        status: str | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> list[Row]:
        """Messages of a webhook, newest first; ``before`` is the last ``delivery_id`` of the page before."""
        query = sa.select(DELIVERIES).where(DELIVERIES.c.webhook_id == webhook_id)
        if status is not None:
            query = query.where(DELIVERIES.c.status == status)
        if before is not None:
            query = query.where(DELIVERIES.c.delivery_id < before)
        query = query.order_by(DELIVERIES.c.delivery_id.desc()).limit(limit)
        with translate(self._where), self._readers.connect() as connection:
            return [dict(row._mapping) for row in connection.execute(query)]

    def queue(self, webhook_id: str, message: Message, kind: str, now: datetime) -> None:
        """Send a message of no event, such as a test."""
        row = _delivery({"webhook_id": webhook_id}, message, kind, now, None)
        with translate(self._where), self._writers.begin() as connection:
            connection.execute(sa.insert(DELIVERIES).values(**row))

    def send_again(self, webhook_id: str, message_id: str, now: datetime) -> Row | None:
        """Have a message sent again, under its id, from the first attempt on; None if there is none."""
        this = (DELIVERIES.c.webhook_id == webhook_id) & (DELIVERIES.c.message_id == message_id)
        with translate(self._where), self._writers.begin() as connection:
            connection.execute(
                sa.update(DELIVERIES)
                .where(this)
                .values(status="waiting", attempts=0, next_at=now, delivered_at=None)
            )
            row = connection.execute(sa.select(DELIVERIES).where(this)).one_or_none()
        return None if row is None else dict(row._mapping)

    def sweep(self, now: datetime) -> int:
        """Forget deliveries settled long ago; how many."""
        query = sa.delete(DELIVERIES).where(
            DELIVERIES.c.status != "waiting", DELIVERIES.c.created_at < now - KEPT_FOR
        )
        with translate(self._where), self._writers.begin() as connection:
            return connection.execute(query).rowcount

    def _one(self, statement: Any) -> bool:
        with translate(self._where), self._writers.begin() as connection:
            return bool(connection.execute(statement).rowcount)


def rows_of(webhook: Mapping[str, Any]) -> Rows:
    """Whose events a webhook is told of."""
    return Rows.of(webhook["providers"], webhook["departments"], webhook["physician_id"])


def _hears(webhook: Row, event: Row) -> bool:
    return (
        (not webhook["kinds"] or event["kind"] in webhook["kinds"])
        and webhook["created_at"] <= event["happened_at"]
        and rows_of(webhook).allow(event["provider_id"], event["department"], event["physician_id"])
        # Its own end would only be told when it is made active again.
        and not (
            event["kind"] == "webhook.disabled" and event["subject_id"] == webhook["webhook_id"]
        )
    )


def _delivery(webhook: Row, message: Message, kind: str, now: datetime, event: int | None) -> Row:
    message_id, payload = message
    return {
        "webhook_id": webhook["webhook_id"],
        "message_id": message_id,
        "event_id": event,
        "kind": kind,
        "payload": payload,
        "status": "waiting",
        "attempts": 0,
        "next_at": now,
        "created_at": now,
    }


def _at(statement: Any, webhook_id: str, version: int) -> Any:
    return statement.where(WEBHOOKS.c.webhook_id == webhook_id, WEBHOOKS.c.version == version)


def _counts(connection: sa.Connection, webhook_id: str) -> dict[str, int]:
    query = (
        sa.select(DELIVERIES.c.status, sa.func.count())
        .where(DELIVERIES.c.webhook_id == webhook_id)
        .group_by(DELIVERIES.c.status)
    )
    return {"waiting": 0, "delivered": 0, "failed": 0} | {
        status: int(number) for status, number in connection.execute(query)
    }
