"""Whether words still say what the facts say, not the opposite of it.

The turning words of a text (not, above, before, stop, if ...) stand in a chain with its slots,
names and numbers. Each sentence of an answer must be a piece of the chain of the facts, in its
order and without a turning word left out in between; a negation, a limit or a condition that stands
with what is said must be said too. So cost and standard, or the order that stops and the one that goes
on, cannot change places.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from itertools import groupby
from typing import Final

from explain.wording.names import Names
from explain.wording.tokens import Token
from explain.wording.vocabulary import TURNS_EN, TURNS_ZH

_ENDS_SENTENCE: Final = frozenset(".。!?！？;；")
_ENDS_CLAUSE: Final = frozenset({*_ENDS_SENTENCE, *",，:：()（）"})
_BACKWARDS: Final = frozenset({"缺失", "lacking", "missing", "absent", "不足以"})
"""Negations that stand after what they deny."""
_BOUND: Final = frozenset({"NEG", "ONLY"})
"""Turning words that may not be left out where the rest of their clause is said."""
_LONGEST_TURN: Final = max(map(len, TURNS_ZH))


@dataclass(frozen=True, slots=True)
class Link:
    """One item of a chain: what it is, and in which sentence and clause it stands."""

    kind: str
    key: str
    sentence: int
    clause: int


@dataclass(frozen=True, slots=True)
class Clause:
    """The words of a clause, those of them that are denied, and whether anything is."""

    words: frozenset[str]
    denied: frozenset[str]
    negative: bool


def turns_of(token_texts: str, turns: Mapping[str, str | None]) -> list[tuple[int, int, str | None]]:
    """Begin, end and class of the turning words in a run of Chinese characters, the longest first."""
    found: list[tuple[int, int, str | None]] = []
    at = 0
    while at < len(token_texts):
        for size in range(min(_LONGEST_TURN, len(token_texts) - at), 0, -1):
            word = token_texts[at : at + size]
            if word in turns:
                found.append((at, at + size, turns[word]))
                at += size
                break
        else:
            at += 1
    return found


def turn_of(word: str) -> str | None:
    """The class of an English word; None if it turns nothing."""
    return "NEG" if word.endswith("n't") else TURNS_EN.get(word)


def read(tokens: Sequence[Token], names: Names) -> tuple[list[Link], list[Clause]]:
    """The chain and the clauses of a text."""
    links: list[Link] = []
    clauses: list[Clause] = []
    sentence = clause = 0
    part: list[Token] = []
    for token in [*tokens, Token("sign", ".", 0, 0)]:
        if token.kind == "sign" and token.text in _ENDS_CLAUSE:
            links += _links(part, sentence, clause, names)
            if part:
                clauses.append(_clause(part))
            clause += 1
            sentence += token.text in _ENDS_SENTENCE
            part = []
        else:
            part.append(token)
    return links, clauses


def faults(
    facts: tuple[Sequence[Link], Sequence[Clause]], answer: tuple[Sequence[Link], Sequence[Clause]]
) -> bool:
    """Whether an answer turns round, mixes up or leaves out what the facts say."""
    chain, clauses = facts
    for _, group in groupby(answer[0], key=lambda link: link.sentence):
        if not _piece(list(group), chain):
            return True
    denied = frozenset[str]().union(*(c.denied for c in clauses))
    stated = frozenset[str]().union(*(c.words - c.denied for c in clauses))
    only_denied = denied - stated
    for one in answer[1]:
        if not one.negative and one.words & only_denied:
            return True
        if one.negative and not one.words & denied:
            return True
    return False


def _links(part: Sequence[Token], sentence: int, clause: int, names: Names) -> list[Link]:
    found: list[tuple[int, str, str]] = []
    for token in part:
        if token.kind == "slot":
            found.append((token.start, "slot", token.text))
        elif token.kind == "name":
            found.append((token.start, "name", names.family(token.text)))
        elif token.kind == "number":
            found.append((token.start, "number", f"{(token.value or Decimal(0)).normalize():f}"))
        elif token.kind == "word" and (kind := turn_of(token.text)):
            found.append((token.start, "turn", kind))
    for run in runs(part):
        text = "".join(token.text for token in run)
        for begin, _, turned in turns_of(text, TURNS_ZH):
            if turned:
                found.append((run[begin].start, "turn", turned))
    return [Link(kind, key, sentence, clause) for _, kind, key in sorted(found)]


def runs(tokens: Sequence[Token]) -> list[list[Token]]:
    """The runs of Chinese characters that stand side by side."""
    found: list[list[Token]] = []
    for token in tokens:
        if token.kind != "han":
            continue
        if found and found[-1][-1].end == token.start:
            found[-1].append(token)
        else:
            found.append([token])
    return found


def _clause(part: Sequence[Token]) -> Clause:
    """Words are stems in English and pairs of characters in Chinese; turning words are none."""
    words: list[tuple[int, str]] = []
    negations: list[tuple[int, bool]] = []
    for token in part:
        if token.kind == "word":
            if turn_of(token.text) == "NEG":
                negations.append((token.start, token.text in _BACKWARDS))
            elif len(token.text) > 3 and not turn_of(token.text):
                words.append((token.start, stem(token.text)))
    for run in runs(part):
        text = "".join(token.text for token in run)
        turned = turns_of(text, TURNS_ZH)
        for begin, end, kind in turned:
            if kind == "NEG":
                negations.append((run[begin].start, text[begin:end] in _BACKWARDS))
        covered = {i for begin, end, kind in turned if kind for i in range(begin, end)}
        words += [
            (run[i].start, text[i : i + 2])
            for i in range(len(text) - 1)
            if not {i, i + 1} & covered
        ]
    first = min((at for at, _ in negations), default=None)
    if first is None:
        denied = set[str]()
    elif any(backwards for _, backwards in negations):
        denied = {word for _, word in words}
    else:
        # Where nothing follows (the days after are not), what stands before is denied.
        denied = {word for at, word in words if at > first} or {word for _, word in words}
    return Clause(frozenset(word for _, word in words), frozenset(denied), bool(negations))


def _piece(asked: Sequence[Link], chain: Sequence[Link]) -> bool:
    """Whether the links are a piece of the chain: in order, no turn left out, nothing bound forgotten."""
    n, m = len(asked), len(chain)

    @cache
    def ways(i: int, j: int) -> tuple[int, ...] | None:
        """Places of ``asked[i:]`` in ``chain[j:]``, with only slots, names and numbers skipped."""
        if i == n:
            return ()
        for at in range(j, m):
            if (asked[i].kind, asked[i].key) == (chain[at].kind, chain[at].key):
                rest = ways(i + 1, at + 1)
                if rest is not None:
                    return (at, *rest)
            if chain[at].kind == "turn" and i > 0:
                return None
        return None

    for start in range(m or 1):
        if n and (m == 0 or (asked[0].kind, asked[0].key) != (chain[start].kind, chain[start].key)):
            continue
        places = ways(0, start)
        if places is not None and _whole(places, chain):
            return True
    return n == 0


def _whole(places: Sequence[int], chain: Sequence[Link]) -> bool:
    """Whether every negation, limit and condition that stands with what is said is said too."""
    said = set(places)
    clauses = {chain[at].clause for at in places}
    sentences = {chain[at].sentence for at in places}
    return all(
        at in said
        for at, link in enumerate(chain)
        if link.kind == "turn"
        and (
            (link.key in _BOUND and link.clause in clauses)
            or (link.key == "IF" and link.sentence in sentences)
        )
    )


def stem(word: str) -> str:
    """An English word without its ending, so that ``ordered`` and ``orders`` are one."""
    word = word.removesuffix("'s")
    for ending in ("ing", "ies", "ed", "es", "s", "ly", "d"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word.removesuffix(ending) + ("y" if ending == "ies" else "")
            break
    return word.removesuffix("e")
