"""Which alerts to list and in what order: filters, sort keys and places as SQL conditions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any, Final

import sqlalchemy as sa

from domain.access import ALL_ROWS, Rows
from domain.calendar import CHINA
from domain.results import Severity
from domain.work import OPEN_STATUSES, rule_word, sought
from store.measure_tables import MEASURES_SQL as MEASURES
from store.rows import within
from store.tables import ALERTS_SQL as ALERTS


class AlertSort(StrEnum):
    """The orders of work: each highest or latest first, but ``oldest`` and ``due``."""

    EXPECTED_LOSS = "expected_loss"
    DUE = "due"
    PRIORITY = "priority"
    EXPOSURE = "exposure"
    SCORE = "score"
    ADMISSION_DATE = "admission_date"
    NEWEST = "newest"
    OLDEST = "oldest"

    @property
    def rising(self) -> bool:
        """Whether the lowest or earliest comes first."""
        return self in (AlertSort.OLDEST, AlertSort.DUE)


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """Which alerts to list; every condition given must hold.

    Amounts are in the hundredth of each alert's own currency: give ``currency`` too where a store
    holds several. Dates are inclusive; ``admitted_…`` compare the admission date, ``created_…`` the
    day in China on which the alert was raised. ``text`` is looked for in titles, stay, provider,
    department, physician and rule ids, without regard to case; of several words each must be there.
    Of a stay's decisions only the one that its state names counts (highest version, then judged
    last; none of a withdrawn claim); ``superseded`` lists the alerts of the others too.
    ``unassigned`` are those that nobody has, ``overdue`` the open ones whose due time is past.
    ``rows`` are what the caller may see.
    """

    severities: frozenset[Severity] = frozenset()
    min_severity: Severity | None = None
    statuses: frozenset[str] = frozenset()
    rule_id: str | None = None
    family: str | None = None
    provider_id: str | None = None
    department: str | None = None
    physician_id: str | None = None
    currency: str | None = None
    min_exposure_fen: int | None = None
    max_exposure_fen: int | None = None
    min_score: float | None = None
    max_score: float | None = None
    admitted_from: date | None = None
    admitted_to: date | None = None
    created_from: date | None = None
    created_to: date | None = None
    assignee: str | None = None
    unassigned: bool = False
    overdue: bool = False
    cluster: str | None = None
    text: str | None = None
    group: str | None = None
    superseded: bool = False
    rows: Rows = ALL_ROWS
    by_physician: bool = True
    """Whether ``text`` is looked for in physicians' codes too: not for who may not read them."""

    @property
    def open_only(self) -> bool:
        """Whether it can find open alerts only, which the queue's own indexes hold."""
        return not self.superseded and (
            self.overdue or bool(self.statuses and self.statuses <= set(OPEN_STATUSES))
        )


@dataclass(frozen=True, slots=True)
class After:
    """The place after which a page starts: the sort key and id of the last row read."""

    key: int | float | str
    alert_id: str


NO_SCORE: Final = -1.0
"""The key of alerts without a score, which come after all others; a score is never below 0."""

_KEYS: Final[Mapping[AlertSort, str]] = {
    AlertSort.EXPECTED_LOSS: "expected_loss_fen",
    AlertSort.DUE: "due_at",
    AlertSort.PRIORITY: "priority",
    AlertSort.EXPOSURE: "exposure_fen",
    AlertSort.SCORE: "score",
    AlertSort.ADMISSION_DATE: "admission_date",
    AlertSort.NEWEST: "created_at",
    AlertSort.OLDEST: "created_at",
}

Alerts = sa.FromClause
Condition = sa.ColumnElement[bool]


def key_of(sort: AlertSort, alerts: Alerts = ALERTS) -> sa.ColumnElement[Any]:
    """The column that an order goes by."""
    return alerts.c[_KEYS[sort]]


def pack(key: Any) -> int | float | str:
    """A sort key as a cursor holds it."""
    if key is None:
        return NO_SCORE
    return key.isoformat() if isinstance(key, date) else key


def unpack(sort: AlertSort, key: int | float | str) -> Any:
    """The key as its column's type; ValueError or TypeError if it is not one."""
    match sort:
        case AlertSort.ADMISSION_DATE:
            return date.fromisoformat(str(key))
        case AlertSort.NEWEST | AlertSort.OLDEST | AlertSort.DUE:
            return datetime.fromisoformat(str(key))
        case AlertSort.EXPOSURE | AlertSort.EXPECTED_LOSS:
            return int(key)
        case _:
            return float(key)


def conditions(
    wanted: AlertFilter, now: datetime, alerts: Alerts = ALERTS, *, words: bool = False
) -> list[Condition]:
    """What must hold of an alert; ``alerts`` is the table or an alias of it.

    With ``words`` checks and texts are looked up in PostgreSQL's index of words, which is worth it where
    nothing else leads to the alerts.
    """
    c = alerts.c
    found = within(wanted.rows, c.provider_id, c.department, c.attending_physician_id)
    if not wanted.superseded:
        found.append(c.superseded_at.is_(None))
    if wanted.open_only:
        found.append(c.closed_at.is_(None))
    if wanted.statuses and wanted.statuses != set(OPEN_STATUSES):
        found.append(c.status.in_(sorted(wanted.statuses)))
    if wanted.severities:
        found.append(c.severity.in_(sorted(wanted.severities)))
    if wanted.min_severity is not None:
        found.append(c.severity_rank >= wanted.min_severity.rank)
    for column, least, most in (
        (c.exposure_fen, wanted.min_exposure_fen, wanted.max_exposure_fen),
        (c.score, wanted.min_score, wanted.max_score),
        (c.admission_date, wanted.admitted_from, wanted.admitted_to),
        (c.created_at, _midnight(wanted.created_from), None),
    ):
        found += [column >= least] if least is not None else []
        found += [column <= most] if most is not None else []
    if wanted.created_to is not None:
        found.append(c.created_at < _midnight(wanted.created_to + timedelta(days=1)))
    found += [
        column == value
        for column, value in (
            (c.currency, wanted.currency),
            (c.provider_id, wanted.provider_id),
            (c.department, wanted.department),
            (c.attending_physician_id, wanted.physician_id),
            (c.assignee, wanted.assignee),
            (c.cluster, wanted.cluster),
        )
        if value is not None
    ]
    if wanted.max_exposure_fen is not None:
        # Follows from the other, and bounds the index by which the queue is read.
        found.append(c.expected_loss_fen <= wanted.max_exposure_fen)
    if wanted.unassigned:
        found.append(c.assignee.is_(None))
    if wanted.overdue:
        found.append(c.due_at < now)
    if wanted.rule_id is not None:
        found += _hit(wanted.rule_id, False, words, alerts)
    if wanted.family is not None:
        found += _hit(f"{wanted.family}-", True, words, alerts)
    if wanted.group is not None:
        of_group = MEASURES.c.group_code == wanted.group
        found.append(sa.exists().where(MEASURES.c.decision_id == c.decision_id, of_group))
    if wanted.text is not None:
        found += _found(wanted.text, words, alerts, wanted.by_physician)
    return found


def beyond(sort: AlertSort, after: After, alerts: Alerts = ALERTS) -> Condition:
    """Whether an alert comes after a place. Pairs are compared whole: so an index leads to the place."""
    key, alert_id = key_of(sort, alerts), alerts.c.alert_id
    if sort is AlertSort.SCORE and after.key == NO_SCORE:
        return sa.and_(key.is_(None), alert_id < after.alert_id)
    here = sa.tuple_(key, alert_id)
    place = sa.tuple_(
        sa.literal(unpack(sort, after.key), key.type), sa.literal(after.alert_id, sa.Text())
    )
    return here > place if sort.rising else here < place


def precedes(sort: AlertSort, one: Alerts, other: Alerts) -> Condition:
    """Whether one alert comes before the other in an order."""
    mine, its = key_of(sort, one), key_of(sort, other)
    pair = sa.tuple_(mine, one.c.alert_id), sa.tuple_(its, other.c.alert_id)
    if sort is not AlertSort.SCORE:
        return pair[0] < pair[1] if sort.rising else pair[0] > pair[1]
    return sa.or_(
        sa.and_(mine.is_not(None), its.is_(None)),
        pair[0] > pair[1],
        sa.and_(mine.is_(None), its.is_(None), one.c.alert_id > other.c.alert_id),
    )


def order(wanted: AlertFilter, sort: AlertSort, alerts: Alerts = ALERTS) -> list[Any]:
    """The order, and among equals that of the ids, in one direction."""
    columns: list[Any] = [key_of(sort, alerts), alerts.c.alert_id]
    few = wanted.provider_id is not None or wanted.rows.providers is not None
    if few and sort is AlertSort.SCORE:
        # Scores are those of hospitals: by their index the alerts of all hospitals above these would be read first.
        columns[0] = columns[0] + 0.0
    if wanted.unassigned and sort is AlertSort.EXPECTED_LOSS:
        # All alike there; the index on who has it is not used for the order without.
        columns.insert(0, alerts.c.assignee)
    return [column.asc() if sort.rising else column.desc() for column in columns]


def _midnight(day: date | None) -> datetime | None:
    return None if day is None else datetime.combine(day, time(), CHINA).astimezone(UTC)


def _hit(rule: str, begins: bool, words: bool, alerts: Alerts) -> list[Condition]:
    """Whether a check hit, or one whose id begins so."""
    wanted = f" {rule}" if begins else f" {rule} "
    there = (" " + alerts.c.rule_ids + " ").contains(wanted, autoescape=True)
    return [there] if not words else [_sure(there), _indexed([(rule_word(rule), begins)], alerts)]


def _sure(condition: Condition) -> Condition:
    """The condition, beside one that the index answers.

    As a CASE the planner takes it for true of every second alert: of a condition on a text it would think that
    hardly any alert is left, and read all that the index gives. It stands first, since it costs less to try.
    """
    return sa.case((condition, sa.true()), else_=sa.false())


def _found(text: str, words: bool, alerts: Alerts, by_physician: bool) -> list[Condition]:
    """Whether each word of the text stands in the alert."""
    names = ["title_zh", "title_en", "stay_id", "provider_id", "rule_ids", "department"]
    columns = [
        alerts.c[name] for name in (*names, *(["attending_physician_id"] if by_physician else []))
    ]
    parts = [
        sa.or_(*(column.icontains(part, autoescape=True) for column in columns))
        for part in text.split()
    ]
    looked_up = sought(text)
    if not words or not looked_up:
        return parts
    return [_sure(sa.and_(*parts)), _indexed(looked_up, alerts)]


def has_words(connection: sa.Connection) -> bool:
    """Whether the database has an index of words."""
    return connection.dialect.name == "postgresql"


def _indexed(words: list[tuple[str, bool]], alerts: Alerts) -> Condition:
    quoted = " & ".join(
        "'" + word.replace("\\", "\\\\").replace("'", "''") + "'" + (":*" if begins else "")
        for word, begins in words
    )
    vector = sa.func.array_to_tsvector(
        sa.func.string_to_array(alerts.c.words, sa.literal_column("' '"))
    )
    return vector.bool_op("@@")(sa.cast(sa.literal(quoted, sa.Text()), _Query()))


class _Query(sa.types.UserDefinedType[str]):
    """PostgreSQL's type of what to look for."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "TSQUERY"
