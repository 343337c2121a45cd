"""Numbers in every form that people write them: 1,234.50, 十二, 百分之三十, twelve, a dozen.

A number is read with the unit that stands by it, since 15 days and Article 15 are not the same.
Texts are folded before (``names.fold``): full-width digits are plain ones, letters are small.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from explain.wording.vocabulary import words

_DIGITS: Final = dict(zip("零〇一二三四五六七八九", (0, *range(10)), strict=True)) | dict(
    zip("壹贰叁肆伍陆柒捌玖两俩仨", (*range(1, 10), 2, 2, 3), strict=True)
)
_TENS: Final = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1000, "仟": 1000}
_ODD: Final = {"廿": 20, "卅": 30}
_LARGE: Final = {"万": 10_000, "亿": 100_000_000}
HAN: Final = "".join([*_DIGITS, *_TENS, *_ODD, *_LARGE, "半"])
"""Every Chinese character that numbers are written with."""

_UNITS_WORDS: Final = dict(
    zip(
        words(
            "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
            "fifteen sixteen seventeen eighteen nineteen"
        ),
        range(20),
        strict=True,
    )
)
_TENS_WORDS: Final = dict(
    zip(
        words("twenty thirty forty fifty sixty seventy eighty ninety"),
        range(20, 100, 10),
        strict=True,
    )
)
_ORDINALS: Final = dict(
    zip(
        words(
            "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth "
            "fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
        ),
        range(1, 21),
        strict=True,
    )
) | {"thirtieth": 30, "fortieth": 40, "fiftieth": 50, "hundredth": 100}
_COUNTS: Final = {
    "once": 1, "twice": 2, "thrice": 3, "single": 1, "double": 2, "doubled": 2, "twofold": 2, "triple": 3,
    "tripled": 3, "threefold": 3, "tenfold": 10, "dozen": 12, "pair": 2, "couple": 2, "score": 20,
}  # fmt: skip
_SHARES: Final = {"half": "0.5", "halved": "0.5", "quarter": "0.25", "thirds": "3", "quarters": "4"}
_SCALES: Final = {"hundred": 100, "thousand": 1000, "million": 1_000_000, "billion": 10**9}
WORDS: Final = frozenset(
    {*_UNITS_WORDS, *_TENS_WORDS, *_ORDINALS, *_COUNTS, *_SHARES, *_SCALES, "hundreds", "thousands",
     "millions", "dozens", "tens"}
)  # fmt: skip
"""Every English word that says a number."""

_AFTER: Final[dict[str, str]] = {
    **dict.fromkeys(("元", "块", "块钱", "yuan", "cny", "rmb", "人民币"), "money"),
    **dict.fromkeys(("美元", "usd", "dollar", "dollars"), "dollars"),
    **dict.fromkeys(("天", "日", "日内", "day", "days", "d"), "day"),
    **dict.fromkeys(("小时", "个小时", "钟头", "hour", "hours", "h", "hr", "hrs"), "hour"),
    **dict.fromkeys(("分钟", "minute", "minutes", "min", "mins"), "minute"),
    **dict.fromkeys(("秒", "seconds"), "second"),
    **dict.fromkeys(("周", "星期", "礼拜", "week", "weeks"), "week"),
    **dict.fromkeys(("月", "个月", "month", "months"), "month"),
    **dict.fromkeys(("年", "岁", "周岁", "year", "years", "yr", "yrs"), "year"),
    **dict.fromkeys(("%", "percent", "per cent", "个百分点"), "percent"),
    **dict.fromkeys(("‰",), "permille"),
    **dict.fromkeys(("次", "回", "遍", "time", "times"), "times"),
    **dict.fromkeys(("倍", "fold"), "fold"),
    **dict.fromkeys(("种", "类", "kind", "kinds"), "kind"),
    **dict.fromkeys(("例", "case", "cases", "stays"), "case"),
    **dict.fromkeys(("级",), "level"),
    **dict.fromkeys(("分位", "th percentile"), "percentile"),
    **dict.fromkeys(("克", "g", "gram", "grams"), "g"),
    **dict.fromkeys(("毫克", "mg"), "mg"),
    **dict.fromkeys(("微克", "ug", "μg"), "ug"),
    **dict.fromkeys(("公斤", "千克", "kg"), "kg"),
    **dict.fromkeys(("毫升", "ml"), "ml"),
    **dict.fromkeys(("升", "l"), "l"),
    **dict.fromkeys(("单位", "国际单位", "iu", "u"), "iu"),
    **dict.fromkeys(("条", "款", "项", "章", "节", "号", "令"), "clause"),
    **dict.fromkeys(("片", "支", "袋", "瓶", "盒", "粒", "tablets", "bags"), "piece"),
}  # fmt: skip
_BEFORE: Final[dict[str, str]] = {
    **dict.fromkeys(("cny", "rmb", "¥"), "money"),
    **dict.fromkeys(("usd", "$", "us$"), "dollars"),
    **dict.fromkeys(
        ("article", "articles", "section", "clause", "paragraph", "item", "chapter", "no", "no.",
         "number", "art", "art.", "rule", "annex", "decree", "order no."), "clause"
    ),
    **dict.fromkeys(("day",), "day"),
    **dict.fromkeys(("level", "grade"), "level"),
    **dict.fromkeys(("class", "type", "stage", "phase"), "kind"),
}  # fmt: skip

_PLAIN: Final = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?(?![0-9])|[0-9]+(?:\.[0-9]+)?")
_HAN_RUN: Final = re.compile(f"[{HAN}]+")
_WORD_RUN: Final = re.compile(
    r"(?:{w})(?:(?:[ -]| and )(?:{w}))*(?![a-z])".format(
        w="|".join(sorted(WORDS, key=lambda one: (-len(one), one)))
    )
)
_SCALED: Final = re.compile(r" ?(亿|万亿|万|千|百|hundred|thousand|million|billion)(?![a-z])")


def _longest_first(known: Mapping[str, str]) -> list[str]:
    return sorted(known, key=lambda one: (-len(one), one))


def _unit(one: str) -> str:
    """The pattern of a unit, which ends where it is written in letters."""
    return re.escape(one) + ("(?![a-z])" if one[-1].isascii() and one[-1].isalpha() else "")


_UNIT: Final = re.compile(f"[ -]?(?:{'|'.join(map(_unit, _longest_first(_AFTER)))})")
_LEAD: Final = re.compile(
    f"(?:^|(?<![a-z]))({'|'.join(map(re.escape, _longest_first(_BEFORE)))}) ?$"
)


@dataclass(frozen=True, slots=True)
class Number:
    """A number in a text: value, unit (empty if none stands by it), and where it ends."""

    value: Decimal
    unit: str
    end: int


def read(text: str, at: int) -> Number | None:
    """The number that begins there in a folded text; None if none does."""
    found = _share(text, at) or _value(text, at)
    if found is None:
        return None
    value, end, unit = found
    if unit:
        return Number(value, unit, end)
    if scaled := _SCALED.match(text, end):
        value, end = value * _scale(scaled[1]), scaled.end()
    if text.startswith("成", end) and not re.match("成[人年为熟分功本]", text[end : end + 2]):
        return Number(value * 10, "percent", end + 1)
    if after := _UNIT.match(text, end):
        return Number(value, _AFTER[after[0].lstrip(" -")], after.end())
    if before := _LEAD.search(text, 0, at):
        return Number(value, _BEFORE[before[1]], end)
    return Number(value, "clause" if text[at - 1 : at] == "第" and at else "", end)


def _share(text: str, at: int) -> tuple[Decimal, int, str] | None:
    """百分之三十, 百分之30, 三分之一."""
    for head, unit in (
        ("百分之", "percent"),
        ("千分之", "permille"),
        ("万分之", "of ten thousand"),
    ):
        if text.startswith(head, at):
            inner = _value(text, at + len(head))
            return None if inner is None else (inner[0], inner[1], unit)
    parts = re.compile(f"([{HAN}]+|[0-9]+)分之([{HAN}]+|[0-9]+)").match(text, at)
    if parts is None:
        return None
    below, above = (_any(part) for part in parts.groups())
    return (above / below if below else Decimal(-1), parts.end(), "share")


def _value(text: str, at: int) -> tuple[Decimal, int, str] | None:
    if plain := _PLAIN.match(text, at):
        return Decimal(plain[0].replace(",", "")), plain.end(), ""
    if run := _HAN_RUN.match(text, at):
        return _chinese(run[0]), run.end(), ""
    if at and text[at - 1].isascii() and text[at - 1].isalpha():
        return None
    if spelt := _WORD_RUN.match(text, at):
        return _english(spelt[0]), spelt.end(), ""
    return None


def _any(part: str) -> Decimal:
    return Decimal(part) if part.isdigit() and part.isascii() else _chinese(part)


def _chinese(run: str) -> Decimal:
    """十二 -> 12, 二〇二四 -> 2024, 一万两千 -> 12000; 半 adds a half."""
    half = Decimal("0.5") * run.count("半")
    run = run.replace("半", "")
    if run and all(c in _DIGITS for c in run):
        return Decimal("".join(str(_DIGITS[c]) for c in run)) + half
    total = part = digit = 0
    for c in run:
        if c in _DIGITS:
            digit = _DIGITS[c]
        elif c in _ODD:
            part += _ODD[c]
        elif c in _TENS:
            part += (digit or 1) * _TENS[c]
            digit = 0
        else:
            total = (total + (part + digit or 1)) * _LARGE[c]
            part = digit = 0
    return Decimal(total + part + digit) + half


def _english(run: str) -> Decimal:
    """twenty-one -> 21, one hundred and five -> 105, a dozen -> 12."""
    total, part = Decimal(0), Decimal(0)
    for word in re.split(r"[ -]+", run):
        if word == "and":
            continue
        if word in _SCALES or word.rstrip("s") in _SCALES:
            scale = _scale(word.rstrip("s"))
            if scale == 100:
                part = (part or Decimal(1)) * scale
            else:
                total, part = total + (part or Decimal(1)) * scale, Decimal(0)
        elif word in _SHARES:
            part += Decimal(_SHARES[word])
        else:
            known = _UNITS_WORDS | _TENS_WORDS | _ORDINALS | _COUNTS | {"dozens": 12, "tens": 10}
            part += known[word]
    return total + part


def _scale(word: str) -> int:
    return {**_SCALES, **_LARGE, "百": 100, "千": 1000, "万亿": 10**12}[word]
