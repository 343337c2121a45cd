"""What the stream worker has still to publish: the messages of each committed step, in parcels.

A row of ``outbox`` holds many messages of one source partition, in their order, packed together:
they are written, published and forgotten together, and a row a message would cost the database
more than the decisions themselves. Whoever reads the source partition publishes its parcels.

The functions run within the caller's transaction; ``store.journal`` offers them from outside.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

import lz4.frame
import msgspec
import sqlalchemy as sa

from store import inserting
from store.errors import StoreError
from store.stream import Partition
from store.tables import OUTBOX_SQL as OUTBOX

MOST_MESSAGES: Final = 1_000
"""Messages of one parcel: some hundred kilobytes packed, and what is published again after a crash."""

MOST_OCTETS: Final = 4 * 1024 * 1024
"""Bytes of the values of one parcel, for large messages: a decision may have 900 KB."""


class Outgoing(msgspec.Struct, frozen=True, gc=False):
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
class Parcel:
    """Committed messages, in their order, that the broker has not acknowledged all of yet."""

    outbox_id: int
    messages: tuple[Outgoing, ...]
    created_at: datetime


_Packed = tuple[str, str, bytes | None, bytes, tuple[tuple[str, str], ...]]
_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(list[_Packed])


def put(
    connection: sa.Connection,
    group: str,
    outgoing: Sequence[Outgoing],
    known: frozenset[str],
    now: datetime,
) -> tuple[Parcel, ...]:
    """Keep the messages until they are published; those of one source in the order given.

    Messages of decisions that were stored before (``known``) are left out.
    """
    kept: dict[Partition, list[Outgoing]] = {}
    for one in outgoing:
        if one.decision_id is None or one.decision_id not in known:
            kept.setdefault(one.source, []).append(one)
    parts = [part for messages in kept.values() for part in _split(messages)]
    if not parts:
        return ()
    ids = _new_ids(connection, len(parts))
    inserting.insert(
        connection,
        OUTBOX,
        {
            "outbox_id": ids,
            "group_id": [group] * len(parts),
            "source_topic": [part[0].source[0] for part in parts],
            "source_partition": [part[0].source[1] for part in parts],
            "messages": [len(part) for part in parts],
            "body": [_pack(part) for part in parts],
            "created_at": [now] * len(parts),
        },
    )
    return tuple(Parcel(i, tuple(part), now) for i, part in zip(ids, parts, strict=True))


def pending(
    connection: sa.Connection,
    group: str,
    partitions: Iterable[Partition],
    *,
    after: int = 0,
    limit: int = 1_000,
) -> list[Parcel]:
    """Parcels caused by these partitions that are not acknowledged yet, oldest first, from ``after`` on."""
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
        Parcel(
            int(row.outbox_id),
            _unpack(row.body, (row.source_topic, row.source_partition)),
            row.created_at,
        )
        for row in connection.execute(query)
    ]


def acknowledge(connection: sa.Connection, outbox_ids: Sequence[int]) -> None:
    """Forget parcels that the broker has."""
    for here in inserting.among(connection, OUTBOX.c.outbox_id, outbox_ids):
        connection.execute(sa.delete(OUTBOX).where(here))


def depth(connection: sa.Connection, group: str) -> tuple[int, datetime | None]:
    """How many messages of the group wait, and since when the oldest."""
    row = connection.execute(
        sa.select(
            sa.func.coalesce(sa.func.sum(OUTBOX.c.messages), 0), sa.func.min(OUTBOX.c.created_at)
        ).where(OUTBOX.c.group_id == group)
    ).one()
    return int(row[0]), row[1]


def _split(messages: Sequence[Outgoing]) -> Iterator[Sequence[Outgoing]]:
    cuts, octets = [0], 0
    for place, one in enumerate(messages):
        octets += len(one.value)
        full = octets > MOST_OCTETS or place - cuts[-1] >= MOST_MESSAGES
        if full and place > cuts[-1]:
            cuts.append(place)
            octets = len(one.value)
    for start, end in pairwise([*cuts, len(messages)]):
        yield messages[start:end]


def _pack(messages: Sequence[Outgoing]) -> bytes:
    plain = [(m.topic, m.message_id, m.key, m.value, m.headers) for m in messages]
    packed: bytes = lz4.frame.compress(_ENCODER.encode(plain))
    return packed


def _unpack(body: bytes, source: Partition) -> tuple[Outgoing, ...]:
    try:
        found = _DECODER.decode(lz4.frame.decompress(body))
    except (RuntimeError, msgspec.DecodeError) as error:
        raise StoreError(
            "a parcel of messages to publish cannot be read back",
            where="outbox.body",
            cure="The database is damaged. Restore a backup: messages since are read and published again.",
        ) from error
    return tuple(Outgoing(t, i, k, v, source, headers) for t, i, k, v, headers in found)


def _new_ids(connection: sa.Connection, count: int) -> list[int]:
    """Ids above all that are in the table, taken before the insert: its order is then ours."""
    if connection.dialect.name == "postgresql":
        query = sa.text(
            "SELECT nextval(pg_get_serial_sequence('outbox', 'outbox_id')) "
            "FROM generate_series(1, :count)"
        )
        return sorted(int(i) for i in connection.execute(query, {"count": count}).scalars())
    # SQLite has one writer at a time, which this transaction is.
    last: Any = connection.execute(sa.select(sa.func.max(OUTBOX.c.outbox_id))).scalar_one()
    return list(range(int(last or 0) + 1, int(last or 0) + 1 + count))
