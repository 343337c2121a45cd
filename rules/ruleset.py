"""A set of checks ready to judge, with the digest that says exactly which."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from domain.proposals import ParameterValue
from rules import codebooks, loader
from rules.compiled import Compiled, compile_rule
from rules.document import read
from rules.facts.fact import STAY_UNITS
from rules.overlay import lay_over, lay_values
from rules.problem import Problem, RuleError, show_path
from rules.rule import Rule, Status


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Checks with everything compiled once.

    ``ids`` are the active ones that judge stays, in the order of a decision's letters;
    ``aggregate_ids`` the active ones that judge a hospital's month or a physician's day.
    ``sha256`` covers the files of the active checks, their overlay values and every reference
    table: the same digest means the same judgement of the same claims. ``reference`` is the
    folder of tables that the checks read, ``reference_sha256`` the digest of the tables alone.
    ``shadow`` is the set of the checks on trial, with a digest of its own; they judge the same
    facts and decide nothing.
    """

    ids: tuple[str, ...]
    sha256: str
    rules: tuple[Rule, ...]
    compiled: tuple[Compiled, ...]
    aggregate_ids: tuple[str, ...] = ()
    reference: Path = codebooks.SHIPPED
    reference_sha256: str = ""
    shadow: RuleSet | None = None

    @property
    def every(self) -> tuple[Compiled, ...]:
        """What is judged together: the active checks, and those on trial."""
        return (*self.compiled, *(self.shadow.compiled if self.shadow else ()))

    def __getitem__(self, rule_id: str) -> Rule:
        """The rule of that id; KeyError if there is none."""
        for rule in self.rules:
            if rule.id == rule_id:
                return rule
        raise KeyError(rule_id)

    def only(self, *rule_ids: str) -> RuleSet:
        """A set that judges just these, whatever their status; KeyError for an unknown id."""
        rules = tuple(self[rule_id] for rule_id in rule_ids)
        made = [c for c in (compile_rule(r) for r in rules) if isinstance(c, Compiled)]
        ids, aggregate_ids = _ids(made)
        return replace(
            self,
            ids=ids,
            rules=rules,
            compiled=tuple(made),
            aggregate_ids=aggregate_ids,
            shadow=None,
        )


def load(
    folder: Path | None = None,
    *,
    parameters: Path | None = None,
    reference: Path | None = None,
    approved: Sequence[ParameterValue] = (),
) -> RuleSet:
    """The checks of a folder (the shipped catalogue by default) with a site's overlay, if any.

    Every ``*.yaml`` below the folder is one rule. ``parameters`` is a folder of overlay
    files; the examples in ``rules/parameters`` are used only when named. ``reference`` is
    a site's own folder of reference tables, laid over the shipped ones. ``approved`` are values
    that were approved as proposals, laid over the files. RuleError lists
    every problem of every file; ReferenceTableError names the first of a table.
    """
    root = loader.CATALOG if folder is None else folder
    problems: list[Problem] = []
    found: list[Rule] = []
    for path in rule_files(root):
        try:
            found.append(loader.read_rule(path))
        except RuleError as error:
            problems.extend(error.problems)
    seen: dict[str, Rule] = {}
    for rule in found:
        if rule.id in seen:
            other = show_path(seen[rule.id].path)
            problems.append(
                Problem(
                    show_path(rule.path),
                    1,
                    "RL006",
                    f"{rule.id} also stands in {other}",
                    "Give it a new number; ids are never reused.",
                )
            )
        seen[rule.id] = rule
    if problems:
        raise RuleError(problems)
    if parameters is not None:
        found = lay_over(found, parameters)
    if approved:
        found = lay_values(found, approved)
    found.sort(key=lambda r: r.id)
    compiled: list[Compiled] = []
    for rule in found:
        made = compile_rule(rule, read(rule.path).lines)
        if isinstance(made, Compiled):
            compiled.append(made)
        else:
            problems.extend(made)
    if problems:
        raise RuleError(problems)
    place = codebooks.SHIPPED if reference is None else reference.resolve()
    tables_sha256 = codebooks.load(place)

    def of(status: Status) -> RuleSet:
        mine = tuple(c for c in compiled if c.rule.status is status)
        ids, aggregate_ids = _ids(mine)
        return RuleSet(
            ids=ids,
            aggregate_ids=aggregate_ids,
            sha256=_digest(status, [c.rule for c in mine], tables_sha256),
            reference=place,
            reference_sha256=tables_sha256,
            rules=tuple(c.rule for c in mine),
            compiled=mine,
        )

    shadow = of(Status.SHADOW)
    return replace(
        of(Status.ACTIVE), rules=tuple(found), shadow=shadow if shadow.compiled else None
    )


def rule_files(folder: Path) -> list[Path]:
    """The rule files below a folder, in order of their paths; a file stands for itself."""
    if folder.is_file():
        return [folder]
    files = sorted(folder.rglob("*.yaml"))
    if not files:
        raise RuleError(
            [Problem(show_path(folder), 1, "RL001", "has no rule file", "Check the path.")]
        )
    return files


def _ids(compiled: Sequence[Compiled]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The ids of the checks of stays, and those of the checks of aggregates."""
    of_stays = tuple(c.rule.id for c in compiled if c.rule.unit in STAY_UNITS)
    return of_stays, tuple(c.rule.id for c in compiled if c.rule.id not in of_stays)


def _digest(status: Status, rules: list[Rule], tables_sha256: str) -> str:
    whole = hashlib.sha256(f"{status}\n".encode())
    for rule in rules:
        whole.update(f"{rule.id} {rule.sha256}\n".encode())
    whole.update(f"reference {tables_sha256}\n".encode())
    return whole.hexdigest()
