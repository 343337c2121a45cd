"""Order events: bytes to checked, pseudonymised fragments of a claim, or all that is wrong.

The rows of an event (orders, charge lines, the head of the stay) go through the intake
of claims, wrapped into a claim of their own, so that one field is read in one way and a
refused event is told all its faults in the same words.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any, Final

import msgspec

from domain.claim import CHILDREN, ID, STAYS
from domain.errors import Refusal
from domain.orders import MEMBER, MEMBERS, ORDER_EVENTS, STATUS_FIELDS
from domain.schema import Field, Kind
from domain.service import Refused
from streaming import intake
from streaming.digest import documents
from streaming.intake.columns import INSTANT_FORM
from streaming.intake.crossfield import is_zone
from streaming.intake.limits import DEFAULT, Limits
from streaming.intake.refusals import RECORD, refuse
from streaming.pseudonym import PseudonymKey

Json = dict[str, Any]

EVENT_BYTES: Final = 1024 * 1024
"""Longest event: a day's 2,000 charge lines are about half of it."""
_DECODER: Final = msgspec.json.Decoder(float_hook=Decimal)
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")
_ENVELOPE: Final = {f.name: f for f in ORDER_EVENTS.fields}
_LISTS: Final = frozenset(t.name for t in CHILDREN)
_INSTANT: Final = re.compile(INSTANT_FORM)
_ID: Final = re.compile(ID.removesuffix("$") + r"\Z")
_SEEN: Final = re.compile(r"\S")
_STAND_IN: Final[Mapping[str, Any]] = {
    "claim_version": 1,
    "claim_type": "inpatient",
    "currency": "CNY",
    "diagnosis_system": "ICD-10-CN",
    "procedure_system": "ICD-9-CM-3-CN",
    "admission_date": "2000-01-01",
}
"""What a claim needs and a fragment does not state; never kept."""


@dataclass(frozen=True, slots=True)
class Event:
    """One accepted event; ``patient_id`` is a pseudonym and ``content`` holds canonical JSON.

    ``content`` has the members of the event's kind: rows as in the canonical text of a
    claim (missing values left out, instants in UTC, decimals as text). ``stamp`` orders
    the events of a stay: sequence, then event_id, then digest of the content, so that any
    two workers agree which of two events counts.
    """

    event_id: str
    kind: str
    event_time: datetime
    sequence: int
    stay_id: str
    provider_id: str
    patient_id: str
    time_zone: str
    content: Mapping[str, Any]

    @property
    def stamp(self) -> str:
        """Text that sorts as the events of a stay follow each other."""
        body = _ENCODER.encode([self.kind, self.event_time, self.patient_id, self.content])
        digest = hashlib.sha256(body).hexdigest()[:16]
        return f"{self.sequence:010} {self.event_id} {digest}"


def decode(
    records: Sequence[bytes], *, key: PseudonymKey, limits: Limits = DEFAULT
) -> tuple[list[tuple[int, Event]], list[Refused]]:
    """The good events, each with its place among the records, and the others with all their reasons.

    Places count from 0; every record is in exactly one of the two.
    """
    reasons: dict[int, list[Refusal]] = {}
    found: dict[int, Json] = {}
    for index, record in enumerate(records):
        parsed, faults = _parse(record, limits)
        if faults:
            reasons[index] = faults
        if parsed is not None:
            found[index] = parsed
    places = list(found)
    wrapped = [_wrap(found[index]) for index in places]
    given = [_ENCODER.encode(claim | {"stay_id": f"e{i}"}) for i, (claim, _) in enumerate(wrapped)]
    tables, refused = intake.decode(given, key=key, limits=limits)
    for one in refused:
        index = places[one.index]
        told = [r for r in (_rename(r, found[index]) for r in one.reasons) if r is not None]
        known = {(r.field, r.rule) for r in reasons.get(index, ())}
        reasons.setdefault(index, []).extend(r for r in told if (r.field, r.rule) not in known)
    claims = {int(stay_id[1:]): msgspec.json.decode(text) for stay_id, text in documents(tables)}
    events = [
        (places[i], _event(found[places[i]], claim, wrapped[i][1]))
        for i, claim in sorted(claims.items())
        if not reasons.get(places[i])
    ]
    return events, [Refused(i, tuple(r)) for i, r in sorted(reasons.items()) if r]


def _event(found: Json, claim: Json, placeholders: set[str]) -> Event:
    """The event of a record, its rows read back from the claim that intake made of it."""
    kind = found["kind"]
    content: Json = {}
    for name in MEMBERS[kind]:
        if found.get(name) is None:
            continue
        if name in ("stay", "discharge"):
            content[name] = {k: v for k, v in claim.items() if k in MEMBER[name].fields}
        elif name == "order_status":
            content[name] = [
                {k: v for k, v in row.items() if k in STATUS_FIELDS}
                for row in claim.get("orders", ())
            ]
        else:
            rows = claim.get(name, [])
            content[name] = [r for r in rows if r.get("line_id") not in placeholders]
    return Event(
        event_id=found["event_id"],
        kind=kind,
        event_time=_instant(found["event_time"]),
        sequence=found["sequence"],
        stay_id=found["stay_id"],
        provider_id=claim["provider_id"],
        patient_id=claim["patient_id"],
        time_zone=claim["time_zone"],
        content=content,
    )


def _parse(record: bytes, limits: Limits) -> tuple[Json | None, list[Refusal]]:
    """The record as plain data, if an object, and what is wrong with its form and envelope."""
    most = min(EVENT_BYTES, limits.record_bytes)
    if len(record) > most:
        cure = f"Send events of at most {most} bytes; split a long posting into several events."
        return None, [refuse("too-large", RECORD, None, None, cure)]
    try:
        found = _DECODER.decode(record.decode("utf-8"))
    except (UnicodeDecodeError, msgspec.MsgspecError, RecursionError, ArithmeticError):
        return None, _unreadable(record, limits)
    if not isinstance(found, dict):
        cure = "Write one JSON object a message, with the fields of docs/orders.md."
        return None, [refuse("type", RECORD, None, None, cure)]
    faults = [*_check_envelope(found), *_check_members(found)]
    # Rows can be read only if it is known what they are.
    unsure = {*MEMBER, "kind", "time_zone"}
    readable = not any(f.field in unsure for f in faults)
    return (found if readable else None), faults


def _unreadable(record: bytes, limits: Limits) -> list[Refusal]:
    # The words for bytes, text and JSON are those of claims; the schema's reasons are not meant.
    from streaming.intake.jsonreasons import examine  # noqa: PLC0415

    form = {"not-utf8", "not-json", "too-deep", "not-finite", "range", "too-large"}
    told = [r for r in examine(record, STAYS, limits)[1] if r.rule in form]
    return told or [refuse("not-json", RECORD, None, None)]


def _check_envelope(found: Json) -> list[Refusal]:
    return [reason for f in _ENVELOPE.values() if (reason := _fault(f, found.get(f.name)))]


def _fault(field: Field, value: Any) -> Refusal | None:
    """What is wrong with a value of the envelope; None if nothing is."""
    rule: str | None = None
    if value is None or (isinstance(value, str) and not re.search(_SEEN, value)):
        rule = "required"
    elif field.kind is Kind.INTEGER:
        if not isinstance(value, int) or isinstance(value, bool):
            rule = "type"
        elif not 0 <= value < 2**31:
            rule = "range"
    elif not isinstance(value, str):
        rule = "type"
    elif field.codes is not None:
        rule = None if value in field.codes else "enum"
    elif field.kind is Kind.INSTANT:
        rule = None if _reads_as_instant(value) else "format"
    elif len(value) > field.max_length:
        rule = "range"
    elif field.name == "time_zone":
        rule = None if is_zone(value) else "unknown-zone"
    elif field.pattern == ID and not _ID.match(value):
        rule = "format"
    return None if rule is None else refuse(rule, field.name, value, field)


def _check_members(found: Json) -> list[Refusal]:
    """Members that the kind of event does not have, lacks, or has in another form."""
    faults = [
        refuse(
            "unknown-field", name[:64], None, None, "Remove it; docs/orders.md lists the members."
        )
        for name in found
        if name not in _ENVELOPE and name not in MEMBER
    ]
    kind = found.get("kind")
    if not isinstance(kind, str) or kind not in MEMBERS:
        return faults
    allowed = MEMBERS[kind]
    for name, member in MEMBER.items():
        value = found.get(name)
        if value is None:
            if name in allowed[:1]:
                cure = f"An event of kind {kind} has the member {name}."
                faults.append(refuse("required", name, None, None, cure))
            continue
        if name not in allowed:
            cure = f"An event of kind {kind} has {', '.join(allowed) or 'no such member'}: send {name} in an event of its own."
            faults.append(refuse("unknown-field", name, None, None, cure))
        elif not isinstance(value, list if member.listed else dict):
            form = "an array of objects" if member.listed else "an object"
            faults.append(refuse("type", name, None, None, f"Write {name} as {form}."))
        elif member.listed and not value and name in allowed[:1]:
            cure = f"Send no event, or name at least one of {name}."
            faults.append(refuse("required", name, None, None, cure))
        else:
            faults += _check_names(name, value)
            if (
                isinstance(value, dict)
                and name == "discharge"
                and not (value.get("discharge_date") or value.get("discharge_time"))
            ):
                faults.append(
                    refuse("required", "discharge.discharge_date", None, STAYS["discharge_date"])
                )
    return faults


def _check_names(name: str, value: Any) -> list[Refusal]:
    """Fields that a member does not have, and fields of a status that it lacks."""
    member = MEMBER[name]
    faults = []
    for place, row in enumerate(value if member.listed else [value]):
        if not isinstance(row, dict):
            continue
        path = f"{name}[{place}]" if member.listed else name
        cure = "Remove it; docs/orders.md lists the fields of this member."
        # Fields that the claim does not know either are told by its intake.
        faults += [
            refuse("unknown-field", f"{path}.{f}", None, None, cure)
            for f in row
            if f not in member.fields and f in {x.name for x in member.table.fields}
        ]
        if name == "order_status":
            faults += [
                refuse("required", f"{path}.{f}", None, member.table[f])
                for f in member.required
                if row.get(f) is None
            ]
    return faults


def _wrap(found: Json) -> tuple[Json, set[str]]:
    """A claim that holds the event's rows, and the line ids that were put in for its sake."""
    claim: Json = dict(_STAND_IN) | {
        name: found.get(name) for name in ("provider_id", "patient_id", "time_zone")
    }
    kind = found["kind"]
    for name in MEMBERS[kind]:
        value = found.get(name)
        if value is None:
            continue
        if name in ("stay", "discharge"):
            if name == "stay":
                for required in (*MEMBER[name].required, "admission_date"):
                    claim.pop(required, None)
            claim |= value
        elif name == "order_status":
            stand_in = {
                "order_type": "other",
                "item_code": "-",
                "start_time": "2000-01-01T00:00:00Z",
            }
            claim["orders"] = [stand_in | row if isinstance(row, dict) else row for row in value]
        else:
            claim[name] = value
    return claim, _name_reversed(claim)


def _name_reversed(claim: Json) -> set[str]:
    """Let lines that take back lines of earlier events stand: put those in, with no amount."""
    lines = claim.get("charges")
    if not isinstance(lines, list):
        return set()
    rows = [row for row in lines if isinstance(row, dict)]
    own = {row.get("line_id") for row in rows if isinstance(row.get("line_id"), str)}
    taken = {
        row["reverses_line_id"] for row in rows if isinstance(row.get("reverses_line_id"), str)
    }
    missing = {name for name in taken - own if len(name) <= 64 and _ID.match(name)}
    claim["charges"] = lines + [
        {
            "line_id": name, "item_code": "-", "category": "14", "quantity": "0",
            "unit_price": "0", "amount_fen": 0, "charge_date": "2000-01-01",
        }
        for name in sorted(missing)
    ]  # fmt: skip
    return missing


def _rename(reason: Refusal, found: Json) -> Refusal | None:
    """A reason about the wrapped claim as one about the event; None for what was put in."""
    kind = found["kind"]
    path, head = reason.field, reason.field.partition("[")[0].partition(".")[0]
    if head in _ENVELOPE:
        # The envelope's own check speaks of these, in the same words.
        return None if _fault(_ENVELOPE[head], found.get(head)) else reason
    if kind == "order-status" and head == "orders":
        path = "order_status" + path.removeprefix("orders")
    elif head not in _LISTS and path != RECORD and kind in ("stay", "discharge"):
        path = f"{kind}.{path}"
    return Refusal(
        path, reason.value, reason.rule, reason.cure.replace("docs/fields.md", "docs/orders.md")
    )


def _reads_as_instant(text: str) -> bool:
    if not _INSTANT.match(text):
        return False
    try:
        # A year is left at each end for the change to local time.
        return 2 <= _instant(text).year < 9999
    except (ValueError, OverflowError):
        return False


@cache
def _fraction() -> re.Pattern[str]:
    return re.compile(r"(\.\d{6})\d+")


def _instant(text: str) -> datetime:
    # Python's clock has microseconds; what a sender writes beyond is cut, as in a claim.
    return datetime.fromisoformat(_fraction().sub(r"\1", text.upper())).astimezone(UTC)
