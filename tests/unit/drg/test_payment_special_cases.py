"""What lets a hospital ask for a review, and that it never touches the money."""

from __future__ import annotations

from typing import Any

import pytest

from tests.payment_packs import pay_one, scheme_with
from tests.rules_claims import at, charge, stay, tables

# BR15: mean stay 10 days, standard 9,913.20 yuan.
PLAIN = {"provider_level": "3", "total_amount_fen": 2_000_000}


def icu(start: str, end: str | None, ordinal: int = 1) -> dict[str, Any]:
    return {
        "stay_id": "S1",
        "ordinal": ordinal,
        "start_time": at(start),
        "end_time": None if end is None else at(end),
    }


def reviewed(rows: list[dict[str, Any]], *, days: int = 20, **more: Any):
    children = {k: more.pop(k) for k in ("charges", "icu_stays") if k in more}
    batch = tables([stay("S1", days=days, **PLAIN | more)], **children)
    with_rows = pay_one(scheme_with(special_cases=rows), batch)
    without = pay_one(scheme_with(), batch)
    assert {k: v for k, v in with_rows.items() if not k.startswith("review")} == {
        k: v for k, v in without.items() if not k.startswith("review")
    }
    return with_rows["review_reasons"], with_rows["review_unknown"]


@pytest.mark.parametrize(
    ("trigger", "threshold", "more"),
    [
        ("stay_days", "20", {}),
        ("stay_multiple", "2", {}),
        ("cost_yuan", "20000", {}),
("cost_multiple", "2", {"total_amount_fen": 1_982_640}),
        ("icu_days", "2.5", {"icu_stays": [icu("2024-03-01T00:00:00", "2024-03-03T12:00:00")]}),
        ("icu_share", "0.1", {"icu_stays": [icu("2024-03-01T00:00:00", "2024-03-02T00:00:00", 1),
                                            icu("2024-03-05T00:00:00", "2024-03-06T00:00:00", 2)]}),
        ("transfers", "2", {"transfer_departments": "A01→A02"}),
        ("item", "99.99", {"charges": [charge("S1", "L1", "NEW", amount_fen=9_999)]}),
    ],
)  # fmt: skip
def test_a_threshold_is_met_exactly_or_only_beyond(
    trigger: str, threshold: str, more: dict[str, Any]
) -> None:
    row = {"trigger": trigger, "threshold": threshold}
    if trigger == "item":
        row["item_code"] = "NEW"
    assert reviewed([{**row, "op": ">="}], **more) == (trigger, "")
    assert reviewed([{**row, "op": ">"}], **more) == ("", "")


def test_reasons_are_joined_in_one_order_and_what_is_not_known_is_said() -> None:
    rows = [
        {"trigger": "item", "threshold": 0, "item_code": "NEW"},
        {"trigger": "item", "threshold": 0, "item_code": "NEWER"},
        {"trigger": "transfers", "threshold": 0},
        {"trigger": "icu_days", "threshold": 0},
        {"trigger": "cost_multiple", "threshold": 2},
        {"trigger": "stay_days", "threshold": 10},
    ]
    assert reviewed(rows) == ("stay_days|cost_multiple", "transfers|item")
    charges = [charge("S1", "L1", "NEWER", amount_fen=1)]
    open_icu = [icu("2024-03-02T00:00:00", None)]
    assert reviewed(rows, charges=charges, icu_stays=open_icu, transfer_departments="") == (
        "stay_days|cost_multiple|item",
        "icu_days",
    )


def test_a_group_may_have_its_own_threshold() -> None:
    rows = [
        {"trigger": "stay_days", "threshold": 10},
        {"trigger": "stay_days", "threshold": 30, "group_code": "BR1"},
        {"trigger": "cost_yuan", "threshold": 30_000},
        {"trigger": "cost_yuan", "threshold": 10_000, "group_code": "BR15"},
    ]
    assert reviewed(rows) == ("cost_yuan", "")


def test_a_region_without_triggers_reviews_nothing() -> None:
    assert reviewed([]) == ("", "")
    batch = tables([stay("S1", insurance_type="self", **PLAIN)])
    rows = [{"trigger": "stay_days", "threshold": 1}]
    assert pay_one(scheme_with(special_cases=rows), batch)["review_reasons"] is None
