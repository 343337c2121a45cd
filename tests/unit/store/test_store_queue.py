"""The work on alerts in the store: who has which, many at once, clusters, losses after reviews."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

import store
from domain.access import Rows
from domain.results import Severity, identifier
from domain.review import Review
from domain.work import DUE_HOURS, OPEN_STATUSES
from store import AlertFilter, AlertSort, View, Wanted, Work, Worker
from store.webhook_tables import WORK_EVENTS_SQL as EVENTS
from tests import service_samples as samples

OPEN = AlertFilter(statuses=frozenset(OPEN_STATUSES))
NOW = datetime.now(UTC)


@pytest.fixture
def filled(opened: store.Store) -> store.Store:
    samples.write(opened, 60)
    return opened


def rows_of(opened: store.Store, wanted: AlertFilter = OPEN, **more: Any) -> list[dict[str, Any]]:
    return list(opened.alerts(wanted, limit=200, **more).rows)


def reviewing(outcome: str = "confirmed", reason: str = "violation", key: str = "k"):
    def make(row: dict[str, Any]) -> list[Review]:
        return [
            Review(
                review_id=identifier("review", row["decision_id"], rule_id, key),
                rule_id=rule_id, outcome=outcome, reason=reason, reviewer="r", reviewed_at=NOW,
                decision_id=row["decision_id"], stay_id=row["stay_id"],
            )
            for rule_id in row["rule_ids"].split()
        ]  # fmt: skip

    return make


def events(opened: store.Store, kind: str) -> list[Any]:
    with opened.engine.connect() as connection:
        return list(
            connection.execute(
                sa.select(EVENTS).where(EVENTS.c.kind == kind).order_by(EVENTS.c.event_id)
            )
        )


def test_a_new_alert_is_work_from_the_start(filled: store.Store) -> None:
    for row in rows_of(filled):
        record = filled.alert(row["alert_id"])
        assert record is not None
        for name in ("department", "attending_physician_id"):
            assert row[name] == record.decision[name]
        assert 0 <= row["expected_loss_fen"] <= row["exposure_fen"]
        hours = DUE_HOURS[Severity(row["severity"])]
        assert row["due_at"] - row["created_at"] == timedelta(hours=hours)
        leading = row["rule_ids"][0] if row["rule_ids"] else "score"
        assert row["cluster"].split("|")[:2] == [row["provider_id"], leading]
        assert row["assignee"] is None
        assert row["version"] == 1
    (event,) = events(filled, "alerts.created")
    assert event.data["count"] == filled.counts()["alerts"]
    assert event.data["worst"] == max(
        (r["severity"] for r in rows_of(filled)), key=lambda s: Severity(s).rank
    )


def test_the_next_alert_is_the_best_that_nobody_has(filled: store.Store) -> None:
    best = [row["alert_id"] for row in rows_of(filled)]
    assert [filled.queue.take_next(OPEN, user) for user in ("u1", "u2", "u1")] == best[:3]
    assert [r["alert_id"] for r in rows_of(filled, AlertFilter(assignee="u1"))] == [
        best[0],
        best[2],
    ]
    nobody = AlertFilter(provider_id="H00000000000")
    assert filled.queue.take_next(nobody, "u1") is None
    assert [e.data["assignee"] for e in events(filled, "alert.assigned")] == ["u1", "u2", "u1"]


def test_many_who_ask_at_once_get_different_alerts(filled: store.Store) -> None:
    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(lambda n: filled.queue.take_next(OPEN, f"u{n}"), range(8)))
    assert len(set(taken)) == 8


def test_one_changed_alert_stops_the_whole_or_is_left_out(filled: store.Store) -> None:
    chosen = rows_of(filled)[:4]
    filled.queue.work([Wanted(chosen[1]["alert_id"], 1)], Work("boss", assign=True, assignee="u9"))
    wanted = [Wanted(row["alert_id"], row["version"]) for row in chosen] + [Wanted("0" * 32, 1)]
    work = Work("officer", review=reviewing())
    with pytest.raises(store.ChangedMeanwhileError) as refused:
        filled.queue.work(wanted, work)
    assert refused.value.why == {chosen[1]["alert_id"]: "changed", "0" * 32: "gone"}
    assert not list(filled.all_reviews()), "nothing half done"

    done = filled.queue.work(wanted, work, skip=True)
    assert set(done.done) == {chosen[n]["alert_id"] for n in (0, 2, 3)}
    assert done.skipped == refused.value.why
    closed = filled.queue.look(done.done)
    assert {row["status"] for row in closed} == {"reviewed"}
    assert all(row["closed_at"] for row in closed)
    reviews = len(list(filled.all_reviews()))
    # Sent again, as after a broken connection: the same answer, and nothing more is stored.
    again = filled.queue.work([one for one in wanted if one.alert_id in done.done], work)
    assert again.done == done.done
    assert len(list(filled.all_reviews())) == reviews
    assert len(events(filled, "alert.reviewed")) == 3


def test_work_out_of_sight_is_not_there(filled: store.Store) -> None:
    row = rows_of(filled)[0]
    other = next(p for p in samples.PROVIDERS if p != row["provider_id"])
    rows = Rows(providers=frozenset({other}))
    assert filled.queue.look([row["alert_id"]], rows) == []
    with pytest.raises(store.ChangedMeanwhileError) as refused:
        filled.queue.work([Wanted(row["alert_id"])], Work("x", assign=True, assignee="x"), rows)
    assert refused.value.why == {row["alert_id"]: "gone"}


def test_what_is_done_is_given_to_nobody(filled: store.Store) -> None:
    row = rows_of(filled)[0]
    wanted = [Wanted(row["alert_id"])]
    filled.queue.work(wanted, Work("r", review=reviewing()))
    with pytest.raises(store.ChangedMeanwhileError) as refused:
        filled.queue.work(wanted, Work("r", assign=True, assignee="u1"))
    assert list(refused.value.why.values()) == ["closed"]
    assert row["alert_id"] not in {r["alert_id"] for r in rows_of(filled)}


def test_automatic_assignment_goes_by_load_sight_and_loss(filled: store.Store) -> None:
    one = samples.PROVIDERS[0]
    workers = [
        Worker("a", "A"), Worker("b", "B"), Worker("c", "C", Rows(providers=frozenset({one}))),
    ]  # fmt: skip
    filled.queue.take_next(OPEN, "a")
    given = filled.queue.assign_automatically(workers, actor="boss", up_to=3)
    load = filled.queue.load(["a", "b", "c"])
    assert max(load.values()) == 3
    assert load["a"] == load["b"] == 3, "one had one already"
    assert len(given) == sum(load.values()) - 1
    by_id = {row["alert_id"]: row for row in rows_of(filled)}
    assert {by_id[i]["provider_id"] for i, user in given if user == "c"} <= {one}
    losses = [by_id[i]["expected_loss_fen"] for i, _ in given]
    assert losses == sorted(losses, reverse=True)
    assert filled.queue.assign_automatically(workers[:2], actor="boss", up_to=3) == []


@pytest.mark.parametrize("sort", list(AlertSort))
def test_a_line_a_cluster_with_its_sums(filled: store.Store, sort: AlertSort) -> None:
    everything = rows_of(filled, sort=sort)
    lines, after = [], None
    while True:
        page = filled.alerts(OPEN, sort, after, 4, gather=True)
        lines += page.rows
        after = page.after
        if after is None:
            break
    first: dict[str, dict[str, Any]] = {}
    for row in everything:
        first.setdefault(row["cluster"], row)
    assert [r["alert_id"] for r in lines] == [r["alert_id"] for r in first.values()]
    assert len(lines) < len(everything)
    for line in lines:
        members = [r for r in everything if r["cluster"] == line["cluster"]]
        assert line["similar"]["count"] == len(members)
        assert line["similar"]["exposure_fen"] == sum(r["exposure_fen"] for r in members)
        assert not line["similar"]["more"]


def test_reviews_change_what_open_alerts_may_cost(filled: store.Store) -> None:
    rule = "ADM-003"
    rows = [r for r in rows_of(filled) if r["rule_ids"] == [rule]]
    before = filled.queue.odds()[rule]["probability"]
    wanted = [Wanted(row["alert_id"]) for row in rows[:3]]
    filled.queue.work(wanted, Work("r", review=reviewing("not_confirmed", "documented")))
    told = filled.queue.reprice()
    assert rule in told["checks"]
    odds = filled.queue.odds()[rule]
    assert (odds["confirmed"], odds["concluded"]) == (0, 3)
    assert odds["probability"] < before
    after = {row["alert_id"]: row["expected_loss_fen"] for row in rows_of(filled)}
    for row in rows[3:]:
        assert after[row["alert_id"]] < row["expected_loss_fen"]
    assert filled.queue.reprice() == {"checks": [], "alerts": 0}
    # Alerts written from now on are reckoned with what is known now.
    samples.write(filled, 30, first=60)
    fresh = [r for r in rows_of(filled) if r["alert_id"] not in after and r["rule_ids"] == [rule]]
    assert fresh
    for row in (r for r in fresh if r["score"] is None):
        assert row["expected_loss_fen"] == round(row["exposure_fen"] * odds["probability"])


def test_due_times_may_be_set_and_overdue_is_what_is_past(filled: store.Store) -> None:
    filled.queue.set_due_hours({Severity.HIGH: 1})
    assert filled.queue.due_hours()[Severity.HIGH] == 1
    samples.write(filled, 20, first=60)
    new = [r for r in rows_of(filled) if r["due_at"] - r["created_at"] == timedelta(hours=1)]
    assert {r["severity"] for r in new} == {"high"}
    assert filled.count_alerts(AlertFilter(overdue=True)) == 0
    past = NOW - timedelta(days=1)
    filled.queue.work([Wanted(new[0]["alert_id"])], Work("boss", due_at=past))
    assert [r["alert_id"] for r in rows_of(filled, AlertFilter(overdue=True))] == [
        new[0]["alert_id"]
    ]


def test_a_corrected_claim_leaves_the_queue_with_its_old_alert(opened: store.Store) -> None:
    samples.write(opened, 6)
    before = {row["stay_id"]: row["alert_id"] for row in rows_of(opened)}
    corrected = samples.claims(6, lines=2)
    opened.write(
        claims=corrected, results=samples.assess(corrected), fingerprints={},
        ruleset=samples.RULESET, model=samples.MODEL,
    )  # fmt: skip
    now = {row["stay_id"]: row["alert_id"] for row in rows_of(opened)}
    assert now.keys() == before.keys()
    assert not set(now.values()) & set(before.values())
    old = next(iter(before.values()))
    with pytest.raises(store.ChangedMeanwhileError) as refused:
        opened.queue.work([Wanted(old)], Work("r", review=reviewing()))
    assert refused.value.why == {old: "superseded"}
    opened.withdraw([store.Withdrawn(next(iter(now)), 99, "reversed")])
    assert len(rows_of(opened)) == len(now) - 1


def test_views_are_ones_own_or_of_ones_role(opened: store.Store) -> None:
    queue = opened.queue
    mine = queue.keep_view(View("v1", "u1", "高额", "min_amount=1"))
    shared = queue.keep_view(View("v2", "u2", "shared", "overdue=true", role="officer"))
    assert [v.view_id for v in queue.views("u1", "officer")] == [shared.view_id, mine.view_id]
    assert queue.views("u3", "senior") == []
    again = queue.keep_view(View("v3", "u1", "高额", "min_amount=2"))
    assert (again.view_id, again.query, again.version) == ("v1", "min_amount=2", 2)
    assert not queue.change_view(mine), "it was changed since"
    assert queue.change_view(View("v1", "u1", "new", "", version=2))
    queue.drop_view("v1")
    assert queue.view("v1") is None


def test_text_finds_words_and_identifiers(filled: store.Store) -> None:
    row = rows_of(filled)[0]
    for text in (
        row["stay_id"], row["provider_id"], row["department"], row["attending_physician_id"],
        row["title_zh"][:4], row["title_zh"][:1], row["rule_ids"][0].lower(), f"{row['stay_id']}  {row['title_zh'][:2]}",
    ):  # fmt: skip
        found = {r["alert_id"] for r in rows_of(filled, AlertFilter(text=text))}
        assert row["alert_id"] in found, text
    assert rows_of(filled, AlertFilter(text=f"{row['stay_id']} nowhere")) == []
