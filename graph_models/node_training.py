"""Train a network of the family on sampled mini-batches; a node's own label never reaches it."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

from graph_models.csr import Hop, Rows, sample_hops, whole
from graph_models.family import FRAUD, HONEST, UNKNOWN, NodeNetwork
from graph_models.training import few_threads

Flags = NDArray[np.bool_]
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Split:
    """Which nodes train, choose and judge; no node is in two."""

    training: Flags
    checking: Flags
    judging: Flags


@dataclass(frozen=True, slots=True)
class Settings:
    """How a network is made and trained; ``most`` has a limit of neighbours for each step."""

    kind: str
    width: int = 64
    most: tuple[int, ...] = (15, 10)
    dropout: float = 0.5
    batch: int = 1024
    epochs: int = 60
    patience: int = 12
    learning_rate: float = 3e-3
    weight_decay: float = 1e-3


def visible(labels: Flags, training: Flags, hidden: Tensor | None = None) -> Tensor:
    """What each node's neighbours may know of it: its training label, unless it is ``hidden``."""
    state = torch.full((len(labels),), UNKNOWN, dtype=torch.int64)
    state[torch.from_numpy(training & labels)] = FRAUD
    state[torch.from_numpy(training & ~labels)] = HONEST
    if hidden is not None:
        state[hidden] = UNKNOWN
    return state


def fit_nodes(
    rows: Rows,
    x: Tensor,
    labels: Flags,
    split: Split,
    settings: Settings,
    *,
    seed: int,
    device: torch.device,
) -> tuple[NodeNetwork, float]:
    """A network from the labels of the training nodes, stopped by ROC-AUC on the checking ones.

    Also returns that ROC-AUC. In each batch the targets' labels are hidden from everything,
    the other training labels are visible to their neighbours; no other label ever is.
    """
    training, checking = split.training, split.checking
    fork = [device] if device.type == "cuda" else []
    with few_threads(), torch.random.fork_rng(devices=fork):
        torch.manual_seed(seed)
        generator = torch.Generator().manual_seed(seed)
        network = NodeNetwork(
            settings.kind, x.shape[1], width=settings.width, steps=len(settings.most),
            dropout=settings.dropout,
        ).to(device)  # fmt: skip
        optimiser = torch.optim.AdamW(
            network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay
        )
        own = torch.from_numpy(np.flatnonzero(training))
        y = torch.from_numpy(labels.astype(np.float32))
        loss_of = nn.BCEWithLogitsLoss()
        everything, learnt = whole(rows, len(settings.most)), visible(labels, training)
        best, best_state, waited = -1.0, copy.deepcopy(network.state_dict()), 0
        for _ in range(settings.epochs):
            network.train()
            shuffled = own[torch.randperm(len(own), generator=generator)]
            for seeds in torch.split(shuffled, settings.batch):
                nodes, hops = sample_hops(rows, seeds, settings.most, generator)
                known = visible(labels, training, seeds)[nodes].to(device)
                optimiser.zero_grad()
                margin = network(x[nodes].to(device), hops, known)
                loss_of(margin, y[seeds].to(device)).backward()
                optimiser.step()
            margin = _run(network, everything, x, learnt, device)
            quality = float(roc_auc_score(labels[checking], margin[checking]))
            if quality > best + 1e-4:
                best, best_state, waited = quality, copy.deepcopy(network.state_dict()), 0
            else:
                waited += 1
                if waited >= settings.patience:
                    break
        network.load_state_dict(best_state)
        return network.eval(), best


def run_nodes(
    network: NodeNetwork, rows: Rows, x: Tensor, known: Tensor, device: torch.device
) -> Numbers:
    """Log-odds of every node, from all its neighbours."""
    with few_threads():
        return _run(network, whole(rows, len(network.steps)), x, known, device)


def _run(
    network: NodeNetwork,
    everything: tuple[Tensor, list[Hop]],
    x: Tensor,
    known: Tensor,
    device: torch.device,
) -> Numbers:
    network.eval()
    with torch.no_grad():
        margin = network(x.to(device), everything[1], known.to(device))
    return np.asarray(margin.double().cpu().numpy())
