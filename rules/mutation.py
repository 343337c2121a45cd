"""Mutation: small wrong versions of a rule, each of which a case must expose.

A case that passes says little; a case that fails on ``<=`` where the rule says ``<``
says that the border is tested. A mutant that no case can tell from the rule is either a
missing case, or means the same and is listed under ``equivalent`` with its reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Final

import polars as pl
from sqlglot import exp

from rules import threshold
from rules.cases import case_table
from rules.compiled import Compiled, columns_of, verdict_expr
from rules.predicate import Node
from rules.rule import DEFAULT_REGION, Number, Rule

MOVED: Final[Mapping[type[Node], tuple[type[Node], ...]]] = {
    exp.LT: (exp.LTE, exp.GTE),
    exp.LTE: (exp.LT, exp.GT),
    exp.GT: (exp.GTE, exp.LTE),
    exp.GTE: (exp.GT, exp.LT),
    exp.EQ: (exp.NEQ,),
    exp.NEQ: (exp.EQ,),
    exp.NullSafeEQ: (exp.NullSafeNEQ,),
    exp.NullSafeNEQ: (exp.NullSafeEQ,),
    exp.And: (exp.Or,),
    exp.Or: (exp.And,),
}
"""What each operator is turned into: its border moved, and its opposite."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A wrong version of a rule; ``name`` says what was changed."""

    name: str
    rule: Rule
    trees: Mapping[date, Node]


def mutants(check: Compiled) -> list[Mutant]:
    """Every mutant of the rule, with names that are unique and stable."""
    made: list[Mutant] = []
    trees = {since: p.tree for since, p in check.versions.items()}
    for since, tree in trees.items():
        for before, after, whole in _changed(tree):
            made.append(
                Mutant(f"{since}: {before} -> {after}", check.rule, {**trees, since: whole})
            )
    made.extend(Mutant(name, rule, trees) for name, rule in _shifted(check.rule))
    return _named(made)


def survivors(check: Compiled) -> list[Mutant]:
    """The mutants that give every case the verdict that it expects."""
    cases = check.rule.cases
    if not cases:
        return mutants(check)
    table = case_table(check, cases)
    expected = pl.Series("v", [int(c.expect) for c in cases], dtype=pl.Int8)
    alive = []
    for mutant in mutants(check):
        columns = columns_of(mutant.rule)
        bound = [threshold.bind(p).alias(columns[name]) for name, p in mutant.rule.params.items()]
        try:
            got = table.with_columns(bound).select(
                verdict_expr(mutant.rule, mutant.trees, inline=False).alias("v")
            )["v"]
        except pl.exceptions.PolarsError:
            continue  # A mutant that does not even run is noticed by the loader.
        if got.equals(expected):
            alive.append(mutant)
    return alive


def _changed(tree: Node) -> Iterator[tuple[str, str, Node]]:
    for node in list(tree.walk()):
        for change in _changes(node):
            yield (
                node.sql(comments=False),
                change.sql(comments=False),
                _replaced(tree, node, change),
            )


def _changes(node: Node) -> Iterator[Node]:
    for other in MOVED.get(type(node), ()):
        yield other(this=_whole(node.this), expression=_whole(node.expression))
    match node:
        case exp.And() | exp.Or():
            yield node.this.copy()
            yield node.expression.copy()
        case exp.Not():
            yield node.this.copy()
        case exp.Between():
            low, high = node.args["low"], node.args["high"]
            yield exp.And(
                this=exp.GT(this=node.this.copy(), expression=low.copy()),
                expression=exp.LTE(this=node.this.copy(), expression=high.copy()),
            )
            yield exp.And(
                this=exp.GTE(this=node.this.copy(), expression=low.copy()),
                expression=exp.LT(this=node.this.copy(), expression=high.copy()),
            )
        case exp.In() if len(node.expressions) > 1:
            for i in range(len(node.expressions)):
                rest = [e.copy() for j, e in enumerate(node.expressions) if j != i]
                yield exp.In(this=node.this.copy(), expressions=rest)
        case exp.Is():
            if not isinstance(node.parent, exp.Not):
                yield exp.Not(this=node.copy())
        case exp.Column() if isinstance(node.parent, exp.And | exp.Or) or node.parent is None:
            yield exp.Not(this=node.copy())
        case exp.Boolean():
            yield exp.Boolean(this=not node.this)


def _whole(node: Node) -> Node:
    """A copy that stays one operand when the operator beside it changes."""
    copy = node.copy()
    return exp.Paren(this=copy) if isinstance(copy, exp.Connector) else copy


def _replaced(tree: Node, node: Node, change: Node) -> Node:
    """A copy of the tree with the node replaced; precedence kept by parentheses."""
    if node is tree:
        return change
    place = next(n for n, at in enumerate(tree.walk()) if at is node)
    copy = tree.copy()
    target = next(at for n, at in enumerate(copy.walk()) if n == place)
    target.replace(exp.Paren(this=change))
    return copy


def _shifted(rule: Rule) -> Iterator[tuple[str, Rule]]:
    for name, param in rule.params.items():
        for region, dated in param.values.items():
            for i, (since, value) in enumerate(dated):
                for moved in (_step(value, 1), _step(value, -1)):
                    values = (*dated[:i], (since, moved), *dated[i + 1 :])
                    changed = replace(param, values={**param.values, region: values})
                    where = "default" if region == DEFAULT_REGION else region
                    yield (
                        f":{name} {where} {since}: {value} -> {moved}",
                        replace(rule, params={**rule.params, name: changed}),
                    )


def _step(value: Number, sign: int) -> Number:
    if isinstance(value, int):
        return value + sign
    return value + sign * Decimal((0, (1,), int(value.as_tuple().exponent)))


def _named(made: list[Mutant]) -> list[Mutant]:
    seen: dict[str, int] = {}
    out = []
    for mutant in made:
        n = seen[mutant.name] = seen.get(mutant.name, 0) + 1
        out.append(mutant if n == 1 else replace(mutant, name=f"{mutant.name} #{n}"))
    return out
