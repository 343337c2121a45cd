"""The worker's ``Source`` on a Kafka consumer group.

Assignment is cooperative (KIP-429): a rebalance stops only the partitions that move.
With an instance id the member is static (KIP-345): a restart within the session keeps
its partitions without any rebalance.

The client calls the rebalance listener on its own network thread, which also sends the
heartbeats. So the listener only notes what happened and pauses what is new; the worker
claims the partitions in the database between two polls, then lets them run.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from threading import Lock
from typing import Any, Final

from kafka import KafkaConsumer, TopicPartition
from kafka.consumer.subscription_state import ConsumerRebalanceListener
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.errors import (
    AuthorizationError,
    FencedInstanceIdError,
    KafkaError,
    UnsupportedCodecError,
)
from kafka.structs import MemberState, OffsetAndMetadata

from store import Partition
from streaming import logs
from streaming.kafka.connection import BrokerError, Connection
from streaming.messages import Message
from streaming.source import Changes

SESSION_MS: Final = 10_000
"""A killed worker's partitions go to another after this; the issue grants 15 s in all. Shorter
would take a garbage collection of the broker for a death."""

HEARTBEAT_MS: Final = 3_000
"""A third of the session, so that two may be lost."""

POLL_INTERVAL_MS: Final = 300_000
"""Longest time between two polls: far above the largest batch, which takes seconds."""

PARTITION_BYTES: Final = 2 * 1024 * 1024
"""Fetched at once from one partition: a thousand claims of 2 KB, half of a batch."""

FETCH_BYTES: Final = 16 * 1024 * 1024
"""Fetched at once in all: half of a batch's bytes, so that the buffer bounds what is held."""

METADATA_MS: Final = 60_000
"""New partitions of a topic are read within this time."""

RECONNECT_MS: Final = 2_000
"""Longest wait before a broker is tried again; the client's own 30 s would be most of an outage."""

START_MS: Final = 5_000
"""How long a first contact may take before it is told as a failure, and tried again."""

PROBE_S: Final = 5.0
"""Between two questions whether the broker still answers; the client itself does not tell."""

PROBE_MS: Final = 1_000
"""How long an answer may take: the worker waits for it meanwhile."""

MOST_FAILURES: Final = 5
"""Failed polls in a row before the client is built anew: what a client of its own
cannot recover from, such as a network thread that died, a new one can."""


class KafkaSource:
    """Messages of the topics, as a member of the group. BrokerError if no broker answers."""

    def __init__(
        self,
        connection: Connection,
        *,
        group: str,
        topics: Sequence[str],
        instance_id: str | None = None,
        client_id: str = "sentinel-worker",
    ) -> None:
        self._settings: dict[str, Any] = {
            **connection.settings(),
            "reconnect_backoff_max_ms": RECONNECT_MS,
            # Ours tell what a worker does; the client's own would only cost processor time.
            "metrics_enabled": False,
            "group_id": group,
            "client_id": client_id,
            "enable_auto_commit": False,
            # Only for a partition that nobody in the group has ever read, or whose stored offset
            # the broker has deleted: then everything that is left is read.
            "auto_offset_reset": "earliest",
            # A producer that uses transactions may take back what it sent; that must not be judged.
            "isolation_level": "read_committed",
            "allow_auto_create_topics": False,
            "partition_assignment_strategy": [CooperativeStickyAssignor],
            "session_timeout_ms": SESSION_MS,
            "heartbeat_interval_ms": HEARTBEAT_MS,
            "max_poll_interval_ms": POLL_INTERVAL_MS,
            "max_partition_fetch_bytes": PARTITION_BYTES,
            "fetch_max_bytes": FETCH_BYTES,
            "metadata_max_age_ms": METADATA_MS,
            "bootstrap_timeout_ms": START_MS,
        }
        if instance_id is not None:
            self._settings["group_instance_id"] = instance_id
        self._where = connection.bootstrap
        self._topics = list(topics)
        self._failures = 0
        self._trouble: BrokerError | None = None
        self._away: BrokerError | None = None
        self._probed = 0.0
        self._told: dict[TopicPartition, int] = {}
        self._noted = _Listener()
        self._consumer = self._join()

    def poll(self, wait_s: float, most: int) -> list[Message]:
        """Messages of the partitions that were started, in the order of each partition."""
        try:
            records = self._consumer.poll(timeout_ms=int(wait_s * 1000), max_records=most)
        except (FencedInstanceIdError, AuthorizationError, UnsupportedCodecError) as error:
            raise _fatal(error, self._where) from error
        except (KafkaError, RuntimeError, OSError) as error:
            self._failed(error, wait_s)
            return []
        self._failures = 0
        self._trouble = None
        now = time.monotonic()
        return [_message(record, now) for part in records.values() for record in part]

    def changes(self) -> Changes:
        """What the listener noted since the last call."""
        return self._noted.take()

    def assignment(self) -> frozenset[Partition]:
        """The partitions of this member now."""
        return frozenset((tp.topic, tp.partition) for tp in self._consumer.assignment() or ())

    def start(self, partition: Partition, next_offset: int | None) -> None:
        """Seek, and let the partition run.

        Without an offset it starts at its first message, whatever offset the broker may
        remember: the database has nothing of it.
        """
        for tp in self._mine([partition]):
            if next_offset is None:
                self._consumer.seek_to_beginning(tp)
            else:
                self._tell_gap(tp, next_offset)
                self._told[tp] = next_offset
                self._consumer.seek(tp, next_offset)
            self._consumer.resume(tp)

    def hold(self, partitions: Iterable[Partition]) -> None:
        """Pause those that are still assigned."""
        self._consumer.pause(*self._mine(partitions))

    def release(self, partitions: Iterable[Partition]) -> None:
        """Resume those that are still assigned."""
        self._consumer.resume(*self._mine(partitions))

    def lag(self, next_offsets: Mapping[Partition, int]) -> dict[Partition, int]:
        """From the high watermark that came with the last fetch."""
        lags = {}
        for tp in self._mine(next_offsets):
            end = self._consumer.highwater(tp)
            if end is not None:
                lags[tp.topic, tp.partition] = max(0, end - next_offsets[tp.topic, tp.partition])
        return lags

    def commit(self, next_offsets: Mapping[Partition, int]) -> None:
        """Send the offsets without waiting; a failure is of no consequence."""
        for tp in self._mine(next_offsets):
            self._told[tp] = next_offsets[tp.topic, tp.partition]
        self._commit({tp: self._told[tp] for tp in self._mine(next_offsets)})

    def trouble(self) -> BrokerError | None:
        """None while the member is in its group, its last poll went well, and a broker answers."""
        if time.monotonic() - self._probed >= PROBE_S:
            self._probe()
            self._probed = time.monotonic()
        if self._trouble is not None or self._away is not None:
            return self._trouble or self._away
        state = self._consumer.group_metadata().state
        if state == MemberState.STABLE:
            return None
        return BrokerError(
            "the worker is not in its consumer group (yet)"
            if state == MemberState.UNJOINED
            else "the consumer group is sharing out its partitions",
            where=self._where,
            cure="This passes by itself; if it stays, check that a broker answers.",
        )

    def close(self) -> None:
        """Leave the group; a static member keeps its partitions until its session ends."""
        try:
            self._consumer.close(autocommit=False, timeout_ms=START_MS)
        except (KafkaError, RuntimeError, OSError):
            return  # the broker finds out by itself when the session ends

    def _probe(self) -> None:
        mine = list(self._consumer.assignment() or ())
        if not mine:
            return
        try:
            self._consumer.end_offsets(mine, timeout_ms=PROBE_MS)
            self._away = None
        except (KafkaError, RuntimeError) as error:
            self._away = BrokerError(
                f"the broker does not answer ({type(error).__name__})",
                where=self._where,
                cure="Nothing is lost; reading goes on by itself once it answers.",
            )
        if "group_instance_id" in self._settings:
            # The client stops its heartbeats without a word when another worker takes its name;
            # only a commit tells, and the poll after it raises.
            self._commit({tp: self._told[tp] for tp in mine if tp in self._told})

    def _commit(self, next_offsets: Mapping[TopicPartition, int]) -> None:
        if not next_offsets:
            return
        try:
            self._consumer.commit_async(
                {tp: OffsetAndMetadata(n, "", -1) for tp, n in next_offsets.items()}
            )
        except (KafkaError, RuntimeError):
            return

    def _tell_gap(self, tp: TopicPartition, next_offset: int) -> None:
        """Say if messages after our offset are gone, which the client itself passes over in silence."""
        try:
            first = self._consumer.beginning_offsets([tp], timeout_ms=START_MS)[tp]
            end = self._consumer.end_offsets([tp], timeout_ms=START_MS)[tp]
        except (KafkaError, KeyError, RuntimeError):
            return  # the broker is away: then nothing is read either
        if first <= next_offset <= end:
            return
        gone = first - next_offset if first > next_offset else next_offset - end
        logs.logger().error(
            "gap",
            topic=tp.topic,
            partition=tp.partition,
            offset=next_offset,
            messages=gone,
            detail="The broker has deleted messages that were never read: have them sent again."
            if first > next_offset
            else "The topic ends before our offset, so it was made anew: read it with a new --group.",
        )

    def _mine(self, partitions: Iterable[Partition]) -> list[TopicPartition]:
        assigned = self._consumer.assignment() or set()
        return [tp for p in partitions if (tp := TopicPartition(*p)) in assigned]

    def _join(self) -> KafkaConsumer:
        try:
            consumer = KafkaConsumer(**self._settings)
        except (KafkaError, OSError) as error:
            raise BrokerError(
                f"no broker answers ({type(error).__name__})",
                where=self._where,
                cure="Check --bootstrap, the network, and that the broker runs.",
            ) from error
        self._noted.consumer = consumer
        consumer.subscribe(topics=self._topics, listener=self._noted)
        return consumer

    def _failed(self, error: Exception, wait_s: float) -> None:
        self._failures += 1
        self._trouble = BrokerError(
            f"reading failed ({type(error).__name__})",
            where=self._where,
            cure="It is tried again; check that the broker runs.",
        )
        if self._failures < MOST_FAILURES:
            time.sleep(max(0.1, wait_s))
            return
        self.close()
        self._noted.gone()
        try:
            self._consumer = self._join()
        except BrokerError as away:
            self._trouble = away
        else:
            self._failures = 0


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Notes what the group gives and takes; runs on the client's network thread."""

    def __init__(self) -> None:
        self.consumer: KafkaConsumer | None = None
        self._lock = Lock()
        self._mine: set[Partition] = set()
        self._gained: set[Partition] = set()
        self._lost: set[Partition] = set()

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Pause what is new, until the worker has claimed it."""
        new = list(assigned)
        if self.consumer is not None:
            self.consumer.pause(*new)
        with self._lock:
            self._mine |= {tuple(tp) for tp in new}
            self._gained |= {tuple(tp) for tp in new}

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Note what another worker will read."""
        with self._lock:
            gone: set[Partition] = {tuple(tp) for tp in revoked}
            self._mine -= gone
            self._gained -= gone
            self._lost |= gone

    def gone(self) -> None:
        """The member is no more: everything is lost."""
        self.on_partitions_revoked([TopicPartition(*p) for p in self._mine])

    def take(self) -> Changes:
        """What was noted since the last call."""
        with self._lock:
            changes = Changes(frozenset(self._gained), frozenset(self._lost))
            self._gained, self._lost = set(), set()
            return changes


def _message(record: Any, now: float) -> Message:
    return Message(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=record.key,
        value=record.value,
        headers=tuple((name, value or b"") for name, value in record.headers or ()),
        timestamp_ms=record.timestamp,
        fetched=now,
    )


def _fatal(error: Exception, where: str) -> BrokerError:
    if isinstance(error, FencedInstanceIdError):
        return BrokerError(
            "another worker has joined the group with the same instance id",
            where=where,
            cure="Give each worker its own --instance-id; this one stops.",
        )
    if isinstance(error, UnsupportedCodecError):
        return BrokerError(
            "a producer uses a compression that this worker cannot read",
            where=where,
            cure="Install the requirements of this version (lz4, zstandard, python-snappy), then start again.",
        )
    return BrokerError(
        f"the broker forbids it ({type(error).__name__})",
        where=where,
        cure="Allow this user to read the topics and to join the group, then start again.",
    )
