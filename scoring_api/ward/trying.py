"""What the forms of the simulator say, read into the changes of a what-if, and those changes in words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from domain.codes import CHARGE_CATEGORY
from scoring_api.bodies import whole
from scoring_api.pages import formats

Json = dict[str, Any]
Words = Mapping[str, str]

MOST: Final = 20
"""Changes of one what-if, as POST /v1/drg:what-if takes them."""
CODING: Final = ("diagnosis", "procedure")
ACTIONS: Final = ("add", "replace", "move", "remove")
_LONGEST_CODE: Final = 20
_NUMBERS: Final = frozenset({"ordinal", "to", "amount_fen"})


@dataclass(frozen=True, slots=True)
class Tried:
    """The changes so far, and what is wrong with the one that was to be added (field -> key of its words)."""

    changes: list[Json] = field(default_factory=list)
    wrong: dict[str, str] = field(default_factory=dict)
    form: str = ""
    """Which form was sent: diagnosis, procedure, stop, plan or discharge."""


def read(values: Mapping[str, str], record: Mapping[str, Any]) -> Tried:
    """The changes that the page carries, with the one of the form that was sent, without the one dropped."""
    changes = _carried(values)
    drop = whole(values.get("drop", ""), 2)
    if drop is not None and drop < len(changes):
        # What follows may count on it: an ordinal after a diagnosis added before.
        return Tried([*changes[:drop], *changes[drop + 1 :]])
    form = values.get("form", "")
    if form in CODING:
        change, wrong = _coding(values, form, codes(record, changes, form))
    elif form == "stop":
        change, wrong = _stop(values, {o["order_id"] for o in record["orders"]})
    elif form == "plan":
        change, wrong = _plan(values)
    elif form == "discharge":
        change, wrong = _discharge(values, record["admission_date"])
        # There is one day of discharge: another one takes its place.
        changes = changes if wrong else [c for c in changes if c["kind"] != "set_discharge_date"]
    else:
        return Tried(changes)
    if not wrong and len(changes) >= MOST:
        wrong = {"form": "ward.try.wrong.many"}
    return Tried(changes if wrong else [*changes, change], wrong, form)


def codes(record: Mapping[str, Any], changes: Sequence[Json], what: str) -> list[Json]:
    """The diagnoses or procedures as they are after the changes, with their new ordinals."""
    rows = [dict(row) for row in record["diagnoses" if what == "diagnosis" else "procedures"]]
    for change in changes:
        action, _, of = change["kind"].partition("_")
        if of != what:
            continue
        place = int(change.get("ordinal") or len(rows) + 1) - 1
        if action == "add":
            rows.insert(place, {"code": change["code"], "name": None})
        elif not 0 <= place < len(rows):
            continue  # the what-if itself says that there is none
        elif action == "remove":
            rows.pop(place)
        elif action == "replace":
            rows[place] = {"code": change["code"], "name": None}
        else:
            rows.insert(int(change["to"]) - 1, rows.pop(place))
    return [row | {"ordinal": number} for number, row in enumerate(rows, start=1)]


def tell(
    changes: Sequence[Json], record: Mapping[str, Any], words: Words, currency: str
) -> list[str]:
    """Each change in words."""
    orders = {o["order_id"]: o for o in record["orders"]}
    told = []
    for place, change in enumerate(changes):
        action, _, what = change["kind"].partition("_")
        if what in CODING:
            rows = codes(record, changes[:place], what)
            at = int(change.get("ordinal") or len(rows) + 1)
            old = rows[at - 1] if 0 < at <= len(rows) and action != "add" else None
            told.append(
                words[f"ward.try.{action}.told"].format(
                    what=words[f"ward.try.{what}"],
                    code=change.get("code") or (old or {}).get("code", "?"),
                    old=name_code(old) if old else "?",
                    place=change.get("to") or at,
                )
            )
        elif change["kind"] == "cancel_order":
            order = orders.get(change["order_id"], {})
            told.append(
                words[
                    "ward.try.stop.told" if change.get("since") else "ward.try.stop.all.told"
                ].format(
                    order=order.get("item_name") or order.get("item_code") or change["order_id"],
                    since=change.get("since"),
                )
            )
        elif change["kind"] == "plan_order":
            told.append(
                words["ward.try.plan.told"].format(
                    order=change["item_code"],
                    amount=formats.format_amount(change["amount_fen"], currency),
                    date=change["date"],
                )
            )
        else:
            told.append(words["ward.try.discharge.told"].format(date=change["date"]))
    return told


def name_code(row: Mapping[str, Any]) -> str:
    """A code with its name, if it has one."""
    return f"{row['code']} {row['name']}" if row.get("name") else str(row["code"])


def carry(changes: Sequence[Json]) -> list[tuple[str, str]]:
    """Names and values of the hidden fields that carry the changes from page to page."""
    return [
        (f"c{number}", json.dumps(change, ensure_ascii=False, separators=(",", ":")))
        for number, change in enumerate(changes)
    ]


def _carried(values: Mapping[str, str]) -> list[Json]:
    """The changes in the hidden fields; what is none of ours is left out, and told by its absence."""
    found = []
    for number in range(MOST):
        try:
            change = json.loads(values.get(f"c{number}", ""))
        except ValueError:
            continue
        if (
            isinstance(change, dict)
            and isinstance(change.get("kind"), str)
            and all(
                isinstance(v, int if k in _NUMBERS else str) and not isinstance(v, bool)
                for k, v in change.items()
            )
        ):
            found.append(change)
    return [change for change in found if _whole(change)]


def _whole(change: Json) -> bool:
    """Whether a carried change has the members that the words for it need."""
    action, _, what = change["kind"].partition("_")
    if what in CODING and action in ACTIONS:
        needed = {"add": ("code",), "replace": ("ordinal", "code"), "move": ("ordinal", "to")}
        return all(name in change for name in needed.get(action, ("ordinal",)))
    needed_of = {
        "cancel_order": ("order_id",),
        "plan_order": ("item_code", "amount_fen", "date"),
        "set_discharge_date": ("date",),
    }
    return change["kind"] in needed_of and all(n in change for n in needed_of[change["kind"]])


def _coding(
    values: Mapping[str, str], what: str, rows: Sequence[Json]
) -> tuple[Json, dict[str, str]]:
    action, code = values.get("action", ""), values.get("code", "").strip()
    wrong: dict[str, str] = {}
    change: Json = {"kind": f"{action}_{what}"}
    if action not in ACTIONS:
        wrong[f"{what}-action"] = "ward.try.wrong.action"
    ordinal, to = (whole(values.get(name, ""), 3) for name in ("ordinal", "to"))
    if action in ("replace", "move", "remove"):
        if ordinal is None or not 1 <= ordinal <= len(rows):
            wrong[f"{what}-ordinal"] = "ward.try.wrong.which"
        else:
            change["ordinal"] = ordinal
    if action in ("add", "replace"):
        if not 1 <= len(code) <= _LONGEST_CODE:
            wrong[f"{what}-code"] = "ward.try.wrong.code"
        change["code"] = code
    if action == "add" and to is not None:
        if 1 <= to <= len(rows) + 1:
            change["ordinal"] = to
        else:
            wrong[f"{what}-to"] = "ward.try.wrong.place"
    if action == "move":
        if to is None or not 1 <= to <= len(rows):
            wrong[f"{what}-to"] = "ward.try.wrong.place"
        else:
            change["to"] = to
    return change, wrong


def _stop(values: Mapping[str, str], known: set[str]) -> tuple[Json, dict[str, str]]:
    order_id, since = values.get("order_id", ""), values.get("since", "").strip()
    wrong: dict[str, str] = {}
    if order_id not in known:
        wrong["stop-order"] = "ward.try.wrong.order"
    change: Json = {"kind": "cancel_order", "order_id": order_id}
    if since:
        if _day(since) is None:
            wrong["stop-since"] = "ward.try.wrong.day"
        change["since"] = since
    return change, wrong


def _plan(values: Mapping[str, str]) -> tuple[Json, dict[str, str]]:
    item, on = values.get("item", "").strip(), values.get("date", "").strip()
    amount, category = formats.parse_amount(values.get("amount", "")), values.get("category", "")
    wrong: dict[str, str] = {}
    if not 1 <= len(item) <= _LONGEST_CODE:
        wrong["plan-item"] = "ward.try.wrong.item"
    if amount is None or amount >= 10**12:
        wrong["plan-amount"] = "ward.try.wrong.amount"
    if _day(on) is None:
        wrong["plan-date"] = "ward.try.wrong.day"
    change: Json = {"kind": "plan_order", "item_code": item, "amount_fen": amount, "date": on}
    if category in CHARGE_CATEGORY:
        change["category"] = category
    return change, wrong


def _discharge(values: Mapping[str, str], admitted: date | None) -> tuple[Json, dict[str, str]]:
    on = values.get("date", "").strip()
    day = _day(on)
    wrong: dict[str, str] = {}
    if day is None:
        wrong["discharge-date"] = "ward.try.wrong.day"
    elif admitted is not None and day < admitted:
        wrong["discharge-date"] = "ward.try.wrong.before"
    return {"kind": "set_discharge_date", "date": on}, wrong


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None
