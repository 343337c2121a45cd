"""Whether words still say what the facts say, not the opposite of it.

The turning words of a text (not, above, before, stop, if ...) stand in a chain with its slots,
names and numbers. Each clause of an answer must be a piece of one sentence of the facts, in its
order and without a turning word left out in between; a negation, a limit or a condition that stands
with what is said must be said too; a number stands with its own words and not with those of another.
So cost and standard, or the order that stops and the one that goes on, cannot change places.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from typing import Final

from explain.wording.names import Names
from explain.wording.tokens import Token
from explain.wording.vocabulary import TURNS_EN, TURNS_ZH

_ENDS_SENTENCE: Final = frozenset(".。!?！？;；")
_ENDS_CLAUSE: Final = frozenset({*_ENDS_SENTENCE, *",，:："})
_BACKWARDS: Final = frozenset({"缺失", "lacking", "missing", "absent", "不足以"})
"""Negations that stand after what they deny."""
_BOUND: Final = frozenset({"NEG", "ONLY"})
"""Turning words that may not be left out where the rest of their clause is said."""
_WAYS_ROUND: Final = frozenset(
    {"NEG", "ABOVE", "BELOW", "BEFORE", "AFTER", "STOP", "KEEP", "UP", "DOWN"}
)
"""Turning words that each say the opposite of another, or of none."""
_THIS_ONE: Final = frozenset({"one", "order", "drug"})
"""Only before these does "this" tell one thing from another."""
_MAY_BE_DULL: Final = frozenset({"name", "number", "{ID", "{DATE", "{AGE", "{SUM", "{TEXT"})
"""Groups of links of which a single one tells nothing by its place."""
_MOST_WAYS: Final = 12
_MOST_STEPS: Final = 3_000
"""Texts that can be laid out in more ways than this are refused, not looked at for ever."""
_LONGEST_TURN: Final = max(map(len, TURNS_ZH))


@dataclass(frozen=True, slots=True)
class Link:
    """One item of a chain: what it is, and in which sentence and clause it stands."""

    kind: str
    key: str
    sentence: int
    clause: int

    @property
    def group(self) -> str:
        """What it may change places with: numbers, names, slots of one kind; each turn stands alone."""
        if self.kind == "slot":
            return self.key.rstrip("0123456789}")
        return "THIS" if self.key == "THIS" else self.kind


@dataclass(frozen=True, slots=True)
class Clause:
    """The words of a clause, those that are denied, whether it denies or limits, numbers and slots, its turns."""

    words: frozenset[str]
    denied: frozenset[str]
    negative: bool
    limited: bool
    marks: frozenset[str]
    turns: frozenset[str]


def turns_of(
    token_texts: str, turns: Mapping[str, str | None]
) -> list[tuple[int, int, str | None]]:
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
    told = _telling(facts[0])
    if not _Chain([x for x in facts[0] if x.group in told]).holds(
        [x for x in answer[0] if x.group in told or x.group == "turn"]
    ):
        return True
    denied = frozenset[str]().union(*(c.denied for c in facts[1]))
    stated = frozenset[str]().union(*(c.words - c.denied for c in facts[1]))
    only_denied = denied - stated
    limited = frozenset[str]().union(*(c.words for c in facts[1] if c.limited))
    limited -= frozenset[str]().union(*(c.words for c in facts[1] if not c.limited))
    return any(
        (not one.negative and one.words & only_denied)
        or (not one.limited and not one.negative and one.words & limited)
        or (one.negative and not one.words & denied)
        or _elsewhere(one, facts[1])
        or _turned(one, facts[1])
        or (not one.negative and _closest(one, facts[1], "negative"))
        or (not one.negative and not one.limited and _closest(one, facts[1], "limited"))
        for one in answer[1]
    )


def _telling(links: Sequence[Link]) -> frozenset[str]:
    """The groups of links whose order says something: those with more than one member, and what turns."""
    members: dict[str, set[str]] = {}
    for link in links:
        members.setdefault(link.group, set()).add(link.key)
    return frozenset(g for g, keys in members.items() if len(keys) > 1 or g not in _MAY_BE_DULL)


def _closest(one: Clause, clauses: Sequence[Clause], what: str) -> bool:
    """Whether a clause without a negation or limit is in the words of one that has it."""
    near = {True: 0, False: 0}
    for other in clauses:
        has: bool = getattr(other, what)
        near[has] = max(near[has], len(one.words & other.words))
    return near[True] >= 2 and near[True] > near[False]


def _turned(one: Clause, clauses: Sequence[Clause]) -> bool:
    """Whether a clause has a turn that the clauses in whose words it is do not have."""
    near = [len(one.words & other.words) for other in clauses]
    most = max(near, default=0)
    if not one.turns or most < 2:
        return False
    own = (other.turns for other, words in zip(clauses, near, strict=True) if words == most)
    return not one.turns <= frozenset[str]().union(*own)


def _elsewhere(one: Clause, clauses: Sequence[Clause]) -> bool:
    """Whether numbers or slots stand in the company of words that belong to other ones."""
    if not one.marks:
        return False
    own = frozenset[str]().union(*(c.words for c in clauses if one.marks & c.marks))
    foreign = frozenset[str]().union(
        *(c.words for c in clauses if c.marks and not one.marks & c.marks)
    )
    return bool(own and one.words & (foreign - own)) and not one.words & (own - foreign)


class _Chain:
    """The chain of the facts, a sentence at a time; what is said twice counts once."""

    def __init__(self, links: Sequence[Link]) -> None:
        sentences = [list(group) for _, group in groupby(links, key=lambda link: link.sentence)]
        unique = {tuple((link.kind, link.key) for link in one): one for one in sentences}
        self._sentences = list(unique.values())
        self._steps = 0

    def holds(self, told: Sequence[Link]) -> bool:
        """Whether each clause that is told is a piece of a sentence of the chain, in its order."""
        pieces = [
            list(group) for _, group in groupby(told, key=lambda link: (link.sentence, link.clause))
        ]
        self._steps = 0
        return self._place(pieces, 0, {}, {}, {})

    def _place(
        self,
        pieces: Sequence[Sequence[Link]],
        at: int,
        ends: Mapping[tuple[int, str], int],
        said: Mapping[int, frozenset[int]],
        whole: Mapping[int, frozenset[int]],
    ) -> bool:
        """Find places for the pieces from ``at`` on.

        ``said`` is what their sentence has said so far of each sentence of the facts, ``whole`` all that was.
        """
        self._steps += 1
        if self._steps > _MOST_STEPS:
            return False
        if at and (at == len(pieces) or pieces[at][0].sentence != pieces[at - 1][0].sentence):
            if not all(self._whole(number, places) for number, places in said.items()):
                return False
            said = {}
        if at == len(pieces):
            return all(self._unbroken(number, places) for number, places in whole.items())
        for number, chain in enumerate(self._sentences):
            for places in _ways(pieces[at], chain):
                if any(p < ends.get((number, chain[p].group), 0) for p in places):
                    continue
                last = {(number, chain[p].group): p for p in places}
                now = said.get(number, frozenset[int]()) | set(places)
                ever = whole.get(number, frozenset[int]()) | set(places)
                if self._place(
                    pieces, at + 1, {**ends, **last}, {**said, number: now}, {**whole, number: ever}
                ):
                    return True
        return False

    def _unbroken(self, number: int, said: frozenset[int]) -> bool:
        """Whether no turning word was left out between others of its sentence."""
        chain = self._sentences[number]
        return all(at in said or chain[at].kind != "turn" for at in range(min(said), max(said) + 1))

    def _whole(self, number: int, said: frozenset[int]) -> bool:
        """Whether every negation, limit and condition that stands with what is said is said too."""
        chain = self._sentences[number]
        clauses = {chain[at].clause for at in said}
        return all(
            at in said
            for at, link in enumerate(chain)
            if link.kind == "turn"
            and (link.key == "IF" or (link.key in _BOUND and link.clause in clauses))
        )


def _ways(piece: Sequence[Link], chain: Sequence[Link]) -> list[tuple[int, ...]]:
    """Where a piece may stand in a chain: in order, with only slots, names and numbers skipped between."""
    found: list[tuple[int, ...]] = [()]
    for link in piece:
        longer: list[tuple[int, ...]] = []
        for places in found:
            for at in range(places[-1] + 1 if places else 0, len(chain)):
                if (link.kind, link.key) == (chain[at].kind, chain[at].key):
                    longer.append((*places, at))
                if places and chain[at].kind == "turn":
                    break
        found = longer[:_MOST_WAYS]
    return found


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
            after = next((t.text for t in part if t.start >= token.end), "")
            if kind != "THIS" or after in _THIS_ONE:
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
    turns: set[str] = set()
    limited = False
    for token in part:
        if token.kind == "word":
            limited |= turn_of(token.text) == "ONLY"
            turns.add(turn_of(token.text) or "")
            if turn_of(token.text) == "NEG":
                negations.append((token.start, token.text in _BACKWARDS))
            elif len(token.text) > 3 and not turn_of(token.text):
                words.append((token.start, stem(token.text)))
    for run in runs(part):
        text = "".join(token.text for token in run)
        turned = turns_of(text, TURNS_ZH)
        for begin, end, kind in turned:
            limited |= kind == "ONLY"
            turns.add(kind or "")
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
    marks = frozenset(
        token.text if token.kind == "slot" else f"{(token.value or Decimal(0)).normalize():f}"
        for token in part
        if token.kind in ("slot", "number")
    )
    return Clause(
        frozenset(word for _, word in words),
        frozenset(denied),
        bool(negations),
        limited,
        marks,
        frozenset(turns) & _WAYS_ROUND,
    )


def stem(word: str) -> str:
    """An English word without its ending, so that ``ordered`` and ``orders`` are one."""
    word = word.removesuffix("'s")
    for ending in ("ing", "ies", "ed", "es", "s", "ly", "d"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word.removesuffix(ending) + ("y" if ending == "ies" else "")
            break
    return word.removesuffix("e")
