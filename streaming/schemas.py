"""The JSON Schema of each topic's messages, and which changes of one keep its version.

Made from ``domain`` like docs/fields.md. The number in a file's name is the first part of
``schema-version``: while it stays, producers and consumers written for it go on working.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from domain import SCHEMA_VERSION
from domain.claim import CHILDREN, STAYS
from domain.orders import event_schema, suggestion_schema
from domain.results import ALERTS, DECISIONS, HITS
from domain.schema import Field, Table
from domain.withdrawal import WITHDRAWALS
from streaming.topics import BY_NAME

Json = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
MAJOR: Final = SCHEMA_VERSION.split(".", maxsplit=1)[0]


def file_name(topic: str) -> str:
    """The name of the topic's schema file, such as ``claims.v1.json``."""
    return f"{topic}.v{MAJOR}.json"


def schemas() -> dict[str, Json]:
    """The JSON Schema (draft 2020-12) of the messages of every topic, by its name."""
    bodies = {
        "claims": {
            "type": "object",
            "title": "claim or withdrawal",
            "if": {"required": ["withdrawn_version"]},
            "then": WITHDRAWALS.json_schema(),
            "else": STAYS.json_schema(CHILDREN),
        },
        "orders": event_schema(),
        "decisions": _decision(),
        "alerts": _told(ALERTS),
        "plan-suggestions": suggestion_schema(),
        "dead-letters": _dead_letter(),
    }
    return {
        name: {
            "$schema": DIALECT,
            "$id": f"urn:drg-sentinel:topic:{name}:{MAJOR}",
            **body,
            "description": BY_NAME[name].meaning,
        }
        for name, body in bodies.items()
    }


def _told(table: Table, leave: tuple[str, ...] = ()) -> Json:
    """A row as the worker publishes it: empty fields are left out, never null."""
    own = [f for f in table.columns if f.name not in leave]
    return {
        "type": "object",
        "title": table.name,
        "properties": {f.name: _value(f) for f in own},
        "required": [f.name for f in own if f.required],
    }


def _value(field: Field) -> Json:
    body = field.json_schema()
    if isinstance(body.get("type"), list):
        body["type"] = next(kind for kind in body["type"] if kind != "null")
    if "enum" in body:
        body["enum"] = [value for value in body["enum"] if value is not None]
    # A result's text has no limits but those of what it was made from.
    return {k: v for k, v in body.items() if k not in ("maxLength", "pattern")}


def _decision() -> Json:
    hit = _told(HITS, leave=("decision_id", "stay_id"))
    hit["properties"] |= {
        "thresholds": {
            "type": "object",
            "description": "Bound parameters: name -> {value, unit}.",
        },
        "facts": {
            "type": "object",
            "description": "Facts that the predicate read: name -> value.",
        },
    }
    body = _told(DECISIONS)
    body["properties"] |= {
        "hits": {"type": "array", "items": hit, "description": HITS.meaning},
        "hits_left_out": {
            "type": "integer",
            "minimum": 1,
            "description": "Number of hits that the message has no room for; the database holds them.",
        },
    }
    body["required"].append("hits")
    return body


def _dead_letter() -> Json:
    text: Json = {"type": "string"}
    count: Json = {"type": "integer", "minimum": 0}
    reason = _object({"field": text, "value": text, "rule": text, "cure": text})
    header = _object({"name": text, "value_base64": {"type": "string"}})
    body = _object(
        {
            "dead_letter_id": text | {"description": "Identifies the refused message."},
            "group": text | {"description": "Consumer group of the worker that refused it."},
            "topic": text | {"description": "Where the message lay."},
            "partition": count,
            "offset": count,
            "headers": {"type": "array", "items": header, "description": "Its headers."},
            "reasons": {
                "type": "array",
                "items": reason,
                "description": "All that is wrong with it; never a personal value.",
            },
        }
    )
    body["title"] = "dead_letters"
    body["properties"] |= {
        "time": {
            "type": "string",
            "format": "date-time",
            "description": "The broker's timestamp of the message.",
        },
        "value_bytes": count | {"description": "Length of its value; absent if it had none."},
        "value_base64": text
        | {
            "description": "Its value, which may hold personal data; absent if the message has no room for it."
        },
        "reasons_left_out": count | {"description": "Reasons that the message has no room for."},
    }
    return body


def _object(properties: Mapping[str, Json]) -> Json:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
    }


def breaks(topic: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Why ``new`` cannot take the place of ``old`` under the same version; empty if it can.

    What was a valid input stays one: a field of an input is not removed, narrowed or made
    required. What consumers rely on stays so: a field of an output is not removed, widened
    or made optional. New optional fields are free in both; consumers ignore what they do
    not know.
    """
    read_by_us = BY_NAME[topic].input
    return list(_breaks(old, new, "", read_by_us))


_LOWER: Final = ("minimum", "minLength", "minItems")
_UPPER: Final = ("maximum", "maxLength", "maxItems")


def _breaks(old: Mapping[str, Any], new: Mapping[str, Any], at: str, read: bool) -> Iterator[str]:
    """``read``: values must stay valid that were; else no value may become valid that was not."""
    where = at or "(message)"
    # As sets of what is allowed; the wider one must be on the right side of the change.
    narrow, wide = (old, new) if read else (new, old)
    verb = "narrowed" if read else "widened"
    if not _types(narrow) <= _types(wide):
        yield f"{where}: type {verb}"
    if "enum" in wide and not set(map(str, narrow.get("enum", ["?"]))) <= set(
        map(str, wide["enum"])
    ):
        yield f"{where}: codes {verb}"
    for name in _LOWER:
        if name in wide and narrow.get(name, float("-inf")) < wide[name]:
            yield f"{where}: {name} {verb}"
    for name in _UPPER:
        if name in wide and narrow.get(name, float("inf")) > wide[name]:
            yield f"{where}: {name} {verb}"
    for name in ("pattern", "format", "const"):
        if name in wide and narrow.get(name) != wide[name]:
            yield f"{where}: {name} {verb}"
    before, after = old.get("properties", {}), new.get("properties", {})
    for name in before:
        path = f"{at}.{name}" if at else name
        if name not in after:
            yield f"{path}: removed"
        elif isinstance(before[name], dict) and isinstance(after[name], dict):
            yield from _breaks(before[name], after[name], path, read)
    was, now = set(old.get("required", ())), set(new.get("required", ()))
    changed = now - was if read else was - now
    for name in sorted(changed):
        yield f"{at + '.' if at else ''}{name}: {'now required' if read else 'no longer required'}"
    if isinstance(old.get("items"), dict) and isinstance(new.get("items"), dict):
        yield from _breaks(old["items"], new["items"], f"{at}[]", read)
    for name in ("then", "else"):
        if isinstance(old.get(name), dict) and isinstance(new.get(name), dict):
            yield from _breaks(old[name], new[name], at, read)


def _types(schema: Mapping[str, Any]) -> set[str]:
    kind = schema.get("type", ())
    return {kind} if isinstance(kind, str) else set(kind) or {"any"}
