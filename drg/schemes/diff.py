"""What changed between two packs, as tables and in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, Final

import polars as pl

from drg.schemes.diff_words import summarize
from drg.schemes.layout import SHEETS, Sheet
from drg.schemes.scheme import Manifest, Scheme
from drg.schemes.words import Language, describe

_TEXT: Final = pl.String()
_ROWS: Final = pl.Schema(
    dict.fromkeys(("sheet", "change", "key", "effective_from", "column", "old", "new"), _TEXT)
)
_APART: Final = frozenset(
    {"conditions", "diagnosis_lists", "procedure_lists", "complications", "exclusions"}
)
"""Sheets that are compared by what they mean and not row by row."""


@dataclass(frozen=True, slots=True)
class SchemeDiff:
    """What changed from one pack to another; an empty frame where nothing did.

    ``manifest``: key, old, new. ``rows``: sheet, change (``added``, ``removed`` or
    ``changed``), key, effective_from, column, old, new; for a dated row that came or went,
    the other side is the figure that the other pack has for that day. ``lists``: sheet, list,
    change, added and removed codes joined by ``|``, and their number. ``conditions``: owner,
    code, and the conditions of either pack in words (zh, en; null where the owner is not in
    it). ``severities``: code, name_zh, old and new level. ``exclusions``: for each pair of
    exclusion tables with different codes, how many complications they hold for, and the
    principal diagnoses added and removed; the numbers of tables do not matter.
    """

    old: Scheme
    new: Scheme
    manifest: pl.DataFrame
    rows: pl.DataFrame
    lists: pl.DataFrame
    conditions: pl.DataFrame
    severities: pl.DataFrame
    exclusions: pl.DataFrame

    @property
    def same(self) -> bool:
        """Whether both packs say the same."""
        return all(frame.is_empty() for _, frame in self.sections())

    def sections(self) -> Iterator[tuple[str, pl.DataFrame]]:
        """Name and frame of every section."""
        for name in ("manifest", "rows", "lists", "conditions", "severities", "exclusions"):
            yield name, getattr(self, name)

    def as_json(self) -> dict[str, Any]:
        """The sections as lists of rows, with the names and sha256 of the two packs."""
        return {
            "old": {"code": self.old.manifest.code, "sha256": self.old.sha256},
            "new": {"code": self.new.manifest.code, "sha256": self.new.sha256},
            "same": self.same,
            **{name: frame.to_dicts() for name, frame in self.sections()},
        }

    def summary(self, language: Language = "en", limit: int = 20) -> str:
        """The changes in lines for a person, at most ``limit`` of each table."""
        return "\n".join(summarize(self, language, limit)) + "\n"


def diff(old: Scheme, new: Scheme) -> SchemeDiff:
    """Compare two packs: everything that names, decides or pays differently.

    Only the numbers of exclusion tables and of alternatives may differ unseen.
    """
    return SchemeDiff(
        old,
        new,
        _compare_manifests(old.manifest, new.manifest),
        pl.concat(
            [
                pl.DataFrame(schema=_ROWS),
                *(
                    _compare_rows(sheet, old.tables[sheet.name], new.tables[sheet.name])
                    for sheet in SHEETS
                    if sheet.name not in _APART
                ),
            ]
        ),
        _compare_lists(old, new),
        _compare_conditions(old, new),
        _compare_severities(old, new),
        _compare_exclusions(old, new),
    )


def _compare_manifests(old: Manifest, new: Manifest) -> pl.DataFrame:
    pairs = [
        (f.name, _said(getattr(old, f.name)), _said(getattr(new, f.name)))
        for f in fields(Manifest)
        if getattr(old, f.name) != getattr(new, f.name)
    ]
    return pl.DataFrame(pairs, schema=dict.fromkeys(("key", "old", "new"), _TEXT), orient="row")


def _said(value: Any) -> str | None:
    match value:
        case None:
            return None
        case bool():
            return str(value).lower()
        case tuple():
            return ", ".join(value)
        case _:
            return str(value)


def _texts(frame: pl.DataFrame, sheet: Sheet) -> pl.DataFrame:
    """The cells as text, keys never null, so that they join."""
    return frame.select(
        pl.col(name).cast(_TEXT).fill_null("") if name in sheet.key else pl.col(name).cast(_TEXT)
        for name in sheet.names
    )


def _compare_rows(sheet: Sheet, old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    if old.equals(new):
        return pl.DataFrame(schema=_ROWS)
    before, after = _texts(old, sheet), _texts(new, sheet)
    key = list(sheet.key)
    shared = before.join(after, on=key, how="inner", suffix="_new")
    plain = [name for name in sheet.names if name not in key]
    parts = [
        _told(sheet, shared, "changed", name, (pl.col(name), pl.col(f"{name}_new")))
        for name in plain
    ]
    parts += _one_sided(sheet, after.join(before, on=key, how="anti"), before, "added")
    parts += _one_sided(sheet, before.join(after, on=key, how="anti"), after, "removed")
    return pl.concat(parts).sort("sheet", "key", "effective_from", "change", maintain_order=True)


def _one_sided(
    sheet: Sheet, rows: pl.DataFrame, other: pl.DataFrame, change: str
) -> list[pl.DataFrame]:
    """Rows that only one pack has; dated ones beside what the other has for their first day."""
    if rows.is_empty():
        return []
    key = [name for name in sheet.key if name != "effective_from"]
    plain = [name for name in sheet.names if name not in sheet.key]
    if "effective_from" in sheet.key:
        rows = rows.sort("effective_from").join_asof(
            other.sort("effective_from").with_columns(_until=pl.col("effective_to")),
            on="effective_from",
            by=key or None,
            suffix="_other",
            check_sortedness=False,
        )
        ended = pl.col("_until") < pl.col("effective_from")
        rows = rows.with_columns(
            pl.when(~ended.fill_null(False)).then(f"{name}_other").alias(f"{name}_other")
            for name in plain
        )
        figures = [name for name in plain if name not in {"effective_to", "source"}]
    else:
        rows = rows.with_columns(pl.lit(None, _TEXT).alias(f"{name}_other") for name in plain)
        figures = plain

    def sides(name: str) -> tuple[pl.Expr, pl.Expr]:
        here, there = pl.col(name), pl.col(f"{name}_other")
        return (there, here) if change == "added" else (here, there)

    told = pl.concat(
        [
            pl.DataFrame(schema=_ROWS),
            *(_told(sheet, rows, change, name, sides(name)) for name in figures),
        ]
    )
    # A row that says nothing new (only other days) is told all the same.
    silent = _told(sheet, rows, change, "", None)
    return [told, silent.join(told, on=["key", "effective_from"], how="anti", nulls_equal=True)]


def _told(
    sheet: Sheet,
    rows: pl.DataFrame,
    change: str,
    column: str,
    sides: tuple[pl.Expr, pl.Expr] | None,
) -> pl.DataFrame:
    """The rows whose old and new side differ; all of them where there are no sides."""
    old, new = sides or (pl.lit(None, _TEXT), pl.lit(None, _TEXT))
    names = [name for name in sheet.key if name != "effective_from"]
    said = [
        pl.when(pl.col(name) != "").then(pl.col(name) if len(names) == 1 else name + " " + pl.col(name))
        for name in names
    ]  # fmt: skip
    dated = "effective_from" in sheet.key
    return rows.filter(sides is None or old.ne_missing(new)).select(
        pl.lit(sheet.name).alias("sheet"),
        pl.lit(change).alias("change"),
        pl.concat_str(said, separator=", ", ignore_nulls=True).alias("key"),
        (pl.col("effective_from") if dated else pl.lit(None, _TEXT)).alias("effective_from"),
        pl.lit(column).alias("column"),
        old.alias("old"),
        new.alias("new"),
    )


def _compare_lists(old: Scheme, new: Scheme) -> pl.DataFrame:
    parts = []
    for name in ("diagnosis_lists", "procedure_lists"):
        before, after = old.tables[name], new.tables[name]
        known = set(before["list"]), set(after["list"])
        came = _members(after.join(before, on=["list", "code"], how="anti"), "added")
        went = _members(before.join(after, on=["list", "code"], how="anti"), "removed")
        both = came.join(went, on="list", how="full", coalesce=True)
        parts.append(
            both.select(
                pl.lit(name).alias("sheet"),
                "list",
                pl.when(~pl.col("list").is_in(sorted(known[0])))
                .then(pl.lit("added"))
                .when(~pl.col("list").is_in(sorted(known[1])))
                .then(pl.lit("removed"))
                .otherwise(pl.lit("changed"))
                .alias("change"),
                pl.col("count_added", "count_removed").fill_null(0),
                pl.col("added", "removed").fill_null(""),
            ).sort("list")
        )
    return pl.concat(parts)


def _members(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    return frame.group_by("list").agg(
        pl.len().cast(pl.Int64).alias(f"count_{name}"),
        pl.col("code").sort().str.join("|").alias(name),
    )


def _compare_conditions(old: Scheme, new: Scheme) -> pl.DataFrame:
    columns = ["owner", "code", "alternative", "test", "op", "value"]
    before, after = old.tables["conditions"], new.tables["conditions"]
    moved = pl.concat(
        [
            before.join(after, on=columns, how="anti"),
            after.join(before, on=columns, how="anti"),
        ]
    )
    rows = [
        (owner, code, *(_words(scheme, owner, code, way) for way in ("zh", "en") for scheme in (old, new)))
        for owner, code in moved.select("owner", "code").unique().sort("owner", "code").rows()
    ]  # fmt: skip
    names = ("owner", "code", "old_zh", "new_zh", "old_en", "new_en")
    return pl.DataFrame(rows, schema=dict.fromkeys(names, _TEXT), orient="row").filter(
        pl.col("old_en").ne_missing(pl.col("new_en"))
    )


def _words(scheme: Scheme, owner: str, code: str, language: Language) -> str | None:
    table, column = {
        "mdc": ("mdcs", "mdc"),
        "adrg": ("adrgs", "adrg"),
        "group": ("groups", "group_code"),
    }[owner]
    if code not in scheme.tables[table][column]:
        return None
    return describe(scheme, owner, code, None, language)


def _compare_severities(old: Scheme, new: Scheme) -> pl.DataFrame:
    def levels(scheme: Scheme, name: str) -> pl.DataFrame:
        return (
            scheme.tables["complications"]
            .group_by("code")
            .agg(pl.col("level").sort(descending=True).str.join("|").alias(name))
        )

    names = (
        pl.concat([s.tables["diagnoses"].select("code", "name_zh") for s in (new, old)])
        .unique("code", keep="first", maintain_order=True)
    )  # fmt: skip
    return (
        levels(old, "old")
        .join(levels(new, "new"), on="code", how="full", coalesce=True)
        .filter(pl.col("old").ne_missing(pl.col("new")))
        .join(names, on="code", how="left")
        .select("code", "name_zh", "old", "new")
        .sort("code")
    )


def _compare_exclusions(old: Scheme, new: Scheme) -> pl.DataFrame:
    def named(scheme: Scheme) -> pl.DataFrame:
        return scheme.tables["complications"].select("code", "exclusion_table")

    def members(scheme: Scheme) -> dict[str, frozenset[str]]:
        grouped = scheme.tables["exclusions"].group_by("exclusion_table").agg("code")
        return {table: frozenset(codes) for table, codes in grouped.rows()}

    pairs = (
        named(old)
        .join(named(new), on="code", suffix="_new")
        .group_by(["exclusion_table", "exclusion_table_new"])
        .agg(pl.len().cast(pl.Int64).alias("complications"))
        .sort("exclusion_table", "exclusion_table_new")
    )
    before, after = members(old), members(new)
    idle = (set(before) | set(after)) - {t for pair in pairs.rows() for t in pair[:2]}
    rows = []
    for first, second, count in [*pairs.rows(), *((table, table, 0) for table in sorted(idle))]:
        had, has = before.get(first, frozenset()), after.get(second, frozenset())
        if had != has:
            came, went = sorted(has - had), sorted(had - has)
            rows.append(
                (first, second, count, len(came), len(went), "|".join(came), "|".join(went))
            )
    return pl.DataFrame(
        rows,
        schema={
            "old_table": _TEXT,
            "new_table": _TEXT,
            "complications": pl.Int64(),
            "count_added": pl.Int64(),
            "count_removed": pl.Int64(),
            "added": _TEXT,
            "removed": _TEXT,
        },
        orient="row",
    )
