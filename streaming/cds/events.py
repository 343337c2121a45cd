"""The calls of a batch made into states of their stays: decoded in one go, each on top of what is stored."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import msgspec

from domain.errors import Refusal, SentinelError
from streaming.cds.actions import Sent
from streaming.cds.request import Asked, missing, tell
from streaming.fhir import Names
from streaming.orders.events import Event, decode
from streaming.orders.state import OpenStay, apply_events
from streaming.pseudonym import PseudonymKey

_ORDER: Final = re.compile(r"orders\[(\d+)\]")
_ENCODE: Final = msgspec.json.Encoder(decimal_format="number").encode


@dataclass(slots=True)
class Call:
    """A call on its way: what was asked, the stay as stored, and the stay with the call on top."""

    asked: Asked
    known: OpenStay | None = None
    state: OpenStay | None = None
    subjects: frozenset[str] = frozenset()
    sent: dict[str, Sent] = field(default_factory=dict)
    error: SentinelError | None = None


def prepare(calls: Sequence[Call], key: PseudonymKey, names: Names) -> None:
    """Give each call its state, or its error; stays differ from call to call."""
    records: list[bytes] = []
    owner: list[Call] = []
    for call in calls:
        if call.known is not None and call.known.closed:
            call.state = call.known
            continue
        try:
            told = tell(call.asked, call.known, names)
        except SentinelError as error:
            call.error = error
            continue
        call.subjects, call.sent = told.subjects, told.sent
        records += told.records
        owner += [call] * len(told.records)
    events = _decoded(records, owner, key)
    for call in calls:
        if call.error is None and call.state is None:
            _apply(call, events.get(id(call), []))


def _decoded(
    records: list[bytes], owner: Sequence[Call], key: PseudonymKey
) -> dict[int, list[Event]]:
    """The events of each call; an order that intake refuses is set aside and the others read again."""
    found: dict[int, list[Event]] = {}
    if not records:
        return found
    events, refused = decode(records, key=key)
    again: list[tuple[Call, bytes]] = []
    for one in refused:
        call = owner[one.index]
        left = _without(records[one.index], one.reasons)
        call.asked.set_aside.extend(
            {"resource": "", "element": r.field, "reason": r.cure} for r in one.reasons
        )
        if left is not None:
            again.append((call, left))
    for index, event in events:
        found.setdefault(id(owner[index]), []).append(event)
    if again:
        more, still = decode([record for _, record in again], key=key)
        for index, event in more:
            found.setdefault(id(again[index][0]), []).append(event)
        for one in still:
            again[one.index][0].asked.set_aside.extend(
                {"resource": "", "element": r.field, "reason": r.cure} for r in one.reasons
            )
    return found


def _without(record: bytes, reasons: Sequence[Refusal]) -> bytes | None:
    """An event of orders without those that are faulty; None if it is no such event or none is left."""
    event: Mapping[str, Any] = msgspec.json.decode(record)
    faulty = set()
    for reason in reasons:
        place = _ORDER.match(reason.field)
        if place is None:
            return None
        faulty.add(int(place[1]))
    orders = [o for n, o in enumerate(event.get("orders", ())) if n not in faulty]
    return _ENCODE({**event, "orders": orders}) if orders else None


def _apply(call: Call, events: Sequence[Event]) -> None:
    """The stay with the events of its call; who it is of stays what the stream said."""
    stay_id, known = call.asked.stay_id, call.known
    new, _, overfull = apply_events(events, {} if known is None else {stay_id: known})
    for event, member in overfull:
        call.asked.set_aside.append({"resource": "", "element": member, "reason": f"The stay {event.stay_id} has too many of them."})  # fmt: skip
    state = new.get(stay_id, known)
    if state is None:
        call.error = missing(f"nothing is known of the stay {stay_id}")
        return
    if known is not None and state is not known and known.who.value is not None:
        state.who = known.who
    rows = {row["order_id"]: row for row in state.rows()}
    call.sent = {name: replace(one, row=rows.get(name)) for name, one in call.sent.items()}
    call.subjects = frozenset(name for name in call.subjects if name in rows)
    call.state = state
