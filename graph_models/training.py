"""Train the graph network, out of fold: nobody's own label shapes their own output."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch_geometric.data import HeteroData

from graph_models.network import NUMBERED, Network, Relations, prepare

EPOCHS = 60
PATIENCE = 8
LEARNING_RATE = 0.01
WEIGHT_DECAY = 1e-3
INNER_SHARE = 0.15
"""Part of the training providers that decides when to stop, never trained on."""
CLIP = 5.0
"""Standardised inputs are cut here, so that one odd value cannot rule a layer."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """Mean and spread of each column of each node kind, learned without labels."""

    mean: dict[str, Tensor]
    spread: dict[str, Tensor]

    @classmethod
    def fit(cls, data: HeteroData) -> Scaling:
        """From a graph; a column that is constant or never known is switched off."""
        mean, spread = {}, {}
        for kind in NUMBERED:
            m, s = moments(data[kind].x.double().numpy())
            mean[kind] = torch.from_numpy(m).float()
            spread[kind] = torch.from_numpy(s).float()
        return cls(mean, spread)

    def apply(self, data: HeteroData) -> HeteroData:
        """A copy of the graph with standard inputs, each with a flag "known" behind it."""
        scaled = copy.copy(data)
        for kind in NUMBERED:
            raw = data[kind].x
            x = (raw - self.mean[kind]) / self.spread[kind]
            known = (~raw.isnan()).float()
            scaled[kind].x = torch.cat([x.nan_to_num(0.0).clamp(-CLIP, CLIP), known], dim=1)
        return scaled

    def widths(self) -> dict[str, int]:
        """Columns of each node kind after ``apply``."""
        return {k: 2 * len(self.mean[k]) for k in NUMBERED}


def moments(x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and spread of each column over what is known; infinite for one that is constant or never known."""
    known = ~np.isnan(x)
    n = np.maximum(known.sum(0), 1)
    mean = np.where(known, x, 0).sum(0) / n
    spread = np.sqrt(np.where(known, (x - mean) ** 2, 0).sum(0) / n)
    return mean, np.where(spread > 1e-6, spread, np.inf)


@contextmanager
def few_threads() -> Iterator[None]:
    """Leave half of the processor to others while PyTorch works.

    On a small shared machine more threads wait for each other: measured on 2 cores
    beside another process, two threads were ten times slower than one.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(max(1, min(before, (os.cpu_count() or 1) // 2)))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def choose_device(device: str) -> torch.device:
    """``auto`` takes CUDA if there is one; anything else is passed to PyTorch."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(device)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A standardised graph on a device, with its relations."""

    data: HeteroData
    relations: Relations
    device: torch.device

    @classmethod
    def of(cls, data: HeteroData, scaling: Scaling, device: torch.device) -> Prepared:
        """Scale the raw graph and move it."""
        scaled = scaling.apply(data)
        return cls(scaled.to(device), prepare(data, device), device)


def split_folds(labels: NDArray[np.bool_], folds: int, seed: int) -> NDArray[np.int64]:
    """A fold number for each row; each fold has its share of both classes."""
    rng = np.random.default_rng(seed)
    fold = np.empty(len(labels), dtype=np.int64)
    for value in (True, False):
        rows = np.flatnonzero(labels == value)
        fold[rng.permutation(rows)] = np.arange(len(rows)) % folds
    return fold


def fit_network(
    graph: Prepared,
    widths: dict[str, int],
    rows: NDArray[np.int64],
    labels: NDArray[np.bool_],
    *,
    seed: int,
    weight: NDArray[np.float64] | None = None,
) -> Network:
    """One network from the labels of ``rows`` (numbers of provider nodes) alone.

    ``weight`` is how much each label counts (1).

    Stops when the loss on an inner part of ``rows`` stops falling and returns the
    weights of its best epoch.
    """
    with (
        few_threads(),
        torch.random.fork_rng(devices=[graph.device] if graph.device.type == "cuda" else []),
    ):
        torch.manual_seed(seed)
        inner = split_folds(labels, max(2, round(1 / INNER_SHARE)), seed) == 0
        network = Network(widths).to(graph.device)
        optimiser = torch.optim.AdamW(
            network.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY
        )
        at = torch.from_numpy(rows).to(graph.device)
        y = torch.from_numpy(labels.astype(np.float32)).to(graph.device)
        held = torch.from_numpy(inner).to(graph.device)
        share = np.ones(len(rows)) if weight is None else weight
        w = torch.from_numpy(share.astype(np.float32)).to(graph.device)
        loss_fit, loss_held = nn.BCEWithLogitsLoss(w[~held]), nn.BCEWithLogitsLoss(w[held])
        best, best_state, waited = float("inf"), copy.deepcopy(network.state_dict()), 0
        for _ in range(EPOCHS):
            network.train()
            optimiser.zero_grad()
            loss_fit(network(graph.data, graph.relations)[at][~held], y[~held]).backward()
            optimiser.step()
            network.eval()
            with torch.no_grad():
                margin = network(graph.data, graph.relations)[at][held]
                loss = float(loss_held(margin, y[held]))
            if loss < best - 1e-4:
                best, best_state, waited = loss, copy.deepcopy(network.state_dict()), 0
            else:
                waited += 1
                if waited >= PATIENCE:
                    break
        network.load_state_dict(best_state)
        return network.eval()


def run_networks(networks: list[Network], graph: Prepared) -> NDArray[np.float64]:
    """Mean log-odds of the networks for every provider node."""
    with few_threads(), torch.no_grad():
        each = [n.eval()(graph.data, graph.relations).double() for n in networks]
    return np.asarray(torch.stack(each).mean(0).cpu().numpy())


def fit_out_of_fold(
    graph: Prepared,
    widths: dict[str, int],
    rows: NDArray[np.int64],
    labels: NDArray[np.bool_],
    fold: NDArray[np.int64],
    *,
    seed: int,
    weight: NDArray[np.float64] | None = None,
    progress: Callable[[str], None] | None = None,
) -> tuple[list[Network], NDArray[np.float64]]:
    """A network a fold, and the log-odds of every provider node.

    A labelled provider's output comes from the network that never saw its label; every
    other provider's is the mean of all networks.
    """
    networks = []
    for k in range(int(fold.max()) + 1):
        if progress is not None:
            progress(f"graph network, fold {k + 1} of {int(fold.max()) + 1}")
        inside = fold != k
        networks.append(
            fit_network(
                graph,
                widths,
                rows[inside],
                labels[inside],
                seed=seed + k,
                weight=None if weight is None else weight[inside],
            )
        )
    alone = [run_networks([n], graph) for n in networks]
    margin = np.mean(alone, axis=0)
    for k, one in enumerate(alone):
        margin[rows[fold == k]] = one[rows[fold == k]]
    return networks, margin
