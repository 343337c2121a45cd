"""All facts and all checks: stays a second with 60 charge lines each, and one stay or order alone.

``python -m benchmarks.all_checks [--stays 20000] [--full]``: a generated month with 60 charge
lines a stay on average (``charge_lines`` divided by ``stays`` is printed; ``--full`` gives 86),
repeated under other names, from Arrow tables to verdicts; then single stays, and single orders
of patients in hospital before they are carried out. CPU seconds count all threads.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

import drg
import rules
from data_samples import month, open_stays, writer
from data_samples.plans import Detail
from domain.tables import Tables, concat
from streaming import intake
from streaming.pseudonym import PseudonymKey

SIXTY = Detail(99, 99, 3, 0, 56, 61)
"""Gives 60 charge lines a stay on average, and 18 orders."""
FULL = Detail(99, 99, 99, 99, 60, 60)
"""All that the templates hold: 86 charge lines a stay on average, and 19 orders."""
KEY = PseudonymKey(b"benchmark of all checks, 32 bytes")
SEED = 20250301
_IDS = ("stay_id", "patient_id")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stays", type=int, default=20_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--singles", type=int, default=200)
    parser.add_argument("--full", action="store_true")
    given = parser.parse_args()
    library, ruleset = drg.load(), rules.load()
    one_month = read(month.plan(SEED, 1_000, detail=FULL if given.full else SIXTY).stays())
    many = joined([rename(one_month, n) for n in range(given.stays // len(one_month))])
    began = time.process_time()
    seconds = [measure(lambda: judge(ruleset, many, library)) for _ in range(given.repeat)]
    cpu = (time.process_time() - began) / given.repeat
    told: dict[str, Any] = {
        "checks": len(ruleset.ids),
        "stays": len(many),
        "charge_lines": many.charges.num_rows,
        "lines_a_stay": round(many.charges.num_rows / len(many), 1),
        "seconds": [round(s, 2) for s in seconds],
        "stays_per_second": round(len(many) / min(seconds)),
        "cpu_seconds": round(cpu, 2),
        "peak_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
    }
    ids = one_month.stays["stay_id"].to_pylist()[: given.singles]
    stays = [one_month.select(pa.array([i])) for i in ids]
    told["one_stay_ms"] = percentiles(stays, lambda s: judge(ruleset, s, library))
    orders_only = ruleset.only(
        *[rule.id for rule in ruleset.rules if rule.id in ruleset.ids and rule.unit == "order"]
    )
    open_now = read(open_stays.records(SEED, given.singles))
    waiting = [
        ordered(open_now.select(pa.array([i]))) for i in open_now.stays["stay_id"].to_pylist()
    ]
    told["order_checks"] = len(orders_only.ids)
    told["one_order_ms"] = percentiles(waiting, lambda s: rules.judge(orders_only, s))
    print(json.dumps(told, indent=1))


def read(records: Any) -> Tables:
    """Generated records through intake."""
    tables, refused = intake.decode([bytes(writer.encode(r), "utf-8") for r in records], key=KEY)
    assert not refused
    return tables


def joined(parts: list[Tables]) -> Tables:
    """The tables one after another, each in one piece of memory, as a file or a decoder gives them."""
    return Tables(**{name: table.combine_chunks() for name, table in concat(parts).items()})


def rename(tables: Tables, number: int) -> Tables:
    """The same stays of other patients."""

    def renamed(table: pa.Table) -> pa.Table:
        for name in _IDS:
            if name in table.column_names:
                place = table.schema.get_field_index(name)
                values = pc.binary_join_element_wise(table[name], f"{number}", "-")
                table = table.set_column(place, table.schema.field(place), values)
        return table

    return Tables(**{name: renamed(table) for name, table in tables.items()})


def ordered(stay: Tables) -> Tables:
    """A patient in hospital with the orders so far, one of them new, and nothing charged yet."""
    return Tables(**{n: (t.slice(0, 0) if n == "charges" else t) for n, t in stay.items()})


def judge(ruleset: rules.RuleSet, tables: Tables, library: drg.Library) -> None:
    rules.judge(ruleset, tables, settled=drg.settle(tables, library))


def measure(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def percentiles(batches: list[Tables], work: Callable[[Tables], Any]) -> dict[str, float]:
    for batch in batches[:5]:
        work(batch)
    times = [measure(lambda b=batch: work(b)) * 1000 for batch in batches]  # type: ignore[misc]
    return {f"p{p}": round(float(np.percentile(times, p)), 1) for p in (50, 95, 99)}


if __name__ == "__main__":
    main()
