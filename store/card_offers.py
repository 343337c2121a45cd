"""Which of the proposed cards a physician is shown: decided and kept within one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

import sqlalchemy as sa

from domain.calendar import CHINA
from domain.cards import (
    BUDGET,
    LOOKED_UP,
    QUIET,
    REPEAT,
    RESERVED_FROM,
    RESERVED_PERCENT,
    SHOWN,
    Card,
    Offered,
)
from store import inserting, quiet_checks
from store.card_tables import CARD_DAYS_SQL as DAYS
from store.card_tables import CARD_RULES_SQL as RULES
from store.card_tables import CARD_SUBJECTS_SQL as SUBJECTS
from store.card_tables import CARDS_SQL as CARDS

Row = dict[str, Any]
Doctor = tuple[str, str]
"""Hospital and physician."""

_NEVER: Final = ""


def offer(
    connection: sa.Connection, proposed: Sequence[Card], budget: int, now: datetime
) -> list[Offered]:
    """As ``Cards.offer``, within the caller's transaction."""
    day = now.astimezone(CHINA).date()
    # Always days before subjects, each in the order of their keys: no two offers lock each other out.
    used = _take_days(connection, {_doctor(card) for card in proposed}, day)
    before = _ends(connection, [card.card_id for card in proposed])
    fresh = [card for card in proposed if card.card_id not in before]
    ends: dict[str, str] = {}
    if fresh:
        subjects = _take_subjects(connection, fresh, now)
        quiet = quiet_checks.in_force(connection, day, {r for c in fresh for r in c.counted_as})
        shown: dict[str, Card] = {}
        for card in sorted(fresh, key=lambda c: c.rank, reverse=True):
            left = _room(card, budget) - used[_doctor(card)]
            end = _end(card, subjects[card.suggestion_key], quiet, left, day)
            if end == SHOWN:
                used[_doctor(card)] += card.hook != LOOKED_UP
                shown[card.suggestion_key] = card
                subjects[card.suggestion_key] |= {"digest": card.digest, "again_on": None}
            ends[card.card_id] = end
        _keep(connection, fresh, ends, day, now)
        _note_subjects(connection, shown, now)
        _note_days(connection, {_doctor(card) for card in shown.values()}, used, day)
    whole = before | ends
    return [
        Offered(card, None if whole[card.card_id] == SHOWN else whole[card.card_id])
        for card in proposed
    ]


def _doctor(card: Card) -> Doctor:
    return card.provider_id, card.physician_id


def _end(
    card: Card, subject: Mapping[str, Any], quiet: set[tuple[str, str]], left: int, day: date
) -> str:
    """What becomes of a card. What is quiet or was shown uses up nothing."""
    looked_up = card.hook == LOOKED_UP
    if not looked_up and all(
        (rule_id, card.provider_id) in quiet or (rule_id, "") in quiet
        for rule_id in card.counted_as
    ):
        return QUIET
    again = subject["again_on"] is not None and subject["again_on"] <= day
    if subject["digest"] == card.digest and not again:
        return REPEAT
    return SHOWN if left > 0 or looked_up else BUDGET


def _room(card: Card, budget: int) -> int:
    """How many cards of a day there may be before this one."""
    grave = card.severity.rank >= RESERVED_FROM.rank
    return budget if grave else budget - budget * RESERVED_PERCENT // 100


def _take_days(connection: sa.Connection, doctors: Iterable[Doctor], day: date) -> dict[Doctor, int]:  # fmt: skip
    """The cards that each physician was shown that day; their rows are held until the end."""
    ordered = sorted(set(doctors))
    inserting.insert(
        connection,
        DAYS,
        {
            "provider_id": [provider for provider, _ in ordered],
            "physician_id": [physician for _, physician in ordered],
            "day": [day] * len(ordered),
            "shown": [0] * len(ordered),
        },
    )
    found = {}
    for provider, physician in ordered:
        query = sa.select(DAYS.c.shown).where(*_day_of(provider, physician, day)).with_for_update()
        found[provider, physician] = int(connection.execute(query).scalar_one())
    return found


def _note_days(
    connection: sa.Connection, doctors: Iterable[Doctor], used: Mapping[Doctor, int], day: date
) -> None:
    for provider, physician in doctors:
        connection.execute(
            sa.update(DAYS)
            .where(*_day_of(provider, physician, day))
            .values(shown=used[provider, physician])
        )


def _day_of(provider: str, physician: str, day: date) -> list[sa.ColumnElement[bool]]:
    return [DAYS.c.provider_id == provider, DAYS.c.physician_id == physician, DAYS.c.day == day]


def _take_subjects(
    connection: sa.Connection, cards: Sequence[Card], now: datetime
) -> dict[str, Row]:
    """What was last shown about each subject; their rows are held until the end."""
    keys = {card.suggestion_key: card.stay_id for card in cards}
    inserting.insert(
        connection,
        SUBJECTS,
        {
            "suggestion_key": list(keys),
            "stay_id": list(keys.values()),
            "digest": [_NEVER] * len(keys),
            "card_id": [_NEVER] * len(keys),
            "changed_at": [now] * len(keys),
        },
    )
    return inserting.locked(connection, SUBJECTS.c.suggestion_key, list(keys))


def _note_subjects(connection: sa.Connection, shown: Mapping[str, Card], now: datetime) -> None:
    for key, card in shown.items():
        connection.execute(
            sa.update(SUBJECTS)
            .where(SUBJECTS.c.suggestion_key == key)
            .values(digest=card.digest, card_id=card.card_id, again_on=None, changed_at=now)
        )


def _ends(connection: sa.Connection, ids: Sequence[str]) -> dict[str, str]:
    """What became of those that are kept already."""
    query = sa.select(CARDS.c.card_id, CARDS.c.outcome).where(CARDS.c.card_id.in_(sorted(set(ids))))
    return {row.card_id: row.outcome for row in connection.execute(query)}


def _keep(
    connection: sa.Connection, cards: Sequence[Card], ends: Mapping[str, str], day: date, now: datetime
) -> None:  # fmt: skip
    """Keep each card; one held before that day for the same reason only counts once more."""
    for card in cards:
        end = ends[card.card_id]
        if end != SHOWN:
            again = connection.execute(
                sa.update(CARDS)
                .where(
                    CARDS.c.suggestion_key == card.suggestion_key,
                    CARDS.c.day == day,
                    CARDS.c.outcome == end,
                    CARDS.c.digest == card.digest,
                    CARDS.c.provider_id == card.provider_id,
                    CARDS.c.physician_id == card.physician_id,
                )
                .values(times=CARDS.c.times + 1)
            )
            if again.rowcount:
                continue
        connection.execute(
            sa.insert(CARDS).values(
                card_id=card.card_id,
                stay_id=card.stay_id,
                provider_id=card.provider_id,
                physician_id=card.physician_id,
                department=card.department,
                hook=card.hook,
                suggestion_key=card.suggestion_key,
                digest=card.digest,
                severity=str(card.severity),
                indicator=card.indicator,
                effect_fen=card.effect_fen,
                body=card.body,
                outcome=end,
                day=day,
                times=1,
                created_at=now,
            )
        )
        connection.execute(
            sa.insert(RULES),
            [
                {"card_id": card.card_id, "rule_id": rule_id, "place": place}
                for place, rule_id in enumerate(card.counted_as)
            ],
        )
