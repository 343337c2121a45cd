"""FHIR resources to order events: what came is sorted by stay, and told as docs/orders.md tells it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from domain.claim import CHARGES, COVERAGES, DIAGNOSES, ICU_STAYS, ORDERS, PROCEDURES, STAYS
from domain.orders import EVENT_KIND
from domain.service import RefusedResource, UnkeptElement
from streaming.fhir import charges, clinical, coverage, naming, orders, stays
from streaming.fhir.bundles import Arrived, arrive
from streaming.fhir.elements import Element, Fault
from streaming.fhir.fields import fit
from streaming.fhir.naming import Names
from streaming.fhir.references import Given, good_id
from streaming.fhir.taking import Taking
from streaming.fhir.telling import LISTS, Header, StayTold, number, tell

Row = dict[str, Any]
Keep = Callable[[], None]

_NAMED_ELSEWHERE: Final = (
    "stay_id", "claim_version", "time_zone", "currency", "provider_id", "patient_id",
    "diagnosis_system", "procedure_system",
)  # fmt: skip
"""Fields of a stay that an event has in its envelope, or that have a default."""
_ALL_OF_A_STAY: Final = tuple(f.name for f in STAYS.fields)
_TABLES: Final = {"diagnoses": DIAGNOSES, "procedures": PROCEDURES}


@dataclass(frozen=True, slots=True)
class Events:
    """What resources say: order events (docs/orders.md), what was refused, what was not kept.

    Every resource that came (``read`` of them) is in ``taken`` or among the refused.
    ``identifier`` is that of the Bundle, as ``system|value``.
    """

    events: list[Row]
    refused: list[RefusedResource]
    notes: list[UnkeptElement]
    read: int
    taken: tuple[int, ...]
    identifier: str | None = None


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
        self.stays: dict[str, StayTold] = {}
        self.of_patient: dict[str | None, list[StayTold]] = {}
        self.header = Header()

    def read(self) -> Events:
        # In this order: what is told of a stay needs the stay.
        steps: list[tuple[str, Callable[[Given], Keep]]] = [
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
        when = self.came.timestamp or self.at.isoformat()
        header = self.header if len(self.stays) == 1 else Header(event_time=self.header.event_time)
        events: list[Row] = []
        for _, stay in sorted(self.stays.items()):
            number(stay, self.shelf, self.came)
            events += tell(stay, header, when, self.currency)
        told = {event["kind"] for event in events}
        for given in self.by_kind.get("MessageHeader", []) if self.header.kind else ():
            if self.header.kind not in told:
                fault = Fault("MessageHeader.eventCoding", "mismatch", f"The message holds nothing that is {self.header.kind}.")  # fmt: skip
                self.came.refuse(given.index, given.name, [fault])
        refused, taken, notes = self.finish()
        return Events(events, refused, notes, self.came.count, taken, self.came.identifier)

    def _message(self, given: Given) -> Keep:
        one = given.element
        if len(self.by_kind["MessageHeader"]) > 1:
            one.refuse("", "several", "Send one message in a Bundle.")
        coding = one.one("eventCoding")
        kind = None
        if coding is None or self.shelf.names.of(coding.text("system")) != naming.EVENT:
            one.refuse("eventCoding", "system", f"Name the event with a code of {naming.EVENT}.")
        else:
            kind = coding.word("code", frozenset(EVENT_KIND))
            # FHIR tells a change of status as the order with its new status.
            kind = "orders" if kind == "order-status" else kind
        meta = one.one("meta")
        when = meta.instant("lastUpdated") if meta is not None and "lastUpdated" in meta else None
        sequence = None
        for extension in one.many("extension"):
            if extension.text("url") == naming.SEQUENCE:
                sequence = extension.whole("valueInteger", least=0)
        event_id = good_id(one, "id", given.id)
        one.take("source"), one.take("focus")

        def keep() -> None:
            self.header = Header(kind, event_id, when, sequence)

        return keep

    def _encounter(self, given: Given) -> Keep:
        one = given.element
        status = one.word("status", stays.STATES)
        envelope = self._envelope(given)
        row = stays.read_encounter(given, self.shelf)
        who, person = stays.patient(one.one("subject"), given, self.shelf)
        icu = stays.read_icu(given, self.shelf)
        stated: set[str] = set()
        for extension in one.many("extension"):
            if extension.value.get("url") == naming.LISTS:
                extension.take("url")
                stated.add(extension.word("valueCode", frozenset(LISTS)) or "")
        for diagnosis in one.many("diagnosis"):
            diagnosis.whole("rank", least=1)
            condition = diagnosis.one("condition")
            diagnosis.take("use")
            if condition is not None:
                condition.take("reference")
        head = person | row
        whole = self.header.kind in (None, "stay")
        if status == stays.OVER and not {"discharge_date", "discharge_time"} & head.keys():
            one.refuse("period.end", "required", "Say when the patient left, or that the stay is in progress.")  # fmt: skip
        fit(one, STAYS, head, later=_NAMED_ELSEWHERE if whole else _ALL_OF_A_STAY)
        if who is None:
            one.refuse("subject", "required", "Name the patient.")
        for place in icu:
            fit(one, ICU_STAYS, place)
        if len({place["ordinal"] for place in icu}) < len(icu):
            one.refuse("location", "duplicate-id", "Two times in intensive care have one place.")
        if who is not None and len(who) > STAYS["patient_id"].max_length:
            one.refuse("subject", "range", "The identifier of the patient is too long.")

        def keep() -> None:
            if envelope is None or envelope["stay_id"] in self.stays:
                one.refuse("identifier", "duplicate-id", "Two Encounters are one stay: send it once.")  # fmt: skip
                return
            stay = StayTold(envelope | {"patient_id": who}, head, status, stated - {""}, given)
            if icu or "icu_stays" in stated:
                stay.rows["icu_stays"] = icu
            self.stays[envelope["stay_id"]] = stay
            self.of_patient.setdefault(who, []).append(stay)

        return keep

    def _envelope(self, given: Given) -> Row | None:
        one = given.element
        stay_id = stays.stay_id(given, self.shelf)
        stated = stays.provider(one.one("serviceProvider"), given, self.shelf)
        provider = self.provider_id or stated
        if provider is None:
            one.refuse("serviceProvider", "required", "Name the hospital by identifier.")
        elif stated is not None and stated != provider:
            one.refuse("serviceProvider", "mismatch", "The Encounter is of another hospital than the one that sends it.")  # fmt: skip
        good_id(one, "serviceProvider", provider)
        if stay_id is None or provider is None:
            return None
        return self._named(stay_id, provider, None)

    def _named(self, stay_id: str, provider: str, who: str | None) -> Row:
        return {
            "stay_id": stay_id,
            "provider_id": provider,
            "patient_id": who,
            "time_zone": self.time_zone,
        }

    def _stay_of(self, given: Given, name: str = "encounter") -> StayTold | None:
        """The stay that a resource belongs to: by its Encounter, or by the identifiers it names."""
        one = given.element
        reference = one.one(name)
        if reference is None:
            if given.index in self.came.drafts and len(self.stays) == 1:
                return self._only(given)
            one.refuse(name, "required", "Refer to the Encounter of the stay.")
            return None
        found = self.shelf.find(reference, given, ("Encounter",))
        stay_id = self.shelf.identify(reference, given, ("Encounter",), naming.STAY_ID)
        if stay_id is None or good_id(one, name, stay_id) is None:
            return None
        who = self.shelf.identify(one.one("subject"), given, ("Patient",), naming.PATIENT_ID)
        known = self.stays.get(stay_id)
        if known is None and found is not None:
            one.refuse(name, "reference", "The Encounter it refers to was refused.")
            return None
        if known is not None:
            if who is not None and who != known.envelope["patient_id"]:
                one.refuse("subject", "mismatch", "The Encounter is of another patient.")
            return known
        if who is None or self.provider_id is None or len(who) > STAYS["patient_id"].max_length:
            one.refuse("subject", "required", "Name patient and hospital, or send the Encounter along.")  # fmt: skip
            return None
        return StayTold(self._named(stay_id, self.provider_id, who))

    def _only(self, given: Given) -> StayTold | None:
        """The one stay that came, for a draft that names none: it is written for that patient there."""
        one = given.element
        (stay,) = self.stays.values()
        who = self.shelf.identify(one.one("subject"), given, ("Patient",), naming.PATIENT_ID)
        if who == stay.envelope["patient_id"]:
            return stay
        if not one.faults:
            one.refuse("subject", "mismatch", "The Encounter that came along is of another patient.")  # fmt: skip
        return None

    def _clinical(self, given: Given, name: str) -> Keep:
        read = clinical.read_condition if name == "diagnoses" else clinical.read_procedure
        stay = self._stay_of(given)
        row, system = read(given, self.shelf)
        if row is not None:
            fit(given.element, _TABLES[name], row, later=("ordinal",))
        if stay is not None and stay.encounter is None:
            given.element.refuse("encounter", "reference", "Send the Encounter along: its lists are told with it.")  # fmt: skip
        if stay is not None and given.element.faults:
            stay.broken.add(name)

        def keep() -> None:
            if row is None or stay is None:
                return  # what was refuted or not done is read, and there is nothing to keep
            if system is not None and stay.systems.setdefault(name, system) != system:
                stay.broken.add(name)
                given.element.refuse("code.coding", "mismatch", f"The other {name} of the stay are coded in {stay.systems[name]}.")  # fmt: skip
                return
            stay.rows.setdefault(name, []).append(row)
            stay.givens.setdefault(name, []).append(given)

        return keep

    def _order(self, given: Given) -> Keep:
        draft = given.index in self.came.drafts
        row = orders.read(given, self.shelf, at=self.at, draft=draft)
        fit(given.element, ORDERS, row)
        return self._keep_row(given, self._stay_of(given), "orders", row.get("order_id"), row)

    def _charge(self, given: Given) -> Keep:
        one = given.element
        row = charges.read_item(given, self.shelf)
        fit(one, CHARGES, row)
        stay = self._stay_of(given, "context")
        price = one.one("priceOverride")
        named = price.text("currency") if price is not None and "currency" in price else None
        if stay is not None and named is not None:
            known = (stay.head or {}).get("currency") or stay.currency or named
            if known != named or named not in (STAYS["currency"].codes or ()):
                one.refuse("priceOverride.currency", "mismatch", "Give all amounts of a stay in one currency, CNY or USD.")  # fmt: skip
            elif not one.faults:
                stay.currency = known
        return self._keep_row(given, stay, "charges", row.get("line_id"), row)

    def _keep_row(
        self, given: Given, stay: StayTold | None, table: str, name: str | None, row: Row
    ) -> Keep:
        def keep() -> None:
            if stay is None or name is None:
                return
            # Two that came without their Encounter meet here, for the first made the stay.
            kept = self.stays.setdefault(stay.envelope["stay_id"], stay)
            if kept.envelope["patient_id"] != stay.envelope["patient_id"]:
                given.element.refuse("subject", "mismatch", "The stay is of another patient.")
            elif name in kept.names.setdefault(table, set()):
                given.element.refuse("identifier", "duplicate-id", f"Another of the {table} of the stay has this identifier.")  # fmt: skip
            else:
                kept.names[table].add(name)
                kept.rows.setdefault(table, []).append(row)

        return keep

    def _coverage(self, given: Given) -> Keep:
        one: Element = given.element
        row = coverage.read_coverage(given, self.shelf)
        fit(one, COVERAGES, row, later=("ordinal",))
        who = self.shelf.identify(one.one("beneficiary"), given, ("Patient",), naming.PATIENT_ID)
        mine = [] if who is None else self.of_patient.get(who, [])
        if not mine:
            one.refuse("beneficiary", "reference", "Send the Encounter of the insured person along.")  # fmt: skip
        for stay in mine if one.faults else ():
            stay.broken.add("coverages")

        def keep() -> None:
            for stay in mine:
                rows = stay.rows.setdefault("coverages", [])
                rows.append({"ordinal": len(rows) + 1} | row)
                stay.givens.setdefault("coverages", []).append(given)

        return keep


def _refuse_claim(given: Given) -> Keep:
    given.element.refuse("", "not-supported", "A Claim is no order event: read it as a claim.")
    return lambda: None
