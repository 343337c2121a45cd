"""Checks: YAML files with SQL predicates over documented facts, judged column by column.

``load`` reads and compiles the catalogue, ``judge`` gives each stay a verdict a check
and the hits with their evidence. docs/rules.md is the manual.
"""

from rules.aggregates import Aggregated, judge_aggregates
from rules.engine import Judged, fingerprint, judge
from rules.inhospital import in_hospital
from rules.problem import Problem, RuleError
from rules.rule import Rule, Status
from rules.ruleset import RuleSet, load

__all__ = [
    "Aggregated",
    "Judged",
    "Problem",
    "Rule",
    "RuleError",
    "RuleSet",
    "Status",
    "fingerprint",
    "in_hospital",
    "judge",
    "judge_aggregates",
    "load",
]
