"""The replays of one database: each call a transaction of its own."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from domain.results import Results
from store import history, runs
from store.errors import StoreError, translate
from store.runs import Run

Row = dict[str, Any]


class Replays:
    """What replays store and tell; get it from ``Store.replays``."""

    def __init__(self, *, readers: sa.Engine, writers: sa.Engine, where: str) -> None:
        self._readers = readers
        self._writers = writers
        self._where = where

    def begin(self, run: Run) -> set[date]:
        """Begin a run or go on with it; the days that are done. StoreError if the name is taken."""
        with translate(self._where), self._writers.begin() as connection:
            return runs.begin(connection, run, datetime.now(UTC))

    def days(self, first: date, last: date) -> list[tuple[date, int]]:
        """Days on which stored claims were served, with their number."""
        with translate(self._where), self._readers.connect() as connection:
            return history.read_days(connection, first, last)

    def stays_of_day(self, day: date) -> list[str]:
        """The ids of the claims that were served that day, sorted."""
        with translate(self._where), self._readers.connect() as connection:
            return runs.stays_of_day(connection, day)

    def keep(self, name: str, day: date, results: Results) -> None:
        """Store a part of a day."""
        with translate(self._where), self._writers.begin() as connection:
            runs.keep(connection, name, day, results)

    def end_day(self, name: str, day: date, stays: int) -> None:
        """Note that a day is whole: it is not judged again."""
        with translate(self._where), self._writers.begin() as connection:
            runs.end_day(connection, name, day, stays, datetime.now(UTC))

    def finish(self, name: str, findings: pa.Table) -> None:
        """Store findings on months and days (``domain.results.FINDINGS``), and end the run."""
        with translate(self._where), self._writers.begin() as connection:
            runs.finish(connection, name, findings, datetime.now(UTC))

    def remove(self, name: str) -> None:
        """Take a run away; StoreError if there is none of that name."""
        with translate(self._where), self._writers.begin() as connection:
            if not runs.remove(connection, name):
                raise self._unknown(name)

    def all(self) -> list[Row]:
        """All runs, latest first."""
        with translate(self._where), self._readers.connect() as connection:
            return runs.read(connection)

    def show(self, name: str) -> Row:
        """One run with its days and stays done; StoreError if there is none of that name."""
        with translate(self._where), self._readers.connect() as connection:
            found = runs.read(connection, name)
        if not found:
            raise self._unknown(name)
        return found[0]

    def compare(self, name: str) -> Row:
        """What the run says otherwise: ``decisions``, ``checks``, ``findings``."""
        self.show(name)
        with translate(self._where), self._readers.connect() as connection:
            return {
                "decisions": runs.compare_decisions(connection, name),
                "checks": runs.compare(connection, name),
                "findings": runs.compare_findings(connection, name),
            }

    def differing(self, name: str, rule_id: str, *, limit: int = 50) -> list[Row]:
        """Stays that only the run or only the live check hit."""
        self.show(name)
        with translate(self._where), self._readers.connect() as connection:
            return runs.differing(connection, name, rule_id, limit)

    def _unknown(self, name: str) -> StoreError:
        return StoreError(
            f"there is no replay named {name}",
            where=self._where,
            cure="sentinel stream replay list shows the names.",
        )
