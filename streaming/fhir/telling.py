"""A stay as resources told it, and the order events that say so."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from domain.orders import DISCHARGE_FIELDS, HEAD_FIELDS
from streaming.fhir import stays
from streaming.fhir.bundles import Arrived, digest_text
from streaming.fhir.elements import Fault
from streaming.fhir.references import Given, Shelf

Row = dict[str, Any]

LISTS: Final = ("diagnoses", "procedures", "icu_stays", "coverages")
_KIND: Final = {"diagnoses": "Condition", "procedures": "Procedure", "coverages": "Coverage"}
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""From where sequences count, in seconds, where a sender does not number its events: 2^31 last to 2068."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a MessageHeader says of the event: nothing, if there is none."""

    kind: str | None = None
    event_id: str | None = None
    event_time: str | None = None
    sequence: int | None = None


@dataclass(slots=True)
class StayTold:
    """What came of one stay; without ``encounter`` only its identifiers are known.

    ``givens`` are the resources of the rows of a list, in the same order. A list with a
    resource that was refused is ``broken``: it is told whole or not at all, for a list
    that lacks a diagnosis is another list.
    """

    envelope: Row
    head: Row | None = None
    status: str | None = None
    stated: set[str] = field(default_factory=set)
    encounter: Given | None = None
    currency: str | None = None
    rows: dict[str, list[Row]] = field(default_factory=dict)
    givens: dict[str, list[Given]] = field(default_factory=dict)
    names: dict[str, set[str]] = field(default_factory=dict)
    systems: dict[str, str] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)


def number(stay: StayTold, shelf: Shelf, came: Arrived) -> None:
    """Give the rows of the lists their places; what stands in a doubtful list is refused.

    The places of diagnoses are those of ``Encounter.diagnosis``: the first is the
    principal one, which decides the group, and is not guessed. Procedures without places
    stand in the order in which they were done.
    """
    if stay.encounter is None:
        return
    owners = [stay.encounter, *stay.encounter.uses]
    stay.broken |= {name for name, kind in _KIND.items() if shelf.may_lack({kind}, owners)}
    _rank(stay, shelf, came)
    operations = stay.rows.get("procedures", [])
    if any("ordinal" not in row for row in operations):
        for place, row in enumerate(sorted(operations, key=_done), start=1):
            row["ordinal"] = place
    for name in ("diagnoses", "procedures", "coverages"):
        ordinals = [row.get("ordinal") for row in stay.rows.get(name, [])]
        times = Counter(ordinals)
        for given, ordinal in zip(stay.givens.get(name, []), ordinals, strict=True):
            if ordinal is None:
                _doubt(stay, name, given, came, "required", "Say its place among the diagnoses (Encounter.diagnosis.rank): the first is the principal one, and that is not guessed.")  # fmt: skip
            elif times[ordinal] > 1:
                _doubt(stay, name, given, came, "duplicate-id", "Another one of the stay has this place.")  # fmt: skip
    for name in stay.broken:
        for given in stay.givens.pop(name, []):
            came.refuse(given.index, given.name, [Fault(given.kind, "list", f"Another of the {name} of the stay was refused, and such a list is told whole.")])  # fmt: skip
        stay.rows.pop(name, None)
        stay.stated.discard(name)
    for name in ("diagnoses", "procedures", "coverages"):
        stay.rows.get(name, []).sort(key=lambda row: int(row["ordinal"]))


def _doubt(stay: StayTold, name: str, given: Given, came: Arrived, rule: str, reason: str) -> None:  # noqa: PLR0917
    stay.broken.add(name)
    came.refuse(given.index, given.name, [Fault(given.kind, rule, reason)])


def _rank(stay: StayTold, shelf: Shelf, came: Arrived) -> None:
    """The places that the Encounter states; a Condition that it names and that did not come breaks the list."""
    rows, givens = stay.rows.get("diagnoses", []), stay.givens.get("diagnoses", [])
    if not rows or stay.encounter is None:
        return
    ours = {given.index: row for given, row in zip(givens, rows, strict=True)}
    for diagnosis in stay.encounter.element.many("diagnosis"):
        reference = diagnosis.one("condition")
        found = shelf.look(reference) if reference else None
        if found is None or found.index in came.aside:
            stay.broken.add("diagnoses")
        elif found.index in ours and isinstance(diagnosis.value.get("rank"), int):
            ours[found.index].setdefault("ordinal", diagnosis.value["rank"])
    if len(rows) == 1:
        rows[0].setdefault("ordinal", 1)


def _done(row: Row) -> tuple[str, str]:
    return str(row.get("procedure_date") or "9"), str(row.get("start_time") or row["code"])


def tell(stay: StayTold, header: Header, when: str, currency: str) -> Iterable[Row]:
    """The events of a stay, in the order in which they can be applied."""
    said = header.kind
    if stay.head is not None:
        if stay.status in stays.ERRONEOUS or said == "void":
            yield _event(stay, "void", {}, header, when)
        elif said == "reopen":
            yield _event(stay, "reopen", {}, header, when)
        elif said in (None, "stay"):
            yield _event(stay, "stay", _head(stay, currency), header, when)
    for name in ("orders", "charges"):
        if stay.rows.get(name):
            yield _event(stay, name, {name: stay.rows[name]}, header, when)
    if stay.head is not None and stay.status == stays.OVER and said in (None, "discharge"):
        leaving = {n: stay.head[n] for n in DISCHARGE_FIELDS if n in stay.head}
        yield _event(stay, "discharge", {"discharge": leaving}, header, when)


def _head(stay: StayTold, currency: str) -> Row:
    defaults = {
        "currency": stay.currency or currency,
        "diagnosis_system": stay.systems.get("diagnoses", "ICD-10-CN"),
        "procedure_system": stay.systems.get("procedures", "ICD-9-CM-3-CN"),
    }
    insured = [c for c in stay.rows.get("coverages", ()) if c.get("status") == "active"]
    if len(insured) == 1:
        defaults["insurance_type"] = insured[0]["insurance_type"]
        if "region_code" in insured[0]:
            defaults["insured_region_code"] = insured[0]["region_code"]
    head = {n: v for n, v in (defaults | (stay.head or {})).items() if n in HEAD_FIELDS}
    lists: Row = {n: stay.rows.get(n, []) for n in LISTS if n in stay.rows or n in stay.stated}
    return {"stay": head, **lists}


def _event(stay: StayTold, kind: str, members: Row, header: Header, when: str) -> Row:
    at = header.event_time or when
    sequence = header.sequence
    if sequence is None:
        sequence = max(0, int((datetime.fromisoformat(at) - _EPOCH).total_seconds()))
    body = {"stay_id": stay.envelope["stay_id"], "kind": kind, "event_time": at, **members}
    digest = hashlib.sha256(digest_text(body)).hexdigest()[:32]
    return {
        "event_id": (header.event_id if header.kind == kind else None) or f"F-{digest}",
        "kind": kind,
        "event_time": at,
        "sequence": min(sequence, 2**31 - 1),
        **stay.envelope,
        **members,
    }
