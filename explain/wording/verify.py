"""Whether a model's words say nothing but the facts; every fault is named, and one is enough.

Nothing is looked for that might be invented. Everything that is there must be known: each character,
slot, name, number with its unit, code, title, word, and the order of what turns a meaning round.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Final

from domain.orders import SUMMARY_LENGTH
from explain.wording import polarity
from explain.wording.facts import FIELDS, SLOT, Facts
from explain.wording.names import Names, fold
from explain.wording.tokens import Token, scan
from explain.wording.vocabulary import (
    ADVICE_EN,
    ADVICE_ZH,
    GLUE_EN,
    GLUE_ZH,
    SYNONYMS_EN,
    SYNONYMS_ZH,
    TURNS_ZH,
    words,
)

LONGEST: Final = 1_200
"""Characters of detail and action at most, and twice those of our own words."""

_SIGNS: Final = frozenset(",.;:!?()%+-/'\"&，。；：？！、（）％“”‘’《》「」—…·－　 \n")
_STRENGTHS: Final = frozenset({"g", "mg", "ug", "kg", "ml", "l", "iu", "percent"})
"""Units of what a drug contains: right behind its name they are part of it."""
_MARKUP: Final = re.compile(r"[<>`*_#|\\\[\]{}$^~=@]|(?:^|\n)\s*(?:[-+>]|[0-9]{1,2}[.)])\s")
_LINK: Final = re.compile(r"://|www\.|\b[a-z0-9-]+\.(?:com|cn|org|net|io|gov|html?)\b|&[a-z#]")
_DEEDS_EN: Final = frozenset(
    words(
        "order use give start begin stop take prescribe record document add code treat test screen do run keep "
        "continue choose tell apply file change record"
    )
)
_DEEDS_ZH: Final = tuple(words("使用 应用 给予 服用 开 补 加 改 停 做 换 录 申 选 告"))
_BEFORE_SAY: Final = frozenset(".。;；!！?？:：\n")
_ADVICE_EN: Final = re.compile(r"\b(?:" + "|".join(map(re.escape, ADVICE_EN)) + ")")


@dataclass(frozen=True, slots=True)
class Fault:
    """Why words are refused: a code of ``domain.wording.REFUSALS``, and the part that it was found in."""

    reason: str
    field: str

    def __str__(self) -> str:
        return f"{self.reason}:{self.field}"


class Verifier:
    """What the facts allow, worked out once, to try any number of answers against.

    What was found and what is asked for are kept apart: the action may name nothing that our own
    action does not name, so that no finding becomes an order to do what it speaks of.
    """

    def __init__(self, facts: Facts, names: Names) -> None:
        body = _Scope(facts, (facts.summary, facts.detail), names, asks=False)
        self._scopes = {
            "summary": body,
            "detail": body,
            "action": _Scope(facts, (facts.action,), names, asks=True),
        }

    def faults(self, answer: Mapping[str, str]) -> tuple[Fault, ...]:
        """Everything that speaks against an answer; nothing if it may be shown."""
        if set(answer) != set(FIELDS) or not all(isinstance(v, str) for v in answer.values()):
            return (Fault("form", "answer"),)
        found = dict.fromkeys(
            Fault(reason, name)
            for name in FIELDS
            for reason in self._scopes[name].faults(name, answer[name])
        )
        return tuple(found)


class _Scope:
    """What some parts of the facts allow; ``asks`` is for the part that asks people to act."""

    def __init__(self, facts: Facts, parts: Sequence[str], names: Names, *, asks: bool) -> None:
        self._facts, self._names, self._asks = facts, names, asks
        self._told = "。".join(part for part in parts if part)
        self._tokens = scan(self._told.replace("\n", "。"), names)

    def faults(self, name: str, text: str) -> Iterator[str]:
        """The reasons against the text of one field."""
        ours = self._facts.outgoing()[name]
        if bool(ours.strip()) != bool(text.strip()):
            yield "form"
        if len(self._facts.fill(text)) > self._longest(name, ours):
            yield "length"
        if any(not self._lets(c) for c in SLOT.sub("", text)):
            yield "characters"
        bare = fold(SLOT.sub(" ", text))
        if _MARKUP.search(bare) or _LINK.search(bare):
            yield "markup"
        yield from self._slots(name, text)
        tokens = scan(text.replace("\n", "。"), self._names)
        yield from self._parts(tokens)
        yield from self._words(tokens)
        if self._advises(fold(text)) or (not self._asks and self._openings(tokens) - self._opened):
            yield "advice"
        if polarity.faults(self._chain, polarity.read(_without_say(tokens), self._names)):
            yield "polarity"

    def _longest(self, name: str, ours: str) -> int:
        length = len(self._facts.fill(ours))
        return SUMMARY_LENGTH if name == "summary" else min(LONGEST, max(200, 2 * length))

    def _lets(self, character: str) -> bool:
        if character in _SIGNS or character in self._told:
            return True
        return bool(re.match("[A-Za-z0-9Ａ-Ｚａ-ｚ０-９〇\u4e00-\u9fff]", character))

    def _slots(self, name: str, text: str) -> Iterator[str]:
        used = SLOT.findall(text)
        known = set(SLOT.findall(self._told))
        if not set(used) <= known or "{" in SLOT.sub("", text) or "}" in SLOT.sub("", text):
            yield "slot"
        said = [one for one in used if one.startswith("{SAY")]
        if said != list(self._facts.must_say if name == "action" else ()):
            yield "condition"
        for one in said:
            before = text[: text.find(one)].rstrip(" ")
            after = text[text.find(one) + len(one) :].lstrip(" ")
            starts = not before or before[-1] in _BEFORE_SAY or before.endswith("}")
            # What follows must be a sentence of its own too, not the end of this one.
            ends = not after or after[0] in "{\n" or self._closed(one)
            if not (starts and ends):
                yield "condition"

    def _closed(self, slot: str) -> bool:
        return self._facts.slots.get(slot, "").rstrip().endswith(tuple(".。;；!！?？"))

    def _parts(self, tokens: list[Token]) -> Iterator[str]:
        for token in tokens:
            match token.kind:
                case "name" if token.text not in self._allowed_names:
                    yield "name"
                case "code" if token.text not in self._codes:
                    yield "code"
                case "title" if token.text not in self._titles:
                    yield "clause"
                case "number" if not self._has(token):
                    yield "clause" if token.unit == "clause" else "number"
        for one, other in pairwise(tokens):
            if one.kind in ("number", "code") and other.kind in ("number", "code"):
                yield from self._side_by_side(one, other)
        for one, other in pairwise(tokens):
            strength = other.kind == "number" and other.unit in _STRENGTHS
            if one.kind == "name" and strength and (one.text, other.text) not in self._neighbours:
                yield "name"
        for one, sign, other in zip(tokens, tokens[1:], tokens[2:], strict=False):
            if one.kind == other.kind == "number" and sign.kind == "sign":
                yield from self._parted(one, sign, other)
        squeezed = _joined(tokens, self._allowed_names)
        for name in self._names.hidden_in(squeezed):
            if name not in self._hidden:
                yield "name"

    def _side_by_side(self, one: Token, other: Token) -> Iterator[str]:
        """Two numbers with nothing but spaces between are one that was split."""
        if (one.text, other.text) not in self._neighbours:
            yield "number"

    def _parted(self, one: Token, sign: Token, other: Token) -> Iterator[str]:
        """1.234,50 and 1-2 are not the numbers that they are made of, unless the facts write them so."""
        tight = one.end == sign.start and sign.end == other.start
        if tight and sign.text in ",.'’-/:·" and (one.text, other.text) not in self._near:
            yield "number"

    def _has(self, token: Token) -> bool:
        units = self._numbers.get(token.value, set())
        return bool(units) and (token.unit in units or not token.unit or units == {""})

    def _words(self, tokens: list[Token]) -> Iterator[str]:
        turns = self._turns
        for token in tokens:
            if token.kind != "word":
                continue
            turned = polarity.turn_of(token.text)
            if turned == "THIS" and self._facts.lang == "en":
                continue
            if turned:
                if turned not in turns:
                    yield "polarity"
            elif not self._says(token.text):
                known = token.text in GLUE_EN
                yield "language" if self._facts.lang == "zh" and known else "word"
        for run in polarity.runs(tokens):
            text = "".join(token.text for token in run)
            if self._facts.lang == "en" and not self._covered(text):
                yield "language"
            elif not self._covered(text):
                yield "word"

    def _says(self, word: str) -> bool:
        word = word.removesuffix("'s")
        if word in self._words_told or polarity.stem(word) in self._stems:
            return True
        if self._facts.lang == "zh":
            return False
        return (word in GLUE_EN and (self._asks or word != "please")) or any(
            word in group and group & self._words_told for group in SYNONYMS_EN
        )

    def _covered(self, text: str) -> bool:
        """Whether every character is part of a pair of the facts, or of a word that is let through."""
        told = self._pairs
        marks = [False] * len(text)
        for at in range(len(text)):
            if text[at : at + 2] in told and at + 1 < len(text):
                marks[at] = marks[at + 1] = True
            if text[at] in self._lone:
                marks[at] = True
            for size in range(1, 7):
                word = text[at : at + size]
                if len(word) == size and word in self._glue:
                    marks[at : at + size] = [True] * size
        for begin, end, turned in polarity.turns_of(text, TURNS_ZH):
            if turned and turned in self._turns:
                marks[begin:end] = [True] * (end - begin)
        return all(marks)

    def _advises(self, text: str) -> bool:
        told = fold(self._told)
        squeezed = re.sub(r"[\s\W_]+", "", text)
        if any(one in squeezed and one not in told for one in ADVICE_ZH):
            return True
        flat = " ".join(text.split())
        return any(m[0] not in told for m in _ADVICE_EN.finditer(flat))

    def _openings(self, tokens: list[Token]) -> set[str]:
        """The deeds that sentences begin with: what reads as an order to do them."""
        found: set[str] = set()
        begins = True
        for at, token in enumerate(tokens):
            if begins and token.kind == "word" and token.text in _DEEDS_EN:
                found.add(token.text)
            if begins and token.kind == "han":
                ahead = "".join(t.text for t in tokens[at : at + 2] if t.kind == "han")
                found |= {one for one in _DEEDS_ZH if ahead.startswith(one)}
            begins = token.kind == "sign" and token.text in _BEFORE_SAY
        return found

    @cached_property
    def _opened(self) -> set[str]:
        return self._openings(self._tokens)

    @cached_property
    def _allowed_names(self) -> frozenset[str]:
        names = [token.text for token in self._tokens if token.kind == "name"]
        return frozenset(form for name in names for form in self._names.same(name))

    @cached_property
    def _hidden(self) -> frozenset[str]:
        return frozenset(self._names.hidden_in(_joined(self._tokens, self._allowed_names)))

    @cached_property
    def _codes(self) -> frozenset[str]:
        return frozenset(token.text for token in self._tokens if token.kind == "code")

    @cached_property
    def _titles(self) -> frozenset[str]:
        return frozenset(token.text for token in self._tokens if token.kind == "title")

    @cached_property
    def _numbers(self) -> dict[object, set[str]]:
        found: dict[object, set[str]] = {}
        for token in self._tokens:
            if token.kind == "number":
                found.setdefault(token.value, set()).add(token.unit)
        return found

    @cached_property
    def _neighbours(self) -> frozenset[tuple[str, str]]:
        return frozenset((a.text, b.text) for a, b in pairwise(self._tokens))

    @cached_property
    def _near(self) -> frozenset[tuple[str, str]]:
        return frozenset(
            (a.text, b.text)
            for a, sign, b in zip(self._tokens, self._tokens[1:], self._tokens[2:], strict=False)
            if sign.kind == "sign"
        )

    @cached_property
    def _words_told(self) -> frozenset[str]:
        return frozenset(token.text for token in self._tokens if token.kind == "word")

    @cached_property
    def _stems(self) -> frozenset[str]:
        return frozenset(polarity.stem(word) for word in self._words_told if len(word) > 3)

    @cached_property
    def _pairs(self) -> frozenset[str]:
        texts = ["".join(t.text for t in run) for run in polarity.runs(self._tokens)]
        return frozenset(text[i : i + 2] for text in texts for i in range(len(text) - 1))

    @cached_property
    def _lone(self) -> frozenset[str]:
        """Characters that stand alone in the facts, between names and numbers."""
        return frozenset(run[0].text for run in polarity.runs(self._tokens) if len(run) == 1)

    @cached_property
    def _glue(self) -> frozenset[str]:
        if self._facts.lang != "zh":
            return frozenset()
        same = {w for group in SYNONYMS_ZH for w in group if any(o in self._told for o in group)}
        asking = frozenset[str]() if self._asks else {w for w in GLUE_ZH if set(w) & set("请烦建")}
        return (GLUE_ZH | same) - asking

    @cached_property
    def _chain(self) -> tuple[list[polarity.Link], list[polarity.Clause]]:
        return polarity.read(_without_say(self._tokens), self._names)

    @cached_property
    def _turns(self) -> frozenset[str]:
        found = {link.key for link in self._chain[0] if link.kind == "turn"}
        # Where the facts do not tell this one from another one, "this" may stand for "the".
        return frozenset({*found, "THIS"})


def _without_say(tokens: list[Token]) -> list[Token]:
    """The tokens without sentences that are filled in whole, which end what stands before them."""
    return [
        Token("sign", "。", t.start, t.end) if t.kind == "slot" and t.text.startswith("{SAY") else t
        for t in tokens
    ]


def _joined(tokens: list[Token], allowed: frozenset[str]) -> str:
    """The text without signs and spaces, with a mark for what is known, so that nothing hides in pieces."""
    return "".join(
        "ㄅ"
        if token.kind in ("slot", "number") or (token.kind == "name" and token.text in allowed)
        else ""
        if token.kind == "sign"
        else token.text
        for token in tokens
    )
