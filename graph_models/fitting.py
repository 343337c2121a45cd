"""One fit of the whole model: networks out of fold, then the booster on top."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import lightgbm as lgb
import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch_geometric.data import HeteroData

from graph_models.catalog import EXTRA
from graph_models.graph import neighbourhood
from graph_models.head import Matrix, fit_booster, raw, sigmoid, snap
from graph_models.network import Network
from graph_models.sources import CHECK
from graph_models.training import Prepared, Scaling, fit_out_of_fold, split_folds

Rows = NDArray[np.int64]
Flags = NDArray[np.bool_]
Progress = Callable[[str], None]

MIN_CLASS: Final = 4
"""Labelled providers of each class without which nothing can be learned and checked."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What one data set offers to every fit: the labelled rows and their graph.

    ``x`` is (labelled providers, table features), NaN where unknown; ``y`` their
    labels; ``node`` their provider node or -1 without claims. ``weight`` is how much a label
    counts in every fit; ``judges`` marks the labels that may judge, which weak ones may not.
    """

    ids: tuple[str, ...]
    names: tuple[str, ...]
    x: Matrix
    y: Flags
    node: Rows
    inpatient: Flags
    claims: Matrix
    graph: Prepared
    scaling: Scaling
    weight: Matrix
    judges: Flags

    @classmethod
    def of(
        cls, table: pl.DataFrame, graph: HeteroData, labels: pl.DataFrame, device: torch.device
    ) -> Ground:
        """Labelled providers of the table; those absent from it are left out.

        ``labels`` may have ``weight`` (1 without it) and ``source`` (``sources``).
        """
        rows = labels.join(table, on="provider_id", how="inner").sort("provider_id")
        names = tuple(c for c in table.columns if c != "provider_id")
        at = {p: i for i, p in enumerate(graph["provider"].ids)}
        ids = tuple(rows["provider_id"].to_list())
        node = np.array([at.get(p, -1) for p in ids], dtype=np.int64)
        # The claims of unlabelled providers inform scale and neighbours, never the loss.
        scaling = Scaling.fit(graph)
        near = neighbourhood(graph, torch.from_numpy(node[node >= 0]))
        claims = rows["claims"].to_numpy()
        return cls(
            ids=ids,
            names=names,
            x=rows.select(names).to_numpy(),
            y=rows["label"].to_numpy(),
            node=node,
            inpatient=np.nan_to_num(rows["claims_inpatient"].to_numpy()) > 0,
            claims=claims,
            graph=Prepared.of(near, scaling, device),
            scaling=scaling,
            weight=rows["weight"].to_numpy() if "weight" in rows.columns else np.ones(len(ids)),
            judges=(rows["source"] != CHECK).to_numpy()
            if "source" in rows.columns
            else np.ones(len(ids), dtype=np.bool_),
        )

    @property
    def optional(self) -> Flags:
        """Columns of the full matrix (with the network's) that come from the extra table."""
        return np.array([*(n.startswith(EXTRA) for n in self.names), False])


@dataclass(frozen=True, slots=True)
class Fitted:
    """One fit: its networks (none if too few providers with claims), booster and outputs.

    ``network_score`` holds the network's probability for every labelled row: out of
    fold where the row was trained on, the mean of all networks where it was not, NaN
    without claims.
    """

    networks: list[Network]
    booster: lgb.Booster
    network_score: Matrix
    margin: Matrix


def fit(
    ground: Ground, inside: Flags, *, folds: int, seed: int, progress: Progress | None = None
) -> Fitted:
    """Fit on the labelled rows ``inside``; no other label is looked at.

    Rows outside get margins too, from a model that has never seen their labels.
    """
    networks, network_score = fit_networks(
        ground, inside, folds=folds, seed=seed, progress=progress
    )
    full = snap(np.column_stack([ground.x, network_score]))
    booster = fit_booster(
        full[inside],
        ground.y[inside],
        seed=seed,
        optional=ground.optional,
        weight=ground.weight[inside],
    )
    return Fitted(networks, booster, network_score, raw(booster, full))


def fit_networks(
    ground: Ground, inside: Flags, *, folds: int, seed: int, progress: Progress | None = None
) -> tuple[list[Network], Matrix]:
    """The networks of one fit and their probability for every labelled row (see ``Fitted``)."""
    score = np.full(len(ground.y), np.nan)
    learn = np.flatnonzero(inside & (ground.node >= 0))
    y = ground.y[learn]
    folds = min(folds, int(y.sum()), int((~y).sum()))
    if folds < 2 or min(int(y.sum()), int((~y).sum())) < MIN_CLASS - 1:
        return [], score
    networks, margin = fit_out_of_fold(
        ground.graph,
        ground.scaling.widths(),
        ground.node[learn],
        y,
        split_folds(y, folds, seed),
        seed=seed,
        weight=ground.weight[learn],
        progress=progress,
    )
    seen = ground.node >= 0
    score[seen] = sigmoid(margin[ground.node[seen]])
    return networks, score
