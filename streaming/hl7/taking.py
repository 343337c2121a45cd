"""Messages in, answers out: read, checked as order events, made durable, and only then answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from store import DeadLetter
from streaming.hl7 import letters, strict
from streaming.hl7.answers import answers
from streaming.hl7.faults import WHOLE, Fault, MessageError
from streaming.hl7.reading import Drafted, Reader, Reading, fault_of
from streaming.hl7.sinks import EventSink, NotKeptError, Taken
from streaming.hl7.text import Header, peek, read
from streaming.orders.events import decode
from streaming.pseudonym import PseudonymKey

_ENCODE: Final = msgspec.json.Encoder().encode
TAKEN, REFUSED, IGNORED, NOT_KEPT = "taken", "refused", "ignored", "not-kept"


@dataclass(slots=True)
class Answered:
    """What came of one message: its answers, its faults, and how many events it gave."""

    outcome: str
    replies: list[bytes]
    faults: tuple[Fault, ...] = ()
    events: int = 0


@dataclass(slots=True)
class _Work:
    """A message on its way."""

    raw: bytes
    header: Header
    reading: Reading | None = None
    faults: list[Fault] = field(default_factory=list)
    decoded: list[Taken] = field(default_factory=list)
    kept: bool = True


@dataclass(slots=True)
class Desk:
    """Takes messages a batch at a time, in their order. Not to be called from two threads at once."""

    reader: Reader
    sink: EventSink
    key: PseudonymKey
    group: str = "hl7"
    is_strict: bool = False
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    counts: Counter[str] = field(default_factory=Counter)

    def take(self, raws: Sequence[bytes]) -> list[Answered]:
        """What came of each message. Nothing is raised: what fails on one is its fault and kept."""
        answered: list[Answered] = []
        for part in self._parts(raws):
            self._check(part)
            self._keep(part)
            answered += [self._answer(work) for work in part]
        return answered

    def keep_broken(self, raw: bytes, fault: Fault) -> Answered:
        """Keep bytes that were no whole message, such as those before a connection ended."""
        work = _Work(raw, peek(raw, self.reader.profile.charset), faults=[fault])
        self._keep([work])
        return self._answer(work)

    def _parts(self, raws: Sequence[bytes]) -> Iterator[list[_Work]]:
        """Messages read, cut where one may need what the one before says of the same stay."""
        part: list[_Work] = []
        told: set[str] = set()
        for raw in raws:
            header = peek(raw, self.reader.profile.charset)
            if told and header.type in ("ADT", "BAR"):
                yield part
                part, told = [], set()
            work = self._read(raw, header)
            part.append(work)
            if work.reading is not None:
                told |= {
                    e.document["stay_id"]
                    for e in work.reading.events
                    if e.document["kind"] == "stay"
                }
        if part:
            yield part

    def _read(self, raw: bytes, header: Header) -> _Work:
        work = _Work(raw, header)
        try:
            work.reading = self.reader.read(raw)
            if self.is_strict and not work.reading.ignored:
                limits, charset = self.reader.limits, self.reader.profile.charset
                strict.check(read(raw, limits=limits, charset=charset))
        except MessageError as error:
            work.faults = list(error.faults)
        except NotKeptError:
            work.faults, work.kept = [_not_kept()], False
        except Exception as error:
            work.faults = [_not_handled(error)]
        return work

    def _check(self, part: list[_Work]) -> None:
        """Decode the events as any order events are, and lay their faults to the messages."""
        drafted: list[tuple[int, Drafted, bytes]] = []
        for number, work in enumerate(part):
            if work.reading is not None and not work.faults:
                drafted += [(number, e, _ENCODE(e.document)) for e in work.reading.events]
        if not drafted:
            return
        try:
            events, refused = decode([record for _, _, record in drafted], key=self.key)
        except Exception as error:
            for number in {n for n, _, _ in drafted}:
                part[number].faults.append(_not_handled(error))
            return
        for one in refused:
            number, event, _ = drafted[one.index]
            part[number].faults += [fault_of(reason, event) for reason in one.reasons]
        for index, taken in events:
            number, _, record = drafted[index]
            part[number].decoded.append(Taken(number, record, taken))

    def _keep(self, part: list[_Work]) -> None:
        """Make good events and refused messages durable."""
        good = [t for work in part if not work.faults for t in work.decoded]
        dead = [self._letter(work) for work in part if work.faults and work.kept]
        if not good and not dead:
            return
        try:
            late = self.sink.take(good, dead)
            if late:
                for number, (name, cure) in late.items():
                    part[number].faults.append(Fault(WHOLE, "too-large", f"{name}: {cure}"))
                self.sink.take([], [self._letter(part[n]) for n in late])
        except NotKeptError:
            for work in part:
                work.faults.append(_not_kept())
                work.kept = False
            return
        except Exception as error:
            for work in part:
                work.faults.append(_not_handled(error))
                work.kept = False
            return
        for work in part:
            if not work.faults and work.reading is not None:
                for event in work.reading.events:
                    if event.document["kind"] == "stay":
                        self.reader.memory.note(event.document)

    def _letter(self, work: _Work) -> DeadLetter:
        return letters.letter(work.raw, work.faults, self.group)

    def _answer(self, work: _Work) -> Answered:
        ignored = work.reading is not None and work.reading.ignored
        if not work.kept:
            outcome = NOT_KEPT
        elif work.faults:
            outcome = REFUSED
        else:
            outcome = IGNORED if ignored else TAKEN
        self.counts[outcome] += 1
        for rule in {f.rule for f in work.faults}:
            self.counts[f"rule {rule}"] += 1
        events = 0 if work.faults or work.reading is None else len(work.reading.events)
        self.counts["events"] += events
        replies = answers(work.header, work.faults, self.now(), kept=work.kept)
        return Answered(outcome, replies, tuple(work.faults), events)


def documents(reading: Reading) -> list[dict[str, Any]]:
    """The events of a message as plain data."""
    return [event.document for event in reading.events]


def _not_kept() -> Fault:
    return Fault(
        WHOLE,
        "not-kept",
        "Send the message again after a while, unchanged: it could not be stored now.",
    )


def _not_handled(error: BaseException) -> Fault:
    return Fault(
        WHOLE,
        "not-handled",
        f"The program failed with {type(error).__name__}: report it as a defect.",
    )
