"""Patients in hospital for their physician: where each stay's cost stands, and its record so far.

Plans (``domain.service.Plans``) answer fully about one stay. A list of patients needs a little about
each of them, so they are grouped, priced and projected here in one batch, and the answer of a stay is
kept until the stay is written again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from threading import Lock
from typing import Any, Final
from zoneinfo import ZoneInfo

import drg
from domain.service import PeerCurve
from drg.projection.outlook import ABSENT
from store import Store
from streaming.grouping import PeerDesk
from streaming.orders.state import RUNNING, OpenStay, Phase, tables_of
from streaming.orders.stored import load
from streaming.pipeline import Engine

Json = dict[str, Any]

KEPT: Final = 4_000
"""Stays whose answer is kept: those of a large hospital on one day; about 1 KiB each."""
NO_STANDARD: Final = ("病组没有支付标准", "The group has no payment standard.")
NO_CURVES: Final = ("本系统未加载费用曲线", "This service runs without cost curves.")
NO_HEAD: Final = ("入院信息尚未到达", "The admission has not arrived yet.")


@dataclass(frozen=True, slots=True)
class WardDesk:
    """The real ``domain.service.Ward``.

    ``glance`` tells of each stay: admission_date, as_of, day_of_stay, sex, age_years, diagnosis (code,
    name), group, group_name, running_fen, standard_fen, expected_fen (median of like stays on that day),
    projected_fen, low_fen, high_fen, probability_over_standard, standard_reached_on,
    projected_discharge, and ``absent`` (zh, en) where there is no projection.
    """

    engine: Engine
    store: Store
    _kept: OrderedDict[str, tuple[int, Json]] = field(default_factory=OrderedDict, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def glance(self, versions: Mapping[str, int], /) -> dict[str, Json]:
        """Those not kept, or kept of another version, are worked out in one batch."""
        with self._lock:
            found = {
                stay_id: kept[1]
                for stay_id, version in versions.items()
                if (kept := self._kept.get(stay_id)) is not None and kept[0] == version
            }
        missing = sorted(versions.keys() - found.keys())
        if not missing:
            return found
        states = [load(one) for one in self.store.open_stays.read(missing).values()]
        made = self._work_out([state for state in states if not state.closed])
        with self._lock:
            for state in states:
                if state.stay_id in made:
                    # The version that was read: the stay may have been written since it was listed.
                    self._kept[state.stay_id] = (state.version, made[state.stay_id])
                    self._kept.move_to_end(state.stay_id)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return found | made

    def record(self, stay_id: str, /) -> Json | None:
        """The glance of a stay with its diagnoses, procedures, orders, days and peers."""
        stored = self.store.open_stays.read([stay_id]).get(stay_id)
        state = None if stored is None else load(stored)
        if state is None or state.phase is not Phase.OPEN:
            return None
        claim = state.claim()
        settled = drg.settle(tables_of([claim]), self.engine.library, curves=self.engine.curves)
        (told,) = drg.tell(settled)
        outlook = settled.outlook.to_dicts()
        glance = _glance(state, told, outlook[0] if outlook else None)
        days = _days(claim, glance)
        return {
            **glance,
            "stay_id": stay_id,
            "diagnoses": [_code(row) for row in _ordered(claim["diagnoses"])],
            "procedures": [_code(row) for row in _ordered(claim["procedures"])],
            "orders": _orders(state, claim),
            "days": days,
            "peers": self._peers(told, glance, len(days)),
        }

    def _work_out(self, states: list[OpenStay]) -> dict[str, Json]:
        made = {s.stay_id: _unheard(s) for s in states if s.phase is not Phase.OPEN}
        there = [s for s in states if s.phase is Phase.OPEN]
        if not there:
            return made
        tables = tables_of(state.claim() for state in there)
        settled = drg.settle(tables, self.engine.library, curves=self.engine.curves)
        outlook = {row["stay_id"]: row for row in settled.outlook.to_dicts()}
        told = {row["stay_id"]: row for row in drg.tell(settled)}
        for state in there:
            made[state.stay_id] = _glance(state, told[state.stay_id], outlook.get(state.stay_id))
        return made

    def _peers(self, told: Json, glance: Json, days: int) -> list[Json]:
        """Quartiles of the cost to date of like stays, up to the day on which such a stay ends."""
        if self.engine.curves is None:
            return []
        leaves = glance["projected_discharge"]
        if leaves is not None:
            days = max(days, (leaves - glance["admission_date"]).days + 1)
        curve: PeerCurve | None = PeerDesk(self.engine.curves)(told, glance["currency"], days)
        return [] if curve is None else [
            {"day": d.day, "low_fen": d.low_fen, "median_fen": d.median_fen, "high_fen": d.high_fen}
            for d in curve.days
        ]  # fmt: skip


def _unheard(state: OpenStay) -> Json:
    """What can be said of a stay whose head has not come."""
    return dict.fromkeys(_FIELDS) | {
        "stay_id": state.stay_id,
        "running_fen": sum(state.costs().values()),
        "absent": _both(NO_HEAD),
    }


_FIELDS: Final = (
    "stay_id", "admission_date", "as_of", "day_of_stay", "sex", "age_years", "diagnosis", "group",
    "group_name", "currency", "running_fen", "standard_fen", "expected_fen", "projected_fen", "low_fen",
    "high_fen", "probability_over_standard", "standard_reached_on", "projected_discharge", "absent",
)  # fmt: skip


def _glance(state: OpenStay, told: Json, outlook: Json | None) -> Json:
    head, price = state.head.value, told["price"]
    seen: Json = outlook or {}
    zone = ZoneInfo(state.who.value["time_zone"])
    admitted = _day(head.get("admission_date"), head.get("admission_time"), zone)
    today = state.judged_as_of.astimezone(zone).date()
    as_of = seen.get("as_of") or today
    standard = price["payment_standard_fen"]
    absent = (
        None
        if seen.get("projected_total_fen") is not None and standard
        else NO_CURVES
        if outlook is None
        else ABSENT.get(seen["absent"] or "", NO_STANDARD)
    )
    principal = _ordered(state.lists["diagnoses"].value or [])[:1]
    return {
        "stay_id": state.stay_id,
        "admission_date": admitted,
        "as_of": as_of,
        # The day in hospital is that of the last event; the cost may be posted later.
        "day_of_stay": None if admitted is None else max((today - admitted).days, 0) + 1,
        "sex": head.get("sex"),
        "age_years": head.get("age_years"),
        "diagnosis": _code(principal[0]) if principal else None,
        "group": price["group"],
        "group_name": price["group_name"],
        "currency": head.get("currency"),
        "running_fen": sum(state.costs().values()),
        "standard_fen": standard,
        "expected_fen": seen.get("expected_cost_to_date_fen"),
        "projected_fen": seen.get("projected_total_fen"),
        "low_fen": seen.get("projected_low_fen"),
        "high_fen": seen.get("projected_high_fen"),
        "probability_over_standard": seen.get("probability_over_standard"),
        "standard_reached_on": seen.get("standard_reached_on"),
        "projected_discharge": seen.get("projected_discharge"),
        "absent": None if absent is None else _both(absent),
    }


def _days(claim: Json, glance: Json) -> list[Json]:
    """The cost so far at the end of each day from admission on: day, on, cost_fen."""
    admitted = glance["admission_date"]
    if admitted is None:
        return []
    zone = ZoneInfo(claim["time_zone"])
    added: dict[int, int] = {}
    for line in claim["charges"]:
        on = _day(line.get("charge_date"), line.get("charge_time"), zone)
        day = 1 if on is None else max((on - admitted).days + 1, 1)
        added[day] = added.get(day, 0) + line["amount_fen"]
    days, total = [], 0
    for day in range(1, max([*added, (glance["as_of"] - admitted).days + 1, 1]) + 1):
        total += added.get(day, 0)
        days.append({"day": day, "cost_fen": total})
    return days


def _orders(state: OpenStay, claim: Json) -> list[Json]:
    """The orders that still run, dearest first, with what they cost so far."""
    cost: dict[str, int] = {}
    for line in claim["charges"]:
        if line.get("order_id") is not None:
            cost[line["order_id"]] = cost.get(line["order_id"], 0) + line["amount_fen"]
    rows = [
        {
            "order_id": row["order_id"],
            "order_type": row.get("order_type"),
            "item_code": row.get("item_code"),
            "item_name": row.get("item_name"),
            "start_time": row.get("start_time"),
            "frequency": row.get("frequency"),
            "status": row["status"],
            "amount_fen": cost.get(row["order_id"], 0),
        }
        for row in state.rows()
        if row["status"] in RUNNING
    ]
    return sorted(rows, key=lambda r: (-r["amount_fen"], str(r["item_code"]), r["order_id"]))


def _ordered(rows: list[Json]) -> list[Json]:
    return sorted(rows, key=lambda row: int(row["ordinal"]))


def _code(row: Json) -> Json:
    return {"ordinal": row["ordinal"], "code": row["code"], "name": row.get("name")}


def _day(on: Any, at: Any, zone: ZoneInfo) -> date | None:
    """A calendar day, given as a day or as an instant."""
    if on is not None:
        return on if isinstance(on, date) else date.fromisoformat(str(on))
    if at is None:
        return None
    instant = at if isinstance(at, datetime) else datetime.fromisoformat(str(at))
    return instant.astimezone(zone).date()


def _both(text: tuple[str, str]) -> dict[str, str]:
    return {"zh": text[0], "en": text[1]}
