"""A text as a chain of what matters in it: slots, names, numbers, codes, titles, words and signs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from explain.wording import numerals
from explain.wording.names import Names, fold
from explain.wording.vocabulary import GLUE_ZH, TURNS_ZH

SLOT_FOLDED: Final = re.compile(r"\{(?:id|date|age|sum|text|say)[0-9]{1,2}\}")
_TITLE: Final = re.compile(r"《([^《》]{1,80})》|「([^「」]{1,80})」")
_LATIN: Final = re.compile(r"[a-z0-9]+(?:[-./_][a-z0-9]+)*")
_WORD: Final = re.compile(r"[a-z]+(?:'[a-z]+)?")
_HAN: Final = re.compile("[\u3007\u4e00-\u9fff]")
_IDIOMS: Final = sorted(
    (one for one in {*GLUE_ZH, *TURNS_ZH} if set(one) & set(numerals.HAN) and len(one) > 1),
    key=lambda one: (-len(one), one),
)
"""Words in which a numeral counts nothing."""


@dataclass(frozen=True, slots=True)
class Token:
    """One part of a text: its kind, its folded text, where it stands; a number's value and unit."""

    kind: str
    text: str
    start: int
    end: int
    value: Decimal | None = None
    unit: str = ""


def scan(text: str, names: Names) -> list[Token]:
    """The tokens of a text, which is folded first; spaces are none, but parts stand where they stood.

    Kinds: ``slot``, ``name`` (of drugs and items that are known), ``number``, ``code`` (letters with
    digits), ``title`` (in 《》), ``word`` (letters), ``han`` (one character) and ``sign``.
    """
    folded = fold(text)
    named = {start: (end, name) for start, end, name in names.places(folded)}
    found: list[Token] = []
    at = 0
    while at < len(folded):
        if folded[at].isspace():
            at += 1
            continue
        token = _one(folded, at, named)
        found.append(token)
        at = token.end
    return found


def _one(text: str, at: int, named: dict[int, tuple[int, str]]) -> Token:
    if slot := SLOT_FOLDED.match(text, at):
        return Token("slot", slot[0].upper(), at, slot.end())
    if at in named:
        end, name = named[at]
        return Token("name", name, at, end)
    if title := _TITLE.match(text, at):
        return Token("title", title[1] or title[2], at, title.end())
    if (code := _code(text, at)) is not None:
        return code
    if text[at] in numerals.HAN and (idiom := _idiom(text, at)):
        return Token("han", idiom[0], at, at + 1)
    if (number := numerals.read(text, at)) is not None:
        return Token("number", text[at : number.end], at, number.end, number.value, number.unit)
    if word := _WORD.match(text, at):
        return Token("word", word[0], at, word.end())
    kind = "han" if _HAN.match(text, at) else "sign"
    return Token(kind, text[at], at, at + 1)


def _code(text: str, at: int) -> Token | None:
    """Letters and digits in one: J15.900, ES25, S-0901007; not 14 days, 0.5g or key-monitored."""
    match = _LATIN.match(text, at)
    if match is None:
        return None
    whole = match[0]
    digits, letters = any(c.isdigit() for c in whole), any(c.isalpha() for c in whole)
    if not digits:
        return None
    plain = re.fullmatch(r"0|[1-9][0-9]*(?:\.[0-9]+)?|0\.[0-9]+", whole)
    if not letters:
        if plain or re.match(r"[0-9]{1,3},[0-9]{3}", text[at:]):
            return None
        # Digits in groups (2025-03, 1/2) or after a zero (007): one thing, not several numbers.
        return Token("code", whole, at, match.end())
    number = numerals.read(text, at)
    if number is not None and number.unit and not _joined(text, number.end):
        return None
    return Token("code", whole, at, match.end())


def _joined(text: str, at: int) -> bool:
    """Whether letters or digits follow at once."""
    return re.match(r"[-./_]?[a-z0-9]", text[at:]) is not None


def _idiom(text: str, at: int) -> str | None:
    """A word with a numeral in it that stands around there and is no number."""
    for word in _IDIOMS:
        for back in range(len(word)):
            begin = at - back
            if begin < 0 or not text.startswith(word, begin) or word[back] not in numerals.HAN:
                continue
            around = text[begin - 1 : begin] + text[begin + len(word) : begin + len(word) + 1]
            if begin == 0:
                around = text[len(word) : len(word) + 1]
            if not set(around) & {*numerals.HAN, *"0123456789"}:
                return word[back]
    return None
