"""What Medicare pays for a stay, against amounts worked out by hand."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from drg import medicare, schemes
from drg.library import MEDICARE
from drg.medicare.payment import PARTS
from drg.schemes import Scheme
from tests.medicare_claims import claim, pack, stay, tables

# The made-up hospital: wage index 1.1, so 4,000 x 1.1 + 2,000 = 6,400 dollars for a weight of 1;
# group 291 weighs 1.5: 9,600.00 operating. Capital 500 x 1.05 x 1.5 = 787.50.


def paid(scheme: Scheme, *, group: str = "291", status: int = 1, **other: Any) -> dict[str, Any]:
    given = stay("S", claim(discharge_status=status), **({"total_amount_fen": 3_000_000} | other))
    stays = pl.DataFrame({"stay_id": ["S"], "group_code": [group]})
    row = medicare.pay(stays, tables([given]), scheme).row(0, named=True)
    if row["payment_fen"] is not None:
        assert sum(row[part] for part in PARTS) == row["payment_fen"]
    return row


def test_an_ordinary_stay_is_paid_its_parts_to_the_cent(tmp_path: Path) -> None:
    row = paid(pack(tmp_path))
    assert {part.removesuffix("_fen"): row[part] for part in PARTS} == {
        "operating": 960_000,
        "operating_ime": 48_000,  # 5 % of 9,600
        "operating_dsh": 28_800,  # 3 %
        "uncompensated": 25_000,
        "value_based": 1_920,  # 0.2 %
        "readmissions": -4_800,  # -0.5 %
        "capital": 78_750,
        "capital_ime": 1_575,  # 2 % of 787.50
        "capital_dsh": 788,  # 1 %: 7.875, half a cent up
        "outlier_operating": 0,
        "outlier_capital": 0,
        "hac_reduction": 0,
    }
    assert row["payment_fen"] == row["payment_standard_fen"] == 1_140_033
    assert row["payment_case"] == "standard"
    assert row["group_weight"] == Decimal("1.5000")
    assert (row["mean_stay_days"], row["gmlos_days"]) == (5.2, 4.0)
    # 30,000 dollars charged x 0.27
    assert (row["cost_fen"], row["balance_fen"]) == (810_000, 1_140_033 - 810_000)
    assert (row["absent"], row["review_reasons"], row["low_line_fen"]) == (None, None, None)


def test_a_low_wage_index_takes_the_other_split(tmp_path: Path) -> None:
    low = pack(tmp_path / "low", hospitals=[{"wage_index": "0.9", "gaf": None}])
    row = paid(low)
    # (3,800 x 0.9 + 2,200) x 1.5; 500 x 0.9304 (0.9 ^ 0.6848, four places) = 465.20 x 1.5
    assert (row["operating_fen"], row["capital_fen"]) == (843_000, 69_780)
    one = paid(pack(tmp_path / "one", hospitals=[{"wage_index": "1", "gaf": None}]))
    assert (one["operating_fen"], one["capital_fen"]) == (900_000, 75_000)
    # An index of exactly 1 belongs to the low split: (3,800 + 2,200 x 1.25) x 1.5
    dear = paid(pack(tmp_path / "dear", hospitals=[{"wage_index": "1", "cola": "1.25"}]))
    assert dear["operating_fen"] == 982_500


def test_the_cost_of_living_raises_the_part_that_is_not_labour(tmp_path: Path) -> None:
    row = paid(pack(tmp_path, hospitals=[{"cola": "1.25"}]))
    # (4,400 + 2,000 x 1.25) x 1.5; capital factor 0.3152 x 0.25 + 1 = 1.079 (three places)
    assert (row["operating_fen"], row["capital_fen"]) == (1_035_000, 84_971)


def test_a_high_outlier_is_paid_four_fifths_above_its_line(tmp_path: Path) -> None:
    row = paid(pack(tmp_path), total_amount_fen=50_000_000)
    # Operating: line 9,600 x 1.08 + 250 + 40,000 x (0.66 x 1.1 + 0.34) x 0.25 / 0.27
    #   = 10,618.00 + 42,640 x 0.925925926 = 50,099.4815; cost 500,000 x 0.25 = 125,000
    # Capital: line 787.50 x 1.03 + 40,000 x 1.05 x 0.074074074 = 3,922.2361; cost 10,000
    assert row["outlier_operating_fen"] == round((125_000 - 50_099.4815) * 0.8 * 100)
    assert row["outlier_capital_fen"] == round((10_000 - 3_922.2361) * 0.8 * 100)
    assert row["payment_case"] == "high_outlier"
    assert row["high_line_fen"] == 5_402_172
    assert row["payment_fen"] == 1_140_033 + 5_992_041 + 486_221


def test_burns_have_their_own_share(tmp_path: Path) -> None:
    row = paid(pack(tmp_path, groups=[{"burn": "true"}]), total_amount_fen=50_000_000)
    assert row["outlier_operating_fen"] == round((125_000 - 50_099.4815) * 0.9 * 100)


def test_below_the_line_of_both_together_no_outlier_is_paid(tmp_path: Path) -> None:
    # With capital costs of 0.30 the capital side alone is over its line, both are not.
    hospital = {"operating_ccr": "0.01", "capital_ccr": "0.3"}
    row = paid(pack(tmp_path, hospitals=[hospital]), total_amount_fen=14_000_000)
    assert (row["outlier_operating_fen"], row["outlier_capital_fen"]) == (0, 0)
    assert row["cost_fen"] < row["high_line_fen"]


@pytest.mark.parametrize(
    ("days", "fraction"),
    [(0, "0.5000"), (1, "0.5000"), (2, "0.7500"), (3, "1.0000"), (9, "1.0000")],
)
def test_an_acute_transfer_is_paid_by_the_day_the_first_twice(
    tmp_path: Path, days: int, fraction: str
) -> None:
    row = paid(pack(tmp_path), status=2, length_of_stay_days=days)
    assert row["transfer_fraction"] == Decimal(fraction)
    assert row["operating_fen"] == int(960_000 * Decimal(fraction))
    assert row["payment_case"] == ("standard" if fraction == "1.0000" else "transfer")
    assert row["uncompensated_fen"] == 25_000
    assert row["payment_standard_fen"] == 1_140_033


def test_special_pay_gives_half_at_once_to_post_acute_transfers_only(tmp_path: Path) -> None:
    scheme = pack(tmp_path, groups=[{"special_pay": "true", "gmlos_days": "8.0"}])
    # two days: 3 / 8 of it by the day; 0.5 + 0.5 x 3 / 8
    assert paid(scheme, status=3, length_of_stay_days=2)["transfer_fraction"] == Decimal("0.6875")
    assert paid(scheme, status=2, length_of_stay_days=2)["transfer_fraction"] == Decimal("0.3750")


def test_post_acute_care_counts_only_in_the_groups_of_the_list(tmp_path: Path) -> None:
    scheme = pack(tmp_path, groups=[{"post_acute_transfer": "false"}])
    for status, fraction in ((3, 1), (62, 1), (1, 1), (20, 1), (2, Decimal("0.5"))):
        row = paid(scheme, status=status, length_of_stay_days=1)
        assert row["transfer_fraction"] == fraction


def test_a_group_that_stands_for_transfers_is_never_cut(tmp_path: Path) -> None:
    scheme = pack(tmp_path, groups=[{"transfer_exempt": "true"}])
    assert paid(scheme, status=2, length_of_stay_days=1)["payment_case"] == "standard"


def test_a_transfer_lowers_the_loss_that_the_hospital_bears(tmp_path: Path) -> None:
    scheme = pack(tmp_path)
    full = paid(scheme, total_amount_fen=50_000_000, length_of_stay_days=1)
    moved = paid(scheme, total_amount_fen=50_000_000, length_of_stay_days=1, status=2)
    assert moved["payment_case"] == "transfer_outlier"
    # Half of everything but the uncompensated care: 5,184 + 250 + 21,320 x 0.925925926
    # operating, 393.75 x 1.03 + 21,000 x 0.074074074 capital
    assert moved["high_line_fen"] == 2_713_586
    assert full["high_line_fen"] == 5_402_172


def test_the_stay_is_counted_from_the_dates_where_it_is_not_stated(tmp_path: Path) -> None:
    row = paid(pack(tmp_path), status=2, admission_date=date(2026, 4, 13), length_of_stay_days=None)
    assert row["transfer_fraction"] == Decimal("0.7500")
    wrong = paid(pack(tmp_path), status=2, admission_date=date(2026, 4, 20))
    assert (wrong["absent"], wrong["payment_fen"]) == ("no_stay_days", None)


def test_the_cut_for_acquired_conditions_is_one_percent_of_all(tmp_path: Path) -> None:
    row = paid(pack(tmp_path, hospitals=[{"hac_reduction": "true"}]))
    assert row["hac_reduction_fen"] == -11_400  # 11,400.33 x 1 % = 114.0033
    assert row["payment_fen"] == 1_140_033 - 11_400


@pytest.mark.parametrize(
    ("given", "absent", "standard"),
    [
        ({"currency": "CNY"}, "currency", False),
        ({"group": "999"}, "no_weight", False),
        ({"group": None}, "no_group", False),
        ({"provider_id": "H9"}, "no_hospital", False),
        ({"discharge_date": date(2026, 10, 1)}, "no_weight", False),
        ({"total_amount_fen": None}, "no_charges", True),
    ],
)
def test_what_is_not_known_is_absent_and_never_nothing(
    tmp_path: Path, given: dict[str, Any], absent: str, standard: bool
) -> None:
    row = paid(pack(tmp_path), **given)
    assert row["absent"] == absent
    assert absent in medicare.ABSENT
    assert (row["payment_standard_fen"] is not None) is standard
    assert all(row[name] is None for name in (*PARTS, "payment_fen", "balance_fen", "payment_case"))


def test_without_cost_ratios_the_standard_is_known_and_the_payment_is_not(tmp_path: Path) -> None:
    row = paid(pack(tmp_path, hospitals=[{"operating_ccr": None, "capital_ccr": None}]))
    assert (row["absent"], row["payment_standard_fen"], row["payment_fen"]) == (
        "no_cost_ratio",
        1_140_033,
        None,
    )


def test_no_rates_of_the_hospitals_category(tmp_path: Path) -> None:
    row = paid(pack(tmp_path, hospitals=[{"update_category": "neither"}]))
    assert (row["absent"], row["payment_standard_fen"]) == ("no_rate", None)


def test_a_hospitals_own_row_goes_before_that_for_every_hospital(tmp_path: Path) -> None:
    scheme = pack(tmp_path, hospitals=[{"provider_id": None, "wage_index": "1"}, {}])
    assert paid(scheme)["review_reasons"] is None
    other = paid(scheme, provider_id="H2")
    assert (other["operating_fen"], other["review_reasons"]) == (900_000, "default_hospital")


def test_rows_change_with_the_day_of_discharge(tmp_path: Path) -> None:
    early = {"effective_to": "2026-04-14"}
    late = {"effective_from": "2026-04-15", "weight": "2"}
    scheme = pack(tmp_path, groups=[early, late])
    assert paid(scheme, discharge_date=date(2026, 4, 14))["group_weight"] == Decimal("1.5")
    assert paid(scheme, discharge_date=date(2026, 4, 15))["group_weight"] == 2


def test_a_patient_in_hospital_has_a_standard_and_no_case(tmp_path: Path) -> None:
    row = paid(pack(tmp_path), discharge_date=None)
    assert (row["payment_standard_fen"], row["payment_case"], row["absent"]) == (
        1_140_033,
        None,
        None,
    )


def test_stays_come_back_in_the_order_given(tmp_path: Path) -> None:
    batch = tables([stay(i, claim(), total_amount_fen=1) for i in "ABC"])
    stays = pl.DataFrame({"stay_id": ["C", "A", "B"], "group_code": ["291", None, "291"]})
    rows = medicare.pay(stays, batch, pack(tmp_path))
    assert rows["stay_id"].to_list() == ["C", "A", "B"]
    assert rows.schema == medicare.PAYMENTS
    assert rows["absent"].to_list() == [None, "no_group", None]


def test_the_words_name_every_part_and_the_sum(tmp_path: Path) -> None:
    scheme = pack(tmp_path)
    english = medicare.explain(paid(scheme, status=2, length_of_stay_days=2), "en")
    assert "Group 291, weight 1.5000: $11,400.33 in full" in english
    assert "paid as a transfer at 0.7500: operating $7,200.00" in english
    assert "readmissions -$36.00" in english
    assert "outlier" not in english
    chinese = medicare.explain(paid(scheme, total_amount_fen=50_000_000), "zh")
    assert "高倍率补偿（运营） $59,920.41" in chinese
    assert chinese.endswith("= $76,182.95。")
    assert medicare.explain(paid(scheme, provider_id="H9"), "en") == (
        "The pack has no row for the hospital on that day."
    )


def test_the_shipped_pack_says_that_its_rates_are_unverified() -> None:
    scheme = schemes.load(MEDICARE)
    assert scheme.tables["ms_rates"]["source"][0].startswith("unverified")
    assert scheme.tables["ms_hospitals"]["source"][0].startswith("example")
    rates = scheme.tables["ms_rates"].row(0, named=True)
    # Both splits are of one amount, at 66 and 62 percent.
    whole = rates["labor_usd"] + rates["nonlabor_usd"]
    assert whole == rates["labor_low_usd"] + rates["nonlabor_low_usd"]
    assert round(whole * rates["labor_share"], 2) == rates["labor_usd"]
    assert round(whole * rates["labor_low_share"], 2) == rates["labor_low_usd"]
    row = paid(scheme, group="293")
    weight = scheme.tables["ms_groups"].filter(ms_drg="293")["weight"][0]
    assert row["payment_standard_fen"] == round(weight * whole * 100) + round(
        weight * rates["capital_usd"] * 100
    )
    assert (row["absent"], row["review_reasons"]) == ("no_cost_ratio", "default_hospital")
