"""Facts of the head of a claim, and of its price."""

from __future__ import annotations

from functools import cache
from typing import Final

import polars as pl

from domain.claim import STAYS
from domain.schema import Kind as FieldKind
from rules.codebooks import Place
from rules.facts import reference
from rules.facts.fact import Fact, Kind, declare, from_fields
from rules.facts.source import STAY, Source

FLAG, INTEGER, MONEY, TEXT = Kind.FLAG, Kind.INTEGER, Kind.MONEY, Kind.TEXT

DIRECT: Final = {f.name: f.name for f in STAYS.columns if f.privacy is None and f.name != "stay_id"}
"""The columns that are facts as they stand: all but the key and personal data."""

# fmt: off
DERIVED: Final = declare("stay", "stays", (
    ("stay_days", INTEGER, "住院天数(按日期)", "days of stay by date",
     "Discharge date minus admission date; 0 for a stay within one day.", "the patient is still in hospital"),
    ("stay_minutes", INTEGER, "住院时长", "minutes of stay",
     "Discharge minus admission to the minute if both times are known, else whole days.", "the patient is still in hospital"),
    ("fund_payment_per_day_fen", MONEY, "日均基金支付", "fund payment a day",
     "What the fund paid divided by the days of stay (at least one), cut to whole fen.",
     "the patient is still in hospital or the payment is not stated"),
    ("age_at_admission_years", INTEGER, "入院年龄(按出生日期)", "age at admission by birth date",
     "Whole years from birth to admission; negative if born later.", "the birth date is not stated"),
    ("days_from_admission_to_filing", INTEGER, "入院至申报天数", "days from admission to filing",
     "Date of filing (UTC) minus admission date.", "the time of filing is not stated"),
    ("minutes_from_death_to_discharge", INTEGER, "死亡至出院时长", "minutes from death to discharge",
     "Discharge minus death to the minute if both times are known, else whole days.", "death or discharge is not stated"),
    ("stated_day_surgery", FLAG, "标明日间手术", "stated to be day surgery",
     "The list says day surgery; false where it says nothing.", None),
    ("stated_transfer_out", FLAG, "标明转院", "stated to be transferred out",
     "The way of discharge is a transfer (2, 3); false where it is not stated.", None),
    ("stated_death_in_stay", FLAG, "标明住院期间死亡", "stated to have died in the stay",
     "The way of discharge is death, or the death date lies in the stay; false where nothing says so.", None),
), measures={
    "stay_days": "day", "stay_minutes": "minute", "age_at_admission_years": "year",
    "days_from_admission_to_filing": "day", "minutes_from_death_to_discharge": "minute",
})
REQUIRED: Final = declare("stay", "stays, diagnoses, reference/required_fields.csv", (
    ("empty_required_fields", INTEGER, "缺失必填项数", "empty required fields",
     "Number of fields of reference/required_fields.csv for the claim type that are empty or blank; while the patient is "
     "in hospital (no discharge is stated at all), those of the discharge and the total are not asked for.", None),
    ("empty_required_field_names", TEXT, "缺失必填项", "names of the empty required fields",
     "Their names, joined by a comma; empty text if none.", None),
    ("empty_required_field_labels", TEXT, "缺失必填项名称", "Chinese names of the empty required fields",
     "Their Chinese names, joined by 、; empty text if none.", None),
))
HEAD: Final[tuple[Fact, ...]] = (*from_fields(STAYS, "stay", DIRECT), *DERIVED)

# fmt: on


def head(source: Source) -> pl.DataFrame:
    """The facts ``HEAD``."""
    return source.keyed("stays").with_columns(_DERIVED)


def required(source: Source) -> pl.DataFrame:
    """The facts ``REQUIRED``."""
    first = source.keyed("diagnoses").select(STAY, "ordinal", "code")
    first = first.filter(first["ordinal"] == 1).unique(STAY, keep="first", maintain_order=True)
    stays = source.keyed("stays").join(
        first.select(STAY, pl.col("code").alias("principal_diagnosis_code")),
        on=STAY,
        how="left",
        maintain_order="left",
    )
    fields = _missing(source.reference)
    missing = stays.select(fields)
    if not fields or not missing.select(pl.any_horizontal(pl.all()).any()).item():
        return stays.select(STAY, *_NONE_MISSING)
    names = {
        "empty_required_field_names": ([(n, n) for n in missing.columns], ","),
        "empty_required_field_labels": ([(n, _LABELS[n]) for n in missing.columns], "、"),
    }
    return stays.select(STAY).hstack(
        missing.select(
            pl.sum_horizontal(pl.all().cast(pl.Int64)).alias("empty_required_fields"),
            *(
                pl.concat_str(
                    [pl.when(pl.col(n)).then(pl.lit(word)) for n, word in words],
                    separator=between,
                    ignore_nulls=True,
                ).alias(name)
                for name, (words, between) in names.items()
            ),
        ).get_columns()
    )


_NONE_MISSING: Final = [
    pl.lit(0, pl.Int64).alias("empty_required_fields"),
    *(pl.lit("").alias(f"empty_required_field_{what}") for what in ("names", "labels")),
]


def _years(born: str, then: str) -> pl.Expr:
    birthday_passed = (pl.col(born).dt.month() < pl.col(then).dt.month()) | (
        (pl.col(born).dt.month() == pl.col(then).dt.month())
        & (pl.col(born).dt.day() <= pl.col(then).dt.day())
    )
    return pl.col(then).dt.year() - pl.col(born).dt.year() - (~birthday_passed).cast(pl.Int32)


_KNOWN_AT_DISCHARGE: Final = frozenset(
    {
        "discharge_date", "discharge_time", "discharge_department", "discharge_way",
        "length_of_stay_days", "total_amount_fen",
    }
)  # fmt: skip
_LABELS: Final = {f.name: f.zh for f in STAYS.columns} | {"principal_diagnosis_code": "主要诊断"}


_days: Final = (pl.col("discharge_date") - pl.col("admission_date")).dt.total_days()
_died: Final = (pl.col("death_date") >= pl.col("admission_date")) & (
    pl.col("death_date") <= pl.col("discharge_date")
)
_way: Final = pl.col("discharge_way")
_DERIVED: Final = [
    _days.alias("stay_days"),
    pl.coalesce(
        (pl.col("discharge_time") - pl.col("admission_time")).dt.total_minutes(), _days * 1440
    ).alias("stay_minutes"),
    (
        pl.col("fund_payment_fen") // pl.max_horizontal(_days, pl.when(_days.is_not_null()).then(1))
    ).alias("fund_payment_per_day_fen"),
    _years("birth_date", "admission_date").alias("age_at_admission_years"),
    (pl.col("filed_time").dt.date() - pl.col("admission_date"))
    .dt.total_days()
    .alias("days_from_admission_to_filing"),
    pl.coalesce(
        (pl.col("discharge_time") - pl.col("death_time")).dt.total_minutes(),
        (pl.col("discharge_date") - pl.col("death_date")).dt.total_days() * 1440,
    ).alias("minutes_from_death_to_discharge"),
    (pl.col("inpatient_type") == "2").fill_null(value=False).alias("stated_day_surgery"),
    _way.is_in(["2", "3"]).fill_null(value=False).alias("stated_transfer_out"),
    ((_way == "5").fill_null(value=False) | _died.fill_null(value=False)).alias(
        "stated_death_in_stay"
    ),
]


@cache
def _missing(folder: Place) -> list[pl.Expr]:
    """Whether each required field should be filled and is not, under its name."""
    kinds = {f.name: f.kind for f in STAYS.columns} | {"principal_diagnosis_code": FieldKind.CODE}
    types: dict[str, list[str]] = {}
    for claim_type, name in reference.required_fields(folder):
        types.setdefault(name, []).append(claim_type)
    named = []
    for name, claim_types in types.items():
        empty = pl.col(name).is_null()
        if kinds[name] in (FieldKind.TEXT, FieldKind.CODE):
            empty |= (pl.col(name).str.strip_chars() == "").fill_null(value=True)
        if name in _KNOWN_AT_DISCHARGE:
            empty &= pl.any_horizontal(
                pl.col("discharge_date", "discharge_time", "discharge_way").is_not_null()
            )
        named.append((empty & pl.col("claim_type").is_in(claim_types)).alias(name))
    return named
