"""Cards on a real PostgreSQL: the tests of tests/unit/store again, and calls that meet."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import store
from domain.cards import CardAnswer
from tests.card_scene import NOW, card
from tests.together import at_once
from tests.unit.store.test_store_cards import (  # noqa: F401 (run here on another database)
    test_acceptance_is_counted_by_check_and_by_what_the_reader_may_see,
    test_an_answer_is_kept_once_and_the_last_one_counts,
    test_every_proposed_card_is_kept_with_what_became_of_it,
)
from tests.unit.store.test_store_quiet import (  # noqa: F401
    test_a_proposal_is_decided_once_by_another_and_taken_back_once,
)


@pytest.fixture
def opened(postgres: str) -> Iterator[store.Store]:
    with store.open(postgres) as found:
        yield found


def test_calls_at_once_keep_one_budget_and_show_nothing_twice(opened: store.Store) -> None:
    """Four callers for two physicians, with the same stays in other orders, and answers between."""
    shown: list[tuple[str, str]] = []

    def call(physician: str, stays: list[int]) -> None:
        for start in range(0, len(stays), 3):
            cards = [card(n, physician_id=physician) for n in stays[start : start + 3]]
            for offered in opened.cards.offer(cards, budget=10, now=NOW):
                if offered.shown:
                    shown.append((physician, offered.card.stay_id))
                    answer = CardAnswer(offered.card.card_id, "later", NOW)
                    opened.cards.feedback([answer], now=NOW)

    up = list(range(24))
    assert (
        at_once(
            lambda: call("D1", up),
            lambda: call("D1", up[::-1]),
            lambda: call("D2", up[12:] + up[:12]),
            lambda: call("D2", up[::-1]),
        )
        == []
    )
    # Seven each: the rest of the ten is for graver cards.
    assert sorted(p for p, _ in shown) == ["D1"] * 7 + ["D2"] * 7
    assert len({stay for _, stay in shown}) == 14


def test_the_same_call_at_once_counts_once(opened: store.Store) -> None:
    one = card()
    found: list[bool] = []
    call = lambda: found.append(opened.cards.offer([one], budget=10, now=NOW)[0].shown)  # noqa: E731
    assert at_once(call, call, call) == []
    assert found == [True] * 3
    assert opened.counts()["cards"] == 1


def test_the_same_answer_at_once_is_one(opened: store.Store) -> None:
    one = card()
    opened.cards.offer([one], budget=10, now=NOW)
    answer = CardAnswer(one.card_id, "overridden", NOW, (), "documented")
    work = lambda: opened.cards.feedback([answer], now=NOW)  # noqa: E731
    assert at_once(work, work, work) == []
    assert opened.counts()["card_answers"] == 1
