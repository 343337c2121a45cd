"""Rows of an event while they are read, each value with the place that it came from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from domain.orders import MEMBER
from domain.schema import Field, Kind
from streaming.hl7.faults import Fault, MessageError, Place
from streaming.hl7.places import SYSTEM, Home
from streaming.hl7.profile import Profile
from streaming.hl7.text import Segment
from streaming.hl7.times import is_to_the_hour, read_date, read_instant

UNSAID: Final = "-"
"""What senders write into a required field that they know nothing for."""
_WHOLE: Final = re.compile(r"[+-]?\d{1,18}(?:\.0+)?")
_TRUE: Final = {"y": True, "1": True, "true": True, "n": False, "0": False, "false": False}


class Row:
    """One row of a member: its values, and where each stands in the message."""

    def __init__(self, member: str) -> None:
        self.member = MEMBER[member]
        self.values: dict[str, Any] = {}
        self.places: dict[str, Place] = {}

    def put(self, name: str, value: Any, place: Place) -> None:
        """Note a value; nothing where there is none or the field has one already."""
        if value is not None and value != "" and name not in self.values:
            self.values[name] = value
            self.places[name] = place

    def over(self, name: str, value: Any, place: Place) -> None:
        """Note a value in place of what is there."""
        self.values.pop(name, None)
        self.put(name, value, place)

    def read(self, homes: Iterable[Home], segments: Sequence[Segment], profile: Profile) -> None:
        """Read the fields that have a place in these segments."""
        by_name: dict[str, Segment] = {}
        for segment in segments:
            by_name.setdefault(segment.name, segment)
        for home in homes:
            found = by_name.get(home.segment)
            if found is None or home.name in self.values:
                continue
            text = found.text(home.field, home.component)
            if text and text != UNSAID:
                place = found.place(home.field, home.component)
                self.put(home.name, value_of(home, text, profile, place), place)


def value_of(home: Home, text: str, profile: Profile, place: Place) -> Any:
    """A value as the canonical form has it; MessageError with its place if it is none."""
    match home.form:
        case "code":
            found = profile.code(home.table, text)
            if found is None:
                raise _fault(
                    place,
                    "enum",
                    f"Use a code of table {home.table}, or map yours to it in the profile (docs/hl7.md).",
                )
            return found
        case "date":
            return _date(text, profile, place)
        case "instant":
            # What is known to the day goes into the field of the date beside it.
            return (
                _instant(text, profile, place)
                if is_to_the_hour(text)
                else _date(text, profile, place) and None
            )
        case "integer":
            return _integer(text, place)
    return text


def typed(field: Field, text: str, profile: Profile, place: Place) -> Any:
    """A named value as its field's kind has it."""
    match field.kind:
        case Kind.INTEGER | Kind.MONEY:
            return _integer(text, place)
        case Kind.FLAG:
            if text.lower() not in _TRUE:
                raise _fault(place, "type", f"Write {field.name} as Y or N.")
            return _TRUE[text.lower()]
        case Kind.DATE:
            return _date(text, profile, place)
        case Kind.INSTANT:
            return _instant(text, profile, place)
    return text


def named_values(segments: Iterable[Segment]) -> list[tuple[str, str, str, Place]]:
    """The values that our own OBX hold: name, number of the row, text, place."""
    found = []
    for segment in segments:
        if segment.name == "OBX" and segment.text(3, 3) == SYSTEM:
            text = segment.text(5)
            if text:
                found.append((segment.text(3), segment.text(4), text, segment.place(5)))
    return found


def put_named(row: Row, name: str, text: str, profile: Profile, place: Place) -> None:
    """Note a named value, over what stands elsewhere. MessageError if the row has no such field."""
    if name not in row.member.fields:
        raise _fault(
            Place(place.segment, place.occurrence, 3), "enum",
            f"Name a field of {row.member.table.name} in OBX-3, or use another coding system.",
        )  # fmt: skip
    row.over(name, typed(row.member.table[name], text, profile, place), place)


def _fault(place: Place, rule: str, cure: str) -> MessageError:
    return MessageError([Fault(place, rule, cure)])


def _date(text: str, profile: Profile, place: Place) -> str:
    found = read_date(text, profile.zone)
    if found is None:
        raise _fault(place, "format", "Write a day that exists as YYYYMMDD.")
    return found


def _instant(text: str, profile: Profile, place: Place) -> str:
    found = read_instant(text, profile.zone)
    if found is None:
        raise _fault(
            place, "format", "Write a time that exists as YYYYMMDDHHMMSS, with its offset as +0800."
        )
    return found.isoformat()


def _integer(text: str, place: Place) -> int:
    if not _WHOLE.fullmatch(text):
        raise _fault(place, "type", "Write a whole number.")
    return int(text.partition(".")[0])
