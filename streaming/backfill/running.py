"""Running buckets: one that fails is told with its reason and stops no other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple, Protocol

import pyarrow as pa

from streaming import logs
from streaming.backfill import work
from streaming.backfill.frames import Row, gather
from streaming.backfill.stages import Job, Piece, judge, split
from streaming.readiness import told

STATUS: Final = pa.schema(
    [
        pa.field("bucket", pa.int32(), nullable=False),
        pa.field("ok", pa.bool_(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
    ]
)
"""What comes back of a bucket."""


class Status(NamedTuple):
    """Whether a bucket was finished; else the reason: the error's kind and where, never a value."""

    bucket: int
    ok: bool
    reason: str


class Executor(Protocol):
    """Something that carries out stages."""

    def run(self, job: Job, pieces: Sequence[Piece]) -> Iterator[Status]:
        """Do the pending buckets of a stage."""
        ...


def run_bucket(job: Job, bucket: int, rows: Sequence[Row]) -> Status:
    """Judge one bucket and keep what it gives."""
    try:
        work.keep(job.work, job.stage, bucket, judge(job, bucket, gather(rows)))
    except Exception as error:  # whatever breaks, the other buckets go on
        place = logs.frames(error)
        return Status(bucket, False, f"{told(error)} ({place[-1] if place else 'no frame'})")
    return Status(bucket, True, "")


class Alone:
    """Runs the stages in this process, without Spark: for small inputs, and where there is no Java."""

    def run(self, job: Job, pieces: Sequence[Piece]) -> Iterator[Status]:
        """Do the pending buckets one after the other."""
        rows: dict[int, list[Row]] = {bucket: [] for bucket in sorted(job.pending)}
        if job.stage != "months":
            for piece in pieces:
                for row in split(job, piece):
                    rows[row.bucket].append(row)
        for bucket in list(rows):
            found = rows.pop(bucket)
            if found or job.stage == "months":
                yield run_bucket(job, bucket, found)
