"""Precision over time: by check, and by score band with each stay once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from domain.feedback import Conclusion, by_band, by_check, quarter

SHANGHAI = ZoneInfo("Asia/Shanghai")


def conclusion(**changes: Any) -> Conclusion:
    given: dict[str, Any] = {
        "rule_id": "CHG-001",
        "outcome": "confirmed",
        "reviewed_at": datetime(2025, 2, 1, tzinfo=UTC),
        "stay_id": "S1",
        "model_sha256": "m",
        "score": 0.42,
    }
    return Conclusion(**{**given, **changes})


def test_a_quarter_ends_where_the_reviewers_are() -> None:
    late = datetime(2025, 3, 31, 17, tzinfo=UTC)
    assert quarter(late, UTC) == "2025-Q1"
    assert quarter(late, SHANGHAI) == "2025-Q2"
    assert quarter(datetime(2025, 12, 31, tzinfo=UTC), UTC) == "2025-Q4"


def test_each_check_has_its_precision_of_each_quarter() -> None:
    found = by_check(
        [
            conclusion(),
            conclusion(outcome="not_confirmed", stay_id="S2"),
            conclusion(rule_id="GRP-023", stay_id=None, score=None, model_sha256=None),
            conclusion(stay_id="S3", reviewed_at=datetime(2025, 5, 1, tzinfo=UTC)),
        ],
        SHANGHAI,
    )
    assert list(found) == ["CHG-001", "GRP-023"]
    assert found["CHG-001"]["2025-Q1"].precision == 0.5
    assert found["CHG-001"]["2025-Q2"].precision == 1.0


def test_a_stay_is_in_its_band_once_and_confirmed_if_one_check_was() -> None:
    (band,) = by_band(
        [
            conclusion(outcome="not_confirmed"),
            conclusion(rule_id="LOS-001", outcome="partly"),
            conclusion(stay_id="S2", outcome="not_confirmed", score=0.48),
            conclusion(stay_id=None),
            conclusion(stay_id="S3", score=None),
        ],
        UTC,
    )
    told = band.record()
    assert (told["from"], told["to"], told["model_sha256"]) == (0.4, 0.5, "m")
    assert (told["partly"], told["not_confirmed"], told["precision"]) == (1, 1, 0.5)
    assert round(band.mean_score, 6) == 0.45


def test_the_last_band_holds_a_score_of_one_and_the_first_one_of_zero() -> None:
    bands = by_band([conclusion(score=1.0), conclusion(stay_id="S2", score=0.0)], UTC)
    assert [band.band for band in bands] == [0, 9]


def test_models_are_not_mixed() -> None:
    bands = by_band([conclusion(), conclusion(model_sha256="n", outcome="not_confirmed")], UTC)
    assert [(b.model_sha256, b.reviewed.precision) for b in bands] == [("m", 1.0), ("n", 0.0)]
