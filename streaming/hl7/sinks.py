"""Where events and dead letters go: straight into the store, or into Kafka's topics.

A sink returns when both are durable, and only then is a message answered.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from domain.errors import SentinelError
from store import DeadLetter, Journal, Outgoing, Parcel
from store.journal import Step
from streaming.hl7 import letters
from streaming.messages import outgoing_headers
from streaming.orders.events import Event
from streaming.orders.handler import OrdersHandler
from streaming.orders.judging import judge_orders
from streaming.publishing import Sink as Broker
from streaming.publishing import SinkError

SOURCE: Final = (letters.TOPIC, 0)
PATIENCE_S: Final = 30.0
"""How long the broker may take: an answer later than that has been given up by most senders."""


class NotKeptError(SentinelError):
    """Nothing could be stored now; the same messages may be sent again."""


@dataclass(frozen=True, slots=True)
class Taken:
    """An event of a message: the message's number in the batch, its clear bytes, and as decoded."""

    message: int
    record: bytes
    event: Event


class EventSink(Protocol):
    """Makes events and dead letters durable."""

    def take(
        self, events: Sequence[Taken], dead: Sequence[DeadLetter], /
    ) -> Mapping[int, tuple[str, str]]:
        """Keep all of it, or raise NotKeptError with nothing to be answered AA.

        Returns messages that cannot be taken after all, with the member and the reason;
        nothing of these is kept.
        """
        ...

    def head(self, stay_id: str, /) -> Mapping[str, Any] | None:
        """The head of a stay as it is stored, if the sink can know."""
        ...


@dataclass(slots=True)
class StoreSink:
    """The embedded way: events are judged and stored in one transaction, without a broker.

    What a worker would publish (alerts, suggestions) has no topic to go to; suggestions and
    decisions are in the database, where the API reads them.
    """

    handler: OrdersHandler
    journal: Journal

    def take(
        self, events: Sequence[Taken], dead: Sequence[DeadLetter], /
    ) -> Mapping[int, tuple[str, str]]:
        """Judge and commit. A message with an event that finds no room is left out whole."""
        refused: dict[int, tuple[str, str]] = {}
        while True:
            kept = [t for t in events if t.message not in refused]
            try:
                states = self.handler.look_up(t.event.stay_id for t in kept)
                outcome = judge_orders([t.event for t in kept], states, self.handler.engine)
                if outcome.refused:
                    where = {id(t.event): t.message for t in kept}
                    for event, reason in outcome.refused:
                        refused[where[id(event)]] = (reason.field, reason.cure)
                    continue
                writes = self.handler.writes(outcome, states)
                if writes or dead:
                    self.journal.commit(Step(writes=writes, dead_letters=dead))
            except SentinelError as error:
                raise NotKeptError(error.what, where=error.where, cure=error.cure) from error
            return refused

    def head(self, stay_id: str, /) -> Mapping[str, Any] | None:
        """The stored head."""
        try:
            state = self.handler.look_up([stay_id]).get(stay_id)
        except SentinelError as error:
            raise NotKeptError(error.what, where=error.where, cure=error.cure) from error
        return None if state is None else state.head.value


@dataclass(slots=True)
class TopicSink:
    """Topics ``orders`` and ``dead-letters``, through the same client as the worker's outbox."""

    broker: Broker
    patience_s: float = PATIENCE_S

    def take(
        self, events: Sequence[Taken], dead: Sequence[DeadLetter], /
    ) -> Mapping[int, tuple[str, str]]:
        """Publish and wait for the acknowledgement of all in-sync replicas."""
        messages = [
            Outgoing(
                topic="orders",
                message_id=t.event.event_id,
                key=t.event.patient_id.encode(),
                value=t.record,
                source=SOURCE,
                headers=outgoing_headers(t.event.event_id, None),
            )
            for t in events
        ] + [
            Outgoing(
                topic="dead-letters",
                message_id=one.dead_letter_id,
                key=None,
                value=letters.told(one),
                source=SOURCE,
                headers=outgoing_headers(one.dead_letter_id, None),
            )
            for one in dead
        ]
        if not messages:
            return {}
        until = time.monotonic() + self.patience_s
        try:
            self.broker.send([Parcel(0, tuple(messages), datetime.now(UTC))])
            while not self.broker.confirm(0.2):
                if time.monotonic() > until:
                    raise SinkError(
                        "the broker did not acknowledge in time",
                        where="topics orders and dead-letters",
                        cure="Check that the broker runs; the sender sends again.",
                    )
        except SinkError as error:
            self.broker.reset()
            raise NotKeptError(error.what, where=error.where, cure=error.cure) from error
        return {}

    def head(self, stay_id: str, /) -> Mapping[str, Any] | None:
        """Nothing: the topic cannot be asked."""
        del stay_id
        return None
