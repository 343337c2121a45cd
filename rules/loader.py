"""From files to checks: every field read strictly, every problem named with its line."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TypeVar

from domain.results import Severity, Verdict
from rules.document import Document, Key, read
from rules.facts import UNITS
from rules.problem import Problem, RuleError
from rules.rule import (
    DEFAULT_REGION,
    Basis,
    Bilingual,
    Case,
    Equivalent,
    Number,
    Param,
    Rule,
    Status,
)

CATALOG: Final = Path(__file__).resolve().parent / "catalog"
"""The rule files that ship with this version."""

REQUIRED: Final = (
    "id", "name", "status", "severity", "unit", "cause", "why", "basis", "false_positives",
    "when", "exposure", "finding", "action", "cases",
)  # fmt: skip
OPTIONAL: Final = ("params", "until", "equivalent")
EXPECTED: Final = {v.name.lower(): v for v in Verdict}
"""What ``expect`` may say."""

_ID: Final = re.compile(r"[A-Z]{3}-[0-9]{3}\Z")
_WORD: Final = re.compile(r"[a-z][a-z0-9_]*\Z")
_REGION: Final = re.compile(r"[A-Z0-9]{2,12}\Z")
E_ = TypeVar("E_", bound=StrEnum)


class Form:
    """Reads the fields of one document and collects what is wrong."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[Problem] = []

    def fail(self, code: str, message: str, cure: str, *path: Key) -> None:
        """Note a problem at that path."""
        self.problems.append(self.document.problem(code, message, cure, *path))

    def mapping(self, value: Any, *path: Key) -> dict[Any, Any]:
        """The value if it is a mapping, else an empty one with a problem noted."""
        if isinstance(value, dict):
            return value
        self.fail("RL004", f"{_place(path)} must be a mapping", "Write key: value pairs.", *path)
        return {}

    def sequence(self, value: Any, *path: Key) -> list[Any]:
        """The value if it is a list, else an empty one with a problem noted."""
        if isinstance(value, list):
            return value
        self.fail(
            "RL004", f"{_place(path)} must be a list", "Write [..] or lines with a dash.", *path
        )
        return []

    def text(self, value: Any, *path: Key) -> str:
        """The value if it is text that is not blank."""
        if isinstance(value, str) and value.strip():
            return value.strip()
        self.fail(
            "RL004",
            f"{_place(path)} must be text",
            "Write a text; quote it if it looks like a number.",
            *path,
        )
        return ""

    def day(self, value: Any, *path: Key) -> date:
        """The value if it is a date."""
        if isinstance(value, date):
            return value
        self.fail(
            "RL004",
            f"{_place(path)} must be a date",
            "Write it as 2024-03-01, without quotes.",
            *path,
        )
        return date.max

    def one_of(self, kind: type[E_], value: Any, *path: Key) -> E_:
        """The member of the enumeration."""
        try:
            return kind(value)
        except ValueError:
            allowed = ", ".join(kind)
            self.fail("RL004", f"{_place(path)} is {value!r}", f"Use one of {allowed}.", *path)
            return next(iter(kind))

    def keys(
        self,
        value: Mapping[Any, Any],
        required: tuple[str, ...],
        optional: tuple[str, ...],
        *path: Key,
    ) -> None:
        """Note every key that is unknown and every one that is missing."""
        for key in value:
            if key not in required and key not in optional:
                names = ", ".join((*required, *optional))
                self.fail(
                    "RL002",
                    f"{_place((*path, key))} is no field",
                    f"Fields here: {names}.",
                    *path,
                    key,
                )
        for key in required:
            if key not in value:
                self.fail(
                    "RL003",
                    f"{_place((*path, key))} is missing",
                    "Add it; docs/rules.md shows an example.",
                    *path,
                )

    def bilingual(self, value: Any, *path: Key) -> Bilingual:
        """A text in Chinese and English."""
        both = self.mapping(value, *path)
        self.keys(both, ("zh", "en"), (), *path)
        return Bilingual(*(self.text(both[k], *path, k) if k in both else "" for k in ("zh", "en")))

    def dated(self, value: Any, *path: Key) -> tuple[tuple[date, Number], ...]:
        """Values by first day, oldest first."""
        made: list[tuple[date, Number]] = []
        listed = self.mapping(value, *path)
        if not listed and isinstance(value, dict):
            self.fail("RL004", f"{_place(path)} has no date", "Write {2021-01-01: value}.", *path)
        for since, number in listed.items():
            day = self.day(since, *path, since)
            if isinstance(number, bool) or not isinstance(number, int | Decimal):
                self.fail(
                    "RL004",
                    f"{_place((*path, since))} must be a number",
                    "Write 15 or 0.3.",
                    *path,
                    since,
                )
                continue
            if isinstance(number, Decimal) and -int(number.as_tuple().exponent) > 6:
                self.fail(
                    "RL004", f"{number} has more than 6 decimal places", "Round it.", *path, since
                )
                continue
            made.append((day, number))
        return tuple(sorted(made))


def read_rule(path: Path) -> Rule:
    """One rule file; RuleError lists everything wrong with its form (not its meaning)."""
    document = read(path)
    form = Form(document)
    rule = _rule(form, path)
    if form.problems or rule is None:
        raise RuleError(form.problems)
    return rule


def read_overlay(
    path: Path,
) -> tuple[
    Document,
    str,
    dict[str, dict[str, tuple[tuple[date, Number], ...]]],
    dict[str, tuple[Case, ...]],
]:
    """One overlay: its document, region, rule id -> parameter -> dated values, and cases by rule."""
    document = read(path)
    form = Form(document)
    top = form.mapping(document.value)
    form.keys(top, ("region", "name", "basis", "params", "cases"), ())
    region = top.get("region", "")
    if not isinstance(region, str) or not _REGION.match(region):
        form.fail(
            "RL004",
            "region must be the start of a region code in quotes",
            'Write region: "3301".',
            "region",
        )
    form.bilingual(top.get("name", {}), "name")
    _basis(form, top.get("basis", []))
    values: dict[str, dict[str, tuple[tuple[date, Number], ...]]] = {}
    for rule_id, params in form.mapping(top.get("params", {}), "params").items():
        values[rule_id] = {
            name: form.dated(dated, "params", rule_id, name)
            for name, dated in form.mapping(params, "params", rule_id).items()
        }
    cases = {
        rule_id: _cases(form, listed, "cases", rule_id, region=region)
        for rule_id, listed in form.mapping(top.get("cases", {}), "cases").items()
    }
    if form.problems:
        raise RuleError(form.problems)
    return document, region, values, cases


def overlay(rules: list[Rule], folder: Path) -> list[Rule]:
    """The rules with a site's regional values added; RuleError if a file does not fit them."""
    problems: list[Problem] = []
    by_id = {rule.id: rule for rule in rules}
    for path in sorted(folder.glob("*.yaml")):
        document, region, values, cases = read_overlay(path)
        for rule_id in {*values, *cases}:
            if rule_id not in by_id:
                problems.append(
                    document.problem(
                        "RL030",
                        f"no check is named {rule_id}",
                        "Correct the id.",
                        "params",
                        rule_id,
                    )
                )
                continue
            rule = by_id[rule_id]
            params = dict(rule.params)
            for name, dated in values.get(rule_id, {}).items():
                place = ("params", rule_id, name)
                if name not in params:
                    problems.append(
                        document.problem(
                            "RL030",
                            f"{rule_id} has no parameter {name}",
                            f"It has: {', '.join(params)}.",
                            *place,
                        )
                    )
                    continue
                held = dict(params[name].values.get(region, ()))
                for since, _ in dated:
                    if since in held:
                        problems.append(
                            document.problem(
                                "RL031",
                                f"{rule_id} {name} already has a value for {region} from {since}",
                                "Add a later date; a past value is never edited.",
                                *place,
                                since,
                            )
                        )
                merged = tuple(sorted({**held, **dict(dated)}.items()))
                params[name] = replace(params[name], values={**params[name].values, region: merged})
            mark = json.dumps(
                [
                    region,
                    {
                        k: [[str(d), str(v)] for d, v in dated]
                        for k, dated in values.get(rule_id, {}).items()
                    },
                ],
                sort_keys=True,
            )
            by_id[rule_id] = replace(
                rule,
                params=params,
                cases=(*rule.cases, *cases.get(rule_id, ())),
                sha256=_sha(rule.sha256 + "\n" + mark),
            )
    if problems:
        raise RuleError(problems)
    return [by_id[rule.id] for rule in rules]


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
        basis=_basis(form, top["basis"]),
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
        cases=_cases(form, top["cases"], "cases"),
        equivalent=_equivalent(form, top.get("equivalent", [])),
        path=path,
        sha256=_sha(form.document.text),
    )


def _basis(form: Form, value: Any) -> tuple[Basis, ...]:
    made = []
    for i, entry in enumerate(form.sequence(value, "basis")):
        one = form.mapping(entry, "basis", i)
        form.keys(one, ("document",), ("clause", "unverified"), "basis", i)
        unverified = one.get("unverified", False)
        if not isinstance(unverified, bool):
            form.fail(
                "RL004", "unverified must be true or false", "Write unverified: true.", "basis", i
            )
            continue
        clause = one.get("clause")
        made.append(
            Basis(
                form.text(one.get("document"), "basis", i, "document"),
                None if clause is None else form.text(clause, "basis", i, "clause"),
                unverified,
            )
        )
    return tuple(made)


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
        if key != "default" and not (isinstance(key, str) and _REGION.match(key)):
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


def _cases(form: Form, value: Any, *path: Key, region: str | None = None) -> tuple[Case, ...]:
    made = []
    for i, entry in enumerate(form.sequence(value, *path)):
        place = (*path, i)
        one = form.mapping(entry, *place)
        form.keys(one, ("it", "date", "given", "expect"), ("region",), *place)
        expect = EXPECTED.get(str(one.get("expect")))
        if expect is None:
            form.fail(
                "RL020",
                f"expect is {one.get('expect')!r}",
                f"Use one of {', '.join(EXPECTED)}.",
                *place,
                "expect",
            )
            continue
        stated = one.get("region", region)
        if stated is not None and not (isinstance(stated, str) and _REGION.match(stated)):
            form.fail(
                "RL020",
                f"region is {stated!r}",
                'Write a region code in quotes: "330100".',
                *place,
                "region",
            )
            continue
        made.append(
            Case(
                it=form.text(one.get("it"), *place, "it"),
                date=form.day(one.get("date"), *place, "date"),
                given=form.mapping(one.get("given"), *place, "given"),
                expect=expect,
                region=stated,
                line=form.document.line(*place),
                path=form.document.path,
            )
        )
    return tuple(made)


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


def _place(path: tuple[Key, ...]) -> str:
    return ".".join(str(step) for step in path) or "the file"


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
