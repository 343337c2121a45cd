"""The real claims into the entity graph in Neo4j: stays a second, and how long each question takes.

    python -m benchmarks.graph [--folder DIR] [--neo4j URL] [--stays N] [--asked N] [--sql]

Reads every claim through intake and brings it in as `sentinel graph load FILE...` does, a thousand in a
transaction; brings the first in again, which must change nothing; then asks each question of
``domain.graph_questions``: of nodes and days drawn at random, one after another, from one process.
Without ``--neo4j`` a server is started on a free port, with the memory of SENTINEL_NEO4J_HEAP, and
erased afterwards. ``--sql`` measures the graph that a SQLite file keeps instead. The claims have
no telephone numbers, accounts or charge lines, so what looks for these finds nothing. Prints one JSON line.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import store
from benchmarks.assess_real_claims import FOLDER, machine
from domain.graph import IDENTIFIERS, NodeKind
from domain.graph_questions import (
    AskCircularTransfers,
    AskClonedBills,
    AskCommunities,
    AskCompanions,
    AskNeighbourhood,
    AskPath,
    AskSharedIdentifiers,
    AskTriangles,
    GraphTimeoutError,
    Question,
)
from domain.tables import Tables
from services import Neo4j
from services.graph import PASSWORD, USER
from services.server import free_port, home
from store.graph.address import Address
from store.graph.entity_graph import EntityGraph
from store.graph.loading import load_tables
from streaming import intake
from streaming.pseudonym import PseudonymKey

SEED = 20261129
WIDE = ("patient", "stay", "provider", "physician")
"""What ties these claims: without telephone numbers and accounts nothing narrower does."""


@dataclass(slots=True)
class Seen:
    """What was read, to ask about."""

    stays: int = 0
    patients: set[str] = field(default_factory=set)
    providers: set[str] = field(default_factory=set)
    physicians: set[str] = field(default_factory=set)
    first: Tables | None = None

    def note(self, tables: Tables) -> None:
        """Remember the parties of a batch."""
        self.stays += len(tables)
        self.patients |= set(tables.stays["patient_id"].to_pylist())
        self.providers |= set(tables.stays["provider_id"].to_pylist())
        self.physicians |= set(tables.stays["attending_physician_id"].to_pylist()) - {None}
        self.first = self.first or tables


def main() -> None:
    """Load, ask and print."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--folder", type=Path, default=FOLDER)
    asked.add_argument("--neo4j", help="address of a server, instead of one of our own")
    asked.add_argument("--stays", type=int, default=10**9, help="stop after so many")
    asked.add_argument("--asked", type=int, default=200, help="questions of each kind")
    asked.add_argument("--sql", action="store_true", help="the graph kept in SQLite instead")
    given = asked.parse_args()
    with ExitStack() as closing:
        scratch = Path(closing.enter_context(tempfile.TemporaryDirectory()))
        opened = closing.enter_context(store.open(f"sqlite:///{scratch / 'sentinel.db'}"))
        address = None if given.sql else Address(server(given.neo4j, closing), "benchmark", USER, PASSWORD)  # fmt: skip
        graph = closing.enter_context(opened.graph(address))
        loaded, seen = load(graph, given.folder, given.stays)
        stats = graph.stats(seconds=600)
        told = {
            "graph": graph.name,
            **loaded,
            "nodes": sum(stats.nodes.values()),
            "edges": sum(stats.edges.values()),
            "questions": [
                ask(graph, name, make, given.asked) for name, make in questions(seen).items()
            ],
            "heap": os.environ.get("SENTINEL_NEO4J_HEAP", "512m"),
            "machine": machine(),
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
        }
    print(json.dumps(told))


def server(url: str | None, closing: ExitStack) -> str:
    """The address of a server; ours is erased at the end."""
    if url:
        return url
    ours = Neo4j(home() / f"benchmark-neo4j-{uuid.uuid4().hex[:8]}", free_port())
    closing.callback(ours.erase)
    ours.start()
    return ours.address


def load(graph: EntityGraph, folder: Path, most: int) -> tuple[dict[str, Any], Seen]:
    """Bring the claims in; intake is read beside and not counted."""
    writer = graph.writer()
    epoch = writer.seize()
    seen, edges, seconds, parts = Seen(), 0, 0.0, []
    key = PseudonymKey(os.urandom(32))
    for batch in intake.read_batches([folder], "provider-csv", key=key):
        if not len(batch.tables):
            continue
        began = time.perf_counter()
        loaded = load_tables(writer, epoch, batch.tables)
        took = time.perf_counter() - began
        seconds, edges = seconds + took, edges + loaded.edges
        parts.append(len(batch.tables) / took)
        seen.note(batch.tables)
        print(f"{seen.stays:,} stays, {seen.stays / seconds:,.0f} a second", flush=True)
        if seen.stays >= most:
            break
    began = time.perf_counter()
    assert seen.first is not None
    again = load_tables(writer, epoch, seen.first)
    if again.placed:
        raise AssertionError("bringing the same in again changed the graph")
    return {
        "stays": seen.stays,
        "load_s": round(seconds, 1),
        "stays_per_second": round(seen.stays / seconds),
        "edges_per_second": round(edges / seconds),
        "last_batch_stays_per_second": round(parts[-1]),
        "again_stays_per_second": round(again.unchanged / (time.perf_counter() - began)),
    }, seen


def questions(seen: Seen) -> dict[str, Callable[[], Question]]:
    """What makes one more question of each kind."""
    dice = random.Random(SEED)
    patients, providers, physicians = (
        sorted(s) for s in (seen.patients, seen.providers, seen.physicians)
    )

    def one_of(kind: NodeKind, ids: Sequence[str]) -> str:
        return f"{kind}:{dice.choice(ids)}"

    def patient() -> str:
        return one_of(NodeKind.PATIENT, patients)

    def upto() -> datetime:
        return datetime(2009, 1, 1, tzinfo=UTC) + timedelta(days=dice.randrange(365))

    def since() -> date:
        return date(2009, 1, 1) + timedelta(days=dice.randrange(200))

    kinds = tuple(str(kind) for kind in IDENTIFIERS)
    return {
        "neighbourhood of a patient, 3 steps": lambda: AskNeighbourhood(
            of=patient(), hops=3, upto=upto()
        ),
        "neighbourhood of a provider, 4 steps, wide, 2,000 nodes": lambda: AskNeighbourhood(
            of=one_of(NodeKind.PROVIDER, providers), hops=4, through=WIDE, limit=2_000, fan=500
        ),
        "path of two patients, wide": lambda: AskPath(start=patient(), end=patient(), through=WIDE),
        "triangles of a physician": lambda: AskTriangles(physician=dice.choice(physicians)),
        "triangles of a provider": lambda: AskTriangles(provider=dice.choice(providers)),
        "triangles, all": lambda: AskTriangles(since=since()),
        "shared identifiers, all": lambda: AskSharedIdentifiers(kind=kinds, since=since()),
        "companions, all": lambda: AskCompanions(min_patients=2, since=since()),
        "circular transfers, all": lambda: AskCircularTransfers(since=since()),
        "cloned bills, all": lambda: AskClonedBills(since=since()),
        "communities, all": lambda: AskCommunities(min_patients=2, currency="USD", since=since()),
    }


def ask(graph: EntityGraph, name: str, make: Callable[[], Question], most: int) -> dict[str, Any]:
    """Ask so many of a kind, for at most two minutes; milliseconds."""
    took: list[float] = []
    found = late = 0
    ending = time.perf_counter() + 120
    while len(took) < most and time.perf_counter() < ending:
        question = make()
        began = time.perf_counter()
        try:
            found += sum(1 for _ in entries(graph.ask(question)))
        except GraphTimeoutError:
            late += 1
        took.append(1000 * (time.perf_counter() - began))
    took.sort()
    told = {
        "question": name,
        "asked": len(took),
        "found": round(found / len(took), 1),
        "late": late,
        "p50_ms": round(statistics.median(took), 1),
        # The rank that at least 99 of 100 do not pass; of fewer than 100 the slowest.
        "p99_ms": round(took[math.ceil(0.99 * len(took)) - 1], 1),
        "slowest_ms": round(took[-1], 1),
    }
    print(json.dumps(told), flush=True)
    return told


def entries(answer: Any) -> Iterator[Any]:
    """What an answer lists: items, or nodes."""
    yield from answer.items if hasattr(answer, "items") else answer.nodes


if __name__ == "__main__":
    main()
