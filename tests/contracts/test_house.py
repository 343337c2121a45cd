"""The repository is put together as it says."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOMS = [
    "cli",
    "domain",
    "drg",
    "explain",
    "graph_models",
    "rules",
    "scoring_api",
    "store",
    "streaming",
    "data_samples",
]
LIMIT = 16 * 1024 * 1024


def tracked(root: Path) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=root, check=True, capture_output=True, text=True
    ).stdout
    return [root / name for name in listed.split("\0") if name]


@pytest.mark.parametrize("room", ROOMS)
def test_each_room_is_ours_and_not_a_package_of_the_same_name(room: str, root: Path) -> None:
    module = importlib.import_module(room)
    assert module.__file__ is not None
    assert Path(module.__file__).is_relative_to(root / room)


def test_every_requirement_is_a_plain_pin(root: Path) -> None:
    pin = re.compile(r"^[a-z0-9._-]+==[^ ]+( ; [a-z_.]+ [=<>!]+ '[^']+')?$")
    for name in ("requirements.txt", "requirements-dev.txt"):
        for line in (root / name).read_text("utf-8").splitlines():
            assert pin.match(line), f"{name}: {line}"


def test_the_pins_of_pyproject_are_those_that_get_installed(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    runtime = set((root / "requirements.txt").read_text("utf-8").splitlines())
    tests = set((root / "requirements-dev.txt").read_text("utf-8").splitlines())
    extras = project["optional-dependencies"]
    # An extra of a package, such as psycopg[binary], is installed as packages of its own.
    assert {re.sub(r"\[\w+\]", "", pin) for pin in project["dependencies"]} <= runtime
    assert {pin for pins in extras.values() for pin in pins} <= tests
    assert runtime <= tests


def test_committed_samples_stay_small(root: Path) -> None:
    samples = [p for p in tracked(root) if p.is_relative_to(root / "data_samples")]
    assert sum(p.stat().st_size for p in samples) < LIMIT


def test_rules_alone_need_no_torch(root: Path) -> None:
    # `sentinel rules check` and a run without a model must not pay seconds for PyTorch.
    code = "import sys, cli, streaming.pipeline; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
