"""The sample tariff, read as data from ``rules/reference/items.csv``."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path

from domain.errors import SentinelError

ITEMS = Path(__file__).resolve().parents[1] / "rules" / "reference" / "items.csv"
"""Where the tariff stands; its columns are described in the folder's README."""


class TariffError(SentinelError):
    """The sample tariff cannot be read, or lacks an item that a template names."""


@dataclass(frozen=True, slots=True)
class Item:
    """One charge or order item; ``price_fen`` is the price of one ``unit`` in fen."""

    code: str
    name: str
    category: str
    unit: str
    price: str
    price_fen: int
    insurance_class: str
    order_type: str
    flags: frozenset[str]

    @property
    def hourly(self) -> bool:
        """Whether the unit is one hour."""
        return "hourly" in self.flags


@cache
def read(path: Path = ITEMS) -> Mapping[str, Item]:
    """The tariff by item code; TariffError if the file is absent or a price is not exact fen."""
    if not path.is_file():
        raise TariffError(
            "the sample tariff is missing", where=str(path), cure="Restore the file from git."
        )
    items = {}
    with path.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            fen = Decimal(row["unit_price_yuan"]) * 100
            if fen != int(fen):
                raise TariffError(
                    f"the price {row['unit_price_yuan']} of {row['item_code']} is not whole fen",
                    where=f"{path}:{number}",
                    cure="Give the price with at most two decimals.",
                )
            items[row["item_code"]] = Item(
                code=row["item_code"],
                name=row["name_zh"],
                category=row["category"],
                unit=row["unit"],
                price=row["unit_price_yuan"],
                price_fen=int(fen),
                insurance_class=row["insurance_class"],
                order_type=row["order_type"],
                flags=frozenset(row["flags"].split()),
            )
    return items
