"""Whether a claim shows a test, drug, treatment or operation for its diagnoses.

``reference/diagnosis_evidence.csv`` lists for the start of a diagnosis code what shows it. A
diagnosis that the table does not list is not judged. What the claim does not show is only
missing if the tariff knows every clinical item on it; an unknown item might be the evidence.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from rules.facts import charge_line, codebook, reference
from rules.facts.billed import codes_charged
from rules.facts.charge_day import ACTIVE
from rules.facts.charge_line import CATEGORY
from rules.facts.diagnosis import normal, normal_codes
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


def shown_items(source: Source, codes: pl.Series) -> pl.LazyFrame:
    """On how many days (``days``) an item stands on a claim, what was taken back left out."""
    asked = sorted(codes_charged(source).intersection(codes.to_list()))
    return (
        source.table("charges")
        .lazy()
        .filter(pl.col("item_code").is_in(asked))
        .group_by("stay_id", pl.col("item_code").alias("value"), "charge_date")
        .agg(pl.col("quantity").sum())
        .group_by("stay_id", "value")
        .agg(
            days=(pl.col("quantity") > 0).sum().cast(pl.Int64),
            net=pl.col("quantity").sum(),
        )
        # A reversal on a later day than its line leaves nothing, whatever the days say.
        .filter(pl.col("net") > 0)
        .select("stay_id", "value", "days")
    )


def _coded(source: Source) -> pl.DataFrame:
    rows = source.table("diagnoses")
    inpatient = source.table("stays").filter(pl.col("claim_type") == "inpatient")
    heads = inpatient.select("stay_id", SYSTEM, day=pl.coalesce("discharge_date", "admission_date"))
    return (
        rows.select("stay_id", "ordinal", "code", "present_on_admission")
        .with_columns(normal_codes(rows).alias("norm"))
        .join(heads, on="stay_id", how="inner", maintain_order="left")
    )


def _match(rows: pl.DataFrame, table: str, source: Source) -> pl.DataFrame:
    listed = codebook.starting(table, "prefix", source.reference)
    prefixes = listed.select(SYSTEM, "prefix").unique()
    found = (
        rows.select(SYSTEM, "norm")
        .unique()
        .join(prefixes, on=SYSTEM, how="inner")
        .filter(pl.col("norm").str.starts_with(pl.col("prefix")))
        .group_by(SYSTEM, "norm")
        .agg(pl.col("prefix").sort_by(pl.col("prefix").str.len_bytes()).last())
    )
    return rows.join(found, on=[SYSTEM, "norm"], how="inner", maintain_order="left")


def holds(day: str = "day") -> pl.Expr:
    """Whether the row of a table is in force on the day."""
    return (pl.col("valid_from") <= pl.col(day)) & (
        pl.col("valid_to").is_null() | (pl.col(day) < pl.col("valid_to"))
    )


def _support(source: Source) -> pl.DataFrame:
    table = codebook.starting("diagnosis_evidence", "prefix", source.reference)
    rows = matched(source, "diagnosis_evidence")
    wanted = (
        rows.lazy()
        .select("stay_id", "ordinal", "day", SYSTEM, "prefix")
        .join(_by_item(table, source).lazy(), on=[SYSTEM, "prefix"], how="inner")
        .filter(holds())
    )
    shown = (
        wanted.join(_shown(source, table), on=["stay_id", "kind", "value"], how="inner")
        .filter(pl.col("days") >= pl.col("least"))
        .select("stay_id", "ordinal", shown=pl.lit(value=True))
        .unique()
    )
    listed = wanted.select("stay_id", "ordinal").unique()
    names = table.select(SYSTEM, "prefix", "name_zh", "name_en").unique([SYSTEM, "prefix"])
    return (
        rows.lazy()
        .join(listed, on=["stay_id", "ordinal"], how="semi")
        .join(names.lazy(), on=[SYSTEM, "prefix"], how="left")
        .join(shown, on=["stay_id", "ordinal"], how="left")
        .join(items_known(source).lazy(), on="stay_id", how="left")
        .select(
            "stay_id", "ordinal", "code", "norm", "name_zh", "name_en",
            supported=pl.when("shown").then(True).when("known").then(False),
        )
        .sort("stay_id", "ordinal")
        .collect()
    )  # fmt: skip


def _by_item(table: pl.DataFrame, source: Source) -> pl.DataFrame:
    """The table with flags of the tariff spelled out as the items that carry them."""
    flagged = table.filter(pl.col("kind") == "flag")
    tariff = reference.items(source.reference)
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


def _shown(source: Source, table: pl.DataFrame) -> pl.LazyFrame:
    """What each claim shows: stay_id, kind, value and days; only values that the table names."""
    values = _by_item(table, source)
    items = values.filter(pl.col("kind") == "item")["value"].unique()
    found = [
        shown_items(source, items).select("stay_id", pl.lit("item").alias("kind"), "value", "days")
    ]
    categories = values.filter(pl.col("kind") == "category")["value"].unique()
    if len(categories):
        found.append(
            source.table("charges")
            .lazy()
            .filter(pl.col("category").is_in(categories.implode()) & (pl.col("quantity") > 0))
            .group_by("stay_id", pl.col("category").alias("value"))
            .agg(days=pl.col("charge_date").n_unique().cast(pl.Int64))
            .select("stay_id", pl.lit("category").alias("kind"), "value", "days")
        )
    prefixes = values.filter(pl.col("kind") == "procedure").select("value").unique()
    done = source.table("procedures").select("stay_id", norm=normal("code"))
    found.append(
        done.unique()
        .join(prefixes, how="cross")
        .filter(pl.col("norm").str.starts_with(pl.col("value")))
        .lazy()
        .group_by("stay_id", "value")
        .agg(days=pl.len().cast(pl.Int64))
        .select("stay_id", pl.lit("procedure").alias("kind"), "value", "days")
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
