"""The stream worker's side of the store: one step, one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from domain.results import Results
from domain.tables import Tables
from store import dead_letters as letters
from store import outbox, stream, writing
from store.dead_letters import DeadLetter
from store.errors import translate
from store.outbox import Outgoing, Parcel
from store.stream import Lease, Partition, StoredOffset
from store.writing import Model, Ruleset, Written


@dataclass(frozen=True, slots=True)
class Judged:
    """Claims with their results and what judged them: the arguments of ``Store.write``.

    ``taken`` are the entries of the list of stays to judge again that this settles, ``documents``
    the claims' canonical texts in the order of ``claims.stays``.
    """

    claims: Tables
    results: Results
    fingerprints: Mapping[str, str] | None
    ruleset: Ruleset | None
    model: Model | None = None
    taken: Sequence[tuple[str, datetime]] = ()
    documents: Sequence[bytes] | None = None


Write = Callable[[sa.Connection, datetime], None]
"""More to write in the same transaction, at the instant given."""


@dataclass(frozen=True, slots=True)
class Step:
    """All that one batch changes; it is committed as a whole or not at all.

    ``advances`` are the partitions read, with the offset after the last message of each.
    ``acknowledged`` are parcels of the outbox that the broker has, from earlier steps.
    """

    advances: Sequence[tuple[Lease, int]] = ()
    judged: Sequence[Judged] = ()
    writes: Sequence[Write] = ()
    outgoing: Sequence[Outgoing] = ()
    dead_letters: Sequence[DeadLetter] = ()
    acknowledged: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Committed:
    """What a step left: new rows by table, and its messages to publish, in their order."""

    written: Written
    parcels: tuple[Parcel, ...]

    @property
    def messages(self) -> list[Outgoing]:
        """The messages of all parcels."""
        return [message for parcel in self.parcels for message in parcel.messages]


class Journal:
    """What a worker of one consumer group stores; get it from ``Store.journal``."""

    def __init__(self, group: str, *, readers: sa.Engine, writers: sa.Engine, where: str) -> None:
        self.group = group
        self._readers = readers
        self._writers = writers
        self._where = where

    def claim(self, partitions: Iterable[Partition], owner: str) -> list[Lease]:
        """Take partitions over, whoever had them; from now on only ``owner`` moves them on."""
        with translate(self._where), self._writers.begin() as connection:
            return stream.claim(connection, self.group, partitions, owner, datetime.now(UTC))

    def commit(self, step: Step) -> Committed:
        """Store a step: all of it or, on StoreError, nothing.

        LostPartitionError if another worker has claimed one of its partitions.
        """
        now = datetime.now(UTC)
        with translate(self._where), self._writers.begin() as connection:
            # First, so that a worker that lost a partition waits for nobody and writes nothing.
            stream.advance(connection, step.advances, now)
            counts: Counter[str] = Counter()
            known: set[str] = set()
            made: set[str] = set()
            for judged in step.judged:
                written = writing.write(
                    connection,
                    claims=judged.claims,
                    results=judged.results,
                    fingerprints=judged.fingerprints,
                    ruleset=judged.ruleset,
                    model=judged.model,
                    now=now,
                    taken=judged.taken,
                    documents=judged.documents,
                )
                counts.update(written.counts)
                # What an earlier round of this step has made is new, though a later one finds it.
                known |= written.known - made
                made |= set(judged.results.decisions["decision_id"].to_pylist()) - written.known
            for write in step.writes:
                write(connection, now)
            letters.set_aside(connection, step.dead_letters, now)
            outbox.acknowledge(connection, step.acknowledged)
            parcels = outbox.put(connection, self.group, step.outgoing, frozenset(known), now)
        return Committed(Written(dict(counts), frozenset(known)), parcels)

    def pending(
        self, partitions: Iterable[Partition], *, after: int = 0, limit: int = 1_000
    ) -> list[Parcel]:
        """Committed parcels of these partitions that the broker has not acknowledged, oldest first."""
        with translate(self._where), self._readers.connect() as connection:
            return outbox.pending(connection, self.group, partitions, after=after, limit=limit)

    def acknowledge(self, outbox_ids: Sequence[int]) -> None:
        """Forget messages that the broker has."""
        with translate(self._where), self._writers.begin() as connection:
            outbox.acknowledge(connection, outbox_ids)

    def depth(self) -> tuple[int, datetime | None]:
        """How many messages of the group wait to be published, and since when the oldest."""
        with translate(self._where), self._readers.connect() as connection:
            return outbox.depth(connection, self.group)

    def offsets(self) -> list[StoredOffset]:
        """Where the group stands in each partition."""
        with translate(self._where), self._readers.connect() as connection:
            return stream.offsets(connection, self.group)
