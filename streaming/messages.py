"""A message as it lies in a topic, its headers, and what a handler makes of a batch of them.

Nothing here knows Kafka: ``streaming.kafka`` turns its records into ``Message``, the
handlers (``streaming.claims``, ``streaming.orders``) turn messages into ``Handled``, and
``streaming.worker`` carries one to the other.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Protocol

from domain import SCHEMA_VERSION
from domain.errors import Refusal
from domain.results import identifier

if TYPE_CHECKING:
    from store import Judged, Outgoing, Partition
    from store.journal import Write
    from streaming.watch import Batch

TRACE_ID: Final = "trace-id"
"""W3C ``traceparent`` of what the message belongs to; it goes through to what comes of it."""
SCHEMA_HEADER: Final = "schema-version"
"""Version of the schema of the value, such as ``1.0.0``; without the header it is ours."""
MESSAGE_ID: Final = "message-id"
"""The same for the same content, however often it is published: consumers drop what they have."""
CONTENT_TYPE: Final = "content-type"
SOURCE: Final = "source"

_MAJOR: Final = SCHEMA_VERSION.split(".", maxsplit=1)[0]
_VERSION: Final = re.compile(r"[0-9]{1,4}(\.[0-9]{1,4}){0,2}")
_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Message:
    """One record of a topic; ``value`` and ``headers`` may hold personal data and are never logged.

    ``timestamp_ms`` is the broker's, in milliseconds of Unix time; ``fetched`` is the
    worker's own clock in seconds.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    timestamp_ms: int | None = None
    fetched: float = 0.0

    @property
    def place(self) -> tuple[str, int]:
        """Topic and partition."""
        return self.topic, self.partition

    @property
    def octets(self) -> int:
        """Bytes of key, value and headers."""
        own = len(self.key or b"") + len(self.value or b"")
        return own + sum(len(name) + len(value) for name, value in self.headers)

    @property
    def time(self) -> datetime | None:
        """The broker's timestamp."""
        if self.timestamp_ms is None or self.timestamp_ms < 0:
            return None
        return _EPOCH + timedelta(milliseconds=self.timestamp_ms)

    def header(self, name: str) -> str | None:
        """The last header of that name as text; None if there is none or it is not UTF-8."""
        found = [value for key, value in self.headers if key == name]
        if not found or found[-1] is None:
            return None
        try:
            return found[-1].decode()
        except UnicodeDecodeError:
            return None

    @property
    def traceparent(self) -> str | None:
        """The trace header if it has the W3C form; what else stands there goes nowhere."""
        text = self.header(TRACE_ID)
        return text if text is not None and _TRACEPARENT.fullmatch(text) else None

    @property
    def dead_letter_id(self) -> str:
        """Identifies this very record, also if the topic was made anew and counts from 0 again."""
        place = (self.topic, str(self.partition), str(self.offset), str(self.timestamp_ms))
        digest = hashlib.sha256(self.value or b"").hexdigest()
        return identifier("dead-letter", *place, digest)


@dataclass(frozen=True, slots=True)
class Handled:
    """What came of a batch of messages; every message is accounted for.

    A message is in ``dead`` with its reasons, or it was taken. The rest is stored in
    the transaction that moves the offsets on: ``judged`` claims with their results,
    ``writes`` of other tables, and ``outgoing`` messages.
    """

    dead: Sequence[tuple[Message, tuple[Refusal, ...]]] = ()
    judged: Sequence[Judged] = ()
    writes: Sequence[Write] = ()
    outgoing: Sequence[Outgoing] = ()


class Handler(Protocol):
    """Turns the messages of one topic into what is to be stored and told.

    It reads the database and writes nothing. It may be called again with the same
    messages, or with a part of them: after a database error, and to find the one that
    it cannot handle. Messages of one partition come in their order.
    """

    def __call__(self, messages: Sequence[Message], batch: Batch, /) -> Handled:
        """Handle one batch; ``batch`` times the stages."""
        ...


class Chore(Protocol):
    """Something to do between batches, such as judging again what a late claim changed."""

    def waiting(self) -> bool:
        """Whether there is anything to do; asked every second."""
        ...

    def __call__(self, source: Partition, batch: Batch, /) -> Handled:
        """What is to be stored and told; its messages are published with those of ``source``."""
        ...


def refuse_unread(message: Message) -> tuple[Refusal, ...]:
    """Why a message is refused before its value is read; empty if it may be read."""
    reasons = []
    if message.value is None:
        reasons.append(
            Refusal(
                "(record)", "", "no-value",
                "Send the record itself; an empty value deletes nothing here.",
            )
        )  # fmt: skip
    version = message.header(SCHEMA_HEADER)
    named = any(name == SCHEMA_HEADER for name, _ in message.headers)
    if named and (version is None or version.split(".", maxsplit=1)[0] != _MAJOR):
        shown = version if version is not None and _VERSION.fullmatch(version) else "<not shown>"
        reasons.append(
            Refusal(
                f"(header {SCHEMA_HEADER})", shown, "schema-version",
                f"This worker reads schema {_MAJOR}.x: update the worker, or send that schema.",
            )
        )  # fmt: skip
    return tuple(reasons)


def outgoing_headers(message_id: str, traceparent: str | None) -> tuple[tuple[str, str], ...]:
    """The headers of a message that the worker publishes as JSON."""
    headers = (
        (CONTENT_TYPE, "application/json"),
        (SOURCE, "drg-sentinel"),
        (SCHEMA_HEADER, SCHEMA_VERSION),
        (MESSAGE_ID, message_id),
    )
    return headers if traceparent is None else (*headers, (TRACE_ID, traceparent))
