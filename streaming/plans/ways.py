"""Lawful ways to comply beyond those of the order stream: alternatives, expired orders, tests that wait.

Each touches orders only. None adds a diagnosis or a procedure that is coded, and none ends a
treatment that no other order continues: an alternative takes the place of an order not yet
begun, an expired order ended by its own stop, a test that waits is not left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import polars as pl

from rules.codebooks.force import loaded_anew
from streaming.orders.changes import (
    PROPOSED,
    Change,
    canonical,
    edit,
    instant,
    names,
    not_begun,
)
from streaming.orders.state import RUNNING
from streaming.plans.variants import PLANNED

Json = dict[str, Any]

ALTERNATIVES: Final = "drug_alternatives"
CAUSES: Final = frozenset(
    {"drug_restriction", "key_monitored", "age_conflict", "antibacterials", "drug_course"}
)
"""Causes that lie in the drug, so that another of the same indication may be free of them."""
_DECIDES: Final = (
    "是否更换及剂量由医师决定。",
    "Whether to change it, and the dose, is the physician's decision.",
)
_IF_DONE: Final = (
    "仅在该医嘱确已结束时；仍需继续的请续开并写明时间。",
    "Only if it has in fact ended; if it is to go on, renew it with its times.",
)
_MAY_WAIT: Final = (
    "仅在病情允许时；需要立即复查的照常进行并记录理由。",
    "Only if the illness allows; a test that is needed now goes on, with a note why.",
)


def alternatives(
    hit: Mapping[str, Any], claim: Json, now: datetime, folder: Path
) -> Iterator[Change]:
    """Drugs of the same indication in place of an order that has not begun, from the dated table.

    Only where a diagnosis that the stay states stands in the row's indication.
    """
    order = _order(claim, hit["subject_id"])
    if hit["cause"] not in CAUSES or order is None or not not_begun(order, claim):
        return
    codes = [_plain(d["code"]) for d in claim["diagnoses"] if d.get("code")]
    day = date.fromisoformat(claim["admission_date"])
    for row in _rows(folder).get(order["item_code"], ()):
        held = row["valid_from"] <= day and (row["valid_to"] is None or day < row["valid_to"])
        fits = [p for p in row["indications"] if any(c.startswith(_plain(p)) for c in codes)]
        named = names(folder).get(row["alternative_code"])
        if not held or not fits or named is None:
            continue
        yield _instead(order, row, named, fits, now)


def _instead(
    order: Json, row: Json, named: tuple[str, str, str], fits: list[str], now: datetime
) -> Change:
    one, code = order["order_id"], row["alternative_code"]
    zh, en, order_type = named
    was = order.get("item_name") or order["item_code"]
    at = max(now, instant(order["start_time"]))
    new = {
        "order_id": PROPOSED, "order_type": order_type, "long_term": bool(order.get("long_term")),
        "item_code": code, "item_name": zh, "start_time": canonical(at), "status": "active",
        **{k: order[k] for k in ("ordering_physician_id", "ordering_department") if order.get(k)},
    }  # fmt: skip

    def make(claim: Json) -> Json:
        left = edit(claim, [one], status="revoked")
        return left | {"orders": [*left["orders"], new]}

    return Change(
        "alternative",
        one,
        code,
        at,
        (
            f"同适应证（{'、'.join(fits)}）可选：以{zh}代替{was}（医嘱{one}，尚未执行）。",
            f"Of the same indication ({', '.join(fits)}): {en} in place of {was} (order {one}, not begun).",
        ),
        (f"{row['condition_zh']}{_DECIDES[0]}", f"{row['condition_en']} {_DECIDES[1]}"),
        make,
        (
            {
                "document": f"reference/{ALTERNATIVES}.csv",
                "clause": f"{order['item_code']} -> {code}, {row['valid_from'].isoformat()}: {row['source']}",
                "unverified": "unverified" in row["source"],
            },
        ),
    )


def expired(claim: Json, now: datetime) -> list[Json]:
    """The orders that are past their own stop and still stand as running."""
    return [
        o
        for o in claim["orders"]
        if o["status"] in RUNNING and o.get("stop_time") and instant(o["stop_time"]) <= now
    ]


def close_expired(claim: Json, now: datetime) -> Iterator[tuple[str, Change]]:
    """For each expired order its id and how to close it: its own stop ended it already."""
    for order in expired(claim, now):
        one, name = order["order_id"], order.get("item_name") or order["item_code"]
        at = instant(order["stop_time"])
        day = at.astimezone(ZoneInfo(claim["time_zone"])).strftime("%Y-%m-%d %H:%M")

        def make(c: Json, one: str = one) -> Json:
            return edit(c, [one], status="completed")

        yield (
            one,
            Change(
                "close_expired",
                one,
                order["item_code"],
                at,
                (
                    f"医嘱{one}（{name}）已于{day}到停止时间，仍为执行中：核对后关闭。",
                    f"Order {one} ({name}) was to stop at {day} and still runs: close it after a look.",
                ),
                _IF_DONE,
                make,
            ),
        )


def later_tests(hit: Mapping[str, Any], claim: Json, now: datetime) -> Iterator[Change]:
    """Carry a test out when its minimum interval is over; only one that is ordered and not yet done."""
    one = str(hit["subject_id"])
    if not one.startswith(PLANNED):
        return
    one = one.removeprefix(PLANNED)
    order = _order(claim, one)
    if order is None or not not_begun(order, claim):
        return
    facts = hit["facts"]
    interval = facts["test_interval_days"]
    at = instant(order["start_time"]) + timedelta(days=interval - facts["days_since_same_test"])
    day = at.astimezone(ZoneInfo(claim["time_zone"])).date().isoformat()
    yield Change(
        "wait_interval",
        one,
        order["item_code"],
        at,
        (
            f"改在{day}进行（距前次满{interval}天）。",
            f"Carry it out on {day}, {interval} days from the earlier one.",
        ),
        _MAY_WAIT,
        lambda c: edit(c, [one], start_time=canonical(at)),
    )


def _order(claim: Json, order_id: str) -> Json | None:
    return next((o for o in claim["orders"] if o["order_id"] == order_id), None)


def _plain(code: str) -> str:
    return code.strip().upper().replace(".", "")


@lru_cache(maxsize=4)
def _rows(folder: Path) -> Mapping[str, tuple[Json, ...]]:
    """Item code -> rows of the table of alternatives, with their dates and source."""
    frame = loaded_anew(ALTERNATIVES, folder).frame.sort("item_code", "alternative_code")
    found: dict[str, tuple[Json, ...]] = {}
    for row in frame.filter(
        pl.col("valid_to").is_null() | (pl.col("valid_from") < pl.col("valid_to"))
    ).to_dicts():
        found[row["item_code"]] = (*found.get(row["item_code"], ()), row)
    return found
