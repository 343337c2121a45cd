"""What each term of payment does to the money, computed by hand to the fen."""

from __future__ import annotations

from decimal import Decimal

import polars as pl
import pytest

from domain.errors import SchemaMismatchError
from drg import payment_terms
from tests.payment_packs import pay_one, pay_rows, scheme_with
from tests.rules_claims import charge, day, stay, tables

HIGH = {"kind": "high", "multiple": 3, "pays": "excess", "factor": 0.7}
LOW = {"kind": "low", "multiple": 0.4, "pays": "cost", "factor": 1}


def claim(**more):
    return tables([stay("S1", **{"provider_level": "3", "total_amount_fen": 1_000_000} | more)])


def test_the_standard_is_weight_by_rate_by_coefficient_with_half_a_fen_up() -> None:
    scheme = scheme_with()
    # 0.9012 x 9,000.50 x 0.9 = 7,300.12554
    row = pay_one(scheme, claim(provider_level="2", insurance_type="390"))
    assert row["payment_standard_fen"] == 730_013
    assert row["group_weight"] == Decimal("0.9012")
    assert row["base_rate_fen"] == Decimal("900050.00")
    assert row["level_coefficient"] == Decimal("0.9")
    assert row["mean_stay_days"] == 10.0
    assert (row["payment_case"], row["payment_fen"]) == ("standard", 730_013)
    assert row["balance_fen"] == 730_013 - 1_000_000
    assert row["absent"] is row["payment_absent"] is None
    half = scheme_with(base_rates=[{"base_rate_yuan": "0.0100"}], level_coefficients=None,
                weights=[{"region_code": "", "group_code": "BR15", "weight": "0.5"},
                         {"region_code": "", "group_code": "BR25", "weight": "0.4999"}])  # fmt: skip
    assert pay_one(half, claim())["payment_standard_fen"] == 1  # half a fen
    assert pay_one(half, claim(), "BR25")["payment_standard_fen"] == 0  # just below it


def test_rates_and_coefficients_keep_all_the_places_that_cities_publish() -> None:
    scheme = scheme_with(
        weights=[{"region_code": "", "group_code": "BR15", "weight": "999.9999"}],
        base_rates=[{"base_rate_yuan": "99999.9999"}],
        level_coefficients=[{"level": "3", "coefficient": "99.999999"}],
    )
    row = pay_one(scheme, claim(total_amount_fen=10**15))
    exact = Decimal("999.9999") * Decimal("99999.9999") * Decimal("99.999999") * 100
    # The largest that a pack can say: 10 billion yuan, far from the end of 64 bits.
    assert row["payment_standard_fen"] == int(exact + Decimal("0.5"))
    assert row["base_rate_fen"] == Decimal("9999999.99")
    assert row["level_coefficient"] == Decimal("99.999999")


@pytest.mark.parametrize(
    ("more", "group", "absent"),
    [
        ({}, None, "no_group"),
        ({}, "BX19", "no_weight"),
        ({"region_code": "310100"}, "BR15", "no_rate"),
        ({"provider_level": "1"}, "BR15", "no_coefficient"),
        ({"provider_level": None}, "BR15", "no_coefficient"),
        ({"currency": "USD"}, "BR15", "currency"),
        ({"claim_type": "outpatient"}, "BR15", "not_inpatient"),
    ],
)
def test_why_there_is_no_standard_is_said(
    more: dict[str, str], group: str | None, absent: str
) -> None:
    row = pay_one(scheme_with(), claim(**more), group)
    assert row["absent"] == row["payment_absent"] == absent
    assert row["payment_standard_fen"] is row["payment_fen"] is row["balance_fen"] is None
    assert row["high_line_fen"] is row["low_line_fen"] is None


def test_a_region_without_coefficients_pays_weight_by_rate() -> None:
    row = pay_one(scheme_with(level_coefficients=None), claim(provider_level=None))
    assert (row["payment_standard_fen"], row["level_coefficient"]) == (991_320, None)
    # A coefficient that ended, or belongs to one hospital, shows that the region has them.
    ended = [{"level": "3", "coefficient": 1, "effective_to": "2024-02-01"}]
    assert pay_one(scheme_with(level_coefficients=ended), claim())["absent"] == "no_coefficient"
    other = [{"provider_id": "H2", "coefficient": 1}]
    assert pay_one(scheme_with(level_coefficients=other), claim())["absent"] == "no_coefficient"


def test_the_regions_own_level_goes_before_the_claims_and_the_hospital_list() -> None:
    scheme = scheme_with(
        level_coefficients=[
            {"level": "3", "coefficient": "1"},
            {"level": "三甲", "coefficient": "1.1"},
        ],
        hospital_levels=[{"provider_id": "H1", "level": "三甲", "effective_from": "2024-03-05"}],
    )
    on_the_day = pay_one(
        scheme, claim(admission_date=day("2024-03-01"), discharge_date=day("2024-03-05"))
    )
    before = pay_one(
        scheme, claim(admission_date=day("2024-03-01"), discharge_date=day("2024-03-04"))
    )
    assert (on_the_day["hospital_level"], on_the_day["level_coefficient"]) == (
        "三甲",
        Decimal("1.1"),
    )
    assert (before["hospital_level"], before["level_coefficient"]) == ("3", Decimal("1"))


def test_a_level_may_have_a_base_rate_of_its_own() -> None:
    scheme = scheme_with(
        level_coefficients=None,
        hospital_rates=[
            {"level": "2", "base_rate_yuan": "9000"},
            {"level": "2", "insurance_type": "390", "base_rate_yuan": "8000"},
            {"provider_id": "H9", "base_rate_yuan": "10000"},
        ],
    )
    paid = {
        (level, kind, hospital): pay_one(
            scheme,
            claim(provider_level=level, insurance_type=kind, provider_id=hospital),
            "BR21",
        )["payment_standard_fen"]
        for level, kind, hospital in [
            ("2", "310", "H1"), ("2", "390", "H1"), ("3", "310", "H1"), ("2", "310", "H9"),
        ]
    }  # fmt: skip
    assert list(paid.values()) == [990_000, 880_000, 1_210_000, 1_100_000]  # x 1.1


@pytest.mark.parametrize(
    ("cost", "case", "paid"),
    [
        # BR15: standard 0.9012 x 11,000 = 9,913.20; lines 3,965.28 and 29,739.60
        (396_527, "low_outlier", 396_527),
        (396_528, "standard", 991_320),
        (2_973_960, "standard", 991_320),
        (2_973_961, "high_outlier", 991_321),  # 0.7 of one fen is 0.7, rounded up
        (3_973_960, "high_outlier", 991_320 + 700_000),
    ],
)
def test_a_cost_on_the_line_is_still_inside(cost: int, case: str, paid: int) -> None:
    row = pay_one(scheme_with(outliers=[HIGH, LOW]), claim(total_amount_fen=cost))
    assert (row["low_line_fen"], row["high_line_fen"]) == (396_528, 2_973_960)
    assert (row["payment_case"], row["payment_fen"]) == (case, paid)
    assert row["balance_fen"] == paid - cost


def test_bands_of_weight_give_the_line_and_their_edge_belongs_to_the_lower_band() -> None:
    bands = [(1, 3.0), (2, 2.5), ("", 2.0)]
    scheme = scheme_with(
        outliers=[{**HIGH, "weight_up_to": up_to, "multiple": m} for up_to, m in bands],
        weights=[
            {"region_code": "", "group_code": group, "weight": weight}
            for group, weight in (
                ("BR15", "1"),
                ("BR13", "1.0001"),
                ("BR11", "2"),
                ("BB25", "2.0001"),
            )
        ],
    )
    lines = {
        g: pay_one(scheme, claim(), g)["high_line_fen"] for g in ("BR15", "BR13", "BR11", "BB25")
    }
    assert lines == {
        "BR15": 3_300_000,  # 11,000.00 x 3
        "BR13": 2_750_275,  # 11,001.10 x 2.5
        "BR11": 5_500_000,  # 22,000.00 x 2.5
        "BB25": 4_400_220,  # 22,001.10 x 2
    }


@pytest.mark.parametrize(
    ("row", "line", "paid", "capped"),
    [
        # mean cost of BR11 18,000; standard 1.6 x 11,000 = 17,600; the stay cost 100,000
        ({"line_basis": "mean_cost", "multiple": 2, "pays": "cost", "factor": 0.95}, 3_600_000, 9_500_000, False),
        ({"line_basis": "yuan", "multiple": "", "line_yuan": "99999.99", "pays": "standard", "factor": 1.5}, 9_999_999, 2_640_000, False),
        ({"multiple": 2, "pays": "excess", "factor": 0.8}, 3_520_000, 1_760_000 + 5_184_000, False),
        ({"multiple": 2, "pays": "excess", "factor": 0.8, "cap_multiple": 3}, 3_520_000, 5_280_000, True),
    ],
)  # fmt: skip
def test_a_city_says_where_the_line_is_and_what_is_paid_beyond_it(
    row: dict[str, object], line: int, paid: int, capped: bool
) -> None:
    scheme = scheme_with(outliers=[{"kind": "high", **row}])
    paid_row = pay_one(scheme, claim(total_amount_fen=10_000_000), "BR11")
    assert (paid_row["high_line_fen"], paid_row["payment_case"]) == (line, "high_outlier")
    assert (paid_row["payment_fen"], paid_row["capped"]) == (paid, capped)


def test_lines_by_group_level_and_hospital_region_go_before_the_general_one() -> None:
    scheme = scheme_with(
        outliers=[
            {**HIGH, "multiple": 3},
            {**HIGH, "multiple": 4, "level": "2"},
            {**HIGH, "multiple": 5, "group_code": "BR1"},
            {**HIGH, "multiple": 6, "group_code": "BR15"},
            {**HIGH, "multiple": 7, "region_code": "110105"},
        ],
        level_coefficients=None,
        weights=[
            {"region_code": "", "group_code": g, "weight": 1} for g in ("BR15", "BR13", "BR25")
        ],
    )

    def multiple(group: str, **more: str) -> float:
        row = pay_one(scheme, claim(**more), group)
        return row["high_line_fen"] / row["payment_standard_fen"]

    assert multiple("BR25") == 3
    assert multiple("BR25", provider_level="2") == 4
    assert multiple("BR13", provider_level="2") == 5  # its ADRG, which goes before the level
    assert multiple("BR15") == 6
    assert multiple("BR15", region_code="110105") == 7  # the longest division first


def test_an_unknown_mean_cost_leaves_the_payment_open_but_not_the_standard() -> None:
    scheme = scheme_with(
        outliers=[{**HIGH, "line_basis": "mean_cost"}],
        weights=[{"region_code": "", "group_code": "BR15", "weight": "1"}],
    )
    row = pay_one(scheme, claim())
    assert (row["payment_standard_fen"], row["absent"]) == (1_100_000, None)
    assert (row["payment_case"], row["payment_absent"]) == (None, "no_mean_cost")
    assert row["payment_fen"] is None


def test_without_a_total_only_a_region_without_lines_can_pay() -> None:
    bare = pay_one(scheme_with(), claim(total_amount_fen=None))
    assert (bare["payment_fen"], bare["cost_fen"], bare["balance_fen"]) == (991_320, None, None)
    lined = pay_one(scheme_with(outliers=[HIGH]), claim(total_amount_fen=None))
    assert (lined["payment_fen"], lined["payment_absent"]) == (None, "no_total")


def test_a_patient_in_hospital_has_a_standard_and_lines_but_no_case() -> None:
    scheme = scheme_with(
        outliers=[HIGH, LOW], special_cases=[{"trigger": "cost_yuan", "threshold": 0}]
    )
    row = pay_one(scheme, claim(discharge_date=None))
    assert (row["payment_standard_fen"], row["high_line_fen"]) == (991_320, 2_973_960)
    assert row["payment_case"] is row["payment_fen"] is row["review_reasons"] is None
    assert (row["absent"], row["payment_absent"]) == (None, "in_hospital")


BANDS = [
    {"group_code": "BR2", "from_day": 1, "day_rate_yuan": "300"},
    {"group_code": "BR2", "from_day": 16, "day_rate_yuan": "250.5"},
    {"group_code": "BR2", "from_day": 31, "day_rate_yuan": "200"},
]


@pytest.mark.parametrize(
    ("days", "paid"),
    [
        (0, 30_000),  # admitted and discharged on one day: one day
        (15, 450_000),
        (16, 475_050),
        (30, 450_000 + 15 * 25_050),
        (45, 450_000 + 15 * 25_050 + 15 * 20_000),
    ],
)
def test_each_day_is_paid_the_rate_of_its_band(days: int, paid: int) -> None:
    stays = tables([stay("S1", days=days, provider_level="3", total_amount_fen=500_000)])
    row = pay_one(scheme_with(day_rates=BANDS, outliers=[HIGH, LOW]), stays, "BR25")
    assert (row["payment_case"], row["payment_fen"]) == ("day_rate", paid)
    assert (row["paid_days"], row["absent"]) == (max(days, 1), "day_rate")
    assert row["payment_standard_fen"] is row["high_line_fen"] is None
    other = pay_one(scheme_with(day_rates=BANDS), stays, "BR15")
    assert (other["payment_case"], other["payment_fen"]) == ("standard", 991_320)


def test_day_rates_are_capped_and_may_ask_for_a_long_stay() -> None:
    stays = tables([stay("S1", days=40, provider_level="3", total_amount_fen=800_000)])

    def paid(**more: object) -> tuple[int, bool]:
        rows = [{**band, **more} for band in BANDS]
        row = pay_one(scheme_with(day_rates=rows), stays, "BR25")
        return row["payment_fen"], row["capped"]

    assert paid() == (450_000 + 15 * 25_050 + 10 * 20_000, False)
    assert paid(cap_yuan=9000) == (900_000, True)
    assert paid(cap_at_cost="true") == (800_000, True)
    assert paid(cap_yuan=9000, cap_at_cost="true") == (800_000, True)
    assert paid(min_days=40) == (450_000 + 15 * 25_050 + 10 * 20_000, False)
    assert paid(min_days=41) == (770_000, False)  # the group's standard 0.7 x 11,000


def test_an_open_stay_is_paid_by_the_day_only_where_its_length_cannot_matter() -> None:
    stays = tables([stay("S1", days=None, provider_level="3")])
    sure = pay_one(scheme_with(day_rates=BANDS), stays, "BR25")
    assert (sure["absent"], sure["payment_absent"]) == ("day_rate", "in_hospital")
    rows = [{**band, "min_days": 60} for band in BANDS]
    open_ = pay_one(scheme_with(day_rates=rows), stays, "BR25")
    assert (open_["payment_standard_fen"], open_["payment_case"]) == (770_000, None)


def test_day_rates_of_an_insurance_pay_stays_that_have_no_group() -> None:
    rows = [{"insurance_type": "390", "from_day": 1, "day_rate_yuan": 100}]
    stays = tables([stay("S1", days=3, insurance_type="390", total_amount_fen=1)])
    row = pay_one(scheme_with(day_rates=rows), stays, None)
    assert (row["payment_case"], row["payment_fen"]) == ("day_rate", 30_000)


def items(**amounts: int):
    return [
        charge("S1", f"L{n}", code, amount_fen=fen, category="09")
        for n, (code, fen) in enumerate(amounts.items())
    ]


def test_excluded_items_leave_the_cost_and_are_paid_beside_the_group() -> None:
    scheme = scheme_with(
        outliers=[HIGH, LOW],
        excluded_items=[
            {"value": "DRUG", "share": "0.8"},
            {"by": "category", "value": "09", "share": "0.5"},
            {"value": "OLD", "share": 1, "effective_to": "2024-02-28"},
        ],
    )
    lines = items(DRUG=100_001, OTHER=33)
    lines += [charge("S1", "L8", "DRUG", amount_fen=-1, category="09")]
    lines += [charge("S1", "L9", "OLD", amount_fen=400_000, category="08")]
    rows = [stay("S1", provider_level="3", total_amount_fen=496_561)]
    row = pay_one(scheme, tables(rows, charges=lines))
    # DRUG nets 100,000 and pays 80 %; OTHER goes by its category and pays half of 33.
    assert (row["excluded_fen"], row["excluded_payment_fen"]) == (100_033, 80_017)
    # Without them the cost is on the low line of 3,965.28, not below it.
    assert (row["cost_fen"], row["payment_case"]) == (396_528, "standard")
    assert row["payment_fen"] == 991_320 + 80_017
    assert row["balance_fen"] == 991_320 + 80_017 - 496_561


def test_excluded_charges_cannot_be_known_without_charge_lines() -> None:
    scheme = scheme_with(excluded_items=[{"value": "DRUG"}])
    row = pay_one(scheme, claim())
    assert row["excluded_fen"] is row["cost_fen"] is row["payment_fen"] is None
    assert (row["payment_standard_fen"], row["payment_absent"]) == (991_320, "no_charges")
    elsewhere = scheme_with(excluded_items=[{"value": "DRUG", "region_code": "31"}])
    assert pay_one(elsewhere, claim())["excluded_fen"] == 0


def test_contradicting_or_absurd_amounts_are_not_paid() -> None:
    scheme = scheme_with(excluded_items=[{"value": "DRUG"}], outliers=[HIGH])
    above = tables([stay("S1", provider_level="3", total_amount_fen=5)], charges=items(DRUG=6))
    assert pay_one(scheme, above)["payment_absent"] == "excluded_above_total"
    for total, drug in ((10**15 + 1, 1), (5, 2**63 - 1)):
        huge = tables(
            [stay("S1", provider_level="3", total_amount_fen=total)], charges=items(DRUG=drug)
        )
        assert pay_one(scheme, huge)["payment_absent"] == "amount_too_large"


@pytest.mark.parametrize(
    ("more", "case", "paid"),
    [
        ({"payment_method": "per_item"}, "not_paid", None),
        ({"payment_method": "per_case"}, "not_paid", None),
        ({"payment_method": "per_diem"}, "not_paid", None),  # no day rates for the group
        ({"insurance_type": "self"}, "not_paid", None),
        ({"payment_method": "drg"}, "standard", 991_320),
        ({"payment_method": None}, "standard", 991_320),
    ],
)
def test_what_the_fund_does_not_pay_by_group_keeps_its_standard_only(
    more: dict[str, str], case: str, paid: int | None
) -> None:
    row = pay_one(scheme_with(), claim(**more))
    assert (row["payment_case"], row["payment_fen"]) == (case, paid)
    assert row["payment_standard_fen"] == 991_320


def test_the_batch_is_answered_in_the_order_asked_for_and_unknown_stays_are_refused() -> None:
    scheme = scheme_with()
    batch = tables([stay(f"S{i}", provider_level="3", total_amount_fen=i) for i in range(4)])
    asked = pl.DataFrame(
        {
            "stay_id": ["S3", "S0", "S3"],
            "group_code": ["BR15", "BR21", "BR25"],
            "adrg": ["BR1", "BR2", "BR2"],
        }
    )
    paid = payment_terms.pay(asked, batch, scheme)
    assert paid.schema == payment_terms.PAID
    assert paid["stay_id"].to_list() == ["S3", "S0", "S3"]
    assert paid["payment_standard_fen"].to_list() == [991_320, 1_210_000, 770_000]
    assert payment_terms.pay(asked.head(0), tables([]), scheme).schema == payment_terms.PAID
    with pytest.raises(SchemaMismatchError, match="S9"):
        payment_terms.pay(asked.with_columns(stay_id=pl.lit("S9")), batch, scheme)
    assert pay_rows(scheme, tables([])) == []
