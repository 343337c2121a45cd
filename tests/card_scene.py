"""Cards to offer in tests: one doctor, one stay, one check unless said otherwise."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from domain.cards import Card, CardSuggestion
from domain.results import Severity

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
