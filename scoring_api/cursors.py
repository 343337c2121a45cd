"""Cursors: where a page starts, opaque to the caller and bound to its filter and order."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from datetime import date, datetime
from typing import Any, TypeVar

from scoring_api.problems import ProblemError
from store import After, AlertFilter, AlertSort

T = TypeVar("T")


def pack(*place: object) -> str:
    """A place as a cursor: plain data, opaque and fit for an address."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def unpack(cursor: str, read: Callable[..., T]) -> T:
    """What ``read`` makes of what was packed; a 400 problem if that cannot be, or it raises ValueError or TypeError."""
    try:
        return read(*json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))))
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise unreadable() from error


def unreadable() -> ProblemError:
    """The problem of a cursor that is none."""
    return ProblemError(
        400,
        "cursor",
        "The cursor cannot be read.",
        cure="Take the cursor from the page before, whole, or leave it out to start again.",
    )


def demand_same(given: object, own: str) -> None:
    """Refuse a cursor with the digest of another filter or order; a 400 problem."""
    if given != own:
        raise ProblemError(
            400,
            "cursor-filter",
            "The cursor was made for another filter or order.",
            cure="Keep the filter and order of the page before, or leave the cursor out.",
        )


def write(wanted: AlertFilter, sort: AlertSort, after: After) -> str:
    """The cursor of the page of alerts that starts after a place."""
    return pack(_digest(wanted, sort), after.key, after.alert_id)


def read(cursor: str, wanted: AlertFilter, sort: AlertSort) -> After:
    """The place in a list of alerts that a cursor names; a 400 problem if it is none, or of another filter."""

    def place(digest: Any, key: Any, alert_id: Any) -> After:
        _demand(digest, alert_id)
        _fit(sort, key)
        demand_same(digest, _digest(wanted, sort))
        return After(key, alert_id)

    return unpack(cursor, place)


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
