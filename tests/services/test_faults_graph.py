"""The graph server fails and comes back: decisions go on meanwhile, and the graph misses nothing."""

from __future__ import annotations

import time
from collections.abc import Mapping

import pytest

import store
from domain.graph import StayFacts
from domain.graph_questions import AskCompanions, AskTriangles
from services.graph import PASSWORD, USER
from store.graph.address import Address
from store.graph.bolt import Bolt, BoltReader
from store.graph.sql_reading import SqlReader
from tests.graph_scene import Scene as GraphScene
from tests.servers import Starter
from tests.services.conftest import SceneMaker
from tests.stream_scene import FULL, record

pytestmark = pytest.mark.timeout(3600 if FULL else 900)

TURNS = 10 if FULL else 2
RATE = 50.0 if FULL else 25.0
AWAY_S = 8.0 if FULL else 2.0
CORRECTED = 20
"""Claims corrected while the graph is away, in each turn."""


def test_decisions_go_on_while_neo4j_is_away_and_the_graph_then_misses_nothing(
    kafka: str, postgres: str, own_server: Starter, make_scene: SceneMaker
) -> None:
    server = own_server("neo4j")
    address = Address(server.address, "main", USER, PASSWORD)
    scene = make_scene(kafka, postgres)
    scene.start("w0")
    scene.follow("g0", address)
    scene.wait(lambda: behind(scene.db, address) is not None, "the follower has begun")
    for turn in range(TURNS):
        with scene.load(RATE):
            first = len(scene.sent)
            scene.wait(lambda n=first: scene.read_so_far() > n, "claims are decided")
            # Once in order, then as a crash.
            if turn % 2 == 0:
                server.stop()
            else:
                server.kill()
            before = len(scene.sent)
            scene.wait(lambda n=before: scene.read_so_far() > n + 50, "decisions go on without it")
            time.sleep(AWAY_S)
        changed = range(turn * CORRECTED, (turn + 1) * CORRECTED)
        scene.send(record(scene.name, n, version=2) for n in changed)
        scene.settle()
        assert (behind(scene.db, address) or 0) > 0, "what the graph lacks is listed"
        server.start()
        if turn % 2:  # the follower too dies, while it catches up
            scene.wait(lambda: server.answer() is not None, "the server answers")
            scene.kill("g0")
            scene.follow("g0", address)
        scene.wait(lambda: behind(scene.db, address) == 0, "the graph catches up")
    scene.check_alive()
    account = scene.account(again=True)
    assert account.balanced, account
    check_graph(scene.db, address, scene.sent)


def behind(db: str, address: Address) -> int | None:
    """Stays that the graph lacks, by the store's own list."""
    with store.open(db) as opened, opened.graph(address) as graph:
        return graph.state().behind


def check_graph(db: str, address: Address, sent: Mapping[str, int]) -> None:
    """Neo4j shows each stay in its last version, and what a graph says that was never away."""
    with (
        store.open(db) as opened,
        opened.graph(address) as graph,
        opened.graph() as embedded,
    ):
        assert graph.state().set_aside == 0
        GraphScene(opened, embedded).catch_up()
        assert graph.stats() == embedded.stats()
        bolt = Bolt(address)
        shown = facts(BoltReader(bolt), sent)
        bolt.close()
        assert {stay: one.claim_version for stay, one in shown.items()} == sent
        assert shown == facts(SqlReader(opened.engine, db), sent)
        for question in (AskTriangles(min_stays=1, limit=1_000), AskCompanions(limit=1_000)):
            assert graph.ask(question) == embedded.ask(question)


def facts(reader: BoltReader | SqlReader, stay_ids: Mapping[str, int]) -> Mapping[str, StayFacts]:
    """What a graph knows of these stays."""
    with reader.begin(upto=None, since=None, seconds=60) as reads:
        return reads.stays(list(stay_ids))
