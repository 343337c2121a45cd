"""Accounting for records: what a reading carries along, and how records leave a batch."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import polars as pl
import pyarrow as pa

from domain.claim import STAYS
from domain.parties import PARTY_TABLES
from domain.schema import Field, Table
from domain.tables import Tables
from streaming.intake import parquet
from streaming.intake.columns import REC
from streaming.intake.draft import Draft, publish
from streaming.intake.limits import Limits
from streaming.intake.refusals import Reasons, SetAside, refuse
from streaming.intake.sources import Line, Source
from streaming.pseudonym import PseudonymKey


@dataclass(frozen=True, slots=True)
class Count:
    """How many records of a file were read, accepted and set aside."""

    source: Source
    read: int
    accepted: int
    set_aside: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Some claims of an input, with the reference tables read so far, and what was refused.

    ``refusals`` are claims and reference records; ``read`` and ``accepted`` count claims.
    """

    source: Source
    tables: Tables
    read: int
    refusals: tuple[SetAside, ...]

    @property
    def accepted(self) -> int:
        """Claims in ``tables``."""
        return len(self.tables)


@dataclass(frozen=True, slots=True)
class Part:
    """Consecutive records of a source; ``rows`` are those of a Parquet source, if readable."""

    source: Source
    lines: Sequence[Line]
    rows: pa.Table | None = None


@dataclass(slots=True)
class Run:
    """What one reading carries from batch to batch."""

    key: PseudonymKey
    limits: Limits
    encoding: str
    claims: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Accepted stay_id -> its claim_version and place."""
    parties: dict[tuple[str, ...], str] = field(default_factory=dict)
    """Table name and key of an accepted reference record -> its place."""
    references: dict[str, pa.Table] = field(default_factory=dict)
    counts: dict[Source, tuple[int, int, int]] = field(default_factory=dict)
    notify: Callable[[int], None] | None = None

    def count(self, source: Source, read: int, set_aside: int) -> None:
        """Add to the source's records read, accepted and set aside."""
        r, a, s = self.counts.get(source, (0, 0, 0))
        self.counts[source] = (r + read, a + read - set_aside, s + set_aside)

    def reference_tables(self) -> dict[str, pa.Table]:
        """Providers and physicians read so far, by table name."""
        return {t.name: self.references.get(t.name, no_rows(t)) for t in PARTY_TABLES}


def no_rows(table: Table) -> pa.Table:
    """The empty Arrow table of a definition."""
    return table.arrow.empty_table()


def list_ids(stays: pl.DataFrame) -> dict[int, str]:
    """The stay_id of each record that has one."""
    known = stays.filter(pl.col("stay_id").is_not_null())
    return dict(zip(known[REC].to_list(), known["stay_id"].to_list(), strict=True))


def admit(
    draft: Draft, ids: dict[int, str], part: Part, run: Run, id_path: str = "stay_id"
) -> Batch:
    """The batch of the records without a reason; the others are set aside and counted."""
    source = part.source
    places = [f"{source.path.name}:{line.number}" for line in part.lines]
    refuse_repeated(draft, ids, places, run, id_path)
    bad = draft.reasons.records
    tables = replace(publish(draft, run.key, bad), **run.reference_tables())
    run.count(source, len(part.lines), len(bad))
    return Batch(source, tables, len(part.lines), tuple(set_aside(part, draft.reasons, ids)))


def refuse_repeated(
    draft: Draft,
    ids: dict[int, str],
    places: Sequence[str],
    run: Run,
    id_path: str = "stay_id",
) -> None:
    """One stay, one record an input: a second one of the same stay_id is refused.

    A correction (higher claim_version) in the same input is refused too, since the
    child rows of a batch carry the stay_id only.
    """
    versions = dict(draft.stays.select(REC, "claim_version").iter_rows())
    bad = draft.reasons.records
    for record in sorted(ids):
        stay = ids[record]
        version = versions.get(record) or 0
        before = run.claims.get(stay)
        if before is None:
            if record not in bad:
                run.claims[stay] = (version, places[record])
            continue
        cure = f"{before[1]} has this stay_id already: send each claim once."
        if before[0] != version:
            cure = f"{before[1]} has version {before[0]} of this stay: send a correction in an input of its own, after the first."
        refusal = refuse("duplicate-id", id_path, stay, STAYS["stay_id"], cure)
        draft.reasons.add(record, refusal)


def refuse_twice(
    frame: pl.DataFrame,
    part: Part,
    reasons: Reasons,
    seen: dict[tuple[str, ...], str],
    *,
    keys: Sequence[Field],
    path: str,
) -> None:
    """A reference record whose key an accepted one in ``seen`` has is refused."""
    bad = reasons.records
    for record, *values in frame.select(REC, *(k.name for k in keys)).iter_rows():
        if None in values:
            continue
        key = (path, *values)
        before = seen.get(key)
        if before is None:
            if record not in bad:
                seen[key] = f"{part.source.path.name}:{part.lines[record].number}"
            continue
        cure = f"{before} has this {path} already: send each record once."
        reasons.add(record, refuse("duplicate-id", path, values[0], keys[0], cure))


def set_aside(part: Part, reasons: Reasons, ids: dict[int, str]) -> list[SetAside]:
    """The records with reasons, each with its place and digest; Parquet rows with their JSON."""
    bad = sorted(reasons.records)
    source = str(part.source.path)
    if part.source.path.suffix == ".parquet":
        raws = parquet.row_documents(part.rows, bad) if part.rows is not None else [b""] * len(bad)
        return [
            SetAside(
                source,
                part.lines[i].number,
                None,
                len(raw),
                hashlib.sha256(raw).hexdigest(),
                ids.get(i),
                reasons.of(i),
                raw,
            )
            for i, raw in zip(bad, raws, strict=True)
        ]
    found: list[SetAside] = []
    for i in bad:
        line = part.lines[i]
        sha256 = line.sha256 or hashlib.sha256(line.data or b"").hexdigest()
        found.append(
            SetAside(
                source, line.number, line.offset, line.length, sha256, ids.get(i), reasons.of(i)
            )
        )
    return found
