"""Claims in a batch: told once, in rounds where a stay comes twice, refused with every reason."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import store
from streaming.claims import ClaimsHandler, LateStays
from streaming.messages import Handled, Message
from streaming.pipeline import Engine
from streaming.pseudonym import PseudonymKey
from streaming.watch import Watch
from tests import intake_claims
from tests.small_catalogue import engine_of, write_catalogue

KEY = PseudonymKey(b"tests of the stream, 32 bytes ok.")
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    folder = tmp_path_factory.mktemp("rules")
    return engine_of(write_catalogue(folder, ADM_001="active", SLQ_013="active", IDB_001="active"))


class Stream:
    """Handles and commits batches as the worker does."""

    def __init__(self, engine: Engine, opened: store.Store) -> None:
        self.engine = engine
        self.opened = opened
        self.journal = opened.journal("g")
        self.watch = Watch(worker="w", version="0")
        self.offset = 0

    def messages(self, *values: bytes | None, headers=()) -> list[Message]:
        made = [
            Message("claims", 0, self.offset + i, b"k", value, tuple(headers))
            for i, value in enumerate(values)
        ]
        self.offset += len(made)
        return made

    def handle(self, messages: list[Message]) -> Handled:
        with self.watch.batch(messages=len(messages)) as batch:
            return ClaimsHandler(self.engine, self.opened, KEY)(messages, batch)

    def take(self, *values: bytes | None) -> store.Committed:
        return self.commit(self.handle(self.messages(*values)))

    def commit(self, done: Handled) -> store.Committed:
        return self.journal.commit(
            store.Step(judged=done.judged, writes=done.writes, outgoing=done.outgoing)
        )


@pytest.fixture
def stream(engine: Engine, tmp_path: Path) -> Iterator[Stream]:
    with store.open(f"sqlite:///{tmp_path / 'stream.db'}") as opened:
        yield Stream(engine, opened)


def claim(stay: str, version: int = 1, **more: object) -> bytes:
    return json.dumps(intake_claims.claim(stay_id=stay, claim_version=version, **more)).encode()


def told(done: store.Committed, topic: str = "decisions") -> list[dict]:
    return [json.loads(row.value) for row in done.messages if row.topic == topic]


def test_a_decision_carries_its_hits_trace_and_no_clear_identifier(stream: Stream) -> None:
    messages = stream.messages(claim("S1"), headers=[("trace-id", TRACE.encode())])
    done = stream.commit(stream.handle(messages))
    (row,) = [r for r in done.messages if r.topic == "decisions"]
    decision = json.loads(row.value)
    assert decision["stay_id"] == "S1"
    assert decision["hit_count"] == len({h["rule_id"] for h in decision["hits"]})
    assert row.key == decision["patient_id"].encode()
    headers = dict(row.headers)
    assert headers["trace-id"] == TRACE
    assert headers["message-id"] == decision["decision_id"]
    assert headers["schema-version"].startswith("1.")
    everything = " ".join(r.value.decode() + str(r.headers) for r in done.messages)
    for clear in intake_claims.CLEAR:
        assert clear not in everything


def test_a_trace_header_of_another_form_goes_nowhere(stream: Stream) -> None:
    messages = stream.messages(claim("S1"), headers=[("trace-id", "张三".encode())])
    done = stream.commit(stream.handle(messages))
    assert all("trace-id" not in dict(row.headers) for row in done.messages)


def test_the_same_claim_twice_is_one_decision_told_once(stream: Stream) -> None:
    first = stream.take(claim("S1"), claim("S1"), claim("S2"))
    assert sorted(d["stay_id"] for d in told(first)) == ["S1", "S2"]
    again = stream.take(claim("S1"))
    assert told(again) == []


def test_a_correction_in_the_same_batch_counts_and_the_first_stays_readable(
    stream: Stream,
) -> None:
    done = stream.take(claim("S1"), claim("S2"), claim("S1", 2, total_amount_fen=12_345))
    assert [(d["stay_id"], d["claim_version"]) for d in told(done)] == [
        ("S1", 1), ("S2", 1), ("S1", 2),
    ]  # fmt: skip
    assert stream.opened.counts()["decisions"] == 3
    (now,) = stream.opened.stays(["S1"]).stays["claim_version"].to_pylist()
    assert now == 2


def test_the_order_of_versions_in_a_batch_does_not_matter(stream: Stream) -> None:
    stream.take(claim("S1", 2), claim("S1", 1))
    (now,) = stream.opened.stays(["S1"]).stays["claim_version"].to_pylist()
    assert now == 2


def test_every_refused_message_is_set_aside_itself(stream: Stream) -> None:
    bad = claim("S9", admission_date="2024-02-30")
    done = stream.handle(stream.messages(bad, claim("S1"), b"{", bad, None))
    reasons = {m.offset: {r.rule for r in found} for m, found in done.dead}
    assert reasons == {0: {"format"}, 2: {"not-json"}, 3: {"format"}, 4: {"no-value"}}
    assert [d["stay_id"] for d in told(stream.commit(done))] == ["S1"]


def test_a_repeated_stay_that_is_bad_is_refused_for_what_is_wrong(stream: Stream) -> None:
    bad = claim("S1", 2, admission_date="2024-02-30")
    done = stream.handle(stream.messages(claim("S1"), bad))
    ((message, found),) = done.dead
    assert message.offset == 1
    assert {r.rule for r in found} == {"format"}, "not for coming twice"


@pytest.mark.parametrize(
    ("version", "read"), [(b"1", True), (b"1.7.0", True), (b"2.0.0", False), (b"\xff", False)]
)
def test_another_schema_is_refused(stream: Stream, version: bytes, read: bool) -> None:
    done = stream.handle(stream.messages(claim("S1"), headers=[("schema-version", version)]))
    assert bool(done.judged) is read
    assert [r.rule for _, found in done.dead for r in found] == ([] if read else ["schema-version"])


def test_a_withdrawal_ends_the_decision(stream: Stream) -> None:
    stream.take(claim("S1"))
    done = stream.handle(
        stream.messages(
            b'{"stay_id": "S1", "withdrawn_version": 1, "reason": "reversed"}',
            b'{"stay_id": "S1", "withdrawn_version": 0, "reason": "reversed"}',
        )
    )
    assert [m.offset for m, _ in done.dead] == [2], "a version that cannot be is refused"
    stream.commit(done)
    assert len(stream.opened.stays(["S1"])) == 0
    assert stream.opened.counts()["decisions"] == 1, "and stays readable"


def test_a_late_claim_has_the_later_stay_judged_again(stream: Stream) -> None:
    late = LateStays(stream.engine, stream.opened)
    stream.take(claim("later", admission_date="2024-03-01", discharge_date="2024-03-05"))
    assert not late.waiting()
    stream.take(
        claim(
            "earlier", admission_date="2024-02-10", admission_time=None, discharge_date="2024-02-20",
            charges=[], orders=[],
        )
    )  # fmt: skip
    assert late.waiting()
    with stream.watch.batch(messages={}) as batch:
        done = stream.commit(late(("claims", 0), batch))
    assert not late.waiting()
    assert {d["stay_id"] for d in told(done)} <= {"later"}
