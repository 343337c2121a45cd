"""The graph is what the claims that count say, in whatever order they came and were withdrawn."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import store
from tests import graph_histories as histories
from tests.graph_histories import Event
from tests.graph_scene import Scene


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database, to copy: migrating takes longer than the rest of an example."""
    path = tmp_path_factory.mktemp("empty") / "sentinel.db"
    store.open(f"sqlite:///{path}").close()
    return path


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 999), st.lists(histories.events, max_size=14))
def test_a_graph_fed_in_any_order_is_the_graph_of_what_counts(
    empty: Path, seed: int, history: list[Event]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = []
        straight = [Event(n, v, False, False) for n, v in histories.counting(history)]
        for name, events in (("any", history), ("straight", straight)):
            path = shutil.copy(empty, Path(folder) / name)
            with (
                store.open(f"sqlite:///{path}") as opened,
                opened.graph() as graph,
            ):
                scene = Scene(opened, graph)
                histories.play(scene, seed, events)
                found.append((graph.stats(), histories.answers(scene)))
        assert found[0] == found[1]
