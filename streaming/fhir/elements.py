"""A cursor over a resource: typed reads that note what is wrong, where (FHIRPath), and what was read.

A value is read from the JSON as it came and never from a model's copy: numbers keep their
digits, text that only looks like a number stays text. A reader that finds nothing gives
None; one that finds the wrong thing notes a fault and gives None too, so that one look
at a resource tells all its faults.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

Json = Mapping[str, Any]

DATE: Final = re.compile(r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?\Z", re.ASCII)
INSTANT: Final = re.compile(
    r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d{1,12})?"
    r"(Z|[+-]((0\d|1[0-3]):[0-5]\d|14:00))\Z",
    re.ASCII,
)
_DAY: Final = 10
_FIRST_YEAR: Final = "0002"
_LAST_YEAR: Final = "9998"
_EXACT: Final = 15
"""Significant digits that a binary float of JSON gives back as they were written (IEEE 754)."""
_WIDEST: Final = 24
"""Digits of a number at most: more is no amount, and costs time."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a resource: where (FHIRPath), a stable name, and what to do."""

    element: str
    rule: str
    reason: str


@dataclass(slots=True)
class Element:
    """An object of a resource, with its FHIRPath; ``faults`` is shared by the whole resource."""

    value: Json
    path: str
    faults: list[Fault]
    read: dict[str, dict[int, Element]] = field(default_factory=dict)
    """The children that were read: name -> identity of the value -> its cursor, for lists are long."""

    def __contains__(self, name: str) -> bool:
        return self.value.get(name) is not None

    def refuse(self, name: str, rule: str, reason: str) -> None:
        """Note a fault at a child, or at the object itself (name ``""``)."""
        self.faults.append(Fault(self.at(name), rule, reason))

    def at(self, name: str) -> str:
        """The FHIRPath of a child."""
        return f"{self.path}.{name}" if name else self.path

    def take(self, name: str) -> Any:
        """The raw value of a child, marked as read; None if absent."""
        self.read.setdefault(name, {})
        return self.value.get(name)

    def one(self, name: str) -> Element | None:
        """A child object."""
        found = self.take(name)
        if found is None:
            return None
        if not isinstance(found, Mapping):
            self.refuse(name, "type", f"Write {name} as an object.")
            return None
        return self._child(name, found, self.at(name))

    def many(self, name: str) -> list[Element]:
        """The objects of a list; a place that is no object is a fault."""
        found = self.take(name)
        if found is None:
            return []
        if not isinstance(found, Sequence) or isinstance(found, str):
            self.refuse(name, "type", f"Write {name} as a list of objects.")
            return []
        children = []
        for place, one in enumerate(found):
            if isinstance(one, Mapping):
                children.append(self._child(name, one, f"{self.at(name)}[{place}]"))
            else:
                self.refuse(f"{name}[{place}]", "type", "Write an object.")
        return children

    def only(self, name: str, why: str) -> Element | None:
        """The one object of a list; several are a fault, told with ``why``."""
        found = self.many(name)
        if len(found) > 1:
            self.refuse(name, "several", why)
            return None
        return found[0] if found else None

    def _child(self, name: str, value: Json, path: str) -> Element:
        known = self.read[name].get(id(value))
        if known is None:
            known = self.read[name][id(value)] = Element(value, path, self.faults)
        return known

    def text(self, name: str) -> str | None:
        """A text that has something to see in it."""
        found = self.take(name)
        if found is None:
            return None
        if not isinstance(found, str):
            self.refuse(name, "type", f"Write {name} as text.")
            return None
        if not found.strip():
            self.refuse(name, "required", f"Leave {name} out, or write what it is.")
            return None
        return found

    def word(self, name: str, words: Mapping[str, str] | frozenset[str]) -> str | None:
        """A code of a fixed list, as ours where the list is a mapping."""
        found = self.text(name)
        if found is None:
            return None
        if found not in words:
            self.refuse(name, "enum", f"Use one of {', '.join(sorted(words))}.")
            return None
        return words[found] if isinstance(words, Mapping) else found

    def flag(self, name: str) -> bool | None:
        """True or false."""
        found = self.take(name)
        if found is None or isinstance(found, bool):
            return found
        self.refuse(name, "type", f"Write {name} as true or false.")
        return None

    def whole(self, name: str, least: int = -(2**31)) -> int | None:
        """A whole number of 32 bits."""
        found = self.take(name)
        if found is None:
            return None
        if isinstance(found, bool) or not isinstance(found, int):
            self.refuse(name, "type", f"Write {name} as a whole number.")
            return None
        if not least <= found < 2**31:
            self.refuse(name, "range", f"Give {name} between {least} and {2**31 - 1}.")
            return None
        return found

    def decimal(self, name: str, places: int) -> Decimal | None:
        """A decimal number with at most so many places, digit for digit."""
        found = self.take(name)
        if found is None:
            return None
        number = exact(found)
        if number is None:
            self.refuse(name, "type", f"Write {name} as a JSON number of at most {_EXACT} digits.")
            return None
        exponent = number.normalize().as_tuple().exponent
        if not isinstance(exponent, int) or -exponent > places or number.adjusted() > _EXACT:
            self.refuse(name, "range", f"Give {name} with at most {places} decimal places.")
            return None
        return number

    def instant(self, name: str) -> str | None:
        """A dateTime to the second with its offset; a day alone is a fault."""
        found = self.text(name)
        if found is None:
            return None
        if not is_instant(found):
            self.refuse(name, "format", f"Give {name} to the second with its offset, such as 2025-03-03T09:20:00+08:00.")  # fmt: skip
            return None
        return found

    def moment(self, name: str) -> tuple[str | None, str | None]:
        """A dateTime as a day or an instant, whichever was given; a month or a year is a fault."""
        found = self.text(name)
        if found is None:
            return None, None
        if is_instant(found):
            return None, found
        if is_day(found):
            return found, None
        self.refuse(name, "format", f"Give {name} at least to the day; with a time, to the second and with its offset.")  # fmt: skip
        return None, None

    def day(self, name: str) -> str | None:
        """A calendar date; a month or a year alone is a fault."""
        found = self.text(name)
        if found is None:
            return None
        if not is_day(found):
            self.refuse(name, "format", f"Write {name} as a day that exists, YYYY-MM-DD.")
            return None
        return found

    def unread(self) -> Iterator[str]:
        """The paths of what was given and not read."""
        for name, value in self.value.items():
            if name in _BESIDE:
                continue
            if name not in self.read:
                yield self.at(name)
                continue
            children = self.read[name]
            if children and isinstance(value, list):
                for place, one in enumerate(value):
                    if id(one) not in children:
                        yield f"{self.at(name)}[{place}]"
            for child in children.values():
                yield from child.unread()


_BESIDE: Final = frozenset({"resourceType", "id", "meta", "text", "language", "display"})
"""What says nothing of a stay or an order."""


def exact(value: Any) -> Decimal | None:
    """The number that a JSON number was written as; None if that cannot be told.

    A float has lost its digits; up to 15 of them its shortest text is what was written.
    """
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int):
        return Decimal(value) if value.bit_length() <= 3 * _WIDEST else None
    if isinstance(value, float):
        number = Decimal(repr(value))
        return number if number.is_finite() and len(number.as_tuple().digits) <= _EXACT else None
    if isinstance(value, Decimal):
        try:
            fits = value.is_finite() and len(value.as_tuple().digits) <= _WIDEST
        except InvalidOperation:
            return None
        return value if fits and abs(value.adjusted()) <= _WIDEST else None
    return None


def is_instant(text: str) -> bool:
    """Whether it is a dateTime to the second with offset that exists."""
    if not INSTANT.match(text):
        return False
    try:
        datetime.fromisoformat(f"{text[:17]}00{text[-1] if text[-1] == 'Z' else text[-6:]}")
    except ValueError:
        return False
    # Intake leaves a year at each end for the change to local time.
    return text[17:19] != "60" and _FIRST_YEAR <= text[:4] <= _LAST_YEAR


def is_day(text: str) -> bool:
    """Whether it is a day that exists."""
    if len(text) != _DAY or not DATE.match(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def plain(number: Decimal) -> str:
    """A decimal as text without exponent, its digits kept."""
    return f"{number:f}"
