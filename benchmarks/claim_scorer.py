"""The model of claims: one claim beside a memory, and many claims a second.

    python -m benchmarks.claim_scorer one|batch [--model DIR] [--claims FILE] [--stays N] [--profile]

``one`` remembers the claims before a day and scores those of that day and later one after another, each
from its own tables, on one thread: 2,000 after 50 that warm up. The day is the latest that leaves so
many. Asked: p99 under 15 ms. ``--profile`` adds where the time goes (its own figures are slower).
``batch`` scores at most 100,000 claims at once, each as it was when it came and all as they are known
at the end, and says which part takes how long: the claims of ``--claims``, and the real claims of
``--folder`` where it is there. Asked: 20,000 a second on 2 cores. ``--stays`` is how many are scored.

``--claims`` is a file of JSON lines, or a folder of the provider's CSV; without it 12,000 stays with
rings are generated. Without ``--model`` a small one is trained on two generated months. Amounts in
another currency than the model's are taken to be in that, since only the time counts. Reading claims into
Arrow tables is not measured. Prints one JSON line.
"""

from __future__ import annotations

import argparse
import cProfile
import ctypes
import gc
import json
import os
import pstats
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import numpy as np
import polars as pl
import pyarrow as pa
import torch

import graph_models as gm
from benchmarks.all_checks import joined
from benchmarks.assess_real_claims import FOLDER, machine
from data_samples.ring_months import produce
from domain.tables import Tables
from graph_models.labels import read_claim_labels
from graph_models.stays import Desk, StayModel, train
from graph_models.stays import model as parts
from graph_models.stays.ground import Graph
from graph_models.window import frame, known_on
from streaming import intake
from streaming.pseudonym import PseudonymKey

ONE: Final = 2_000
WARM: Final = 50
MANY: Final = 100_000
MONTHS: Final = 6
A_MONTH: Final = 2_000
"""Generated claims, where none are given."""
INQUIRY: Final = timedelta(days=60)
"""After which all findings of generated months are known."""
PARTS: Final[tuple[tuple[str, Any, str], ...]] = (
    ("reading arrays", parts, "read"),
    ("numbering entities", parts, "number"),
    ("finding earlier stays", Graph, "__init__"),
    ("links", Graph, "links"),
    ("signs heard", Graph, "heard"),
    ("network", parts, "run"),
    ("surprise", parts, "surprise"),
    ("booster", parts, "raw"),
)
"""Steps of a score by the functions that do them; none calls another."""


def main() -> None:
    """Measure and print."""
    asked = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    asked.add_argument("what", choices=["one", "batch"])
    asked.add_argument("--model", type=Path, help="folder of a trained model of claims")
    asked.add_argument("--claims", type=Path, help="file of JSON lines or folder of CSV")
    asked.add_argument("--folder", type=Path, default=FOLDER, help="real claims, for batch")
    asked.add_argument("--stays", type=int, help=f"claims scored ({ONE:,} or {MANY:,})")
    asked.add_argument("--repeat", type=int, default=3, help="times each batch is scored")
    asked.add_argument("--profile", action="store_true", help="where the time goes, for one")
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        model = StayModel.load(given.model) if given.model else small_model(Path(scratch) / "model")
        claims = given.claims or generated(Path(scratch) / "claims", MONTHS, A_MONTH)
        if given.what == "one":
            told = one(
                model, priced(load(claims), model), given.stays or ONE, profile=given.profile
            )
        else:
            told = batch(model, [claims, given.folder], given.stays or MANY, given.repeat)
    about = {"machine": machine(), "when": datetime.now(UTC).isoformat(timespec="seconds")}
    print(json.dumps({"what": given.what, "model": model.sha256[:12], **told, **about}))


def small_model(folder: Path) -> StayModel:
    """Trained on two generated months, all of whose findings are known."""
    tables = load(generated(folder, 2, 1_000))
    labels = read_claim_labels(folder / "labels.csv")
    upto = gm.day_after_last(tables) + INQUIRY
    print(f"training on {len(tables):,} generated claims", flush=True)
    return train(tables, None, labels, upto=upto)


def generated(folder: Path, months: int, stays: int) -> Path:
    """The file of so many months with rings."""
    print(f"generating {months} months of {stays:,} stays", flush=True)
    produce(folder, months=months, stays=stays)
    return folder / "claims.jsonl"


def load(claims: Path, most: int = 10**9) -> Tables:
    """The first claims as Arrow tables, each in one piece of memory."""
    kind: intake.Format = "provider-csv" if claims.is_dir() else "jsonl"
    read, batches = 0, []
    for part in intake.read_batches([claims], kind, key=PseudonymKey(os.urandom(32))):
        batches.append(part.tables)
        read += len(part.tables)
        if read >= most:
            break
    tables = joined(batches)
    if len(tables) > most:
        tables = joined([tables.select(tables.stays["stay_id"].slice(0, most))])
    print(f"{claims}: {len(tables):,} claims, {tables.charges.num_rows:,} charge lines", flush=True)
    return tables


def priced(tables: Tables, model: StayModel) -> Tables:
    """The claims in the model's currency, whatever theirs is."""
    at = tables.stays.schema.get_field_index("currency")
    kind = tables.stays.schema.field(at)
    told = pa.array([model.habits.currency] * len(tables), kind.type)
    return replace(tables, stays=tables.stays.set_column(at, kind, told))


def one(model: StayModel, tables: Tables, most: int, *, profile: bool) -> dict[str, Any]:
    """One claim after another beside a memory of those before; milliseconds."""
    torch.set_num_threads(1)
    pa.set_cpu_count(1)
    known = days(tables)
    day = cut(known, most + WARM)
    late = known.filter(pl.col("known") >= day).sort("known", "stay_id")["stay_id"].to_list()
    before = joined([tables.select(earlier(known, day))])
    after = joined([tables.select(pa.array(late, pa.string()))])
    fresh_peak()
    held, began = memory("VmRSS"), time.perf_counter()
    desk = model.remember(before, upto=day)
    took = time.perf_counter() - began
    told: dict[str, Any] = {
        "remembered": len(before),
        "charge_lines_a_claim": round(after.charges.num_rows / len(after), 1),
        "remember_s": round(took, 2),
        "remember_holds_mib": memory("VmRSS") - held,
        "remember_peak_mib": memory("VmHWM") - held,
        "upto": day.isoformat(),
    }
    print(
        f"remembered {len(before):,} claims before {day} in {took:.2f} s; they take "
        f"{told['remember_holds_mib']} MiB, {told['remember_peak_mib']} MiB at the peak",
        flush=True,
    )
    told |= singles(desk, after, late[:WARM], late[WARM : WARM + most])
    if profile:
        dissect(desk, after, late[WARM : WARM + most])
    return told


def singles(desk: Desk, tables: Tables, warm: list[str], ids: list[str]) -> dict[str, Any]:
    """Score each claim alone; its tables are taken out of those of all that are scored."""
    for stay in warm:
        desk.score(tables.select(pa.array([stay])))
    taken, scored = [], []
    for stay in ids:
        began = time.perf_counter()
        claim = tables.select(pa.array([stay]))
        ready = time.perf_counter()
        desk.score(claim)
        done = time.perf_counter()
        taken.append(1000 * (ready - began))
        scored.append(1000 * (done - ready))
    both = [a + b for a, b in zip(taken, scored, strict=True)]
    told = {"claims": len(ids), "score_ms": ranks(scored), "with_select_ms": ranks(both)}
    print(f"score alone, {len(ids):,} claims: {told['score_ms']} ms (p99 asked: 15)")
    print(f"with tables.select of {len(tables):,} claims: {told['with_select_ms']} ms", flush=True)
    return told


def dissect(desk: Desk, tables: Tables, ids: list[str]) -> None:
    """Where one claim's time goes."""
    claims = [tables.select(pa.array([stay])) for stay in ids]
    watch = cProfile.Profile()
    with watch:
        for claim in claims:
            desk.score(claim)
    for order in ("cumulative", "tottime"):
        pstats.Stats(watch).sort_stats(order).print_stats(40)


def batch(model: StayModel, sources: list[Path], most: int, repeat: int) -> dict[str, Any]:
    """Claims a second of each source, both ways."""
    found = []
    for source in sources:
        if not source.exists():
            print(f"{source} is not there: left out")
            continue
        tables = priced(load(source, most), model)
        for again in (False, True):
            tried = [many(model, tables, again=again) for _ in range(repeat)]
            best = min(tried, key=lambda t: float(t["seconds"]))
            kind = "real" if source.is_dir() else "with charge lines"
            found.append({"claims_are": kind, "runs": [t["seconds"] for t in tried], **best})
            print(
                f"{len(tables):,} claims ({kind}), again={again}: {best['seconds']:.2f} s, "
                f"{best['claims_per_second']:,} a second (asked: 20,000), "
                f"{best['cpu_s']:.2f} s of processor time, {best['peak_mib']:,} MiB more at the peak"
            )
            print(
                "  " + "; ".join(f"{k} {v:.2f} s" for k, v in best["parts_s"].items()), flush=True
            )
    return {"batches": found}


def many(model: StayModel, tables: Tables, *, again: bool) -> dict[str, Any]:
    """One score of all claims, and the seconds of its parts."""
    upto = gm.day_after_last(tables)
    fresh_peak()
    held = memory("VmRSS")
    with timed() as seconds:
        cpu, began = time.process_time(), time.perf_counter()
        scored = model.score(tables, upto=upto, again=again)
        took = time.perf_counter() - began
        cpu = time.process_time() - cpu
    seconds["the rest"] = took - sum(seconds.values())
    return {
        "claims": len(scored),
        "charge_lines": tables.charges.num_rows,
        "again": again,
        "seconds": round(took, 2),
        "claims_per_second": round(len(scored) / took),
        "cpu_s": round(cpu, 2),
        "peak_mib": memory("VmHWM") - held,
        "parts_s": {k: round(v, 3) for k, v in seconds.items()},
    }


@contextmanager
def timed() -> Iterator[dict[str, float]]:
    """Seconds in each of ``PARTS`` meanwhile."""
    seconds: dict[str, float] = defaultdict(float)

    def watched(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            began = time.perf_counter()
            try:
                return work(*given, **named)
            finally:
                seconds[name] += time.perf_counter() - began

        return call

    with ExitStack() as patches:
        for name, owner, function in PARTS:
            work = watched(name, getattr(owner, function))
            patches.enter_context(patch.object(owner, function, work))
        yield seconds


def days(tables: Tables) -> pl.DataFrame:
    """``stay_id, known``: the day on which each claim was complete."""
    stays = frame(tables, "stays").select("stay_id", known=known_on())
    return stays.filter(pl.col("known").is_not_null())


def cut(known: pl.DataFrame, most: int) -> date:
    """The latest day from which on so many claims became known; of few claims half are remembered."""
    ordered = known["known"].sort()
    found = ordered[max(len(ordered) - most, len(ordered) // 2)]
    assert isinstance(found, date)
    return found


def earlier(known: pl.DataFrame, day: date) -> pa.Array:
    """The claims before the day."""
    return pa.array(known.filter(pl.col("known") < day)["stay_id"].to_list(), pa.string())


def ranks(milliseconds: list[float]) -> dict[str, float]:
    """Percentiles, and the slowest."""
    found = {
        f"p{p}": round(float(np.percentile(milliseconds, p, method="higher")), 2)
        for p in (50, 95, 99)
    }
    return {**found, "max": round(max(milliseconds), 2)}


def fresh_peak() -> None:
    """Give back what is not used, and let the system count the highest memory from now on."""
    gc.collect()
    pa.default_memory_pool().release_unused()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")


def memory(which: str) -> int:
    """MiB of this process: ``VmRSS`` now, ``VmHWM`` at the peak."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(which):
            return int(line.split()[1]) // 1024
    raise LookupError(which)


if __name__ == "__main__":
    main()
