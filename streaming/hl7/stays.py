"""ADT and BAR messages: the head of a stay, its lists, and how it ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final

from domain.claim import STAYS
from domain.orders import HEAD_FIELDS
from streaming.hl7.faults import Fault, MessageError, Place
from streaming.hl7.places import COVERAGES, DIAGNOSES, DISCHARGE, HEAD, PROCEDURES, Home
from streaming.hl7.profile import Profile
from streaming.hl7.rows import UNSAID, Row, named_values, put_named, value_of
from streaming.hl7.text import Message, Segment

Json = dict[str, Any]
_LISTS: Final = ("diagnoses", "procedures", "icu_stays", "coverages")
_ADMITTING: Final = "A"
_DELETED: Final = "D"
_YEAR: Final = 365

KEPT_HEAD: Final = tuple(n for n in HEAD_FIELDS if STAYS[n].privacy is None)
"""Fields of the head that one message may leave to an earlier one; personal ones never are kept."""
_OF_ADMISSION: Final = ("admission_department", "transfer_departments")
_OF_SEGMENT: Final = {
    "insurance_type": "IN1",
    "insured_region_code": "IN1",
    "admission_diagnosis_code": "DG1",
}


@dataclass(slots=True)
class Draft:
    """An event without its envelope: kind, members, and the place of each field by its path."""

    kind: str
    at: datetime | None = None
    members: Json = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)

    def put_row(self, name: str, row: Row) -> None:
        """Set a member that is one row."""
        self.members[name] = row.values
        self.places |= {f"{name}.{n}": p for n, p in row.places.items()}

    def put_rows(self, name: str, rows: list[Row]) -> None:
        """Set a member that is a list."""
        self.members[name] = [row.values for row in rows]
        for n, row in enumerate(rows):
            self.places |= {f"{name}[{n}].{f}": p for f, p in row.places.items()}


def read_stay(message: Message, profile: Profile, known: Mapping[str, Any]) -> Draft:
    """The head in full with the lists that the message has; ``known`` is the head so far."""
    draft = Draft("stay")
    head = Row("stay")
    lists: dict[str, list[Row]] = {}
    for name, row in _named(message, profile, head):
        lists.setdefault(name, []).append(row)
    head.read(HEAD, message.segments, profile)
    if message.header.event == "A01":
        _happened_then(head, "admission_time", message, profile)
    _read_identifiers(head, message, profile)
    _read_insurance(head, message, profile)
    _read_admitting(head, message)
    _fill(head, message, profile, known)
    _tell_age(head)
    draft.put_row("stay", head)
    for name, rows in _segment_lists(message, profile).items():
        _join(rows, lists.get(name, []))
        lists[name] = rows
    for name in _LISTS:
        if name in lists:
            draft.put_rows(name, lists[name])
    return draft


def read_discharge(message: Message, profile: Profile, known: Mapping[str, Any]) -> list[Draft]:
    """The discharge; before it the stay, where the message says more of it than that."""
    draft = Draft("discharge")
    row = Row("discharge")
    row.read(DISCHARGE, message.segments, profile)
    _happened_then(row, "discharge_time", message, profile)
    draft.put_row("discharge", row)
    told = any(message.first(name) is not None for name in ("DG1", "PR1", "IN1", "OBX"))
    return [read_stay(message, profile, known), draft] if told else [draft]


def _happened_then(row: Row, name: str, message: Message, profile: Profile) -> None:
    """Where PV1 does not say when, the time of the event itself: EVN-6, else EVN-2."""
    evn = message.first("EVN")
    if evn is None or name in row.values or name.replace("_time", "_date") in row.values:
        return
    for number in (6, 2):
        text = evn.text(number)
        if text:
            place = evn.place(number)
            row.put(
                name,
                value_of(Home(name, "EVN", number, form="instant"), text, profile, place),
                place,
            )
            return


def _named(message: Message, profile: Profile, head: Row) -> list[tuple[str, Row]]:
    """Put our named values into the head; those of lists come back as rows by table."""
    rows: dict[tuple[str, str], Row] = {}
    for name, number, text, place in named_values(message.segments):
        table, dot, column = name.partition(".")
        if not dot:
            put_named(head, name, text, profile, place)
            continue
        if table not in _LISTS or not number.isdigit():
            raise MessageError([
                Fault(place, "enum", "Name one of diagnoses, procedures, icu_stays, coverages in OBX-3 and the row in OBX-4.")
            ])  # fmt: skip
        row = rows.setdefault((table, number), Row(table))
        if column != "ordinal":
            row.put("ordinal", int(number[:9]), place)
        put_named(row, column, text, profile, place)
    return [(table, row) for (table, _), row in rows.items()]


def _segment_lists(message: Message, profile: Profile) -> dict[str, list[Row]]:
    """The lists that stand in segments of their own."""
    lists: dict[str, list[Row]] = {}
    listed = [s for s in message.all("DG1") if s.text(6) != _ADMITTING]
    if listed:
        lists["diagnoses"] = _ranked(
            [
                (_row("diagnoses", DIAGNOSES, s, profile), s)
                for s in listed
                if s.text(21) != _DELETED
            ]
        )
    procedures = list(message.all("PR1"))
    if procedures:
        rows = [_procedure(s, profile) for s in procedures if s.text(20) != _DELETED]
        lists["procedures"] = _numbered(rows)
    coverages = [_row("coverages", COVERAGES, s, profile) for s in message.all("IN1")]
    for row, segment in zip(coverages, message.all("IN1"), strict=True):
        plan = segment.text(2)
        if plan and "insurance_type" not in row.values:
            place = segment.place(2)
            row.put("insurance_type", value_of(COVERAGES[1], plan, profile, place), place)
    if coverages:
        lists["coverages"] = _numbered(coverages)
    return lists


def _row(member: str, homes: tuple[Home, ...], segment: Segment, profile: Profile) -> Row:
    row = Row(member)
    row.read(homes, [segment], profile)
    if segment.name in ("DG1", "PR1"):
        row.put("name", segment.text(4), segment.place(4))
    return row


def _procedure(segment: Segment, profile: Profile) -> Row:
    row = _row("procedures", PROCEDURES, segment, profile)
    minutes = segment.text(7)
    if minutes and "start_time" in row.values:
        if not minutes.isdigit() or len(minutes) > 6:
            raise MessageError(
                [Fault(segment.place(7), "type", "Write the minutes as a whole number.")]
            )
        end = datetime.fromisoformat(row.values["start_time"]) + timedelta(minutes=int(minutes))
        row.put("end_time", end.isoformat(), segment.place(7))
    return row


def _ranked(rows: list[tuple[Row, Segment]]) -> list[Row]:
    """Diagnoses with the principal one first, where DG1-15 says which."""
    ranks = [int(p) if (p := s.text(15)).isdigit() and int(p[:4]) > 0 else 999 for _, s in rows]
    if min(ranks, default=999) < 999:
        order = sorted(range(len(rows)), key=lambda n: (ranks[n], n))
        rows = [rows[n] for n in order]
        for n, (row, segment) in enumerate(rows, start=1):
            row.over("ordinal", n, segment.place(15))
    return _numbered([row for row, _ in rows])


def _numbered(rows: list[Row]) -> list[Row]:
    """Rows with a number each: their own where these tell them apart, else their order."""
    own = [row.values.get("ordinal") for row in rows]
    if None in own or len(set(own)) < len(own):
        for n, row in enumerate(rows, start=1):
            row.over(
                "ordinal",
                n,
                row.places.get("ordinal", next(iter(row.places.values()), Place("MSH"))),
            )
    return rows


def _join(rows: list[Row], named: list[Row]) -> None:
    """Put the named values of a list's rows to the rows of segments with the same number."""
    by_number = {row.values.get("ordinal"): row for row in rows}
    for one in named:
        row = by_number.get(one.values.get("ordinal"))
        if row is None:
            rows.append(one)
            continue
        for name, value in one.values.items():
            row.over(name, value, one.places[name])


def _read_identifiers(head: Row, message: Message, profile: Profile) -> None:
    pid = message.first("PID")
    if pid is None:
        return
    for name, types in (
        ("medical_record_number", profile.record_types),
        ("identity_number", profile.identity_types),
    ):
        found = identifier(pid, types)
        if found is not None:
            head.put(name, found, pid.place(3))


def identifier(pid: Segment, types: tuple[str, ...]) -> str | None:
    """The identifier of PID-3 with the first of these type codes (CX.5) that is there."""
    listed = [(pid.part(r, 5), pid.part(r)) for r in pid.repetitions(3)]
    for kind in types:
        for code, value in listed:
            if code == kind and value:
                return value
    return None


def patient_id(pid: Segment, profile: Profile) -> str:
    """The identifier of the insured person: of the profile's type, else the first without a type."""
    found = identifier(pid, profile.patient_types)
    if found is not None:
        return found
    listed = [(pid.part(r, 5), pid.part(r)) for r in pid.repetitions(3)]
    return next((value for code, value in listed if value and not code), "")


def _read_insurance(head: Row, message: Message, profile: Profile) -> None:
    first = message.first("IN1")
    if first is None:
        return
    home = COVERAGES[1]
    for number in (15, 2):
        text = first.text(number)
        if text:
            head.put(
                "insurance_type",
                value_of(home, text, profile, first.place(number)),
                first.place(number),
            )
    region = first.text(3)
    head.put("insured_region_code", None if region == UNSAID else region, first.place(3))


def _read_admitting(head: Row, message: Message) -> None:
    for segment in message.all("DG1"):
        if segment.text(6) == _ADMITTING:
            head.put("admission_diagnosis_code", segment.text(3), segment.place(3))
    reason = message.first("PV2")
    if reason is not None:
        head.put("admission_diagnosis_code", reason.text(3), reason.place(3))


def _fill(head: Row, message: Message, profile: Profile, known: Mapping[str, Any]) -> None:
    """What this message is silent of: as earlier messages had it, else as the profile has it."""
    names = {s.name for s in message.segments}
    moved = message.header.event != "A01"
    for name in _OF_ADMISSION:
        if moved and name in known and not _is_named(head, name):
            department = (
                head.values.get("admission_department") if name == "admission_department" else None
            )
            head.over(name, known[name], Place("PV1", field=10))
            if department and department != known[name] and message.header.event == "A02":
                _note_move(head, known, str(department))
    for name in KEPT_HEAD:
        if name in known and name not in head.values:
            home = _OF_SEGMENT.get(name) or _HOME_SEGMENT.get(name, "OBX")
            if home not in names or (home == "DG1" and not _tells_admitting(message)):
                head.put(name, known[name], Place("MSH"))
    for name, value in profile.head.items():
        head.put(name, value, Place("MSH"))


def _note_move(head: Row, known: Mapping[str, Any], department: str) -> None:
    before = str(known.get("transfer_departments") or "")
    if before.rsplit("→", maxsplit=1)[-1] != department and not _is_named(
        head, "transfer_departments"
    ):
        head.over(
            "transfer_departments",
            f"{before}→{department}" if before else department,
            Place("PV1", field=10),
        )


def _is_named(head: Row, name: str) -> bool:
    return name in head.places and head.places[name].segment == "OBX"


def _tells_admitting(message: Message) -> bool:
    return any(s.text(6) == _ADMITTING for s in message.all("DG1"))


def _tell_age(head: Row) -> None:
    """The age at admission, where it is not stated and follows from the dates."""
    admitted = (
        head.values.get("admission_date") or str(head.values.get("admission_time") or "")[:10]
    )
    born = head.values.get("birth_date")
    if not admitted or not born or "age_years" in head.values or "age_days" in head.values:
        return
    first, last = date.fromisoformat(born), date.fromisoformat(admitted)
    years = last.year - first.year - ((last.month, last.day) < (first.month, first.day))
    place = head.places["birth_date"]
    if years >= 1:
        head.put("age_years", years, place)
    elif 0 <= (last - first).days <= _YEAR:
        head.put("age_days", (last - first).days, place)


_HOME_SEGMENT: Final = {home.name: home.segment for home in HEAD}
