"""What the entry folders ask of each other without importing each other.

``scoring_api`` receives an ``Assess`` and a store when it is built; ``cli`` puts the
pieces together. ``streaming`` provides the real ``Assess``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from domain.errors import Refusal
from domain.results import Results
from domain.tables import Tables


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that was set aside: its place in the request (from 0) and all its reasons."""

    index: int
    reasons: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True)
class Assessment:
    """The outcome of one request: accepted claims with their results, and what was refused.

    ``len(claims) + len(refused)`` is the number of records given.
    """

    claims: Tables
    results: Results
    refused: tuple[Refused, ...]


class Assess(Protocol):
    """Assess a few claims now, looking back into the store, and store what comes of it."""

    def __call__(self, records: Sequence[bytes], /) -> Assessment:
        """Assess canonical JSON claims, one a record, in the order given."""
        ...
