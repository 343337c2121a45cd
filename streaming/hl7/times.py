"""Times of HL7 v2 (TS, DTM, DT): digits, as many as are known, and perhaps an offset.

``YYYY[MM[DD[HH[MM[SS[.S[S[S[S]]]]]]]]][+/-ZZZZ]``. Without an offset it is the time of
the sender's place. What is known only to the day is a date and never an instant.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Final
from zoneinfo import ZoneInfo

_FORM: Final = re.compile(
    r"(\d{4})(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(\.\d{1,6})?)?)?)?)?)?([+-]\d{4})?"
)
_DAY: Final = 8


def read_date(text: str, zone: ZoneInfo) -> str | None:
    """The calendar day in the zone as YYYY-MM-DD; None if it is no time or not known to the day."""
    found = _FORM.fullmatch(text)
    if found is None or found[3] is None:
        return None
    if found[4]:
        instant = read_instant(text, zone)
        return None if instant is None else instant.astimezone(zone).date().isoformat()
    try:
        return date(int(found[1]), int(found[2]), int(found[3])).isoformat()
    except ValueError:
        return None


def read_instant(text: str, zone: ZoneInfo) -> datetime | None:
    """The instant, in the zone or at the offset written; None if it is none or not known to the hour."""
    found = _FORM.fullmatch(text)
    if found is None or found[4] is None:
        return None
    offset = found[8]
    try:
        year, month, day, hour, minute, second = (int(found[n] or 0) for n in range(1, 7))
        moment = datetime(
            year, month, day, hour, minute, second,
            round(float(found[7] or 0) * 1_000_000),
            zone if offset is None else _offset(offset),
        )  # fmt: skip
        # Its ends must be instants in UTC too.
        return moment if 2 <= moment.astimezone(UTC).year < 9998 else None
    except (ValueError, OverflowError):
        return None


def write_instant(iso: str) -> str:
    """An instant of ISO 8601 with its offset as YYYYMMDDHHMMSS[.SSSS]+ZZZZ."""
    moment = datetime.fromisoformat(iso)
    part = f".{moment.microsecond // 100:04}" if moment.microsecond else ""
    return moment.strftime("%Y%m%d%H%M%S") + part + moment.strftime("%z")[:5]


def write_date(iso: str) -> str:
    """A day YYYY-MM-DD as YYYYMMDD."""
    return iso.replace("-", "")


def is_to_the_hour(text: str) -> bool:
    """Whether a time says more than its day."""
    found = _FORM.fullmatch(text)
    return found is not None and found[4] is not None


def _offset(text: str) -> timezone:
    hours, minutes = int(text[1:3]), int(text[3:5])
    if minutes > 59:
        raise ValueError(text)
    size = timedelta(hours=hours, minutes=minutes)
    return timezone(-size if text[0] == "-" else size)
