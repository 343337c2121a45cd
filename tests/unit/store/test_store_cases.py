"""Cases in the store: held alerts, versions, reviews, events; on both databases."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import store
from domain import case_actions as actions
from domain.access import Rows
from domain.case_actions import Act
from domain.casework import Disposition, Person, State, Status, Terms, places, replay
from store.cases import (
    Attachment,
    CaseFilter,
    CaseSort,
    HeldAlertError,
    QuotaError,
    StaleCaseError,
)
from tests import service_samples as samples

ANNA, BO, CHEN = (Person(name, name.title()) for name in ("anna", "bo", "chen"))
TERMS = Terms()
HOSPITAL = samples.PROVIDERS[0]


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(scope="module")
def on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[store.Store]:
    path: Path = tmp_path_factory.mktemp("cases") / "sentinel.db"
    with store.open(f"sqlite:///{path}") as opened:
        samples.write(opened, 120)
        yield opened


@pytest.fixture(scope="module")
def on_postgres(module_postgres: str) -> Iterator[store.Store]:
    with store.open(module_postgres) as opened:
        samples.write(opened, 120)
        yield opened


@pytest.fixture(params=["on_sqlite", "on_postgres"])
def filled(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


def free(filled: store.Store, number: int = 1, **wanted: Any) -> list[str]:
    """Alerts of one hospital in CNY that are in no case."""
    found = filled.alerts(
        store.AlertFilter(
            provider_id=HOSPITAL, currency="CNY", statuses=frozenset({"new"}), **wanted
        ),
        limit=number,
    )
    assert len(found.rows) == number
    return [row["alert_id"] for row in found.rows]


def open_case(filled: store.Store, alert_ids: list[str], by: Person = ANNA) -> str:
    events = actions.open_case(
        Act(by, now()), filled.cases.alerts(alert_ids), "疑似分解住院", TERMS
    )
    case_id = actions.Act(by, now()).at.isoformat() + alert_ids[0]
    filled.cases.open(case_id, events)
    return case_id


def conclude(
    state: State, by: Person, outcome: str, reason: str, fen: int | None = None
) -> list[Any]:
    items = [Disposition(*p, outcome, reason, fen) for p in places(state.alerts.values())]
    return actions.dispose(state, Act(by, now()), items, TERMS)


def act(filled: store.Store, case_id: str, what: Any, **more: Any) -> bool:
    return filled.cases.act(case_id, what, **more)


def test_a_case_holds_its_alerts_until_it_is_closed(filled: store.Store) -> None:
    one, two = free(filled, 2)
    case_id = open_case(filled, [one])
    found = filled.cases.find(case_id)
    assert found is not None
    year, serial = found.row["number"].split("-")
    assert (len(year), len(serial), found.row["version"]) == (4, 6, 1)
    assert filled.cases.find(found.row["number"]) == found
    record = filled.alert(one)
    assert record is not None
    assert record.alert["status"] == "in_case"
    with pytest.raises(HeldAlertError) as caught:
        open_case(filled, [two, one])
    assert caught.value.held == {one: found.row["number"]}
    assert filled.alert(two).alert["status"] == "new", "nothing of the refused case was kept"  # type: ignore[union-attr]
    assert filled.cases.of_alerts([one, two])[one]["case_id"] == case_id

    act(filled, case_id, lambda s: conclude(s, ANNA, "confirmed", "violation", 1_234))
    assert filled.alert(one).alert["status"] == "in_case"  # type: ignore[union-attr]
    assert not [c for c in filled.conclusions() if c.stay_id == record.decision["stay_id"]]
    act(filled, case_id, lambda s: actions.close(s, Act(ANNA, now()), Terms(limit_fen=10**12)))
    assert filled.alert(one).alert["status"] == "reviewed"  # type: ignore[union-attr]
    (label,) = [c for c in filled.conclusions() if c.stay_id == record.decision["stay_id"]]
    assert label.outcome == "confirmed"
    (review,) = filled.reviews(decision_id=record.decision["decision_id"])
    assert (review.reviewer, review.recovered_fen, review.currency) == ("Anna", 1_234, "CNY")
    again = filled.cases.find(case_id)
    assert again is not None
    assert (again.row["status"], again.row["recovered_fen"]) == ("closed", 1_234)
    assert replay(e.event for e in again.timeline) == again.state
    with filled.engine.connect() as connection:
        kinds = connection.execute(
            sa.text("SELECT kind FROM work_events WHERE subject_id = :id ORDER BY event_id"),
            {"id": case_id},
        ).scalars()
        assert list(kinds) == ["case.opened", "case.changed", "case.closed"]


def test_information_asked_for_is_a_review_at_once(filled: store.Store) -> None:
    (one,) = free(filled)
    case_id = open_case(filled, [one])
    act(filled, case_id, lambda s: conclude(s, BO, "needs_information", "record-missing"))
    found = filled.cases.find(case_id)
    assert found is not None
    assert found.state.status is Status.AWAITING_INFORMATION
    assert found.row["clock_at"] == found.state.information_due_at
    record = filled.alert(one)
    assert record is not None
    assert record.alert["status"] == "in_case", "whatever reviews say while a case holds it"
    outcomes = [r.outcome for r in filled.reviews(decision_id=record.decision["decision_id"])]
    assert outcomes == ["needs_information"]


def test_an_appeal_takes_labels_and_money_back(filled: store.Store) -> None:
    (one,) = free(filled)
    case_id = open_case(filled, [one])
    act(filled, case_id, lambda s: conclude(s, ANNA, "confirmed", "violation", 500))
    act(filled, case_id, lambda s: actions.close(s, Act(ANNA, now()), Terms(limit_fen=10**12)))
    act(
        filled,
        case_id,
        lambda s: actions.lodge(s, Act(BO, now()), "有病历依据", TERMS, recorded=False),
    )
    assert filled.alert(one).alert["status"] == "in_case"  # type: ignore[union-attr]
    act(
        filled, case_id,
        lambda s: actions.decide_appeal(s, Act(CHEN, now()), "overturned", "成立", "documented"),
    )  # fmt: skip
    record = filled.alert(one)
    assert record is not None
    assert record.alert["status"] == "reviewed"
    (label,) = [c for c in filled.conclusions() if c.stay_id == record.decision["stay_id"]]
    assert label.outcome == "not_confirmed"
    found = filled.cases.find(case_id)
    assert found is not None
    assert found.row["recovered_fen"] == 0


def test_an_alert_taken_out_is_free_again(filled: store.Store) -> None:
    one, two = free(filled, 2)
    case_id = open_case(filled, [one, two])
    act(filled, case_id, lambda s: actions.remove_alert(s, Act(ANNA, now()), two))
    assert filled.alert(two).alert["status"] == "new"  # type: ignore[union-attr]
    act(
        filled,
        case_id,
        lambda s: actions.add_alerts(s, Act(ANNA, now()), filled.cases.alerts([two])),
    )
    assert filled.alert(two).alert["status"] == "in_case"  # type: ignore[union-attr]
    found = filled.cases.find(case_id)
    assert found is not None
    assert found.row["exposure_fen"] == sum(
        filled.alert(a).decision["exposure_fen"]
        for a in (one, two)  # type: ignore[union-attr]
    )


def test_of_two_at_once_the_second_is_told_what_changed(filled: store.Store) -> None:
    (one,) = free(filled)
    case_id = open_case(filled, [one])
    barrier, outcomes = threading.Barrier(2), []

    def change(title: str) -> None:
        barrier.wait()
        try:
            act(
                filled, case_id,
                lambda s: actions.change(s, Act(ANNA, now()), title=title), version=1,
            )  # fmt: skip
            outcomes.append("done")
        except StaleCaseError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=change, args=(title,)) for title in ("甲", "乙")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (stale,) = [one for one in outcomes if isinstance(one, StaleCaseError)]
    assert outcomes.count("done") == 1
    found = filled.cases.find(case_id)
    assert found is not None
    assert (stale.version, found.row["version"]) == (2, 2)
    assert [entry.event.data["title"] for entry in stale.changes] == [found.row["title"]]


def test_two_cases_opened_at_once_share_no_alert_and_no_number(filled: store.Store) -> None:
    ids = free(filled, 4)
    barrier, outcomes = threading.Barrier(3), []

    def take(own: str) -> None:
        barrier.wait()
        try:
            outcomes.append(open_case(filled, [own, ids[3]]))
        except HeldAlertError:
            outcomes.append("")

    threads = [threading.Thread(target=take, args=(own,)) for own in ids[:3]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(bool(one) for one in outcomes) == [False, False, True]


def test_the_same_request_again_does_nothing_again(filled: store.Store) -> None:
    (one,) = free(filled)
    case_id = open_case(filled, [one])
    for expected in (True, False):
        done = act(
            filled, case_id,
            lambda s: actions.change(s, Act(ANNA, now()), title="新标题"), version=1, key="key-1234",
        )  # fmt: skip
        assert done is expected
    found = filled.cases.find(case_id)
    assert found is not None
    assert found.row["version"] == 2


def test_comments_and_files_leave_the_version_and_have_a_quota(
    filled: store.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store.cases, "MOST_BYTES", 1_000)
    (one,) = free(filled)
    case_id = open_case(filled, [one])
    assert filled.cases.comment(case_id, f"{case_id}c", Act(BO, now()), "shared", "请补充病历")
    assert not filled.cases.comment(case_id, f"{case_id}c", Act(BO, now()), "shared", "请补充病历")
    given = Attachment("病历.pdf", "application/pdf", b"%PDF-1.7 ...")
    assert filled.cases.attach(case_id, f"{case_id}f", Act(BO, now()), "internal", given)
    found = filled.cases.find(case_id)
    assert found is not None
    assert found.row["version"] == 1
    assert [e.event.kind for e in found.timeline][-2:] == ["commented", "attached"]
    assert "body" not in found.attachments[0]
    kept = filled.cases.attachment(case_id, f"{case_id}f")
    assert kept is not None
    assert bytes(kept["body"]) == given.body
    assert filled.cases.attachment("another", f"{case_id}f") is None
    large = Attachment("x.txt", "text/plain", bytes(600))
    filled.cases.attach(case_id, f"{case_id}g", Act(BO, now()), "internal", large)
    with pytest.raises(QuotaError):
        filled.cases.attach(case_id, f"{case_id}h", Act(BO, now()), "internal", large)


@pytest.mark.parametrize("sort", list(CaseSort))
def test_pages_give_every_case_once_and_in_order(filled: store.Store, sort: CaseSort) -> None:
    while len(filled.cases.page(limit=200).rows) < 5:
        open_case(filled, free(filled))
    after, seen = None, []
    while True:
        page = filled.cases.page(sort=sort, after=after, limit=2)
        seen += page.rows
        if (after := page.after) is None:
            break
    whole = filled.cases.page(sort=sort, limit=200).rows
    assert [r["case_id"] for r in seen] == [r["case_id"] for r in whole]
    (sums,) = filled.cases.sums()
    assert sums.cases == len(whole)
    assert sums.exposure_fen == sum(row["exposure_fen"] for row in whole)


def test_filters_and_rows_find_what_they_say(filled: store.Store) -> None:
    (one,) = free(filled)
    case_id = open_case(filled, [one])
    found = filled.cases.find(case_id)
    assert found is not None
    row = found.row
    stay = next(iter(found.state.alerts.values())).stay_id

    def ids(**wanted: Any) -> set[str]:
        return {r["case_id"] for r in filled.cases.page(CaseFilter(**wanted), limit=200).rows}

    assert case_id in ids(text=stay.lower(), status="open", provider_id=HOSPITAL)
    assert case_id in ids(text=row["number"])
    assert case_id not in ids(text="%")
    assert case_id not in ids(overdue=now())
    assert case_id in ids(overdue=now() + timedelta(days=31))
    mine = Rows(physician_id=row["physician_id"])
    assert case_id in ids(rows=mine)
    assert filled.cases.find(case_id, mine) is not None
    for other in (Rows(physician_id="D9"), Rows(providers=frozenset({"H9"}))):
        assert case_id not in ids(rows=other)
        assert filled.cases.find(case_id, other) is None
