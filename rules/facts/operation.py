"""Facts of operations: what the patient's body, the hospital and the charges say of a procedure.

Codes are matched by prefix in ICD-9-CM-3 (the Chinese edition extends the US one). A
procedure in another system is in none of the tables: it is not limited and nothing is asked of it.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from rules.facts import codebook, reference
from rules.facts.charge import live
from rules.facts.diagnosis import normal_codes
from rules.facts.fact import Kind, declare
from rules.facts.source import Source

FLAG, INTEGER, MONEY, TEXT = Kind.FLAG, Kind.INTEGER, Kind.MONEY, Kind.TEXT
OPERATION_CATEGORY: Final = "06"
PROVING_CATEGORIES: Final = ("05", "06", "08")
"""Treatments, operations and consumables."""
ANAESTHESIA_ITEMS: Final = ("S-0107016", "S-0107017")
NONINVASIVE_ITEMS: Final = ("S-0106002",)
_SYSTEM: Final = "ICD-9-CM-3"
_NOT_LISTED: Final = "the table does not list the procedure"
_NO_CHARGES: Final = "the claim has no charge lines"

# fmt: off
BODY: Final = declare("procedure", "procedures, reference/procedure_limits.csv, reference/operations.csv", (
    ("procedure_sex", TEXT, "术式限定性别", "sex that the procedure is limited to", "1 male, 2 female.", _NOT_LISTED),
    ("procedure_min_age_years", INTEGER, "术式最低年龄", "youngest age for the procedure", "Whole years.", _NOT_LISTED),
    ("procedure_max_age_years", INTEGER, "术式最高年龄", "oldest age for the procedure", "Whole years.", _NOT_LISTED),
    ("operation_level", INTEGER, "手术级别", "level of the operation", "1 (minor) to 4 (major).", _NOT_LISTED),
    ("needs_anaesthesia", FLAG, "需要麻醉", "needs anaesthesia",
     "The operation is never done without anaesthesia; false where the table does not list it.", None),
    ("operation_times_contradict", FLAG, "手术时间自相矛盾", "times of the operation contradict each other",
     "The end lies before the start, anaesthesia begins after the start or ends before the end of the operation, or the "
     "operation lies outside the stay by more than a day.", "neither start nor end is stated"),
), measures={"procedure_min_age_years": "year", "procedure_max_age_years": "year"})
CHARGED: Final = declare("procedure", "procedures, charges, reference/procedure_evidence.csv", (
    ("operation_lines_near", INTEGER, "前后1天手术收费条数", "operation charges near the procedure",
     "Live lines of the operation category from the day before the procedure to the day after, anaesthesia included.",
     "the claim has no charge lines or the date of the procedure is not stated"),
    ("anaesthesia_shown", FLAG, "有麻醉记录或收费", "anaesthesia is shown",
     "The list names a method or an anaesthetist for any procedure of that day, or anaesthesia is charged in the stay.",
     "neither is stated and the claim has no charge lines"),
    ("implant_name", TEXT, "应有植入物", "implant of the operation", "Implant that the operation puts in.", _NOT_LISTED),
    ("implant_shown", FLAG, "有植入物收费", "implant is charged", "A live line charges such an implant.",
     "the procedure asks for none, the claim has no charge lines, or a consumable of it is not in the tariff"),
    ("service_name", TEXT, "应有治疗项目", "service of the procedure", "Service without which the procedure cannot be.", _NOT_LISTED),
    ("service_shown", FLAG, "有治疗项目收费", "service is charged", "A live line charges that service.",
     "the procedure asks for none, the claim has no charge lines, or a treatment item of it is not in the tariff"),
    ("is_invasive_ventilation", FLAG, "为有创通气编码", "is a code of invasive ventilation", "Listed as such.", None),
    ("airway_shown", FLAG, "有有创通气佐证", "invasive airway is shown",
     "A live line charges invasive ventilation, intubation, tracheostomy or its care.",
     "the code is none of invasive ventilation, the claim has no charge lines, or a treatment item of it is not in the tariff"),
))
VENTILATED: Final = declare("stay", "charges", (
    ("noninvasive_ventilation_lines", INTEGER, "无创通气收费条数", "lines of non-invasive ventilation", "Live lines.", _NO_CHARGES),
    ("operation_charges_fen", MONEY, "手术费合计", "operation charges",
     "Sum of the live lines of the operation category without anaesthesia.", _NO_CHARGES),
))
LIST: Final = declare("stay", "procedures, reference/operations.csv", (
    ("main_operation_level", INTEGER, "主要手术级别", "level of the main operation", "Level of the first procedure.",
     "there is none, or the table does not list it"),
    ("highest_operation_level", INTEGER, "最高手术级别", "highest level of an operation", "Highest level on the list.",
     "the table lists none of the procedures"),
    ("highest_operation_code", TEXT, "级别最高手术", "operation of the highest level", "The first of that level.",
     "the table lists none of the procedures"),
))
TOGETHER: Final = declare("procedure", "procedures, reference/procedure_bundles.csv", (
    ("comprehensive_operations", INTEGER, "包含该步骤的手术数", "operations that contain the step",
     "Procedures of the same day of which this one is a step by the table.",
     "such an operation is listed, but the date of one of the two is not stated"),
    ("comprehensive_operation_code", TEXT, "包含该步骤的手术", "operation that contains the step", "The first of them.", "there is none"),
))
# fmt: on


def coded(source: Source) -> pl.DataFrame:
    """Procedures with their normalised code (``norm``); null outside ICD-9-CM-3."""
    return source.once("coded procedures", _coded)


def _coded(source: Source) -> pl.DataFrame:
    systems = source.table("stays").select(
        "stay_id", "procedure_system", "admission_time", "discharge_time", "claim_type"
    )
    rows = source.table("procedures")
    known = pl.col("procedure_system").str.starts_with(_SYSTEM)
    return (
        rows.with_columns(
            normal_codes(rows).alias("norm"),
            pl.concat_str(pl.lit("px-"), pl.col("ordinal")).alias(":subject_id"),
        )
        .join(systems, on="stay_id", how="inner", maintain_order="left")
        .with_columns(pl.when(known).then("norm").alias("norm"))
    )


def matched(source: Source, name: str) -> pl.DataFrame:
    """``norm`` of the batch's procedure codes with the row of the longest prefix in a table."""
    return codebook.longest(
        coded(source)["norm"], codebook.starting(name, "prefix", source.reference)
    )


def body(source: Source) -> pl.LazyFrame:
    """The facts ``BODY``, one row a procedure."""
    limits = matched(source, "procedure_limits").select(
        "norm", "sex", "min_age_years", "max_age_years"
    )
    levels = matched(source, "operations").select("norm", "level", "anaesthesia")
    day = pl.duration(days=1)
    wrong = (
        (pl.col("end_time") < pl.col("start_time")).fill_null(value=False)
        | (pl.col("anaesthesia_start_time") > pl.col("start_time")).fill_null(value=False)
        | (pl.col("anaesthesia_end_time") < pl.col("end_time")).fill_null(value=False)
        | (pl.col("start_time") < pl.col("admission_time") - day).fill_null(value=False)
        | (pl.col("start_time") > pl.col("discharge_time") + day).fill_null(value=False)
    )
    timed = pl.col("start_time").is_not_null() | pl.col("end_time").is_not_null()
    return (
        coded(source)
        .lazy()
        .join(limits.lazy(), on="norm", how="left")
        .join(levels.lazy(), on="norm", how="left")
        .select(
            "stay_id",
            ":subject_id",
            pl.col("sex").alias("procedure_sex"),
            pl.col("min_age_years").alias("procedure_min_age_years"),
            pl.col("max_age_years").alias("procedure_max_age_years"),
            pl.col("level").alias("operation_level"),
            pl.col("anaesthesia").fill_null(value=False).alias("needs_anaesthesia"),
            pl.when(timed).then(wrong).alias("operation_times_contradict"),
        )
    )


def _proofs(source: Source) -> pl.DataFrame:
    """Live charge lines of the categories that can prove an operation: one pass for all facts."""
    return source.once(
        "lines that prove operations",
        lambda s: (
            live(s)
            .filter(pl.col("category").is_in(PROVING_CATEGORIES))
            .select("stay_id", "item_code", "category", "charge_date", "amount_fen")
            .collect()
        ),
    )


def _proving_items(source: Source) -> pl.DataFrame:
    """``stay_id``, ``item_code`` and ``category`` of such lines, once each, of stays with procedures."""
    return source.once(
        "items that prove operations",
        lambda s: (
            _proofs(s)
            .join(coded(s).select("stay_id").unique(), on="stay_id", how="semi")
            .select("stay_id", "item_code", "category")
            .unique()
        ),
    )


def _operation_lines(source: Source) -> pl.DataFrame:
    return _proofs(source).filter(pl.col("category") == OPERATION_CATEGORY)


def _lined(source: Source) -> pl.DataFrame:
    """``stay_id`` of the stays that have charge lines."""
    return source.once("stays with lines", lambda s: s.table("charges").select("stay_id").unique())


def charged(source: Source) -> pl.LazyFrame:
    """The facts ``CHARGED``, one row a procedure."""
    rows = coded(source)
    operations = _operation_lines(source)
    keys = ["stay_id", ":subject_id"]
    near = (
        rows.select(*keys, "procedure_date")
        .join(operations, on="stay_id", how="inner")
        .filter((pl.col("charge_date") - pl.col("procedure_date")).dt.total_days().abs() <= 1)
        .group_by(keys)
        .agg(pl.len().cast(pl.Int64).alias("near"))
    )
    charged_sleep = (
        operations.filter(pl.col("item_code").is_in(ANAESTHESIA_ITEMS)).select("stay_id").unique()
    )
    stated = pl.col("anaesthesia_method").is_not_null() | pl.col("anaesthetist_id").is_not_null()
    true = pl.lit(value=True)
    base = (
        rows.with_columns(stated.any().over("stay_id", "procedure_date").alias("stated"))
        .join(near, on=keys, how="left")
        .join(charged_sleep.with_columns(asleep=true), on="stay_id", how="left")
        .join(_lined(source).with_columns(lined=true), on="stay_id", how="left")
    )
    found = base.lazy().select(
        *keys,
        "lined",
        pl.when("lined")
        .then(pl.when(pl.col("procedure_date").is_not_null()).then(pl.col("near").fill_null(0)))
        .alias("operation_lines_near"),
        pl.when(pl.col("stated") | pl.col("asleep"))
        .then(true)
        .when("lined")
        .then(~true)
        .alias("anaesthesia_shown"),
    )
    for kind in ("implant", "service", "invasive_ventilation"):
        found = found.join(_shown(source, kind).lazy(), on=keys, how="left")
    return found.select(
        *keys,
        "operation_lines_near",
        "anaesthesia_shown",
        pl.col("implant").alias("implant_name"),
        pl.when("lined").then("implant_shown").alias("implant_shown"),
        pl.col("service").alias("service_name"),
        pl.when("lined").then("service_shown").alias("service_shown"),
        pl.col("invasive_ventilation").is_not_null().alias("is_invasive_ventilation"),
        pl.when("lined").then("invasive_ventilation_shown").alias("airway_shown"),
    )


def _shown(source: Source, kind: str) -> pl.DataFrame:
    """For procedures that ask for ``kind``: its name, and whether a live line charges it.

    Null where an item of the same charge category is not in the tariff: it may be the one.
    """
    table = codebook.starting("procedure_evidence", "prefix", source.reference).filter(kind=kind)
    rows = coded(source)
    asked = rows.select("stay_id", ":subject_id", "norm").join(
        codebook.longest(rows["norm"], table), on="norm", how="inner"
    )
    lines = _proving_items(source)
    tariff = reference.items(source.reference).select("item_code").unique()
    strange = lines.join(tariff, on="item_code", how="anti").select("stay_id", "category").unique()
    true = pl.lit(value=True)
    proved = (
        asked.explode("item_codes")
        .join(
            lines, left_on=["stay_id", "item_codes"], right_on=["stay_id", "item_code"], how="semi"
        )
        .select("stay_id", ":subject_id")
        .unique()
    )
    return (
        asked.join(proved.with_columns(proved=true), on=["stay_id", ":subject_id"], how="left")
        .join(strange.with_columns(strange=true), on=["stay_id", "category"], how="left")
        .select(
            "stay_id",
            ":subject_id",
            pl.col("name_zh").alias(kind),
            pl.when("proved")
            .then(true)
            .when(pl.col("strange").is_null())
            .then(~true)
            .alias(f"{kind}_shown"),
        )
    )


def ventilated(source: Source) -> pl.LazyFrame:
    """The facts ``VENTILATED``; a claim without charge lines is left out."""
    breaths = (
        _proofs(source)
        .lazy()
        .filter(pl.col("item_code").is_in(NONINVASIVE_ITEMS))
        .group_by("stay_id")
        .agg(pl.len().cast(pl.Int64).alias("noninvasive_ventilation_lines"))
    )
    sums = (
        _operation_lines(source)
        .lazy()
        .filter(~pl.col("item_code").is_in(ANAESTHESIA_ITEMS))
        .group_by("stay_id")
        .agg(pl.col("amount_fen").sum().alias("operation_charges_fen"))
    )
    return (
        _lined(source)
        .lazy()
        .join(breaths, on="stay_id", how="left")
        .join(sums, on="stay_id", how="left")
        .with_columns(pl.col("noninvasive_ventilation_lines", "operation_charges_fen").fill_null(0))
    )


def listed(source: Source) -> pl.LazyFrame:
    """The facts ``LIST`` of stays with procedures."""
    rows = (
        coded(source)
        .lazy()
        .join(matched(source, "operations").lazy().select("norm", "level"), on="norm", how="left")
        .sort("stay_id", "ordinal")
    )
    top = pl.col("level") == pl.col("level").max()
    return rows.group_by("stay_id").agg(
        pl.col("level").filter(pl.col("ordinal") == 1).first().alias("main_operation_level"),
        pl.col("level").max().alias("highest_operation_level"),
        pl.col("code").filter(top).first().alias("highest_operation_code"),
    )


def together(source: Source) -> pl.LazyFrame:
    """The facts ``TOGETHER``, one row a procedure."""
    bundles = codebook.starting(
        "procedure_bundles", "comprehensive", source.reference
    ).with_columns(pl.col("component").str.replace_all(".", "", literal=True))
    rows = coded(source).select(
        "stay_id", ":subject_id", "ordinal", "code", "norm", "procedure_date"
    )
    steps = codebook.every(rows["norm"], bundles, "component").select("norm", "comprehensive")
    wholes = (
        codebook.every(rows["norm"], bundles, "comprehensive")
        .select("norm", "comprehensive")
        .unique()
    )
    keys = ["stay_id", ":subject_id"]
    same = pl.col("procedure_date") == pl.col("procedure_date_whole")
    pairs = (
        rows.join(steps, on="norm", how="inner")
        .join(
            rows.join(wholes, on="norm", how="inner"),
            on=["stay_id", "comprehensive"],
            how="inner",
            suffix="_whole",
        )
        .filter(pl.col("ordinal") != pl.col("ordinal_whole"))
        .sort("stay_id", "ordinal", "ordinal_whole")
        .group_by(keys, maintain_order=True)
        .agg(
            pl.when(same.is_null().any() & ~same.fill_null(value=False).any())
            .then(-1)
            .otherwise(pl.col("ordinal_whole").filter(same).n_unique())
            .cast(pl.Int64)
            .alias("wholes"),
            pl.col("code_whole").filter(same).first().alias("comprehensive_operation_code"),
        )
    )
    return (
        rows.lazy()
        .select(keys)
        .join(pairs.lazy(), on=keys, how="left")
        .select(
            *keys,
            pl.when(pl.col("wholes").is_null())
            .then(0)
            .when(pl.col("wholes") >= 0)
            .then("wholes")
            .alias("comprehensive_operations"),
            "comprehensive_operation_code",
        )
    )
