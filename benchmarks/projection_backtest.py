"""How well the cost of open stays is projected: the generated months, and a rougher process.

    python -m benchmarks.projection_backtest [--stays 20000] [--seed 20250301]

Three sets of settled stays: the generator's clean month, a small month (2,000 stays, so
that most groups have under 30 cases), and stays made up here with what the generator
lacks: long tails of stays, operations on different days, costs that differ between
patients, setbacks, rare groups, charges taken back. Each is fitted on the discharges of
its first part and projected, day by day, for those of the rest, beside two naive ways:
cost to date / days so far x mean stay of the group (``pace``), and the mean total of the
group (``mean``). Prints Markdown tables; the last lines are the time for 5,000 open
stays against 100,000 settled ones.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from cli.project import price
from data_samples import production
from domain.tables import Tables
from drg import projection
from streaming import intake
from streaming.pseudonym import PseudonymKey

SPLIT = date(2025, 3, 19)
WAYS = ("ours", "pace", "mean")


def generate(stays: int, seed: int) -> tuple[Tables, pl.DataFrame]:
    """A clean month of the generator, and its prices."""
    with tempfile.TemporaryDirectory() as folder:
        production.produce(Path(folder), preset="clean", stays=stays, seed=seed, form="parquet")
        path = Path(folder) / "stays.parquet"
        tables = intake.read([path], "parquet", key=PseudonymKey(bytes(32))).tables
    return tables, price(tables)


def make_up(count: int, seed: int, *, months: int = 1) -> tuple[Tables, pl.DataFrame]:
    """Stays of a rougher process, discharged evenly over 30 days a month from 2025-03-01 on."""
    fixed, dice = np.random.default_rng(20250301), np.random.default_rng(seed)
    # 12 categories of 6 ADRGs of 2 groups; a few are frequent, most are rare.
    group = np.arange(144)
    adrg, mdc = group // 2, group // 12
    daily = np.exp(
        fixed.normal(6.3, 0.3, 12)[mdc] + fixed.normal(0, 0.3, 72)[adrg] + fixed.normal(0, 0.2, 144)
    )
    stay = np.exp(fixed.normal(1.9, 0.3, 72)[adrg] + fixed.normal(0, 0.1, 144))
    operation = (np.where(fixed.random(72) < 0.4, fixed.uniform(3, 15, 72), 0))[adrg] * daily
    often = 1 / np.arange(1, 145) ** 0.9
    chosen = dice.choice(fixed.permutation(group), count, p=often / often.sum())

    setback = dice.random(count) < 0.06
    nights = np.clip(np.rint(stay[chosen] * np.exp(dice.normal(0, 0.5, count))), 1, 90)
    nights = (nights + setback * dice.integers(3, 20, count)).astype(np.int64)
    days = nights + 1
    start = np.cumsum(days) - days
    owner = np.repeat(np.arange(count), days)
    day = np.arange(len(owner)) - start[owner]
    of_patient = daily[chosen] * np.exp(dice.normal(0, 0.3, count))
    cost = of_patient[owner] * np.exp(dice.normal(0, 0.3, len(owner)))
    cost *= np.where(day == 0, 3, np.where(day == nights[owner], 0.3, 1))
    operated = start + np.minimum(dice.integers(0, 5, count), nights)
    cost[operated] += operation[chosen] * np.exp(dice.normal(0, 0.2, count))
    begins = np.minimum(dice.integers(1, 6, count), nights)[owner]
    cost += (setback[owner] & (day >= begins) & (day < begins + 5)) * daily[chosen][owner] * 6
    fen = np.rint(cost * 100).astype(np.int64)
    # One stay in thirty has a tenth of its first day taken back on its second.
    back = np.flatnonzero(dice.random(count) < 1 / 30)
    taken = -fen[start[back]] // 10
    total = np.bincount(owner, fen, count)
    total[back] += taken

    leaves = np.datetime64("2025-03-01") + dice.integers(0, 30 * months, count)
    admitted = leaves - nights
    names = np.array([f"M{i:07}" for i in range(count)])
    lines_owner = np.concatenate([owner, back])
    dates = (admitted[lines_owner] + np.concatenate([day, np.ones_like(back)])).astype(
        "datetime64[D]"
    )
    many = len(lines_owner)
    one = pa.repeat(pa.scalar(Decimal(1), pa.decimal128(18, 4)), many)
    tables = Tables.of(
        {
            "stays": pa.table(
                {
                    "stay_id": names,
                    **{
                        column: pa.repeat(pa.scalar(value), count)
                        for column, value in (
                            ("claim_version", 1),
                            ("claim_type", "inpatient"),
                            ("time_zone", "Asia/Shanghai"),
                            ("currency", "CNY"),
                            ("provider_id", "H1"),
                            ("diagnosis_system", "ICD-10-CN"),
                            ("procedure_system", "ICD-9-CM-3-CN"),
                        )
                    },
                    "patient_id": names,
                    "admission_date": pa.array(admitted.astype("datetime64[D]")),
                    "discharge_date": pa.array(leaves.astype("datetime64[D]")),
                }
            ),
            "charges": pa.table(
                {
                    "stay_id": pa.array(names[lines_owner]),
                    "line_id": pa.array(np.arange(many).astype(str)),
                    "item_code": pa.repeat(pa.scalar("X"), many),
                    "category": pa.repeat(pa.scalar("05"), many),
                    "quantity": one,
                    "unit_price": one,
                    "amount_fen": np.concatenate([fen, taken]),
                    "charge_date": pa.array(dates),
                }
            ),
        }
    )
    # The standard is what the group costs on average, as a weight is.
    mean = np.bincount(chosen, total, 144) / np.maximum(np.bincount(chosen, minlength=144), 1)
    letters = "BCDEFGHIJKLM"
    codes = [f"{letters[m]}{a % 6 + 1}R" for m, a in zip(mdc, adrg, strict=True)]
    priced = pl.DataFrame(
        {
            "stay_id": names,
            "group_code": [f"{codes[g]}{(1, 5)[g % 2]}" for g in chosen],
            "adrg": [codes[g] for g in chosen],
            "mdc": [letters[mdc[g]] for g in chosen],
            "payment_standard_fen": np.rint(mean[chosen] * 1.1).astype(np.int64),
        }
    )
    return tables, priced


def compare(tables: Tables, priced: pl.DataFrame, split: date) -> pl.DataFrame:
    """Every later stay on each of its days, projected by us and by the two naive ways."""
    curves = projection.fit(tables, priced, upto=split)
    ours = projection.replay(tables, curves, priced, since=split)
    stays = pl.DataFrame(tables.stays.select(["stay_id", "admission_date", "discharge_date"]))
    totals = pl.DataFrame(tables.charges.select(["stay_id", "amount_fen"]))
    means = (
        stays.filter(pl.col("discharge_date") < split)
        .join(totals.group_by("stay_id").agg(pl.col("amount_fen").sum()), on="stay_id")
        .join(priced.select("stay_id", "group_code"), on="stay_id")
        .with_columns(n=(pl.col("discharge_date") - pl.col("admission_date")).dt.total_days())
        .group_by("group_code")
        .agg(mean_total=pl.col("amount_fen").mean(), mean_nights=pl.col("n").mean())
    )
    return (
        ours.join(priced.select("stay_id", "group_code"), on="stay_id", how="left")
        .join(means, on="group_code", how="left")
        .with_columns(
            pl.col("mean_total").fill_null(means["mean_total"].mean()),
            pl.col("mean_nights").fill_null(means["mean_nights"].mean()),
        )
        .with_columns(
            ours=pl.col("projected_total_fen"),
            pace=pl.col("cost_to_date_fen")
            / pl.col("day_of_stay")
            * pl.max_horizontal("mean_nights", "day_of_stay"),
            mean=pl.max_horizontal("mean_total", "cost_to_date_fen"),
        )
    )


def tell(title: str, made: pl.DataFrame) -> None:
    """Print one set as Markdown: by day of stay, and over all days."""
    over = pl.col("total_fen") > pl.col("payment_standard_fen")
    still = pl.col("cost_to_date_fen") <= pl.col("payment_standard_fen")
    figures: dict[str, pl.Expr] = {"projections": pl.len()}
    for way in WAYS:
        ratio = pl.col(way) / pl.col("total_fen")
        flag = pl.col(way) > pl.col("payment_standard_fen")
        both = (over & still & flag).sum()
        figures |= {
            f"error_{way}": (ratio - 1).abs().median(),
            f"bias_{way}": pl.col(way).sum() / pl.col("total_fen").sum() - 1,
            f"found_{way}": both / (over & still).sum(),
            f"precise_{way}": both / (still & flag).sum(),
        }
    inside = pl.col("total_fen").is_between("projected_low_fen", "projected_high_fen")
    figures["coverage"] = inside.mean()
    days = made.group_by("day_of_stay").agg(**figures).sort("day_of_stay")
    own = made.select(pl.col("cell").str.starts_with("group:").mean()).item()
    print(f"\n### {title}: {made['stay_id'].n_unique():,} stays, {made.height:,} projections\n")
    print(f"{own:.0%} rest on the stay's own group, the rest on a wider cell.\n")
    head = ("day of stay", "projections", "error: ours", "pace", "mean", "bias: ours", "pace",
            "mean", "inside the 80 % interval", "found: ours", "pace", "mean", "precision: ours",
            "pace", "mean")  # fmt: skip
    print("| " + " | ".join(head) + " |\n" + "|---" * len(head) + "|")
    whole = made.select(**figures).with_columns(day_of_stay=pl.lit(None, dtype=pl.Int32))
    shown = days.filter(pl.col("day_of_stay").is_in([1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 30]))
    for row in [*shown.to_dicts(), *whole.to_dicts()]:
        cells_of_row = [str(row["day_of_stay"] or "**all**"), f"{row['projections']:,}"]
        for kind in ("error", "bias"):
            cells_of_row += [f"{row[f'{kind}_{way}']:.1%}" for way in WAYS]
        cells_of_row.append(f"{row['coverage']:.1%}")
        for kind in ("found", "precise"):
            cells_of_row += [_share(row[f"{kind}_{way}"]) for way in WAYS]
        print("| " + " | ".join(cells_of_row) + " |")
    summary = projection.measure(made.select(list(projection.REPLAYED))).row(-1, named=True)
    print(f"\nflagged before they passed the standard: {summary['found_so_far']:.0%}\n")
    chance = pl.col("probability_over_standard")
    bands = (
        made.filter(still)
        .group_by(band=(chance * 5).floor().clip(upper_bound=4))
        .agg(projections=pl.len(), said=chance.mean(), came=over.mean())
        .sort("band")
    )
    print("| probability said (mean) | " + " | ".join(f"{x:.1%}" for x in bands["said"]) + " |")
    print("|---" * (bands.height + 1) + "|")
    print("| exceeded | " + " | ".join(f"{x:.1%}" for x in bands["came"]) + " |")
    print("| projections | " + " | ".join(f"{x:,}" for x in bands["projections"]) + " |")


def _share(value: float | None) -> str:
    return "–" if value is None or np.isnan(value) else f"{value:.0%}"


def hasten(settled: int, still_there: int) -> None:
    """Print how long fitting and projecting take."""
    tables, priced = make_up(settled, 7, months=2)
    began = time.perf_counter()
    curves = projection.fit(tables, priced)
    fitted = time.perf_counter() - began
    stays = pl.DataFrame(tables.stays.select(["stay_id", "admission_date", "discharge_date"]))
    day = date(2025, 3, 30)
    there = stays.filter((pl.col("admission_date") <= day) & (pl.col("discharge_date") > day))
    some = tables.select(there["stay_id"].head(still_there).to_arrow())
    began = time.perf_counter()
    made = projection.project(some, day, curves, priced)
    seconds = time.perf_counter() - began
    print(
        f"\nfit: {curves.manifest['cases']:,} stays, {tables.charges.num_rows:,} lines, "
        f"{curves.manifest['cells']} cells, {fitted:.2f} s, "
        f"{sum(map(len, curves.files.values())) / 1e6:.1f} MB; "
        f"project: {made['projected_total_fen'].count():,} open stays in {seconds:.2f} s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--stays", type=int, default=20_000, help="stays of the large sets")
    parser.add_argument("--seed", type=int, default=20250301)
    given = parser.parse_args()
    month = generate(given.stays, given.seed)
    tell("Generated month", compare(*month, SPLIT))
    tell("Small generated month", compare(*generate(2_000, given.seed), SPLIT))
    rough = make_up(given.stays, given.seed, months=2)
    tell("Rougher process", compare(*rough, SPLIT + timedelta(days=18)))
    hasten(100_000, 5_000)


if __name__ == "__main__":
    main()
