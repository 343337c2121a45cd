"""Accounts: who may sign in, as what, and with which limits."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from domain.access import Role, Rows
from domain.errors import SentinelError
from store.access.keyring import Keyring
from store.access.transactions import Transactions
from store.access_tables import ACCOUNTS_SQL as ACCOUNTS
from store.access_tables import API_TOKENS_SQL as TOKENS
from store.access_tables import SESSIONS_SQL as SESSIONS

FREE_FAILURES: Final = 4
"""Slips of the keyboard before an account is locked."""
LONGEST_LOCK: Final = timedelta(hours=1)
"""Long enough to make guessing useless, short enough that locking others out is no weapon."""

_CHANGEABLE: Final = frozenset(
    {"name", "role", "providers", "departments", "physician_id", "language", "active"}
)
_PRIVILEGES: Final = frozenset({"role", "providers", "departments", "physician_id", "active"})
"""What somebody may do changes with these: whoever is signed in must sign in again."""


class AccountError(SentinelError):
    """An account cannot be made or changed so."""


class AccountConflictError(AccountError):
    """Another account stands in the way."""


@dataclass(frozen=True, slots=True)
class Account:
    """One account as stored; ``totp_secret`` is encrypted."""

    user_id: str
    login: str
    name: str
    role: Role
    providers: tuple[str, ...] | None
    departments: tuple[str, ...] | None
    physician_id: str | None
    language: str | None
    active: bool
    password_hash: str | None
    must_change_password: bool
    totp_secret: bytes | None
    totp_confirmed: bool
    totp_step: int | None
    recovery_sha256: tuple[str, ...]
    failed_attempts: int
    locked_until: datetime | None
    last_sign_in_at: datetime | None
    issuer: str | None
    subject: str | None
    version: int
    created_at: datetime
    changed_at: datetime

    @property
    def rows(self) -> Rows:
        """Whose claims the account sees."""
        return Rows.of(self.providers, self.departments, self.physician_id)


class Accounts:
    """The accounts of a database."""

    def __init__(self, database: Transactions) -> None:
        self._database = database

    def any(self) -> bool:
        """Whether there is an account."""
        with self._database.read() as connection:
            return connection.execute(sa.select(ACCOUNTS.c.user_id).limit(1)).first() is not None

    def find(self, user_id: str) -> Account | None:
        """The account of that id; None if there is none."""
        return self._one(ACCOUNTS.c.user_id == user_id)

    def named(self, login: str) -> Account | None:
        """The account of that login, however it is spelled; None if there is none."""
        return self._one(ACCOUNTS.c.login == login.strip().casefold())

    def vouched(self, issuer: str, subject: str) -> Account | None:
        """The account of whom an OpenID provider names; None if there is none."""
        return self._one(sa.and_(ACCOUNTS.c.issuer == issuer, ACCOUNTS.c.subject == subject))

    def listing(self, after: str = "", limit: int = 100) -> list[Account]:
        """Accounts by login, from ``after`` on."""
        query = sa.select(ACCOUNTS).where(ACCOUNTS.c.login > after)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(ACCOUNTS.c.login).limit(limit))
            return [_account(row) for row in rows]

    def of_roles(self, roles: Sequence[str]) -> list[Account]:
        """Active accounts with one of these roles, by name."""
        query = sa.select(ACCOUNTS).where(ACCOUNTS.c.role.in_(roles), ACCOUNTS.c.active)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(ACCOUNTS.c.name, ACCOUNTS.c.user_id))
            return [_account(row) for row in rows]

    def add(
        self,
        login: str,
        name: str,
        role: Role,
        *,
        now: datetime,
        rows: Rows = Rows(),  # noqa: B008 (frozen)
        language: str | None = None,
        password_hash: str | None = None,
        must_change_password: bool = False,
        issuer: str | None = None,
        subject: str | None = None,
    ) -> Account:
        """Make an account; AccountError if the login is taken or a physician's account names no physician."""
        login = login.strip().casefold()
        _check(login, name, role, rows)
        user_id = uuid.uuid4().hex
        with self._database.write() as connection:
            taken = sa.select(ACCOUNTS.c.user_id).where(ACCOUNTS.c.login == login)
            if connection.execute(taken).first() is not None:
                raise AccountConflictError(
                    f"there is an account of the login {login}",
                    where="login",
                    cure="Choose another login, or change that account.",
                )
            connection.execute(
                sa.insert(ACCOUNTS).values(
                    user_id=user_id,
                    login=login,
                    name=name.strip(),
                    role=str(role),
                    **_limits(rows),
                    language=language,
                    active=True,
                    password_hash=password_hash,
                    must_change_password=must_change_password,
                    totp_confirmed=False,
                    recovery_sha256=[],
                    failed_attempts=0,
                    issuer=issuer,
                    subject=subject,
                    version=1,
                    created_at=now,
                    changed_at=now,
                )
            )
        found = self.find(user_id)
        assert found is not None  # noqa: S101 (it was just written)
        return found

    def change(
        self, user_id: str, changed: Mapping[str, Any], *, now: datetime, version: int | None = None
    ) -> Account | None:
        """Set name, role, limits, language or activity; None if ``version`` is no longer the one.

        Where it changes what the account may do, its sessions end; a deactivated account's tokens too.
        AccountError if nobody could manage accounts any more.
        """
        if unknown := set(changed) - _CHANGEABLE:
            raise AssertionError(f"not to be changed so: {sorted(unknown)}")
        with self._database.write() as connection:
            # The administrators' rows too, in one order: of two who go at once the second sees the first gone.
            locked = connection.execute(
                sa.select(ACCOUNTS)
                .where(
                    sa.or_(
                        ACCOUNTS.c.user_id == user_id, ACCOUNTS.c.role == str(Role.ADMINISTRATOR)
                    )
                )
                .order_by(ACCOUNTS.c.user_id)
                .with_for_update()
            ).all()
            row = next((one for one in locked if one.user_id == user_id), None)
            if row is None or (version is not None and row.version != version):
                return None
            before = _account(row)
            wanted = {name: getattr(before, name) for name in _CHANGEABLE} | dict(changed)
            for name in ("providers", "departments"):
                wanted[name] = None if wanted[name] is None else tuple(sorted(set(wanted[name])))
            rows = Rows.of(wanted["providers"], wanted["departments"], wanted["physician_id"])
            _check(before.login, wanted["name"], Role(wanted["role"]), rows)
            stays = wanted["active"] and wanted["role"] == Role.ADMINISTRATOR
            if before.active and before.role is Role.ADMINISTRATOR and not stays:
                _keep_an_administrator(connection, user_id)
            values = {
                **{name: wanted[name] for name in ("name", "language", "active")},
                "role": str(wanted["role"]),
                **_limits(rows),
            }
            connection.execute(
                sa.update(ACCOUNTS)
                .where(ACCOUNTS.c.user_id == user_id)
                .values(**values, version=before.version + 1, changed_at=now)
            )
            if any(getattr(before, name) != wanted[name] for name in _PRIVILEGES):
                connection.execute(sa.delete(SESSIONS).where(SESSIONS.c.user_id == user_id))
            if not wanted["active"]:
                connection.execute(
                    sa.update(TOKENS)
                    .where(TOKENS.c.user_id == user_id, TOKENS.c.revoked_at.is_(None))
                    .values(revoked_at=now)
                )
        return self.find(user_id)

    def set_password(
        self, user_id: str, password_hash: str, *, must_change: bool, now: datetime
    ) -> None:
        """Give an account another password, unlock it, and end all its sessions."""
        with self._database.write() as connection:
            self._set(
                connection,
                user_id,
                now,
                password_hash=password_hash,
                must_change_password=must_change,
                failed_attempts=0,
                locked_until=None,
            )
            connection.execute(sa.delete(SESSIONS).where(SESSIONS.c.user_id == user_id))

    def renew_hash(self, user_id: str, before: str, after: str) -> None:
        """Keep the same password under newer parameters, unless it was changed meanwhile."""
        with self._database.write() as connection:
            connection.execute(
                sa.update(ACCOUNTS)
                .where(ACCOUNTS.c.user_id == user_id, ACCOUNTS.c.password_hash == before)
                .values(password_hash=after)
            )

    def set_totp(
        self, user_id: str, secret: bytes | None, *, recovery: Sequence[str] = (), now: datetime
    ) -> None:
        """Start enrolling a second factor with an encrypted secret, or with None take it away."""
        with self._database.write() as connection:
            self._set(
                connection,
                user_id,
                now,
                totp_secret=secret,
                totp_confirmed=False,
                totp_step=None,
                recovery_sha256=list(recovery),
            )

    def confirm_totp(
        self, user_id: str, step: int, recovery: Sequence[str], *, now: datetime
    ) -> None:
        """Make the second factor count from now on; ``recovery`` are digests of one-time codes."""
        with self._database.write() as connection:
            self._set(
                connection,
                user_id,
                now,
                totp_confirmed=True,
                totp_step=step,
                recovery_sha256=list(recovery),
            )

    def take_step(self, user_id: str, step: int) -> bool:
        """Note that the code of a time step was used; False if it, or a later one, was used before."""
        with self._database.write() as connection:
            done = connection.execute(
                sa.update(ACCOUNTS)
                .where(
                    ACCOUNTS.c.user_id == user_id,
                    sa.or_(ACCOUNTS.c.totp_step.is_(None), ACCOUNTS.c.totp_step < step),
                )
                .values(totp_step=step)
            )
            return done.rowcount == 1

    def take_recovery(self, user_id: str, code_sha256: str) -> bool:
        """Use up a recovery code; False if there is no such code, or it was used before."""
        with self._database.write() as connection:
            kept = connection.execute(
                sa.select(ACCOUNTS.c.recovery_sha256)
                .where(ACCOUNTS.c.user_id == user_id)
                .with_for_update()
            ).scalar_one_or_none()
            if kept is None or code_sha256 not in kept:
                return False
            connection.execute(
                sa.update(ACCOUNTS)
                .where(ACCOUNTS.c.user_id == user_id)
                .values(recovery_sha256=[one for one in kept if one != code_sha256])
            )
            return True

    def fail(self, user_id: str, now: datetime) -> datetime | None:
        """Count a failed attempt; until when the account is locked now, if it is.

        The fifth in a row locks for a minute, each further one twice as long, at most an hour.
        """
        with self._database.write() as connection:
            failures = connection.execute(
                sa.update(ACCOUNTS)
                .where(ACCOUNTS.c.user_id == user_id)
                .values(failed_attempts=ACCOUNTS.c.failed_attempts + 1)
                .returning(ACCOUNTS.c.failed_attempts)
            ).scalar_one()
            if failures <= FREE_FAILURES:
                return None
            doublings = min(failures - FREE_FAILURES - 1, 10)
            until = now + min(timedelta(minutes=2**doublings), LONGEST_LOCK)
            connection.execute(
                sa.update(ACCOUNTS).where(ACCOUNTS.c.user_id == user_id).values(locked_until=until)
            )
            return until

    def unlock(self, user_id: str) -> None:
        """Forget failed attempts."""
        with self._database.write() as connection:
            connection.execute(
                sa.update(ACCOUNTS)
                .where(ACCOUNTS.c.user_id == user_id)
                .values(failed_attempts=0, locked_until=None)
            )

    def signed_in(self, user_id: str, now: datetime) -> None:
        """Note a sign-in, and forget failed attempts before it."""
        with self._database.write() as connection:
            connection.execute(
                sa.update(ACCOUNTS)
                .where(ACCOUNTS.c.user_id == user_id)
                .values(failed_attempts=0, locked_until=None, last_sign_in_at=now)
            )

    def renew_secrets(self, keys: Keyring) -> int:
        """Encrypt every secret under the first key; how many."""
        with self._database.write() as connection:
            query = sa.select(ACCOUNTS.c.user_id, ACCOUNTS.c.totp_secret).where(
                ACCOUNTS.c.totp_secret.is_not(None)
            )
            found = connection.execute(query.with_for_update()).all()
            for user_id, secret in found:
                connection.execute(
                    sa.update(ACCOUNTS)
                    .where(ACCOUNTS.c.user_id == user_id)
                    .values(totp_secret=keys.renew(bytes(secret)))
                )
            return len(found)

    def _one(self, condition: sa.ColumnElement[bool]) -> Account | None:
        with self._database.read() as connection:
            row = connection.execute(sa.select(ACCOUNTS).where(condition)).one_or_none()
        return None if row is None else _account(row)

    @staticmethod
    def _set(connection: sa.Connection, user_id: str, now: datetime, **values: Any) -> None:
        connection.execute(
            sa.update(ACCOUNTS)
            .where(ACCOUNTS.c.user_id == user_id)
            .values(**values, version=ACCOUNTS.c.version + 1, changed_at=now)
        )


def _check(login: str, name: str, role: Role, rows: Rows) -> None:
    if not 1 <= len(login) <= 64 or any(c.isspace() or not c.isprintable() for c in login):
        raise AccountError(
            "the login is empty, too long, or holds blanks",
            where="login",
            cure="Use 1 to 64 characters without blanks, such as an employee number.",
        )
    if not 1 <= len(name.strip()) <= 80 or not name.isprintable():
        raise AccountError(
            "the name is empty or too long",
            where="name",
            cure="Use 1 to 80 characters: it stands beside what the person does.",
        )
    if role is Role.PHYSICIAN and not rows.physician_id:
        raise AccountError(
            "a physician's account does not say which physician it is",
            where="physician_id",
            cure="Give the physician's id as it stands in claims: the account sees only those stays.",
        )


def _keep_an_administrator(connection: sa.Connection, leaving: str) -> None:
    others = sa.select(ACCOUNTS.c.user_id).where(
        ACCOUNTS.c.role == str(Role.ADMINISTRATOR), ACCOUNTS.c.active, ACCOUNTS.c.user_id != leaving
    )
    if connection.execute(others.limit(1)).first() is None:
        raise AccountConflictError(
            "it is the last active administrator",
            where="role",
            cure="Make another account an administrator first.",
        )


def _limits(rows: Rows) -> dict[str, Any]:
    return {
        "providers": None if rows.providers is None else sorted(rows.providers),
        "departments": None if rows.departments is None else sorted(rows.departments),
        "physician_id": rows.physician_id,
    }


def _account(row: sa.Row[Any]) -> Account:
    values = dict(row._mapping)
    for name in ("providers", "departments"):
        values[name] = None if values[name] is None else tuple(values[name])
    return Account(
        **{
            **values,
            "role": Role(values["role"]),
            "recovery_sha256": tuple(values["recovery_sha256"]),
        }
    )
