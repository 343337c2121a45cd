"""ORM, OMP and OML messages: orders with what becomes of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from streaming.hl7.faults import Fault, MessageError, Place
from streaming.hl7.places import ORDERS, SYSTEM
from streaming.hl7.profile import Profile
from streaming.hl7.rows import Row, named_values, put_named
from streaming.hl7.stays import Draft
from streaming.hl7.text import Message, Segment
from streaming.hl7.times import read_instant

NEW: Final = frozenset({"NW", "XO", "XX", "RO", "CH", "SN"})
"""Control codes (table 0119) that bring an order in full."""
STATUS: Final[dict[str, str]] = {
    "CA": "revoked", "OC": "revoked", "CR": "revoked",
    "DC": "completed", "OD": "completed", "DR": "completed", "RP": "completed", "RQ": "completed", "RU": "completed",
    "HD": "on-hold", "OH": "on-hold", "HR": "on-hold",
    "RL": "active", "OE": "active", "OR": "active",
}  # fmt: skip
"""Control codes that change the status alone. DC ends an order: what was carried out stays."""
_ENDING: Final = frozenset({"DC", "OD", "DR", "RP", "RQ", "RU"})
_SAYING: Final = frozenset({"SC", "SR"})
PASSED: Final = frozenset(
    {"NA", "OK", "PA", "PR", "UA", "UC", "UD", "UF", "UH", "UM", "UN", "UR", "UX", "XR", "DE", "LI"}
)
"""Control codes that change nothing here: numbers assigned, requests refused, parents and earlier results."""
_TYPE_OF: Final = {"RXO": "drug", "RQD": "consumable", "ODS": "other", "ODT": "other"}


def read_orders(message: Message, profile: Profile) -> list[Draft]:
    """An event for each run of orders of one kind, in the order of the message."""
    drafts: list[tuple[str, list[Row]]] = []
    times: list[Any] = []
    groups = list(message.groups("ORC"))
    if not groups:
        raise MessageError(
            [Fault(Place("ORC"), "required", "Send at least one ORC with its order.")]
        )
    for group in groups:
        control = group[0].text(1).upper()
        at = read_instant(group[0].text(9), profile.zone)
        if control in NEW:
            kind, row = "orders", _read_order(group, message, profile)
        elif control in STATUS or control in _SAYING:
            kind, row = "order-status", _read_status(group, control, profile)
        elif control in PASSED:
            continue
        else:
            rule = "enum" if control else "required"
            raise MessageError([
                Fault(group[0].place(1), rule, "Use NW, XO, CA, DC, HD, RL, SC, or another code of docs/hl7.md.")
            ])  # fmt: skip
        if not drafts or drafts[-1][0] != kind or _holds(drafts[-1][1], row):
            drafts.append((kind, []))
            times.append(at)
        drafts[-1][1].append(row)
    made = []
    for (kind, rows), at in zip(drafts, times, strict=True):
        draft = Draft(kind, at)
        draft.put_rows("orders" if kind == "orders" else "order_status", rows)
        made.append(draft)
    return made


def _holds(rows: Sequence[Row], row: Row) -> bool:
    """Whether a list has that order already: one event names an order once."""
    return any(r.values.get("order_id") == row.values.get("order_id") for r in rows)


def order_number(orc: Segment) -> tuple[str, Place]:
    """The placer's number of an order, else the filler's."""
    number = 2 if orc.text(2) else 3
    return orc.text(number), orc.place(number)


def _read_order(group: Sequence[Segment], message: Message, profile: Profile) -> Row:
    row = Row("orders")
    row.put("order_id", *order_number(group[0]))
    _read_named(row, group, profile)
    row.read(ORDERS, group, profile)
    for segment in group:
        if segment.name in _TYPE_OF:
            row.put("order_type", _TYPE_OF[segment.name], segment.place())
    if message.header.type == "OML":
        row.put("order_type", "lab", Place("MSH", field=9))
    written = group[0].text(5)
    if written:
        status = profile.code("order_status", written)
        if status is None:
            raise _not_a_status(group[0])
        row.put("status", status, group[0].place(5))
    row.put("status", "active", group[0].place(1))
    return row


def _read_status(group: Sequence[Segment], control: str, profile: Profile) -> Row:
    orc = group[0]
    row = Row("order_status")
    row.put("order_id", *order_number(orc))
    _read_named(row, group, profile)
    written = orc.text(5)
    if control in STATUS:
        row.put("status", STATUS[control], orc.place(1))
    else:
        status = profile.code("order_status", written)
        if status is None:
            raise _not_a_status(orc)
        row.put("status", status, orc.place(5))
    effective = _effective(group, profile)
    if effective is not None and control in _ENDING:
        row.put("stop_time", *effective)
    elif effective is not None and row.values["status"] == "completed":
        row.put("executed_time", *effective)
    for segment in group:
        if segment.name == "TQ1" and segment.text(8):
            found = read_instant(segment.text(8), profile.zone)
            if found is None:
                raise MessageError(
                    [Fault(segment.place(8), "format", "Write the end as YYYYMMDDHHMMSS.")]
                )
            row.put("stop_time", found.isoformat(), segment.place(8))
    return row


def _effective(group: Sequence[Segment], profile: Profile) -> tuple[str, Place] | None:
    """When a change of status holds: ORC-15, else ORC-9."""
    for number in (15, 9):
        text = group[0].text(number)
        if text:
            found = read_instant(text, profile.zone)
            if found is None:
                raise MessageError(
                    [Fault(group[0].place(number), "format", "Write the time as YYYYMMDDHHMMSS.")]
                )
            return found.isoformat(), group[0].place(number)
    return None


def _read_named(row: Row, group: Sequence[Segment], profile: Profile) -> None:
    for name, _, text, place in named_values(group):
        put_named(row, name, text, profile, place)


def _not_a_status(orc: Segment) -> MessageError:
    return MessageError([
        Fault(orc.place(5), "enum" if orc.text(5) else "required", "Say the new status in ORC-5 with a code of table 0038.")
    ])  # fmt: skip


__all__ = ["NEW", "PASSED", "STATUS", "SYSTEM", "order_number", "read_orders"]
