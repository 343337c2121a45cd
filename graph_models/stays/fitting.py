"""Learning from stays in the order of time: whatever judges a stay has learned from earlier ones."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import lightgbm as lgb
import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score
from torch import Tensor, nn

from graph_models.head import snap
from graph_models.stays.ground import UNKNOWN, Graph, Known
from graph_models.stays.network import KINDS, Guess, Heard, StayNetwork
from graph_models.stays.reading import RELATIONS, Stays
from graph_models.training import few_threads

Numbers = NDArray[np.float64]
Codes = NDArray[np.int64]
Flags = NDArray[np.bool_]
Progress = Callable[[str], None]

BLOCKS: Final = 4
"""Parts of the time of training with about as many labelled stays each."""
EPOCHS: Final = 80
PATIENCE: Final = 10
PRETRAIN_EPOCHS: Final = 30
LEARNING_RATE: Final = 0.01
WEIGHT_DECAY: Final = 1e-3
FEWEST: Final = 2
"""Fewer known frauds teach nothing."""
CHECKED: Final = 0.2
"""The last part of the stays that a network learns from decides when it stops."""


@dataclass(frozen=True, slots=True)
class Learnt:
    """A network that has learned without labels, and what it guesses with."""

    network: StayNetwork
    guess: Guess


def pretrain(
    graph: Graph, x: Tensor, inside: Flags, *, kind: str, seed: int, epochs: int = PRETRAIN_EPOCHS
) -> Learnt:
    """Learn, without any label, what the stays ``inside`` tell of those that come after them.

    Two tasks: a stay's own numbers from what it hears alone, and whether it belongs to what it
    hears or to what another stay does, relation by relation.
    """
    with few_threads(), torch.random.fork_rng(devices=_forked(x)):
        torch.manual_seed(seed)
        generator = torch.Generator().manual_seed(seed)
        network = StayNetwork(kind, x.shape[1]).to(x.device)
        guess = Guess(x.shape[1]).to(x.device)
        parameters = [*network.parameters(), *guess.parameters()]
        optimiser = torch.optim.AdamW(parameters, LEARNING_RATE, weight_decay=WEIGHT_DECAY)
        here = torch.from_numpy(inside).to(x.device)
        rows = torch.nonzero(here)[:, 0]
        for _ in range(epochs):
            network.train()
            guess.train()
            optimiser.zero_grad()
            order = torch.arange(len(x), device=x.device)
            order[rows] = rows[torch.randperm(len(rows), generator=generator).to(x.device)]
            said = network(x, graph)[1]
            loss = _numbers_loss(guess(network, said, graph), x)[rows].mean()
            for fit, misfit, count in guess.fits(network, x, said, graph, order).values():
                some = (count > 0) & (count[order] > 0) & here
                if some.any():
                    loss = loss + (
                        nn.functional.softplus(-fit[some]) + nn.functional.softplus(misfit[some])
                    ).mean() / len(guess.match)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        return Learnt(network.eval(), guess.eval())


def surprise(learnt: Learnt, heard: Heard, x: Tensor, said: Sequence[Tensor]) -> Numbers:
    """(stays, 1 + relations): how far own numbers are from the guess, and how ill a stay fits each company.

    ``x`` are the numbers now, ``said`` what the network that learned without labels made all stays
    say at their own time (``run``). NaN where a stay has no such company. Nothing of a label.
    """
    with few_threads(), torch.no_grad():
        off = _numbers_loss(learnt.guess(learnt.network, said, heard), x)
        made = np.full((len(x), 1 + len(RELATIONS)), np.nan)
        made[:, 0] = off.double().cpu().numpy()
        fits = learnt.guess.fits(learnt.network, x, said, heard)
        for column, relation in enumerate(RELATIONS, start=1):
            if relation in fits:
                fit, _, count = fits[relation]
                there = count.cpu().numpy() > 0
                made[:, column] = np.where(there, -fit.double().cpu().numpy(), np.nan)
    return made


def fit_network(
    graph: Graph,
    x: Tensor,
    inside: Flags,
    *,
    kind: str,
    seed: int,
    start: StayNetwork | None = None,
) -> StayNetwork:
    """A network from the labelled stays ``inside``, stopped by the last of them in time.

    ``start`` is one that has learned without labels.
    """
    label = graph.known.label
    rows = np.flatnonzero(inside & (label != UNKNOWN))
    cut = int((1 - CHECKED) * len(rows))
    learn, check = rows[:cut], rows[cut:]
    if not (label[check] == 1).any() or not (label[learn] == 1).any():
        learn = check = rows
    with few_threads(), torch.random.fork_rng(devices=_forked(x)):
        torch.manual_seed(seed)
        network = StayNetwork(kind, x.shape[1]).to(x.device)
        if start is not None:
            network.load_state_dict(start.state_dict())
        optimiser = torch.optim.AdamW(
            network.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY
        )
        at = torch.from_numpy(learn).to(x.device)
        y = torch.from_numpy((label[learn] == 1).astype(np.float32)).to(x.device)
        loss_of = nn.BCEWithLogitsLoss()
        best, state, waited = -1.0, copy.deepcopy(network.state_dict()), 0
        for _ in range(EPOCHS):
            network.train()
            optimiser.zero_grad()
            loss_of(network(x, graph)[0][at], y).backward()
            optimiser.step()
            margin = run(network, graph, x)[0]
            quality = float(average_precision_score(label[check] == 1, margin[check]))
            if quality > best + 1e-4:
                best, state, waited = quality, copy.deepcopy(network.state_dict()), 0
            else:
                waited += 1
                if waited >= PATIENCE:
                    break
        network.load_state_dict(state)
        return network.eval()


def run(
    network: StayNetwork, graph: Graph, x: Tensor, frozen: list[Tensor] | None = None
) -> tuple[Numbers, list[Tensor]]:
    """Log-odds of each stay, and what it says at each step."""
    network.eval()
    with few_threads(), torch.no_grad():
        margin, said = network(x, graph, frozen)
    return margin.double().cpu().numpy(), said


def divide(stays: Stays, known: Known) -> Codes:
    """The block of time of each stay: with about as many labelled stays each, whole days together."""
    labelled = np.sort(stays.known[known.label != UNKNOWN])
    if not len(labelled):
        return np.zeros(len(stays), dtype=np.int64)
    cuts = labelled[[len(labelled) * k // BLOCKS for k in range(1, BLOCKS)]]
    return np.searchsorted(cuts, stays.known, side="right").astype(np.int64)


@dataclass(frozen=True, slots=True)
class Chain:
    """Log-odds of each stay from a network that learned from earlier blocks alone, NaN in the first.

    ``then``: as the stay was when it came; ``again``: as all others are known at the end. ``quality``
    is the mean average precision of ``again`` over the blocks that have both kinds.
    """

    then: Numbers
    again: Numbers
    quality: float


def forward_chain(
    graph: Graph,
    x: Tensor,
    block: Codes,
    late: tuple[Graph, Tensor],
    *,
    kind: str,
    seed: int,
    start: StayNetwork | None,
) -> Chain:
    """Judge each block of time by what was learned before it.

    A label counts from the day on which it was known.
    """
    margin, again = np.full(len(x), np.nan), np.full(len(x), np.nan)
    quality = []
    label = graph.known.label
    for k in range(1, int(block.max()) + 1):
        here = block == k
        # What judges a block knows no label of it, nor hears of any: rings that nobody has found yet.
        first = int(graph.stays.known[here].min())
        then, at_end = (g.knowing(graph.known.before(first)) for g in (graph, late[0]))
        inside = block < k
        if (then.known.label[inside] == 1).sum() < FEWEST:
            continue
        learned = int(np.flatnonzero(inside).max()) + 1
        network = fit_network(
            then.head(learned), x[:learned], inside[:learned], kind=kind, seed=seed + k, start=start
        )
        now, said = run(network, then, x)
        margin[here] = now[here]
        again[here] = run(network, at_end, late[1], said)[0][here]
        judged = here & (label != UNKNOWN)
        if 0 < (label[judged] == 1).sum() < judged.sum():
            quality.append(float(average_precision_score(label[judged] == 1, again[judged])))
    return Chain(margin, again, float(np.mean(quality)) if quality else 0.0)


def choose(
    then: tuple[Graph, Tensor],
    late: tuple[Graph, Tensor],
    block: Codes,
    *,
    seed: int,
    start: Mapping[str, StayNetwork],
    progress: Progress | None = None,
) -> tuple[str, Chain, dict[str, float]]:
    """The kind of network that judges later blocks best, what it says, and how good each kind is."""
    found = {}
    for kind in KINDS:
        if progress is not None:
            progress(f"network of stays: {kind}, block by block")
        found[kind] = forward_chain(*then, block, late, kind=kind, seed=seed, start=start.get(kind))
    best = max(KINDS, key=lambda k: found[k].quality)
    return best, found[best], {k: round(v.quality, 4) for k, v in found.items()}


def fit_trees(x: Numbers, y: Flags, *, seed: int) -> lgb.Booster:
    """A booster for thousands of stays, the same bytes for the same input and seed."""
    params = {
        "objective": "binary",
        "learning_rate": 0.03,
        "num_leaves": 7,
        "min_data_in_leaf": max(2, min(20, len(x) // 50)),
        "feature_fraction": 0.3,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "lambda_l2": 5.0,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbose": -1,
    }
    data = lgb.Dataset(snap(x), label=y.astype(np.float64), params=params)
    return lgb.train(params, data, num_boost_round=300)


def _numbers_loss(guessed: Tensor, x: Tensor) -> Tensor:
    """Mean squared error of each stay over its known numbers; the flags "known" are guessed too."""
    half = x.shape[1] // 2
    flags = x[:, half:]
    weight = torch.cat([flags, torch.full_like(flags, 0.2)], dim=1)
    return ((guessed - x) ** 2 * weight).sum(1) / weight.sum(1)


def _forked(x: Tensor) -> list[torch.device]:
    return [x.device] if x.device.type == "cuda" else []
