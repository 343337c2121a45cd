"""Plan suggestions over a ward's month: how many there are, and whether following one clears its check.

``python -m benchmarks.plan_suggestions --stays 80`` replays ``sentinel samples orders`` (its planted
patterns among them, and stays of our own with expired orders, early repeats of tests and drugs that
have an alternative). Each stay is planned after every event that changes its orders, at most once
in half an hour, and each new suggestion is followed: its actions go in as order events, and the stay
is planned again. Prints JSON: share of stays with a suggestion, kinds, share cleared, and other
checks that hit anew; with ``--calls``, the processor time of one plan (``--stays 0`` measures that alone).

``--curves`` adds projections; without them costs are not projected.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import drg
import rules
import store
from benchmarks.orders import DOUBLE, HARMLESS, draft, machine, measure, stay, take
from data_samples import ward
from streaming.orders import Event, OpenStay, decode
from streaming.orders.handler import OrdersHandler
from streaming.orders.state import Phase, copy
from streaming.pipeline import Engine
from streaming.plans.desk import PlanDesk
from streaming.pseudonym import PseudonymKey

Json = dict[str, Any]
PLANTED = "P-"
"""Start of the stays that were planted with a fault, or beside one."""
HALF_HOUR = timedelta(minutes=30)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stays", type=int, default=80)
    parser.add_argument("--calls", type=int, default=0)
    parser.add_argument("--curves", type=Path)
    given = parser.parse_args()
    curves = None if given.curves is None else drg.Curves.load(given.curves)
    with (
        tempfile.TemporaryDirectory() as folder,
        store.open(f"sqlite:///{folder}/plans.db") as opened,
    ):
        desk = PlanDesk(Engine(rules.load(), curves=curves), opened, PseudonymKey.create())
        found = follow_month(desk, month(given.stays)).told() if given.stays else {}
        if given.calls:
            found |= {"one_plan": one(desk, given.calls)}
    print(json.dumps(found | machine(), indent=2, ensure_ascii=False))


@dataclass
class Followed:
    """What came of following suggestions."""

    stays: set[str] = field(default_factory=set)
    with_suggestion: set[str] = field(default_factory=set)
    with_finding: set[str] = field(default_factory=set)
    plans: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    cleared: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    new: list[Json] = field(default_factory=list)
    standing: list[Json] = field(default_factory=list)

    def told(self) -> Json:
        """The figures."""
        shown = sum(self.kinds.values())
        honest = {s for s in self.stays if not s.startswith(PLANTED)}
        return {
            "stays": len(self.stays),
            "plans": self.plans,
            "stays_with_a_finding_on_an_order": len(self.with_finding),
            "stays_with_a_suggestion": len(self.with_suggestion),
            "share_of_stays_with_a_suggestion": round(
                len(self.with_suggestion) / max(len(self.stays), 1), 3
            ),
            "honest_stays": len(honest),
            "honest_stays_with_a_suggestion": len(honest & self.with_suggestion),
            "suggestions": shown,
            "kinds": dict(sorted(self.kinds.items())),
            "checks": dict(sorted(self.rules.items())),
            "cleared": sum(self.cleared.values()),
            "cleared_share": round(sum(self.cleared.values()) / max(shown, 1), 4),
            "not_cleared": self.standing,
            "other_checks_newly_hit": len(self.new),
            "newly_hit": self.new,
        }


def follow_month(desk: PlanDesk, events: Iterable[Event]) -> Followed:
    """Plan every stay as its orders change, and follow each suggestion once."""
    made = Followed()
    states: dict[str, OpenStay] = {}
    planned: dict[str, datetime] = {}
    shown: set[str] = set()
    for event in events:
        state = states.setdefault(event.stay_id, OpenStay(event.stay_id))
        state.apply(event)
        if state.phase is not Phase.OPEN or event.kind == "charges":
            continue
        made.stays.add(event.stay_id)
        last = planned.get(event.stay_id)
        if last is not None and event.event_time - last < HALF_HOUR and event.kind != "orders":
            continue
        planned[event.stay_id] = event.event_time
        plan = desk.of_claim(state.claim(), state.judged_as_of)
        made.plans += 1
        if any(f["unit"] == "order" for f in plan["findings"]):
            made.with_finding.add(event.stay_id)
        for suggestion in plan["suggestions"]:
            if suggestion["suggestion_id"] not in shown:
                shown.add(suggestion["suggestion_id"])
                made.with_suggestion.add(event.stay_id)
                _note(made, suggestion, plan, follow(desk, state, suggestion))
    return made


def follow(desk: PlanDesk, state: OpenStay, suggestion: Json) -> Json:
    """The plan of the stay after a physician did as the suggestion says, by order events."""
    changed = copy(state)
    rows = [
        action["order"] | ({"status": "active"} if action["type"] == "create" else {})
        for action in suggestion["actions"]
    ]
    message = {
        "event_id": "followed", "kind": "orders", "event_time": state.judged_as_of.isoformat(),
        "sequence": 10**6, "stay_id": state.stay_id, "orders": rows, **state.who.value,
    }  # fmt: skip
    ((_, event),), refused = decode([json.dumps(message).encode()], key=desk.key)
    assert not refused, refused
    assert changed.apply(event)
    return desk.of_claim(changed.claim(), changed.judged_as_of)


def cleared(suggestion: Json, after: Json) -> bool:
    """Whether none of what the suggestion answers stands in the plan after it."""
    standing = {f["finding_id"] for f in after["findings"]}
    expired = {s["order_id"] for s in after["suggestions"] if s["kind"] == "close_expired"}
    return not standing & set(suggestion["finding_ids"]) and not (
        suggestion["kind"] == "close_expired" and suggestion["order_id"] in expired
    )


def newly_hit(before: Json, after: Json) -> list[str]:
    """The checks that hit after and did not before, with what they are on."""
    was = {f["finding_id"] for f in before["findings"]}
    return [
        f"{f['rule_id']} {f['subject_id']}" for f in after["findings"] if f["finding_id"] not in was
    ]


def _note(made: Followed, suggestion: Json, before: Json, after: Json) -> None:
    kind = suggestion["kind"]
    made.kinds[kind] += 1
    made.rules.update(suggestion["rule_ids"])
    about = {"stay_id": before["stay_id"], "kind": kind, "rule_ids": suggestion["rule_ids"]}
    if cleared(suggestion, after):
        made.cleared[kind] += 1
    else:
        made.standing.append(about)
    new = newly_hit(before, after)
    if new:
        made.new.append(about | {"new": new})


def month(stays: int) -> list[Event]:
    """The ward's month with its planted patterns, a quarter as many still in, and our own stays."""
    told = [*ward.stream(ward.SEED, stays, still_in=stays // 4), *own()]
    told.sort(key=lambda e: (datetime.fromisoformat(e["event_time"]), e["stay_id"], e["sequence"]))
    key = PseudonymKey.create()
    events, refused = decode([line.encode() for line in ward.encode(told)], key=key)
    assert not refused, refused[:3]
    return [event for _, event in events]


def own() -> Iterator[Json]:
    """Stays that the month lacks: expired orders, early repeats of tests, drugs with an alternative."""
    plain: Json = {"route": "iv", "frequency": "qd", "ordering_physician_id": "D1"}
    cases: dict[str, tuple[str, int, list[Json]]] = {
        "expired": ("J18.900", 64, [
            _order("O1", "S-0901002", 3, stop=5, **plain),
            _order("O2", "S-0901024", 3, stop=4, **plain), _order("O3", "S-0901016", 6, **plain)]),
        "early-repeat": ("E11.900", 64, [
            _order("O1", "S-0104010", 3, kind="lab", single=True),
            _order("O2", "S-0104010", 7, kind="lab", single=True, status="draft")]),
        "reserve": ("J15.900", 64, [_order("O1", "S-0901007", 3, status="draft", **plain)]),
        "too-young": ("J18.900", 15, [_order("O1", "S-0901005", 3, status="draft", **plain)]),
        "young-pain": ("M25.500", 12, [_order("O1", "S-0901816", 3, status="draft", route="po")]),
    }  # fmt: skip
    for name, (code, age, orders) in cases.items():
        for number, zone in enumerate(("A", "B", "C")):
            stay_id = f"P-PLAN-{name}-{zone}"
            head = {
                "claim_type": "inpatient", "region_code": "330100", "currency": "CNY", "sex": "1",
                "age_years": age, "insurance_type": "310", "payment_method": "drg",
                "provider_level": "3", "admission_time": "2025-03-03T09:00:00+08:00",
                "admission_department": "A03", "attending_physician_id": f"D{number}",
                "diagnosis_system": "ICD-10-CN", "procedure_system": "ICD-9-CM-3-CN",
            }  # fmt: skip
            diagnoses = [{"ordinal": 1, "code": code, "present_on_admission": "1"}]
            yield _event(stay_id, 1, "03T09:00", "stay", stay=head, diagnoses=diagnoses)
            for place, order in enumerate(orders, start=2):
                yield _event(stay_id, place, order["start_time"][8:16], "orders", orders=[order])
            yield _event(stay_id, 20, f"{8 + number:02}T08:00", "stay", stay=head)


def _order(
    order_id: str, code: str, day: int, *, stop: int | None = None, kind: str = "drug",
    single: bool = False, status: str = "active", **more: Any,
) -> Json:  # fmt: skip
    row = {
        "order_id": order_id, "order_type": kind, "long_term": not single, "item_code": code,
        "start_time": f"2025-03-{day:02}T10:00:00+08:00", "status": status, **more,
    }  # fmt: skip
    return row if stop is None else row | {"stop_time": f"2025-03-{stop:02}T10:00:00+08:00"}


def _event(stay_id: str, sequence: int, at: str, kind: str, **members: Any) -> Json:
    return {
        "event_id": f"{stay_id}-{sequence}", "kind": kind, "event_time": f"2025-03-{at}:00+08:00",
        "sequence": sequence, "stay_id": stay_id, "provider_id": "H33010000001",
        "patient_id": stay_id, "time_zone": "Asia/Shanghai", **members,
    }  # fmt: skip


def one(desk: PlanDesk, calls: int) -> Json:
    """Processor time of ``of_events`` for a new draft on a stored stay with 40 orders and 300 lines."""
    handler = OrdersHandler(desk.engine, desk.store, desk.key)
    take(handler, [json.dumps(m).encode() for m in stay(40, 300)])
    numbers = iter(range(10**6))
    found = {}
    for name, code in (("harmless", HARMLESS), ("double", DOUBLE)):

        def call(code: str = code) -> None:
            event = draft(code)
            event["orders"][0]["order_id"] = f"NEW{next(numbers)}"
            assert not desk.of_events([json.dumps(event).encode()]).refused

        found[name] = measure(call, calls)
    began, used = time.perf_counter(), time.process_time()
    PlanDesk(desk.engine, desk.store, desk.key).of_stay("BENCH-1")
    found["first_plan_of_a_stay_ms"] = {
        "wall": round((time.perf_counter() - began) * 1000, 1),
        "processor": round((time.process_time() - used) * 1000, 1),
    }
    return found


if __name__ == "__main__":
    main()
