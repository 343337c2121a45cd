"""Order events as messages of HL7 v2.5: examples for those who must send, and for our tests.

Everything that an event says is written, in the places of docs/hl7.md; what HL7 has no
place for goes into an OBX of our coding system. Names of persons are not written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from domain.orders import MEMBER
from domain.schema import Kind
from streaming.hl7.lines import BACK, Line, left_over, text_of, write_flag, write_value
from streaming.hl7.places import (
    CHARGES,
    COVERAGES,
    DIAGNOSES,
    DISCHARGE,
    HEAD,
    PROCEDURES,
    SYSTEM,
    Home,
)
from streaming.hl7.text import Separators
from streaming.hl7.times import write_date, write_instant

Json = Mapping[str, Any]
VERSION: Final = "2.5"
_SYSTEMS: Final = {
    "ICD-10-CN": "I10C",
    "ICD-10-CM": "I10",
    "ICD-9-CM": "I9",
    "ICD-9-CM-3-CN": "I9CP",
    "ICD-9-CM-3": "I9CP",
}
_NAMED_TYPE: Final = {
    Kind.INTEGER: "NM",
    Kind.MONEY: "NM",
    Kind.DECIMAL: "NM",
    Kind.DATE: "DT",
    Kind.INSTANT: "TS",
}
_STATUS: Final = {"revoked": "CA", "on-hold": "HD", "active": "RL"}


@dataclass(slots=True)
class Writer:
    """Writes the events of a stream, numbering its messages; ``charset`` is a codec of ``CHARSETS``."""

    charset: str = "utf-8"
    signs: Separators = field(default_factory=Separators)
    accept: str = ""
    application: str = ""
    _count: int = 0
    _heads: dict[str, Json] = field(default_factory=dict)

    def write(self, events: Iterable[Json]) -> Iterator[bytes]:
        """The messages of the events, one each, in their order."""
        for event in events:
            yield self.message(event)

    def message(self, event: Json) -> bytes:
        """The message of one event."""
        kind, known = event["kind"], self._heads.get(event["stay_id"], {})
        match kind:
            case "stay":
                trigger, body = self._stay(event, bool(known))
                self._heads[event["stay_id"]] = event["stay"]
            case "discharge":
                trigger, body = "ADT^A03^ADT_A03", []
            case "void":
                trigger, body = "ADT^A11^ADT_A09", []
            case "reopen":
                trigger, body = "ADT^A13^ADT_A01", []
            case "charges":
                trigger, body = "DFT^P03^DFT_P03", self._charges(event["charges"])
            case "orders":
                trigger, body = self._orders(event)
            case _:
                trigger, body = "ORM^O01^ORM_O01", self._statuses(event)
        self._count += 1
        head = [self._msh(event, trigger)]
        if trigger[:3] in ("ADT", "DFT", "BAR"):
            head.append(
                self._line("EVN").put(1, trigger[4:7]).put(2, write_instant(event["event_time"]))
            )
        head += [self._pid(event, known), self._pv1(event, known)]
        text = "\r".join(map(str, [*head, *body])) + "\r"
        return text.encode(self.charset)

    def _line(self, name: str) -> Line:
        return Line(name, self.signs)

    def _msh(self, event: Json, trigger: str) -> Line:
        named = {"utf-8": "UNICODE UTF-8", "gb18030": "GB 18030-2000"}.get(self.charset, "ASCII")
        kind = trigger.replace("^", self.signs.component)
        # MSH-1 is the sign between the name and MSH-2, so every field stands one place earlier.
        line = (
            self._line("MSH").raw(1, self.signs.encoding).put(2, "HIS").put(3, event["provider_id"])
        )
        line.put(4, "SENTINEL").put(6, write_instant(event["event_time"])).raw(8, kind)
        line.put(9, f"{self._count:08}").put(10, "P").put(11, VERSION)
        line.put(14, self.accept).put(15, self.application).put(16, "CHN").put(17, named)
        return line

    def _pid(self, event: Json, known: Json) -> Line:
        head = event.get("stay", known)
        listed = [(event["patient_id"], "PI")]
        for name, code in (("medical_record_number", "MR"), ("identity_number", "NNCHN")):
            if head.get(name):
                listed.append((head[name], code))
        signs = self.signs
        ids = [signs.write(value) + 4 * signs.component + code for value, code in listed]
        line = self._line("PID").put(1, 1).raw(3, signs.repetition.join(ids))
        # PID-5 is required; the name itself is nobody's business here.
        line.raw(5, signs.component * 6 + "S")
        self._put_homes(line, HEAD, head)
        return line

    def _pv1(self, event: Json, known: Json) -> Line:
        head = event.get("stay", known)
        line = self._line("PV1").put(1, 1).put(19, event["stay_id"])
        if event["kind"] == "stay":
            self._put_homes(line, HEAD, head)
        elif event["kind"] == "discharge":
            self._put_homes(line, DISCHARGE, event["discharge"])
        if not line.has(2):
            line.put(2, BACK["patient_class"].get(head.get("claim_type", ""), "I"))
        return line

    def _put_homes(self, line: Line, homes: Sequence[Home], row: Json) -> None:
        """Write the fields of a row that have a place in this segment and are not written yet."""
        for home in homes:
            value = row.get(home.name)
            if home.segment != line.name or value is None or line.has(home.field, home.component):
                continue
            line.put(home.field, write_value(home, value), home.component)

    def _stay(self, event: Json, seen: bool) -> tuple[str, list[Line]]:
        head, carried = event["stay"], {h.name for h in HEAD}
        carried |= {"medical_record_number", "identity_number", "patient_name", "contact_name"}
        admitting = head.get("admission_diagnosis_code")
        carried.add("admission_diagnosis_code")
        coverages = event.get("coverages") or []
        if coverages:
            first = min(coverages, key=lambda c: int(c["ordinal"]))
            for name, own in (
                ("insurance_type", "insurance_type"),
                ("insured_region_code", "region_code"),
            ):
                if head.get(name) == first.get(own):
                    carried.add(name)
        if head.get("admission_time") is not None and str(head.get("admission_time"))[
            :10
        ] == head.get("admission_date"):
            carried.add("admission_date")
        named = [(n, "", v) for n, v in head.items() if n not in carried and v is not None]
        lists: list[Line] = []
        if admitting:
            lists.append(self._diagnosis({"ordinal": 1, "code": admitting}, head, "A"))
        for row in event.get("diagnoses") or []:
            lists.append(self._diagnosis(row, head, "W"))
            # DG1-26 came with version 2.6.
            named += left_over(
                "diagnoses", row, [h for h in DIAGNOSES if h.name != "present_on_admission"]
            )
        procedures = event.get("procedures") or []
        rest: list[tuple[str, str, Any]] = []
        for row in procedures:
            line, left = self._procedure(row, head)
            lists.append(line)
            rest += left
        for row in event.get("icu_stays") or []:
            named += left_over("icu_stays", row, [])
        for row in coverages:
            line = self._line("IN1")
            self._put_homes(line, COVERAGES, row)
            lists.append(
                line.put(2, text_of(row["insurance_type"])).put(3, row.get("region_code") or "-")
            )
            named += left_over("coverages", row, COVERAGES)
        named += rest
        if procedures and not rest and seen and "diagnoses" not in event:
            # BAR^P12 has no OBX: what it does not say stays as it was told before.
            return "BAR^P12^BAR_P12", [x for x in lists if x.name != "DG1"]
        trigger = "A08" if seen else "A01"
        if event.get("icu_stays") and seen:
            trigger = "A02"
            lists = [x for x in lists if x.name == "PR1"]
        structure = "ADT_A02" if trigger == "A02" else "ADT_A01"
        return f"ADT^{trigger}^{structure}", [*self._named(named), *lists]

    def _named(self, values: Iterable[tuple[str, str, Any]], start: int = 1) -> list[Line]:
        """An OBX for each value: name, number of its row or "", value."""
        lines = []
        for n, (name, row, value) in enumerate(values, start=start):
            table, _, column = name.rpartition(".")
            kind = MEMBER[table or "stay"].table[column].kind
            text = (
                write_instant(value)
                if kind is Kind.INSTANT
                else write_date(value)
                if kind is Kind.DATE
                else write_flag(value)
            )
            line = self._line("OBX").put(1, n).put(2, _NAMED_TYPE.get(kind, "ST"))
            line.put(3, name if table not in ("orders", "charges", "order_status") else column).put(
                3, SYSTEM, 3
            )
            lines.append(line.put(4, row).put(5, text).put(11, "F"))
        return lines

    def _diagnosis(self, row: Json, head: Json, kind: str) -> Line:
        line = self._line("DG1")
        self._put_homes(
            line, DIAGNOSES, {k: v for k, v in row.items() if k != "present_on_admission"}
        )
        line.put(3, _SYSTEMS.get(head.get("diagnosis_system", ""), "L"), 3)
        return line.put(6, kind)

    def _procedure(self, row: Json, head: Json) -> tuple[Line, list[tuple[str, str, Any]]]:
        line = self._line("PR1")
        carried = [*PROCEDURES]
        start, end, day = row.get("start_time"), row.get("end_time"), row.get("procedure_date")
        if start is None or day is None or start[:10] != day:
            carried = [
                h
                for h in carried
                if h.name != ("procedure_date" if start is not None else "start_time")
            ]
        self._put_homes(line, carried, row)
        line.put(3, _SYSTEMS.get(head.get("procedure_system", ""), "L"), 3)
        names = [h.name for h in carried]
        if start is not None and end is not None:
            took = datetime.fromisoformat(end) - datetime.fromisoformat(start)
            minutes, left = divmod(int(took.total_seconds()), 60)
            if not left and not took.microseconds and 0 <= minutes < 1_000_000:
                line.put(7, minutes)
                names.append("end_time")
        return line, [
            (f"procedures.{n}", str(row["ordinal"]), v)
            for n, v in row.items()
            if n not in names and v is not None
        ]

    def _orders(self, event: Json) -> tuple[str, list[Line]]:
        types = {row["order_type"] for row in event["orders"]}
        trigger = "ORM^O01^ORM_O01"
        if types == {"drug"} and all(row.get("route") for row in event["orders"]):
            trigger = "OMP^O09^OMP_O09"
        elif types == {"lab"}:
            trigger = "OML^O21^OML_O21"
        body: list[Line] = []
        for row in event["orders"]:
            body += self._order(row, event, trigger)
        return trigger, body

    def _order(self, row: Json, event: Json, trigger: str) -> list[Line]:
        kind = row["order_type"]
        line = (
            self._line("ORC")
            .put(1, "NW")
            .put(2, row["order_id"])
            .put(9, write_instant(event["event_time"]))
        )
        line.put(12, row.get("ordering_physician_id")).put(17, row.get("ordering_department"))
        carried = {
            "order_id",
            "item_code",
            "item_name",
            "ordering_physician_id",
            "ordering_department",
            "start_time",
            "frequency",
        }
        if row["status"] == "active":
            carried.add("status")
        lines = [line]
        timing = (
            self._line("TQ1")
            .put(1, 1)
            .put(3, row.get("frequency"))
            .put(7, write_instant(row["start_time"]))
        )
        if row.get("stop_time"):
            timing.put(8, write_instant(row["stop_time"]))
            carried.add("stop_time")
        if trigger[:3] == "ORM":
            # The structure of ORM has no TQ1: ORC-7 says the same.
            line.put(7, row.get("frequency"), 2).put(7, write_instant(row["start_time"]), 4)
            if row.get("stop_time"):
                line.put(7, write_instant(row["stop_time"]), 5)
        else:
            lines.append(timing)
        if kind == "drug":
            drug = (
                self._line("RXO")
                .put(1, row["item_code"])
                .put(1, row.get("item_name"), 2)
                .put(1, "L", 3)
            )
            drug.put(2, row.get("dose")).put(4, row.get("dose_unit"))
            drug.put(11, row.get("quantity")).put(12, row.get("quantity_unit"))
            lines.append(drug)
            if row.get("route") and trigger[:3] == "OMP":
                lines.append(self._line("RXR").put(1, row["route"]))
                carried.add("route")
            carried |= {"order_type", "dose", "dose_unit", "quantity", "quantity_unit"}
        else:
            detail = self._line("OBR").put(1, 1).put(2, row["order_id"])
            detail.put(4, row["item_code"]).put(4, row.get("item_name"), 2).put(4, "L", 3)
            section = BACK["section"].get(kind)
            if section is not None:
                detail.put(24, section)
                carried.add("order_type")
            if trigger[:3] == "OML":
                timing.put(2, row.get("quantity")).put(2, row.get("quantity_unit"), 2)
                carried |= {"quantity", "quantity_unit"}
            lines.append(detail)
        left = [
            (f"orders.{n}", "", v) for n, v in row.items() if n not in carried and v is not None
        ]
        return lines + self._named(left)

    def _statuses(self, event: Json) -> list[Line]:
        lines: list[Line] = []
        for row in event["order_status"]:
            status, executed, stop = row["status"], row.get("executed_time"), row.get("stop_time")
            line = (
                self._line("ORC").put(2, row["order_id"]).put(9, write_instant(event["event_time"]))
            )
            left = {
                k: v for k, v in row.items() if k not in ("order_id", "status") and v is not None
            }
            if status == "completed" and stop and not executed:
                line.put(1, "DC").put(15, write_instant(stop))
                left.pop("stop_time")
            elif status in _STATUS:
                line.put(1, _STATUS[status])
            else:
                line.put(1, "SC").put(5, BACK["order_status"].get(status))
                if executed:
                    line.put(15, write_instant(executed))
                    left.pop("executed_time")
            lines.append(line)
            if left:
                # OBX stands in the detail of an order, which needs to say which.
                lines.append(self._line("OBR").put(1, 1).put(2, row["order_id"]).put(4, "-"))
                lines += self._named([(f"order_status.{n}", "", v) for n, v in left.items()])
        return lines

    def _charges(self, rows: Sequence[Json]) -> list[Line]:
        lines: list[Line] = []
        for n, row in enumerate(rows, start=1):
            amount = int(row["amount_fen"])
            line = self._line("FT1").put(1, n).put(6, "CR" if amount < 0 else "CG")
            carried = {h.name for h in CHARGES} | {"quantity", "unit_price"}
            homes = [h for h in CHARGES if h.name != "charge_date" or not row.get("charge_time")]
            self._put_homes(line, [h for h in homes if (h.segment, h.field) != ("FT1", 8)], row)
            if row.get("charge_time") and row.get("charge_date") not in (
                None,
                row["charge_time"][:10],
            ):
                carried.discard("charge_date")
            line.put(10, row["quantity"])
            line.put(11, f"{Decimal(amount) / 100:.2f}").put(12, row["unit_price"])
            carried.add("amount_fen")
            lines.append(line)
            if row.get("order_id") or row.get("ordering_department"):
                orc = self._line("ORC").put(1, "RE").put(2, row.get("order_id"))
                lines.append(orc.put(17, row.get("ordering_department")))
            left = [
                (f"charges.{n}", "", v)
                for n, v in row.items()
                if n not in carried and v is not None
            ]
            lines += self._named(left)
        return lines
