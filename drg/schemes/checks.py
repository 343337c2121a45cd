"""What the tables of a pack must be to each other: codes, translations, days, ranks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import polars as pl

from domain import codes
from drg.payment_terms.checks import check_terms
from drg.schemes import conditions
from drg.schemes.layout import SHEETS, Sheet
from drg.schemes.problems import ROW, Problems, Row

Frames = Mapping[str, pl.DataFrame]

_REGION = r"^[A-Z0-9]{1,12}$"


def check_tables(tables: Frames, problems: Problems) -> None:
    """Note what is wrong between the tables.

    A table that could not be read is not in ``tables``; what needs it is passed over, since
    its own faults come first.
    """
    for sheet in SHEETS:
        if sheet.name in tables:
            _check_references(tables, sheet, problems)
            _check_places(tables[sheet.name], sheet, problems)
            _check_days(tables[sheet.name], sheet, problems)
            _check_group_codes(tables, sheet, problems)
    for needs, check in _CHECKS:
        if all(name in tables for name in needs):
            check(tables, problems)
    conditions.check_conditions(tables, problems)
    check_terms(tables, problems)


def _check_references(tables: Frames, sheet: Sheet, problems: Problems) -> None:
    frame = tables[sheet.name]

    def tell(column: str, other: str, row: Row) -> str:
        return f"{column} {row[column]} does not stand in {other}.csv"

    for column, other, target in sheet.references:
        if other not in tables:
            continue
        known = tables[other][target].drop_nulls().implode()
        problems.add_rows(
            f"unknown {column}",
            sheet.file,
            frame.filter(pl.col(column).is_not_null() & ~pl.col(column).is_in(known)),
            partial(tell, column, other),
            f"Correct the {column}, or add it to {other}.csv.",
        )


def _check_places(frame: pl.DataFrame, sheet: Sheet, problems: Problems) -> None:
    """Divisions look like divisions, and insurance types are those of the domain."""
    if "region_code" in sheet.names:
        problems.add_rows(
            "region_code",
            sheet.file,
            frame.filter(~pl.col("region_code").str.contains(_REGION)),
            lambda row: f"region_code {row['region_code']} is no division",
            "Write a division or its first digits, such as 330100 or 33.",
        )
    if "insurance_type" in sheet.names:
        problems.add_rows(
            "insurance_type",
            sheet.file,
            frame.filter(~pl.col("insurance_type").is_in(tuple(codes.INSURANCE_TYPE))),
            lambda row: f"no insurance type is {row['insurance_type']}",
            f"Use {', '.join(codes.INSURANCE_TYPE)}, or leave it empty for all.",
        )


def _check_days(frame: pl.DataFrame, sheet: Sheet, problems: Problems) -> None:
    """A row ends after it begins, and no two rows of one key hold on the same day."""
    if not {"effective_from", "effective_to"} <= set(sheet.names):
        return
    first, last = pl.col("effective_from"), pl.col("effective_to")
    backwards = frame.filter(last < first)
    problems.add_rows(
        "days",
        sheet.file,
        backwards,
        lambda row: (
            f"effective_to {row['effective_to']} lies before effective_from {row['effective_from']}"
        ),
        "Correct one of the two days.",
    )
    key = [name for name in sheet.key if name != "effective_from"]
    in_order = frame.filter((last >= first) | last.is_null()).sort(*key, "effective_from")
    # The row that runs longest so far, not just the one before, may reach into this one.
    reach = last.fill_null(pl.date(9999, 12, 31))
    longest = in_order.with_columns(
        reach.shift(1).cum_max().over(key).alias("_reach"),
        pl.col(ROW).shift(1).over(key).alias("_before"),
    )
    problems.add_rows(
        "overlap",
        sheet.file,
        longest.filter(pl.col("_reach") >= first),
        lambda row: (
            f"it begins on {row['effective_from']} while line {row['_before']} "
            f"({', '.join(f'{name} {row[name]}' for name in key if row[name] is not None)}) "
            "or an earlier one still holds"
        ),
        "End the earlier line the day before: fill in its effective_to.",
    )


def _check_group_codes(tables: Frames, sheet: Sheet, problems: Problems) -> None:
    """Figures name a group or ADRG of the scheme, xQY or 0000."""
    needs = ("mdcs", "adrgs", "groups")
    if "group_code" not in sheet.names or sheet.name == "groups" or "chs" not in sheet.engines:
        return
    if not all(name in tables for name in needs):
        return
    known = pl.concat(
        [
            tables["groups"]["group_code"],
            tables["adrgs"]["adrg"].alias("group_code"),
            (tables["mdcs"]["mdc"] + "QY").alias("group_code"),
            pl.Series("group_code", ["0000"]),
        ]
    ).implode()
    problems.add_rows(
        "unknown group_code",
        sheet.file,
        tables[sheet.name].filter(~pl.col("group_code").is_in(known)),
        lambda row: f"group_code {row['group_code']} is no group or ADRG of the scheme",
        "Correct it, or add it to groups.csv.",
    )


def _check_ranks(tables: Frames, problems: Problems) -> None:
    """A rank is used once: in the scheme, in a category, in an ADRG."""
    for name, parent in (("mdcs", None), ("adrgs", "mdc"), ("groups", "adrg")):
        frame = tables[name]
        key = [parent, "rank"] if parent else ["rank"]
        twice = frame.with_columns(pl.col(ROW).min().over(key).alias("_first")).filter(
            pl.col(ROW) != pl.col("_first")
        )
        problems.add_rows(
            "rank",
            f"{name}.csv",
            twice,
            lambda row: f"the rank {row['rank']} is already that of line {row['_first']}",
            "Give each its own rank: the lower is tried first.",
        )


def _check_ambiguity(tables: Frames, problems: Problems) -> None:
    ranks = tables["adrgs"].select("mdc", pl.col("rank").alias("ambiguity_after"))
    named = tables["mdcs"].filter(pl.col("ambiguity_after").is_not_null())
    problems.add_rows(
        "ambiguity",
        "mdcs.csv",
        named.join(ranks, on=["mdc", "ambiguity_after"], how="anti"),
        lambda row: f"no ADRG of category {row['mdc']} has the rank {row['ambiguity_after']}",
        "Write the rank of the ADRG after which the test is made, or leave it empty.",
    )
    for row in named.filter(pl.col("ambiguity") == "none").iter_rows(named=True):
        problems.warn(
            "ambiguity",
            "mdcs.csv",
            row[ROW],
            "ambiguity_after is given, but ambiguity is none",
            "Empty it, or say which procedure makes the stay ambiguous.",
        )


def _check_crosswalk(tables: Frames, problems: Problems) -> None:
    """Targets are codes of the scheme and are not translated themselves, least of all in a circle."""
    frame = tables["crosswalks"]
    valid = pl.concat(
        [
            tables["diagnoses"].select(kind=pl.lit("diagnosis"), code="code"),
            tables["procedures"].select(kind=pl.lit("procedure"), code="code"),
        ]
    )
    given = frame.filter(pl.col("target").is_not_null())
    problems.add_rows(
        "unknown target",
        "crosswalks.csv",
        given.join(valid, left_on=["kind", "target"], right_on=["kind", "code"], how="anti"),
        lambda row: f"the target {row['target']} does not stand in {_PLURAL[row['kind']]}.csv",
        "Correct the target, or leave it empty so that the code is left out.",
    )
    targets = dict(zip(frame.select("kind", "code").rows(), frame["target"], strict=True))
    chained = given.join(frame, left_on=["kind", "target"], right_on=["kind", "code"], how="semi")

    def tell(row: Row) -> str:
        way = [row["code"]]
        step: str | None = row["target"]
        while step is not None and step not in way:
            way.append(step)
            step = targets.get((row["kind"], step))
        if step is None:
            return f"the target is itself translated: {' -> '.join(way)}"
        return f"the translation runs in a circle: {' -> '.join([*way, step])}"

    problems.add_rows(
        "chain",
        "crosswalks.csv",
        chained,
        tell,
        "A code is translated once: take out the line of the code that is valid here, or name "
        "the last code as the target.",
    )
    for row in (
        frame.join(chained, on=["kind", "code"], how="anti")
        .join(valid, on=["kind", "code"], how="semi")
        .sort(ROW)
        .iter_rows(named=True)
    ):
        problems.warn(
            "valid code",
            "crosswalks.csv",
            row[ROW],
            f"{row['code']} is a valid code of the scheme and is translated all the same",
            "Take the line out unless claims mean another edition by it.",
        )


_PLURAL = {"diagnosis": "diagnoses", "procedure": "procedures"}


def _check_exclusions(tables: Frames, problems: Problems) -> None:
    """Every exclusion table that a complication names has rows."""
    named, filled = tables["complications"], tables["exclusions"]
    problems.add_rows(
        "exclusion_table",
        "complications.csv",
        named.filter(pl.col("exclusion_table").is_not_null()).join(
            filled, on="exclusion_table", how="anti"
        ),
        lambda row: f"the exclusion table {row['exclusion_table']} has no rows in exclusions.csv",
        "Correct it, or leave it empty where no principal diagnosis excludes.",
    )
    unused = filled.join(named, on="exclusion_table", how="anti").unique(
        "exclusion_table", keep="first", maintain_order=True
    )
    for row in unused.sort(ROW).iter_rows(named=True):
        problems.warn(
            "unused table",
            "exclusions.csv",
            row[ROW],
            f"no complication names the exclusion table {row['exclusion_table']}",
            "Name it in complications.csv, or take it out.",
        )


_CHECKS: tuple[tuple[tuple[str, ...], Callable[[Frames, Problems], None]], ...] = (
    (("mdcs", "adrgs", "groups"), _check_ranks),
    (("mdcs", "adrgs"), _check_ambiguity),
    (("crosswalks", "diagnoses", "procedures"), _check_crosswalk),
    (("complications", "exclusions"), _check_exclusions),
)
