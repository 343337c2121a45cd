"""Cases: the tests beside each rule, run on the same expressions that judge claims."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import polars as pl

from domain.results import Verdict
from rules.compiled import Compiled
from rules.facts import Fact, Kind, facts_of
from rules.facts.table import CURRENCY, REGION, SERVICE_DATE
from rules.rule import Case


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a case gave beside what it expects."""

    case: Case
    got: Verdict

    @property
    def held(self) -> bool:
        """Whether the case holds."""
        return self.got is self.case.expect


def run(check: Compiled) -> list[Outcome]:
    """Every case of the rule with its verdict."""
    if not check.rule.cases:
        return []
    table = case_table(check, check.rule.cases).with_columns(
        e.alias(n) for n, e in check.bound.items()
    )
    got = table.select(check.verdict.alias("v"))["v"].to_list()
    return [Outcome(c, Verdict(v)) for c, v in zip(check.rule.cases, got, strict=True)]


def case_table(check: Compiled, cases: Sequence[Case]) -> pl.DataFrame:
    """A facts table with one row a case; facts not given are null."""
    facts = facts_of(check.rule.unit)
    columns: dict[str, pl.Series] = {
        SERVICE_DATE: pl.Series([c.date for c in cases], dtype=pl.Date),
        REGION: pl.Series([c.region for c in cases], dtype=pl.String),
        CURRENCY: pl.Series(["CNY"] * len(cases), dtype=pl.String),
    }
    for name in check.facts:
        kind = facts[name].kind
        values = [_value(c.given.get(name), kind) for c in cases]
        columns[name] = pl.Series(name, values, dtype=kind.dtype, strict=False)
    return pl.DataFrame(columns)


def faults(check: Compiled, case: Case) -> Iterator[tuple[str, str]]:
    """(message, cure) of everything wrong with what a case gives."""
    facts = facts_of(check.rule.unit)
    for name, value in case.given.items():
        if name not in check.facts:
            known = ", ".join(check.facts)
            yield (
                f"case {case.it!r} gives {name}, which the rule does not read",
                f"It reads: {known}.",
            )
        elif value is not None and not _fits(value, facts[name]):
            yield (
                f"case {case.it!r} gives {name} = {value!r}",
                f"It is a {facts[name].kind}; codes are quoted texts of its code list.",
            )


def _fits(value: Any, fact: Fact) -> bool:
    match fact.kind:
        case Kind.FLAG:
            return isinstance(value, bool)
        case Kind.INTEGER | Kind.MONEY:
            return isinstance(value, int) and not isinstance(value, bool)
        case Kind.DECIMAL | Kind.NUMBER:
            return isinstance(value, int | Decimal) and not isinstance(value, bool)
        case Kind.TEXT:
            return isinstance(value, str) and (fact.codes is None or value in fact.codes)
        case Kind.DATE:
            return hasattr(value, "year")
        case Kind.INSTANT:
            return isinstance(value, str) and _instant(value) is not None


def _value(value: Any, kind: Kind) -> Any:
    if kind is Kind.DECIMAL and value is not None:
        return Decimal(value)
    if kind is Kind.NUMBER and value is not None:
        return float(value)
    if kind is Kind.INSTANT and isinstance(value, str):
        return _instant(value)
    return value


def _instant(text: str) -> datetime | None:
    try:
        made = datetime.fromisoformat(text)
    except ValueError:
        return None
    return made if made.tzinfo is not None else None
