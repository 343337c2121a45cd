"""Charge lines with whole numbers in place of texts: what their many facts share.

Lines are many and texts are dear, so each line is given the numbers of its stay, category
and item on its day once. Reference tables are asked once for each item and day of the batch
(``tariff``); a line takes the answer by its number (``told``).
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from rules.codebooks.item_tables import ITEM_FLAGS
from rules.facts import cost_tables, reference
from rules.facts.source import ROW, STAY, Source

CATEGORY: Final = ":category"
"""The national charge category as a number: 1 for 01."""
ITEM: Final = ":item"
"""The number of the item of a line within the batch."""
ITEM_DAY: Final = ":item_day"
"""The row of ``tariff`` for the item and day of a line."""
DENSE: Final = 32
LEAST_DENSE: Final = 1_000_000
"""Values are marked in an array while it has at most so many places a value, or so many in all: some megabytes."""
STANDS: Final = ":stands"
"""Whether a line neither takes another back nor is taken back in full."""


def lines(source: Source) -> pl.DataFrame:
    """All charge lines, sorted by stay, with their numbers.

    ``:stay``, ``:row``, ``:category``, ``:item``, ``:item_day`` and ``:stands``.
    """
    return source.once("charge lines", _lines)


def live(source: Source) -> pl.DataFrame:
    """The charge lines that stand."""
    rows = lines(source)
    return rows if rows[STANDS].all() else source.once("live lines", _live)


def lined(source: Source) -> pl.DataFrame:
    """``:stay`` and ``stay_id`` of the stays that have charge lines, in order."""
    return source.once("lined stays", _lined)


def repeated(rows: pl.DataFrame) -> pl.Series:
    """Whether another of the lines has the same stay, item and day."""
    item_day = rows[ITEM_DAY].to_numpy()
    keys = rows[STAY].to_numpy() * np.int64(int(item_day.max(initial=0)) + 1) + item_day
    # Lines are in the order of their stays, which a stable sort makes use of.
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    equal = keys[1:] == keys[:-1]
    found = np.zeros(len(keys), dtype=np.bool_)
    found[order[1:][equal]] = True
    found[order[:-1][equal]] = True
    return pl.Series(found)


def told(rows: pl.DataFrame, source: Source, *names: str) -> pl.DataFrame:
    """The lines with columns of ``tariff``."""
    return rows.with_columns(source_of(source, name, rows[ITEM_DAY]) for name in names)


def of_items(rows: pl.DataFrame, source: Source, codes: pl.Series) -> pl.DataFrame:
    """Those of the lines whose item is one of the codes."""
    asked = tariff(source)["item_code"].is_in(codes.unique().implode())
    return rows.filter(asked.gather(rows[ITEM_DAY]))


def source_of(source: Source, name: str, item_days: pl.Series) -> pl.Series:
    """A column of ``tariff`` for each of these item days."""
    return tariff(source)[name].gather(item_days)


def tariff(source: Source) -> pl.DataFrame:
    """What reference tables say of each item on each day of the batch; null where they lack it.

    ``item_code``, ``charge_date``, the flags ``is_...`` of items.csv, ``tariff_class``,
    ``class`` of item_classes.csv and ``setting`` of settings.csv.
    """
    return source.once("tariff of lines", _tariff)


def numbered(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """A number for each value (0 or more), from 0 on without gaps, in the order of the values."""
    size = int(values.max(initial=-1)) + 1
    if size > max(LEAST_DENSE, DENSE * len(values)):
        inverse: NDArray[np.int64] = np.unique(values, return_inverse=True)[1]
        return inverse
    # Values are mostly dense: marking those that occur is many times as fast as sorting all.
    occurs = np.zeros(size, dtype=np.bool_)
    occurs[values] = True
    return (np.cumsum(occurs) - 1)[values]


def days(dates: pl.Series) -> NDArray[np.int64]:
    """Days since the first of the dates."""
    physical = dates.to_physical().to_numpy().astype(np.int64)
    return physical - physical.min() if len(physical) else physical


def _lines(source: Source) -> pl.DataFrame:
    rows = source.keyed("charges")
    local = pl.Categorical(pl.Categories.random())
    item = rows["item_code"].cast(local).to_physical().alias(ITEM)
    since = days(rows["charge_date"])
    span = int(since.max(initial=0)) + 1
    item_day = numbered(item.to_numpy().astype(np.int64) * span + since)
    return rows.with_columns(
        pl.col("category").cast(pl.UInt8).alias(CATEGORY),
        item,
        pl.Series(ITEM_DAY, item_day.astype(np.uint32)),
        _standing(rows),
    )


def _standing(rows: pl.DataFrame) -> pl.Series:
    """``:stands`` of each line; a line that was taken back in part still stands."""
    takes = rows["reverses_line_id"].is_not_null()
    if not takes.any():
        return pl.repeat(value=True, n=rows.height, eager=True).alias(STANDS)
    taken_back = (
        rows.filter(takes)
        .group_by(STAY, line_id="reverses_line_id")
        .agg(pl.col("quantity").sum().abs().alias("taken_back"))
    )
    gone = (
        rows.select(STAY, ROW, "line_id", "quantity")
        .filter(pl.col(STAY).is_in(taken_back[STAY].implode()))
        .join(taken_back, on=[STAY, "line_id"], how="inner")
        .filter(pl.col("taken_back") >= pl.col("quantity"))
    )
    stands = ~takes.to_numpy()
    stands[gone[ROW].to_numpy()] = False
    return pl.Series(STANDS, stands)


def _lined(source: Source) -> pl.DataFrame:
    at = lines(source)[STAY].unique(maintain_order=True).set_sorted()
    return pl.DataFrame([at, source.table("stays")["stay_id"].gather(at)])


def _live(source: Source) -> pl.DataFrame:
    return lines(source).filter(STANDS)


def _tariff(source: Source) -> pl.DataFrame:
    rows = lines(source)
    line_of = np.zeros(int(rows[ITEM_DAY].max() or 0) + 1 if rows.height else 0, dtype=np.int64)  # type: ignore[arg-type]
    line_of[rows[ITEM_DAY].to_numpy()] = np.arange(rows.height)
    found = rows.select("item_code", "charge_date")[line_of].with_row_index(ITEM_DAY)
    folder = source.reference
    for table, values in (
        (reference.items(folder), [f"is_{flag}" for flag in ITEM_FLAGS]),
        (reference.classes(folder), ["tariff_class"]),
        (cost_tables.item_classes(folder), ["class"]),
        (reference.settings(folder), ["setting"]),
    ):
        found = source.collect(reference.join_dated(found.lazy(), "charge_date", table, *values))
    return found.sort(ITEM_DAY)
