"""Where the stream worker stands, and what it has still to publish: offsets with their owner, outbox.

A worker *claims* a partition before it reads it: the row of ``stream_offsets`` gets its
name and the next epoch. It moves the offset on only while the row still carries both, in
the same transaction as what it decided. A worker that lost the partition without knowing
therefore cannot commit anything, and the one that took over continues exactly after the
last commit (docs/decisions/0015-offsets-in-the-database.md).

The functions run within the caller's transaction; ``store.journal`` offers them from outside.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from store import inserting
from store.errors import StoreError
from store.tables import OUTBOX_SQL as OUTBOX
from store.tables import STREAM_OFFSETS_SQL as OFFSETS

Partition = tuple[str, int]
"""A topic and the number of one of its partitions."""

NOTHING_STORED: Final = -1
"""``next_offset`` of a partition that was claimed and never moved on."""


class LostPartitionError(StoreError):
    """Another worker has claimed one of the partitions; nothing of the step was stored."""

    def __init__(self, lost: Sequence[Lease]) -> None:
        self.lost = tuple(lost)
        names = ", ".join(f"{lease.topic}-{lease.partition}" for lease in lost)
        super().__init__(
            f"another worker has taken over {names}",
            where="stream_offsets",
            cure="Nothing was stored and nothing is lost: the other worker reads these messages. "
            "If two workers carry one --instance-id, give each its own.",
        )


@dataclass(frozen=True, slots=True)
class Lease:
    """A worker's hold on one partition, and where the partition is to be read from.

    ``next_offset`` is None if no batch of it was ever committed in this group.
    """

    group: str
    topic: str
    partition: int
    owner: str
    epoch: int
    next_offset: int | None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to publish once the step is committed.

    ``message_id`` is the same whenever the same thing is published again. With
    ``decision_id`` the message is kept only if that decision is new in this step: a
    claim read twice is told once. ``source`` is the partition whose message caused it;
    whoever reads that partition publishes it.
    """

    topic: str
    message_id: str
    key: bytes | None
    value: bytes
    source: Partition
    headers: tuple[tuple[str, str], ...] = ()
    decision_id: str | None = None


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A committed message that the broker has not acknowledged yet."""

    outbox_id: int
    topic: str
    message_id: str
    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, str], ...]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class StoredOffset:
    """A row of ``stream_offsets``, for people."""

    group: str
    topic: str
    partition: int
    next_offset: int | None
    owner: str
    epoch: int
    updated_at: datetime


def claim(
    connection: sa.Connection,
    group: str,
    partitions: Iterable[Partition],
    owner: str,
    now: datetime,
) -> list[Lease]:
    """Take the partitions over, whoever had them; their leases in sorted order.

    A worker that commits at this moment finishes first, and its offset is the one given.
    """
    insert = _dialect(connection).insert(OFFSETS)
    statement = insert.on_conflict_do_update(
        index_elements=[OFFSETS.c.group_id, OFFSETS.c.topic, OFFSETS.c.partition],
        set_={
            "owner": insert.excluded.owner,
            "epoch": OFFSETS.c.epoch + 1,
            "updated_at": insert.excluded.updated_at,
        },
    ).returning(OFFSETS.c.next_offset, OFFSETS.c.epoch)
    leases = []
    # Sorted, so that two workers that claim at once wait for each other in one order.
    for topic, partition in sorted(set(partitions)):
        row = connection.execute(
            statement,
            {
                "group_id": group,
                "topic": topic,
                "partition": partition,
                "next_offset": NOTHING_STORED,
                "owner": owner,
                "epoch": 1,
                "updated_at": now,
            },
        ).one()
        stored = None if row.next_offset == NOTHING_STORED else int(row.next_offset)
        leases.append(Lease(group, topic, partition, owner, int(row.epoch), stored))
    return leases


def advance(
    connection: sa.Connection, advances: Sequence[tuple[Lease, int]], now: datetime
) -> None:
    """Move the offsets on; LostPartitionError if a lease does not hold any more."""
    lost = []
    for lease, next_offset in sorted(advances, key=lambda a: (a[0].topic, a[0].partition)):
        done = connection.execute(
            sa.update(OFFSETS)
            .where(
                OFFSETS.c.group_id == lease.group,
                OFFSETS.c.topic == lease.topic,
                OFFSETS.c.partition == lease.partition,
                OFFSETS.c.owner == lease.owner,
                OFFSETS.c.epoch == lease.epoch,
            )
            .values(next_offset=next_offset, updated_at=now)
        )
        if done.rowcount != 1:
            lost.append(lease)
    if lost:
        raise LostPartitionError(lost)


def offsets(connection: sa.Connection, group: str | None = None) -> list[StoredOffset]:
    """The stored offsets, of one group or of all, sorted."""
    query = sa.select(OFFSETS).order_by(OFFSETS.c.group_id, OFFSETS.c.topic, OFFSETS.c.partition)
    if group is not None:
        query = query.where(OFFSETS.c.group_id == group)
    return [
        StoredOffset(
            row.group_id, row.topic, row.partition,
            None if row.next_offset == NOTHING_STORED else int(row.next_offset),
            row.owner, int(row.epoch), row.updated_at,
        )
        for row in connection.execute(query)
    ]  # fmt: skip


def put(
    connection: sa.Connection,
    group: str,
    outgoing: Sequence[Outgoing],
    known: frozenset[str],
    now: datetime,
) -> tuple[OutboxRow, ...]:
    """Keep the messages until they are published; rows in the order given.

    Messages of decisions that were stored before (``known``) are left out.
    """
    kept = [o for o in outgoing if o.decision_id is None or o.decision_id not in known]
    if not kept:
        return ()
    ids = _new_ids(connection, len(kept))
    inserting.insert(
        connection,
        OUTBOX,
        {
            "outbox_id": ids,
            "group_id": [group] * len(kept),
            "source_topic": [o.source[0] for o in kept],
            "source_partition": [o.source[1] for o in kept],
            "topic": [o.topic for o in kept],
            "message_id": [o.message_id for o in kept],
            "key": [o.key for o in kept],
            "value": [o.value for o in kept],
            "headers": [[list(pair) for pair in o.headers] for o in kept],
            "created_at": [now] * len(kept),
        },
    )
    return tuple(
        OutboxRow(i, o.topic, o.message_id, o.key, o.value, o.headers, now)
        for i, o in zip(ids, kept, strict=True)
    )


def _new_ids(connection: sa.Connection, count: int) -> list[int]:
    """Ids above all that are in the table, taken before the insert: its order is then ours."""
    if connection.dialect.name == "postgresql":
        query = sa.text(
            "SELECT nextval(pg_get_serial_sequence('outbox', 'outbox_id')) "
            "FROM generate_series(1, :count)"
        )
        return sorted(int(i) for i in connection.execute(query, {"count": count}).scalars())
    # SQLite has one writer at a time, which this transaction is.
    last = connection.execute(sa.select(sa.func.max(OUTBOX.c.outbox_id))).scalar_one()
    return list(range(int(last or 0) + 1, int(last or 0) + 1 + count))


def pending(
    connection: sa.Connection,
    group: str,
    partitions: Iterable[Partition],
    *,
    after: int = 0,
    limit: int = 1_000,
) -> list[OutboxRow]:
    """Rows caused by these partitions that are not acknowledged yet, oldest first, from ``after`` on."""
    sources = sorted(set(partitions))
    if not sources:
        return []
    query = (
        sa.select(OUTBOX)
        .where(
            OUTBOX.c.group_id == group,
            sa.or_(
                *(
                    sa.and_(OUTBOX.c.source_topic == t, OUTBOX.c.source_partition == p)
                    for t, p in sources
                )
            ),
            OUTBOX.c.outbox_id > after,
        )
        .order_by(OUTBOX.c.outbox_id)
        .limit(limit)
    )
    return [
        OutboxRow(
            int(row.outbox_id), row.topic, row.message_id, row.key, row.value,
            tuple((name, value) for name, value in row.headers), row.created_at,
        )
        for row in connection.execute(query)
    ]  # fmt: skip


def acknowledge(connection: sa.Connection, outbox_ids: Sequence[int]) -> None:
    """Forget rows that the broker has."""
    for here in inserting.among(connection, OUTBOX.c.outbox_id, outbox_ids):
        connection.execute(sa.delete(OUTBOX).where(here))


def depth(connection: sa.Connection, group: str) -> tuple[int, datetime | None]:
    """How many rows of the group's outbox wait, and since when the oldest."""
    row = connection.execute(
        sa.select(sa.func.count(), sa.func.min(OUTBOX.c.created_at)).where(
            OUTBOX.c.group_id == group
        )
    ).one()
    return int(row[0]), row[1]


def _dialect(connection: sa.Connection) -> Any:
    return postgresql if connection.dialect.name == "postgresql" else sqlite
