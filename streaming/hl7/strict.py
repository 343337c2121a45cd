"""Strict checking: a message against the definition of its version, by hl7apy.

It knows the segments, groups, cardinalities, data types and lengths of versions 2.1 to
2.8.2. It is slow (about a hundred times our own reading, decision 0047) and few senders
keep to all of it, so it is asked for: `sentinel hl7 listen --strict`.
"""

from __future__ import annotations

import re
from typing import Final

from hl7apy import SUPPORTED_LIBRARIES
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.exceptions import HL7apyException
from hl7apy.parser import parse_message
from hl7apy.validation import Validator

from streaming.hl7.faults import Fault, MessageError, Place
from streaming.hl7.text import Message

_TOLD: Final = re.compile(r"\b([A-Z][A-Z0-9]{2})(?:[._](\d{1,3}))?\b")
MOST_OCTETS: Final = 256 * 1024
MOST_IN_FIELD: Final = 8 * 1024
MOST_FIELDS: Final = 1_000
MOST_REPETITIONS: Final = 500
"""What hl7apy is given of a message, of one field, and of one segment: its time grows with the square of the
parts of an element, and one message must not hold up the others for minutes."""

_UNGROUPED: Final = frozenset({"ORM"})
"""Types whose groups hl7apy has wrong: of the details of an ORM it wants all kinds at once."""


def check(message: Message) -> None:
    """MessageError if hl7apy does not find the message valid in its version."""
    version = message.header.version
    if version not in SUPPORTED_LIBRARIES:
        raise MessageError(
            [
                _fault(
                    Place("MSH", field=12),
                    "Send a version from 2.1 to 2.8.2, or leave --strict off.",
                )
            ]
        )
    text = "\r".join(message.segments[0].signs.field.join(s.fields) for s in message.segments[1:])
    header = message.segments[0]
    first = "MSH" + header.signs.field + header.signs.field.join(header.fields[2:])
    whole = f"{first}\r{text}\r"
    if len(whole) > MOST_OCTETS:
        raise MessageError(
            [_fault(Place("MSH"), f"Send at most {MOST_OCTETS} characters where --strict is on.")]
        )
    for segment in message.segments[1:]:
        crowded = segment.signs.repetition
        if len(segment.fields) > MOST_FIELDS or any(
            len(f) > MOST_IN_FIELD or f.count(crowded) > MOST_REPETITIONS for f in segment.fields
        ):
            raise MessageError(
                [_fault(segment.place(), "Send shorter fields where --strict is on.")]
            )
    try:
        # Read leniently, so that the validator finds what is wrong and not the parser its end.
        grouped = message.header.type not in _UNGROUPED
        parsed = parse_message(
            whole, validation_level=VALIDATION_LEVEL.TOLERANT, find_groups=grouped
        )
        for element in [parsed] if grouped else parsed.children:
            Validator.validate(element)
    except HL7apyException as error:
        raise MessageError(
            [_fault(_place(str(error)), f"Keep to version {version}: hl7apy says {_kind(error)}.")]
        ) from None
    except Exception as error:
        raise MessageError(
            [_fault(Place("MSH"), f"Keep to version {version}: hl7apy fails with {_kind(error)}.")]
        ) from None


def _kind(error: BaseException) -> str:
    """The name of the error: its text may quote the message."""
    return type(error).__name__


def _place(text: str) -> Place:
    """The segment, and the field if it is named, that the validator speaks of."""
    found = list(_TOLD.finditer(text))
    if not found:
        return Place("MSH")
    told = next((m for m in reversed(found) if m[2]), found[0])
    return Place(told[1], 1, int(told[2] or 0))


def _fault(place: Place, cure: str) -> Fault:
    return Fault(place, "structure", cure)
