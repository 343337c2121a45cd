"""``sentinel project``: cost curves from settled stays, and where open stays are heading."""

from __future__ import annotations

import time
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer
from rich.console import Console
from rich.table import Table

import drg
from cli import options
from cli.output import finish, say, tell, writable
from cli.reading import PSEUDONYM_KEY, read_claims
from domain.tables import Tables
from drg import projection
from drg.projection import Curves

app = typer.Typer(
    help="Project the cost of patients in hospital against what their group pays.",
    no_args_is_help=True,
)

Level = Annotated[
    float, typer.Option(help="Share of stays whose total should lie inside the interval.")
]
Csv = Annotated[
    Path | None, typer.Option("--csv", help="File for the whole table, amounts in fen.")
]
LIKELY = 0.5
"""Probability from which a stay counts as likely to exceed its standard."""


@app.command()
def fit(
    inputs: options.Inputs,
    out: Annotated[Path, typer.Option(help="Folder for the cost curves.")],
    upto: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Use only stays discharged before this day."),
    ] = None,
    written: options.Written = None,
    key: options.Key = PSEUDONYM_KEY,
) -> None:
    """Fit cost curves to settled stays; the last line printed is JSON with what they rest on."""
    began = time.monotonic()
    writable(out)
    tables = read_claims(inputs, written, key=key).tables
    say(f"Fitting cost curves to {len(tables):,} claims")
    curves = projection.fit(tables, price(tables), upto=upto.date() if upto else None)
    curves.save(out)
    about = curves.manifest
    finish(
        {
            "out": str(out),
            "curves_sha256": curves.sha256,
            **{k: about[k] for k in ("cases", "cells", "left_out", "window", "currency")},
            "seconds": round(time.monotonic() - began, 3),
        }
    )


@app.command()
def show(
    inputs: options.Inputs,
    as_of: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], help="Day at whose end the stays are seen.")
    ],
    curves: Annotated[Path, typer.Option(help="Folder that `sentinel project fit` wrote.")],
    level: Level = 0.8,
    top: Annotated[int, typer.Option(min=1, help="Stays to print, most at risk first.")] = 30,
    table: Csv = None,
    written: options.Written = None,
    key: options.Key = PSEUDONYM_KEY,
) -> None:
    """Print the open stays: pace, projected total, and the day the standard will be reached.

    The last line printed is JSON: how many stays are open, over, likely to be, and why
    some have no projection.
    """
    loaded = Curves.load(curves)
    tables = read_claims(inputs, written, key=key).tables
    made = projection.project(tables, as_of.date(), loaded, price(tables), level=level)
    away = ("not_inpatient", "not_admitted", "discharged")
    there = made.filter(~pl.col("absent").is_in(away).fill_null(False)).sort(
        ["probability_over_standard", "projected_ratio", "stay_id"],
        descending=[True, True, False],
        nulls_last=True,
    )
    if table is not None:
        writable(table.parent)
        there.write_csv(table)
    _print(_listed(there.head(top)))
    if there.height > top:
        tell(f"{there.height - top:,} more are not shown; --top and --csv give them")
    over = there["cost_to_date_fen"] > there["payment_standard_fen"]
    likely = there["probability_over_standard"] >= LIKELY
    finish(
        {
            "as_of": as_of.date().isoformat(),
            "open": there.height,
            "projected": there["projected_total_fen"].count(),
            "over_standard": int(over.sum()),
            "likely_over": int((likely & ~over).sum()),
            "without_standard": there["payment_standard_fen"].null_count(),
            "absent": _counts(made["absent"]),
            "level": level,
            "curves_sha256": loaded.sha256,
        }
    )


@app.command()
def backtest(
    inputs: options.Inputs,
    split: Annotated[
        datetime,
        typer.Option(
            formats=["%Y-%m-%d"],
            help="Fit on stays discharged before this day, project those discharged later.",
        ),
    ],
    level: Level = 0.8,
    table: Csv = None,
    written: options.Written = None,
    key: options.Key = PSEUDONYM_KEY,
) -> None:
    """Project settled stays on each of their days and print error, coverage and what was found.

    The last line printed is JSON with the figures over all days.
    """
    tables = read_claims(inputs, written, key=key).tables
    made = projection.backtest(tables, price(tables), split_date=split.date(), level=level)
    if table is not None:
        writable(table.parent)
        made.write_csv(table)
    days = made.filter(pl.col("day_of_stay").is_not_null())
    _print(_measured(days))
    whole: dict[str, Any] = made.filter(pl.col("day_of_stay").is_null()).to_dicts()[0]
    del whole["day_of_stay"]
    whole["projections"] = whole.pop("stays")
    finish({"split": split.date().isoformat(), "level": level, **whole})


def price(tables: Tables) -> pl.DataFrame:
    """Group, its wider cells and standard of every stay, as projecting reads them."""
    return drg.settle(tables, drg.load()).by_cell


def _counts(reasons: pl.Series) -> dict[str, int]:
    return dict(sorted(reasons.drop_nulls().value_counts().iter_rows()))


def _yuan(fen: int | None) -> str:
    """An amount with two places, exactly."""
    if fen is None:
        return "–"
    return f"{'-' if fen < 0 else ''}{abs(fen) // 100:,}.{abs(fen) % 100:02}"


def _part(share: float | None, places: int = 0) -> str:
    return "–" if share is None else f"{share:.{places}%}"


def _listed(there: pl.DataFrame) -> Table:
    table = Table("stay", "day", "cell (cases)", box=None, pad_edge=False)
    for name in ("cost", "pace", "projected", "interval", "standard", "ratio", "P(over)"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("reached", no_wrap=True)
    table.add_column("leaves", no_wrap=True)
    for row in there.iter_rows(named=True):
        cell = "–" if row["cell"] is None else f"{row['cell']} ({row['cell_cases']})"
        interval = "–"
        if row["projected_low_fen"] is not None:
            low, high = _yuan(row["projected_low_fen"]), _yuan(row["projected_high_fen"])
            interval = f"{low} – {high}"
        pace, ratio = row["cost_pace"], row["projected_ratio"]
        table.add_row(
            row["stay_id"],
            str(row["day_of_stay"] or "–"),
            row["absent"] or cell,
            _yuan(row["cost_to_date_fen"]),
            "–" if pace is None else f"{pace:.2f}",
            _yuan(row["projected_total_fen"]),
            interval,
            _yuan(row["payment_standard_fen"]),
            "–" if ratio is None else f"{ratio:.2f}",
            _part(row["probability_over_standard"]),
            _day(row["standard_reached_on"]),
            _day(row["projected_discharge"]),
        )
    return table


def _day(day: date | None) -> str:
    return "–" if day is None else day.isoformat()


def _measured(days: pl.DataFrame) -> Table:
    table = Table(box=None, pad_edge=False)
    names = ("day", "stays", "median error", "bias", "coverage", "already over", "to exceed")
    for name in (*names, "found", "precision", "found so far"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in days.iter_rows(named=True):
        table.add_row(
            str(row["day_of_stay"]),
            f"{row['stays']:,}",
            _part(row["median_error"], 1),
            _part(row["bias"], 1),
            _part(row["coverage"], 1),
            f"{row['already_over']:,}",
            f"{row['to_exceed']:,}",
            *(_part(row[name]) for name in ("found", "precision", "found_so_far")),
        )
    return table


def _print(table: Table) -> None:
    # A pipe has no width: lines stay whole there.
    console = Console(highlight=False)
    Console(highlight=False, width=None if console.is_terminal else 240).print(table, markup=False)
