"""Which row of a table of terms holds for a stay: the most specific one in force on its day."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import polars as pl

REGION: Final = "region_code"

SCOPE: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("insurance_type", ("insurance_type",)),
    ("provider_id", ("provider_id",)),
    ("group_code", ("group_code", "adrg")),
    ("level", ("level",)),
    ("item_code", ("item_code",)),
    ("category", ("category",)),
)
"""What narrows a row, the strongest first, each with the columns of the stay that may meet
it, the stronger first. The division, the longer the stronger, goes before all of them."""

_PERIOD: Final = ("effective_from", "effective_to")


@dataclass(frozen=True, slots=True)
class _Pattern:
    """The rows of a table that are narrowed in one way: (column of the stay, of the row)."""

    strength: tuple[int, ...]
    region_length: int
    on: tuple[tuple[str, str], ...]
    rows: pl.DataFrame


@dataclass(frozen=True, slots=True, eq=False)
class Ranked:
    """The rows of a table of terms with the ways in which they are narrowed, strongest first.

    Made once a scheme: working it out takes longer than matching a stay.
    """

    rows: pl.DataFrame
    patterns: tuple[_Pattern, ...]
    payload: tuple[str, ...]


def rank(terms: pl.DataFrame, *, adrg: bool = True) -> Ranked:
    """The terms, ready to be matched; with ``adrg`` false a group is met by that group alone."""
    scope = [name for name, _ in SCOPE if name in terms.columns]
    payload = tuple(name for name in terms.columns if name not in {REGION, *scope})
    return Ranked(terms, tuple(_patterns(terms, adrg=adrg)), payload)


def match(stays: pl.DataFrame, terms: Ranked, *, holds: pl.Expr | None = None) -> pl.DataFrame:
    """For each stay the terms of the strongest pattern that has any for it.

    ``stays`` has ``place`` (its key), ``date``, ``region_code`` and the columns of
    ``SCOPE`` that ``terms`` uses. A row holds if its division is empty or the start of
    the stay's, what it names is the stay's, its period contains the date, and ``holds``
    (over the columns of both) is true. Returns ``place`` with the other columns of
    ``terms``: several rows a stay where terms differ only in what is no scope.
    """
    payload = terms.payload
    found: list[pl.DataFrame] = []
    left = stays
    patterns = terms.patterns
    for pattern in patterns:
        if left.is_empty():
            break
        hits = _join(left, pattern).filter(
            pl.col("effective_from") <= pl.col("date"),
            pl.col("effective_to").is_null() | (pl.col("date") <= pl.col("effective_to")),
        )
        if holds is not None:
            hits = hits.filter(holds)
        if hits.is_empty():
            continue
        found.append(hits.select("place", *payload))
        if pattern is not patterns[-1]:
            left = left.join(hits.select("place"), on="place", how="anti")
    if found:
        return pl.concat(found)
    return pl.DataFrame(
        schema={
            "place": stays.schema["place"],
            **{name: terms.rows.schema[name] for name in payload},
        }
    )


def match_one(stays: pl.DataFrame, terms: Ranked, *, holds: pl.Expr | None = None) -> pl.DataFrame:
    """As ``match``, but one row a stay: should periods overlap, the one that began last."""
    found = match(stays, terms, holds=holds)
    if found["place"].n_unique() < found.height:
        found = found.sort("effective_from").unique("place", keep="last", maintain_order=True)
    return found.drop(_PERIOD)


def covers(regions: str, terms: Ranked) -> pl.Expr:
    """Whether any of the terms, whatever its date, is for the division in that column."""
    by_length: dict[int, list[str]] = {}
    for prefix in terms.rows[REGION].unique().to_list():
        by_length.setdefault(len(prefix or ""), []).append(prefix or "")
    if not by_length:
        return pl.lit(False)
    return pl.any_horizontal(
        pl.col(regions).str.slice(0, length).is_in(prefixes)
        for length, prefixes in sorted(by_length.items())
    ).fill_null(False)


def _patterns(terms: pl.DataFrame, *, adrg: bool) -> list[_Pattern]:
    """The ways in which the rows are narrowed, the strongest first."""
    if terms.is_empty():
        return []
    scope = [(name, met_by) for name, met_by in SCOPE if name in terms.columns]
    marked = terms.with_columns(
        pl.col(REGION).fill_null("").str.len_chars().alias("_length"),
        *(pl.col(name).is_not_null().alias(f"_{name}") for name, _ in scope),
    )
    marks = ["_length", *(f"_{name}" for name, _ in scope)]
    patterns = []
    for key, rows in marked.partition_by(marks, as_dict=True).items():
        length, *filled = key
        names = [
            (name, met_by)
            for (name, met_by), is_filled in zip(scope, filled, strict=True)
            if is_filled
        ]
        unused = [name for (name, _), is_filled in zip(scope, filled, strict=True) if not is_filled]
        for on in _ways(names, adrg=adrg):
            strength = tuple(
                len(met_by) - met_by.index(on[name]) if name in on else 0 for name, met_by in scope
            )
            patterns.append(
                _Pattern(
                    (length, *strength),
                    length,
                    tuple((column, name) for name, column in on.items()),
                    rows.drop(*marks, *unused),
                )
            )
    return sorted(patterns, key=lambda pattern: pattern.strength, reverse=True)


def _ways(names: list[tuple[str, tuple[str, ...]]], *, adrg: bool) -> Iterator[dict[str, str]]:
    """How the named columns may be met: a group by the stay's group or by its ADRG."""
    columns = {name: met_by[0] for name, met_by in names}
    yield columns
    if adrg and "group_code" in columns:
        yield {**columns, "group_code": "adrg"}


def _join(stays: pl.DataFrame, pattern: _Pattern) -> pl.DataFrame:
    on = {f"_{name}": column for column, name in pattern.on}
    rows = pattern.rows.rename({name: f"_{name}" for _, name in pattern.on})
    if pattern.region_length:
        on["_region"] = "_region"
        rows = rows.rename({REGION: "_region"})
        prefix = pl.col(REGION).str.slice(0, pattern.region_length)
        stays = stays.with_columns(_region=prefix)
    else:
        rows = rows.drop(REGION)
    if not on:
        return stays.join(rows, how="cross")
    hits = stays.join(rows, left_on=list(on.values()), right_on=list(on), how="inner")
    return hits.drop("_region", strict=False)
