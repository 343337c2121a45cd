"""The tables in force: ours with a site's laid over them, on a day of service."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Final

import polars as pl

from rules.codebooks.edition import SHIPPED, Edition, Place, folder_of
from rules.codebooks.form import DATES, Dating, Table
from rules.codebooks.reading import (
    FILE,
    LINE,
    Fault,
    ReferenceTableError,
    clashes,
    empty,
    ever,
    parse,
    unmet,
)
from rules.codebooks.site import Mode, is_site, read_manifest
from rules.codebooks.tables import TABLES

FIRST: Final = date.min
"""The day of an edition before anything changed."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A table with all its rows (``:file``, ``:line``), and the digest of the bytes it came from."""

    frame: pl.DataFrame
    sha256: str
    faults: tuple[Fault, ...]


@cache
def rows_in_force(name: str, place: Place) -> pl.DataFrame:
    """The rows of a table with typed columns; ReferenceTableError names file and line.

    A table that goes by the day of the line has its dates, with all rows. Of one that
    goes by the claim's day an edition gives the rows of its day, without dates; a plain
    folder gives them all.
    """
    table = TABLES[name]
    found = _sound(name, folder_of(place))
    if table.dating is Dating.LINE:
        return found
    if isinstance(place, Edition):
        holds = pl.col("valid_from") <= place.day
        holds &= pl.col("valid_to").is_null() | (place.day < pl.col("valid_to"))
        found = found.filter(holds)
    return found.drop(DATES)


def dated_rows(name: str, folder: Path) -> pl.DataFrame:
    """All rows of a table with their dates, without the columns that are there for people."""
    return _sound(name, folder)


@cache
def change_days(folder: Path) -> tuple[date, ...]:
    """The days on which a table that goes by the claim's day of service changes, in order."""
    days: set[date] = set()
    for name in present(folder):
        if TABLES[name].dating is Dating.CLAIM:
            for column in DATES:
                days.update(_sound(name, folder)[column].drop_nulls())
    return tuple(sorted(days))


def edition_on(folder: Path, day: date) -> Edition:
    """The tables as they stand on a day: one edition for all days between two changes."""
    days = change_days(folder)
    place = bisect_right(days, day)
    return Edition(folder, days[place - 1] if place else FIRST)


@cache
def sha256(folder: Path) -> str:
    """Digest of all tables in force: equal if and only if the files behind them are."""
    whole = hashlib.sha256()
    for name in present(folder):
        whole.update(f"{name} {_loaded(name, folder).sha256}\n".encode())
    return whole.hexdigest()


def load(folder: Path) -> str:
    """Read every table of the folder and give their digest; ReferenceTableError names file and line.

    A process that has loaded a folder judges by what it read then, whatever happens to
    the files.
    """
    if folder != SHIPPED:
        read_manifest(folder)
    for name in TABLES:
        _sound(name, folder)
    return sha256(folder)


def present(folder: Path) -> Iterator[str]:
    """The tables that the folder has: all for ours and a site's, those with a file for any other."""
    whole = folder == SHIPPED or is_site(folder)
    return (n for n, table in TABLES.items() if whole or (folder / table.file).is_file())


def loaded_anew(name: str, folder: Path) -> Loaded:
    """A table with everything that is wrong with it, read from the disk now."""
    table = TABLES[name]
    if folder == SHIPPED or not is_site(folder):
        return _file(table, folder / table.file)
    mode = read_manifest(folder).tables.get(name)
    if mode is None:
        return _loaded(name, SHIPPED)
    own = _file(table, folder / table.file)
    if mode is Mode.REPLACE:
        return Loaded(
            own.frame, hashlib.sha256(f"{mode} {own.sha256}".encode()).hexdigest(), own.faults
        )
    ours = _loaded(name, SHIPPED)
    frame = lay_over(table, ours.frame, own.frame)
    known = set(own.faults)
    faults = [f for f in _of_whole(table, frame) if f not in known]
    digest = hashlib.sha256(f"{mode} {ours.sha256} {own.sha256}".encode()).hexdigest()
    return Loaded(frame, digest, (*own.faults, *faults))


def lay_over(table: Table, ours: pl.DataFrame, theirs: pl.DataFrame) -> pl.DataFrame:
    """Our rows with a site's laid over them.

    A row of the site with the key and first day of one of ours takes its place (to end
    it, or to correct it). One of the same key that begins later ends ours on that day.
    Any other is added.
    """
    key = list(table.key)
    kept = ours.join(theirs, on=[*key, "valid_from"], how="anti", nulls_equal=True).with_row_index(
        ":ours"
    )
    later = (
        kept.join(
            theirs.select(*key, pl.col("valid_from").alias(":next")), on=key, nulls_equal=True
        )
        .filter(
            (pl.col(":next") > pl.col("valid_from"))
            & (pl.col("valid_to").is_null() | (pl.col(":next") < pl.col("valid_to")))
        )
        .group_by(":ours")
        .agg(pl.col(":next").min())
    )
    ended = (
        kept.join(later, on=":ours", how="left", maintain_order="left")
        .with_columns(valid_to=pl.coalesce(":next", "valid_to"))
        .drop(":ours", ":next")
    )
    return pl.concat([ended, theirs.select(ended.columns)])


def _of_whole(table: Table, frame: pl.DataFrame) -> Iterator[Fault]:
    yield from clashes(table, frame)
    for demand in table.whole:
        yield from unmet(ever(frame), demand)


def _file(table: Table, path: Path) -> Loaded:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        missing = Fault(
            str(path), 1, f"the reference table {table.name} is missing",
            "Put the file there; docs/reference.md says what it holds.",
        )  # fmt: skip
        return Loaded(empty(table), "", (missing,))
    parsed = parse(table, path, content)
    # With rows left out, what the whole lacks would be told of the wrong lines.
    whole = () if parsed.faults else tuple(_of_whole(table, parsed.frame))
    digest = hashlib.sha256(content).hexdigest()
    return Loaded(parsed.frame, digest, (*parsed.faults, *whole))


@cache
def _loaded(name: str, folder: Path) -> Loaded:
    return loaded_anew(name, folder)


@cache
def _sound(name: str, folder: Path) -> pl.DataFrame:
    """The rows that hold at some time, with the columns that facts read and the dates."""
    found = _loaded(name, folder)
    for fault in found.faults:
        if not fault.warning:
            _loaded.cache_clear()  # the next call reads the corrected file
            raise fault.error()
    return ever(found.frame).select(*[c.name for c in TABLES[name].read_columns], *DATES)


__all__ = [
    "FILE", "LINE", "Loaded", "ReferenceTableError", "change_days", "dated_rows", "edition_on",
    "lay_over", "load", "loaded_anew", "present", "rows_in_force", "sha256",
]  # fmt: skip
