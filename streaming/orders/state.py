"""A stay so far, as a function of the set of its events.

Each part of a stay (its head, a list, an order, the status of an order, a charge line)
is a register that keeps what the event with the highest stamp wrote. Taking the highest
is commutative, associative and idempotent, so events may come twice and in any order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

import msgspec

from domain.orders import STATUS_FIELDS
from domain.tables import Tables
from streaming.digest import tables_from_documents
from streaming.orders.events import Event

Json = dict[str, Any]

LISTS: Final = ("diagnoses", "procedures", "icu_stays", "coverages")
MOVING: Final = STATUS_FIELDS[1:]
"""The fields of an order that change while the rest of it stays: each has a stamp of its own."""
RUNNING: Final = frozenset({"draft", "active", "on-hold"})
"""Statuses of orders that may still be carried out."""
MOST_ORDERS: Final = 5_000
"""Orders of one stay at most: ten times those of a long stay; more are a sender's loop."""
MOST_LINES: Final = 50_000
"""Charge lines of one stay at most; a year in intensive care has about 20,000."""
_SORTED: Final = msgspec.json.Encoder(order="sorted")


class Phase(StrEnum):
    """Where a stay is."""

    WAITING = "waiting"
    """Something is known of it, but not its head: nothing can be judged yet."""
    OPEN = "open"
    DISCHARGED = "discharged"
    VOID = "void"
    CLOSED = "closed"
    """Its claim has come; later events change nothing."""


@dataclass(frozen=True, slots=True)
class Register:
    """A value with the stamp of the event that wrote it; an unwritten one has no stamp."""

    stamp: str = ""
    value: Any = None

    def write(self, stamp: str, value: Any) -> Register:
        """The register after a write: itself unless the stamp is higher than the present one."""
        return self if stamp <= self.stamp else Register(stamp, value)


UNWRITTEN: Final = Register()


@dataclass(frozen=True, slots=True)
class OrderState:
    """An order: what was ordered, and the fields that change while it runs."""

    body: Register = UNWRITTEN
    moving: dict[str, Register] = field(default_factory=dict)

    def row(self) -> Json | None:
        """The order as a row of the claim; None while only its status is known."""
        if self.body.value is None:
            return None
        now = {n: r.value for n, r in self.moving.items() if r.value is not None}
        return {**self.body.value, **now}

    def write(self, stamp: str, row: Mapping[str, Any], *, whole: bool) -> OrderState:
        """The order after a write of all of it, or of the moving fields that the row names."""
        body = self.body
        if whole:
            body = body.write(stamp, {k: v for k, v in row.items() if k not in MOVING})
        moving = dict(self.moving)
        for name in MOVING:
            if whole or name in row:
                moving[name] = moving.get(name, UNWRITTEN).write(stamp, row.get(name))
        same = body is self.body and all(moving[n] is self.moving.get(n) for n in moving)
        return self if same else OrderState(body, moving)


@dataclass(slots=True)
class Standing:
    """A finding that was told or noted: its decision, what it rests on, whether it still stands."""

    decision_id: str
    digest: str
    occurrence: int = 1
    stands: bool = True


@dataclass(slots=True)
class OpenStay:
    """A stay so far. ``version`` counts writes; 0 is a stay that was never stored.

    ``told`` maps "rule subject" to the finding that stands or stood. It is no part of
    what the events say (``facts_equal`` leaves it out): it depends on when they came.
    """

    stay_id: str
    who: Register = UNWRITTEN
    head: Register = UNWRITTEN
    lists: dict[str, Register] = field(default_factory=lambda: dict.fromkeys(LISTS, UNWRITTEN))
    orders: dict[str, OrderState] = field(default_factory=dict)
    lines: dict[str, Register] = field(default_factory=dict)
    end: Register = UNWRITTEN
    last: tuple[str, str] = ("", "")
    """Time (UTC, canonical text) and event_id of the latest event by time."""
    closed: bool = False
    version: int = 0
    told: dict[str, Standing] = field(default_factory=dict)

    @property
    def phase(self) -> Phase:
        """Where the stay is."""
        if self.closed:
            return Phase.CLOSED
        if self.end.value is not None and self.end.value["kind"] != "reopen":
            return Phase.VOID if self.end.value["kind"] == "void" else Phase.DISCHARGED
        return Phase.WAITING if self.head.value is None else Phase.OPEN

    @property
    def judged_as_of(self) -> datetime:
        """The latest instant that an event of the stay names."""
        return datetime.fromisoformat(self.last[0])

    def apply(self, event: Event) -> bool:
        """Take one event; whether it changed anything. A closed stay takes nothing."""
        if self.closed:
            return False
        before = self._facts()
        stamp, content = event.stamp, event.content
        who = {
            "provider_id": event.provider_id,
            "patient_id": event.patient_id,
            "time_zone": event.time_zone,
        }
        self.who = self.who.write(stamp, who)
        self.last = max(self.last, (_utc(event.event_time), event.event_id))
        match event.kind:
            case "stay":
                self.head = self.head.write(stamp, content["stay"])
                written = {n: self.lists[n].write(stamp, content[n]) for n in LISTS if n in content}
                self.lists = self.lists | written
            case "orders" | "order-status":
                whole = event.kind == "orders"
                self.orders = dict(self.orders)
                for row in content["orders" if whole else "order_status"]:
                    known = self.orders.get(row["order_id"], _NO_ORDER)
                    self.orders[row["order_id"]] = known.write(stamp, row, whole=whole)
            case "charges":
                self.lines = dict(self.lines)
                for row in content["charges"]:
                    line = self.lines.get(row["line_id"], UNWRITTEN)
                    self.lines[row["line_id"]] = line.write(stamp, row)
            case "discharge" | "reopen" | "void":
                value = {"kind": event.kind, **content.get("discharge", {})}
                self.end = self.end.write(stamp, value)
        return before != self._facts()

    def overfull(self, event: Event) -> str | None:
        """What the stay would have too many of with this event: ``orders``, ``charges`` or nothing."""
        orders = [*event.content.get("orders", ()), *event.content.get("order_status", ())]
        lines = event.content.get("charges", ())
        if orders and len(self.orders.keys() | {o["order_id"] for o in orders}) > MOST_ORDERS:
            return "orders" if event.kind == "orders" else "order_status"
        if lines and len(self.lines.keys() | {x["line_id"] for x in lines}) > MOST_LINES:
            return "charges"
        return None

    def rows(self) -> Iterator[Json]:
        """The orders whose content is known, by id."""
        for _, order in sorted(self.orders.items()):
            row = order.row()
            if row is not None:
                yield row

    def costs(self) -> dict[str, int]:
        """Running cost by charge category, in the hundredth of the currency."""
        found: dict[str, int] = {}
        for line in self.lines.values():
            category = line.value["category"]
            found[category] = found.get(category, 0) + line.value["amount_fen"]
        return dict(sorted(found.items()))

    def claim(self) -> Json:
        """The stay so far in the layout of a claim; it has a head (phase is not ``waiting``)."""
        claim: Json = {
            **self.head.value,
            **self.who.value,
            "stay_id": self.stay_id,
            "claim_version": 1,
            "orders": list(self.rows()),
            "charges": [line.value for _, line in sorted(self.lines.items())],
            "total_amount_fen": max(0, sum(self.costs().values())),
        }
        for name, listed in self.lists.items():
            claim[name] = listed.value or []
        if self.phase is Phase.DISCHARGED:
            claim |= {k: v for k, v in self.end.value.items() if k != "kind"}
        return claim

    def facts_equal(self, other: OpenStay) -> bool:
        """Whether both say the same, whatever way they came to it."""
        return self._facts() == other._facts()

    def _facts(self) -> tuple[Any, ...]:
        who, head, lists, lines = self.who, self.head, self.lists, self.lines
        return who, head, lists, self.orders, lines, self.end, self.last, self.closed


def apply_events(
    events: Iterable[Event], states: Mapping[str, OpenStay]
) -> tuple[dict[str, OpenStay], set[str], list[tuple[Event, str]]]:
    """The states of all stays that the events name, which of them changed, and what found no room.

    The given states are not touched. An event that would grow a stay beyond its bounds is
    not taken, and comes back with the member that is too long.
    """
    new: dict[str, OpenStay] = {}
    changed: set[str] = set()
    refused: list[tuple[Event, str]] = []
    for event in events:
        stay_id = event.stay_id
        if stay_id not in new:
            known = states.get(stay_id)
            new[stay_id] = OpenStay(stay_id) if known is None else copy(known)
        too_long = new[stay_id].overfull(event)
        if too_long is not None:
            refused.append((event, too_long))
        elif new[stay_id].apply(event):
            changed.add(stay_id)
    return new, changed, refused


def copy(state: OpenStay) -> OpenStay:
    """The same state, safe to change: its parts are never changed in place but ``told``."""
    return replace(state, told={key: replace(one) for key, one in state.told.items()})


def digest(claim: Mapping[str, Any]) -> str:
    """SHA-256 of the stay as judged: its canonical text without the missing values."""
    return hashlib.sha256(_SORTED.encode(claim)).hexdigest()


def tables_of(claims: Iterable[Mapping[str, Any]]) -> Tables:
    """The tables of stays so far, given in the layout of claims."""
    return tables_from_documents(_SORTED.encode(claim) for claim in claims)


_NO_ORDER: Final = OrderState()


def _utc(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="microseconds")
