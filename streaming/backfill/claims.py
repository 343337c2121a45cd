"""Claims made ready for a backfill: one Parquet folder a table, cut into parts of whole stays.

::

    claims/
      claims.json                  what is there: parts, counts, digest, last day
      stays/part-00000.parquet     the rows of part 0, with the schema of ``domain``
      charges/part-00000.parquet   those of the same stays
      ...
      providers.parquet            hospitals and physicians, whole
      physicians.parquet
      dead-letters.jsonl           what intake refused

A part holds whole stays, so that any task can read one part and knows all of its claims.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Final

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from domain import SCHEMA_VERSION
from domain.claim import CLAIM_TABLES
from domain.errors import SentinelError
from domain.parties import PARTY_TABLES
from domain.tables import Tables
from streaming.intake import Batch, SetAside, deadletters

MANIFEST: Final = "claims.json"


class BackfillError(SentinelError):
    """A backfill cannot begin or go on."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a folder of prepared claims holds.

    ``served`` are the first and last day of service (discharge, else admission);
    ``last_day`` is that of the last discharge. Each is None if there is none.
    """

    folder: Path
    parts: int
    read: int
    accepted: int
    set_aside: int
    last_day: date | None
    served: tuple[date, date] | None
    sha256: str


def write(batches: Iterable[Batch], folder: Path, inputs: Sequence[Path] = ()) -> Prepared:
    """Write what intake gives of ``inputs``, batch by batch; memory holds one batch.

    The folder appears only when it is whole: an interrupted writing is begun anew.
    """
    making = folder.with_name(f".{folder.name}.making")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    digest = hashlib.sha256()
    refusals: list[SetAside] = []
    parts = read = accepted = 0
    days: list[tuple[date, date, date | None]] = []
    parties = {t.name: t.arrow.empty_table() for t in PARTY_TABLES}
    for batch in batches:
        read += batch.read
        accepted += batch.accepted
        refusals += batch.refusals
        parties = {name: getattr(batch.tables, name) for name in parties}
        if batch.accepted:
            _write_part(batch.tables, making, parts, digest)
            parts += 1
            days.append(_days(batch.tables))
    for name, table in parties.items():
        _write_table(table, making / f"{name}.parquet", digest)
    deadletters.write(refusals, making)
    prepared = Prepared(
        folder=folder,
        parts=parts,
        read=read,
        accepted=accepted,
        set_aside=read - accepted,
        last_day=max((left for *_, left in days if left is not None), default=None),
        served=(min(d[0] for d in days), max(d[1] for d in days)) if days else None,
        sha256=digest.hexdigest(),
    )
    record = asdict(prepared) | {
        "folder": None,
        "schema_version": SCHEMA_VERSION,
        "inputs": _stamps(inputs),
    }
    text = json.dumps(record, indent=2, default=date.isoformat)
    (making / MANIFEST).write_text(text + "\n", encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    making.rename(folder)
    return prepared


def is_prepared(folder: Path) -> bool:
    """Whether the folder holds prepared claims."""
    return (folder / MANIFEST).is_file()


def open_folder(folder: Path) -> Prepared:
    """What the folder holds; BackfillError if it is not whole or of another schema."""
    try:
        record = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        schema = record.pop("schema_version")
        record.pop("inputs", None)
        last, served = record.pop("last_day"), record.pop("served")
        prepared = Prepared(
            **record
            | {
                "folder": folder,
                "last_day": None if last is None else date.fromisoformat(last),
                "served": None if served is None else tuple(map(date.fromisoformat, served)),
            }
        )
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BackfillError(
            f"the list of prepared claims cannot be read: {type(error).__name__}",
            where=str(folder / MANIFEST),
            cure="Name a folder that `sentinel backfill` made ready (OUT/claims), or make the claims ready again.",
        ) from None
    if schema != SCHEMA_VERSION:
        raise BackfillError(
            f"the claims were prepared with schema {schema}, this version reads {SCHEMA_VERSION}",
            where=str(folder / MANIFEST),
            cure="Prepare them again with this version.",
        )
    return prepared


def check_inputs(prepared: Prepared, inputs: Sequence[Path]) -> None:
    """BackfillError if the inputs are not those that the claims were made ready from."""
    record = json.loads((prepared.folder / MANIFEST).read_text(encoding="utf-8"))
    if record.get("inputs") != _stamps(inputs):
        raise BackfillError(
            "the claims there were made ready from other files, or the files changed since",
            where=str(prepared.folder),
            cure="Name another folder with --out, or remove this one to begin anew.",
        )


def _stamps(inputs: Sequence[Path]) -> list[list[str | int]]:
    """Path, size and time of change of every file of the inputs."""
    files = [f for p in inputs for f in (sorted(p.rglob("*")) if p.is_dir() else [p])]
    return [
        [str(f.resolve()), f.stat().st_size, f.stat().st_mtime_ns] for f in files if f.is_file()
    ]


def read_part(folder: Path, part: int) -> Tables:
    """The claims of one part, without hospitals and physicians; BackfillError if it is damaged."""
    found = {}
    for table in CLAIM_TABLES:
        path = folder / table.name / f"part-{part:05d}.parquet"
        try:
            found[table.name] = pq.ParquetFile(path).read()
        except (pa.ArrowException, OSError) as error:
            raise BackfillError(
                f"part {part} of the claims cannot be read: {type(error).__name__}",
                where=str(path),
                cure="Restore the file, or prepare the claims again; nothing was judged without it.",
            ) from None
    return Tables.of(found)


def read_parties(folder: Path) -> dict[str, pa.Table]:
    """The tables of hospitals and physicians."""
    return {t.name: pq.ParquetFile(folder / f"{t.name}.parquet").read() for t in PARTY_TABLES}


def _days(tables: Tables) -> tuple[date, date, date | None]:
    """First and last day of service, and the last discharge."""
    served = pl.coalesce("discharge_date", "admission_date")
    return (
        pl.DataFrame(tables.stays)
        .select(served.min().alias("a"), served.max().alias("b"), pl.col("discharge_date").max())
        .row(0)
    )


def _write_part(tables: Tables, folder: Path, part: int, digest: hashlib._Hash) -> None:
    for table in CLAIM_TABLES:
        home = folder / table.name
        home.mkdir(exist_ok=True)
        _write_table(getattr(tables, table.name), home / f"part-{part:05d}.parquet", digest)


def _write_table(table: pa.Table, path: Path, digest: hashlib._Hash) -> None:
    pq.write_table(table, path, compression="zstd")
    digest.update(path.name.encode())
    with path.open("rb") as file:
        digest.update(hashlib.file_digest(file, "sha256").digest())
