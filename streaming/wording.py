"""Words for cards while nobody waits: the template's at once, a model's when they are there.

A worker asks the model in the background, one card after another from a bounded queue. What it said is
kept with what it was asked, and verified anew whenever it is read: a stricter verifier holds for
old answers too.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol

from domain.errors import SentinelError
from domain.results import identifier
from domain.service import Worded
from domain.wording import FAILED, REFUSED, TAKEN, Limits, Wrote
from explain.wording import (
    Attempt,
    CircuitOpenError,
    Client,
    Facts,
    Names,
    Settings,
    Writer,
    facts_of,
    judge,
    known,
    load,
    template,
    worded,
)
from explain.wording.writer import Asks

MOST_WAITING: Final = 200
"""Cards that wait for a model; more are asked for when they are looked at again."""
MOST_KNOWN: Final = 5_000
"""Cards whose words are held in memory; the store knows the others."""
ASK_AGAIN_S: Final = 600.0
"""Seconds until a card is asked for again after the service failed."""
_LOOK_S: Final = 5.0
"""Seconds for which it is remembered whether the model is switched on."""

_LOG: Final = logging.getLogger(__name__)


class Keeps(Protocol):
    """Where words are kept; ``store.wordings.Wordings`` is one."""

    def keep(self, wrote: Wrote, /) -> bool:
        """Keep what a model said."""
        ...

    def use(self, wording_id: str, subjects: tuple[str, ...], now: datetime, /) -> None:
        """Note what the words served for."""
        ...

    def find(self, facts_sha256: str, source: str, /) -> Wrote | None:
        """What a source said to these facts."""
        ...

    def is_on(self, source: str, /) -> bool:
        """Whether a model may word cards."""
        ...


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of one card: its texts if they may be shown, and until when not to ask again."""

    wording_id: str | None
    texts: Mapping[str, str] | None
    until: float | None = None


def open_desk(path: Path | None, kept: Keeps, reference: Path) -> WordingDesk:
    """The desk of the settings in a file, or one of templates alone; SentinelError for wrong settings."""
    names = known(reference)
    if path is None:
        return WordingDesk(names, kept)
    settings = load(path)
    return WordingDesk(names, kept, settings, Client(settings, settings.key()))


def limits_of(desk: WordingDesk) -> Limits:
    """When the desk's model is to be switched off, as its settings say."""
    found = desk.settings
    return Limits() if found is None else Limits(found.wrong_share, found.least_judged)


class WordingDesk:
    """The words of cards, ``domain.service.Wording``; without a model the template's alone.

    Safe to share between threads; ``close`` ends the worker.
    """

    def __init__(
        self,
        names: Names,
        kept: Keeps | None = None,
        settings: Settings | None = None,
        model: Asks | None = None,
        *,
        most_waiting: int = MOST_WAITING,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._names, self._kept, self._settings, self._model = names, kept, settings, model
        self._source = "" if settings is None else settings.source
        self._writer = Writer(names, model, self._source)
        self._clock, self._now = clock, now
        self._jobs: queue.Queue[Callable[[], None] | None] = queue.Queue(most_waiting)
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._asked: set[str] = set()
        self._used: set[tuple[str, str]] = set()
        self._on: tuple[float, bool] = (float("-inf"), True)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False

    def of(self, told: Mapping[str, Any], lang: str, /) -> Worded:
        """The words for a suggestion, finding or question: a model's if they are there, else the template's.

        SentinelError if ``told`` is none of these; never anything else, and it never waits for a model.
        """
        facts = facts_of(told, lang, self._names)
        if not self._may_ask(facts):
            return template(facts)
        try:
            return self._words(facts)
        except SentinelError as error:  # the store is away: words must not fail a card
            _LOG.warning("words of cards cannot be looked up: %s", error.what)
            return template(facts)

    @property
    def settings(self) -> Settings | None:
        """Which model words cards; None if none does."""
        return self._settings

    def close(self) -> None:
        """End the worker after the card at hand; what waits is asked for another time."""
        with self._lock:
            self._closed = True
            thread, self._thread = self._thread, None
        while thread is not None and thread.is_alive():
            try:
                self._jobs.put(None, timeout=0.1)
                break
            except queue.Full:
                self._drop()
        if thread is not None:
            thread.join()
        end = getattr(self._model, "close", None)
        if end is not None:
            end()

    def wait(self) -> None:
        """Wait until nothing is waiting to be asked: for tests and for batches."""
        self._jobs.join()

    def detail(self) -> str:
        """How it stands, in words: for the health of the service."""
        if self._settings is None:
            return "templates"
        breaker = getattr(self._model, "breaker", None)
        state = "on" if self._is_on() else "switched off"
        if breaker is not None and breaker.open:
            state = "left alone after failures"
        return f"{self._source}, {state}, {self._jobs.qsize()} waiting"

    def _may_ask(self, facts: Facts) -> bool:
        if self._model is None or self._settings is None or self._kept is None:
            return False
        if facts.lang not in self._settings.languages:
            return False
        if not facts.safe:
            # The reason alone: what was found may be somebody's name.
            _LOG.warning("words are not sent to a model: personal (%s, %s)", facts.key, facts.lang)
            return False
        return True

    def _words(self, facts: Facts) -> Worded:
        if not self._is_on():
            return template(facts)
        digest = facts.digest
        known = self._look_up(facts, digest)
        if known is not None and known.texts is not None and known.wording_id is not None:
            self._note(known.wording_id, facts)
            return worded(facts, known.texts, wording_id=known.wording_id)
        if known is not None and (known.until is None or self._clock() < known.until):
            return template(facts, wording_id=known.wording_id)
        return template(facts, pending=self._enqueue(digest, lambda: self._ask(facts, digest)))

    def _look_up(self, facts: Facts, digest: str) -> _Known | None:
        with self._lock:
            known = self._known.get(digest)
            if known is not None:
                self._known.move_to_end(digest)
                return known
            if digest in self._asked:
                return None
        kept = None if self._kept is None else self._kept.find(digest, self._source)
        if kept is None or kept.verdict == FAILED:
            return None
        texts = judge(facts, kept.answer, self._names)[0] if kept.verdict == TAKEN else None
        return self._remember(digest, _Known(kept.wording_id, texts))

    def _remember(self, digest: str, known: _Known) -> _Known:
        with self._lock:
            self._known[digest] = known
            while len(self._known) > MOST_KNOWN:
                self._known.popitem(last=False)
            self._asked.discard(digest)
        return known

    def _enqueue(self, digest: str, job: Callable[[], None]) -> bool:
        """Have it asked in the background; whether it will be."""
        with self._lock:
            if self._closed:
                return False
            if digest in self._asked:
                return True
            try:
                self._jobs.put_nowait(job)
            except queue.Full:
                return False
            self._asked.add(digest)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="wording", daemon=True)
                self._thread.start()
        return True

    def _note(self, wording_id: str, facts: Facts) -> None:
        """Have it noted, once, what the words served for."""
        fresh = tuple(one for one in facts.decisions if (wording_id, one) not in self._used)
        if not fresh or self._kept is None:
            return
        kept = self._kept
        key = "use:" + identifier(wording_id, *fresh)
        if self._enqueue(key, lambda: self._use(kept, wording_id, fresh, key)):
            self._used |= {(wording_id, one) for one in fresh}
            if len(self._used) > 4 * MOST_KNOWN:
                self._used.clear()

    def _use(self, kept: Keeps, wording_id: str, subjects: tuple[str, ...], key: str) -> None:
        try:
            kept.use(wording_id, subjects, self._now())
        finally:
            with self._lock:
                self._asked.discard(key)

    def _ask(self, facts: Facts, digest: str) -> None:
        known = _Known(None, None, self._clock() + ASK_AGAIN_S)
        try:
            attempt = self._writer.attempt(facts)
            known = self._keep(facts, digest, attempt)
        except CircuitOpenError:
            pass  # nothing was asked; the card is asked for when the service is tried again
        finally:
            self._remember(digest, known)

    def _keep(self, facts: Facts, digest: str, attempt: Attempt) -> _Known:
        if self._kept is None or self._settings is None:
            raise AssertionError("there is no place to keep words")
        wording_id = identifier("wording", digest, self._source)
        verdict = attempt.verdict
        if verdict != TAKEN:
            _LOG.warning(
                "words of a model are %s: %s (%s, %s, %s)",
                verdict, " ".join(attempt.refused), self._source, facts.key, wording_id,
            )  # fmt: skip
        self._kept.keep(
            Wrote(
                wording_id=wording_id,
                facts_sha256=digest,
                source=self._source,
                lang=facts.lang,
                model=attempt.model,
                key=facts.key,
                prompt_sha256=attempt.prompt_sha256,
                facts=facts.outgoing(),
                answer=attempt.answer[:20_000].replace("\x00", ""),
                verdict=verdict,
                refused=list(attempt.refused),
                latency_ms=attempt.latency_ms,
                asked_at=self._now(),
                sampled=self._sampled(wording_id, verdict),
                decisions=facts.decisions,
            )
        )
        until = self._clock() + ASK_AGAIN_S if verdict == FAILED else None
        return _Known(wording_id, attempt.texts, until)

    def _sampled(self, wording_id: str, verdict: str) -> bool:
        """Whether people are asked: by the identifier, so that it does not depend on who asked first."""
        if self._settings is None or verdict == FAILED:
            return False
        rate = self._settings.refused_rate if verdict == REFUSED else self._settings.sample_rate
        return int(wording_id[:8], 16) < rate * 16**8

    def _is_on(self) -> bool:
        at, on = self._on
        if self._clock() - at > _LOOK_S and self._kept is not None:
            on = self._kept.is_on(self._source)
            self._on = (self._clock(), on)
        return on

    def _run(self) -> None:
        while True:
            job = self._jobs.get()
            try:
                if job is None:
                    return
                job()
            except SentinelError as error:
                _LOG.error("words of a model cannot be kept: %s", error.what)
            except Exception as error:  # one card must not end the wording of all others
                _LOG.error("words of a model: %s", type(error).__name__)
            finally:
                self._jobs.task_done()

    def _drop(self) -> None:
        """Make room for the end."""
        try:
            self._jobs.get_nowait()
            self._jobs.task_done()
        except queue.Empty:
            pass
