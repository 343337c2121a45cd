"""Keeping the graph of a service's own database up to date, on a thread of the service."""

from __future__ import annotations

import threading
from typing import Final

from domain.errors import SentinelError
from store import StoreError
from store.graph.entity_graph import EntityGraph
from streaming.following import follower_of
from streaming.graph_watch import GraphWatch
from streaming.readiness import told

_AGAIN_S: Final = 5.0


class GraphKeeper:
    """Follows the store until ``close``; beside other services on one database one of them does it."""

    def __init__(self, graph: EntityGraph, worker: str) -> None:
        self._graph = graph
        self._watch = GraphWatch(graph=graph.name, worker=worker, version="", logged=False)
        self._stop = threading.Event()
        self._trouble: str | None = None
        self._thread = threading.Thread(target=self._run, name="graph", daemon=True)
        self._thread.start()

    def detail(self) -> str:
        """How the graph is, in words."""
        if self._trouble is not None:
            return f"not kept up to date: {self._trouble}"
        behind = self._watch.behind
        return f"{self._graph.name}, {behind} stays behind" if behind else self._graph.name

    def close(self) -> None:
        """Finish the batch at hand and leave."""
        self._stop.set()
        self._thread.join(timeout=60)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._graph.feed.register()
                self._trouble = None
                follower_of(self._graph, self._watch).run(self._stop)
            except StoreError as error:  # the database is away; requests say so too
                self._trouble = told(error)
            except SentinelError as error:  # what the follower itself cannot mend
                self._trouble = told(error)
                return
            self._stop.wait(_AGAIN_S)
