"""The short bill of a stay in the months with rings: one line an item, and some small care."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from data_samples.catalogue import Catalogue
from data_samples.dice import Dice
from data_samples.ledger import Record
from data_samples.planting import settle

SMALL_CARE: Final = (
    "S-0105002", "S-0105003", "S-0105880", "S-0105881", "S-0104009", "S-0201001", "S-0201002", "S-0201015",
)  # fmt: skip
"""Injections, dressings and the like, all of class A: how much of it differs from patient to patient."""

SMALL_CARE_SHARE: Final = 0.5
"""Of the small care, what a stay has more of than its template says."""

_MOST: Final = 6


def shorten(record: Record, catalogue: Catalogue, dice: Dice) -> None:
    """Sum up the charge lines of a stay by item, add small care, leave the orders away, settle again."""
    charges = record["charges"]
    assert isinstance(charges, list)  # noqa: S101 - stay.write gives a list
    lines = _sum_up(charges)
    for code in SMALL_CARE:
        if dice.chance(SMALL_CARE_SHARE):
            _add(lines, record, catalogue, code, dice.between(1, _MOST))
    for number, line in enumerate(lines.values(), start=1):
        line["line_id"] = f"L{number:04}"
    record |= {"charges": list(lines.values()), "orders": []}
    settle(record)


def _sum_up(charges: Sequence[Record]) -> dict[str, dict[str, Any]]:
    """By item, its first line with the sum of all its quantities and amounts."""
    lines: dict[str, dict[str, Any]] = {}
    for charge in charges:
        line = lines.get(str(charge["item_code"]))
        if line is None:
            line = lines[str(charge["item_code"])] = dict(charge)
            for name in ("order_id", "posted_time", "performing_physician_id"):
                line.pop(name, None)
            continue
        line["quantity"] = str(int(line["quantity"]) + int(str(charge["quantity"])))
        for name in ("amount_fen", "in_scope_fen", "self_pay_first_fen", "self_pay_fen"):
            if name in charge:
                line[name] = line.get(name, 0) + charge[name]
    return lines


def _add(
    lines: dict[str, dict[str, Any]], record: Record, catalogue: Catalogue, code: str, quantity: int
) -> None:
    item = catalogue.items[code]
    line = lines.setdefault(
        code,
        {
            "line_id": "",
            "item_code": code,
            "item_name": item.name,
            "category": item.category,
            "quantity": "0",
            "unit": item.unit,
            "unit_price": item.price,
            "amount_fen": 0,
            "charge_date": record["admission_date"],
            "charge_time": record["admission_time"],
            "ordering_physician_id": record["attending_physician_id"],
            "ordering_department": record["admission_department"],
            "insurance_class": item.insurance_class,
            "in_scope_fen": 0,
        },
    )
    line["quantity"] = str(int(line["quantity"]) + quantity)
    for name in ("amount_fen", "in_scope_fen"):
        line[name] += quantity * item.price_fen
