"""What the tariff says of an item and of two items together: dated, regional tables of rules/reference."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path
from typing import Final

import polars as pl

from domain.errors import SentinelError
from rules.facts.reference import FOLDER

TERMS: Final = {
    "day_limit": "number",
    "plausible_day_most": "number",
    "sex": "sex",
    "least_age": "number",
    "most_age": "number",
    "least_level": "number",
    "interval_days": "number",
    "course_days": "number",
    "parallel": "number",
    "role": "text",
    "incision_group": "text",
    "part_group": "text",
}
"""The terms that ``item_terms.csv`` may state of an item, and what their value is."""
RELATIONS: Final = (
    "includes", "includes_in_stay", "includes_coronary", "includes_critical_care",
    "includes_delivery", "panel", "excludes", "surcharge", "imaging_surcharge", "needs",
    "monitors", "ncci",
)  # fmt: skip
"""The relations of ``item_pairs.csv``."""


class ReferenceFileError(SentinelError):
    """A row of a reference table cannot be read."""


@cache
def item_terms(folder: Path = FOLDER) -> pl.DataFrame:
    """item_code, term, value, region_code, valid_from, valid_to; ReferenceFileError names the row."""
    return _dated(
        folder / "item_terms.csv",
        {
            "term": lambda row: row["term"] in TERMS,
            "value": lambda row: _is_value(TERMS.get(row["term"] or "", ""), row["value"]),
        },
    )


@cache
def item_pairs(folder: Path = FOLDER) -> pl.DataFrame:
    """relation, item_code (the main item), other_code, window, value, region_code and dates."""
    return _dated(
        folder / "item_pairs.csv",
        {
            "relation": lambda row: row["relation"] in RELATIONS,
            "other_code": lambda row: bool(row["other_code"]),
            "window": lambda row: row["window"] in ("day", "stay") or _is_number(row["window"]),
            "value": lambda row: row["value"] is None or _is_number(row["value"]),
        },
    )


@cache
def price_caps(folder: Path = FOLDER) -> pl.DataFrame:
    """item_code, region_code, provider_level, cap_yuan (Decimal), valid_from, valid_to."""
    return _dated(
        folder / "price_caps.csv", {"cap_yuan": lambda row: _is_number(row["cap_yuan"])}
    ).with_columns(
        pl.col("provider_level").fill_null(""), pl.col("cap_yuan").cast(pl.Decimal(18, 6))
    )


@cache
def item_prices(folder: Path = FOLDER) -> pl.DataFrame:
    """item_code, price_yuan (Decimal), valid_from, valid_to of the tariff."""
    return _dated(
        folder / "items.csv", {"unit_price_yuan": lambda row: _is_number(row["unit_price_yuan"])}
    ).select(
        "item_code",
        pl.col("unit_price_yuan").cast(pl.Decimal(18, 6)).alias("price_yuan"),
        "region_code",
        "valid_from",
        "valid_to",
    )


def applicable(lines: pl.LazyFrame, table: pl.DataFrame, *, on: str = "item_code") -> pl.LazyFrame:
    """Each line with the rows of the table that hold for its item, day and region.

    ``lines`` has ``item_code``, ``charge_date``, ``region_code``; ``on`` is the column of
    the table that names the item. A region's row holds beside the national one; the
    caller takes the longest ``term_region``.
    """
    rows = table.lazy().rename({"region_code": "term_region"})
    if on != "item_code":
        rows = rows.rename({"item_code": "main_code", on: "item_code"})
    day = pl.col("charge_date")
    return lines.join(rows, on="item_code", how="inner").filter(
        (pl.col("valid_from") <= day)
        & (pl.col("valid_to").is_null() | (day < pl.col("valid_to")))
        & pl.col("region_code").fill_null("").str.starts_with(pl.col("term_region"))
    )


def _dated(path: Path, checks: dict[str, Callable[[dict[str, str | None]], bool]]) -> pl.DataFrame:
    table = pl.read_csv(path, infer_schema=False)
    wanted = checks | {
        "item_code": lambda row: bool(row["item_code"]),
        "valid_from": lambda row: _is_date(row["valid_from"]),
        "valid_to": lambda row: row["valid_to"] is None or _is_date(row["valid_to"]),
        "source": lambda row: bool(row["source"]),
    }
    for number, row in enumerate(table.iter_rows(named=True), start=2):
        for column, holds in wanted.items():
            if not holds(row):
                raise ReferenceFileError(
                    f"{row.get(column)!r} is no {column}",
                    where=f"{path}:{number}",
                    cure=f"Correct the column {column}; rules/reference/README.md says what may stand there.",
                )
    if "region_code" not in table.columns:
        table = table.with_columns(region_code=pl.lit(None, dtype=pl.String))
    return table.with_columns(
        pl.col("region_code").fill_null(""),
        pl.col("valid_from").str.to_date(),
        pl.col("valid_to").str.to_date(),
    )


def _is_value(kind: str, value: str | None) -> bool:
    if kind == "sex":
        return value in ("1", "2")
    if kind == "number":
        return value is not None and value.isascii() and value.isdigit()
    return bool(value)


def _is_number(value: str | None) -> bool:
    try:
        return value is not None and Decimal(value).is_finite() and Decimal(value) >= 0
    except InvalidOperation:
        return False


def _is_date(value: str | None) -> bool:
    try:
        return value is not None and bool(date.fromisoformat(value))
    except ValueError:
        return False
