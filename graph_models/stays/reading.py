"""Stays as arrays, in the order in which they became known: own numbers, and whom they touch.

NumPy and Arrow alone, so that one claim takes a millisecond and a hundred thousand a second or two.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from domain.errors import SentinelError
from domain.results import Verdict
from domain.tables import Tables

Numbers = NDArray[np.float64]
Codes = NDArray[np.int64]

SMALL: Final = (
    "patient", "phone", "address", "bank_account", "bill", "joint", "circle", "route",
)  # fmt: skip
"""What a few stays share: their members are looked at one by one (``links``).

``bill`` is a list of items with quantities, ``joint`` a hospital with both days of a stay,
``circle`` hospitals that hand a patient on until the first has him again, ``route`` two hospitals
of which the second takes the patient over.
"""
LARGE: Final = ("physician", "provider", "department", "employer", "principal")
"""What hundreds of stays share: only sums are kept. ``principal`` is a category of diagnoses."""
RELATIONS: Final = (*SMALL, *LARGE)

OWN: Final = (
    "nights", "total", "fund", "fund_share", "own_share", "diagnoses", "procedures",
    "lines", "drug_share", "consumable_share", "test_share",
    "inpatient", "cost_ratio", "gap_days", "chain", "returned", "hits",
)  # fmt: skip
"""Numbers of a stay by itself, in this order; amounts in major units, NaN where unknown."""

_EPOCH: Final = date(1970, 1, 1)
LEAST_ITEMS: Final = 10
"""Fewer different items make two bills alike by chance."""
LEAST_STAYS: Final = 20
"""Fewer stays of a category tell no usual amount."""
HANDOVER_DAYS: Final = 3
"""Days after which another hospital no longer takes over."""
_READ: Final = [
    "stay_id", "patient_id", "provider_id", "attending_physician_id", "phone", "address", "employer",
    "bank_account", "admission_date", "discharge_date", "settlement_end_date", "claim_type", "currency",
    "total_amount_fen", "fund_payment_fen", "self_pay_in_scope_fen", "self_pay_out_of_scope_fen",
    "admission_department", "discharge_department",
]  # fmt: skip
_DRUGS, _CONSUMABLES, _TESTS = ("09", "10", "11"), ("08",), ("03", "04")


@dataclass(slots=True)
class Journey:
    """Where a patient has been: hospitals that handed him on, and the last discharge (day number)."""

    chain: tuple[str, ...] = ()
    left: int = -(10**6)


@dataclass(frozen=True, slots=True)
class Habits:
    """What is usual where the stays come from: of a model, where it learned.

    ``costs``: log amount of each category of principal diagnosis; ``procedures``: whether a stay
    without any had none, which nobody can say of a source that never states one. Amounts are in
    ``currency``; None without a stay.
    """

    costs: Mapping[str, float]
    procedures: bool
    currency: str | None


@dataclass(frozen=True, slots=True)
class Stays:
    """``n`` stays in order. Days count from 1970; ``keys`` holds a key a stay or None, a relation."""

    ids: list[str]
    known: Codes
    own: Numbers
    amount_fen: Codes
    habits: Habits
    keys: Mapping[str, list[str | None]]
    checks: Mapping[str, Numbers] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    def head(self, count: int) -> Stays:
        """The first stays."""
        return Stays(
            self.ids[:count], self.known[:count], self.own[:count], self.amount_fen[:count], self.habits,
            {r: k[:count] for r, k in self.keys.items()},
            {c: v[:count] for c, v in self.checks.items()},
        )  # fmt: skip


def read(
    tables: Tables,
    verdicts: pl.DataFrame | None = None,
    *,
    upto: date,
    habits: Habits | None = None,
    journeys: dict[str, Journey] | None = None,
) -> Stays:
    """The stays complete before ``upto``, in the order of the day they were, then of their id.

    ``habits`` are those of these stays if not given. ``journeys`` is what is known of patients
    already, and is carried on. SentinelError for another currency, since amounts would not compare.
    """
    stays = tables.stays.select(_READ)
    out = _days(stays["discharge_date"])
    known = np.fmax(out, _days(stays["settlement_end_date"]))
    last = day_number(upto)
    ids = np.array(stays["stay_id"].to_pylist(), dtype=object)
    inside = np.flatnonzero(known < last)
    order = inside[np.lexsort((ids[inside], known[inside]))]
    head = stays.take(pa.array(order))
    names: list[str] = ids[order].tolist()
    came, left = _days(head["admission_date"]), _days(head["discharge_date"])
    inpatient = np.array([t == "inpatient" for t in head["claim_type"].to_pylist()], dtype=np.bool_)
    total, fund = _money(head["total_amount_fen"]), _money(head["fund_payment_fen"])
    nights = np.where(inpatient & (left >= came), left - came, np.nan)
    place = {name: n for n, name in enumerate(names)}
    counts, principal = _coded(tables, place)
    amounts = np.log1p(total)
    currency = _currency(head, habits)
    if habits is None:
        habits = Habits(costs(principal, amounts), tables.procedures.num_rows > 0, currency)
    procedures = _count(tables.procedures, place, known=habits.procedures)
    bills, shares = _charged(tables.charges, place)
    own_part = _money(head["self_pay_in_scope_fen"]) + _money(head["self_pay_out_of_scope_fen"])
    providers = head["provider_id"].to_pylist()
    patients = head["patient_id"].to_pylist()
    walks = _walk(
        patients,
        providers,
        came=came,
        left=left,
        inpatient=inpatient,
        journeys={} if journeys is None else journeys,
    )
    hits, checks = _checks(verdicts, place)
    typical = np.array([habits.costs.get(p or "", np.nan) for p in principal])
    with np.errstate(invalid="ignore", divide="ignore"):
        own = np.column_stack(
            [
                nights, total, fund,
                np.where(total > 0, fund / total, np.nan),
                np.where(total > 0, own_part / total, np.nan),
                counts, procedures, shares["lines"], shares["drugs"], shares["consumables"],
                shares["tests"], inpatient.astype(np.float64),
                np.exp(amounts - typical), walks.gap, walks.length, walks.returned,
                hits,
            ]
        )  # fmt: skip
    departments = [
        d or a
        for d, a in zip(
            head["discharge_department"].to_pylist(),
            head["admission_department"].to_pylist(),
            strict=True,
        )
    ]
    joint = [
        f"{p}|{int(a)}|{int(b)}" if i and b > a else None
        for p, a, b, i in zip(providers, came, left, inpatient, strict=True)
    ]
    keys: dict[str, list[str | None]] = {
        "patient": patients,
        "phone": head["phone"].to_pylist(),
        "address": head["address"].to_pylist(),
        "bank_account": head["bank_account"].to_pylist(),
        "employer": head["employer"].to_pylist(),
        "bill": bills,
        "joint": joint,
        "circle": walks.circle,
        "route": walks.route,
        "physician": head["attending_physician_id"].to_pylist(),
        "provider": providers,
        "department": [
            f"{p}|{d}" if d else None for p, d in zip(providers, departments, strict=True)
        ],
        "principal": principal,
    }
    return Stays(
        names, known[order].astype(np.int64), own, np.nan_to_num(_number(head["total_amount_fen"])).astype(np.int64), habits,
        {r: keys[r] for r in RELATIONS}, checks,
    )  # fmt: skip


def day_number(day: date) -> int:
    """Days since 1970, as everything here counts them."""
    return (day - _EPOCH).days


def day_of(number: int) -> date:
    """The day of a number."""
    return _EPOCH + timedelta(days=number)


def _currency(head: pa.Table, habits: Habits | None) -> str | None:
    found = set(head["currency"].unique().to_pylist())
    if habits is not None and habits.currency is not None:
        found.add(habits.currency)
    if len(found) > 1:
        raise SentinelError(
            f"the claims are in several currencies {sorted(found)}, or in another than the model's",
            where="field currency of the claims given to the model",
            cure="Give the claims of one currency at a time; amounts of two currencies do not compare.",
        )
    return next(iter(found), None)


def costs(principal: list[str | None], amounts: Numbers) -> dict[str, float]:
    """The median log amount of each category of principal diagnosis with ``LEAST_STAYS`` or more."""
    by: dict[str, list[float]] = {}
    for key, value in zip(principal, amounts.tolist(), strict=True):
        if key and not np.isnan(value):
            by.setdefault(key, []).append(value)
    return {k: float(np.median(v)) for k, v in sorted(by.items()) if len(v) >= LEAST_STAYS}


@dataclass(frozen=True, slots=True)
class _Walks:
    gap: Numbers
    length: Numbers
    returned: Numbers
    circle: list[str | None]
    route: list[str | None]


def _walk(
    patients: list[str],
    providers: list[str],
    *,
    came: Numbers,
    left: Numbers,
    inpatient: NDArray[np.bool_],
    journeys: dict[str, Journey],
) -> _Walks:
    n = len(patients)
    gap, length, returned = (np.full(n, np.nan) for _ in range(3))
    circle: list[str | None] = [None] * n
    route: list[str | None] = [None] * n
    days = zip(came.tolist(), left.tolist(), inpatient.tolist(), strict=True)
    for i, (start, end, lay) in enumerate(days):
        if not lay or np.isnan(end):
            continue
        here = providers[i]
        past = journeys.setdefault(patients[i], Journey())
        between = start - past.left
        if past.chain:
            gap[i] = between
        if past.chain and 0 <= between <= HANDOVER_DAYS and past.chain[-1] != here:
            route[i] = f"{past.chain[-1]}>{here}"
            if here in past.chain:
                round_trip = past.chain[past.chain.index(here) :]
                circle[i] = "|".join(sorted(set(round_trip)))
                returned[i] = len(set(round_trip))
            past.chain = (*past.chain, here)[-8:]
        else:
            past.chain = (here,)
        length[i] = len(past.chain)
        if np.isnan(returned[i]):
            returned[i] = 0.0
        if end > past.left:
            past.left = int(end)
    return _Walks(gap, length, returned, circle, route)


def _coded(tables: Tables, place: Mapping[str, int]) -> tuple[Numbers, list[str | None]]:
    """How many diagnoses, and the category of the principal one."""
    counts = _count(tables.diagnoses, place, known=True)
    counts[counts == 0] = np.nan
    principal: list[str | None] = [None] * len(place)
    first = tables.diagnoses.filter(pc.equal(tables.diagnoses["ordinal"], 1))
    for stay, code in zip(first["stay_id"].to_pylist(), first["code"].to_pylist(), strict=True):
        at = place.get(stay)
        if at is not None:
            principal[at] = code[:3]
    return counts, principal


def _count(children: pa.Table, place: Mapping[str, int], *, known: bool) -> Numbers:
    if not known:
        return np.full(len(place), np.nan)
    at = _at(children, place)
    return np.bincount(at[at >= 0], minlength=len(place)).astype(np.float64)


def _at(children: pa.Table, place: Mapping[str, int]) -> Codes:
    """The stay of each row, -1 for one that is not read."""
    coded = children["stay_id"].combine_chunks().dictionary_encode()
    found = np.array([place.get(s, -1) for s in coded.dictionary.to_pylist()], dtype=np.int64)
    return found[coded.indices.to_numpy(zero_copy_only=False)] if len(found) else found


@lru_cache(maxsize=200_000)
def _mark(code: str) -> int:
    return int.from_bytes(hashlib.blake2b(code.encode(), digest_size=8).digest(), "little")


def _charged(
    charges: pa.Table, place: Mapping[str, int]
) -> tuple[list[str | None], dict[str, Numbers]]:
    """A mark of each bill, and what it is made of; unknown throughout without lines.

    The mark is the sum over lines of quantity times a 64-bit hash of the item, so that neither
    the order of lines nor an item on two lines changes it; with the number of different items.
    """
    n = len(place)
    unknown = {k: np.full(n, np.nan) for k in ("lines", "drugs", "consumables", "tests")}
    if not charges.num_rows or not n:
        return [None] * n, unknown
    at = _at(charges, place)
    kept = np.flatnonzero(at >= 0)
    at = at[kept]
    items = charges["item_code"].combine_chunks().dictionary_encode()
    item = items.indices.to_numpy(zero_copy_only=False)[kept].astype(np.int64)
    weight = np.array([_mark(c) for c in items.dictionary.to_pylist()], dtype=np.uint64)
    amounts = _number(charges["amount_fen"])[kept]
    quantity = np.rint(_number(charges["quantity"])[kept] * 10_000).astype(np.int64)
    mark = np.zeros(n, dtype=np.uint64)
    with np.errstate(over="ignore"):
        np.add.at(mark, at, weight[item] * quantity.view(np.uint64))
    pair = np.sort(at * (len(weight) + 1) + item)
    fresh = pair[np.append(True, pair[1:] != pair[:-1])] if len(pair) else pair
    different = np.bincount(fresh // (len(weight) + 1), minlength=n)
    bills = [
        f"{d}:{m:016x}" if d >= LEAST_ITEMS else None
        for m, d in zip(mark.tolist(), different.tolist(), strict=True)
    ]
    kinds = charges["category"].combine_chunks().dictionary_encode()
    kind = kinds.indices.to_numpy(zero_copy_only=False)[kept]
    spelled = kinds.dictionary.to_pylist()
    total = np.bincount(at, amounts, minlength=n)
    lines = np.bincount(at, minlength=n).astype(np.float64)
    made = {"lines": np.where(lines > 0, lines, np.nan)}
    for name, wanted in (("drugs", _DRUGS), ("consumables", _CONSUMABLES), ("tests", _TESTS)):
        part = np.isin(kind, [k for k, v in enumerate(spelled) if v in wanted])
        with np.errstate(invalid="ignore", divide="ignore"):
            share = np.bincount(at, amounts * part, minlength=n) / total
        made[name] = np.where(total > 0, share, np.nan)
    return bills, made


def _checks(
    verdicts: pl.DataFrame | None, place: Mapping[str, int]
) -> tuple[Numbers, dict[str, Numbers]]:
    """Hits of each stay, and 1 (hit), 0 (passed) or NaN of each check."""
    hits = np.full(len(place), np.nan)
    if verdicts is None or verdicts.width < 2:
        return hits, {}
    at = np.array([place.get(s, -1) for s in verdicts["stay_id"].to_list()], dtype=np.int64)
    kept = at >= 0
    at = at[kept]
    made = {}
    hits[at] = 0
    for name in verdicts.columns:
        if name != "stay_id":
            said = verdicts[name].to_numpy()[kept]
            hit = said == int(Verdict.HIT)
            hits[at] += hit
            column = np.full(len(place), np.nan)
            column[at] = np.where(hit | (said == int(Verdict.PASS)), hit, np.nan)
            made[name] = column
    return hits, made


def _days(column: pa.ChunkedArray) -> Numbers:
    return _number(column.cast(pa.int32()))


def _money(column: pa.ChunkedArray) -> Numbers:
    return _number(column) / 100


def _number(column: pa.ChunkedArray) -> Numbers:
    """As float64, NaN where it is not stated."""
    plain = column.cast(pa.float64())
    return np.asarray(plain.to_numpy(), dtype=np.float64)
