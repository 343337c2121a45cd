"""Withdrawals among the records of claims: told apart, read strictly, refused with every reason."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from domain.claim import ID
from domain.errors import Refusal
from domain.withdrawal import REASONS, WITHDRAWALS, Withdrawn

_MARK: Final = b'"withdrawn_version"'
_ID: Final = re.compile(ID)
_VERSION: Final = WITHDRAWALS["withdrawn_version"]
_LONGEST_ID: Final = WITHDRAWALS["stay_id"].max_length or 64
_SHOWN: Final = 120


def is_withdrawal(record: bytes) -> bool:
    """Whether a record is meant as a withdrawal: no claim has a field ``withdrawn_version``.

    A text of a claim may hold these letters, so the record is parsed where they stand.
    """
    if _MARK not in record:
        return False
    try:
        found = msgspec.json.decode(record)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return isinstance(found, dict) and "withdrawn_version" in found


def read_withdrawal(record: bytes) -> Withdrawn | tuple[Refusal, ...]:
    """The withdrawal in a record for which ``is_withdrawal`` holds, or all that is wrong with it."""
    found: dict[str, Any] = msgspec.json.decode(record)
    known = {field.name for field in WITHDRAWALS.fields}
    reasons = [
        Refusal(name[:_SHOWN], "<not shown>", "unknown-field", f"Use only {', '.join(sorted(known))}.")
        for name in sorted(set(found) - known)
    ]  # fmt: skip
    stay = found.get("stay_id")
    if not isinstance(stay, str) or not _ID.match(stay) or len(stay) > _LONGEST_ID:
        reasons.append(_refuse("stay_id", stay, "Give the stay_id of the claim as it was sent."))
    version = found.get("withdrawn_version")
    low, high = int(_VERSION.minimum or 1), int(_VERSION.maximum or 9999)
    if type(version) is not int or not low <= version <= high:
        reasons.append(
            _refuse("withdrawn_version", version, f"Give the claim_version, {low} to {high}.")
        )
    reason = found.get("reason")
    if reason not in REASONS:
        reasons.append(_refuse("reason", reason, f"Give one of {', '.join(REASONS)}."))
    time = _instant(found.get("withdrawn_time"))
    if found.get("withdrawn_time") is not None and time is None:
        reasons.append(
            _refuse(
                "withdrawn_time",
                found["withdrawn_time"],
                "Write an instant with its zone, such as 2025-03-01T08:00:00+08:00.",
            )
        )
    if reasons:
        return tuple(reasons)
    return Withdrawn(str(stay), int(found["withdrawn_version"]), str(reason), time)


def read_withdrawals(
    records: Sequence[bytes],
) -> tuple[list[Withdrawn], list[tuple[int, tuple[Refusal, ...]]]]:
    """The withdrawals, and by place what was refused; a record that is none is refused."""
    good: list[Withdrawn] = []
    refused: list[tuple[int, tuple[Refusal, ...]]] = []
    for place, record in enumerate(records):
        if not is_withdrawal(record):
            cure = "Write one JSON object with stay_id, withdrawn_version and reason; docs/intake.md shows one."
            refused.append((place, (Refusal("(record)", "", "not-a-withdrawal", cure),)))
            continue
        found = read_withdrawal(record)
        if isinstance(found, Withdrawn):
            good.append(found)
        else:
            refused.append((place, found))
    return good, refused


def _refuse(field: str, value: object, cure: str) -> Refusal:
    if value is None:
        return Refusal(field, "", "required", cure)
    return Refusal(field, str(value)[:_SHOWN], "value", cure)


def _instant(value: object) -> datetime | None:
    """The instant in an RFC 3339 text; None if it is none, or states no zone."""
    try:
        found = msgspec.convert(value, datetime)
    except msgspec.ValidationError:
        return None
    return None if found.tzinfo is None else found
