"""Reviews are kept as they came; the last one of each check counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import store
from domain.review import Review, Reviewed
from tests import service_samples as samples

NOON = datetime(2025, 3, 1, 4, tzinfo=UTC)


@pytest.fixture
def alert(opened: store.Store) -> store.AlertRecord:
    samples.write(opened, 6)
    found = opened.alert(opened.alerts().rows[0]["alert_id"])
    assert found is not None
    return found


def review(alert: store.AlertRecord, number: int = 0, **changes: Any) -> Review:
    given: dict[str, Any] = {
        "review_id": f"{number:032x}",
        "rule_id": alert.hits[0]["rule_id"],
        "outcome": "confirmed",
        "reason": "violation",
        "reviewer": "officer-07",
        "reviewed_at": NOON + timedelta(minutes=number),
        "decision_id": alert.decision["decision_id"],
        "stay_id": alert.decision["stay_id"],
    }
    return Review(**{**given, **changes})


def test_a_review_is_read_as_it_was_given(opened: store.Store, alert: store.AlertRecord) -> None:
    full = review(alert, 1, recovered_fen=2**40, currency="CNY", note="已退回；患者不详")
    assert opened.keep_reviews([full]) == 1
    assert opened.reviews(decision_id=alert.decision["decision_id"]) == [full]
    assert list(opened.all_reviews()) == [full]
    assert opened.keep_reviews([full]) == 0, "the same review again stores nothing"


def test_of_several_reviews_the_last_one_counts(
    opened: store.Store, alert: store.AlertRecord
) -> None:
    rule = alert.hits[0]["rule_id"]
    opened.keep_reviews([review(alert, 2, outcome="not_confirmed", reason="documented")])
    opened.keep_reviews([review(alert, 1)])
    assert opened.reviewed() == {rule: Reviewed(not_confirmed=1)}
    opened.keep_reviews([review(alert, 3, outcome="partly")])
    assert opened.reviewed() == {rule: Reviewed(partly=1)}
    assert len(opened.reviews(decision_id=alert.decision["decision_id"])) == 3


def test_the_alert_says_how_far_its_review_is(
    opened: store.Store, alert: store.AlertRecord
) -> None:
    def status() -> str:
        found = opened.alert(alert.alert["alert_id"])
        assert found is not None
        return str(found.alert["status"])

    assert status() == "new"
    opened.keep_reviews([review(alert, 1, outcome="needs_information", reason="record-missing")])
    assert status() == "in_review"
    opened.keep_reviews([review(alert, 2)])
    assert status() == "reviewed"
    assert (
        opened.alerts(store.AlertFilter(statuses=frozenset({"reviewed"}))).rows[0]["alert_id"]
        == (alert.alert["alert_id"])
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"decision_id": "0" * 32},
        {"decision_id": None},
        {"stay_id": None},
        {"finding_id": "f" * 32},
        {"outcome": "maybe"},
        {"reason": "because"},
        {"recovered_fen": 5},
        {"recovered_fen": -5, "currency": "CNY"},
    ],
)
def test_the_database_refuses_what_cannot_be(
    changes: dict[str, Any], opened: store.Store, alert: store.AlertRecord
) -> None:
    with pytest.raises(store.StoreError):
        opened.keep_reviews([review(alert, 1), review(alert, 2, **changes)])
    assert list(opened.all_reviews()) == [], "all of it or nothing"


def test_a_decision_is_found_by_its_stay_and_check(
    opened: store.Store, alert: store.AlertRecord
) -> None:
    stay, rule = alert.decision["stay_id"], alert.hits[0]["rule_id"]
    assert opened.decision_with_hit(stay, rule) == alert.decision["decision_id"]
    assert opened.decision_with_hit(stay, "XYZ-001") is None
    assert opened.decision_with_hit("nobody", rule) is None
