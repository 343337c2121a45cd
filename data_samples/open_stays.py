"""Patients who are still in hospital on the last day: the claim so far, not yet settled."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from data_samples import month
from data_samples.ledger import Record

_NOT_YET = (
    "discharge_date", "discharge_time", "discharge_department", "discharge_way",
    "length_of_stay_days", "planned_readmission", "planned_readmission_purpose",
    "ventilation_minutes", "special_nursing_days", "level1_nursing_days",
    "level2_nursing_days", "level3_nursing_days", "billed_group_code", "fund_payment_fen",
    "self_pay_in_scope_fen", "self_pay_out_of_scope_fen", "account_payment_fen",
    "cash_payment_fen", "deductible_fen", "settlement_start_date", "settlement_end_date",
    "filed_time", "invoice_number",
)  # fmt: skip
"""What is known or settled only at discharge."""


def records(seed: int, count: int) -> Iterator[Record]:
    """``count`` stays of patients in hospital on the night after the month's last day."""
    made = month.plan(seed, count, open_stays=True)
    for record in made.stays():
        yield cut(record, month.LAST_DAY)


def cut(record: Record, day: date) -> Record:
    """The stay as its hospital knew it at midnight after ``day``, which lies in the stay.

    Lines posted later and orders given later are gone, running orders have no end, and
    the total is what was charged so far.
    """
    end = f"{day.isoformat()}T23:59:59+08:00"
    kept: Record = {name: value for name, value in record.items() if name not in _NOT_YET}
    lines = [x for x in _children(record, "charges") if x["posted_time"] <= end]
    kept["charges"] = lines
    kept["total_amount_fen"] = sum(line["amount_fen"] for line in lines)
    kept["orders"] = [
        _still_running(order, end)
        for order in _children(record, "orders")
        if order["start_time"] <= end
    ]
    kept["procedures"] = [x for x in _children(record, "procedures") if x["end_time"] <= end]
    kept["icu_stays"] = [
        {k: v for k, v in x.items() if k != "end_time" or v <= end}
        for x in _children(record, "icu_stays")
        if x["start_time"] <= end
    ]
    return kept


def _still_running(order: dict[str, Any], end: str) -> dict[str, Any]:
    if order["stop_time"] <= end:
        return order
    kept = {k: v for k, v in order.items() if k not in ("stop_time", "executed_time")}
    return kept | {"status": "active"}


def _children(record: Record, name: str) -> list[dict[str, Any]]:
    listed = record[name]
    assert isinstance(listed, list)  # noqa: S101 - stay.write gives lists
    return listed
