"""Carrying out the stages on Apache Spark: ``mapInArrow`` cuts, ``applyInArrow`` judges.

The only module that knows pyspark, an optional extra (``pip install drg-sentinel[spark]``).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from streaming.backfill.claims import BackfillError
from streaming.backfill.frames import ROW, ROW_DDL, Row
from streaming.backfill.running import STATUS, Status, run_bucket
from streaming.backfill.stages import Job, Piece, split

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

OLDEST_JAVA: Final = 17
STATUS_DDL: Final = "bucket int, ok boolean, reason string"
_ROWS_A_BATCH: Final = 8
"""Rows that go to a task at once: each is a table, and Arrow allows 2 GiB a column."""


def check() -> None:
    """BackfillError with its cure if pyspark or a Java that it runs on is missing."""
    if find_spec("pyspark") is None:
        raise BackfillError(
            "Spark is not installed",
            where="this Python environment",
            cure="Install drg-sentinel[spark], or leave --master out to run without Spark.",
        )
    java = _java()
    if java is None:
        raise BackfillError(
            "Spark needs Java, and there is none",
            where="JAVA_HOME and PATH",
            cure=f"Install a Java runtime {OLDEST_JAVA} or newer (Debian: openjdk-17-jre-headless), or set JAVA_HOME "
            "to one, or leave --master out to run without Spark.",
        )
    version = _version(java)
    if version is None or version < OLDEST_JAVA:
        raise BackfillError(
            f"Spark needs Java {OLDEST_JAVA} or newer; this one is {version or 'of no known version'}",
            where=java,
            cure=f"Set JAVA_HOME to a Java {OLDEST_JAVA} or newer.",
        )


def _java() -> str | None:
    home = os.environ.get("JAVA_HOME")
    if home:
        path = Path(home) / "bin" / "java"
        return str(path) if path.is_file() else None
    return shutil.which("java")


def _version(java: str) -> int | None:
    """The major version that ``java -version`` tells, such as 17."""
    try:
        told = subprocess.run(  # noqa: S603 - the program that JAVA_HOME or PATH names
            [java, "-version"], capture_output=True, text=True, timeout=60, check=False
        ).stderr
    except (OSError, subprocess.TimeoutExpired):
        return None
    for word in told.replace('"', " ").split():
        first = word.split(".")[0]
        if first.isdigit():
            return int(first)
    return None


class Spark:
    """Runs stages in a Spark session; ``master`` as Spark takes it: ``local[2]``, ``spark://...``, ``yarn``."""

    def __init__(self, session: SparkSession) -> None:
        self._session = session

    def run(self, job: Job, pieces: Sequence[Piece]) -> Iterator[Status]:
        """Do the pending buckets; what each came to. BackfillError if Spark itself gives up."""
        from py4j.protocol import Py4JError  # noqa: PLC0415 (with pyspark)
        from pyspark.errors import PySparkException  # noqa: PLC0415

        try:
            found = self._months(job) if job.stage == "months" else self._shuffled(job, pieces)
        except (Py4JError, PySparkException) as error:
            raise BackfillError(
                f"Spark gave up in the stage {job.stage}: {_first_line(error)}",
                where="Spark",
                cure="Finished buckets are kept: run the same command again to go on. If a task ran out of memory, "
                "give more --buckets (after removing the output folder) or more memory.",
            ) from None
        yield from (Status(row["bucket"], row["ok"], row["reason"]) for row in found)

    def _shuffled(self, job: Job, pieces: Sequence[Piece]) -> list[Any]:
        def cut(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            for batch in batches:
                for kind, number in zip(*batch.to_pydict().values(), strict=True):
                    for row in split(job, Piece(kind, number)):
                        yield pa.RecordBatch.from_pylist([row._asdict()], schema=ROW)

        def judge(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            rows = [Row(**row) for batch in batches for row in batch.to_pylist()]
            yield _status(run_bucket(job, rows[0].bucket, rows))

        cut_rows = self._spread([tuple(vars_of(p)) for p in pieces], "kind string, number int")
        shuffled = cut_rows.mapInArrow(cut, ROW_DDL).repartition(len(job.pending), "bucket")
        found: list[Any] = shuffled.groupBy("bucket").applyInArrow(judge, STATUS_DDL).collect()
        return found

    def _months(self, job: Job) -> list[Any]:
        def judge(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            for batch in batches:
                for bucket in batch.column(0).to_pylist():
                    yield _status(run_bucket(job, bucket, []))

        buckets = self._spread([(b,) for b in sorted(job.pending)], "bucket int")
        found: list[Any] = buckets.mapInArrow(judge, STATUS_DDL).collect()
        return found

    def _spread(self, rows: list[tuple[Any, ...]], schema: str) -> Any:
        """The rows as a frame with a task for each."""
        rdd = self._session.sparkContext.parallelize(rows, max(1, len(rows)))
        return self._session.createDataFrame(rdd, schema)


@contextmanager
def session(master: str, conf: dict[str, str] | None = None) -> Iterator[Spark]:
    """A Spark session while the block runs; ``conf`` are Spark's own settings, and win over ours."""
    check()
    # A task judges one bucket on one core; Polars would else take all cores in every task.
    # It reads this when a worker starts, so it must be set before Java does.
    os.environ["POLARS_MAX_THREADS"] = "1"
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)
    # pyspark says so of any pandas 3; tables travel as Arrow here and no pandas is used.
    warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas")
    from pyspark.sql import SparkSession  # noqa: PLC0415 (an optional extra)

    builder = SparkSession.builder.master(master).appName("drg-sentinel backfill")
    settings = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.executorEnv.POLARS_MAX_THREADS": "1",
        # Rows are tables: few and large.
        "spark.sql.execution.arrow.maxRecordsPerBatch": str(_ROWS_A_BATCH),
        # Spark would join small partitions to few tasks by their bytes; judging costs far more than reading.
        "spark.sql.adaptive.enabled": "false",
        "spark.driver.bindAddress": "127.0.0.1" if master.startswith("local") else "0.0.0.0",  # noqa: S104
    }
    if master.startswith("local"):
        settings["spark.driver.host"] = "127.0.0.1"
    for name, value in (settings | (conf or {})).items():
        builder = builder.config(name, value)
    made = builder.getOrCreate()
    made.sparkContext.setLogLevel("ERROR")
    try:
        yield Spark(made)
    finally:
        made.stop()


def vars_of(piece: Piece) -> tuple[str, int]:
    """The piece as a row."""
    return piece.kind, piece.number


def _status(status: Status) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([status._asdict()], schema=STATUS)


def _first_line(error: BaseException) -> str:
    """The kind of the error that stopped a task, without the text of any row."""
    text = str(error)
    for line in reversed(text.splitlines()):
        word = line.strip().split(":")[0]
        if word.endswith(("Error", "Exception")) and " " not in word:
            return word.rsplit(".", 1)[-1]
    return type(error).__name__
