"""What can go wrong in the store, told as what happened, where, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from domain.errors import SentinelError


class StoreError(SentinelError):
    """The database could not be opened, read or written; nothing was half-written."""


class StoreBusyError(StoreError):
    """Another writer held the database too long; the same call may succeed later."""


class StoreRuleError(StoreError):
    """A row breaks a rule of the database: the same call fails again, however often it is made."""


_CURES = (
    ("is locked", "Another process is writing. Try again; nothing of this batch was stored."),
    ("disk is full", "Free space on the database's disk, then write the same batch again."),
    ("readonly", "Give this user write permission on the database file and its folder."),
    ("unable to open", "Check that the folder exists and that this user may write there."),
    ("not a database", "The file is no SQLite database. Give another path, or restore a backup."),
    ("malformed", "The file is damaged. Restore a backup, then write the batches since again."),
    (
        "no such table",
        "The schema is incomplete. Open the database with store.open, which migrates.",
    ),
    ("deadlock", "Two writers met. Write the same batch again; nothing of it was stored."),
    ("could not connect", "Check the address, the network and that the database server runs."),
    ("connection refused", "Check the address and that the database server runs."),
)


@contextmanager
def translate(where: str) -> Iterator[None]:
    """Turn a database error into a StoreError that says what to do, without any row's values."""
    try:
        yield
    except (sa.exc.IntegrityError, sa.exc.DataError) as error:
        raise StoreRuleError(
            f"a row breaks a rule of the database: {_first_line(error)}",
            where=where,
            cure="Nothing was stored. The batch is inconsistent: every decision needs its claim, "
            "rule set, model and score, and every value must be within its limits. "
            "Report it as a defect with the name of the constraint.",
        ) from None
    except sa.exc.DBAPIError as error:
        message = _first_line(error)
        for part, cure in _CURES:
            if part in message.lower():
                kind = StoreBusyError if part in ("is locked", "deadlock") else StoreError
                raise kind(f"the database answers: {message}", where=where, cure=cure) from None
        raise StoreError(
            f"the database answers: {message}",
            where=where,
            cure="Nothing was stored. Check the database server and its log, then try again.",
        ) from None


def _first_line(error: sa.exc.DBAPIError) -> str:
    # PostgreSQL names the offending values in the lines after the first ("DETAIL: ..."),
    # which may be pseudonyms; they stay out of logs.
    return str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else "no message"
