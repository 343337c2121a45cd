"""Which patients need a look first: where the cost stands against the standard, in levels that have words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

Json = Mapping[str, Any]

LIKELY: Final = 0.5
"""From this probability on a stay is said to be heading over its standard, as check CST-003 does."""
AHEAD: Final = 1.2
"""Cost so far over that of like stays on this day from which it is called fast; check CST-007 speaks at 1.5."""


class Level(StrEnum):
    """Where the cost of a stay stands; every level has a word, so that colour is never alone."""

    OVER = "over"
    """What is charged exceeds the standard."""
    HEADING = "heading"
    """It will more likely than not."""
    AHEAD = "ahead"
    """It is charged faster than like stays were."""
    WITHIN = "within"
    UNKNOWN = "unknown"
    """There is no standard or no projection to compare with."""


_WEIGHT: Final = {
    Level.OVER: 3,
    Level.HEADING: 3,
    Level.AHEAD: 1,
    Level.WITHIN: 0,
    Level.UNKNOWN: 0,
}


def level_of(glance: Json) -> Level:
    """The level of a stay as ``domain.service.Ward.glance`` tells it."""
    running, standard = glance["running_fen"], glance["standard_fen"]
    if not standard or running is None:
        return Level.UNKNOWN
    if running > standard:
        return Level.OVER
    probability, expected = glance["probability_over_standard"], glance["expected_fen"]
    if probability is not None and probability >= LIKELY:
        return Level.HEADING
    if expected and running >= AHEAD * expected:
        return Level.AHEAD
    return Level.WITHIN if probability is not None else Level.UNKNOWN


def share(part: int | None, whole: int | None) -> int | None:
    """``part`` in per cent of ``whole``, rounded; None where one is not known."""
    return None if part is None or not whole else round(100 * part / whole)


def rank(row: Json) -> tuple[Any, ...]:
    """What a list is sorted by: suggestions that warn, then cost, then other suggestions, then who is near leaving.

    ``row`` has ``warnings`` and ``open`` (how many suggestions stand), ``level`` and the glance's members.
    """
    leaves = row["projected_discharge"]
    return (
        -min(row["warnings"], 1),
        -_WEIGHT[row["level"]],
        -row["warnings"],
        -(row["probability_over_standard"] or 0.0),
        -row["open"],
        leaves is None,
        leaves or 0,
        row["stay_id"],
    )


def sort(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows in the order in which they need a look."""
    return sorted(rows, key=rank)
