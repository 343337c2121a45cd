"""A check as read from its file: the nouns of the rule format of DESIGN.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from domain.results import Severity, Verdict

DEFAULT_REGION: Final = ""
"""The region of values that hold where no regional value does."""

Number = int | Decimal
"""The value of a parameter: a whole number or an exact decimal."""


class Status(StrEnum):
    """Where a check is in its life; only ``active`` ones judge."""

    DRAFT = "draft"
    SHADOW = "shadow"
    ACTIVE = "active"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class Bilingual:
    """A text in Chinese and English."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Basis:
    """What a check rests on; ``unverified`` if the document itself was not checked."""

    document: str
    clause: str | None = None
    unverified: bool = False


@dataclass(frozen=True, slots=True)
class Param:
    """A threshold: region -> (first day, value), oldest first, in ``unit``.

    The region ``""`` is the default. A claim takes the value of the longest key that its
    region code starts with (``330100``, then ``3301``, then ``33``, then the default)
    and that has a value on the date of service.
    """

    name: str
    unit: str
    values: Mapping[str, tuple[tuple[date, Number], ...]]

    @property
    def constant(self) -> Number | None:
        """The value if there is only one, whatever date and region; else None."""
        if set(self.values) == {DEFAULT_REGION} and len(self.values[DEFAULT_REGION]) == 1:
            return self.values[DEFAULT_REGION][0][1]
        return None

    def value(self, region: str | None, on: date) -> Number | None:
        """The value for a region code on a day; None before the first."""
        keys = sorted(
            (k for k in self.values if k == DEFAULT_REGION or (region or "").startswith(k)),
            key=len,
            reverse=True,
        )
        for key in keys:
            held = [value for since, value in self.values[key] if since <= on]
            if held:
                return held[-1]
        return None


@dataclass(frozen=True, slots=True)
class Case:
    """A test of a check: facts given, verdict expected. Facts not given are null."""

    it: str
    date: date
    given: Mapping[str, Any]
    expect: Verdict
    region: str | None = None
    line: int = 1
    path: str = ""


@dataclass(frozen=True, slots=True)
class Equivalent:
    """A mutant that no case can kill, because it means the same; ``why`` says so."""

    mutant: str
    why: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One check. ``when`` maps the first day of each version to its predicate.

    ``until`` is the first day on which the check is no longer in force. ``sha256`` is
    the digest of the file's text and of the overlay values that it takes.
    """

    id: str
    name: Bilingual
    status: Status
    severity: Severity
    unit: str
    cause: str
    why: Bilingual
    basis: tuple[Basis, ...]
    false_positives: tuple[str, ...]
    params: Mapping[str, Param]
    when: Mapping[date, str]
    until: date | None
    exposure: str
    finding: Bilingual
    action: Bilingual
    cases: tuple[Case, ...]
    equivalent: tuple[Equivalent, ...]
    path: Path
    sha256: str

    @property
    def family(self) -> str:
        """The three letters before the dash, such as ``ADM``."""
        return self.id.split("-", 1)[0]

    @property
    def since(self) -> date:
        """The first day on which the check is in force."""
        return min(self.when)
