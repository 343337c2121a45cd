"""Lawful changes of a plan that may clear a finding; each is re-assessed before it is shown.

A change stops one of two orders of one drug or class (the other goes on), orders a test,
screening or consultation that is asked for, waits for an interval, or takes back a slip.
None adds a diagnosis or a coded procedure, and none ends a treatment that nothing else
continues: whether care is needed is the physician's to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final

import polars as pl

from rules import codebooks
from rules.codebooks.force import loaded_anew
from rules.facts import codebook
from rules.facts.prescription import REPEAT_HOURS
from streaming.orders.state import RUNNING

Json = dict[str, Any]
Place = codebooks.Place

MOST_EVIDENCE: Final = 3
"""Tests offered for one requirement: more are a catalogue, not advice."""
_MINUTE: Final = timedelta(minutes=1)
_DEAD: Final = frozenset({"revoked", "entered-in-error", "completed"})
PROPOSED: Final = "proposed"
"""Identifier of an order that a change adds."""

_BOTH_NEEDED: Final = (
    "确需并用的请保留并记录理由。",
    "If both are meant, keep both and note why.",
)
_WHEN_DUE: Final = (
    "标本、筛查或会诊以病情为准；已在别处完成的，补充记录即可。",
    "As the illness calls for it; if it was done elsewhere, a note in the record is enough.",
)
_MAY_WAIT: Final = (
    "仅在病情允许时；需要立即复查的照常进行并记录理由。",
    "Only if the illness allows; a scan that is needed now goes on, with a note why.",
)
_SLIP: Final = (
    "仅限录入错误或开错患者；确需使用的照常进行并记录理由。",
    "Only if it was entered by mistake or for another patient; if it is meant, it goes on with a note why.",
)


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a stay's orders: what it is, in words, and the claim with it made."""

    kind: str
    order_id: str | None
    item_code: str | None
    at: datetime | None
    text: tuple[str, str]
    condition: tuple[str, str]
    make: Callable[[Json], Json]
    basis: tuple[Json, ...] = ()
    """What it rests on beside the checks, as rows of a plan's ``basis``."""


def propose(
    hit: Mapping[str, Any],
    facts: Json,
    claim: Json,
    now: datetime,
    folder: Path = codebooks.SHIPPED,
) -> Iterator[Change]:
    """The changes that may clear a finding on an order, by the facts that the check read.

    ``now`` is the latest instant that the stay's events name: nothing before it can be
    changed. ``folder`` holds the reference tables. A finding on a stay has none.
    """
    order = next((o for o in claim["orders"] if o["order_id"] == hit["subject_id"]), None)
    if hit["unit"] != "order" or order is None:
        return
    # As for the check itself: the tables that hold on the day of service.
    place = codebooks.edition_on(folder, date.fromisoformat(claim["admission_date"]))
    if "overlap_hours_with_same_item" in facts or "same_class_overlap_hours" in facts:
        yield from _one_of_two(order, facts, claim, now)
    requirements = [
        n.removeprefix("lacks_") for n, v in facts.items() if n.startswith("lacks_") and v
    ]
    for requirement in requirements:
        yield from _evidence(order, requirement, now, place)
    if facts.get("infection_evidence") is False:
        table = codebook.read("infection_signs", place).filter(pl.col("kind") == "item")
        yield from _tests(table["code"].to_list(), now, place)
    if "same_studies_in_7_days" in facts:
        yield from _later(order, claim, now, place)
    if ("drug_sex" in facts or "has_antineoplastic_list" in facts) and not_begun(order, claim):
        yield _slip(order)


def _one_of_two(order: Json, facts: Json, claim: Json, now: datetime) -> Iterator[Change]:
    """Stop the earlier order, or withdraw this one, where two run of one drug or class."""
    other = facts.get("same_class_drug")
    earlier = [
        o
        for o in claim["orders"]
        if place_of(o) < place_of(order)
        and o["order_type"] == order["order_type"]
        and o["status"] not in _DEAD
        and (
            (o["item_code"] == order["item_code"] and o.get("route") == order.get("route"))
            if other is None
            else other in (o.get("item_name"), o["item_code"])
        )
    ]
    if not earlier:
        return
    name = earlier[-1].get("item_name") or earlier[-1]["item_code"]
    ids = [o["order_id"] for o in earlier]
    at = max(now, instant(order["start_time"]))
    yield Change(
        "stop_earlier",
        ids[-1],
        earlier[-1]["item_code"],
        at,
        (
            f"如为换药或重复：停用较早的医嘱{'、'.join(ids)}（{name}），本医嘱继续。",
            f"If this replaces it: stop the earlier order {', '.join(ids)} ({name}); this one goes on.",
        ),
        _BOTH_NEEDED,
        lambda c: edit(c, ids, stop_time=canonical(at)),
    )
    one = order["order_id"]
    name = order.get("item_name") or order["item_code"]
    ended: Json = {"status": "revoked"} if not_begun(order, claim) else {"stop_time": canonical(at)}
    yield Change(
        "withdraw_repeat",
        one,
        order["item_code"],
        at,
        (
            f"如为重复：撤销本医嘱{one}（{name}），较早的医嘱继续。",
            f"If it is a repeat: withdraw this order {one} ({name}); the earlier one goes on.",
        ),
        _BOTH_NEEDED,
        lambda c: edit(c, [one], **ended),
    )


def _evidence(order: Json, requirement: str, now: datetime, place: Place) -> Iterator[Change]:
    """Order what a drug asks for, while its window is open."""
    rows = codebook.read("order_requirements", place).filter(
        (pl.col("item_code") == order["item_code"]) & (pl.col("requirement") == requirement)
    )
    for row in rows.iter_rows(named=True):
        start = instant(order["start_time"])
        at = max(now, start - timedelta(hours=row["hours_before"]))
        if at <= start + timedelta(hours=row["hours_after"]):
            yield from _tests(row["evidence_item_codes"], at, place)


def _tests(codes: list[str], at: datetime, place: Place) -> Iterator[Change]:
    named = names(codebooks.folder_of(place))
    for code in [c for c in codes if c in named][:MOST_EVIDENCE]:
        zh, en, order_type = named[code]
        row = {
            "order_id": PROPOSED, "order_type": order_type, "long_term": False, "item_code": code,
            "item_name": zh, "start_time": canonical(at), "status": "active",
        }  # fmt: skip
        yield Change(
            "order_evidence",
            None,
            code,
            at,
            (f"补开{zh}。", f"Order {en[0].lower() + en[1:] if en[1:2].islower() else en}."),
            _WHEN_DUE,
            lambda c, row=row: c | {"orders": [*c["orders"], row]},  # type: ignore[misc]
        )


def _later(order: Json, claim: Json, now: datetime, place: Place) -> Iterator[Change]:
    """Carry a repeated study out when so many hours have passed since an earlier one."""
    if not not_begun(order, claim):
        return
    studies = dict(codebook.read("imaging", place).select("item_code", "study_zh").iter_rows())
    study = studies.get(order["item_code"])
    earlier = sorted(
        instant(o["start_time"])
        for o in claim["orders"]
        if study is not None
        and studies.get(o["item_code"]) == study
        and o["status"] not in ("revoked", "entered-in-error")
        and place_of(o) < place_of(order)
    )
    one = order["order_id"]
    for before in earlier:
        at = before + timedelta(hours=REPEAT_HOURS) + _MINUTE
        if at <= max(now, instant(order["start_time"])):
            continue
        day = at.date().isoformat()
        yield Change(
            "wait_interval",
            one,
            order["item_code"],
            at,
            (
                f"改在{day}之后进行（距前次满7天）。",
                f"Carry it out after {day}, seven days from the earlier one.",
            ),
            _MAY_WAIT,
            lambda c, at=at: edit(c, [one], start_time=canonical(at)),  # type: ignore[misc]
        )


def _slip(order: Json) -> Change:
    one = order["order_id"]
    return Change(
        "correct_slip",
        one,
        order["item_code"],
        None,
        (f"如为误录：更正医嘱{one}。", f"If it is a slip: take order {one} back."),
        _SLIP,
        lambda c: edit(c, [one], status="entered-in-error"),
    )


def edit(claim: Json, ids: list[str], **fields: Any) -> Json:
    """The claim with fields of these orders set."""
    rows = [o | fields if o["order_id"] in ids else o for o in claim["orders"]]
    return claim | {"orders": rows}


def not_begun(order: Json, claim: Json) -> bool:
    """Whether an order may still be taken back: nothing of it was carried out or charged."""
    return (
        order["status"] in RUNNING
        and order.get("executed_time") is None
        and not any(line.get("order_id") == order["order_id"] for line in claim["charges"])
    )


def place_of(order: Json) -> tuple[datetime, str]:
    """Where an order stands among those of its stay: by start, then id."""
    return instant(order["start_time"]), order["order_id"]


def instant(text: str) -> datetime:
    """The instant of a canonical text."""
    return datetime.fromisoformat(text)


def canonical(at: datetime) -> str:
    """The text of an instant as a claim has it: UTC is written as Z."""
    return at.isoformat().replace("+00:00", "Z")


@cache
def names(folder: Path) -> dict[str, tuple[str, str, str]]:
    """Item code -> names and type of order, from the tariff."""
    rows = (
        loaded_anew("items", folder)
        .frame.select("item_code", "name_zh", "name_en", "order_type")
        .iter_rows()
    )
    return {code: (zh, en, kind) for code, zh, en, kind in rows}
