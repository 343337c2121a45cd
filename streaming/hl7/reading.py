"""A message to order events: which reader, which numbers, what is still wrong."""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from domain.errors import Refusal
from streaming.hl7.charges import read_charges
from streaming.hl7.faults import Fault, MessageError, Place
from streaming.hl7.orders import read_orders
from streaming.hl7.places import IDENTIFIERS
from streaming.hl7.profile import Profile
from streaming.hl7.stays import KEPT_HEAD, Draft, patient_id, read_discharge, read_stay
from streaming.hl7.text import VERSIONS, Header, Limits, Message, read
from streaming.hl7.times import read_instant

Json = dict[str, Any]

EVENTS: Final[dict[str, tuple[str, ...]]] = {
    "ADT": ("A01", "A02", "A03", "A08", "A11", "A13"),
    "ORM": ("O01",),
    "OMP": ("O09",),
    "OML": ("O21",),
    "DFT": ("P03",),
    "BAR": ("P12",),
}
"""The messages that are read."""
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MOST_SECONDS: Final = 2**31 - 1
_PLAIN: Final = re.compile(r"[A-Za-z0-9._-]{1,20}")
_CONTINUED: Final = ("DSC", "ADD")
_MOST_STAYS: Final = 100_000

Known = Callable[[str], Mapping[str, Any] | None]
"""The head of a stay as stored, if anything is."""


@dataclass(frozen=True, slots=True)
class Drafted:
    """An event of a message, ready to be encoded, and where its fields stand in the message."""

    document: Json
    places: Mapping[str, Place]

    def place(self, path: str) -> Place:
        """Where a field of the event stands; of a list or row, the first of its fields."""
        found = self.places.get(path)
        if found is not None:
            return found
        near = next(
            (
                p
                for name, p in self.places.items()
                if name.startswith(path.split(".", maxsplit=1)[0])
            ),
            None,
        )
        return Place("MSH") if near is None else Place(near.segment, near.occurrence)


@dataclass(frozen=True, slots=True)
class Reading:
    """A message that could be read; ``ignored`` if the profile passes over its kind."""

    header: Header
    events: tuple[Drafted, ...]
    ignored: bool = False


class Memory:
    """The heads of stays as earlier messages told them, so that a short message need not repeat them.

    It holds nothing personal. ``known`` asks what is stored of a stay seen for the first
    time. The oldest stays are forgotten beyond ``most``.
    """

    def __init__(self, known: Known = lambda _: None, most: int = _MOST_STAYS) -> None:
        self._known = known
        self._most = most
        self._heads: OrderedDict[str, tuple[str, Json]] = OrderedDict()

    def head(self, stay_id: str) -> Mapping[str, Any]:
        """The fields of a stay's head that are known."""
        if stay_id in self._heads:
            self._heads.move_to_end(stay_id)
            return self._heads[stay_id][1]
        stored = self._known(stay_id)
        if stored:
            self._keep(stay_id, "", stored)
            return self._heads[stay_id][1]
        return {}

    def note(self, event: Json) -> None:
        """Keep the head of an event that was taken; a later one counts."""
        stay_id, stamp = event["stay_id"], f"{event['sequence']:010} {event['event_id']}"
        before, old = self._heads.get(stay_id, ("", {}))
        new = event["stay"]
        self._keep(stay_id, max(before, stamp), old | new if stamp >= before else new | old)

    def _keep(self, stay_id: str, stamp: str, head: Mapping[str, Any]) -> None:
        kept = {n: head[n] for n in KEPT_HEAD if head.get(n) is not None}
        self._heads[stay_id] = stamp, kept
        self._heads.move_to_end(stay_id)
        while len(self._heads) > self._most:
            self._heads.popitem(last=False)


@dataclass(slots=True)
class Reader:
    """Reads messages of one site."""

    profile: Profile = field(default_factory=Profile)
    limits: Limits = field(default_factory=Limits)
    memory: Memory = field(default_factory=Memory)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def read(self, raw: bytes) -> Reading:
        """The events of a message; MessageError with every fault that was found in it."""
        message = read(raw, limits=self.limits, charset=self.profile.charset)
        header = message.header
        if (
            f"{header.type}^{header.event}" in self.profile.ignored
            or header.type in self.profile.ignored
        ):
            return Reading(header, (), ignored=True)
        faults = self._header_faults(message)
        if faults:
            raise MessageError(faults)
        stay_id = self._stay_id(message)
        drafts = self._draft(message, self.memory.head(stay_id) if stay_id else {})
        envelope, places = self._envelope(message, stay_id)
        base = event_id(header, _micro(header, self.profile))
        events = []
        for n, draft in enumerate(drafts, start=1):
            at = draft.at or self._happened(message)
            if at > self.now() + timedelta(hours=self.profile.ahead_hours):
                # The latest time of a stay is when it was judged last: it must have been.
                place = Place("EVN", field=2) if draft.at is None else Place("ORC", field=9)
                raise MessageError(
                    [Fault(place, "clock", "Set the sender's clock: this has not happened yet.")]
                )
            document = {
                "event_id": base if len(drafts) == 1 else f"{base}.{n:03}",
                "kind": draft.kind,
                "event_time": at.isoformat(),
                **envelope,
                **draft.members,
            }
            events.append(Drafted(document, places | draft.places))
        return Reading(header, tuple(events))

    def _header_faults(self, message: Message) -> list[Fault]:
        header = message.header
        faults = []
        if header.processing not in self.profile.processing_ids:
            faults.append(
                _at(
                    11,
                    "processing-id",
                    "Send messages of production, P in MSH-11, or name others in the profile.",
                )
            )
        if not VERSIONS.fullmatch(header.version):
            faults.append(
                _at(
                    12,
                    "unsupported-version",
                    "Send a version from 2.1 to 2.9 and name it in MSH-12.",
                )
            )
        if header.type not in EVENTS:
            faults.append(
                _at(
                    9,
                    "unsupported-type",
                    f"Send {', '.join(EVENTS)}; the profile can pass over others.",
                )
            )
        elif header.event not in EVENTS[header.type]:
            faults.append(
                _at(
                    9,
                    "unsupported-event",
                    f"Of {header.type} send {', '.join(EVENTS[header.type])}; the profile can pass over others.",
                    2,
                )
            )
        if not header.control_id:
            faults.append(_at(10, "required", "Give each message its control id."))
        faults += _clock_faults(header, self.profile, self.now())
        for segment in message.segments:
            if segment.name in _CONTINUED:
                faults.append(
                    Fault(
                        segment.place(),
                        "continued",
                        "Send the message whole; parts are not joined here.",
                    )
                )
        return faults

    def _draft(self, message: Message, known: Mapping[str, Any]) -> list[Draft]:
        header = message.header
        match header.type:
            case "ADT" if header.event in ("A01", "A02", "A08"):
                return [read_stay(message, self.profile, known)]
            case "ADT" if header.event == "A03":
                return read_discharge(message, self.profile, known)
            case "ADT":
                return [Draft("void" if header.event == "A11" else "reopen")]
            case "BAR":
                return [read_stay(message, self.profile, known)]
            case "DFT":
                return read_charges(message, self.profile)
        return read_orders(message, self.profile)

    def _stay_id(self, message: Message) -> str:
        visit = message.first("PV1")
        number = visit.text(19) if visit is not None else ""
        return self.profile.stay_prefix + number if number else ""

    def _envelope(self, message: Message, stay_id: str) -> tuple[Json, dict[str, Place]]:
        header, pid = message.header, message.first("PID")
        msh = message.segments[0]
        envelope = {
            "sequence": _seconds(header, self.profile),
            "stay_id": stay_id,
            "provider_id": self.profile.provider(msh.text(4)),
            "patient_id": patient_id(pid, self.profile) if pid is not None else "",
            "time_zone": self.profile.time_zone,
        }
        return envelope, {n: Place(s, 1, f) for n, (s, f) in IDENTIFIERS.items()}

    def _happened(self, message: Message) -> datetime:
        """When it happened: EVN-6, else EVN-2, else when the message was written."""
        evn = message.first("EVN")
        for number in (6, 2):
            text = evn.text(number) if evn is not None else ""
            if text and evn is not None:
                found = read_instant(text, self.profile.zone)
                if found is None:
                    raise MessageError(
                        [Fault(evn.place(number), "format", "Write the time as YYYYMMDDHHMMSS.")]
                    )
                return found
        found = read_instant(message.header.time, self.profile.zone)
        assert found is not None  # noqa: S101 - the clock was checked with the header
        return found


def event_id(header: Header, micro: int) -> str:
    """The id of a message's event: it sorts as messages of one second follow each other.

    Microseconds, the control id with its number padded, and who sent it: the same message
    sent again has the same id, whoever carries it.
    """
    control = header.control_id
    if _PLAIN.fullmatch(control):
        head = control.rstrip("0123456789")
        control = head + control[len(head) :].zfill(20 - len(head))
    else:
        control = "x" + hashlib.sha256(control.encode()).hexdigest()[:19]
    sender = hashlib.sha256("\x1f".join(header.sending).encode()).hexdigest()[:6]
    return f"{micro:06}.{control}.{sender}"


def fault_of(refusal: Refusal, event: Drafted) -> Fault:
    """A reason of the intake of order events as a fault of the message."""
    return Fault(event.place(refusal.field), refusal.rule, refusal.cure)


def _clock_faults(header: Header, profile: Profile, now: datetime) -> list[Fault]:
    written = read_instant(header.time, profile.zone)
    if written is None:
        rule = "format" if header.time else "required"
        return [
            _at(
                7,
                rule,
                "Write when the message was made as YYYYMMDDHHMMSS+ZZZZ: it says which of two counts.",
            )
        ]
    if not _EPOCH < written <= now + timedelta(hours=profile.ahead_hours):
        # A message from the future would count over all that come until then.
        return [
            _at(
                7,
                "clock",
                "Set the sender's clock: the message's time is before 2000 or in the future.",
            )
        ]
    return []


def _seconds(header: Header, profile: Profile) -> int:
    written = read_instant(header.time, profile.zone)
    assert written is not None  # noqa: S101 - the clock was checked with the header
    return min(_MOST_SECONDS, int((written - _EPOCH).total_seconds()))


def _micro(header: Header, profile: Profile) -> int:
    written = read_instant(header.time, profile.zone)
    return 0 if written is None else written.microsecond


def _at(number: int, rule: str, cure: str, component: int = 0) -> Fault:
    return Fault(Place("MSH", field=number, component=component), rule, cure)
