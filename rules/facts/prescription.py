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
from rules.facts.medication import in_force, local_dates, nothing
from rules.facts.order import of_items, standing
from rules.facts.source import ROW, STAY, Source

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
    """Stay (``stay_id``, ``:stay``) and normalised ICD-10 codes (``norm``) of all diagnoses, that of admission included."""
    return source.once("stated ICD-10 codes", _stated_codes)


def _stated_codes(source: Source) -> pl.DataFrame:
    stays = source.keyed("stays").select(
        "stay_id", STAY, "diagnosis_system", "admission_diagnosis_code"
    )
    ten = stays["diagnosis_system"].str.starts_with("ICD-10").fill_null(value=False)
    listed = source.keyed("diagnoses").select("stay_id", STAY, "code")
    if not ten.all():
        listed = listed.filter(ten.gather(listed[STAY]))
    admitted = stays.filter(ten & stays["admission_diagnosis_code"].is_not_null()).select(
        "stay_id", STAY, pl.col("admission_diagnosis_code").alias("code")
    )
    rows = pl.concat([listed, admitted])
    return rows.select("stay_id", STAY, normal_codes(rows).alias("norm")).unique()


_INDICATED: Final = [
    *[(pl.col("purpose") == p).any().alias(f"has_{p}_list") for p in PURPOSES],
    *[
        pl.col("shown").filter(pl.col("purpose") == p).first().alias(f"{p}_diagnosis_present")
        for p in PURPOSES
    ],
]


def indications(source: Source) -> pl.DataFrame:
    """The facts ``INDICATIONS``, one row an order."""
    rows = standing(source).select(ROW)
    found = of_items(
        standing(source).select(STAY, ROW, "item_code", "time_zone", "start_time"),
        "drug_indications",
        source,
    )
    if found.height:
        found = local_dates(found, "start_time").filter(in_force("local_start"))
    if found.is_empty():
        return rows.select(ROW, *_UNLISTED)
    codes = stated_codes(source).filter(pl.col(STAY).is_in(found[STAY].unique().implode()))
    keys = [ROW, "purpose"]
    shown = (
        found.select(STAY, *keys, "prefixes")
        .explode("prefixes")
        .with_columns(pl.col("prefixes").str.replace_all(".", "", literal=True))
        .join(codes, on=STAY, how="inner")
        .filter(pl.col("norm").str.starts_with(pl.col("prefixes")))
        .select(keys)
        .unique()
        .with_columns(shown=pl.lit(value=True))
    )
    stated = found[STAY].is_in(codes[STAY].unique().implode())
    told = (
        found.select(keys)
        .with_columns(stated.alias("stated"))
        .join(shown, on=keys, how="left")
        .with_columns(pl.when("stated").then(pl.col("shown").fill_null(value=False)).alias("shown"))
        .group_by(ROW)
        .agg(_INDICATED)
    )
    return rows.join(told, on=ROW, how="left", maintain_order="left").with_columns(_LISTED)


_LISTED: Final = [pl.col(f"has_{p}_list").fill_null(value=False) for p in PURPOSES]
_UNLISTED: Final = [
    (pl.lit(value=False) if f.null_when is None else pl.lit(None, pl.Boolean)).alias(f.name)
    for f in INDICATIONS
]


def evidence(source: Source) -> pl.DataFrame:
    """The facts ``EVIDENCE``, one row an order that lacks something."""
    orders = standing(source).select(STAY, ROW, "item_code", "start_time", "order_stands")
    asked = of_items(orders, "order_requirements", source)
    if asked.is_empty():
        return nothing(EVIDENCE)
    proofs = orders.filter(
        pl.col("order_stands") & pl.col(STAY).is_in(asked[STAY].unique().implode())
    ).select(STAY, pl.col("item_code").alias("evidence_item_codes"), proved="start_time")
    keys = [ROW, "requirement"]
    met = (
        asked.explode("evidence_item_codes")
        .join(proofs, on=[STAY, "evidence_item_codes"], how="inner")
        .filter((pl.col("proved") >= _FIRST) & (pl.col("proved") <= _LAST))
        .select(keys)
        .unique()
    )
    return (
        asked.join(met, on=keys, how="anti")
        .group_by(ROW)
        .agg((pl.col("requirement") == r).any().alias(f"lacks_{r}") for r in REQUIREMENTS)
    )


_FIRST: Final = pl.col("start_time") - pl.duration(hours=pl.col("hours_before"))
_LAST: Final = pl.col("start_time") + pl.duration(hours=pl.col("hours_after"))
_recent: Final = pl.col("before") >= pl.col("start_time") - pl.duration(hours=REPEAT_HOURS)
_above: Final = (pl.col("before") < pl.col("start_time")) | (
    (pl.col("before") == pl.col("start_time")) & (pl.col("earlier_id") < pl.col("order_id"))
)


def imaging(source: Source) -> pl.DataFrame:
    """The facts ``IMAGING``, one row an order."""
    rows = standing(source).select(ROW, STAY, "order_id", "item_code", "start_time", "order_stands")
    studies = of_items(rows, "imaging", source)
    if studies.is_empty():
        return rows.select(
            ROW,
            pl.lit(None, pl.String).alias("imaging_study"),
            pl.lit(0, pl.Int64).alias("same_studies_in_7_days"),
        )
    earlier = studies.filter("order_stands").select(
        STAY, "study_zh", before="start_time", earlier_id="order_id"
    )
    counted = (
        studies.join(earlier, on=[STAY, "study_zh"], how="left")
        .group_by(ROW, "study_zh")
        .agg((_above & _recent).fill_null(value=False).sum().cast(pl.Int64).alias("studies"))
    )
    return (
        rows.select(ROW)
        .join(counted, on=ROW, how="left", maintain_order="left")
        .select(
            ROW,
            pl.col("study_zh").alias("imaging_study"),
            pl.col("studies").fill_null(0).alias("same_studies_in_7_days"),
        )
    )


def infection(source: Source) -> pl.DataFrame:
    """The facts ``INFECTION``."""
    signs = codebook.starting("infection_signs", "code", source.reference)
    tests = codebook.read("infection_signs", source.reference).filter(kind="item")["code"]
    prefixes = signs.filter(kind="diagnosis").select(prefix="code")
    codes = stated_codes(source)
    infected = codebook.every(codes["norm"], prefixes)["norm"].unique()
    by_code = codes[STAY].filter(codes["norm"].is_in(infected.implode()))
    orders = standing(source)
    tested = orders[STAY].filter(
        orders["order_stands"] & orders["item_code"].is_in(tests.unique().implode())
    )
    stays = source.keyed("stays").select(STAY, "stay_id")
    shown = stays[STAY].is_in(pl.concat([by_code, tested]).unique().implode())
    coded = stays[STAY].is_in(codes[STAY].unique().implode())
    critical = stays["stay_id"].is_in(source.table("icu_stays")["stay_id"].unique().implode())
    return stays.select(
        STAY,
        pl.when(shown).then(True).when(coded).then(False).alias("infection_evidence"),
        critical.alias("listed_intensive_care"),
    )
