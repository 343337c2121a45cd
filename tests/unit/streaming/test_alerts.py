"""Which decisions become alerts, in which order, with which title."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest

from domain.results import ALERTS
from domain.tables import conform
from streaming.alerts import raise_alerts
from streaming.pipeline import at_stake

NAMES = {
    "ADM-001": ("当日再入院", "Readmission on the same day"),
    "CHG-001": ("重复计费", "Duplicate lines"),
    "SLQ-004": ("天数不符", "Days differ"),
}


def decision(**changes: Any) -> dict[str, Any]:
    return {
        "decision_id": "d1", "stay_id": "s1", "provider_id": "H1", "severity": None, "exposure_fen": 0,
        "fund_payment_fen": 1000_00, "currency": "CNY", "score": None, "admission_date": date(2024, 3, 1),
    } | changes  # fmt: skip


def hit(rule: str, severity: str, exposure: int | None = 0, **changes: Any) -> dict[str, Any]:
    return {
        "decision_id": "d1", "stay_id": "s1", "rule_id": rule, "severity": severity,
        "cause": rule, "exposure_fen": exposure, "subject_id": "s1",
    } | changes  # fmt: skip


HIT_SCHEMA = {
    "decision_id": pl.String, "stay_id": pl.String, "rule_id": pl.String, "severity": pl.String,
    "cause": pl.String, "exposure_fen": pl.Int64, "subject_id": pl.String,
}  # fmt: skip


def alerts(
    decisions: list[dict[str, Any]],
    hits: list[dict[str, Any]],
    threshold: float = 0.5,
    high_payment: float | None = 1000.0,
) -> list[dict[str, Any]]:
    usual = pl.DataFrame(
        {"provider_id": ["H1"], "high_payment": [high_payment]},
        schema={"provider_id": pl.String, "high_payment": pl.Float64},
    )
    frame = pl.DataFrame(decisions, schema_overrides={"severity": pl.String, "score": pl.Float64})
    raised = raise_alerts(frame, pl.DataFrame(hits, schema=HIT_SCHEMA), NAMES, threshold, usual)
    conform(raised.to_arrow(), ALERTS)  # the store would refuse another shape
    return raised.to_dicts()


@pytest.mark.parametrize(
    ("severity", "score", "raised"),
    [
        ("medium", None, True),
        ("critical", None, True),
        ("low", None, False),
        ("low", 0.5, True),
        ("low", 0.49, False),
        (None, 0.9, True),
        (None, None, False),
    ],
)
def test_medium_hits_or_a_score_at_the_threshold_raise_an_alert(
    severity: str | None, score: float | None, raised: bool
) -> None:
    hits = [hit("SLQ-004", severity)] if severity else []
    assert bool(alerts([decision(severity=severity, score=score)], hits)) is raised


def test_the_priority_is_the_documented_one() -> None:
    found = alerts(
        [
            decision(decision_id="a", severity="high", exposure_fen=10_000_00, score=0.8),
            decision(decision_id="b", severity="medium", exposure_fen=100_000_00, score=0.95),
            decision(decision_id="c", severity="critical"),
        ],
        [hit("ADM-001", "critical", decision_id="c")],
    )
    assert [round(a["priority"], 1) for a in found] == [96.0, 84.0, 80.0]


def test_the_title_names_the_worst_check_and_counts_the_others() -> None:
    (alert,) = alerts(
        [decision(severity="critical")],
        [
            hit("CHG-001", "high", 500, subject_id="L1"),
            hit("CHG-001", "high", 900, subject_id="L2"),
            hit("ADM-001", "critical"),
        ],
    )
    assert alert["rule_ids"] == "ADM-001 CHG-001"
    assert alert["title_zh"] == "当日再入院，另有1项"
    assert alert["title_en"] == "Readmission on the same day, and 1 more"


def test_a_score_alone_says_so_and_claims_no_severity() -> None:
    (alert,) = alerts([decision(score=0.876)], [])
    assert (alert["severity"], alert["rule_ids"]) == ("info", "")
    assert alert["title_zh"] == "机构欺诈概率88%"
    assert alert["title_en"] == "Provider fraud probability 88%"


def test_lines_of_one_check_add_up_and_one_cause_counts_once() -> None:
    hits = [
        hit("CHG-001", "high", 500, cause="double", subject_id="L1"),
        hit("CHG-001", "high", 900, cause="double", subject_id="L2"),
        hit("CHG-002", "low", 1000, cause="double"),
        hit("ADM-001", "medium", 70, cause="split"),
        hit("SLQ-004", "low", None, cause="dates"),
    ]
    assert at_stake(pl.DataFrame(hits, schema=HIT_SCHEMA), claim(None, 9000)).to_dicts() == [
        {"stay_id": "s1", "severity": "high", "exposure_fen": 1400 + 70}
    ]


@pytest.mark.parametrize(
    ("total", "fund", "expected"),
    [(500, 400, 500), (None, 400, 400), (None, None, 730), (200, 100, 330), (5000, 1, 730)],
)
def test_causes_add_up_to_no_more_than_the_claim_or_the_largest_of_them(
    total: int | None, fund: int | None, expected: int
) -> None:
    hits = [
        hit("IDB-001", "critical", 330, cause="overlap"),
        hit("ADM-003", "medium", 300, cause="split_stay"),
        hit("LOS-003", "medium", 100, cause="long_stay"),
    ]
    (row,) = at_stake(pl.DataFrame(hits, schema=HIT_SCHEMA), claim(total, fund)).to_dicts()
    assert row["exposure_fen"] == expected


def claim(total: int | None, fund: int | None) -> pl.DataFrame:
    return pl.DataFrame(
        {"stay_id": ["s1"], "total_amount_fen": [total], "fund_payment_fen": [fund]},
        schema={
            "stay_id": pl.String(),
            "total_amount_fen": pl.Int64(),
            "fund_payment_fen": pl.Int64(),
        },
    )


@pytest.mark.parametrize(
    ("payment_fen", "high_payment", "raised"),
    [(999_99, 1000.0, False), (1000_00, 1000.0, True), (1, None, True), (None, 1000.0, True)],
)
def test_a_score_raises_an_alert_only_for_the_dearest_claims_of_the_provider(
    payment_fen: int | None, high_payment: float | None, raised: bool
) -> None:
    found = alerts(
        [decision(score=0.99, fund_payment_fen=payment_fen)], [], high_payment=high_payment
    )
    assert bool(found) is raised


def test_a_hit_on_a_cheap_claim_of_a_suspicious_provider_still_raises_its_alert() -> None:
    (alert,) = alerts(
        [decision(score=0.99, fund_payment_fen=1, severity="medium")], [hit("SLQ-004", "medium")]
    )
    assert alert["rule_ids"] == "SLQ-004"
