"""What the worker tells: counts at commit, truth about readiness, and nothing personal anywhere."""

from __future__ import annotations

import io
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

import store
from domain.results import Results
from store import Journal
from streaming import logs, probe, service, traces
from streaming.claims import ClaimsHandler
from streaming.intake.refusals import RULES
from streaming.meters import OTHER
from streaming.pseudonym import PseudonymKey
from streaming.readiness import Limits
from streaming.watch import Watch
from streaming.worker import Worker
from tests import intake_claims
from tests.small_catalogue import engine_of, write_catalogue
from tests.stream_fakes import Sink, Source, Topic

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01".encode()


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watch(clock: Clock) -> Watch:
    return Watch(
        worker="w1", version="0", checks=("A-1", "B-2"), limits=Limits(lag=100), clock=clock
    )


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    logs.configure(stream)
    yield stream
    logs.configure()


def value(watch: Watch, name: str, **labels: str) -> float | None:
    return watch.meters.registry.get_sample_value(f"sentinel_worker_{name}", labels)


def healthy(watch: Watch) -> None:
    watch.assigned({("claims", 0), ("claims", 1)})
    watch.broker()
    watch.database()


def results(verdicts: list[str]) -> Results:
    """Results in which only what is counted matters."""
    nothing = service.nothing()
    rows = [
        {f.name: None for f in nothing.decisions.schema} | {"verdicts": v, "stay_id": str(n)}
        for n, v in enumerate(verdicts)
    ]
    table = nothing.decisions.from_pylist(rows, schema=nothing.decisions.schema.remove_metadata())
    return Results(**{**dict(nothing.items()), "decisions": table})


def test_a_batch_counts_when_it_is_committed_and_once_however_often_it_is_tried(
    watch: Watch, clock: Clock
) -> None:
    for attempt in range(3):
        try:
            with watch.batch(messages={"claims": 4}, age_s=2.0) as batch:
                batch.judged(results(["HU", "PU", "OU"]))
                batch.set_aside("claims", 0, 7, ["not-json", "not-json"], PARENT)
                clock.now += 1.0
                if attempt < 2:
                    raise store.StoreError("away", where="here", cure="Wait.")
        except store.StoreError:
            pass
    assert value(watch, "batches_total", outcome="failed") == 2
    assert value(watch, "batches_total", outcome="committed") == 1
    assert value(watch, "decisions_total") == 3
    assert value(watch, "unknowns_total", check="B-2") == 3
    assert value(watch, "unknowns_total", check="A-1") is None
    told = {v: value(watch, "verdicts_total", verdict=v) for v in ("hit", "pass", "unknown")}
    assert told == {"hit": 1, "pass": 1, "unknown": 3}
    assert value(watch, "dead_letters_total", topic="claims", reason="not-json") == 1
    assert value(watch, "messages_total", topic="claims", outcome="dead") == 1
    assert value(watch, "messages_total", topic="claims", outcome="taken") == 3
    assert value(watch, "batch_age_seconds_sum") == pytest.approx(3.0)


def test_a_chore_is_no_batch(watch: Watch) -> None:
    healthy(watch)
    with pytest.raises(ValueError, match="x"), watch.batch(messages={}):
        raise ValueError("x")
    assert watch.ready()[0]
    assert value(watch, "chores_total", outcome="failed") == 1
    assert value(watch, "batch_messages_count") == 0
    assert value(watch, "last_commit_timestamp_seconds") == 0


def test_ready_only_while_every_part_is_well_and_it_says_which_is_not(watch: Watch) -> None:
    assert not watch.ready()[0]
    healthy(watch)
    assert watch.ready()[0]

    def not_well() -> dict[str, str]:
        ready, parts = watch.ready()
        bad = {name: p["detail"] for name, p in parts.items() if not p["ok"]}
        assert ready == (not bad)
        assert value(watch, "ready") == int(ready)
        return bad

    away = store.StoreError("the database answers: closed", where="db", cure="Start it.")
    watch.database(away)
    assert not_well() == {"database": "the database answers: closed. Start it."}
    watch.database()
    watch.broker(ConnectionError("broker of 张三 at 10.0.0.1"))
    assert not_well() == {"broker": "ConnectionError"}
    watch.broker()
    watch.lag("claims", 0, 60)
    watch.lag("claims", 1, 41)
    assert not_well() == {"lag": "101 messages behind, at most 100 are well"}
    watch.lag("claims", 1, 40)
    assert not_well() == {}
    with pytest.raises(KeyError), watch.batch(messages=1):
        raise KeyError("330102199001011234")
    assert not_well() == {"batch": "KeyError"}
    with watch.batch(messages=1):
        pass
    assert not_well() == {}
    watch.assigned(set())
    assert set(not_well()) == {"assignment"}
    watch.assigned({("claims", 0)})
    watch.stopping()
    assert set(not_well()) == {"stopping"}


def test_the_lag_of_a_partition_that_another_worker_took_is_forgotten(watch: Watch) -> None:
    healthy(watch)
    watch.lag("claims", 0, 5_000)
    watch.assigned({("claims", 1)})
    assert value(watch, "lag_messages", topic="claims", partition="0") is None
    assert watch.ready()[0]
    watch.lag("claims", 0, 5_000)  # an answer that was under way
    assert watch.ready()[0]


def test_live_until_the_loop_stands_still(watch: Watch, clock: Clock) -> None:
    with probe.serve(watch, port=0) as address:
        assert fetch(f"{address}/live")[0] == 200
        clock.now += 121
        assert fetch(f"{address}/live")[0] == 503
        watch.beat()
        assert fetch(f"{address}/live")[0] == 200
        assert fetch(f"{address}/ready")[0] == 503
        healthy(watch)
        status, body = fetch(f"{address}/ready")
        assert (status, json.loads(body)["status"]) == (200, "ready")
        status, body = fetch(f"{address}/metrics")
        assert status == 200
        assert "sentinel_worker_ready 1.0" in body
        assert fetch(f"{address}/other")[0] == 404


def test_a_port_that_is_taken_is_told(watch: Watch) -> None:
    with probe.serve(watch, port=0) as address:
        port = int(address.rpartition(":")[2])
        with (
            pytest.raises(probe.ProbeError, match="cannot be opened"),
            probe.serve(watch, port=port),
        ):
            pass


@given(st.lists(st.text(min_size=1), max_size=80))
def test_reasons_make_a_bounded_number_of_labels(reasons: list[str]) -> None:
    watch = Watch(worker="w", version="0")
    labels = {watch.reason_label(reason) for reason in [*reasons, *map(str, range(100)), *RULES]}
    assert len(labels) <= len(RULES) + 41
    assert set(RULES) <= labels
    assert OTHER in labels


def test_spans_link_to_the_messages_and_do_not_quote_an_error(watch: Watch) -> None:
    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    watch.tracer = provider.get_tracer("test")
    with (
        pytest.raises(ValueError, match="张三"),
        watch.batch(messages=2, traceparents=[PARENT, None, b"rubbish", PARENT]) as batch,
        batch.stage("judge"),
    ):
        raise ValueError("张三")
    stage, whole = kept.get_finished_spans()
    assert (stage.name, whole.name) == ("judge", "batch")
    assert stage.parent is not None
    assert stage.parent.span_id == whole.context.span_id
    assert [format(link.context.trace_id, "032x") for link in whole.links] == [TRACE]
    assert whole.status.status_code is StatusCode.ERROR
    assert whole.status.description == "ValueError"
    assert not whole.events
    assert "张三" not in whole.to_json()


def test_traces_without_the_extra_are_refused_and_without_an_address_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(traces.ENDPOINT, raising=False)
    assert not traces.configure("w", "0")
    monkeypatch.setenv(traces.ENDPOINT, "http://127.0.0.1:1")
    monkeypatch.setattr(traces, "find_spec", lambda name: None)
    with pytest.raises(traces.TracesError, match="SDK is not installed"):
        traces.configure("w", "0")


TELLING = (
    "张三丰", "330102199001011234", "13800138000", "zhang.sanfeng@example.test", "灵隐路7号", "PATIENT-0815",
)  # fmt: skip
NAME, NUMBER, PHONE, MAIL, STREET, PATIENT = TELLING


def personal_claims() -> list[bytes]:
    """Good, refused and unreadable messages, all full of what must not get out."""

    def claim(stay: str, **more: Any) -> bytes:
        record = intake_claims.GOOD | {
            "stay_id": stay,
            "patient_id": PATIENT,
            "patient_name": NAME,
            "identity_number": NUMBER,
            "phone": PHONE,
            "address": STREET,
        }
        return json.dumps(record | more, ensure_ascii=False).encode()

    return [
        claim("S1"),
        claim("S2", admission_date=f"{NAME} {NUMBER}"),
        claim("S3", sex=NAME),
        claim("S4", **{NAME: NUMBER}),
        claim("S5", patient_id={"name": NAME}),
        claim("S6", remarks=f"call {PHONE} or {MAIL}"),
        claim("S7", diagnoses=[{"ordinal": 1, "code": NAME}]),
        f"{NAME};{NUMBER};{STREET}".encode(),
        f'{{"patient_name": "{NAME}", "phone": {PHONE}'.encode(),
        NAME.encode("gb18030"),
        claim("S8", birth_date=None, identity_number=MAIL),
    ]


class Breaking:
    """A handler whose every second call fails with a text that quotes a patient."""

    def __init__(self, handler: ClaimsHandler) -> None:
        self.handler = handler
        self.calls = 0

    def __call__(self, messages: Any, batch: Any, /) -> Any:
        self.calls += 1
        if self.calls == 1:
            raise ValueError(f"cannot handle {NAME} {NUMBER}")
        return self.handler(messages, batch)


def test_nothing_personal_reaches_logs_metrics_probes_or_the_reasons_of_dead_letters(
    tmp_path: Path, lines: io.StringIO
) -> None:
    engine = engine_of(write_catalogue(tmp_path / "rules", ADM_001="active", IDB_001="active"))
    opened = store.open(f"sqlite:///{tmp_path / 'stream.db'}")
    topic = Topic()
    topic.send(personal_claims())
    source, clock, sink = Source(topic), Clock(), Sink()
    key = PseudonymKey(b"tests of the watch, 32 bytes ok..")
    journal: Journal = opened.journal("g")
    watch = Watch(worker="w", version="0", checks=engine.ruleset.ids, clock=clock)
    worker = Worker(
        source=source,
        sink=sink,
        journal=journal,
        handlers={"claims": Breaking(ClaimsHandler(engine, opened, key))},
        watch=watch,
        owner="w",
        clock=clock,
    )
    source.give(0)
    for _ in range(60):
        worker.turn()
        clock.now += 5.0
    letters = opened.dead_letters(limit=100)
    assert journal.offsets()[0].next_offset == len(personal_claims())
    assert len(letters) >= 7
    assert value(watch, "decisions_total") >= 1
    assert value(watch, "batches_total", outcome="failed") >= 1
    said = {
        "logs": lines.getvalue(),
        "metrics": watch.render().decode(),
        "probe": json.dumps(watch.ready(), ensure_ascii=False),
        "reasons": json.dumps(
            [repr(r) for one in letters for r in one.reasons], ensure_ascii=False
        ),
        "published": "".join(
            row.value.decode("utf-8", "replace")
            for row in sink.published
            if row.topic != "dead-letters"
        ),
    }
    assert "ValueError" in said["logs"]
    assert '"event": "set aside"' in said["logs"]
    for where, text in said.items():
        for secret in TELLING:
            assert secret not in text, (where, secret)
            assert json.dumps(secret)[1:-1] not in text, (where, secret)
    opened.close()


def test_a_field_that_is_not_listed_is_dropped_and_named(lines: io.StringIO) -> None:
    logs.logger().info("batch", messages=3, patient_name=NAME)
    line = json.loads(lines.getvalue())
    assert line["messages"] == 3
    assert line["dropped"] == ["patient_name"]
    assert NAME not in lines.getvalue()


def fetch(address: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310 (our own probe)
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
