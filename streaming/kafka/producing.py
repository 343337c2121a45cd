"""Sending records to an input topic: keyed by patient, with our headers, at a chosen rate."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from kafka import KafkaProducer
from kafka.errors import KafkaError

from domain import SCHEMA_VERSION
from streaming.kafka.connection import BrokerError, Connection
from streaming.messages import CONTENT_TYPE, SCHEMA_HEADER, SOURCE, TRACE_ID
from streaming.pseudonym import PseudonymKey
from streaming.topics import LONGEST_INPUT

PATIENCE_MS: Final = 15_000
LINGER_MS: Final = 10
"""Collects records into larger requests; at most this much is added to a record's way."""
BATCH_BYTES: Final = 256 * 1024
"""About a hundred claims of 2 KB in one request."""
MOST_WAITING: Final = 10_000
"""Records sent and not acknowledged: enough to keep a broker busy, and a bound on memory."""


class _Named(msgspec.Struct):
    patient_id: str


_NAMED: Final = msgspec.json.Decoder(_Named)


def key_of(record: bytes, key: PseudonymKey) -> bytes | None:
    """The message key of a claim or order event: the pseudonym of its patient.

    None if no patient can be read from it: the record goes to any partition, and the
    worker refuses it with its reasons.
    """
    try:
        pseudonym = key.pseudonym("patient_id", _NAMED.decode(record).patient_id)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return None if pseudonym is None else pseudonym.encode()


def new_traceparent() -> str:
    """A new W3C ``traceparent`` (version 00, not sampled)."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00"


@dataclass(slots=True)
class Sent:
    """How many records were acknowledged, how many of them without a key, and in which time."""

    records: int = 0
    octets: int = 0
    unkeyed: int = 0
    seconds: float = 0.0


class Sender:
    """Sends records to one topic and waits until the broker has them."""

    def __init__(self, connection: Connection, topic: str, key: PseudonymKey, source: str) -> None:
        self._topic = topic
        self._key = key
        self._where = connection.bootstrap
        self._headers = [
            (CONTENT_TYPE, b"application/json"),
            (SOURCE, source.encode()),
            (SCHEMA_HEADER, SCHEMA_VERSION.encode()),
        ]
        try:
            self._producer = KafkaProducer(
                **connection.settings(),
                client_id="sentinel-produce",
                acks="all",
                enable_idempotence=True,
                compression_type="lz4",
                linger_ms=LINGER_MS,
                batch_size=BATCH_BYTES,
                max_request_size=LONGEST_INPUT,
                max_block_ms=PATIENCE_MS,
                bootstrap_timeout_ms=PATIENCE_MS,
                allow_auto_create_topics=False,
            )
        except KafkaError as error:
            raise self._refused(error) from error

    def send(
        self,
        records: Iterable[bytes],
        *,
        per_second: float | None = None,
        told: Callable[[int], None] = lambda _: None,
    ) -> Sent:
        """Send all records in their order and return once the broker has acknowledged them.

        With ``per_second`` record n leaves no earlier than n / per_second seconds after the
        start; a broker that is slower is not overrun afterwards. ``told`` is called with
        the number sent. BrokerError if one is not taken; those before it are.
        """
        sent = Sent()
        began = time.monotonic()
        waiting: list[Any] = []
        try:
            for record in records:
                if per_second is not None:
                    ahead = sent.records / per_second - (time.monotonic() - began)
                    if ahead > 0:
                        time.sleep(ahead)
                key = key_of(record, self._key)
                trace = [(TRACE_ID, new_traceparent().encode())]
                waiting.append(
                    self._producer.send(
                        self._topic, key=key, value=record, headers=self._headers + trace
                    )
                )
                sent.records += 1
                sent.octets += len(record)
                sent.unkeyed += key is None
                if len(waiting) >= MOST_WAITING:
                    self._settle(waiting)
                    told(sent.records)
            self._settle(waiting)
        except KafkaError as error:
            raise self._refused(error) from error
        sent.seconds = time.monotonic() - began
        told(sent.records)
        return sent

    def close(self) -> None:
        """End the connection."""
        self._producer.close()

    def _settle(self, waiting: list[Any]) -> None:
        for future in waiting:
            future.get(timeout=120)
        waiting.clear()

    def _refused(self, error: KafkaError) -> BrokerError:
        return BrokerError(
            f"a record for topic {self._topic} was not taken: {error.__class__.__name__}: {error}",
            where=self._where,
            cure="Check that the broker answers and the topic exists: sentinel stream topics.",
        )
