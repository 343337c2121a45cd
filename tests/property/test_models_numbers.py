import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from graph_models.evaluation import best_threshold
from graph_models.head import Calibration, fit_booster, fold_in, raw, sigmoid, snap

numbers = st.floats(-1e9, 1e9, allow_nan=False, width=64)


@given(arrays(np.float64, 30, elements=numbers))
def test_snapping_is_close_idempotent_and_keeps_order(x):
    once = snap(x)
    assert np.array_equal(snap(once), once)
    assert np.allclose(once, x, rtol=2e-6, atol=1e-30)
    assert (np.diff(once[np.argsort(x)]) >= 0).all()


@given(arrays(np.float64, 30, elements=numbers))
def test_a_midpoint_of_snapped_values_is_never_one_of_them(x):
    values = np.unique(snap(x))
    middle = (values[1:] + values[:-1]) / 2
    assert not np.isin(middle, values).any()


def test_snapping_keeps_the_unknown():
    assert np.isnan(snap(np.array([[np.nan, 1.0]]))[0, 0])


@settings(max_examples=25, deadline=None)
@given(st.floats(1e-3, 10), st.floats(-5, 5), st.integers(0, 1000))
def test_folding_a_calibration_in_is_exact(slope, offset, seed):
    rng = np.random.default_rng(seed)
    x = snap(rng.normal(size=(80, 3)))
    x[rng.random(x.shape) < 0.1] = np.nan
    y = np.nan_to_num(x[:, 0]) + rng.normal(size=80) > 0
    booster = fit_booster(x, y, seed=seed)
    plain = raw(booster, x)
    line = Calibration(slope, offset)
    assert np.allclose(raw(fold_in(booster, line), x), line.apply(plain), atol=1e-9)


@given(arrays(np.float64, 25, elements=st.floats(0, 1)), arrays(np.bool_, 25))
def test_no_other_threshold_has_a_higher_f1(probability, y):
    if not y.any():
        return

    def f1(threshold):
        flagged = probability >= threshold
        return 2 * (flagged & y).sum() / (flagged.sum() + y.sum())

    chosen = f1(best_threshold(probability, y))
    assert all(chosen >= f1(t) - 1e-12 for t in probability)


@settings(max_examples=50, deadline=None)
@given(arrays(np.float64, 40, elements=st.floats(-30, 30)), arrays(np.bool_, 40))
def test_calibration_never_turns_the_ranking_round(margin, y):
    if not y.any() or y.all():
        return
    line = Calibration.fit(margin, y)
    assert line.slope > 0
    probability = sigmoid(line.apply(margin))
    assert ((probability >= 0) & (probability <= 1)).all()
