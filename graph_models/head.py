"""The head: one LightGBM booster whose raw sum is the calibrated log-odds."""

from __future__ import annotations

from dataclasses import dataclass

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

Matrix = NDArray[np.float64]

ROUNDS = 250
FULL_SIZE = 2000
"""Providers from which the booster takes its full size; fewer make smaller leaves and trees."""
KEEP = 24
"""Columns of a booster. Fewer labels than columns: the weak ones add more noise than they tell."""
TRIALS = 3
"""Boosters that choose the columns together; one alone chooses partly by its seed."""
MIN_SLOPE = 1e-3
"""Margins that carry no information would get a slope of 0 or below, and turn the ranking round."""
MASKED_WEIGHT = 0.3
"""Weight of a training row's copy without its extra columns: the booster learns what to
make of a provider that the extra table does not name, at no measurable cost to the rest
(docs/models.md)."""


def fit_booster(
    x: Matrix,
    y: NDArray[np.bool_],
    *,
    seed: int,
    optional: NDArray[np.bool_] | None = None,
    keep: int | None = KEEP,
    weight: Matrix | None = None,
) -> lgb.Booster:
    """A small, regularised booster, the same bytes for the same input and seed.

    ``x`` is (providers, features) with NaN where nothing is known; ``optional`` marks
    the columns that a provider may lack as a whole when it is scored (the extra
    table). The booster asks about the ``keep`` columns that matter most to trial
    boosters of the same rows (all with None): chosen inside the fit, so that no
    held-out label takes part. ``weight`` is how much each row's label counts (1). One booster rather than an average of several keeps
    SHAP values exact.
    """
    rows, labels = x, y
    weight = np.ones(len(x)) if weight is None else weight
    if optional is not None and optional.any() and not optional.all():
        masked = x.copy()
        masked[:, optional] = np.nan
        # A row that has nothing else would teach that nothing at all is a sign.
        useful = ~np.isnan(masked).all(axis=1)
        rows = np.concatenate([x, masked[useful]])
        labels = np.concatenate([y, y[useful]])
        weight = np.concatenate([weight, MASKED_WEIGHT * weight[useful]])
    small = len(x) < FULL_SIZE // 10
    params = {
        "objective": "binary",
        "learning_rate": 0.03,
        "num_leaves": 3 if small else 4,
        "min_data_in_leaf": max(2, min(20, len(x) // 20)),
        "feature_fraction": 0.5,
        "bagging_fraction": 0.7,
        "bagging_freq": 1,
        "lambda_l2": 5.0,
        "max_bin": 255,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbose": -1,
    }
    rounds = 100 if small else ROUNDS

    def train(rows: Matrix, seed: int) -> lgb.Booster:
        given = {**params, "seed": seed}
        data = lgb.Dataset(rows, label=labels.astype(np.float64), weight=weight, params=given)
        return lgb.train(given, data, num_boost_round=rounds)

    if keep is None or keep >= x.shape[1]:
        return train(rows, seed)
    trials = [train(rows, seed + 1 + k).feature_importance("gain") for k in range(TRIALS)]
    order = np.argsort(-np.sum(trials, axis=0), kind="stable")
    # A column without values is never asked about and keeps its place.
    rows = rows.copy()
    rows[:, order[keep:]] = np.nan
    return train(rows, seed)


def snap(x: Matrix) -> Matrix:
    """The values on a grid of 20 significant bits (one part in a million).

    LightGBM puts a threshold midway between two values. Where two values differ in the
    last bit of a float the midpoint is one of them, and LightGBM and shap then decide
    the tie differently; on the grid a midpoint is never a value.
    """
    bits = np.ascontiguousarray(x, dtype=np.float32).view(np.uint32) & np.uint32(0xFFFFFFF0)
    return bits.view(np.float32).astype(np.float64)


def raw(booster: lgb.Booster, x: Matrix) -> Matrix:
    """The booster's raw sum for each row."""
    return np.asarray(booster.predict(x, raw_score=True, num_threads=1), dtype=np.float64)


def sigmoid(margin: Matrix) -> Matrix:
    """Probability of a log-odds."""
    return np.asarray(1.0 / (1.0 + np.exp(-margin)))


@dataclass(frozen=True, slots=True)
class Calibration:
    """Platt's straight line: calibrated log-odds = slope * margin + offset."""

    slope: float
    offset: float

    @classmethod
    def fit(cls, margin: Matrix, y: NDArray[np.bool_]) -> Calibration:
        """From out-of-fold margins, with Platt's (1999) smoothed targets.

        The targets are given to the regression as pairs of weighted rows, which is the
        same likelihood; they keep the slope finite where the classes separate.
        """
        positive, negative = int(y.sum()), int((~y).sum())
        target = np.where(y, (positive + 1) / (positive + 2), 1 / (negative + 2))
        rows = np.concatenate([margin, margin])[:, None]
        labels = np.concatenate([np.ones(len(y)), np.zeros(len(y))])
        weight = np.concatenate([target, 1 - target])
        # C so large that nothing is penalised.
        line = LogisticRegression(C=1e9, tol=1e-10, max_iter=1000).fit(rows, labels, weight)
        return cls(max(float(line.coef_[0, 0]), MIN_SLOPE), float(line.intercept_[0]))

    def apply(self, margin: Matrix) -> Matrix:
        """Calibrated log-odds."""
        return self.slope * margin + self.offset


def fold_in(booster: lgb.Booster, line: Calibration) -> lgb.Booster:
    """The booster with the calibration inside: its raw sum is the calibrated log-odds.

    Every leaf is multiplied by the slope and the first tree's leaves also carry the
    offset, so the sum over trees is ``slope * raw + offset``: still one sum of trees,
    which is what SHAP explains.
    """
    trees = booster.dump_model()["tree_info"]
    for number, tree in enumerate(trees):
        for leaf in range(tree["num_leaves"]):
            value = line.slope * booster.get_leaf_output(number, leaf)
            booster.set_leaf_output(number, leaf, value + (line.offset if number == 0 else 0.0))
    return lgb.Booster(model_str=booster.model_to_string())


def blind_columns(booster: lgb.Booster) -> NDArray[np.bool_]:
    """Columns that had no missing value in training.

    LightGBM would read a missing value there as 0; whoever scores puts the training
    median there instead, so that the unknown never counts as nothing.
    """
    blind = np.zeros(booster.num_feature(), dtype=np.bool_)
    stack = [t["tree_structure"] for t in booster.dump_model()["tree_info"]]
    while stack:
        node = stack.pop()
        if "split_index" in node:
            blind[node["split_feature"]] |= node["missing_type"] != "NaN"
            stack += [node["left_child"], node["right_child"]]
    return blind


def used_columns(booster: lgb.Booster) -> NDArray[np.bool_]:
    """Columns that at least one tree asks about; the others cannot move any score."""
    return np.asarray(booster.feature_importance("split") > 0)
