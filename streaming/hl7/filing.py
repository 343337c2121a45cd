"""Events and dead letters into files: what ``sentinel hl7 read`` leaves."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, Self

from store import DeadLetter
from streaming.hl7.sinks import Taken
from streaming.intake import deadletters
from streaming.intake.refusals import SetAside

EVENTS: Final = "events.jsonl"


class FileSink(AbstractContextManager["FileSink"]):
    """A sink of one run: ``events.jsonl`` as events come, the dead letters when it is left.

    The events hold identifiers of patients in the clear: the file has mode 0600.
    """

    names: Final = (EVENTS, deadletters.JSONL, deadletters.RAW)

    def __init__(self, out: Path) -> None:
        self.source = ""
        self._out = out
        self._dead: dict[str, SetAside] = {}
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        self._file = private(self._out / EVENTS)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()
        deadletters.write(self._dead.values(), self._out)

    def take(
        self, events: Sequence[Taken], dead: Sequence[DeadLetter], /
    ) -> Mapping[int, tuple[str, str]]:
        """Write the events; keep the letters until the end."""
        assert self._file is not None  # noqa: S101 - used within its block
        for taken in events:
            self._file.write(taken.record + b"\n")
        for letter in dead:
            self._dead[letter.dead_letter_id] = _set_aside(letter, self.source, len(self._dead) + 1)
        return {}

    def head(self, stay_id: str, /) -> Mapping[str, Any] | None:
        """Nothing is stored."""
        del stay_id
        return None


def private(path: Path) -> BinaryIO:
    """A new file that only its owner may read."""
    path.unlink(missing_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _set_aside(letter: DeadLetter, source: str, number: int) -> SetAside:
    raw = letter.value or b""
    return SetAside(
        source=source,
        number=number,
        offset=None,
        length=len(raw),
        sha256=hashlib.sha256(raw).hexdigest(),
        record_id=None,
        reasons=letter.reasons,
        raw=raw,
    )
