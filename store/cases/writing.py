"""Writing cases: events, and what they lead to, in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from domain.calendar import CHINA
from domain.casework import Disposition, Event, State, Status, apply, replay
from domain.results import identifier
from domain.review import Review
from domain.work import IN_CASE
from store import reviews
from store.case_tables import CASE_ALERTS_SQL as HELD
from store.case_tables import CASE_EVENTS_SQL as EVENTS
from store.case_tables import CASE_NUMBERS_SQL as NUMBERS
from store.case_tables import CASES_SQL as CASES
from store.cases.records import HeldAlertError, Row, StaleCaseError
from store.events import emit
from store.inserting import among
from store.tables import ALERTS_SQL as ALERTS

_TOLD: Final = {
    "opened": "case.opened",
    "closed": "case.closed",
    "appeal_lodged": "case.appealed",
}
"""Kind of event -> what others are told; every other change is ``case.changed``."""


def number(connection: sa.Connection, at: datetime) -> str:
    """The next number of the year of that instant in China: ``2026-000123``."""
    year = at.astimezone(CHINA).year
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert  # noqa: PLC0415
    else:
        from sqlalchemy.dialects.sqlite import insert  # type: ignore[assignment]  # noqa: PLC0415
    query = (
        insert(NUMBERS)
        .values(year=year, last=1)
        .on_conflict_do_update(index_elements=["year"], set_={"last": NUMBERS.c.last + 1})
        .returning(NUMBERS.c.last)
    )
    return f"{year}-{connection.execute(query).scalar_one():06d}"


def begin(
    connection: sa.Connection, case_id: str, events: Sequence[Event], key: str | None, where: str
) -> None:
    """A new case by its first events."""
    state = replay(events)
    first = next(iter(state.alerts.values()))
    opened = events[0]
    numbered = number(connection, opened.at)
    connection.execute(
        sa.insert(CASES).values(
            case_id=case_id,
            number=numbered,
            provider_id=first.provider_id,
            currency=first.currency,
            opened_at=opened.at,
            opened_by=opened.by.user_id,
            version=1,
            changed_at=opened.at,
            **_projected(state),
        )
    )
    _hold(connection, case_id, State(), state, where)
    append(connection, case_id, 1, events, key)
    _tell(connection, case_id, numbered, 1, state, events)


def advance(  # noqa: PLR0917
    connection: sa.Connection,
    row: Row,
    before: State,
    events: Sequence[Event],
    key: str | None,
    where: str,
) -> None:
    """Bring a case from the state before to where the events lead; StaleCaseError if another one was quicker."""
    state = before
    for event in events:
        state = apply(state, event)
    case_id, version = row["case_id"], row["version"] + 1
    done = connection.execute(
        sa.update(CASES)
        .where(CASES.c.case_id == case_id, CASES.c.version == row["version"])
        .values(version=version, changed_at=events[-1].at, **_projected(state))
    )
    if done.rowcount != 1:
        raise StaleCaseError(where, version, ())
    _hold(connection, case_id, before, state, where)
    append(connection, case_id, version, events, key)
    _review(connection, row, state, events, version)
    closes = (state.status is Status.CLOSED) != (before.status is Status.CLOSED)
    if closes or set(state.alerts) != set(before.alerts):
        touched = {one.decision_id for one in (*before.alerts.values(), *state.alerts.values())}
        reviews.set_status(connection, touched)
    _tell(connection, case_id, row["number"], version, state, events)


def append(
    connection: sa.Connection,
    case_id: str,
    version: int,
    events: Iterable[Event],
    key: str | None,
) -> None:
    """Add events to the timeline; the first one carries the request's key."""
    for place, event in enumerate(events):
        connection.execute(
            sa.insert(EVENTS).values(
                case_id=case_id,
                version=version,
                kind=event.kind,
                actor=event.by.user_id,
                actor_name=event.by.name,
                visibility=event.visibility,
                data=dict(event.data),
                request_key=key if place == 0 else None,
                happened_at=event.at,
            )
        )


def done_before(connection: sa.Connection, case_id: str, key: str | None) -> bool:
    """Whether a request with this key was carried out on the case."""
    if key is None:
        return False
    query = sa.select(EVENTS.c.event_id).where(
        EVENTS.c.case_id == case_id, EVENTS.c.request_key == key
    )
    return connection.execute(query).first() is not None


def _projected(state: State) -> dict[str, Any]:
    assignee = state.assignee
    return {
        "title": state.title,
        "department": state.common("department"),
        "physician_id": state.common("physician_id"),
        "exposure_fen": state.exposure_fen,
        "recovered_fen": state.recovered_fen if state.ended else None,
        "alert_count": len(state.alerts),
        "status": str(state.status),
        "assignee": assignee.user_id if assignee else None,
        "assignee_name": assignee.name if assignee else None,
        "due_at": state.due_at,
        "clock_at": state.clock,
        "closed_at": state.closed_at,
    }


def _hold(connection: sa.Connection, case_id: str, before: State, state: State, where: str) -> None:
    """Let the case hold its alerts while it is not closed, each in one such case at most."""
    held_before = set() if before.status is Status.CLOSED else set(before.alerts)
    holds = set() if state.status is Status.CLOSED else set(state.alerts)
    taken = sorted(holds - held_before)
    if taken:
        _refuse_held(connection, case_id, taken, where)
    gone = set(before.alerts) - set(state.alerts)
    for alert_id in sorted(gone):
        connection.execute(
            sa.delete(HELD).where(HELD.c.case_id == case_id, HELD.c.alert_id == alert_id)
        )
    new = set(state.alerts) - set(before.alerts)
    if new:
        connection.execute(
            sa.insert(HELD),
            [
                {
                    "case_id": case_id,
                    "alert_id": one.alert_id,
                    "held_alert_id": one.alert_id if one.alert_id in holds else None,
                    "decision_id": one.decision_id,
                    "stay_id": one.stay_id,
                }
                for one in sorted(state.alerts.values(), key=lambda a: a.alert_id)
                if one.alert_id in new
            ],
        )
    if state.status is Status.CLOSED or before.status is Status.CLOSED:
        ends = state.status is Status.CLOSED
        connection.execute(
            sa.update(HELD)
            .where(HELD.c.case_id == case_id)
            .values(held_alert_id=None if ends else HELD.c.alert_id)
        )
    for here in among(connection, ALERTS.c.alert_id, taken):
        connection.execute(sa.update(ALERTS).where(here).values(status=IN_CASE))


def _refuse_held(
    connection: sa.Connection, case_id: str, alert_ids: Sequence[str], where: str
) -> None:
    held: dict[str, str] = {}
    # The alerts' rows are held first, so that of two who take one alert at once the second one waits.
    for here in among(connection, ALERTS.c.alert_id, alert_ids):
        connection.execute(
            sa.select(ALERTS.c.alert_id).where(here).order_by(ALERTS.c.alert_id).with_for_update()
        )
    for here in among(connection, HELD.c.held_alert_id, alert_ids):
        query = (
            sa.select(HELD.c.alert_id, CASES.c.number)
            .join(CASES, CASES.c.case_id == HELD.c.case_id)
            .where(here, HELD.c.case_id != case_id)
        )
        held |= {row.alert_id: row.number for row in connection.execute(query)}
    if held:
        raise HeldAlertError(where, held)


def _review(
    connection: sa.Connection, row: Row, state: State, events: Sequence[Event], version: int
) -> None:
    """Dispositions become reviews: at once what needs information, the others once the case is closed."""
    for event in events:
        match event.kind:
            case "closed":
                given = list(state.dispositions.values())
            case "disposed":
                given = [o for o in _named(state, event) if o.outcome == "needs_information"]
            case "appeal_decided":
                given = _named(state, event)
            case _:
                continue
        stays = {one.decision_id: one.stay_id for one in state.alerts.values()}
        reviews.keep(
            connection,
            [
                Review(
                    review_id=identifier(
                        "case-review", row["case_id"], str(version), one.decision_id, one.rule_id
                    ),
                    rule_id=one.rule_id,
                    outcome=one.outcome,
                    reason=one.reason,
                    reviewer=one.by_name,
                    reviewed_at=event.at,
                    decision_id=one.decision_id,
                    stay_id=stays[one.decision_id],
                    recovered_fen=one.recovered_fen,
                    currency=None if one.recovered_fen is None else row["currency"],
                    note=one.note,
                )
                for one in given
            ],
        )


def _named(state: State, event: Event) -> list[Disposition]:
    """The dispositions that count of the checks that an event names."""
    named = {(item["decision_id"], item["rule_id"]) for item in event.data["items"]}
    return [one for place, one in state.dispositions.items() if place in named]


def _tell(  # noqa: PLR0917
    connection: sa.Connection,
    case_id: str,
    numbered: str,
    version: int,
    state: State,
    events: Sequence[Event],
) -> None:
    kinds = {_TOLD.get(event.kind, "case.changed") for event in events}
    if "case.opened" in kinds:
        kinds = {"case.opened"}
    elif len(kinds) > 1:
        kinds.discard("case.changed")
    first = next(iter(state.alerts.values()))
    for kind in sorted(kinds):
        emit(
            connection,
            kind,
            case_id,
            at=events[-1].at,
            actor=events[-1].by.user_id,
            provider_id=first.provider_id,
            department=state.common("department"),
            physician_id=state.common("physician_id"),
            data={
                "number": numbered,
                "status": str(state.status),
                "version": version,
                "happened": [event.kind for event in events],
            },
        )
