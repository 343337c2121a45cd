"""A scene for each fault test, cleared away afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.stream_scene import Scene

SceneMaker = Callable[[str, str], Scene]


@pytest.fixture
def make_scene(tmp_path: Path, suffix: str) -> Iterator[SceneMaker]:
    """Call with a broker's address and a database's URL."""
    made: list[Scene] = []

    def make(bootstrap: str, db: str) -> Scene:
        scene = Scene(bootstrap, db, tmp_path, f"f{suffix}{len(made)}")
        made.append(scene)
        return scene

    yield make
    for scene in made:
        scene.close()
