"""Patients in hospital of whom hardly anything is known yet, for tests that need the pages to be there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from store import Store

Json = dict[str, Any]


def both(zh: str, en: str) -> dict[str, str]:
    return {"zh": zh, "en": en}


class SampleWard:
    """``domain.service.Ward`` of which every open stay has just come in."""

    def __init__(self, opened: Store) -> None:
        self._store = opened

    def glance(self, versions: Mapping[str, int], /) -> dict[str, Json]:
        """Nothing is known of any."""
        return {}

    def record(self, stay_id: str, /) -> Json | None:
        """A patient of one day without charges."""
        if self._store.open_stays.find(stay_id) is None:
            return None
        return {
            "stay_id": stay_id, "admission_date": date(2025, 3, 31), "as_of": date(2025, 3, 31),
            "day_of_stay": 1, "sex": "1", "age_years": 60, "group": "ES33", "group_name": None,
            "diagnosis": {"ordinal": 1, "code": "I10", "name": None}, "currency": "CNY",
            "running_fen": 0, "standard_fen": 500_000, "expected_fen": None, "projected_fen": None,
            "low_fen": None, "high_fen": None, "probability_over_standard": None,
            "standard_reached_on": None, "projected_discharge": None,
            "absent": both("截至该日没有费用明细", "No charge lines up to that day."),
            "diagnoses": [{"ordinal": 1, "code": "I10", "name": None}], "procedures": [],
            "orders": [], "days": [{"day": 1, "cost_fen": 0}], "peers": [],
        }  # fmt: skip
