"""A stay so far, as a function of the set of its events.

Each part of a stay (its head, a list, an order, the status of an order, a charge line)
is a register that keeps what the event with the highest stamp wrote. Taking the highest
is commutative, associative and idempotent, so events may come twice and in any order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
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


@dataclass(slots=True)
class Register:
    """A value with the stamp of the event that wrote it; an unwritten one has no stamp."""

    stamp: str = ""
    value: Any = None

    def write(self, stamp: str, value: Any) -> bool:
        """Take the value if its stamp is higher than that of the present one."""
        if stamp <= self.stamp:
            return False
        self.stamp, self.value = stamp, value
        return True


@dataclass(slots=True)
class OrderState:
    """An order: what was ordered, and the fields that change while it runs."""

    body: Register = field(default_factory=Register)
    moving: dict[str, Register] = field(default_factory=dict)

    def row(self) -> Json | None:
        """The order as a row of the claim; None while only its status is known."""
        if self.body.value is None:
            return None
        now = {n: r.value for n, r in self.moving.items() if r.value is not None}
        return {**self.body.value, **now}

    def write(self, stamp: str, row: Mapping[str, Any], *, whole: bool) -> bool:
        """Take a row: the whole order, or only the moving fields that it names."""
        changed = False
        if whole:
            body = {k: v for k, v in row.items() if k not in MOVING}
            changed = self.body.write(stamp, body)
        for name in MOVING:
            if whole or name in row:
                changed |= self.moving.setdefault(name, Register()).write(stamp, row.get(name))
        return changed


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
    who: Register = field(default_factory=Register)
    head: Register = field(default_factory=Register)
    lists: dict[str, Register] = field(default_factory=lambda: {n: Register() for n in LISTS})
    orders: dict[str, OrderState] = field(default_factory=dict)
    lines: dict[str, Register] = field(default_factory=dict)
    end: Register = field(default_factory=Register)
    last: tuple[str, str] = ("", "")
    """Time (UTC, canonical text) and event_id of the latest event by time."""
    closed: bool = False
    version: int = 0
    told: dict[str, Standing] = field(default_factory=dict)
    dropped: int = 0
    """Orders and lines beyond the bounds, which were not kept."""

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
        stamp, content = event.stamp, event.content
        who = {
            "provider_id": event.provider_id,
            "patient_id": event.patient_id,
            "time_zone": event.time_zone,
        }
        before = self.who.value
        changed = self.who.write(stamp, who) and who != before
        self.last = max(self.last, (_utc(event.event_time), event.event_id))
        match event.kind:
            case "stay":
                changed |= self.head.write(stamp, content["stay"])
                for name in LISTS:
                    if name in content:
                        changed |= self.lists[name].write(stamp, content[name])
            case "orders" | "order-status":
                whole = event.kind == "orders"
                for row in content["orders" if whole else "order_status"]:
                    changed |= self._order(stamp, row, whole=whole)
            case "charges":
                for row in content["charges"]:
                    changed |= self._line(stamp, row)
            case "discharge" | "reopen" | "void":
                value = {"kind": event.kind, **content.get("discharge", {})}
                changed |= self.end.write(stamp, value)
        return changed

    def _order(self, stamp: str, row: Mapping[str, Any], *, whole: bool) -> bool:
        name = row["order_id"]
        if name not in self.orders and len(self.orders) >= MOST_ORDERS:
            self.dropped += 1
            return False
        return self.orders.setdefault(name, OrderState()).write(stamp, row, whole=whole)

    def _line(self, stamp: str, row: Mapping[str, Any]) -> bool:
        name = row["line_id"]
        if name not in self.lines and len(self.lines) >= MOST_LINES:
            self.dropped += 1
            return False
        return self.lines.setdefault(name, Register()).write(stamp, row)

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
) -> tuple[dict[str, OpenStay], set[str]]:
    """The states of all stays that the events name, and which of them changed.

    The given states are not touched: what comes back are copies.
    """
    new: dict[str, OpenStay] = {}
    changed: set[str] = set()
    for event in events:
        stay_id = event.stay_id
        if stay_id not in new:
            known = states.get(stay_id)
            new[stay_id] = OpenStay(stay_id) if known is None else copy(known)
        if new[stay_id].apply(event):
            changed.add(stay_id)
    return new, changed


def copy(state: OpenStay) -> OpenStay:
    """The same state, safe to change."""
    made: OpenStay = msgspec.convert(msgspec.to_builtins(state), OpenStay)
    return made


def digest(claim: Mapping[str, Any]) -> str:
    """SHA-256 of the stay as judged: its canonical text without the missing values."""
    return hashlib.sha256(_SORTED.encode(claim)).hexdigest()


def tables_of(claims: Iterable[Mapping[str, Any]]) -> Tables:
    """The tables of stays so far, given in the layout of claims."""
    return tables_from_documents(_SORTED.encode(claim) for claim in claims)


def _utc(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="microseconds")
