"""Reading the fields of a document, with every problem noted at its line."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, TypeVar

from domain.results import Verdict
from rules.document import Document, Key
from rules.problem import Problem
from rules.rule import Basis, Bilingual, Case, Number

EXPECTED: Final = {v.name.lower(): v for v in Verdict}
"""What ``expect`` may say."""
REGION: Final = re.compile(r"[A-Z0-9]{2,12}\Z")
"""What a region key looks like: the start of a region code."""
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
        self.fail("RL004", f"{place(path)} must be a mapping", "Write key: value pairs.", *path)
        return {}

    def sequence(self, value: Any, *path: Key) -> list[Any]:
        """The value if it is a list, else an empty one with a problem noted."""
        if isinstance(value, list):
            return value
        self.fail(
            "RL004", f"{place(path)} must be a list", "Write [..] or lines with a dash.", *path
        )
        return []

    def text(self, value: Any, *path: Key) -> str:
        """The value if it is text that is not blank."""
        if isinstance(value, str) and value.strip():
            return value.strip()
        self.fail(
            "RL004",
            f"{place(path)} must be text",
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
            f"{place(path)} must be a date",
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
            self.fail("RL004", f"{place(path)} is {value!r}", f"Use one of {allowed}.", *path)
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
                    f"{place((*path, key))} is no field",
                    f"Fields here: {names}.",
                    *path,
                    key,
                )
        for key in required:
            if key not in value:
                self.fail(
                    "RL003",
                    f"{place((*path, key))} is missing",
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
            self.fail("RL004", f"{place(path)} has no date", "Write {2021-01-01: value}.", *path)
        for since, number in listed.items():
            day = self.day(since, *path, since)
            if isinstance(number, bool) or not isinstance(number, int | Decimal):
                self.fail(
                    "RL004",
                    f"{place((*path, since))} must be a number",
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


def read_basis(form: Form, value: Any) -> tuple[Basis, ...]:
    """The entries of ``basis``."""
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


def read_cases(form: Form, value: Any, *path: Key, region: str | None = None) -> tuple[Case, ...]:
    """The entries of ``cases``; ``region`` is that of an overlay's cases."""
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
        if stated is not None and not (isinstance(stated, str) and REGION.match(stated)):
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


def place(path: tuple[Key, ...]) -> str:
    """The path as people write it, such as ``params.window_days``."""
    return ".".join(str(step) for step in path) or "the file"


def digest(text: str) -> str:
    """SHA-256 of the text as 64 hex digits."""
    return hashlib.sha256(text.encode()).hexdigest()
