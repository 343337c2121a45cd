"""The worker between a real broker and a real database: claims a second, latency, processor time by stage.

``python -m benchmarks.stream throughput --records 20000`` fills a topic, then starts a worker and
measures until the last claim is committed. ``python -m benchmarks.stream pace --per-second 500
--seconds 60`` sends at a steady rate and measures from the broker taking a claim to the broker
taking its decision, which comes after the commit. ``pace --visits-a-day 100000 --speed 20
--seconds 180`` is an hour of a province's outpatient visits in three minutes.

``--bootstrap`` and ``--db`` name servers (``make services``); the database must be a fresh one.
Claims are outpatient visits of the sample month, about 2 KB each, under new names.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from kafka import KafkaConsumer, TopicPartition

from data_samples import month, writer
from services.server import free_port
from streaming.kafka.admin import Admin
from streaming.kafka.connection import Connection
from streaming.kafka.producing import Sender
from streaming.pseudonym import PseudonymKey

SEED = 20250301
TEMPLATES = 900
NAMES = ("contact_name", "address", "employer", "bank_account", "medical_record_number", "phone")
LARGEST = 3_200
"""Bytes of the largest visit taken: with three or four charge lines, about 2 KB on average."""
PARTITIONS = 4
COMMITTED = "sentinel_worker_last_commit_timestamp_seconds"
TOPICS = ("claims", "decisions", "alerts", "dead-letters")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mode", choices=["throughput", "pace"])
    parser.add_argument("--bootstrap", default="127.0.0.1:9092")
    parser.add_argument("--db", help="URL of a fresh database; a new SQLite file without it")
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--per-second", type=float)
    parser.add_argument("--visits-a-day", type=int)
    parser.add_argument("--speed", type=float, default=1.0)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rules", type=Path, help="another folder of checks, to see their share")
    parser.add_argument("--max-batch", type=int)
    parser.add_argument("--workers", type=int, default=1, help="worker processes of one group")
    parser.add_argument("--patients", type=float, default=0.7, help="patients a claim")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        db = given.db or f"sqlite:///{folder / 'stream.db'}"
        bench = Bench(given, db, folder)
        try:
            found = bench.throughput() if given.mode == "throughput" else bench.pace()
        finally:
            bench.clear()
    found |= {
        "mode": given.mode,
        "database": db.split(":", maxsplit=1)[0],
        "cores": os.cpu_count(),
        "load_before": bench.load,
        "python": platform.python_version(),
    }
    print(json.dumps(found, ensure_ascii=False, indent=2))


class Bench:
    """Topics of its own, and one worker as a process."""

    def __init__(self, given: argparse.Namespace, db: str, folder: Path) -> None:
        self.given = given
        self.db = db
        self.folder = folder
        self.load = round(os.getloadavg()[0], 2)
        self.prefix = f"bench-{uuid.uuid4().hex[:8]}."
        self.connection = Connection(given.bootstrap)
        self.key_file = folder / "key"
        self.key = PseudonymKey.load_or_create(self.key_file)
        self.servers = Servers(given.bootstrap, db)
        self.templates = sorted(templates(), key=lambda visit: str(visit["admission_date"]))
        with Admin(self.connection) as admin:
            admin.create(TOPICS, prefix=self.prefix, partitions=PARTITIONS)

    def clear(self) -> None:
        """Remove the topics."""
        with Admin(self.connection) as admin:
            admin.delete(list(admin.find(self.prefix)))

    def throughput(self) -> dict[str, Any]:
        """Claims a second from a full topic to the last commit, after the first batch."""
        count = self.given.records
        octets = self.send(count)
        with self.workers() as metrics:
            for one in metrics:
                wait([one], "sentinel_worker_messages_total", 1)
            first, before = read(metrics), self.servers.cpu()
            wait(metrics, "sentinel_worker_messages_total", count)
            last, after = read(metrics), self.servers.cpu()
        done = total(last, "sentinel_worker_messages_total") - total(
            first, "sentinel_worker_messages_total"
        )
        seconds = last[COMMITTED] - first[COMMITTED]
        return {
            "records": count,
            "bytes_a_claim": round(octets / count),
            "claims_per_second": round(done / seconds, 1),
            "seconds": round(seconds, 2),
            **costs(first, last, done),
            "server_cpu_ms_a_claim": a_claim(before, after, done),
        }

    def pace(self) -> dict[str, Any]:
        """Latency and lag while claims come at a steady rate."""
        given = self.given
        rate = given.per_second or (given.visits_a_day or 100_000) / 86_400 * given.speed
        count = round(rate * given.seconds)
        with self.workers() as metrics:
            # The first batches load code and build expressions; they are no part of a steady state.
            self.send(200)
            wait(metrics, "sentinel_worker_messages_total", 200)
            first, before = read(metrics), self.servers.cpu()
            lags: list[float] = []
            process = self.sending(count, rate)
            while process.poll() is None:
                time.sleep(1.0)
                lags.append(total(read(metrics), "sentinel_worker_lag_messages"))
            wait(metrics, "sentinel_worker_messages_total", 200 + count)
            last, after = read(metrics), self.servers.cpu()
        latency = self.latencies()[200:]
        tenth = max(1, len(lags) // 10)
        return {
            "per_second": round(rate, 1),
            "records": count,
            "latency_ms": {
                name: round(float(np.percentile(latency, q)))
                for name, q in (("p50", 50), ("p95", 95), ("p99", 99), ("max", 100))
            },
            "lag_messages": {
                "first_tenth": round(float(np.mean(lags[:tenth])), 1),
                "last_tenth": round(float(np.mean(lags[-tenth:])), 1),
                "largest": max(lags, default=0.0),
            },
            **costs(first, last, count),
            "server_cpu_ms_a_claim": a_claim(before, after, count),
        }

    def send(self, count: int, per_second: float | None = None, start: int = 0) -> int:
        """Send claims and wait until the broker has them; their bytes."""
        sizes: list[int] = []

        def noted() -> Iterator[bytes]:
            for one in self.claims(count, start):
                sizes.append(len(one))
                yield one

        sender = Sender(self.connection, f"{self.prefix}claims", self.key, "benchmark")
        try:
            sender.send(noted(), per_second=per_second)
        finally:
            sender.close()
        return sum(sizes)

    def sending(self, count: int, rate: float) -> subprocess.Popen[bytes]:
        """A process of its own, so that its work does not hold up our clock."""
        path = self.folder / "paced.jsonl"
        with path.open("wb") as file:
            for one in self.claims(count, start=1_000_000):
                file.write(one + b"\n")
        return subprocess.Popen(
            [
                sys.executable, "-m", "cli", "stream", "produce", str(path), "--topic", "claims",
                "--bootstrap", self.given.bootstrap, "--prefix", self.prefix,
                "--per-second", str(rate), "--key", str(self.key_file),
            ],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def claims(self, count: int, start: int = 0) -> Iterator[bytes]:
        """Visits under new names."""
        patients = max(1, round(count * self.given.patients))
        for number in range(start, start + count):
            # In the order of their days: claims that come late are judged, and others again.
            place = (number - start) * len(self.templates) // count
            claim = self.templates[place]
            patient = number % patients
            claim |= {
                "stay_id": f"B{number}",
                "patient_id": f"BP{patient}",
                "identity_number": f"BI{patient}",
                "invoice_number": f"BV{number}",
                "encounter_id": f"BE{number}",
            }
            yield json.dumps(claim, ensure_ascii=False, separators=(",", ":")).encode()

    @contextmanager
    def workers(self) -> Iterator[list[str]]:
        """Worker processes while the block runs; the addresses of their metrics."""
        with ExitStack() as running:
            yield [
                running.enter_context(self.worker(f"worker-{number}"))
                for number in range(self.given.workers)
            ]

    @contextmanager
    def worker(self, name: str) -> Iterator[str]:
        """A worker process while the block runs; the address of its metrics."""
        port = free_port()
        command = [
            sys.executable, "-m", "cli", "stream", "run", "--bootstrap", self.given.bootstrap,
            "--prefix", self.prefix, "--group", self.prefix, "--db", self.db, "--topics", "claims",
            "--key", str(self.key_file), "--metrics-port", str(port), "--instance-id", name,
        ]  # fmt: skip
        if self.given.rules is not None:
            command += ["--rules", str(self.given.rules)]
        if self.given.max_batch is not None:
            command += ["--max-batch", str(self.given.max_batch)]
        written = self.folder / f"{name}.log"
        with written.open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            yield f"http://127.0.0.1:{port}/metrics"
        finally:
            process.terminate()
            process.wait(timeout=60)
            if os.environ.get("STREAM_BENCH_LOG"):
                sys.stderr.write(written.read_text("utf-8"))

    def latencies(self) -> list[int]:
        """Milliseconds from a claim's place in the log to its decision's, in the order of the claims."""
        taken = {json.loads(r.value)["stay_id"]: r.timestamp for r in self.records("claims")}
        told = {json.loads(r.value)["stay_id"]: r.timestamp for r in self.records("decisions")}
        ordered = sorted(taken, key=lambda stay: (taken[stay], stay))
        return [told[stay] - taken[stay] for stay in ordered]

    def records(self, topic: str) -> list[Any]:
        """All records of one of our topics."""
        consumer = KafkaConsumer(bootstrap_servers=self.given.bootstrap, enable_auto_commit=False)
        name = self.prefix + topic
        places = [TopicPartition(name, p) for p in consumer.partitions_for_topic(name) or ()]
        consumer.assign(places)
        consumer.seek_to_beginning(*places)
        ends = consumer.end_offsets(places)
        found: list[Any] = []
        while any(consumer.position(place) < ends[place] for place in places):
            for rows in consumer.poll(timeout_ms=500).values():
                found += rows
        consumer.close()
        return found


def templates() -> Iterator[dict[str, Any]]:
    """Outpatient visits of the clean month, without what a visit rarely states."""
    stays = TEMPLATES * 100 // month.VISITS_PER_HUNDRED_STAYS
    for record in month.plan(SEED, stays).records():
        if record["claim_type"] == "outpatient":
            visit = json.loads(writer.encode(record))
            short = {name: value for name, value in visit.items() if name not in NAMES}
            if len(json.dumps(short, ensure_ascii=False).encode()) <= LARGEST:
                yield short


def read(addresses: Sequence[str]) -> dict[str, float]:
    """Every sample of the workers' metrics by name and labels, added up; of commits the last."""
    found: dict[str, float] = {}
    for address in addresses:
        for name, value in samples(address).items():
            both = max if name == COMMITTED else sum
            found[name] = both((found.get(name, 0.0), value))
    return found


def samples(address: str) -> dict[str, float]:
    """Every sample of one worker; empty while it does not answer."""
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            lines = answer.read().decode().splitlines()
    except (urllib.error.URLError, OSError):
        return {}
    pairs = (line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


def total(found: dict[str, float], name: str) -> float:
    return sum(value for key, value in found.items() if key.split("{", 1)[0] == name)


def wait(addresses: Sequence[str], name: str, least: float, seconds: float = 3_600) -> None:
    until = time.monotonic() + seconds
    while total(read(addresses), name) < least:
        if time.monotonic() > until:
            raise SystemExit(f"{name} did not reach {least} within {seconds} s")
        # A reading costs the worker some milliseconds; the clock is that of its last commit.
        time.sleep(0.5)


class Servers:
    """Processor time of the broker and the database, where they run on this machine.

    All that they did meanwhile counts, also for other clients: measure on servers of your own.
    """

    def __init__(self, bootstrap: str, db: str) -> None:
        broker = urllib.parse.urlsplit(f"kafka://{bootstrap.split(',', maxsplit=1)[0]}")
        ports = {"broker": broker.port}
        if not db.startswith("sqlite"):
            ports["database"] = urllib.parse.urlsplit(db).port or 5432
        listening = {
            one.laddr.port: one.pid
            for one in psutil.net_connections("tcp")
            if one.status == psutil.CONN_LISTEN and one.pid is not None
        }
        self.processes = {
            name: psutil.Process(listening[port])
            for name, port in ports.items()
            if port in listening
        }

    def cpu(self) -> dict[str, float]:
        """Seconds so far by server, its children and those that ended included."""
        found = {}
        for name, process in self.processes.items():
            own = process.cpu_times()
            found[name] = own.user + own.system + own.children_user + own.children_system
            for child in process.children():
                with contextlib.suppress(psutil.NoSuchProcess):
                    times = child.cpu_times()
                    found[name] += times.user + times.system
        return found


def a_claim(before: dict[str, float], after: dict[str, float], claims: float) -> dict[str, float]:
    """Milliseconds of processor time a claim between two readings."""
    return {name: round(1000 * (after[name] - before[name]) / claims, 3) for name in before}


def costs(first: dict[str, float], last: dict[str, float], claims: float) -> dict[str, Any]:
    """Processor time of the worker between two readings: of each stage, and what is left for the client."""

    def rise(name: str) -> float:
        return last.get(name, 0.0) - first.get(name, 0.0)

    stages = {
        name.split('stage="')[1].split('"')[0]: rise(name)
        for name in last
        if name.startswith("sentinel_worker_stage_cpu_seconds_total{")
    }
    whole = rise("process_cpu_seconds_total")
    stages["client and loop"] = whole - sum(stages.values())
    batches = rise('sentinel_worker_batches_total{outcome="committed"}')
    return {
        "batches": batches,
        "claims_a_batch": round(claims / batches) if batches else None,
        "cpu_seconds": round(whole, 2),
        "cpu_ms_a_claim": round(1000 * whole / claims, 3),
        "cpu_share_by_stage": {
            name: f"{seconds / whole:.1%}"
            for name, seconds in sorted(stages.items(), key=lambda s: -s[1])
            if whole and seconds / whole >= 0.0005
        },
    }


if __name__ == "__main__":
    main()
