"""Plans of orders judged: the stay as it is, as if discharged, and each with a change made.

All of them are judged in one batch, each as a stay and a patient of its own: the price of a
batch is that of its steps, hardly that of its rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
import polars as pl

import rules
from domain.results import Verdict
from rules.facts import codebook
from streaming.orders.state import RUNNING
from streaming.plans import discharge
from streaming.plans.claim_tables import tables_of
from streaming.plans.judges import Judges

Json = dict[str, Any]
Found = frozenset[tuple[str, str]]
"""Checks and what they hit; a finding on the stay itself has an empty subject."""

PLANNED: Final = "planned-"
"""Start of the line_id of a test that is ordered and not yet charged."""


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What the checks of orders say of one plan: hits while in hospital, and as if discharged.

    ``unknown_now`` and ``unknown_later`` are the checks that could not be judged.
    """

    now: tuple[Json, ...]
    later: tuple[Json, ...]
    unknown_now: frozenset[str]
    unknown_later: frozenset[str]

    @property
    def found_now(self) -> Found:
        """What hits while the patient is in hospital."""
        return keys(self.now)

    @property
    def found_later(self) -> Found:
        """What hits as if discharged."""
        return keys(self.later)


@dataclass(frozen=True, slots=True)
class Moment:
    """When and by what plans of a stay are judged: ``leaving`` is the day supposed for discharge."""

    as_of: datetime
    leaving: date | None
    judges: Judges

    @property
    def folder(self) -> Path:
        """The reference tables that the checks read."""
        return self.judges.orders.reference


def judge(plans: Sequence[Json], moment: Moment) -> list[Verdicts]:
    """The verdicts on plans of one stay, each a claim with its drafts as signed."""
    return judge_each([(plan, moment) for plan in plans], moment.judges)


def judge_each(plans: Sequence[tuple[Json, Moment]], judges: Judges) -> list[Verdicts]:
    """The verdicts on plans of any stays, each at its own moment, in one batch."""
    claims: list[Json] = []
    tested: list[Json] = []
    items = with_interval(judges.orders.reference)
    for number, (plan, moment) in enumerate(plans):
        plain = plan | {"charges": _latest(plan)}
        ended = discharge.discharged(plain, moment.as_of, moment.leaving, None)
        claims += [named(plain, f"n{number}"), named(ended, f"d{number}")]
        if any(o["item_code"] in items for o in plan["orders"]):
            tested.append(named(_with_planned(plan, items), f"d{number}"))
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
        Verdicts(
            tuple(hits[f"n{number}"]),
            tuple(hits[f"d{number}"]),
            unknown(f"n{number}"),
            unknown(f"d{number}"),
        )
        for number in range(len(plans))
    ]


def read(row: Mapping[str, Any]) -> Json:
    """A hit with its facts and thresholds read."""
    return {
        **row,
        "facts": msgspec.json.decode(row["facts"]),
        "thresholds": msgspec.json.decode(row["thresholds"]),
    }


def keys(hits: Iterable[Mapping[str, Any]]) -> Found:
    """Check and subject of each hit."""
    return frozenset(
        (row["rule_id"], "" if row["subject_id"] == row["stay_id"] else row["subject_id"])
        for row in hits
    )


def named(claim: Json, name: str) -> Json:
    """The claim under another name, of a patient of its own: nothing else of the batch is its past."""
    return claim | {"stay_id": name, "patient_id": name}


def _latest(plan: Json) -> list[Json]:
    """The latest charge line: it says how far time went on, and checks of orders read no other."""
    return (
        [max(plan["charges"], key=lambda x: x.get("charge_time") or "")] if plan["charges"] else []
    )


def _with_planned(plan: Json, items: Mapping[str, int]) -> Json:
    """The charges of tests with an interval, and a line for each that is ordered and still to come."""
    charged = {line.get("order_id") for line in plan["charges"]}
    zone = ZoneInfo(plan["time_zone"])
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
            "charge_date": _day(order["start_time"], zone),
        }
        for order in plan["orders"]
        if order["item_code"] in items
        and order["status"] in RUNNING
        and not order.get("long_term")
        and order.get("executed_time") is None
        and order["order_id"] not in charged
    ]
    done = [line for line in plan["charges"] if line["item_code"] in items]
    return plan | {"orders": [], "charges": [*done, *planned]}


def _day(instant: str, zone: ZoneInfo) -> str:
    return datetime.fromisoformat(instant).astimezone(zone).date().isoformat()


@lru_cache(maxsize=8)
def with_interval(folder: Path) -> Mapping[str, int]:
    """Items that have a minimum interval anywhere, with the longest one in days."""
    terms = codebook.read("item_terms", folder).filter(pl.col("term") == "interval_days")
    longest: dict[str, int] = {}
    for code, value in terms.select("item_code", "value").iter_rows():
        longest[code] = max(longest.get(code, 0), int(value))
    return longest
