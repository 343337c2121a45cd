"""The checks that mean something while a patient is in hospital."""

from __future__ import annotations

from typing import Final

from rules.facts.fact import facts_of
from rules.ruleset import RuleSet

OUTLOOK: Final = "drg.outlook"
"""The source of facts that only stays in hospital have: where their cost is heading."""
ORDERS: Final = "orders"


def in_hospital(ruleset: RuleSet) -> RuleSet:
    """The active checks of orders, and those of stays that read orders or the outlook.

    Other checks of stays judge what is complete only at discharge (days, charges, codes):
    on an open stay they would speak of what is still to come. The digest is that of the
    whole set.
    """
    active = set(ruleset.ids)
    return ruleset.only(
        *(
            made.rule.id
            for made in ruleset.compiled
            if made.rule.id in active
            and (
                made.rule.unit == "order"
                or (made.rule.unit == "stay" and _reads_what_runs(made.facts))
            )
        )
    )


def _reads_what_runs(names: tuple[str, ...]) -> bool:
    known = facts_of("stay")
    sources = {known[name].source.partition(",")[0] for name in names}
    return bool(sources & {OUTLOOK, ORDERS})
