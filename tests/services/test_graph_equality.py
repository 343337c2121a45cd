"""Neo4j and SQL, fed by one store, give equal answers on random histories."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import store
from tests import graph_histories as histories
from tests.graph_histories import Event
from tests.graph_scene import Scene
from tests.services.test_graph_servers import site

pytestmark = pytest.mark.neo4j


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.integers(0, 999), st.lists(histories.events, min_size=4, max_size=14))
def test_both_back_ends_answer_alike(neo4j: str, seed: int, history: list[Event]) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        store.open(f"sqlite:///{Path(folder) / 'sentinel.db'}") as opened,
        opened.graph() as embedded,
        opened.graph(site(neo4j)) as server,
    ):
        one, other = Scene(opened, embedded), Scene(opened, server)
        histories.play(other, seed, history)
        one.catch_up()
        try:
            assert embedded.stats() == server.stats()
            assert histories.answers(one) == histories.answers(other)
        finally:
            writer = server.writer()
            writer.wipe(writer.seize())
