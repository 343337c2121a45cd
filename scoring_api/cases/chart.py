"""Drawings made here, as numbers for SVG: the cost of a stay day by day beside its peers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from domain.service import PeerCurve
from scoring_api.pages.charts import points, round_step
from scoring_api.pages.formats import format_amount

WIDTH: Final = 720
HEIGHT: Final = 280
_LEFT, _RIGHT, _TOP, _BOTTOM = 92, 14, 14, 34


@dataclass(frozen=True, slots=True)
class Tick:
    """A place on an axis and what stands there."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Points of the lines and areas in the drawing's own units; empty texts where there is nothing."""

    width: int
    height: int
    left: int
    right: float
    top: int
    bottom: int
    cost: str
    dots: Sequence[tuple[float, float, int, int]]
    """Left, top, day of stay, cost so far."""
    band: str
    """Between the peers' quartiles."""
    median: str
    across: Sequence[Tick]
    upward: Sequence[Tick]


def draw(
    cost: Sequence[tuple[int, int]], last: int, curve: PeerCurve | None, currency: str
) -> Chart:
    """The cost so far, at the end of each day given (day, fen), up to the day ``last``."""
    peers = curve.days if curve is not None else ()
    highest = max([1, *(fen for _, fen in cost), *(day.high_fen for day in peers)])
    lowest = min([0, *(fen for _, fen in cost)])
    step = round_step((highest - lowest) / 4)
    right, bottom = WIDTH - _RIGHT, HEIGHT - _BOTTOM

    def x(day: float) -> float:
        return round(_LEFT + (right - _LEFT) * (day - 1) / max(last - 1, 1), 1)

    def y(fen: float) -> float:
        return round(bottom - (bottom - _TOP) * (fen - lowest) / (highest - lowest), 1)

    path: list[tuple[float, float]] = []
    so_far = dict(cost)
    fen = 0
    for day in range(1, last + 1):
        fen = so_far.get(day, fen)
        path.append((x(day), y(fen)))
    there = [day for day in peers if day.day <= last]
    band = [(x(d.day), y(d.high_fen)) for d in there] + [(x(d.day), y(d.low_fen)) for d in reversed(there)]  # fmt: skip
    every = max(1, -(-last // 12))
    first = -(-lowest // step) * step
    return Chart(
        WIDTH,
        HEIGHT,
        _LEFT,
        right,
        _TOP,
        bottom,
        points(path),
        [(x(day), y(total), day, total) for day, total in cost],
        points(band),
        points([(x(d.day), y(d.median_fen)) for d in there]),
        [Tick(x(day), str(day)) for day in range(1, last + 1, every)],
        [
            Tick(y(at), format_amount(int(at), currency).removesuffix(".00"))
            for at in (first + step * i for i in range(6))
            if at <= highest
        ],
    )
