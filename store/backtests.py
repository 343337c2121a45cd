"""Backtests of checks with other values: what was asked, how far it is, and what came out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from domain.proposals import DONE, FAILED, QUEUED, RUNNING, Backtest
from store.errors import translate
from store.proposal_tables import BACKTESTS_SQL as BACKTESTS

ABANDONED: Final = timedelta(minutes=15)
"""A job that nobody touched for so long belonged to a service that is no more."""

_WAITING: Final = (QUEUED, RUNNING)


class Backtests:
    """The backtests of one database; get it from ``Store.backtests``."""

    def __init__(self, readers: sa.Engine, writers: sa.Engine, where: str) -> None:
        self._readers = readers
        self._writers = writers
        self._where = where

    def add(self, job: Backtest) -> bool:
        """Keep a job that waits; False if one of its id is there already."""
        with translate(self._where), self._writers.begin() as connection:
            if connection.execute(_query(BACKTESTS.c.backtest_id == job.backtest_id)).first():
                return False
            connection.execute(
                sa.insert(BACKTESTS).values(
                    backtest_id=job.backtest_id,
                    rule_id=job.rule_id,
                    tried=[list(one) for one in job.values],
                    first_day=job.first,
                    last_day=job.last,
                    asked_by=job.by,
                    asked_name=job.by_name,
                    asked_at=job.asked_at,
                    rules_sha256=job.rules_sha256,
                    status=QUEUED,
                    done=0,
                    touched_at=job.asked_at,
                )
            )
        return True

    def touch(self, backtest_id: str, done: int, total: int | None, now: datetime) -> None:
        """Note how many claims of how many are judged."""
        self._set(backtest_id, status=RUNNING, done=done, total=total, touched_at=now)

    def keep_alive(self, backtest_ids: Sequence[str], now: datetime) -> None:
        """Note that jobs still wait for their turn."""
        if not backtest_ids:
            return
        with translate(self._where), self._writers.begin() as connection:
            connection.execute(
                sa.update(BACKTESTS)
                .where(BACKTESTS.c.backtest_id.in_(backtest_ids), BACKTESTS.c.status == QUEUED)
                .values(touched_at=now)
            )

    def finish(self, backtest_id: str, result: Mapping[str, Any], now: datetime) -> None:
        """Keep what came out."""
        self._set(
            backtest_id, status=DONE, result=dict(result), touched_at=now, finished_at=now
        )  # fmt: skip

    def fail(self, backtest_id: str, trouble: str, now: datetime) -> None:
        """Note why it could not be done."""
        self._set(backtest_id, status=FAILED, trouble=trouble, touched_at=now, finished_at=now)

    def get(self, backtest_id: str) -> Backtest | None:
        """One backtest; None if there is none of that id."""
        with translate(self._where), self._readers.connect() as connection:
            row = connection.execute(_query(BACKTESTS.c.backtest_id == backtest_id)).first()
        return None if row is None else _made(row)

    def of_rule(self, rule_id: str, limit: int = 20) -> list[Backtest]:
        """The backtests of a check, the latest first."""
        query = _query(BACKTESTS.c.rule_id == rule_id)
        query = query.order_by(BACKTESTS.c.asked_at.desc(), BACKTESTS.c.backtest_id).limit(limit)
        with translate(self._where), self._readers.connect() as connection:
            return [_made(row) for row in connection.execute(query)]

    def give_up(self, now: datetime) -> int:
        """End the jobs that a service which is no more left behind; how many."""
        with translate(self._where), self._writers.begin() as connection:
            return connection.execute(
                sa.update(BACKTESTS)
                .where(BACKTESTS.c.status.in_(_WAITING), BACKTESTS.c.touched_at < now - ABANDONED)
                .values(status=FAILED, trouble="the service was stopped", finished_at=now)
            ).rowcount

    def _set(self, backtest_id: str, **values: Any) -> None:
        with translate(self._where), self._writers.begin() as connection:
            connection.execute(
                sa.update(BACKTESTS)
                .where(BACKTESTS.c.backtest_id == backtest_id, BACKTESTS.c.status.in_(_WAITING))
                .values(**values)
            )


def _query(*wanted: sa.ColumnElement[bool]) -> sa.Select[Any]:
    return sa.select(BACKTESTS).where(*wanted)


def _made(row: Any) -> Backtest:
    return Backtest(
        backtest_id=row.backtest_id,
        rule_id=row.rule_id,
        values=tuple((name, region, value) for name, region, value in row.tried),
        first=row.first_day,
        last=row.last_day,
        by=row.asked_by,
        by_name=row.asked_name,
        asked_at=row.asked_at,
        rules_sha256=row.rules_sha256,
        status=row.status,
        done=row.done,
        total=row.total,
        touched_at=row.touched_at,
        finished_at=row.finished_at,
        result=row.result,
        trouble=row.trouble,
    )
