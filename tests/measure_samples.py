"""Measures by hand for the hand-made claims of ``service_samples``: what the cockpit is tested on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pyarrow as pa

from domain.results import MEASURES, Results
from domain.tables import Tables, conform
from store import Store
from tests import service_samples as samples

GROUPS = ("ES33", "FR25", "IU29", None)
CASES = ("standard", "high_outlier", "low_outlier", None)
Change = Callable[[int, dict[str, Any]], dict[str, Any]]


def plain(number: int, row: dict[str, Any]) -> dict[str, Any]:
    """What the stay of that number measured: round figures that differ from stay to stay."""
    group = GROUPS[number % 4]
    standard = None if group is None else 1_000_000 + 10_000 * (number % 7)
    total = row["total_amount_fen"]
    return {
        "group_status": "ungroupable" if group is None else "grouped",
        "group_code": group,
        "grouped": group is not None,
        "weight_e4": None if group is None else 5_000 + 1_000 * (number % 4) + number % 3,
        "payment_case": None if standard is None else CASES[number % 3],
        "payment_standard_fen": standard,
        "payment_fen": standard,
        "balance_fen": None if standard is None else standard - total,
        "over_standard": None if standard is None else total > standard,
        "drug_fen": None if number % 5 == 4 else total // 4,
        "consumable_fen": None if number % 5 == 4 else total // 10,
        "readmitted": (None, False, True, False, False)[number % 5],
        "died": (False, False, None, number % 40 == 3)[number % 4],
    }


def measured(batch: Tables, results: Results, change: Change = plain) -> Results:
    """The results with a measure for each inpatient stay."""
    rows = []
    decisions = {row["stay_id"]: row for row in results.decisions.to_pylist()}
    for stay in batch.stays.to_pylist():
        if stay["claim_type"] != "inpatient":
            continue
        decision = decisions[stay["stay_id"]]
        row = {
            name: decision[name]
            for name in (
                "decision_id", "stay_id", "provider_id", "department", "attending_physician_id",
                "currency", "admission_date", "discharge_date", "total_amount_fen",
            )
        }  # fmt: skip
        days = stay["discharge_date"]
        row["stay_days"] = None if days is None else max((days - stay["admission_date"]).days, 1)
        rows.append(row | change(int(stay["stay_id"][1:]), row))
    table = pa.Table.from_pylist(rows, schema=MEASURES.arrow)
    return replace(results, measures=conform(table, MEASURES))


def write(store: Store, number: int, change: Change = plain) -> Results:
    """Assess, measure and store ``number`` stays of March 2024; their results."""
    batch = samples.claims(number)
    results = measured(batch, samples.assess(batch), change)
    store.write(claims=batch, results=results, ruleset=samples.RULESET, model=samples.MODEL)
    return results
