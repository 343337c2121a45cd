"""Facts of why a drug or exam is ordered: indications, tests before it, earlier equal exams.

They need the order, the stay's diagnoses and its other orders, and no charges, so that an
order can be judged before it is carried out.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from rules.facts import codebook
from rules.facts.diagnosis import normal_codes
from rules.facts.fact import Fact, Kind, declare
from rules.facts.medication import in_force, local_dates, standing
from rules.facts.source import Source

FLAG, INTEGER, TEXT = Kind.FLAG, Kind.INTEGER, Kind.TEXT
PURPOSES: Final = {
    "payable": ("限支付适应证", "payable indication"),
    "key_monitored": ("重点监控药品适应证", "indication of the key-monitored drug"),
    "targeted": ("靶向免疫药物适应证肿瘤", "payable tumour of the targeted drug"),
    "antineoplastic": ("抗肿瘤药物适应证", "indication of the antineoplastic"),
    "albumin": ("白蛋白适用情形", "condition that calls for albumin"),
}
"""Purpose of a list of diagnoses in ``drug_indications.csv`` -> its labels."""
REQUIREMENTS: Final = {
    "culture_or_consultation": ("缺会诊或送检", "lacks culture and consultation"),
    "albumin_test": ("缺白蛋白检测", "lacks a test of albumin"),
    "nutrition_screening": ("缺营养风险筛查", "lacks a nutrition screening"),
}
"""Requirement in ``order_requirements.csv`` -> labels of the fact that it is not met."""
REPEAT_HOURS: Final = 7 * 24
"""Exams of one study within a week are counted together."""


def _listed(purpose: str) -> tuple[tuple[str, Kind, str, str, str, str | None], ...]:
    zh, en = PURPOSES[purpose]
    return (
        (f"has_{purpose}_list", FLAG, f"设有{zh}", f"has a list: {en}",
         "The drug stands with this purpose in the table.", None),
        (f"{purpose}_diagnosis_present", FLAG, f"存在{zh}", f"shows: {en}",
         "A diagnosis of the stay (the admission diagnosis included) starts with a code of the list.",
         "the drug is not listed so, the stay states no diagnosis, or its codes are not ICD-10"),
    )  # fmt: skip


# fmt: off
INDICATIONS: Final[tuple[Fact, ...]] = tuple(
    fact for purpose in PURPOSES
    for fact in declare("order", "orders, diagnoses, stays, reference/drug_indications.csv", _listed(purpose))
)
EVIDENCE: Final = declare("order", "orders, reference/order_requirements.csv", tuple(
    (f"lacks_{name}", FLAG, zh, en,
     "The drug asks for it, and no standing order of such a test, screening or consultation starts from so many hours "
     "before the drug to so many after it as the table says; false for other items.", None)
    for name, (zh, en) in REQUIREMENTS.items()
))
IMAGING: Final = declare("order", "orders, reference/imaging.csv", (
    ("imaging_study", TEXT, "影像检查", "imaging study", "Kind of imaging and part of the body.", "the item is no listed imaging"),
    ("same_studies_in_7_days", INTEGER, "7天内同类影像次数", "equal studies in the 7 days before",
     "Earlier standing orders (by start, then id) of the same study that start in the 168 hours before; 0 if none.", None),
))
INFECTION: Final = declare("stay", "diagnoses, orders, stays, icu_stays, reference/infection_signs.csv", (
    ("infection_evidence", FLAG, "存在感染或检测依据", "shows infection or a test for it",
     "A diagnosis (the admission diagnosis included) or an ordered test stands in the table.",
     "nothing shows it, and the claim has no diagnosis in ICD-10"),
    ("listed_intensive_care", FLAG, "列有重症监护", "lists intensive care", "The claim lists a time in intensive care.", None),
))
# fmt: on


def stated_codes(source: Source) -> pl.DataFrame:
    """``stay_id`` and normalised ICD-10 codes (``norm``) of all diagnoses, that of admission included."""
    return source.once("stated ICD-10 codes", _stated_codes)


def _stated_codes(source: Source) -> pl.DataFrame:
    stays = source.table("stays").select("stay_id", "diagnosis_system", "admission_diagnosis_code")
    ten = stays.filter(pl.col("diagnosis_system").str.starts_with("ICD-10"))
    listed = source.table("diagnoses").select("stay_id", "code")
    admitted = ten.select("stay_id", pl.col("admission_diagnosis_code").alias("code"))
    rows = pl.concat([listed, admitted.drop_nulls()]).join(ten, on="stay_id", how="semi")
    return rows.select("stay_id", normal_codes(rows).alias("norm")).unique()


def indications(source: Source) -> pl.LazyFrame:
    """The facts ``INDICATIONS``, one row an order."""
    table = codebook.read("drug_indications", source.reference)
    orders = standing(source).select("stay_id", "order_id", "item_code", "time_zone", "start_time")
    found = orders.join(table, on="item_code", how="inner")
    listed = local_dates(found, "start_time").filter(in_force("local_start"))
    codes = stated_codes(source).join(listed.select("stay_id").unique(), on="stay_id", how="semi")
    keys = ["stay_id", "order_id", "purpose"]
    shown = (
        listed.select(*keys, "prefixes")
        .explode("prefixes")
        .with_columns(pl.col("prefixes").str.replace_all(".", "", literal=True))
        .join(codes, on="stay_id", how="inner")
        .filter(pl.col("norm").str.starts_with(pl.col("prefixes")))
        .select(keys)
        .unique()
        .with_columns(shown=pl.lit(value=True))
    )
    stated = codes.select("stay_id").unique().with_columns(stated=pl.lit(value=True))
    judged = (
        listed.select(keys)
        .join(shown, on=keys, how="left")
        .join(stated, on="stay_id", how="left")
        .with_columns(pl.when("stated").then(pl.col("shown").fill_null(value=False)).alias("shown"))
    )
    wide = judged.group_by("stay_id", "order_id").agg(
        *[(pl.col("purpose") == p).any().alias(f"has_{p}_list") for p in PURPOSES],
        *[
            pl.col("shown").filter(pl.col("purpose") == p).first().alias(f"{p}_diagnosis_present")
            for p in PURPOSES
        ],
    )
    return (
        orders.lazy()
        .select("stay_id", "order_id")
        .join(wide.lazy(), on=["stay_id", "order_id"], how="left")
        .with_columns(pl.col(f"has_{p}_list").fill_null(value=False) for p in PURPOSES)
        .rename({"order_id": ":subject_id"})
    )


def evidence(source: Source) -> pl.LazyFrame:
    """The facts ``EVIDENCE``, one row an order."""
    table = codebook.read("order_requirements", source.reference)
    orders = standing(source).select(
        "stay_id", "order_id", "item_code", "start_time", "order_stands"
    )
    asked = orders.join(table, on="item_code", how="inner")
    proofs = (
        orders.filter("order_stands")
        .join(asked.select("stay_id").unique(), on="stay_id", how="semi")
        .select("stay_id", pl.col("item_code").alias("evidence_item_codes"), proved="start_time")
    )
    first = pl.col("start_time") - pl.duration(hours=pl.col("hours_before"))
    last = pl.col("start_time") + pl.duration(hours=pl.col("hours_after"))
    met = (
        asked.explode("evidence_item_codes")
        .join(proofs, on=["stay_id", "evidence_item_codes"], how="inner")
        .filter((pl.col("proved") >= first) & (pl.col("proved") <= last))
        .select("stay_id", "order_id", "requirement")
        .unique()
    )
    lacking = (
        asked.join(met, on=["stay_id", "order_id", "requirement"], how="anti")
        .lazy()
        .group_by("stay_id", "order_id")
        .agg((pl.col("requirement") == r).any().alias(f"lacks_{r}") for r in REQUIREMENTS)
    )
    return (
        orders.lazy()
        .select("stay_id", "order_id")
        .join(lacking, on=["stay_id", "order_id"], how="left")
        .with_columns(pl.col(f"lacks_{r}").fill_null(value=False) for r in REQUIREMENTS)
        .rename({"order_id": ":subject_id"})
    )


def imaging(source: Source) -> pl.LazyFrame:
    """The facts ``IMAGING``, one row an order."""
    table = codebook.read("imaging", source.reference)
    orders = standing(source).select(
        "stay_id", "order_id", "item_code", "start_time", "order_stands"
    )
    studies = orders.join(table, on="item_code", how="inner")
    earlier = studies.filter("order_stands").select(
        "stay_id", "study_zh", before="start_time", earlier_id="order_id"
    )
    recent = pl.col("before") >= pl.col("start_time") - pl.duration(hours=REPEAT_HOURS)
    above = (pl.col("before") < pl.col("start_time")) | (
        (pl.col("before") == pl.col("start_time")) & (pl.col("earlier_id") < pl.col("order_id"))
    )
    counted = (
        studies.lazy()
        .join(earlier.lazy(), on=["stay_id", "study_zh"], how="left")
        .group_by("stay_id", "order_id", "study_zh")
        .agg((above & recent).fill_null(value=False).sum().cast(pl.Int64).alias("studies"))
    )
    return (
        orders.lazy()
        .select("stay_id", "order_id")
        .join(counted, on=["stay_id", "order_id"], how="left")
        .select(
            "stay_id",
            pl.col("order_id").alias(":subject_id"),
            pl.col("study_zh").alias("imaging_study"),
            pl.col("studies").fill_null(0).alias("same_studies_in_7_days"),
        )
    )


def infection(source: Source) -> pl.LazyFrame:
    """The facts ``INFECTION``."""
    signs = codebook.starting("infection_signs", "code", source.reference)
    tests = codebook.read("infection_signs", source.reference).filter(kind="item")
    prefixes = signs.filter(kind="diagnosis").select(prefix="code")
    codes = stated_codes(source)
    infected = codebook.every(codes["norm"], prefixes).select("norm").unique()
    by_code = codes.join(infected, on="norm", how="semi").select("stay_id")
    tested = (
        standing(source)
        .filter("order_stands")
        .join(tests, left_on="item_code", right_on="code", how="semi")
        .select("stay_id")
    )
    true = pl.lit(value=True)
    shown = pl.concat([by_code, tested]).unique().with_columns(shown=true)
    coded = codes.select("stay_id").unique().with_columns(coded=true)
    critical = source.table("icu_stays").select("stay_id").unique()
    return (
        source.table("stays")
        .lazy()
        .select("stay_id")
        .join(shown.lazy(), on="stay_id", how="left")
        .join(coded.lazy(), on="stay_id", how="left")
        .join(critical.lazy().with_columns(listed_intensive_care=true), on="stay_id", how="left")
        .select(
            "stay_id",
            pl.when("shown").then(true).when("coded").then(~true).alias("infection_evidence"),
            pl.col("listed_intensive_care").fill_null(value=False),
        )
    )
