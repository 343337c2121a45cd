"""Claims in which every cut of a backfill has something to find, and the results over all of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

import polars as pl

from cli.wiring import engine
from domain.results import Results
from streaming import intake
from streaming.backfill import Prepared, Recipe, write
from streaming.pipeline import assess, day_after_last
from streaming.pseudonym import PseudonymKey

SAMPLES = Path(__file__).resolve().parent.parent / "data_samples"
KEY = PseudonymKey(b"a key of these tests, 32 bytes !!")
INPUTS = [
    # Equal codes of different patients; stays before a stay, in other hospitals too.
    *(
        SAMPLES / "patterns" / f"{name}.jsonl"
        for name in ("IDB-030", "ADM-003", "IDB-001", "ADM-020")
    ),
    # A hospital beside its peers and its own past; companions; a chain of hospitals; physicians' days.
    *(
        SAMPLES / "aggregates" / f"{name}.jsonl"
        for name in ("CHG-037", "GRP-021", "IDB-009", "IDB-010", "IDB-061", "CST-031")
    ),
]
RECIPE = Recipe(engine)


@dataclass(frozen=True)
class Whole:
    """The claims read at once, and what one run over all of them gives."""

    results: Results
    upto: date


def read() -> intake.Intake:
    return intake.read(INPUTS, "jsonl", key=KEY)


@cache
def whole() -> Whole:
    tables = read().tables
    upto = day_after_last(tables)
    assert upto is not None
    return Whole(assess(tables, RECIPE.engine(), upto=upto), upto)


def prepare(folder: Path) -> Prepared:
    """The same claims made ready, in several parts."""
    limits = intake.Limits(batch_records=50)
    return write(intake.read_batches(INPUTS, "jsonl", key=KEY, limits=limits), folder, INPUTS)


def different(found: Results) -> list[str]:
    """The tables of the two that are not equal row for row."""
    ours = dict(found.items())
    return [
        name
        for name, table in whole().results.items()
        if not _sorted(pl.DataFrame(table)).equals(_sorted(pl.DataFrame(ours[name])))
    ]


def _sorted(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.sort(rows.columns)
