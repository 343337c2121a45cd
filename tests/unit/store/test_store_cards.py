"""Cards: once a stay, within a budget, answered by whom they were shown to."""

from __future__ import annotations

import uuid
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import store
from domain.access import Rows
from domain.cards import CardAnswer
from domain.results import Severity
from store.card_answers import CardError
from store.card_tables import CARD_ANSWERS_SQL, CARDS_SQL
from tests.card_scene import NOW, card

DAY = timedelta(days=1)
MONDAY = date(2026, 11, 23)


def held(opened: store.Store, *cards: object, budget: int = 10, now: object = NOW) -> list[object]:
    return [o.held for o in opened.cards.offer(cards, budget=budget, now=now)]  # type: ignore[arg-type]


def test_the_same_card_comes_once_a_stay_unless_something_changed(opened: store.Store) -> None:
    assert held(opened, card()) == [None]
    assert held(opened, card()) == ["repeat"]
    # The day after, and for another physician, it is still the same.
    assert held(opened, card(), now=NOW + DAY) == ["repeat"]
    assert held(opened, card(physician_id="D2")) == ["repeat"]
    assert held(opened, card(digest="d2")) == [None]
    assert held(opened, card(digest="d1")) == [None], "back to what it was is a change too"
    assert held(opened, card(2)) == [None]
    assert held(opened, card(3), card(3)) in ([None, "repeat"], ["repeat", None])


def test_a_call_made_again_gets_the_same_answer_and_counts_once(opened: store.Store) -> None:
    one, two = card(1), card(2)
    first = opened.cards.offer([one, two], budget=2, now=NOW)
    assert opened.cards.offer([one, two], budget=2, now=NOW + timedelta(minutes=1)) == first
    assert opened.counts()["cards"] == 2
    assert held(opened, card(3, severity=Severity.HIGH), budget=3) == [None]


def test_the_gravest_come_first_and_a_part_of_the_budget_is_theirs(opened: store.Store) -> None:
    small = [card(n, severity=Severity.LOW, effect_fen=n) for n in range(8)]
    assert held(opened, *small) == ["budget"] + [None] * 7, "the least effect stays behind"
    grave = [card(20 + n, severity=Severity.HIGH) for n in range(5)]
    assert sorted(map(str, held(opened, *grave))) == ["None"] * 3 + ["budget"] * 2
    # Another doctor and another day have budgets of their own; the day is China's.
    assert held(opened, card(30, physician_id="D2"), card(31, provider_id="H2")) == [None, None]
    evening = NOW.replace(hour=15, minute=59)
    assert held(opened, card(32), now=evening) == ["budget"]
    assert held(opened, card(33), now=evening + timedelta(minutes=1)) == [None]
    # What was held for want of room is no repeat: it comes when there is room.
    assert held(opened, card(0, severity=Severity.LOW), now=NOW + DAY) == [None]


def test_a_budget_of_none_shows_none_and_a_negative_one_is_a_mistake(opened: store.Store) -> None:
    assert held(opened, card(), budget=0) == ["budget"]
    with pytest.raises(ValueError, match="budget"):
        opened.cards.offer([card()], budget=-1, now=NOW)


def test_what_a_physician_looks_up_needs_no_room_and_uses_none(opened: store.Store) -> None:
    assert held(opened, card(1, hook="ward"), budget=0) == [None]
    assert held(opened, card(2), card(3, hook="ward"), budget=1) == [None, None]
    # Looked up or not, it is once a stay.
    assert held(opened, card(1), card(3, hook="ward")) == ["repeat", "repeat"]
    figures = opened.cards.figures(MONDAY, MONDAY)
    assert figures.loads == {("H1", "A03"): [(1, 1)]}
    assert figures.by_place["H1", "A03"].shown == 3


def test_every_proposed_card_is_kept_with_what_became_of_it(opened: store.Store) -> None:
    held(opened, card(1), card(2), budget=1)
    for _ in range(3):
        held(opened, card(1), card(2), budget=1)
    rows = opened.cards.of_stay("S001") + opened.cards.of_stay("S002")
    assert {row["outcome"] for row in rows} == {"shown", "budget"}
    with opened.engine.connect() as connection:
        query = sa.select(CARDS_SQL.c.outcome, sa.func.sum(CARDS_SQL.c.times)).group_by("outcome")
        kept = {row[0]: row[1] for row in connection.execute(query)}
    assert kept == {"shown": 1, "budget": 4, "repeat": 3}
    shown = next(row for row in rows if row["outcome"] == "budget")
    assert shown["held"]["en"] == "the day's number of cards is used up"
    assert shown["rule_ids"] == ["ORD-001"]
    assert shown["summary"]["zh"] == "重复医嘱"


def test_an_answer_is_kept_once_and_the_last_one_counts(opened: store.Store) -> None:
    one = card()
    held(opened, one)
    taken = CardAnswer(one.card_id, "accepted", NOW + DAY, (one.suggestions[0].suggestion_id,))
    for _ in range(2):
        (row,) = opened.cards.feedback([taken], now=NOW + 2 * DAY)
        assert (row["answer"], row["accepted"]) == ("accepted", list(taken.accepted))
    against = CardAnswer(one.card_id, "overridden", NOW + DAY * 1.5, (), "documented", "见病程")
    opened.cards.feedback([against], now=NOW + 2 * DAY)
    # One that was said earlier and came later does not count.
    opened.cards.feedback([CardAnswer(one.card_id, "later", NOW)], now=NOW + 2 * DAY)
    found = opened.cards.find(one.card_id)
    assert found is not None
    assert (found["answer"], found["reason"], found["comment"]) == (
        "overridden",
        "documented",
        "见病程",
    )
    assert opened.counts()[CARD_ANSWERS_SQL.name] == 3
    assert held(opened, card(), now=NOW + 3 * DAY) == ["repeat"]


def test_what_is_put_off_comes_again_the_next_day_once(opened: store.Store) -> None:
    one = card()
    held(opened, one)
    opened.cards.feedback([CardAnswer(one.card_id, "later", NOW)], now=NOW)
    assert held(opened, card()) == ["repeat"]
    assert held(opened, card(), now=NOW + DAY) == [None]
    assert held(opened, card(), now=NOW + DAY) == ["repeat"]
    assert held(opened, card(), now=NOW + 2 * DAY) == ["repeat"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"outcome": "ignored"},
        {"accepted": ("nothing-offered",), "outcome": "accepted"},
        {"accepted": ("x",), "outcome": "overridden"},
        {"outcome": "overridden", "reason": "because"},
        {"outcome": "accepted", "reason": "documented"},
        {"outcome": "overridden", "comment": ""},
        {"outcome": "overridden", "comment": "x" * 501},
        {"outcome": "overridden", "comment": "a\x00b"},
        {"answered_at": NOW.replace(tzinfo=None)},
    ],
)
def test_an_answer_that_a_card_cannot_have_is_refused(
    opened: store.Store, wrong: dict[str, object]
) -> None:
    one = card()
    held(opened, one)
    good = CardAnswer(one.card_id, "later", NOW)
    with pytest.raises(CardError) as caught:
        opened.cards.feedback([good, replace(good, **wrong)], now=NOW)  # type: ignore[arg-type]
    assert caught.value.name == "answer"
    assert opened.counts()["card_answers"] == 0, "all or nothing"


def test_nobody_answers_or_sees_a_card_of_another_one(opened: store.Store) -> None:
    one = card()
    held(opened, one)
    answer = CardAnswer(one.card_id, "accepted", NOW)
    for rows in (Rows(physician_id="D2"), Rows(frozenset({"H2"}), None, "D1")):
        with pytest.raises(CardError) as caught:
            opened.cards.feedback([answer], now=NOW, rows=rows)
        assert caught.value.name == "not-found"
        assert opened.cards.find(one.card_id, rows) is None
        assert opened.cards.of_physician(rows) == opened.cards.of_stay("S001", rows) == []
    with pytest.raises(CardError):
        opened.cards.feedback([replace(answer, card_id="none")], now=NOW)
    own = Rows(physician_id="D1")
    assert [r["answer"] for r in opened.cards.feedback([answer], now=NOW, rows=own)] == ["accepted"]
    assert [r["card_id"] for r in opened.cards.of_physician(own)] == [one.card_id]


def test_pages_of_own_cards_give_each_once(opened: store.Store) -> None:
    for n in range(7):
        held(opened, card(n), now=NOW + timedelta(seconds=n // 2))
    mine, seen, after = Rows(physician_id="D1"), [], None
    while rows := opened.cards.of_physician(mine, after=after, limit=2):
        seen += [row["stay_id"] for row in rows]
        after = (rows[-1]["created_at"], rows[-1]["card_id"])
    assert sorted(seen) == [f"S{n:03}" for n in range(7)]
    opened.cards.feedback([CardAnswer(opened.cards.of_stay("S003")[0]["card_id"], "accepted", NOW)], now=NOW)  # fmt: skip
    assert len(opened.cards.of_physician(mine, unanswered=True)) == 6
    assert len(opened.cards.of_physician(mine, stay_id="S003")) == 1


def test_acceptance_is_counted_by_check_and_by_what_the_reader_may_see(opened: store.Store) -> None:
    cards = [card(n, rule_ids=("ORD-001", "ORD-002") if n == 0 else ("ORD-001",)) for n in range(4)]
    held(opened, *cards, card(9, provider_id="H2"))
    held(opened, card(1), card(1))
    for one, outcome, reason in zip(
        cards, ("accepted", "overridden", "overridden"), (None, "documented", "unclear"), strict=False
    ):  # fmt: skip
        opened.cards.feedback([CardAnswer(one.card_id, outcome, NOW, (), reason)], now=NOW)
    found = opened.cards.acceptance(MONDAY, MONDAY, Rows(frozenset({"H1"})))
    assert set(found) == {"ORD-001", "ORD-002"}
    one = found["ORD-001"]
    assert (one.shown, one.answered, one.accepted, one.overridden) == (4, 3, 1, 2)
    assert (dict(one.held), dict(one.reasons)) == (
        {"repeat": 2},
        {"documented": 1, "unclear": 1},
    )
    assert one.at_fault == 1
    assert opened.cards.acceptance(MONDAY, MONDAY)["ORD-001"].shown == 5
    assert opened.cards.acceptance(MONDAY + DAY, MONDAY + DAY) == {}


def test_what_is_old_is_forgotten_with_its_answers(opened: store.Store) -> None:
    old, new = card(1), card(2)
    held(opened, old)
    opened.cards.feedback([CardAnswer(old.card_id, "accepted", NOW)], now=NOW)
    held(opened, new, now=NOW + 40 * DAY)
    assert opened.cards.sweep(MONDAY + 30 * DAY) == 1
    counts = opened.counts()
    assert [counts[name] for name in ("cards", "card_rules", "card_answers", "card_days", "card_subjects")] == [1, 1, 0, 1, 1]  # fmt: skip
    assert opened.cards.find(new.card_id) is not None


OFFERS = st.lists(
    st.lists(
        st.tuples(
            st.integers(0, 3),  # stay
            st.sampled_from("ab"),  # cause
            st.sampled_from("xy"),  # digest
            st.sampled_from(["D1", "D2"]),
            st.sampled_from([Severity.LOW, Severity.HIGH]),
        ),
        min_size=1,
        max_size=4,
    ),
    max_size=8,
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(days=st.lists(OFFERS, min_size=1, max_size=3), budget=st.integers(0, 5))
def test_whatever_is_offered_no_day_is_overfull_and_nothing_comes_twice(
    opened: store.Store, days: list[list[list[tuple[int, str, str, str, Severity]]]], budget: int
) -> None:
    """The outcome of every card, against a plain count of what was shown before it."""
    round_of = uuid.uuid4().hex
    last: dict[str, str] = {}
    for number, offers in enumerate(days):
        shown: Counter[str] = Counter()
        for cards in offers:
            made = [
                card(stay, suggestion_key=f"{round_of}{stay}{cause}", digest=digest, severity=severity,
                     physician_id=f"{round_of}{doctor}")
                for stay, cause, digest, doctor, severity in cards
            ]  # fmt: skip
            offered = opened.cards.offer(made, budget=budget, now=NOW + number * DAY)
            for one in sorted(offered, key=lambda o: o.card.rank, reverse=True):
                it = one.card
                room = budget if it.severity is Severity.HIGH else budget - budget * 3 // 10
                if last.get(it.suggestion_key) == it.digest:
                    expected = "repeat"
                else:
                    expected = None if shown[it.physician_id] < room else "budget"
                assert one.held == expected
                if one.shown:
                    shown[it.physician_id] += 1
                    last[it.suggestion_key] = it.digest
        assert all(number <= budget for number in shown.values())
