"""The entity graph in Neo4j and in PostgreSQL: the same cases, and that both say the same."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

import store
from services.graph import PASSWORD, USER
from store.graph.address import Address
from store.tables import METADATA
from tests.graph_cases import GraphCases
from tests.graph_scene import Scene


def site(neo4j: str) -> Address:
    """A graph of a test's own on the shared server."""
    return Address(neo4j, f"t{uuid.uuid4().hex[:12]}", USER, PASSWORD)


@pytest.mark.neo4j
class TestNeo4j(GraphCases):
    """Every case on Neo4j; the store is a SQLite file, whose list of changes is the same."""

    @pytest.fixture
    def scene(self, neo4j: str, tmp_path: Path) -> Iterator[Scene]:
        with (
            store.open(f"sqlite:///{tmp_path / 'sentinel.db'}") as opened,
            opened.graph(site(neo4j)) as graph,
        ):
            yield Scene(opened, graph)
            writer = graph.writer()
            writer.wipe(writer.seize())


@pytest.mark.postgres
class TestPostgres(GraphCases):
    """Every case on the graph that PostgreSQL keeps."""

    @pytest.fixture
    def scene(self, module_postgres: str) -> Iterator[Scene]:
        with store.open(module_postgres) as opened, opened.graph() as graph:
            with opened.engine.begin() as connection:
                for table in reversed(METADATA.sorted_tables):
                    if table.name != "audit_events":  # nobody takes anything out of that
                        connection.execute(table.delete())
            yield Scene(opened, graph)
