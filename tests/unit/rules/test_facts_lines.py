"""Lines by number: order and stray rows, reversals, sums by day, and the table of few lines."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import rules
from domain.tables import Tables
from rules import engine
from rules.facts import Source, build, charge_day, charge_line, facts_of
from rules.facts.place import placed
from rules.facts.source import STAY
from rules.facts.table import TOLD
from rules.predicate import Predicate, check, passes_without
from tests.rules_claims import charge, day, stay, tables

RULES = rules.load()
TARIFF_CHECKS = [c for c in RULES.compiled if c.table.endswith(TOLD)]


def mixed() -> Tables:
    """Two stays whose lines are not in order, one without lines, and a line of a strange stay."""
    lines = [
        charge("b", "L1", charge_date=day("2024-03-02")),
        charge("a", "L2", charge_date=day("2024-03-02")),
        charge("strange", "L3", charge_date=day("2024-03-02")),
        charge("b", "L4", charge_date=day("2024-03-01")),
        charge("a", "L1", charge_date=day("2024-03-01")),
    ]
    return tables([stay("c"), stay("a"), stay("b")], charges=lines)


def test_lines_stand_in_the_order_of_their_stays_and_strange_ones_are_left_out() -> None:
    rows = charge_line.lines(Source(mixed()))
    assert rows.select(STAY, "stay_id", "line_id").rows() == [
        (1, "a", "L2"), (1, "a", "L1"), (2, "b", "L1"), (2, "b", "L4"),
    ]  # fmt: skip
    assert charge_line.lined(Source(mixed()))["stay_id"].to_list() == ["a", "b"]


def test_a_line_stands_until_all_of_it_is_taken_back() -> None:
    lines = [
        charge("a", "whole", quantity=2),
        charge("a", "back", quantity=-2, reverses_line_id="whole"),
        charge("a", "part", quantity=2),
        charge("a", "some", quantity=-1, reverses_line_id="part"),
        # The same name on another claim is another line.
        charge("b", "whole", quantity=2),
    ]
    rows = charge_line.live(Source(tables([stay("a"), stay("b")], charges=lines)))
    assert rows.select("stay_id", "line_id").rows() == [("a", "part"), ("b", "whole")]


def test_days_add_up_what_was_charged_and_what_stands() -> None:
    lines = [
        charge("a", "L1", category="05", unit_price=10, charge_date=day("2024-03-02")),
        charge("a", "L2", category="08", unit_price=7, charge_date=day("2024-03-02")),
        charge("a", "L3", category="05", unit_price=5, charge_date=day("2024-03-01")),
        charge(
            "a", "L4", category="05", unit_price=5, quantity=-1, charge_date=day("2024-03-02"),
            reverses_line_id="L3",
        ),
    ]  # fmt: skip
    found = charge_day.days(Source(tables([stay("a")], charges=lines)))
    names = ("charge_date", "all_fen", "treatment_cost_fen", "standing_fen", "light_fen", "treats")
    assert found.select(names).rows() == [
        (day("2024-03-01"), 500, 500, 0, 0, False),
        (day("2024-03-02"), 1_200, 500, 1_700, 1_000, True),
    ]


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(-(2**60), 2**60)), max_size=20),
)
def test_sums_of_cells_are_exact_however_large(cells: list[tuple[int, int]]) -> None:
    at, amounts = (np.array([c[i] for c in cells], dtype=np.int64) for i in (0, 1))
    wanted = [sum(amount for cell, amount in cells if cell == n) for n in range(5)]
    if all(abs(total) < 2**63 for total in wanted):
        assert charge_day.add_up(at, amounts, 5).tolist() == wanted


@given(st.permutations(range(6)), st.integers(0, 6))
def test_rows_are_put_at_their_places(places: list[int], height: int) -> None:
    kept = [p for p in places if p < height][: max(height - 1, 0)]
    found = pl.DataFrame({"v": [f"at {p}" for p in kept]}, schema={"v": pl.String})
    at = pl.Series(kept, dtype=pl.UInt32)
    wanted = [f"at {n}" if n in kept else None for n in range(height)]
    assert placed(found, at, height)["v"].to_list() == wanted


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("line_is_capped AND line_amount_fen > line_cap_fen", True),
        ("NOT line_is_reversed AND (line_is_capped AND line_amount_fen > 0)", True),
        ("line_is_capped OR line_is_level_limited", True),
        ("line_is_capped OR line_amount_fen > 0", False),
        ("NOT line_is_capped", False),
        ("COALESCE(line_is_capped, FALSE)", False),
        ("line_amount_fen > 0", False),
    ],
)
def test_what_passes_wherever_its_flags_are_false(text: str, passes: bool) -> None:
    found = check(text, facts_of("charge"), {})
    assert isinstance(found, Predicate)
    assert passes_without(found.tree, {"line_is_capped", "line_is_level_limited"}) is passes


def scenes(seed: int) -> Tables:
    """Stays with lines that tables name and lines that they do not, and one without lines."""
    chance = random.Random(seed)
    items = [
        ("S-0105001", "05"), ("S-0106001", "06"), ("S-0104001", "04"), ("S-0107016", "06"),
        ("S-0102001", "02"), ("X-1", "09"), ("S-0106002", "05"), ("S-0803001", "08"),
    ]  # fmt: skip
    lines: list[Any] = []
    for name in ("a", "b", "c"):
        for number in range(chance.randrange(1, 12)):
            item, category = chance.choice(items)
            lines.append(
                charge(
                    name, f"L{number}", item_code=item, category=category,
                    quantity=chance.randrange(1, 30), charge_date=day(f"2024-03-0{chance.randrange(1, 4)}"),
                )
            )  # fmt: skip
    old = stay("old", "2019-01-01")
    stays = [stay("a"), stay("b", region_code="110100"), stay("c"), stay("none"), old]
    return tables(stays, charges=[*lines, charge("old", "L1", charge_date=day("2019-01-02"))])


@pytest.mark.parametrize("seed", range(4))
def test_checks_of_tariff_terms_judge_the_few_lines_as_they_would_all(seed: int) -> None:
    """What the table of few lines leaves out changes no verdict and no hit."""
    assert len(TARIFF_CHECKS) > 10
    batch = scenes(seed)
    few = rules.judge(RULES, batch)
    every = replace(
        RULES, compiled=tuple(replace(c, table=c.rule.unit) for c in RULES.compiled), shadow=None
    )
    whole = rules.judge(every, batch)
    assert_frame_equal(few.verdicts, whole.verdicts)
    assert_frame_equal(few.hits, whole.hits)


@pytest.mark.parametrize("first", ["2019-01-01", "2024-03-01"])
def test_the_newest_version_alone_says_what_a_choice_by_date_would(first: str) -> None:
    source = Source(
        tables([stay("a", first), stay("b", "2024-03-01")], charges=[charge("a", "L1")])
    )
    checks = [c for c in RULES.compiled if c.rule.unit == "stay"]
    table = build(source, {"stay": {fact for c in checks for fact in c.facts}})["stay"]
    bound = table.with_columns(e.alias(n) for c in checks for n, e in c.bound.items())
    chosen = bound.select(c.verdict.alias(c.rule.id) for c in checks)
    assert_frame_equal(engine.verdict_columns(checks, table), chosen)
