"""Charts as SVG made here, so that the pages of indicators show them without any script."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup, escape

Values = Sequence[float | int | None]

_WIDTH, _HEIGHT = 620, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 78, 30, 14, 30
_TICKS: Final = 4
_MONEY_STEPS: Final = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True, slots=True)
class Bubble:
    """A point of a scatter: name, place and size."""

    name: str
    x: float
    y: float
    size: float


def draw_spark(values: Values) -> Markup:
    """A small line without axes; a gap where a value is not known."""
    known = [v for v in values if v is not None]
    if len(known) < 2:
        return Markup("")
    low, high = min(known), max(known)
    scale = 26 / (high - low) if high > low else 0.0
    step = 116 / max(len(values) - 1, 1)

    def place(at: int, value: float | int) -> tuple[float, float]:
        return 2 + at * step, 29 - (value - low) * scale if scale else 16.0

    lines = Markup("").join(
        Markup('<polyline points="{}"/>').format(" ".join(f"{x:.1f},{y:.1f}" for x, y in run))
        for run in _runs([None if v is None else place(i, v) for i, v in enumerate(values)])
    )
    last = next(i for i in range(len(values) - 1, -1, -1) if values[i] is not None)
    x, y = place(last, values[last] or 0)
    return Markup(
        '<svg class="spark" viewBox="0 0 120 32" aria-hidden="true" focusable="false">{}'
        '<circle cx="{}" cy="{}" r="2.6"/></svg>'
    ).format(lines, f"{x:.1f}", f"{y:.1f}")


def draw_line(labels: Sequence[str], values: Values, told: Sequence[str], title: str) -> Markup:
    """A line over months; ``told`` are the values in words, as the points' tooltips."""
    known = [float(v) for v in values if v is not None]
    if not known:
        return Markup("")
    low, high = _round_out(min(known), max(known))
    step = (_WIDTH - _LEFT - _RIGHT) / max(len(values) - 1, 1)
    places = [
        None if v is None else (_LEFT + i * step, _y(float(v), low, high))
        for i, v in enumerate(values)
    ]
    parts = [_grid(low, high), _months(labels, [_LEFT + i * step for i in range(len(labels))])]
    parts += [
        Markup('<polyline class="line" points="{}"/>').format(
            " ".join(f"{x:.1f},{y:.1f}" for x, y in run)
        )
        for run in _runs(places)
    ]
    parts += [
        Markup('<circle class="point" cx="{}" cy="{}" r="3.5"><title>{}</title></circle>').format(
            f"{at[0]:.1f}", f"{at[1]:.1f}", f"{label} {text}"
        )
        for at, label, text in zip(places, labels, told, strict=True)
        if at is not None
    ]
    return _svg(parts, title)


def draw_columns(labels: Sequence[str], values: Values, told: Sequence[str], title: str) -> Markup:
    """Columns over months from zero, those below zero in the colour of a loss."""
    known = [float(v) for v in values if v is not None]
    if not known:
        return Markup("")
    low, high = _round_out(min(0.0, *known), max(0.0, *known))
    step = (_WIDTH - _LEFT - _RIGHT) / len(values)
    zero = _y(0.0, low, high)
    parts = [
        _grid(low, high),
        _months(labels, [_LEFT + (i + 0.5) * step for i in range(len(labels))]),
    ]
    for i, (value, label, text) in enumerate(zip(values, labels, told, strict=True)):
        if value is None:
            continue
        y = _y(float(value), low, high)
        parts.append(
            Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>').format(
                "gain" if value >= 0 else "loss",
                f"{_LEFT + (i + 0.18) * step:.1f}", f"{min(y, zero):.1f}",
                f"{step * 0.64:.1f}", f"{max(abs(zero - y), 0.8):.1f}", f"{label} {text}",
            )
        )  # fmt: skip
    parts.append(
        Markup('<line class="zero" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(
            _LEFT, _WIDTH - _RIGHT, f"{zero:.1f}", f"{zero:.1f}"
        )
    )
    return _svg(parts, title)


def draw_bubbles(points: Sequence[Bubble], x_title: str, y_title: str, title: str) -> Markup:
    """A scatter around (1, 1): cost against time, the size is the number of stays."""
    if not points:
        return Markup("")
    reach = max(0.1, *(abs(v - 1) for p in points for v in (p.x, p.y))) * 1.25
    low, high = 1 - reach, 1 + reach
    largest = max(p.size for p in points)

    def across(value: float) -> float:
        return _LEFT + (value - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT)

    height = 300
    bottom = height - 42

    def up(value: float) -> float:
        return bottom - (value - low) / (high - low) * (bottom - _TOP)

    parts = []
    for tick in (low + reach * 0.25, 1.0, high - reach * 0.25):
        parts.append(  # noqa: PERF401
            Markup(
                '<line class="{}" x1="{}" x2="{}" y1="{}" y2="{}"/><text class="tick" x="{}" y="{}" text-anchor="end">{}</text>'
                '<line class="{}" x1="{}" x2="{}" y1="{}" y2="{}"/><text class="tick" x="{}" y="{}" text-anchor="middle">{}</text>'
            ).format(
                "zero" if tick == 1 else "grid", _LEFT, _WIDTH - _RIGHT, f"{up(tick):.1f}", f"{up(tick):.1f}",
                _LEFT - 6, f"{up(tick) + 4:.1f}", f"{tick:.2f}",
                "zero" if tick == 1 else "grid", f"{across(tick):.1f}", f"{across(tick):.1f}", _TOP, bottom,
                f"{across(tick):.1f}", bottom + 16, f"{tick:.2f}",
            )
        )  # fmt: skip
    taken: list[tuple[float, float]] = []
    for point in sorted(points, key=lambda p: -p.size):
        x, y = across(point.x), up(point.y)
        radius = 4 + 16 * (point.size / largest) ** 0.5
        parts.append(
            Markup('<circle class="bubble" cx="{}" cy="{}" r="{}"><title>{}</title></circle>').format(
                f"{x:.1f}", f"{y:.1f}", f"{radius:.1f}", f"{point.name} ({point.x:.2f}, {point.y:.2f})"
            )
        )  # fmt: skip
        # Names are written where they hide no other name; the rest is told by the tooltip.
        if all(abs(x - tx) > 46 or abs(y - ty) > 13 for tx, ty in taken):
            taken.append((x, y))
            parts.append(
                Markup('<text class="name" x="{}" y="{}" text-anchor="middle">{}</text>').format(
                    f"{x:.1f}", f"{y + 4:.1f}", point.name
                )
            )
    parts.append(
        Markup(
            '<text class="axis" x="{}" y="{}" text-anchor="middle">{}</text>'
            '<text class="axis" x="14" y="{}" text-anchor="middle" transform="rotate(-90 14 {})">{}</text>'
        ).format((_LEFT + _WIDTH) / 2, height - 6, x_title, bottom / 2, bottom / 2, y_title)
    )
    return _svg(parts, title, height)


def draw_bars(
    names: Sequence[str], values: Sequence[float], told: Sequence[str], title: str
) -> Markup:
    """Bars one below another, with their names at the left and values at the right."""
    if not names:
        return Markup("")
    largest = max(abs(v) for v in values) or 1
    height = len(names) * 26 + 8
    parts = []
    for i, (name, value, text) in enumerate(zip(names, values, told, strict=True)):
        y = 4 + i * 26
        width = abs(value) / largest * 330
        parts.append(
            Markup(
                '<text class="tick" x="96" y="{}" text-anchor="end">{}</text>'
                '<rect class="{}" x="104" y="{}" width="{}" height="17"/>'
                '<text class="tick" x="{}" y="{}">{}</text>'
            ).format(
                y + 14, name, "gain" if value >= 0 else "loss", y, f"{max(width, 1):.1f}",
                f"{110 + width:.1f}", y + 14, text,
            )
        )  # fmt: skip
    return _svg(parts, title, height)


def _svg(parts: Sequence[Markup], title: str, height: int = _HEIGHT) -> Markup:
    return Markup(
        '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>'
    ).format(_WIDTH, height, title, Markup("").join(parts))


def _runs(places: Sequence[tuple[float, float] | None]) -> list[list[tuple[float, float]]]:
    """The places without gaps."""
    runs: list[list[tuple[float, float]]] = [[]]
    for place in places:
        if place is None:
            runs.append([])
        else:
            runs[-1].append(place)
    return [run for run in runs if run]


def _y(value: float, low: float, high: float) -> float:
    return _HEIGHT - _BOTTOM - (value - low) / (high - low) * (_HEIGHT - _BOTTOM - _TOP)


def _round_out(low: float, high: float) -> tuple[float, float]:
    """The span widened to whole steps of 1, 2 or 5 times a power of ten."""
    step = _step(low, high)
    bottom, top = math.floor(low / step) * step, math.ceil(high / step) * step
    return (bottom, top) if top > bottom else (bottom - step, top + step)


def _step(low: float, high: float) -> float:
    rough = ((high - low) or abs(high) * 0.2 or 1.0) / _TICKS
    power: float = 10.0 ** math.floor(math.log10(rough))
    return next(m * power for m in (1, 2, 5, 10) if rough <= m * power * (1 + 1e-9))


def round_step(about: float) -> int:
    """A round step of money near that size: 1, 2, 2.5 or 5 yuan times a power of ten, in fen."""
    size = 100
    while size * 10 < about:
        size *= 10
    return next((round(size * s) for s in _MONEY_STEPS if size * s >= about), size * 10)


def points(path: Sequence[tuple[float, float]]) -> str:
    """The places of a line or area as SVG writes them."""
    return " ".join(f"{left},{top}" for left, top in path)


def _grid(low: float, high: float) -> Markup:
    step = _step(low, high)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    parts = []
    for i in range(round((high - low) / step) + 1):
        value = low + step * i
        y = _y(value, low, high)
        parts.append(
            Markup(
                '<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/>'
                '<text class="tick" x="{}" y="{}" text-anchor="end">{}</text>'
            ).format(
                _LEFT, _WIDTH - _RIGHT, f"{y:.1f}", f"{y:.1f}", _LEFT - 6, f"{y + 4:.1f}",
                f"{value:,.{digits}f}".replace("-", "−"),
            )
        )  # fmt: skip
    return Markup("").join(parts)


def _months(labels: Sequence[str], places: Sequence[float]) -> Markup:
    every = 2 if len(labels) > 8 else 1
    return Markup("").join(
        Markup('<text class="tick" x="{}" y="{}" text-anchor="middle">{}</text>').format(
            f"{x:.1f}", _HEIGHT - 10, escape(label)
        )
        for i, (label, x) in enumerate(zip(labels, places, strict=True))
        if (len(labels) - 1 - i) % every == 0
    )
