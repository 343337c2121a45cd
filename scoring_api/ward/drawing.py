"""Drawings of a stay's cost against its standard, made on the server: a small bar, and the way to its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

from markupsafe import Markup

from scoring_api.pages.charts import points, round_step
from scoring_api.pages.formats import format_amount
from scoring_api.ward.attention import Level

_BAR_WIDTH, _BAR_HEIGHT = 180, 24
_LONGEST: Final = 2.0
"""The bar reaches at most to twice the standard; what lies beyond is cut off and told by the number."""
WIDTH: Final = 760
HEIGHT: Final = 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 72, 120, 18, 40
_APART: Final = 15
"""Units between two labels at the right edge, so that none covers another."""


def draw_bar(glance: Mapping[str, Any], level: Level) -> Markup:
    """Cost so far (bar), like stays on this day (short mark), projected end (line and dot), standard (long line).

    It is for the eye alone: the number and the word beside it say the same.
    """
    standard = glance["standard_fen"]
    if not standard:
        return Markup("")
    given = [glance[name] for name in ("running_fen", "projected_fen", "high_fen")]
    reach = min(max([1.15, *(v / standard * 1.04 for v in given if v is not None)]), _LONGEST)

    def x(fen: int) -> str:
        return f"{max(min(fen / standard / reach, 1.0), 0.0) * (_BAR_WIDTH - 2) + 1:.1f}"

    parts = [
        Markup('<rect class="track" x="1" y="6" width="{}" height="12"/>').format(x(standard)),
        Markup('<rect class="{}" x="1" y="8" width="{}" height="8"/>').format(
            level, f"{max(float(x(glance['running_fen'])) - 1, 0.5):.1f}"
        ),
    ]
    if glance["low_fen"] is not None and glance["high_fen"] is not None:
        parts.append(
            Markup('<line class="range" x1="{}" x2="{}" y1="12" y2="12"/>').format(
                x(glance["low_fen"]), x(glance["high_fen"])
            )
        )
        parts.append(
            Markup('<circle class="end" cx="{}" cy="12" r="3.4"/>').format(
                x(glance["projected_fen"])
            )
        )
    if glance["expected_fen"]:
        at = x(glance["expected_fen"])
        parts.append(Markup('<line class="like" x1="{}" x2="{}" y1="4" y2="20"/>').format(at, at))
    at = x(standard)
    parts.append(Markup('<line class="standard" x1="{}" x2="{}" y1="1" y2="23"/>').format(at, at))
    return Markup(
        '<svg class="pace" viewBox="0 0 {} {}" aria-hidden="true" focusable="false">{}</svg>'
    ).format(_BAR_WIDTH, _BAR_HEIGHT, Markup("").join(parts))


def draw_course(
    record: Mapping[str, Any], cost: Mapping[str, Any], words: Mapping[str, str], title: str
) -> Markup:
    """The cost day by day to today, from there to its projected end with interval, beside like stays and the standard.

    ``record`` as ``domain.service.Ward.record`` tells it, ``cost`` the cost of a plan (docs/plans.md), ``title``
    what the drawing says in words.
    """
    days: list[dict[str, Any]] = record["days"]
    if not days:
        return Markup("")
    today = len(days)
    end = _end_day(record, cost, today)
    peers = [p for p in record["peers"] if p["day"] <= end]
    given = [cost.get(n) for n in ("standard_fen", "projected_fen", "high_fen", "low_fen")]
    highest: int = max(
        [100, *(v for v in given if v), *(d["cost_fen"] for d in days), *(p["high_fen"] for p in peers)]
    )  # fmt: skip
    lowest: int = min([0, *(d["cost_fen"] for d in days)])
    highest += (highest - lowest) // 20
    right, bottom = WIDTH - _RIGHT, HEIGHT - _BOTTOM

    def x(day: float) -> float:
        return round(_LEFT + (right - _LEFT) * (day - 1) / max(float(end) - 1, 1), 1)

    def y(fen: float) -> float:
        return round(bottom - (bottom - _TOP) * (fen - lowest) / float(highest - lowest), 1)

    currency = str(record["currency"])
    parts = [*_axes(x, y, end, (lowest, highest), currency, words)]
    if len(peers) > 1:
        band = [(x(p["day"]), y(p["high_fen"])) for p in peers]
        band += [(x(p["day"]), y(p["low_fen"])) for p in reversed(peers)]
        parts.append(Markup('<polygon class="band" points="{}"/>').format(points(band)))
        median = [(x(p["day"]), y(p["median_fen"])) for p in peers]
        parts.append(Markup('<polyline class="like" points="{}"/>').format(points(median)))
    labels: list[tuple[float, str, str]] = []
    if cost.get("standard_fen"):
        at = y(cost["standard_fen"])
        parts.append(
            Markup('<line class="standard" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(
                _LEFT, right, at, at
            )
        )
        labels.append((at, "standard", f"{words['ward.standard']} {_brief(cost['standard_fen'], currency)}"))  # fmt: skip
    now = (x(today), y(days[-1]["cost_fen"]))
    if cost.get("projected_fen") is not None and end > today:
        there = [y(cost[n]) for n in ("projected_fen", "low_fen", "high_fen")]
        fan = [now, (x(end), there[2]), (x(end), there[1])]
        parts.append(Markup('<polygon class="fan" points="{}"/>').format(points(fan)))
        parts.append(
            Markup('<polyline class="ahead" points="{}"/>').format(
                points([now, (x(end), there[0])])
            )
        )
        parts.append(Markup('<circle class="end" cx="{}" cy="{}" r="4"/>').format(x(end), there[0]))
        labels.append((there[0], "end", f"{words['ward.projected']} {_brief(cost['projected_fen'], currency)}"))  # fmt: skip
    path = [(x(d["day"]), y(d["cost_fen"])) for d in days]
    parts.append(
        Markup('<line class="today" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(
            now[0], now[0], _TOP, bottom
        )
    )
    parts.append(Markup('<polyline class="cost" points="{}"/>').format(points(path)))
    parts.append(Markup('<circle class="cost" cx="{}" cy="{}" r="4.5"/>').format(*now))
    parts += _label(labels, right + 8)
    # At the edge the word would leave the drawing or stand in the scale.
    near = "end" if now[0] > _LEFT + 150 else "start"
    parts.append(
        Markup('<text class="now" x="{}" y="{}" text-anchor="{}">{}</text>').format(
            now[0] + (-8 if near == "end" else 8), max(now[1] - 9, _TOP + 10), near,
            f"{words['ward.today']} {_brief(days[-1]['cost_fen'], currency)}",
        )
    )  # fmt: skip
    return Markup(
        '<svg class="course" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>'
    ).format(WIDTH, HEIGHT, title, Markup("").join(parts))


def _end_day(record: Mapping[str, Any], cost: Mapping[str, Any], today: int) -> int:
    """The day of stay on which the patient will probably leave; a day ahead at least, if an end is projected."""
    leaves = cost.get("projected_discharge")
    if leaves is None or cost.get("projected_fen") is None or record["admission_date"] is None:
        return max(today, 2)
    day = leaves if isinstance(leaves, date) else date.fromisoformat(str(leaves)[:10])
    admitted: date = record["admission_date"]
    return max((day - admitted).days + 1, today + 1)


def _axes(  # noqa: PLR0917
    x: Any, y: Any, end: int, span: tuple[int, int], currency: str, words: Mapping[str, str]
) -> list[Markup]:
    lowest, highest = span
    step = round_step((highest - lowest) / 4)
    parts = []
    at = -(-lowest // step) * step
    while at <= highest:
        parts.append(
            Markup(
                '<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/>'
                '<text class="tick" x="{}" y="{}" text-anchor="end">{}</text>'
            ).format(
                _LEFT, WIDTH - _RIGHT, y(at), y(at), _LEFT - 8, y(at) + 4, _brief(at, currency)
            )
        )
        at += step
    every = max(1, -(-end // 12))
    parts += [
        Markup('<text class="tick" x="{}" y="{}" text-anchor="middle">{}</text>').format(
            x(day), HEIGHT - _BOTTOM + 17, day
        )
        for day in range(1, end + 1, every)
    ]
    parts.append(
        Markup('<text class="tick" x="{}" y="{}" text-anchor="middle">{}</text>').format(
            (_LEFT + WIDTH - _RIGHT) / 2, HEIGHT - 5, words["ward.day_of_stay"]
        )
    )
    return parts


def _label(labels: Sequence[tuple[float, str, str]], left: float) -> list[Markup]:
    """Words at the right edge, moved apart where two lines end at about the same height."""
    placed: list[Markup] = []
    last = float("-inf")
    for at, kind, text in sorted(labels):
        place = max(at + 4, last + 2 * _APART)
        last = place
        first, _, rest = text.rpartition(" ")
        placed.append(
            Markup(
                '<text class="label {}" x="{}" y="{}">{}<tspan x="{}" dy="{}">{}</tspan></text>'
            ).format(kind, left, place - 4, first, left, _APART, rest)
        )
    return placed


def _brief(fen: int, currency: str) -> str:
    """Whole yuan."""
    return format_amount(round(fen / 100) * 100, currency).removesuffix(".00")
