"""Months, and the clock by which days and years are meant: China's, which has one zone and no summer time."""

from __future__ import annotations

from datetime import date, timedelta, timezone
from typing import Final

CHINA: Final = timezone(timedelta(hours=8))
"""Whose day an instant falls on where nobody says otherwise."""


def month_after(day: date, further: int = 1) -> date:
    """The first day of the month so many months further, or with a negative number earlier."""
    place = day.year * 12 + day.month - 1 + further
    return date(place // 12, place % 12 + 1, 1)
