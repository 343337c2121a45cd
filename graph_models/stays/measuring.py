"""How well a ranking of claims finds the fraud among them."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from graph_models.evaluation import foremost, recall_at

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]

SHARES: Final = (0.01, 0.05)
"""Parts of the ranking that people look at."""
RESAMPLES: Final = 200


def quality(values: Numbers, y: Flags, *, seed: int) -> dict[str, Any]:
    """ROC-AUC, PR-AUC with its bootstrap interval, recall and precision in the first ``SHARES``.

    Ties stand in the order given. ``most_1`` is the recall that the first hundredth could hold.
    """
    rng = np.random.default_rng(seed)
    draws = rng.integers(0, len(y), (RESAMPLES, len(y)))
    many = [average_precision_score(y[d], values[d]) for d in draws if y[d].any()]
    low, high = np.quantile(many, [0.025, 0.975])
    made: dict[str, Any] = {
        "claims": len(y),
        "positive": int(y.sum()),
        "roc_auc": round(float(roc_auc_score(y, values)), 4),
        "pr_auc": round(float(average_precision_score(y, values)), 4),
        "pr_auc_low": round(float(low), 4),
        "pr_auc_high": round(float(high), 4),
    }
    for share in SHARES:
        first = foremost(values, share)
        name = round(100 * share)
        made[f"recall_{name}"] = recall_at(values, y, share)
        made[f"precision_{name}"] = round(float(y[first].mean()), 4)
        made[f"most_{name}"] = round(min(1.0, len(first) / float(y.sum())), 4)
    return made


def rings_found(values: Numbers, rings: NDArray[np.str_], share: float) -> tuple[int, int]:
    """Rings of which two claims (or all, if fewer were made) are in the first ``share``; and all rings.

    ``rings`` names the ring of each claim, empty for none.
    """
    first = foremost(values, share)
    named = sorted(set(rings.tolist()) - {""})
    seen = [int((rings[first] == r).sum()) for r in named]
    least = [min(2, int((rings == r).sum())) for r in named]
    return sum(s >= n for s, n in zip(seen, least, strict=True)), len(named)
