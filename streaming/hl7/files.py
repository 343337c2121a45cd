"""Files of messages: one after the other, framed or bare, in batches (FHS, BHS) or not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from domain.errors import SentinelError
from streaming.hl7.mllp import CR, FS, VT
from streaming.hl7.mllp import wrap as wrap  # noqa: PLC0414 - for writers of files

LARGEST: Final = 1 << 30
"""Bytes of a file at most; a month of a large hospital is less. It is read whole."""
_ENVELOPE: Final = (b"FHS", b"BHS", b"BTS", b"FTS")
_START: Final = re.compile(rb"(?:^|(?<=[\r\n\x0b]))(?=MSH)")
_LINES: Final = re.compile(rb"[^\r\n]*[\r\n]*")


class FileError(SentinelError):
    """A file cannot be read as messages."""


def messages(path: Path) -> Iterator[bytes]:
    """The messages of a file in their order, without frames; what begins with no MSH is one too.

    So that nothing is lost in silence: text before the first MSH comes as a message, and is
    refused as one. Segments of batches (FHS, BHS, BTS, FTS) are passed over.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise FileError(
                f"the file has more than {LARGEST >> 20} MiB",
                where=str(path),
                cure="Split it between two messages.",
            )
        content = path.read_bytes()
    except OSError as error:
        raise FileError(
            f"the file cannot be read: {error.strerror or error}",
            where=str(path),
            cure="Name a file of messages that is there and readable.",
        ) from error
    # Within a frame a byte of 0x0B or 0x1C is no text, so that cutting at them is safe.
    content = content.removeprefix(b"\xef\xbb\xbf").replace(FS + CR, b"\r").replace(FS, b"\r")
    for part in re.split(_START, content):
        told = b"".join(
            line for line in _LINES.findall(part.replace(VT, b"\r")) if line[:3] not in _ENVELOPE
        )
        if told.strip():
            yield told.strip(b"\r\n") + b"\r"
