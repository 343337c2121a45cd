"""SHAP values in probability: what each feature adds to a provider's score.

``shap.TreeExplainer`` in its interventional form with ``model_output="probability"``
compares the provider with each background row and spreads the difference of the two
probabilities over the features that differ; the mean over the background rows is the
value. It is exact, so base value plus all values is the score; ``attribute`` proves
that for every row instead of trusting it.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final

import numpy as np
import shap
from numpy.typing import NDArray

from domain.errors import SentinelError
from graph_models import Packed, Scored

TOLERANCE: Final = 1e-6
"""Largest difference allowed between a score and its explanation."""
_KEPT: Final = 4
"""Explainers held in memory: building one parses all trees, about a tenth of a second."""

_ROWS: Final = 500
"""Rows a call, about two seconds of work: longer calls make shap draw its own progress bar."""

Matrix = NDArray[np.float64]


class ExplanationError(SentinelError):
    """An explanation does not add up to its score."""


@dataclass(frozen=True, slots=True)
class Attribution:
    """``base`` (the mean score of the background) and ``values`` (providers, features)."""

    base: float
    values: Matrix


class _Explainers:
    """The explainers of the models in use, built once each."""

    def __init__(self) -> None:
        self._made: OrderedDict[str, Any] = OrderedDict()
        self._lock = Lock()

    def of(self, artifact: Packed) -> Any:
        with self._lock:
            made = self._made.pop(artifact.sha256, None)
            if made is None:
                made = shap.TreeExplainer(
                    artifact.booster,
                    data=artifact.background,
                    feature_perturbation="interventional",
                    model_output="probability",
                )
            self._made[artifact.sha256] = made
            while len(self._made) > _KEPT:
                self._made.popitem(last=False)
            return made


_explainers = _Explainers()


def attribute(artifact: Packed, scored: Scored) -> Attribution:
    """The contribution of every feature to every score, in probability.

    ExplanationError if any row does not add up within ``TOLERANCE``: a wrong
    explanation is worse than none.
    """
    explainer = _explainers.of(artifact)
    base = float(explainer.expected_value)
    if not len(scored):
        return Attribution(base, np.empty((0, len(artifact.feature_names))))
    # shap's own check has a looser bound than ours.
    parts = [
        explainer.shap_values(scored.matrix[i : i + _ROWS], check_additivity=False)
        for i in range(0, len(scored), _ROWS)
    ]
    values = np.concatenate(parts).astype(np.float64)
    gap = np.abs(base + values.sum(axis=1) - scored.scores)
    worst = int(gap.argmax())
    if not gap[worst] <= TOLERANCE:
        raise ExplanationError(
            f"the explanation misses the score by {gap[worst]:.2e}",
            where=f"{scored.level} {scored.subject_ids[worst]}, model {artifact.sha256[:12]}",
            cure="Report this with the model folder; until then run without --model.",
        )
    return Attribution(base, values)
