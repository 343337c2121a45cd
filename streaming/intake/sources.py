"""Which files an input means, and how their bytes are read."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Literal, cast

from domain.errors import SentinelError
from streaming.intake.limits import Limits

Format = Literal["jsonl", "parquet", "provider-csv"]
"""The formats that intake reads."""
FORMATS: Final[tuple[Format, ...]] = ("jsonl", "parquet", "provider-csv")

Content = Literal["claims", "providers", "physicians", "inpatient", "outpatient", "beneficiaries"]
"""What a file holds; the last three are the files of the provider CSV layout."""

_CLAIMS: Final = {"claims", "inpatient", "outpatient"}
_SUFFIX: Final = {
    "jsonl": (".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz"),
    "parquet": (".parquet",),
}
_CHUNK: Final = 1 << 20
_BOM: Final = b"\xef\xbb\xbf"

INPATIENT_MARK: Final = {
    "ClaimID",
    "BeneID",
    "Provider",
    "ClaimStartDt",
    "AdmissionDt",
    "DischargeDt",
}
"""Columns by which a header is recognised as that of inpatient claims."""
OUTPATIENT_MARK: Final = {"ClaimID", "BeneID", "Provider", "ClaimStartDt"}
"""Columns of outpatient claims; inpatient claims have them too and are looked for first."""
BENEFICIARY_MARK: Final = {"BeneID", "DOB", "DOD", "Gender"}
"""Columns by which a header is recognised as that of beneficiaries."""


class InputError(SentinelError):
    """An input as a whole cannot be read: no such file, nothing in it, damaged."""


Progress = Callable[[int, int], None]
"""Called with bytes read so far and bytes in all, on the disk."""


@dataclass(frozen=True, slots=True)
class Source:
    """One file that is read: its path and what it holds."""

    path: Path
    content: Content

    @property
    def holds_claims(self) -> bool:
        """Whether its records are claims, not reference records."""
        return self.content in _CLAIMS

    @property
    def size(self) -> int:
        """Bytes on the disk."""
        return self.path.stat().st_size


@dataclass(frozen=True, slots=True)
class Found:
    """What an input comes to: the files taken, and those left with the reason."""

    taken: tuple[Source, ...]
    left: tuple[tuple[Path, str], ...]


def find(inputs: Sequence[Path], form: Format, *, encoding: str = "utf-8") -> Found:
    """The files of the inputs, in the order given, a folder's own in the order of names.

    A file named outright that does not fit the format is an InputError; one in a folder
    is left and listed. No claims file at all is an InputError.
    """
    taken: dict[Path, Source] = {}
    left: list[tuple[Path, str]] = []
    for path in inputs:
        if path.is_dir():
            for inner in sorted(p for p in path.iterdir() if p.is_file()):
                content = _recognise(inner, form, encoding)
                if content is None:
                    left.append((inner, f"not a file of the format {form}"))
                else:
                    taken.setdefault(inner.resolve(), Source(inner, content))
            continue
        if not path.is_file():
            raise InputError(
                "there is no such file or folder" if not path.exists() else "not a plain file",
                where=str(path),
                cure="Give the path of a file or folder; pipes are first written to a file, so that refused records can be copied.",
            )
        content = _recognise(path, form, encoding)
        if content is None:
            raise InputError(
                f"the file is not of the format {form}", where=str(path), cure=_EXPECTED[form]
            )
        taken.setdefault(path.resolve(), Source(path, content))
    if not any(s.holds_claims for s in taken.values()):
        raise InputError(
            f"no claims of the format {form} are here",
            where=", ".join(map(str, inputs)) or "(no input)",
            cure=_EXPECTED[form],
        )
    return Found(tuple(taken.values()), tuple(left))


_EXPECTED: Final[dict[str, str]] = {
    "jsonl": "Give *.jsonl or *.jsonl.gz files, or choose another --format.",
    "parquet": "Give *.parquet files, or choose another --format.",
    "provider-csv": "Give CSV files whose first line names ClaimID, BeneID, Provider and ClaimStartDt, or choose another --format.",
}


def _recognise(path: Path, form: Format, encoding: str) -> Content | None:
    name = path.name.lower()
    if form == "provider-csv":
        if not name.endswith((".csv", ".csv.gz")):
            return None
        header = set(read_header(path, encoding))
        if header >= INPATIENT_MARK:
            return "inpatient"
        if header >= OUTPATIENT_MARK:
            return "outpatient"
        return "beneficiaries" if header >= BENEFICIARY_MARK else None
    stem = name.split(".")[0]
    if stem in {"providers", "physicians"} and name.endswith((*_SUFFIX["jsonl"], ".parquet")):
        return cast(Content, stem)
    return "claims" if name.endswith(_SUFFIX[form]) else None


def holds_provider_claims(path: Path) -> bool:
    """Whether a file is a CSV of claims, told by its ending and header."""
    return _recognise(path, "provider-csv", "utf-8") in {"inpatient", "outpatient"}


def read_header(path: Path, encoding: str = "utf-8") -> list[str]:
    """The column names of a CSV file; empty if its first line is no such thing."""
    try:
        with open_binary(path) as stream:
            first = stream.readline(_CHUNK)
        text = first.removeprefix(_BOM).decode(encoding)
        return next(csv.reader(io.StringIO(text), strict=True), [])
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error):
        return []


def open_binary(path: Path) -> BinaryIO:
    """The (decompressed) bytes of a file."""
    return (
        cast(BinaryIO, gzip.open(path, "rb")) if path.suffix.lower() == ".gz" else path.open("rb")
    )


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a file without its line end.

    ``data`` is None where the line is longer than the limit; then ``sha256`` was taken
    in passing. ``offset`` and ``length`` are those of the original bytes, the line end
    (and a byte order mark) excluded.
    """

    number: int
    offset: int
    length: int
    data: bytes | None
    sha256: str | None = None


def read_lines(
    path: Path, limits: Limits, progress: Callable[[int], None] | None = None
) -> Iterator[Line]:
    """The lines of a file that hold anything but blanks; memory is bounded by the limits.

    Lines end with LF or CRLF; the last one may lack its end. Blank lines are no
    records; they count only in the line number. A byte order mark is skipped.
    InputError if the file is damaged or unpacks to more than the limit.
    """
    number = offset = 0
    rest = b""
    long: _LongLine | None = None
    for chunk in _chunks(path, limits, progress):
        if offset == 0 and number == 0 and not rest:
            bom = len(_BOM) if chunk.startswith(_BOM) else 0
            chunk, offset = chunk[bom:], bom
        parts = chunk.split(b"\n")
        for index, part in enumerate(parts):
            ended = index < len(parts) - 1
            if long is not None:
                long.add(part)
                if ended:
                    number += 1
                    yield long.line(number)
                    offset, long = long.offset + long.seen + 1, None
                continue
            data = rest + part if rest else part
            if len(data) > limits.record_bytes + 1:  # 1 for the CR of a line end
                long, rest = _LongLine(offset), b""
                long.add(data)
                if ended:
                    number += 1
                    yield long.line(number)
                    offset, long = long.offset + long.seen + 1, None
            elif ended:
                number, rest = number + 1, b""
                line = _line(number, offset, data)
                if line is not None:
                    yield line
                offset += len(data) + 1
            else:
                rest = data
    if long is not None:
        yield long.line(number + 1)
    elif rest:
        line = _line(number + 1, offset, rest)
        if line is not None:
            yield line


def _line(number: int, offset: int, data: bytes) -> Line | None:
    data = data.removesuffix(b"\r")
    if not data.strip(b" \t\r\v\f"):
        return None
    return Line(number, offset, len(data), data)


class _LongLine:
    """A line over the limit, hashed in passing and not kept."""

    def __init__(self, offset: int) -> None:
        self.offset = offset
        self.seen = 0
        self._hash = hashlib.sha256()
        self._held = b""

    def add(self, part: bytes) -> None:
        self.seen += len(part)
        part = self._held + part
        # A CR at the end belongs to the line end if a LF follows, so it waits its turn.
        cut = len(part) - part.endswith(b"\r")
        self._hash.update(part[:cut])
        self._held = part[cut:]

    def line(self, number: int) -> Line:
        length = self.seen - len(self._held)
        return Line(number, self.offset, length, None, self._hash.hexdigest())


def _chunks(path: Path, limits: Limits, progress: Callable[[int], None] | None) -> Iterator[bytes]:
    seen = 0
    try:
        with path.open("rb") as disk:
            packed = path.suffix.lower() == ".gz"
            stream = cast(BinaryIO, gzip.GzipFile(fileobj=disk)) if packed else disk
            while chunk := stream.read(_CHUNK):
                seen += len(chunk)
                if packed and seen > limits.decompressed_bytes:
                    raise InputError(
                        f"the file unpacks to more than {limits.decompressed_bytes} bytes",
                        where=str(path),
                        cure="Split it, or raise Limits.decompressed_bytes if you trust its source.",
                    )
                if progress is not None:
                    progress(disk.tell())
                yield chunk
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(
            f"the compressed file is damaged after {seen} bytes: {error}",
            where=str(path),
            cure="Fetch or pack the file again; no part of it is taken, since its end is not known.",
        ) from error
