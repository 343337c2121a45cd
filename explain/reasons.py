"""Scores and reasons as tables: what an officer reads and an auditor recomputes."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any, Final

import numpy as np
import polars as pl
import pyarrow as pa

from domain.results import REASONS, SCORES, identifier
from explain.attribution import Attribution, Matrix, attribute
from graph_models import Packed, Scored
from graph_models.peers import EVERYONE, members

MOST: Final = 4
"""Reasons a score; studies with fraud analysts found longer lists unread."""

MIN_RAISE: Final = 0.005
"""A reason raises the score by at least half a percentage point; less is no reason to look."""


def explain(artifact: Packed, scored: Scored) -> tuple[pa.Table, pa.Table]:
    """The tables SCORES and REASONS of ``domain.results`` for scored providers.

    ``contributions`` lists every feature that the booster asks about; the others
    cannot move a score and are not listed. Amounts in them are in the currency's
    major unit, and a value that is not known is null.
    """
    attribution = attribute(artifact, scored)
    ids = [
        identifier("score", artifact.sha256, scored.level, subject, scored.upto.isoformat())
        for subject in scored.subject_ids
    ]
    values = scored.features[:, 1:].to_numpy()
    scores = pa.table(
        {
            "score_id": pa.array(ids, pa.string()),
            "level": pa.array([scored.level] * len(ids), pa.string()),
            "subject_id": pa.array(scored.subject_ids, pa.string()),
            "upto": pa.array([scored.upto] * len(ids), pa.date32()),
            "model_sha256": pa.array([artifact.sha256] * len(ids), pa.string()),
            "score": pa.array(scored.scores, pa.float64()),
            "base_value": pa.array([attribution.base] * len(ids), pa.float64()),
            "contributions": pa.array(_contributions(artifact, attribution, values), pa.string()),
        },
        schema=SCORES.arrow,
    )
    comparison = _Peers(artifact)
    rows: list[dict[str, Any]] = []
    for i, score_id in enumerate(ids):
        group = scored.peer_groups[i]
        first = leading(artifact, attribution.values[i], values[i])
        for rank, (at, total) in enumerate(first, start=1):
            feature = artifact.features[at]
            value = float(values[i, at])
            median, percentile = comparison.place(group, at, value)
            rows.append(
                {
                    "score_id": score_id,
                    "rank": rank,
                    "code": feature.reason,
                    "name_zh": feature.zh,
                    "name_en": feature.en,
                    "value": None if np.isnan(value) else value,
                    "unit": feature.unit,
                    "peer_median": median,
                    "peer_percentile": percentile,
                    "shap": total,
                }
            )
    return scores, pa.Table.from_pylist(rows, schema=REASONS.arrow)


def _contributions(artifact: Packed, attribution: Attribution, values: Matrix) -> list[str]:
    used = [i for i, f in enumerate(artifact.manifest["features"]) if f["used"]]
    # Names are the same in every row: encoded once, since rows are many.
    heads = [
        json.dumps(
            {
                "feature": artifact.features[i].name,
                "name_zh": artifact.features[i].zh,
                "name_en": artifact.features[i].en,
                "unit": artifact.features[i].unit,
            },
            ensure_ascii=False,
        )[:-1]
        for i in used
    ]
    result = []
    for row, shares in zip(values[:, used], attribution.values[:, used], strict=True):
        parts = [
            f'{head}, "value": {"null" if np.isnan(value) else repr(float(value))}, '
            f'"shap": {float(share)!r}}}'
            for head, value, share in zip(heads, row, shares, strict=True)
        ]
        result.append("[" + ", ".join(parts) + "]")
    return result


def leading(artifact: Packed, shares: Matrix, values: Matrix) -> list[tuple[int, float]]:
    """At most four reasons that raise the score: the feature to show and the reason's sum.

    Features of one reason code are one reason: its contribution is the sum of theirs,
    and the known feature that adds most stands for it.
    """
    by_code: dict[str, list[int]] = defaultdict(list)
    for i, feature in enumerate(artifact.features):
        # "This check hit nothing" is never a reason for suspicion, whatever a tree made of it.
        clean = feature.reason.startswith("CHK") and values[i] == 0
        if shares[i] != 0.0 and not clean:
            by_code[feature.reason].append(i)
    ranked = sorted(
        ((float(shares[members_of].sum()), members_of) for members_of in by_code.values()),
        key=lambda pair: (-pair[0], pair[1]),
    )
    chosen = []
    for total, inside in ranked[:MOST]:
        if total < MIN_RAISE:
            break
        chosen.append((max(inside, key=lambda i: (not np.isnan(values[i]), shares[i], -i)), total))
    return chosen


class _Peers:
    """Medians and percentiles among the providers that the model knows at its own date."""

    def __init__(self, artifact: Packed) -> None:
        self._entities = artifact.entities
        self._chosen = artifact.manifest["peers"]
        self._names = artifact.feature_names
        self._sorted: dict[tuple[str, int], Matrix] = {}
        self._masks: dict[str, pl.Series] = {}

    def place(self, group: str, at: int, value: float) -> tuple[float | None, float | None]:
        """Median of the feature in the group, and the share at or below the value (0 to 100).

        None without a value, or where no peer has one; a group without a known value
        falls back to all providers.
        """
        known = self._values(group, at)
        if not len(known):
            known = self._values(EVERYONE, at)
        if not len(known):
            return None, None
        median = float(np.median(known))
        if np.isnan(value):
            return median, None
        return median, 100.0 * float(np.searchsorted(known, value, side="right")) / len(known)

    def _values(self, group: str, at: int) -> Matrix:
        key = (group, at)
        if key not in self._sorted:
            if group not in self._masks:
                self._masks[group] = members(self._entities, self._chosen, group)
            column = self._entities.filter(self._masks[group])[self._names[at]]
            values = column.to_numpy()
            self._sorted[key] = np.sort(values[~np.isnan(values)])
        return self._sorted[key]
