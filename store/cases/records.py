"""What the store gives and takes of cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from domain.access import ALL_ROWS, Rows
from domain.casework import Event, State
from store.errors import StoreError

Row = dict[str, Any]


class StaleCaseError(StoreError):
    """Somebody changed the case since it was read; ``version`` is the one now, ``changes`` what happened."""

    def __init__(self, where: str, version: int, changes: Sequence[TimelineEntry]) -> None:
        self.version = version
        self.changes = list(changes)
        super().__init__(
            "the case was changed by somebody else meanwhile",
            where=where,
            cure="Read the case again, look at what changed, and decide anew.",
        )


class HeldAlertError(StoreError):
    """An alert lies in another case that is not closed; ``held`` maps alert to that case's number."""

    def __init__(self, where: str, held: Mapping[str, str]) -> None:
        self.held = dict(held)
        numbers = ", ".join(sorted(set(held.values()))) or "another case"
        super().__init__(
            f"an alert lies in the case {numbers} already",
            where=where,
            cure="Work on that case, or take the alert out of it first.",
        )


class QuotaError(StoreError):
    """The files of a case would be too many or too large together."""


class CaseSort(StrEnum):
    """The orders of cases: clock first to end first, amounts largest first, the others latest first."""

    CLOCK = "clock"
    NEWEST = "newest"
    EXPOSURE = "exposure"


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """Which cases to list; every condition given must hold.

    ``overdue`` compares the clock that runs with that instant. ``text`` is looked for in number,
    title, hospital and the stays of the case, without regard to case. ``open_only`` leaves out
    those closed. ``rows`` are what the caller may see.
    """

    status: str | None = None
    assignee: str | None = None
    provider_id: str | None = None
    currency: str | None = None
    min_exposure_fen: int | None = None
    overdue: datetime | None = None
    open_only: bool = False
    text: str | None = None
    rows: Rows = ALL_ROWS


@dataclass(frozen=True, slots=True)
class CaseAfter:
    """The place after which a page starts: the sort key and id of the last row read."""

    key: int | str | None
    case_id: str


@dataclass(frozen=True, slots=True)
class CasePage:
    """Rows of one page and where the next one starts; None after the last page."""

    rows: Sequence[Row]
    after: CaseAfter | None


@dataclass(frozen=True, slots=True)
class CaseSums:
    """What a filter finds, per currency: cases, money at stake, money recovered of those closed."""

    currency: str
    cases: int
    exposure_fen: int
    recovered_fen: int


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """An event with its number and the version of the case that it led to."""

    event_id: int
    version: int
    event: Event


@dataclass(frozen=True, slots=True)
class CaseRecord:
    """A case: its row, its state, what happened, comments, and files without their contents."""

    row: Row
    state: State
    timeline: Sequence[TimelineEntry]
    comments: Sequence[Row] = ()
    attachments: Sequence[Row] = ()


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file as it is given: its safe name, media type and contents."""

    name: str
    kind: str
    body: bytes = field(repr=False)
