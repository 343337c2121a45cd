"""Sessions: a browser that somebody signed in with."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from store.access.transactions import Transactions
from store.access_tables import SESSIONS_SQL as SESSIONS

IDLE: Final = timedelta(minutes=30)
"""A session that nobody uses ends after this: the length of a coffee, not of a lunch."""
LONGEST: Final = timedelta(hours=10)
"""A session ends after this whatever happens: one working day."""
PENDING: Final = timedelta(minutes=5)
"""How long a code may follow the password."""
SEEN_EVERY: Final = timedelta(minutes=1)
"""How exactly the last use is known: a write a minute and not a write a request."""


@dataclass(frozen=True, slots=True)
class Session:
    """One session as stored; without what its cookie holds."""

    session_id: str
    cookie_sha256: str
    user_id: str
    pending: bool
    address: str | None
    agent: str | None
    created_at: datetime
    seen_at: datetime
    ends_at: datetime


class Sessions:
    """The sessions of a database."""

    def __init__(
        self, database: Transactions, idle: timedelta = IDLE, longest: timedelta = LONGEST
    ) -> None:
        self._database = database
        self.idle, self.longest = idle, longest

    def begin(
        self,
        user_id: str,
        *,
        now: datetime,
        pending: bool = False,
        address: str | None = None,
        agent: str | None = None,
        replacing: str | None = None,
    ) -> str:
        """Start a session; what its cookie holds: 256 random bits, of which only the digest is kept.

        ``replacing`` is the cookie that the browser came with: that session ends.
        """
        cookie = secrets.token_urlsafe(32)
        with self._database.write() as connection:
            gone = [SESSIONS.c.ends_at <= now, SESSIONS.c.seen_at <= now - self.idle]
            if replacing is not None:
                gone.append(SESSIONS.c.cookie_sha256 == digest(replacing))
            connection.execute(sa.delete(SESSIONS).where(sa.or_(*gone)))
            connection.execute(
                sa.insert(SESSIONS).values(
                    cookie_sha256=digest(cookie),
                    session_id=uuid.uuid4().hex,
                    user_id=user_id,
                    pending=pending,
                    address=address,
                    agent=None if agent is None else agent[:200],
                    created_at=now,
                    seen_at=now,
                    ends_at=now + (PENDING if pending else self.longest),
                )
            )
        return cookie

    def find(self, cookie: str, now: datetime, *, attended: bool = True) -> Session | None:
        """The session of a cookie if it has not ended; note that it is in use if somebody attends it."""
        query = sa.select(SESSIONS).where(SESSIONS.c.cookie_sha256 == digest(cookie))
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        found = _session(row)
        if now >= found.ends_at or now >= found.seen_at + self.idle:
            return None
        if attended and now >= found.seen_at + SEEN_EVERY:
            with self._database.write() as connection:
                connection.execute(
                    sa.update(SESSIONS)
                    .where(SESSIONS.c.cookie_sha256 == found.cookie_sha256)
                    .values(seen_at=now)
                )
        return found

    def of(self, user_id: str, now: datetime) -> list[Session]:
        """The sessions of an account that have not ended, last used first."""
        query = sa.select(SESSIONS).where(
            SESSIONS.c.user_id == user_id,
            ~SESSIONS.c.pending,
            SESSIONS.c.ends_at > now,
            SESSIONS.c.seen_at > now - self.idle,
        )
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(SESSIONS.c.seen_at.desc()))
            return [_session(row) for row in rows]

    def end(self, user_id: str, session_id: str) -> bool:
        """End one session of an account; False if the account has no such session."""
        with self._database.write() as connection:
            done = connection.execute(
                sa.delete(SESSIONS).where(
                    SESSIONS.c.user_id == user_id, SESSIONS.c.session_id == session_id
                )
            )
            return done.rowcount == 1

    def end_cookie(self, cookie: str) -> None:
        """End the session of a cookie."""
        with self._database.write() as connection:
            connection.execute(
                sa.delete(SESSIONS).where(SESSIONS.c.cookie_sha256 == digest(cookie))
            )

    def end_all(self, user_id: str) -> int:
        """End every session of an account; how many."""
        with self._database.write() as connection:
            done = connection.execute(sa.delete(SESSIONS).where(SESSIONS.c.user_id == user_id))
            return int(done.rowcount)


def digest(secret: str) -> str:
    """SHA-256 of a random secret in hex; such secrets need no slow hash."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _session(row: sa.Row[Any]) -> Session:
    return Session(**row._mapping)
