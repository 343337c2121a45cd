"""The stages of a backfill: how each cuts what lies before it, and what it does with a bucket.

``others``   cut by what claims of different patients are compared by; gives facts of claims
``patients`` cut by patient; gives decisions, hits, scores, alerts, and what months are counted from
``told``     cut by hospital; keeps the hospitals' claims, and what their peers must know of them
``months``   the same buckets; gives the findings on months, beside all peers
``days``     cut by physician; gives the findings on days

Every function here is plain: tables in, tables out. ``spark`` and ``alone`` carry them out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import polars as pl
import pyarrow as pa

import drg
from domain.parties import PARTY_TABLES
from domain.results import FINDINGS, SHADOW_FINDINGS
from domain.tables import Tables
from rules import Aggregated, partly
from rules.codebooks import Edition
from streaming.backfill import claims, work
from streaming.backfill.frames import Row, buckets_of, cut, encode
from streaming.backfill.work import Output
from streaming.pipeline import Engine, assess, finding_tables

STAGES: Final = ("others", "patients", "told", "months", "days")
"""In their order; ``months`` needs nothing shuffled."""

_FACTS: Final = "facts of "
_CLAIMS: Final = "claims "
_TOLD: Final = "told "
_OF_MONTHS: Final = (FINDINGS.name, SHADOW_FINDINGS.name)
_SEEN_BY_MONTHS: Final = ("month_claims", "chained_stays", "without_complications")


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to make the engine where it is needed: a function of ours and what it is given.

    An engine is compiled and does not travel; each process makes its own once.
    """

    make: Callable[..., Engine]
    given: tuple[tuple[str, Any], ...] = ()

    def engine(self) -> Engine:
        """The engine, made at the first call in a process."""
        return _engine(self)


@lru_cache(maxsize=2)
def _engine(recipe: Recipe) -> Engine:
    return recipe.make(**dict(recipe.given))


Versions = tuple[tuple[str, str | None], ...]
"""The digests of checks, schemes and model, by name."""


def versions_of(engine: Engine) -> Versions:
    """The digests of what judges."""
    return (
        ("rules_sha256", engine.ruleset.sha256),
        ("pack_sha256", engine.pack_sha256),
        ("model_sha256", engine.artifact.sha256 if engine.artifact else None),
    )


@dataclass(frozen=True, slots=True)
class Job:
    """One stage over some buckets; small, and travels to every task."""

    stage: str
    recipe: Recipe
    claims: Path
    work: Path
    buckets: int
    upto: date
    served: tuple[date, date]
    versions: Versions
    pending: frozenset[int] = field(default_factory=frozenset)

    def engine(self) -> Engine:
        """The engine of this process; BackfillError if it is not the one that the run began with."""
        engine = self.recipe.engine()
        if versions_of(engine) != self.versions:
            raise claims.BackfillError(
                "this machine has other checks, schemes or another model than the run began with",
                where="the engine of a task",
                cure="Install the same version and files on every machine, and change none during a run.",
            )
        return engine

    def editions(self) -> list[Edition]:
        """The editions of the reference tables that the claims span."""
        return partly.editions(self.engine().ruleset, *self.served)


@dataclass(frozen=True, slots=True)
class Piece:
    """Something that one task of a cut reads: a part of the claims, or a bucket of an earlier stage."""

    kind: str
    number: int


def pieces(job: Job, parts: int) -> list[Piece]:
    """What the stage cuts."""
    of_claims = [Piece("claims", n) for n in range(parts)]
    if job.stage == "others":
        return of_claims
    earlier = "others" if job.stage == "patients" else "patients"
    of_stage = [Piece(earlier, n) for n in sorted(work.done(job.work, earlier))]
    return of_stage if job.stage == "days" else [*of_claims, *of_stage]


def split(job: Job, piece: Piece) -> Iterator[Row]:
    """The rows of one piece by bucket, only of the buckets that are still to do."""
    for bucket, name, table in _SPLITS[job.stage](job, piece):
        if bucket in job.pending:
            yield Row(bucket, name, piece.number, encode(table))


def judge(job: Job, bucket: int, found: dict[str, pa.Table]) -> Output:
    """What a stage makes of one bucket; ``found`` is what was cut for it, by name."""
    return _KERNELS[job.stage](job, bucket, found)


Cut = Iterator[tuple[int, str, pa.Table]]


def _split_others(job: Job, piece: Piece) -> Cut:
    tables = claims.read_part(job.claims, piece.number)
    heads = pl.DataFrame(tables.stays.select(["stay_id", "patient_id"])).select(
        "stay_id", home=buckets_of(pl.DataFrame(tables.stays.select(["patient_id"])), job.buckets)
    )
    for name, rows in partly.beyond(job.engine().ruleset, tables).items():
        # Where a claim's facts go back to: the bucket of its patient.
        homed = rows.join(heads, on="stay_id", how="inner", maintain_order="left")
        buckets = buckets_of(homed.select(partly.KEYS[name]), job.buckets)
        for bucket, table in cut(homed.to_arrow(), buckets):
            yield bucket, name, table


def _compare_others(job: Job, bucket: int, found: dict[str, pa.Table]) -> Output:
    frames = {}
    for name, table in found.items():
        rows = pl.DataFrame(table)
        homes = rows.select("stay_id", "home")
        facts = partly.compare(name, rows.drop("home")).join(homes, on="stay_id", how="inner")
        frames[name] = facts.to_arrow()
    return Output(frames, {})


def _split_patients(job: Job, piece: Piece) -> Cut:
    if piece.kind == "others":
        for name, table in work.frames(job.work, "others", piece.number).items():
            rows = pl.DataFrame(table)
            for bucket, facts in cut(rows.drop("home").to_arrow(), rows["home"]):
                yield bucket, _FACTS + name, facts
        return
    tables = claims.read_part(job.claims, piece.number)
    yield from _cut_claims(tables, "patient_id", job.buckets)


def _cut_claims(tables: Tables, key: str, count: int) -> Cut:
    heads = pl.DataFrame(tables.stays.select(["stay_id", key]))
    homes = heads.select("stay_id", bucket=buckets_of(heads.select(key), count))
    for name, table in tables.items():
        if "stay_id" not in table.column_names or not table.num_rows:
            continue
        ids = pl.DataFrame(table.select(["stay_id"]))
        buckets = ids.join(homes, on="stay_id", how="left", maintain_order="left")["bucket"]
        for bucket, rows in cut(table, buckets):
            yield bucket, _CLAIMS + name, rows


def _judge_patients(job: Job, bucket: int, found: dict[str, pa.Table]) -> Output:
    engine = job.engine()
    batch = _tables(job, found)
    known = {
        name.removeprefix(_FACTS): pl.DataFrame(table)
        for name, table in found.items()
        if name.startswith(_FACTS)
    }
    settled = drg.settle(batch, engine.library, curves=engine.curves)
    results = assess(batch, engine, settled=settled, known=known)
    for_months = partly.for_months(batch, settled, job.upto, job.editions())
    return Output(
        {name: rows.to_arrow() for name, rows in for_months.items()},
        {name: t for name, t in results.items() if name not in _OF_MONTHS},
    )


def _split_told(job: Job, piece: Piece) -> Cut:
    if piece.kind == "claims":
        tables = claims.read_part(job.claims, piece.number)
        yield from _cut_claims(tables, "provider_id", job.buckets)
        return
    frames = work.frames(job.work, "patients", piece.number)
    first = partly.named(job.editions()[0], "month_claims")
    heads = pl.DataFrame(frames[first].select(["stay_id", "provider_id"]))
    homes = heads.select("stay_id", bucket=buckets_of(heads.select("provider_id"), job.buckets))
    for name in frames:
        if partly.plain(name) not in _SEEN_BY_MONTHS:
            continue
        ids = pl.DataFrame(frames[name].select(["stay_id"]))
        buckets = ids.join(homes, on="stay_id", how="left", maintain_order="left")["bucket"]
        for bucket, rows in cut(frames[name], buckets):
            yield bucket, name, rows


def _tell(job: Job, bucket: int, found: dict[str, pa.Table]) -> Output:
    ruleset = job.engine().ruleset
    batch, known = _hospitals(job, found)
    told = partly.tell(ruleset, batch, known, job.editions())
    own = {f"{_CLAIMS}{name}": t for name, t in batch.items() if t.num_rows}
    parties = {f"{_CLAIMS}{t.name}" for t in PARTY_TABLES}
    return Output(
        {name: t for name, t in own.items() if name not in parties}
        | {name: rows.to_arrow() for name, rows in known.items()}
        | {f"{_TOLD}{name}": rows.to_arrow() for name, rows in told.items()},
        {},
    )


def _judge_months(job: Job, bucket: int, _none: dict[str, pa.Table]) -> Output:
    mine = work.frames(job.work, "told", bucket)
    batch, known = _hospitals(job, mine)
    others: dict[str, list[pl.DataFrame]] = {}
    for other in sorted(work.done(job.work, "told") - {bucket}):
        for name, table in work.frames(job.work, "told", other).items():
            if name.startswith(_TOLD):
                others.setdefault(name.removeprefix(_TOLD), []).append(pl.DataFrame(table))
    judged = partly.judge_months(
        job.engine().ruleset,
        batch,
        known,
        others={name: pl.concat(rows) for name, rows in others.items()},
        upto=job.upto,
        editions=job.editions(),
    )
    return _findings(judged)


def _hospitals(job: Job, found: dict[str, pa.Table]) -> tuple[Tables, dict[str, pl.DataFrame]]:
    """The hospitals' claims that months see, and what was counted of them by patient."""
    known = {
        name: pl.DataFrame(table)
        for name, table in found.items()
        if partly.plain(name) in _SEEN_BY_MONTHS and not name.startswith(_TOLD)
    }
    # Rows that came in pieces stand as one batch would have sorted them.
    known = {name: rows.sort("stay_id", maintain_order=True) for name, rows in known.items()}
    first = partly.named(job.editions()[0], "month_claims")
    ended = known[first]["stay_id"] if first in known else pl.Series([], dtype=pl.String)
    batch = _tables(job, found)
    return batch.select(pa.array(ended.to_list(), pa.string())), known


def _split_days(job: Job, piece: Piece) -> Cut:
    frames = work.frames(job.work, "patients", piece.number)
    keys = {"physician_acts": "physician_id", "month_claims": "attending_physician_id"}
    for name in frames:
        key = keys.get(partly.plain(name))
        if key is None:
            continue
        rows = pl.DataFrame(frames[name]).filter(pl.col(key).is_not_null())
        for bucket, table in cut(rows.to_arrow(), buckets_of(rows.select(key), job.buckets)):
            yield bucket, name, table


def _judge_days(job: Job, bucket: int, found: dict[str, pa.Table]) -> Output:
    first = job.editions()[0]
    if partly.named(first, "physician_acts") not in found:
        return Output({}, {})
    # Rows that came in pieces stand as one batch would have sorted them.
    orders = {"physician_acts": [":subject_id", "stay_id", "kind", "start", "end"]}
    known = {
        name: pl.DataFrame(table).sort(
            orders.get(partly.plain(name), ["stay_id"]), maintain_order=True
        )
        for name, table in found.items()
    }
    judged = partly.judge_days(
        job.engine().ruleset, _tables(job, {}), known, job.upto, job.editions()
    )
    return _findings(judged)


def _findings(judged: Aggregated) -> Output:
    findings, shadow = finding_tables(judged)
    return Output({}, {FINDINGS.name: findings, SHADOW_FINDINGS.name: shadow})


def _tables(job: Job, found: dict[str, pa.Table]) -> Tables:
    given = {
        name.removeprefix(_CLAIMS): table
        for name, table in found.items()
        if name.startswith(_CLAIMS)
    }
    return Tables.of(given | _parties(job.claims))


@lru_cache(maxsize=1)
def _parties(folder: Path) -> dict[str, pa.Table]:
    return claims.read_parties(folder)


_SPLITS: Final = {
    "others": _split_others,
    "patients": _split_patients,
    "told": _split_told,
    "days": _split_days,
}
_KERNELS: Final = {
    "others": _compare_others,
    "patients": _judge_patients,
    "told": _tell,
    "months": _judge_months,
    "days": _judge_days,
}
