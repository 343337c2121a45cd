"""FHIR resources to order events: what came is sorted by stay, and told as docs/orders.md tells it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from domain.orders import DISCHARGE_FIELDS, EVENT_KIND, HEAD_FIELDS
from streaming.fhir import charges, clinical, naming, orders, stays
from streaming.fhir.bundles import Arrived, RefusedResource, arrive, digest_text
from streaming.fhir.elements import Element, Fault
from streaming.fhir.naming import Names
from streaming.fhir.references import Given, good_id
from streaming.fhir.taking import Note, Taking

Row = dict[str, Any]

_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""From where sequences count, in seconds, where a sender does not number its events: 2^31 last to 2068."""
_LISTS: Final = ("diagnoses", "procedures", "icu_stays", "coverages")

@dataclass(frozen=True, slots=True)
class Events:
    """What resources say: order events (docs/orders.md), what was refused, what was not kept.

    Every resource that came (``read`` of them) is in ``taken`` or among the refused.
    ``identifier`` is that of the Bundle, as ``system|value``.
    """

    events: list[Row]
    refused: list[RefusedResource]
    notes: list[Note]
    read: int
    taken: tuple[int, ...]
    identifier: str | None = None


@dataclass(slots=True)
class _Stay:
    """What came of one stay."""

    envelope: Row
    head: Row | None = None
    status: str | None = None
    stated: set[str] = field(default_factory=set)
    encounter: Given | None = None
    currency: str | None = None
    rows: dict[str, list[Row]] = field(default_factory=dict)
    systems: dict[str, str] = field(default_factory=dict)


def events_of(
    resources: Iterable[Any],
    *,
    provider_id: str | None,
    time_zone: str = "Asia/Shanghai",
    at: datetime,
    drafts: Iterable[Any] = (),
    models: bool = True,
    names: Names | None = None,
    currency: str = "CNY",
) -> Events:
    """Order events of resources and Bundles that came together; references are found among all of them.

    ``provider_id`` is the hospital that sends: an Encounter of another one is refused; None
    takes that of the Encounter. ``at`` (with a zone) is when it happened where neither a
    message nor the Bundle says so, and from when a draft holds. ``drafts`` are orders that
    are not signed yet. Without ``models`` the structure is not compared with FHIR's models:
    what is read is checked all the same, what is not read is not. ``currency`` is that of a
    stay that states none. Raises nothing, whatever the resources are.
    """
    came = arrive(resources, drafts, models=models, names=names or Names())
    return _Reading(came, provider_id, time_zone, at, currency).read()


class _Reading(Taking):
    def __init__(
        self, came: Arrived, provider_id: str | None, time_zone: str, at: datetime, currency: str
    ) -> None:
        super().__init__(came)
        self.provider_id, self.time_zone = provider_id, time_zone
        self.at, self.currency = at, currency
        self.stays: dict[str, _Stay] = {}
        self.header: Row = {}

    def read(self) -> Events:
        # In this order: what is told of a stay needs the stay.
        steps: list[tuple[str, Callable[[Given], None]]] = [
            ("MessageHeader", self._message),
            ("Encounter", self._encounter),
            ("Condition", lambda g: self._clinical(g, "diagnoses")),
            ("Procedure", lambda g: self._clinical(g, "procedures")),
            *((kind, self._order) for kind in orders.KINDS),
            ("ChargeItem", self._charge),
            ("Coverage", self._coverage),
            ("Claim", _refuse_claim),
        ]
        for kind, step in steps:
            for given in self.by_kind.get(kind, []):
                self.settle(given, step)
        events = [e for _, stay in sorted(self.stays.items()) for e in self._tell(stay)]
        refused, taken, notes = self.finish()
        return Events(events, refused, notes, self.came.count, taken, self.came.identifier)

    def _message(self, given: Given) -> None:
        one = given.element
        if len(self.by_kind["MessageHeader"]) > 1:
            one.refuse("", "several", "Send one message in a Bundle.")
            return
        coding = one.one("eventCoding")
        kind = None
        if coding is None or self.shelf.names.of(coding.text("system")) != naming.EVENT:
            one.refuse("eventCoding", "system", f"Name the event with a code of {naming.EVENT}.")
        else:
            kind = coding.word("code", frozenset(EVENT_KIND))
        meta = one.one("meta")
        when = meta.instant("lastUpdated") if meta is not None and "lastUpdated" in meta else None
        number = None
        for extension in one.many("extension"):
            if extension.text("url") == naming.SEQUENCE:
                number = extension.whole("valueInteger", least=0)
        event_id = good_id(one, "id", given.id)
        one.take("source"), one.take("focus")
        if not one.faults:
            found = {"kind": kind, "event_id": event_id, "event_time": when, "sequence": number}
            self.header = {k: v for k, v in found.items() if v is not None}

    def _encounter(self, given: Given) -> None:
        one = given.element
        status = one.word("status", stays.STATES)
        envelope = self._envelope(given)
        row = stays.read_encounter(given, self.shelf)
        who, person = stays.patient(one.one("subject"), given, self.shelf)
        self.own_up(one.one("subject"), given)
        icu = stays.read_icu(given, self.shelf)
        stated = {
            str(e.value.get("valueCode"))
            for e in one.many("extension")
            if e.take("url") == naming.LISTS and e.take("valueCode") is not None
        }
        self._ranks(one)
        if stated - set(_LISTS):
            one.refuse("extension", "enum", f"Name a list: {', '.join(_LISTS)}.")
        if one.faults or envelope is None:
            return
        if envelope["stay_id"] in self.stays:
            one.refuse("identifier", "duplicate-id", "Two Encounters are one stay: send it once.")
            return
        stay = _Stay(envelope, person | row, status, stated & set(_LISTS), given)
        if icu or "icu_stays" in stated:
            stay.rows["icu_stays"] = icu
        stay.envelope["patient_id"] = who
        self.stays[envelope["stay_id"]] = stay

    def _envelope(self, given: Given) -> Row | None:
        one = given.element
        stay_id = stays.stay_id(given, self.shelf)
        reference = one.one("serviceProvider")
        stated = stays.provider(reference, given, self.shelf)
        provider = self.provider_id or stated
        if provider is None:
            one.refuse("serviceProvider", "required", "Name the hospital by identifier.")
        elif stated is not None and stated != provider:
            one.refuse("serviceProvider", "mismatch", "The Encounter is of another hospital than the one that sends it.")  # fmt: skip
        good_id(one, "serviceProvider", provider)
        if stay_id is None or provider is None:
            return None
        return {
            "stay_id": stay_id, "provider_id": provider, "patient_id": None, "time_zone": self.time_zone,
        }  # fmt: skip

    def _ranks(self, one: Element) -> None:
        for diagnosis in one.many("diagnosis"):
            diagnosis.whole("rank", least=1)
            diagnosis.one("condition"), diagnosis.take("use")

    def _stay_of(self, given: Given, name: str = "encounter") -> _Stay | None:
        """The stay that a resource belongs to: by its Encounter, or by the identifiers it names."""
        one = given.element
        reference = one.one(name)
        if reference is None:
            one.refuse(name, "required", "Refer to the Encounter of the stay.")
            return None
        stay_id = self.shelf.identify(reference, given, ("Encounter",), naming.STAY_ID)
        if one.faults or stay_id is None:
            return None
        found = self.shelf.find(reference, given, ("Encounter",))
        if stay_id in self.stays:
            if self.stays[stay_id].encounter is not None:
                self._same_patient(given, self.stays[stay_id])
            return self.stays[stay_id]
        if found is not None:
            one.refuse(name, "reference", "The Encounter it refers to was refused.")
            return None
        if good_id(one, name, stay_id) is None:
            return None
        who, _ = stays.patient(one.one("subject"), given, self.shelf)
        if who is None or self.provider_id is None:
            if not one.faults:
                one.refuse("subject" if who is None else name, "required", "Name patient and hospital, or send the Encounter along.")  # fmt: skip
            return None
        envelope = {
            "stay_id": stay_id, "provider_id": self.provider_id, "patient_id": who, "time_zone": self.time_zone,
        }  # fmt: skip
        self.stays[stay_id] = _Stay(envelope)
        return self.stays[stay_id]

    def _same_patient(self, given: Given, stay: _Stay) -> None:
        reference = given.element.one("subject")
        who = self.shelf.identify(reference, given, ("Patient",), naming.PATIENT_ID)
        if who is not None and who != stay.envelope["patient_id"]:
            given.element.refuse("subject", "mismatch", "The Encounter is of another patient.")

    def _clinical(self, given: Given, name: str) -> None:
        read = clinical.read_condition if name == "diagnoses" else clinical.read_procedure
        stay = self._stay_of(given)
        row, system = read(given, self.shelf)
        if stay is None or given.element.faults:
            return
        if stay.encounter is None:
            given.element.refuse("encounter", "reference", "Send the Encounter along: its lists are told with it.")  # fmt: skip
            return
        if system is not None and stay.systems.setdefault(name, system) != system:
            given.element.refuse("code.coding", "mismatch", f"The other {name} of the stay are coded in {stay.systems[name]}.")  # fmt: skip
            return
        if name == "diagnoses" and "ordinal" not in row:
            rank = self._rank(stay, given)
            if rank is not None:
                row["ordinal"] = rank
        row["_given"] = given
        stay.rows.setdefault(name, []).append(row)

    def _rank(self, stay: _Stay, given: Given) -> int | None:
        assert stay.encounter is not None  # noqa: S101 (the caller has looked)
        for diagnosis in stay.encounter.element.many("diagnosis"):
            reference = diagnosis.one("condition")
            found = self.shelf.find(reference, stay.encounter, ("Condition",)) if reference else None
            if found is not None and found.index == given.index:
                return diagnosis.whole("rank")
        return None

    def _order(self, given: Given) -> None:
        draft = given.index in self.came.drafts
        row = orders.read(given, self.shelf, at=self.at, draft=draft)
        stay = self._stay_of(given)
        if stay is not None and not given.element.faults:
            if any(o["order_id"] == row["order_id"] for o in stay.rows.get("orders", ())):
                given.element.refuse("identifier", "duplicate-id", "Another order of the stay has this identifier.")  # fmt: skip
                return
            stay.rows.setdefault("orders", []).append(row)

    def _charge(self, given: Given) -> None:
        row = charges.read_item(given, self.shelf)
        stay = self._stay_of(given, "context")
        if stay is None or given.element.faults:
            return
        price = given.element.one("priceOverride")
        named = price.text("currency") if price is not None and "currency" in price else None
        if named is not None:
            known = (stay.head or {}).get("currency") or stay.currency or named
            if known != named:
                price and price.refuse("currency", "mismatch", f"Give all amounts of a stay in {known}.")  # fmt: skip
                return
            stay.currency = known
        stay.rows.setdefault("charges", []).append(row)

    def _coverage(self, given: Given) -> None:
        row = stays.read_coverage(given, self.shelf)
        who = self.shelf.identify(given.element.one("beneficiary"), given, ("Patient",), naming.PATIENT_ID)  # fmt: skip
        if given.element.faults:
            return
        mine = [s for s in self.stays.values() if s.encounter and s.envelope["patient_id"] == who]
        if not mine:
            given.element.refuse("beneficiary", "reference", "Send the Encounter of the insured person along.")  # fmt: skip
        for stay in mine:
            rows = stay.rows.setdefault("coverages", [])
            rows.append({"ordinal": len(rows) + 1} | row)

    def _tell(self, stay: _Stay) -> list[Row]:
        """The events of a stay, in the order in which they can be applied."""
        said = self.header.get("kind")
        made: list[tuple[str, Row]] = []
        if stay.head is not None:
            self._number(stay)
            made += self._of_encounter(stay, said)
        for name in ("orders", "charges"):
            if stay.rows.get(name):
                made.append((name, {name: stay.rows[name]}))
        if stay.status == stays.OVER and said in (None, "discharge") and stay.head is not None:
            leaving = {n: stay.head[n] for n in DISCHARGE_FIELDS if n in stay.head}
            made.append(("discharge", {"discharge": leaving}))
        return [self._event(stay, kind, members, said) for kind, members in made]

    def _of_encounter(self, stay: _Stay, said: str | None) -> list[tuple[str, Row]]:
        if stay.status in stays.ERRONEOUS or said == "void":
            return [("void", {})]
        if said == "reopen":
            return [("reopen", {})]
        if said not in (None, "stay"):
            return []
        assert stay.head is not None  # noqa: S101 (the caller has looked)
        defaults = {
            "currency": stay.currency or self.currency,
            "diagnosis_system": stay.systems.get("diagnoses", "ICD-10-CN"),
            "procedure_system": stay.systems.get("procedures", "ICD-9-CM-3-CN"),
        }
        insured = [c for c in stay.rows.get("coverages", ()) if c.get("status") == "active"]
        if len(insured) == 1:
            defaults["insurance_type"] = insured[0]["insurance_type"]
            if "region_code" in insured[0]:
                defaults["insured_region_code"] = insured[0]["region_code"]
        head = {n: v for n, v in (defaults | stay.head).items() if n in HEAD_FIELDS}
        lists = {
            name: [{k: v for k, v in row.items() if k != "_given"} for row in stay.rows.get(name, [])]
            for name in _LISTS
            if name in stay.rows or name in stay.stated
        }  # fmt: skip
        return [("stay", {"stay": head, **lists})]

    def _number(self, stay: _Stay) -> None:
        """Give the rows of the clinical lists their places; a principal diagnosis is not guessed."""
        rows = stay.rows.get("diagnoses", [])
        if len(rows) == 1:
            rows[0].setdefault("ordinal", 1)
        self._refuse_rows(stay, "diagnoses", [r for r in rows if "ordinal" not in r], Fault(
            "Condition", "required", "Say its place among the diagnoses (Encounter.diagnosis.rank): the first is the principal one, and that is not guessed.",
        ))  # fmt: skip
        operations = stay.rows.get("procedures", [])
        if any("ordinal" not in row for row in operations):
            operations.sort(key=lambda r: (str(r.get("start_time") or r.get("procedure_date") or "9"), str(r.get("code"))))  # fmt: skip
            for place, row in enumerate(operations, start=1):
                row["ordinal"] = place
        for name in ("diagnoses", "procedures"):
            listed = stay.rows.get(name)
            if not listed:
                continue
            listed.sort(key=lambda r: int(r["ordinal"]))
            twice = [b for a, b in zip(listed, listed[1:], strict=False) if a["ordinal"] == b["ordinal"]]  # fmt: skip
            self._refuse_rows(stay, name, twice, Fault("", "duplicate-id", "Another one of the stay has this place."))  # fmt: skip

    def _refuse_rows(self, stay: _Stay, name: str, rows: list[Row], fault: Fault) -> None:
        # One place that is missing makes the whole list doubtful: a list is told whole or not at all.
        if not rows:
            return
        told = {r["_given"].index for r in rows}
        for row in stay.rows.pop(name):
            given = row["_given"]
            reason = fault if given.index in told else Fault("", "list", f"Another of the {name} of the stay was refused, and the list is told whole.")  # fmt: skip
            path = given.kind if reason.element in ("", "Condition") else reason.element
            self.came.refuse(given.index, given.name, [Fault(path, reason.rule, reason.reason)])

    def _event(self, stay: _Stay, kind: str, members: Row, said: str | None) -> Row:
        when = self.header.get("event_time") or self.came.timestamp or self.at.isoformat()
        number = self.header.get("sequence")
        if number is None:
            number = max(0, int((datetime.fromisoformat(when) - _EPOCH).total_seconds()))
        own = self.header.get("event_id") if said == kind and len(self.stays) == 1 else None
        body = {"stay_id": stay.envelope["stay_id"], "kind": kind, "event_time": when, **members}
        digest = hashlib.sha256(digest_text(body)).hexdigest()[:32]
        return {
            "event_id": own or f"F-{digest}",
            "kind": kind,
            "event_time": when,
            "sequence": min(number, 2**31 - 1),
            **stay.envelope,
            **members,
        }


def _refuse_claim(given: Given) -> None:
    given.element.refuse("", "not-supported", "A Claim is no order event: read it as a claim.")
