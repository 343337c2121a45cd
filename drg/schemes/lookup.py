"""Finds what a pack says about one code: its lists, who names them, its severity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import polars as pl

from drg.schemes.conditions import LIST_TESTS
from drg.schemes.layout import OPERATING
from drg.schemes.scheme import Scheme, SchemeError

Kind = Literal["diagnosis", "procedure"]

_TABLES: dict[Kind, tuple[str, str]] = {
    "diagnosis": ("diagnoses", "diagnosis_lists"),
    "procedure": ("procedures", "procedure_lists"),
}


@dataclass(frozen=True, slots=True)
class CodeFinding:
    """What a pack says about a code.

    ``code`` is the one used after the crosswalk; ``written`` the one asked for. ``lists``
    are the lists that hold it, ``conditions`` the rows of ``conditions.csv`` that name one
    of them. Of a diagnosis: ``levels`` (level, exclusion table, number of its principal
    diagnoses), ``excludes`` (tables that hold it as principal diagnosis, with the number of
    complications that they take out) and ``sites``. Of a procedure: ``operating``.
    """

    written: str
    code: str
    name_zh: str
    name_en: str | None
    operating: bool | None
    lists: tuple[str, ...]
    conditions: pl.DataFrame
    levels: tuple[tuple[str, str | None, int], ...]
    excludes: tuple[tuple[str, int], ...]
    sites: tuple[str, ...]


def find_code(scheme: Scheme, kind: Kind, written: str) -> CodeFinding:
    """What the pack says about a diagnosis or procedure, after its crosswalk.

    SchemeError where the code is not known, or is left out by the crosswalk.
    """
    table, lists_table = _TABLES[kind]
    code = _translate(scheme, kind, written)
    known = scheme.tables[table].filter(pl.col("code") == code)
    if known.is_empty():
        raise SchemeError(
            f"no {kind} is coded {written}",
            where=str(scheme.folder / f"{table}.csv"),
            cure="Write the code as the pack does; letters and signs count.",
        )
    entry = known.row(0, named=True)
    held = scheme.tables[lists_table].filter(pl.col("code") == code)["list"].to_list()
    if entry.get("operating"):
        held.append(OPERATING)
    tests = [test for test, of in LIST_TESTS.items() if of == lists_table]
    conditions = scheme.tables["conditions"].filter(
        pl.col("test").is_in(tests)
        & (pl.col("value").str.split("|").list.set_intersection(held).list.len() > 0)
    )
    found = CodeFinding(
        written,
        code,
        entry["name_zh"],
        entry["name_en"],
        entry.get("operating"),
        tuple(held),
        conditions,
        (),
        (),
        (),
    )
    return found if kind == "procedure" else _add_severity(scheme, found)


def _translate(scheme: Scheme, kind: Kind, written: str) -> str:
    row = scheme.tables["crosswalks"].filter((pl.col("kind") == kind) & (pl.col("code") == written))
    if row.is_empty():
        return written
    target = row["target"].item()
    if target is None:
        raise SchemeError(
            f"the crosswalk leaves {written} out: it plays no part in grouping",
            where=str(scheme.folder / "crosswalks.csv"),
            cure="Give it a target there if it should count.",
        )
    return str(target)


def _add_severity(scheme: Scheme, found: CodeFinding) -> CodeFinding:
    tables = scheme.tables
    sizes = dict(tables["exclusions"].group_by("exclusion_table").len().rows())
    own = tables["complications"].filter(pl.col("code") == found.code)
    holding = tables["exclusions"].filter(pl.col("code") == found.code)
    taken = (
        holding.join(tables["complications"], on="exclusion_table", suffix="_other")
        .group_by("exclusion_table")
        .len()
        .sort("exclusion_table")
    )
    sites = tables["sites"].filter(pl.col("code") == found.code)
    return CodeFinding(
        found.written,
        found.code,
        found.name_zh,
        found.name_en,
        found.operating,
        found.lists,
        found.conditions,
        tuple(
            (level, table, sizes.get(table, 0))
            for level, table in own.select("level", "exclusion_table").rows()
        ),
        tuple((table, count) for table, count in taken.rows()),
        tuple(f"{mdc} {site}" for mdc, site in sites.select("mdc", "site").rows()),
    )
