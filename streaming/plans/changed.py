"""The changes that a what-if may make to a patient in hospital: those of claims, and of orders.

The kinds of docs/what-if.md, and ``stop_order`` and ``add_order``. ``set_discharge_date``
supposes the day on which the patient leaves; the stay itself stays open.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from domain.claim import ORDERS
from domain.codes import ORDER_TYPE
from domain.schema import Kind
from drg.whatif.changes import CODING, KINDS, ChangeError, apply
from streaming.digest import documents
from streaming.orders.changes import canonical, edit
from streaming.orders.state import RUNNING
from streaming.plans.claim_tables import tables_of

Json = dict[str, Any]

MOST_CHANGES: Final = 20
"""As in ``POST /v1/drg:what-if``: more than a person would think through at once."""
STOP, ADD, LEAVE = "stop_order", "add_order", "set_discharge_date"
OWN: Final[Mapping[str, Mapping[str, bool]]] = {
    STOP: {"order_id": True, "at": False},
    ADD: {
        "item_code": True, "order_type": False, "order_id": False, "item_name": False,
        "start_time": False, "stop_time": False, "long_term": False, "dose": False,
        "dose_unit": False, "frequency": False, "route": False,
    },
}  # fmt: skip
"""The kinds beside those of claims: member -> whether it must be given."""
ALL_KINDS: Final = (*KINDS, *OWN)
CODED: Final = CODING
"""The kinds that change what is coded."""


@dataclass(frozen=True, slots=True)
class Changed:
    """A stay with changes made: its claim, as of when it is judged, and the day supposed for leaving."""

    claim: Json
    as_of: datetime
    leaving: date | None


def change(claim: Json, changes: Sequence[Mapping[str, Any]], as_of: datetime) -> Changed:
    """The stay with the changes made in their order.

    ChangeError names the change by its place and says what it should be.
    """
    if len(changes) > MOST_CHANGES:
        raise ChangeError(
            f"there are {len(changes)} changes",
            where="changes",
            cure=f"Ask about at most {MOST_CHANGES} at a time.",
        )
    made = Changed(claim, as_of, None)
    for place, one in enumerate(changes):
        where = f"changes[{place}]"
        kind = str(one.get("kind"))
        if kind in OWN:
            _check_members(one, where)
            made = Changed(_OWN[kind](made.claim, one, as_of, where), made.as_of, made.leaving)
        elif kind in KINDS:
            made = _of_claim(made, one, where)
        else:
            raise ChangeError(
                f"there is no change of kind {kind[:40]!r}",
                where=where,
                cure=f"Use one of {', '.join(ALL_KINDS)}.",
            )
    return made


def _of_claim(made: Changed, one: Mapping[str, Any], where: str) -> Changed:
    """A change that claims know too, made as there."""
    if one.get("kind") == LEAVE:
        return _leave(made, one, where)
    claim = {k: v for k, v in made.claim.items() if v is not None}
    try:
        (text,) = (text for _, text in documents(apply(tables_of([claim]), [one])))
    except ChangeError as error:
        raise ChangeError(
            error.what, where=error.where.replace("changes[0]", where), cure=error.cure
        ) from error
    changed = msgspec.json.decode(text)
    # Lists that became empty are left out of the text of a claim, but known to be empty here.
    lists: Json = {k: [] for k, v in made.claim.items() if isinstance(v, list)}
    return Changed(lists | changed, made.as_of, made.leaving)


def _leave(made: Changed, one: Mapping[str, Any], where: str) -> Changed:
    """Suppose a day of discharge; charges dated later are left out, none are added."""
    tables = tables_of([{k: v for k, v in made.claim.items() if v is not None}])
    try:
        apply(tables, [one])
    except ChangeError as error:
        raise ChangeError(
            error.what, where=error.where.replace("changes[0]", where), cure=error.cure
        ) from error
    day = date.fromisoformat(str(one["date"]))
    kept = [x for x in made.claim["charges"] if x["charge_date"] <= day.isoformat()]
    gone = sum(x["amount_fen"] for x in made.claim["charges"]) - sum(x["amount_fen"] for x in kept)
    total = max(0, (made.claim.get("total_amount_fen") or 0) - gone)
    zone = ZoneInfo(made.claim["time_zone"])
    end = datetime.combine(day, time(23, 59), zone)
    claim = made.claim | {"charges": kept, "total_amount_fen": total}
    return Changed(claim, min(made.as_of, end), day)


def _stop(claim: Json, one: Mapping[str, Any], as_of: datetime, where: str) -> Json:
    order = next((o for o in claim["orders"] if o["order_id"] == one["order_id"]), None)
    if order is None or order["status"] not in RUNNING:
        raise ChangeError(
            f"no order {str(one['order_id'])[:64]!r} runs",
            where=f"{where}.order_id",
            cure="Give the order_id of an order of the stay that is a draft, active or on hold.",
        )
    start = datetime.fromisoformat(order["start_time"])
    at = as_of if one.get("at") is None else _instant(one["at"], f"{where}.at")
    if at <= start:
        return edit(claim, [order["order_id"]], status="revoked")
    return edit(claim, [order["order_id"]], stop_time=canonical(at))


def _add(claim: Json, one: Mapping[str, Any], as_of: datetime, where: str) -> Json:
    known = {o["order_id"] for o in claim["orders"]}
    number = sum(name.startswith("what-if-") for name in known) + 1
    row: Json = {
        "order_id": f"what-if-{number}",
        "order_type": "drug",
        "long_term": False,
        "start_time": canonical(as_of + timedelta(minutes=1)),
        "status": "draft",
        **{k: v for k, v in one.items() if k != "kind" and v is not None},
    }
    for name, value in row.items():
        row[name] = _value(name, value, f"{where}.{name}")
    if row["order_id"] in known:
        raise ChangeError(
            f"the stay has an order {row['order_id'][:64]!r} already",
            where=f"{where}.order_id",
            cure="Leave order_id out, or give a new one.",
        )
    return claim | {"orders": [*claim["orders"], row]}


_OWN: Final[Mapping[str, Callable[[Json, Mapping[str, Any], datetime, str], Json]]] = {
    STOP: _stop,
    ADD: _add,
}


def _value(name: str, value: Any, where: str) -> Any:
    """A member of a new order as an order has it."""
    field = ORDERS[name]
    if field.kind is Kind.INSTANT:
        return canonical(_instant(value, where))
    if field.kind is Kind.FLAG:
        if isinstance(value, bool):
            return value
        raise ChangeError(f"{str(value)[:20]!r} is neither", where=where, cure="Say true or false.")
    if field.kind is Kind.DECIMAL:
        try:
            number = Decimal(str(value))
        except InvalidOperation:
            number = Decimal("NaN")
        if not number.is_finite() or not 0 <= number < 10**9:
            raise ChangeError(
                f"{str(value)[:20]!r} is no amount",
                where=where,
                cure='Write it as text, such as "0.5".',
            )
        return format(round(number, field.places).normalize(), "f")
    text = value if isinstance(value, str) else ""
    if not text.strip() or len(text) > (field.max_length or 20):
        raise ChangeError(
            f"{str(value)[:40]!r} is no {name}",
            where=where,
            cure=f"Give a text of at most {field.max_length or 20} characters.",
        )
    if name == "order_type" and text not in ORDER_TYPE:
        raise ChangeError(
            f"there is no order_type {text[:20]!r}",
            where=where,
            cure=f"Use one of {', '.join(ORDER_TYPE)}.",
        )
    return text.strip()


def _instant(value: Any, where: str) -> datetime:
    found: datetime | None
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise ChangeError(
            f"{str(value)[:40]!r} is no instant",
            where=where,
            cure="Write it with its offset, such as 2025-03-04T10:00:00+08:00.",
        )
    return found


def _check_members(one: Mapping[str, Any], where: str) -> None:
    members = OWN[one["kind"]]
    missing = [n for n, must in members.items() if must and one.get(n) is None]
    unknown = sorted(set(one) - {"kind", *members})
    if missing or unknown:
        told = [f"{', '.join(missing)} is missing"] if missing else []
        told += [f"{', '.join(unknown)[:80]} is not known"] if unknown else []
        raise ChangeError(
            f"{one['kind']}: {'; '.join(told)}",
            where=where,
            cure=f"It takes {', '.join(members)}; "
            f"{', '.join(n for n, must in members.items() if must)} must be there.",
        )
