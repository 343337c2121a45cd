"""Conditions and procedures of a stay: Condition and Procedure to rows and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from domain.claim import DIAGNOSES, PROCEDURES
from domain.codes import PRESENT_ON_ADMISSION
from streaming.fhir import extensions, naming
from streaming.fhir.elements import Element
from streaming.fhir.orders import physician
from streaming.fhir.references import Given, Shelf, coded, codings, name_of

Row = dict[str, Any]

DIAGNOSIS_SYSTEMS: Final = ("ICD-10-CN", "ICD-10-CM", "ICD-9-CM")
PROCEDURE_SYSTEMS: Final = ("ICD-9-CM-3-CN", "ICD-10-PCS", "ICD-9-CM-3")
_NOT_HELD: Final = frozenset({"refuted", "entered-in-error", "differential"})
_HELD: Final = frozenset({"confirmed", "provisional", "unconfirmed"})
_DONE: Final = frozenset({"in-progress", "completed"})
_NOT_DONE: Final = frozenset({"preparation", "not-done", "entered-in-error"})
ON_ADMISSION: Final = f"{naming.BASE}code:diagnoses.present_on_admission"
_ROLE: Final = f"{naming.BASE}code:performer"
_PROCEDURE_EXTENDED: Final = (
    "anaesthesia_method",
    "anaesthesia_start_time",
    "anaesthesia_end_time",
)


def system_of(concept: Element | None, shelf: Shelf, systems: Sequence[str]) -> str | None:
    """Our name of the first of these systems that a concept has a code of."""
    if concept is None:
        return None
    named = {naming.CLINICAL.get(s or "") for s, _, _ in codings(concept, shelf.names)}
    return next((s for s in systems if s in named), None)


def code_of(concept: Element, shelf: Shelf, systems: Sequence[str], what: str) -> str | None:
    """The code of a concept in the first of these systems that it has a code of."""
    return coded(concept, shelf.names, {naming.CLINICAL_URI[s]: None for s in systems}, what)


def read_condition(given: Given, shelf: Shelf) -> tuple[Row | None, str | None]:
    """The row of a Condition, without its place if none is stated, and its code system.

    None for one that is not held to be true: it says that there is nothing to tell.
    """
    one = given.element
    held = one.one("verificationStatus")
    if held is not None:
        known = {code for _, code, _ in codings(held, shelf.names)}
        if known & _NOT_HELD:
            return None, None
        if not known & _HELD:
            held.refuse("coding", "enum", f"Use one of {', '.join(sorted(_HELD | _NOT_HELD))}.")
    one.take("clinicalStatus"), one.take("category")
    concept = one.one("code")
    if concept is None:
        one.refuse("code", "required", "Say the diagnosis.")
        return {}, None
    row: Row = {
        "code": code_of(concept, shelf, DIAGNOSIS_SYSTEMS, "the diagnosis"),
        "name": name_of(concept),
    }
    system = system_of(concept, shelf, DIAGNOSIS_SYSTEMS)
    return _filled(row) | extensions.read(one, DIAGNOSES), system


def read_procedure(given: Given, shelf: Shelf) -> tuple[Row | None, str | None]:
    """The row of a Procedure, without its place if none is stated, and its code system.

    None for one that was not done: it says that there is nothing to tell.
    """
    one = given.element
    if one.word("status", _DONE | _NOT_DONE) in _NOT_DONE:
        return None, None
    concept = one.one("code")
    if concept is None:
        one.refuse("code", "required", "Say the procedure.")
        return {}, None
    row: Row = {
        "code": code_of(concept, shelf, PROCEDURE_SYSTEMS, "the procedure"),
        "name": name_of(concept),
    }
    if "performedDateTime" in one:
        row["procedure_date"], row["start_time"] = one.moment("performedDateTime")
    period = one.one("performedPeriod")
    if period is not None:
        row["start_time"], row["end_time"] = period.instant("start"), period.instant("end")
    performers = one.many("performer")
    for performer in performers:
        function = performer.one("function")
        roles = {code for _, code, _ in codings(function, shelf.names)} if function else set()
        actor = physician(performer.one("actor"), given, shelf)
        if roles & {"anaesthetist", "SPRF-AN"}:
            row.setdefault("anaesthetist_id", actor)
        elif roles & {"surgeon", "PPRF"} or not roles:
            row.setdefault("surgeon_id", actor)
    row = _filled(row) | extensions.read(one, PROCEDURES)
    if "start_time" in row and "procedure_date" not in row:
        row["procedure_date"] = row["start_time"][:10]
    return row, system_of(concept, shelf, PROCEDURE_SYSTEMS)


def on_admission(concept: Element | None, shelf: Shelf) -> str | None:
    """Whether a diagnosis was there on admission, in our words or those of the US list."""
    if concept is None:
        return None
    us = {"Y": "1", "W": "2", "U": "3", "N": "4"}
    lists: dict[str, Mapping[str, str]] = {
        ON_ADMISSION: {c: c for c in PRESENT_ON_ADMISSION},
        "http://terminology.hl7.org/CodeSystem/ex-diagnosis-on-admission": {
            k.lower(): v for k, v in us.items()
        },
    }
    return coded(concept, shelf.names, lists, "whether it was there on admission")


def write_condition(row: Mapping[str, Any], system: str, links: Row, currency: str) -> Row:
    """The Condition of a row of ``diagnoses``."""
    made: Row = {
        "resourceType": "Condition",
        "extension": extensions.write(DIAGNOSES, row, ("ordinal", "present_on_admission"), currency),
        "code": _concept(row, system),
    }  # fmt: skip
    return made | links


def write_procedure(row: Mapping[str, Any], system: str, links: Row, currency: str) -> Row:
    """The Procedure of a row of ``procedures``."""
    period = _filled({"start": row.get("start_time"), "end": row.get("end_time")})
    extended = ["ordinal", *_PROCEDURE_EXTENDED]
    made: Row = {"resourceType": "Procedure", "status": "completed", "code": _concept(row, system)}
    if period:
        made["performedPeriod"] = period
        extended.append("procedure_date")
    elif row.get("procedure_date"):
        made["performedDateTime"] = row["procedure_date"]
    made["extension"] = extensions.write(PROCEDURES, row, extended, currency)
    performers = [
        {
            "function": {"coding": [{"system": _ROLE, "code": role}]},
            "actor": {"identifier": {"system": naming.PHYSICIAN_ID, "value": row[name]}},
        }
        for name, role in (("surgeon_id", "surgeon"), ("anaesthetist_id", "anaesthetist"))
        if row.get(name) is not None
    ]
    if performers:
        made["performer"] = performers
    return made | links


def _concept(row: Mapping[str, Any], system: str) -> Row:
    concept: Row = {"coding": [{"system": naming.CLINICAL_URI[system], "code": row["code"]}]}
    if row.get("name") is not None:
        concept["text"] = row["name"]
    return concept


def _filled(row: Row) -> Row:
    return {k: v for k, v in row.items() if v is not None}
