"""How amounts, numbers and verdicts look to a person; never through binary floats for money."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from zoneinfo import ZoneInfo

from domain.review import Reviewed

_SIGNS: Final = {"CNY": "¥", "USD": "$"}
_LARGEST_FEN: Final = 2**53

PSEUDONYM_SHOWN: Final = 10
"""Characters of a pseudonym on a page: enough to tell two patients of one list apart."""


def format_amount(fen: int | None, currency: str) -> str:
    """``¥1,234.56`` or ``$-1,234.56`` from hundredths; a dash if not known."""
    if fen is None:
        return "—"
    minus, whole, cents = "-" if fen < 0 else "", abs(fen) // 100, abs(fen) % 100
    sign = _SIGNS.get(currency, f"{currency} ")
    return f"{sign}{minus}{whole:,}.{cents:02d}"


def parse_amount(text: str) -> int | None:
    """Hundredths from what a person types, such as ``1,234.5``; None if it is no amount."""
    try:
        amount = Decimal(text.strip().lstrip("¥￥$").replace(",", "").replace("，", "")) * 100
    except InvalidOperation:
        return None
    if not amount.is_finite() or amount != amount.to_integral_value():
        return None
    return int(amount) if 0 <= amount <= _LARGEST_FEN else None


def format_probability(value: float | None) -> str:
    """``64.3%``; a dash if there is none."""
    return "—" if value is None else f"{value * 100:.1f}%"


def format_precision(
    reviewed: Reviewed | None, t: Mapping[str, str], *, brief: bool = False
) -> str:
    """``80 % (95 %: 49–94 %) of 10``, briefly ``80 % (10)``; a dash or words where nothing is concluded."""
    if reviewed is None or reviewed.precision is None or reviewed.interval is None:
        return "–" if brief else t["rule_no_reviews"]
    share = f"{100 * reviewed.precision:.0f} %"
    if brief:
        return f"{share} ({reviewed.concluded})"
    low, high = (f"{100 * bound:.0f}" for bound in reviewed.interval)
    return t["rule_precision_of"].format(
        share=share,
        low=low,
        high=high,
        confirmed=reviewed.confirmed + reviewed.partly,
        n=reviewed.concluded,
    )


def format_points(value: float) -> str:
    """A contribution to a probability in percentage points with its sign, ``+21.00``."""
    return f"{value * 100:+.2f}".replace("-", "−")


def format_number(value: Any, unit: str | None, currency: str, words: Mapping[str, str]) -> str:
    """A feature's value with its unit; shares as percentages, money in the claim's currency."""
    if value is None:
        return "—"
    if isinstance(value, bool):
        return words["yes" if value else "no"]
    if isinstance(value, str):
        return value
    if unit in ("share", "probability"):
        return f"{value * 100:.1f}%"
    counted, _, per = (unit or "").partition("/")
    if counted == "currency":
        shown = format_amount(round(value * 100), currency)
    else:
        shown = _format_figure(float(value))
        if counted not in ("", "index", "ratio", "as given"):
            shown = f"{shown} {words.get(f'unit.{counted}', counted)}"
    return shown + words["per"].format(unit=words.get(f"one.{per}", per)) if per else shown


def _format_figure(value: float) -> str:
    if value.is_integer():
        return f"{value:,.0f}"
    return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.1f}"


def format_fact(name: str, value: Any, currency: str, words: Mapping[str, str]) -> str:
    """A fact or threshold as text; names that end in ``_fen`` are money."""
    if value is None:
        return words["missing"]
    if isinstance(value, bool):
        return words["yes" if value else "no"]
    if isinstance(value, int) and name.endswith("_fen"):
        return format_amount(value, currency)
    if isinstance(value, list):
        return words["comma"].join(format_fact(name, item, currency, words) for item in value)
    if isinstance(value, float):
        return f"{value:,.0f}" if value.is_integer() else f"{value:,.6g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def format_threshold(
    name: str, bound: Mapping[str, Any], currency: str, words: Mapping[str, str]
) -> str:
    """A bound parameter ``{value, unit}`` as text."""
    value, unit = bound.get("value"), bound.get("unit")
    if unit and unit.partition(" ")[0] == "fen" and isinstance(value, int):
        qualified = "" if unit == "fen" else f" {words.get(f'unit.{unit}', '')}"
        return format_amount(value, currency) + qualified
    if unit and unit.startswith("share") and value is not None:
        return f"{(Decimal(str(value)) * 100).normalize():f}%"
    text = format_fact(name, value, currency, words)
    return f"{text} {words.get(f'unit.{unit}', unit)}" if unit else text


def format_day(instant: datetime | None) -> str:
    """The day of an instant in China, such as 2026-03-31; a dash without one."""
    return (
        "—" if instant is None else instant.astimezone(ZoneInfo("Asia/Shanghai")).date().isoformat()
    )


def format_instant(value: datetime, zone: str) -> str:
    """An instant in the claim's zone, to the minute, with the zone's offset such as UTC+8."""
    local = value.astimezone(ZoneInfo(zone))
    sign, hours, minutes = (text := local.strftime("%z"))[0], int(text[1:3]), text[3:5]
    offset = f"{sign}{hours}{'' if minutes == '00' else ':' + minutes}"
    return f"{local:%Y-%m-%d %H:%M} UTC{'' if offset == '+0' else offset}"


def shorten(pseudonym: str | None) -> str:
    """The beginning of a pseudonym."""
    if not pseudonym:
        return "—"
    return pseudonym if len(pseudonym) <= PSEUDONYM_SHOWN else f"{pseudonym[:PSEUDONYM_SHOWN]}…"


@dataclass(frozen=True, slots=True)
class Bar:
    """One step of a waterfall: from where to where it leads, in percent of the drawing's width."""

    name: str
    value: str
    shap: float
    left: float
    width: float
    kind: str
    total: float


BARS: Final = 9
"""Features drawn one by one; the rest are drawn as one step, so that the bars still add up."""


def draw_waterfall(
    scored: Mapping[str, Any], lang: str, currency: str, words: Mapping[str, str]
) -> list[Bar]:
    """From the base value to the score: strongest features first, then all others as one step."""
    ranked = sorted(scored["contributions"], key=lambda c: -abs(c["shap"]))
    steps = [
        (c["name"][lang], format_number(c["value"], c.get("unit"), currency, words), c["shap"])
        for c in ranked[:BARS]
    ]
    others = ranked[BARS:]
    if others:
        steps.append((words["others"].format(n=len(others)), "", sum(c["shap"] for c in others)))
    places = [scored["base_value"]]
    for _, _, shap in steps:
        places.append(places[-1] + shap)
    low, high = min(0.0, *places), max(0.0, *places)
    # A score is at least a millionth of anything drawn: below that there is nothing to see.
    scale = 100 / max(high - low, 1e-6)

    def bar(step: tuple[str, str, float], start: float, end: float, kind: str) -> Bar:
        left, right = sorted(((start - low) * scale, (end - low) * scale))
        width = max(round(right - left, 3), 0.4)
        return Bar(*step, left=round(left, 3), width=width, kind=kind, total=end)

    bars = [bar((words["base"], "", places[0]), 0.0, places[0], "whole")]
    bars += [
        bar(step, places[i], places[i + 1], "up" if step[2] >= 0 else "down")
        for i, step in enumerate(steps)
    ]
    bars.append(bar((words["score"], "", places[-1]), 0.0, places[-1], "whole"))
    return bars
