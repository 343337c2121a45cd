"""Networks over one kind of node for graphs whose neighbours often differ (heterophily).

Each step keeps a node's own channel apart from its neighbours' (Zhu et al. 2020; Platonov et
al. 2023 call it "-sep") and adds to it (a residual). What differs is how neighbours speak:

- ``sage``: their mean (GraphSAGE, Hamilton et al. 2017);
- ``attention``: weighted by GATv2 (Brody et al. 2022);
- ``partition``: fraudulent, honest and unlabelled neighbours through three linear maps, as
  partitioned message passing does (Zhuo et al. 2024): a node may be next to the other class
  and the network can read that as a sign instead of averaging it away.

``partition`` reads training labels of neighbours, never a node's own (``node_training``).
The wavelets of BWGNN (Tang et al. 2022) are in ``aggregates``: they have no weights, so they
are columns. None of these papers was read for this code beyond its idea: ``unverified``.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch_geometric.nn import GATv2Conv

from graph_models.csr import Hop
from graph_models.network import MeanSAGE

KINDS: Final = ("sage", "attention", "partition")
UNKNOWN, HONEST, FRAUD = 0, 1, 2
"""What a network may know of a node's label."""
HEADS: Final = 4


class Partition(nn.Module):
    """Sum over label groups of W_g (sum of the group's neighbours) / number of all neighbours.

    Dividing by all neighbours keeps the share of each group visible, which a mean a group
    would hide; a constant 1 behind each message carries the share itself.
    """

    def __init__(self, width: int) -> None:
        """``width`` columns in and out."""
        super().__init__()
        self.own = nn.Linear(width, width)
        self.groups = nn.ModuleList(nn.Linear(width + 1, width, bias=False) for _ in range(3))

    def forward(self, x: tuple[Tensor, Tensor], hop: Hop, known: Tensor) -> Tensor:
        """``known`` is the visible label of each source (UNKNOWN, HONEST, FRAUD)."""
        source, own = x
        one = torch.ones(len(source), 1, device=source.device)
        message = torch.cat([source, one], dim=1)
        apart = [message * (known == g).to(message)[:, None] for g in range(3)]
        mean = hop.relation(source.device).mean(torch.cat(apart, dim=1)).chunk(3, dim=1)
        result: Tensor = self.own(own)
        for transform, part in zip(self.groups, mean, strict=True):
            result = result + transform(part)
        return result


class Step(nn.Module):
    """x + W relu(own and neighbours of norm(x)): one residual step."""

    def __init__(self, kind: str, width: int, dropout: float) -> None:
        """``kind`` is one of ``KINDS``."""
        super().__init__()
        self.kind = kind
        self.norm = nn.LayerNorm(width)
        self.message: nn.Module
        if kind == "sage":
            self.message = MeanSAGE((width, width), width)
        elif kind == "attention":
            self.message = GATv2Conv(
                (width, width), width // HEADS, heads=HEADS, add_self_loops=False
            )
            self.own = nn.Linear(width, width)
        elif kind == "partition":
            self.message = Partition(width)
        else:
            raise ValueError(f"no network of kind {kind!r}: take one of {KINDS}")
        self.out = nn.Sequential(
            nn.GELU(), nn.Dropout(dropout), nn.Linear(width, width), nn.Dropout(dropout)
        )

    def forward(self, x: Tensor, hop: Hop, known: Tensor) -> Tensor:
        """(sources, width) -> (targets, width)."""
        normal = self.norm(x)
        pair = (normal, normal[: hop.targets])
        if self.kind == "sage":
            heard: Tensor = self.message(pair, hop.relation(x.device))
        elif self.kind == "attention":
            heard = self.own(pair[1]) + self.message(pair, hop.edges.to(x.device))
        else:
            heard = self.message(pair, hop, known)
        return x[: hop.targets] + self.out(heard)  # type: ignore[no-any-return]


class NodeNetwork(nn.Module):
    """Columns of a node and what its neighbours say -> log-odds."""

    def __init__(self, kind: str, columns: int, *, width: int, steps: int, dropout: float) -> None:
        """``columns`` numbers a node; ``width`` of each layer, a multiple of ``HEADS``."""
        super().__init__()
        self.encode = nn.Sequential(nn.Linear(columns, width), nn.GELU(), nn.Dropout(dropout))
        self.steps = nn.ModuleList(Step(kind, width, dropout) for _ in range(steps))
        self.judge = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 1))

    def forward(self, x: Tensor, hops: list[Hop], known: Tensor) -> Tensor:
        """Log-odds of the targets of the last hop; ``x`` and ``known`` are of the first's sources."""
        x = self.encode(x)
        for step, hop in zip(self.steps, hops, strict=True):
            x = step(x, hop, known[: hop.sources])
        return self.judge(x).squeeze(1)  # type: ignore[no-any-return]
