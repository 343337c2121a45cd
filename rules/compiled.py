"""A check made ready to run: its predicates, thresholds and sentences as Polars expressions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

import polars as pl
from sqlglot import exp

from domain.results import Verdict
from rules import template, threshold
from rules.document import Key
from rules.facts import Kind, facts_of
from rules.facts.table import TOLD, told_flags
from rules.predicate import Fault, Node, Predicate, check, passes_without, result_type, to_polars
from rules.problem import Problem, show_path
from rules.rule import DEFAULT_REGION, Rule

_CARE_WORDS: Final = (
    "减少用药", "减少检查", "减少治疗", "控制费用", "降低费用", "压缩", "提前出院", "推诿",
    "reduce care", "less care", "fewer tests", "cut cost", "reduce cost", "discharge early",
    "limit treatment", "reduce treatment",
)  # fmt: skip
"""Words that advice must not use: a check never asks anyone to give less necessary care."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """A rule with what the engine evaluates on ``table``, a facts table of its unit.

    ``bound`` gives each parameter's value as the column ``ID:name``; ``verdict`` is an
    Int8 of ``domain.results.Verdict``, and ``newest`` the same where all rows are dated from
    ``since`` on (None: there is an end to the check); ``exposure`` is Int64 fen.
    """

    rule: Rule
    table: str
    versions: Mapping[date, Predicate]
    facts: tuple[str, ...]
    shown: tuple[str, ...]
    bound: Mapping[str, pl.Expr]
    needs_columns: bool
    verdict: pl.Expr
    newest: pl.Expr
    since: date | None
    exposure: pl.Expr
    finding_zh: pl.Expr
    finding_en: pl.Expr

    def columns(self) -> dict[str, str]:
        """Parameter name -> column that holds its bound value."""
        return columns_of(self.rule)

    def constants(self) -> dict[str, int]:
        """Parameters with one whole value whatever date and region: they stand in the SQL."""
        return constants_of(self.rule)


def columns_of(rule: Rule) -> dict[str, str]:
    """Parameter name -> column of its bound value, unique over all checks."""
    return {name: f"{rule.id}:{name}" for name in rule.params}


def constants_of(rule: Rule) -> dict[str, int]:
    """The parameters that have one whole value whatever date and region."""
    return {n: p.constant for n, p in rule.params.items() if isinstance(p.constant, int)}


def verdict_expr(rule: Rule, trees: Mapping[date, Node], *, inline: bool = True) -> pl.Expr:
    """The verdict of each row under these predicates (those of the rule, or mutants of them)."""
    columns, constants = columns_of(rule), constants_of(rule) if inline else {}
    out = pl.lit(int(Verdict.OUT_OF_FORCE), dtype=pl.Int8)
    found: pl.Expr = out
    for since, tree in sorted(trees.items()):
        judged = _judged(to_polars(tree, columns, constants))
        found = pl.when(threshold.in_force(since, rule.until)).then(judged).otherwise(found)
    return found.cast(pl.Int8)


def _judged(predicate: pl.Expr) -> pl.Expr:
    return predicate.cast(pl.Int8).fill_null(pl.lit(int(Verdict.UNKNOWN), dtype=pl.Int8))


def compile_rule(
    rule: Rule, lines: Mapping[tuple[Key, ...], int] | None = None
) -> Compiled | list[Problem]:
    """The rule ready to run, or everything that is wrong with its meaning."""
    maker = _Maker(rule, lines or {})
    versions = maker.versions()
    exposure = maker.exposure()
    maker.check_params(versions, exposure)
    maker.check_texts()
    if maker.problems or exposure is None:
        return maker.problems
    columns, constants = columns_of(rule), constants_of(rule)
    read = sorted({f for p in versions.values() for f in p.facts})
    texts = (rule.finding.zh, rule.finding.en)
    named = {name for text in texts for name, _ in template.names(text)}
    shown = sorted(set(read) | (named - set(rule.params)))
    everything = sorted(set(shown) | set(exposure.facts))
    kinds = {f: maker.facts[f].kind for f in shown}
    for name, param in rule.params.items():
        kinds[name] = Kind.INTEGER if threshold.dtype(param) == pl.Int64() else Kind.DECIMAL
    places = {f: f for f in shown} | columns
    used = {p for v in versions.values() for p in v.params}
    flags = told_flags(rule.unit)
    few = all(passes_without(p.tree, flags) for p in versions.values())
    return Compiled(
        rule=rule,
        table=rule.unit + TOLD if few else rule.unit,
        versions=versions,
        facts=tuple(everything),
        shown=tuple(shown),
        bound={columns[name]: threshold.bind(param) for name, param in rule.params.items()},
        needs_columns=bool(used - set(constants)),
        verdict=verdict_expr(rule, {d: p.tree for d, p in versions.items()}),
        newest=_judged(versions[max(versions)].expr(columns, constants)).alias(rule.id),
        since=None if rule.until is not None else max(versions),
        exposure=_fen(exposure.expr(columns, {})),
        finding_zh=template.fill(rule.finding.zh, "zh", places, kinds),
        finding_en=template.fill(rule.finding.en, "en", places, kinds),
    )


class _Maker:
    def __init__(self, rule: Rule, lines: Mapping[tuple[Key, ...], int]) -> None:
        self.rule = rule
        self.lines = lines
        self.path = show_path(rule.path)
        self.facts = facts_of(rule.unit)
        self.problems: list[Problem] = []
        self.types = {name: threshold.dtype(p) for name, p in rule.params.items()}

    def fail(self, code: str, message: str, cure: str, *path: Key) -> None:
        steps = path
        while steps and steps not in self.lines:
            steps = steps[:-1]
        self.problems.append(Problem(self.path, self.lines.get(steps, 1), code, message, cure))

    def versions(self) -> dict[date, Predicate]:
        made: dict[date, Predicate] = {}
        for since, text in self.rule.when.items():
            predicate = self.expression(text, "when", since)
            if predicate is None:
                continue
            if self.type_of(predicate, "when", since) not in (pl.Boolean(), None):
                self.fail(
                    "RL015",
                    "the predicate is not true or false",
                    "Compare it with something.",
                    "when",
                    since,
                )
            made[since] = predicate
        return made

    def exposure(self) -> Predicate | None:
        if self.rule.exposure.strip().upper() == "NULL":  # the amount is not known
            return Predicate(exp.Null(), (), ())
        predicate = self.expression(self.rule.exposure, "exposure")
        if predicate is None:
            return None
        kind = self.type_of(predicate, "exposure")
        money = [self.facts[f] for f in predicate.facts if self.facts[f].kind is Kind.MONEY]
        literal = isinstance(predicate.tree, exp.Literal)
        whole = isinstance(kind, pl.Int64 | pl.Decimal | pl.Int32)
        if kind is not None and (not whole or not (money or literal)):
            self.fail(
                "RL016",
                f"{self.rule.exposure!r} is no amount in fen",
                "Name a fact that ends in _fen, or compute with such.",
                "exposure",
            )
        return predicate

    def check_params(self, versions: Mapping[date, Predicate], exposure: Predicate | None) -> None:
        texts = (self.rule.finding.zh, self.rule.finding.en)
        used = {p for v in versions.values() for p in v.params}
        used |= set(exposure.params if exposure else ())
        used |= {name for text in texts for name, _ in template.names(text)}
        for name, param in self.rule.params.items():
            if name in self.facts:
                self.fail("RL004", f"parameter {name} is also a fact", "Rename it.", "params", name)
            if name not in used:
                self.fail(
                    "RL010",
                    f":{name} is read by no predicate",
                    "Use it or remove it.",
                    "params",
                    name,
                )
            default = param.values.get(DEFAULT_REGION, ())
            if default and default[0][0] > self.rule.since:
                self.fail(
                    "RL018",
                    f":{name} has no value before {default[0][0]}",
                    f"Add a default from {self.rule.since}.",
                    "params",
                    name,
                )
        if self.rule.until is not None and self.rule.until <= max(self.rule.when):
            self.fail(
                "RL004", "until is not after the last date of when", "Correct the dates.", "until"
            )
        if not self.rule.basis:
            self.fail(
                "RL019",
                "no basis",
                "Name a document, or the design decision, with unverified: true.",
                "basis",
            )
        for i, basis in enumerate(self.rule.basis):
            if basis.clause is None and not basis.unverified:
                self.fail(
                    "RL019",
                    f"{basis.document} without a clause",
                    "Name the clause, or mark it unverified: true.",
                    "basis",
                    i,
                )

    def check_texts(self) -> None:
        known = {*self.facts, *self.rule.params}
        for language in ("zh", "en"):
            text = getattr(self.rule.finding, language)
            if template.stray(text):
                self.fail(
                    "RL017",
                    "a brace belongs to no {name}",
                    "Write {fact} or {param}.",
                    "finding",
                    language,
                )
            for name, form in template.names(text):
                if name not in known:
                    self.fail(
                        "RL017",
                        f"{{{name}}} is neither a fact nor a parameter",
                        "Correct the name.",
                        "finding",
                        language,
                    )
                elif form not in template.FORMATS:
                    self.fail(
                        "RL017", f"format {form}", "Use yuan or percent.", "finding", language
                    )
            advice = getattr(self.rule.action, language).lower()
            for word in _CARE_WORDS:
                if word in advice:
                    self.fail(
                        "RL032",
                        f"the advice says {word!r}",
                        "Ask for a review of need, coding or charges, never for less care.",
                        "action",
                        language,
                    )

    def expression(self, text: str, *path: Key) -> Predicate | None:
        found = check(text, self.facts, self.rule.params)
        if isinstance(found, Predicate):
            return found
        for fault in found:
            self.fail(fault.code, fault.message, fault.cure, *path)
        return None

    def type_of(self, predicate: Predicate, *path: Key) -> pl.DataType | None:
        kind = result_type(predicate, self.facts, self.types)
        if isinstance(kind, Fault):
            self.fail(kind.code, kind.message, kind.cure, *path)
            return None
        return kind


def _fen(value: pl.Expr) -> pl.Expr:
    return value.cast(pl.Decimal(38, 6)).round(0).cast(pl.Int64)
