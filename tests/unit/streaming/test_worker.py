"""The worker with a real database, and a source, a sink and a handler of three lines each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

import store
from store import Journal
from streaming.batching import Bounds
from streaming.publishing import GRACE_S
from streaming.watch import Watch
from streaming.worker import MOST_UNHANDLED, Worker, WorkerError
from tests.stream_fakes import Echo, Sink, Source, Topic


class Clock:
    """Stands still until told; every turn is given a second."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Flaky:
    """A journal whose commits fail as often as told, before or after they took effect."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.before = 0
        self.after = 0

    def __getattr__(self, name: str):
        return getattr(self._journal, name)

    def commit(self, step: store.Step) -> store.Committed:
        if self.before:
            self.before -= 1
            raise store.StoreError("away", where="here", cure="Wait.")
        done = self._journal.commit(step)
        if self.after:
            self.after -= 1
            raise store.StoreError("the answer was lost", where="here", cure="Wait.")
        return done


class Bench:
    """Workers of one group on one topic and one database."""

    def __init__(self, path: Path) -> None:
        self.opened = store.open(f"sqlite:///{path / 'stream.db'}")
        self.clock = Clock()
        self.topic = Topic(partitions=2)

    def worker(self, name: str = "w", *, echo: Echo | None = None, **bounds: int) -> Worker:
        return Worker(
            source=Source(self.topic),
            sink=Sink(),
            journal=Flaky(self.opened.journal("g")),  # type: ignore[arg-type]
            handlers={"claims": echo or Echo()},
            watch=Watch(worker=name, version="0", clock=self.clock),
            owner=name,
            bounds=Bounds(**{"most": 8, "least": 4, "buffer_messages": 16, **bounds}),
            clock=self.clock,
        )

    def turn(self, worker: Worker, times: int = 12) -> None:
        for _ in range(times):
            worker.turn()
            self.clock.now += 1.0

    def decided(self, partition: int = 0) -> int | None:
        stored = {o.partition: o.next_offset for o in self.opened.journal("g").offsets()}
        return stored.get(partition)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.opened.close()


def numbers(count: int, start: int = 0) -> list[bytes]:
    return [f"{i}".encode() for i in range(start, start + count)]


def test_every_message_is_told_once_and_in_order(bench: Bench) -> None:
    bench.topic.send(numbers(40))
    worker = bench.worker()
    worker.source.give(0)
    bench.turn(worker)
    assert worker.sink.values == numbers(40)
    assert bench.decided() == 40
    assert worker.source.committed == {("claims", 0): 40}
    assert bench.opened.journal("g").depth()[0] == 0, "what the broker has is forgotten"


def test_the_next_worker_goes_on_after_the_last_commit(bench: Bench) -> None:
    bench.topic.send(numbers(10))
    first = bench.worker("a")
    first.source.give(0)
    bench.turn(first)
    bench.topic.send(numbers(10, start=10))
    second = bench.worker("b")
    second.source.give(0)
    bench.turn(second)
    assert second.sink.values == numbers(10, start=10)


def test_a_refused_message_is_a_dead_letter_and_the_rest_goes_on(bench: Bench) -> None:
    bench.topic.send([b"0", b"refuse me", b"2"])
    worker = bench.worker()
    worker.source.give(0)
    bench.turn(worker)
    (letter,) = bench.opened.dead_letters()
    assert (letter.offset, letter.value, letter.key) == (1, b"refuse me", b"k")
    told = {row.topic: row.value for row in worker.sink.published}
    assert b"cmVmdXNlIG1l" in told["dead-letters"], "its bytes in base64"
    assert [r.value for r in worker.sink.published if r.topic == "decisions"] == [b"0", b"2"]
    assert bench.decided() == 3


@pytest.mark.parametrize("place", [0, 1, 6, 7])
def test_a_message_that_fails_is_found_and_set_aside(bench: Bench, place: int) -> None:
    values = numbers(8)
    values[place] = b"crash"
    bench.topic.send(values)
    worker = bench.worker(least=8)
    worker.source.give(0)
    bench.turn(worker)
    (letter,) = bench.opened.dead_letters()
    assert letter.offset == place
    assert [(r.rule, r.value) for r in letter.reasons] == [("not-handled", "ValueError")]
    told = [r.value for r in worker.sink.published if r.topic == "decisions"]
    assert told == [v for v in values if v != b"crash"]


def test_when_everything_fails_the_worker_stops_and_the_rest_is_kept(bench: Bench) -> None:
    bench.topic.send([b"crash"] * 300)
    worker = bench.worker()
    worker.source.give(0)
    with pytest.raises(WorkerError, match="in a row") as caught:
        bench.turn(worker, 300)
    assert "replay" in caught.value.cure
    assert len(bench.opened.dead_letters(limit=999)) == MOST_UNHANDLED
    assert bench.decided() == MOST_UNHANDLED


def test_a_database_that_is_away_is_waited_for(bench: Bench) -> None:
    bench.topic.send(numbers(5))
    worker = bench.worker()
    worker.source.give(0)
    worker.journal.before = 3
    bench.turn(worker, 2)
    ready, parts = worker.watch.ready()
    assert not ready
    assert not parts["database"]["ok"]
    assert worker.sink.values == []
    bench.turn(worker, 60)
    assert worker.sink.values == numbers(5)
    assert worker.watch.ready()[1]["database"]["ok"]


def test_a_commit_whose_answer_was_lost_is_made_again(bench: Bench) -> None:
    """Here the echo has no decisions, so the same words are told twice under the same id."""
    bench.topic.send(numbers(3))
    worker = bench.worker()
    worker.source.give(0)
    worker.journal.after = 1
    bench.turn(worker, 30)
    assert {r.message_id for r in worker.sink.published} == {"id-0-0", "id-0-1", "id-0-2"}
    assert bench.decided() == 3


def test_messages_of_a_partition_that_moved_are_left_to_its_new_worker(bench: Bench) -> None:
    bench.topic.send(numbers(6), partition=0)
    bench.topic.send(numbers(6, start=6), partition=1)
    old, new = bench.worker("old"), bench.worker("new")
    old.source.give(0, 1)
    old.journal.before = 1
    bench.turn(old, 1)  # fetched, and not yet committed
    old.source.take(1)
    new.source.give(1)
    bench.turn(new)
    bench.turn(old, 30)
    assert old.sink.values == numbers(6)
    assert new.sink.values == numbers(6, start=6)
    assert (bench.decided(0), bench.decided(1)) == (6, 6)


def test_a_zombie_commits_nothing_of_what_it_lost(bench: Bench) -> None:
    """It was away while the group gave its partitions to another, and does not know yet."""
    bench.topic.send(numbers(6), partition=0)
    bench.topic.send(numbers(6, start=6), partition=1)
    old, new = bench.worker("old"), bench.worker("new")
    old.source.give(0, 1)
    old.journal.before = 1
    bench.turn(old, 1)
    new.source.give(1)
    bench.turn(new)
    old.source.mine.discard(("claims", 1))  # the coordinator has taken it; the listener comes later
    bench.turn(old, 2)
    old.source.take(1)
    bench.turn(old, 30)
    assert sorted(old.sink.values + new.sink.values, key=int) == numbers(12)
    assert new.sink.values == numbers(6, start=6)


def test_a_partition_claimed_by_mistake_comes_back_to_whom_the_group_gives_it(bench: Bench) -> None:
    bench.topic.send(numbers(4))
    worker = bench.worker("right")
    worker.source.give(0)
    bench.turn(worker)
    bench.opened.journal("g").claim([("claims", 0)], "late zombie")
    bench.topic.send(numbers(4, start=4))
    bench.turn(worker, 30)
    assert worker.sink.values == numbers(8)


def test_what_was_committed_and_not_published_is_published_by_the_next_worker(bench: Bench) -> None:
    bench.topic.send(numbers(4))
    first = bench.worker("a")
    first.source.give(0)
    first.sink.down = True
    bench.turn(first, 3)
    assert bench.decided() == 4
    second = bench.worker("b")
    second.source.give(0)
    bench.topic.send(numbers(3, start=4))
    bench.turn(second)
    assert second.sink.values == numbers(7), "in the order of the partition"


def test_what_the_worker_before_has_published_is_not_published_again(bench: Bench) -> None:
    """The next worker may claim before the one before has forgotten what the broker has."""
    bench.topic.send(numbers(4))
    old, new = bench.worker("old"), bench.worker("new")
    old.source.give(0)
    bench.turn(old, 1)
    assert old.sink.values == numbers(4)
    assert bench.opened.journal("g").depth()[0] == 4, "published, not yet forgotten"
    new.source.give(0)
    new.turn()  # claims
    bench.topic.send(numbers(3, start=4))
    old.source.take(0)
    old.turn()
    bench.turn(new)
    assert new.sink.values == numbers(3, start=4)
    assert bench.opened.journal("g").depth()[0] == 0


def test_what_nobody_forgets_is_published_by_the_next_worker_after_a_while(bench: Bench) -> None:
    bench.topic.send(numbers(4))
    old, new = bench.worker("old"), bench.worker("new")
    old.source.give(0)
    bench.turn(old, 1)  # killed after it published, before it forgot
    new.source.give(0)
    new.turn()
    bench.clock.now += GRACE_S - 0.1
    new.turn()
    assert new.sink.values == []
    bench.clock.now += 0.2
    new.turn()
    assert new.sink.values == numbers(4), "at least once"


def test_nothing_new_is_decided_while_the_broker_takes_nothing(bench: Bench) -> None:
    """Else the outbox would grow without bound, and later messages overtake earlier ones."""
    bench.topic.send(numbers(4))
    worker = bench.worker()
    worker.source.give(0)
    worker.sink.down = True
    bench.turn(worker, 3)
    bench.topic.send(numbers(50, start=4))
    bench.turn(worker, 10)
    assert bench.decided() == 4
    worker.sink.down = False
    bench.turn(worker, 40)
    assert worker.sink.values == numbers(54)
    assert bench.opened.journal("g").depth()[0] == 0


def test_what_the_broker_never_acknowledged_is_sent_again(bench: Bench) -> None:
    bench.topic.send(numbers(4))
    worker = bench.worker("a")
    worker.source.give(0)
    worker.sink.silent = True
    bench.turn(worker, 3)
    assert worker.sink.values == numbers(4)
    again = bench.worker("b")
    again.source.give(0)
    bench.turn(again)
    assert again.sink.values == numbers(4)
    ids = [r.message_id for r in again.sink.published]
    assert ids == [r.message_id for r in worker.sink.published], "consumers can tell"


def test_fetching_pauses_while_the_database_is_away(bench: Bench) -> None:
    bench.topic.send(numbers(400))
    worker = bench.worker()
    worker.source.give(0)
    worker.journal.before = 8
    bench.turn(worker, 6)
    assert worker.source.next["claims", 0] <= 16 + 8, "the buffer is bounded"
    assert not worker.source.running
    bench.turn(worker, 300)
    assert worker.sink.values == numbers(400)


def test_a_new_partition_stays_paused_while_the_buffer_is_full(bench: Bench) -> None:
    bench.topic.send(numbers(100))
    bench.topic.send(numbers(3, start=100), partition=1)
    worker = bench.worker()
    worker.source.give(0)
    worker.journal.before = 5
    bench.turn(worker, 3)
    worker.source.give(1)
    bench.turn(worker, 1)
    assert ("claims", 1) not in worker.source.running
    bench.turn(worker, 200)
    assert sorted(worker.sink.values, key=int) == numbers(103)


def test_batches_grow_with_the_backlog(bench: Bench) -> None:
    echo = Echo()
    bench.topic.send(numbers(60))
    worker = bench.worker(echo=echo, most=32, buffer_messages=64)
    worker.source.give(0)
    bench.turn(worker)
    assert [len(c) for c in echo.calls][:4] == [4, 8, 16, 32]


def test_a_stop_finishes_the_batch_publishes_and_leaves(bench: Bench) -> None:
    bench.topic.send(numbers(50))
    stop = Event()

    class Stopping(Echo):
        def __call__(self, messages, batch, /):
            stop.set()
            return super().__call__(messages, batch)

    worker = bench.worker(echo=Stopping())
    worker.source.give(0)
    worker.run(stop)
    assert worker.sink.values == numbers(4), "the batch at hand, and no other"
    assert bench.decided() == 4
    assert bench.opened.journal("g").depth()[0] == 0
    assert worker.source.closed


def test_a_stop_is_obeyed_while_the_database_is_away(bench: Bench) -> None:
    bench.topic.send(numbers(4))
    stop = Event()
    worker = bench.worker()
    worker.source.give(0)
    worker.journal.before = 1_000_000
    bench.turn(worker, 2)
    stop.set()
    worker.run(stop)
    assert bench.decided() is None
