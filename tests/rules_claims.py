"""Small claims for the tests of this folder: what is not said takes a plain value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from domain.claim import CLAIM_TABLES
from domain.tables import Tables

Row = Mapping[str, Any]


def day(text: str) -> date:
    return date.fromisoformat(text)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def stay(
    stay_id: str, admitted: str = "2024-03-01", days: int | None = 5, **more: Any
) -> dict[str, Any]:
    first = day(admitted)
    return {
        "stay_id": stay_id,
        "claim_version": 1,
        "claim_type": "inpatient",
        "region_code": "110100",
        "time_zone": "Asia/Shanghai",
        "currency": "CNY",
        "provider_id": "H1",
        "patient_id": "p_1",
        "admission_date": first,
        "discharge_date": None if days is None else first + timedelta(days=days),
        "diagnosis_system": "ICD-10-CN",
        "procedure_system": "ICD-9-CM-3-CN",
        "fund_payment_fen": 500_000,
    } | more


def visit(stay_id: str, on: str, **more: Any) -> dict[str, Any]:
    return stay(stay_id, on, 0, claim_type="outpatient", fund_payment_fen=10_000) | more


def diagnosis(stay_id: str, ordinal: int, code: str, **more: Any) -> dict[str, Any]:
    return {
        "stay_id": stay_id,
        "ordinal": ordinal,
        "code": code,
        "present_on_admission": "1",
    } | more


def procedure(stay_id: str, ordinal: int, code: str, **more: Any) -> dict[str, Any]:
    return {"stay_id": stay_id, "ordinal": ordinal, "code": code} | more


def charge(stay_id: str, line_id: str, item: str = "S-0103001", **more: Any) -> dict[str, Any]:
    quantity, price = (
        Decimal(str(more.pop("quantity", 1))),
        Decimal(str(more.pop("unit_price", 10))),
    )
    return {
        "stay_id": stay_id,
        "line_id": line_id,
        "item_code": item,
        "category": "03",
        "quantity": quantity,
        "unit_price": price,
        "amount_fen": int(quantity * price * 100),
        "charge_date": day("2024-03-02"),
        "charge_time": at("2024-03-02T10:00:00"),
    } | more


def order(
    stay_id: str, order_id: str, item: str, start: str, stop: str | None, **more: Any
) -> dict[str, Any]:
    return {
        "stay_id": stay_id,
        "order_id": order_id,
        "order_type": "drug",
        "long_term": True,
        "item_code": item,
        "route": "iv",
        "start_time": at(start),
        "stop_time": None if stop is None else at(stop),
        "status": "completed",
    } | more


def tables(stays: Sequence[Row], **children: Sequence[Row]) -> Tables:
    given = {"stays": stays, **children}
    made = {}
    for definition in CLAIM_TABLES:
        rows = given.get(definition.name, ())
        if rows:
            names = {key for row in rows for key in row}
            made[definition.name] = pa.Table.from_arrays(
                [
                    pa.array([row.get(c.name) for row in rows], c.arrow_type)
                    for c in definition.columns
                    if c.name in names
                ],
                names=[c.name for c in definition.columns if c.name in names],
            )
    return Tables.of(made)
