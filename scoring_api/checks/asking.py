"""What the routes that change something ask of a request: a key, a region, a day, a reason."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any, NoReturn

from fastapi import Request

from domain.access import Principal
from domain.proposals import LONGEST_REASON, Fault
from domain.results import identifier
from scoring_api.checks.history import ZONE
from scoring_api.conditions import key_of
from scoring_api.problems import ProblemError


def today() -> date:
    """The day it is where the people are."""
    return datetime.now(ZONE).date()


def now() -> datetime:
    """The instant at hand."""
    return datetime.now(UTC)


def new_id(request: Request, kind: str, principal: Principal) -> str:
    """An id from the caller's Idempotency-Key, or a new one; a 422 problem for a key that is none."""
    key = key_of(request)
    return uuid.uuid4().hex if key is None else identifier(kind, principal.user_id, key)


def region_of(text: str | None) -> str:
    """A region as the store keeps it: nothing, and ``default``, are the empty text."""
    region = (text or "").strip()
    return "" if region == "default" else region


def day_of(text: str, field: str) -> date:
    """A day as written, such as 2027-01-01; a 422 problem if it is none."""
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        refuse(
            field, "日期无法识别。", "The day cannot be read.",
            "请写成 2027-01-01 的形式。", "Write a day such as 2027-01-01.",
        )  # fmt: skip


def reason_of(text: str | None, field: str) -> str:
    """A reason that is neither empty nor too long; a 422 problem otherwise."""
    reason = (text or "").strip()
    if not reason:
        refuse(
            field, "没有说明理由。", "The reason is not said.",
            "请写一句他人能看懂的理由。", "Say why, in a sentence that others will read.",
        )  # fmt: skip
    if len(reason) > LONGEST_REASON:
        refuse(
            field, "理由过长。", "The reason is too long.",
            f"请写 {LONGEST_REASON} 字以内。", f"Write at most {LONGEST_REASON} characters.",
        )  # fmt: skip
    return reason


def refuse(field: str, zh: str, en: str, cure_zh: str, cure_en: str) -> NoReturn:
    """The problem of one field, in both languages."""
    refuse_faults([Fault(field, zh, en, cure_zh, cure_en)])


def refuse_faults(faults: Sequence[Fault]) -> NoReturn:
    """The problem of a change that may not be, with all that speaks against it."""
    first = faults[0]
    told: list[dict[str, Any]] = [
        {
            "field": one.field,
            "what": {"zh": one.zh, "en": one.en},
            "cure": {"zh": one.cure_zh, "en": one.cure_en},
        }
        for one in faults
    ]
    raise ProblemError(
        422,
        "proposal",
        first.en,
        cure=first.cure_en,
        more={"field": first.field, "faults": told},
    )
