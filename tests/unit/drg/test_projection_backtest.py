"""The backtest: settled stays seen day by day, with what was known on each."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from domain.tables import Tables
from drg.projection import ProjectionError, backtest, fit, measure, project, replay
from tests.projection_stays import FIRST, Stay, steady, tabulate

SPLIT = FIRST + timedelta(days=60)


@pytest.fixture(scope="module")
def settled() -> tuple[Tables, pl.DataFrame]:
    """1,500 stays whose length, dearness and days vary, of four groups, over four months."""
    dice = np.random.default_rng(7)
    stays = []
    for number in range(1500):
        nights = int(np.clip(np.rint(np.exp(dice.normal(1.5, 0.4))), 1, 20))
        dear = 10_000 * (1 + number % 4) * np.exp(dice.normal(0, 0.3))
        daily = dear * np.exp(dice.normal(0, 0.3, nights + 1))
        daily[0] *= 2
        stays.append(
            Stay(
                np.rint(daily).astype(int).tolist(),
                nights=nights,
                admission=FIRST + timedelta(days=int(dice.integers(0, 120))),
                group=("ES25", "ES29", "GB15", "ER15")[number % 4],
                standard=70_000 * (1 + number % 4),
            )
        )
    return tabulate(stays)


def test_eight_in_ten_totals_lie_in_the_interval_and_beat_the_mean_of_the_group(
    settled: tuple[Tables, pl.DataFrame],
) -> None:
    made = backtest(*settled, split_date=SPLIT)
    whole = made.row(-1, named=True)
    assert whole["day_of_stay"] is None
    assert whole["stays"] > 2_000
    # About 750 stays whose days hang together: two standard errors are some 3 %.
    assert whole["coverage"] == pytest.approx(0.8, abs=0.04)
    wide = backtest(*settled, split_date=SPLIT, level=0.95).row(-1, named=True)
    assert wide["coverage"] == pytest.approx(0.95, abs=0.03)
    # Later days know more.
    errors = dict(made.select("day_of_stay", "median_error").iter_rows())
    assert errors[1] > errors[3] > errors[6]
    replayed = replay(*_later(settled), since=SPLIT)
    naive = (
        (replayed["payment_standard_fen"] / replayed["total_fen"] - 1).abs().median()
    )  # a fixed amount a group
    assert whole["median_error"] < 0.7 * naive  # type: ignore[operator]


def test_a_probability_said_is_about_how_often_it_came(
    settled: tuple[Tables, pl.DataFrame],
) -> None:
    made = replay(*_later(settled), since=SPLIT).filter(
        pl.col("cost_to_date_fen") <= pl.col("payment_standard_fen")
    )
    over = pl.col("total_fen") > pl.col("payment_standard_fen")
    said = pl.col("probability_over_standard")
    for low in (0.0, 0.25, 0.5, 0.75):
        band = made.filter(said.is_between(low, low + 0.25)).select(
            said.mean(), came=over.mean(), many=pl.len()
        )
        mean, came, many = band.row(0)
        assert many > 100
        assert came == pytest.approx(mean, abs=0.1), low


def test_a_backtest_projects_each_day_as_project_would_have(
    settled: tuple[Tables, pl.DataFrame],
) -> None:
    tables, curves, priced = _later(settled)
    made = replay(tables, curves, priced, since=SPLIT)
    for day in (SPLIT, SPLIT + timedelta(days=9)):
        then = project(tables, day, curves, priced).filter(pl.col("absent").is_null())
        seen = made.filter(pl.col("as_of") == day).select(then.columns)
        both = then.filter(pl.col("stay_id").is_in(seen["stay_id"].implode()))
        assert both.height > 5
        assert seen.sort("stay_id").equals(both.sort("stay_id"))


def test_stays_over_their_standard_are_counted_as_found_or_missed() -> None:
    rows = pl.DataFrame(
        {
            "stay_id": ["a", "a", "a", "b", "b", "c", "d"],
            "day_of_stay": [1, 2, 3, 1, 2, 1, 1],
            "cost_to_date_fen": [10, 50, 110, 10, 20, 10, 10],
            "projected_total_fen": [90, 130, 120, 80, 80, 120, 60],
            "projected_low_fen": [80, 90, 110, 70, 70, 100, 50],
            "projected_high_fen": [100, 140, 130, 90, 90, 140, 70],
            "payment_standard_fen": [100] * 7,
            "probability_over_standard": [0.2, 0.8, 1.0, 0.1, 0.1, 0.9, 0.1],
            "total_fen": [120, 120, 120, 80, 80, 80, 120],
        },
        schema_overrides={"day_of_stay": pl.Int32},
    )
    first, second, third, whole = measure(rows).to_dicts()
    assert (first["stays"], first["to_exceed"], first["flagged"]) == (4, 2, 1)
    assert (first["found"], first["precision"]) == (0, 0)
    assert first["coverage"] == 0.25
    assert first["bias"] == pytest.approx(350 / 400 - 1)
    assert (second["found"], second["precision"], second["found_so_far"]) == (1, 1, 0.5)
    assert (third["already_over"], third["found"], third["precision"]) == (1, None, None)
    assert (whole["stays"], whole["found"], whole["precision"]) == (7, 1 / 3, 0.5)
    assert whole["found_so_far"] == 0.5


def test_a_split_that_leaves_nothing_on_one_side_is_refused() -> None:
    tables, priced = tabulate(steady(40))
    with pytest.raises(ProjectionError, match="no stay with charge lines was discharged"):
        backtest(tables, priced, split_date=date(2026, 1, 1))
    with pytest.raises(ProjectionError, match="there are 0 settled stays"):
        backtest(tables, priced, split_date=FIRST)


def test_without_standards_errors_are_measured_all_the_same() -> None:
    early = steady(40)
    late = [Stay([15_000] * 5, nights=4, admission=SPLIT) for _ in range(5)]
    made = backtest(*tabulate([*early, *late]), split_date=SPLIT)
    assert made["stays"].to_list() == [5, 5, 5, 5, 20]
    assert made["median_error"].max() < 0.001  # type: ignore[operator]
    assert made["found"].null_count() == made.height
    assert made["found_so_far"].null_count() == made.height


def _later(
    settled: tuple[Tables, pl.DataFrame],
) -> tuple[Tables, object, pl.DataFrame]:
    tables, priced = settled
    return tables, fit(tables, priced, upto=SPLIT), priced
