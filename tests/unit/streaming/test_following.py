"""The graph's follower: what fails, dies or comes in between loses nothing and holds nobody up."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from threading import Event
from typing import Any

import pytest
import sqlalchemy as sa

import store
from domain.graph import StayGraph
from domain.graph_questions import AskNeighbourhood, GraphAwayError, GraphError
from store.graph import feed
from store.graph.writing import Applied, GraphWriter
from streaming import following
from streaming.following import FollowerError
from streaming.graph_keeper import GraphKeeper
from streaming.graph_watch import GraphWatch
from tests.graph_scene import Scene, claim


@pytest.fixture
def scene(tmp_path: Any) -> Iterator[Scene]:
    with (
        store.open(f"sqlite:///{tmp_path / 'sentinel.db'}") as opened,
        opened.graph() as graph,
    ):
        yield Scene(opened, graph)


class Between:
    """A graph's writer that does something before or after it has applied a batch."""

    def __init__(self, writer: GraphWriter) -> None:
        self._writer = writer
        self.before: Callable[[Sequence[StayGraph]], None] = lambda placed: None
        self.after: Callable[[], None] = lambda: None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._writer, name)

    def apply(
        self, epoch: int, build: int, placed: Sequence[StayGraph], removed: Sequence[str]
    ) -> Applied:
        self.before(placed)
        applied = self._writer.apply(epoch, build, placed, removed)
        self.after()
        return applied


@pytest.fixture
def between(scene: Scene) -> Between:
    return Between(scene.graph.writer())


def shown(scene: Scene) -> int:
    """Stays in the graph."""
    return scene.graph.stats().nodes["stay"]


def test_one_that_dies_before_it_has_noted_its_work_does_it_again(
    scene: Scene, between: Between
) -> None:
    scene.put(claim(0), claim(1, "B"))

    def die() -> None:
        raise KeyboardInterrupt

    between.after = die
    with pytest.raises(KeyboardInterrupt):
        scene.catch_up(writer=between)
    assert scene.graph.state().behind == 2
    done = scene.catch_up()
    assert (done.placed, done.unchanged, shown(scene)) == (0, 2, 2)
    assert scene.graph.state().behind == 0


def test_a_claim_corrected_while_it_is_brought_in_is_brought_in_again(
    scene: Scene, between: Between
) -> None:
    scene.put(claim(0, "A"))
    versions = [claim(0, "A", claim_version=2, total_amount_fen=77)]
    between.after = lambda: scene.put(versions.pop()) if versions else None
    done = scene.catch_up(writer=between)
    assert done.placed == 2
    stay = scene.graph.ask(AskNeighbourhood(of="stay:S000000", hops=1)).nodes[0].stay
    assert (stay.claim_version, stay.total_fen) == (2, 77)


def test_a_graph_that_is_away_is_waited_for_and_said_so(scene: Scene, between: Between) -> None:
    scene.put(claim(0))
    away = [True] * 3

    def fail(_: Sequence[StayGraph]) -> None:
        if away:
            away.pop()
            raise GraphAwayError("the graph server does not answer", where="here", cure="Wait.")

    between.before = fail
    follower = scene.follower(writer=between, patient=True)
    waits = [follower.turn()]
    well, parts = follower.watch.ready()
    assert not well
    assert "does not answer" in parts["graph"]["detail"]
    waits += [follower.turn(), follower.turn()]
    assert waits[0] < waits[1] < waits[2] <= 0.5, "each wait is longer"
    assert scene.graph.state().behind == 1
    follower.turn()
    assert follower.watch.ready()[0]
    assert (scene.graph.state().behind, shown(scene)) == (0, 1)


def test_a_command_does_not_wait_for_a_graph_that_is_away(scene: Scene, between: Between) -> None:
    scene.put(claim(0))

    def fail(_: Sequence[StayGraph]) -> None:
        raise GraphAwayError("the graph server does not answer", where="here", cure="Wait.")

    between.before = fail
    with pytest.raises(GraphAwayError):
        scene.catch_up(writer=between)


def test_a_claim_that_cannot_be_read_is_set_aside_and_the_others_come_in(scene: Scene) -> None:
    scene.put(claim(0), claim(1, "B"), claim(2, "C"))
    with scene.opened.engine.begin() as connection:
        good = connection.execute(
            sa.text("SELECT body FROM claims WHERE stay_id = 'S000001'")
        ).scalar_one()
        spoilt = zlib.compress(b"not a claim")
        put = sa.text("UPDATE claims SET body = :body WHERE stay_id = 'S000001'")
        connection.execute(put, {"body": spoilt})
    done = scene.catch_up()
    assert (done.placed, done.set_aside, shown(scene)) == (2, 1, 2)
    state = scene.graph.state()
    assert (state.behind, state.set_aside) == (0, 1)
    with scene.opened.engine.begin() as connection:
        connection.execute(put, {"body": good})
    scene.graph.feed.list_all()  # as `sentinel graph load` does
    scene.catch_up()
    assert (scene.graph.state().set_aside, shown(scene)) == (0, 3)


def test_a_stay_that_the_graph_refuses_is_found_and_shows_nothing_old(
    scene: Scene, between: Between
) -> None:
    scene.show(*(claim(n, "ABC"[n % 3]) for n in range(6)))
    scene.put(*(claim(n, "ABC"[n % 3], claim_version=2) for n in range(6)))

    def refuse(placed: Sequence[StayGraph]) -> None:
        if any(one.facts.stay_id == "S000004" for one in placed):
            raise GraphError("refused", where="here", cure="None.")

    between.before = refuse
    done = scene.catch_up(writer=between)
    assert (done.placed, done.set_aside) == (5, 1)
    assert shown(scene) == 5, "better gone than as an earlier version says"


def test_it_stops_when_nothing_at_all_can_be_brought_in(
    scene: Scene, between: Between, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "MOST_SET_ASIDE", 3)
    scene.put(*(claim(n, "ABC"[n % 3]) for n in range(6)))

    def refuse(placed: Sequence[StayGraph]) -> None:
        if placed:
            raise GraphError("refused", where="here", cure="None.")

    between.before = refuse
    with pytest.raises(FollowerError, match="in a row"):
        scene.catch_up(writer=between, batch=1)


def test_a_second_follower_stands_by_until_the_first_is_gone(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.put(claim(0))
    first, second = scene.follower(owner="first"), scene.follower(owner="second")
    first.turn()
    scene.put(claim(1, "B"))
    second.turn()
    assert (shown(scene), scene.graph.state().behind) == (1, 1)
    assert "another follower" in second.watch.ready()[1]["turn"]["detail"]
    monkeypatch.setattr(feed, "SILENT_S", -1.0)  # the first was killed, long ago
    second.turn()
    assert (shown(scene), scene.graph.state().behind) == (2, 0)


def test_a_follower_that_leaves_lets_the_next_begin_at_once(scene: Scene) -> None:
    scene.put(claim(0))
    scene.catch_up(owner="first")
    scene.put(claim(1, "B"))
    scene.catch_up(owner="second")
    assert shown(scene) == 2


def test_a_graph_that_was_dropped_is_not_followed_on(scene: Scene) -> None:
    scene.put(claim(0))
    scene.graph.feed.forget_graph()
    with pytest.raises(store.StoreError, match="does not follow"):
        scene.catch_up()


def test_it_tells_what_it_did_and_how_far_it_is_behind(scene: Scene) -> None:
    scene.put(claim(0), claim(1, "B"))
    watch = GraphWatch(graph="sql", worker="w", version="1.0", logged=False)
    follower = scene.follower(watch=watch)
    watch.state(scene.graph.state())
    assert "sentinel_graph_behind_stays 2.0" in watch.render().decode()
    follower.run(Event(), until_empty=True)
    told = watch.render().decode()
    for line in (
        "sentinel_graph_behind_stays 0.0",
        'sentinel_graph_stays_total{outcome="placed"} 2.0',
        'sentinel_graph_up{part="graph"} 1.0',
        "sentinel_graph_turn 1.0",
    ):
        assert line in told, line


def test_old_changes_make_it_not_ready(scene: Scene) -> None:
    scene.put(claim(0))
    later = GraphWatch(
        graph="sql", worker="w", version="1.0", logged=False, now=lambda: time.time() + 301
    )
    for part in ("database", "graph"):
        later.part(part, None)
    later.turn(leads=True)
    later.state(scene.graph.state())
    well, parts = later.ready()
    assert not well
    assert "1 stays behind" in parts["behind"]["detail"]


def test_a_service_keeps_the_graph_of_its_own_database(scene: Scene) -> None:
    scene.put(claim(0))
    keeper = GraphKeeper(scene.graph, "service")
    try:
        wait(lambda: shown(scene) == 1)
        scene.put(claim(1, "B"))
        wait(lambda: shown(scene) == 2)
        assert keeper.detail() == "sql"
    finally:
        keeper.close()
    scene.put(claim(2, "C"))
    assert scene.graph.state().behind == 1, "a service that is closed writes no more"


def wait(until: Callable[[], bool]) -> None:
    """Wait for what another thread does."""
    ending = time.monotonic() + 60
    while not until():
        assert time.monotonic() < ending, "it does not come"
        time.sleep(0.05)
