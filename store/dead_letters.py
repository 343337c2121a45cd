"""Messages that a stream worker set aside, with their original bytes.

The bytes may hold personal data in the clear: they are shown by ``sentinel stream
dead-letters show`` to whoever may read the database, and appear nowhere else.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from domain.errors import Refusal
from store.tables import DEAD_LETTERS_SQL as LETTERS


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that was set aside: where it stood, what it was, and every reason.

    ``key``, ``value`` and ``headers`` are the original bytes and may hold personal data
    in the clear; ``reasons`` hold none.
    """

    dead_letter_id: str
    group: str
    topic: str
    partition: int
    offset: int
    time: datetime | None
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    trace_id: str | None
    reasons: tuple[Refusal, ...]
    created_at: datetime | None = None
    replayed_at: datetime | None = None
    replays: int = 0


def set_aside(connection: sa.Connection, letters: Sequence[DeadLetter], now: datetime) -> None:
    """Keep dead letters; one that is there already stays as it is."""
    if not letters:
        return
    statement = (
        _dialect(connection)
        .insert(LETTERS)
        .on_conflict_do_nothing(index_elements=[LETTERS.c.dead_letter_id])
    )
    connection.execute(
        statement,
        [
            {
                "dead_letter_id": letter.dead_letter_id,
                "group_id": letter.group,
                "topic": letter.topic,
                "partition": letter.partition,
                "message_offset": letter.offset,
                "message_time": letter.time,
                "key": letter.key,
                "value": letter.value,
                "headers": [
                    [name, base64.b64encode(value).decode()] for name, value in letter.headers
                ],
                "trace_id": letter.trace_id,
                "reasons": [
                    {"field": r.field, "value": r.value, "rule": r.rule, "cure": r.cure}
                    for r in letter.reasons
                ],
                "created_at": now,
                "replays": 0,
            }
            for letter in letters
        ],
    )


def letters(
    connection: sa.Connection,
    *,
    topic: str | None = None,
    replayed: bool | None = None,
    after: str | None = None,
    limit: int = 100,
) -> list[DeadLetter]:
    """Dead letters, oldest first; ``after`` is the id of the last one of the page before."""
    query = sa.select(LETTERS).order_by(LETTERS.c.created_at, LETTERS.c.dead_letter_id).limit(limit)
    if topic is not None:
        query = query.where(LETTERS.c.topic == topic)
    if replayed is not None:
        never = LETTERS.c.replayed_at.is_(None)
        query = query.where(sa.not_(never) if replayed else never)
    if after is not None:
        last = connection.execute(
            sa.select(LETTERS.c.created_at).where(LETTERS.c.dead_letter_id == after)
        ).scalar_one_or_none()
        if last is not None:
            query = query.where(
                sa.or_(
                    LETTERS.c.created_at > last,
                    sa.and_(LETTERS.c.created_at == last, LETTERS.c.dead_letter_id > after),
                )
            )
    return [_letter(row) for row in connection.execute(query)]


def letter(connection: sa.Connection, dead_letter_id: str) -> DeadLetter | None:
    """One dead letter; None if there is none."""
    row = connection.execute(
        sa.select(LETTERS).where(LETTERS.c.dead_letter_id == dead_letter_id)
    ).one_or_none()
    return None if row is None else _letter(row)


def mark_replayed(connection: sa.Connection, dead_letter_id: str, now: datetime) -> None:
    """Note that the letter went back to its topic."""
    connection.execute(
        sa.update(LETTERS)
        .where(LETTERS.c.dead_letter_id == dead_letter_id)
        .values(replayed_at=now, replays=LETTERS.c.replays + 1)
    )


def _letter(row: Any) -> DeadLetter:
    return DeadLetter(
        dead_letter_id=row.dead_letter_id,
        group=row.group_id,
        topic=row.topic,
        partition=row.partition,
        offset=int(row.message_offset),
        time=row.message_time,
        key=row.key,
        value=row.value,
        headers=tuple((name, base64.b64decode(value)) for name, value in row.headers),
        trace_id=row.trace_id,
        reasons=tuple(Refusal(**reason) for reason in row.reasons),
        created_at=row.created_at,
        replayed_at=row.replayed_at,
        replays=row.replays,
    )


def _dialect(connection: sa.Connection) -> Any:
    return postgresql if connection.dialect.name == "postgresql" else sqlite
