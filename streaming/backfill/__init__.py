"""Backfill: years of claims judged in parts, on Spark or in one process, with the same results.

``claims.write`` makes claims ready, ``run.run`` judges them with an executor
(``running.Alone`` or ``spark.session``). docs/backfill.md is the manual,
docs/decisions/0016-backfill-cuts.md says why it is cut as it is.
"""

from streaming.backfill.claims import (
    BackfillError,
    Prepared,
    check_inputs,
    is_prepared,
    open_folder,
    write,
)
from streaming.backfill.run import read, run, usual_buckets
from streaming.backfill.running import Alone, Executor
from streaming.backfill.stages import Recipe

__all__ = [
    "Alone",
    "BackfillError",
    "Executor",
    "Prepared",
    "Recipe",
    "check_inputs",
    "is_prepared",
    "open_folder",
    "read",
    "run",
    "usual_buckets",
    "write",
]
