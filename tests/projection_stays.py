"""Stays made by hand: a few words a stay, and whole tables come out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

import polars as pl
import pyarrow as pa

from domain.tables import Tables

FIRST = date(2025, 3, 3)


@dataclass
class Stay:
    """A stay with its charges of each day (in fen, day 1 first), and of days counted otherwise."""

    daily: Sequence[int]
    nights: int | None = None
    admission: date = FIRST
    group: str | None = "ES25"
    standard: int | None = None
    high_line: int | None = None
    claim_type: str = "inpatient"
    currency: str = "CNY"
    total: int | None = None
    other: dict[int, int] = field(default_factory=dict)


def tabulate(stays: Sequence[Stay], prefix: str = "s") -> tuple[Tables, pl.DataFrame]:
    """The tables, and group and standard of every stay (``s0``, ``s1``, ...)."""
    heads, lines, priced = [], [], []
    for number, stay in enumerate(stays):
        stay_id = f"{prefix}{number}"
        leaves = None if stay.nights is None else stay.admission + timedelta(days=stay.nights)
        heads.append(
            {
                "stay_id": stay_id,
                "claim_version": 1,
                "claim_type": stay.claim_type,
                "time_zone": "Asia/Shanghai",
                "currency": stay.currency,
                "provider_id": "H1",
                "patient_id": f"P{number}",
                "admission_date": stay.admission,
                "discharge_date": leaves,
                "diagnosis_system": "ICD-10-CN",
                "procedure_system": "ICD-9-CM-3-CN",
                "total_amount_fen": stay.total,
            }
        )
        charged = dict(enumerate(stay.daily, start=1)) | stay.other
        lines += [
            {
                "stay_id": stay_id,
                "line_id": f"L{line}",
                "item_code": "X",
                "category": "05",
                "quantity": Decimal(1),
                "unit_price": Decimal(1),
                "amount_fen": amount,
                "charge_date": stay.admission + timedelta(days=day - 1),
            }
            for line, (day, amount) in enumerate(charged.items())
            if amount
        ]
        priced.append(
            {
                "stay_id": stay_id,
                "group_code": stay.group,
                "adrg": stay.group and stay.group[:3],
                "mdc": stay.group and stay.group[:1],
                "payment_standard_fen": stay.standard,
                "high_line_fen": stay.high_line,
            }
        )
    names = ("stay_id", "group_code", "adrg", "mdc")
    schema = dict.fromkeys(names, pl.String) | dict.fromkeys(
        ("payment_standard_fen", "high_line_fen"), pl.Int64
    )
    given = {"stays": pa.Table.from_pylist(heads)}
    if lines:
        given["charges"] = pa.Table.from_pylist(lines)
    return Tables.of(given), pl.DataFrame(priced, schema=schema)


def steady(
    count: int, nights: int = 4, group: str | None = "ES25", cost: int = 10_000
) -> list[Stay]:
    """Settled stays that cost the same every day; the last is twice as dear as the first."""
    return [
        Stay([cost + cost * i // (count - 1)] * (nights + 1), nights=nights, group=group)
        for i in range(count)
    ]
