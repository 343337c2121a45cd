"""States of stays as the store keeps them, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from store.open_stays import StayChange, StoredStay
from streaming.orders.state import RUNNING, OpenStay, OrderState, Phase, Register

_ENCODER: Final = msgspec.json.Encoder(order="sorted")
_ORDER: Final = msgspec.json.Decoder(OrderState)
_LINE: Final = msgspec.json.Decoder(Register)
_WHOLE: Final = ("who", "head", "lists", "end", "last", "told")
"""The parts of a state that are written with its row; orders and lines have rows of their own."""


def load(stored: StoredStay) -> OpenStay:
    """The state as it was stored."""
    if stored.closed:
        return OpenStay(stored.stay_id, closed=True)
    parts: dict[str, Any] = msgspec.json.decode(stored.body)
    state: OpenStay = msgspec.convert({"stay_id": stored.stay_id, **parts}, OpenStay)
    state.orders = {name: _ORDER.decode(body) for name, body in stored.orders.items()}
    state.lines = {name: _LINE.decode(body) for name, body in stored.lines.items()}
    state.version = stored.version
    return state


def change(new: OpenStay, old: OpenStay | None) -> StayChange:
    """What is to be stored of a state that came from the old one by a batch of events."""
    head: Mapping[str, Any] = new.head.value or {}
    orders = {} if old is None else old.orders
    lines = {} if old is None else old.lines
    costs = new.costs()
    phase = new.phase
    return StayChange(
        row={
            "stay_id": new.stay_id,
            "provider_id": new.who.value["provider_id"],
            "patient_id": new.who.value["patient_id"],
            "physician_id": head.get("attending_physician_id"),
            "department": head.get("admission_department"),
            "phase": str(phase),
            "currency": head.get("currency"),
            "running_cost_fen": sum(costs.values()),
            "costs": costs,
            "active_orders": sum(row["status"] in RUNNING for row in new.rows())
            if phase in (Phase.OPEN, Phase.WAITING)
            else 0,
            "last_event_time": new.judged_as_of,
            "last_event_id": new.last[1],
            "body": _ENCODER.encode({name: getattr(new, name) for name in _WHOLE}),
        },
        version=new.version,
        orders=[
            {
                "order_id": name,
                "status": None if (row := order.row()) is None else row["status"],
                "item_code": None if row is None else row["item_code"],
                "body": _ENCODER.encode(order),
            }
            for name, order in new.orders.items()
            if order is not orders.get(name)
        ],
        lines=[
            {
                "line_id": name,
                "category": line.value["category"],
                "amount_fen": line.value["amount_fen"],
                "body": _ENCODER.encode(line),
            }
            for name, line in new.lines.items()
            if line is not lines.get(name)
        ],
    )
