"""A site's overlay: regional, dated values added to parameters of the catalogue."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from domain.proposals import ParameterValue
from rules.document import Document, read
from rules.form import REGION, Form, digest, read_basis, read_cases
from rules.problem import Problem, RuleError, show_path
from rules.rule import DEFAULT_REGION, Case, Number, Param, Rule

Dated = tuple[tuple[date, Number], ...]

EVERYWHERE = "default"
"""What a file writes as region for values that hold where no regional value does."""


@dataclass(frozen=True, slots=True)
class Overlay:
    """One file of a site: rule id -> parameter -> dated values for one region, with cases."""

    document: Document
    region: str
    values: Mapping[str, Mapping[str, Dated]]
    cases: Mapping[str, tuple[Case, ...]]


def read_overlay(path: Path) -> Overlay:
    """One overlay file; RuleError lists everything wrong with its form."""
    document = read(path)
    form = Form(document)
    top = form.mapping(document.value)
    form.keys(top, ("region", "name", "basis", "params", "cases"), ())
    region = top.get("region", "")
    if not isinstance(region, str) or not (region == EVERYWHERE or REGION.match(region)):
        form.fail(
            "RL004", "region must be the start of a region code in quotes, or default",
            'Write region: "3301".', "region",
        )  # fmt: skip
    form.bilingual(top.get("name", {}), "name")
    read_basis(form, top.get("basis", []))
    values = {
        rule_id: {
            name: form.dated(dated, "params", rule_id, name)
            for name, dated in form.mapping(params, "params", rule_id).items()
        }
        for rule_id, params in form.mapping(top.get("params", {}), "params").items()
    }
    cases = {
        rule_id: read_cases(
            form, listed, "cases", rule_id, region=None if region == EVERYWHERE else region
        )
        for rule_id, listed in form.mapping(top.get("cases", {}), "cases").items()
    }
    if form.problems:
        raise RuleError(form.problems)
    key = DEFAULT_REGION if region == EVERYWHERE else region
    return Overlay(document, key, values, cases)


def lay_over(rules: list[Rule], folder: Path) -> list[Rule]:
    """The rules with a site's regional values added; RuleError if a file does not fit them.

    Every ``*.yaml`` of the folder is one overlay. A value that the catalogue already has
    for the region and date is never edited: a change adds a date.
    """
    files = sorted(folder.glob("*.yaml"))
    if not files:
        raise RuleError(
            [Problem(show_path(folder), 1, "RL001", "has no overlay file", "Check the path.")]
        )
    by_id = {rule.id: rule for rule in rules}
    problems: list[Problem] = []
    for path in files:
        overlay = read_overlay(path)
        faults = list(_misfits(overlay, by_id))
        problems.extend(faults)
        if not faults:
            for rule_id in {*overlay.values, *overlay.cases}:
                by_id[rule_id] = _merged(by_id[rule_id], overlay)
    if problems:
        raise RuleError(problems)
    return [by_id[rule.id] for rule in rules]


def lay_values(rules: list[Rule], values: Iterable[ParameterValue]) -> list[Rule]:
    """The rules with approved values added, as if they stood in the files of ``tell_files``.

    A value that stands in the files already is not added again. RuleError names one that fits no
    parameter, or that edits one already there.
    """
    by_id = {rule.id: rule for rule in rules}
    problems: list[Problem] = []
    for region, of_region in _by_region(values):
        for rule_id, params in of_region.items():
            faults = list(_unfit(rule_id, params, region, by_id.get(rule_id)))
            problems.extend(faults)
            if not faults:
                by_id[rule_id] = _with_missing(by_id[rule_id], region, params)
    if problems:
        raise RuleError(problems)
    return [by_id[rule.id] for rule in rules]


def tell_files(values: Iterable[ParameterValue]) -> dict[str, str]:
    """Approved values as the files of a folder of parameters: name -> YAML text, one a region."""
    files: dict[str, str] = {}
    for region, of_region in _by_region(values):
        told = region or EVERYWHERE
        lines = [
            "# Values that one person proposed and another one approved, written by `sentinel rules parameters`.",
            f'region: "{told}"',
            f"name: {{zh: 经批准的参数（{told}）, en: Approved values ({told})}}",
            "basis:",
            "  - {document: proposals approved in the database, unverified: true}",
            "params:",
        ]
        for rule_id, params in of_region.items():
            lines.append(f"  {rule_id}:")
            lines += [
                f"    {name}: {{{', '.join(f'{since}: {value}' for since, value in dated)}}}"
                for name, dated in params.items()
            ]
        files[f"approved-{told}.yaml"] = "\n".join([*lines, "cases: {}", ""])
    return files


def _by_region(
    values: Iterable[ParameterValue],
) -> Iterator[tuple[str, dict[str, dict[str, Dated]]]]:
    """Region, and check -> parameter -> dated values, in the order in which files would be read."""
    grouped: dict[str, dict[str, dict[str, Dated]]] = {}
    for one in sorted(values):
        params = grouped.setdefault(one.region, {}).setdefault(one.rule_id, {})
        params[one.parameter] = (*params.get(one.parameter, ()), (one.since, one.value))
    return iter(sorted(grouped.items(), key=lambda item: item[0] or EVERYWHERE))


def _unfit(
    rule_id: str, params: Mapping[str, Dated], region: str, rule: Rule | None
) -> Iterator[Problem]:
    place = "approved values"
    if rule is None:
        yield Problem(
            place, 1, "RL030", f"no check is named {rule_id}",
            "Load the catalogue that the value was approved for.",
        )  # fmt: skip
        return
    for name, dated in params.items():
        if name not in rule.params:
            yield Problem(
                place, 1, "RL030", f"{rule_id} has no parameter {name}",
                "Load the catalogue that the value was approved for.",
            )  # fmt: skip
            continue
        held = dict(rule.params[name].values.get(region, ()))
        for since, value in dated:
            if since in held and held[since] != value:
                yield Problem(
                    place, 1, "RL031",
                    f"{rule_id} {name} already has another value for {region or EVERYWHERE} from {since}",
                    "A value once given is never edited: take the later one out of the files.",
                )  # fmt: skip


def _with_missing(rule: Rule, region: str, params: Mapping[str, Dated]) -> Rule:
    held = {name: set(rule.params[name].values.get(region, ())) for name in params}
    missing = {
        name: tuple(one for one in dated if one not in held[name]) for name, dated in params.items()
    }
    added = {name: dated for name, dated in missing.items() if dated}
    return _with_values(rule, region, added) if added else rule


def _misfits(overlay: Overlay, rules: Mapping[str, Rule]) -> Iterator[Problem]:
    where = overlay.document
    for section, ids in (("params", overlay.values), ("cases", overlay.cases)):
        for rule_id in ids:
            if rule_id not in rules:
                yield where.problem(
                    "RL030", f"no check is named {rule_id}", "Correct the id.", section, rule_id
                )
    for rule_id, params in overlay.values.items():
        known: Mapping[str, Param] = rules[rule_id].params if rule_id in rules else {}
        for name, dated in params.items():
            place = ("params", rule_id, name)
            if name not in known:
                if rule_id in rules:
                    yield where.problem(
                        "RL030", f"{rule_id} has no parameter {name}",
                        f"It has: {', '.join(known)}.", *place,
                    )  # fmt: skip
                continue
            held = dict(known[name].values.get(overlay.region, ()))
            for since, _ in dated:
                if since in held:
                    yield where.problem(
                        "RL031", f"{rule_id} {name} already has a value for {overlay.region} from {since}",
                        "Add a later date; a value once given is never edited.", *place, since,
                    )  # fmt: skip


def _merged(rule: Rule, overlay: Overlay) -> Rule:
    made = _with_values(rule, overlay.region, overlay.values.get(rule.id, {}))
    return replace(made, cases=(*rule.cases, *overlay.cases.get(rule.id, ())))


def _with_values(rule: Rule, region: str, added: Mapping[str, Dated]) -> Rule:
    params = dict(rule.params)
    for name, dated in added.items():
        values = params[name].values
        merged = tuple(sorted({*values.get(region, ()), *dated}))
        params[name] = replace(params[name], values={**values, region: merged})
    mark = json.dumps(
        [region, {k: [[str(d), str(v)] for d, v in dated] for k, dated in added.items()}],
        sort_keys=True,
    )
    return replace(rule, params=params, sha256=digest(f"{rule.sha256}\n{mark}"))
