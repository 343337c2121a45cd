"""Predicates: SQL over named facts, checked by sqlglot, run by Polars.

A predicate may use facts, ``:parameters``, AND OR NOT, comparisons, IS [NOT] NULL,
IS [NOT] DISTINCT FROM, IN, BETWEEN, + - *, ``x / NULLIF(y, 0)``, CASE, ABS, COALESCE and
NULLIF. NULL is SQL's: a comparison with it is NULL, AND and OR are Kleene's.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import polars as pl
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from rules.facts import Fact, Kind

Node = exp.Expr

ALLOWED: Final[tuple[type[Node], ...]] = (
    exp.And, exp.Or, exp.Not, exp.Paren,
    exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Between, exp.In,
    exp.Is, exp.Null, exp.NullSafeEQ, exp.NullSafeNEQ,
    exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Neg, exp.Abs, exp.Coalesce, exp.Nullif,
    exp.Case, exp.If, exp.Boolean, exp.Literal, exp.Column, exp.Identifier, exp.Placeholder,
)  # fmt: skip
"""Every construct that may stand in a predicate."""

_CURE: Final = "docs/rules.md lists what a predicate may use; look-back and sums are facts."


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a predicate: a code of ``rules.problem``, a message and a cure."""

    code: str
    message: str
    cure: str


@dataclass(frozen=True, slots=True)
class Predicate:
    """A checked expression: its tree, the facts and the parameters that it reads."""

    tree: Node
    facts: tuple[str, ...]
    params: tuple[str, ...]

    @property
    def text(self) -> str:
        """The expression as SQL in one line."""
        return self.tree.sql(comments=False)

    def expr(self, columns: Mapping[str, str], constants: Mapping[str, int]) -> pl.Expr:
        """The expression for Polars: a parameter is a whole number or the column that holds it."""
        return to_polars(self.tree, columns, constants)


def to_polars(tree: Node, columns: Mapping[str, str], constants: Mapping[str, int]) -> pl.Expr:
    """The tree as a Polars expression; see ``Predicate.expr``."""

    def bind(node: Node) -> Node:
        if isinstance(node, exp.Placeholder):
            name = str(node.this)
            if name in constants:
                return _number(constants[name])
            return exp.column(exp.to_identifier(columns[name], quoted=True))
        return node

    made = pl.sql_expr(tree.copy().transform(bind).sql(comments=False))
    assert isinstance(made, pl.Expr)  # noqa: S101 - one text gives one expression
    return made


def parse(text: str) -> Node | Fault:
    """The text as a tree, or why it is none."""
    try:
        trees = sqlglot.parse(text)
    except SqlglotError as error:
        first = (getattr(error, "errors", None) or [{}])[0]
        what = first.get("description") or str(error).splitlines()[0]
        near = first.get("highlight")
        return Fault("RL007", f"{what}" + (f" near {near!r}" if near else ""), "Correct the SQL.")
    if len(trees) != 1 or trees[0] is None:
        return Fault("RL007", "expected one expression", "Write one SQL expression.")
    return trees[0]


def check(
    text: str, facts: Mapping[str, Fact], params: Mapping[str, object]
) -> Predicate | list[Fault]:
    """The predicate, or everything that is wrong with it."""
    tree = parse(text)
    if isinstance(tree, Fault):
        return [tree]
    faults = list(_faults(tree, facts, params))
    if faults:
        return list(dict.fromkeys(faults))
    return Predicate(
        tree,
        tuple(sorted({c.name for c in tree.find_all(exp.Column)})),
        tuple(sorted({str(p.this) for p in tree.find_all(exp.Placeholder)})),
    )


def passes_without(tree: Node, flags: Collection[str]) -> bool:
    """Whether the predicate is FALSE wherever all these flags are false, whatever else is so."""
    match tree:
        case exp.Column():
            return tree.name in flags
        case exp.Paren():
            return passes_without(tree.this, flags)
        case exp.And():
            return passes_without(tree.left, flags) or passes_without(tree.right, flags)
        case exp.Or():
            return passes_without(tree.left, flags) and passes_without(tree.right, flags)
        case _:
            return False


def result_type(
    predicate: Predicate, facts: Mapping[str, Fact], params: Mapping[str, pl.DataType]
) -> pl.DataType | Fault:
    """The type of the predicate's value, or the fault that Polars finds in it."""
    schema = {name: facts[name].kind.dtype for name in predicate.facts}
    columns = {name: f":{name}" for name in predicate.params}
    schema |= {columns[name]: params[name] for name in predicate.params}
    schema[":none"] = pl.Int64()
    empty = pl.DataFrame(schema=schema)
    try:
        return empty.select(predicate.expr(columns, {}).alias("r")).schema["r"]
    except pl.exceptions.PolarsError as error:
        return Fault(
            "RL015", f"types do not fit: {str(error).splitlines()[0]}", "Compare like with like."
        )


def nullable(node: Node, facts: Mapping[str, Fact]) -> bool:
    """Whether the expression can be NULL as far as its form tells; errs towards yes."""
    match node:
        case exp.Column():
            return facts[node.name].null_when is not None
        case (
            exp.Placeholder() | exp.Literal() | exp.Boolean() | exp.NullSafeEQ() | exp.NullSafeNEQ()
        ):
            return False
        case exp.Is():
            return False
        case exp.Null() | exp.Nullif() | exp.Div():
            return True
        case exp.Coalesce():
            return all(nullable(a, facts) for a in [node.this, *node.expressions])
        case exp.Case():
            branches = [i.args["true"] for i in node.args["ifs"]]
            default = node.args.get("default")
            return default is None or any(nullable(b, facts) for b in [*branches, default])
        case _:
            return any(nullable(child, facts) for child in node.iter_expressions())


def _faults(tree: Node, facts: Mapping[str, Fact], params: Mapping[str, object]) -> Iterator[Fault]:
    for node in tree.walk():
        if not isinstance(node, ALLOWED):
            yield Fault("RL011", f"{_shown(node)} is not allowed", _CURE)
            continue
        match node:
            case exp.Column():
                yield from _column_faults(node, facts)
            case exp.Placeholder():
                if not node.this:
                    yield Fault("RL011", "a parameter without a name", "Write :name.")
                elif node.this not in params:
                    yield Fault(
                        "RL009",
                        f":{node.this} is not declared",
                        _near(str(node.this), params, "params"),
                    )
            case exp.Literal():
                yield from _literal_faults(node, facts)
            case exp.Div():
                divisor = node.expression
                if not (
                    isinstance(divisor, exp.Nullif)
                    and isinstance(divisor.expression, exp.Literal)
                    and divisor.expression.this == "0"
                ):
                    yield Fault(
                        "RL013", f"{_shown(node)} can divide by 0", "Write x / NULLIF(y, 0)."
                    )
            case exp.Is():
                if not isinstance(node.expression, exp.Null):
                    yield Fault(
                        "RL011",
                        f"{_shown(node)} is not allowed",
                        "Only IS NULL and IS NOT NULL are.",
                    )
            case exp.Null():
                if not isinstance(node.parent, exp.Is):
                    yield Fault("RL011", "NULL as a value", "Write IS NULL, or CASE without ELSE.")
            case exp.In():
                if node.args.get("query") or node.args.get("unnest") or not node.expressions:
                    yield Fault("RL011", f"{_shown(node)} is not allowed", "List the codes.")
            case exp.Case():
                if node.this is not None:
                    yield Fault("RL011", "CASE with a value", "Write CASE WHEN condition THEN …")


def _column_faults(node: exp.Column, facts: Mapping[str, Fact]) -> Iterator[Fault]:
    if node.table:
        yield Fault("RL011", f"{node.sql()} names a table", "Use the fact's name alone.")
    elif node.name not in facts:
        yield Fault(
            "RL008", f"no fact is named {node.name}", _near(node.name, facts, "docs/facts.md")
        )


def _literal_faults(node: exp.Literal, facts: Mapping[str, Fact]) -> Iterator[Fault]:
    if not node.is_string:
        if node.this not in ("0", "1"):
            yield Fault(
                "RL012",
                f"the number {node.this}",
                "Give it a name under params, with a unit and dates.",
            )
        return
    compared = _compared(node)
    known = facts.get(compared.name) if compared is not None else None
    if known is None or known.kind is not Kind.TEXT:
        yield Fault(
            "RL014",
            f"'{node.this}' is not compared with a fact",
            "Compare it with one fact that has a code list.",
        )
    elif known.codes is None:
        yield Fault(
            "RL014", f"{known.name} has no code list, so '{node.this}' cannot be checked",
            "Put the codes into a reference table and read a fact made from it.",
        )  # fmt: skip
    elif node.this not in known.codes:
        yield Fault(
            "RL014",
            f"'{node.this}' is not a code of {known.name}",
            f"Use one of {', '.join(known.codes)}.",
        )


def _compared(node: exp.Literal) -> exp.Column | None:
    parent = node.parent
    if isinstance(parent, exp.EQ | exp.NEQ | exp.NullSafeEQ | exp.NullSafeNEQ):
        other = parent.expression if parent.this is node else parent.this
        return other if isinstance(other, exp.Column) else None
    if isinstance(parent, exp.In) and isinstance(parent.this, exp.Column):
        return parent.this
    return None


def _number(value: int) -> Node:
    literal = exp.Literal.number(abs(value))
    return exp.Paren(this=exp.Neg(this=literal)) if value < 0 else literal


def _near(name: str, known: Mapping[str, object], where: str) -> str:
    close = difflib.get_close_matches(name, list(known), 3)
    return f"Did you mean {' or '.join(close)}?" if close else f"See {where}."


def _shown(node: Node) -> str:
    text = node.sql()
    return text if len(text) <= 60 else text[:57] + "..."
