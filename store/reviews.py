"""Reviews: what people concluded about findings, kept as evidence and counted as precision."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import date, datetime
from typing import Any, Final

import sqlalchemy as sa

from domain.feedback import Conclusion
from domain.review import Review, Reviewed
from domain.work import IN_CASE, IN_REVIEW, REVIEWED, STATUS_NEW
from store import inserting, measures
from store.case_tables import CASE_ALERTS_SQL as CASE_ALERTS
from store.events import emit
from store.review_tables import REVIEWS_SQL as REVIEWS
from store.state_tables import STAY_STATES_SQL as STATES
from store.tables import ALERTS_SQL as ALERTS
from store.tables import DECISIONS_SQL as DECISIONS
from store.tables import HITS_SQL as HITS

_COLUMNS: Final = tuple(field.name for field in fields(Review))


def keep(connection: sa.Connection, given: Sequence[Review]) -> int:
    """Store the reviews and set the status of their alerts; how many were not there yet."""
    new = inserting.insert(
        connection, REVIEWS, {name: [getattr(one, name) for one in given] for name in _COLUMNS}
    )
    if new:
        set_status(connection, _decisions_of(given), given)
        measures.mark_reviewed(
            connection, [one.stay_id for one in given if one.stay_id is not None]
        )
    return new


def set_status(
    connection: sa.Connection, decision_ids: Iterable[str], given: Sequence[Review] = ()
) -> None:
    """Set the status of the alerts of these decisions by their reviews, and by the case that holds them.

    ``given`` are reviews that were just kept: they are told as events.
    """
    for decision_id in sorted(decision_ids):
        _follow(connection, decision_id, [one for one in given if one.decision_id == decision_id])


def _decisions_of(given: Sequence[Review]) -> set[str]:
    return {one.decision_id for one in given if one.decision_id is not None}


def _follow(connection: sa.Connection, decision_id: str, given: Sequence[Review]) -> None:
    alert = connection.execute(
        sa.select(ALERTS).where(ALERTS.c.decision_id == decision_id).with_for_update()
    ).one_or_none()
    if alert is None:
        return
    status = _status(connection, decision_id)
    last = max(given or of_decision(connection, decision_id), key=_when, default=None)
    connection.execute(
        sa.update(ALERTS)
        .where(ALERTS.c.alert_id == alert.alert_id)
        .values(
            status=status,
            closed_at=last.reviewed_at if last is not None and status == REVIEWED else None,
            version=ALERTS.c.version + 1,
        )
    )
    if not given or last is None:
        return
    emit(
        connection,
        "alert.reviewed",
        alert.alert_id,
        at=last.reviewed_at,
        actor=last.reviewer,
        provider_id=alert.provider_id,
        department=alert.department,
        physician_id=alert.attending_physician_id,
        data={"outcome": last.outcome, "reason": last.reason, "status": status},
    )


def _when(review: Review) -> tuple[datetime, str]:
    return review.reviewed_at, review.review_id


def of_decision(connection: sa.Connection, decision_id: str) -> list[Review]:
    """All reviews of a decision, oldest first."""
    return _read(connection, REVIEWS.c.decision_id == decision_id)


def of_finding(connection: sa.Connection, finding_id: str) -> list[Review]:
    """All reviews of a finding on a month or day, oldest first."""
    return _read(connection, REVIEWS.c.finding_id == finding_id)


def all_of_them(connection: sa.Connection) -> Iterable[Review]:
    """Every review, oldest first, as they are read from the database."""
    query = sa.select(REVIEWS).order_by(REVIEWS.c.reviewed_at, REVIEWS.c.review_id)
    for row in connection.execution_options(yield_per=1_000).execute(query):
        yield _review(row)


def decision_with_hit(connection: sa.Connection, stay_id: str, rule_id: str) -> str | None:
    """The decision on a stay that counts, if the check hit there; else None."""
    query = (
        sa.select(STATES.c.decision_id)
        .where(STATES.c.stay_id == stay_id)
        .where(
            sa.exists().where(HITS.c.decision_id == STATES.c.decision_id, HITS.c.rule_id == rule_id)
        )
    )
    found: str | None = connection.execute(query).scalar_one_or_none()
    return found


def precision(connection: sa.Connection) -> dict[str, Reviewed]:
    """How the reviews of each check came out, by check id.

    Of several reviews of one check on one stay (also of several decisions on it), month or
    day the last counts.
    """
    last = _counting(REVIEWS.c.rule_id, REVIEWS.c.outcome)
    query = (
        sa.select(last.c.rule_id, last.c.outcome, sa.func.count())
        .where(last.c.place == 1)
        .group_by(last.c.rule_id, last.c.outcome)
    )
    counts: dict[str, dict[str, int]] = {}
    for rule_id, outcome, number in connection.execute(query):
        counts.setdefault(rule_id, {})[outcome] = int(number)
    return {rule_id: Reviewed(**found) for rule_id, found in sorted(counts.items())}


def conclusions(connection: sa.Connection) -> list[Conclusion]:
    """The review that counts of each check on each stay, month or day, with the score decided then."""
    last = _counting(
        *(REVIEWS.c[n] for n in ("rule_id", "outcome", "reviewed_at", "stay_id", "decision_id"))
    )
    query = (
        sa.select(last, DECISIONS.c.model_sha256, DECISIONS.c.score)
        .outerjoin(DECISIONS, DECISIONS.c.decision_id == last.c.decision_id)
        .where(last.c.place == 1)
        .order_by(last.c.reviewed_at, last.c.rule_id, last.c.stay_id)
    )
    names = [field.name for field in fields(Conclusion)]
    return [
        Conclusion(**{name: row._mapping[name] for name in names})
        for row in connection.execute(query)
    ]


def days(connection: sa.Connection, rule_id: str) -> list[tuple[date, str, int]]:
    """The reviews of one check that count, by day in China and outcome: the last on each stay, month or day."""
    last = _counting(REVIEWS.c.outcome, REVIEWS.c.reviewed_at, only=REVIEWS.c.rule_id == rule_id)
    if connection.dialect.name == "postgresql":
        there = sa.func.timezone("Asia/Shanghai", last.c.reviewed_at)
        day: sa.ColumnElement[Any] = sa.cast(there, sa.Date)
    else:
        day = sa.type_coerce(sa.func.date(last.c.reviewed_at, "+8 hours"), sa.Date)
    told = sa.select(day.label("day"), last.c.outcome).where(last.c.place == 1).subquery()
    query = sa.select(told.c.day, told.c.outcome, sa.func.count()).group_by(
        told.c.day, told.c.outcome
    )
    return [(row[0], row[1], int(row[2])) for row in connection.execute(query)]


def _counting(
    *columns: sa.ColumnElement[Any], only: sa.ColumnElement[bool] | None = None
) -> sa.Subquery:
    """Reviews with their ``place`` among those of one check on one stay, month or day: 1 is the last."""
    subject = sa.func.coalesce(REVIEWS.c.stay_id, REVIEWS.c.finding_id)
    place = sa.func.row_number().over(
        partition_by=(subject, REVIEWS.c.rule_id),
        order_by=(REVIEWS.c.reviewed_at.desc(), REVIEWS.c.review_id.desc()),
    )
    query = sa.select(*columns, place.label("place"))
    return (query if only is None else query.where(only)).subquery()


def _status(connection: sa.Connection, decision_id: str) -> str:
    held = sa.select(CASE_ALERTS.c.case_id).where(
        CASE_ALERTS.c.decision_id == decision_id, CASE_ALERTS.c.held_alert_id.is_not(None)
    )
    if connection.execute(held).first() is not None:
        return IN_CASE
    checks = set(
        connection.execute(
            sa.select(HITS.c.rule_id).where(HITS.c.decision_id == decision_id).distinct()
        ).scalars()
    )
    last = {one.rule_id: one.outcome for one in of_decision(connection, decision_id)}
    if not last:
        return STATUS_NEW
    concluded = {rule_id for rule_id, outcome in last.items() if outcome != "needs_information"}
    return REVIEWED if checks <= concluded else IN_REVIEW


def _read(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> list[Review]:
    query = sa.select(REVIEWS).where(condition)
    rows = connection.execute(query.order_by(REVIEWS.c.reviewed_at, REVIEWS.c.review_id))
    return [_review(row) for row in rows]


def _review(row: Any) -> Review:
    return Review(**{name: row._mapping[name] for name in _COLUMNS})
