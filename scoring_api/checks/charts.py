"""Charts as SVG, made here: no script is needed to read them, and each has a table beside it.

Sizes are in units of the drawing; colours and letters are set in checks.css.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

WIDTH: Final = 640
HEIGHT: Final = 190
_LEFT: Final = 62
_RIGHT: Final = 12
_TOP: Final = 14
_BOTTOM: Final = 30
_MOST_LABELS: Final = 9


@dataclass(frozen=True, slots=True)
class Point:
    """A value with the label below it and, where there is one, its interval; None is a gap."""

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None


def bars(points: Sequence[Point], title: str) -> Markup:
    """A column for each point, from 0."""
    if not points:
        return Markup("")
    top = _nice(max((p.value or 0 for p in points), default=0))
    step = (WIDTH - _LEFT - _RIGHT) / len(points)
    wide = min(max(step * 0.72, 1), 44)
    parts = [_grid(top, percent=False), _labels([p.label for p in points], step)]
    for place, point in enumerate(points):
        if not point.value:
            continue
        x = _LEFT + step * (place + 0.5) - wide / 2
        y = _y(point.value, top)
        parts.append(
            Markup(
                '<rect class="bar" x="{}" y="{}" width="{}" height="{}"><title>{}: {}</title></rect>'
            ).format(_n(x), _n(y), _n(wide), _n(HEIGHT - _BOTTOM - y), point.label, _told(point))
        )
    return _svg(title, parts)


def shares(points: Sequence[Point], title: str) -> Markup:
    """Shares from 0 to 1 as dots joined by a line, each with its interval."""
    known = [p for p in points if p.value is not None]
    if not known:
        return Markup("")
    highest = max(p.high if p.high is not None else p.value or 0 for p in known)
    top = 1.0 if highest > 0.5 else _nice(highest)
    step = (WIDTH - _LEFT - _RIGHT) / len(points)
    parts = [_grid(top, percent=True), _labels([p.label for p in points], step)]
    run: list[str] = []
    runs = [run]
    for place, point in enumerate(points):
        if point.value is None:
            run = []
            runs.append(run)
            continue
        run.append(f"{_n(_LEFT + step * (place + 0.5))},{_n(_y(point.value, top))}")
    parts += [
        Markup('<polyline class="line" points="{}"/>').format(" ".join(one))
        for one in runs
        if len(one) > 1
    ]
    for place, point in enumerate(points):
        if point.value is None:
            continue
        x = _n(_LEFT + step * (place + 0.5))
        if point.low is not None and point.high is not None:
            parts.append(
                Markup('<line class="interval" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>').format(
                    x, _n(_y(point.high, top)), _n(_y(point.low, top))
                )
            )
        parts.append(
            Markup(
                '<circle class="dot" cx="{}" cy="{}" r="4"><title>{}: {}</title></circle>'
            ).format(x, _n(_y(point.value, top)), point.label, _told(point, percent=True))
        )
    return _svg(title, parts)


def scatter(pairs: Sequence[tuple[float, float, str]], title: str, x: str, y: str) -> Markup:
    """Points (x, y, name) in the unit square, with the line on which both are equal."""
    if not pairs:
        return Markup("")
    side, left, top = 300, 52, 10
    parts = [
        Markup('<line class="equal" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(
            left, top + side, left + side, top
        )
    ]
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        at = top + side - tick * side
        parts.append(
            Markup(
                '<line class="grid" x1="{0}" x2="{1}" y1="{2}" y2="{2}"/>'
                '<text class="end" x="{3}" y="{4}">{5}</text>'
                '<text class="middle" x="{6}" y="{7}">{5}</text>'
            ).format(
                left,
                left + side,
                _n(at),
                left - 6,
                _n(at + 4),
                f"{tick:g}",
                _n(left + tick * side),
                top + side + 16,
            )
        )
    parts += [
        Markup(
            '<circle class="pair" cx="{}" cy="{}" r="3.5"><title>{}: {} / {}</title></circle>'
        ).format(_n(left + side * a), _n(top + side - side * b), name, f"{a:.3f}", f"{b:.3f}")
        for a, b, name in pairs
    ]
    parts.append(
        Markup('<text class="middle" x="{}" y="{}">{}</text><text x="{}" y="{}">{}</text>').format(
            left + side / 2, top + side + 34, x, left + 6, top + 12, y
        )
    )
    return _svg(title, parts, left + side + 14, top + side + 42, small=True)


def histogram(
    values: Sequence[float], title: str, *, mark: float | None = None, buckets: int = 20
) -> Markup:
    """How many values from 0 to 1 lie in each of equal bands; ``mark`` is a threshold drawn across."""
    counts = [0] * buckets
    for value in values:
        counts[min(int(value * buckets), buckets - 1)] += 1
    top = _nice(max(counts, default=0))
    step = (WIDTH - _LEFT - _RIGHT) / buckets
    labels = [f"{place / buckets:g}" for place in range(buckets)]
    parts = [_grid(top, percent=False), _labels(labels, step)]
    for place, count in enumerate(counts):
        if count:
            y = _y(count, top)
            parts.append(
                Markup(
                    '<rect class="bar" x="{}" y="{}" width="{}" height="{}"><title>{}–{}: {}</title></rect>'
                ).format(
                    _n(_LEFT + step * place + 1),
                    _n(y),
                    _n(step - 2),
                    _n(HEIGHT - _BOTTOM - y),
                    labels[place],
                    f"{(place + 1) / buckets:g}",
                    f"{count:,}",
                )
            )
    if mark is not None and 0 <= mark <= 1:
        x = _n(_LEFT + mark * step * buckets)
        parts.append(
            Markup('<line class="mark" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>').format(
                x, _TOP, HEIGHT - _BOTTOM
            )
        )
    return _svg(title, parts)


def _svg(
    title: str,
    parts: Sequence[Markup],
    width: float = WIDTH,
    height: float = HEIGHT,
    *,
    small: bool = False,
) -> Markup:
    return Markup(
        '<svg class="chart{}" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>'
    ).format(" square" if small else "", _n(width), _n(height), title, Markup("").join(parts))


def _grid(top: float, *, percent: bool) -> Markup:
    lines = []
    for part in (0.0, 0.5, 1.0):
        y = _n(_y(top * part, top))
        told = f"{100 * top * part:.3g} %" if percent else _short(top * part)
        lines.append(
            Markup(
                '<line class="grid" x1="{0}" x2="{1}" y1="{2}" y2="{2}"/>'
                '<text class="end" x="{3}" y="{4}">{5}</text>'
            ).format(_LEFT, WIDTH - _RIGHT, y, _LEFT - 6, _n(float(y) + 4), told)
        )
    return Markup("").join(lines)


def _labels(labels: Sequence[str], step: float) -> Markup:
    every = max(1, math.ceil(len(labels) / _MOST_LABELS))
    return Markup("").join(
        Markup('<text class="middle" x="{}" y="{}">{}</text>').format(
            _n(_LEFT + step * (place + 0.5)), HEIGHT - 10, label
        )
        for place, label in enumerate(labels)
        if place % every == 0
    )


def _y(value: float, top: float) -> float:
    return _TOP + (HEIGHT - _BOTTOM - _TOP) * (1 - min(value / top, 1.0))


def _nice(value: float) -> float:
    """The next of 1, 2, 4, 5, 10, 20, ... at or above the value; 1 for nothing at all."""
    if value <= 0:
        return 1.0
    scale = 10.0 ** math.floor(math.log10(value))
    return next(scale * step for step in (1, 2, 4, 5, 10, 20) if scale * step >= value)


def _short(value: float) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if value >= size:
            return f"{value / (1e3 if letter == 'k' else size):.3g} {letter}"
    return f"{value:,.4g}"


def _told(point: Point, *, percent: bool = False) -> str:
    if not percent or point.value is None:
        return f"{point.value:,.10g}"
    told = f"{100 * point.value:.1f} %"
    if point.low is None or point.high is None:
        return told
    return f"{told} ({100 * point.low:.0f}–{100 * point.high:.0f} %)"


def _n(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
