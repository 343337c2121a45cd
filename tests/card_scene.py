"""Cards to offer in tests: one doctor, one stay, one check unless said otherwise."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from domain import advice
from domain.calendar import CHINA
from domain.cards import Card, CardAnswer, CardSuggestion
from domain.results import Severity
from store import Store

NOW = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)
"""A Monday, half past nine in China."""


def card(stay: int = 1, cause: str = "repeat", **changed: Any) -> Card:
    """A card about a cause of a stay; ``changed`` sets its fields."""
    stay_id = f"S{stay:03}"
    given: dict[str, Any] = {
        "card_id": str(uuid.uuid4()),
        "stay_id": stay_id,
        "provider_id": "H1",
        "physician_id": "D1",
        "department": "A03",
        "hook": "order-sign",
        "suggestion_key": f"{stay_id}/{cause}",
        "digest": "d1",
        "rule_ids": ("ORD-001",),
        "severity": Severity.MEDIUM,
        "indicator": "warning",
        "summary": {"zh": "重复医嘱", "en": "A repeated order"},
        "detail": {"zh": "详情", "en": "Detail"},
        "suggestions": (CardSuggestion(str(uuid.uuid4()), {"zh": "停用", "en": "Stop"}, "stop"),),
        "created_at": NOW,
    }
    return Card(**{**given, **changed})


def fill_week(opened: Store, now: datetime, rule_id: str, provider: str) -> None:
    """Last week's cards of a hospital, overridden so often that a check is proposed to be quiet."""
    then = now - timedelta(days=7)
    for number in range(60):
        one = card(
            number, rule_id, provider_id=provider, physician_id=f"D{number % 6}",
            department=("A03", "B01")[number % 6 == 5], rule_ids=(rule_id,), created_at=then,
        )  # fmt: skip
        opened.cards.offer([one], budget=8, now=then)
        said = ("overridden", "later", "accepted")[(number > 40) + (number > 44)]
        reason = ("documented", "not-applicable")[number % 2] if said == "overridden" else None
        opened.cards.feedback([CardAnswer(one.card_id, said, then, (), reason)], now=now)
    week = advice.week_of(then.astimezone(CHINA).date())
    for found in opened.cards.report(week)["candidates"]:
        opened.quiet_checks.propose(advice.propose(found, now))
