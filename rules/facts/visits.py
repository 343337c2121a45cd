"""Facts that tie outpatient claims and stays of one person together.

A stay sees outpatient claims dated during it, before its discharge (as SHF-002 does),
or on or before the day of admission; an outpatient claim sees earlier claims. A child
under one year is another person than an older one of the same number.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from rules.facts.diagnosis import normal
from rules.facts.fact import Fact, Kind, declare
from rules.facts.lookback import BEFORE, ORDER, alone, lone, of_patients, of_several
from rules.facts.source import PERSON, Source

FLAG, INTEGER, MONEY, TEXT = Kind.FLAG, Kind.INTEGER, Kind.MONEY, Kind.TEXT
TEST_DAYS: Final = 3
"""Days before admission in which tests belong to the stay; the US payment window has as many."""
DRUG_DAYS: Final = 30
"""Days up to a visit in which purchases of one drug are counted together."""
_TESTS: Final = ("03", "04")
"""Charge categories of examinations and laboratory tests."""
_DRUGS: Final = ("09", "11")
"""Charge categories of drugs sold by the pack."""
_CITY_LETTERS: Final = 4
"""The first four digits of a division name the city."""
_CATEGORY_LETTERS: Final = 3
_DURING: Final = "outpatient claims dated before the stay's discharge"
_ADMITTED: Final = "outpatient claims dated on or before the day of admission"

# fmt: off
ELSEWHERE: Final = declare("stay", "outpatient claims of the patient at other hospitals", (
    ("outpatient_claims_elsewhere_during_stay", INTEGER, "住院期间他院门诊结算数", "outpatient claims elsewhere during the stay",
     "Outpatient claims of other hospitals whose date lies after the day of admission and before the day of discharge.",
     "the claim is an outpatient visit or the patient is still in hospital"),
    ("outpatient_claim_elsewhere_id", TEXT, "住院期间他院门诊结算ID", "outpatient claim elsewhere during the stay",
     "The first of them.", "there is none"),
    ("outpatient_paid_elsewhere_fen", MONEY, "住院期间他院门诊基金支付", "fund payment of outpatient claims elsewhere during the stay",
     "What the fund paid for them.", "there is none, or a payment is not stated"),
), as_of=_DURING)
TESTS: Final = declare("stay", "outpatient claims and charges of the patient at the same hospital", (
    ("has_test_visit_before", FLAG, "入院前三日有本院门诊", "has a visit in the days before admission",
     f"There is an outpatient claim at the hospital on the day of admission or in the {TEST_DAYS} days before.", None),
    ("tests_before_admission_fen", MONEY, "入院前三日门诊检查化验费", "tests billed in the days before admission",
     "Sum of the examination and laboratory lines of those claims.",
     "there is no such claim, or one of them has no charge lines"),
    ("test_visit_id", TEXT, "入院前门诊结算ID", "visit before admission", "The last of those claims.", "there is none"),
), as_of=_ADMITTED)
AFTER: Final = declare("stay", "stays and charges of the patient at the same hospital", (
    ("has_same_provider_stay", FLAG, "此前本院住院", "has an earlier stay at the same hospital",
     "The claim is a visit, and a stay of the patient at the hospital began before and ended on or before its day.", None),
    ("days_since_same_provider_stay", INTEGER, "距本院出院天数", "days since discharge from the same hospital",
     "Date of the visit minus the last discharge on or before it from a stay at the hospital.",
     "the claim is a stay, or there is no such discharge"),
    ("last_same_provider_stay_id", TEXT, "该次住院结算ID", "that stay", "Its identifier.", "as days since same provider stay"),
    ("visit_has_disease_of_stay", FLAG, "与该次住院同病", "visit for the disease of the stay",
     "The principal diagnoses share the code system and the three-character category.",
     "there is no such stay, or one of the two has no diagnosis"),
    ("examinations_not_in_stay_fen", MONEY, "住院期间未做的检查费", "examinations that the stay did not have",
     "Sum of the visit's examination lines (category 03) whose item that stay was not charged.",
     "there is no such stay, or one of the two has no charge lines"),
), measures={"days_since_same_provider_stay": "day"}, as_of=BEFORE)
PLACES: Final = declare("stay", "claims of the patient", (
    ("other_city_visit_id", TEXT, "同日异地门诊结算ID", "visit in another city on the day",
     "The last earlier outpatient claim of the day at a hospital in another city (first four digits of the division).",
     "there is none"),
    ("has_other_city_visit", FLAG, "同日有异地门诊", "has a visit in another city on the day", "There is such a claim.",
     "an earlier outpatient claim of the day or this one does not state the division"),
    ("minutes_since_other_city_visit", INTEGER, "距异地门诊结束时长", "minutes since the visit in another city",
     "This admission (or visit) minus the end of that visit.", "there is none, or a time is not stated"),
), measures={"minutes_since_other_city_visit": "minute"}, as_of=BEFORE)
DRUGS: Final = declare("stay", "outpatient claims and charges of the patient", (
    ("providers_in_30_days", INTEGER, "30天内就诊机构数", "providers visited in 30 days",
     f"Hospitals and pharmacies of the patient's outpatient claims in the {DRUG_DAYS} days up to the visit, this one included.",
     "the claim is a stay"),
    ("providers_of_same_drug", INTEGER, "30天内同药购药机构数", "providers of the same drug in 30 days",
     f"Largest number of hospitals and pharmacies that sold the patient one of the visit's drugs in the {DRUG_DAYS} days "
     "up to it, this one included; 0 if the visit has no drug.",
     "the claim is a stay, or it or an earlier visit of those days elsewhere has no charge lines"),
    ("same_drug_name", TEXT, "多机构购买的药品", "drug bought from several providers",
     "The name (or code) of that drug, the first by code where several are equal.", "as providers of same drug, or there is no drug"),
    ("same_drug_amount_fen", MONEY, "该药本次金额", "amount of that drug on this claim", "Sum of its lines.", "as same drug name"),
), as_of=BEFORE)
# fmt: on


_NOWHERE: Final = lone(
    ELSEWHERE,
    outpatient_claims_elsewhere_during_stay=pl.when(pl.col("discharge_date").is_not_null()).then(
        pl.lit(0, pl.Int64)
    ),
)


def elsewhere(source: Source) -> pl.LazyFrame:
    """The facts ``ELSEWHERE`` of the batch's inpatient stays."""
    rest = alone(source).filter(claim_type="inpatient").select("stay_id", *_NOWHERE)
    claims = of_several(source)
    if claims.is_empty():
        return rest.lazy()
    stays = claims.filter("in_batch", claim_type="inpatient").select(
        "stay_id", *PERSON, "provider_id", "admission_date", "discharge_date"
    )
    visits = (
        claims.filter(claim_type="outpatient")
        .sort(*ORDER, nulls_last=False)
        .select(
            *PERSON,
            pl.col("stay_id").alias("visit_id"),
            pl.col("provider_id").alias("visited"),
            pl.col("admission_date").alias("visit"),
            pl.col("fund_payment_fen").alias("paid"),
        )
    )
    paid = pl.col("paid")
    seen = (
        stays.join(visits, on=PERSON, how="inner", maintain_order="left_right")
        .filter(
            (pl.col("visited") != pl.col("provider_id"))
            & (pl.col("visit") > pl.col("admission_date"))
            & (pl.col("visit") < pl.col("discharge_date"))
        )
        .group_by("stay_id", maintain_order=True)
        .agg(
            pl.len().cast(pl.Int64).alias("seen"),
            pl.col("visit_id").first().alias("outpatient_claim_elsewhere_id"),
            pl.when(paid.null_count() == 0).then(paid.sum()).alias("outpatient_paid_elsewhere_fen"),
        )
    )
    told = stays.join(seen, on="stay_id", how="left").with_columns(
        pl.when(pl.col("discharge_date").is_not_null())
        .then(pl.col("seen").fill_null(0))
        .alias("outpatient_claims_elsewhere_during_stay")
    )
    return pl.concat([told.select(rest.columns), rest]).lazy()


def tests(source: Source) -> pl.LazyFrame:
    """The facts ``TESTS`` of the batch's inpatient stays."""
    keys = [*PERSON, "provider_id"]
    claims = of_several(source)
    if claims.is_empty():
        return _none(TESTS)
    stays = claims.filter("in_batch", claim_type="inpatient").select(
        "stay_id", *keys, "admission_date"
    )
    visits = (
        claims.filter(claim_type="outpatient")
        .sort(*ORDER, nulls_last=False)
        .select(*keys, pl.col("stay_id").alias("visit_id"), pl.col("admission_date").alias("visit"))
    )
    since = (pl.col("admission_date") - pl.col("visit")).dt.total_days()
    near = stays.join(visits, on=keys, how="inner", maintain_order="left_right").filter(
        since.is_between(0, TEST_DAYS)
    )
    sums = _sums(source, near["visit_id"].unique())
    seen = (
        near.join(sums, left_on="visit_id", right_on="stay_id", how="left", maintain_order="left")
        .group_by("stay_id", maintain_order=True)
        .agg(
            pl.col("visit_id").last().alias("test_visit_id"),
            pl.when(pl.col("tests").null_count() == 0)
            .then(pl.col("tests").sum())
            .alias("tests_before_admission_fen"),
        )
    )
    return (
        stays.join(seen, on="stay_id", how="left")
        .with_columns(has_test_visit_before=pl.col("test_visit_id").is_not_null())
        .lazy()
    )


def _sums(source: Source, wanted: pl.Series) -> pl.DataFrame:
    """Net examination and laboratory charges (``tests``) of the claims that have charge lines."""
    return (
        source.all_rows("charges")
        .lazy()
        .select("stay_id", "category", "amount_fen")
        .join(pl.LazyFrame({"stay_id": wanted}), on="stay_id", how="semi")
        .group_by("stay_id")
        .agg(
            pl.col("amount_fen").filter(pl.col("category").is_in(_TESTS)).sum().alias("tests"),
        )
        .collect()
    )


def after(source: Source) -> pl.LazyFrame:
    """The facts ``AFTER`` of the batch's outpatient claims."""
    keys = [*PERSON, "provider_id"]
    claims = of_several(source)
    if claims.is_empty():
        return _none(AFTER)
    visits = claims.filter("in_batch", claim_type="outpatient").select(
        "stay_id", *keys, "admission_date"
    )
    stays = claims.filter(claim_type="inpatient").select(
        *keys,
        pl.col("stay_id").alias("last_same_provider_stay_id"),
        pl.col("admission_date").alias("admitted"),
        pl.col("discharge_date").alias("left"),
    )
    pairs = (
        visits.join(stays, on=keys, how="inner")
        .filter(
            (pl.col("left") <= pl.col("admission_date"))
            & (pl.col("admitted") < pl.col("admission_date"))
            & (pl.col("admitted") <= pl.col("left"))
        )
        .sort("stay_id", "left", "admitted", "last_same_provider_stay_id")
        .unique("stay_id", keep="last", maintain_order=True)
        .select(
            "stay_id",
            "last_same_provider_stay_id",
            (pl.col("admission_date") - pl.col("left"))
            .dt.total_days()
            .alias("days_since_same_provider_stay"),
            has_same_provider_stay=pl.lit(value=True),
        )
    )
    return (
        pairs.join(_same_disease(source, pairs), on="stay_id", how="left")
        .join(_new_examinations(source, pairs), on="stay_id", how="left")
        .lazy()
    )


def _same_disease(source: Source, pairs: pl.DataFrame) -> pl.DataFrame:
    wanted = pl.concat([pairs["stay_id"], pairs["last_same_provider_stay_id"]]).unique()
    systems = source.all_rows("stays").select("stay_id", "diagnosis_system")
    first = (
        source.all_rows("diagnoses")
        .filter(pl.col("ordinal") == 1)
        .join(pl.DataFrame({"stay_id": wanted}), on="stay_id", how="semi")
        .unique("stay_id")
        .join(systems, on="stay_id", how="inner")
        .select(
            "stay_id",
            pl.concat_str("diagnosis_system", normal("code").str.slice(0, _CATEGORY_LETTERS)).alias(
                "disease"
            ),
        )
    )
    return (
        pairs.join(first, on="stay_id", how="inner")
        .join(
            first,
            left_on="last_same_provider_stay_id",
            right_on="stay_id",
            how="inner",
            suffix="_stay",
        )
        .select(
            "stay_id",
            (pl.col("disease") == pl.col("disease_stay")).alias("visit_has_disease_of_stay"),
        )
    )


def _new_examinations(source: Source, pairs: pl.DataFrame) -> pl.DataFrame:
    wanted = pl.concat([pairs["stay_id"], pairs["last_same_provider_stay_id"]]).unique()
    lines = (
        source.all_rows("charges")
        .select("stay_id", "category", "item_code", "amount_fen", "quantity")
        .join(pl.DataFrame({"stay_id": wanted}), on="stay_id", how="semi")
    )
    charged = lines.select("stay_id").unique()
    done = (
        lines.group_by("stay_id", "item_code")
        .agg(pl.col("quantity").sum())
        .filter(pl.col("quantity") > 0)
        .select(pl.col("stay_id").alias("last_same_provider_stay_id"), "item_code")
    )
    known = pairs.join(charged, on="stay_id", how="semi").join(
        charged, left_on="last_same_provider_stay_id", right_on="stay_id", how="semi"
    )
    new = (
        known.join(lines.filter(pl.col("category") == _TESTS[0]), on="stay_id", how="inner")
        .join(done, on=["last_same_provider_stay_id", "item_code"], how="anti")
        .group_by("stay_id")
        .agg(pl.col("amount_fen").sum().alias("examinations_not_in_stay_fen"))
    )
    return (
        known.select("stay_id")
        .join(new, on="stay_id", how="left")
        .with_columns(pl.col("examinations_not_in_stay_fen").fill_null(0))
    )


_NO_PLACE: Final = lone(PLACES, has_other_city_visit=pl.lit(value=False))


def places(source: Source) -> pl.LazyFrame:
    """The facts ``PLACES`` of every claim of the batch."""
    keys = [*PERSON, "admission_date"]
    more = source.all_rows("stays").select("stay_id", "region_code", "discharge_time")
    claims = of_several(source)
    claims = claims.filter(claims.select(keys).is_duplicated())
    if claims.is_empty():
        return source.table("stays").select("stay_id", *_NO_PLACE).lazy()
    claims = (
        claims.sort(*ORDER, nulls_last=False)
        .with_row_index("place")
        .join(more, on="stay_id", how="left", maintain_order="left")
        .select(
            *keys, "place", "stay_id", "in_batch", "claim_type", "admission_time", "discharge_time",
            pl.col("region_code").str.slice(0, _CITY_LETTERS).alias("city"),
        )
    )  # fmt: skip
    others = claims.filter(claim_type="outpatient").drop("in_batch", "claim_type")
    pairs = (
        claims.filter("in_batch")
        .join(others, on=keys, how="inner", suffix="_other")
        .filter(pl.col("place_other") < pl.col("place"))
        .with_columns(away=pl.col("city") != pl.col("city_other"))
        .sort("place_other")
    )
    away = pl.col("away").fill_null(value=False)
    end = pl.coalesce("discharge_time_other", "admission_time_other")
    seen = pairs.group_by("stay_id", maintain_order=True).agg(
        pl.col("away").any(ignore_nulls=False).alias("has_other_city_visit"),
        pl.col("stay_id_other").filter(away).last().alias("other_city_visit_id"),
        (pl.col("admission_time") - end)
        .filter(away)
        .last()
        .dt.total_minutes()
        .alias("minutes_since_other_city_visit"),
    )
    rest = source.table("stays").select("stay_id").join(seen, on="stay_id", how="anti")
    return pl.concat(
        [seen, rest.with_columns(has_other_city_visit=pl.lit(value=False))], how="diagonal"
    ).lazy()


def drugs(source: Source) -> pl.LazyFrame:
    """The facts ``DRUGS`` of the batch's outpatient claims."""
    visits = (
        of_patients(source)
        .filter(claim_type="outpatient")
        .sort(*ORDER, nulls_last=False)
        .with_row_index("place")
        .select(*PERSON, "place", "stay_id", "in_batch", "provider_id", "admission_date")
    )
    if visits.is_empty():
        return _none(DRUGS)
    mine = visits.filter("in_batch").drop("in_batch")
    since = (pl.col("admission_date") - pl.col("admission_date_other")).dt.total_days()
    pairs = (
        mine.join(visits.drop("in_batch"), on=PERSON, how="inner", suffix="_other")
        .filter((pl.col("place_other") <= pl.col("place")) & (since < DRUG_DAYS))
        .select(
            "stay_id",
            pl.col("stay_id_other").alias("earlier"),
            pl.col("provider_id_other").alias("provider"),
            other=pl.col("provider_id") != pl.col("provider_id_other"),
        )
    )
    lines = (
        source.all_rows("charges")
        .select("stay_id", "category", "item_code", "item_name", "quantity", "amount_fen")
        .join(visits.select("stay_id"), on="stay_id", how="semi")
    )
    bought = (
        lines.filter(pl.col("category").is_in(_DRUGS))
        .group_by("stay_id", "item_code")
        .agg(
            pl.col("quantity").sum(),
            pl.col("amount_fen").sum(),
            pl.col("item_name").min(),
        )
        .filter(pl.col("quantity") > 0)
    )
    own = bought.select(
        "stay_id",
        "item_code",
        pl.col("amount_fen").alias("same_drug_amount_fen"),
        pl.coalesce("item_name", "item_code").alias("same_drug_name"),
    )
    sold = (
        pairs.join(
            bought.select(pl.col("stay_id").alias("earlier"), "item_code"),
            on="earlier",
            how="inner",
        )
        .group_by("stay_id", "item_code")
        .agg(pl.col("provider").n_unique().cast(pl.Int64).alias("providers_of_same_drug"))
    )
    most = (
        own.join(sold, on=["stay_id", "item_code"], how="inner")
        .sort("stay_id", "providers_of_same_drug", "item_code", descending=[False, True, False])
        .unique("stay_id", keep="first", maintain_order=True)
        .drop("item_code")
    )
    # A visit elsewhere without lines may have been for the same drug; one without this claim's
    # own lines says nothing at all.
    charged = lines.select("stay_id").unique().with_columns(known=pl.lit(value=True))
    blind = (
        pairs.join(charged, left_on="earlier", right_on="stay_id", how="left")
        .filter(
            pl.col("known").is_null() & (pl.col("other") | (pl.col("earlier") == pl.col("stay_id")))
        )
        .select("stay_id")
        .unique()
    )
    many = pairs.group_by("stay_id").agg(
        pl.col("provider").n_unique().cast(pl.Int64).alias("providers_in_30_days")
    )
    judged = (
        mine.select("stay_id")
        .join(blind, on="stay_id", how="anti")
        .join(most, on="stay_id", how="left")
        .with_columns(pl.col("providers_of_same_drug").fill_null(0))
    )
    return many.join(judged, on="stay_id", how="left").lazy()


def _none(facts: tuple[Fact, ...]) -> pl.LazyFrame:
    """No claim to say anything of."""
    return pl.LazyFrame(schema={"stay_id": pl.String, **{f.name: f.kind.dtype for f in facts}})
