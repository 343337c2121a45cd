"""One entity graph with all that belongs to it: answers, the list of what it lacks, its writer."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from domain.graph import GraphState, GraphStats
from domain.graph_questions import SECONDS, Question
from store.graph.address import Address
from store.graph.answers import Answers
from store.graph.feed import Feed
from store.graph.sql_reading import SqlReader
from store.graph.sql_writing import NAME, SqlWriter
from store.graph.writing import GraphWriter

if TYPE_CHECKING:
    from store.graph.bolt import Bolt
    from store.graph.reading import GraphReader


class EntityGraph:
    """A ``domain.graph_questions.Graph`` that can be fed; get it from ``Store.graph``.

    Use as a context manager, or call ``close``. Nothing is asked of a server before a question or
    ``writer`` needs it.
    """

    def __init__(
        self, address: Address | None, readers: sa.Engine, writers: sa.Engine, where: str
    ) -> None:
        self.name = NAME if address is None else address.name
        self.feed = Feed(self.name, readers=readers, writers=writers, where=where)
        self._writers, self._where = writers, where
        self._bolt: Bolt | None = None
        reader: GraphReader
        if address is None:
            reader = SqlReader(readers, where)
        else:
            # Late, because who keeps the graph in SQL need not load Neo4j's driver.
            from store.graph.bolt import Bolt, BoltReader  # noqa: PLC0415

            self._bolt = Bolt(address)
            reader = BoltReader(self._bolt)
        self._answers = Answers(reader)

    def __enter__(self) -> EntityGraph:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def embedded(self) -> bool:
        """Whether it is kept in the store's own database."""
        return self._bolt is None

    def ask(self, question: Question, /) -> Any:
        """The answer to a question; see ``domain.graph_questions.Graph.ask``."""
        return self._answers.ask(question)

    def stats(self, *, seconds: float = SECONDS) -> GraphStats:
        """How many nodes and edges of each kind it has."""
        return self._answers.stats(seconds=seconds)

    def state(self) -> GraphState:
        """How far it is behind the store."""
        return self.feed.state()

    def writer(self) -> GraphWriter:
        """What brings stays into it."""
        if self._bolt is None:
            return SqlWriter(self._writers, self._where)
        from store.graph.bolt import BoltWriter  # noqa: PLC0415

        return BoltWriter(self._bolt)

    def close(self) -> None:
        """Give the connections of a server back; the store stays open."""
        if self._bolt is not None:
            self._bolt.close()
