"""What the rows of the payment terms must be in themselves, beyond the types of their cells."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from drg.schemes.problems import Problems

_BAND_KEY = ("region_code", "insurance_type", "level", "provider_id", "group_code")


def check_terms(tables: Mapping[str, pl.DataFrame], problems: Problems) -> None:
    """Note the rows that contradict themselves; frames have the column ``ROW``.

    A table that is not there is passed over, so that a pack with other faults can be
    checked as well.
    """
    if "outliers" in tables:
        _check_outliers(tables["outliers"], problems)
    if "day_rates" in tables:
        _check_day_rates(tables["day_rates"], problems)
    if "excluded_items" in tables:
        wrong = tables["excluded_items"].filter(pl.col("share") > 1)
        problems.add_rows(
            "share",
            "excluded_items.csv",
            wrong,
            lambda row: f"the share {row['share']} is more than 1",
            "Write the part of the amount that is paid, from 0 to 1.",
        )
    if "special_cases" in tables:
        _check_special_cases(tables["special_cases"], problems)


def _check_outliers(outliers: pl.DataFrame, problems: Problems) -> None:
    by_amount = pl.col("line_basis") == "yuan"
    problems.add_rows(
        "line",
        "outliers.csv",
        outliers.filter(
            (by_amount & (pl.col("line_yuan").is_null() | pl.col("multiple").is_not_null()))
            | (~by_amount & (pl.col("multiple").is_null() | pl.col("line_yuan").is_not_null()))
        ),
        lambda row: (
            f"the line is measured by {row['line_basis']}, but multiple is "
            f"{_shown(row['multiple'])} and line_yuan {_shown(row['line_yuan'])}"
        ),
        "Fill in line_yuan for a line in yuan, else multiple, and leave the other one empty.",
    )
    problems.add_rows(
        "low line",
        "outliers.csv",
        outliers.filter((pl.col("kind") == "low") & (pl.col("pays") == "excess")),
        lambda _: "a cost below the low line has no part above the line that could be paid",
        "Let the row pay cost or standard.",
    )


def _check_day_rates(rates: pl.DataFrame, problems: Problems) -> None:
    # The bands of one set begin together, so the set is what shares its scope and first day.
    bands = rates.with_columns(
        pl.col("from_day").min().over(*_BAND_KEY, "effective_from").alias("_first"),
        *(
            pl.col(name).n_unique().over(*_BAND_KEY, "effective_from").alias(f"_{name}")
            for name in ("min_days", "cap_yuan", "cap_at_cost", "effective_to")
        ),
    )
    problems.add_rows(
        "first band",
        "day_rates.csv",
        bands.filter((pl.col("from_day") == pl.col("_first")) & (pl.col("_first") > 1)),
        lambda row: f"the first band begins on day {row['from_day']}, so earlier days have no rate",
        "Let one band begin on day 1. Bands of one set have the same effective_from.",
    )
    for name in ("min_days", "cap_yuan", "cap_at_cost", "effective_to"):
        problems.add_rows(
            f"bands differ in {name}",
            "day_rates.csv",
            bands.filter(pl.col(f"_{name}") > 1),
            lambda row, name=name: (  # type: ignore[misc]
                f"{name} is {_shown(row[name])} here and different in another band of the same set"
            ),
            f"Write the same {name} in every band of the set.",
        )


def _check_special_cases(cases: pl.DataFrame, problems: Problems) -> None:
    measured = pl.col("trigger") == "item"
    problems.add_rows(
        "item",
        "special_cases.csv",
        cases.filter(measured != pl.col("item_code").is_not_null()),
        lambda row: f"the trigger is {row['trigger']}, and item_code is {_shown(row['item_code'])}",
        "Name the item for the trigger item, and leave item_code empty for all others.",
    )


def _shown(value: object) -> str:
    return "empty" if value is None else str(value)
