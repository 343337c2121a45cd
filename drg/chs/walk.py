"""The way of stays through the categories, adjacent groups and groups of a scheme."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import numpy as np

from drg.arrays import Bools, Ids
from drg.chs.compiled import Adrg, Category
from drg.chs.conditions import View
from drg.chs.facts import Entries, Facts

LEFT, ENTERED, TAKEN = 0, 1, 2
"""Outcomes of a step: left without a group, entered and ambiguous there, taken."""
MDC, ADRG, GROUP = 0, 1, 2
"""Owners of a step."""


Step = tuple[Ids, int, Ids, Ids, int]
"""Stays, owner, positions in its names, alternatives, outcome."""


@dataclass
class Paths:
    """Where stays ended: positions in the scheme's names, -1 for none, one value a stay.

    ``by`` is the alternative of the ADRG. ``related`` says whether a category that looks
    at the principal diagnosis was entered and left. ``main`` is the procedure that served
    as the main one where it is not the stay's own, else -1. ``steps`` is filled for a
    trace, in order of time.
    """

    mdc: Ids
    adrg: Ids
    group: Ids
    by: Ids
    ambiguous: Bools
    related: Bools
    main: Ids
    steps: list[Step] | None = field(repr=False, default=None)

    @classmethod
    def of(cls, stays: int, *, trace: bool) -> Paths:
        """The paths of so many stays before the first step."""
        mdc, adrg, group, by, main = (np.full(stays, -1, dtype=np.intp) for _ in range(5))
        ambiguous, related = (np.zeros(stays, dtype=np.bool_) for _ in range(2))
        return cls(mdc, adrg, group, by, ambiguous, related, main, [] if trace else None)

    def take(self, rows: Ids | slice) -> Paths:
        """The paths of some stays, without their steps."""
        taken = (getattr(self, f.name)[rows] for f in fields(self) if f.name != "steps")
        return Paths(*taken)

    def step(self, rows: Ids, owner: int, position: int | Ids, by: Ids, outcome: int) -> None:
        """Note a step of some stays where a trace is kept."""
        if self.steps is not None and len(rows):
            at = np.full(len(rows), position) if isinstance(position, int) else position
            self.steps.append((rows, owner, at, by, outcome))

    def follow(self, steps: list[Step] | None, rows: Ids) -> None:
        """Append the steps of a part, whose stays are some of these."""
        if self.steps is not None:
            for at, owner, position, by, outcome in steps or ():
                self.steps.append((rows[at], owner, position, by, outcome))

    def settle(self, part: Paths, rows: Ids) -> None:
        """Take over the answers that were found for some of the stays."""
        for name in ("mdc", "adrg", "group", "by", "ambiguous", "main"):
            getattr(self, name)[rows] = getattr(part, name)
        self.related[rows] |= part.related
        self.follow(part.steps, rows)


def walk(facts: Facts, *, retry: bool = False, trace: bool = False) -> Paths:
    """Find the group of each stay.

    ``retry`` (浙江): a stay in no category is tried again with each other procedure as its
    only one, in their order.
    """
    paths = Paths.of(len(facts), trace=trace)
    _walk_categories(facts, paths)
    if retry:
        _retry(facts, paths)
    return paths


def _walk_categories(facts: Facts, paths: Paths) -> None:
    rows = np.arange(len(facts))
    view = View(facts, rows)
    for category in facts.scheme.categories:
        if not len(rows):
            break
        entered, by = view.satisfies(category.alternatives)
        if not entered.any():
            continue
        inside = View(facts, rows[entered])
        stayed = _enter(inside, category, by[entered], paths)
        if stayed.any():
            gone = np.zeros(len(rows), dtype=np.bool_)
            gone[np.flatnonzero(entered)[stayed]] = True
            rows = rows[~gone]
            view = View(facts, rows)


def _enter(view: View, category: Category, by: Ids, paths: Paths) -> Bools:
    """Try the ADRGs of a category; which stays ended here."""
    found = Paths.of(len(view), trace=paths.steps is not None)
    group_by = np.full(len(view), -1, dtype=np.intp)
    pending = np.ones(len(view), dtype=np.bool_)
    asked = category.ambiguity == "none"
    for adrg in category.adrgs:
        if not asked and adrg.rank > category.ambiguity_after:
            asked = True
            found.ambiguous = pending & view.operates(category.ambiguity)
            pending &= ~found.ambiguous
        if not pending.any():
            break
        held, adrg_by = view.satisfies(adrg.alternatives)
        at = np.flatnonzero(held & pending)
        if not len(at):
            continue
        group, splits = _split(View(view.facts, view.rows[at]), adrg)
        if adrg.goes_on:
            on = group < 0
            found.step(at[on], ADRG, adrg.position, adrg_by[at[on]], LEFT)
            at, group, splits = at[~on], group[~on], splits[~on]
        pending[at] = False
        found.adrg[at], found.by[at] = adrg.position, adrg_by[at]
        found.group[at], group_by[at] = group, splits
    if not asked and pending.any():
        found.ambiguous = pending & view.operates(category.ambiguity)
        pending &= ~found.ambiguous
    _note(paths, found, view.rows, category=category, by=by, group_by=group_by)
    return ~pending


def _split(view: View, adrg: Adrg) -> tuple[Ids, Ids]:
    """The group of each stay of an ADRG and its alternative, -1 where none takes it."""
    group = np.full(len(view), -1, dtype=np.intp)
    by = np.full(len(view), -1, dtype=np.intp)
    for one in adrg.groups:
        held, one_by = view.satisfies(one.alternatives)
        held &= group < 0
        group[held], by[held] = one.position, one_by[held]
        if (group >= 0).all():
            break
    return group, by


def _note(
    paths: Paths, found: Paths, rows: Ids, *, category: Category, by: Ids, group_by: Ids
) -> None:
    """Write what a category found into the paths, and its steps: category, ADRGs, group."""
    taken, ended = found.adrg >= 0, (found.adrg >= 0) | found.ambiguous
    paths.mdc[rows[ended]] = category.position
    for name in ("adrg", "by", "group"):
        getattr(paths, name)[rows[taken]] = getattr(found, name)[taken]
    paths.ambiguous[rows[found.ambiguous]] = True
    if category.judges_principal:
        paths.related[rows[~ended]] = True
    for which, outcome in ((~ended, LEFT), (found.ambiguous, ENTERED), (taken, TAKEN)):
        paths.step(rows[which], MDC, category.position, by[which], outcome)
    paths.follow(found.steps, rows)
    paths.step(rows[taken], ADRG, found.adrg[taken], found.by[taken], TAKEN)
    split = found.group >= 0
    paths.step(rows[split], GROUP, found.group[split], group_by[split], TAKEN)


def _retry(facts: Facts, paths: Paths) -> None:
    """Try stays that no category took again, with each other procedure alone."""
    entries = facts.procedures
    other = np.flatnonzero(~entries.first)
    # The place of each other procedure among those of its stay, from 0.
    begin = np.searchsorted(entries.stay[other], np.arange(len(facts)))
    place = np.arange(len(other)) - begin[entries.stay[other]]
    for turn in range(int(place.max()) + 1 if len(place) else 0):
        open_ = (paths.mdc < 0)[entries.stay[other]] & (place == turn)
        at = other[open_]
        if not len(at):
            continue
        rows = entries.stay[at]
        alone = Entries.of(
            np.arange(len(at)), entries.code[at], np.ones(len(at), dtype=np.bool_), len(at)
        )
        again = Paths.of(len(at), trace=paths.steps is not None)
        _walk_categories(facts.take(rows).with_procedures(alone), again)
        again.main[again.mdc >= 0] = entries.code[at][again.mdc >= 0]
        paths.settle(again, rows)
