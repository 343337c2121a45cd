"""The checks of stays on real facts: our verdict columns beside Zen, in one run.

    python -m benchmarks.checks_vs_zen [--stays N] [--copies K] [--seconds S]

A generated month is read, grouped, priced and turned into facts once (not timed). Then the
same checks judge the same stays: ours as verdict columns over the frame of facts, Zen row by
row over records that are made beforehand (not timed) with the thresholds bound in them. Every
predicate is translated from its tree in two ways:

- *plain*: as a Zen user would write it. Zen fails where SQL says NULL, so facts that are not
  known are filled with 0, false and '' for both.
- *three-valued*: hit, pass and unknown as SQL has them, over the facts as they are.

Zen runs both ways that it offers (one decision, compiled expressions); the faster counts.
Every verdict of every row that Zen judged must equal ours. A predicate that Zen cannot say is
left out on both sides and named.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from datetime import date
from importlib.metadata import version
from typing import Any

import polars as pl
import zen
from sqlglot import exp

import drg
import rules
from benchmarks.all_checks import SEED, SIXTY, read, rename
from benchmarks.assess_real_claims import machine
from benchmarks.rules_vs_peers import decision, timed
from data_samples import month
from domain.results import Verdict
from domain.tables import concat
from rules.compiled import Compiled
from rules.engine import verdict_columns
from rules.facts import Source, build
from rules.facts.table import SERVICE_DATE

RUNS = 5
HIT, PASS, UNKNOWN = int(Verdict.HIT), int(Verdict.PASS), int(Verdict.UNKNOWN)
SIGNS = {
    exp.EQ: "==", exp.NEQ: "!=", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">=",
    exp.Add: "+", exp.Sub: "-", exp.Mul: "*",
}  # fmt: skip
COMPARES = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE)


class CannotSayError(Exception):
    """Zen has no word for a construct."""


class Zen:
    """A predicate in Zen's language; ``of`` gives the name of each fact and parameter."""

    def __init__(self, of: Callable[[str, bool], str]) -> None:
        self._of = of

    def value(self, node: exp.Expr) -> str:
        """A number, text or truth as it is, without a look at NULL."""
        match node:
            case exp.Paren():
                return f"({self.value(node.this)})"
            case exp.Column():
                return self._of(node.name, False)
            case exp.Placeholder():
                return self._of(str(node.this), True)
            case exp.Literal():
                return json.dumps(node.this, ensure_ascii=False) if node.is_string else node.this
            case exp.Boolean():
                return "true" if node.this else "false"
            case exp.Neg():
                return f"(-{self.value(node.this)})"
            case exp.Abs():
                return f"abs({self.value(node.this)})"
            case exp.Coalesce():
                first, rest = self.value(node.this), node.expressions
                return f"({first} ?? {' ?? '.join(map(self.value, rest))})"
            case exp.Case():
                return self._case(node, self.value, lambda test: self.true(test, plain=True))
            case exp.Add() | exp.Sub() | exp.Mul():
                return f"({self.value(node.left)} {SIGNS[type(node)]} {self.value(node.right)})"
        raise CannotSayError(type(node).__name__)

    def true(self, node: exp.Expr, *, plain: bool) -> str:
        """Whether the node is TRUE; with ``plain`` nothing is NULL."""
        match node:
            case exp.Paren():
                return f"({self.true(node.this, plain=plain)})"
            case exp.And():
                return f"({self.true(node.left, plain=plain)} and {self.true(node.right, plain=plain)})"
            case exp.Or():
                return (
                    f"({self.true(node.left, plain=plain)} or {self.true(node.right, plain=plain)})"
                )
            case exp.Not():
                return (
                    f"(not {self.true(node.this, plain=True)})" if plain else self.false(node.this)
                )
            case exp.Is():
                return f"({self.value(node.this)} == null)"
            case exp.NullSafeNEQ() | exp.NullSafeEQ():
                sign = "!=" if isinstance(node, exp.NullSafeNEQ) else "=="
                return f"({self.value(node.this)} {sign} {self.value(node.expression)})"
            case exp.Case():
                return self._case(
                    node,
                    lambda told: self.true(told, plain=plain),
                    lambda test: self.true(test, plain=plain),
                    "false",
                )
        return self._known(node, self._holds(node), plain=plain)

    def false(self, node: exp.Expr) -> str:
        """Whether the node is FALSE, which is more than not TRUE."""
        match node:
            case exp.Paren():
                return f"({self.false(node.this)})"
            case exp.And():
                return f"({self.false(node.left)} or {self.false(node.right)})"
            case exp.Or():
                return f"({self.false(node.left)} and {self.false(node.right)})"
            case exp.Not():
                return self.true(node.this, plain=False)
            case exp.Is() | exp.NullSafeNEQ() | exp.NullSafeEQ():
                return f"(not {self.true(node, plain=False)})"
            case exp.Case():
                return self._case(
                    node, self.false, lambda test: self.true(test, plain=False), "false"
                )
        return self._known(node, f"not ({self._holds(node)})", plain=False)

    def _holds(self, node: exp.Expr) -> str:
        """A comparison or flag of known values."""
        match node:
            case exp.Column() | exp.Boolean() | exp.Coalesce():
                return f"({self.value(node)} == true)"
            case exp.Between():
                one, low, high = (self.value(node.args[k]) for k in ("this", "low", "high"))
                return f"({one} >= {low} and {one} <= {high})"
            case exp.In():
                return (
                    f"({self.value(node.this)} in [{', '.join(map(self.value, node.expressions))}])"
                )
        if isinstance(node, COMPARES):
            return f"({self.value(node.left)} {SIGNS[type(node)]} {self.value(node.right)})"
        raise CannotSayError(type(node).__name__)

    def _known(self, node: exp.Expr, holds: str, *, plain: bool) -> str:
        if plain:
            return holds
        tests = dict.fromkeys(t for child in node.iter_expressions() for t in self._tests(child))
        if isinstance(node, exp.Column | exp.Coalesce):
            tests = dict.fromkeys(self._tests(node))
        return f"({' and '.join([*tests, holds])})"

    def _tests(self, node: exp.Expr) -> list[str]:
        """What must hold for a value not to be NULL."""
        match node:
            case exp.Column() | exp.Placeholder():
                return [f"{self.value(node)} != null"]
            case exp.Coalesce():
                each = [self._tests(a) for a in (node.this, *node.expressions)]
                return [f"({' or '.join(' and '.join(t) or 'true' for t in each)})"]
            case exp.Case():

                def known(value: exp.Expr) -> str:
                    return " and ".join(self._tests(value)) or "true"

                return [self._case(node, known, lambda test: self.true(test, plain=False), "false")]
            case exp.Literal() | exp.Boolean():
                return []
        return [test for child in node.iter_expressions() for test in self._tests(child)]

    def _case(
        self,
        node: exp.Case,
        told: Callable[[exp.Expr], str],
        test: Callable[[exp.Expr], str],
        none: str = "null",
    ) -> str:
        default = node.args.get("default")
        out = none if default is None else told(default)
        for one in reversed(node.args["ifs"]):
            out = f"({test(one.this)} ? {told(one.args['true'])} : {out})"
        return out


def facts_of(stays: int, library: drg.Library, checks: list[Compiled]) -> pl.DataFrame:
    """The facts that the checks of stays read, with all bound thresholds."""
    one_month = read(month.plan(SEED, 1_000, detail=SIXTY).stays())
    batch = concat([rename(one_month, n) for n in range(max(1, stays // 1_000))])
    source = Source(batch, None, drg.settle(batch, library))
    return build(source, {"stay": sorted({f for c in checks for f in c.facts})})["stay"]


def in_force(check: Compiled, days: list[date]) -> exp.Expr:
    """The one predicate that holds on all these days."""
    of_day = {max((d for d in check.versions if d <= day), default=None) for day in days}
    if len(of_day) != 1 or None in of_day or (check.rule.until and days[-1] >= check.rule.until):
        raise CannotSayError("the predicate changes within the month")
    (since,) = of_day
    assert since is not None
    return check.versions[since].tree


def written(check: Compiled, days: list[date]) -> tuple[str, str]:
    """The check in Zen, plain and three-valued."""
    columns = check.columns()

    def name(of: str, param: bool) -> str:
        return key(columns[of]) if param else of

    tree, said = in_force(check, days), Zen(name)
    plain = f"{said.true(tree, plain=True)} ? {HIT} : {PASS}"
    full = f"{said.true(tree, plain=False)} ? {HIT} : ({said.false(tree)} ? {PASS} : {UNKNOWN})"
    return plain, full


def key(column: str) -> str:
    """The column of a bound threshold as a name that Zen can read."""
    return column.replace("-", "").replace(":", "_")


def records(table: pl.DataFrame, names: list[str]) -> list[dict[str, Any]]:
    """Rows as Zen takes them: decimals as numbers, days as numbers of days."""
    plain = table.select(
        pl.col(n).cast(pl.Float64)
        if isinstance(t, pl.Decimal)
        else pl.col(n).dt.epoch("d").cast(pl.Int64)
        if t == pl.Date()
        else pl.col(n).dt.epoch("us")
        if isinstance(t, pl.Datetime)
        else pl.col(n)
        for n, t in table.schema.items()
        if n in names
    )
    return plain.rename(key).to_dicts()


def filled(table: pl.DataFrame) -> pl.DataFrame:
    """The table with 0, false, '' and the first day of 1970 for what is not known."""
    zero = {pl.String(): "", pl.Boolean(): False, pl.Date(): date(1970, 1, 1)}
    return table.with_columns(
        pl.col(n).fill_null(zero.get(t, 0)) if not isinstance(t, pl.Datetime) else pl.col(n)
        for n, t in table.schema.items()
    )


def compare(
    checks: list[Compiled], texts: list[str], table: pl.DataFrame, seconds: float
) -> dict[str, Any]:
    """Rows a second of both, and their ratio, once all verdicts are found equal."""
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        verdicts = verdict_columns(checks, table)
        times.append(time.perf_counter() - start)
    ours = table.height / statistics.median(times)
    bound = table.with_columns(e.alias(n) for c in checks for n, e in c.bound.items())
    names = [*{f for c in checks for f in c.facts}, *(n for c in checks for n in c.bound)]
    contexts = records(bound.head(20_000), names)
    decided = decision(texts)
    compiled = [zen.compile_expression(text) for text in texts]
    keys = [f"r{i}" for i in range(len(texts))]

    def by_decision(context: dict[str, Any]) -> list[Any]:
        result = decided.evaluate(context)["result"]
        return [result[k] for k in keys]

    ways = {
        "decision": timed(by_decision, contexts, seconds),
        "expressions": timed(lambda c: [e.evaluate(c) for e in compiled], contexts, seconds),
    }
    for way, (_, answers) in ways.items():
        for row, answer in zip(verdicts.head(len(answers)).iter_rows(), answers, strict=True):
            for check, mine, theirs in zip(checks, row, answer, strict=True):
                if mine != theirs:
                    raise SystemExit(f"Zen ({way}) says {theirs} of {check.rule.id}, ours {mine}")
    best = max(rate for rate, _ in ways.values())
    return {
        "ours_rows_s": round(ours),
        **{f"zen_{way}_rows_s": round(rate) for way, (rate, _) in ways.items()},
        "rows_compared": max(len(answers) for _, answers in ways.values()),
        "times_as_fast": round(ours / best),
    }


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--stays", type=int, default=10_000)
    arguments.add_argument("--copies", type=int, default=10, help="of the facts, for our columns")
    arguments.add_argument("--seconds", type=float, default=5.0)
    given = arguments.parse_args()
    library, ruleset = drg.load(), rules.load()
    checks = [c for c in ruleset.compiled if c.rule.unit == "stay"]
    table = facts_of(given.stays, library, checks)
    table = pl.concat([table] * given.copies)
    days = sorted(set(table[SERVICE_DATE].drop_nulls().to_list()))
    said: list[tuple[Compiled, str, str]] = []
    unsaid: dict[str, str] = {}
    for check in checks:
        try:
            said.append((check, *written(check, days)))
        except CannotSayError as error:
            unsaid[check.rule.id] = str(error)
    mine = [check for check, _, _ in said]
    told = {
        "machine": machine(),
        "versions": f"polars {pl.__version__}, zen-engine {version('zen-engine')}",
        "rows": table.height,
        "checks_compared": len(said),
        "checks_that_zen_cannot_say": unsaid,
        "plain": compare(mine, [p for _, p, _ in said], filled(table), given.seconds),
        "three_valued": compare(mine, [f for _, _, f in said], table, given.seconds),
    }
    print(json.dumps(told, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
