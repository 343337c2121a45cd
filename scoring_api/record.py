"""How the checks did: their verdicts over all decisions, and what reviews made of their hits."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from domain.feedback import told
from domain.review import Reviewed
from store import Store, StoreError, Tally

FRESH_SECONDS: Final = 60.0
"""The record of the checks is added up from all decisions: once a minute is often enough."""
FIRST_SECONDS: Final = 10.0
"""How long a first question waits for the months to be added up; millions of hits take longer."""
LATER_SECONDS: Final = 0.2
"""How long a later one waits for months that changed; then it tells those of before."""
REST: Final = 20
"""Adding up takes at most this part of the time: after a minute of it, twenty minutes of rest."""

_LOG: Final = logging.getLogger(__name__)


class _Read(NamedTuple):
    at: float
    tallies: Mapping[str, Tally]
    shadow: Mapping[str, Tally]
    exposures: Mapping[str, Mapping[str, int]]
    reviewed: Mapping[str, Reviewed]
    told_upto: datetime | None


class Record:
    """The record of all checks, read anew when what was read is older than ``FRESH_SECONDS``.

    Months are added up in a thread of their own: no page waits until millions of hits are counted.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._read: _Read | None = None
        self._refresh: threading.Thread | None = None
        self._refreshed_at = float("-inf")
        self._took = 0.0

    def tallies(self) -> Mapping[str, Tally]:
        """Tallies by check id of the checks that decide."""
        return self._fresh().tallies

    def shadow(self) -> Mapping[str, Tally]:
        """Tallies by check id of what checks said on trial."""
        return self._fresh().shadow

    def exposures(self) -> Mapping[str, Mapping[str, int]]:
        """Money at risk by the hits of each check, by currency."""
        return self._fresh().exposures

    def reviewed(self) -> Mapping[str, Reviewed]:
        """How the reviews of each check came out."""
        return self._fresh().reviewed

    def told_upto(self) -> datetime | None:
        """Up to when changes of claims are counted; None if the months are being added up for the first time."""
        return self._fresh().told_upto

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
                self._add_up(now)
                history = self._store.check_history
                self._read = _Read(
                    now,
                    history.tallies(),
                    history.tallies(on_trial=True),
                    history.exposures(),
                    self._store.reviewed(),
                    history.told_upto(),
                )
            return self._read

    def _add_up(self, now: float) -> None:
        """Have the months added up that changed, and wait a little for it."""
        if self._refresh is None or not self._refresh.is_alive():
            if now - self._refreshed_at < max(FRESH_SECONDS, REST * self._took):
                return
            self._refresh = threading.Thread(target=self._work, name="check months", daemon=True)
            self._refreshed_at = now
            self._refresh.start()
        first = self._store.check_history.told_upto() is None
        self._refresh.join(FIRST_SECONDS if first else LATER_SECONDS)

    def _work(self) -> None:
        began = time.monotonic()
        try:
            self._store.check_history.refresh()
        except StoreError as error:
            _LOG.warning("months of checks were not added up: %s", error)
        except Exception:
            _LOG.exception("months of checks were not added up")
        self._took = time.monotonic() - began


def tell_tally(tally: Tally | None) -> dict[str, Any] | None:
    """Claims by verdict, and the share of those judged that could not be; None if none was."""
    return None if tally is None else tally.told()


def tell_reviewed(found: Reviewed | None) -> dict[str, Any]:
    """Reviews by outcome, the precision, and its 95 % interval (null while nothing is concluded)."""
    return told(found or Reviewed())
