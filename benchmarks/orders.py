"""Orders of patients in hospital: one order judged while the physician waits, and a stream's events a second.

``python -m benchmarks.orders one --calls 200`` stores a stay with 40 active orders and 300 charge
lines, then judges a new draft on top of it as ``POST /v1/orders:check`` does (read the stay,
judge, re-assess the changed plan; nothing stored). ``python -m benchmarks.orders stream --stays
200`` runs a ward's month through the handler's work (decode, read, judge, write) in batches;
``cards`` judges the month with its planted patterns as it happens, half an hour at a time, and
counts what physicians are told.

Prints JSON: wall-clock and processor time (this process, all threads), p50, p95 and p99 in ms.
``--curves`` adds the outlook of costs.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import drg
import rules
import store
from data_samples import ward
from streaming.orders import OpenStay, decode, judge_orders
from streaming.orders.handler import OrdersHandler
from streaming.pipeline import Engine
from streaming.pseudonym import PseudonymKey

SEED = 20250301
ZONE = "+08:00"
DRUGS = ("S-0901001", "S-0901002", "S-0901016", "S-0901019", "S-0901022")
DOUBLE = "S-0901022"
"""Ordered once before: the new order of it is a finding with two ways out."""
HARMLESS = "S-0104001"
HALF_HOUR = timedelta(minutes=30)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mode", choices=["one", "stream", "cards"])
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--orders", type=int, default=40)
    parser.add_argument("--lines", type=int, default=300)
    parser.add_argument("--stays", type=int, default=200)
    parser.add_argument("--batch", type=int, default=500)
    parser.add_argument("--curves", type=Path)
    parser.add_argument("--db", help="URL of a fresh database; a new SQLite file without it")
    given = parser.parse_args()
    curves = None if given.curves is None else drg.Curves.load(given.curves)
    with (
        tempfile.TemporaryDirectory() as folder,
        store.open(given.db or f"sqlite:///{folder}/orders.db") as opened,
    ):
        engine = Engine(rules.load(), curves=curves)
        handler = OrdersHandler(engine, opened, PseudonymKey.create())
        measured = {"one": one, "stream": stream, "cards": cards}[given.mode](handler, given)
    print(json.dumps(measured | machine(), indent=2))


def one(handler: OrdersHandler, given: argparse.Namespace) -> dict[str, Any]:
    """Judge a new order on top of a stored stay, a harmless one and a double one in turn."""
    take(handler, [json.dumps(m).encode() for m in stay(given.orders, given.lines)])
    found = {}
    for name, code in (("harmless", HARMLESS), ("double", DOUBLE)):
        event = json.dumps(draft(code)).encode()
        told = handler.check([event])
        assert not told.refused
        assert bool(told.results[0]["suggestions"]) == (name == "double")
        found[name] = measure(partial(handler.check, [event]), given.calls)
    return {"orders": given.orders, "lines": given.lines, "calls": given.calls, **found}


def stream(handler: OrdersHandler, given: argparse.Namespace) -> dict[str, Any]:
    """A ward's month, batch by batch, into the database."""
    records = [line.encode() for line in ward.encode(ward.stream(SEED, given.stays))]
    walls, told = [], 0
    processor = time.process_time()
    for start in range(0, len(records), given.batch):
        began = time.perf_counter()
        told += take(handler, records[start : start + given.batch])
        walls.append(time.perf_counter() - began)
    return {
        "events": len(records),
        "megabytes": round(sum(map(len, records)) / 1e6, 1),
        "batch": given.batch,
        "suggestions": told,
        "events_a_second": round(len(records) / sum(walls)),
        "events_a_processor_second": round(len(records) / (time.process_time() - processor)),
        "batch_ms": spread(walls),
    }


def cards(handler: OrdersHandler, given: argparse.Namespace) -> dict[str, Any]:
    """What is told in a month of stays, a quarter as many still in hospital, and the planted ones."""
    month = ward.stream(SEED, given.stays, still_in=given.stays // 4)
    events = [e for _, e in decode([x.encode() for x in ward.encode(month)], key=handler.key)[0]]
    states: dict[str, OpenStay] = {}
    told: list[dict[str, Any]] = []
    alerts = start = 0
    while start < len(events):
        end = start
        while end < len(events) and events[end].event_time - events[start].event_time < HALF_HOUR:
            end += 1
        outcome = judge_orders(events[start:end], states, handler.engine)
        states.update(outcome.states)
        told += outcome.suggestions
        alerts += len(outcome.alerts)
        start = end
    return {
        "events": len(events),
        "stays": len(states),
        "cards": len(told),
        "cards_on_honest_stays": sum(not card["stay_id"].startswith("P-") for card in told),
        "cards_with_a_change_that_clears": sum(bool(card["changes"]) for card in told),
        "alerts": alerts,
        "checks": sorted({e["rule_id"] for card in told for e in card["evidence"]}),
    }


def take(handler: OrdersHandler, records: list[bytes]) -> int:
    """What the worker does with a batch, without the broker; how many suggestions came of it."""
    events, refused = decode(records, key=handler.key)
    assert not refused, refused[:3]
    taken = [event for _, event in events]
    states = handler.look_up(e.stay_id for e in taken)
    outcome = judge_orders(taken, states, handler.engine)
    for write in handler.writes(outcome, states):
        handler.store.open_stays.commit(write, datetime.now(UTC))
    return len(outcome.suggestions)


def measure(call: Callable[[], Any], calls: int) -> dict[str, Any]:
    """Wall-clock and processor time of a call, after ten to warm up."""
    for _ in range(10):
        call()
    walls, processor = [], []
    for _ in range(calls):
        began, used = time.perf_counter(), time.process_time()
        call()
        walls.append(time.perf_counter() - began)
        processor.append(time.process_time() - used)
    return {"wall_ms": spread(walls), "processor_ms": spread(processor)}


def spread(seconds: list[float]) -> dict[str, float]:
    """Percentiles in milliseconds."""
    return {f"p{p}": round(float(np.percentile(seconds, p)) * 1000, 1) for p in (50, 95, 99)}


def stay(orders: int, lines: int) -> Iterator[dict[str, Any]]:
    """A stay with so many running orders and charge lines."""
    began = datetime.fromisoformat("2025-03-03T09:00:00")
    head = {
        "claim_type": "inpatient", "region_code": "330100", "currency": "CNY", "sex": "1",
        "age_years": 64, "insurance_type": "310", "payment_method": "drg", "provider_level": "3",
        "admission_date": "2025-03-03", "admission_time": "2025-03-03T09:00:00+08:00",
        "admission_department": "A03", "attending_physician_id": "D1",
        "diagnosis_system": "ICD-10-CN", "procedure_system": "ICD-9-CM-3-CN",
    }  # fmt: skip
    codes = ("I63.900", "I10.x05", "E11.900")
    diagnoses = [{"ordinal": n, "code": c} for n, c in enumerate(codes, start=1)]
    yield event(1, "stay", stay=head, diagnoses=diagnoses)
    rows = [
        row(f"O{n:03}", DRUGS[n] if n < len(DRUGS) else f"X-{n:04}", began + timedelta(minutes=n))
        for n in range(orders)
    ]
    yield event(2, "orders", orders=rows)
    charged = [
        {
            "line_id": f"L{n:04}", "item_code": f"X-{n % 40:04}", "category": "09", "quantity": "1",
            "unit_price": "12.50", "amount_fen": 1250,
            "charge_time": (began + timedelta(minutes=5 * n)).isoformat() + ZONE,
        }
        for n in range(lines)
    ]  # fmt: skip
    yield event(3, "charges", charges=charged)


def draft(code: str) -> dict[str, Any]:
    """The event of a new order that is not signed yet."""
    start = datetime.fromisoformat("2025-03-04T12:00:00")
    return event(9, "orders", orders=[row("NEW", code, start) | {"status": "draft"}])


def row(order_id: str, code: str, start: datetime) -> dict[str, Any]:
    return {
        "order_id": order_id, "order_type": "drug", "long_term": True, "item_code": code,
        "item_name": code, "route": "po", "frequency": "qd", "start_time": start.isoformat() + ZONE,
        "status": "active", "ordering_physician_id": "D1", "ordering_department": "A03",
    }  # fmt: skip


def event(sequence: int, kind: str, **members: Any) -> dict[str, Any]:
    return {
        "event_id": f"E{sequence}", "kind": kind, "event_time": "2025-03-04T12:00:00+08:00",
        "sequence": sequence, "stay_id": "BENCH-1", "provider_id": "H1", "patient_id": "one",
        "time_zone": "Asia/Shanghai", **members,
    }  # fmt: skip


def machine() -> dict[str, Any]:
    """Where and when it was measured, and how busy the machine was."""
    return {
        "processors": os.cpu_count(),
        "load_average": [round(x, 1) for x in os.getloadavg()],
        "python": platform.python_version(),
        "at": datetime.now(UTC).date().isoformat(),
    }


if __name__ == "__main__":
    main()
