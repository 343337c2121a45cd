"""Facts of procedures: long ventilation, repetition on one day."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from domain.claim import PROCEDURES
from rules.facts import reference
from rules.facts.charge import ventilation_minutes
from rules.facts.diagnosis import normal
from rules.facts.fact import Fact, Kind, declare, from_fields
from rules.facts.source import STAY, Source

# fmt: off
COUNT: Final = declare("stay", "procedures", (
    ("procedure_count", Kind.INTEGER, "手术操作条数", "number of procedures",
     "Procedures on the list; 0 if it has none.", None),
))
VENTILATED: Final = declare("stay", "stays, charges", (
    ("ventilation_minutes_shown", Kind.INTEGER, "可证实的呼吸机时长", "minutes of ventilation shown",
     "Time on a ventilator as stated, else the hours of invasive ventilation charged.",
     "neither is on the claim"),
), measures={"ventilation_minutes_shown": "minute"})
OWN: Final = declare("procedure", "procedures", (
    ("is_long_ventilation", Kind.FLAG, "为96小时以上呼吸机编码", "is a code of long ventilation",
     "The code says ventilation of 96 hours or more (reference/procedures.csv).", None),
    ("same_procedure_before", Kind.INTEGER, "此前同日同术次数", "earlier entries of the same procedure on the day",
     "Entries of the list before this one with the same code, date and surgeon.",
     "an earlier entry has the code but a date is not stated"),
))
LINES: Final[tuple[Fact, ...]] = (
    *from_fields(PROCEDURES, "procedure", {
        "ordinal": "procedure_ordinal", "code": "procedure_code", "name": "procedure_name",
        "procedure_date": "procedure_date", "surgeon_id": "surgeon_id",
        "anaesthesia_method": "anaesthesia_method",
    }),
    *OWN,
)
# fmt: on


def count(source: Source) -> pl.DataFrame:
    """The facts ``COUNT``."""
    at = source.keyed("procedures")[STAY].to_numpy()
    counts = np.bincount(at, minlength=len(source.batch))
    return pl.DataFrame([source.keyed("stays")[STAY], pl.Series("procedure_count", counts)])


def ventilated(source: Source) -> pl.DataFrame:
    """The facts ``VENTILATED``."""
    return (
        source.keyed("stays")
        .select(STAY, "ventilation_minutes")
        .join(ventilation_minutes(source), on=STAY, how="left")
        .select(
            STAY,
            pl.coalesce("ventilation_minutes", "ventilation_minutes_charged").alias(
                "ventilation_minutes_shown"
            ),
        )
    )


def lines(source: Source) -> pl.LazyFrame:
    """The facts ``LINES``, one row a procedure."""
    code = normal("code")
    same_code = code.cum_count().over("stay_id", code) - 1
    same = code.cum_count().over("stay_id", code, "procedure_date", "surgeon_id") - 1
    undated = pl.col("procedure_date").is_null().any().over("stay_id", code)
    return (
        source.table("procedures")
        .lazy()
        .sort("stay_id", "ordinal")
        .select(
            "stay_id",
            pl.concat_str(pl.lit("px-"), pl.col("ordinal")).alias(":subject_id"),
            pl.col("ordinal").alias("procedure_ordinal"),
            pl.col("code").alias("procedure_code"),
            pl.col("name").alias("procedure_name"),
            "procedure_date",
            "surgeon_id",
            "anaesthesia_method",
            code.is_in(reference.procedure_codes("long_ventilation", source.reference)).alias(
                "is_long_ventilation"
            ),
            pl.when(same_code == 0)
            .then(0)
            .when(~undated)
            .then(same)
            .alias("same_procedure_before"),
        )
    )
