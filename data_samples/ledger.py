"""The charge lines and orders of one stay while it is being written.

Times inside a stay are whole minutes since midnight (Asia/Shanghai) of the day of
admission. Amounts are exact: quantity and price are whole units and whole fen.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta

from data_samples.catalogue import Regimen
from data_samples.tariff import Item

DAY = 1440
"""Minutes of a day; the sample's zone has no summer time."""

_CLOCK = tuple(f"T{minute // 60:02}:{minute % 60:02}:00+08:00" for minute in range(DAY))
# A class B item: this share is paid by the patient first. Invented.
_PAID_FIRST_PERCENT = 10

Record = dict[str, object]


@dataclass(slots=True)
class Line:
    """One charge: ``minute`` of the service, ``posted`` minute of posting."""

    minute: int
    item: Item
    quantity: int
    order_id: str | None
    physician_id: str
    posted: int
    performer_id: str | None = None
    reverses: int | None = None

    @property
    def amount_fen(self) -> int:
        """Quantity times price; negative for a reversal."""
        return self.quantity * self.item.price_fen


@dataclass(slots=True)
class Ledger:
    """Lines and orders of a stay that begins on ``start`` and lasts ``end`` minutes."""

    start: date
    first: int
    end: int
    physician_id: str
    department: str
    lines: list[Line] = field(default_factory=list)
    orders: list[Record] = field(default_factory=list)
    _taken: set[tuple[str, int]] = field(default_factory=set)
    _days: dict[int, str] = field(default_factory=dict)

    def day(self, number: int) -> str:
        """The calendar date of a day of the stay, as ISO text."""
        text = self._days.get(number)
        if text is None:
            text = self._days[number] = (self.start + timedelta(days=number)).isoformat()
        return text

    def stamp(self, minute: int) -> str:
        """The instant of a minute of the stay, as RFC 3339 text."""
        return self.day(minute // DAY) + _CLOCK[minute % DAY]

    def order(
        self,
        item: Item,
        start: int,
        stop: int,
        *,
        long_term: bool,
        regimen: Regimen | None = None,
        quantity: int | None = None,
    ) -> str:
        """Add an order and return its id; start and stop are cut to the stay."""
        begin = min(max(start, self.first), self.end)
        over = min(max(stop, begin), self.end)
        order_id = f"O{len(self.orders) + 1:04}"
        record: Record = {
            "order_id": order_id,
            "order_type": item.order_type,
            "long_term": long_term,
            "item_code": item.code,
            "item_name": item.name,
        }
        if regimen is not None:
            record |= {
                "dose": regimen.dose,
                "dose_unit": regimen.dose_unit,
                "frequency": regimen.frequency,
                "route": regimen.route,
            }
        if quantity is not None:
            record |= {"quantity": str(quantity), "quantity_unit": item.unit}
        record |= {
            "start_time": self.stamp(begin),
            "stop_time": self.stamp(over),
            "status": "completed",
            "ordering_physician_id": self.physician_id,
            "ordering_department": self.department,
            "executed_time": self.stamp(over),
        }
        self.orders.append(record)
        return order_id

    def charge(
        self,
        item: Item,
        minute: int,
        quantity: int = 1,
        *,
        order_id: str | None = None,
        performer_id: str | None = None,
        delay: int = 30,
    ) -> Line:
        """Add a line inside the stay; no item is charged twice in one minute.

        The line is posted ``delay`` minutes after the service, at the latest at discharge.
        """
        at = min(max(minute, self.first), self.end)
        # Walk to a free minute; near the end of the stay the only way is back.
        step = 1 if at + 60 < self.end else -1
        while (item.code, at) in self._taken:
            at += step
        self._taken.add((item.code, at))
        line = Line(
            at, item, quantity, order_id, self.physician_id, min(at + delay, self.end), performer_id
        )
        self.lines.append(line)
        return line

    @property
    def total_fen(self) -> int:
        """Sum of all lines."""
        return sum(line.amount_fen for line in self.lines)

    def records(self) -> tuple[list[Record], dict[str, int]]:
        """The canonical charge records in order of time, and their sums in fen.

        The sums are ``total``, ``in_scope``, ``self_pay_first`` and ``self_pay``; the
        last three add up to the first.
        """
        # Sorting is stable and the key names every tie, so that the order is the same anywhere.
        ordered = sorted(self.lines, key=lambda line: (line.minute, line.item.code))
        numbers = {id(line): f"L{number:04}" for number, line in enumerate(ordered, start=1)}
        sums = {"total": 0, "in_scope": 0, "self_pay_first": 0, "self_pay": 0}
        records = []
        for line in ordered:
            amount = line.amount_fen
            kind = line.item.insurance_class
            own = amount if kind == "03" else 0
            before = amount * _PAID_FIRST_PERCENT // 100 if kind == "02" else 0
            sums["total"] += amount
            sums["self_pay"] += own
            sums["self_pay_first"] += before
            sums["in_scope"] += amount - own - before
            records.append(self._record(line, numbers, amount, own, before))
        return records, sums

    def _record(
        self, line: Line, numbers: dict[int, str], amount: int, own: int, before: int
    ) -> Record:
        item = line.item
        record: Record = {"line_id": numbers[id(line)]}
        if line.reverses is not None:
            record["reverses_line_id"] = numbers[line.reverses]
        if line.order_id is not None:
            record["order_id"] = line.order_id
        record |= {
            "item_code": item.code,
            "item_name": item.name,
            "category": item.category,
            "quantity": str(line.quantity),
            "unit": item.unit,
            "unit_price": item.price,
            "amount_fen": amount,
            "charge_date": self.day(line.minute // DAY),
            "charge_time": self.stamp(line.minute),
            "posted_time": self.stamp(line.posted),
            "ordering_physician_id": line.physician_id,
            "ordering_department": self.department,
        }
        if line.performer_id is not None:
            record["performing_physician_id"] = line.performer_id
        record["insurance_class"] = item.insurance_class
        record["in_scope_fen"] = amount - own - before
        if before:
            record["self_pay_first_fen"] = before
        if own:
            record["self_pay_fen"] = own
        return record
