"""How batches grow and shrink, and what waits to be in one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streaming.batching import Bounds, Buffer, Pace
from streaming.messages import Message

SMALL = Bounds(
    most=100, least=8, octets=1_000, age_s=0.5, slow_s=5.0, buffer_messages=20, buffer_octets=2_000
)


def message(partition: int, offset: int, size: int = 10, fetched: float = 0.0) -> Message:
    return Message("claims", partition, offset, None, b"x" * size, fetched=fetched)


batches = st.tuples(
    st.integers(1, 5_000), st.floats(0.001, 30, allow_nan=False), st.integers(0, 100_000)
)


@given(st.lists(batches, max_size=60))
def test_the_target_stays_within_its_bounds(history) -> None:
    pace = Pace(SMALL)
    for taken, seconds, waiting in history:
        pace.after(min(taken, pace.target), seconds, waiting)
        assert 1 <= pace.target <= SMALL.most


@given(st.integers(1, 50_000), st.integers(1, 50_000))
def test_a_backlog_brings_the_largest_batch_and_idleness_the_least(most: int, least: int) -> None:
    bounds = Bounds(most=most, least=least)
    pace = Pace(bounds)
    for _ in range(20):
        pace.after(pace.target, 0.1, 1_000_000)
    assert pace.target == most
    for _ in range(20):
        pace.after(1, 0.01, 0)
    assert pace.target == min(least, most)


def test_slow_batches_shrink_even_with_a_backlog() -> None:
    pace = Pace(SMALL)
    pace.target = 100
    pace.after(100, 6.0, 1_000_000)
    assert pace.target == 50
    pace.after(10, 6.0, 1_000_000)  # few large messages can be slow, too
    assert pace.target == 5


def test_a_batch_leaves_when_full_heavy_or_old() -> None:
    buffer = Buffer(SMALL)
    assert not buffer.due(8, now=99.0), "nothing waits"
    buffer.add(message(0, i, fetched=10.0) for i in range(7))
    assert not buffer.due(8, now=10.1)
    assert buffer.due(8, now=10.5), "the first has waited long enough"
    assert buffer.due(7, now=10.1), "enough wait"
    buffer.add([message(0, 7, size=1_000, fetched=10.1)])
    assert buffer.due(100, now=10.1), "enough bytes wait"


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 600)), max_size=60),
    st.lists(st.integers(1, 10), max_size=40),
)
def test_batches_keep_order_lose_nothing_and_bound_their_bytes(arrivals, takes) -> None:
    offsets = dict.fromkeys(range(4), 0)
    sent = []
    for partition, size in arrivals:
        sent.append(message(partition, offsets[partition], size))
        offsets[partition] += 1
    buffer = Buffer(SMALL)
    buffer.add(sent)
    got: list[Message] = []
    for count in takes:
        batch = buffer.take(count)
        assert len(batch) <= count
        assert len(batch) == 1 or sum(m.octets for m in batch) <= SMALL.octets
        if len(batch) > 2:  # a failed half comes back in its place
            buffer.put_back(batch[1:])
            batch = batch[:1]
        got += batch
    while batch := buffer.take(1):
        got += batch
    assert got == sent
    assert buffer.octets == 0


def test_dropping_a_partition_leaves_the_others_in_order() -> None:
    buffer = Buffer(SMALL)
    buffer.add([message(0, 0), message(1, 0), message(0, 1), message(1, 1)])
    assert buffer.drop([("claims", 0)]) == 2
    assert [(m.partition, m.offset) for m in buffer.take(9)] == [(1, 0), (1, 1)]
    assert buffer.octets == 0


def test_fetching_pauses_when_full_and_goes_on_when_half_is_free() -> None:
    buffer = Buffer(SMALL)
    buffer.add(message(0, i) for i in range(19))
    assert not buffer.full
    assert buffer.room == 1
    buffer.add([message(0, 19)])
    assert buffer.full
    assert buffer.room == 1, "a poll of nothing would be refused by the client"
    buffer.take(9)
    assert not buffer.full
    assert not buffer.low
    buffer.take(1)
    assert buffer.low
    buffer.add([message(0, 20, size=2_000)])
    assert buffer.full, "by bytes"
