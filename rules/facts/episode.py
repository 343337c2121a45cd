"""Facts of a patient's chain of stays: what the last ones were, and how this one follows them.

As in ``lookback`` a stay sees only stays before it (admission date, admission time,
``stay_id``). What an earlier claim does not state is unknown, except in facts whose
name begins with ``stated_`` or says that a claim states something: those are false.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from rules.facts import lookback, reference
from rules.facts.diagnosis import is_any, normal
from rules.facts.fact import Kind, declare
from rules.facts.lookback import BEFORE, inpatient
from rules.facts.source import PERSON, Source

FLAG, INTEGER, MONEY, TEXT, NUMBER = (
    Kind.FLAG, Kind.INTEGER, Kind.MONEY, Kind.TEXT, Kind.NUMBER,
)  # fmt: skip
ROW_OF_STAYS: Final = 4
"""Stays that make a rhythm: three intervals, the fewest of which one can say that they are even."""
_NO_PRIOR: Final = "there is no prior stay"
_NO_ROW: Final = f"the patient has fewer than {ROW_OF_STAYS} stays"
_MORE: Final = (
    "discharge_time", "payment_method", "provider_level", "admission_department", "discharge_department",
    "insurance_type", "total_amount_fen",
)  # fmt: skip
_DRUGS: Final = ("09", "10", "11")
"""Charge categories of drugs."""

_FALSE_IF_FIRST: Final = (
    "prior_stated_home", "mixes_group_and_day_rate_with_prior", "stated_return_after_transfer",
    "has_self_paid_overlap",
)  # fmt: skip
"""The flags of ``CHAIN`` that a first stay answers with no."""

# fmt: off
CHAIN: Final = declare("stay", "stays of the patient", (
    ("minutes_since_prior_stay", INTEGER, "距上次出院时长", "minutes since the prior stay",
     "Time of admission minus the prior stay's time of discharge; negative if they overlap.",
     "there is no prior stay, or one of the two times is not stated"),
    ("department_differs_from_prior", FLAG, "与上次科别不同", "department differs from the prior stay",
     "The department of admission is another than that from which the prior stay was discharged.",
     "there is no prior stay, or one of the two departments is not stated"),
    ("prior_department", TEXT, "上次出院科别", "department of the prior stay",
     "The department from which the prior stay was discharged.", "there is no prior stay, or it does not state one"),
    ("prior_stated_home", FLAG, "上次标明医嘱离院", "prior stay stated to go home on advice",
     "The prior stay's way of discharge is 1; false where it is not stated.", None),
    ("mixes_group_and_day_rate_with_prior", FLAG, "与上次付费方式不同(病组/床日)", "paid by group and by day in turn",
     "Of this and the prior stay one is paid by group and the other by day; false where a method is not stated.", None),
    ("prior_payment_method", TEXT, "上次支付方式", "payment method of the prior stay",
     "How the fund paid the prior stay.", "there is no prior stay, or it does not state one"),
    ("stated_return_after_transfer", FLAG, "标明转出后转回", "stated to return after a transfer",
     "The stay before the prior one was at this hospital and states a transfer (2, 3), the prior one was at another.", None),
    ("days_since_transfer_out", INTEGER, "距转出天数", "days since the transfer out",
     "Admission date minus the discharge of the stay before the prior one.",
     "there is no stay before the prior one, or it has no discharge"),
    ("stay_before_prior_id", TEXT, "上上次住院结算ID", "stay before the prior one", "Its identifier.", "there is none"),
    ("prior_level_is_higher", FLAG, "上次医院等级更高", "prior hospital is of a higher level",
     "The prior stay's hospital is of a higher level (3 above 2 above 1) than this one.",
     "there is no prior stay, or one of the two hospitals has no level"),
    ("self_paid_overlap_stay_id", TEXT, "同院重叠自费住院结算ID", "overlapping stay on another account",
     "The last earlier stay at the same hospital that had not ended when this one began, where one of the two is "
     "self-paid and the other is not.", "there is none"),
    ("has_self_paid_overlap", FLAG, "同院同期另有自费或医保账户", "has an overlapping stay on another account",
     "There is such a stay.", "an earlier stay there has no discharge, or its or this claim's insurance is not stated"),
    ("self_paid_overlap_fen", MONEY, "自费账户金额", "total of the self-paid account",
     "Total of whichever of the two claims is self-paid.", "there is no such stay, or its total is not stated"),
), measures={"minutes_since_prior_stay": "minute", "days_since_transfer_out": "day"}, as_of=BEFORE)
RHYTHM: Final = declare("stay", "stays of the patient", (
    ("has_four_stays", FLAG, "已有四次住院", "has four stays",
     "This is at least the patient's fourth inpatient stay.", None),
    ("interval_spread_days", INTEGER, "近四次住院间隔极差", "spread of the intervals of the last four stays",
     "Longest minus shortest of the three intervals between the admission dates of the last four stays.", _NO_ROW),
    ("shortest_interval_days", INTEGER, "近四次住院最短间隔", "shortest interval of the last four stays",
     "The shortest of the three intervals.", _NO_ROW),
    ("hospitals_in_last_four_stays", INTEGER, "近四次住院医院数", "hospitals of the last four stays",
     "Different hospitals among them.", _NO_ROW),
), measures={"interval_spread_days": "day", "shortest_interval_days": "day"}, as_of=BEFORE)
CARE: Final = declare("stay", "diagnoses, procedures and charges of this and the prior stay", (
    ("operates_where_prior_did", FLAG, "与上次手术同部位", "operates where the prior stay did",
     "An operation of this stay and one of the prior stay share the first two letters of the code (ICD-9-CM-3 below 87, "
     "ICD-10-PCS section 0), which name the organ system; false where either list has no operation.", None),
    ("repeats_operation_of_prior", FLAG, "与上次手术编码相同", "repeats an operation of the prior stay",
     "An operation code stands on both lists, as when both eyes are done in turn.", None),
    ("prior_operation_codes", TEXT, "上次手术编码", "operations of the prior stay",
     "Its operations, joined by a comma.", "there is no prior stay, or it has no operation"),
    ("operation_codes", TEXT, "本次手术编码", "operations of the stay",
     "Its operations, joined by a comma.", "it has no operation"),
    ("is_delivery", FLAG, "分娩住院", "is a delivery",
     "A diagnosis says that a child was born in this stay (reference/diagnoses.csv).", "the claim has no diagnosis"),
    ("prior_is_pregnancy", FLAG, "上次为未分娩的产科住院", "prior stay was of the pregnancy",
     "The prior stay's first code lies in the chapter of pregnancy and birth, and none of its codes says that a child was born.",
     "there is no prior stay, or it has no diagnosis"),
    ("prior_diagnosis_code", TEXT, "上次主要诊断编码", "principal diagnosis of the prior stay",
     "Code of its first diagnosis.", "there is no prior stay, or it has no diagnosis"),
    ("drugs_shared_with_prior", INTEGER, "与上次相同药品数", "drugs shared with the prior stay",
     "Different drug items charged in both stays, without fluids that only carry drugs (reference/settings.csv).", "there is no prior stay, or one of the two has no charge lines"),
    ("drug_likeness_with_prior", NUMBER, "与上次药品重合度", "likeness of the drugs to the prior stay's",
     "Such drug items charged in both stays divided by those charged in either; 0 if neither has any.",
     "there is no prior stay, or one of the two has no charge lines"),
), as_of=BEFORE)
# fmt: on


def chain(source: Source) -> pl.LazyFrame:
    """The facts ``CHAIN`` of the batch's inpatient stays."""
    return source.once("episode.chain", _chain).lazy()


_FIRST: Final = lookback.lone(
    CHAIN, **{f.name: pl.lit(value=False) for f in CHAIN if f.name in _FALSE_IF_FIRST}
)


def _chain(source: Source) -> pl.DataFrame:
    rest = lookback.alone(source).filter(claim_type="inpatient")
    rest = rest.select("stay_id", pl.lit(None, pl.String).alias("prior_stay_id"), *_FIRST)
    if inpatient(source).is_empty():
        return rest
    return pl.concat([_linked(source).select(rest.columns).cast(rest.schema), rest])


def _linked(source: Source) -> pl.DataFrame:
    """The facts ``CHAIN`` of the people who have several claims."""
    more = source.all_rows("stays").select("stay_id", *_MORE)
    stays = inpatient(source).join(more, on="stay_id", how="left", maintain_order="left")
    one, two = _same(1), _same(2)

    def before(column: str, back: int = 1) -> pl.Expr:
        return pl.when(one if back == 1 else two).then(pl.col(column).shift(back))

    level = pl.col("provider_level").replace_strict(
        {"1": 1, "2": 2, "3": 3}, default=None, return_dtype=pl.Int8
    )
    methods = pl.concat_list("payment_method", before("payment_method")).list.sort()
    returned = (
        (before("provider_id", 2) == pl.col("provider_id"))
        & before("discharge_way", 2).is_in(["2", "3"])
        & (before("provider_id") != pl.col("provider_id"))
    )
    found = stays.with_columns(level=level).select(
        "stay_id",
        "in_batch",
        before("stay_id").alias("prior_stay_id"),
        (pl.col("admission_time") - before("discharge_time"))
        .dt.total_minutes()
        .alias("minutes_since_prior_stay"),
        (pl.col("admission_department") != before("discharge_department")).alias(
            "department_differs_from_prior"
        ),
        before("discharge_department").alias("prior_department"),
        (before("discharge_way") == "1").fill_null(value=False).alias("prior_stated_home"),
        (methods == pl.lit(["drg", "per_diem"]))
        .fill_null(value=False)
        .alias("mixes_group_and_day_rate_with_prior"),
        before("payment_method").alias("prior_payment_method"),
        returned.fill_null(value=False).alias("stated_return_after_transfer"),
        (pl.col("admission_date") - before("discharge_date", 2))
        .dt.total_days()
        .alias("days_since_transfer_out"),
        before("stay_id", 2).alias("stay_before_prior_id"),
        (before("level") > pl.col("level")).alias("prior_level_is_higher"),
    )
    return found.filter("in_batch").join(_accounts(stays), on="stay_id", how="left")


def _same(back: int) -> pl.Expr:
    """Whether the row ``back`` before is of the same person."""
    found = pl.all_horizontal(pl.col(c) == pl.col(c).shift(back) for c in PERSON)
    return found.fill_null(value=False)


def _accounts(stays: pl.DataFrame) -> pl.DataFrame:
    """The facts of overlapping accounts at one hospital; few patients have two stays there."""
    keys = [*PERSON, "provider_id"]
    several = stays.filter(pl.struct(keys).is_duplicated())
    columns = [
        *keys, "stay_id", "admission_date", "discharge_date", "insurance_type", "total_amount_fen",
    ]  # fmt: skip
    place = several.select(columns).with_row_index("place")
    pairs = (
        several.filter("in_batch")
        .select("stay_id")
        .join(place, on="stay_id", how="inner")
        .join(place, on=keys, how="inner", suffix="_other")
        .filter(
            (pl.col("place_other") < pl.col("place"))
            & (
                pl.col("discharge_date_other").is_null()
                | (pl.col("discharge_date_other") > pl.col("admission_date"))
            )
        )
    )
    self_paid, other = pl.col("insurance_type") == "self", pl.col("insurance_type_other") == "self"
    hit = (pl.col("differs") & pl.col("discharge_date_other").is_not_null()).fill_null(value=False)
    seen = (
        pairs.with_columns(
            differs=self_paid != other,
            paid=pl.when(other).then("total_amount_fen_other").otherwise("total_amount_fen"),
        )
        .sort("place_other")
        .group_by("stay_id")
        .agg(
            pl.when(hit.any())
            .then(pl.lit(value=True))
            .when((pl.col("differs").is_null() | pl.col("differs")).any())
            .then(None)
            .otherwise(pl.lit(value=False))
            .alias("has_self_paid_overlap"),
            pl.col("stay_id_other").filter(hit).last().alias("self_paid_overlap_stay_id"),
            pl.col("paid").filter(hit).last().alias("self_paid_overlap_fen"),
        )
    )
    rest = stays.filter("in_batch").select("stay_id").join(seen, on="stay_id", how="anti")
    return pl.concat(
        [seen, rest.with_columns(has_self_paid_overlap=pl.lit(value=False))], how="diagonal"
    )


def rhythm(source: Source) -> pl.LazyFrame:
    """The facts ``RHYTHM`` of the batch's stays that are at least the fourth."""
    row = ROW_OF_STAYS - 1
    # Only people with so many stays are looked at.
    kept = inpatient(source)
    if kept.height:
        kept = kept.filter(pl.len().over(PERSON) > row)
    if kept.is_empty():
        return pl.LazyFrame(schema={"stay_id": pl.String, **{f.name: f.kind.dtype for f in RHYTHM}})
    enough = _same(row)
    gaps = [
        (pl.col("admission_date").shift(n) - pl.col("admission_date").shift(n + 1)).dt.total_days()
        for n in range(row)
    ]
    hospitals = pl.concat_list(pl.col("provider_id").shift(n) for n in range(ROW_OF_STAYS))
    return (
        kept.with_columns(enough=enough)
        .with_columns(
            (pl.max_horizontal(gaps) - pl.min_horizontal(gaps)).alias("interval_spread_days"),
            pl.min_horizontal(gaps).alias("shortest_interval_days"),
            hospitals.list.n_unique().cast(pl.Int64).alias("hospitals_in_last_four_stays"),
        )
        .filter(pl.col("enough") & pl.col("in_batch"))
        .select("stay_id", *[f.name for f in RHYTHM[1:]], has_four_stays=pl.lit(value=True))
        .lazy()
    )


def care(source: Source) -> pl.DataFrame:
    """The facts ``CARE`` of the batch's inpatient stays."""
    stays = source.table("stays").filter(claim_type="inpatient").select("stay_id")
    operated, born = _operated(source), source.once("episode.births", _born)
    found = stays.join(
        operated.select("stay_id", "operation_codes"), on="stay_id", how="left"
    ).join(born.select("stay_id", "is_delivery"), on="stay_id", how="left")
    pairs = _pairs(source)
    if pairs.is_empty():
        return found.with_columns(_UNREPEATED)
    before = born.select(
        prior_stay_id="stay_id",
        prior_is_pregnancy=pl.col("pregnancy") & ~pl.col("is_delivery"),
        prior_diagnosis_code="first_code",
    )
    return (
        found.join(_repeated(pairs, operated), on="stay_id", how="left")
        .join(
            pairs.join(before, on="prior_stay_id", how="left").drop("prior_stay_id"),
            on="stay_id",
            how="left",
        )
        .join(_drugs(source), on="stay_id", how="left")
    )


_UNREPEATED: Final = [
    e for e in lookback.lone(CARE) if e.meta.output_name() not in ("operation_codes", "is_delivery")
]


def _relevant(source: Source) -> pl.DataFrame:
    """The batch's inpatient stays and their prior stays."""
    pairs = _pairs(source)
    both = pl.concat([pairs["stay_id"], pairs["prior_stay_id"]]).unique()
    return pl.DataFrame({"stay_id": both})


def _pairs(source: Source) -> pl.DataFrame:
    """(stay_id, prior_stay_id) of the batch's stays that have a prior stay."""
    found = source.once("episode.chain", _chain)
    return found.select("stay_id", "prior_stay_id").drop_nulls()


_surgical: Final = (
    pl.when(pl.col("procedure_system") == "ICD-10-PCS")
    .then(pl.col("norm").str.starts_with("0"))
    .otherwise(pl.col("norm").str.slice(0, 2).cast(pl.Int32, strict=False) < 87)
)


def _operated(source: Source) -> pl.DataFrame:
    """Sites and codes of the operations of every stay of interest that has one."""
    wanted = pl.concat([_relevant(source), source.table("stays").select("stay_id")]).unique()
    rows = source.all_rows("procedures").join(wanted, on="stay_id", how="semi")
    return (
        rows.lazy()
        .join(
            source.all_rows("stays").lazy().select("stay_id", "procedure_system"),
            on="stay_id",
            how="inner",
        )
        .with_columns(norm=normal("code"))
        .filter(_surgical)
        .sort("stay_id", "ordinal")
        .group_by("stay_id", maintain_order=True)
        .agg(
            pl.concat_str("procedure_system", pl.col("norm").str.slice(0, 2)).alias("sites"),
            pl.concat_str("procedure_system", "norm").alias("operations"),
            pl.col("code").str.join(",").alias("operation_codes"),
        )
        .collect()
    )


def _repeated(pairs: pl.DataFrame, operated: pl.DataFrame) -> pl.DataFrame:
    shared = pl.col("sites").list.set_intersection("sites_prior").list.len() > 0
    repeated = pl.col("operations").list.set_intersection("operations_prior").list.len() > 0
    return (
        pairs.join(operated, on="stay_id", how="left")
        .join(operated, left_on="prior_stay_id", right_on="stay_id", how="left", suffix="_prior")
        .select(
            "stay_id",
            pl.col("operation_codes_prior").alias("prior_operation_codes"),
            shared.fill_null(value=False).alias("operates_where_prior_did"),
            repeated.fill_null(value=False).alias("repeats_operation_of_prior"),
        )
    )


def _born(source: Source) -> pl.DataFrame:
    systems = source.all_rows("stays").select("stay_id", "diagnosis_system")
    wanted = pl.concat([_relevant(source), source.table("stays").select("stay_id")]).unique()
    rows = (
        source.all_rows("diagnoses")
        .select("stay_id", "ordinal", "code")
        .join(wanted, on="stay_id", how="semi")
        .join(systems, on="stay_id", how="inner")
    )
    meanings = (
        rows.select("diagnosis_system", "code")
        .unique()
        .with_columns(
            is_any(meaning, normal("code"), source.reference).alias(meaning)
            for meaning in ("delivery", "pregnancy")
        )
    )
    first = pl.col("ordinal") == 1
    return (
        rows.join(meanings, on=["diagnosis_system", "code"], how="left")
        .group_by("stay_id")
        .agg(
            pl.col("delivery").any().alias("is_delivery"),
            pl.col("pregnancy").filter(first).first(),
            pl.col("code").filter(first).first().alias("first_code"),
        )
    )


def _drugs(source: Source) -> pl.DataFrame:
    """The facts of shared drugs, of the pairs of which both stays have charge lines."""
    pairs = _pairs(source)
    lines = (
        source.all_rows("charges")
        .select("stay_id", "category", "item_code", "quantity", "charge_date")
        .join(_relevant(source), on="stay_id", how="semi")
    )
    # Salt water is given for any disease.
    items = (
        reference.with_settings(
            lines.lazy().filter(pl.col("category").is_in(_DRUGS)), "charge_date", source.reference
        )
        .filter((pl.col("setting") != "vehicle").fill_null(value=True))
        .collect()
        .group_by("stay_id", "item_code")
        .agg(pl.col("quantity").sum())
        .filter(pl.col("quantity") > 0)
        .group_by("stay_id")
        .agg("item_code")
    )
    lists = (
        lines.select("stay_id")
        .unique()
        .join(items, on="stay_id", how="left")
        .with_columns(pl.col("item_code").fill_null([]))
    )
    shared = pl.col("item_code").list.set_intersection("item_code_prior").list.len()
    either = pl.col("item_code").list.set_union("item_code_prior").list.len()
    return (
        pairs.join(lists, on="stay_id", how="inner")
        .join(lists, left_on="prior_stay_id", right_on="stay_id", how="inner", suffix="_prior")
        .select(
            "stay_id",
            shared.cast(pl.Int64).alias("drugs_shared_with_prior"),
            pl.when(either > 0)
            .then(shared / either)
            .otherwise(0.0)
            .alias("drug_likeness_with_prior"),
        )
    )
