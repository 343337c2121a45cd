"""The work folder of a backfill: what each bucket of each stage left, finished or not at all.

::

    work/<stage>/00007/<name>.arrow     what a later stage reads
    work/<stage>/00007/<name>.parquet   results

A bucket's folder appears when its last file is written, by renaming: whoever finds it can
take it as done, also after the machine went down.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import feather


@dataclass(frozen=True, slots=True)
class Output:
    """What a bucket leaves: frames for later stages and tables of results, by name."""

    frames: Mapping[str, pa.Table]
    results: Mapping[str, pa.Table]


def home(work: Path, stage: str, bucket: int) -> Path:
    """The folder of one bucket."""
    return work / stage / f"{bucket:05d}"


def done(work: Path, stage: str) -> frozenset[int]:
    """The buckets of a stage that are finished."""
    folder = work / stage
    if not folder.is_dir():
        return frozenset()
    return frozenset(int(p.name) for p in folder.iterdir() if p.name.isdigit())


def keep(work: Path, stage: str, bucket: int, output: Output) -> None:
    """Write what a bucket leaves; another task that did the same at the same time changes nothing."""
    final = home(work, stage, bucket)
    making = final.with_name(f".{final.name}.{os.getpid()}")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    for name, table in output.frames.items():
        feather.write_feather(table, making / f"{name}.arrow", compression="zstd")
    for name, table in output.results.items():
        pq.write_table(table, making / f"{name}.parquet", compression="zstd")
    try:
        making.rename(final)
    except OSError:
        if not final.is_dir():
            raise
        shutil.rmtree(making)


def frames(work: Path, stage: str, bucket: int) -> dict[str, pa.Table]:
    """The frames of a finished bucket by name."""
    folder = home(work, stage, bucket)
    return {p.stem: feather.read_table(p) for p in sorted(folder.glob("*.arrow"))}


def results(work: Path, stage: str, name: str) -> list[Path]:
    """The files of one result over all finished buckets, in the order of the buckets."""
    return sorted((work / stage).glob(f"[0-9]*/{name}.parquet"))
