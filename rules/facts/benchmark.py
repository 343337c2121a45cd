"""Facts of comparison: what stays of the group usually cost, and how this one differs.

The figures are read from ``reference/group_benchmarks.csv``: of the group that pays, or
of its ADRG where the table lacks the group. ``derive`` makes such a table.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Final

import polars as pl

from domain.tables import Tables
from drg import Settled
from rules.codebooks import SHIPPED, Place
from rules.facts import cost
from rules.facts.charge_day import KINDS
from rules.facts.cost_tables import FEW, benchmarks, find_rows
from rules.facts.fact import Fact, Kind, declare
from rules.facts.source import Source

MEASURES: Final = {
    "total_cost": "总费用", "drug_cost": "药品费用", "consumable_cost": "医用耗材费用", "exam_cost": "检查费用",
    "lab_cost": "检验费用", "treatment_cost": "治疗费用", "operation_cost": "手术费用",
    "bed_and_nursing_cost": "床位与护理费用", "other_cost": "其他费用", "chinese_drug_cost": "中药费用",
    "antibacterial_cost": "抗菌药物费用", "blood_product_cost": "血液及白蛋白类费用",
    "bed_and_nursing_per_day": "日均床位与护理费用", "cost_per_day": "日均费用",
    "preoperative_cost": "术前费用", "operation_day_cost": "手术日费用", "postoperative_cost": "术后费用",
    "first_days_cost": "入院前两日费用", "last_days_cost": "出院前两日费用", "dearest_day_cost": "最高单日费用",
}  # fmt: skip
"""What is compared in fen, and its Chinese name; ``<name>_fen`` is the stay's own fact."""
DAYS: Final = {"preoperative_days": "术前住院日", "postoperative_days": "术后住院日"}
"""What is compared in days."""
NAMES: Final = (*MEASURES, *DAYS)
"""The measures of ``group_benchmarks.csv``."""
OWN_TOTAL: Final = "charge_lines_total_fen"
"""The stay's own total: the sum of its lines, as in all other measures."""
_ABSENT: Final = "the table has neither the group nor its ADRG, or too few of its stays have it"

# fmt: off
USUAL: Final[tuple[Fact, ...]] = (
    *declare("stay", "reference/group_benchmarks.csv", tuple(
        row for name, zh in MEASURES.items() for row in (
            (f"usual_{name}_fen", Kind.MONEY, f"病组平均{zh}", f"usual {name.replace('_', ' ')} of the group", "Mean among stays of the group.", _ABSENT),
            (f"high_{name}_fen", Kind.MONEY, f"病组{zh}95分位", f"high {name.replace('_', ' ')} of the group", "95th percentile among stays of the group.", _ABSENT),
        ))),
    *declare("stay", "reference/group_benchmarks.csv", tuple(
        row for name, zh in DAYS.items() for row in (
            (f"usual_{name}", Kind.NUMBER, f"病组平均{zh}", f"usual {name.replace('_', ' ')} of the group", "Mean among stays of the group.", _ABSENT),
            (f"high_{name}", Kind.NUMBER, f"病组{zh}95分位", f"high {name.replace('_', ' ')} of the group", "95th percentile among stays of the group.", _ABSENT),
        )), measures={f"{part}_{name}": "day" for name in DAYS for part in ("usual", "high")}),
)
MIX: Final = declare("stay", "charges, reference/group_benchmarks.csv", (
    ("cost_mix_distance", Kind.NUMBER, "费用结构偏离度", "distance of the cost mix from the group's",
     "Half the sum of the differences between the shares of the eight kinds of cost in the stay and in the mean of its group: "
     "0 is the same mix, 1 has nothing in common.",
     "as the benchmarks, or the claim has no charges above 0"),
    ("surgical_group", Kind.FLAG, "外科病组", "surgical group",
     "The ADRG is one of operations: the second letter of a CHS code lies in A to J.", "there is no group, or it is no CHS group"),
    ("review_grounds", Kind.INTEGER, "特病单议条件数", "grounds for single review", "Number of grounds in review_reasons.",
     "the patient is in hospital or nothing was priced"),
    ("standard_reached_day", Kind.INTEGER, "达到支付标准的住院日", "day of stay on which the standard is reached",
     "standard_reached_on counted from the day of admission, which is 1.", "as standard_reached_on"),
), measures={"standard_reached_day": "day"})
# fmt: on


def usual(source: Source) -> pl.LazyFrame:
    """The facts ``USUAL``; all null without groups."""
    return _compared(source).lazy()


def mix(source: Source) -> pl.LazyFrame:
    """The facts ``MIX``."""
    kinds = list(KINDS)
    total = pl.sum_horizontal(f"{k}_cost_fen" for k in kinds)
    expected = pl.sum_horizontal(pl.col(f"usual_{k}_cost_fen") for k in kinds)
    known = pl.all_horizontal(pl.col(f"usual_{k}_cost_fen").is_not_null() for k in kinds)
    apart = pl.sum_horizontal(
        (pl.col(f"{k}_cost_fen") / total - pl.col(f"usual_{k}_cost_fen") / expected).abs()
        for k in kinds
    )
    letter = pl.col("adrg").str.slice(1, 1)
    chs = pl.col("adrg").str.contains("^[A-Z][A-Z][0-9]$")
    reasons = pl.col("review_reasons")
    stays = source.table("stays").lazy().select("stay_id", "admission_date")
    found = (
        stays.join(_cells(source), on="stay_id", how="left")
        .join(_compared(source).lazy(), on="stay_id", how="left")
        .join(cost.sums(source).drop("admission_date"), on="stay_id", how="left")
    )
    if source.settled is not None and source.settled.outlook.height:
        outlook = source.settled.outlook.lazy().select("stay_id", "standard_reached_on")
        found = found.join(outlook, on="stay_id", how="left")
    else:
        found = found.with_columns(standard_reached_on=pl.lit(None, pl.Date))
    return found.select(
        "stay_id",
        # Polars adds columns in no fixed order: the last digits of a sum of fractions are not evidence.
        pl.when(known & (total > 0) & (expected > 0))
        .then((apart / 2).round(6))
        .alias("cost_mix_distance"),
        pl.when(chs).then(letter.is_in(list(cost.SURGICAL_LETTERS))).alias("surgical_group"),
        pl.when(reasons == "")
        .then(0)
        .otherwise(reasons.str.count_matches("|", literal=True) + 1)
        .alias("review_grounds"),
        ((pl.col("standard_reached_on") - pl.col("admission_date")).dt.total_days() + 1).alias(
            "standard_reached_day"
        ),
    )


def _cells(source: Source) -> pl.LazyFrame:
    """stay_id, group_code, adrg and review_reasons of each stay."""
    if source.settled is None:
        none = {"group_code": pl.String(), "adrg": pl.String(), "review_reasons": pl.String()}
        return source.table("stays").lazy().select(
            "stay_id", *[pl.lit(None, kind).alias(name) for name, kind in none.items()]
        )  # fmt: skip
    return source.settled.priced.lazy().select(
        "stay_id", "group_code", adrg=_adrg(), review_reasons="review_reasons"
    )


def _adrg() -> pl.Expr:
    """The ADRG; where the billed group pays, what its code begins with."""
    billed = pl.col("group_source") == "billed"
    return pl.when(billed).then(pl.col("group_code").str.head(3)).otherwise(pl.col("adrg"))


def _compared(source: Source) -> pl.DataFrame:
    return source.once("benchmark.compared", _compare)


def _compare(source: Source) -> pl.DataFrame:
    asked = (
        source.table("stays")
        .select("stay_id", "currency", pl.coalesce("discharge_date", "admission_date").alias("day"))
        .join(_cells(source).collect(), on="stay_id", how="left")
        .sort("day")
    )
    own, wider = (find_rows(asked, key, NAMES, source.reference) for key in ("group_code", "adrg"))
    # A group that the table lacks is compared with its ADRG.
    return (
        asked.select("stay_id")
        .with_columns(row=own.fill_null(wider))
        .join(_figures(source.reference), on="row", how="left")
        .drop("row")
    )


@cache
def _figures(folder: Place) -> pl.DataFrame:
    """``row`` and the facts ``USUAL`` of each row of the table."""
    columns = [
        pl.col(f"{name}_{part}").round(0).cast(pl.Int64).alias(f"{ours}_{name}_fen")
        if name in MEASURES
        else pl.col(f"{name}_{part}").alias(f"{ours}_{name}")
        for name in NAMES
        for part, ours in (("mean", "usual"), ("p95", "high"))
    ]
    return benchmarks(NAMES, folder).select("row", *columns)


def derive(
    parts: Iterable[tuple[Tables, Settled]],
    source: str,
    valid_from: str,
    folder: Place = SHIPPED,
) -> pl.DataFrame:
    """The rows of ``group_benchmarks.csv`` from settled inpatient stays with charge lines.

    A cell (group or ADRG) needs 30 stays; a measure that fewer than 30 of them have is
    left empty. ``source`` says where the stays come from. US stays are left out: their
    charges say little about cost. ``folder`` holds the tables that say what an item is.
    """
    from rules.facts.dating import build  # noqa: PLC0415 - the registry names this module

    own = [OWN_TOTAL if n == "total_cost" else f"{n}_fen" if n in MEASURES else n for n in NAMES]
    measured = []
    for tables, settled in parts:
        run = Source(tables, settled=settled, reference=folder)
        facts = build(run, {"stay": own})["stay"].join(_cells(run).collect(), on="stay_id")
        ended = run.table("stays").filter(
            (pl.col("claim_type") == "inpatient")
            & pl.col("discharge_date").is_not_null()
            & (pl.col("currency") == "CNY")
        )
        measured.append(
            facts.join(ended.select("stay_id"), on="stay_id", how="semi")
            .filter(pl.col(OWN_TOTAL) > 0)
            .select("group_code", "adrg", *own)
        )
    stays = pl.concat(measured)
    cells = []
    for key in ("group_code", "adrg"):
        parts_of = [
            pl.when(pl.col(o).count() >= FEW).then(value.round(places)).alias(f"{n}_{part}")
            for n, o in zip(NAMES, own, strict=True)
            for places in [0 if n in MEASURES else 1]
            for part, value in (
                ("mean", pl.col(o).mean()),
                ("p95", pl.col(o).quantile(0.95, interpolation="higher").cast(pl.Float64)),
            )
        ]
        cells.append(
            stays.filter(pl.col(key).is_not_null())
            .group_by(pl.col(key).alias("cell"))
            .agg(pl.len().alias("cases"), *parts_of)
            .filter(pl.col("cases") >= FEW)
        )
    whole = pl.col(f"{n}_{part}" for n in MEASURES for part in ("mean", "p95"))
    return (
        pl.concat(cells)
        .unique("cell", keep="first", maintain_order=True)
        .sort("cell")
        .with_columns(whole.cast(pl.Int64))
        .select(
            "cell",
            pl.lit("CNY").alias("currency"),
            "cases",
            pl.all().exclude("cell", "cases"),
            pl.lit(valid_from).alias("valid_from"),
            pl.lit(None, pl.String).alias("valid_to"),
            pl.lit(source).alias("source"),
        )
    )
