"""Ways in which a message comes broken: bytes, fields, separators, truncation; for fuzzing."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

_SIGNS = b'|^~\\&\r\n\x0b\x1c\x00"#\xff'
_VALUES = (
    b"", b'""', b"-1", b"0", b"99999999999999999999", b"1e400", b"NaN", b"20250230", b"20251301250000", b"99991231235959",
    b"00000101", b"\\X0D\\", b"\\XZZ\\", b"\\", b"\\F", b"\xe5\xbc\xa0", b"\xd5\xc5", b"A" * 300, b"' OR 1=1", b"\xf0\x9f\x92\x8a",
    b"2025-03-03", b"&", b"~~~", b"^^^^", b"1.005", b"I", b"NW", b"XX1",
)  # fmt: skip
_VERSIONS = (b"2.1", b"2.3", b"2.9", b"3.0", b"", b"2.5.1", b"two")

Mutation = Callable[[random.Random, bytes], bytes]


def _flip(dice: random.Random, raw: bytes) -> bytes:
    changed = bytearray(raw)
    for _ in range(dice.randint(1, 6)):
        if changed:
            changed[dice.randrange(len(changed))] = dice.randrange(256)
    return bytes(changed)


def _insert_sign(dice: random.Random, raw: bytes) -> bytes:
    at = dice.randrange(len(raw) + 1)
    return raw[:at] + bytes([dice.choice(_SIGNS)]) * dice.choice((1, 1, 1, 2, 50)) + raw[at:]


def _truncate(dice: random.Random, raw: bytes) -> bytes:
    return raw[: dice.randrange(len(raw) + 1)]


def _drop_start(dice: random.Random, raw: bytes) -> bytes:
    return raw[dice.randrange(min(len(raw), 200) + 1) :]


def _cut_out(dice: random.Random, raw: bytes) -> bytes:
    start = dice.randrange(len(raw) + 1)
    return raw[:start] + raw[start + dice.randrange(80) :]


def _replace_field(dice: random.Random, raw: bytes) -> bytes:
    lines = raw.split(b"\r")
    at = dice.randrange(len(lines))
    fields = lines[at].split(b"|")
    fields[dice.randrange(len(fields))] = dice.choice(_VALUES)
    lines[at] = b"|".join(fields)
    return b"\r".join(lines)


def _replace_component(dice: random.Random, raw: bytes) -> bytes:
    parts = raw.split(b"^")
    parts[dice.randrange(len(parts))] = dice.choice(_VALUES)
    return b"^".join(parts)


def _move_segment(dice: random.Random, raw: bytes) -> bytes:
    lines = raw.split(b"\r")
    line = lines.pop(dice.randrange(len(lines)))
    lines.insert(dice.randrange(len(lines) + 1), line)
    return b"\r".join(lines)


def _drop_segment(dice: random.Random, raw: bytes) -> bytes:
    lines = raw.split(b"\r")
    lines.pop(dice.randrange(len(lines)))
    return b"\r".join(lines)


def _repeat_segment(dice: random.Random, raw: bytes) -> bytes:
    lines = raw.split(b"\r")
    at = dice.randrange(len(lines))
    return b"\r".join(lines[:at] + [lines[at]] * dice.choice((2, 3, 40)) + lines[at:])


def _other_signs(dice: random.Random, raw: bytes) -> bytes:
    old = dice.choice(b"|^~\\&")
    return raw.replace(bytes([old]), bytes([dice.randrange(256)]))


def _other_version(dice: random.Random, raw: bytes) -> bytes:
    return raw.replace(
        b"|P|2.5|", b"|" + dice.choice((b"P", b"T", b"")) + b"|" + dice.choice(_VERSIONS) + b"|", 1
    )


def _line_ends(dice: random.Random, raw: bytes) -> bytes:
    return raw.replace(b"\r", dice.choice((b"\n", b"\r\n", b"\r\r", b"")))


def _charset(dice: random.Random, raw: bytes) -> bytes:
    return raw.replace(
        b"UNICODE UTF-8",
        dice.choice((b"ASCII", b"GB 18030-2000", b"8859/1", b"UNICODE UTF-16", b"KLINGON", b"")),
    )


def _swell(dice: random.Random, raw: bytes) -> bytes:
    at = dice.randrange(len(raw) + 1)
    return raw[:at] + bytes([dice.randrange(1, 256)]) * dice.choice((1_000, 70_000)) + raw[at:]


HL7: tuple[Mutation, ...] = (
    _flip, _insert_sign, _truncate, _drop_start, _cut_out, _replace_field, _replace_field, _replace_field,
    _replace_component, _move_segment, _drop_segment, _repeat_segment, _other_signs, _other_version,
    _line_ends, _charset, _swell,
)  # fmt: skip
"""Mutations of a message of HL7; those of fields come more often, for they reach farthest."""

_JSON_VALUES: tuple[Any, ...] = (
    None, "", "-", 0, -1, 1e300, 10**30, True, [], {}, [[]], {"a": {"b": []}}, "2025-02-30", "2025-03-03 25:00:00",
    "99/99/99", "1/2", "9" * 5000, "\u0000", "\ud83d\ude00", "NaN", 1.005, "张三", ["1"], "1e9",
)  # fmt: skip


def _json_value(dice: random.Random, raw: bytes) -> bytes:
    found = json.loads(raw)
    places: list[tuple[Any, Any]] = []

    def walk(node: Any) -> None:
        for name, value in node.items() if isinstance(node, dict) else enumerate(node):
            places.append((node, name))
            if isinstance(value, (dict, list)):
                walk(value)

    walk(found)
    for _ in range(dice.randint(1, 3)):
        node, name = dice.choice(places)
        node[name] = dice.choice(_JSON_VALUES)
    return json.dumps(found, ensure_ascii=dice.random() < 0.5).encode("utf-8", "surrogatepass")


def _json_name(dice: random.Random, raw: bytes) -> bytes:
    old = dice.choice(
        (
            b"setlinfo",
            b"diseinfo",
            b"oprninfo",
            b"iteminfo",
            b"gend",
            b"adm_time",
            b"input",
            b"psn_no",
        )
    )
    return raw.replace(old, dice.choice((b"", b"SETLINFO", b"opspdseinfo", b"icuinfo", b"x" * 300)))


JSON: tuple[Mutation, ...] = (
    _json_value, _json_value, _json_value, _json_value, _json_name, _flip, _truncate, _drop_start, _cut_out, _insert_sign,
)  # fmt: skip
"""Mutations of a message in JSON."""


def mutate(dice: random.Random, raw: bytes, kinds: tuple[Mutation, ...]) -> bytes:
    """A message with one to three things wrong; sometimes none of them does harm."""
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        try:
            raw = dice.choice(kinds)(dice, raw)
        except (ValueError, RecursionError, IndexError):
            continue  # an earlier mutation left nothing to work on
    return raw
