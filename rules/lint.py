"""What `sentinel rules check` demands of a rule file beyond being readable."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from domain.results import Verdict
from rules import cases, loader, mutation
from rules.compiled import Compiled, compile_rule
from rules.document import Document, read
from rules.facts import facts_of
from rules.overlay import lay_over
from rules.predicate import nullable
from rules.problem import Problem, RuleError, show_path
from rules.rule import DEFAULT_REGION, Rule
from rules.ruleset import rule_files


def check_paths(paths: Sequence[Path], *, parameters: Path | None = None) -> list[Problem]:
    """Every problem of the rule files named or lying below the folders named, sorted."""
    problems: list[Problem] = []
    rules: list[Rule] = []
    for path in (file for given in paths for file in rule_files(given)):
        try:
            rules.append(loader.read_rule(path))
        except RuleError as error:
            problems.extend(error.problems)
    first: dict[str, Rule] = {}
    for rule in rules:
        if rule.id in first and first[rule.id].path != rule.path:
            problems.append(
                Problem(
                    show_path(rule.path), 1, "RL006",
                    f"{rule.id} also stands in {show_path(first[rule.id].path)}",
                    "Give it a new number; ids are never reused.",
                )
            )  # fmt: skip
        first.setdefault(rule.id, rule)
    if parameters is not None:
        try:
            rules = lay_over(rules, parameters)
        except RuleError as error:
            problems.extend(error.problems)
    for rule in rules:
        problems.extend(check_rule(rule))
    return sorted(set(problems))


def check_rule(rule: Rule) -> list[Problem]:
    """Every problem of one rule: place, meaning, cases, mutants."""
    document = read(rule.path)
    problems = list(_place(rule, document))
    compiled = compile_rule(rule, document.lines)
    if not isinstance(compiled, Compiled):
        return problems + compiled
    problems.extend(_case_problems(compiled, document))
    if not problems:
        problems.extend(_mutant_problems(compiled, document))
    return problems


def _place(rule: Rule, document: Document) -> Iterator[Problem]:
    if rule.path.stem != rule.id or rule.path.parent.name != rule.family.lower():
        yield document.problem(
            "RL005", f"{rule.id} stands in {rule.path.parent.name}/{rule.path.name}",
            f"Move it to {rule.family.lower()}/{rule.id}.yaml.", "id",
        )  # fmt: skip


def _case_problems(check: Compiled, document: Document) -> Iterator[Problem]:
    rule = check.rule
    bad = False
    for case in rule.cases:
        for message, cure in cases.faults(check, case):
            bad = True
            yield Problem(case.path, case.line, "RL020", message, cure)
    if bad:
        return
    for outcome in cases.run(check):
        if not outcome.held:
            case = outcome.case
            yield Problem(
                case.path, case.line, "RL027",
                f"case {case.it!r} expects {case.expect.name.lower()} and gives {outcome.got.name.lower()}",
                "Correct the case or the predicate.",
            )  # fmt: skip
    yield from _coverage(check, document)


def _coverage(check: Compiled, document: Document) -> Iterator[Problem]:
    rule = check.rule
    expected = {case.expect for case in rule.cases}
    facts = facts_of(rule.unit)
    can_be_null = any(nullable(p.tree, facts) for p in check.versions.values())
    wanted = [(Verdict.HIT, "RL021"), (Verdict.PASS, "RL022"), (Verdict.OUT_OF_FORCE, "RL026")]
    if can_be_null:
        wanted.append((Verdict.UNKNOWN, "RL023"))
    for verdict, code in wanted:
        if verdict not in expected:
            word = verdict.name.lower()
            yield document.problem(
                code, f"no case expects {word}", f"Add a case with expect: {word}.", "cases"
            )
    starts = [*sorted(rule.when), None]
    for since, following in pairwise(starts):
        assert since is not None  # noqa: S101 - only the last start is None
        if not any(
            c.date >= since and (following is None or c.date < following) for c in rule.cases
        ):
            yield document.problem(
                "RL024", f"no case is dated in the version from {since}", "Add one.", "when", since
            )
    for name, param in rule.params.items():
        for region, dated in param.values.items():
            if region == DEFAULT_REGION:
                continue
            for i, (since, _) in enumerate(dated):
                end = dated[i + 1][0] if i + 1 < len(dated) else None
                if not any(
                    (c.region or "").startswith(region)
                    and c.date >= since
                    and (end is None or c.date < end)
                    for c in rule.cases
                ):
                    yield document.problem(
                        "RL025", f"no case takes {name} of region {region} from {since}",
                        f'Add a case with region: "{region}".', "params", name, region,
                    )  # fmt: skip


def _mutant_problems(check: Compiled, document: Document) -> Iterator[Problem]:
    listed = {e.mutant: i for i, e in enumerate(check.rule.equivalent)}
    alive = {m.name for m in mutation.survivors(check)}
    for name in sorted(alive - set(listed)):
        yield document.problem(
            "RL028", f"every case still holds after {name}",
            "Add a case that fails then; if the change means the same, list it under equivalent.", "cases",
        )  # fmt: skip
    every = {m.name for m in mutation.mutants(check)}
    for name, i in listed.items():
        if name not in every:
            yield document.problem(
                "RL029", f"there is no mutant {name}", "Remove the entry.", "equivalent", i
            )
        elif name not in alive:
            yield document.problem(
                "RL029",
                f"a case kills {name}",
                "Remove the entry: it is not equivalent.",
                "equivalent",
                i,
            )
