"""Order events for tests: short words for long messages."""

from __future__ import annotations

import json
from typing import Any

from streaming.orders import Event, decode
from streaming.pseudonym import PseudonymKey

KEY = PseudonymKey(b"order-events-of-the-tests-only-01")
Json = dict[str, Any]

HEAD: Json = {
    "claim_type": "inpatient",
    "region_code": "330100",
    "currency": "CNY",
    "diagnosis_system": "ICD-10-CN",
    "procedure_system": "ICD-9-CM-3-CN",
    "provider_level": "3",
    "insurance_type": "310",
    "payment_method": "drg",
    "sex": "1",
    "age_years": 60,
    "admission_date": "2025-03-03",
    "admission_time": "2025-03-03T09:00:00+08:00",
    "admission_department": "A03",
    "attending_physician_id": "D1",
}


def message(kind: str, sequence: int, *, of: str = "S1", at: str = "", **members: Any) -> Json:
    """An event as plain data; its time follows from its number unless given."""
    return {
        "event_id": f"{of}-{sequence}",
        "kind": kind,
        "event_time": at or f"2025-03-03T{9 + sequence // 60:02}:{sequence % 60:02}:00+08:00",
        "sequence": sequence,
        "stay_id": of,
        "provider_id": "H1",
        "patient_id": f"patient of {of}",
        "time_zone": "Asia/Shanghai",
        **members,
    }


def admitted(
    sequence: int = 1, *, of: str = "S1", codes: tuple[str, ...] = ("I10",), **head: Any
) -> Json:
    """The stay's head with its diagnoses."""
    diagnoses = [{"ordinal": n, "code": c} for n, c in enumerate(codes, start=1)]
    return message("stay", sequence, of=of, diagnoses=diagnoses) | {"stay": HEAD | head}


def order(order_id: str, item_code: str, start: str, **fields: Any) -> Json:
    """A running standing order of a drug from an instant in China."""
    return {
        "order_id": order_id,
        "order_type": "drug",
        "long_term": True,
        "item_code": item_code,
        "item_name": f"药{item_code}",
        "route": "po",
        "start_time": f"2025-03-{start}:00+08:00",
        "status": "active",
        "ordering_physician_id": "D2",
        "ordering_department": "A04",
        **fields,
    }


def line(line_id: str, fen: int, **fields: Any) -> Json:
    """A charge line of one piece."""
    return {
        "line_id": line_id,
        "item_code": "S-0104001",
        "category": "04",
        "quantity": "1",
        "unit_price": f"{abs(fen) / 100:.2f}",
        "amount_fen": fen,
        "charge_date": "2025-03-04",
        **fields,
    }


def events(*messages: Json) -> list[Event]:
    """The messages read; AssertionError if one is refused."""
    found, refused = decode([json.dumps(m).encode() for m in messages], key=KEY)
    assert not refused, refused
    return [event for _, event in found]


def refusals(message: Json | bytes) -> set[tuple[str, str]]:
    """Field and rule of all reasons why a message is refused."""
    raw = message if isinstance(message, bytes) else json.dumps(message).encode()
    found, refused = decode([raw], key=KEY)
    assert len(found) + len(refused) == 1
    return {(r.field, r.rule) for one in refused for r in one.reasons}
