"""The entity graph kept in SQLite."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import store
from tests.graph_cases import GraphCases
from tests.graph_scene import Scene


@pytest.fixture
def scene(opened: store.Store) -> Iterator[Scene]:
    with opened.graph() as graph:
        yield Scene(opened, graph)


class TestSqlite(GraphCases):
    """Every case."""
