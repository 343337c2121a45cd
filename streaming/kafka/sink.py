"""The worker's ``Sink`` on a Kafka producer.

The producer is idempotent and waits for all in-sync replicas, so what it acknowledges is
kept, once and in order, as long as one producer lives. A message may come twice after a
crash; its ``message-id`` tells.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

from kafka import KafkaProducer
from kafka.errors import MessageSizeTooLargeError

from store import Parcel
from streaming.kafka.connection import Connection
from streaming.publishing import SinkError

RECONNECT_MS: Final = 2_000
"""Longest wait before a broker is tried again, as for reading."""

DELIVERY_MS: Final = 30_000
"""How long the producer itself tries before a message counts as failed. Longer only delays
telling; the outbox goes on after it."""

BLOCK_MS: Final = 2_000
"""Longest wait for a topic's metadata: the loop must turn meanwhile."""

LINGER_MS: Final = 5
"""Collects what one batch sends into few requests, at no delay that anyone notices."""

BATCH_BYTES: Final = 256 * 1024
"""Bytes of one request a partition: fifty decisions with their hits. The client's 16 KiB
would be a request for every three."""

LARGEST_BYTES: Final = 5 * 1024 * 1024
"""Largest request, as the broker's ``max.message.bytes`` in services/kafka."""


class KafkaSink:
    """Publishes parcels of the outbox in their order; connects at the first of them."""

    def __init__(
        self,
        connection: Connection,
        *,
        prefix: str = "",
        client_id: str = "sentinel-worker",
    ) -> None:
        self._settings: dict[str, Any] = {
            **connection.settings(),
            "reconnect_backoff_max_ms": RECONNECT_MS,
            "metrics_enabled": False,
            "client_id": client_id,
            "acks": "all",
            "enable_idempotence": True,
            "compression_type": "lz4",
            "linger_ms": LINGER_MS,
            "batch_size": BATCH_BYTES,
            "max_request_size": LARGEST_BYTES,
            "delivery_timeout_ms": DELIVERY_MS,
            "request_timeout_ms": DELIVERY_MS // 2,
            "max_block_ms": BLOCK_MS,
            "bootstrap_timeout_ms": BLOCK_MS,
            "allow_auto_create_topics": False,
        }
        self._where = connection.bootstrap
        self._prefix = prefix
        self._producer: KafkaProducer | None = None
        self._sent: deque[tuple[Parcel, deque[tuple[str, Any]]]] = deque()

    @property
    def waiting(self) -> int:
        """Parcels sent and not acknowledged yet."""
        return len(self._sent)

    def send(self, parcels: Sequence[Parcel]) -> None:
        """Hand the messages to the producer; it sends them on its own thread."""
        topic = ""
        try:
            if self._producer is None:
                self._producer = KafkaProducer(**self._settings)
            for parcel in parcels:
                futures: deque[tuple[str, Any]] = deque()
                for message in parcel.messages:
                    topic = message.topic
                    future = self._producer.send(
                        self._prefix + topic,
                        key=message.key,
                        value=message.value,
                        headers=[(name, value.encode()) for name, value in message.headers],
                    )
                    futures.append((topic, future))
                self._sent.append((parcel, futures))
        except Exception as error:
            # Whatever it is, it must not undo the batch, which is committed.
            raise self._refused(error, topic) from error

    def confirm(self, wait_s: float) -> list[Parcel]:
        """Parcels acknowledged as a whole, in the order sent."""
        until = time.monotonic() + wait_s
        done: list[Parcel] = []
        while self._sent:
            parcel, futures = self._sent[0]
            if not futures:
                done.append(parcel)
                self._sent.popleft()
                continue
            topic, future = futures[0]
            if not future.is_done:
                left = until - time.monotonic()
                if left <= 0:
                    break
                time.sleep(min(0.002, left))
                continue
            if future.failed():
                if done:
                    break  # these are told first, the failure at the next call
                raise self._refused(future.exception, topic)
            futures.popleft()
        return done

    def reset(self) -> None:
        """Drop the producer with all that it still holds; the next row builds a new one."""
        self._sent.clear()
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.close(timeout=0)

    def close(self) -> None:
        """End the producer; what is not acknowledged stays in the outbox."""
        self.reset()

    def _refused(self, error: BaseException, topic: str) -> SinkError:
        cure = "It stays in the outbox and is sent again. Check that the broker runs and the topic exists (sentinel stream topics)."
        if isinstance(error, MessageSizeTooLargeError):
            cure = (
                f"Raise max.message.bytes of topic {topic}; until then nothing more is published."
            )
        return SinkError(
            f"a message to {topic} was not taken ({type(error).__name__})",
            where=self._where,
            cure=cure,
        )
