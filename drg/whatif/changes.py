"""The changes that a what-if may make to a claim: codes, their order, discharge, orders."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa

from domain.claim import CLAIM_TABLES
from domain.codes import CHARGE_CATEGORY
from domain.errors import SentinelError
from domain.tables import Tables, conform

Row = dict[str, Any]


class ChangeError(SentinelError):
    """A change that cannot be made to this claim."""


@dataclass(slots=True)
class _Draft:
    """The rows of one claim while changes are made; lists are in the order of their ordinals."""

    stay: Row
    diagnoses: list[Row]
    procedures: list[Row]
    charges: list[Row]
    orders: list[Row]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of change: its members (name -> whether it must be given) and what it does."""

    meaning: str
    members: Mapping[str, bool]
    make: Callable[[_Draft, Row, str], None]


def apply(claim: Tables, changes: Sequence[Mapping[str, Any]]) -> Tables:
    """The claim (one stay) with the changes made in their order.

    ChangeError names the change by its place and says what it should be.
    """
    if len(claim) != 1:
        raise ChangeError(
            f"there are {len(claim)} claims", where="claim", cure="Ask about one claim at a time."
        )

    def ordered(table: pa.Table) -> list[Row]:
        return sorted(table.to_pylist(), key=lambda row: int(row["ordinal"]))

    draft = _Draft(
        claim.stays.to_pylist()[0],
        ordered(claim.diagnoses),
        ordered(claim.procedures),
        claim.charges.to_pylist(),
        claim.orders.to_pylist(),
    )
    for place, change in enumerate(changes):
        where = f"changes[{place}]"
        kind = KINDS.get(str(change.get("kind")))
        if kind is None:
            raise ChangeError(
                f"there is no change of kind {str(change.get('kind'))[:40]!r}",
                where=where,
                cure=f"Use one of {', '.join(KINDS)}.",
            )
        _check_members(change, kind, where)
        kind.make(draft, dict(change), where)
    for rows in (draft.diagnoses, draft.procedures):
        for number, row in enumerate(rows, start=1):
            row["ordinal"] = number
    changed = {
        "stays": [draft.stay],
        "diagnoses": draft.diagnoses,
        "procedures": draft.procedures,
        "charges": draft.charges,
        "orders": draft.orders,
    }
    tables = {table.name: table for table in CLAIM_TABLES}
    return Tables(
        **{
            name: conform(
                pa.Table.from_pylist(changed[name], schema=tables[name].arrow), tables[name]
            )
            if name in changed
            else table
            for name, table in claim.items()
        }
    )


def _check_members(change: Mapping[str, Any], kind: Kind, where: str) -> None:
    wanted = {"kind": True, **kind.members}
    missing = [name for name, must in wanted.items() if must and change.get(name) is None]
    unknown = sorted(set(change) - set(wanted))
    if missing or unknown:
        told = [f"{', '.join(missing)} is missing"] if missing else []
        told += [f"{', '.join(unknown)[:80]} is not known"] if unknown else []
        optional = [name for name, must in kind.members.items() if not must]
        raise ChangeError(
            f"{change['kind']}: {'; '.join(told)}",
            where=where,
            cure=f"It takes {', '.join(n for n, must in kind.members.items() if must)}"
            + (f" and, if wanted, {', '.join(optional)}." if optional else "."),
        )


def _code(change: Row, where: str) -> str:
    code = change["code"]
    if not isinstance(code, str) or not 1 <= len(code.strip()) <= 20:
        raise ChangeError(
            f"the code {str(code)[:40]!r} is none",
            where=f"{where}.code",
            cure="Give a code as text of at most 20 characters.",
        )
    return code.strip()


def _place(change: Row, name: str, last: int, where: str) -> int:
    """An ordinal of the change as a place in the list, from 0."""
    number = change[name]
    if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= last:
        raise ChangeError(
            f"there is no ordinal {str(number)[:20]}",
            where=f"{where}.{name}",
            cure=f"Give one from 1 to {last}." if last else "The claim has none: add one first.",
        )
    return number - 1


def _add(rows_of: str) -> Callable[[_Draft, Row, str], None]:
    def add(draft: _Draft, change: Row, where: str) -> None:
        rows: list[Row] = getattr(draft, rows_of)
        row = {"stay_id": draft.stay["stay_id"], "code": _code(change, where)}
        place = (
            len(rows)
            if change.get("ordinal") is None
            else _place(change, "ordinal", len(rows) + 1, where)
        )
        rows.insert(place, row)

    return add


def _remove(rows_of: str) -> Callable[[_Draft, Row, str], None]:
    def remove(draft: _Draft, change: Row, where: str) -> None:
        rows: list[Row] = getattr(draft, rows_of)
        rows.pop(_place(change, "ordinal", len(rows), where))

    return remove


def _replace(rows_of: str) -> Callable[[_Draft, Row, str], None]:
    def replace(draft: _Draft, change: Row, where: str) -> None:
        rows: list[Row] = getattr(draft, rows_of)
        place = _place(change, "ordinal", len(rows), where)
        rows[place] = {**rows[place], "code": _code(change, where), "name": None}

    return replace


def _move(rows_of: str) -> Callable[[_Draft, Row, str], None]:
    def move(draft: _Draft, change: Row, where: str) -> None:
        rows: list[Row] = getattr(draft, rows_of)
        source = _place(change, "ordinal", len(rows), where)
        target = _place(change, "to", len(rows), where)
        rows.insert(target, rows.pop(source))

    return move


def _set_discharge_date(draft: _Draft, change: Row, where: str) -> None:
    day = _date(change["date"], f"{where}.date")
    admitted = draft.stay["admission_date"]
    if day < admitted:
        raise ChangeError(
            f"the discharge on {day} would be before the admission on {admitted}",
            where=f"{where}.date",
            cure="Give the day of admission or a later one.",
        )
    draft.stay |= {
        "discharge_date": day,
        "discharge_time": None,
        "length_of_stay_days": max((day - admitted).days, 1),
    }
    gone = [row for row in draft.charges if row["charge_date"] > day]
    draft.charges = [row for row in draft.charges if row["charge_date"] <= day]
    _add_cost(draft, -sum(row["amount_fen"] for row in gone))


def _plan_order(draft: _Draft, change: Row, where: str) -> None:
    amount = change["amount_fen"]
    if not isinstance(amount, int) or isinstance(amount, bool) or not 0 <= amount < 10**12:
        raise ChangeError(
            f"the amount {str(amount)[:20]} is none",
            where=f"{where}.amount_fen",
            cure="Give what the order will cost in all, as an integer in the hundredth of the currency.",
        )
    category = change.get("category") or "14"
    if category not in CHARGE_CATEGORY:
        raise ChangeError(
            f"there is no charge category {str(category)[:20]!r}",
            where=f"{where}.category",
            cure=f"Use one of {', '.join(CHARGE_CATEGORY)}.",
        )
    day = _date(change["date"], f"{where}.date")
    number = sum(row["line_id"].startswith("what-if-") for row in draft.charges) + 1
    draft.charges.append(
        {
            "stay_id": draft.stay["stay_id"],
            "line_id": f"what-if-{number}",
            "item_code": _code({"code": change["item_code"]}, where),
            "category": category,
            "quantity": Decimal(1),
            "unit_price": Decimal(amount) / 100,
            "amount_fen": amount,
            "charge_date": day,
        }
    )
    _add_cost(draft, amount)


def _cancel_order(draft: _Draft, change: Row, where: str) -> None:
    order = change["order_id"]
    known = {row["order_id"] for row in draft.orders} | {row["order_id"] for row in draft.charges}
    if order not in known:
        raise ChangeError(
            f"the claim has no order {str(order)[:64]!r}",
            where=f"{where}.order_id",
            cure="Give the order_id of an order or charge line of the claim.",
        )
    since = date.min if change.get("since") is None else _date(change["since"], f"{where}.since")
    gone = [
        row for row in draft.charges if row["order_id"] == order and row["charge_date"] >= since
    ]
    draft.charges = [row for row in draft.charges if row not in gone]
    if since == date.min:
        draft.orders = [row for row in draft.orders if row["order_id"] != order]
    _add_cost(draft, -sum(row["amount_fen"] for row in gone))


def _add_cost(draft: _Draft, amount: int) -> None:
    if draft.stay["total_amount_fen"] is not None:
        draft.stay["total_amount_fen"] = max(0, draft.stay["total_amount_fen"] + amount)


def _date(value: Any, where: str) -> date:
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value))
    except ValueError as error:
        raise ChangeError(
            f"{str(value)[:20]!r} is no date", where=where, cure="Write YYYY-MM-DD."
        ) from error


KINDS: dict[str, Kind] = {
    "add_diagnosis": Kind(
        "Add a diagnosis, last or at `ordinal` (1 is the principal one).",
        {"code": True, "ordinal": False},
        _add("diagnoses"),
    ),
    "remove_diagnosis": Kind("Take a diagnosis out.", {"ordinal": True}, _remove("diagnoses")),
    "replace_diagnosis": Kind(
        "Put another code in a diagnosis's place.",
        {"ordinal": True, "code": True},
        _replace("diagnoses"),
    ),
    "move_diagnosis": Kind(
        "Move a diagnosis to the place `to`.", {"ordinal": True, "to": True}, _move("diagnoses")
    ),
    "add_procedure": Kind(
        "Add a procedure, last or at `ordinal` (1 is the main one).",
        {"code": True, "ordinal": False},
        _add("procedures"),
    ),
    "remove_procedure": Kind("Take a procedure out.", {"ordinal": True}, _remove("procedures")),
    "replace_procedure": Kind(
        "Put another code in a procedure's place.",
        {"ordinal": True, "code": True},
        _replace("procedures"),
    ),
    "move_procedure": Kind(
        "Move a procedure to the place `to`.", {"ordinal": True, "to": True}, _move("procedures")
    ),
    "set_discharge_date": Kind(
        "Discharge on `date`; charges dated later are left out, none are added.",
        {"date": True},
        _set_discharge_date,
    ),
    "plan_order": Kind(
        "A planned order with what it will cost in all, on `date`.",
        {"item_code": True, "amount_fen": True, "date": True, "category": False},
        _plan_order,
    ),
    "cancel_order": Kind(
        "The order is not carried out (from `since` on, if given): its charge lines are left out.",
        {"order_id": True, "since": False},
        _cancel_order,
    ),
}
"""Every kind of change; docs/what-if.md is held against it."""

CODING = frozenset(name for name in KINDS if name.endswith(("_diagnosis", "_procedure")))
"""The kinds that change what is coded: each needs a fact in the record."""
