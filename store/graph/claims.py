"""What one stored claim puts into the graph: its stay, and an edge for all that it names.

The input is a claim's body (``store.bodies``), so what the graph holds is what was judged and
what the evidence shows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from domain.graph import IDENTIFIERS, Edge, EdgeKind, NodeKind, StayFacts, StayGraph, key_of

FORMAT: Final = "1"
"""Raise it when the same claim would give other edges: then a follower brings every stay in anew."""

DRUGS: Final = frozenset({"09", "10", "11"})
"""Charge categories of drugs: western, herbal pieces, Chinese patent (``domain.codes``)."""

_PHYSICIANS: Final = (
    ("attending_physician_id", "attending"),
    ("operating_physician_id", "operating"),
    ("other_physician_id", "other"),
)
_DEPARTMENTS: Final = (
    ("admission_department", "admission"),
    ("discharge_department", "discharge"),
)
_OPERATORS: Final = (("surgeon_id", "surgeon"), ("anaesthetist_id", "anaesthetist"))

Row = Mapping[str, Any]


def graph_of(claim: Row, input_sha256: str) -> StayGraph:
    """The stay and edges of a claim; edges are sorted and none comes twice.

    ``known_at`` is the end of the day on which the claim was complete (the later of its end and
    the end of its settlement, as the fraud scorer's ``known_on``), in the claim's own zone; where
    that is the day of discharge and its time is stated, that instant. A claim of a patient still
    in hospital is seen from the end of the last day that it tells of.
    """
    facts = _facts(claim)
    joined: dict[tuple[str, ...], Edge] = {}
    for edge in _edges(claim, facts):
        before = joined.get(edge.order)
        joined[edge.order] = edge if before is None else _join(before, edge)
    content = hashlib.sha256(f"{FORMAT}|{facts.claim_version}|{input_sha256}".encode()).hexdigest()
    return StayGraph(facts, tuple(joined[place] for place in sorted(joined)), content)


def _facts(claim: Row) -> StayFacts:
    bill, items = _bill(claim.get("charges", ()))
    admission = date.fromisoformat(claim["admission_date"])
    discharge = claim.get("discharge_date")
    inpatient = claim["claim_type"] == "inpatient"
    ended = date.fromisoformat(discharge) if discharge else None if inpatient else admission
    return StayFacts(
        stay_id=claim["stay_id"],
        claim_version=claim["claim_version"],
        claim_type=claim["claim_type"],
        patient_id=claim["patient_id"],
        provider_id=claim["provider_id"],
        admission_date=admission,
        ended_on=ended,
        known_at=_known_at(claim, ended),
        currency=claim["currency"],
        total_fen=claim.get("total_amount_fen"),
        fund_fen=claim.get("fund_payment_fen"),
        bill=bill,
        bill_items=items,
    )


def _known_at(claim: Row, ended: date | None) -> datetime:
    days = [ended] if ended else [date.fromisoformat(day) for day in _days_told(claim)]
    if "settlement_end_date" in claim:
        days.append(date.fromisoformat(claim["settlement_end_date"]))
    known_on = max(days)
    if known_on == ended and "discharge_time" in claim:
        return datetime.fromisoformat(claim["discharge_time"]).astimezone(UTC)
    after = datetime.combine(known_on + timedelta(days=1), time(), _zone(claim["time_zone"]))
    return after.astimezone(UTC)


def _days_told(claim: Row) -> Iterator[str]:
    """The days on which something of a claim without an end happened."""
    yield claim["admission_date"]
    for rows, name in (("charges", "charge_date"), ("procedures", "procedure_date")):
        yield from (row[name] for row in claim.get(rows, ()) if name in row)
    zone = _zone(claim["time_zone"])
    for row in claim.get("orders", ()):
        yield _day(row["start_time"], zone).isoformat()


def _bill(charges: Sequence[Row]) -> tuple[str | None, int | None]:
    """The digest of items and quantities, and the number of items; lines taken back do not count."""
    sums: dict[str, Decimal] = {}
    for line in charges:
        sums[line["item_code"]] = sums.get(line["item_code"], Decimal(0)) + Decimal(
            line["quantity"]
        )
    kept = sorted((code, total.normalize()) for code, total in sums.items() if total)
    if not kept:
        return None, None
    text = "\x1f".join(f"{code}\x1e{total:f}" for code, total in kept)
    return hashlib.sha256(text.encode()).hexdigest()[:32], len(kept)


def _edges(claim: Row, facts: StayFacts) -> Iterator[Edge]:
    stay = key_of(NodeKind.STAY, facts.stay_id)

    def whole(kind: EdgeKind, source: str, target: str, role: str = "") -> Edge:
        """An edge as long and as dear as the stay."""
        return Edge(
            kind, source, target, facts.stay_id, role, facts.admission_date, facts.ended_on,
            facts.total_fen, facts.currency if facts.total_fen is not None else None, 1,
        )  # fmt: skip

    yield whole(EdgeKind.HAD, key_of(NodeKind.PATIENT, facts.patient_id), stay)
    yield whole(EdgeKind.AT, stay, key_of(NodeKind.PROVIDER, facts.provider_id))
    if sent_to := claim.get("receiving_provider_id"):
        yield whole(EdgeKind.SENT_TO, stay, key_of(NodeKind.PROVIDER, sent_to))
    for name, role in _DEPARTMENTS:
        if code := claim.get(name):
            target = key_of(NodeKind.DEPARTMENT, facts.provider_id, code)
            yield whole(EdgeKind.IN_DEPARTMENT, stay, target, role)
    for name, role in _PHYSICIANS:
        if who := claim.get(name):
            yield whole(EdgeKind.TREATED, key_of(NodeKind.PHYSICIAN, who), stay, role)
    for node, edge in IDENTIFIERS.items():
        if value := claim.get(str(node)):
            yield whole(edge, stay, key_of(node, value))
    yield from _codes(claim, facts, stay)
    yield from _charges(claim, facts, stay)
    yield from _orders(claim, facts, stay)


def _codes(claim: Row, facts: StayFacts, stay: str) -> Iterator[Edge]:
    """Diagnoses, procedures and who operated."""
    for row in claim.get("diagnoses", ()):
        target = key_of(NodeKind.DIAGNOSIS, claim["diagnosis_system"], row["code"])
        yield Edge(
            EdgeKind.DIAGNOSED, stay, target, facts.stay_id, _place(row),
            facts.admission_date, facts.ended_on, None, None, 1,
        )  # fmt: skip
    for row in claim.get("procedures", ()):
        target = key_of(NodeKind.PROCEDURE, claim["procedure_system"], row["code"])
        day = date.fromisoformat(row["procedure_date"]) if "procedure_date" in row else None
        first, last = day or facts.admission_date, day or facts.ended_on
        yield Edge(
            EdgeKind.UNDERWENT, stay, target, facts.stay_id, _place(row), first, last,
            None, None, 1,
        )  # fmt: skip
        for name, role in _OPERATORS:
            if who := row.get(name):
                yield Edge(
                    EdgeKind.TREATED, key_of(NodeKind.PHYSICIAN, who), stay, facts.stay_id, role,
                    first, last, None, None, 1,
                )  # fmt: skip


def _charges(claim: Row, facts: StayFacts, stay: str) -> Iterator[Edge]:
    """One edge an item: sixty lines of a stay are some fifteen items."""
    for line in claim.get("charges", ()):
        kind = NodeKind.DRUG if line["category"] in DRUGS else NodeKind.ITEM
        day = date.fromisoformat(line["charge_date"])
        yield Edge(
            EdgeKind.CHARGED, stay, key_of(kind, line["item_code"]), facts.stay_id, "",
            day, day, line["amount_fen"], facts.currency, 1,
        )  # fmt: skip


def _orders(claim: Row, facts: StayFacts, stay: str) -> Iterator[Edge]:
    zone = _zone(claim["time_zone"])
    for row in claim.get("orders", ()):
        order = key_of(NodeKind.ORDER, facts.stay_id, row["order_id"])
        kind = NodeKind.DRUG if row["order_type"] == "drug" else NodeKind.ITEM
        first = _day(row["start_time"], zone)
        last = _day(row["stop_time"], zone) if "stop_time" in row else None
        ends = [
            (EdgeKind.ORDERED, stay, order),
            (EdgeKind.ASKS_FOR, order, key_of(kind, row["item_code"])),
        ]
        if who := row.get("ordering_physician_id"):
            ends.append((EdgeKind.PRESCRIBED, key_of(NodeKind.PHYSICIAN, who), order))
        for edge, source, target in ends:
            yield Edge(edge, source, target, facts.stay_id, "", first, last, None, None, 1)


def _join(one: Edge, other: Edge) -> Edge:
    """Two entries of one edge as one: the longest time, the sum of the money."""
    amounts = [a for a in (one.amount_fen, other.amount_fen) if a is not None]
    firsts = [d for d in (one.first_day, other.first_day) if d is not None]
    lasts = [d for d in (one.last_day, other.last_day) if d is not None]
    return Edge(
        one.kind, one.source, one.target, one.stay_id, one.role,
        min(firsts, default=None), max(lasts, default=None),
        sum(amounts) if amounts else None, one.currency or other.currency,
        one.occurrences + other.occurrences,
    )  # fmt: skip


def _place(row: Row) -> str:
    return "principal" if row["ordinal"] == 1 else "secondary"


def _day(instant: str, zone: ZoneInfo) -> date:
    return datetime.fromisoformat(instant).astimezone(zone).date()


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
