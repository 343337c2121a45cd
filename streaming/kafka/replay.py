"""Dead letters back to the topic that they came from, byte by byte."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from kafka import KafkaProducer
from kafka.errors import KafkaError

from store import DeadLetter
from streaming.kafka.connection import BrokerError, Connection
from streaming.kafka.sink import BLOCK_MS, DELIVERY_MS, LARGEST_BYTES

REPLAY_OF: Final = "replay-of"
"""Header of a replayed message: the id of its dead letter."""


def send_back(connection: Connection, letters: Iterable[DeadLetter]) -> Iterator[DeadLetter]:
    """Publish each letter's original key, value and headers; yields it once it is acknowledged.

    It goes to its own partition, where the patient's other messages are, if that still
    exists. BrokerError at the first that is not taken; those yielded before are.
    """
    try:
        producer = KafkaProducer(
            **connection.settings(),
            acks="all",
            max_request_size=LARGEST_BYTES,
            max_block_ms=BLOCK_MS,
            bootstrap_timeout_ms=BLOCK_MS,
            delivery_timeout_ms=DELIVERY_MS,
            request_timeout_ms=DELIVERY_MS // 2,
            allow_auto_create_topics=False,
        )
    except (KafkaError, OSError) as error:
        raise _refused(connection, error) from error
    try:
        for letter in letters:
            try:
                known = producer.partitions_for(letter.topic) or set()
                producer.send(
                    letter.topic,
                    key=letter.key,
                    value=letter.value,
                    headers=[
                        *((name, value) for name, value in letter.headers if name != REPLAY_OF),
                        (REPLAY_OF, letter.dead_letter_id.encode()),
                    ],
                    partition=letter.partition if letter.partition in known else None,
                ).get(timeout=DELIVERY_MS / 1000)
            except (KafkaError, ValueError, TypeError) as error:
                raise _refused(connection, error) from error
            yield letter
    finally:
        producer.close(timeout=1)


def _refused(connection: Connection, error: Exception) -> BrokerError:
    return BrokerError(
        f"a dead letter could not be sent back ({type(error).__name__})",
        where=connection.bootstrap,
        cure="Check that the broker runs and the topic exists; those told as sent are marked, run it again for the rest.",
    )
