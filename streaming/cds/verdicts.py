"""The checks of orders on many plans of many stays at once, and which changes clear what they found.

The same as ``streaming.plans.variants`` and ``reassessing`` do for the plans of one stay; a test holds
both to the same answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import rules
from domain.results import Verdict
from streaming.orders.changes import Change, propose
from streaming.orders.state import RUNNING
from streaming.plans import discharge, ways
from streaming.plans.claim_tables import tables_of
from streaming.plans.judges import Judges
from streaming.plans.reassessing import Cause
from streaming.plans.variants import PLANNED, Moment, Verdicts, keys, read, with_interval

Json = dict[str, Any]


def verdicts_of(plans: Sequence[tuple[Json, Moment]], judges: Judges) -> list[Verdicts]:
    """The verdicts on plans, each a claim with its drafts as signed, now and as if discharged."""
    claims: list[Json] = []
    tested: list[Json] = []
    items = with_interval(judges.orders.reference)
    for number, (plan, moment) in enumerate(plans):
        plain = plan | {"charges": _latest(plan)}
        ended = discharge.discharged(plain, moment.as_of, moment.leaving, None)
        claims += [named(plain, f"n{number}"), named(ended, f"d{number}")]
        if any(o["item_code"] in items for o in plan["orders"]):
            tested.append(named(_tests(plan, items), f"d{number}"))
    judged = rules.judge(judges.orders, tables_of(claims))
    hits: dict[str, list[Json]] = {claim["stay_id"]: [] for claim in claims}
    for row in judged.hits.iter_rows(named=True):
        hits[row["stay_id"]].append(read(row))
    if tested and judges.tests.ids:
        for row in rules.judge(judges.tests, tables_of(tested)).hits.iter_rows(named=True):
            hits[row["stay_id"]].append(read(row))
    letters = {row["stay_id"]: row for row in judged.verdicts.iter_rows(named=True)}

    def unknown(name: str) -> frozenset[str]:
        row = letters[name]
        return frozenset(r for r in judges.orders.ids if row[r] == Verdict.UNKNOWN)

    return [
        Verdicts(tuple(hits[f"n{n}"]), tuple(hits[f"d{n}"]), unknown(f"n{n}"), unknown(f"d{n}"))
        for n in range(len(plans))
    ]


def proposed(cause: Cause, claim: Json, moment: Moment) -> Iterator[Change]:
    """The changes that may clear a cause."""
    now, folder = moment.as_of, moment.folder
    if cause.expired:
        yield from (c for one, c in ways.close_expired(claim, now) if one == cause.subject_id)
    for hit in cause.hits:
        yield from propose(hit, hit["facts"], claim, now, folder)
        yield from ways.later_tests(hit, claim, now)
        yield from ways.alternatives(hit, claim, now, folder)


def clears(cause: Cause, before: Verdicts, after: Verdicts) -> bool:
    """Whether all that the cause found passes after a change, and nothing else hits or is unknown."""
    early, late = keys(cause.now), keys(cause.later)
    return (
        not early & after.found_now
        and not late & after.found_later
        # What hits now would still hit at discharge.
        and not early & after.found_later
        and not {rule for rule, _ in early} & after.unknown_now
        and not {rule for rule, _ in late} & after.unknown_later
        and after.found_now <= before.found_now
        and after.found_later <= before.found_later | before.found_now
    )


def named(claim: Mapping[str, Any], name: str) -> Json:
    """The claim under another name, of a patient of its own: nothing else of the batch is its past."""
    return {**claim, "stay_id": name, "patient_id": name}


def _latest(plan: Json) -> list[Json]:
    """The latest charge line: it says how far time went on, and checks of orders read no other."""
    lines = plan["charges"]
    return [max(lines, key=lambda x: x.get("charge_time") or "")] if lines else []


def _tests(plan: Json, items: Iterable[str]) -> Json:
    """The charges of tests with an interval, and a line for each that is ordered and still to come."""
    charged = {line.get("order_id") for line in plan["charges"]}
    zone = ZoneInfo(plan["time_zone"])
    known = set(items)
    planned = [
        {
            "line_id": f"{PLANNED}{order['order_id']}",
            "order_id": order["order_id"],
            "item_code": order["item_code"],
            "item_name": order.get("item_name"),
            "category": "04",
            "quantity": "1",
            "unit_price": "0",
            "amount_fen": 0,
            "charge_time": order["start_time"],
            "charge_date": datetime.fromisoformat(order["start_time"]).astimezone(zone).date().isoformat(),
        }
        for order in plan["orders"]
        if order["item_code"] in known
        and order["status"] in RUNNING
        and not order.get("long_term")
        and order.get("executed_time") is None
        and order["order_id"] not in charged
    ]  # fmt: skip
    done = [line for line in plan["charges"] if line["item_code"] in known]
    return plan | {"orders": [], "charges": [*done, *planned]}
