"""Where each field of an order event stands in a message of HL7 v2.

One table for reading, writing and the page (docs/hl7.md). A field without a place of its
own in HL7 travels in an OBX of our coding system: ``OBX-3`` holds its name, ``OBX-4`` the
row's number where it belongs to a list, ``OBX-5`` the value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SYSTEM: Final = "99SENTINEL"
"""OBX-3.3 of our named values; HL7 leaves 99zzz to those who agree on them."""


@dataclass(frozen=True, slots=True)
class Home:
    """Where a field stands: segment, field, component, and the profile's table of its codes.

    ``form`` is text, code, date, instant, or integer.
    """

    name: str
    segment: str
    field: int
    component: int = 1
    form: str = "text"
    table: str = ""


HEAD: Final = (
    Home("sex", "PID", 8, form="code", table="sex"),
    Home("birth_date", "PID", 7, form="date"),
    Home("death_time", "PID", 29, form="instant"),
    Home("death_date", "PID", 29, form="date"),
    Home("claim_type", "PV1", 2, form="code", table="patient_class"),
    Home("ward", "PV1", 3),
    Home("attending_physician_id", "PV1", 7),
    Home("admission_department", "PV1", 10),
    Home("admission_way", "PV1", 14, form="code", table="admit_source"),
    Home("admission_time", "PV1", 44, form="instant"),
    Home("admission_date", "PV1", 44, form="date"),
    Home("encounter_id", "PV1", 50),
)
"""The head of the stay; its identifiers and insurance are read by rules of their own."""

COVERAGES: Final = (
    Home("ordinal", "IN1", 1, form="integer"),
    Home("insurance_type", "IN1", 15, form="code", table="plan_type"),
    Home("region_code", "IN1", 3),
    Home("start_date", "IN1", 12, form="date"),
    Home("end_date", "IN1", 13, form="date"),
)

DIAGNOSES: Final = (
    Home("ordinal", "DG1", 1, form="integer"),
    Home("code", "DG1", 3),
    Home("name", "DG1", 3, 2),
    Home("present_on_admission", "DG1", 26, form="code", table="present_on_admission"),
)

PROCEDURES: Final = (
    Home("ordinal", "PR1", 1, form="integer"),
    Home("code", "PR1", 3),
    Home("name", "PR1", 3, 2),
    Home("start_time", "PR1", 5, form="instant"),
    Home("procedure_date", "PR1", 5, form="date"),
    Home("anaesthetist_id", "PR1", 8),
    Home("anaesthesia_method", "PR1", 9),
    Home("surgeon_id", "PR1", 11),
)

DISCHARGE: Final = (
    Home("discharge_time", "PV1", 45, form="instant"),
    Home("discharge_date", "PV1", 45, form="date"),
    Home("discharge_way", "PV1", 36, form="code", table="disposition"),
    Home("discharge_department", "PV1", 10),
)

ORDERS: Final = (
    Home("item_code", "RXO", 1),
    Home("item_name", "RXO", 1, 2),
    Home("dose", "RXO", 2),
    Home("dose_unit", "RXO", 4),
    Home("quantity", "RXO", 11),
    Home("quantity_unit", "RXO", 12),
    Home("route", "RXR", 1),
    Home("item_code", "OBR", 4),
    Home("item_name", "OBR", 4, 2),
    Home("order_type", "OBR", 24, form="code", table="section"),
    Home("item_code", "RQD", 2),
    Home("item_name", "RQD", 2, 2),
    Home("quantity", "RQD", 5),
    Home("quantity_unit", "RQD", 6),
    Home("quantity", "TQ1", 2),
    Home("quantity_unit", "TQ1", 2, 2),
    Home("frequency", "TQ1", 3),
    Home("start_time", "TQ1", 7, form="instant"),
    Home("stop_time", "TQ1", 8, form="instant"),
    Home("frequency", "ORC", 7, 2),
    Home("start_time", "ORC", 7, 4, form="instant"),
    Home("stop_time", "ORC", 7, 5, form="instant"),
    Home("start_time", "ORC", 15, form="instant"),
    Home("ordering_physician_id", "ORC", 12),
    Home("ordering_physician_id", "OBR", 16),
    Home("ordering_department", "ORC", 17),
)
"""Of several places of one field the first that has a value counts."""

CHARGES: Final = (
    Home("line_id", "FT1", 2),
    Home("charge_time", "FT1", 4, form="instant"),
    Home("charge_date", "FT1", 4, form="date"),
    Home("posted_time", "FT1", 5, form="instant"),
    Home("item_code", "FT1", 7),
    Home("item_name", "FT1", 7, 2),
    Home("local_item_code", "FT1", 7, 4),
    Home("item_name", "FT1", 8),
    Home("performing_department", "FT1", 13),
    Home("category", "FT1", 17, form="code", table="fee_schedule"),
    Home("performing_physician_id", "FT1", 20),
    Home("ordering_physician_id", "FT1", 21),
    Home("order_id", "FT1", 23),
    Home("order_id", "ORC", 2),
    Home("ordering_department", "ORC", 17),
)
"""A charge line; its amounts are read by rules of their own (FT1-6, 10, 11, 12)."""

IDENTIFIERS: Final = {
    "stay_id": ("PV1", 19),
    "provider_id": ("MSH", 4),
    "patient_id": ("PID", 3),
    "event_id": ("MSH", 10),
    "sequence": ("MSH", 7),
    "event_time": ("EVN", 2),
    "time_zone": ("MSH", 7),
    "kind": ("MSH", 9),
}
"""The envelope."""
