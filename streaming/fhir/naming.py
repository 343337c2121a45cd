"""Names in FHIR for what our fields mean: code systems, identifiers, extensions, and words for words.

No document of China's insurance administration names a URI for its code lists, so ours
are ``urn:drg-sentinel:…`` (``unverified``: replace them when there are official ones). The
URIs of HL7 and the US lists are those that FHIR R4 and the HL7 terminology server use.
A site's own URIs are told to the reader as further names of ours (``Names``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

BASE: Final = "urn:drg-sentinel:"
FIELD: Final = f"{BASE}field:"
"""Extension of a field of ours that FHIR has no element for: this, then ``table.field``."""
LISTS: Final = f"{BASE}fhir:stated-list"
"""Extension of an Encounter: the lists that are given in full, also if nothing is on them."""
SEQUENCE: Final = f"{BASE}fhir:sequence"
"""Extension of a MessageHeader: the sequence of the event in its stay."""
EVENT: Final = f"{BASE}code:event-kind"
"""Code system of ``MessageHeader.eventCoding``."""

ITEM: Final = f"{BASE}code:national-item"
LOCAL_ITEM: Final = f"{BASE}code:local-item"
GROUP: Final = f"{BASE}code:billed-group"
DEPARTMENT: Final = f"{BASE}code:department"

STAY_ID: Final = f"{BASE}id:stay"
ENCOUNTER_ID: Final = f"{BASE}id:encounter"
PATIENT_ID: Final = f"{BASE}id:patient"
RECORD_NUMBER: Final = f"{BASE}id:medical-record"
IDENTITY_NUMBER: Final = f"{BASE}id:identity-document"
PROVIDER_ID: Final = f"{BASE}id:provider"
PHYSICIAN_ID: Final = f"{BASE}id:physician"
REGION: Final = f"{BASE}id:region"
ORDER_ID: Final = f"{BASE}id:order"
LINE_ID: Final = f"{BASE}id:charge-line"

CLINICAL: Final[Mapping[str, str]] = {
    f"{BASE}code:ICD-10-CN": "ICD-10-CN",
    f"{BASE}code:ICD-9-CM-3-CN": "ICD-9-CM-3-CN",
    "http://hl7.org/fhir/sid/icd-10-cm": "ICD-10-CM",
    "http://hl7.org/fhir/sid/icd-9-cm": "ICD-9-CM",
    "http://www.cms.gov/Medicare/Coding/ICD10": "ICD-10-PCS",
    f"{BASE}code:ICD-9-CM-3": "ICD-9-CM-3",
}
"""URI -> our name of a diagnosis or procedure system."""
CLINICAL_URI: Final = {name: uri for uri, name in CLINICAL.items()}


def list_system(table: str, name: str) -> str:
    """The code system of a field of ours that has a code list."""
    return f"{BASE}code:{table}.{name}"


@dataclass(frozen=True, slots=True)
class Names:
    """Further URIs of a site -> the URI of ours that means the same; empty by default."""

    aliases: Mapping[str, str] = field(default_factory=dict)

    def of(self, uri: str | None) -> str | None:
        """The URI as ours, if the site's is a further name of it."""
        return None if uri is None else self.aliases.get(uri, uri)


STATUS: Final[Mapping[str, Mapping[str, str]]] = {
    "ServiceRequest": {
        "draft": "draft", "active": "active", "on-hold": "on-hold", "revoked": "revoked",
        "completed": "completed", "entered-in-error": "entered-in-error",
    },
    "MedicationRequest": {
        "draft": "draft", "active": "active", "on-hold": "on-hold", "cancelled": "revoked",
        "completed": "completed", "stopped": "completed", "entered-in-error": "entered-in-error",
    },
}  # fmt: skip
"""Status of an order in FHIR -> ours. ``stopped`` ended part of the way: what was given stays given."""

ORDERED: Final = frozenset({"order", "original-order", "reflex-order", "filler-order", "instance-order"})  # fmt: skip
"""Intents that are orders."""
MEANT: Final = frozenset({"proposal", "plan"})
"""Intents of what is not ordered yet: read as drafts only."""

GENDER: Final = {"male": "1", "female": "2", "other": "9", "unknown": "0"}
INPATIENT: Final = frozenset({"IMP", "ACUTE", "NONAC", "SS", "OBSENC"})
OUTPATIENT: Final = frozenset({"AMB", "EMER", "FLD", "HH", "VR"})
ACT_CODE: Final = "http://terminology.hl7.org/CodeSystem/v3-ActCode"

ADMIT_SOURCE_SYSTEM: Final = "http://terminology.hl7.org/CodeSystem/admit-source"
ADMIT_SOURCE: Final = {"emd": "1", "outp": "2", "gp": "2", "hosp-trans": "3", "other": "9", "born": "9", "mp": "9", "nursing": "9", "psych": "9", "rehab": "9"}  # fmt: skip
DISPOSITION_SYSTEM: Final = "http://terminology.hl7.org/CodeSystem/discharge-disposition"
DISPOSITION: Final = {
    "home": "1", "alt-home": "1", "other-hcf": "2", "aadvice": "4", "exp": "5", "oth": "9",
    "hosp": "9", "long": "9", "psy": "9", "rehab": "9", "snf": "9",
}  # fmt: skip

ORDER_CATEGORY_SYSTEM: Final = "http://snomed.info/sct"
ORDER_CATEGORY: Final = {
    "108252007": "lab",
    "363679005": "exam",
    "103693007": "exam",
    "387713003": "procedure",
}
"""Codes of FHIR's example value set for ``ServiceRequest.category`` -> our kind of order."""

ROUTE_SNOMED_SYSTEM: Final = ORDER_CATEGORY_SYSTEM
ROUTE_SNOMED: Final = {
    "26643006": "po",
    "47625008": "iv",
    "78421000": "im",
    "34206005": "ih",
    "37839007": "sl",
    "37161004": "pr",
}
"""SNOMED CT concepts of routes -> our words (``unverified``)."""

GTS: Final = "http://terminology.hl7.org/CodeSystem/v3-GTSAbbreviation"
FREQUENCY_GTS: Final = {
    "QD": "qd", "BID": "bid", "TID": "tid", "QID": "qid", "QOD": "qod", "Q1H": "q1h", "Q2H": "q2h",
    "Q3H": "q3h", "Q4H": "q4h", "Q6H": "q6h", "Q8H": "q8h", "BED": "qn", "WK": "qw", "AM": "qm",
}  # fmt: skip
FREQUENCY: Final[Mapping[str, tuple[int, int, str]]] = {
    "qd": (1, 1, "d"), "bid": (2, 1, "d"), "tid": (3, 1, "d"), "qid": (4, 1, "d"),
    "q1h": (1, 1, "h"), "q2h": (1, 2, "h"), "q3h": (1, 3, "h"), "q4h": (1, 4, "h"),
    "q6h": (1, 6, "h"), "q8h": (1, 8, "h"), "q12h": (1, 12, "h"), "qod": (1, 2, "d"),
    "qw": (1, 1, "wk"), "biw": (2, 1, "wk"),
    "qn": (1, 1, "d"), "qm": (1, 1, "d"), "hs": (1, 1, "d"),
}  # fmt: skip
"""Our frequency -> how often in how many of which unit; st and once have ``count`` 1."""
FREQUENCY_OF: Final = {
    often: code for code, often in FREQUENCY.items() if code not in ("qn", "qm", "hs")
}
SINGLE: Final = frozenset({"st", "once"})
