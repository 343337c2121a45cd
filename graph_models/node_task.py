"""A public node-classification task with fixed splits, and the ensemble that is measured on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import lightgbm as lgb
import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from domain.errors import SentinelError
from graph_models.aggregates import label_rates, positions, structure, surroundings, wavelets
from graph_models.csr import Rows
from graph_models.head import raw
from graph_models.node_training import Settings, Split, fit_nodes, run_nodes, visible
from graph_models.training import choose_device

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]

ORDER: Final = 4
"""Beta wavelets beside the plain column: up to the fourth power of the Laplacian."""
SMOOTH, HEAVY = 160, 64
"""Eigenvectors of either kind. More helped up to here (docs/models.md); 32 and 16 cost .003."""
BOOSTERS: Final = 3
"""Boosters of different seeds whose margins are averaged."""
PATIENCE: Final = 80
ROUNDS: Final = 1500
NETWORK_POSITIONS: Final = 64
"""Eigenvectors that a network reads; it starts to learn nodes by heart with all of them."""
WEIGHTS: Final = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 1.0)
"""Shares of the networks' margin in the ensemble; the validation set of a split chooses."""
CLIP: Final = 5.0

BOOSTER: Final[dict[str, Any]] = {
    "objective": "binary",
    "metric": "auc",
    "learning_rate": 0.03,
    "num_leaves": 15,
    "min_data_in_leaf": 30,
    "feature_fraction": 0.3,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbose": -1,
}


@dataclass(frozen=True, slots=True)
class NodeTask:
    """A graph with numbers and a label for every node, and the splits that everyone uses."""

    rows: Rows
    x: Numbers
    labels: Flags
    splits: tuple[Split, ...]


def read_task(path: Path) -> NodeTask:
    """An ``.npz`` of Platonov et al.'s heterophilous graphs with two classes.

    SentinelError if an array is missing, labels are not 0 and 1, or a split overlaps.
    """
    with np.load(path, allow_pickle=False) as file:
        wanted = ("node_features", "node_labels", "edges", "train_masks", "val_masks", "test_masks")
        lacking = [name for name in wanted if name not in file.files]
        if lacking:
            raise _refusal(path, f"it lacks the arrays {', '.join(lacking)}")
        x, y, edges, *masks = (file[name] for name in wanted)
    if set(np.unique(y)) - {0, 1}:
        raise _refusal(path, "its labels are not 0 and 1")
    splits = tuple(Split(*(m[k].astype(np.bool_) for m in masks)) for k in range(len(masks[0])))
    if any((s.training & s.checking | (s.training | s.checking) & s.judging).any() for s in splits):
        raise _refusal(path, "a node is in two parts of one split")
    rows = Rows.of(torch.from_numpy(np.ascontiguousarray(edges.T, dtype=np.int64)), len(y))
    return NodeTask(rows, x.astype(np.float64), y.astype(np.bool_), splits)


@dataclass(frozen=True, slots=True)
class Columns:
    """What is known of every node without any label: made once for all splits."""

    own: Numbers
    around: Numbers
    place: Numbers

    @classmethod
    def of(cls, task: NodeTask) -> Columns:
        """From the graph and the nodes' own numbers."""
        shape = structure(task.rows)
        own = np.column_stack([task.x, shape[:, :1]])
        around = np.column_stack(
            [surroundings(task.rows, own), shape, wavelets(task.rows, own, ORDER)]
        )
        # An eigenvector solver needs fewer vectors than nodes.
        most = max(1, (len(task.rows) - 2) // 4)
        return cls(own, around, positions(task.rows, min(SMOOTH, most), min(HEAVY, most)))

    def for_networks(self) -> torch.Tensor:
        """Standardised and cut at ``CLIP``, float32."""
        table = np.column_stack([self.around, self.place[:, :NETWORK_POSITIONS]])
        spread = table.std(axis=0)
        scaled = (table - table.mean(axis=0)) / np.where(spread > 1e-9, spread, np.inf)
        return torch.from_numpy(scaled.clip(-CLIP, CLIP)).float()


def evaluate_task(
    task: NodeTask,
    *,
    kinds: tuple[str, ...] = ("partition",),
    splits: int | None = None,
    seed: int = 20240501,
    device: str = "auto",
    settings: Callable[[str], Settings] = Settings,
    progress: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Test ROC-AUC of each variant on each split, with mean and standard deviation.

    Everything is chosen on a split's validation nodes: when boosters and networks stop, and
    how much the networks weigh. Test labels are read once, to judge. ``kinds`` are networks
    of the family, none for boosters alone.
    """
    say = progress or (lambda _: None)
    chosen = choose_device(device)
    say("columns from the graph")
    columns = Columns.of(task)
    x = columns.for_networks()
    found: list[dict[str, dict[str, float]]] = []
    for number, split in enumerate(task.splits[:splits]):
        members = _fit_split(
            task, columns, x, split, kinds=kinds, settings=settings, seed=seed, device=chosen
        )
        found.append(members)
        tested = ", ".join(f"{name} {one['test']:.4f}" for name, one in members.items())
        say(f"split {number + 1}: {tested}")
    return {
        variant: {
            part: {
                "mean": round(float(np.mean([f[variant][part] for f in found])), 5),
                "deviation": round(float(np.std([f[variant][part] for f in found], ddof=1)), 5)
                if len(found) > 1
                else None,
                "each": [round(f[variant][part], 5) for f in found],
            }
            for part in ("validation", "test")
        }
        for variant in found[0]
    }


def _fit_split(
    task: NodeTask,
    columns: Columns,
    x: torch.Tensor,
    split: Split,
    *,
    kinds: tuple[str, ...],
    settings: Callable[[str], Settings],
    seed: int,
    device: torch.device,
) -> dict[str, dict[str, float]]:
    rates = label_rates(task.rows, task.labels, split.training)
    plain = np.column_stack([columns.around, columns.place])
    tables = {
        "own columns": task.x,
        "and surroundings": columns.around,
        "and positions": plain,
        "and neighbours' labels": np.column_stack([plain, rates]),
    }
    margins = {
        name: _boost(table, task.labels, split, seed, BOOSTERS if "labels" in name else 1)
        for name, table in tables.items()
    }
    heard = []
    for kind in kinds:
        network, _ = fit_nodes(
            task.rows, x, task.labels, split, settings(kind), seed=seed, device=device
        )
        known = visible(task.labels, split.training)
        heard.append(run_nodes(network, task.rows, x, known, device))
        margins[f"network: {kind}"] = heard[-1]
    if heard:
        trees, nets = _level(margins["and neighbours' labels"]), _level(np.mean(heard, axis=0))
        mixes = [(1 - w) * trees + w * nets for w in WEIGHTS]
        margins["whole"] = max(mixes, key=lambda m: _auc(task.labels, m, split.checking))
    return {
        name: {
            "validation": _auc(task.labels, margin, split.checking),
            "test": _auc(task.labels, margin, split.judging),
        }
        for name, margin in margins.items()
    }


def _boost(table: Numbers, labels: Flags, split: Split, seed: int, number: int) -> Numbers:
    y = labels.astype(np.float64)
    margins = []
    for k in range(number):
        params = {**BOOSTER, "seed": seed + k}
        data = lgb.Dataset(table[split.training], y[split.training], params=params)
        check = lgb.Dataset(table[split.checking], y[split.checking], reference=data, params=params)
        stop = lgb.early_stopping(PATIENCE, verbose=False)
        booster = lgb.train(params, data, ROUNDS, valid_sets=[check], callbacks=[stop])
        margins.append(raw(booster, table))
    return np.asarray(np.mean(margins, axis=0))


def _level(margin: Numbers) -> Numbers:
    return np.asarray((margin - margin.mean()) / margin.std())


def _auc(labels: Flags, margin: Numbers, rows: Flags) -> float:
    return float(roc_auc_score(labels[rows], margin[rows]))


def _refusal(path: Path, why: str) -> SentinelError:
    return SentinelError(
        f"no task with fixed splits and two classes: {why}",
        where=str(path),
        cure="Give an .npz of the heterophilous graphs with two classes, such as tolokers.npz.",
    )
