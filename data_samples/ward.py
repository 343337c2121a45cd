"""A ward's month as it happens: the order events that lead to each stay of the month.

The events follow from the claim records, so the stream and the claims tell the same
story: what is known on admission, the diagnoses when they are made, each order when it
is given and when it ends, the charges as they are posted, the discharge.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Final

from data_samples import month, open_stays, planted_orders
from data_samples.ledger import Record
from data_samples.planting import SEED, Scene

Json = dict[str, Any]

_ENVELOPE: Final = ("stay_id", "provider_id", "patient_id", "time_zone")
_LEAVING: Final = ("discharge_date", "discharge_time", "discharge_way", "discharge_department")
_AT_ADMISSION: Final = (
    "encounter_id", "claim_type", "region_code", "currency", "provider_level",
    "medical_record_number", "identity_number", "patient_name", "sex", "birth_date",
    "age_years", "age_days", "insurance_type", "insured_region_code", "payment_method",
    "admission_way", "inpatient_type", "treatment_type", "admission_date", "admission_time",
    "admission_department", "ward", "admission_diagnosis_code", "newborn_admission_type",
    "newborn_birth_weight_g", "newborn_admission_weight_g", "attending_physician_id",
    "responsible_nurse_id", "diagnosis_system", "procedure_system",
)  # fmt: skip
"""What the admission message knows; the rest of the head is written at discharge."""
_MOVING: Final = ("stop_time", "status", "executed_time")
_WRITTEN_UP: Final = timedelta(minutes=40)
"""From an operation's end, or from admission, until it is in the record."""

SMALL_PATTERNS: Final = ("ORD-001", "ORD-011", "ORD-018", "ORD-031")
"""The planted patterns of the committed stream: an indication, a double, evidence, an interval."""


def stream(seed: int, count: int, *, still_in: int = 0, planted: bool = True) -> Iterator[Json]:
    """The events of ``count`` stays that end in the month and ``still_in`` that do not, by time.

    With ``planted`` the stays of the patterns of orders are among them.
    """
    records = [*month.plan(seed, count).stays(), *open_stays.records(seed, still_in)]
    if planted:
        records += planted_records(*planted_orders.PLANTED)
    yield from merge(records)


def planted_records(*checks: str) -> list[Record]:
    """The inpatient stays of these patterns."""
    found: list[Record] = []
    for check in checks:
        pattern = planted_orders.PLANTED[check](Scene(check))
        found += [r for r in pattern.records if r["claim_type"] == "inpatient"]
    return found


def small() -> Iterator[Json]:
    """The committed stream: four patterns, each a stay at fault beside one that is not."""
    yield from merge(planted_records(*SMALL_PATTERNS))


def merge(records: Iterable[Record]) -> Iterator[Json]:
    """The events of all stays in the order in which they happened."""
    made = [event for record in records for event in of_stay(record)]
    # The key names every tie, so that the order is the same anywhere.
    made.sort(key=lambda e: (datetime.fromisoformat(e["event_time"]), e["stay_id"], e["sequence"]))
    yield from made


def of_stay(record: Record) -> list[Json]:
    """The events of one stay, numbered in the order in which they happened."""
    told: list[tuple[str, int, Json]] = []

    def tell(at: str, rank: int, kind: str, **members: Any) -> None:
        told.append((at, rank, {"kind": kind, **members}))

    head = {name: record[name] for name in _AT_ADMISSION if record.get(name) is not None}
    admitted = str(record["admission_time"])
    tell(admitted, 0, "stay", stay=head, coverages=_rows(record, "coverages"))
    diagnoses = _rows(record, "diagnoses")
    tell(_after(admitted), 1, "stay", stay=head, diagnoses=diagnoses)
    done: list[Json] = []
    for procedure in sorted(_rows(record, "procedures"), key=lambda p: str(p["end_time"])):
        done = [*done, procedure]
        rows = sorted(done, key=lambda p: int(p["ordinal"]))
        numbered = [row | {"ordinal": n} for n, row in enumerate(rows, start=1)]
        tell(_after(procedure["end_time"]), 1, "stay", stay=head, procedures=numbered)
    for n, icu in enumerate(_rows(record, "icu_stays")):
        known = _rows(record, "icu_stays")[: n + 1]
        known[n] = {k: v for k, v in icu.items() if k != "end_time"}
        tell(icu["start_time"], 1, "stay", stay=head, icu_stays=known)
        if "end_time" in icu:
            known = _rows(record, "icu_stays")[: n + 1]
            tell(icu["end_time"], 1, "stay", stay=head, icu_stays=known)
    for order in _rows(record, "orders"):
        new = {k: v for k, v in order.items() if k not in _MOVING} | {"status": "active"}
        tell(order["start_time"], 2, "orders", orders=[new])
        if order["status"] != "active":
            over = {k: order[k] for k in ("order_id", *_MOVING) if k in order}
            tell(order["stop_time"], 3, "order-status", order_status=[over])
    lines = sorted(_rows(record, "charges"), key=lambda x: (x["posted_time"], x["line_id"]))
    for _, posted in groupby(lines, key=lambda x: str(x["posted_time"])[:13]):
        together = list(posted)
        tell(together[-1]["posted_time"], 4, "charges", charges=together)
    if record.get("discharge_time") is not None:
        leaving = {name: record[name] for name in _LEAVING if record.get(name) is not None}
        tell(str(record["discharge_time"]), 5, "discharge", discharge=leaving)
    told.sort(key=lambda t: (datetime.fromisoformat(t[0]), t[1]))
    envelope = {name: record[name] for name in _ENVELOPE}
    return [
        {"event_id": f"{record['stay_id']}-{n:05}", "event_time": at, "sequence": n, **envelope}
        | event
        for n, (at, _, event) in enumerate(told, start=1)
    ]


def encode(events: Iterable[Json]) -> Iterator[str]:
    """One line of JSON an event."""
    for event in events:
        yield json.dumps(event, ensure_ascii=False, separators=(",", ":"))


def committed() -> bytes:
    """The content of ``data_samples/orders/ward-small.jsonl``."""
    return "".join(line + "\n" for line in encode(small())).encode()


def _after(at: Any) -> str:
    return (datetime.fromisoformat(str(at)) + _WRITTEN_UP).isoformat()


def _rows(record: Record, name: str) -> list[Json]:
    listed = record.get(name) or []
    assert isinstance(listed, list)  # noqa: S101 - stay.write gives lists
    return [dict(row) for row in listed]


__all__ = ["SEED", "committed", "encode", "merge", "of_stay", "planted_records", "small", "stream"]
