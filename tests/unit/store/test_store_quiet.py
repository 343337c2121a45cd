"""Quiet checks: two parties, once each, whatever way they come; and what then becomes of cards."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import date, timedelta

import pytest
import sqlalchemy as sa

import store
from domain.cards import QuietCheck, QuietStep
from store.card_tables import QUIET_STEPS_SQL
from store.engine import writer
from tests.card_scene import NOW, card

TODAY = date(2026, 11, 23)


def quiet(**changed: object) -> QuietCheck:
    one = QuietCheck(uuid.uuid4().hex, "ORD-001", "", "why", {"shown": 40}, "ann", "Ann", NOW)
    return replace(one, **changed)  # type: ignore[arg-type]


def step(outcome: str, by: str = "bob", since: date | None = None) -> QuietStep:
    return QuietStep(outcome, by, by.title(), "because", NOW, since)


def refused(opened: store.Store, quiet_id: str, one: QuietStep) -> str:
    with pytest.raises(store.QuietError) as caught:
        opened.quiet_checks.decide(quiet_id, one, today=TODAY)
    return caught.value.name


def test_a_proposal_is_decided_once_by_another_and_taken_back_once(opened: store.Store) -> None:
    one = quiet()
    checks = opened.quiet_checks
    assert checks.propose(one)
    assert not checks.propose(one), "the same again"
    assert not checks.propose(quiet(provider_id="H1")), "everywhere holds there too"
    assert refused(opened, one.quiet_id, step("confirmed", "ann", TODAY)) == "two-persons"
    assert refused(opened, one.quiet_id, step("confirmed", "bob", TODAY - timedelta(days=1))) == "quiet-past-day"  # fmt: skip
    assert refused(opened, one.quiet_id, step("confirmed")) == "quiet-past-day"
    assert refused(opened, one.quiet_id, step("withdrawn")) == "not-yours"
    assert refused(opened, one.quiet_id, step("ended")) == "not-quiet"
    done = checks.decide(one.quiet_id, step("confirmed", since=TODAY), today=TODAY, version=1)
    assert (done.status, done.since, done.version, done.figures) == (
        "confirmed",
        TODAY,
        2,
        {"shown": 40},
    )
    assert refused(opened, one.quiet_id, step("refused")) == "quiet-decided"
    assert checks.decide(one.quiet_id, step("ended", "ann"), today=TODAY).status == "ended"
    assert refused(opened, one.quiet_id, step("ended")) == "not-quiet"
    assert checks.propose(quiet()), "what ended may be proposed anew"
    with pytest.raises(store.StoreError):
        checks.decide("none", step("refused"), today=TODAY)


def test_the_database_itself_refuses_one_person_for_both(opened: store.Store) -> None:
    one = quiet()
    opened.quiet_checks.propose(one)
    row = {
        "quiet_id": one.quiet_id, "step": 1, "proposed_by": "ann", "outcome": "confirmed",
        "since": TODAY, "decided_by": "ann", "decided_name": "Ann", "reason": "r", "decided_at": NOW,
    }  # fmt: skip
    for wrong in ({}, {"proposed_by": "bob"}, {"decided_by": "bob", "since": None}, {"decided_by": "bob", "step": 2}):  # fmt: skip
        with (
            pytest.raises(sa.exc.IntegrityError),
            writer(opened.engine).begin() as connection,
        ):
            connection.execute(sa.insert(QUIET_STEPS_SQL).values(row | wrong))


def test_only_cards_whose_checks_are_all_quiet_are_held(opened: store.Store) -> None:
    def held(number: int, **changed: object) -> str | None:
        one = card(number, **changed)
        return opened.cards.offer([one], budget=100, now=NOW)[0].held

    here = quiet(provider_id="H1")
    opened.quiet_checks.propose(here)
    assert held(1) is None, "only proposed"
    opened.quiet_checks.decide(here.quiet_id, step("confirmed", since=TODAY), today=TODAY)
    assert held(2) == "quiet"
    assert held(11, hook="ward") is None, "who looks it up is told"
    assert held(3, provider_id="H2") is None
    assert held(4, rule_ids=("ORD-001", "ORD-002")) is None
    assert held(5, rule_ids=()) is None
    moment = quiet(rule_id="hook:order-sign")
    opened.quiet_checks.propose(moment)
    opened.quiet_checks.decide(moment.quiet_id, step("confirmed", since=TODAY), today=TODAY)
    assert held(9, rule_ids=()) == "quiet"
    assert held(10, rule_ids=(), hook="patient-view") is None
    found = opened.cards.acceptance(TODAY, TODAY)
    assert found["hook:order-sign"].held == {"quiet": 1}
    assert opened.cards.of_stay("S009")[0]["rule_ids"] == []
    other = quiet(rule_id="ORD-002")
    opened.quiet_checks.propose(other)
    opened.quiet_checks.decide(other.quiet_id, step("confirmed", since=TODAY), today=TODAY)
    assert held(6, rule_ids=("ORD-001", "ORD-002")) == "quiet"
    assert held(7, rule_ids=("ORD-001", "ORD-002"), provider_id="H2") is None
    opened.quiet_checks.decide(here.quiet_id, step("ended"), today=TODAY)
    assert held(8) is None
    # What was quiet is no repeat: it comes when it is no longer quiet.
    assert held(2) is None
