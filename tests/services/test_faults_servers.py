"""The broker, the database and the disk fail and come back: nothing is lost, nothing counts twice."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import Starter
from tests.services.conftest import SceneMaker
from tests.stream_scene import FULL, record

pytestmark = pytest.mark.timeout(3600 if FULL else 600)

TURNS = 10 if FULL else 1
RATE = 100.0 if FULL else 50.0
AWAY_S = 8.0 if FULL else 3.0


def test_the_broker_stops_crashes_and_comes_back(
    own_server: Starter, postgres: str, make_scene: SceneMaker
) -> None:
    broker = own_server("kafka")
    scene = make_scene(broker.address, postgres)
    scene.start("w0")
    scene.send(record(scene.name, n) for n in range(200))
    scene.wait(lambda: scene.read_so_far() > 0, "the first batch")
    for turn in range(TURNS):
        # Once in order, then as a crash: then the end of its log was not flushed.
        if turn % 2 == 0:
            broker.stop()
        else:
            broker.kill()
        time.sleep(AWAY_S)
        broker.start()
        first = len(scene.sent)
        scene.send(record(scene.name, n) for n in range(first, first + 200))
        scene.settle()
    scene.check_alive()
    account = scene.account()
    assert account.balanced, account


def test_postgres_stops_crashes_and_comes_back_under_load(
    kafka: str, own_server: Starter, make_scene: SceneMaker
) -> None:
    database = own_server("postgres")
    scene = make_scene(kafka, database.address)
    scene.start("w0")
    scene.start("w1")
    with scene.load(RATE):
        scene.wait(lambda: scene.read_so_far() > 0, "the first batch")
        for turn in range(2 * TURNS):
            if turn % 2 == 0:
                database.stop()
            else:
                database.kill()
            time.sleep(AWAY_S)
            database.start()
            before = scene.read_so_far()
            scene.wait(lambda n=before: scene.read_so_far() > n, "the workers go on")
    scene.settle()
    scene.check_alive()
    account = scene.account()
    assert account.balanced, account


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MiB of its own."""
    if os.geteuid() != 0:
        pytest.skip("only root can make a small file system")
    place = tmp_path / "disk"
    place.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(place)],
        check=False,
        capture_output=True,
        text=True,
    )
    if made.returncode:
        pytest.skip(f"no file system can be mounted here: {made.stderr.strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_under_sqlite_stops_nothing_for_good(
    kafka: str, small_disk: Path, make_scene: SceneMaker
) -> None:
    scene = make_scene(kafka, f"sqlite:///{small_disk / 'sentinel.db'}")
    scene.start("w0")
    scene.send(record(scene.name, n) for n in range(3_000))
    log = scene.folder / "w0.log"
    scene.wait(lambda: "full" in log.read_text("utf-8", "replace"), "the disk is full")
    stuck = scene.read_so_far()
    assert stuck < 3_000
    subprocess.run(
        ["mount", "-o", "remount,size=256m", str(small_disk)], check=True, capture_output=True
    )
    scene.settle()
    scene.check_alive()
    account = scene.account()
    assert account.balanced, account
