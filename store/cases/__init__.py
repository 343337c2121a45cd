"""Cases of a store: what officers work on, kept as what happened to them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import sqlalchemy as sa

from domain.access import ALL_ROWS, Rows
from domain.case_actions import Act
from domain.casework import CaseAlert, Event, State, replay
from domain.tables import Tables
from store import bodies
from store.case_tables import CASE_ATTACHMENTS_SQL as ATTACHMENTS
from store.case_tables import CASE_COMMENTS_SQL as COMMENTS
from store.cases import reading, writing
from store.cases.records import (
    Attachment,
    CaseAfter,
    CaseFilter,
    CasePage,
    CaseRecord,
    CaseSort,
    CaseSums,
    HeldAlertError,
    QuotaError,
    Row,
    StaleCaseError,
    TimelineEntry,
)
from store.errors import translate
from store.history import content_of
from store.tables import CLAIMS_SQL as CLAIMS
from store.tables import DECISIONS_SQL as DECISIONS

__all__ = [
    "Attachment",
    "CaseAfter",
    "CaseFilter",
    "CasePage",
    "CaseRecord",
    "CaseSort",
    "CaseSums",
    "Cases",
    "HeldAlertError",
    "QuotaError",
    "StaleCaseError",
    "TimelineEntry",
]

MOST_FILES: Final = 50
MOST_BYTES: Final = 100 * 2**20
"""Files of one case, and their bytes together: backups carry them."""


class Cases:
    """The cases of a store; get it from ``Store.cases``."""

    def __init__(self, readers: sa.Engine, writers: sa.Engine, where: str) -> None:
        self._readers, self._writers, self._where = readers, writers, where

    def open(self, case_id: str, events: Sequence[Event], key: str | None = None) -> Row:
        """Keep a new case; one of that id that is there already is given back as it is.

        HeldAlertError if an alert lies in another case that is not closed.
        """
        with translate(self._where), self._writers.begin() as connection:
            if (found := reading.find(connection, case_id)) is None:
                writing.begin(connection, case_id, events, key, self._where)
                found = reading.find(connection, case_id)
        if found is None:
            raise AssertionError("the case that was just written is not there")
        return found

    def act(
        self,
        case_id: str,
        decide: Callable[[State], Sequence[Event]],
        *,
        version: int | None = None,
        key: str | None = None,
    ) -> bool:
        """Let ``decide`` say what happens next, and keep that; whether anything happened.

        With ``version`` only if the case has that version, else StaleCaseError says what changed
        since. A request whose ``key`` was carried out on this case before does nothing again.
        """
        with translate(self._where), self._writers.begin() as connection:
            row = reading.find(connection, case_id, lock=True)
            if row is None:
                raise AssertionError(f"there is no case {case_id}")
            if writing.done_before(connection, case_id, key):
                return False
            happened = reading.timeline(connection, case_id)
            if version is not None and version != row["version"]:
                since = [entry for entry in happened if entry.version > version]
                raise StaleCaseError(self._where, row["version"], since)
            state = replay(entry.event for entry in happened)
            events = decide(state)
            if events:
                writing.advance(connection, row, state, events, key, self._where)
            return bool(events)

    def comment(self, case_id: str, comment_id: str, act: Act, visibility: str, text: str) -> bool:
        """Add a comment; False if one of that id is there. The version stays: nobody's work is stale."""
        with translate(self._where), self._writers.begin() as connection:
            row = reading.find(connection, case_id, lock=True) or {}
            query = sa.select(COMMENTS.c.comment_id).where(COMMENTS.c.comment_id == comment_id)
            if connection.execute(query).first() is not None:
                return False
            connection.execute(
                sa.insert(COMMENTS).values(
                    comment_id=comment_id, case_id=case_id, author=act.by.user_id,
                    author_name=act.by.name, visibility=visibility, text=text, created_at=act.at,
                )
            )  # fmt: skip
            event = act.event("commented", visibility, comment_id=comment_id)
            writing.append(connection, case_id, row["version"], [event], None)
            return True

    def attach(
        self, case_id: str, attachment_id: str, act: Act, visibility: str, given: Attachment
    ) -> bool:
        """Add a file; False if one of that id is there. QuotaError if the case holds too much."""
        with translate(self._where), self._writers.begin() as connection:
            row = reading.find(connection, case_id, lock=True) or {}
            here = ATTACHMENTS.c.case_id == case_id
            query = sa.select(ATTACHMENTS.c.attachment_id, ATTACHMENTS.c.size).where(here)
            there = {row.attachment_id: row.size for row in connection.execute(query)}
            if attachment_id in there:
                return False
            if len(there) >= MOST_FILES or sum(there.values()) + len(given.body) > MOST_BYTES:
                raise QuotaError(
                    f"the case may hold {MOST_FILES} files and {MOST_BYTES // 2**20} MiB in all",
                    where="case.attachments",
                    cure="Attach smaller files, or only the pages that matter.",
                )
            digest = hashlib.sha256(given.body).hexdigest()
            connection.execute(
                sa.insert(ATTACHMENTS).values(
                    attachment_id=attachment_id, case_id=case_id, name=given.name, kind=given.kind,
                    size=len(given.body), sha256=digest, author=act.by.user_id,
                    author_name=act.by.name, visibility=visibility, created_at=act.at,
                    body=given.body,
                )
            )  # fmt: skip
            event = act.event(
                "attached",
                visibility,
                attachment_id=attachment_id,
                name=given.name,
                sha256=digest,
            )
            writing.append(connection, case_id, row["version"], [event], None)
            return True

    def find(self, case: str, rows: Rows = ALL_ROWS) -> CaseRecord | None:
        """A case by its id or number; None if there is none in sight."""
        with translate(self._where), self._readers.connect() as connection:
            row = reading.find(connection, case)
            if row is None or not rows.allow(
                row["provider_id"], row["department"], row["physician_id"]
            ):
                return None
            return reading.record(connection, row)

    def page(
        self,
        wanted: CaseFilter | None = None,
        sort: CaseSort = CaseSort.CLOCK,
        after: CaseAfter | None = None,
        limit: int = 50,
    ) -> CasePage:
        """One page of cases; ``after`` is that of the page before, under the same filter."""
        with translate(self._where), self._readers.connect() as connection:
            return reading.page(connection, wanted or CaseFilter(), sort, after, limit)

    def sums(self, wanted: CaseFilter | None = None) -> list[CaseSums]:
        """How many cases a filter finds, with their money, by currency."""
        with translate(self._where), self._readers.connect() as connection:
            return reading.sums(connection, wanted or CaseFilter())

    def attachment(self, case_id: str, attachment_id: str) -> Row | None:
        """A file of a case with its contents; None if the case has none of that id."""
        with translate(self._where), self._readers.connect() as connection:
            return reading.attachment(connection, case_id, attachment_id)

    def alerts(self, alert_ids: Sequence[str], rows: Rows = ALL_ROWS) -> list[CaseAlert]:
        """Alerts as a case keeps them; those unknown or out of sight are left out."""
        with translate(self._where), self._readers.connect() as connection:
            return reading.alerts(connection, alert_ids, rows)

    def of_alerts(self, alert_ids: Iterable[str]) -> dict[str, Row]:
        """alert_id -> the row of the case that holds it now or held it last."""
        with translate(self._where), self._readers.connect() as connection:
            return reading.cases_of(connection, alert_ids)

    def claim(self, decision_id: str) -> Row:
        """The claim that a decision judged, as plain data with its children."""
        return bodies.read(self._body(decision_id))

    def tables(self, decision_id: str) -> Tables:
        """The same claim as tables, for what judges and groups."""
        return bodies.decode([self._body(decision_id)])

    def _body(self, decision_id: str) -> bytes:
        query = (
            sa.select(CLAIMS.c.body)
            .join(DECISIONS, content_of(DECISIONS))
            .where(DECISIONS.c.decision_id == decision_id)
        )
        with translate(self._where), self._readers.connect() as connection:
            body: bytes = connection.execute(query).scalar_one()
        return body
