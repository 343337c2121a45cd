"""Rules of a pack that can never decide anything, because another always comes first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import polars as pl

from drg.schemes.problems import ROW, Problems, Row

Terms = frozenset[tuple[str, str, str]]
"""The rows of one alternative as test, op and value; all must hold."""

_NONE: Final[Terms] = frozenset()


@dataclass(frozen=True, slots=True)
class _Alternative:
    number: int
    terms: Terms
    line: int


@dataclass(frozen=True, slots=True)
class _Rule:
    """What takes a stay into a category, an ADRG or a group, in the order of the ranks."""

    code: str
    parent: str
    line: int
    alternatives: tuple[_Alternative, ...]

    @property
    def ways(self) -> frozenset[Terms]:
        """The terms of the alternatives; one without terms where everything is taken."""
        return frozenset(one.terms for one in self.alternatives) or frozenset({_NONE})

    def covers(self, other: _Rule) -> bool:
        """Whether this holds for every stay for which the other does, as far as rows tell."""
        return all(any(mine <= theirs for mine in self.ways) for theirs in other.ways)


def check_reach(tables: Mapping[str, pl.DataFrame], problems: Problems) -> None:
    """Note two rules for one thing and rules that never get their turn.

    Rows are compared as they are written, not what their lists hold: the same rows, or an
    earlier rule without rows, are refused; fewer of the same rows in the earlier rule are a
    warning. The tables must have passed the other checks of conditions.
    """
    rows = _gather(tables["conditions"])
    mdcs = _rules(tables["mdcs"], "mdc", "", rows["mdc"])
    adrgs = _rules(tables["adrgs"], "adrg", "mdc", rows["adrg"])
    groups = _rules(tables["groups"], "group_code", "adrg", rows["group"])
    for rule in (*mdcs, *adrgs, *groups):
        _check_alternatives(rule, problems)
    _check_empty(tables["adrgs"], groups, problems)
    _check_order("groups.csv", groups, lambda _: True, problems)

    stopping = set(tables["adrgs"].filter(pl.col("when_unsplit") == "stop")["adrg"])
    taking = stopping | {group.parent for group in groups if _NONE in group.ways}
    _check_order("adrgs.csv", adrgs, lambda adrg: adrg.code in taking, problems)

    # A category that takes a stay nowhere is left, and another may follow. It takes every stay
    # only if one of its ADRGs does; otherwise the very same rows twice are a slip all the same.
    full = {adrg.parent for adrg in adrgs if adrg.code in taking and _NONE in adrg.ways}
    _check_order("mdcs.csv", mdcs, lambda mdc: mdc.code in full or mdc.ways != {_NONE}, problems)


def _gather(conditions: pl.DataFrame) -> dict[str, dict[str, tuple[_Alternative, ...]]]:
    lines: dict[tuple[str, str], dict[int, list[Row]]] = {}
    for row in conditions.sort("alternative", ROW).iter_rows(named=True):
        own = lines.setdefault((row["owner"], row["code"]), {})
        own.setdefault(row["alternative"], []).append(row)
    gathered: dict[str, dict[str, tuple[_Alternative, ...]]] = {"mdc": {}, "adrg": {}, "group": {}}
    for (owner, code), alternatives in lines.items():
        gathered[owner][code] = tuple(
            _Alternative(number, frozenset(map(_term, rows)), rows[0][ROW])
            for number, rows in alternatives.items()
        )
    return gathered


def _term(row: Row) -> tuple[str, str, str]:
    """A row; names joined by | mean the same in any order."""
    return row["test"], row["op"], "|".join(sorted(row["value"].split("|")))


def _rules(
    frame: pl.DataFrame, code: str, parent: str, rows: Mapping[str, tuple[_Alternative, ...]]
) -> list[_Rule]:
    return [
        _Rule(row[code], row[parent] if parent else "", row[ROW], rows.get(row[code], ()))
        for row in frame.sort("rank").iter_rows(named=True)
    ]


def _check_alternatives(rule: _Rule, problems: Problems) -> None:
    for earlier, later in combinations(rule.alternatives, 2):
        if earlier.terms == later.terms:
            problems.add(
                "same alternative",
                "conditions.csv",
                later.line,
                f"alternative {later.number} of {rule.code} says the same as alternative "
                f"{earlier.number} (line {earlier.line})",
                "Take one of the two out.",
            )
        elif earlier.terms < later.terms or later.terms < earlier.terms:
            longer, shorter = sorted((earlier, later), key=lambda one: len(one.terms), reverse=True)
            problems.warn(
                "needless alternative",
                "conditions.csv",
                longer.line,
                f"alternative {longer.number} of {rule.code} adds nothing to alternative "
                f"{shorter.number}, which holds whenever it does",
                "Take it out, or correct its conditions.",
            )


def _check_empty(adrgs: pl.DataFrame, groups: Iterable[_Rule], problems: Problems) -> None:
    split = {group.parent for group in groups}
    problems.add_rows(
        "no groups",
        "adrgs.csv",
        adrgs.filter((pl.col("when_unsplit") == "next") & ~pl.col("adrg").is_in(sorted(split))),
        lambda row: f"{row['adrg']} has no groups and leaves every stay to the next ADRG",
        "Add its groups to groups.csv, or write stop as when_unsplit.",
    )


def _check_order(
    file: str, rules: list[_Rule], takes: Callable[[_Rule], bool], problems: Problems
) -> None:
    """Every rule can be reached past the earlier ones of its parent that let no stay on."""
    families: dict[str, list[_Rule]] = {}
    for rule in rules:
        families.setdefault(rule.parent, []).append(rule)
    whole = file != "mdcs.csv"
    for family in families.values():
        blocked: set[str] = set()
        for earlier, later in combinations(family, 2):
            if later.code in blocked or not takes(earlier) or not earlier.covers(later):
                continue
            blocked.add(later.code)
            same = earlier.ways == later.ways
            if same or _NONE in earlier.ways:
                what = "has the same conditions" if same else "has no conditions and takes all"
                problems.add(
                    "never reached",
                    file,
                    later.line,
                    f"{later.code} can never be reached: {earlier.code} (line {earlier.line}) "
                    f"is tried before it and {what}",
                    "Correct the conditions of one of them, or put the narrower one first by rank.",
                )
            elif whole:
                problems.warn(
                    "never reached",
                    file,
                    later.line,
                    f"{later.code} looks as if it were never reached: {earlier.code} (line "
                    f"{earlier.line}) is tried before it and asks for less",
                    "Put the narrower one first by rank.",
                )
