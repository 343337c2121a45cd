"""Reading cases: pages by keyset, sums, and one case with all that happened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from domain.access import Rows
from domain.casework import CaseAlert, Event, Person, replay
from store.case_tables import CASE_ALERTS_SQL as HELD
from store.case_tables import CASE_ATTACHMENTS_SQL as ATTACHMENTS
from store.case_tables import CASE_COMMENTS_SQL as COMMENTS
from store.case_tables import CASE_EVENTS_SQL as EVENTS
from store.case_tables import CASES_SQL as CASES
from store.cases.records import (
    CaseAfter,
    CaseFilter,
    CasePage,
    CaseRecord,
    CaseSort,
    CaseSums,
    Row,
    TimelineEntry,
)
from store.inserting import among
from store.rows import within
from store.tables import ALERTS_SQL as ALERTS
from store.tables import DECISIONS_SQL as DECISIONS

FILE_COLUMNS: Final = tuple(c for c in ATTACHMENTS.columns if c.name != "body")
_KEYS: Final[Mapping[CaseSort, sa.Column[Any]]] = {
    CaseSort.CLOCK: CASES.c.clock_at,
    CaseSort.NEWEST: CASES.c.opened_at,
    CaseSort.EXPOSURE: CASES.c.exposure_fen,
}


def page(
    connection: sa.Connection,
    wanted: CaseFilter,
    sort: CaseSort,
    after: CaseAfter | None,
    limit: int,
) -> CasePage:
    """The next ``limit`` cases after a place; those whose clock does not run come last by it."""
    column = _KEYS[sort]
    query = sa.select(CASES).where(*_conditions(wanted))
    if after is not None:
        query = query.where(_beyond(sort, column, after))
    order = (
        (column.is_(None), column.asc(), CASES.c.case_id)
        if sort is CaseSort.CLOCK
        else (column.desc(), CASES.c.case_id)
    )
    rows = [dict(r._mapping) for r in connection.execute(query.order_by(*order).limit(limit + 1))]
    more, rows = len(rows) > limit, rows[:limit]
    last = CaseAfter(_pack(rows[-1][column.name]), rows[-1]["case_id"]) if more else None
    return CasePage(rows, last)


def sums(connection: sa.Connection, wanted: CaseFilter) -> list[CaseSums]:
    """How many cases the filter finds, with their money, by currency."""
    query = (
        sa.select(
            CASES.c.currency,
            sa.func.count(),
            sa.func.sum(CASES.c.exposure_fen),
            sa.func.coalesce(sa.func.sum(CASES.c.recovered_fen), 0),
        )
        .where(*_conditions(wanted))
        .group_by(CASES.c.currency)
        .order_by(CASES.c.currency)
    )
    return [CaseSums(c, int(n), int(e), int(r)) for c, n, e, r in connection.execute(query)]


def find(connection: sa.Connection, case: str, *, lock: bool = False) -> Row | None:
    """The row of a case by its id or number; ``lock`` holds it until the transaction ends."""
    query = sa.select(CASES).where(sa.or_(CASES.c.case_id == case, CASES.c.number == case))
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    return None if row is None else dict(row._mapping)


def timeline(connection: sa.Connection, case_id: str) -> list[TimelineEntry]:
    """What happened to a case, oldest first."""
    query = sa.select(EVENTS).where(EVENTS.c.case_id == case_id).order_by(EVENTS.c.event_id)
    return [
        TimelineEntry(
            row.event_id,
            row.version,
            Event(
                row.kind,
                row.happened_at,
                Person(row.actor, row.actor_name),
                row.data,
                row.visibility,
            ),
        )
        for row in connection.execute(query)
    ]


def record(connection: sa.Connection, row: Row) -> CaseRecord:
    """All of a case but the contents of its files."""
    case_id = row["case_id"]
    happened = timeline(connection, case_id)
    comments = sa.select(COMMENTS).where(COMMENTS.c.case_id == case_id)
    files = sa.select(*FILE_COLUMNS).where(ATTACHMENTS.c.case_id == case_id)
    return CaseRecord(
        row,
        replay(entry.event for entry in happened),
        happened,
        _listed(connection, comments.order_by(COMMENTS.c.created_at, COMMENTS.c.comment_id)),
        _listed(connection, files.order_by(ATTACHMENTS.c.created_at, ATTACHMENTS.c.attachment_id)),
    )


def attachment(connection: sa.Connection, case_id: str, attachment_id: str) -> Row | None:
    """A file of a case with its contents; None if the case has none of that id."""
    query = sa.select(ATTACHMENTS).where(
        ATTACHMENTS.c.case_id == case_id, ATTACHMENTS.c.attachment_id == attachment_id
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else dict(row._mapping)


def alerts(connection: sa.Connection, alert_ids: Sequence[str], rows: Rows) -> list[CaseAlert]:
    """Alerts as a case keeps them, in the order asked; those unknown or out of sight are left out."""
    found: dict[str, CaseAlert] = {}
    seen = within(
        rows, ALERTS.c.provider_id, DECISIONS.c.department, DECISIONS.c.attending_physician_id
    )
    # PostgreSQL's text cannot hold U+0000, so that no id has it.
    asked = [one for one in alert_ids if "\x00" not in one]
    for here in among(connection, ALERTS.c.alert_id, asked):
        query = (
            sa.select(
                ALERTS.c.alert_id, ALERTS.c.decision_id, ALERTS.c.stay_id, ALERTS.c.provider_id,
                ALERTS.c.currency, DECISIONS.c.exposure_fen, DECISIONS.c.department,
                DECISIONS.c.attending_physician_id, ALERTS.c.rule_ids,
            )
            .join(DECISIONS, DECISIONS.c.decision_id == ALERTS.c.decision_id)
            .where(here, *seen)
        )  # fmt: skip
        for row in connection.execute(query):
            found[row.alert_id] = CaseAlert(
                *row[:-2], physician_id=row[-2], checks=tuple(row.rule_ids.split())
            )
    return [found[one] for one in dict.fromkeys(alert_ids) if one in found]


def cases_of(connection: sa.Connection, alert_ids: Iterable[str]) -> dict[str, Row]:
    """alert_id -> the case (id, number, status) that holds it now or held it last."""
    found: dict[str, Row] = {}
    for here in among(connection, HELD.c.alert_id, list(alert_ids)):
        query = (
            sa.select(HELD.c.alert_id, CASES)
            .join(CASES, CASES.c.case_id == HELD.c.case_id)
            .where(here)
            .order_by(HELD.c.held_alert_id.is_not(None), CASES.c.opened_at)
        )
        for row in connection.execute(query):
            found[row.alert_id] = dict(row._mapping)
    return found


def _conditions(wanted: CaseFilter) -> list[sa.ColumnElement[bool]]:
    conditions = within(wanted.rows, CASES.c.provider_id, CASES.c.department, CASES.c.physician_id)
    conditions.extend(
        column == value
        for column, value in (
            (CASES.c.status, wanted.status),
            (CASES.c.assignee, wanted.assignee),
            (CASES.c.provider_id, wanted.provider_id),
            (CASES.c.currency, wanted.currency),
        )
        if value is not None
    )
    if wanted.min_exposure_fen is not None:
        conditions.append(CASES.c.exposure_fen >= wanted.min_exposure_fen)
    if wanted.overdue is not None:
        conditions.append(CASES.c.clock_at < wanted.overdue)
    if wanted.open_only:
        conditions.append(CASES.c.clock_at.is_not(None))
    if wanted.text is not None:
        searched = (CASES.c.number, CASES.c.title, CASES.c.provider_id)
        of_stay = sa.exists().where(
            HELD.c.case_id == CASES.c.case_id,
            HELD.c.stay_id.icontains(wanted.text, autoescape=True),
        )
        conditions.append(
            sa.or_(*(c.icontains(wanted.text, autoescape=True) for c in searched), of_stay)
        )
    return conditions


def _beyond(sort: CaseSort, column: sa.Column[Any], after: CaseAfter) -> sa.ColumnElement[bool]:
    later = CASES.c.case_id > after.case_id
    if after.key is None:
        return sa.and_(column.is_(None), later)
    key = int(after.key) if sort is CaseSort.EXPOSURE else datetime.fromisoformat(str(after.key))
    tied = sa.and_(column == key, later)
    if sort is CaseSort.CLOCK:
        return sa.or_(column > key, tied, column.is_(None))
    return sa.or_(column < key, tied)


def _listed(connection: sa.Connection, query: sa.Select[Any]) -> list[Row]:
    return [dict(row._mapping) for row in connection.execute(query)]


def _pack(key: Any) -> int | str | None:
    return key.isoformat() if isinstance(key, datetime) else key
