"""What a person concluded about a finding (复核结论): the label that precision is counted from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Final

OUTCOMES: Final = {
    "confirmed": ("属实", "confirmed"),
    "partly": ("部分属实", "partly confirmed"),
    "not_confirmed": ("不属实", "not confirmed"),
    "needs_information": ("需补充材料", "needs information"),
}
"""Outcome of a review -> Chinese and English text."""

REASONS: Final = {
    "violation": ("违规事实成立", "the rule was broken"),
    "coding-error": ("编码错误", "coded wrongly"),
    "charging-error": ("收费错误", "charged wrongly"),
    "data-error": ("上传数据有误", "the data sent were wrong"),
    "documented": ("病历有依据", "the record supports it"),
    "exception": ("属规则例外情形", "a stated exception applies"),
    "check-at-fault": ("规则判断有误", "the check is wrong"),
    "record-missing": ("待调阅病历", "the record is awaited"),
    "explanation-awaited": ("待机构说明", "the hospital's explanation is awaited"),
    "other": ("其他", "another reason"),
}
"""Coded reason -> Chinese and English text."""

REASONS_OF: Final = {
    "confirmed": ("violation", "coding-error", "charging-error", "data-error", "other"),
    "partly": ("violation", "coding-error", "charging-error", "data-error", "other"),
    "not_confirmed": ("documented", "exception", "check-at-fault", "data-error", "other"),
    "needs_information": ("record-missing", "explanation-awaited", "other"),
}
"""Outcome -> the reasons that it may have."""

LONGEST_NOTE: Final = 2_000
"""Characters of a note; a longer text is a document, not a note."""

_Z: Final = 1.959963984540054
"""Standard deviations of a two-sided 95 % interval."""


@dataclass(frozen=True, slots=True)
class Review:
    """One person's conclusion on what one check found on a stay, or on a month or day.

    Either ``decision_id`` and ``stay_id`` or ``finding_id`` is given. ``recovered_fen`` is in the
    hundredth of ``currency``. A later review of the same thing counts instead of an earlier one;
    none is ever changed.
    """

    review_id: str
    rule_id: str
    outcome: str
    reason: str
    reviewer: str
    reviewed_at: datetime
    decision_id: str | None = None
    stay_id: str | None = None
    finding_id: str | None = None
    recovered_fen: int | None = None
    currency: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Reviewed:
    """How the reviews of one check came out, each thing reviewed counted once, by its last review."""

    confirmed: int = 0
    partly: int = 0
    not_confirmed: int = 0
    needs_information: int = 0

    @property
    def concluded(self) -> int:
        """Reviews that came to a conclusion."""
        return self.confirmed + self.partly + self.not_confirmed

    @property
    def precision(self) -> float | None:
        """Share of the concluded reviews that confirmed, wholly or partly; None without any."""
        return (self.confirmed + self.partly) / self.concluded if self.concluded else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of the precision (Wilson), which few reviews leave wide."""
        return interval(self.confirmed + self.partly, self.concluded)


def interval(part: int, whole: int) -> tuple[float, float] | None:
    """The 95 % interval (Wilson) of the share that ``part`` is of ``whole``; None of nothing."""
    if not whole:
        return None
    share = part / whole
    middle = (share + _Z**2 / (2 * whole)) / (1 + _Z**2 / whole)
    spread = share * (1 - share) / whole + _Z**2 / (4 * whole**2)
    half = _Z / (1 + _Z**2 / whole) * math.sqrt(spread)
    return max(0.0, middle - half), min(1.0, middle + half)
