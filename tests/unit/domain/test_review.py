"""Precision by review, and how sure it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.review import OUTCOMES, REASONS, REASONS_OF, Reviewed


def test_partly_confirmed_counts_as_right_and_what_waits_counts_not_at_all() -> None:
    found = Reviewed(confirmed=3, partly=1, not_confirmed=1, needs_information=9)
    assert (found.concluded, found.precision) == (5, 0.8)


def test_nothing_concluded_has_no_precision() -> None:
    assert Reviewed(needs_information=4).precision is None
    assert Reviewed().interval is None


@pytest.mark.parametrize(
    ("right", "wrong", "low", "high"),
    # Wilson score intervals at 95 %, as in the tables of Newcombe (1998) and by hand.
    [
        (81, 182, 0.2553, 0.3662),
        (0, 20, 0.0, 0.1611),
        (1, 28, 0.0061, 0.1718),
        (10, 0, 0.7225, 1.0),
    ],
)
def test_the_interval_is_wilsons(right: int, wrong: int, low: float, high: float) -> None:
    found = Reviewed(confirmed=right, not_confirmed=wrong).interval
    assert found == pytest.approx((low, high), abs=5e-5)


@given(st.integers(0, 500), st.integers(0, 500), st.integers(0, 500))
def test_the_precision_lies_in_its_interval(confirmed: int, partly: int, wrong: int) -> None:
    found = Reviewed(confirmed, partly, wrong)
    if found.precision is None:
        assert found.concluded == 0
        return
    assert found.interval is not None
    low, high = found.interval
    assert 0 <= low <= found.precision + 1e-12
    assert found.precision - 1e-12 <= high <= 1


def test_every_outcome_has_reasons_and_every_reason_an_outcome() -> None:
    assert set(REASONS_OF) == set(OUTCOMES)
    assert {reason for reasons in REASONS_OF.values() for reason in reasons} == set(REASONS)
