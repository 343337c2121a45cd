"""Terms that contradict themselves are refused, with the file, the line and the cure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from drg import schemes
from drg.payment_terms import check_terms
from drg.schemes import SchemeError
from drg.schemes.layout import SHEETS
from drg.schemes.problems import ROW, Problems
from tests.payment_packs import pay_one, scheme_with, sheet
from tests.rules_claims import stay, tables
from tests.schemes import tiny

HIGH = {"kind": "high", "multiple": 3}
BANDS = [{"from_day": 1, "day_rate_yuan": 300}, {"from_day": 9, "day_rate_yuan": 200}]


@pytest.mark.parametrize(
    ("name", "rows", "what", "cure"),
    [
        ("outliers", [HIGH, {"kind": "low", "line_basis": "yuan", "multiple": 1}], "multiple is 1", "line_yuan"),
        ("outliers", [HIGH, {"kind": "low"}], "multiple is empty", "Fill in"),
        ("outliers", [HIGH, {"kind": "low", "multiple": 1, "line_yuan": 5}], "line_yuan 5", "leave the other"),
        ("outliers", [HIGH, {"kind": "low", "multiple": 1, "pays": "excess"}], "no part above", "cost or standard"),
        ("day_rates", [BANDS[0], {**BANDS[1], "group_code": "BR1"}], "day 9", "begin on day 1"),
        ("day_rates", [BANDS[0], {**BANDS[1], "min_days": 60}], "min_days is", "same min_days"),
        ("day_rates", [BANDS[0], {**BANDS[1], "cap_at_cost": "true"}], "cap_at_cost is", "same cap_at_cost"),
        ("day_rates", [BANDS[0], {**BANDS[1], "effective_from": "2024-05-01"}], "day 9", "same effective_from"),
        ("excluded_items", [{"value": "A"}, {"value": "B", "share": "1.01"}], "share 1.01", "from 0 to 1"),
        ("special_cases", [{"trigger": "stay_days", "threshold": 1}, {"trigger": "item", "threshold": 0}], "item_code is empty", "Name the item"),
        ("special_cases", [{"trigger": "stay_days", "threshold": 1}, {"trigger": "icu_days", "threshold": 1, "item_code": "X"}], "item_code is X", "leave item_code empty"),
    ],
)  # fmt: skip
def test_a_row_that_contradicts_itself_is_refused(
    name: str, rows: list[dict[str, Any]], what: str, cure: str
) -> None:
    scheme = scheme_with(**{name: rows})
    problems = Problems(Path("pack"))
    frames = {n: frame.with_row_index(ROW, offset=2) for n, frame in scheme.tables.items()}
    check_terms(frames, problems)
    errors = problems.errors()
    assert errors
    # The second line of rows is line 3 of the file, unless both are at fault or it sorts first.
    assert all(error.where.startswith(f"pack/{name}.csv:") for error in errors)
    assert any(what in error.what and cure in error.cure for error in errors), errors
    with pytest.raises(SchemeError, match=f"{name}.csv:"):
        pay_one(scheme, tables([stay("S1")]))


def test_sound_terms_are_accepted_and_missing_tables_passed_over(tmp_path: Path) -> None:
    sound: dict[str, list[dict[str, Any]]] = {
        "outliers": [
            HIGH,
            {"kind": "low", "line_basis": "yuan", "line_yuan": 5, "pays": "standard"},
        ],
        "day_rates": BANDS,
        "excluded_items": [{"value": "A"}, {"by": "category", "value": "09", "share": 0}],
        "special_cases": [{"trigger": "item", "threshold": 0, "item_code": "X"}],
    }
    scheme = schemes.load(
        tiny(tmp_path, {name: sheet(name, *rows) for name, rows in sound.items()})
    )
    problems = Problems(Path("pack"))
    frames = {n: frame.with_row_index(ROW, offset=2) for n, frame in scheme.tables.items()}
    check_terms(frames, problems)
    check_terms({}, problems)
    assert problems.errors() == []


def test_the_limits_of_the_layout_keep_every_product_inside_128_bits() -> None:
    limit = {
        (sheet.name, column.name): column.below * 10**column.places
        for sheet in SHEETS
        for column in sheet.columns
    }
    standard = (
        limit["weights", "weight"]
        * max(limit["base_rates", "base_rate_yuan"], limit["hospital_rates", "base_rate_yuan"])
        * limit["level_coefficients", "coefficient"]
    )
    assert standard < 2**127
    standard_fen = standard // 10**12
    amount = max(standard_fen, 10**15)  # what charges.LARGEST_FEN lets through
    for column in ("multiple", "factor", "cap_multiple"):
        product = amount * limit["outliers", column]
        assert product < 2**127
        assert product // 10**4 < 2**63  # what is stored in fen
    assert limit["special_cases", "threshold"] * standard_fen < 2**127
    assert 2**31 * limit["day_rates", "day_rate_yuan"] < 2**63


def test_terms_need_not_be_sorted_or_complete() -> None:
    scheme = scheme_with(day_rates=[{**row, "insurance_type": "390"} for row in reversed(BANDS)])
    kept = {k: v for k, v in scheme.tables.items() if k not in {"outliers", "special_cases"}}
    scheme.tables.clear()
    scheme.tables.update(kept)
    batch = tables([stay("S1", days=10, insurance_type="390", total_amount_fen=1)])
    assert pay_one(scheme, batch)["payment_fen"] == 8 * 30_000 + 2 * 20_000
    assert isinstance(scheme.tables["day_rates"], pl.DataFrame)
