"""Refused messages as dead letters: kept whole, with their reasons, once however often they come."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import Final

import msgspec

from domain.results import identifier
from store import DeadLetter
from streaming.hl7.faults import Fault

TOPIC: Final = "hl7"
"""Where the message lay, in the words of dead letters: no topic of the broker, but this interface."""
CONTENT: Final = (("content-type", b"x-application/hl7-v2+er7"),)
LARGEST_IN_TOPIC: Final = 640 * 1024
"""Bytes of a message that its dead letter holds in topic ``dead-letters`` (a mebibyte, base64)."""
MOST_REASONS: Final = 100


def letter(raw: bytes, faults: Sequence[Fault], group: str) -> DeadLetter:
    """The dead letter of a message; its id follows from the bytes, so that a repeat adds none."""
    digest = hashlib.sha256(raw).hexdigest()
    return DeadLetter(
        dead_letter_id=identifier("dead-letter", TOPIC, digest),
        group=group,
        topic=TOPIC,
        partition=0,
        offset=0,
        time=None,
        key=None,
        value=raw,
        headers=CONTENT,
        trace_id=None,
        reasons=tuple(f.refusal for f in faults[:MOST_REASONS]),
    )


def told(letter: DeadLetter) -> bytes:
    """The letter as a message of topic ``dead-letters`` (docs/schema/topics/dead-letters.v1.json)."""
    raw = letter.value or b""
    return msgspec.json.encode({
        "dead_letter_id": letter.dead_letter_id,
        "group": letter.group,
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "headers": [{"name": n, "value_base64": base64.b64encode(v).decode()} for n, v in letter.headers],
        "reasons": [{"field": r.field, "value": r.value, "rule": r.rule, "cure": r.cure} for r in letter.reasons],
        "value_bytes": len(raw),
        "value_base64": base64.b64encode(raw).decode(),
    })  # fmt: skip
