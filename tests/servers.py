"""Fixtures of the real servers: shared ones to use, and own ones to stop and kill.

``kafka``, ``postgres`` and ``neo4j`` give the address of the server that ``make services`` starts;
if it does not run, it is started and, after the run, stopped. A test that asks for one has the
marker of its name (``pytest -m 'not kafka'``). Where a server cannot be had the test skips and
says why; with SENTINEL_NO_SKIP=1 a skip fails the run.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator

import pytest

import services
from services.server import Server, free_port, home

Starter = Callable[[str], Server]


def started(name: str) -> Server:
    """The shared server of that name, started if need be; skips where it cannot be had."""
    server = services.KINDS[name]()
    try:
        if server.answer() is None:
            server.start()
            (server.folder / "started-by-tests").write_text(str(controller()), encoding="ascii")
    except services.ServiceError as error:
        pytest.skip(f"{name}: {error}")
    return server


def controller() -> int:
    """The process of this test run: with pytest-xdist the workers' parent."""
    return os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()


def stop_started() -> None:
    """Stop the shared servers that this test run started."""
    for kind in services.KINDS.values():
        mark = kind().folder / "started-by-tests"
        if mark.is_file() and mark.read_text(encoding="ascii") == str(os.getpid()):
            mark.unlink()
            kind().stop()


@pytest.fixture(scope="session")
def kafka() -> str:
    """The bootstrap address of a broker; others use it too: make topics of your own (``topic``)."""
    return started("kafka").address


@pytest.fixture(scope="session")
def postgres_server() -> services.PostgreSQL:
    """The PostgreSQL server, in which ``postgres`` makes databases."""
    server = started("postgres")
    assert isinstance(server, services.PostgreSQL)
    return server


@pytest.fixture(scope="session")
def neo4j() -> str:
    """The Bolt address of a graph server; user and password stand in services.graph."""
    return started("neo4j").address


@pytest.fixture
def postgres(postgres_server: services.PostgreSQL) -> Iterator[str]:
    """The URL of a new, empty database, gone after the test."""
    yield from _database(postgres_server)


@pytest.fixture(scope="module")
def module_postgres(postgres_server: services.PostgreSQL) -> Iterator[str]:
    """The URL of a new, empty database for the tests of one file."""
    yield from _database(postgres_server)


def _database(server: services.PostgreSQL) -> Iterator[str]:
    name = f"t_{uuid.uuid4().hex[:12]}"
    with server.connect() as connection:
        connection.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
    yield server.url(name)
    with server.connect() as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")  # type: ignore[arg-type]


@pytest.fixture
def suffix() -> str:
    """Letters that make names of topics, groups and workers a test's own."""
    return uuid.uuid4().hex[:10]


@pytest.fixture
def own_server() -> Iterator[Starter]:
    """Call with ``kafka``, ``postgres`` or ``neo4j``: a further server that only this test uses.

    It may be stopped, killed and started again, and keeps its port and data meanwhile.
    """
    made: list[Server] = []

    def start(name: str) -> Server:
        # Not in tmp_path: PostgreSQL runs under another account, which cannot enter there.
        folder = home() / f"test-{name}-{uuid.uuid4().hex[:8]}"
        server = services.KINDS[name](folder, free_port())
        made.append(server)
        try:
            server.start()
        except services.ServiceError as error:
            pytest.skip(f"{name}: {error}")
        return server

    yield start
    for server in made:
        server.erase()
