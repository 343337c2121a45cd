"""API tokens: how programs, and people's scripts, call the service."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from domain.access import Permission
from store.access.sessions import SEEN_EVERY, digest
from store.access.transactions import Transactions
from store.access_tables import API_TOKENS_SQL as TOKENS

PREFIX: Final = "drgs_"
"""Tokens begin so, that a scanner of leaked secrets knows them."""
DEFAULT_DAYS: Final = 90
LONGEST_DAYS: Final = 365


@dataclass(frozen=True, slots=True)
class Token:
    """One token as stored; without the token itself."""

    token_id: str
    user_id: str
    name: str
    permissions: frozenset[Permission]
    made_by: str
    created_at: datetime
    ends_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None


class Tokens:
    """The tokens of a database."""

    def __init__(self, database: Transactions) -> None:
        self._database = database

    def add(
        self,
        user_id: str,
        name: str,
        permissions: Iterable[Permission],
        *,
        made_by: str,
        days: int,
        now: datetime,
    ) -> tuple[Token, str]:
        """Make a token; it and its secret, which is told once and not kept."""
        secret = PREFIX + secrets.token_urlsafe(32)
        token_id = uuid.uuid4().hex
        with self._database.write() as connection:
            connection.execute(
                sa.insert(TOKENS).values(
                    token_id=token_id,
                    token_sha256=digest(secret),
                    user_id=user_id,
                    name=name,
                    permissions=sorted(str(p) for p in permissions),
                    made_by=made_by,
                    created_at=now,
                    ends_at=now + timedelta(days=days),
                )
            )
        (made,) = self._read(TOKENS.c.token_id == token_id)
        return made, secret

    def find(self, secret: str, now: datetime) -> Token | None:
        """The token of a secret if it counts, and note its use; None if revoked, ended or unknown."""
        found = self._read(TOKENS.c.token_sha256 == digest(secret))
        if not found or found[0].revoked_at is not None or now >= found[0].ends_at:
            return None
        (token,) = found
        if token.used_at is None or now >= token.used_at + SEEN_EVERY:
            with self._database.write() as connection:
                connection.execute(
                    sa.update(TOKENS).where(TOKENS.c.token_id == token.token_id).values(used_at=now)
                )
        return token

    def of(self, user_id: str) -> Sequence[Token]:
        """The tokens of an account, latest first; revoked and ended ones too."""
        return self._read(TOKENS.c.user_id == user_id)

    def get(self, token_id: str) -> Token | None:
        """The token of that id; None if there is none."""
        found = self._read(TOKENS.c.token_id == token_id)
        return found[0] if found else None

    def revoke(self, token_id: str, now: datetime) -> None:
        """Let a token count no more."""
        with self._database.write() as connection:
            connection.execute(
                sa.update(TOKENS)
                .where(TOKENS.c.token_id == token_id, TOKENS.c.revoked_at.is_(None))
                .values(revoked_at=now)
            )

    def _read(self, condition: sa.ColumnElement[bool]) -> Sequence[Token]:
        names = [c for c in TOKENS.columns if c.name != "token_sha256"]
        query = sa.select(*names).where(condition).order_by(TOKENS.c.created_at.desc())
        with self._database.read() as connection:
            return [_token(row) for row in connection.execute(query)]


def _token(row: sa.Row[Any]) -> Token:
    values = dict(row._mapping)
    known = {str(p) for p in Permission}
    kept = frozenset(Permission(p) for p in values["permissions"] if p in known)
    return Token(**{**values, "permissions": kept})
