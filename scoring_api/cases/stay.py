"""One stay of a case: what its claim says, what it was charged, its group, and what was found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from threading import Lock
from typing import Any, Final

from domain import codes
from domain.access import Principal
from domain.casework import CaseAlert
from domain.claim import STAYS
from domain.errors import SentinelError
from domain.schema import Kind
from domain.service import GroupStored, PeerCurve, Peers
from scoring_api import evidence
from scoring_api.access import masked
from scoring_api.cases.chart import Chart, draw
from scoring_api.evidence import Checks
from store import Store

Row = dict[str, Any]

HEAD: Final = (
    "claim_type", "insurance_type", "payment_method", "sex", "age_years", "admission_way",
    "inpatient_type", "admission_date", "admission_department", "transfer_departments",
    "admission_diagnosis_code", "discharge_date", "discharge_department", "discharge_way",
    "receiving_provider_id", "length_of_stay_days", "planned_readmission", "ventilation_minutes",
    "blood_category", "blood_amount", "blood_unit", "special_nursing_days", "level1_nursing_days",
    "billed_group_code", "total_amount_fen", "fund_payment_fen", "self_pay_in_scope_fen",
    "self_pay_out_of_scope_fen", "cash_payment_fen", "settlement_start_date", "settlement_end_date",
    "filed_time",
)  # fmt: skip
"""Facts of the claim's head on the page; identifiers of people are not among them."""

LINES_A_PAGE: Final = 200
_REMEMBERED: Final = 256
"""Claims whose group is remembered: an officer opens the same ones again and again."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which charge lines to show: of a day of stay, a category, those that a check hit, or around one."""

    day: int | None = None
    category: str | None = None
    rule_id: str | None = None
    line_id: str | None = None
    first: int = 0


@dataclass(frozen=True, slots=True)
class Charges:
    """The charge lines of a stay: sums by day and category, the lines wanted, and the curve."""

    categories: Sequence[tuple[str, tuple[str, str], int]]
    """Code, names and sum of each category that has lines."""
    days: Sequence[tuple[int, date, Mapping[str, int], int, int]]
    """Day of stay, date, sums by category, sum, sum so far."""
    lines: Sequence[Row]
    found: int
    first: int
    chart: Chart | None
    hit_lines: int


@dataclass(slots=True)
class Stays:
    """Reads the stays of cases; remembers the groups of the last ones."""

    store: Store
    checks: Checks
    group_stored: GroupStored | None = None
    peers: Peers | None = None
    _groups: dict[str, Row | None] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def gather(self, one: CaseAlert, wanted: Wanted, principal: Principal) -> Row:
        """Everything about the stay of an alert, as the caller may see it."""
        record = self.store.alert(one.alert_id)
        if record is None:
            raise AssertionError("a case holds an alert that is not there")
        told = evidence.tell_record(record, self.checks)
        claim = self.store.cases.claim(one.decision_id)
        group = self._group(told["input_sha256"], one.decision_id)
        lines = claim.get("charges", [])
        for hit in told["hits"]:
            hit["lines"] = [line["line_id"] for line in lines if _is_of(line, hit)]
        curve, charges = self._charges(claim, lines, told["hits"], group, wanted)
        # Only here: hits are told to be of a line by ids that stand in the claim as it is.
        told = masked(principal, told)
        return {
            "told": told,
            "claim": claim,
            "head": _head(claim),
            "group": group,
            "grouping": self.group_stored is not None,
            "findings": evidence.by_check(told["hits"], self.checks),
            "charges": charges,
            "peer": curve,
            "peers": self.peers is not None,
            "tally": Counter(check["verdict"] for check in told["checks"]),
        }

    def _group(self, digest: str, decision_id: str) -> Row | None:
        if self.group_stored is None:
            return None
        with self._lock:
            if digest in self._groups:
                return self._groups[digest]
        try:
            (found,) = self.group_stored(self.store.cases.tables(decision_id))
        except SentinelError:
            found = None
        with self._lock:
            while len(self._groups) >= _REMEMBERED:
                del self._groups[next(iter(self._groups))]
            self._groups[digest] = found
        return found

    def _charges(
        self,
        claim: Row,
        lines: Sequence[Row],
        hits: Sequence[Row],
        group: Row | None,
        wanted: Wanted,
    ) -> tuple[PeerCurve | None, Charges]:
        admitted = date.fromisoformat(claim["admission_date"])
        marked: dict[str, list[str]] = {}
        for hit in hits:
            for line_id in hit["lines"]:
                rules = marked.setdefault(line_id, [])
                if hit["rule_id"] not in rules:
                    rules.append(hit["rule_id"])
        by_day: dict[int, Counter[str]] = {}
        rows = []
        for line in lines:
            # Charges before the admission count on day 1, as the cost curves count them.
            day = max((date.fromisoformat(line["charge_date"]) - admitted).days + 1, 1)
            by_day.setdefault(day, Counter())[line["category"]] += line["amount_fen"]
            rows.append({**line, "day": day, "rules": marked.get(line["line_id"], [])})
        rows.sort(key=lambda r: (r["day"], r["category"], r["line_id"]))
        days, running = [], 0
        for day in sorted(by_day):
            total = sum(by_day[day].values())
            running += total
            days.append((day, date.fromordinal(admitted.toordinal() + day - 1), by_day[day], total, running))  # fmt: skip
        last = _last_day(claim, admitted, days)
        curve = None
        if self.peers is not None and group is not None and lines:
            curve = self.peers(group, claim["currency"], last)
        shown = [row for row in rows if _wants(row, wanted)]
        first = _first(shown, wanted)
        sums: Counter[str] = Counter()
        for row in rows:
            sums[row["category"]] += row["amount_fen"]
        return curve, Charges(
            categories=[(code, codes.CHARGE_CATEGORY.get(code, (code, code)), sums[code]) for code in sorted(sums)],
            days=days,
            lines=shown[first : first + LINES_A_PAGE],
            found=len(shown),
            first=first,
            chart=draw([(day, total) for day, _, _, _, total in days], last, curve, claim["currency"]) if days else None,
            hit_lines=sum(bool(row["rules"]) for row in rows),
        )  # fmt: skip


def _is_of(line: Row, hit: Row) -> bool:
    """Whether a hit is about this charge line: the line itself, or its order."""
    subject = hit["subject_id"]
    if hit["unit"] == "charge":
        return bool(line["line_id"] == subject)
    if hit["unit"] == "order":
        return bool(line.get("order_id") == subject)
    return False


def _wants(row: Row, wanted: Wanted) -> bool:
    return (
        (wanted.day is None or row["day"] == wanted.day)
        and (wanted.category is None or row["category"] == wanted.category)
        and (wanted.rule_id is None or wanted.rule_id in row["rules"])
    )


def _first(shown: Sequence[Row], wanted: Wanted) -> int:
    """Where the page of lines starts: that of the line asked for, else as asked."""
    places = [i for i, row in enumerate(shown) if row["line_id"] == wanted.line_id]
    place = places[0] if places else min(max(wanted.first, 0), max(len(shown) - 1, 0))
    return place - place % LINES_A_PAGE


def _last_day(claim: Row, admitted: date, days: Sequence[Any]) -> int:
    left = claim.get("discharge_date")
    stayed = 1 if left is None else (date.fromisoformat(left) - admitted).days + 1
    return max(stayed, days[-1][0] if days else 1)


def _head(claim: Row) -> list[tuple[str, str, str, Any, Any]]:
    """Name, Chinese label, English meaning, value, and the value's names where it is a code."""
    fields = {one.name: one for one in STAYS.columns}
    told = []
    for name in HEAD:
        value = claim.get(name)
        if value is None:
            continue
        one = fields[name]
        named: Any = (one.codes or {}).get(value) if isinstance(value, str) else None
        if one.kind is Kind.MONEY:
            named = "money"
        told.append((name, one.zh, one.meaning.rstrip("."), value, named))
    return told
