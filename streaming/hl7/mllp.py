"""MLLP: frames of ``<VT> message <FS><CR>`` out of bytes that come in pieces."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

VT: Final = b"\x0b"
FS: Final = b"\x1c"
CR: Final = b"\x0d"
_BETWEEN: Final = b"\r\n\x00 \t"
"""What may lie between frames and means nothing."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A message, or bytes that are none: ``fault`` is then the rule that says why.

    ``half-message``: a new frame began within it; ``no-frame``: it lay outside a frame;
    ``too-large``: what had come of a message when it passed the limit.
    """

    content: bytes
    fault: str = ""


class Splitter:
    """Cuts a stream of bytes into frames; holds at most ``most`` bytes and one piece."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held = bytearray()
        self._inside = False
        self._searched = 0

    @property
    def is_within(self) -> bool:
        """Whether a frame has begun and not ended."""
        return self._inside

    def feed(self, piece: bytes) -> Iterator[Frame]:
        """The frames that end with this piece of bytes; blank ones, which some send to keep a line open, are none."""
        self._held += piece
        while (frame := self._next()) is not None:
            if frame.content.strip(_BETWEEN):
                yield frame

    def rest(self) -> Frame | None:
        """What was left when the stream ended; None if nothing was."""
        left = bytes(self._held)
        self._held.clear()
        inside, self._inside = self._inside, False
        if inside:
            return Frame(left, "half-message")
        left = left.strip(_BETWEEN)
        return Frame(left, "no-frame") if left else None

    def _next(self) -> Frame | None:
        """The next frame of what is held; None if it takes more bytes to tell."""
        if not self._inside:
            start = self._held.find(VT)
            if start < 0:
                return self._overflow()
            before = bytes(self._held[:start])
            del self._held[: start + 1]
            self._inside, self._searched = True, 0
            if before.strip(_BETWEEN):
                return Frame(before.strip(_BETWEEN), "no-frame")
        again = self._held.find(VT, self._searched)
        end = self._held.find(FS, self._searched)
        if again >= 0 and (end < 0 or again < end):
            half = bytes(self._held[:again])
            del self._held[: again + 1]
            self._searched = 0
            return Frame(half, "half-message")
        if end < 0:
            self._searched = len(self._held)
            return self._overflow()
        content = bytes(self._held[:end])
        # The CR after it may come later; between frames it means nothing.
        del self._held[: end + 1]
        self._inside = False
        return Frame(content) if len(content) <= self._most else Frame(content, "too-large")

    def _overflow(self) -> Frame | None:
        """What is held, if it is too long to go on collecting."""
        if len(self._held) <= self._most:
            return None
        left = bytes(self._held)
        self._held.clear()
        self._inside, self._searched = False, 0
        return Frame(left, "too-large")


def wrap(message: bytes) -> bytes:
    """A message as a frame."""
    return VT + message + FS + CR
