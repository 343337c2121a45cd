"""How the checks did: their verdicts over all decisions, and what reviews made of their hits."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final, NamedTuple

from domain.feedback import told
from domain.review import Reviewed
from store import Store, Tally

FRESH_SECONDS: Final = 60.0
"""The record of the checks is read from all decisions: once a minute is often enough."""


class _Read(NamedTuple):
    at: float
    tallies: Mapping[str, Tally]
    shadow: Mapping[str, Tally]
    reviewed: Mapping[str, Reviewed]


class Record:
    """The record of all checks, read anew when what was read is older than ``FRESH_SECONDS``."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._read: _Read | None = None

    def tallies(self) -> Mapping[str, Tally]:
        """Tallies by check id of the checks that decide."""
        return self._fresh().tallies

    def shadow(self) -> Mapping[str, Tally]:
        """Tallies by check id of what checks said on trial."""
        return self._fresh().shadow

    def reviewed(self) -> Mapping[str, Reviewed]:
        """How the reviews of each check came out."""
        return self._fresh().reviewed

    def forget(self) -> None:
        """Read anew at the next question: somebody has just reviewed something."""
        with self._lock:
            self._read = None

    def tell(self, rule_id: str) -> dict[str, Any]:
        """The record of one check, as in answers."""
        read = self._fresh()
        return {
            "verdicts": tell_tally(read.tallies.get(rule_id)),
            "shadow": tell_tally(read.shadow.get(rule_id)),
            "reviewed": tell_reviewed(read.reviewed.get(rule_id)),
        }

    def _fresh(self) -> _Read:
        with self._lock:
            now = time.monotonic()
            if self._read is None or now - self._read.at > FRESH_SECONDS:
                store = self._store
                self._read = _Read(now, store.tallies(), store.shadow_tallies(), store.reviewed())
            return self._read


def tell_tally(tally: Tally | None) -> dict[str, Any] | None:
    """Claims by verdict, and the share of those judged that could not be; None if none was."""
    if tally is None:
        return None
    rate = tally.unknown / tally.judged if tally.judged else None
    return {**asdict(tally), "judged": tally.judged, "unknown_rate": rate}


def tell_reviewed(found: Reviewed | None) -> dict[str, Any]:
    """Reviews by outcome, the precision, and its 95 % interval (null while nothing is concluded)."""
    return told(found or Reviewed())
