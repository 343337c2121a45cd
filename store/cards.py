"""Cards for physicians: which of those proposed are shown, what was answered, and how they are read.

A card is shown at most once a stay unless what it rests on changed, and a physician gets no more
than the budget of a day. Both are decided in one transaction that holds the physician's row of the
day and the row of the card's subject, so that two calls at once count each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from domain import advice
from domain.access import ALL_ROWS, Rows
from domain.calendar import CHINA
from domain.cards import (
    BUDGET,
    HELD,
    QUIET,
    SHOWN,
    WITHOUT_CHECK,
    Card,
    CardAnswer,
    Offered,
    Tallied,
)
from store import card_answers, card_figures, card_offers, inserting
from store.card_tables import CARD_ANSWERS_SQL as ANSWERS
from store.card_tables import CARD_DAYS_SQL as DAYS
from store.card_tables import CARD_RULES_SQL as RULES
from store.card_tables import CARD_SUBJECTS_SQL as SUBJECTS
from store.card_tables import CARDS_SQL as CARDS
from store.errors import translate
from store.rows import within

Row = dict[str, Any]
After = tuple[datetime, str]
"""When and id of the last card of a page."""

_SEEN: Final = (SHOWN, BUDGET, QUIET)
"""What a page lists: a repeat stands there already as what it repeats."""


class Cards:
    """The cards of one database; get it from ``Store.cards``."""

    def __init__(self, readers: sa.Engine, writers: sa.Engine, where: str) -> None:
        self._readers, self._writers, self._where = readers, writers, where

    def offer(self, proposed: Sequence[Card], *, budget: int, now: datetime) -> list[Offered]:
        """Decide which cards are shown, and keep all of them; one answer a card, in their order.

        Of several the gravest comes first (``Card.rank``). A card that was proposed before under
        its id gets the same answer again and counts once. ``budget`` is the number of cards a
        physician and day of China, of which ``RESERVED_PERCENT`` is for grave ones alone.
        """
        if budget < 0:
            raise ValueError("a budget of cards is not negative")
        if not proposed:
            return []
        with translate(self._where), self._writers.begin() as connection:
            return card_offers.offer(connection, proposed, budget, now)

    def feedback(
        self, given: Sequence[CardAnswer], *, now: datetime, rows: Rows = ALL_ROWS
    ) -> list[Row]:
        """Keep what physicians answered, all or nothing; the rows of their cards as they then stand.

        Of several answers to one card the one said last counts; the same answer again changes
        nothing. CardError ``not-found`` for a card that is unknown or out of the caller's rows,
        ``answer`` for one that the card cannot have.
        """
        with translate(self._where), self._writers.begin() as connection:
            ids = [answer.card_id for answer in given]
            found = {row["card_id"]: row for row in _read(connection, _among(ids))}
            for answer in given:
                card_answers.check(answer, found.get(answer.card_id), rows)
            keys = [row["suggestion_key"] for row in found.values()]
            inserting.locked(connection, SUBJECTS.c.suggestion_key, keys)
            held = inserting.locked(connection, CARDS.c.card_id, ids)
            for answer in given:
                card_answers.keep(connection, answer, held[answer.card_id], now)
            done = {row["card_id"]: row for row in _read(connection, _among(ids))}
            return [done[card_id] for card_id in dict.fromkeys(ids)]

    def find(self, card_id: str, rows: Rows = ALL_ROWS) -> Row | None:
        """One card with its last answer; None if there is none among the caller's rows."""
        with translate(self._where), self._readers.connect() as connection:
            found = _read(connection, CARDS.c.card_id == card_id, *_own(rows))
        return found[0] if found else None

    def of_stay(self, stay_id: str, rows: Rows = ALL_ROWS, limit: int = 200) -> list[Row]:
        """The cards of a stay, latest first: what was shown, and what was not for budget or quiet."""
        with translate(self._where), self._readers.connect() as connection:
            return _read(
                connection, CARDS.c.stay_id == stay_id, CARDS.c.outcome.in_(_SEEN), *_own(rows),
                limit=limit,
            )  # fmt: skip

    def of_physician(
        self,
        rows: Rows,
        *,
        stay_id: str | None = None,
        unanswered: bool = False,
        held: bool = False,
        after: After | None = None,
        limit: int = 50,
    ) -> list[Row]:
        """Cards among these rows (``Rows.physician_id`` says whose), latest first, a page at a time.

        With ``held`` also those that were not shown, except repeats; with ``unanswered`` only those
        without an answer. ``after`` is when and id of the last one of the page before.
        """
        wanted = [CARDS.c.outcome.in_(_SEEN if held else (SHOWN,)), *_own(rows)]
        if stay_id is not None:
            wanted.append(CARDS.c.stay_id == stay_id)
        if unanswered:
            wanted.append(CARDS.c.answer.is_(None))
        if after is not None:
            at, last = after
            same = sa.and_(CARDS.c.created_at == at, CARDS.c.card_id < last)
            wanted.append(sa.or_(CARDS.c.created_at < at, same))
        with translate(self._where), self._readers.connect() as connection:
            return _read(connection, *wanted, limit=limit)

    def acceptance(self, since: date, until: date, rows: Rows = ALL_ROWS) -> dict[str, Tallied]:
        """How the cards of each check were taken that were proposed from ``since`` to ``until``.

        Days of China, both included; a card counts for each of its checks. Answers count whenever
        they came.
        """
        with translate(self._where), self._readers.connect() as connection:
            return card_figures.by_check(connection, since, until, _own(rows))

    def figures(self, since: date, until: date, rows: Rows = ALL_ROWS) -> advice.Figures:
        """The figures of a weekly report of these days; see ``domain.advice``."""
        with translate(self._where), self._readers.connect() as connection:
            return card_figures.read(connection, since, until, _own(rows))

    def of_day(self, day: date) -> tuple[dict[str, int], dict[str, int]]:
        """What became of the cards proposed on a day of China: by outcome, and those shown by answer."""
        outcomes: dict[str, int] = {}
        answers: dict[str, int] = {}
        query = (
            sa.select(CARDS.c.outcome, CARDS.c.answer, sa.func.sum(CARDS.c.times))
            .where(CARDS.c.day == day)
            .group_by(CARDS.c.outcome, CARDS.c.answer)
        )
        with translate(self._where), self._readers.connect() as connection:
            for outcome, answer, number in connection.execute(query):
                outcomes[outcome] = outcomes.get(outcome, 0) + int(number)
                if answer is not None:
                    answers[answer] = answers.get(answer, 0) + int(number)
        return outcomes, answers

    def report(self, week: str, rows: Rows = ALL_ROWS) -> dict[str, Any]:
        """The report of an ISO week such as 2026-W48 as plain data (``domain.advice``); SentinelError if none."""
        first, last = advice.days_of(week)
        since = last - advice.LOOK_BACK + timedelta(days=1)
        with translate(self._where), self._readers.connect() as connection:
            own = _own(rows)
            figures = card_figures.read(connection, first, last, own)
            found = advice.candidates(card_figures.read(connection, since, last, own))
        return advice.report(week, figures, since, found)

    def sweep(self, before: date) -> int:
        """Forget cards proposed before a day, with their answers; how many. Quiet checks stay."""
        at = datetime(before.year, before.month, before.day, tzinfo=CHINA)
        with translate(self._where), self._writers.begin() as connection:
            gone = connection.execute(sa.delete(CARDS).where(CARDS.c.day < before)).rowcount
            connection.execute(sa.delete(DAYS).where(DAYS.c.day < before))
            connection.execute(sa.delete(SUBJECTS).where(SUBJECTS.c.changed_at < at))
        return gone


def _among(ids: Sequence[str]) -> sa.ColumnElement[bool]:
    return CARDS.c.card_id.in_(sorted(set(ids)))


def _own(rows: Rows) -> list[sa.ColumnElement[bool]]:
    return within(rows, CARDS.c.provider_id, CARDS.c.department, CARDS.c.physician_id)


def _read(
    connection: sa.Connection, *wanted: sa.ColumnElement[bool], limit: int | None = None
) -> list[Row]:
    """Cards latest first, each as it is told."""
    query = (
        sa.select(CARDS).where(*wanted).order_by(CARDS.c.created_at.desc(), CARDS.c.card_id.desc())
    )
    rows = connection.execute(query if limit is None else query.limit(limit)).all()
    ids = [row.card_id for row in rows]
    rules: dict[str, list[str]] = {}
    said: dict[str, Any] = {}
    for part in inserting.in_parts(ids):
        for card_id, rule_id in connection.execute(
            sa.select(RULES.c.card_id, RULES.c.rule_id)
            .where(RULES.c.card_id.in_(part))
            .order_by(RULES.c.card_id, RULES.c.place)
        ):
            rules.setdefault(card_id, []).append(rule_id)
        for one in connection.execute(
            sa.select(ANSWERS)
            .where(ANSWERS.c.card_id.in_(part))
            .order_by(ANSWERS.c.answered_at, ANSWERS.c.created_at)
        ):
            said[one.card_id] = one
    return [_told(row, rules.get(row.card_id, []), said.get(row.card_id)) for row in rows]


def _told(row: Any, rule_ids: list[str], said: Any) -> Row:
    told = {k: v for k, v in row._mapping.items() if k != "body"}
    held = HELD.get(row.outcome)
    return {
        **told,
        **row.body,
        "rule_ids": [one for one in rule_ids if one not in WITHOUT_CHECK],
        "held": None if held is None else {"zh": held[0], "en": held[1]},
        "accepted": [] if said is None else said.accepted,
        "comment": None if said is None else said.comment,
    }
