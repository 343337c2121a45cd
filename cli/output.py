"""How the command speaks: progress on a terminal, one JSON line at the end, errors in three parts."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from domain.errors import SentinelError

stderr = Console(stderr=True, highlight=False)


def say(text: str) -> None:
    """Print a progress line to standard error if it is a terminal."""
    if stderr.is_terminal:
        stderr.print(text)


def tell(text: str) -> None:
    """Say on standard error what a person must know, on a terminal or not."""
    stderr.print(text, soft_wrap=True, markup=False)


class OutputError(SentinelError):
    """A result cannot be written where it was asked for."""


def writable(folder: Path) -> Path:
    """Make the folder and prove that files can be written there, before any work is done.

    Returns it. OutputError if it is a file, cannot be made, or takes no files.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        raise OutputError(
            f"nothing can be written there: {error.strerror or error}",
            where=str(folder),
            cure="Name a folder (not a file) in which this user may write, and that has space.",
        ) from error


def finish(result: Mapping[str, Any]) -> None:
    """Print the result as one JSON line, the last thing on standard output."""
    sys.stdout.write(json.dumps(result, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def complain(error: SentinelError) -> None:
    """Say what happened, where, and what to do."""
    stderr.print("error:", style="bold red", end=" ")
    stderr.print(error.what, soft_wrap=True, markup=False)
    stderr.print(f"  where: {error.where}", soft_wrap=True, markup=False)
    stderr.print(f"  do:    {error.cure}", soft_wrap=True, markup=False)


class Meter(Protocol):
    """Called with how much is done and how much there is."""

    def __call__(self, done: int, total: int, /) -> None:
        """Report progress in any unit."""
        ...


@contextmanager
def bar(title: str) -> Iterator[Meter]:
    """Show a progress bar while the block runs; nothing where standard error is a pipe."""
    with Progress(
        TextColumn("{task.description:<28}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        console=stderr,
        disable=not stderr.is_terminal,
    ) as progress:
        task = progress.add_task(title, total=None)

        def meter(done: int, total: int, /) -> None:
            progress.update(task, completed=done, total=total)

        yield meter
