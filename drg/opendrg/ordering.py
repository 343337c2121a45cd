"""The ADRGs of a category as a pack has them: files of one ADRG together, dead rules left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from drg.opendrg.checkout import refusal
from drg.opendrg.conditions import Alternatives, Test
from drg.opendrg.sources import Adrg, Category, Group

_Ways = frozenset[frozenset[Test]]
_ALL: _Ways = frozenset({frozenset()})


@dataclass(slots=True)
class Order:
    """The ADRGs that a category tries, and after which rank it tests ambiguity (0: first).

    ``never`` are ADRGs and groups whose condition never holds, ``hidden`` those that never
    get their turn because one before them takes every stay that they would take, with that
    one.
    """

    adrgs: list[Adrg] = field(default_factory=list)
    ambiguity_after: int = 0
    never: list[str] = field(default_factory=list)
    hidden: list[tuple[str, str]] = field(default_factory=list)


def arrange(category: Category) -> Order:
    """The order of a category; OpenDrgError where the files of an ADRG contradict each other."""
    order = Order()
    merged: list[tuple[Adrg, int]] = []
    for index, adrg in enumerate(category.adrgs):
        if not merged or merged[-1][0].code != adrg.code:
            merged.append((adrg, index))
            continue
        last, first = merged[-1]
        if (last.groups, last.stop) != (adrg.groups, adrg.stop):
            raise refusal(f"the files of {adrg.code} split it in different ways", adrg.path)
        if index == category.ambiguity_after and category.ambiguity != "none":
            raise refusal(f"ambiguity is tested between the files of {adrg.code}", category.path)
        alternatives = tuple(dict.fromkeys((*last.alternatives, *adrg.alternatives)))
        merged[-1] = (replace(last, alternatives=alternatives), first)
    for adrg, first in merged:
        own = [group.code for group in adrg.groups]
        if len(set(own)) < len(own):
            raise refusal(f"{adrg.code} decides a group twice", adrg.path)
        kept = _keep(adrg, order)
        if kept is not None:
            order.adrgs.append(kept)
            if first < category.ambiguity_after:
                order.ambiguity_after = len(order.adrgs)
    return order


def _keep(adrg: Adrg, order: Order) -> Adrg | None:
    """The ADRG with the groups that can take a stay; None where it can take none itself."""
    if not adrg.alternatives:
        order.never += [adrg.code, *(group.code for group in adrg.groups)]
        return None
    for before in order.adrgs:
        if _takes(before) and _covers(before.alternatives, adrg.alternatives):
            order.hidden += [
                (code, before.code) for code in (adrg.code, *(g.code for g in adrg.groups))
            ]
            return None
    groups: list[Group] = []
    for group in adrg.groups:
        if not group.alternatives:
            order.never.append(group.code)
            continue
        by = next((g for g in groups if _covers(g.alternatives, group.alternatives)), None)
        if by is None:
            groups.append(group)
        else:
            order.hidden.append((group.code, by.code))
    if not groups and not adrg.stop:
        order.never.append(adrg.code)
        return None
    return replace(adrg, groups=tuple(groups))


def _takes(adrg: Adrg) -> bool:
    """Whether an ADRG lets no stay go on for which its condition holds."""
    return adrg.stop or any(_ways(group.alternatives) == _ALL for group in adrg.groups)


def _covers(before: Alternatives, after: Alternatives) -> bool:
    return _ways(before) in {_ALL, _ways(after)}


def _ways(alternatives: Sequence[tuple[Test, ...]]) -> _Ways:
    ways = frozenset(frozenset(tests) for tests in alternatives)
    return _ALL if frozenset() in ways else ways
