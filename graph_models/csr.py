"""A graph of one kind of node as compressed rows, and sampled parts of it, without ``pyg-lib``."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from graph_models.network import Relation


@dataclass(frozen=True, slots=True)
class Rows:
    """Who is next to whom: the neighbours of node i are ``near[start[i]:start[i + 1]]``.

    Both int64, on the CPU; ``near`` is sorted within a row. Either may view a memory-mapped
    file: sampling reads the rows of its nodes alone, so a graph larger than memory trains.
    """

    start: Tensor
    near: Tensor

    @classmethod
    def of(cls, edges: Tensor, nodes: int) -> Rows:
        """From (2, n) pairs: each edge in both directions, once, without loops."""
        both = torch.cat([edges, edges.flip(0)], dim=1)
        both = both[:, both[0] != both[1]]
        key = torch.unique(both[0] * nodes + both[1])
        row = key // nodes
        start = torch.zeros(nodes + 1, dtype=torch.int64)
        start[1:] = torch.cumsum(torch.bincount(row, minlength=nodes), 0)
        return cls(start, key % nodes)

    def __len__(self) -> int:
        return len(self.start) - 1

    @property
    def degree(self) -> Tensor:
        """Number of neighbours of each node."""
        return self.start[1:] - self.start[:-1]

    def edges(self) -> Tensor:
        """(2, n): neighbour -> node, sorted by node."""
        target = torch.repeat_interleave(torch.arange(len(self)), self.degree)
        return torch.stack([self.near, target])

    def sample(self, nodes: Tensor, most: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """At most ``most`` different neighbours of each node: their numbers, and how many each has.

        A node with d > ``most`` neighbours gives those at positions floor((u + k) d / most),
        k = 0, 1, ..., for one u in [0, 1) a node: no neighbour twice, every one with the
        same chance, so that the mean over the sample is an unbiased mean over all.
        """
        first = self.start[nodes]
        degree = self.start[nodes + 1] - first
        count = degree.clamp(max=most)
        total = int(count.sum())
        begin = torch.cumsum(count, 0) - count
        position = torch.arange(total) - torch.repeat_interleave(begin, count)
        # float64 holds positions exactly up to 2^53 neighbours; float32 would repeat some.
        draw = torch.rand(len(nodes), generator=generator, dtype=torch.float64)
        step = degree.double() / count.clamp(min=1)
        at = torch.where(
            torch.repeat_interleave(degree > most, count),
            (
                (position + torch.repeat_interleave(draw, count))
                * torch.repeat_interleave(step, count)
            ).long(),
            position,
        )
        at = torch.minimum(at, torch.repeat_interleave(degree, count) - 1)
        return self.near[torch.repeat_interleave(first, count) + at], count


@dataclass(frozen=True, slots=True)
class Hop:
    """One step of messages: from ``sources`` nodes to the first ``targets`` of them.

    ``edges`` is (2, n) of positions (source, target), sorted by target, on the CPU.
    """

    edges: Tensor
    sources: int
    targets: int
    _made: dict[torch.device, Relation] = field(default_factory=dict, repr=False)

    def relation(self, device: torch.device) -> Relation:
        """The step as a sparse mean on the device; made when first asked for."""
        if device not in self._made:
            self._made[device] = Relation(self.edges, self.sources, self.targets, device)
        return self._made[device]


def sample_hops(
    rows: Rows, seeds: Tensor, most: tuple[int, ...], generator: torch.Generator
) -> tuple[Tensor, list[Hop]]:
    """The nodes that ``seeds`` hear of through ``len(most)`` sampled steps, and the steps in order.

    The first nodes are the seeds (which must differ), so that each step's targets are the
    first of its sources. ``most`` counts neighbours a node: of the last step first.
    """
    nodes, hops = seeds, []
    place = torch.full((len(rows),), -1, dtype=torch.int64)
    for limit in most:
        near, count = rows.sample(nodes, limit, generator)
        targets = len(nodes)
        place[nodes] = torch.arange(targets)
        new = torch.unique(near[place[near] < 0])
        place[new] = torch.arange(targets, targets + len(new))
        nodes = torch.cat([nodes, new])
        target = torch.repeat_interleave(torch.arange(targets), count)
        hops.append(Hop(torch.stack([place[near], target]), len(nodes), targets))
        place[nodes] = -1
    return nodes, hops[::-1]


def whole(rows: Rows, steps: int) -> tuple[Tensor, list[Hop]]:
    """All nodes with all their neighbours, as ``sample_hops`` would give them."""
    hop = Hop(rows.edges(), len(rows), len(rows))
    return torch.arange(len(rows)), [hop] * steps
