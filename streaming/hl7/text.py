"""Bytes to segments: our own guard and splitter, before anything is understood.

hl7apy defines what a version may hold and is our oracle in tests (decision 0047); the way
of every message is this module, for it bounds work by bytes, knows the character sets
that hospitals send, and undoes escapes.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from streaming.hl7.faults import Fault, MessageError, Place, reject

NULL: Final = '""'
"""A field that says: delete what you have."""
CR: Final = b"\r"
VERSIONS: Final = re.compile(r"2\.(?:[1-9]|3\.1|5\.1|7\.1|8\.[12])")
"""Versions whose messages are read; between them our segments grew and did not change."""
_BLANK: Final = b"\r\n \t"
_NAME: Final = re.compile(r"[A-Z][A-Z0-9]{2}")
_MSH: Final = b"MSH"
_SIGNS: Final = 4
_MOST_HEADER: Final = 2048
"""Bytes of the header that are looked at for an answer, whatever comes after it."""

CHARSETS: Final[dict[str, str]] = {
    "ASCII": "ascii",
    "8859/1": "iso8859-1",
    "8859/2": "iso8859-2",
    "8859/3": "iso8859-3",
    "8859/4": "iso8859-4",
    "8859/5": "iso8859-5",
    "8859/6": "iso8859-6",
    "8859/7": "iso8859-7",
    "8859/8": "iso8859-8",
    "8859/9": "iso8859-9",
    "8859/15": "iso8859-15",
    "UNICODE": "utf-8",
    "UNICODE UTF-8": "utf-8",
    "UTF-8": "utf-8",
    "UTF8": "utf-8",
    "GB 18030-2000": "gb18030",
    "GB18030": "gb18030",
    "GBK": "gb18030",
    "GB2312": "gb18030",
    "BIG-5": "big5",
    "BIG5": "big5",
    "CNS 11643-1992": "",
    "UNICODE UTF-16": "",
    "UNICODE UTF-32": "",
}
"""Names of MSH-18 (table 0211, and the short ones that are common in China) and the codec;
those without cannot travel in MLLP, which needs one byte a sign below 128, or have no codec."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a message is taken. A year's longest posting fits in a tenth of it."""

    octets: int = 512 * 1024
    segments: int = 20_000


@dataclass(frozen=True, slots=True)
class Separators:
    """The signs of MSH-1 and MSH-2; ``truncation`` is empty before version 2.7."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    sub: str = "&"
    truncation: str = ""

    @property
    def encoding(self) -> str:
        """MSH-2."""
        return self.component + self.repetition + self.escape + self.sub + self.truncation

    def write(self, text: str) -> str:
        """The text with its separating signs, line ends and controls escaped."""
        named = {
            self.escape: "E",
            self.field: "F",
            self.component: "S",
            self.repetition: "R",
            self.sub: "T",
        }
        out = []
        for sign in text:
            if sign in named:
                out.append(f"{self.escape}{named[sign]}{self.escape}")
            elif sign == "\n":
                out.append(f"{self.escape}.br{self.escape}")
            elif sign < " ":
                out.append(f"{self.escape}X{ord(sign):02X}{self.escape}")
            else:
                out.append(sign)
        return "".join(out)

    def read(self, text: str, charset: str) -> str:
        """The text with its escapes undone; one that is not known stays as it is written."""
        if self.escape not in text:
            return text
        parts = text.split(self.escape)
        out, inside = [parts[0]], True
        for n, part in enumerate(parts[1:], start=1):
            if inside and n < len(parts) - 1:
                told = self._meant(part, charset)
                if told is not None:
                    out.append(told)
                    inside = False
                    continue
                out.append(self.escape + part)
                continue
            out.append(part if not inside else self.escape + part)
            inside = True
        return "".join(out)

    def _meant(self, part: str, charset: str) -> str | None:
        """What one escape stands for; None if that is not known."""
        signs = {
            "F": self.field,
            "S": self.component,
            "R": self.repetition,
            "T": self.sub,
            "E": self.escape,
            "P": self.truncation or None,
            "H": "",
            "N": "",
            ".br": "\n",
            ".BR": "\n",
        }
        if part in signs:
            return signs[part]
        if part[:1] == "X" and re.fullmatch(r"X(?:[0-9A-Fa-f]{2})+", part):
            try:
                return bytes.fromhex(part[1:]).decode(charset)
            except UnicodeDecodeError:
                return None
        return None


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment; ``fields`` are as written, fields[n] being field n (fields[0] the name)."""

    name: str
    occurrence: int
    fields: tuple[str, ...]
    signs: Separators
    charset: str

    def place(self, number: int = 0, component: int = 0) -> Place:
        """Where a field of this segment stands."""
        return Place(self.name, self.occurrence, number, component)

    def raw(self, number: int) -> str:
        """A field as written, "" if it is not there."""
        return self.fields[number] if number < len(self.fields) else ""

    def is_null(self, number: int) -> bool:
        """Whether the field says: delete."""
        return self.raw(number) == NULL

    def repetitions(self, number: int) -> list[str]:
        """The repetitions of a field as written; none if it is empty."""
        raw = self.raw(number)
        return raw.split(self.signs.repetition) if raw and raw != NULL else []

    def text(self, number: int, component: int = 1, repetition: int = 1, sub: int = 1) -> str:
        """A value with its escapes undone and outer blanks off; "" if it is not there or null."""
        repeated = self.repetitions(number)
        if len(repeated) < repetition:
            return ""
        return self.part(repeated[repetition - 1], component, sub)

    def part(self, repetition: str, component: int = 1, sub: int = 1) -> str:
        """A value of one repetition."""
        parts = repetition.split(self.signs.component)
        if len(parts) < component:
            return ""
        subs = parts[component - 1].split(self.signs.sub)
        if len(subs) < sub:
            return ""
        value = subs[sub - 1]
        if value == NULL:
            return ""
        if self.signs.truncation and value.endswith(self.signs.truncation):
            raise _cut(self.name, self.occurrence)
        return self.signs.read(value, self.charset).strip()


@dataclass(frozen=True, slots=True)
class Header:
    """What an answer needs of a message's header; best effort, so that everything is answered."""

    signs: Separators = field(default_factory=Separators)
    sending: tuple[str, str] = ("", "")
    receiving: tuple[str, str] = ("", "")
    time: str = ""
    type: str = ""
    event: str = ""
    control_id: str = ""
    processing: str = ""
    version: str = ""
    accept: str = ""
    application: str = ""
    named_charset: str = ""
    charset: str = "utf-8"

    @property
    def is_enhanced(self) -> bool:
        """Whether the sender asks for the enhanced mode of answers."""
        return bool(self.accept or self.application)


@dataclass(frozen=True, slots=True)
class Message:
    """The segments of a message with its header."""

    header: Header
    segments: tuple[Segment, ...]

    def first(self, name: str) -> Segment | None:
        """The first segment of that name."""
        return next((s for s in self.segments if s.name == name), None)

    def all(self, name: str) -> Iterator[Segment]:
        """All segments of that name."""
        return (s for s in self.segments if s.name == name)

    def groups(self, *begin: str) -> Iterator[list[Segment]]:
        """The segments cut at each one named in ``begin``; those before the first are left out."""
        group: list[Segment] = []
        for segment in self.segments:
            if segment.name in begin:
                if group:
                    yield group
                group = [segment]
            elif group:
                group.append(segment)
        if group:
            yield group


def peek(raw: bytes, charset: str = "utf-8") -> Header:
    """The header as far as it can be made out; never fails. ``charset`` is that of a silent MSH-18."""
    found = _strip(raw)
    if not found.startswith(_MSH):
        return Header(charset=charset)
    line = re.split(rb"[\r\n\x1c]", found[:_MOST_HEADER], maxsplit=1)[0].decode("latin-1")
    signs = _signs(line) or Separators()
    fields = ["MSH", signs.field, *line[4:].split(signs.field)] if len(line) > 3 else ["MSH"]

    def get(number: int, component: int = 1) -> str:
        whole = fields[number] if number < len(fields) else ""
        parts = whole.split(signs.repetition)[0].split(signs.component)
        return parts[component - 1].strip() if component <= len(parts) else ""

    def whole(number: int) -> str:
        return fields[number] if number < len(fields) else ""

    named = get(18)
    codec = CHARSETS.get(named.upper(), "") or charset

    def told(text: str) -> str:
        # The line was cut at bytes of ASCII: what lies between them is text of its own.
        return text.encode("latin-1").decode(codec, "replace")

    return Header(
        signs=signs,
        sending=(told(whole(3)), told(whole(4))),
        receiving=(told(whole(5)), told(whole(6))),
        time=get(7),
        type=get(9),
        event=get(9, 2),
        control_id=told(get(10)),
        processing=get(11),
        version=get(12),
        accept=get(15),
        application=get(16),
        named_charset=named,
        charset=codec,
    )


def read(raw: bytes, *, limits: Limits = Limits(), charset: str = "utf-8") -> Message:
    """The segments of a message. MessageError if it has none that can be told apart.

    ``charset`` is the codec of messages whose MSH-18 is empty. Segments end with CR; LF and
    CR LF are taken too, for files and some senders have them.
    """
    if len(raw) > limits.octets:
        raise reject(
            "too-large", f"Send messages of at most {limits.octets} bytes; split a long one."
        )
    found = _strip(raw)
    if not found.startswith(_MSH):
        raise reject("no-header", "Begin each message with MSH.")
    header = peek(raw, charset)
    text = _decode(found, header)
    signs = _signs(text)
    if signs is None:
        raise MessageError(
            [Fault(Place("MSH", field=2), "separators", "Write MSH-1 and MSH-2 as five different signs, such as |^~\\&.")]
        )  # fmt: skip
    lines = [line for line in _lines(text) if line.strip()]
    if len(lines) > limits.segments:
        raise reject("too-large", f"Send at most {limits.segments} segments a message.")
    seen: dict[str, int] = {}
    segments = []
    for number, line in enumerate(lines, start=1):
        name = line[:3]
        if not _NAME.fullmatch(name) or line[3:4] not in ("", signs.field):
            raise reject(
                "segment", f"Give line {number} a segment name of three letters, such as PID."
            )
        if name == "MSH" and number > 1:
            raise reject("segment", "Send one message a frame: a second MSH was found.")
        seen[name] = seen.get(name, 0) + 1
        cells = line.split(signs.field)
        if name == "MSH":
            cells = ["MSH", signs.field, signs.encoding, *cells[2:]]
        segments.append(Segment(name, seen[name], tuple(cells), signs, header.charset))
    return Message(header, tuple(segments))


def _cut(name: str, occurrence: int) -> MessageError:
    return reject(
        "continued",
        "Send the value whole: it ends with the sign of truncation.",
        Place(name, occurrence),
    )


def _strip(raw: bytes) -> bytes:
    return raw.removeprefix(codecs.BOM_UTF8).lstrip(_BLANK)


def _lines(text: str) -> list[str]:
    return text.replace("\r\n", "\r").replace("\n", "\r").split("\r")


def _signs(line: str) -> Separators | None:
    """The separating signs that a header names; None if they do not separate."""
    first = line[3:4]
    encoding = re.split(r"[\r\n]", line[4:12], maxsplit=1)[0].split(first or "|", maxsplit=1)[0]
    chosen = first + encoding
    if (
        not first
        or len(encoding) not in (_SIGNS, _SIGNS + 1)
        or len(set(chosen)) != len(chosen)
        or any(c.isalnum() or not "!" <= c <= "~" or c == '"' for c in chosen)
    ):
        return None
    component, repetition, escape, sub, *rest = list(encoding)
    return Separators(first, component, repetition, escape, sub, "".join(rest))


def _decode(found: bytes, header: Header) -> str:
    named = header.named_charset
    if named and not CHARSETS.get(named.upper()):
        raise reject(
            "charset",
            "Send the message in UTF-8 or GB18030 and name it in MSH-18: UNICODE UTF-8, GB 18030-2000.",
            Place("MSH", field=18),
        )
    try:
        text = found.decode(header.charset)
    except UnicodeDecodeError:
        raise reject(
            "not-utf8",
            f"Name the character set of the message in MSH-18: its bytes are not {header.charset}.",
            Place("MSH", field=18),
        ) from None
    if "\x00" in text:
        raise reject("format", "Send text: the message has a zero byte.")
    return text
