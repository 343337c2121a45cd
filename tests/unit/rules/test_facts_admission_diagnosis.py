"""The diagnosis of admission and what it would group to, by the committed sample patterns."""

from __future__ import annotations

from typing import Any

import pytest

import drg
from data_samples import committed
from domain.tables import Tables
from rules.facts import Source, build
from tests.rules_claims import diagnosis, stay, tables

NAMES = ("admission_diagnosis_stands_behind", "admission_diagnosis_on_list")


def facts(batch: Tables, *names: str, settled: drg.Settled | None = None) -> dict[str, Any]:
    """Facts of stays as tuples."""
    table = build(Source(batch, settled=settled), {"stay": names})["stay"]
    return {row[0]: row[1:] for row in table.select("stay_id", *names).rows()}


@pytest.mark.parametrize(
    ("reason", "codes", "expected"),
    [
        ("N39.000", ("A41.900", "I10.x00", "N39.000"), (True, "N39.000")),
        ("n39.0", ("A41.900", "N39.900", "N39.000"), (True, "N39.900")),
        ("A41.900", ("A41.900", "N39.000"), (False, None)),
        ("A41.500", ("A41.900", "A41.500"), (False, None)),
        ("R50.900", ("A41.900", "N39.000"), (False, None)),
        (None, ("A41.900", "N39.000"), (None, None)),
    ],
)
def test_where_the_diagnosis_of_admission_stands(
    reason: str | None, codes: tuple[str, ...], expected: tuple[Any, ...]
) -> None:
    listed = [diagnosis("a", n, code) for n, code in enumerate(codes, start=1)]
    batch = tables([stay("a", admission_diagnosis_code=reason)], diagnoses=listed[::-1])
    assert facts(batch, *NAMES) == {"a": expected}


def test_nothing_is_known_without_diagnoses_or_a_grouper() -> None:
    bare = tables([stay("a", admission_diagnosis_code="N39.000")])
    assert facts(bare, *NAMES) == {"a": (None, None)}
    listed = [diagnosis("a", 1, "A41.900"), diagnosis("a", 2, "N39.000")]
    batch = tables([stay("a", admission_diagnosis_code="N39.000")], diagnoses=listed)
    assert facts(batch, "group_by_admission_diagnosis", "admission_diagnosis_weight_gain") == {
        "a": (None, None)
    }


def test_the_gain_is_what_the_grouper_gives_for_both_orders() -> None:
    assert "DXC-025" in committed.planted()
    head = {
        "region_code": "330100", "birth_date": None, "age_years": 60, "sex": "1", "provider_level": "3",
        "insurance_type": "390", "total_amount_fen": 900_000, "discharge_way": "1", "length_of_stay_days": 5,
        "admission_diagnosis_code": "N39.000",
    }  # fmt: skip
    behind = [diagnosis("behind", 1, "A41.900"), diagnosis("behind", 2, "N39.000")]
    first = [diagnosis("first", 1, "N39.000"), diagnosis("first", 2, "A41.900")]
    batch = tables(
        [stay("behind", "2025-03-01", **head), stay("first", "2025-03-01", **head)],
        diagnoses=[*behind, *first],
    )
    settled = drg.settle(batch, drg.load())
    names = (
        "grouped_code", "group_by_admission_diagnosis", "group_weight",
        "admission_diagnosis_weight_gain", "admission_diagnosis_excess_fen", "group_payment_fen",
    )  # fmt: skip
    found = facts(batch, *names, settled=settled)
    assert found["first"][1] is None
    assert found["behind"][1] == found["first"][0]
    assert found["behind"][3] == found["behind"][2] - found["first"][2]
    more = found["behind"][5] - found["first"][5]
    assert found["behind"][4] == min(max(more, 0), 900_000)
