"""Broken input: one small file a kind, with good records among the bad.

``index.json`` says how many records must be accepted and set aside, and for each bad
record the rule names (``domain.errors.Refusal.rule``) that must be among its reasons.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from data_samples import writer
from data_samples.planting import Scene

HUGE_BYTES = 10 * 1024 * 1024
"""Length of the field of the record that is made on the fly, never committed."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A file's lines; ``rules`` holds, for each line, None (good) or the rules that it breaks."""

    lines: tuple[bytes, ...]
    rules: tuple[tuple[str, ...] | None, ...]
    zh: str
    en: str

    @property
    def accepted(self) -> int:
        """How many records intake must accept."""
        return sum(1 for rule in self.rules if rule is None)

    @property
    def set_aside(self) -> int:
        """How many records intake must set aside."""
        return len(self.rules) - self.accepted

    @property
    def content(self) -> bytes:
        """The file."""
        return b"".join(line + b"\n" for line in self.lines)


class _Maker:
    """Good records with few lines, and bytes of them."""

    def __init__(self, kind: str) -> None:
        self.scene = Scene(f"B-{kind}")

    def good(self, letter: str = "A") -> dict[str, Any]:
        record = self.scene.stay("cataract", letter)
        record["charges"] = record["charges"][:3]
        record["orders"] = []
        return record

    def bytes(self, record: dict[str, Any]) -> bytes:
        return writer.encode(record).encode()


def _truncated(make: _Maker) -> Broken:
    whole = make.bytes(make.good("B"))
    # Cut between two fields: cut inside a Chinese character, the line would not be UTF-8.
    cut = whole[: whole.index(b'"discharge_date"')]
    return Broken(
        (make.bytes(make.good("A")), cut, make.bytes(make.good("C"))),
        (None, ("not-json",), None),
        "JSON被截断。",
        "A JSON line is cut off.",
    )


def _wrong_types(make: _Maker) -> Broken:
    text, listed, flag = make.good("A"), make.good("B"), make.good("C")
    text["total_amount_fen"] = "4200"
    listed["diagnoses"] = {"code": "H25.900"}
    flag["planned_readmission"] = "no"
    return Broken(
        (*map(make.bytes, (text, listed, flag)), make.bytes(make.good("D"))),
        (("type",), ("type",), ("type",), None),
        "类型错误：金额写成文字、诊断写成对象、标志写成文字。",
        "Wrong types: an amount as text, diagnoses as an object, a flag as text.",
    )


def _impossible_dates(make: _Maker) -> Broken:
    day, instant, zone = make.good("A"), make.good("B"), make.good("C")
    day["birth_date"] = "1955-02-30"
    instant["filed_time"] = "2025-03-06T25:61:00+08:00"
    zone["admission_time"] = zone["admission_time"].removesuffix("+08:00")
    return Broken(
        (make.bytes(day), make.bytes(make.good("D")), make.bytes(instant), make.bytes(zone)),
        (("format",), None, ("format",), ("format",)),
        "不存在的日期与时刻，缺少时区的时刻。",
        "A date and an instant that do not exist, and an instant without a zone.",
    )


def _duplicate_ids(make: _Maker) -> Broken:
    first, second = make.good("A"), make.good("B")
    again = json.loads(json.dumps(first))
    second["charges"][1]["line_id"] = second["charges"][0]["line_id"]
    return Broken(
        tuple(map(make.bytes, (first, make.good("C"), again, second))),
        (None, None, ("duplicate-id",), ("duplicate-id",)),
        "同一结算ID出现两次；一份清单内明细流水号重复。",
        "A claim number occurs twice; a line number occurs twice in one claim.",
    )


def _unknown_codes(make: _Maker) -> Broken:
    way, category, kind = make.good("A"), make.good("B"), make.good("C")
    way["discharge_way"] = "7"
    category["charges"][0]["category"] = "床位"
    kind["claim_type"] = "住院"
    return Broken(
        (*map(make.bytes, (way, category)), make.bytes(make.good("D")), make.bytes(kind)),
        (("enum",), ("enum",), None, ("enum",)),
        "代码表以外的代码。",
        "Codes that are not on the code lists.",
    )


def _mixed_encodings(make: _Maker) -> Broken:
    first, second, third = (make.good(letter) for letter in "ABC")
    return Broken(
        (make.bytes(first), writer.encode(second).encode("gb18030"), make.bytes(third)),
        (None, ("not-utf8",), None),
        "一个文件里混有UTF-8与GB18030两种编码。",
        "UTF-8 and GB18030 are mixed in one file.",
    )


def _not_finite(make: _Maker) -> Broken:
    first, second = make.bytes(make.good("A")), make.bytes(make.good("B"))
    third = make.bytes(make.good("C"))
    return Broken(
        (
            _with_number(first, b"NaN"),
            second,
            _with_number(third, b"-Infinity"),
        ),
        (("not-finite",), None, ("not-finite",)),
        "金额为NaN或无穷大。",
        "An amount is NaN or infinite.",
    )


def _with_number(line: bytes, number: bytes) -> bytes:
    name = b'"total_amount_fen":'
    start = line.index(name) + len(name)
    end = line.index(b",", start)
    return line[:start] + number + line[end:]


def _negative_amounts(make: _Maker) -> Broken:
    total, line, back = make.good("A"), make.good("B"), make.good("C")
    total["total_amount_fen"] = -1
    line["charges"][2]["amount_fen"] *= -1
    line["charges"][2]["quantity"] = "-" + line["charges"][2]["quantity"]
    # A line that takes another one back may be negative.
    taken = back["charges"][2]
    back["charges"].append(
        taken
        | {
            "line_id": "L9001",
            "reverses_line_id": taken["line_id"],
            "quantity": f"-{taken['quantity']}",
            "amount_fen": -taken["amount_fen"],
            "in_scope_fen": -taken["in_scope_fen"],
        }
    )
    for name in ("self_pay_first_fen", "self_pay_fen"):
        if name in taken:
            back["charges"][-1][name] = -taken[name]
    return Broken(
        tuple(map(make.bytes, (total, line, back))),
        (("negative-amount",), ("negative-amount",), None),
        "负的金额；冲销原明细的负数明细合规，应接收。",
        "Negative amounts; the line that takes another one back is right and accepted.",
    )


def _deep_nesting(make: _Maker) -> Broken:
    deep = make.bytes(make.good("A"))
    nest = b"[" * 200 + b"]" * 200
    return Broken(
        (deep[:-1] + b',"employer":' + nest + b"}", make.bytes(make.good("B"))),
        (("too-deep",), None),
        "嵌套200层。",
        "Nested 200 levels deep.",
    )


def _missing_required(make: _Maker) -> Broken:
    head, line, blank = make.good("A"), make.good("B"), make.good("C")
    del head["provider_id"]
    del line["charges"][1]["item_code"]
    blank["patient_id"] = ""
    return Broken(
        (make.bytes(head), make.bytes(make.good("D")), make.bytes(line), make.bytes(blank)),
        (("required",), None, ("required",), ("required",)),
        "必填字段缺失或为空。",
        "Required fields are absent or empty.",
    )


def _unknown_field(make: _Maker) -> Broken:
    bad = make.bytes(make.good("A"))[:-1] + b',"hospital_name":"x"}'
    return Broken(
        (bad, make.bytes(make.good("B"))),
        (("unknown-field",), None),
        "有标准中没有的字段。",
        "A field that the schema does not have.",
    )


def _out_of_range(make: _Maker) -> Broken:
    old, long = make.good("A"), make.good("B")
    old["age_years"] = 399
    long["ward"] = "病" * 65
    return Broken(
        (make.bytes(old), make.bytes(long), make.bytes(make.good("C"))),
        (("range",), ("range",), None),
        "数值或长度超出范围。",
        "A number and a text beyond their limits.",
    )


_KINDS: Final[Mapping[str, Callable[[_Maker], Broken]]] = {
    "truncated-json": _truncated,
    "wrong-types": _wrong_types,
    "impossible-dates": _impossible_dates,
    "duplicate-ids": _duplicate_ids,
    "unknown-codes": _unknown_codes,
    "mixed-encodings": _mixed_encodings,
    "not-finite": _not_finite,
    "negative-amounts": _negative_amounts,
    "deep-nesting": _deep_nesting,
    "missing-required": _missing_required,
    "unknown-field": _unknown_field,
    "out-of-range": _out_of_range,
}


def make() -> dict[str, Broken]:
    """Every kind of broken file by its name."""
    return {kind: build(_Maker(kind)) for kind, build in _KINDS.items()}


def make_huge() -> Broken:
    """A file with a field of 10 MB between two good records; made on the fly, not committed."""
    make = _Maker("huge-field")
    huge = make.good("B")
    huge["address"] = "路" * (HUGE_BYTES // 3 + 1)
    return Broken(
        (make.bytes(make.good("A")), make.bytes(huge), make.bytes(make.good("C"))),
        (None, ("too-large",), None),
        "一个字段超过10MB。",
        "One field is longer than 10 MB.",
    )
