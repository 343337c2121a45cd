"""The work grows with the size of a Bundle and not with its square."""

from __future__ import annotations

import copy
import sys
from datetime import UTC, datetime
from types import FrameType
from typing import Any

from benchmarks.fhir_messages import claim, stay
from streaming.fhir import claims_of, events_of

AT = datetime(2025, 3, 3, 4, tzinfo=UTC)


def steps(document: Any, read: Any) -> int:
    """Lines of Python that reading takes: what a clock would measure, without the clock."""
    count = 0

    def tell(_frame: FrameType, event: str, _arg: Any) -> Any:
        nonlocal count
        count += event == "line"
        return tell

    before = sys.gettrace()
    sys.settrace(tell)
    try:
        read(document)
    finally:
        sys.settrace(before)
    return count


def many(place: int, count: int) -> Any:
    document = stay()
    entry = document["entry"][place]
    for number in range(count):
        resource = copy.deepcopy(entry["resource"]) | {"id": f"x{number}"}
        document["entry"].append({"resource": resource})
    return document


def lines(count: int) -> Any:
    document = claim()
    bill = document["entry"][-1]["resource"]
    bill["item"] = [bill["item"][0] | {"sequence": n} for n in range(1, count + 1)]
    return document


def test_reading_is_linear() -> None:
    def events(document: Any) -> None:
        events_of([document], provider_id=None, at=AT, models=False)

    def claims(document: Any) -> None:
        told = claims_of([document], models=False)
        assert len(told.claims) == 1

    for place in (2, 3, 5, 7, 8):
        few, more = steps(many(place, 40), events), steps(many(place, 120), events)
        assert more < few * 4, "three times as much takes three times as long"
    assert steps(lines(120), claims) < 4 * steps(lines(40), claims)
