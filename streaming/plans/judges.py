"""The checks that judge plans, compiled once for each rule set, in the parts that change apart."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import rules
from streaming.orders import checks
from streaming.plans import discharge


@dataclass(frozen=True, slots=True)
class Judges:
    """The checks of a rule set that judge plans.

    ``orders`` read orders, ``tests`` the lines of tests that have a minimum interval, ``costs``
    the charges, group and outlook, ``documents`` head, diagnoses and procedures alone. ``open_ids`` are the checks that judge a
    stay while it is in hospital; the others judge it as if discharged.
    """

    orders: rules.RuleSet
    tests: rules.RuleSet
    costs: rules.RuleSet
    documents: rules.RuleSet
    open_ids: frozenset[str]


def judges_of(ruleset: rules.RuleSet) -> Judges:
    """The checks of a rule set that judge plans; those that are not active are left out."""
    return _judges(checks.Held(ruleset))


@lru_cache(maxsize=4)
def _judges(held: checks.Held) -> Judges:
    ruleset = held.ruleset
    active = set(ruleset.ids)
    live = checks.live(ruleset)
    of_orders = checks.of_orders(ruleset)
    outlook = [i for i in live.ids if i not in of_orders.ids]

    def some(*ids: str) -> rules.RuleSet:
        return ruleset.only(*(i for i in ids if i in active))

    return Judges(
        orders=of_orders,
        tests=some(*discharge.TESTS),
        costs=some(*outlook, *discharge.NEARING, *discharge.COST, *discharge.SUPPORT),
        documents=some(*discharge.DOCUMENTS),
        open_ids=frozenset((*live.ids, *discharge.NEARING)),
    )
