"""Dead letters: what was set aside, written so that it can be corrected and sent again.

``dead-letters.jsonl`` has one object a refused record: where it stood, its digest and
all its reasons, without personal data. ``dead-letters.raw`` has the original bytes, a
line feed after each; it holds personal data in the clear and only its owner may read
it (mode 0600). ``raw_offset`` and ``raw_length`` in the first point into the second.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from streaming.intake.refusals import SetAside
from streaming.intake.sources import InputError, open_binary

JSONL: Final = "dead-letters.jsonl"
RAW: Final = "dead-letters.raw"
_CHUNK: Final = 1 << 20


def write(refusals: Iterable[SetAside], out_dir: Path) -> Path:
    """Write both files into the folder, replacing earlier ones; returns the path of the first.

    With nothing refused both files are there and empty. InputError if a source changed
    since it was read.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    path = out_dir / JSONL
    with _private(out_dir / RAW) as raw, path.open("wb") as letters:
        place = 0
        for source, group in groupby(refusals, key=lambda r: r.source):
            for letter in _in_order(source, list(group), raw, place):
                letters.write(msgspec.json.encode(letter) + b"\n")
                place = int(str(letter["raw_offset"])) + int(str(letter["raw_length"])) + 1
    return path


def _private(path: Path) -> BinaryIO:
    path.unlink(missing_ok=True)  # an older file may be readable by others
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _in_order(
    source: str, group: list[SetAside], raw: BinaryIO, place: int
) -> Iterator[dict[str, object]]:
    """The letters of one source, while their bytes are copied; a .gz is unpacked once."""
    stream = open_binary(Path(source)) if any(r.raw is None for r in group) else None
    try:
        for refusal in sorted(group, key=lambda r: (r.offset or 0, r.number)):
            if refusal.raw is not None:
                raw.write(refusal.raw)
            elif stream is not None:
                _copy(stream, refusal, raw)
            raw.write(b"\n")
            yield _letter(refusal, place)
            place += refusal.length + 1
    finally:
        if stream is not None:
            stream.close()


def _copy(stream: BinaryIO, refusal: SetAside, raw: BinaryIO) -> None:
    stream.seek(refusal.offset or 0)
    left, digest = refusal.length, hashlib.sha256()
    while left and (chunk := stream.read(min(left, _CHUNK))):
        raw.write(chunk)
        digest.update(chunk)
        left -= len(chunk)
    if left or digest.hexdigest() != refusal.sha256:
        raise InputError(
            f"line {refusal.number} is not what was read before",
            where=refusal.source,
            cure="The file changed during the run: run again on a file that stays as it is.",
        )


def _letter(refusal: SetAside, place: int) -> dict[str, object]:
    return {
        "source": refusal.source,
        "number": refusal.number,
        "offset": refusal.offset,
        "length": refusal.length,
        "sha256": refusal.sha256,
        "record_id": refusal.record_id,
        "raw_offset": place,
        "raw_length": refusal.length,
        "reasons": [
            {"field": r.field, "value": r.value, "rule": r.rule, "cure": r.cure}
            for r in refusal.reasons
        ],
    }
