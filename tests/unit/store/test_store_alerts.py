"""Alerts: every filter, every order, pages that neither skip nor repeat."""

from __future__ import annotations

from datetime import date

import pytest

import store
from domain.results import Severity, Verdict
from store import AlertFilter, AlertSort
from tests import service_samples as samples


def walk(opened: store.Store, sort: AlertSort, wanted: AlertFilter | None = None, limit: int = 7):
    found, after = [], None
    while True:
        page = opened.alerts(wanted, sort, after, limit)
        found.extend(page.rows)
        if page.after is None:
            return found
        after = page.after


@pytest.fixture
def filled(opened: store.Store) -> store.Store:
    samples.write(opened, 60)
    samples.write(opened, 30, first=60)
    return opened


KEY = {
    AlertSort.EXPECTED_LOSS: lambda r: -r["expected_loss_fen"],
    AlertSort.DUE: lambda r: r["due_at"].timestamp(),
    AlertSort.PRIORITY: lambda r: -r["priority"],
    AlertSort.EXPOSURE: lambda r: -r["exposure_fen"],
    AlertSort.SCORE: lambda r: -(r["score"] if r["score"] is not None else -1),
    AlertSort.ADMISSION_DATE: lambda r: -r["admission_date"].toordinal(),
    AlertSort.NEWEST: lambda r: -r["created_at"].timestamp(),
    AlertSort.OLDEST: lambda r: r["created_at"].timestamp(),
}


@pytest.mark.parametrize("sort", list(AlertSort))
def test_pages_give_every_alert_once_in_order(filled: store.Store, sort: AlertSort) -> None:
    rows = walk(filled, sort)
    assert len(rows) == len({r["alert_id"] for r in rows}) == filled.counts()["alerts"]
    # Among equals the ids go the way of the order, so that an index can be read in one direction.
    by_id = sorted(rows, key=lambda r: r["alert_id"], reverse=not sort.rising)
    assert rows == sorted(by_id, key=KEY[sort])


@pytest.mark.parametrize("sort", list(AlertSort))
def test_rows_that_appear_meanwhile_shift_nothing(opened: store.Store, sort: AlertSort) -> None:
    samples.write(opened, 40)
    expected = [r["alert_id"] for r in walk(opened, sort)]
    first = opened.alerts(None, sort, None, 5)
    samples.write(opened, 40, first=40)
    rest, after = [], first.after
    while after is not None:
        page = opened.alerts(None, sort, after, 5)
        rest.extend(page.rows)
        after = page.after
    found = [r["alert_id"] for r in [*first.rows, *rest]]
    assert [i for i in found if i in set(expected)] == expected
    assert len(found) == len(set(found))


@pytest.mark.parametrize(
    ("wanted", "holds"),
    [
        (AlertFilter(severities=frozenset({Severity.HIGH, Severity.LOW})),
         lambda r: r["severity"] in ("high", "low")),
        (AlertFilter(min_severity=Severity.MEDIUM),
         lambda r: r["severity"] in ("medium", "high", "critical")),
        (AlertFilter(rule_id="IDB-001"), lambda r: "IDB-001" in r["rule_ids"]),
        (AlertFilter(family="CHG"), lambda r: any(i.startswith("CHG-") for i in r["rule_ids"])),
        (AlertFilter(provider_id=samples.PROVIDERS[2]), lambda r: r["provider_id"] == samples.PROVIDERS[2]),
        (AlertFilter(department="A04.01"), lambda r: r["department"] == "A04.01"),
        (AlertFilter(physician_id="D33010003"), lambda r: r["attending_physician_id"] == "D33010003"),
        (AlertFilter(currency="USD"), lambda r: r["currency"] == "USD"),
        (AlertFilter(min_exposure_fen=200_000), lambda r: r["exposure_fen"] >= 200_000),
        (AlertFilter(min_score=0.3), lambda r: r["score"] is not None and r["score"] >= 0.3),
        (AlertFilter(admitted_from=date(2024, 3, 10), admitted_to=date(2024, 3, 12)),
         lambda r: date(2024, 3, 10) <= r["admission_date"] <= date(2024, 3, 12)),
        (AlertFilter(text="分解"), lambda r: "分解" in r["title_zh"]),
        (AlertFilter(text="SPLIT stay"), lambda r: "split stay" in r["title_en"].lower()),
        (AlertFilter(text="s00001"), lambda r: r["stay_id"].startswith("S00001")),
        (AlertFilter(min_severity=Severity.HIGH, currency="CNY", min_exposure_fen=100_000),
         lambda r: r["severity"] in ("high", "critical") and r["currency"] == "CNY"
         and r["exposure_fen"] >= 100_000),
    ],
)  # fmt: skip
def test_a_filter_gives_exactly_those_that_it_names(
    filled: store.Store, wanted: AlertFilter, holds
) -> None:
    everything = walk(filled, AlertSort.PRIORITY)
    expected = [r for r in everything if holds(r)]
    assert 0 < len(expected) < len(everything), "the sample must tell the filter from no filter"
    assert walk(filled, AlertSort.PRIORITY, wanted) == expected
    assert filled.count_alerts(wanted) == len(expected)


@pytest.mark.parametrize("text", ["%", "_", "' OR 1=1 --", "\\"])
def test_text_is_taken_literally(filled: store.Store, text: str) -> None:
    assert filled.count_alerts(AlertFilter(text=text)) == 0


def test_status_starts_as_new(filled: store.Store) -> None:
    assert (
        filled.count_alerts(AlertFilter(statuses=frozenset({"new"}))) == filled.counts()["alerts"]
    )
    assert filled.count_alerts(AlertFilter(statuses=frozenset({"reviewed"}))) == 0


def test_one_alert_brings_all_its_evidence(filled: store.Store) -> None:
    row = filled.alerts(AlertFilter(rule_id="ADM-003", min_score=0.3)).rows[0]
    record = filled.alert(row["alert_id"])
    assert record is not None
    (hit,) = record.hits
    assert hit["thresholds"] == {"window_days": {"value": 15, "unit": "day"}}
    assert hit["facts"]["days_since_prior_stay"] == 9
    assert dict(record.verdicts)["ADM-003"] is Verdict.HIT
    assert dict(record.verdicts)["CST-001"] is Verdict.UNKNOWN
    assert [i for i, _ in record.verdicts] == list(samples.RULE_IDS)
    assert record.score is not None
    made_of = record.score["base_value"] + sum(c["shap"] for c in record.score["contributions"])
    assert made_of == pytest.approx(record.score["score"], abs=1e-6)
    assert [r["rank"] for r in record.reasons] == [1, 2, 3, 4]
    assert record.claim["stay_id"] == row["stay_id"]
    assert "charges" not in record.claim, "only the head"


def test_an_alert_without_a_score_says_why(filled: store.Store) -> None:
    row = filled.alerts(AlertFilter(provider_id=samples.PROVIDERS[3])).rows[0]
    record = filled.alert(row["alert_id"])
    assert record is not None
    assert record.score is None
    assert list(record.reasons) == []
    assert record.decision["score_absent"]


def test_an_unknown_alert_is_none(filled: store.Store) -> None:
    assert filled.alert("0" * 32) is None


def test_counts_by_severity_add_up(filled: store.Store) -> None:
    assert sum(filled.counts_by_severity().values()) == filled.counts()["alerts"]


def test_a_stay_judged_again_shows_its_last_decision_only(opened: store.Store) -> None:
    samples.write(opened, 12)
    before = {row["stay_id"]: row for row in walk(opened, AlertSort.PRIORITY)}
    # The same stays with one charge line less: other content, so other decisions.
    corrected = samples.claims(6, lines=2)
    results = samples.assess(corrected)
    opened.write(
        claims=corrected, results=results, fingerprints={}, ruleset=samples.RULESET,
        model=samples.MODEL,
    )  # fmt: skip
    rows = walk(opened, AlertSort.PRIORITY)
    assert len(rows) == len({row["stay_id"] for row in rows}) == len(before)
    again = set(corrected.stays["stay_id"].to_pylist())
    for row in rows:
        assert (row["alert_id"] != before[row["stay_id"]]["alert_id"]) is (row["stay_id"] in again)
    everything = walk(opened, AlertSort.PRIORITY, AlertFilter(superseded=True))
    assert len(everything) == len(before) + results.alerts.num_rows
    assert opened.count_alerts() == len(rows)


def test_an_earlier_alert_names_the_last_decision(opened: store.Store) -> None:
    samples.write(opened, 12)
    before = {row["stay_id"]: row["alert_id"] for row in walk(opened, AlertSort.PRIORITY)}
    corrected = samples.claims(6, lines=2)
    opened.write(
        claims=corrected, results=samples.assess(corrected), fingerprints={},
        ruleset=samples.RULESET, model=samples.MODEL,
    )  # fmt: skip
    after = {row["stay_id"]: row["alert_id"] for row in walk(opened, AlertSort.PRIORITY)}
    for stay, alert_id in before.items():
        record = opened.alert(alert_id)
        assert record is not None
        if after[stay] == alert_id:
            assert record.superseded_by is None
        else:
            assert record.superseded_by is not None
            assert record.superseded_by["alert_id"] == after[stay]
    assert any(after[stay] != alert_id for stay, alert_id in before.items())
