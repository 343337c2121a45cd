"""The checks that judge patients in hospital, made ready once for each rule set."""

from __future__ import annotations

from functools import lru_cache

import rules


class Held:
    """A rule set as a key: two with one digest and the same ids judge alike."""

    def __init__(self, ruleset: rules.RuleSet) -> None:
        self.ruleset = ruleset

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Held) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _key(self) -> tuple[str, tuple[str, ...]]:
        return self.ruleset.sha256, self.ruleset.ids


def live(ruleset: rules.RuleSet) -> rules.RuleSet:
    """The checks of the rule set that mean something while a patient is in hospital."""
    return _live(Held(ruleset))


def of_orders(ruleset: rules.RuleSet) -> rules.RuleSet:
    """Those of them whose verdict a change of orders can move without prices and curves."""
    return _of_orders(Held(live(ruleset)))


@lru_cache(maxsize=4)
def _live(held: Held) -> rules.RuleSet:
    return rules.in_hospital(held.ruleset)


@lru_cache(maxsize=4)
def _of_orders(held: Held) -> rules.RuleSet:
    ruleset = held.ruleset
    return ruleset.only(*(r for r in ruleset.ids if ruleset[r].family != "CST"))
