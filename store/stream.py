"""Where the stream worker stands: offsets with their owner.

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

from store.errors import StoreError
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


def _dialect(connection: sa.Connection) -> Any:
    return postgresql if connection.dialect.name == "postgresql" else sqlite
