"""Changes of parameters: one person proposes a value from a day on, another one approves it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

OPEN: Final = "open"
APPROVED: Final = "approved"
REFUSED: Final = "refused"
WITHDRAWN: Final = "withdrawn"
OUTCOMES: Final = (APPROVED, REFUSED, WITHDRAWN)
"""How a proposal ends; it ends once."""

LONGEST_REASON: Final = 2000
MOST_PLACES: Final = 6
"""Decimal places of a value, as the rules bind it."""

Number = int | Decimal


def parse_number(text: str) -> Number | None:
    """A whole number or an exact decimal of at most 6 places, as written; None if it is neither.

    ``0.30`` stays a decimal and ``7`` a whole number: a parameter keeps its kind.
    """
    given = text.strip()
    if len(given) > 32 or not given.isascii() or "_" in given:
        return None
    try:
        value = Decimal(given)
    except InvalidOperation:
        return None
    if not value.is_finite() or "e" in given.lower():
        return None
    if "." not in given:
        return int(value)
    return value if -int(value.as_tuple().exponent) <= MOST_PLACES else None


@dataclass(frozen=True, slots=True, order=True)
class ParameterValue:
    """A value that a parameter of a check takes in a region from a day on.

    ``region`` is the start of a region code, or ``""`` where no regional value holds.
    """

    rule_id: str
    parameter: str
    region: str
    since: date
    value: Number


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a change cannot be made: the field, what is wrong in Chinese and English, and the cure."""

    field: str
    zh: str
    en: str
    cure_zh: str
    cure_en: str


@dataclass(frozen=True, slots=True)
class Ending:
    """How a proposal ended: by whom, when and why."""

    outcome: str
    by: str
    by_name: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change that somebody proposed; ``ending`` is None while it is open.

    ``before`` is the value that would hold there without it (None: there was none),
    ``rule_sha256`` the digest of the check that its proposer saw.
    """

    proposal_id: str
    change: ParameterValue
    unit: str
    before: str | None
    why: str
    by: str
    by_name: str
    at: datetime
    rule_sha256: str
    backtest_id: str | None = None
    ending: Ending | None = None

    @property
    def status(self) -> str:
        """``open``, ``approved``, ``refused`` or ``withdrawn``."""
        return OPEN if self.ending is None else self.ending.outcome

    @property
    def version(self) -> int:
        """1 while it is open, 2 when it has ended: what an If-Match is compared with."""
        return 1 if self.ending is None else 2


QUEUED: Final = "queued"
RUNNING: Final = "running"
DONE: Final = "done"
FAILED: Final = "failed"


@dataclass(frozen=True, slots=True)
class Backtest:
    """Another value of a check's parameters tried on stored claims of a period.

    ``values`` are (parameter, region, value as text). ``done`` and ``total`` count claims.
    ``result`` holds the outcome before and after as plain data once the status is ``done``;
    ``trouble`` says why it failed.
    """

    backtest_id: str
    rule_id: str
    values: tuple[tuple[str, str, str], ...]
    first: date
    last: date
    by: str
    by_name: str
    asked_at: datetime
    rules_sha256: str
    status: str = QUEUED
    done: int = 0
    total: int | None = None
    touched_at: datetime | None = None
    finished_at: datetime | None = None
    result: dict[str, Any] | None = field(default=None)
    trouble: str | None = None
