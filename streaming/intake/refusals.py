"""Why a record was set aside: the stable rule names, their cures, and what may be shown.

Nothing here shows personal data: the value of a personal field reads ``<personal>``,
and a value whose field the schema does not know reads ``<not shown>``, for it may be
anything.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from domain.claim import ID
from domain.errors import Refusal
from domain.schema import DECIMAL_DIGITS, Field, Kind

RULES: Final = {
    "required": "A required field is absent, null or blank.",
    "type": "The value has another type than the field.",
    "enum": "The value is not in the field's code list.",
    "format": "The text does not have the form of the field, or the record that of its format.",
    "range": "A number is below or above its bounds, or a text is too long for its field.",
    "not-json": "The line is not one JSON value.",
    "not-utf8": "The bytes are not text in the stated encoding.",
    "duplicate-id": "An identifier that must be unique occurs before.",
    "too-large": "A record, text or list exceeds the limits of intake.",
    "too-deep": "The record is nested deeper than the limits of intake.",
    "negative-amount": "An amount or quantity is below zero and takes nothing back.",
    "unknown-field": "The schema has no such field.",
    "not-finite": "NaN or an infinity stands where a number belongs.",
    "mismatch": "Two fields of the record contradict each other.",
    "unknown-zone": "The time zone is not in the IANA list.",
}
"""Every rule name that intake uses, with what it means."""

PERSONAL: Final = "<personal>"
NOT_SHOWN: Final = "<not shown>"
RECORD: Final = "(record)"
"""The field path of a reason that concerns the record as a whole."""
_CUT: Final = 120
_HARMLESS: Final = re.compile(r"|.|[-+0-9.:]{1,10}|<personal>|(array|object) of \d+( fields)?")
_KIND_OF_ERROR: Final = re.compile(r"[A-Za-z]+(Error|Exception|Warning)")
_OWN_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,40}(\[\d+\])?|\((record|row group)\)")

_KIND: Final = {
    Kind.TEXT: "text",
    Kind.CODE: "text",
    Kind.INTEGER: "a whole number",
    Kind.MONEY: "a whole number of fen (hundredths of the currency)",
    Kind.DECIMAL: 'a decimal number in text, such as "12.5"',
    Kind.NUMBER: "a number",
    Kind.DATE: "a date in text, YYYY-MM-DD",
    Kind.INSTANT: "an instant in text with its offset, such as 2024-03-01T08:30:00+08:00",
    Kind.FLAG: "true or false",
}


@dataclass(frozen=True, slots=True)
class SetAside:
    """A record that was set aside: where it stood, what it was, and all its reasons.

    ``number`` is the line, row or record from 1; ``offset`` and ``length`` count bytes
    of the (decompressed) source and are None for Parquet rows, whose ``raw`` is the
    canonical JSON of the row. ``sha256`` is that of the original bytes. ``record_id``
    is the stay_id if it could be read. Holds no personal data but in ``raw``.
    """

    source: str
    number: int
    offset: int | None
    length: int
    sha256: str
    record_id: str | None
    reasons: tuple[Refusal, ...]
    raw: bytes | None = field(default=None, repr=False)


class Reasons:
    """The refusals of a batch by record, in the order found; one a path and rule."""

    def __init__(self) -> None:
        self._found: defaultdict[int, dict[tuple[str, str], Refusal]] = defaultdict(dict)
        self._paths: set[tuple[int, str]] = set()

    def add(self, record: int, refusal: Refusal) -> None:
        """Note a reason; the same rule on the same path is noted once."""
        self._found[record].setdefault((refusal.field, refusal.rule), refusal)
        self._paths.add((record, refusal.field))

    def covers(self, record: int, path: str) -> bool:
        """Whether that path, or the list element or list that it lies in, has a reason already."""
        element, _, _ = path.rpartition(".")
        listed, _, _ = element.partition("[")
        return any((record, p) in self._paths for p in (path, element, listed) if p)

    def of(self, record: int) -> tuple[Refusal, ...]:
        """All reasons of a record; empty if it is good."""
        return tuple(self._found[record].values()) if record in self._found else ()

    @property
    def records(self) -> set[int]:
        """The records with at least one reason."""
        return set(self._found)

    def __iter__(self) -> Iterator[int]:
        return iter(sorted(self._found))


def refuse(
    rule: str, path: str, value: Any, field: Field | None, cure: str | None = None
) -> Refusal:
    """A refusal with the value cut or hidden and a cure that speaks of the field."""
    return Refusal(
        field=path, value=show(value, field), rule=rule, cure=cure or describe_cure(rule, field)
    )


def show(value: Any, field: Field | None) -> str:
    """The value as text of at most 120 characters; personal and unknown values are hidden."""
    if value is None:
        return ""
    if field is None:
        return NOT_SHOWN
    if field.privacy is not None:
        return PERSONAL
    if isinstance(value, dict):
        return f"object of {len(value)} fields"
    if isinstance(value, list):
        return f"array of {len(value)}"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and value.bit_length() > 400:  # beyond the digits that are shown
        return "a number of more than 120 digits"
    text = str(value) if not isinstance(value, Decimal) else f"{value:.20g}"
    text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[: _CUT + 1])
    return text if len(text) <= _CUT else text[: _CUT - 1] + "…"


def shield(reasons: Iterable[Refusal]) -> tuple[Refusal, ...]:
    """The reasons without anything that could name a person, for places that others read.

    A source that shifts its columns sends a name as a date and a telephone number as a
    code: a field that is not personal is no promise of what stands in it. What is left
    of values is a number or day of at most ten characters, too short for a telephone
    or identity number, or a single character; of unknown fields, names like ours.
    """
    return tuple(
        Refusal(
            field=".".join(
                part if _OWN_NAME.fullmatch(part) else NOT_SHOWN for part in one.field.split(".")
            ),
            # Outside intake's own rules the worker speaks, and names the kind of an error.
            value=one.value
            if _HARMLESS.fullmatch(one.value)
            or (one.rule not in RULES and _KIND_OF_ERROR.fullmatch(one.value))
            else NOT_SHOWN,
            rule=one.rule,
            cure=one.cure,
        )
        for one in reasons
    )


def describe_cure(rule: str, field: Field | None) -> str:
    """What to do about that rule on that field, in one sentence."""
    if field is None:
        return _GENERAL.get(rule, "Correct the record and send it again.")
    named = f"{field.name} ({field.zh})"
    match rule:
        case "required":
            return f"Fill {named}: {field.meaning}"
        case "type":
            return f"Write {named} as {_KIND[field.kind]}."
        case "enum":
            return f"Use a code of {named}: {', '.join(field.codes or ())}. Map local codes before sending."
        case "format":
            return _cure_format(field, named)
        case "range":
            return _cure_range(field, named)
        case "not-finite":
            return f"Write {named} as {_KIND[field.kind]}, or leave it out if it is not known."
        case "negative-amount":
            return f"Give {named} as zero or more; only a charge line whose reverses_line_id names another line of the claim may be negative."
        case "unknown-zone":
            return f"Name {named} as in the IANA list, such as Asia/Shanghai."
        case _:
            return _GENERAL.get(rule, f"Correct {named} and send the record again.")


def _cure_format(field: Field, named: str) -> str:
    match field.kind:
        case Kind.DATE:
            return f"Write {named} as a day that exists, YYYY-MM-DD."
        case Kind.INSTANT:
            return f"Write {named} with seconds and offset, such as 2024-03-01T08:30:00+08:00."
        case Kind.DECIMAL:
            whole = DECIMAL_DIGITS - field.places
            return f"Write {named} with at most {whole} digits before and {field.places} after the point, without exponent."
    if field.pattern == ID:
        return f"Write {named} with letters, digits and . _ : / - only, a letter or digit first."
    return f"Write {named} in the form {field.pattern}."


def _cure_range(field: Field, named: str) -> str:
    if field.kind in {Kind.TEXT, Kind.CODE}:
        return f"Shorten {named} to at most {field.max_length} characters."
    unit = f" {field.unit}" if field.unit else ""
    if field.minimum is not None and field.maximum is not None:
        return f"Give {named} between {field.minimum} and {field.maximum}{unit}."
    if field.minimum is not None:
        return f"Give {named} of at least {field.minimum}{unit} and no absurd size."
    return f"Give {named} of a size that can be true."


_GENERAL: Final = {
    "type": "Write the value in the type that docs/fields.md gives.",
    "format": "Correct the form of the record and send it again.",
    "not-json": "Write one complete JSON object a line, in UTF-8, without line breaks in it.",
    "not-utf8": "Convert the file to UTF-8 and send it again.",
    "too-deep": "Send the claim flat: children are arrays of plain objects.",
    "too-large": "Send only the fields of docs/fields.md; split what is not one claim.",
    "unknown-field": "Remove or rename the field; docs/fields.md lists the fields.",
    "required": "Fill the field; docs/fields.md says what it means.",
    "duplicate-id": "Give each record its own identifier, or send it once.",
    "not-finite": "Write a number, or leave the field out if it is not known.",
    "mismatch": "Correct the field that is wrong, or leave one of the two out.",
}
