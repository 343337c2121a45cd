"""A site's overlay: regional, dated values added to parameters of the catalogue."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from rules.document import Document, read
from rules.form import REGION, Form, digest, read_basis, read_cases
from rules.problem import Problem, RuleError, show_path
from rules.rule import Case, Number, Param, Rule

Dated = tuple[tuple[date, Number], ...]


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
    if not isinstance(region, str) or not REGION.match(region):
        form.fail(
            "RL004", "region must be the start of a region code in quotes",
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
        rule_id: read_cases(form, listed, "cases", rule_id, region=region)
        for rule_id, listed in form.mapping(top.get("cases", {}), "cases").items()
    }
    if form.problems:
        raise RuleError(form.problems)
    return Overlay(document, region, values, cases)


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
    params = dict(rule.params)
    added = overlay.values.get(rule.id, {})
    for name, dated in added.items():
        values = params[name].values
        merged = tuple(sorted({*values.get(overlay.region, ()), *dated}))
        params[name] = replace(params[name], values={**values, overlay.region: merged})
    mark = json.dumps(
        [overlay.region, {k: [[str(d), str(v)] for d, v in dated] for k, dated in added.items()}],
        sort_keys=True,
    )
    return replace(
        rule,
        params=params,
        cases=(*rule.cases, *overlay.cases.get(rule.id, ())),
        sha256=digest(f"{rule.sha256}\n{mark}"),
    )
