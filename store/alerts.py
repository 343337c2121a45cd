"""Reading alerts: filtered and sorted pages by keyset, and one alert with all its evidence."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final

import sqlalchemy as sa

from domain.access import ALL_ROWS, Rows
from domain.results import Severity, Verdict
from store import bodies
from store.measure_tables import MEASURES_SQL as MEASURES
from store.rows import within
from store.state_tables import STAY_STATES_SQL as STATES
from store.state_tables import WITHDRAWALS_SQL as WITHDRAWALS
from store.tables import (
    ALERTS_SQL as ALERTS,
)
from store.tables import (
    CLAIMS_SQL as CLAIMS,
)
from store.tables import (
    DECISIONS_SQL as DECISIONS,
)
from store.tables import (
    HITS_SQL as HITS,
)
from store.tables import (
    REASONS_SQL as REASONS,
)
from store.tables import (
    RULESETS_SQL as RULESETS,
)
from store.tables import (
    SCORES_SQL as SCORES,
)

Row = dict[str, Any]


class AlertSort(StrEnum):
    """The orders of work: each highest or latest first, but ``oldest``."""

    PRIORITY = "priority"
    EXPOSURE = "exposure"
    SCORE = "score"
    ADMISSION_DATE = "admission_date"
    NEWEST = "newest"
    OLDEST = "oldest"


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """Which alerts to list; every condition given must hold.

    ``min_exposure_fen`` is in the hundredth of each alert's own currency: give
    ``currency`` too where a store holds several. Dates are inclusive and compare the
    admission date. ``text`` is looked for in titles, stay, provider and rule ids,
    without regard to case. Of a stay's decisions only the one that its state names counts
    (highest version, then judged last; none of a withdrawn claim); ``superseded`` lists the
    alerts of the others too. ``rows`` are what the caller may see.
    """

    severities: frozenset[Severity] = frozenset()
    min_severity: Severity | None = None
    status: str | None = None
    rule_id: str | None = None
    family: str | None = None
    provider_id: str | None = None
    department: str | None = None
    physician_id: str | None = None
    currency: str | None = None
    min_exposure_fen: int | None = None
    min_score: float | None = None
    admitted_from: date | None = None
    admitted_to: date | None = None
    text: str | None = None
    group: str | None = None
    superseded: bool = False
    rows: Rows = ALL_ROWS


@dataclass(frozen=True, slots=True)
class After:
    """The place after which a page starts: the sort key and id of the last row read."""

    key: int | float | str
    alert_id: str


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of one page and where the next one starts; None after the last page."""

    rows: Sequence[Row]
    after: After | None


@dataclass(frozen=True, slots=True)
class AlertRecord:
    """One alert with everything that explains it.

    ``hits`` are worst first, with ``thresholds`` and ``facts`` as objects. ``score``
    holds ``contributions`` as a list; None where no model scored. ``claim`` is the
    head of the claim as stored. ``verdicts`` gives every check's verdict in the order
    of the rule set. ``superseded_by`` names the decision that counts now, and its alert if
    it raised one, where that is not this decision. ``withdrawn`` says by which withdrawal the
    claim no longer stands (``claim_version``, ``reason``, ``withdrawn_time``, ``created_at``).
    """

    alert: Row
    decision: Row
    hits: Sequence[Row]
    score: Row | None
    reasons: Sequence[Row]
    claim: Row
    verdicts: Sequence[tuple[str, Verdict]]
    superseded_by: Row | None = None
    withdrawn: Row | None = None


_LETTERS: Final = {verdict.letter: verdict for verdict in Verdict}

_NO_SCORE: Final = -1.0
"""Sorts alerts without a score after all others; a score is never below 0."""

_KEYS: Final[Mapping[AlertSort, sa.ColumnElement[Any]]] = {
    AlertSort.PRIORITY: ALERTS.c.priority,
    AlertSort.EXPOSURE: ALERTS.c.exposure_fen,
    AlertSort.SCORE: sa.func.coalesce(ALERTS.c.score, sa.literal(_NO_SCORE, sa.Double)),
    AlertSort.ADMISSION_DATE: ALERTS.c.admission_date,
    AlertSort.NEWEST: ALERTS.c.created_at,
    AlertSort.OLDEST: ALERTS.c.created_at,
}


def page(
    connection: sa.Connection,
    wanted: AlertFilter,
    sort: AlertSort,
    after: After | None,
    limit: int,
) -> Page:
    """The next ``limit`` alerts after a place; rows that appear meanwhile shift nothing."""
    key = _KEYS[sort].label("sort_key")
    rising = sort is AlertSort.OLDEST
    query = _filter(
        sa.select(
            ALERTS,
            DECISIONS.c.department,
            DECISIONS.c.attending_physician_id,
            DECISIONS.c.claim_type,
            DECISIONS.c.discharge_date,
            DECISIONS.c.hit_count,
            key,
        ).join(DECISIONS, DECISIONS.c.decision_id == ALERTS.c.decision_id),
        wanted,
    )
    if after is not None:
        place, column = _unpack(sort, after.key), _KEYS[sort]
        beyond = column > place if rising else column < place
        query = query.where(
            sa.or_(beyond, sa.and_(column == place, ALERTS.c.alert_id > after.alert_id))
        )
    query = query.order_by(
        _KEYS[sort].asc() if rising else _KEYS[sort].desc(), ALERTS.c.alert_id
    ).limit(limit + 1)
    rows = [dict(row._mapping) for row in connection.execute(query)]
    more = len(rows) > limit
    rows = rows[:limit]
    last = After(_pack(rows[-1]["sort_key"]), rows[-1]["alert_id"]) if more else None
    for row in rows:
        del row["sort_key"]
        row["rule_ids"] = row["rule_ids"].split()
    return Page(rows, last)


def count(connection: sa.Connection, wanted: AlertFilter) -> int:
    """How many alerts a filter finds."""
    query = _filter(
        sa.select(sa.func.count())
        .select_from(ALERTS)
        .join(DECISIONS, DECISIONS.c.decision_id == ALERTS.c.decision_id),
        wanted,
    )
    return int(connection.execute(query).scalar_one())


def read(connection: sa.Connection, alert_id: str) -> AlertRecord | None:
    """The alert of that id with its evidence; None if there is none."""
    alert = _one(connection, sa.select(ALERTS).where(ALERTS.c.alert_id == alert_id))
    if alert is None:
        return None
    decision = _one(
        connection,
        sa.select(DECISIONS).where(DECISIONS.c.decision_id == alert["decision_id"]),
    )
    if decision is None:
        raise AssertionError("the foreign key from alerts to decisions is not enforced")
    hits = [
        dict(row._mapping)
        for row in connection.execute(
            sa.select(HITS).where(HITS.c.decision_id == alert["decision_id"])
        )
    ]
    for hit in hits:
        hit["thresholds"] = json.loads(hit["thresholds"])
        hit["facts"] = json.loads(hit["facts"])
    hits.sort(key=lambda h: (-Severity(h["severity"]).rank, h["rule_id"], h["subject_id"]))
    score, reasons = _score(connection, decision["score_id"])
    body = connection.execute(
        sa.select(CLAIMS.c.body).where(
            CLAIMS.c.stay_id == decision["stay_id"],
            CLAIMS.c.claim_version == decision["claim_version"],
            CLAIMS.c.input_sha256 == decision["input_sha256"],
        )
    ).scalar_one()
    claim = {
        name: value for name, value in bodies.read(body).items() if not isinstance(value, list)
    }
    ids = connection.execute(
        sa.select(RULESETS.c.ids).where(RULESETS.c.sha256 == decision["rules_sha256"])
    ).scalar_one()
    alert["rule_ids"] = alert["rule_ids"].split()
    return AlertRecord(
        alert=alert,
        decision=decision,
        hits=hits,
        score=score,
        reasons=reasons,
        claim=claim,
        verdicts=[
            (rule_id, _LETTERS[letter])
            for rule_id, letter in zip(ids, decision["verdicts"], strict=True)
        ],
        superseded_by=_superseding(connection, decision),
        withdrawn=_withdrawal(connection, decision),
    )


def _superseding(connection: sa.Connection, decision: Row) -> Row | None:
    last = _one(
        connection,
        sa.select(DECISIONS.c.decision_id, DECISIONS.c.decided_at, ALERTS.c.alert_id)
        .join(STATES, STATES.c.decision_id == DECISIONS.c.decision_id)
        .outerjoin(ALERTS, ALERTS.c.decision_id == DECISIONS.c.decision_id)
        .where(STATES.c.stay_id == decision["stay_id"]),
    )
    return None if last is None or last["decision_id"] == decision["decision_id"] else last


def _withdrawal(connection: sa.Connection, decision: Row) -> Row | None:
    """The first withdrawal that takes this version of the claim back."""
    return _one(
        connection,
        sa.select(
            WITHDRAWALS.c.claim_version, WITHDRAWALS.c.reason, WITHDRAWALS.c.withdrawn_time,
            WITHDRAWALS.c.created_at,
        )
        .where(
            WITHDRAWALS.c.stay_id == decision["stay_id"],
            WITHDRAWALS.c.claim_version >= decision["claim_version"],
        )
        .order_by(WITHDRAWALS.c.claim_version)
        .limit(1),
    )  # fmt: skip


def _score(connection: sa.Connection, score_id: str | None) -> tuple[Row | None, list[Row]]:
    if score_id is None:
        return None, []
    score = _one(connection, sa.select(SCORES).where(SCORES.c.score_id == score_id))
    if score is not None:
        score["contributions"] = json.loads(score["contributions"])
    reasons = connection.execute(
        sa.select(REASONS).where(REASONS.c.score_id == score_id).order_by(REASONS.c.rank)
    )
    return score, [dict(row._mapping) for row in reasons]


def _one(connection: sa.Connection, query: sa.Select[Any]) -> Row | None:
    row = connection.execute(query).one_or_none()
    return None if row is None else dict(row._mapping)


def _filter(query: sa.Select[Any], wanted: AlertFilter) -> sa.Select[Any]:
    conditions = within(
        wanted.rows,
        ALERTS.c.provider_id,
        DECISIONS.c.department,
        DECISIONS.c.attending_physician_id,
    )
    if not wanted.superseded:
        conditions.append(_counts())
    if wanted.severities:
        conditions.append(ALERTS.c.severity.in_(sorted(wanted.severities)))
    if wanted.min_severity is not None:
        conditions.append(ALERTS.c.severity_rank >= wanted.min_severity.rank)
    if wanted.min_exposure_fen is not None:
        conditions.append(ALERTS.c.exposure_fen >= wanted.min_exposure_fen)
    if wanted.min_score is not None:
        conditions.append(ALERTS.c.score >= wanted.min_score)
    if wanted.admitted_from is not None:
        conditions.append(ALERTS.c.admission_date >= wanted.admitted_from)
    if wanted.admitted_to is not None:
        conditions.append(ALERTS.c.admission_date <= wanted.admitted_to)
    conditions.extend(
        column == value
        for column, value in (
            (ALERTS.c.status, wanted.status),
            (ALERTS.c.currency, wanted.currency),
            (ALERTS.c.provider_id, wanted.provider_id),
            (DECISIONS.c.department, wanted.department),
            (DECISIONS.c.attending_physician_id, wanted.physician_id),
        )
        if value is not None
    )
    of_alert = HITS.c.decision_id == ALERTS.c.decision_id
    if wanted.rule_id is not None:
        conditions.append(sa.exists().where(of_alert, HITS.c.rule_id == wanted.rule_id))
    if wanted.family is not None:
        conditions.append(
            sa.exists().where(
                of_alert, HITS.c.rule_id.startswith(f"{wanted.family}-", autoescape=True)
            )
        )
    if wanted.group is not None:
        of_group = MEASURES.c.group_code == wanted.group
        conditions.append(
            sa.exists().where(MEASURES.c.decision_id == ALERTS.c.decision_id, of_group)
        )
    if wanted.text is not None:
        searched = (
            ALERTS.c.title_zh, ALERTS.c.title_en, ALERTS.c.stay_id,
            ALERTS.c.provider_id, ALERTS.c.rule_ids,
        )  # fmt: skip
        conditions.append(
            sa.or_(*(column.icontains(wanted.text, autoescape=True) for column in searched))
        )
    return query.where(*conditions)


def _counts() -> sa.ColumnElement[bool]:
    """Whether the alert's decision is the one that counts: not superseded, not withdrawn."""
    return sa.exists().where(
        STATES.c.stay_id == ALERTS.c.stay_id, STATES.c.decision_id == ALERTS.c.decision_id
    )


def _pack(key: Any) -> int | float | str:
    return key.isoformat() if isinstance(key, date) else key


def _unpack(sort: AlertSort, key: int | float | str) -> Any:
    """The key as its column's type; ValueError or TypeError if it is not one."""
    match sort:
        case AlertSort.ADMISSION_DATE:
            return date.fromisoformat(str(key))
        case AlertSort.NEWEST | AlertSort.OLDEST:
            return datetime.fromisoformat(str(key))
        case AlertSort.EXPOSURE:
            return int(key)
        case _:
            return float(key)
