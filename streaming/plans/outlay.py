"""What a change of orders does to the cost that a stay is heading for.

The projection knows what like stays came to, not which orders of this one go on. So a change
moves it by the price of what it ends or adds: an order's own posted charges a day, else the
tariff's price of one unit each time it is given, up to the projected discharge.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from rules.codebooks.force import loaded_anew
from rules.facts import codebook
from streaming.orders.state import RUNNING
from streaming.plans.variants import Moment

Json = dict[str, Any]

_ONCE: Final = Decimal(1)


def moved_fen(before: Json, after: Json, moment: Moment) -> int:
    """The cost still to come under the changed plan less that under the present one.

    0 where neither the stay's charges nor the tariff know what an order costs, and where no
    day of leaving is projected.
    """
    if moment.leaving is None:
        return 0
    old = {o["order_id"]: o for o in before["orders"]}
    new = {o["order_id"]: o for o in after["orders"]}
    moved = 0
    for one in old.keys() | new.keys():
        if old.get(one) != new.get(one):
            moved += _to_come(new.get(one), before, moment, moment.leaving)
            moved -= _to_come(old.get(one), before, moment, moment.leaving)
    return moved


def _to_come(order: Json | None, claim: Json, moment: Moment, leaving: date) -> int:
    if order is None or order["status"] not in RUNNING or order.get("executed_time"):
        return 0
    zone, folder = ZoneInfo(claim["time_zone"]), moment.folder
    start = datetime.fromisoformat(order["start_time"]).astimezone(zone)
    lines = [x for x in claim["charges"] if x.get("order_id") == order["order_id"]]
    if not order.get("long_term"):
        return (
            0
            if lines or start.date() > leaving
            else round(_tariff(folder).get(order["item_code"], 0))
        )
    first = max(
        start.date(), moment.as_of.astimezone(zone).date() + timedelta(days=1 if lines else 0)
    )
    last = leaving
    if order.get("stop_time"):
        stop = datetime.fromisoformat(order["stop_time"]).astimezone(zone)
        last = min(last, stop.date() - timedelta(days=1))
    days = max((last - first).days + 1, 0)
    return round(days * _a_day(order, lines, folder))


def _a_day(order: Json, lines: list[Json], folder: Path) -> Decimal:
    """Hundredths of the currency a day: as posted, else by the tariff."""
    if lines:
        charged = {line["charge_date"] for line in lines}
        return Decimal(sum(line["amount_fen"] for line in lines)) / len(charged)
    times = _frequencies(folder).get(order.get("frequency") or "", _ONCE)
    return _tariff(folder).get(order["item_code"], Decimal(0)) * times


@lru_cache(maxsize=4)
def _tariff(folder: Path) -> Mapping[str, Decimal]:
    """Item -> price of a unit, in hundredths of the currency."""
    rows = loaded_anew("items", folder).frame.select("item_code", "unit_price_yuan").iter_rows()
    return {code: Decimal(price) * 100 for code, price in rows if price is not None}


@lru_cache(maxsize=4)
def _frequencies(folder: Path) -> Mapping[str, Decimal]:
    rows = codebook.read("frequencies", folder).select("frequency", "times_a_day").iter_rows()
    return {name: Decimal(times) for name, times in rows}
