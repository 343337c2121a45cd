"""How good the model is, measured on providers whose labels no part of it has seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from graph_models.fitting import Flags, Ground, Progress, Rows, fit
from graph_models.head import Calibration, Matrix, fit_booster, raw, sigmoid, snap
from graph_models.training import split_folds

RESAMPLES: Final = 500
CONFIDENCE: Final = 0.95
BINS: Final = 10
TOP: Final = 0.05
"""Part of the ranking that a team looks at first: recall is reported there too."""
INNER_FOLDS: Final = 3
"""Network folds inside each outer fold: enough for out-of-fold inputs, at two thirds of the cost."""


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """Scores of every labelled row from models trained without its fold.

    ``margin`` is the whole model's, ``tabular`` that of the same booster without the
    network, ``network`` the network's own probability (NaN without claims);
    ``probability`` and ``flagged`` use a calibration and a threshold from the other
    folds only.
    """

    fold: Rows
    margin: Matrix
    tabular: Matrix
    network: Matrix
    probability: Matrix
    flagged: Flags


def cross_validate(
    ground: Ground, *, folds: int, seed: int, progress: Progress | None = None
) -> OutOfFold:
    """Nested cross-validation, split by provider: the inner folds know no outer label."""
    fold = divide(ground, folds, seed)
    x = snap(ground.x)
    margin, tabular, network = (np.full(len(ground.y), np.nan) for _ in range(3))
    for k in range(folds):
        inside, held = fold != k, fold == k
        if progress is not None:
            progress(f"cross-validation, fold {k + 1} of {folds}")
        fitted = fit(ground, inside, folds=INNER_FOLDS, seed=seed)
        margin[held] = fitted.margin[held]
        network[held] = fitted.network_score[held]
        plain = fit_booster(
            x[inside],
            ground.y[inside],
            seed=seed,
            optional=ground.optional[:-1],
            weight=ground.weight[inside],
        )
        tabular[held] = raw(plain, x[held])
    probability, flagged = flag_out_of_fold(margin, ground.y, fold, ground.judges)
    return OutOfFold(fold, margin, tabular, network, probability, flagged)


def divide(ground: Ground, folds: int, seed: int) -> Rows:
    """A fold for each row; each fold has its share of both classes, of weak labels too."""
    fold = np.empty(len(ground.y), dtype=np.int64)
    for rows in (ground.judges, ~ground.judges):
        fold[rows] = split_folds(ground.y[rows], folds, seed)
    return fold


def best_threshold(probability: Matrix, y: Flags) -> float:
    """The score from which flagging gives the highest F1."""
    order = np.argsort(-probability, kind="stable")
    p = probability[order]
    hits = np.cumsum(y[order])
    f1 = 2 * hits / (np.arange(1, len(p) + 1) + y.sum())
    # A threshold between equal scores cannot be applied.
    last = np.append(p[1:] != p[:-1], True)
    return float(p[np.argmax(np.where(last, f1, -1.0))])


def report(ground: Ground, scores: OutOfFold, *, seed: int) -> dict[str, Any]:
    """Metrics with bootstrap intervals for each variant and population, as plain JSON values."""
    everyone = ground.judges
    result: dict[str, Any] = {}
    for name, rows in (("all", everyone), ("inpatient", ground.inpatient & everyone)):
        y = ground.y[rows]
        if not y.any() or y.all():
            continue
        variants: dict[str, Matrix] = {
            "both": scores.margin,
            "tabular": scores.tabular,
            "network": scores.network,
            "claims_alone": ground.claims,
        }
        measured: dict[str, Any] = {}
        for variant, values in variants.items():
            known = ~np.isnan(values[rows])
            # A ranking that leaves providers out cannot be compared with one that does not.
            if known.all():
                measured[variant] = rank_metrics(values[rows], y, seed=seed)
        measured["both"] |= flag_metrics(scores.flagged[rows], y, seed=seed)
        measured["both"]["recall_top"] = recall_at(scores.margin[rows], y, TOP)
        measured["both"] |= calibration_metrics(scores.probability[rows], y)
        result[name] = {
            "providers": len(y),
            "positive": int(y.sum()),
            "variants": measured,
        }
    return result


def rank_metrics(values: Matrix, y: Flags, *, seed: int) -> dict[str, Any]:
    """ROC-AUC and PR-AUC (average precision) with their intervals."""
    roc, pr = _rank(values, y, np.ones((1, len(y))))
    roc_many, pr_many = _rank(values, y, _weights(len(y), seed))
    return {
        "roc_auc": _interval(roc[0], roc_many),
        "pr_auc": _interval(pr[0], pr_many),
    }


def flag_metrics(flagged: Flags, y: Flags, *, seed: int) -> dict[str, Any]:
    """Accuracy beside the majority's share, precision, recall, F1 with its interval, and MCC.

    ``majority`` is the accuracy of flagging nobody: what an accuracy must be read against.
    """

    def counts(weights: Matrix) -> tuple[Matrix, Matrix, Matrix]:
        return weights @ (flagged & y), weights @ flagged, weights @ y

    (hit,), (marked,), (real,) = counts(np.ones((1, len(y))))
    many_hit, many_marked, many_real = counts(_weights(len(y), seed))
    f1 = 2 * many_hit / np.maximum(many_marked + many_real, 1)
    # Matthews: the covariance of flags and labels over the root of their variances.
    n = len(y)
    spread = np.sqrt(float(marked * (n - marked)) * float(real * (n - real)))
    return {
        "accuracy": round(float(1 - (marked + real - 2 * hit) / n), 4),
        "majority": round(float(max(real, n - real) / n), 4),
        "precision": round(float(hit / marked), 4) if marked else None,
        "recall": round(float(hit / real), 4),
        "f1": _interval(2 * hit / (marked + real), f1),
        "mcc": round(float(n * hit - marked * real) / spread, 4) if spread else None,
    }


def recall_at(values: Matrix, y: Flags, share: float) -> float:
    """Share of the fraudulent among the ``share`` of rows with the highest values."""
    return round(float(y[foremost(values, share)].sum() / y.sum()), 4)


def foremost(values: Matrix, share: float) -> Rows:
    """The ``share`` of rows (one at least) with the highest values, highest first; ties as they stand."""
    return np.argsort(-values, kind="stable")[: max(1, round(share * len(values)))]


def difference(values: Matrix, other: Matrix, y: Flags, *, seed: int) -> dict[str, Any]:
    """By how much ``values`` rank better than ``other``: on the same resamples, so paired."""
    once, many = np.ones((1, len(y))), _weights(len(y), seed)
    ones = [_rank(v, y, once) for v in (values, other)]
    lots = [_rank(v, y, many) for v in (values, other)]
    return {
        name: _interval(ones[0][k][0] - ones[1][k][0], lots[0][k] - lots[1][k])
        for k, name in enumerate(("roc_auc", "pr_auc"))
    }


def flag_out_of_fold(margin: Matrix, y: Flags, fold: Rows, judges: Flags) -> tuple[Matrix, Flags]:
    """Probability and flag of each row, by calibration and threshold of the other folds alone.

    Both are fitted on the rows that may judge.
    """
    probability, flagged = np.empty(len(fold)), np.zeros(len(fold), dtype=np.bool_)
    for k in range(int(fold.max()) + 1):
        others, held = (fold != k) & judges, fold == k
        line = Calibration.fit(margin[others], y[others])
        probability[held] = sigmoid(line.apply(margin[held]))
        threshold = best_threshold(sigmoid(line.apply(margin[others])), y[others])
        flagged[held] = probability[held] >= threshold
    return probability, flagged


def calibration_metrics(probability: Matrix, y: Flags) -> dict[str, Any]:
    """Brier score, and the expected calibration error over ten bins of equal size."""
    order = np.argsort(probability, kind="stable")
    bins = [b for b in np.array_split(order, BINS) if len(b)]
    gaps = [len(b) * abs(probability[b].mean() - y[b].mean()) for b in bins]
    return {
        "calibration_error": round(float(sum(gaps) / len(y)), 4),
        "brier": round(float(np.mean((probability - y) ** 2)), 4),
    }


def _weights(n: int, seed: int) -> Matrix:
    """Bootstrap as weights: how often each provider is drawn, a row a resample."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(n, np.full(n, 1 / n), size=RESAMPLES).astype(np.float64)


def _rank(values: Matrix, y: Flags, weights: Matrix) -> tuple[Matrix, Matrix]:
    """Weighted ROC-AUC and average precision of every row of ``weights``; ties share a rank."""
    order = np.argsort(-values, kind="stable")
    v = values[order]
    starts = np.flatnonzero(np.append(True, v[1:] != v[:-1]))
    drawn = weights[:, order]
    positive = np.add.reduceat(drawn * y[order], starts, axis=1)
    negative = np.add.reduceat(drawn * ~y[order], starts, axis=1)
    tp, fp = np.cumsum(positive, 1), np.cumsum(negative, 1)
    # A resample without one of the classes has no ranking to judge.
    total_positive = np.where(tp[:, -1] > 0, tp[:, -1], np.nan)
    total_negative = np.where(fp[:, -1] > 0, fp[:, -1], np.nan)
    roc = (negative * (tp - positive / 2)).sum(1) / (total_positive * total_negative)
    precision = tp / np.maximum(tp + fp, 1e-12)
    return roc, (positive * precision).sum(1) / total_positive


def _interval(value: float, many: NDArray[np.float64]) -> dict[str, float]:
    tail = (1 - CONFIDENCE) / 2
    low, high = np.nanquantile(many, [tail, 1 - tail])
    return {
        "value": round(float(value), 4),
        "low": round(float(low), 4),
        "high": round(float(high), 4),
    }
