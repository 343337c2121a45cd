"""The work on alerts: who has which and until when, many at once, saved views, expected losses.

A change names the version of each alert that its caller saw. If another one changed meanwhile,
nothing of the whole change is done, unless the caller wants such alerts skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy as sa

from domain.access import ALL_ROWS, Rows
from domain.results import Severity
from domain.review import Review
from domain.work import OPEN_STATUSES
from store import alert_filters as filters
from store import alert_pages, inserting, pricing, reviews, views
from store.alert_filters import AlertFilter, AlertSort
from store.errors import translate
from store.events import emit
from store.review_tables import REVIEWS_SQL as REVIEWS
from store.rows import within
from store.tables import ALERTS_SQL as ALERTS
from store.views import View

Row = dict[str, Any]

GONE: Final = "gone"
"""Why an alert is not changed: there is none of that id in sight."""
SUPERSEDED: Final = "superseded"
"""Why an alert is not changed: another decision on its claim counts, or it was withdrawn."""
CLOSED: Final = "closed"
"""Why an alert is not given to anybody: the work on it is done."""
CHANGED: Final = "changed"
"""Why an alert is not changed: somebody changed it since the caller saw it."""

ASSIGNED_AT_ONCE: Final = 1_000
"""Alerts that one automatic assignment looks at, those of the highest expected loss first."""

_SHOWN: Final = tuple(column for column in ALERTS.c if column.name != "words")


@dataclass(frozen=True, slots=True)
class Wanted:
    """An alert to change, and the version of it that the caller saw; None changes any."""

    alert_id: str
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Worker:
    """Somebody to whom alerts can be given, and whose rows they may see."""

    user_id: str
    name: str
    rows: Rows = ALL_ROWS


@dataclass(frozen=True, slots=True)
class Work:
    """What to do with alerts: give them to somebody, set when they are due, review them.

    ``assign`` says that ``assignee`` is meant, which None empties. ``review`` makes the reviews of
    one alert's row; the same ones again store nothing.
    """

    actor: str
    assign: bool = False
    assignee: str | None = None
    due_at: datetime | None = None
    review: Callable[[Row], list[Review]] | None = None


@dataclass(frozen=True, slots=True)
class Worked:
    """The alerts that are as wanted now, and those left out, each with the reason."""

    done: Sequence[str]
    skipped: Mapping[str, str] = field(default_factory=dict)


class ChangedMeanwhileError(Exception):
    """Alerts that cannot be changed as wanted, each with the reason; nothing was changed at all."""

    def __init__(self, why: Mapping[str, str]) -> None:
        super().__init__(f"{len(why)} alerts cannot be changed")
        self.why = dict(why)


class Queue:
    """The work on the alerts of a store; get it from ``Store.queue``."""

    def __init__(self, readers: sa.Engine, writers: sa.Engine, where: str) -> None:
        self._readers, self._writers, self._where = readers, writers, where

    def look(self, alert_ids: Sequence[str], rows: Rows = ALL_ROWS) -> list[Row]:
        """The alerts of these ids that may be seen, highest expected loss first."""
        with translate(self._where), self._readers.connect() as connection:
            found = _read(connection, alert_ids, rows, lock=False)
        return sorted(found, key=lambda row: (-row["expected_loss_fen"], row["alert_id"]))

    def work(
        self,
        given: Sequence[Wanted],
        work: Work,
        rows: Rows = ALL_ROWS,
        *,
        skip: bool = False,
    ) -> Worked:
        """Change alerts in one transaction; what was done already counts as done.

        ChangedMeanwhileError, and nothing is changed, if one cannot be changed as wanted and ``skip`` is
        not given.
        """
        with translate(self._where), self._writers.begin() as connection:
            return _work(connection, given, work, rows, skip, datetime.now(UTC))

    def take_next(self, wanted: AlertFilter, user_id: str) -> str | None:
        """Give the best open alert that nobody has to somebody; its id, None if there is none.

        Two that ask at once get two alerts.
        """
        now = datetime.now(UTC)
        with translate(self._where), self._writers.begin() as connection:
            for row in _take_free(connection, wanted, 1, now):
                _assign(connection, row, user_id, user_id, now)
                return str(row["alert_id"])
        return None

    def assign_automatically(
        self,
        workers: Sequence[Worker],
        *,
        actor: str,
        up_to: int,
        wanted: AlertFilter | None = None,
    ) -> list[tuple[str, str]]:
        """Give open alerts that nobody has to people, until each has ``up_to``; (alert, person).

        Highest expected loss first; each goes to the person with the fewest open alerts among those
        who may see it.
        """
        now = datetime.now(UTC)
        given: list[tuple[str, str]] = []
        with translate(self._where), self._writers.begin() as connection:
            load = _load(connection, [worker.user_id for worker in workers])
            room = sum(max(0, up_to - load[worker.user_id]) for worker in workers)
            if not room:
                return []
            # More than there is room for: not everybody may see every alert.
            free = _take_free(connection, wanted or AlertFilter(), ASSIGNED_AT_ONCE, now)
            for row in free:
                place = row["provider_id"], row["department"], row["attending_physician_id"]
                able = [
                    w.user_id for w in workers if load[w.user_id] < up_to and w.rows.allow(*place)
                ]
                if able:
                    user_id = min(able, key=lambda one: (load[one], one))
                    load[user_id] += 1
                    _assign(connection, row, user_id, actor, now)
                    given.append((row["alert_id"], user_id))
        return given

    def similar(self, cluster: str, rows: Rows = ALL_ROWS) -> Row | None:
        """The sums of the open alerts of a cluster, as ``alert_pages.leaders`` gives them; None if none is."""
        wanted = AlertFilter(statuses=frozenset(OPEN_STATUSES), rows=rows)
        with translate(self._where), self._readers.connect() as connection:
            found = alert_pages.sums(connection, wanted, [cluster], datetime.now(UTC))[cluster]
        return found if found["count"] else None

    def load(self, user_ids: Sequence[str]) -> dict[str, int]:
        """How many open alerts each of these people has."""
        with translate(self._where), self._readers.connect() as connection:
            return _load(connection, user_ids)

    def reprice(self) -> dict[str, Any]:
        """Reckon the odds of checks from the reviews, and if any changed the open alerts' losses.

        ``checks`` whose odds changed, and ``alerts`` whose expected loss did.
        """
        with translate(self._where), self._writers.begin() as connection:
            checks = pricing.refresh_odds(connection, datetime.now(UTC))
        return {"checks": checks, "alerts": self.reprice_all() if checks else 0}

    def reprice_all(self) -> int:
        """Reckon the expected loss of every open alert, some thousands a transaction; how many changed."""
        after: str | None = ""
        total = 0
        while after is not None:
            with translate(self._where), self._writers.begin() as connection:
                changed, after = pricing.reprice(connection, after)
            total += changed
        return total

    def odds(self) -> dict[str, Mapping[str, Any]]:
        """What is known of each check: severity, reviews counted, probability that a hit is right."""
        with translate(self._where), self._readers.connect() as connection:
            return pricing.odds(connection)

    def due_hours(self) -> dict[Severity, int]:
        """Severity -> hours until a new alert is due."""
        with translate(self._where), self._readers.connect() as connection:
            return pricing.due_hours(connection)

    def set_due_hours(self, given: Mapping[Severity, int]) -> None:
        """Set hours until alerts are due, for those written from now on."""
        with translate(self._where), self._writers.begin() as connection:
            pricing.set_due_hours(connection, given)

    def views(self, user_id: str, role: str) -> list[View]:
        """The saved views of somebody, and those shared with their role, by name."""
        with translate(self._where), self._readers.connect() as connection:
            return views.listed(connection, user_id, role)

    def view(self, view_id: str) -> View | None:
        """One saved view; None if there is none."""
        with translate(self._where), self._readers.connect() as connection:
            return views.read(connection, view_id)

    def keep_view(self, view: View) -> View:
        """Store a new view, or set an own one of the same name anew; the view as it is now."""
        with translate(self._where), self._writers.begin() as connection:
            return views.keep(connection, view, datetime.now(UTC))

    def change_view(self, view: View) -> bool:
        """Set name, query and role of a view; False if it was changed or dropped since that version."""
        with translate(self._where), self._writers.begin() as connection:
            return views.change(connection, view, datetime.now(UTC))

    def drop_view(self, view_id: str) -> None:
        """Delete a view."""
        with translate(self._where), self._writers.begin() as connection:
            views.drop(connection, view_id)


def _take_free(
    connection: sa.Connection, wanted: AlertFilter, most: int, now: datetime
) -> list[Row]:
    """The open alerts of the highest expected loss that nobody has; others who ask get other ones."""
    free = replace(
        wanted,
        unassigned=True,
        assignee=None,
        # What of the wanted statuses is open; all open ones where none is said.
        statuses=wanted.statuses & set(OPEN_STATUSES) or frozenset(OPEN_STATUSES),
        superseded=False,
    )
    query = (
        sa.select(*_SHOWN)
        .where(*filters.conditions(free, now, words=filters.has_words(connection)))
        .order_by(*filters.order(free, AlertSort.EXPECTED_LOSS))
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    return [dict(row._mapping) for row in connection.execute(query)]


def _read(
    connection: sa.Connection, alert_ids: Sequence[str], rows: Rows, *, lock: bool
) -> list[Row]:
    sight = within(rows, ALERTS.c.provider_id, ALERTS.c.department, ALERTS.c.attending_physician_id)
    found: list[Row] = []
    for here in inserting.among(connection, ALERTS.c.alert_id, list(alert_ids)):
        query = sa.select(*_SHOWN).where(here, *sight).order_by(ALERTS.c.alert_id)
        locked = query.with_for_update() if lock else query
        found += [dict(row._mapping) for row in connection.execute(locked)]
    return found


def _work(  # noqa: PLR0917
    connection: sa.Connection,
    given: Sequence[Wanted],
    work: Work,
    rows: Rows,
    skip: bool,
    now: datetime,
) -> Worked:
    there = {
        row["alert_id"]: row
        for row in _read(connection, [one.alert_id for one in given], rows, lock=True)
    }
    why: dict[str, str] = {}
    done: list[tuple[Row, list[Review]]] = []
    for one in given:
        row = there.get(one.alert_id)
        if row is None:
            why[one.alert_id] = GONE
            continue
        found = [] if work.review is None else work.review(row)
        if _is_so(connection, row, work, found):
            done.append((row, []))
        elif row["superseded_at"] is not None:
            why[one.alert_id] = SUPERSEDED
        elif one.version not in (None, row["version"]):
            why[one.alert_id] = CHANGED
        elif work.assign and work.assignee is not None and row["closed_at"] is not None:
            why[one.alert_id] = CLOSED
        else:
            done.append((row, found))
    if why and not skip:
        raise ChangedMeanwhileError(why)
    reviews.keep(connection, [review for _, found in done for review in found])
    for row, _ in done:
        if work.assign and row["assignee"] != work.assignee:
            _assign(connection, row, work.assignee, work.actor, now)
        if work.due_at is not None and row["due_at"] != work.due_at:
            _set(connection, row["alert_id"], due_at=work.due_at)
    return Worked([row["alert_id"] for row, _ in done], why)


def _is_so(connection: sa.Connection, row: Row, work: Work, found: Sequence[Review]) -> bool:
    """Whether the alert is already as wanted: the same change again is no conflict."""
    if work.assign and row["assignee"] != work.assignee:
        return False
    if work.due_at is not None and row["due_at"] != work.due_at:
        return False
    if not found:
        return work.review is None
    ids = [review.review_id for review in found]
    query = sa.select(sa.func.count()).where(REVIEWS.c.review_id.in_(ids))
    return int(connection.execute(query).scalar_one()) == len(ids)


def _assign(
    connection: sa.Connection, row: Row, user_id: str | None, actor: str, now: datetime
) -> None:
    _set(
        connection,
        row["alert_id"],
        assignee=user_id,
        assigned_at=None if user_id is None else now,
    )
    emit(
        connection,
        "alert.assigned",
        row["alert_id"],
        at=now,
        actor=actor,
        provider_id=row["provider_id"],
        department=row["department"],
        physician_id=row["attending_physician_id"],
        data={"assignee": user_id, "before": row["assignee"]},
    )


def _set(connection: sa.Connection, alert_id: str, **values: Any) -> None:
    connection.execute(
        sa.update(ALERTS)
        .where(ALERTS.c.alert_id == alert_id)
        .values(version=ALERTS.c.version + 1, **values)
    )


def _load(connection: sa.Connection, user_ids: Sequence[str]) -> dict[str, int]:
    query = (
        sa.select(ALERTS.c.assignee, sa.func.count())
        .where(ALERTS.c.assignee.in_(list(user_ids)), *pricing.OPEN)
        .group_by(ALERTS.c.assignee)
    )
    counted = {user_id: int(number) for user_id, number in connection.execute(query)}
    return {user_id: counted.get(user_id, 0) for user_id in user_ids}
