"""All that is wrong with one JSON record, and what of it can still be read.

Used only for records that the fast decoder refuses. The JSON Schema generated from
``domain`` collects every fault; the faulty values are then taken out and the rest goes
on to the checks across fields, so that a sender corrects a record once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from typing import Any, Final

import jsonschema_rs
import msgspec

from domain.claim import CHILDREN, STAYS
from domain.errors import Refusal
from domain.parties import PARTY_TABLES
from domain.schema import Field, Kind, Table
from streaming.intake.crossfield import DERIVABLE
from streaming.intake.jsonrecords import loose_struct, plain_number
from streaming.intake.limits import Limits
from streaming.intake.refusals import RECORD, refuse

_BARE: Final = re.compile(r'"(?:[^"\\]|\\.)*"|(-?Infinity|-?\bNaN\b)')
_MARK: Final = "\x00not-finite:"
"""A number that JSON has no word for becomes a text that no record holds by chance."""
_STRINGS: Final = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_NO_BRACKET: Final = bytes(b for b in range(256) if b not in b"[]{}")
_Path = tuple[str | int, ...]


class _Faults:
    """The refusals of one record and the paths whose values are taken out."""

    def __init__(self) -> None:
        self.refusals: list[Refusal] = []
        self.out: set[_Path] = set()
        self.closed: set[_Path] = set()
        """Paths with a reason beside which another would say nothing new."""

    def add(
        self, rule: str, path: _Path, value: Any, field: Field | None, cure: str | None = None
    ) -> None:
        self.refusals.append(refuse(rule, write_path(path), value, field, cure))
        if path:
            self.out.add(path)
        if rule in {"type", "required", "not-finite", "format"}:
            self.closed.add(path)


def examine(
    data: bytes, table: Table, limits: Limits
) -> tuple[msgspec.Struct | None, list[Refusal], str | None]:
    """What can be read of a record, every reason found, and its stay_id if readable.

    ``data`` is within ``limits.record_bytes``. No reason at all means that the record
    is good although the fast decoder did not take it (it wrote 12.0 for 12).
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        return None, [refuse_encoding(data, error)], None
    if _depth(data) > limits.depth:
        return None, [refuse("too-deep", RECORD, None, None)], None
    found = _parse(text)
    if isinstance(found, Refusal):
        return None, [found], None
    if not isinstance(found, dict):
        cure = "Write one JSON object a line, with the fields of docs/fields.md."
        return None, [refuse("type", RECORD, None, None, cure)], None
    faults = _Faults()
    _walk(found, (), table, limits, faults)
    if faults.refusals:
        return None, faults.refusals, _record_id(found)
    _settle_numbers(found, table, faults)
    _validate(found, table, faults)
    record_id = _record_id(found)
    _take_out(found, faults.out)
    try:
        return msgspec.convert(found, loose_struct(table)), faults.refusals, record_id
    except msgspec.ValidationError as error:
        if not faults.refusals:
            faults.add("type", (), None, None, f"Correct the record: {error}.")
        return None, faults.refusals, record_id


def refuse_encoding(data: bytes, error: UnicodeError, encoding: str = "utf-8") -> Refusal:
    """The refusal of bytes that are not text in the encoding, with a guess at what they are."""
    start = getattr(error, "start", 0)
    if encoding != "utf-8":
        cure = f"Byte {start} of the record is not {encoding}: find what the file is written in and convert it to UTF-8."
    elif b"\x00" in data:
        cure = "The line holds zero bytes, as UTF-16 does: convert the file to UTF-8."
    elif _is_gb18030(data):
        cure = "The bytes read as GB18030: convert the file (iconv -f GB18030 -t UTF-8) or read it with encoding gb18030."
    else:
        cure = (
            f"Byte {start} of the record is not UTF-8: convert the file to UTF-8 and send it again."
        )
    return refuse("not-utf8", RECORD, None, None, cure)


def _is_gb18030(data: bytes) -> bool:
    try:
        data.decode("gb18030")
    except UnicodeDecodeError:
        return False
    return True


def _depth(data: bytes) -> int:
    # Counted on the bytes before parsing, so that no parser meets ten thousand brackets.
    if data.count(b"[") + data.count(b"{") <= 3:
        return 3
    deepest = now = 0
    for byte in _STRINGS.sub(b"", data).translate(None, delete=_NO_BRACKET):
        now += 1 if byte in b"[{" else -1
        deepest = max(deepest, now)
    return deepest


def _parse(text: str) -> Any:
    decoder = msgspec.json.Decoder(float_hook=Decimal)
    try:
        return decoder.decode(text)
    except RecursionError:
        return refuse("too-deep", RECORD, None, None)
    except msgspec.ValidationError:
        return refuse(
            "range",
            RECORD,
            None,
            None,
            "A number of the record has more digits than any amount: correct it.",
        )
    except msgspec.DecodeError as error:
        first = error
    except ArithmeticError:
        return refuse(
            "range",
            RECORD,
            None,
            None,
            "A number of the record has an absurd exponent: correct it.",
        )
    marked = _BARE.sub(lambda m: f'"\\u0000{_MARK[1:]}{m[1]}"' if m[1] else m[0], text)
    if marked != text:
        try:
            return decoder.decode(marked)
        except (msgspec.MsgspecError, RecursionError, ArithmeticError):
            pass
    end = "truncated" in str(first)
    cure = (
        "The line ends before its JSON does: the file was cut off, or a text holds a line break."
        if end
        else f"Write one complete JSON object a line ({_plain(first)})."
    )
    return refuse("not-json", RECORD, None, None, cure)


def _plain(error: Exception) -> str:
    return str(error).removeprefix("JSON is malformed: ")


def _walk(value: Any, path: _Path, table: Table, limits: Limits, faults: _Faults) -> None:
    """Refuse texts and lists beyond the limits and numbers that are none."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if len(key.encode()) > limits.string_bytes:
                faults.add("too-large", (*path, key[:60]), None, None)
            else:
                _walk(inner, (*path, key), table, limits, faults)
    elif isinstance(value, list):
        if len(value) > limits.list_items:
            cure = f"Send at most {limits.list_items} elements in {write_path(path)}; it has {len(value)}."
            faults.add("too-large", path, None, None, cure)
            return
        for at, inner in enumerate(value):
            _walk(inner, (*path, at), table, limits, faults)
    elif isinstance(value, str) and len(value) * 4 > limits.string_bytes:
        size = len(value.encode())
        if size > limits.string_bytes:
            cure = f"Send a text of at most {limits.string_bytes} bytes in {write_path(path)}; it has {size}."
            faults.add("too-large", path, None, None, cure)


def _settle_numbers(record: dict[str, Any], table: Table, faults: _Faults) -> None:
    """Write decimals as the schema wants them, and take out what is not finite."""

    def settle(value: Any, path: _Path) -> Any:
        field = find_field(path, table)
        if isinstance(value, str) and value.startswith(_MARK):
            faults.add("not-finite", path, value.removeprefix(_MARK), field)
            return None
        if field is not None and field.kind is Kind.DATE and str(value).startswith("0000"):
            # The schema's format knows a year 0, the calendars of Python and SQL do not.
            faults.add("format", path, value, field)
            return None
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            return value
        if field is not None and field.kind is Kind.DECIMAL:
            return plain_number(str(value))
        if isinstance(value, Decimal):
            whole = abs(value.adjusted()) < 20 and value == value.to_integral_value()
            return int(value) if whole else float(value)
        return value

    def visit(value: Any, path: _Path) -> Any:
        if isinstance(value, dict):
            return {k: visit(v, (*path, k)) for k, v in value.items()}
        if isinstance(value, list):
            return [visit(v, (*path, at)) for at, v in enumerate(value)]
        return settle(value, path)

    for key in list(record):
        record[key] = visit(record[key], (key,))


@cache
def _validator(name: str) -> Any:
    table = {t.name: t for t in (STAYS, *PARTY_TABLES)}[name]
    schema = table.json_schema(CHILDREN if table is STAYS else ())
    _relax(schema, table)
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True)


def _relax(schema: dict[str, Any], table: Table) -> None:
    # A date that follows from an instant may be absent: crossfield looks at the pair.
    for name in list(schema["required"]):
        if f"{table.name}.{name}" in DERIVABLE:
            schema["required"].remove(name)
            body = schema["properties"][name]
            body["type"] = [body["type"], "null"]
    for child in CHILDREN if table is STAYS else ():
        _relax(schema["properties"][child.name]["items"], child)


def _validate(record: dict[str, Any], table: Table, faults: _Faults) -> None:
    for error in _ordered(_validator(table.name).iter_errors(record)):
        path: _Path = tuple(error.instance_path)
        kind = error.kind.name
        if kind == "required":
            inner = (*path, error.kind.property)
            faults.add("required", inner, None, find_field(inner, table))
        elif kind == "additionalProperties":
            for name in error.kind.as_dict()["unexpected"]:
                faults.add("unknown-field", (*path, name), _at(record, (*path, name)), None)
        elif path not in faults.closed:
            field = find_field(path, table)
            rule = _rule(kind, error.instance, field)
            faults.add(rule, path, error.instance, field, _container_cure(path, table, field))


def _ordered(errors: Iterator[Any]) -> list[Any]:
    # A value of the wrong type breaks other rules as well; the type is told.
    return sorted(errors, key=lambda e: e.kind.name != "type")


def _rule(kind: str, value: Any, field: Field | None) -> str:
    if value is None and field is not None:
        return "required"
    match kind:
        case "minimum" if field is not None and field.kind is Kind.MONEY and value < 0:
            return "negative-amount"
        case "minimum" | "maximum" | "maxLength" | "maxItems":
            return "range"
        case "minLength":
            return "required"
        case "pattern" if field is not None and field.kind is Kind.DECIMAL:
            return "not-finite" if _is_not_finite(value) else "format"
        case "pattern":
            # An empty text breaks the pattern too; it is missing, not malformed.
            return "required" if isinstance(value, str) and not value.strip() else "format"
        case "format":
            return "format"
        case "enum":
            return "enum"
        case _:
            return "type"


def _is_not_finite(value: Any) -> bool:
    return isinstance(value, str) and value.strip("+-").lower() in {"nan", "inf", "infinity"}


def _container_cure(path: _Path, table: Table, field: Field | None) -> str | None:
    if field is not None or not path:
        return None
    return f"Write {write_path(path[:1])} as an array of objects with the fields of docs/fields.md."


def find_field(path: _Path, table: Table) -> Field | None:
    """The field at a path such as ("charges", 3, "amount_fen"); None if there is none."""
    holder, name = table, path[-1] if path else ""
    if len(path) == 3 and table is STAYS:
        named = [c for c in CHILDREN if c.name == path[0]]
        if not named:
            return None
        holder = named[0]
    elif len(path) != 1:
        return None
    return (
        holder[name] if isinstance(name, str) and name in {f.name for f in holder.fields} else None
    )


def write_path(path: _Path) -> str:
    """The path as people write it: charges[3].amount_fen; a foreign name is cut."""
    if not path:
        return RECORD
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
            continue
        plain = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in part[:60])
        text += f".{plain}" if text else plain
    return text


def _at(record: Any, path: _Path) -> Any:
    for part in path:
        record = record[part]
    return record


def _take_out(record: dict[str, Any], paths: set[_Path]) -> None:
    """Remove the values at the paths; a list element stays as an empty one, to keep the count."""
    for path in sorted(paths, key=len):
        try:
            holder = _at(record, path[:-1])
        except (KeyError, IndexError, TypeError):
            continue  # something that it lay in is out already
        last = path[-1]
        if isinstance(holder, list) and isinstance(last, int):
            holder[last] = {}
        elif isinstance(holder, dict):
            holder.pop(str(last), None)


def _record_id(record: dict[str, Any]) -> str | None:
    value = record.get("stay_id")
    pattern = STAYS["stay_id"].pattern or ""
    if (
        isinstance(value, str)
        and len(value) <= STAYS["stay_id"].max_length
        and re.search(pattern, value)
    ):
        return value
    return None
