"""A stage for the fault tests: topics, a database, real workers as processes, and the accounts.

What goes in is counted by stay; what came out is read from the database and from topic
``decisions``. ``Scene.settle`` waits until the workers have read everything and published
everything; ``Scene.account`` then says what was lost or counted twice.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from kafka import KafkaConsumer, TopicPartition

from store.graph.address import PASSWORD, USER, Address
from streaming.kafka.admin import Admin
from streaming.kafka.connection import Connection
from streaming.kafka.producing import Sender
from streaming.pseudonym import PseudonymKey
from tests import intake_claims
from tests.servers import home
from tests.small_catalogue import write_catalogue

ROOT = Path(__file__).resolve().parent.parent
FULL = os.environ.get("SENTINEL_CHAOS") == "full"
"""`make chaos`: longer, and with more faults."""

CHECKS = ("ADM-001", "ADM-002", "CHG-001", "IDB-030", "CST-001", "SLQ-013")
"""Few, so that workers start soon and commit often, and faults hit that and not the judging; some
look back, so that lost or doubled history would show."""

PARTITIONS = 4
PATIENCE_S = 1200.0 if FULL else 240.0
"""Longest wait for anything: the machines are shared and slow, and a hang must end all the same."""


PATIENTS = 997
"""So that after the first round each claim has earlier ones to look back at."""


def record(scene: str, number: int, version: int = 1) -> bytes:
    """A claim of about 1 KB; in the order of their numbers no patient's claim comes late."""
    day = date(2020, 1, 1) + timedelta(days=10 * (number // PATIENTS))
    charge = intake_claims.GOOD["charges"][0] | {"charge_date": day.isoformat()}
    made = intake_claims.claim(
        stay_id=f"{scene}-{number}",
        claim_version=version,
        patient_id=f"{scene}-patient-{number % PATIENTS}",
        identity_number=f"{scene}{number % PATIENTS}",
        admission_date=day.isoformat(),
        admission_time=f"{day.isoformat()}T08:30:00+08:00",
        discharge_date=(day + timedelta(days=4)).isoformat(),
        total_amount_fen=12_345 + version,
        charges=[charge],
        orders=...,
    )
    return json.dumps(made, ensure_ascii=False).encode()


@dataclass(slots=True)
class Account:
    """What went in beside what came out; ``str`` tells the differences."""

    sent: int
    decided: int
    lost: set[str]
    foreign: set[str]
    outdated: set[str]
    twice: set[str]
    unpublished: int
    invented: int
    republished: int
    unread: int

    @property
    def balanced(self) -> bool:
        """Each id in exactly once out: nothing lost, doubled, unread, unpublished or invented."""
        wrong = (self.lost, self.foreign, self.outdated, self.twice)
        return not any(wrong) and self.unpublished == self.invented == self.unread == 0

    def __str__(self) -> str:
        return (
            f"{self.sent} stays sent, {self.decided} decisions; lost {sorted(self.lost)[:5]} "
            f"({len(self.lost)}), not ours {len(self.foreign)}, an old version counts "
            f"{len(self.outdated)}, decided twice {sorted(self.twice)[:5]} ({len(self.twice)}), "
            f"not published {self.unpublished}, published and not stored {self.invented}, "
            f"published again {self.republished}, messages not accounted for {self.unread}"
        )


@dataclass
class Scene:
    """Topics of its own on a broker, a database, and the workers between them."""

    bootstrap: str
    db: str
    folder: Path
    name: str
    workers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    sent: dict[str, int] = field(default_factory=dict)
    """Stay -> the highest version sent."""
    messages: int = 0
    begun: dict[str, int] = field(default_factory=dict)
    """Length of a worker's log when it was started last."""

    def __post_init__(self) -> None:
        self.prefix = f"{self.name}."
        self.connection = Connection(self.bootstrap)
        self.key_file = self.folder / "key"
        self.key = PseudonymKey.load_or_create(self.key_file)
        names = {name.replace("-", "_"): "active" for name in CHECKS}
        self.rules = write_catalogue(self.folder / "rules", **names)
        with Admin(self.connection) as admin:
            admin.create(
                ("claims", "decisions", "alerts", "dead-letters"),
                prefix=self.prefix,
                partitions=PARTITIONS,
            )

    # What goes in.

    def send(
        self, records: Iterable[bytes], *, per_second: float | None = None, counted: bool = True
    ) -> None:
        """Send records to ``claims`` and remember their stays (not of those meant to be refused)."""
        sender = Sender(self.connection, f"{self.prefix}claims", self.key, "fault-test")
        try:
            sender.send(self._noting(records, counted), per_second=per_second)
        finally:
            sender.close()

    def _noting(self, records: Iterable[bytes], counted: bool) -> Iterator[bytes]:
        for one in records:
            self.messages += 1
            if counted:
                claim = json.loads(one)
                stay, version = claim["stay_id"], claim["claim_version"]
                self.sent[stay] = max(version, self.sent.get(stay, 0))
            yield one

    def load(self, per_second: float) -> Load:
        """Send ever new claims at this rate, on a thread, until the block ends."""
        return Load(self, per_second)

    # The workers.

    def start(self, name: str, *, instance: bool = True, **environ: str) -> None:
        """Start a worker; its log is ``<name>.log`` in the scene's folder."""
        words = ["stream", "run", "--bootstrap", self.bootstrap, "--prefix", self.prefix]
        words += ["--group", self.name, "--topics", "claims", "--key", str(self.key_file)]
        words += ["--rules", str(self.rules)]
        if instance:
            words += ["--instance-id", name]
        self._launch(name, words, environ)

    def follow(self, name: str, graph: Address) -> None:
        """Start a follower of the entity graph, in the place of a worker."""
        environ = {USER: graph.user, PASSWORD: graph.password}
        self._launch(name, ["graph", "follow", "--neo4j", graph.url, "--site", graph.site], environ)

    def _launch(self, name: str, words: Sequence[str], environ: Mapping[str, str]) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.begun[name] = log.tell()
            self.workers[name] = subprocess.Popen(
                [sys.executable, "-m", "cli", *words, "--db", self.db],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "POLARS_MAX_THREADS": "1", **environ},
            )

    def kill(self, name: str) -> None:
        """End a worker as a crash would."""
        worker = self.workers.pop(name)
        worker.kill()
        worker.wait()

    def stop(self, name: str) -> int:
        """Ask a worker to leave, and wait; its exit status."""
        worker = self.workers.pop(name)
        worker.send_signal(signal.SIGTERM)
        return worker.wait(timeout=120)

    def close(self) -> None:
        """End all workers and remove the topics."""
        for name in list(self.workers):
            self.kill(name)
        try:
            with Admin(self.connection) as admin:
                admin.delete(list(admin.find(self.prefix)))
        except Exception as error:  # the broker may be one that a test has stopped for good
            sys.stderr.write(f"topics of {self.name} stay: {error}\n")

    def check_alive(self) -> None:
        """Fail if a worker that nobody stopped has ended."""
        for name, worker in self.workers.items():
            if worker.poll() is not None:
                tail = (self.folder / f"{name}.log").read_text("utf-8", "replace")[-2000:]
                raise AssertionError(f"worker {name} ended with {worker.returncode}:\n{tail}")

    # What came out.

    def rows(self, sql: str, **values: Any) -> list[Any]:
        """Rows of the database; empty while it, or the table, is not there."""
        engine = sa.create_engine(self.db, poolclass=sa.NullPool)
        try:
            with engine.connect() as connection:
                return list(connection.execute(sa.text(sql), values))
        except (sa.exc.OperationalError, sa.exc.ProgrammingError):
            return []
        finally:
            engine.dispose()

    def read_so_far(self) -> int:
        """How many messages of ``claims`` are behind the committed offsets."""
        found = self.rows(
            "SELECT sum(next_offset) FROM stream_offsets WHERE group_id = :g AND next_offset > 0",
            g=self.name,
        )
        return int(found[0][0] or 0) if found else 0

    def owners(self) -> dict[int, str]:
        """Partition of ``claims`` -> the worker that holds it in the database."""
        sql = "SELECT partition, owner FROM stream_offsets WHERE group_id = :g"
        return {row[0]: row[1] for row in self.rows(sql, g=self.name)}

    def committed(self, name: str) -> bool:
        """Whether the worker has committed messages since it was started last."""
        with (self.folder / f"{name}.log").open("rb") as log:
            log.seek(self.begun[name])
            return any(b'"committed"' in line and b'"event": "batch"' in line for line in log)

    def wait(self, until: Callable[[], bool], what: str, seconds: float = PATIENCE_S) -> float:
        """Wait for something, with all workers alive; the seconds it took."""
        began = time.monotonic()
        while not until():
            self.check_alive()
            if time.monotonic() - began > seconds:
                logs = "\n".join(
                    f"{p.name}: {p.read_text('utf-8', 'replace')[-1500:]}"
                    for p in self.folder.glob("*.log")
                )
                raise AssertionError(f"waited {seconds} s for: {what}. {self.account()}\n{logs}")
            time.sleep(0.1)
        return time.monotonic() - began

    def settle(self, seconds: float = PATIENCE_S) -> None:
        """Wait until every message sent is read and everything decided is published."""
        self.wait(lambda: self.read_so_far() >= self.messages, "all messages read", seconds)
        self.wait(lambda: self.late() == 0, "late claims judged again", seconds)
        self.wait(lambda: self.owed() == 0, "everything published", seconds)

    def late(self) -> int:
        """Stays that are to be judged again, because an earlier claim of their patient came."""
        found = self.rows("SELECT count(*) FROM stays_to_judge")
        return int(found[0][0]) if found else -1

    def owed(self) -> int:
        """Messages committed and not yet known to be with the broker."""
        found = self.rows(
            "SELECT coalesce(sum(messages), 0) FROM outbox WHERE group_id = :g", g=self.name
        )
        return int(found[0][0]) if found else -1

    def published(self, topic: str = "decisions") -> list[dict[str, Any]]:
        """The values in a topic of ours."""
        return [json.loads(row.value) for row in self.records(topic)]

    def records(self, topic: str) -> list[Any]:
        """All records of a topic of ours, partition by partition."""
        consumer = KafkaConsumer(bootstrap_servers=self.bootstrap, enable_auto_commit=False)
        try:
            name = self.prefix + topic
            places = [TopicPartition(name, p) for p in consumer.partitions_for_topic(name) or ()]
            consumer.assign(places)
            consumer.seek_to_beginning(*places)
            ends = consumer.end_offsets(places)
            found: list[Any] = []
            while any(consumer.position(place) < ends[place] for place in places):
                for rows in consumer.poll(timeout_ms=500).values():
                    found += rows
            return found
        finally:
            consumer.close()

    def account(self, *, again: bool = False) -> Account:
        """Compare what went in with what came out; ``again``: stays may be judged several times."""
        decided = self.rows("SELECT decision_id, stay_id FROM decisions")
        times = Counter(row[1] for row in decided)
        stored = {row[0] for row in decided}
        counts = {
            row[0]: row[1]
            for row in self.rows(
                "SELECT s.stay_id, s.claim_version FROM stay_states s "
                "JOIN decisions d ON d.decision_id = s.decision_id AND d.claim_version = s.claim_version"
            )
        }
        told = [one["decision_id"] for one in self.published()]
        return Account(
            sent=len(self.sent),
            decided=len(decided),
            lost=set(self.sent) - set(counts),
            foreign=set(times) - set(self.sent),
            outdated={stay for stay in counts if counts[stay] != self.sent.get(stay)},
            twice=set() if again else {stay for stay, n in times.items() if n > 1},
            unpublished=len(stored - set(told)),
            invented=len(set(told) - stored),
            republished=len(told) - len(set(told)),
            unread=self.messages - self.read_so_far(),
        )


class Load:
    """Claims sent at a steady rate while a block runs; ``Scene.sent`` knows them."""

    def __init__(self, scene: Scene, per_second: float) -> None:
        self._scene = scene
        self._per_second = per_second
        self._ended = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(timeout=180)
        assert not self._thread.is_alive(), "the producer hangs"
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            self._scene.send(self._claims(), per_second=self._per_second)
        except BaseException as error:
            self._failure = error

    def _claims(self) -> Iterator[bytes]:
        number = len(self._scene.sent)
        while not self._ended.is_set():
            yield record(self._scene.name, number)
            number += 1


def shuffled(items: Sequence[bytes], seed: int) -> list[bytes]:
    """The items in another order, the same for the same seed."""
    mixed = list(items)
    random.Random(seed).shuffle(mixed)
    return mixed


__all__ = ["FULL", "PARTITIONS", "Account", "Load", "Scene", "home", "record", "shuffled"]
