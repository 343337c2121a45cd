"""What each kind of knowledge adds: table, verdicts, neighbours, network, each with its interval."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from domain.tables import Tables
from graph_models.aggregates import label_rates, surroundings
from graph_models.catalog import CHECK, EXTRA
from graph_models.csr import Rows
from graph_models.evaluation import (
    INNER_FOLDS,
    TOP,
    difference,
    divide,
    flag_metrics,
    flag_out_of_fold,
    rank_metrics,
    recall_at,
)
from graph_models.features import claim_rows, physicians_of, tabulate
from graph_models.fitting import Flags, Ground, Progress, fit_networks
from graph_models.graph import build
from graph_models.head import Matrix, fit_booster, raw, snap
from graph_models.sources import listed
from graph_models.training import choose_device
from graph_models.window import cut

VARIANTS: Final = ("tabular", "+ verdicts", "+ neighbours", "+ network")
"""Each adds its columns to those before it."""
SPOKEN: Final = ("claims", "payment_total", "stay_days_max", "diagnosis_diversity")
"""Columns of a provider whose means and extremes its neighbours see: the strongest of the table."""
_VERDICTS: Final = ("hits_per_claim", "hit_claim_share")
_PARTNERS: Final = (
    "shared_patient_share", "providers_per_patient", "partner_providers", "top_partner_share",
    "shared_physician_share",
)  # fmt: skip


def ablate(
    tables: Tables,
    verdicts: pl.DataFrame | None,
    labels: pl.DataFrame,
    *,
    upto: date,
    extra: pl.DataFrame | None = None,
    folds: int = 5,
    repeats: int = 1,
    seed: int = 20240501,
    device: str = "auto",
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Nested cross-validation, split by provider, of each of ``VARIANTS``.

    Inside a fold everything is fitted anew without the held-out providers: networks, label
    rates of neighbours, choice of columns, calibration, threshold. ``repeats`` divides the
    providers anew with other seeds; intervals come from the first division, and ``repeated``
    holds each division's figures. All labelled providers, and those with inpatient claims.
    """
    say = progress or (lambda _: None)
    table = tabulate(tables, verdicts, upto=upto, extra=extra)
    labels = labels if "source" in labels.columns else listed(labels, before=upto)
    ground = Ground.of(table, build(tables, verdicts, upto=upto), labels, choose_device(device))
    near = neighbours(tables, ground.ids, upto=upto)
    margins: list[dict[str, Matrix]] = []
    division: list[NDArray[np.int64]] = []
    for number in range(repeats):
        fold = divide(ground, folds, seed + number)
        say(f"division {number + 1} of {repeats}")
        margins.append(_out_of_fold(ground, near, fold, seed=seed + number, progress=progress))
        division.append(fold)
    return _report(ground, margins, division, seed)


def neighbours(tables: Tables, ids: tuple[str, ...], *, upto: date) -> Rows:
    """Providers that share a patient or a physician in the claims before ``upto``, by place in ``ids``."""
    claims = claim_rows(cut(tables, upto))
    people = pl.concat(
        [
            claims.select("provider_id", person=pl.lit("patient ") + pl.col("patient_id")),
            physicians_of(claims).select(
                "provider_id", person=pl.lit("physician ") + pl.col("physician_id")
            ),
        ]
    ).unique()
    place = pl.DataFrame({"provider_id": list(ids)}).with_row_index("at")
    at = people.join(place, on="provider_id").select("at", "person")
    pairs = at.join(at, on="person").filter(pl.col("at") < pl.col("at_right"))
    edges = pairs.select(pl.col("at", "at_right").cast(pl.Int64)).unique().sort("at", "at_right")
    return Rows.of(torch.from_numpy(np.ascontiguousarray(edges.to_numpy().T)), len(ids))


def _out_of_fold(
    ground: Ground,
    near: Rows,
    fold: NDArray[np.int64],
    *,
    seed: int,
    progress: Progress | None,
) -> dict[str, Matrix]:
    kinds = np.array([_kind(name) for name in ground.names])
    x = snap(ground.x)
    spoken = [ground.names.index(name) for name in SPOKEN]
    around = snap(surroundings(near, np.log1p(np.maximum(np.nan_to_num(x[:, spoken]), 0))))
    found = {v: np.full(len(ground.y), np.nan) for v in VARIANTS}
    for k in range(int(fold.max()) + 1):
        if progress is not None:
            progress(f"fold {k + 1} of {int(fold.max()) + 1}")
        inside, held = fold != k, fold == k
        rates = snap(label_rates(near, ground.y, inside & ground.judges))
        _, network = fit_networks(ground, inside, folds=INNER_FOLDS, seed=seed)
        added = {
            "tabular": x[:, kinds == "tabular"],
            "+ verdicts": x[:, kinds == "verdict"],
            "+ neighbours": np.column_stack([x[:, kinds == "partner"], around, rates]),
            "+ network": snap(network[:, None]),
        }
        optional = {v: np.zeros(a.shape[1], dtype=np.bool_) for v, a in added.items()}
        optional["tabular"] = ground.optional[:-1][kinds == "tabular"]
        for number, variant in enumerate(VARIANTS, start=1):
            taken = VARIANTS[:number]
            full = np.column_stack([added[v] for v in taken])
            booster = fit_booster(
                full[inside],
                ground.y[inside],
                seed=seed,
                optional=np.concatenate([optional[v] for v in taken]),
                weight=ground.weight[inside],
            )
            found[variant][held] = raw(booster, full[held])
    return found


def _kind(name: str) -> str:
    if name.startswith(CHECK) or name in _VERDICTS:
        return "verdict"
    if name.startswith(EXTRA):
        return "tabular"
    return "partner" if name in _PARTNERS else "tabular"


def _report(
    ground: Ground, margins: list[dict[str, Matrix]], division: list[NDArray[np.int64]], seed: int
) -> dict[str, Any]:
    everyone: Flags = ground.judges
    result: dict[str, Any] = {}
    for population, rows in (("all", everyone), ("inpatient", ground.inpatient & everyone)):
        y = ground.y[rows]
        if not y.any() or y.all():
            continue
        measured: dict[str, Any] = {}
        before: Matrix | None = None
        for variant in VARIANTS:
            margin = margins[0][variant]
            _, flagged = flag_out_of_fold(margin, ground.y, division[0], ground.judges)
            one: dict[str, Any] = rank_metrics(margin[rows], y, seed=seed)
            one |= flag_metrics(flagged[rows], y, seed=seed)
            one["recall_top"] = recall_at(margin[rows], y, TOP)
            if before is not None:
                one["adds"] = difference(margin[rows], before, y, seed=seed)
            each = [rank_metrics(m[variant][rows], y, seed=seed) for m in margins]
            one["repeated"] = {
                name: [e[name]["value"] for e in each] for name in ("roc_auc", "pr_auc")
            }
            measured[variant] = one
            before = margin[rows]
        result[population] = {
            "providers": len(y),
            "positive": int(y.sum()),
            "variants": measured,
        }
    return result
