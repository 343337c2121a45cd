"""A payment in words: an officer must be able to check the arithmetic with pencil and paper."""

from __future__ import annotations

from typing import Any

import pytest

from drg.payment_terms import ABSENT, CASES, PAID, TRIGGERS, explain
from tests.payment_packs import pay_one, scheme_with
from tests.rules_claims import charge, stay, tables

HIGH = {"kind": "high", "multiple": 3, "pays": "excess", "factor": "0.7", "source": "lines"}
LOW = {"kind": "low", "multiple": "0.4", "pays": "cost", "factor": 1, "source": "lines"}


def told(language: str, total: int | None, *, group: str | None = "BR15", **sheets: Any) -> str:
    more = sheets.pop("more", {})
    charges = sheets.pop("charges", [])
    rows = [stay("S1", **{"provider_level": "2", "total_amount_fen": total} | more)]
    return explain(pay_one(scheme_with(**sheets), tables(rows, charges=charges), group), language)


def test_the_standard_shows_every_factor() -> None:
    assert told("zh", 800_000) == (
        "支付标准：权重 0.9012 × 基础费率 11,000.00 元 × 等级系数 0.9 = 8,921.88 元。"
        "按标准支付 8,921.88 元。"
        "支付合计 8,921.88 元，医疗费总额 8,000.00 元，结余 921.88 元。来源：made up。"
    )
    assert told("en", 1_000_000) == (
        "Standard: weight 0.9012 × base rate 11,000.00 yuan × level coefficient 0.9 = 8,921.88 yuan. "
        "Paid by the standard: 8,921.88 yuan. "
        "Paid in all 8,921.88 yuan against a total of 10,000.00 yuan: falls short by 1,078.12 yuan. "
        "Sources: made up."
    )


def test_a_rate_is_shown_with_all_its_places_and_no_coefficient_is_not_shown_as_one() -> None:
    text = told(
        "zh", 800_000, base_rates=[{"base_rate_yuan": "7990.2388"}], level_coefficients=None
    )
    assert "权重 0.9012 × 基础费率 7,990.2388 元 = 7,200.80 元" in text
    assert "等级系数" not in text


def test_outliers_show_the_line_and_the_formula() -> None:
    high = told("zh", 3_000_000, outliers=[HIGH, LOW])
    # 26,765.64 = 3 x 8,921.88; 8,921.88 + 0.7 x 3,234.36 = 11,185.93
    assert (
        "费用 30,000.00 元高于高倍率线 26,765.64 元，支付额："
        "标准 8,921.88 + 0.7 ×（费用 30,000.00 − 26,765.64） = 11,185.93 元。"
    ) in high
    assert high.endswith("来源：made up；lines。")
    low = told("en", 100_000, outliers=[HIGH, LOW])
    assert (
        "The cost of 1,000.00 yuan is below the low line of 3,568.75 yuan: "
        "cost 1,000.00 × 1 = 1,000.00 yuan."
    ) in low
    inside = told("zh", 900_000, outliers=[HIGH, LOW])
    assert "费用 9,000.00 元不低于低倍率线 3,568.75 元、不高于高倍率线 26,765.64 元" in inside
    capped = told("en", 9_000_000, outliers=[{**HIGH, "cap_multiple": 2}])
    assert "= 17,843.76 yuan, the highest amount allowed." in capped


def test_days_exclusions_and_reviews_are_told() -> None:
    text = told(
        "zh", 500_000, group=None,
        day_rates=[{"from_day": 1, "day_rate_yuan": 300}],
        excluded_items=[{"value": "NEW", "share": "0.8"}],
        special_cases=[{"trigger": "stay_days", "threshold": 3}],
        charges=[charge("S1", "L1", "NEW", amount_fen=100_000)],
    )  # fmt: skip
    assert text == (
        "按床日付费：5 天，合计 1,500.00 元。除外项目 1,000.00 元不计入比较费用，另行支付 800.00 元。"
        "支付合计 2,300.00 元，医疗费总额 5,000.00 元，超支 2,700.00 元。可申请特例单议：住院天数。"
        "来源：made up。"
    )


@pytest.mark.parametrize(
    ("more", "group", "zh", "en"),
    [
        ({}, None, "没有支付标准：没有病组。", "No payment standard: The stay has no group."),
        ({"discharge_date": None}, "BR15", "支付额未定：患者在院。", "No payment yet: The patient is in hospital."),
        ({"insurance_type": "self"}, "BR15", "自费", "self-pay"),
    ],
)  # fmt: skip
def test_what_is_not_known_is_said_once(
    more: dict[str, Any], group: str | None, zh: str, en: str
) -> None:
    chinese = told("zh", 800_000, group=group, more=more)
    assert chinese.count(zh) == 1
    assert told("en", 800_000, group=group, more=more).count(en) == 1
    assert "支付合计" not in chinese
    assert "None" not in chinese


def test_every_code_has_words_in_both_languages_and_others_are_refused() -> None:
    for texts in (ABSENT, CASES, TRIGGERS):
        assert all(zh and en for zh, en in texts.values())
    empty = dict.fromkeys(PAID.names())
    for code in ABSENT:
        for language in ("zh", "en"):
            assert explain({**empty, "absent": code, "payment_absent": code}, language)
    with pytest.raises(ValueError, match="zh or en"):
        explain(empty, "fr")
