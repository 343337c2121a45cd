"""Do the reasons carry the score, and are they the same when computed again? For the model card."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import shap

from explain.attribution import Matrix, attribute
from explain.connections import because_of
from explain.reasons import leading
from explain.removal import Because, Scorer, because
from graph_models import Packed, Scored
from graph_models.head import raw, sigmoid
from graph_models.stays import Desk
from graph_models.stays.reading import RELATIONS

PROVIDERS: Final = 100
"""At most so many scores are measured, the highest from the model's threshold on: what officers read."""
DRAWS: Final = 20
"""Random choices of as many reasons, or stays, that the named ones are compared with."""
CONNECTION_DRAWS: Final = 5
"""The same of connections."""


def measure_codes(artifact: Packed, scored: Scored, *, seed: int) -> dict[str, Any]:
    """Fidelity and stability of the reason codes of the ``PROVIDERS`` highest alerts.

    ``named`` is the mean fall of the score when every feature of the named codes is set to
    its median in the model's background, ``random`` that for as many codes drawn from all
    that the model reads. ``stability`` is the mean overlap (intersection over union) of the codes named
    from either half of the background: what is left to chance in them.
    """
    order = np.argsort(-scored.scores, kind="stable")[:PROVIDERS]
    order = order[scored.scores[order] >= artifact.threshold]
    chosen = scored.select([scored.subject_ids[i] for i in order])
    attribution = attribute(artifact, chosen)
    values = chosen.features[:, 1:].to_numpy()
    codes = np.array([f.reason for f in artifact.features])
    used = np.array([bool(f["used"]) for f in artifact.manifest["features"]])
    readable = sorted(set(codes[used]))
    # Columns that nothing is known of stay unknown.
    some = ~np.isnan(artifact.background).all(axis=0)
    middle = np.full(len(codes), np.nan)
    middle[some] = np.nanmedian(artifact.background[:, some], axis=0)
    rng = np.random.default_rng(seed)
    halves = _halves(artifact, chosen, rng)
    named_falls, random_falls, overlaps = [], [], []
    for i in range(len(chosen)):
        named = _codes(artifact, attribution.values[i], values[i])
        overlaps.append(_overlap(*(_codes(artifact, h[i], values[i]) for h in halves)))
        if not named:
            continue
        drawn = [rng.choice(readable, len(named), replace=False).tolist() for _ in range(DRAWS)]
        rows = np.repeat(chosen.matrix[i : i + 1], 1 + DRAWS, axis=0)
        choices: list[list[str]] = [sorted(named), *drawn]
        for row, gone in zip(rows, choices, strict=True):
            at = np.isin(codes, np.array(gone))
            row[at] = middle[at]
        scores = sigmoid(raw(artifact.booster, rows))
        named_falls.append(float(chosen.scores[i] - scores[0]))
        random_falls.append(float(chosen.scores[i] - scores[1:].mean()))
    return _summary(named_falls, random_falls, overlaps)


def measure_people(scorer: Scorer, provider_ids: Sequence[str], *, seed: int) -> dict[str, Any]:
    """Fidelity and stability of the people named by exact ablation.

    ``named`` is the mean fall of the score without all claims of the named people,
    ``random`` that without as many claims of the provider drawn at random (one draw each: a
    draw costs a whole scoring). ``stability`` is the mean overlap of the people named when
    the claims come in another order.
    """
    rng = np.random.default_rng(seed)
    shuffled = Scorer(
        scorer.artifact,
        type(scorer.tables)(
            **{
                name: table.take(pa.array(rng.permutation(table.num_rows)))
                for name, table in scorer.tables.items()
            }
        ),
        scorer.verdicts,
        scorer.upto,
        scorer.extra,
        scorer.device,
    )
    named_falls, random_falls, overlaps = [], [], []
    for provider in provider_ids:
        found = because(scorer, provider)
        overlaps.append(_overlap(_people(found), _people(because(shuffled, provider))))
        gone = {s for g in found.groups for s in g.stay_ids}
        own = scorer.claims(provider)["stay_id"].to_list()
        if not gone or len(gone) == len(own):
            continue
        drawn = rng.choice(own, len(gone), replace=False).tolist()
        named_falls.append(found.together)
        random_falls.append(found.score - scorer.score(provider, drawn))
    return _summary(named_falls, random_falls, overlaps)


def measure_connections(desk: Desk, stay_ids: Sequence[str], *, seed: int) -> dict[str, Any]:
    """Fidelity of the connections named by exact ablation.

    ``named`` is the mean fall without them, ``random`` that without as many drawn from all that the
    claim has (``CONNECTION_DRAWS`` each).
    """
    rng = np.random.default_rng(seed)
    named, drawn = [], []
    for stay_id in stay_ids:
        found = because_of(desk, stay_id)
        if not found.connections:
            continue
        has = [r for r in RELATIONS if desk.company(stay_id, r)]
        named.append(found.together)
        falls = []
        for _ in range(CONNECTION_DRAWS):
            gone = rng.choice(has, len(found.connections), replace=False).tolist()
            falls.append(found.score - float(desk.again(stay_id, without=gone).scores[0]))
        drawn.append(float(np.mean(falls)))
    return {
        "claims": len(stay_ids),
        "with_connections": len(named),
        "named": _mean(named),
        "random": _mean(drawn),
    }


def _halves(artifact: Packed, chosen: Scored, rng: np.random.Generator) -> list[Matrix]:
    order = rng.permutation(len(artifact.background))
    made = []
    for half in np.array_split(order, 2):
        explainer = shap.TreeExplainer(
            artifact.booster,
            data=artifact.background[np.sort(half)],
            feature_perturbation="interventional",
            model_output="probability",
        )
        made.append(explainer.shap_values(chosen.matrix, check_additivity=False))
    return made


def _codes(artifact: Packed, shares: Matrix, values: Matrix) -> set[str]:
    return {artifact.features[at].reason for at, _ in leading(artifact, shares, values)}


def _people(found: Because) -> set[str]:
    return {f"{g.kind} {g.member_id}" for g in found.groups}


def _overlap(one: set[str], other: set[str]) -> float:
    return len(one & other) / len(one | other) if one | other else 1.0


def _summary(named: list[float], drawn: list[float], overlaps: list[float]) -> dict[str, Any]:
    return {
        "providers": len(overlaps),
        "with_reasons": len(named),
        "named": _mean(named),
        "random": _mean(drawn),
        "stability": _mean(overlaps),
    }


def _mean(values: list[float]) -> float | None:
    return round(float(np.mean(values)), 4) if values else None
