"""HL7 messages for tests: short words for long lines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from streaming.hl7.profile import Profile
from streaming.hl7.reading import Reader
from streaming.hl7.sinks import NotKeptError, Taken
from streaming.orders.events import decode
from streaming.orders.state import OpenStay, apply_events
from tests.order_events import KEY

Json = dict[str, Any]
SAMPLE = Path(__file__).resolve().parent.parent / "data_samples" / "orders" / "ward-small.jsonl"
NOW = datetime(2025, 3, 20, tzinfo=UTC)

PID = "PID|1||PAT1^^^H1^PI~M77^^^H1^MR~ID99^^^^NNCHN||张^三||19750409|F"
PV1 = "PV1|1|I|W3^12^1^H1||||D1^李^四|||A03||||2|||||V1|||||||||||||||||||||||||20250303092000"
IN1 = "IN1|1|310|330100|||||||||20220101|||310"
DG1 = "DG1|1||J15.900^肺炎^I10C||20250303|W"


def message(
    kind: str,
    *lines: str,
    control: str = "1",
    at: str = "20250303092000+0800",
    version: str = "2.5",
    charset: str = "UNICODE UTF-8",
    modes: str = "|",
    processing: str = "P",
) -> bytes:
    """A message with these segments after its header; EVN follows MSH for what needs it."""
    head = [
        f"MSH|^~\\&|HIS|H1|SENTINEL||{at}||{kind}|{control}|{processing}|{version}|||{modes}|CHN|{charset}"
    ]
    if kind[:3] in ("ADT", "BAR", "DFT"):
        head.append(f"EVN|{kind[4:7]}|{at}")
    codec = "gb18030" if charset.startswith("GB") else "utf-8"
    return ("\r".join([*head, *lines]) + "\r").encode(codec)


def admitted(**given: Any) -> bytes:
    """An admission with a diagnosis and an insurance."""
    return message("ADT^A01", PID, PV1, DG1, IN1, **given)


def ordered(control_code: str, *detail: str, **given: Any) -> bytes:
    """An ORM with one ORC of this control code for order O1."""
    orc = f"ORC|{control_code}|O1|||||^q8h^^20250303110000||20250303103000|||D1"
    return message("ORM^O01", PID, PV1, orc, *detail, **given)


DRUG = "RXO|S-0901007^注射用美罗培南0.5g^L|1||g|||||||3|支"


def charged(*lines: str, **given: Any) -> bytes:
    """A posting of charge lines."""
    return message("DFT^P03", PID, PV1, *lines, **given)


LINE = "FT1|1|L1||20250303110000+0800|20250303120000|CG|S-0901007^美罗培南^L|||2|197.00|98.50|||||09||||D1||O1"


def reader(profile: Profile | None = None) -> Reader:
    """A reader whose clock stands after the samples' month."""
    return Reader(profile or Profile(), now=lambda: NOW)


def sample() -> list[Json]:
    """The events of the committed ward."""
    return [json.loads(line) for line in SAMPLE.read_text("utf-8").splitlines()]


def states(documents: Iterable[Mapping[str, Any]]) -> dict[str, OpenStay]:
    """The stays that events come to; they must all be good."""
    events, refused = decode([msgspec.json.encode(d) for d in documents], key=KEY)
    assert not refused, refused
    return apply_events([event for _, event in events], {})[0]


class MemorySink:
    """Keeps what it is given in lists; ``away`` makes it refuse all, as a database that is down."""

    def __init__(self) -> None:
        self.events: list[Json] = []
        self.dead: dict[str, Any] = {}
        self.away = False

    def take(self, events: Sequence[Taken], dead: Sequence[Any], /) -> dict[int, tuple[str, str]]:
        if self.away:
            raise NotKeptError("the database is away", where="test", cure="Wait.")
        self.events += [json.loads(t.record) for t in events]
        self.dead |= {letter.dead_letter_id: letter for letter in dead}
        return {}

    def head(self, _stay_id: str, /) -> None:
        return None
