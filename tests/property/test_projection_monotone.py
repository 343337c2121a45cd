"""What must hold of projections whatever the stay."""

from __future__ import annotations

from datetime import timedelta
from functools import cache

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from drg.projection import Curves, fit, project
from tests.projection_stays import FIRST, Stay, tabulate

amounts = st.lists(st.integers(-20_000, 200_000), min_size=1, max_size=15)


@cache
def curves() -> Curves:
    dice = np.random.default_rng(11)
    stays = []
    for number in range(120):
        nights = int(dice.integers(2, 12))
        daily = dice.integers(2_000, 40_000, nights + 1).tolist()
        stays.append(
            Stay(daily, nights=nights, group=("ES25", "GB15")[number % 2], standard=150_000)
        )
    return fit(*tabulate(stays))


@given(amounts, st.integers(1, 15), amounts, st.integers(0, 30))
def test_nothing_dated_after_the_day_counts(
    daily: list[int], day: int, later: list[int], nights: int
) -> None:
    as_of = FIRST + timedelta(days=day - 1)
    known = (daily * 15)[:day]
    now = Stay(known, standard=150_000)
    then = Stay(known + later, standard=150_000, nights=day + nights)
    found = []
    for stay in (now, then):
        tables, priced = tabulate([stay])
        found.append(project(tables, as_of, curves(), priced))
    assert found[0].equals(found[1])


@given(amounts, st.integers(1, 10), st.lists(st.integers(1, 2_000_000), min_size=2, max_size=8))
def test_a_higher_standard_is_passed_later_and_less_likely(
    daily: list[int], day: int, standards: list[int]
) -> None:
    # Without a group standard on the settled side, so that all use the same cell.
    stays = [Stay((daily * 10)[:day], high_line=line) for line in sorted(standards)]
    tables, priced = tabulate(stays)
    found = project(tables, FIRST + timedelta(days=day - 1), curves(), priced)
    if found["absent"][0] is not None:
        return
    chances = found["probability_over_high_line"].to_list()
    assert chances == sorted(chances, reverse=True)
    assert all(0 <= chance <= 1 for chance in chances)
    days = found["high_line_reached_on"].to_list()
    reached = [d for d in days if d is not None]
    assert reached == sorted(reached)
    assert days[: len(reached)] == reached  # once one is out of reach, dearer ones are too
    low, median, high = (found[f"projected_{name}_fen"][0] for name in ("low", "total", "high"))
    assert low <= median <= high
    assert found["projected_discharge"][0] > found["as_of"][0]
