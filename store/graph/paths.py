"""The shortest way between two nodes, searched from both ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from domain.graph import Edge, Path, kind_of
from domain.graph_questions import AskPath
from store.graph.reading import Reads

FAN: Final = 500
"""Edges followed from one node: more than any person has, fewer than a hospital."""

MOST_NODES: Final = 50_000
"""Nodes looked at before the search gives up and says so: some 30 MB and a few seconds."""


@dataclass(slots=True)
class _Side:
    """What is known from one end: distances, and the edges to nodes one step nearer."""

    distances: dict[str, int]
    nearer: dict[str, dict[str, Edge]] = field(default_factory=dict)
    frontier: list[str] = field(default_factory=list)
    depth: int = 0


def shortest(reads: Reads, asked: AskPath) -> Path:
    """Whole layers are searched before two ends are joined, so the way is a shortest one.

    Of several the one whose keys come first, step by step from the start. Of two edges
    between the same nodes the first by ``Edge.order``.
    """
    from store.graph.answers import nodes_of, unknown  # noqa: PLC0415 (it uses this module)

    for key in (asked.start, asked.end):
        if not reads.exists(key):
            raise unknown(key)
    if asked.start == asked.end:
        return Path(nodes_of(reads, {asked.start: 0}, {}), (), truncated=False)
    start, end = (_Side({key: 0}, frontier=[key]) for key in (asked.start, asked.end))
    cut = False
    while start.frontier and end.frontier and start.depth + end.depth < asked.hops:
        if len(start.distances) + len(end.distances) > MOST_NODES:
            return Path((), (), truncated=True)
        cut |= _grow(reads, min(start, end, key=lambda side: len(side.frontier)), asked)
        if start.distances.keys() & end.distances.keys():
            edges = _trace(start, end, asked.start)
            keys = [asked.start]
            for edge in edges:
                keys.append(edge.target if edge.source == keys[-1] else edge.source)
            distances = {key: place for place, key in enumerate(keys)}
            return Path(nodes_of(reads, distances, {}), tuple(edges), truncated=False)
    return Path((), (), truncated=cut)


def _grow(reads: Reads, side: _Side, asked: AskPath) -> bool:
    """One layer more; whether a node had more edges than are followed."""
    found = reads.expand(side.frontier, FAN)
    side.depth += 1
    cut = False
    for key in side.frontier:
        cut |= len(found[key]) > FAN
        for edge in found[key][:FAN]:
            other = edge.target if edge.source == key else edge.source
            if kind_of(other) not in asked.through and other not in (asked.start, asked.end):
                continue
            if side.distances.setdefault(other, side.depth) == side.depth:
                before = side.nearer.setdefault(other, {})
                if key not in before or edge.order < before[key].order:
                    before[key] = edge
    side.frontier = sorted(k for k, depth in side.distances.items() if depth == side.depth)
    return cut


def _trace(start: _Side, end: _Side, first: str) -> list[Edge]:
    """The edges of the way, chosen among all shortest ways from the start on."""
    met = start.distances.keys() & end.distances.keys()
    length = min(start.distances[key] + end.distances[key] for key in met)
    layer = {key for key in met if start.distances[key] + end.distances[key] == length}
    # Back from where the sides meet to the start, noting each step as one forwards.
    onward: dict[str, dict[str, Edge]] = {}
    while layer:
        before: set[str] = set()
        for key in layer:
            for nearer, edge in start.nearer.get(key, {}).items():
                onward.setdefault(nearer, {})[key] = edge
                before.add(nearer)
        layer = before
    edges: list[Edge] = []
    at = first
    while end.distances.get(at) != 0:
        # A node on a shortest way that the end's side knows is past the middle.
        steps = end.nearer[at] if at in end.distances else onward[at]
        at = min(steps)
        edges.append(steps[at])
    return edges
