"""Tests conditions on stays, many stays at a time."""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from drg.arrays import Bools, Ids, mark, spread
from drg.chs.compiled import Alternative, Condition
from drg.chs.facts import Entries, Facts

_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
}
_CODES = {
    "principal_diagnosis": ("diagnoses", "leading"),
    "any_diagnosis": ("diagnoses", "any"),
    "other_diagnosis": ("diagnoses", "other"),
    "main_procedure": ("procedures", "leading"),
    "any_procedure": ("procedures", "any"),
    "other_procedure": ("procedures", "other"),
}


class View:
    """Some stays of the facts, whose codes are gathered when a test first asks for them."""

    def __init__(self, facts: Facts, rows: Ids) -> None:
        self.facts = facts
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def diagnoses(self) -> _Codes:
        """The diagnoses of these stays."""
        return _Codes(self.facts.diagnoses, self.rows)

    @cached_property
    def procedures(self) -> _Codes:
        """The procedures of these stays."""
        return _Codes(self.facts.procedures, self.rows)

    def holds(self, condition: Condition) -> Bools:
        """Whether the condition holds for each stay."""
        test = condition.test
        if test in _CODES:
            which, place = _CODES[test]
            codes: _Codes = getattr(self, which)
            held = codes.within(condition.members, place)
            return ~held if condition.op == "not_in" else held
        if test == "complication":
            return self._complicated(condition.words)
        if test == "body_sites":
            named = [self.diagnoses.within(members, "any") for members in condition.sites]
            count = np.sum(named, axis=0) if named else np.zeros(len(self))
            return np.asarray(count >= condition.number)
        if condition.op == "is":
            return self.facts.words[test].among(condition.words)[self.rows]
        values = self.facts.numbers[test][self.rows]
        return np.asarray(_COMPARE[condition.op](values, condition.number))

    def satisfies(self, alternatives: tuple[Alternative, ...]) -> tuple[Bools, Ids]:
        """Whether one alternative holds for each stay, and the number of the first that does.

        Without alternatives all stays are taken, by alternative -1.
        """
        taken = np.full(len(self), not alternatives)
        by = np.full(len(self), -1, dtype=np.intp)
        for alternative in alternatives:
            held = ~taken
            for condition in alternative.conditions:
                if not held.any():
                    break
                held &= self.holds(condition)
            by[held] = alternative.number
            taken |= held
        return taken, by

    def operates(self, which: str) -> Bools:
        """Whether the main procedure, or any, is an operation of the scheme."""
        place = "leading" if which == "main_procedure" else "any"
        return self.procedures.within(self.facts.scheme.operating, place)

    def _complicated(self, words: tuple[str, ...]) -> Bools:
        held = np.zeros(len(self), dtype=np.bool_)
        for level in ("mcc", "cc"):
            if level in words or "mcc_or_cc" in words:
                held |= self.facts.levels[level][self.rows]
        return held


class _Codes:
    """The codes of some stays."""

    def __init__(self, entries: Entries, rows: Ids) -> None:
        self._entries = entries
        self._rows = rows

    @cached_property
    def _leading(self) -> Ids:
        return self._entries.leading[self._rows]

    @cached_property
    def _any(self) -> tuple[Ids, Ids]:
        at, owner = spread(self._entries.starts[self._rows], self._entries.counts[self._rows])
        return self._entries.code[at], owner

    @cached_property
    def _other(self) -> tuple[Ids, Ids]:
        at, owner = spread(self._entries.starts[self._rows], self._entries.counts[self._rows])
        other = ~self._entries.first[at]
        return self._entries.code[at[other]], owner[other]

    def within(self, members: Bools, place: str) -> Bools:
        """Whether the leading code, any or another code of each stay is a member."""
        if place == "leading":
            return members[self._leading]
        code, owner = self._any if place == "any" else self._other
        return mark(owner[members[code]], len(self._rows))
