"""What can be wrong with an HL7 v2 message: where it stands, which code tells it, what to do.

A fault never holds what the message said: segments name patients in the clear. Its place
is built from our own tables, so that it may be logged and sent back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from domain.errors import Refusal

SEQUENCE: Final = 100
REQUIRED: Final = 101
DATA_TYPE: Final = 102
NOT_IN_TABLE: Final = 103
TOO_LONG: Final = 104
WRONG_TYPE: Final = 200
WRONG_EVENT: Final = 201
WRONG_PROCESSING: Final = 202
WRONG_VERSION: Final = 203
UNKNOWN_KEY: Final = 204
DUPLICATE_KEY: Final = 205
INTERNAL: Final = 207

CODES: Final[dict[int, str]] = {
    SEQUENCE: "Segment sequence error",
    REQUIRED: "Required field missing",
    DATA_TYPE: "Data type error",
    NOT_IN_TABLE: "Table value not found",
    TOO_LONG: "Value too long",
    WRONG_TYPE: "Unsupported message type",
    WRONG_EVENT: "Unsupported event code",
    WRONG_PROCESSING: "Unsupported processing id",
    WRONG_VERSION: "Unsupported version id",
    UNKNOWN_KEY: "Unknown key identifier",
    DUPLICATE_KEY: "Duplicate key identifier",
    INTERNAL: "Application internal error",
}
"""Codes of HL7 table 0357 that are used here, with their words."""

REJECTING: Final = frozenset({WRONG_TYPE, WRONG_EVENT, WRONG_PROCESSING, WRONG_VERSION, INTERNAL})
"""Codes that are answered AR: the header cannot be served, or the fault is ours (table 0008)."""

RULES: Final[dict[str, str]] = {
    "no-header": "The message does not begin with a segment MSH.",
    "no-frame": "Bytes came outside a frame of MLLP.",
    "half-message": "The connection ended, or a new frame began, within a message.",
    "separators": "MSH-1 and MSH-2 do not name five different signs that separate.",
    "charset": "The character set of MSH-18 is not read here.",
    "segment": "A segment has no name, or comes where it means nothing.",
    "continued": "The message is a part of a longer one.",
    "unsupported-type": "Messages of this type are not read.",
    "unsupported-event": "This trigger event is not read.",
    "unsupported-version": "This version of HL7 is not read.",
    "processing-id": "The message is not meant for production.",
    "clock": "The message's time lies outside what can be right.",
    "structure": "The message breaks the definition of its version.",
    "not-kept": "The message could not be stored; it is not at fault.",
    "not-handled": "The program failed on this message alone.",
}
"""Rule names beside those of intake (``streaming.intake.refusals.RULES``), with what they mean."""

_CODE_OF: Final[dict[str, int]] = {
    "required": REQUIRED,
    "enum": NOT_IN_TABLE,
    "too-large": TOO_LONG,
    "no-header": SEQUENCE,
    "no-frame": SEQUENCE,
    "half-message": SEQUENCE,
    "segment": SEQUENCE,
    "continued": SEQUENCE,
    "structure": SEQUENCE,
    "duplicate-id": DUPLICATE_KEY,
    "unsupported-type": WRONG_TYPE,
    "unsupported-event": WRONG_EVENT,
    "unsupported-version": WRONG_VERSION,
    "processing-id": WRONG_PROCESSING,
    "not-kept": INTERNAL,
    "not-handled": INTERNAL,
}


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a message: segment, which of its name, field, component; all count from 1.

    ``field`` and ``component`` are 0 where the whole is meant.
    """

    segment: str
    occurrence: int = 1
    field: int = 0
    component: int = 0

    def __str__(self) -> str:
        which = f"[{self.occurrence}]" if self.occurrence > 1 else ""
        field = f"-{self.field}" if self.field else ""
        part = f".{self.component}" if self.component > 1 else ""
        return f"{self.segment}{which}{field}{part}"


WHOLE: Final = Place("MSH")
"""Where a fault of the message as a whole is said to be."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong; ``rule`` is a stable name, ``cure`` one sentence for the sender."""

    place: Place
    rule: str
    cure: str

    @property
    def code(self) -> int:
        """The code of HL7 table 0357."""
        return _CODE_OF.get(self.rule, DATA_TYPE)

    @property
    def refusal(self) -> Refusal:
        """The same as a reason of a dead letter."""
        return Refusal(str(self.place), "", self.rule, self.cure)


class MessageError(Exception):
    """A message cannot be read, with all that is known to be wrong with it."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(f"{f.place} {f.rule}" for f in self.faults))


def reject(rule: str, cure: str, place: Place = WHOLE) -> MessageError:
    """An error with one fault."""
    return MessageError([Fault(place, rule, cure)])
