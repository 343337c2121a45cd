"""Bringing stays into a graph, whichever keeps it: what its writers have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from domain.graph import StayGraph
from domain.graph_questions import GraphError


class LostGraphError(GraphError):
    """Another process writes the graph now; nothing of this batch is in it."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"another process has begun to write the graph {name}",
            where=name,
            cure="Leave it to that one, or end it: a graph has one writer at a time.",
        )


@dataclass(frozen=True, slots=True)
class Applied:
    """What a batch did: stays brought in anew, taken away, and those that stood there already."""

    placed: int
    removed: int
    unchanged: int


class GraphWriter(Protocol):
    """Writes one graph. Each call is one transaction: all of it or, on an error, nothing."""

    @property
    def name(self) -> str:
        """The graph's name in the list of changes."""
        ...

    def seize(self) -> int:
        """Make the graph ready and become its only writer; returns the epoch to write with."""
        ...

    def apply(
        self, epoch: int, build: int, placed: Sequence[StayGraph], removed: Sequence[str]
    ) -> Applied:
        """Let the graph show these stays so, and those no longer.

        Each stay's earlier edges go, and with them nodes that nothing else touches. Applying
        the same again changes nothing; a stay of this build and content is passed over.
        LostGraphError if another writer has seized the graph since.
        """
        ...

    def sweep(self, epoch: int, build: int) -> int:
        """Take away what another build left, a part at a time; how many stays and nodes that were."""
        ...

    def wipe(self, epoch: int) -> int:
        """Empty the graph, a part at a time; how many stays and nodes it had."""
        ...
