"""Facts by the reference tables of their day: claims on both sides of a change read different ones."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from pathlib import Path

import polars as pl

from rules.codebooks import Edition, change_days, edition_on
from rules.facts import table
from rules.facts.fact import AGGREGATE_UNITS
from rules.facts.source import STAY, Source
from rules.facts.table import SERVICE_DATE, SUBJECT


def build(source: Source, wanted: Mapping[str, Collection[str]]) -> dict[str, pl.DataFrame]:
    """As ``table.build``, each row by the reference tables that hold on its day of service.

    Nearly every batch lies between two changes and is built once; one that a change cuts
    is built for each side, whole (so that look-backs see all of it), and each side keeps
    its own rows.
    """
    if isinstance(source.reference, Edition):
        return table.build(source, wanted)
    editions = _editions(source, source.reference)
    made = [table.build(source.under(edition), wanted) for edition in editions]
    if len(made) == 1:
        return made[0]
    ends: list[date | None] = [edition.day for edition in editions[1:]]
    ends.append(None)
    cut: dict[str, pl.DataFrame] = {}
    for unit in made[0]:
        sides = [
            tables[unit].filter(_between(edition.day, end))
            for tables, edition, end in zip(made, editions, ends, strict=True)
        ]
        order = SUBJECT if unit in AGGREGATE_UNITS else STAY
        cut[unit] = pl.concat(sides, how="diagonal").sort(order, maintain_order=True)
    return cut


def _editions(source: Source, folder: Path) -> list[Edition]:
    """The editions of the days of service in the batch, oldest first; aggregates end with a month."""
    stays = source.table("stays")
    days = stays.select(pl.coalesce("discharge_date", "admission_date"))
    first, last = days.select(pl.all().min().alias("a"), pl.all().max().alias("b")).row(0)
    if first is None:
        return [edition_on(folder, date.max)]
    return editions_between(folder, first, last)


def editions_between(folder: Path, first: date, last: date) -> list[Edition]:
    """The editions of the days of service from ``first`` to ``last``, oldest first."""
    changes = change_days(folder)
    return [
        edition_on(folder, first),
        *[
            Edition(folder, day)
            for day in changes
            if first < day and (day.year, day.month) <= (last.year, last.month)
        ],
    ]


def _between(first: date, end: date | None) -> pl.Expr:
    held = pl.col(SERVICE_DATE) >= first
    return held if end is None else held & (pl.col(SERVICE_DATE) < end)
