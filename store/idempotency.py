"""Answers kept under the key of a request, so that the same request changes nothing twice."""

from __future__ import annotations

import uuid
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

import sqlalchemy as sa

from store import inserting
from store.errors import translate
from store.webhook_tables import IDEMPOTENCY_KEYS_SQL as KEYS

KEPT_FOR: Final = timedelta(hours=24)
"""How long a key answers with what it answered first."""
UNDER_WAY_FOR: Final = timedelta(minutes=5)
"""After this a request without an answer counts as broken off, and may be made again."""


class Refusal(Enum):
    """Why a key cannot be used for a request."""

    OTHER_REQUEST = "other request"
    UNDER_WAY = "under way"


@dataclass(frozen=True, slots=True)
class Reserved:
    """The key is this request's; ``owner`` is told when it is answered."""

    owner: str


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What the same request was answered before."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Idempotency:
    """The keys of requests; get it from ``Store.idempotency``."""

    def __init__(self, readers: sa.Engine, writers: sa.Engine, where: str) -> None:
        self._readers, self._writers, self._where = readers, writers, where

    def reserve(
        self, principal_id: str, key: str, request_sha256: str, now: datetime
    ) -> Reserved | KeptAnswer | Refusal:
        """Take a key for a request, or tell what it was answered or why it cannot be taken."""
        owner = uuid.uuid4().hex
        this = sa.and_(KEYS.c.principal_id == principal_id, KEYS.c.key == key)
        with translate(self._where), self._writers.begin() as connection:
            connection.execute(sa.delete(KEYS).where(KEYS.c.created_at < now - KEPT_FOR))
            new = inserting.insert(
                connection,
                KEYS,
                {
                    "principal_id": [principal_id],
                    "key": [key],
                    "request_sha256": [request_sha256],
                    "owner": [owner],
                    "created_at": [now],
                },
            )
            if new:
                return Reserved(owner)
            row = connection.execute(sa.select(KEYS).where(this).with_for_update()).one_or_none()
            if row is None:  # given back in this moment by a request that failed
                return Refusal.UNDER_WAY
            if row.request_sha256 != request_sha256:
                return Refusal.OTHER_REQUEST
            if row.status is not None:
                return KeptAnswer(row.status, row.headers, zlib.decompress(row.body))
            if row.created_at > now - UNDER_WAY_FOR:
                return Refusal.UNDER_WAY
            connection.execute(sa.update(KEYS).where(this).values(owner=owner, created_at=now))
            return Reserved(owner)

    def answer(self, principal_id: str, key: str, reserved: Reserved, kept: KeptAnswer) -> None:
        """Keep the answer to the request that the key was taken for."""
        with translate(self._where), self._writers.begin() as connection:
            connection.execute(
                sa.update(KEYS)
                .where(
                    KEYS.c.principal_id == principal_id,
                    KEYS.c.key == key,
                    KEYS.c.owner == reserved.owner,
                )
                .values(
                    status=kept.status,
                    headers=dict(kept.headers),
                    body=zlib.compress(kept.body, 1),
                )
            )

    def release(self, principal_id: str, key: str, reserved: Reserved) -> None:
        """Give a key back: its request changed nothing."""
        with translate(self._where), self._writers.begin() as connection:
            connection.execute(
                sa.delete(KEYS).where(
                    KEYS.c.principal_id == principal_id,
                    KEYS.c.key == key,
                    KEYS.c.owner == reserved.owner,
                    KEYS.c.status.is_(None),
                )
            )
