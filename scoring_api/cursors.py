"""Cursors: where a page starts, opaque to the caller and bound to its filter and order."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from datetime import date, datetime

from scoring_api.problems import ProblemError
from store import After, AlertFilter, AlertSort


def write(wanted: AlertFilter, sort: AlertSort, after: After) -> str:
    """The cursor of the page that starts after a place."""
    place = [_digest(wanted, sort), after.key, after.alert_id]
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def read(cursor: str, wanted: AlertFilter, sort: AlertSort) -> After:
    """The place that a cursor names; a 400 problem if it is none, or of another filter."""
    try:
        place = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        digest, key, alert_id = place
        _demand(digest, alert_id)
        _fit(sort, key)
    except (
        binascii.Error,
        UnicodeError,
        ValueError,
        TypeError,
        OverflowError,
        RecursionError,
    ) as error:
        raise ProblemError(
            400,
            "cursor",
            "The cursor cannot be read.",
            cure="Take the cursor from the page before, whole, or leave it out to start again.",
        ) from error
    if digest != _digest(wanted, sort):
        raise ProblemError(
            400,
            "cursor-filter",
            "The cursor was made for another filter or order.",
            cure="Keep the filter and order of the page before, or leave the cursor out.",
        )
    return After(key, alert_id)


def _demand(*texts: object) -> None:
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("no text")


def _fit(sort: AlertSort, key: object) -> None:
    match sort, key:
        case AlertSort.ADMISSION_DATE, str():
            date.fromisoformat(key)
        case ((AlertSort.NEWEST | AlertSort.OLDEST | AlertSort.DUE), str()):
            if datetime.fromisoformat(key).tzinfo is None:
                raise ValueError("no zone")
        case ((AlertSort.EXPOSURE | AlertSort.EXPECTED_LOSS), int()):
            if not -(2**63) <= key < 2**63:
                raise ValueError("too large")
        case ((AlertSort.PRIORITY | AlertSort.SCORE), (int() | float())):
            float(key)
        case _:
            raise TypeError("another order's key")


def _digest(wanted: AlertFilter, sort: AlertSort) -> str:
    text = f"{sort}|" + "|".join(
        str(sorted(value) if isinstance(value, frozenset) else value)
        for name in AlertFilter.__dataclass_fields__
        if name != "rows"
        for value in [getattr(wanted, name)]
    )
    return hashlib.sha256(text.encode()).hexdigest()[:12]
