"""Whether a claim shows a test, drug, treatment or operation for its diagnoses.

``reference/diagnosis_evidence.csv`` lists for the start of a diagnosis code what shows it. A
diagnosis that the table does not list is not judged. What the claim does not show is only
missing if the tariff knows every clinical item on it; an unknown item might be the evidence.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
import polars as pl

from rules.codebooks import Place
from rules.facts import charge_line, codebook, reference
from rules.facts.billed import codes_charged
from rules.facts.charge_day import ACTIVE
from rules.facts.charge_line import CATEGORY, ITEM, ITEM_DAY
from rules.facts.diagnosis import normal
from rules.facts.source import STAY, Source

SYSTEM: Final = "diagnosis_system"


def support(source: Source) -> pl.DataFrame:
    """One row a diagnosis that the table lists, and whether the claim shows it.

    Columns: stay_id, ordinal, code, norm, name_zh, name_en, supported (true, false, or null
    where the claim has no charge lines or an item that the tariff lacks).
    """
    return source.once("evidence.support", _support)


def coded(source: Source) -> pl.DataFrame:
    """Diagnoses of inpatient stays with ``norm``, their system, day of service, present_on_admission."""
    return source.once("evidence.coded", _coded)


def matched(source: Source, table: str) -> pl.DataFrame:
    """The diagnoses of ``coded`` with the longest row of a table that holds on their day."""
    return _match(coded(source), table, source)


def systems(source: Source, table: str) -> list[str]:
    """The code systems that a table has rows for; stays of others cannot be judged by it."""
    return codebook.read(table, source.reference)[SYSTEM].unique().sort().to_list()


def items_known(source: Source) -> pl.DataFrame:
    """``stay_id`` and ``known`` of claims with charge lines: the tariff has every clinical item."""
    return source.once("evidence.items_known", _items_known)


def shown_items(source: Source, codes: pl.Series, stays: pl.Series | None = None) -> pl.DataFrame:
    """On how many days (``days``) an item stands on a claim, what was taken back left out.

    One row a stay (``:stay``, ``stay_id``) and item (``value``); of these ``stays`` only, if given.
    """
    asked = sorted(codes_charged(source).intersection(codes.to_list()))
    if not asked:
        return pl.DataFrame(schema=_SHOWN)
    lines = charge_line.lines(source).select(
        STAY, "stay_id", ITEM, ITEM_DAY, "item_code", "charge_date", "quantity"
    )
    if stays is not None:
        among = np.zeros(len(source.batch), dtype=np.bool_)
        among[stays.to_numpy()] = True
        lines = lines.filter(pl.Series(among[lines[STAY].to_numpy()]))
    return (
        charge_line.of_items(lines, source, pl.Series(asked))
        .group_by(STAY, ITEM, ITEM_DAY)
        .agg(pl.col("quantity").sum(), pl.col("stay_id", "item_code").first())
        .group_by(STAY, ITEM)
        .agg(_DAYS)
        # A reversal on a later day than its line leaves nothing, whatever the days say.
        .filter(pl.col("net") > 0)
        .select(list(_SHOWN))
    )


_SHOWN: Final = {
    STAY: pl.UInt32(), "stay_id": pl.String(), "value": pl.String(), "days": pl.Int64(),
}  # fmt: skip
_DAYS: Final = [
    pl.col("stay_id").first(),
    pl.col("item_code").first().alias("value"),
    (pl.col("quantity") > 0).sum().cast(pl.Int64).alias("days"),
    pl.col("quantity").sum().alias("net"),
]
_HEAD: Final = [
    pl.col(SYSTEM),
    pl.coalesce("discharge_date", "admission_date").alias("day"),
    (pl.col("claim_type") == "inpatient").alias(":inpatient"),
]


def _coded(source: Source) -> pl.DataFrame:
    rows = source.keyed("diagnoses").select(
        STAY, "stay_id", "ordinal", "code", "present_on_admission", normal("code").alias("norm")
    )
    heads = source.table("stays").select(_HEAD)[rows[STAY]]
    made = rows.hstack(heads.get_columns())
    return made.filter(made[":inpatient"]).drop(":inpatient")


@cache
def _prefixes(table: str, folder: Place) -> pl.DataFrame:
    """The distinct prefixes of a table, for each code system."""
    return codebook.starting(table, "prefix", folder).select(SYSTEM, "prefix").unique()


def _match(rows: pl.DataFrame, table: str, source: Source) -> pl.DataFrame:
    found = (
        rows.select(SYSTEM, "norm")
        .unique()
        .join(_prefixes(table, source.reference), on=SYSTEM, how="inner")
        .filter(pl.col("norm").str.starts_with(pl.col("prefix")))
        .group_by(SYSTEM, "norm")
        .agg(_LONGEST)
    )
    if found.is_empty():
        return rows.clear().with_columns(prefix=pl.lit(None, pl.String))
    return rows.join(found, on=[SYSTEM, "norm"], how="inner", maintain_order="left")


_LONGEST: Final = pl.col("prefix").sort_by(pl.col("prefix").str.len_bytes()).last()


def holds(day: str = "day") -> pl.Expr:
    """Whether the row of a table is in force on the day."""
    return (pl.col("valid_from") <= pl.col(day)) & (
        pl.col("valid_to").is_null() | (pl.col(day) < pl.col("valid_to"))
    )


def _support(source: Source) -> pl.DataFrame:
    rows = matched(source, "diagnosis_evidence")
    wanted = (
        rows.select(STAY, "ordinal", "day", SYSTEM, "prefix")
        .join(_by_item(source.reference), on=[SYSTEM, "prefix"], how="inner")
        .filter(holds())
    )
    if wanted.is_empty():
        return pl.DataFrame(schema=_SUPPORT)
    key = [STAY, "ordinal"]
    shown = (
        wanted.join(_shown(source, wanted), on=[STAY, "kind", "value"], how="inner")
        .filter(pl.col("days") >= pl.col("least"))
        .select(*key, shown=pl.lit(value=True))
        .unique()
    )
    return (
        rows.join(wanted.select(key).unique(), on=key, how="semi")
        .join(_names(source.reference), on=[SYSTEM, "prefix"], how="left")
        .join(shown, on=key, how="left")
        .join(items_known(source), on="stay_id", how="left")
        .with_columns(supported=pl.when("shown").then(True).when("known").then(False))
        .sort("stay_id", "ordinal")
        .select(list(_SUPPORT))
    )


_SUPPORT: Final = {
    **{n: pl.String() for n in ("stay_id",)},
    "ordinal": pl.Int32(),
    **{n: pl.String() for n in ("code", "norm", "name_zh", "name_en")},
    "supported": pl.Boolean(),
}


@cache
def _names(folder: Place) -> pl.DataFrame:
    """The names of the diagnoses of a prefix."""
    table = codebook.starting("diagnosis_evidence", "prefix", folder)
    return table.select(SYSTEM, "prefix", "name_zh", "name_en").unique([SYSTEM, "prefix"])


@cache
def _by_item(folder: Place) -> pl.DataFrame:
    """The table with flags of the tariff spelled out as the items that carry them."""
    table = codebook.starting("diagnosis_evidence", "prefix", folder)
    flagged = table.filter(pl.col("kind") == "flag")
    tariff = reference.items(folder)
    spelled = [
        flagged.filter(pl.col("value") == flag)
        .drop("value")
        .with_columns(kind=pl.lit("item"))
        .join(
            tariff.filter(f"is_{flag}").select(pl.col("item_code").alias("value")).unique(),
            how="cross",
        )
        .select(table.columns)
        for flag in flagged["value"].unique().sort()
    ]
    plain = pl.col("value").str.replace_all(".", "", literal=True).str.to_uppercase()
    return pl.concat([table.filter(pl.col("kind") != "flag"), *spelled]).with_columns(
        value=pl.when(pl.col("kind") == "procedure").then(plain).otherwise("value")
    )


def _shown(source: Source, wanted: pl.DataFrame) -> pl.DataFrame:
    """What each claim shows of what is wanted of any: ``:stay``, kind, value and days."""
    values = wanted.select("kind", "value").unique()

    def of(kind: str) -> pl.Series:
        return values["value"].filter(values["kind"] == kind)

    columns = (STAY, pl.lit("item").alias("kind"), "value", "days")
    found = [shown_items(source, of("item"), wanted[STAY].unique()).select(columns)]
    categories, prefixes = of("category"), of("procedure")
    if len(categories):
        lines = source.keyed("charges").select(STAY, "category", "charge_date", "quantity")
        found.append(
            lines.filter(pl.col("category").is_in(categories.implode()) & (pl.col("quantity") > 0))
            .group_by(STAY, pl.col("category").alias("value"))
            .agg(days=pl.col("charge_date").n_unique().cast(pl.Int64))
            .select(STAY, pl.lit("category").alias("kind"), "value", "days")
        )
    done = source.keyed("procedures").select(STAY, normal("code").alias("norm")).unique()
    if len(prefixes) and done.height:
        found.append(
            done.join(prefixes.to_frame(), how="cross")
            .filter(pl.col("norm").str.starts_with(pl.col("value")))
            .group_by(STAY, "value")
            .agg(days=pl.len().cast(pl.Int64))
            .select(STAY, pl.lit("procedure").alias("kind"), "value", "days")
        )
    return pl.concat(found)


def _items_known(source: Source) -> pl.DataFrame:
    known = reference.items(source.reference)["item_code"].to_list()
    foreign = sorted(codes_charged(source).difference(known))
    lined = charge_line.lined(source)
    if not foreign:
        return lined.select("stay_id", known=pl.lit(value=True))
    unknown = charge_line.lines(source).filter(
        pl.col("item_code").is_in(foreign) & pl.col(CATEGORY).is_in(ACTIVE)
    )[STAY]
    return lined.select("stay_id", known=~pl.col(STAY).is_in(unknown.unique().implode()))


def pairs(source: Source, table: str, column: str) -> pl.DataFrame:
    """A table of pairs of prefixes, both without dots."""
    return codebook.starting(table, "prefix", source.reference).with_columns(
        pl.col(column).str.to_uppercase().str.replace_all(".", "", literal=True)
    )
