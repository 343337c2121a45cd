"""Claim and what it refers to, as a canonical claim (docs/fields.md)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from domain.claim import CHARGES, CHILDREN, ORDERS, STAYS
from domain.codes import CLAIM_TYPE
from domain.service import RefusedResource, UnkeptElement
from streaming.fhir import charges, clinical, coverage, extensions, naming, orders, stays
from streaming.fhir.bundles import Arrived, arrive
from streaming.fhir.elements import Element
from streaming.fhir.fields import fit
from streaming.fhir.naming import Names
from streaming.fhir.references import Given, coded, codings, good_id, name_of, same
from streaming.fhir.taking import Taking

Row = dict[str, Any]
Keep = Callable[[], None]

CLAIM_TYPE_SYSTEM: Final = naming.list_system("stays", "claim_type")
TYPE_SYSTEM: Final = "http://terminology.hl7.org/CodeSystem/claim-type"
TYPE: Final = {"institutional": "inpatient", "professional": "outpatient", "pharmacy": "outpatient"}
TEAM_ROLE: Final = f"{naming.BASE}code:care-team-role"
ROLES: Final = {"operating": "operating_physician_id", "other": "other_physician_id"}
CODED_AS: Final = (("diagnosis", clinical.DIAGNOSIS_SYSTEMS), ("procedure", clinical.PROCEDURE_SYSTEMS))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Claims:
    """What Bundles with Claims say: canonical claims, what was refused, what was not kept.

    Every resource that came (``read`` of them) is in ``taken`` or among the refused.
    """

    claims: list[Row]
    refused: list[RefusedResource]
    notes: list[UnkeptElement]
    read: int
    taken: tuple[int, ...]
    identifier: str | None = None


def claims_of(
    resources: Iterable[Any],
    *,
    provider_id: str | None = None,
    time_zone: str = "Asia/Shanghai",
    models: bool = True,
    names: Names | None = None,
) -> Claims:
    """Canonical claims of resources and Bundles that came together.

    A Claim with its Encounter, Patient, Coverages, Procedures and orders is one claim; each
    is refused if any of these is. The claim still goes through intake, which checks it as
    any other. Arguments as of ``events_of``; raises nothing, whatever the resources are.
    """
    came = arrive(resources, (), models=models, names=names or Names())
    return _Reading(came, provider_id, time_zone).read()


class _Reading(Taking):
    def __init__(self, came: Arrived, provider_id: str | None, time_zone: str) -> None:
        super().__init__(came)
        self.provider_id, self.time_zone = provider_id, time_zone
        self.claims: list[Row] = []
        self.rows: dict[tuple[str, int], list[tuple[Given, Row, str | None]]] = {}
        self.used: set[int] = set()
        self.kept: set[int] = set()
        self._by_patient: dict[str | None, list[Given]] | None = None

    def read(self) -> Claims:
        """The claims, with account of every resource."""
        parts = ("Encounter", "Coverage", "Condition", "Procedure", *orders.KINDS, "ChargeItem")
        for kind in orders.KINDS:
            for given in self.by_kind.get(kind, []):
                self._part_of(given, "encounter", "orders")
        for given in self.by_kind.get("ChargeItem", []):
            self._part_of(given, "context", "charges")
        for given in self.by_kind.get("Claim", []):
            self.used = set()
            if self.settle(given, self._claim):
                self.kept |= self.used
        for kind in ("MessageHeader", *parts):
            for given in self.by_kind.get(kind, []):
                self.settle(given, self._belong)
        refused, taken, notes = self.finish()
        return Claims(self.claims, refused, notes, self.came.count, taken, self.came.identifier)

    def _belong(self, given: Given) -> Keep:
        if given.kind != "MessageHeader" and given.index not in self.kept:
            given.element.refuse("", "reference", "It belongs to no Claim of the bundle that was taken.")  # fmt: skip
        return lambda: None

    def _part_of(self, given: Given, name: str, table: str) -> None:
        """Read an order or a charge line of the Encounter that it names."""
        one = given.element
        reference = one.one(name)
        found = self.shelf.find(reference, given, ("Encounter",)) if reference else None
        if found is None:
            one.refuse(name, "reference", "Send the Encounter along in the same bundle.")
        if table == "orders":
            row = orders.read(given, self.shelf, at=None, draft=False)
            fit(one, ORDERS, row)
        else:
            row = charges.read_item(given, self.shelf)
            fit(one, CHARGES, row)
        who = self.shelf.identify(one.one("subject"), given, ("Patient",), naming.PATIENT_ID)
        if found is not None:
            self.rows.setdefault((table, found.index), []).append((given, row, who))

    def _claim(self, given: Given) -> Keep:
        one, shelf = given.element, self.shelf
        one.word("status", frozenset({"active"}))
        one.word("use", frozenset({"claim"}))
        one.take("priority")
        row: Row = {"stay_id": self._stay_id(given), "claim_version": 1, "time_zone": self.time_zone}  # fmt: skip
        row["claim_type"] = coded_type(one.one("type"), given, self)
        reference = one.one("patient")
        who, person = stays.patient(reference, given, shelf)
        row |= person | {"patient_id": who, "provider_id": self._provider(one.one("provider"), given)}  # fmt: skip
        encounter = self._encounter(given, who)
        icu: list[Row] = []
        if encounter is not None:
            self.used.add(encounter.index)
            encounter.element.word("status", stays.STATES - stays.ERRONEOUS)
            told = stays.read_encounter(encounter, shelf)
            icu = stays.read_icu(encounter, shelf)
            subject = encounter.element.one("subject")
            if shelf.identify(subject, encounter, ("Patient",), naming.PATIENT_ID) != who:
                one.refuse("item.encounter", "mismatch", "The Encounter is of another patient.")
            given.uses[encounter] = None
            given.uses |= encounter.uses
            stays.provider(encounter.element.one("serviceProvider"), encounter, shelf)
            encounter.element.take("diagnosis")
            row |= {k: v for k, v in told.items() if k != "claim_type"}
        row |= self._settlement(one)
        row |= self._physicians(one, given)
        diagnoses, packages = self._diagnoses(one, given, who)
        if packages:
            row["billed_group_code"] = packages[0]
        systems: dict[str, str] = {}
        lists = {
            "diagnoses": diagnoses,
            "procedures": self._procedures(one, given, who),
            "charges": self._lines(one, given, encounter, who),
            "orders": self._rows("orders", given, encounter, who),
            "icu_stays": icu,
            "coverages": self._coverages(one, given, who),
        }
        for name, known in CODED_AS:
            systems[f"{name}_system"] = self._system(one, given, name, known)
        own = extensions.read(one, STAYS)
        made = systems | row | own | {k: v for k, v in lists.items() if v}
        if row.get("currency") is None and "currency" not in own:
            one.refuse("total.currency", "required", "Give the total with its currency.")
        _fit(one, made)
        owners = [] if encounter is None else [encounter, *encounter.uses]
        if self.shelf.may_lack({*orders.KINDS, "ChargeItem", "Coverage"}, owners):
            one.refuse("", "reference", "An order, charge line or Coverage of the stay was refused, and a claim is told whole.")  # fmt: skip
        return lambda: self.claims.append({k: v for k, v in made.items() if v is not None})

    def _stay_id(self, given: Given) -> str | None:
        found = self.shelf.identifier(given.element, naming.STAY_ID, given.id)
        if found is None:
            given.element.refuse("identifier", "required", "Give the Claim an identifier.")
        return good_id(given.element, "identifier", found)

    def _provider(self, reference: Element | None, given: Given) -> str | None:
        stated = stays.provider(reference, given, self.shelf)
        provider = stated or self.provider_id
        if provider is None:
            given.element.refuse("provider", "required", "Name the hospital by identifier.")
        elif self.provider_id is not None and provider != self.provider_id:
            given.element.refuse("provider", "mismatch", "The Claim is of another hospital than the one that sends it.")  # fmt: skip
        return provider

    def _encounter(self, given: Given, who: str | None) -> Given | None:
        """The Encounter that the items name, else the only one of the patient that came."""
        one = given.element
        named: dict[int, Given] = {}
        for item in one.many("item"):
            for reference in item.many("encounter"):
                found = self.shelf.find(reference, given, ("Encounter",))
                if found is None:
                    reference.refuse("reference", "reference", "Send the Encounter along in the same bundle.")  # fmt: skip
                else:
                    named[found.index] = found
        if not named:
            named = {found.index: found for found in self._of_patient().get(who, [])}
        if len(named) == 1:
            return next(iter(named.values()))
        if not one.faults:
            one.refuse("item.encounter", "reference", "Send the one Encounter that the Claim bills along; it says when the patient came and left.")  # fmt: skip
        return None

    def _of_patient(self) -> dict[str | None, list[Given]]:
        """The Encounters by patient; made once, for there may be many of both."""
        if self._by_patient is None:
            self._by_patient = {}
            for found in self.by_kind.get("Encounter", []):
                subject = found.element.one("subject")
                who = self.shelf.identify(subject, found, ("Patient",), naming.PATIENT_ID)
                self._by_patient.setdefault(who, []).append(found)
        return self._by_patient

    def _settlement(self, one: Element) -> Row:
        row: Row = {}
        total = one.one("total")
        if total is not None:
            row["currency"] = total.text("currency")
            row["total_amount_fen"] = extensions.fen(total)
        period = one.one("billablePeriod")
        if period is not None:
            for name, ours in (("start", "settlement_start_date"), ("end", "settlement_end_date")):
                day, instant = period.moment(name)
                row[ours] = day or (instant and instant[:10])
        if "created" in one:
            _, row["filed_time"] = one.moment("created")
        else:
            one.take("_created")
        facility = one.one("facility")
        logical = facility.one("identifier") if facility else None
        if logical is not None:
            logical.take("system")
            row["region_code"] = logical.text("value")
        return {k: v for k, v in row.items() if v is not None}

    def _physicians(self, one: Element, given: Given) -> Row:
        row: Row = {}
        for member in one.many("careTeam"):
            role = member.one("role")
            known = {code for _, code, _ in codings(role, self.shelf.names)} if role else set()
            name = orders.physician(member.one("provider"), given, self.shelf)
            for code in known & set(ROLES):
                row[ROLES[code]] = name
        return row

    def _diagnoses(
        self, one: Element, given: Given, who: str | None
    ) -> tuple[list[Row], list[str]]:
        rows: list[Row] = []
        packages: list[str] = []
        for diagnosis in one.many("diagnosis"):
            row: Row = {"ordinal": diagnosis.whole("sequence", least=1)}
            concept = diagnosis.one("diagnosisCodeableConcept")
            if concept is not None:
                row["code"] = clinical.code_of(concept, self.shelf, clinical.DIAGNOSIS_SYSTEMS, "the diagnosis")  # fmt: skip
                row["name"] = name_of(concept)
            else:
                row |= self._part(diagnosis, given, "diagnosisReference", "Condition", who)
            known = clinical.on_admission(diagnosis.one("onAdmission"), self.shelf)
            row["present_on_admission"] = known or row.get("present_on_admission")
            package = diagnosis.one("packageCode")
            if package is not None:
                packages += [code for _, code, _ in codings(package, self.shelf.names)]
            rows.append({k: v for k, v in row.items() if v is not None})
        return rows, packages

    def _procedures(self, one: Element, given: Given, who: str | None) -> list[Row]:
        rows: list[Row] = []
        for procedure in one.many("procedure"):
            row: Row = {"ordinal": procedure.whole("sequence", least=1)}
            concept = procedure.one("procedureCodeableConcept")
            if concept is not None:
                row["code"] = clinical.code_of(concept, self.shelf, clinical.PROCEDURE_SYSTEMS, "the procedure")  # fmt: skip
                row["name"] = name_of(concept)
            else:
                row |= self._part(procedure, given, "procedureReference", "Procedure", who)
            if "date" in procedure:
                day, instant = procedure.moment("date")
                row["procedure_date"] = day or (instant and instant[:10])
            rows.append({k: v for k, v in row.items() if v is not None})
        return rows

    def _part(self, place: Element, given: Given, name: str, kind: str, patient: str | None) -> Row:
        """The row of a Condition or Procedure that the Claim names, without a place of its own."""
        reference = place.one(name)
        found = self.shelf.find(reference, given, (kind,)) if reference else None
        if found is None:
            place.refuse(name, "reference", f"Send the {kind} along in the same bundle, or give its code.")  # fmt: skip
            return {}
        self.used.add(found.index)
        read = clinical.read_condition if kind == "Condition" else clinical.read_procedure
        row, _ = read(found, self.shelf)
        if row is None:
            place.refuse(name, "reference", f"The {kind} says that it does not hold: a claim cannot bill it.")  # fmt: skip
        who = self.shelf.identify(
            found.element.one("subject"), found, ("Patient",), naming.PATIENT_ID
        )
        if who is not None and who != patient:
            place.refuse(name, "mismatch", f"The {kind} is of another patient.")
        found.element.take("encounter")
        given.uses |= found.uses
        return {k: v for k, v in (row or {}).items() if k != "ordinal"}

    def _system(self, one: Element, given: Given, name: str, known: tuple[str, ...]) -> str:
        """The one system of the codes of a list; several are a fault."""
        found: set[str] = set()
        for place in one.many(name):
            concept = place.one(f"{name}CodeableConcept")
            if concept is None:
                reference = place.one(f"{name}Reference")
                kinds = ("Condition",) if name == "diagnosis" else ("Procedure",)
                target = self.shelf.find(reference, given, kinds) if reference else None
                concept = target.element.one("code") if target else None
            system = clinical.system_of(concept, self.shelf, known)
            if system is not None:
                found.add(system)
        if len(found) > 1:
            one.refuse(name, "mismatch", "Code the whole list in one system.")
        return next(iter(sorted(found)), known[0])

    def _lines(
        self, one: Element, given: Given, encounter: Given | None, who: str | None
    ) -> list[Row]:
        team: dict[int, str] = {}
        for member in one.many("careTeam"):
            name = orders.physician(member.one("provider"), given, self.shelf)
            number = member.whole("sequence", least=1)
            if name is not None and number is not None:
                team[number] = name
        items = [charges.read_line(item, given, self.shelf, team) for item in one.many("item")]
        posted = self._rows("charges", given, encounter, who)
        if items and posted:
            one.refuse("item", "several", "Charge lines came as items and as ChargeItems: send them once.")  # fmt: skip
        return items or posted

    def _rows(
        self, table: str, claim: Given, encounter: Given | None, who: str | None
    ) -> list[Row]:
        """The orders or charge lines of the Encounter; one that is refused is a fault of the claim."""
        if encounter is None:
            return []
        rows: list[Row] = []
        for given, row, patient in self.rows.get((table, encounter.index), []):
            claim.uses[given] = None
            claim.uses |= given.uses
            self.used.add(given.index)
            if patient is not None and patient != who:
                given.element.refuse("subject", "mismatch", "The Encounter is of another patient.")
            rows.append(row)
        return rows

    def _coverages(self, one: Element, given: Given, patient: str | None) -> list[Row]:
        rows: list[Row] = []
        for insurance in one.many("insurance"):
            insurance.take("sequence"), insurance.take("focal")
            reference = insurance.one("coverage")
            found = self.shelf.find(reference, given, ("Coverage",)) if reference else None
            if reference is not None:
                reference.take("identifier"), reference.take("display")
            if found is None:
                continue
            self.used.add(found.index)
            row = coverage.read_coverage(found, self.shelf)
            who = self.shelf.identify(found.element.one("beneficiary"), found, ("Patient",), naming.PATIENT_ID)  # fmt: skip
            if who is not None and who != patient:
                insurance.refuse("coverage", "mismatch", "The Coverage is of another patient.")
            rows.append({"ordinal": len(rows) + 1} | row)
        return rows


def _fit(one: Element, made: Row) -> None:
    """Check a claim against our fields, and the places and identifiers of its rows against each other."""
    fit(one, STAYS, made)
    for table in CHILDREN:
        rows = made.get(table.name) or []
        for row in rows:
            fit(one, table, row)
        key = table.key[1]
        places = [row.get(key) for row in rows]
        if None in places or len(set(places)) < len(places):
            one.refuse("", "duplicate-id", f"Give each of the {table.name} a {key} of its own.")


def coded_type(concept: Element | None, given: Given, reading: _Reading) -> str | None:
    """The kind of claim, in our words or HL7's."""
    if concept is None:
        given.element.refuse("type", "required", f"Say the kind of claim with a code of {CLAIM_TYPE_SYSTEM}.")  # fmt: skip
        return None
    lists: dict[str, Mapping[str, str]] = {CLAIM_TYPE_SYSTEM: same(CLAIM_TYPE), TYPE_SYSTEM: TYPE}
    return coded(concept, reading.shelf.names, lists, "the kind of claim")
