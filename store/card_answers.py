"""What physicians answered to cards: checked, kept once, and counted by what was said last."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from domain.access import Rows
from domain.calendar import CHINA
from domain.cards import (
    ACCEPTED,
    ANSWERS,
    LATER,
    LONGEST_COMMENT,
    OVERRIDDEN,
    OVERRIDE_REASONS,
    CardAnswer,
)
from domain.results import identifier
from store import inserting
from store.card_tables import CARD_ANSWERS_SQL as ANSWERS_SQL
from store.card_tables import CARD_SUBJECTS_SQL as SUBJECTS
from store.card_tables import CARDS_SQL as CARDS
from store.errors import StoreRuleError

Row = dict[str, Any]


class CardError(StoreRuleError):
    """An answer that cannot be kept; ``name`` is stable: ``not-found`` or ``answer``."""

    def __init__(self, name: str, message: str, *, card_id: str, cure: str) -> None:
        self.name, self.card_id = name, card_id
        super().__init__(message, where=f"card {card_id}", cure=cure)


def check(answer: CardAnswer, card: Row | None, rows: Rows) -> None:
    """Refuse an answer that the card cannot have; CardError."""
    if card is None or not rows.allow(
        card["provider_id"], card["department"], card["physician_id"]
    ):
        raise CardError(
            "not-found",
            f"There is no card {answer.card_id} among those of the caller",
            card_id=answer.card_id,
            cure="Answer the cards that this service showed you (GET /v1/cards).",
        )
    offered = {s["suggestion_id"] for s in card["suggestions"]}
    wrong = (
        ("outcome", answer.outcome not in ANSWERS),
        ("accepted", bool(answer.accepted) and answer.outcome != ACCEPTED),
        ("accepted", not set(answer.accepted) <= offered),
        ("reason", answer.reason is not None and answer.outcome != OVERRIDDEN),
        ("reason", answer.reason is not None and answer.reason not in OVERRIDE_REASONS),
        ("comment", answer.comment is not None and not 1 <= len(answer.comment) <= LONGEST_COMMENT),
        ("comment", answer.comment is not None and "\x00" in answer.comment),
        ("answered_at", answer.answered_at.tzinfo is None),
    )
    for name, is_wrong in wrong:
        if is_wrong:
            raise CardError(
                "answer",
                f"The answer's {name} is not one that this card can have",
                card_id=answer.card_id,
                cure=f"outcome is one of {', '.join(ANSWERS)}; accepted names suggestions of the card, with "
                f"{ACCEPTED} only; reason, with {OVERRIDDEN} only, is one of {', '.join(OVERRIDE_REASONS)}; "
                f"a comment has 1 to {LONGEST_COMMENT} characters.",
            )


def keep(connection: sa.Connection, answer: CardAnswer, card: Row, now: datetime) -> None:
    """Keep an answer to a card whose row is held, and count it unless a later one is there."""
    # A client's clock may be wrong: an answer is not said before its card was, nor after it came.
    at = min(max(answer.answered_at, card["created_at"]), now)
    accepted = sorted(set(answer.accepted))
    answer_id = identifier(
        "card-answer", answer.card_id, answer.outcome, *accepted, answer.reason or "",
        answer.comment or "", answer.answered_at.astimezone(CHINA).isoformat(),
    )  # fmt: skip
    new = inserting.insert(
        connection,
        ANSWERS_SQL,
        {
            "answer_id": [answer_id],
            "card_id": [answer.card_id],
            "outcome": [answer.outcome],
            "accepted": [accepted],
            "reason": [answer.reason],
            "comment": [answer.comment],
            "answered_at": [at],
            "created_at": [now],
        },
    )
    if not new or (card["answered_at"] is not None and card["answered_at"] > at):
        return
    values = {"answer": answer.outcome, "reason": answer.reason, "answered_at": at}
    connection.execute(sa.update(CARDS).where(CARDS.c.card_id == answer.card_id).values(**values))
    card |= values
    again_on = at.astimezone(CHINA).date() + timedelta(days=1) if answer.outcome == LATER else None
    connection.execute(
        sa.update(SUBJECTS)
        .where(
            SUBJECTS.c.suggestion_key == card["suggestion_key"],
            SUBJECTS.c.card_id == answer.card_id,
        )
        .values(again_on=again_on)
    )
