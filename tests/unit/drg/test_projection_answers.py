"""What a projection says of stays whose future is known by hand."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from drg.projection import ABSENT, Curves, ProjectionError, fit, project
from tests.projection_stays import FIRST, Stay, steady, tabulate


@pytest.fixture(scope="module")
def curves() -> Curves:
    """40 stays of ES25: 5 days, the same cost each day, between 100 and 200 yuan a day."""
    return fit(*tabulate(steady(40)))


def see(stay: Stay, curves: Curves, day: int, **options: Any) -> dict[str, Any]:
    """The projection of one stay at the end of a day of it."""
    tables, priced = tabulate([stay], prefix="open")
    as_of = stay.admission + timedelta(days=day - 1)
    (row,) = project(tables, as_of, curves, priced, **options).to_dicts()
    return row


def test_a_stay_like_the_settled_ones_is_projected_to_their_total(curves: Curves) -> None:
    found = see(Stay([15_000] * 2, standard=70_000, high_line=60_000), curves, 2)
    assert found["day_of_stay"] == 2
    assert found["cost_to_date_fen"] == 30_000
    # The median of the settled stays is 150 yuan a day.
    assert found["expected_cost_to_date_fen"] == pytest.approx(30_000, abs=200)
    assert found["cost_pace"] == pytest.approx(1, abs=0.01)
    assert found["projected_total_fen"] == pytest.approx(75_000, abs=40)
    assert found["projected_ratio"] == pytest.approx(75 / 70, abs=1e-4)
    # Four nights, so discharge on day 5; 600 yuan are passed on day 5, 700 too.
    assert found["projected_discharge"] == FIRST + timedelta(days=4)
    assert found["standard_reached_on"] == FIRST + timedelta(days=4)
    assert found["probability_over_standard"] > 0.9
    assert (found["cell"], found["cell_cases"], found["cell_day"]) == ("group:ES25", 40, 2)
    assert found["absent"] is None


def test_the_day_the_standard_will_be_passed_follows_the_curve(curves: Curves) -> None:
    # 150 yuan a day: 450 after day 3, 600 after day 4.
    for standard, day in ((40_000, 3), (50_000, 4), (61_000, 5)):
        found = see(Stay([15_000], standard=standard), curves, 1)
        assert found["standard_reached_on"] == FIRST + timedelta(days=day - 1), standard
    never = see(Stay([15_000], standard=80_000), curves, 1)
    assert never["standard_reached_on"] is None
    assert never["probability_over_standard"] < 0.1


def test_a_standard_already_passed_names_the_day_it_was(curves: Curves) -> None:
    found = see(Stay([15_000, 15_000, 15_000], standard=29_999, high_line=44_999), curves, 3)
    assert found["standard_reached_on"] == FIRST + timedelta(days=1)
    assert found["high_line_reached_on"] == FIRST + timedelta(days=2)
    assert found["probability_over_standard"] == 1
    # Equal to the standard is not over it.
    assert see(Stay([15_000, 15_000], standard=30_000), curves, 2)["standard_reached_on"] > date(
        2025, 3, 4
    )


def test_charges_of_later_days_change_nothing(curves: Curves) -> None:
    short = Stay([15_000, 16_000], standard=70_000)
    planted = Stay([15_000, 16_000, 900_000, 900_000], standard=70_000, nights=9, total=1_831_000)
    assert see(short, curves, 2) == see(planted, curves, 2)


def test_reversed_lines_count_negative_and_early_ones_on_day_1(curves: Curves) -> None:
    found = see(Stay([20_000, -5_000], other={0: 1_000}), curves, 2)
    assert found["cost_to_date_fen"] == 16_000
    assert see(Stay([20_000, -5_000], other={0: 1_000}), curves, 1)["cost_to_date_fen"] == 21_000
    # All taken back again: the stay is not free from here on.
    back = see(Stay([20_000, -20_000]), curves, 2)
    assert back["cost_to_date_fen"] == 0
    assert back["projected_total_fen"] > 10_000


def test_the_first_day_is_projected(curves: Curves) -> None:
    found = see(Stay([10_000]), curves, 1)
    assert found["day_of_stay"] == 1
    assert found["projected_total_fen"] == pytest.approx(50_000, abs=40)


def test_without_charges_there_is_no_cost_and_no_projection(curves: Curves) -> None:
    found = see(Stay([], standard=70_000), curves, 2)
    assert found["absent"] == "no_charges"
    for name in (
        "cost_to_date_fen", "cost_pace", "projected_total_fen", "projected_low_fen",
        "projected_high_fen", "projected_ratio", "standard_reached_on",
        "probability_over_standard",
    ):  # fmt: skip
        assert found[name] is None, name
    # What does not need them is still said.
    assert found["expected_cost_to_date_fen"] is not None
    assert found["projected_discharge"] == FIRST + timedelta(days=4)
    # Lines that came only later are no charges yet.
    assert see(Stay([0, 0, 5_000]), curves, 2)["absent"] == "no_charges"


def test_without_a_standard_only_what_needs_it_is_missing(curves: Curves) -> None:
    for standard in (None, 0):
        found = see(Stay([15_000], standard=standard), curves, 1)
        assert found["projected_total_fen"] == pytest.approx(75_000, abs=40)
        for name in ("projected_ratio", "standard_reached_on", "probability_over_standard"):
            assert found[name] is None, name


def test_a_stay_longer_than_all_settled_ones_is_projected_from_their_last_day(
    curves: Curves,
) -> None:
    found = see(Stay([15_000] * 30, standard=600_000), curves, 30)
    assert (found["cell"], found["cell_day"]) == ("all", 4)
    # Nobody was there on that day to compare with.
    assert found["expected_cost_to_date_fen"] is None
    assert found["cost_pace"] is None
    assert found["projected_total_fen"] > 450_000
    assert found["projected_discharge"] == FIRST + timedelta(days=30)


def test_each_reason_for_no_projection_is_told(curves: Curves) -> None:
    cases = {
        "not_inpatient": Stay([100], claim_type="outpatient"),
        "not_admitted": Stay([100], admission=FIRST + timedelta(days=1)),
        "discharged": Stay([100], nights=0),
        "other_currency": Stay([100], currency="USD"),
        "no_charges": Stay([]),
    }
    tables, priced = tabulate(list(cases.values()))
    found = project(tables, FIRST, curves, priced)
    assert found["absent"].to_list() == list(cases)
    assert found["stay_id"].to_list() == [f"s{i}" for i in range(len(cases))]
    assert found["projected_total_fen"].null_count() == len(cases)
    assert set(cases) == set(ABSENT)


def test_each_stay_can_have_a_day_of_its_own(curves: Curves) -> None:
    stays = [Stay([15_000] * 4), Stay([12_000] * 4), Stay([11_000] * 4)]
    tables, priced = tabulate(stays)
    days = pl.DataFrame(
        {"stay_id": ["s1", "s0"], "as_of": [FIRST + timedelta(days=2), FIRST]},
    )
    found = project(tables, days, curves, priced)
    assert dict(found.select("stay_id", "cost_to_date_fen").iter_rows()) == {
        "s0": 15_000,
        "s1": 36_000,
    }
    assert dict(found.select("stay_id", "as_of").iter_rows())["s1"] == FIRST + timedelta(days=2)


def test_no_open_stays_give_no_rows(curves: Curves) -> None:
    tables, priced = tabulate([Stay([100], nights=0)])
    empty = tables.select(tables.stays["stay_id"].slice(0, 0))
    assert project(empty, FIRST, curves, priced).height == 0


def test_a_wider_interval_holds_a_narrower_one() -> None:
    dice = np.random.default_rng(1)
    settled = [Stay(dice.integers(5_000, 30_000, 6).tolist(), nights=5) for _ in range(60)]
    curves = fit(*tabulate(settled))
    before = (10**9, 0)
    for level in (0.1, 0.3, 0.5, 0.8, 0.9, 0.95, 0.98):
        found = see(Stay([15_000, 14_000]), curves, 2, level=level)
        now = (found["projected_low_fen"], found["projected_high_fen"])
        assert now[0] < before[0], level
        assert now[1] > before[1], level
        assert now[0] <= found["projected_total_fen"] <= now[1]
        assert now[0] >= 29_000  # charges are not taken back
        before = now
    for level in (0, -0.5, 0.99, 1):
        with pytest.raises(ProjectionError, match=r"interval"):
            see(Stay([15_000]), curves, 1, level=level)


def test_a_stay_to_which_nothing_is_ever_added_is_projected_to_its_cost() -> None:
    curves = fit(*tabulate([Stay([50_000 + i], nights=2) for i in range(30)]))
    found = see(Stay([60_000], standard=60_000), curves, 1)
    assert found["projected_total_fen"] == found["projected_high_fen"] == 60_000
    assert found["standard_reached_on"] is None
    assert found["probability_over_standard"] < 0.05
    assert see(Stay([60_001], standard=60_000), curves, 1)["probability_over_standard"] == 1


def test_a_stay_near_its_end_may_be_charged_nothing_more() -> None:
    # Half of the cases leave without a further charge, whatever they cost so far.
    settled = [Stay([10_000 + 100 * i, 5_000 * (i % 2)], nights=1) for i in range(60)]
    found = see(Stay([13_000], standard=13_500), fit(*tabulate(settled)), 1)
    assert found["projected_low_fen"] == 13_000
    assert found["probability_over_standard"] == pytest.approx(0.5, abs=0.1)


def test_operated_and_not_yet_operated_stays_of_one_group_are_told_apart() -> None:
    # The operation (1,000 yuan) is on day 1 or on day 3; all stays come to about 1,500.
    settled = [
        Stay([110_000 + i * 10 if i % 2 else 10_000 + i, 10_000, 10_000 if i % 2 else 110_000,
              10_000, 10_000], nights=4)
        for i in range(80)
    ]  # fmt: skip
    curves = fit(*tabulate(settled))
    waiting, done = see(Stay([10_040]), curves, 1), see(Stay([110_400]), curves, 1)
    assert waiting["projected_total_fen"] == pytest.approx(150_000, rel=0.02)
    assert done["projected_total_fen"] == pytest.approx(150_000, rel=0.02)
