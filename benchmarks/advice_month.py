"""A month of cards as physicians would get them: how many, how many are held back, and whether following one helps.

``python -m benchmarks.advice_month --stays 200 --curves curves`` replays ``sentinel samples orders`` half an
hour at a time: each new order is signed (``order-sign``), each patient's record is opened at eight in the
morning (``patient-view``), each discharge is asked about (``encounter-discharge``). The cards are those of
CDS Hooks; ``Store.cards.offer`` says which are shown. Nobody answers, which shows most. Each suggestion on
a card that was shown is then followed: its actions go in as an order event, and the stay is judged anew by
all checks of orders.

Prints JSON for the month with its planted patterns (and the stays of ``benchmarks.plan_suggestions``) and for
the clean one: share of stays with a card, cards a physician and day (mean, p95, max), what was held back and
why, share of suggestions that clear. ``--budget`` may be given several times: the same proposals are then offered
with each, to the physicians of the month and to ``--physicians`` few, since the generated month has nearly one
for each patient. ``--stays 0`` leaves only the planted stays.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from itertools import groupby
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

import drg
import rules
import store
from benchmarks.orders import HALF_HOUR, SEED, machine, spread
from benchmarks.plan_suggestions import own
from data_samples import ward
from domain.calendar import CHINA
from domain.cards import DEFAULT_BUDGET, SHOWN, Card
from streaming.cds import cards as making
from streaming.cds.cards import Moment, Proposed
from streaming.cds.judging import Judge, Question
from streaming.orders import Event, OpenStay, checks, decode
from streaming.orders.judging import as_signed, find
from streaming.orders.state import Phase, copy
from streaming.pipeline import Engine
from streaming.plans.desk import PlanDesk
from streaming.pseudonym import PseudonymKey

Json = dict[str, Any]
MORNING = 8
"""The hour at which the attending physician opens each record."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a hook: when, the cards it proposes, and the stay as it was then."""

    at: datetime
    proposed: Sequence[Proposed]
    state: OpenStay
    plan: Json


@dataclass(slots=True)
class Month:
    """The calls of a month, and the stays that were in hospital."""

    calls: list[Call] = field(default_factory=list)
    stays: set[str] = field(default_factory=set)
    physicians: set[str] = field(default_factory=set)
    orders: int = 0
    views: int = 0
    discharges: int = 0
    still_in: set[str] = field(default_factory=set)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stays", type=int, default=200)
    parser.add_argument("--budget", type=int, action="append")
    parser.add_argument(
        "--physicians", type=int, default=7, help="Also with all stays shared by so few physicians."
    )
    parser.add_argument("--curves", type=Path)
    parser.add_argument("--only", choices=["planted", "clean"])
    given = parser.parse_args()
    curves = None if given.curves is None else drg.Curves.load(given.curves)
    engine, key = Engine(rules.load(), curves=curves), PseudonymKey.create()
    budgets = given.budget or [DEFAULT_BUDGET]
    found: Json = {}
    for name in ("planted", "clean"):
        if given.only in (None, name):
            month = replay(engine, key, events(key, given.stays, planted=name == "planted"))
            found[name] = told(month)
            for budget in budgets:
                for few in (None, given.physicians):
                    shown, figures = offered(month, budget, few)
                    who = "as_generated" if few is None else f"{few}_physicians"
                    found[name][f"budget_{budget}_{who}"] = figures
                    if (budget, few) == (budgets[0], None):
                        found[name]["followed"] = follow_all(shown, engine, key)
    print(json.dumps(found | machine(), indent=2, ensure_ascii=False))


def events(key: PseudonymKey, stays: int, *, planted: bool) -> list[Event]:
    """The ward's month, a quarter as many stays still in hospital at its end; planted: also those of plans."""
    month = [
        *ward.stream(SEED, stays, still_in=stays // 4, planted=planted),
        *(own() if planted else ()),
    ]
    month.sort(key=lambda e: (datetime.fromisoformat(e["event_time"]), e["stay_id"], e["sequence"]))
    read, refused = decode([line.encode() for line in ward.encode(month)], key=key)
    assert not refused, refused[:3]
    return [event for _, event in read]


def replay(engine: Engine, key: PseudonymKey, happened: Sequence[Event]) -> Month:
    """Every call that the month's events bring, with the cards that each proposes."""
    month, states, judge = Month(), dict[str, OpenStay](), Judge(engine)
    with tempfile.TemporaryDirectory() as folder, store.open(f"sqlite:///{folder}/p.db") as opened:
        desk = PlanDesk(engine, opened, key)
        day: date | None = None
        for slot, together in groupby(happened, key=lambda e: _slot(e.event_time)):
            here = datetime.fromtimestamp(slot * HALF_HOUR.total_seconds(), CHINA)
            if here.date() != day and here.hour >= MORNING:
                day = here.date()
                month.calls += _views(judge, states, month, here)
            month.calls += _signed(judge, desk, states, month, list(together))
    for state in states.values():
        if state.phase is Phase.OPEN:
            month.still_in.add(state.stay_id)
    return month


def _slot(at: datetime) -> int:
    return int(at.timestamp() // HALF_HOUR.total_seconds())


def _views(judge: Judge, states: Iterable[str] | dict[str, OpenStay], month: Month, at: datetime) -> Iterator[Call]:  # fmt: skip
    """Each attending physician opens the records of their patients."""
    assert isinstance(states, dict)
    there = [copy(s) for s in states.values() if s.phase is Phase.OPEN and _attending(s)]
    month.views += len(there)
    for state, plan in zip(there, judge([Question(s, None) for s in there]) if there else [], strict=True):  # fmt: skip
        one = making.of_patient(plan, _moment("patient-view", _attending(state), at))
        yield Call(at, [] if one is None else [one], state, plan)


def _signed(
    judge: Judge, desk: PlanDesk, states: dict[str, OpenStay], month: Month, together: Sequence[Event]
) -> Iterator[Call]:  # fmt: skip
    """What happened within half an hour: orders signed, and discharges asked about before they are."""
    new: dict[str, set[str]] = defaultdict(set)
    for event in together:
        state = states.setdefault(event.stay_id, OpenStay(event.stay_id))
        if event.kind == "discharge" and state.phase is Phase.OPEN and _attending(state):
            month.discharges += 1
            plan = desk.of_claim(state.claim(), state.judged_as_of)
            moment = _moment("encounter-discharge", _attending(state), event.event_time)
            yield Call(event.event_time, making.of_discharge(plan, moment), copy(state), plan)
        state.apply(event)
        if state.phase is Phase.OPEN:
            month.stays.add(event.stay_id)
        if event.kind == "orders":
            new[event.stay_id] |= {row["order_id"] for row in event.content["orders"]}
    asked = [(s, new[s]) for s in sorted(new) if states[s].phase is Phase.OPEN]
    if not asked:
        return
    month.orders += sum(len(ids) for _, ids in asked)
    plans = judge([Question(states[s], frozenset(ids)) for s, ids in asked])
    at = together[-1].event_time
    for (stay_id, ids), plan in zip(asked, plans, strict=True):
        state = copy(states[stay_id])
        # The physicians who sign at this moment, each their own orders.
        doctors: dict[str, set[str]] = defaultdict(set)
        for order_id in ids:
            row = state.orders[order_id].row() or {}
            doctors[row.get("ordering_physician_id") or _attending(state)].add(order_id)
        for doctor, signed in sorted(doctors.items()):
            if doctor:
                moment = _moment("order-sign", doctor, at)
                cost = making.of_cost(plan, moment)
                cards = [*making.of_orders(plan, moment, signed), *([] if cost is None else [cost])]
                month.physicians.add(doctor)
                yield Call(at, cards, state, plan)


def _attending(state: OpenStay) -> str:
    return str((state.head.value or {}).get("attending_physician_id") or "")


def _moment(hook: str, physician: str, at: datetime) -> Moment:
    return Moment(hook, str(uuid.uuid4()), "benchmark", physician, at)


def told(month: Month) -> Json:
    """What was asked."""
    return {
        "stays": len(month.stays),
        "still_in_hospital": len(month.still_in),
        "physicians_who_sign": len(month.physicians),
        "orders_signed": month.orders,
        "records_opened": month.views,
        "discharges": month.discharges,
        "calls": len(month.calls),
        "cards_proposed": sum(len(call.proposed) for call in month.calls),
    }


def offered(month: Month, budget: int, few: int | None) -> tuple[list[tuple[Call, Proposed]], Json]:
    """What is shown of the month's proposals with a budget; with ``few`` all stays are shared by so many physicians."""
    outcomes: Counter[str] = Counter()
    hooks: dict[str, Counter[str]] = defaultdict(Counter)
    severities: dict[str, Counter[str]] = defaultdict(Counter)
    per_day: Counter[tuple[str, date]] = Counter()
    with_card: set[str] = set()
    shown: list[tuple[Call, Proposed]] = []
    walls, used = [], []
    with tempfile.TemporaryDirectory() as folder, store.open(f"sqlite:///{folder}/c.db") as opened:
        for call in month.calls:
            if not call.proposed:
                continue
            cards = [_of_few(p.card, few) for p in call.proposed]
            began, processor = time.perf_counter(), time.process_time()
            made = opened.cards.offer(cards, budget=budget, now=call.at)
            walls.append(time.perf_counter() - began)
            used.append(time.process_time() - processor)
            for proposed, one in zip(call.proposed, made, strict=True):
                outcome = one.held or SHOWN
                outcomes[outcome] += 1
                severities[str(one.card.severity)][outcome] += 1
                if one.shown:
                    hooks[one.card.hook].update(["cards", *one.card.rule_ids])
                    per_day[one.card.physician_id, call.at.astimezone(CHINA).date()] += 1
                    with_card.add(one.card.stay_id)
                    shown.append((call, proposed))
    counts = list(per_day.values())
    early = {p.card.stay_id for _, p in shown if p.card.hook != "encounter-discharge"}
    return shown, {
        "outcomes": dict(outcomes),
        "shown_by_hook": {hook: dict(found.most_common(8)) for hook, found in hooks.items()},
        "by_severity": {name: dict(found) for name, found in sorted(severities.items())},
        "share_of_stays_with_a_card": _share(len(with_card & month.stays), len(month.stays)),
        "share_of_stays_with_a_card_before_discharge": _share(
            len(early & month.stays), len(month.stays)
        ),
        "share_of_stays_still_in_with_a_card": _share(
            len(with_card & month.still_in), len(month.still_in)
        ),
        "cards_a_physician_and_day_with_a_card": {
            "mean": round(float(np.mean(counts)), 2) if counts else None,
            "p95": float(np.percentile(counts, 95)) if counts else None,
            "max": max(counts, default=0),
            "days": len(counts),
        },
        "offer_ms": {"wall": spread(walls), "processor": spread(used)} if walls else None,
    }


def _of_few(card: Card, few: int | None) -> Card:
    """The card as of one of a few physicians of one hospital: the same one for the same stay."""
    if few is None:
        return card
    doctor = f"D{crc32(card.stay_id.encode()) % few}"
    return replace(card, provider_id="H", physician_id=doctor)


def follow_all(shown: Sequence[tuple[Call, Proposed]], engine: Engine, key: PseudonymKey) -> Json:
    """Whether following each suggestion that was shown clears what its card speaks of, by judging anew."""
    kinds: Counter[str] = Counter()
    cleared: Counter[str] = Counter()
    standing, new = [], []
    judges = checks.of_orders(engine.ruleset)
    for call, proposed in shown:
        for way in proposed.ways.values():
            kinds[way["kind"]] += 1
            subjects = {
                (f["rule_id"], f["subject_id"])
                for f in call.plan["findings"]
                if f["finding_id"] in way["finding_ids"]
            }
            before = _hits(judges, call.state)
            after = _hits(judges, followed(call.state, way, key))
            about = {"stay_id": call.state.stay_id, "kind": way["kind"], "rules": way["rule_ids"]}
            assert subjects <= before, about
            if subjects & after:
                standing.append(about)
            else:
                cleared[way["kind"]] += 1
            if after - before:
                new.append(about)
    whole = sum(kinds.values())
    return {
        "cards_with_a_suggestion": sum(bool(p.ways) for _, p in shown),
        "suggestions": whole,
        "kinds": dict(sorted(kinds.items())),
        "cleared": sum(cleared.values()),
        "cleared_share": _share(sum(cleared.values()), whole),
        "not_cleared": standing,
        "other_checks_newly_hit": new,
    }


def _hits(judges: rules.RuleSet, state: OpenStay) -> set[tuple[str, str]]:
    found = find(judges, [as_signed(state.claim())], None)
    return {(row["rule_id"], row["subject_id"]) for rows in found.values() for row in rows}


def followed(state: OpenStay, way: Mapping[str, Any], key: PseudonymKey) -> OpenStay:
    """The stay after a physician did as the suggestion says, by an order event."""
    rows = [
        action["order"] | ({"status": "active"} if action["type"] == "create" else {})
        for action in way["actions"]
    ]
    message = {
        "event_id": "followed", "kind": "orders", "event_time": state.judged_as_of.isoformat(),
        "sequence": 10**6, "stay_id": state.stay_id, "orders": rows, **state.who.value,
    }  # fmt: skip
    ((_, event),), refused = decode([json.dumps(message).encode()], key=key)
    assert not refused, refused
    changed = copy(state)
    changed.apply(event)
    return changed


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


if __name__ == "__main__":
    main()
