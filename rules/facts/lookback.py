"""Facts that look back at other claims of the patient.

Claims stand in one fixed order: admission date, admission time (unknown first),
``stay_id``. A fact of a claim sees only claims before it in that order, so that no
verdict depends on how claims are cut into batches, as long as the history holds the
rest. A child under one year is another person than an older one of the same number
(``source.PERSON``). The facts of ``OUTPATIENT`` are the exception that their ``as_of`` states.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from rules.facts.charge import live
from rules.facts.diagnosis import normal
from rules.facts.fact import Fact, Kind, declare
from rules.facts.source import PERSON, STAY, Source

FLAG, INTEGER, MONEY, TEXT, DATE = Kind.FLAG, Kind.INTEGER, Kind.MONEY, Kind.TEXT, Kind.DATE
BEFORE: Final = "stays that began before it (admission date, admission time, stay_id)"
ORDER: Final = ("admission_date", "admission_time", "stay_id")
YEAR_DAYS: Final = 365
_CATEGORY_LETTERS: Final = 3
"""The first three letters of a diagnosis code name the disease (ICD-9 and ICD-10 category)."""
_NOT_INPATIENT: Final = "the claim is an outpatient visit"


def lone(facts: tuple[Fact, ...], **known: pl.Expr) -> list[pl.Expr]:
    """The facts of a claim without an earlier one: those known, and nulls."""
    return [known.get(f.name, pl.lit(None, f.kind.dtype)).alias(f.name) for f in facts]


# fmt: off
PRIOR: Final = declare("stay", "stays of the patient", (
    ("has_prior_stay", FLAG, "有既往住院", "has a prior stay",
     "The patient has an earlier inpatient stay; the last of them is the prior stay.", None),
    ("prior_stay_id", TEXT, "上次住院结算ID", "prior stay", "Identifier of the prior stay.", "there is none"),
    ("days_since_prior_stay", INTEGER, "距上次出院天数", "days since the prior stay",
     "Admission date minus the prior stay's discharge date; negative if they overlap.",
     "there is no prior stay or it has no discharge"),
    ("overlap_days_with_prior", INTEGER, "与上次住院重叠天数", "days of overlap with the prior stay",
     "Days by which the prior stay's discharge lies after this admission; 0 if it does not.",
     "there is no prior stay or it has no discharge"),
    ("overlap_days_with_earlier", INTEGER, "与既往住院重叠天数", "days of overlap with any earlier stay",
     "Days by which the latest discharge of all earlier stays lies after this admission; 0 if it does not.",
     "there is no earlier stay, or one has no discharge and the others do not reach the admission"),
    ("latest_earlier_stay_id", TEXT, "最晚出院的既往住院结算ID", "earlier stay with the latest discharge",
     "Identifier of the earlier stay whose discharge is the latest of all.", "no earlier stay has a discharge"),
    ("prior_same_provider", FLAG, "与上次同院", "prior stay at the same hospital",
     "The prior stay was at the same hospital; false if there is none.", None),
    ("prior_stated_transfer", FLAG, "上次标明转院", "prior stay stated to end in a transfer",
     "The prior stay's way of discharge is a transfer (2, 3); false where it is not stated.", None),
    ("transferred_from_prior", FLAG, "标明由上次住院转来", "stated to be transferred from the prior stay",
     "The prior stay was at another hospital, and its way of discharge (2, 3) or this stay's way of admission (3) "
     "states a transfer; false where neither says so.", None),
    ("prior_stated_plan", FLAG, "上次标明再住院计划", "prior stay stated to plan a readmission",
     "The prior stay states a planned readmission within 31 days; false where it is not stated.", None),
    ("stays_in_365_days", INTEGER, "365天内住院次数", "stays in 365 days",
     "Inpatient stays that began in the 365 days up to the admission day, this one included.", _NOT_INPATIENT),
), measures={
    "days_since_prior_stay": "day", "overlap_days_with_prior": "day", "overlap_days_with_earlier": "day",
    "stays_in_365_days": "stay",
}, as_of=BEFORE)
DISEASE: Final = declare("stay", "diagnoses of the patient's stays", (
    ("same_disease_as_prior", FLAG, "与上次同病", "same disease as the prior stay",
     "Principal diagnoses of this and the prior stay share the code system and the three-character category.",
     "there is no prior stay or one of the two has no diagnosis"),
), as_of=BEFORE)
REPEAT: Final = declare("stay", "stays of the patient", (
    ("same_admission_claims_before", INTEGER, "同日同院入院的既往结算数", "earlier claims of the same admission",
     "Earlier claims of the same patient, hospital, claim type and admission date for which the fund paid.",
     "such a claim exists, but whether the fund paid for one is not stated"),
    ("same_admission_claim_id", TEXT, "同次入院的另一结算ID", "the other claim of the admission",
     "The first of them.", "there is none"),
    ("same_admission_minutes_apart", INTEGER, "两次结算入院时间之差", "minutes between the two times of admission",
     "This admission minus that of the other claim.", "there is none, or a time is not stated"),
), measures={"same_admission_minutes_apart": "minute"}, as_of=BEFORE)
IDENTITY: Final = declare("stay", "stays of the patient", (
    ("sex_differs_from_earlier", FLAG, "性别与既往不符", "sex differs from earlier claims",
     "The sex differs from that of the last earlier claim that states one; false if none does.",
     "the claim does not state the sex"),
    ("birth_date_differs_from_earlier", FLAG, "出生日期与既往不符", "birth date differs from earlier claims",
     "The birth date differs from that of the last earlier claim that states one; false if none does.",
     "the claim does not state the birth date"),
    ("death_is_known", FLAG, "已知死亡", "death is known",
     "This or an earlier claim states a death date or a discharge by death.", None),
    ("known_death_date", DATE, "已知死亡日期", "known date of death",
     "The earliest date of death that this or an earlier claim states.", "no death is known, or not its date"),
    ("days_from_death_to_service", INTEGER, "死亡至最后服务天数", "days from death to the last service",
     "Latest of admission, discharge and charge dates (reversed lines left out) minus the known date of death.",
     "no date of death is known"),
    ("charges_after_death_fen", MONEY, "死亡后费用", "charges after the death",
     "Sum of the lines dated after the known date of death, reversed lines left out.",
     "no date of death is known or the claim has no charge lines"),
    ("earlier_claim_id", TEXT, "上次结算ID", "last earlier claim",
     "The last earlier claim that states sex or birth date.", "there is none"),
), measures={"days_from_death_to_service": "day"}, as_of=BEFORE)
OUTPATIENT: Final = declare("stay", "outpatient claims of the patient at the same hospital", (
    ("outpatient_claims_during_stay", INTEGER, "住院期间本院门诊结算数", "outpatient claims during the stay",
     "Outpatient claims whose date lies after the day of admission and before the day of discharge.",
     "the claim is an outpatient visit or the patient is still in hospital"),
    ("outpatient_paid_during_stay_fen", MONEY, "住院期间本院门诊基金支付", "fund payment of outpatient claims during the stay",
     "What the fund paid for them.", "there is none, or a payment is not stated"),
    ("outpatient_claim_during_stay_id", TEXT, "住院期间本院门诊结算ID", "outpatient claim during the stay",
     "The first of them.", "there is none"),
    ("days_since_same_provider_visit", INTEGER, "距本院门诊天数", "days since a visit to the same hospital",
     "Admission date minus the date of the last outpatient claim on or before it.",
     "there is no such claim"),
    ("same_provider_visit_id", TEXT, "该次门诊结算ID", "that visit", "The first claim of that date.",
     "there is no such claim"),
    ("same_provider_visit_paid_fen", MONEY, "该次门诊基金支付", "fund payment of that visit",
     "What the fund paid for the claims of that date.", "there is none, or a payment is not stated"),
    ("has_same_provider_visit", FLAG, "入院前有本院门诊", "has an earlier visit to the same hospital",
     "There is an outpatient claim of the patient at the hospital on or before the day of admission.", None),
), measures={"days_since_same_provider_visit": "day"}, as_of={
    "outpatient_claims_during_stay": "outpatient claims dated before the stay's discharge",
    "outpatient_claim_during_stay_id": "outpatient claims dated before the stay's discharge",
    "same_provider_visit_id": "outpatient claims dated on or before the day of admission",
    "outpatient_paid_during_stay_fen": "outpatient claims dated before the stay's discharge",
    "days_since_same_provider_visit": "outpatient claims dated on or before the day of admission",
    "same_provider_visit_paid_fen": "outpatient claims dated on or before the day of admission",
    "has_same_provider_visit": "outpatient claims dated on or before the day of admission",
})
# fmt: on


def prior(source: Source) -> pl.LazyFrame:
    """The facts ``PRIOR`` of the batch's inpatient stays."""
    return source.once("prior", _prior).lazy()


_FIRST: Final = lone(
    PRIOR,
    stays_in_365_days=pl.lit(1, pl.Int64),
    **{f.name: pl.lit(value=False) for f in PRIOR if f.kind is FLAG},
)


def _prior(source: Source) -> pl.DataFrame:
    rest = alone(source).filter(claim_type="inpatient").select("stay_id", *_FIRST)
    stays = inpatient(source)
    if stays.is_empty():
        return rest
    return pl.concat([_chained(stays).select(rest.columns).cast(rest.schema), rest])


def _chained(stays: pl.DataFrame) -> pl.DataFrame:
    """The facts ``PRIOR`` of stays in their order, from the row before."""
    same = pl.all_horizontal(pl.col(c) == pl.col(c).shift(1) for c in PERSON)
    has = same.fill_null(value=False)

    def before(column: str) -> pl.Expr:
        return pl.when(has).then(pl.col(column).shift(1))

    latest = pl.col("discharge_date").cum_max().over(PERSON).forward_fill().over(PERSON)
    latest_id = (
        pl.when(pl.col("discharge_date") == pl.col("latest"))
        .then("stay_id")
        .forward_fill()
        .over(PERSON)
    )
    open_before = pl.col("discharge_date").is_null().cum_max().over(PERSON)
    moved_on = before("discharge_way").is_in(["2", "3"]).fill_null(value=False)
    moved_in = (pl.col("admission_way") == "3").fill_null(value=False)
    elsewhere = (before("provider_id") != pl.col("provider_id")).fill_null(value=False)
    since = (pl.col("admission_date") - before("discharge_date")).dt.total_days()
    since_latest = (pl.col("admission_date") - before("latest")).dt.total_days()
    return (
        stays.with_columns(latest=latest, open=open_before, stays_in_365_days=_recent(stays))
        .with_columns(latest_id=latest_id)
        .select(
            "stay_id",
            "in_batch",
            "stays_in_365_days",
            has.alias("has_prior_stay"),
            before("stay_id").alias("prior_stay_id"),
            since.alias("days_since_prior_stay"),
            _overlap(since).alias("overlap_days_with_prior"),
            (before("provider_id") == pl.col("provider_id"))
            .fill_null(value=False)
            .alias("prior_same_provider"),
            moved_on.alias("prior_stated_transfer"),
            (elsewhere & (moved_on | moved_in)).alias("transferred_from_prior"),
            before("latest_id").alias("latest_earlier_stay_id"),
            before("planned_readmission").fill_null(value=False).alias("prior_stated_plan"),
            pl.when((since_latest < 0) | ~before("open"))
            .then(_overlap(since_latest))
            .alias("overlap_days_with_earlier"),
        )
        .filter("in_batch")
    )


def disease(source: Source) -> pl.LazyFrame:
    """The facts ``DISEASE`` of the batch's inpatient stays that have a prior stay."""
    pairs = source.once("prior", _prior).filter("has_prior_stay")
    if pairs.is_empty():
        return pl.LazyFrame(schema={"stay_id": pl.String, "same_disease_as_prior": pl.Boolean})
    asked = pl.concat([pairs["stay_id"], pairs["prior_stay_id"]]).unique().implode()
    systems = source.all_rows("stays").lazy().select("stay_id", "diagnosis_system")
    first = (
        source.all_rows("diagnoses")
        .lazy()
        .filter((pl.col("ordinal") == 1) & pl.col("stay_id").is_in(asked))
        .unique("stay_id")
        .join(systems, on="stay_id")
        .select(
            "stay_id",
            pl.concat_str(
                "diagnosis_system", pl.lit(":"), normal("code").str.slice(0, _CATEGORY_LETTERS)
            ).alias("category"),
        )
    )
    return (
        pairs.lazy()
        .select("stay_id", "prior_stay_id")
        .join(first, on="stay_id", how="left")
        .join(first, left_on="prior_stay_id", right_on="stay_id", how="left", suffix="_prior")
        .select(
            "stay_id",
            (pl.col("category") == pl.col("category_prior")).alias("same_disease_as_prior"),
        )
    )


_ONLY: Final = lone(REPEAT, same_admission_claims_before=pl.lit(0, pl.Int64))


def repeat(source: Source) -> pl.LazyFrame | pl.DataFrame:
    """The facts ``REPEAT`` of every claim of the batch."""
    keys = [*PERSON, "provider_id", "claim_type", "admission_date"]
    # Most claims stand alone with their key; only the others are looked at.
    claims = of_several(source)
    claims = claims.filter(claims.select(keys).is_duplicated())
    if claims.is_empty():
        return source.keyed("stays").select(STAY, *_ONLY)
    paid = (pl.col("fund_payment_fen") > 0).fill_null(value=False)
    silent = pl.col("fund_payment_fen").is_null()

    def before(which: pl.Expr) -> pl.Expr:
        return which.cast(pl.Int64).cum_sum().over(keys) - which.cast(pl.Int64)

    def first(column: str) -> pl.Expr:
        return pl.col(column).filter(paid).first().over(keys)

    found = (
        claims.lazy()
        .sort(*ORDER, nulls_last=False)
        .with_columns(seen=before(paid), unsure=before(silent))
        .select(
            "stay_id",
            pl.when((pl.col("seen") > 0) | (pl.col("unsure") == 0))
            .then("seen")
            .otherwise(-1)
            .alias("seen"),
            pl.when(pl.col("seen") > 0).then(first("stay_id")).alias("same_admission_claim_id"),
            pl.when(pl.col("seen") > 0)
            .then((pl.col("admission_time") - first("admission_time")).dt.total_minutes())
            .alias("same_admission_minutes_apart"),
        )
    )
    count = pl.col("seen").fill_null(0)
    return (
        source.table("stays")
        .lazy()
        .select("stay_id")
        .join(found, on="stay_id", how="left")
        .with_columns(pl.when(count >= 0).then(count).alias("same_admission_claims_before"))
    )


_sex: Final = pl.when(pl.col("sex").is_in(["1", "2"])).then(pl.col("sex"))
_died: Final = pl.min_horizontal(
    "death_date",
    pl.when(pl.col("discharge_way") == "5").then(pl.coalesce("discharge_date", "admission_date")),
)
_KNOWN: Final = ["stay_id", "admission_date", "discharge_date"]
_OWN: Final = [
    pl.when(_sex.is_not_null()).then(pl.lit(value=False)).alias("sex_differs_from_earlier"),
    pl.when(pl.col("birth_date").is_not_null())
    .then(pl.lit(value=False))
    .alias("birth_date_differs_from_earlier"),
    pl.lit(None, pl.String).alias("earlier_claim_id"),
    _died.alias("known_death_date"),
]


def identity(source: Source) -> pl.DataFrame:
    """The facts ``IDENTITY`` of every claim of the batch."""
    known = alone(source).select(*_KNOWN, *_OWN)
    claims = of_several(source)
    if claims.height:
        known = pl.concat([_identified(claims).select(known.columns), known])
    dead = known.filter(pl.col("known_death_date").is_not_null()).select(
        "stay_id", "known_death_date"
    )
    late: pl.Expr | pl.Series = pl.lit(None, pl.Int64)
    last: pl.Expr | pl.Series = pl.lit(None, pl.Date)
    if dead.height:
        # A line that was posted after the death to take another back is no service.
        charged = (
            live(source)
            .select("stay_id", "charge_date", "amount_fen")
            .filter(pl.col("stay_id").is_in(dead["stay_id"].implode()))
            .join(dead.lazy(), on="stay_id", how="inner")
            .group_by("stay_id")
            .agg(
                pl.col("charge_date").max().alias("last_charge"),
                pl.col("amount_fen")
                .filter(pl.col("charge_date") > pl.col("known_death_date"))
                .sum()
                .alias("late"),
            )
            .collect()
        )
        beside = known.select("stay_id").join(
            charged, on="stay_id", how="left", maintain_order="left"
        )
        late, last = beside["late"], beside["last_charge"]
    return known.with_columns(
        pl.col("known_death_date").is_not_null().alias("death_is_known"),
        charges_after_death_fen=late,
        last_charge=last,
    ).with_columns(_SERVED)


_SERVED: Final = (
    (
        pl.max_horizontal("admission_date", "discharge_date", "last_charge")
        - pl.col("known_death_date")
    )
    .dt.total_days()
    .alias("days_from_death_to_service")
)


def _identified(claims: pl.DataFrame) -> pl.DataFrame:
    """What claims of people with several say of the person, beside the earlier ones."""

    def earlier(column: str) -> pl.Expr:
        return pl.col(column).forward_fill().shift(1).over(PERSON)

    def differs(column: str) -> pl.Expr:
        known = pl.col(column).is_not_null()
        return pl.when(known).then((earlier(column) != pl.col(column)).fill_null(value=False))

    stated = pl.col("sex").is_not_null() | pl.col("birth_date").is_not_null()
    return (
        claims.lazy()
        .sort(*PERSON, *ORDER, nulls_last=False)
        .with_columns(sex=_sex, died=_died)
        .with_columns(named=pl.when(stated).then("stay_id"))
        .with_columns(
            differs("sex").alias("sex_differs_from_earlier"),
            differs("birth_date").alias("birth_date_differs_from_earlier"),
            earlier("named").alias("earlier_claim_id"),
            pl.col("died").cum_min().forward_fill().over(PERSON).alias("known_death_date"),
        )
        .filter("in_batch")
        .collect()
    )


_NO_VISIT: Final = lone(
    OUTPATIENT,
    outpatient_claims_during_stay=pl.when(pl.col("discharge_date").is_not_null()).then(
        pl.lit(0, pl.Int64)
    ),
    has_same_provider_visit=pl.lit(value=False),
)


def outpatient(source: Source) -> pl.LazyFrame:
    """The facts ``OUTPATIENT`` of the batch's inpatient stays."""
    keys = [*PERSON, "provider_id"]
    rest = alone(source).filter(claim_type="inpatient").select("stay_id", *_NO_VISIT)
    claims = of_several(source).sort(*ORDER, nulls_last=False)
    if claims.is_empty():
        return rest.lazy()
    stays = claims.filter("in_batch", claim_type="inpatient").lazy()
    visits = (
        claims.filter(claim_type="outpatient")
        .lazy()
        .select(
            *keys,
            pl.col("stay_id").alias("visit_id"),
            pl.col("admission_date").alias("visit"),
            pl.col("fund_payment_fen").alias("paid"),
        )
    )
    during = (pl.col("visit") > pl.col("admission_date")) & (
        pl.col("visit") < pl.col("discharge_date")
    )
    before = pl.col("visit") <= pl.col("admission_date")
    last = pl.col("visit") == pl.col("visit").filter(before).max()
    seen = (
        stays.select("stay_id", *keys, "admission_date", "discharge_date")
        .join(visits, on=keys, how="inner", maintain_order="left_right")
        .group_by("stay_id")
        .agg(
            during.sum().alias("outpatient_claims_during_stay"),
            _total(during).alias("outpatient_paid_during_stay_fen"),
            pl.col("visit_id").filter(during).first().alias("outpatient_claim_during_stay_id"),
            pl.col("visit").filter(before).max().alias("last_visit"),
            pl.col("visit_id").filter(last).first().alias("same_provider_visit_id"),
            _total(last).alias("same_provider_visit_paid_fen"),
        )
    )
    told = stays.join(seen, on="stay_id", how="left").with_columns(
        pl.when(pl.col("discharge_date").is_not_null())
        .then(pl.col("outpatient_claims_during_stay").fill_null(0))
        .alias("outpatient_claims_during_stay"),
        (pl.col("admission_date") - pl.col("last_visit"))
        .dt.total_days()
        .alias("days_since_same_provider_visit"),
        pl.col("last_visit").is_not_null().alias("has_same_provider_visit"),
    )
    return pl.concat([told.select(rest.columns).cast(rest.schema), rest.lazy()])


def of_patients(source: Source) -> pl.DataFrame:
    """Heads of batch and history (``source.claims``) of the patients in the batch."""
    mine = source.claims.filter("in_batch").select("patient_id").unique()
    if source.past_ids is None:
        return source.claims
    return source.claims.join(mine, on="patient_id", how="semi")


def of_several(source: Source) -> pl.DataFrame:
    """Those of the people who have several claims in batch and history.

    A claim that is alone sees nothing earlier, so that its facts are known at once.
    """
    return source.once("lookback.several", lambda s: _by_person(s, several=True))


def alone(source: Source) -> pl.DataFrame:
    """Heads of the batch's claims whose person has no other claim in batch and history."""
    return source.once("lookback.alone", lambda s: _by_person(s, several=False))


def _by_person(source: Source, *, several: bool) -> pl.DataFrame:
    claims = of_patients(source)
    many = claims.select(PERSON).is_duplicated()
    return claims.filter(many) if several else claims.filter(~many & claims["in_batch"])


def inpatient(source: Source) -> pl.DataFrame:
    """Inpatient stays of the people who have several claims, each person's in the fixed order."""
    return of_several(source).filter(claim_type="inpatient").sort(*PERSON, *ORDER, nulls_last=False)


def _recent(stays: pl.DataFrame) -> pl.Series:
    """Stays of the patient that began in the year up to each stay, for sorted stays."""
    day = stays["admission_date"].to_physical().cast(pl.Int64).to_numpy()
    changes = pl.any_horizontal(pl.col(c) != pl.col(c).shift(1) for c in PERSON)
    patient = stays.select(changes.fill_null(value=True).cast(pl.Int64).cum_sum()).to_series()
    # One sorted key of patient and day turns the look-back into a search.
    span = np.int64(10_000_000)
    key = patient.to_numpy() * span + day
    first = np.searchsorted(key, key - (YEAR_DAYS - 1), side="left")
    return pl.Series("stays_in_365_days", np.arange(len(key)) - first + 1, dtype=pl.Int64)


def _overlap(days: pl.Expr) -> pl.Expr:
    return pl.when(days.is_not_null()).then(pl.max_horizontal(-days, pl.lit(0)))


def _total(which: pl.Expr) -> pl.Expr:
    paid = pl.col("paid").filter(which)
    return pl.when((paid.len() > 0) & (paid.null_count() == 0)).then(paid.sum())
