"""Claims that are in no store, brought straight into a graph."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from domain.graph import StayGraph
from domain.tables import Tables
from store import bodies
from store.graph.claims import graph_of
from store.graph.writing import GraphWriter

BUILD: Final = 1
"""The build of a graph that follows no store: there is no other."""

PART: Final = 1_000
"""Stays of one transaction: some seconds and a few MB at the most."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What some claims did to the graph."""

    placed: int
    unchanged: int
    edges: int


def load_tables(writer: GraphWriter, epoch: int, claims: Tables, part: int = PART) -> Loaded:
    """Let the graph show these claims, so many in a transaction; ``claims`` are pseudonymised."""
    placed = unchanged = edges = 0
    graphs: list[StayGraph] = []

    def flush() -> None:
        nonlocal placed, unchanged, edges
        applied = writer.apply(epoch, BUILD, graphs, [])
        placed, unchanged = placed + applied.placed, unchanged + applied.unchanged
        edges += sum(len(graph.edges) for graph in graphs)
        graphs.clear()

    for claim, document in bodies.documents(claims):
        graphs.append(graph_of(claim, hashlib.sha256(document).hexdigest()))
        if len(graphs) == part:
            flush()
    if graphs:
        flush()
    return Loaded(placed, unchanged, edges)
