import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph_models.drift import LEAST, compare


def table(rng, n, *, shift=0.0, unknown=0.0, score_shift=0.0):
    stay = rng.normal(8 + shift, 2, n)
    stay[rng.random(n) < unknown] = np.nan
    return pl.DataFrame(
        {
            "stay": stay,
            "flat": np.zeros(n),
            "score": 1 / (1 + np.exp(-rng.normal(score_shift - 2, 1, n))),
        }
    )


def column(drift, name):
    return next(c for c in drift.features if c.name == name)


def test_the_same_world_is_stable():
    rng = np.random.default_rng(1)
    found = compare(table(rng, 2000), table(rng, 2000), ["stay", "flat"])
    assert {c.state for c in found.features} == {"stable"}
    assert found.score.state == "stable"
    assert found.moved == ()
    assert found.record()["stable_features"] == 2
    assert column(found, "flat").psi == 0


@pytest.mark.parametrize("change", [{"shift": 3.0}, {"unknown": 0.5}])
def test_a_feature_that_means_something_else_now_has_moved(change):
    rng = np.random.default_rng(2)
    found = compare(table(rng, 1000), table(rng, 1000, **change), ["stay", "flat"])
    assert found.moved == ("stay",)
    assert found.score.state == "stable"
    (told,) = found.record()["features"]
    assert told["name"] == "stay"
    assert told["psi"] > 0.25 > told["by_chance"]


def test_scores_that_rise_have_moved():
    rng = np.random.default_rng(3)
    found = compare(table(rng, 500), table(rng, 500, score_shift=1.5), ["stay"])
    assert found.score.state == "moved"
    assert found.score.median_now > found.score.median_then


def test_what_chance_explains_has_not_moved():
    """With 30 hospitals a PSI is above 0.25 by chance alone more often than not."""
    rng = np.random.default_rng(4)
    drawn = [compare(table(rng, 30), table(rng, 30), ["stay"]).features[0] for _ in range(200)]
    assert sum(c.psi >= 0.25 for c in drawn) > 100
    assert sum(c.state != "stable" for c in drawn) < 30


def test_too_few_hospitals_tell_nothing():
    rng = np.random.default_rng(5)
    found = compare(table(rng, LEAST - 1), table(rng, 500), ["stay"])
    assert (found.score, found.features) == (None, ())
    assert found.record()["score"] is None


values = st.lists(
    st.floats(-1e6, 1e6, allow_nan=False) | st.just(float("nan")), min_size=20, max_size=60
)


@settings(max_examples=60)
@given(values, values, st.randoms())
def test_an_index_is_a_finite_number_and_no_matter_of_order(then, now, random):
    def frame(rows):
        return pl.DataFrame(
            {"a": rows, "score": [0.5] * len(rows)}, schema_overrides={"a": pl.Float64}
        )

    first = column(compare(frame(then), frame(now), ["a"]), "a")
    random.shuffle(now)
    again = column(compare(frame(then), frame(now), ["a"]), "a")
    assert np.isfinite(first.psi)
    assert first.psi >= 0
    assert first.psi == pytest.approx(again.psi)
