"""Facts of the diagnosis of admission: where it stands on the list, and the group it would bring."""

from __future__ import annotations

from typing import Final

import polars as pl

from rules.facts import coding
from rules.facts.diagnosis import normal
from rules.facts.fact import Fact, Kind, declare
from rules.facts.source import Source

_CATEGORY: Final = 3
"""The first three letters of a diagnosis code name the disease."""
_NOWHERE: Final = (
    "it does not stand among the other diagnoses, or one of the two is not grouped or has no"
)

# fmt: off
OF_STAY: Final[tuple[Fact, ...]] = declare("stay", "stays, diagnoses, drg.settle", (
    ("admission_diagnosis_stands_behind", Kind.FLAG, "入院诊断列为其他诊断", "diagnosis of admission stands behind another",
     "The principal diagnosis is of another three-character category than the diagnosis of admission, and an other "
     "diagnosis is of the latter.", "the diagnosis of admission is not stated, or the claim has no diagnosis"),
    ("admission_diagnosis_on_list", Kind.TEXT, "清单中的入院诊断", "that other diagnosis", "Its code.", "there is none"),
    ("group_by_admission_diagnosis", Kind.TEXT, "入院诊断为主诊断时病组", "group with it first", "Group with that diagnosis as the principal one.",
     f"{_NOWHERE} group"),
    ("admission_diagnosis_weight_gain", Kind.DECIMAL, "相对入院诊断的权重差", "weight above that group",
     "Weight of the grouper's group less that of this group.", f"{_NOWHERE} weight"),
    ("admission_diagnosis_excess_fen", Kind.MONEY, "相对入院诊断多付金额", "payment above that group",
     "What the group pays for this stay less what this group would pay, not below 0 and at most the total amount.",
     f"{_NOWHERE} price"),
))
# fmt: on


def of_stay(source: Source) -> pl.LazyFrame:
    """The facts ``OF_STAY``; a claim without diagnoses is left out."""
    heads = source.table("stays").select(
        "stay_id",
        "total_amount_fen",
        reason=normal("admission_diagnosis_code").str.head(_CATEGORY),
    )
    listed = coding.rows(source).select(
        "stay_id", "ordinal", "code", category=normal("code").str.head(_CATEGORY)
    )
    first = listed.filter(pl.col("ordinal") == 1).select("stay_id", principal="category")
    behind = (
        listed.filter(pl.col("ordinal") > 1)
        .join(heads, left_on=["stay_id", "category"], right_on=["stay_id", "reason"], how="semi")
        .sort("stay_id", "ordinal")
        .unique("stay_id", keep="first", maintain_order=True)
    )
    found = (
        first.join(heads, on="stay_id", how="inner")
        .join(behind.select("stay_id", "ordinal", "code"), on="stay_id", how="left")
        .with_columns(
            stands=pl.when(pl.col("reason").is_not_null()).then(
                (pl.col("principal") != pl.col("reason")) & pl.col("ordinal").is_not_null()
            ),
        )
        .with_columns(pl.when("stands").then(pl.col("ordinal", "code")))
    )
    return (
        found.join(_other_groups(source, found), on=["stay_id", "ordinal"], how="left")
        .select(
            "stay_id",
            admission_diagnosis_stands_behind="stands",
            admission_diagnosis_on_list="code",
            group_by_admission_diagnosis="other_group",
            admission_diagnosis_weight_gain="gain",
            admission_diagnosis_excess_fen=pl.min_horizontal(
                pl.col("excess").clip(0),
                pl.when(pl.col("excess").is_not_null()).then("total_amount_fen"),
            ),
        )
        .lazy()
    )


def _other_groups(source: Source, found: pl.DataFrame) -> pl.DataFrame:
    """The groups with those diagnoses first (``other_group``, ``gain``, ``excess``), if grouped."""
    wanted = found.filter("stands").select("stay_id", pl.col("ordinal").cast(pl.Int32))
    if source.settled is None or not wanted.height:
        return pl.DataFrame(
            schema={
                "stay_id": pl.String(),
                "ordinal": found.schema["ordinal"],
                "other_group": pl.String(),
                "gain": pl.Decimal(18, 4),
                "excess": pl.Int64(),
            }
        )
    own = source.settled.priced.filter(pl.col("group_source") == "grouper").select(
        "stay_id", own_weight="group_weight", own_fen="payment_fen"
    )
    return (
        source.settled.by_diagnosis.filter(pl.col("status") == "grouped")
        .with_columns(pl.col("ordinal").cast(pl.Int32))
        .join(wanted, on=["stay_id", "ordinal"], how="semi")
        .join(own, on="stay_id", how="inner")
        .select(
            "stay_id",
            pl.col("ordinal").cast(found.schema["ordinal"]),
            other_group="group_code",
            gain=pl.col("own_weight") - pl.col("group_weight"),
            excess=pl.col("own_fen") - pl.col("payment_fen"),
        )
    )
