"""What the worker publishes: a JSON message for each new decision, alert and dead letter.

``decisions`` holds the row of ``domain.results.DECISIONS`` with its hits nested,
``alerts`` the row of ``ALERTS``, both without empty fields; ``dead-letters`` the original
message in base64 with its reasons. The key is the patient's pseudonym (of a dead letter
the original key), so that what concerns one patient stays in one order.
"""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from domain.errors import Refusal
from domain.results import Results
from store import DeadLetter, Outgoing
from streaming import logs
from streaming.intake.refusals import shield
from streaming.messages import Message, outgoing_headers

DECISIONS: Final = "decisions"
ALERTS: Final = "alerts"
DEAD_LETTERS: Final = "dead-letters"

LONGEST_VALUE: Final = 900_000
"""Bytes of the largest value published: a broker takes 1,048,588 with key and headers
unless told otherwise, and a message that it refuses would hold up all that follow."""

Json = dict[str, Any]
_ENCODE: Final = msgspec.json.Encoder().encode


def tell_results(results: Results, by_stay: Mapping[str, Message]) -> list[Outgoing]:
    """The decisions of a batch, each followed by its alert, in the order of ``results.decisions``.

    ``by_stay`` gives the message that a stay came in. Each is published only if its
    decision is new.
    """
    hits: defaultdict[str, list[Json]] = defaultdict(list)
    for row in results.hits.to_pylist():
        hits[row.pop("decision_id")].append(_hit(row))
    alerts = {row["decision_id"]: row for row in results.alerts.to_pylist()}
    told = []
    for row in results.decisions.to_pylist():
        message = by_stay[row["stay_id"]]
        decision = row["decision_id"]
        key = row["patient_id"].encode()
        body = _decision(row, hits[decision])
        told.append(
            _outgoing(DECISIONS, decision, body, key=key, message=message, decision=decision)
        )
        if decision in alerts:
            alert = alerts[decision]
            body = _ENCODE(_filled(alert))
            told.append(
                _outgoing(
                    ALERTS, alert["alert_id"], body, key=key, message=message, decision=decision
                )
            )
    return told


def tell_dead(
    group: str, dead: Sequence[tuple[Message, tuple[Refusal, ...]]]
) -> tuple[list[DeadLetter], list[Outgoing]]:
    """The rows and the messages of what was set aside."""
    letters, told = [], []
    for message, reasons in dead:
        letter = DeadLetter(
            dead_letter_id=message.dead_letter_id,
            group=group,
            topic=message.topic,
            partition=message.partition,
            offset=message.offset,
            time=message.time,
            key=message.key,
            value=message.value,
            headers=message.headers,
            trace_id=logs.trace_id(message.traceparent),
            reasons=shield(reasons),
        )
        letters.append(letter)
        told.append(
            _outgoing(
                DEAD_LETTERS,
                letter.dead_letter_id,
                _dead(letter),
                key=message.key,
                message=message,
                decision=None,
            )
        )
    return letters, told


def _outgoing(
    topic: str,
    identity: str,
    value: bytes,
    *,
    key: bytes | None,
    message: Message,
    decision: str | None,
) -> Outgoing:
    return Outgoing(
        topic=topic,
        message_id=identity,
        key=key,
        value=value,
        source=message.place,
        headers=outgoing_headers(identity, message.traceparent),
        decision_id=decision,
    )


def _decision(row: Json, hits: list[Json]) -> bytes:
    filled = _filled(row)
    value = _ENCODE({**filled, "hits": hits})
    if len(value) <= LONGEST_VALUE:
        return value
    # The decision itself must arrive; whoever needs all hits asks GET /v1/alerts or the database.
    return _ENCODE({**filled, "hits": [], "hits_left_out": len(hits)})


def _hit(row: Json) -> Json:
    hit = {name: value for name, value in row.items() if value is not None and name != "stay_id"}
    for name in ("thresholds", "facts"):
        hit[name] = msgspec.Raw(row[name].encode())
    return hit


def _dead(letter: DeadLetter) -> bytes:
    value: Json = {
        "dead_letter_id": letter.dead_letter_id,
        "group": letter.group,
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "headers": [
            {"name": name, "value_base64": base64.b64encode(content).decode()}
            for name, content in letter.headers
        ],
        "reasons": [
            {"field": r.field, "value": r.value, "rule": r.rule, "cure": r.cure}
            for r in letter.reasons
        ],
    }
    if letter.time is not None:
        value["time"] = letter.time
    original = letter.value
    if original is not None:
        value["value_bytes"] = len(original)
    short = original if original is not None and 4 * len(original) <= 3 * LONGEST_VALUE else None
    if short is not None:
        whole = _ENCODE({**value, "value_base64": base64.b64encode(short).decode()})
        if len(whole) <= LONGEST_VALUE:
            return whole
    slim = _ENCODE(value)
    if len(slim) <= LONGEST_VALUE:
        return slim
    # Thousands of reasons, or headers of half a megabyte: the table keeps all of them.
    few = {**value, "headers": [], "reasons": value["reasons"][:100]}
    return _ENCODE({**few, "reasons_left_out": max(0, len(letter.reasons) - 100)})


def _filled(row: Json) -> Json:
    return {name: value for name, value in row.items() if value is not None}
