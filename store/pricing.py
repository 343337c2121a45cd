"""What alerts may cost and when they are due: reckoned when they are written, and anew after reviews."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from domain.results import Results, Severity
from domain.review import Reviewed
from domain.work import (
    DUE_HOURS,
    alert_probability,
    check_probability,
    cluster_of,
    due_at,
    expected_loss,
    rule_word,
    words_of,
)
from store import inserting, reviews
from store.alert_filters import has_words
from store.arrays import Column
from store.queue_tables import CHECK_ODDS_SQL as ODDS
from store.queue_tables import DUE_TIMES_SQL as DUE
from store.state_tables import STAY_STATES_SQL as STATES
from store.tables import ALERTS_SQL as ALERTS

REPRICED_AT_ONCE: Final = 2_000
"""Alerts whose expected loss is set in one transaction: others wait for no longer than that."""

OPEN: Final = (ALERTS.c.closed_at.is_(None), ALERTS.c.superseded_at.is_(None))
"""The conditions of open alerts, as the partial indexes have them."""

_Rules = tuple[str, ...]


def work_of(
    connection: sa.Connection, alerts: pa.Table, results: Results, now: datetime
) -> dict[str, Column]:
    """The columns that make new alerts work, in their order: loss, whose, cluster, due time, words."""
    if not alerts.num_rows:
        return {}
    odds = _learn(connection, results.hits, now)
    hours = due_hours(connection)
    decisions = results.decisions
    places = pc.index_in(alerts["decision_id"], value_set=decisions["decision_id"].combine_chunks())
    departments = decisions["department"].take(places)
    physicians = decisions["attending_physician_id"].take(places)
    plain = {name: alerts[name].to_pylist() for name in _READ}
    plain |= {"department": departments.to_pylist(), "physician": physicians.to_pylist()}
    prices = _Prices(odds)
    due = {str(severity): due_at(now, severity, hours) for severity in Severity}
    rows = list(zip(*plain.values(), strict=True))
    return {
        "department": departments,
        "attending_physician_id": physicians,
        "version": pa.repeat(pa.scalar(1, pa.int32()), alerts.num_rows),
        "expected_loss_fen": [
            prices.of(tuple(rules.split()), exposure, score, severity)
            for _, _, rules, _, _, severity, exposure, score, _, _ in rows
        ],
        "cluster": [
            cluster_of(provider, rules.split(), department)
            for _, provider, rules, _, _, _, _, _, department, _ in rows
        ],
        "due_at": [due.get(severity) for severity in plain["severity"]],
        "words": [
            " ".join(
                _words(rules, zh, en) | words_of(stay, provider, department, physician)
            )
            for stay, provider, rules, zh, en, _, _, _, department, physician in rows
        ]
        if has_words(connection)
        else pa.nulls(alerts.num_rows, pa.string()),
    }  # fmt: skip


_READ: Final = (
    "stay_id", "provider_id", "rule_ids", "title_zh", "title_en", "severity", "exposure_fen", "score",
)  # fmt: skip


def supersede(connection: sa.Connection, stay_ids: Collection[str], now: datetime) -> None:
    """Note of all alerts of these stays whether their decision is the one that counts."""
    counts = sa.exists().where(
        STATES.c.stay_id == ALERTS.c.stay_id, STATES.c.decision_id == ALERTS.c.decision_id
    )
    wrong = sa.or_(
        sa.and_(ALERTS.c.superseded_at.is_(None), ~counts),
        sa.and_(ALERTS.c.superseded_at.is_not(None), counts),
    )
    for here in inserting.among(connection, ALERTS.c.stay_id, sorted(stay_ids)):
        query = (
            sa.select(ALERTS.c.alert_id, ALERTS.c.superseded_at)
            .where(here, wrong)
            # In one order, so that two writers never wait for each other in a ring.
            .order_by(ALERTS.c.alert_id)
            .with_for_update()
        )
        for alert_id, superseded_at in connection.execute(query).all():
            connection.execute(
                sa.update(ALERTS)
                .where(ALERTS.c.alert_id == alert_id)
                .values(superseded_at=now if superseded_at is None else None)
            )


def due_hours(connection: sa.Connection) -> dict[Severity, int]:
    """Severity -> hours until an alert is due, as this database has them."""
    stored = connection.execute(sa.select(DUE.c.severity, DUE.c.hours))
    return {**DUE_HOURS, **{Severity(word): int(hours) for word, hours in stored}}


def set_due_hours(connection: sa.Connection, given: Mapping[Severity, int]) -> None:
    """Set hours until alerts written from now on are due."""
    severities = sorted(given, key=str)
    columns = {
        "severity": [str(severity) for severity in severities],
        "hours": [given[severity] for severity in severities],
    }
    inserting.upsert(connection, DUE, columns)


def odds(connection: sa.Connection) -> dict[str, Mapping[str, Any]]:
    """What is known of each check: severity, reviews counted, probability; by check id."""
    rows = connection.execute(sa.select(ODDS).order_by(ODDS.c.rule_id))
    return {row.rule_id: dict(row._mapping) for row in rows}


def refresh_odds(connection: sa.Connection, now: datetime) -> list[str]:
    """Reckon the probability of each check from its reviews; the checks whose probability changed."""
    reviewed = reviews.precision(connection)
    changed: list[str] = []
    for rule_id, known in odds(connection).items():
        found = reviewed.get(rule_id, Reviewed())
        right = found.confirmed + found.partly
        if (right, found.concluded) == (known["confirmed"], known["concluded"]):
            continue
        connection.execute(
            sa.update(ODDS)
            .where(ODDS.c.rule_id == rule_id)
            .values(
                confirmed=right,
                concluded=found.concluded,
                probability=check_probability(Severity(known["severity"]), found),
                changed_at=now,
            )
        )
        changed.append(rule_id)
    return changed


def reprice(connection: sa.Connection, after: str) -> tuple[int, str | None]:
    """Set the expected loss of the next open alerts by id; how many changed, and the last id seen.

    The id is None after the last alert.
    """
    query = (
        sa.select(
            ALERTS.c.alert_id,
            ALERTS.c.rule_ids,
            ALERTS.c.exposure_fen,
            ALERTS.c.score,
            ALERTS.c.severity,
            ALERTS.c.expected_loss_fen,
        )
        .where(ALERTS.c.alert_id > after, *OPEN)
        .order_by(ALERTS.c.alert_id)
        .limit(REPRICED_AT_ONCE)
        .with_for_update()
    )
    rows = connection.execute(query).all()
    prices = _Prices({rule_id: row["probability"] for rule_id, row in odds(connection).items()})
    new = [
        {"of": row.alert_id, "loss": loss}
        for row in rows
        if (
            loss := prices.of(
                tuple(row.rule_ids.split()), row.exposure_fen, row.score, row.severity
            )
        )
        != row.expected_loss_fen
    ]
    if new:
        connection.execute(
            sa.update(ALERTS)
            .where(ALERTS.c.alert_id == sa.bindparam("of"))
            .values(expected_loss_fen=sa.bindparam("loss")),
            new,
        )
    return len(new), rows[-1].alert_id if len(rows) == REPRICED_AT_ONCE else None


class _Prices:
    """Expected losses by the odds of the checks; what checks say together is reckoned once."""

    def __init__(self, odds: Mapping[str, float]) -> None:
        self._odds = odds
        self._together: dict[tuple[_Rules, str], float] = {}

    def of(self, rules: _Rules, exposure_fen: int, score: float | None, severity: str) -> int:
        key = (rules, severity)
        checks = self._together.get(key)
        if checks is None:
            # A check of which nothing is known counts as the alert's severity.
            prior = check_probability(Severity(severity)) if severity in _SEVERITIES else 0.0
            checks = alert_probability({r: self._odds.get(r, prior) for r in rules})
            self._together[key] = checks
        likely = 1.0 - (1.0 - checks) * (1.0 - alert_probability({}, score))
        return expected_loss(exposure_fen, likely)


_SEVERITIES: Final = frozenset(str(severity) for severity in Severity)


def _learn(connection: sa.Connection, hits: pa.Table, now: datetime) -> dict[str, float]:
    """The odds of the checks; a check that hits for the first time gets its prior."""
    stored = connection.execute(sa.select(ODDS.c.rule_id, ODDS.c.probability))
    known: dict[str, float] = {row.rule_id: row.probability for row in stored}
    pairs = hits.select(["rule_id", "severity"]).group_by(["rule_id", "severity"]).aggregate([])
    new = {
        row["rule_id"]: Severity(row["severity"])
        for row in pairs.to_pylist()
        if row["rule_id"] not in known and row["severity"] in _SEVERITIES
    }
    if new:
        ids: Sequence[str] = sorted(new)
        priors = [check_probability(new[rule_id]) for rule_id in ids]
        inserting.insert(
            connection,
            ODDS,
            {
                "rule_id": ids,
                "severity": [str(new[rule_id]) for rule_id in ids],
                "confirmed": [0] * len(ids),
                "concluded": [0] * len(ids),
                "probability": priors,
                "changed_at": [now] * len(ids),
            },
        )
        known |= dict(zip(ids, priors, strict=True))
    return known


@lru_cache(maxsize=10_000)
def _words(rule_ids: str, zh: str, en: str) -> frozenset[str]:
    """The words of texts that many alerts have in common."""
    return frozenset(words_of(rule_ids, zh, en) | {rule_word(r) for r in rule_ids.split()})
