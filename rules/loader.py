"""From files to checks: every field read strictly, every problem named with its line."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any, Final

from domain.results import Severity
from rules.document import read
from rules.facts import UNITS
from rules.form import REGION, Form, digest, read_basis, read_cases
from rules.problem import RuleError
from rules.rule import DEFAULT_REGION, Equivalent, Number, Param, Rule, Status

CATALOG: Final = Path(__file__).resolve().parent / "catalog"
"""The rule files that ship with this version."""

REQUIRED: Final = (
    "id", "name", "status", "severity", "unit", "cause", "why", "basis", "false_positives",
    "when", "exposure", "finding", "action", "cases",
)  # fmt: skip
OPTIONAL: Final = ("params", "until", "equivalent")
_ID: Final = re.compile(r"[A-Z]{3}-[0-9]{3}\Z")
_WORD: Final = re.compile(r"[a-z][a-z0-9_]*\Z")


def read_rule(path: Path) -> Rule:
    """One rule file; RuleError lists everything wrong with its form (not its meaning)."""
    document = read(path)
    form = Form(document)
    rule = _rule(form, path)
    if form.problems or rule is None:
        raise RuleError(form.problems)
    return rule


def _rule(form: Form, path: Path) -> Rule | None:
    top = form.mapping(form.document.value)
    form.keys(top, REQUIRED, OPTIONAL)
    if any(p.code in ("RL003", "RL004") for p in form.problems):
        return None

    def word(key: str) -> str:
        value = form.text(top[key], key)
        if value and not _WORD.match(value):
            form.fail("RL004", f"{key} is {value!r}", "Use small letters, digits and _.", key)
        return value

    rule_id = form.text(top["id"], "id")
    if not _ID.match(rule_id):
        form.fail(
            "RL004",
            f"id is {rule_id!r}",
            "Write three capitals, a dash and three digits: ADM-003.",
            "id",
        )
    if top["unit"] not in UNITS:
        form.fail("RL004", f"unit is {top['unit']!r}", f"Use one of {', '.join(UNITS)}.", "unit")
    when = {
        form.day(since, "when", since): form.text(sql, "when", since)
        for since, sql in form.mapping(top["when"], "when").items()
    }
    if not when:
        form.fail("RL004", "when has no date", "Write {2021-01-01: predicate}.", "when")
        return None
    return Rule(
        id=rule_id,
        name=form.bilingual(top["name"], "name"),
        status=form.one_of(Status, top["status"], "status"),
        severity=form.one_of(Severity, top["severity"], "severity"),
        unit=str(top["unit"]),
        cause=word("cause"),
        why=form.bilingual(top["why"], "why"),
        basis=read_basis(form, top["basis"]),
        false_positives=tuple(
            form.text(t, "false_positives", i)
            for i, t in enumerate(form.sequence(top["false_positives"], "false_positives"))
        ),
        params={
            name: _param(form, name, value)
            for name, value in form.mapping(top.get("params", {}), "params").items()
        },
        when=dict(sorted(when.items())),
        until=form.day(top["until"], "until") if "until" in top else None,
        exposure=form.text(top["exposure"], "exposure"),
        finding=form.bilingual(top["finding"], "finding"),
        action=form.bilingual(top["action"], "action"),
        cases=read_cases(form, top["cases"], "cases"),
        equivalent=_equivalent(form, top.get("equivalent", [])),
        path=path,
        sha256=digest(form.document.text),
    )


def _param(form: Form, name: Any, value: Any) -> Param:
    if not isinstance(name, str) or not _WORD.match(name):
        form.fail(
            "RL004", f"parameter {name!r}", "Use small letters, digits and _.", "params", name
        )
    body = form.mapping(value, "params", name)
    for key in ("unit", "default"):
        if key not in body:
            form.fail("RL003", f"params.{name}.{key} is missing", "Add it.", "params", name)
    values: dict[str, tuple[tuple[date, Number], ...]] = {}
    for key, dated in body.items():
        if key == "unit":
            continue
        if key != "default" and not (isinstance(key, str) and REGION.match(key)):
            form.fail(
                "RL002",
                f"params.{name}.{key} is neither unit, default nor a region",
                'Write a region code in quotes: "330100".',
                "params",
                name,
                key,
            )
            continue
        region = DEFAULT_REGION if key == "default" else str(key)
        values[region] = form.dated(dated, "params", name, key)
    return Param(str(name), form.text(body.get("unit"), "params", name, "unit"), values)


def _equivalent(form: Form, value: Any) -> tuple[Equivalent, ...]:
    made = []
    for i, entry in enumerate(form.sequence(value, "equivalent")):
        one = form.mapping(entry, "equivalent", i)
        form.keys(one, ("mutant", "why"), (), "equivalent", i)
        made.append(
            Equivalent(
                form.text(one.get("mutant"), "equivalent", i, "mutant"),
                form.text(one.get("why"), "equivalent", i, "why"),
            )
        )
    return tuple(made)
