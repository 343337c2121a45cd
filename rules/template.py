"""Sentences with facts and thresholds in them: ``距上次出院{days_since_prior_stay}天``.

``{name}`` shows a fact or parameter as it is, ``{name:yuan}`` an amount in fen as money
of the claim's currency, ``{name:percent}`` a share times 100, ``{name:hours}`` minutes as hours, cut to a tenth. A value that is not known
reads 未知 or unknown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import polars as pl

from rules.facts.fact import Kind
from rules.facts.table import CURRENCY

FORMATS: Final = ("", "yuan", "percent", "hours")
"""What may follow the colon."""

_FIELD: Final = re.compile(r"\{([a-z][a-z0-9_]*)(?::([a-z]+))?\}")
_UNKNOWN: Final = {"zh": "未知", "en": "unknown"}
_FLAGS: Final = {"zh": ("是", "否"), "en": ("yes", "no")}
_CNY: Final = {"zh": ("", "元"), "en": ("CNY ", "")}
_USD: Final = {"zh": ("", "美元"), "en": ("USD ", "")}


def names(text: str) -> tuple[tuple[str, str], ...]:
    """(name, format) of each field of the text, in order."""
    return tuple((m[1], m[2] or "") for m in _FIELD.finditer(text))


def stray(text: str) -> bool:
    """Whether the text has a brace that belongs to no field."""
    return bool(re.search(r"[{}]", _FIELD.sub("", text)))


def fill(
    text: str, language: str, columns: Mapping[str, str], kinds: Mapping[str, Kind]
) -> pl.Expr:
    """The text of each row; ``columns`` says where the value of each name stands."""
    parts: list[pl.Expr] = []
    end = 0
    for match in _FIELD.finditer(text):
        parts.append(pl.lit(text[end : match.start()]))
        shown = _show(pl.col(columns[match[1]]), kinds[match[1]], match[2] or "", language)
        parts.append(shown.fill_null(_UNKNOWN[language]))
        end = match.end()
    parts.append(pl.lit(text[end:]))
    return pl.concat_str(parts)


def _show(value: pl.Expr, kind: Kind, form: str, language: str) -> pl.Expr:
    if form == "yuan":
        return _money(value, language)
    if form == "percent":
        return _plain((value.cast(pl.Decimal(38, 6)) * 100).cast(pl.String)) + "%"
    if form == "hours":
        tenths = value.cast(pl.Int64) * 10 // 60
        return _plain((tenths // 10).cast(pl.String) + "." + (tenths % 10).cast(pl.String))
    match kind:
        case Kind.FLAG:
            yes, no = _FLAGS[language]
            return pl.when(value).then(pl.lit(yes)).when(~value).then(pl.lit(no))
        case Kind.DECIMAL:
            return _plain(value.cast(pl.String))
        case Kind.DATE:
            return value.dt.to_string("%Y-%m-%d")
        case Kind.INSTANT:
            return value.dt.to_string("%Y-%m-%dT%H:%MZ")
        case _:
            return value.cast(pl.String)


def _plain(text: pl.Expr) -> pl.Expr:
    return text.str.strip_chars_end("0").str.strip_chars_end(".")


def _money(fen: pl.Expr, language: str) -> pl.Expr:
    size = fen.cast(pl.Int64).abs()
    digits = (size // 100).cast(pl.String) + "." + (size % 100).cast(pl.String).str.zfill(2)
    sign = pl.when(fen < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    dollars = pl.col(CURRENCY) == "USD"
    before = pl.when(dollars).then(pl.lit(_USD[language][0])).otherwise(pl.lit(_CNY[language][0]))
    after = pl.when(dollars).then(pl.lit(_USD[language][1])).otherwise(pl.lit(_CNY[language][1]))
    return before + sign + digits + after
