"""A physician's ward on the evening of the month's last day: the open stays, and some with orders to look at.

The open stays of a month follow the plans of honest ones, so that hardly any check speaks. For people who
try the pages some stays of the planted patterns of orders lie there too: they are moved so that the
last evening falls into them, and have another identifier, for their claims are in the month already.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from data_samples import month, open_stays, ward
from data_samples.ledger import Record
from domain.calendar import CHINA

Json = dict[str, Any]

HOSPITAL: Final = "SH330100001"
"""The hospital of the planted patterns, in which most open stays lie too."""
PATTERNS: Final = (
    "ORD-001", "ORD-002", "ORD-003", "ORD-004", "ORD-011", "ORD-012", "ORD-018", "ORD-020", "ORD-031",
)  # fmt: skip
"""An indication, repeats, evidence, intervals: what a physician of internal medicine meets."""
PLANTED_ID: Final = "O2503-9{:05}"
"""Identifier of the stay of a pattern, by its place in ``PATTERNS``."""
_EVENING: Final = datetime.combine(month.LAST_DAY, time(23, 59, 59), CHINA)
_DAY: Final = re.compile(r"^(2025-0[34]-\d\d)(?=$|T)")


def stream(seed: int, still_in: int, physician_id: str) -> Iterator[Json]:
    """The events of the stays by time; ``physician_id`` attends those in ``HOSPITAL``."""
    events = list(ward.merge(open_stays.records(seed, still_in)))
    for number, check in enumerate(PATTERNS):
        # The first stay of a pattern is the one at fault; the others look like it.
        events += _moved(ward.planted_records(check)[0], PLANTED_ID.format(number))
    events.sort(
        key=lambda e: (datetime.fromisoformat(e["event_time"]), e["stay_id"], e["sequence"])
    )
    for event in events:
        yield _attended(event, physician_id) if event["provider_id"] == HOSPITAL else event


def _moved(record: Record, stay_id: str) -> list[Json]:
    """The events of a planted stay up to its last evening, which is made the month's; its orders still run."""
    leaves = date.fromisoformat(str(record["discharge_date"]))
    by = month.LAST_DAY + timedelta(days=1) - leaves
    kept = []
    for event in ward.of_stay(record):
        moved = _shift(event, by)
        over = event["kind"] in ("discharge", "order-status")
        if not over and datetime.fromisoformat(moved["event_time"]) <= _EVENING:
            kept.append(
                moved | {"stay_id": stay_id, "event_id": f"{stay_id}-{event['sequence']:05}"}
            )
    return kept


def _shift(value: Any, by: timedelta) -> Any:
    """The same with every day and instant of the month later by so much."""
    if isinstance(value, dict):
        return {name: _shift(one, by) for name, one in value.items()}
    if isinstance(value, list):
        return [_shift(one, by) for one in value]
    if isinstance(value, str) and (found := _DAY.match(value)):
        return (date.fromisoformat(found[1]) + by).isoformat() + value[10:]
    return value


def _attended(event: Json, physician_id: str) -> Json:
    if "stay" in event:
        return event | {"stay": event["stay"] | {"attending_physician_id": physician_id}}
    if "orders" in event:
        rows = [row | {"ordering_physician_id": physician_id} for row in event["orders"]]
        return event | {"orders": rows}
    return event
