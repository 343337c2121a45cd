"""The graph neural network: GraphSAGE over claims, people and codes, one output a provider."""

from __future__ import annotations

import warnings
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch_geometric.data import HeteroData
from torch_geometric.nn import HeteroConv, SAGEConv

from graph_models.graph import BUCKETS, RELATIONS

HIDDEN: Final = 32
"""Width of every layer: small, because a few hundred labels must train it. Not tuned."""
CODE_WIDTH: Final = 16
TYPICAL_SIZE: Final = 3.0
"""log(1 + 19): brings the size of a usual provider near 1. A constant, not the graph's own
mean, so that a part of the graph gives the same output as the whole."""
DROPOUT: Final = 0.3
NUMBERED: Final = ("provider", "patient", "physician", "claim")
"""Node kinds that carry numbers."""
CODED: Final = ("diagnosis", "procedure")
"""Node kinds that carry a learned vector."""


class _SparseMean(torch.autograd.Function):
    """Mean over neighbours as one sparse product, forward and backward.

    Gather and scatter cost about eighty times as much on a CPU, and on a GPU their
    atomic adds make two runs differ.
    """

    @staticmethod
    def forward(ctx: Any, matrix: Tensor, transposed: Tensor, x: Tensor) -> Tensor:
        ctx.transposed = transposed
        return matrix @ x

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, None, Tensor]:
        return None, None, ctx.transposed @ gradient.contiguous()


class Relation:
    """One kind of edge, ready to average the source nodes of each target node."""

    def __init__(self, edges: Tensor, sources: int, targets: int, device: torch.device) -> None:
        """``edges`` is (2, n) of source and target numbers; targets without edges get 0."""
        source, target = edges
        count = torch.bincount(target, minlength=targets)
        degree = count.clamp(min=1)
        self.size = (count.to(torch.float32).log1p() / TYPICAL_SIZE)[:, None].to(device)
        weight = (1.0 / degree)[target].to(torch.float32)
        self._matrix = _csr(target, source, weight, (targets, sources)).to(device)
        self._transposed = _csr(source, target, weight, (sources, targets)).to(device)

    def mean(self, x: Tensor) -> Tensor:
        """(sources, width) -> (targets, width)."""
        return _SparseMean.apply(self._matrix, self._transposed, x)  # type: ignore[no-any-return]


def _csr(rows: Tensor, columns: Tensor, values: Tensor, size: tuple[int, int]) -> Tensor:
    order = torch.argsort(rows * size[1] + columns)
    starts = torch.zeros(size[0] + 1, dtype=torch.int64)
    starts[1:] = torch.cumsum(torch.bincount(rows, minlength=size[0]), 0)
    with warnings.catch_warnings():
        # PyTorch calls its CSR layout beta; products with dense matrices are all we use.
        warnings.simplefilter("ignore", UserWarning)
        return torch.sparse_csr_tensor(
            starts, columns[order], values[order], size, check_invariants=False
        )


class MeanSAGE(SAGEConv):  # type: ignore[misc]
    """PyG's SAGEConv (mean aggregation) over a prepared ``Relation``."""

    def forward(self, x: tuple[Tensor, Tensor], edge_index: Relation) -> Tensor:
        """W1 mean(neighbours) + W2 own, as in Hamilton et al. (2017)."""
        return self.lin_l(edge_index.mean(x[0])) + self.lin_r(x[1])  # type: ignore[no-any-return]


class SizedSAGE(MeanSAGE):
    """SAGE that also sees the mean scaled by log(1 + number of neighbours).

    A plain mean hides how much there is; the scaler is the amplifying one of principal
    neighbourhood aggregation (Corso et al. 2020; ``unverified`` against the paper).
    """

    def __init__(self, width: int, hidden: int) -> None:
        """From ``width`` columns to ``hidden``."""
        super().__init__((width, width), hidden)
        self.lin_sized = nn.Linear(width, hidden, bias=False)

    def forward(self, x: tuple[Tensor, Tensor], edge_index: Relation) -> Tensor:
        """W1 mean + W3 size * mean + W2 own."""
        mean = edge_index.mean(x[0])
        sized: Tensor = self.lin_sized(mean * edge_index.size)
        return sized + self.lin_l(mean) + self.lin_r(x[1])  # type: ignore[no-any-return]


Relations = dict[tuple[str, str, str], Relation]


def prepare(data: HeteroData, device: torch.device) -> Relations:
    """The edges of a graph in both directions, on the device."""
    made: Relations = {}
    for source, name, target in RELATIONS:
        edges = data[source, name, target].edge_index
        n, m = data[source].num_nodes, data[target].num_nodes
        made[source, name, target] = Relation(edges, n, m, device)
        if source not in CODED:
            made[target, f"rev_{name}", source] = Relation(edges.flip(0), m, n, device)
    return made


class Network(nn.Module):
    """Codes -> claims -> patients and physicians -> claims -> providers."""

    def __init__(self, widths: dict[str, int], *, hidden: int = HIDDEN) -> None:
        """``widths`` is the number of columns of each numbered node kind."""
        super().__init__()
        self.encode = nn.ModuleDict({k: nn.Linear(widths[k], hidden) for k in NUMBERED})
        self.codes = nn.ModuleDict({k: nn.Embedding(BUCKETS, CODE_WIDTH) for k in CODED})
        with warnings.catch_warnings():
            # PyG warns of node kinds that a layer does not update. Here a layer is one
            # step of the path above, and the others keep what they have.
            warnings.simplefilter("ignore", UserWarning)
            on_claim = {k: MeanSAGE((CODE_WIDTH, hidden), hidden) for k in CODED}
            self.read = HeteroConv({(k, "is_on", "claim"): c for k, c in on_claim.items()})
            self.gather = HeteroConv(
                {
                    ("claim", "rev_has", "patient"): MeanSAGE(hidden, hidden),
                    ("claim", "rev_signs", "physician"): MeanSAGE(hidden, hidden),
                }
            )
            self.spread = HeteroConv(
                {
                    ("patient", "has", "claim"): MeanSAGE(hidden, hidden),
                    ("physician", "signs", "claim"): MeanSAGE(hidden, hidden),
                }
            )
            self.judge = HeteroConv({("claim", "rev_bills", "provider"): SizedSAGE(hidden, hidden)})
        self.out = nn.Sequential(
            nn.Dropout(DROPOUT), nn.Linear(2 * hidden, hidden), nn.ReLU(), nn.Dropout(DROPOUT),
            nn.Linear(hidden, 1),
        )  # fmt: skip

    def forward(self, data: HeteroData, relations: Relations) -> Tensor:
        """Log-odds of fraud of each provider node, shape (providers,)."""
        x: dict[str, Tensor] = {k: torch.relu(self.encode[k](data[k].x)) for k in NUMBERED}
        x |= {k: table(data[k].bucket) for k, table in self.codes.items()}
        own = x["provider"]
        for layer in (self.read, self.gather, self.spread, self.judge):
            x |= {k: torch.relu(v) for k, v in layer(x, relations).items()}
        return self.out(torch.cat([own, x["provider"]], dim=1)).squeeze(1)  # type: ignore[no-any-return]
