"""Expected loss: never more than the money at stake, and never less for more money, precision or score."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from domain.results import Severity
from domain.review import Reviewed
from domain.work import (
    alert_probability,
    check_probability,
    cluster_of,
    expected_loss,
    sought,
    words_of,
)

money = st.integers(0, 10**13)
share = st.floats(0, 1)
rules = st.dictionaries(
    st.builds("{}-{:03d}".format, st.sampled_from(["ADM", "CHG", "COD"]), st.integers(1, 4)),
    share,
    max_size=6,
)
counts = st.integers(0, 10_000)


@given(money, rules, st.none() | share)
def test_the_loss_lies_between_nothing_and_the_exposure(exposure, checks, score) -> None:
    probability = alert_probability(checks, score)
    assert 0 <= probability <= 1
    assert 0 <= expected_loss(exposure, probability) <= exposure


@given(money, money, rules, st.none() | share)
def test_more_at_stake_never_loses_less(one, other, checks, score) -> None:
    less, more = sorted((one, other))
    probability = alert_probability(checks, score)
    assert expected_loss(less, probability) <= expected_loss(more, probability)


@given(rules.filter(bool), share, share)
def test_a_better_check_or_score_never_makes_it_less_likely(checks, better, score) -> None:
    name, worse = next(iter(checks.items()))
    improved = {**checks, name: max(worse, better)}
    assert alert_probability(checks, score) <= alert_probability(improved, score)
    assert alert_probability(checks, None) <= alert_probability(checks, score)
    assert alert_probability(checks, score * better) <= alert_probability(checks, score) + 1e-12


@given(rules, st.integers(5, 9), share)
def test_one_more_check_never_makes_it_less_likely(checks, number, probability) -> None:
    assert alert_probability(checks) <= alert_probability({**checks, f"ADM-{number}": probability})


@given(st.sampled_from(list(Severity)), counts, counts, counts)
def test_each_confirmation_raises_a_precision_and_each_rejection_lowers_it(
    severity, right, partly, wrong
) -> None:
    now = check_probability(severity, Reviewed(right, partly, wrong))
    assert 0 < now < 1
    assert check_probability(severity, Reviewed(right + 1, partly, wrong)) > now
    assert check_probability(severity, Reviewed(right, partly, wrong + 1)) < now
    awaited = Reviewed(right, partly, wrong, needs_information=7)
    assert check_probability(severity, awaited) == now


def test_without_reviews_a_worse_check_is_likelier_right() -> None:
    priors = [check_probability(severity) for severity in Severity]
    assert priors == sorted(priors)
    assert priors[0] == 0.05
    assert priors[-1] == 0.7


def test_many_reviews_outweigh_the_prior() -> None:
    assert check_probability(Severity.CRITICAL, Reviewed(not_confirmed=95)) < 0.05


def test_checks_of_one_family_are_one_cause() -> None:
    assert alert_probability({"CHG-001": 0.5, "CHG-002": 0.4}) == 0.5
    assert alert_probability({"CHG-001": 0.5, "ADM-002": 0.4}) == 0.7


@given(st.text(max_size=40), st.text(max_size=5), st.text(max_size=5))
def test_what_is_copied_from_a_text_is_found_in_it(text, before, after) -> None:
    """A whole run of Chinese, or an identifier whole, is found; so is each of its beginnings."""
    found = words_of(f"{before} {text} {after}")
    for word, begins in sought(text):
        assert any(w.startswith(word) for w in found) if begins else word in found


def test_two_characters_of_chinese_are_found_anywhere() -> None:
    found = words_of("疑似分解住院 ADM-003 A03.04")
    assert {"分解", "住院", "adm-003", "003", "a03.04"} <= found
    assert sought("解住") == [("解住", False)]
    assert sought("adm-0") == [("adm-0", True)]


def test_similar_alerts_share_hospital_leading_check_and_department() -> None:
    assert cluster_of("H1", ["ADM-003", "CHG-001"], "A03") == cluster_of("H1", ["ADM-003"], "A03")
    different = {
        cluster_of("H1", ["ADM-003"], "A03"), cluster_of("H2", ["ADM-003"], "A03"),
        cluster_of("H1", ["CHG-001"], "A03"), cluster_of("H1", ["ADM-003"], None),
        cluster_of("H1", [], "A03"),
    }  # fmt: skip
    assert len(different) == 5
