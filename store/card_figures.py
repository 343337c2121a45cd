"""The figures of cards: how each check's were taken, and how many physicians got how many."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa

from domain.advice import Figures, Place
from domain.cards import ACCEPTED, LATER, LOOKED_UP, OVERRIDDEN, SHOWN, Tallied
from store.card_tables import CARD_RULES_SQL as RULES
from store.card_tables import CARDS_SQL as CARDS

Conditions = Sequence[sa.ColumnElement[bool]]


def by_check(
    connection: sa.Connection, since: date, until: date, own: Conditions
) -> dict[str, Tallied]:
    """How the cards of each check were taken."""
    found = _tally(connection, since, until, own, [RULES.c.rule_id])
    return {rule_id: tallied for (rule_id,), tallied in found.items()}


def read(connection: sa.Connection, since: date, until: date, own: Conditions) -> Figures:
    """The figures of a period, both days included."""
    place = [CARDS.c.provider_id, CARDS.c.department]
    checks = _tally(connection, since, until, own, [*place, RULES.c.rule_id])
    places = _tally(connection, since, until, own, place)
    shown = [CARDS.c.day.between(since, until), CARDS.c.outcome == SHOWN, *own]
    loads: dict[Place, list[tuple[int, int]]] = {}
    query = (
        sa.select(
            *place,
            sa.func.count().label("cards"),
            sa.func.count(CARDS.c.day.distinct()).label("days"),
        )
        .where(*shown, CARDS.c.hook != LOOKED_UP)
        .group_by(*place, CARDS.c.physician_id)
    )
    for row in connection.execute(query):
        here = row.provider_id, row.department
        loads.setdefault(here, []).append((int(row.cards), int(row.days)))
    stays = connection.execute(
        sa.select(sa.func.count(CARDS.c.stay_id.distinct())).where(*shown)
    ).scalar_one()
    return Figures(
        {(provider, department, rule): one for (provider, department, rule), one in checks.items()},
        {(provider, department): one for (provider, department), one in places.items()},
        {place: sorted(found) for place, found in loads.items()},
        int(stays),
    )


def _tally(
    connection: sa.Connection,
    since: date,
    until: date,
    own: Conditions,
    by: Sequence[sa.Column[Any]],
) -> dict[tuple[Any, ...], Tallied]:
    query = sa.select(
        *by, CARDS.c.outcome, CARDS.c.answer, CARDS.c.reason, sa.func.sum(CARDS.c.times)
    ).where(CARDS.c.day.between(since, until), *own)
    if RULES.c.rule_id in by:
        query = query.join(RULES, RULES.c.card_id == CARDS.c.card_id)
    query = query.group_by(*by, CARDS.c.outcome, CARDS.c.answer, CARDS.c.reason)
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in connection.execute(query):
        *key, outcome, answer, reason, number = row
        one = found.setdefault(
            tuple(key),
            {"shown": 0, ACCEPTED: 0, OVERRIDDEN: 0, LATER: 0, "held": {}, "reasons": {}},
        )
        if outcome != SHOWN:
            one["held"][outcome] = one["held"].get(outcome, 0) + int(number)
            continue
        one["shown"] += int(number)
        if answer is not None:
            one[answer] += int(number)
        if answer == OVERRIDDEN:
            one["reasons"][reason or ""] = one["reasons"].get(reason or "", 0) + int(number)
    return {key: Tallied(**one) for key, one in found.items()}
