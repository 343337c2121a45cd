"""What the conditions of a pack must be: known, allowed, and able to decide something."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import polars as pl

from domain import codes
from drg.schemes.layout import OPERATING, TESTS
from drg.schemes.problems import ROW, Problems
from drg.schemes.reach import check_reach

FILE: Final = "conditions.csv"

LIST_TESTS: Final = {
    "principal_diagnosis": "diagnosis_lists",
    "any_diagnosis": "diagnosis_lists",
    "other_diagnosis": "diagnosis_lists",
    "main_procedure": "procedure_lists",
    "any_procedure": "procedure_lists",
    "other_procedure": "procedure_lists",
}
"""The tests of codes and the table that holds their lists."""

LEVELS: Final = ("mcc", "cc", "mcc_or_cc")
"""What a test of ``complication`` may ask for."""

_OWNERS: Final = {
    "mdc": ("mdcs", "mdc"),
    "adrg": ("adrgs", "adrg"),
    "group": ("groups", "group_code"),
}
"""The table and column where the codes of an owner stand."""

_NUMBERS: Final = frozenset(
    {"age_years", "age_days", "birth_weight_g", "stay_days", "icu_hours", "body_sites"}
)
_NUMBER = re.compile(r"^(0|[1-9][0-9]{0,8})(\.[0-9]{1,4})?$")
_CODED: Final = {"sex": codes.SEX, "discharge_way": codes.DISCHARGE_WAY}


def check_conditions(tables: Mapping[str, pl.DataFrame], problems: Problems) -> None:
    """Note conditions that cannot be, and what can never be reached because of others."""
    needs = ("mdcs", "adrgs", "groups", "conditions", "diagnosis_lists", "procedure_lists")
    if not all(name in tables for name in (*needs, "sites")):
        return
    before = len(problems)
    _check_owners(tables, problems)
    _check_tests(tables, problems)
    _check_lists(tables, problems)
    _check_sites(tables, problems)
    if len(problems) == before:
        check_reach(tables, problems)


def _check_owners(tables: Mapping[str, pl.DataFrame], problems: Problems) -> None:
    for owner, (table, column) in _OWNERS.items():
        known = tables[table][column].implode()
        frame = tables["conditions"].filter(pl.col("owner") == owner)
        problems.add_rows(
            "unknown code",
            FILE,
            frame.filter(~pl.col("code").is_in(known)),
            lambda row: f"no {row['owner']} is named {row['code']}",
            f"Correct the code, or add it to {table}.csv.",
        )


def _check_tests(tables: Mapping[str, pl.DataFrame], problems: Problems) -> None:
    for row in tables["conditions"].sort(ROW).iter_rows(named=True):
        allowed = TESTS[row["test"]]
        if row["op"] not in allowed:
            what = f"{row['test']} cannot be tested with {row['op']!r}"
            problems.add("op", FILE, row[ROW], what, f"Use {' or '.join(allowed)}.")
        elif row["test"] not in LIST_TESTS:
            cure = _why_wrong(row["test"], row["value"])
            if cure is not None:
                what = f"{row['value']!r} is no value for {row['test']}"
                problems.add("value", FILE, row[ROW], what, cure)


def _why_wrong(test: str, value: str) -> str | None:
    """What to do about a value; nothing where it is right."""
    if test == "complication":
        return None if value in LEVELS else f"Write {', '.join(LEVELS)}."
    if test in _NUMBERS:
        return None if _NUMBER.match(value) else "Write a number such as 28 or 0.5."
    parts = value.split("|")
    if test in _CODED and not set(parts) <= set(_CODED[test]):
        return f"Write one or more of {', '.join(_CODED[test])}, joined by |."
    if len(set(parts)) < len(parts) or any(part != part.strip() or not part for part in parts):
        return "Write different values joined by |, without blanks."
    return None


def _check_lists(tables: Mapping[str, pl.DataFrame], problems: Problems) -> None:
    for table in ("diagnosis_lists", "procedure_lists"):
        frame = tables[table]
        tests = [test for test, of in LIST_TESTS.items() if of == table]
        named = (
            tables["conditions"]
            .filter(pl.col("test").is_in(tests))
            .with_columns(pl.col("value").str.split("|").alias("list"))
            .explode("list")
        )
        built_in = [OPERATING] if table == "procedure_lists" else []
        known = pl.concat([frame["list"], pl.Series("list", built_in, pl.String)]).implode()
        problems.add_rows(
            "unknown list",
            FILE,
            named.filter(~pl.col("list").is_in(known)),
            lambda row: f"there is no list {row['list']!r} for {row['test']}",
            f"Correct the name, or add its codes to {table}.csv.",
        )
        reserved = frame.filter(
            pl.col("list").str.starts_with("@") | pl.col("list").str.contains("|", literal=True)
        )
        problems.add_rows(
            "list name",
            f"{table}.csv",
            reserved,
            lambda row: f"a list cannot be named {row['list']!r}",
            "Choose a name without |, not beginning with @.",
        )
        unused = frame.join(named, on="list", how="anti").group_by("list").agg(pl.col(ROW).min())
        for row in unused.sort(ROW).iter_rows(named=True):
            problems.warn(
                "unused list",
                f"{table}.csv",
                row[ROW],
                f"no condition names the list {row['list']!r}",
                "Name it in conditions.csv, or take it out.",
            )


def _check_sites(tables: Mapping[str, pl.DataFrame], problems: Problems) -> None:
    """A category that counts sites has some."""
    category = dict(tables["adrgs"].select("adrg", "mdc").rows())
    adrg = dict(tables["groups"].select("group_code", "adrg").rows())
    sited = set(tables["sites"]["mdc"])
    rows = tables["conditions"].filter(pl.col("test") == "body_sites").sort(ROW)
    for row in rows.iter_rows(named=True):
        code = row["code"]
        if row["owner"] == "group":
            code = adrg.get(code, code)
        if row["owner"] != "mdc":
            code = category.get(code, code)
        if code not in sited:
            what = f"body_sites is tested, but sites.csv has none of category {code}"
            problems.add("sites", FILE, row[ROW], what, f"Add the sites of {code} to sites.csv.")
