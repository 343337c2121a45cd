"""Group, cost and outlook of a stay in hospital, and what the checks of cost say of them.

All of it follows from the claim without its orders, so it is computed once for each set of
diagnoses and charges: a physician who tries one order after another waits for the checks of
orders alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import pyarrow as pa

import drg
import rules
from domain.tables import Tables
from drg.payment_terms.answer import ABSENT, TRIGGERS
from drg.projection.outlook import ABSENT as NOT_PROJECTED
from drg.projection.outlook import LEVEL
from drg.telling import names_of
from streaming.pipeline import Engine
from streaming.plans import discharge
from streaming.plans.claim_tables import tables_of
from streaming.plans.judges import Judges
from streaming.plans.variants import read

Json = dict[str, Any]

BEFORE: Final = "now"
AFTER: Final = "discharged"
NO_CURVES: Final = ("没有加载费用曲线", "No cost curves are loaded.")


@dataclass(frozen=True, slots=True)
class Priced:
    """What a stay's diagnoses and charges come to.

    ``now`` and ``later`` are rows of ``drg.settlement.PRICED`` of the stay as it is and as if
    discharged; ``outlook`` is its projection (None without curves); ``hits`` are those of the
    checks of cost and of support, each with when it fires.
    """

    now: Json
    later: Json
    outlook: Json | None
    hits: tuple[tuple[str, Json], ...]

    @property
    def projected_discharge(self) -> date | None:
        """The day on which like stays left."""
        day: date | None = None if self.outlook is None else self.outlook["projected_discharge"]
        return day


def price(
    claim: Json, as_of: datetime, engine: Engine, judges: Judges, leaving: date | None = None
) -> Priced:
    """Group, price and project the stay, and judge its cost now and at the projected discharge.

    A day of ``leaving`` that is supposed takes the projected one's place; the cost is then what
    was charged, for nothing is known of the days between.
    """
    now = _alone(claim, BEFORE) | {"orders": []}
    open_tables = tables_of([now])
    settled = drg.settle(open_tables, engine.library, curves=engine.curves)
    seen = settled.outlook.to_dicts()
    outlook = seen[0] if seen else None
    likely = outlook or {}
    day, total = likely.get("projected_discharge"), likely.get("projected_total_fen")
    if leaving is not None:
        day, total = leaving, None
    later = _alone(discharge.discharged(now, as_of, day, total), AFTER)
    both = _together(open_tables, tables_of([later]))
    priced = drg.settle(both, engine.library, curves=engine.curves)
    rows = {row["stay_id"]: row for row in priced.priced.to_dicts()}
    judged = rules.judge(judges.costs, both, settled=priced)
    hits = tuple(
        ("now" if row["stay_id"] == BEFORE else "discharge", read(row))
        for row in judged.hits.iter_rows(named=True)
        if (row["rule_id"] in judges.open_ids) == (row["stay_id"] == BEFORE)
    )
    return Priced(rows[BEFORE], rows[AFTER], outlook, hits)


def tell_group(priced: Priced, names: Mapping[str, Mapping[str, Json]]) -> Json | None:
    """The member ``group`` of a plan; the payment is that of the stay as if discharged."""
    row = priced.now
    if row["group_code"] is None and row["group_status"] == "not_grouped":
        return None
    known = names.get(row["scheme_code"] or "", {}).get(row["group_code"] or "")
    return {
        "status": row["group_status"],
        "group": row["group_code"],
        "name": known,
        "weight": None if row["group_weight"] is None else str(row["group_weight"]),
        "standard_fen": row["payment_standard_fen"],
        "payment_fen": priced.later["payment_fen"],
    }


def tell_cost(priced: Priced, running_fen: int) -> Json:
    """The member ``cost`` of a plan."""
    seen = priced.outlook
    standard = priced.now["payment_standard_fen"]
    absent: tuple[str, str] | None = None
    if seen is None:
        absent = NO_CURVES
    elif seen["absent"] is not None:
        absent = NOT_PROJECTED[seen["absent"]]
    if absent is None and standard is None and priced.now["price_absent"] is not None:
        absent = ABSENT.get(priced.now["price_absent"])
    known: Json = seen or {}

    def day(name: str) -> str | None:
        value = known.get(name)
        return None if value is None else value.isoformat()

    probability = known.get("probability_over_standard")
    pace = known.get("cost_pace")
    return {
        "running_fen": running_fen,
        "standard_fen": standard,
        "standard_percent": None if not standard else round(100 * running_fen / standard),
        "day_of_stay": known.get("day_of_stay"),
        "expected_fen": known.get("expected_cost_to_date_fen"),
        "pace_percent": None if pace is None else round(100 * pace),
        "projected_fen": known.get("projected_total_fen"),
        "low_fen": known.get("projected_low_fen"),
        "high_fen": known.get("projected_high_fen"),
        "level": None if known.get("projected_total_fen") is None else LEVEL,
        "probability_over_standard": None if probability is None else round(probability, 4),
        "standard_reached_on": day("standard_reached_on"),
        "projected_discharge": day("projected_discharge"),
        "cell": known.get("cell"),
        "absent": None if absent is None else {"zh": absent[0], "en": absent[1]},
    }


def group_names(library: drg.Library) -> Mapping[str, Mapping[str, Json]]:
    """Scheme -> group -> its names."""
    return {s.manifest.code: names_of(s) for s in library.schemes}


def review_grounds(priced: Priced) -> list[tuple[str, str]]:
    """The local grounds of a special-case review that the stay would meet, in words."""
    found = priced.later["review_reasons"] or ""
    return [TRIGGERS[name] for name in found.split("|") if name]


def _alone(claim: Json, name: str) -> Json:
    """The claim under another name, of a patient of its own: nothing else of the batch is its past."""
    return claim | {"stay_id": name, "patient_id": name}


def _together(one: Tables, other: Tables) -> Tables:
    left, right = dict(one.items()), dict(other.items())
    return Tables(**{name: pa.concat_tables([left[name], right[name]]) for name in left})
