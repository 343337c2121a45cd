"""The formulas of the indicators against a month worked out by hand."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.indicators import BY_NAME, INDICATORS, NOTHING, SUMS, Sums, low_risk_groups, total


def cell(**known: int) -> Sums:
    return {**NOTHING, **known}


# Ten stays: six in ES33 (weight 0.8), three in FR25 (weight 1.5), one ungroupable.
MONTH = {
    "ES33": cell(
        stays=6, grouped=6, weighted=6, weight_e4=48_000, days=36, costed=6, cost_fen=6_000_00,
        charged=5, charged_cost_fen=5_000_00, drug_fen=1_500_00, consumable_fen=250_00, priced=6,
        over_standard=2, paid=6, payment_fen=6_600_00, balance_fen=600_00, cased=6, high_outliers=1,
        low_outliers=0, followed=6, readmitted=1, outcomes=6, died=1, alerts=3, exposure_fen=900_00,
        concluded=2, confirmed=1, recovered_fen=150_00,
    ),
    "FR25": cell(
        stays=3, grouped=3, weighted=3, weight_e4=45_000, days=30, costed=3, cost_fen=9_000_00,
        charged=3, charged_cost_fen=9_000_00, drug_fen=900_00, consumable_fen=2_550_00, priced=3,
        over_standard=2, paid=3, payment_fen=8_100_00, balance_fen=-900_00, cased=3, high_outliers=0,
        low_outliers=1, followed=2, readmitted=1, outcomes=3, died=0, alerts=1, exposure_fen=100_00,
    ),
    "0000": cell(stays=1, days=4, costed=1, cost_fen=500_00, followed=1, outcomes=0),
}  # fmt: skip
# All hospitals: ES33 costs 900 yuan and takes 5 days on average, FR25 4,000 yuan and 10 days.
REGION = {
    "ES33": cell(stays=60, grouped=60, costed=60, cost_fen=54_000_00, days=300),
    "FR25": cell(stays=30, grouped=30, costed=30, cost_fen=120_000_00, days=300),
}
GOLDEN = {
    "cmi": Fraction(93, 90),
    "groups_covered": 2,
    "grouping_rate": Fraction(9, 10),
    "total_weight": Fraction(93, 10),
    # (1000/900 x 6 + 3000/4000 x 3) / 9
    "cost_index": float((Fraction(60, 9) + Fraction(9, 4)) / 9),
    # (6/5 x 6 + 10/10 x 3) / 9
    "time_index": float((Fraction(36, 5) + 3) / 9),
    "mean_stay": 7,
    "mean_cost": Fraction(15_500_00, 10),
    "drug_share": Fraction(2_400, 14_000),
    "consumable_share": Fraction(2_800, 14_000),
    "over_standard_share": Fraction(4, 9),
    "balance": -300_00,
    "high_outlier_share": Fraction(1, 9),
    "low_outlier_share": Fraction(1, 9),
    "readmission_rate": Fraction(2, 9),
    "low_risk_mortality": Fraction(1, 6),
    "alerts": 4,
    "exposure": 1_000_00,
    "confirmed_share": Fraction(1, 2),
    "recovered": 150_00,
}


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_a_month_worked_out_by_hand(name: str) -> None:
    value = BY_NAME[name].value(total(MONTH, REGION, frozenset({"ES33"})))
    wanted = GOLDEN[name]
    assert value == (pytest.approx(wanted, rel=1e-12) if isinstance(wanted, float) else wanted)


def test_what_nobody_knows_is_not_nought() -> None:
    nothing = total({}, {}, None)
    assert [one.name for one in INDICATORS if one.value(nothing) is not None] == []
    bare = total({"ES33": cell(stays=2, grouped=2, days=6)}, {}, None)
    known = {one.name for one in INDICATORS if one.value(bare) is not None}
    assert known == {
        "groups_covered", "grouping_rate", "mean_stay", "alerts", "exposure", "recovered",
    }  # fmt: skip


def test_every_indicator_is_told_whole_in_both_languages() -> None:
    for one in INDICATORS:
        assert all((one.zh, one.en, *one.meaning, *one.formula, *one.missing))
        assert one.unit in {"index", "count", "weight", "share", "day", "money"}
        assert one.better in {"up", "down", ""}


def test_a_group_is_low_risk_by_enough_stays_and_few_deaths() -> None:
    groups = {
        "few": cell(grouped=99, outcomes=99),
        "safe": cell(grouped=200, outcomes=200, died=1),
        "grave": cell(grouped=200, outcomes=200, died=2),
        "0000": cell(outcomes=500),
    }
    assert low_risk_groups(groups) == {"safe"}
    assert low_risk_groups({"few": groups["few"]}) is None


CELLS = st.dictionaries(
    st.sampled_from(["A", "B", "C", "D"]),
    st.fixed_dictionaries({name: st.integers(0, 10**6) for name in SUMS}),
    min_size=1,
)


@given(CELLS)
def test_the_whole_compared_with_itself_is_one(cells: dict[str, dict[str, int]]) -> None:
    whole = total(cells, cells, None)
    for name in ("cost_index", "time_index"):
        value = BY_NAME[name].value(whole)
        assert value is None or value == 1


@given(CELLS, st.integers(2, 9))
def test_more_of_the_same_changes_no_share(cells: dict[str, dict[str, int]], times: int) -> None:
    more = {code: {n: v * times for n, v in c.items()} for code, c in cells.items()}
    few, many = total(cells, cells, frozenset("A")), total(more, cells, frozenset("A"))
    for one in INDICATORS:
        if one.unit in ("share", "day", "index"):
            before, after = one.value(few), one.value(many)
            assert (before is None) is (after is None)
            if before is not None and after is not None:
                assert float(after) == pytest.approx(float(before), rel=1e-9)
