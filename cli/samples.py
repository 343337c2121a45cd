"""``sentinel samples``: generate a hospital month, and keep the committed samples true."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

import data_samples
from cli.output import bar, complain, finish, writable
from data_samples import production, ring_months, ward
from data_samples.planting import SEED
from domain.errors import SentinelError

app = typer.Typer(
    help="Invented claims: a hospital month of any size, planted patterns, broken input.",
    no_args_is_help=True,
)


DEFAULT_ORDER_STAYS = 50
"""About 6,000 events, 5 MB: enough to watch, little enough to read."""


class Preset(StrEnum):
    """Which month to generate."""

    DEMO = "demo"
    CLEAN = "clean"


class Format(StrEnum):
    """How claims are written."""

    JSONL = "jsonl"
    PARQUET = "parquet"


@app.command()
def generate(
    out: Annotated[Path, typer.Option(help="Folder to write into; made if it is absent.")],
    preset: Annotated[
        Preset,
        typer.Option(help="demo: with the fraud scheme and planted patterns; clean: without."),
    ] = Preset.DEMO,
    stays: Annotated[
        int, typer.Option(min=1, help="Inpatient stays; outpatient visits are added.")
    ] = production.DEFAULT_STAYS,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = SEED,
    form: Annotated[Format, typer.Option("--format", help="Format of the claims.")] = Format.JSONL,
    still_in: Annotated[
        int,
        typer.Option("--open", min=0, help="Also stays of patients in hospital on the last day."),
    ] = 0,
) -> None:
    """Write a month of invented claims with providers, physicians and labels."""
    began = time.monotonic()
    with bar("Generating claims") as meter:
        made = data_samples.produce(
            out,
            preset=preset.value,
            stays=stays,
            seed=seed,
            form=form.value,
            still_in=still_in,
            progress=meter,
        )
    finish(
        {
            "out": str(out),
            "stays": made.stays,
            "visits": made.visits,
            "planted": made.planted,
            "open": made.open,
            "charge_lines": made.charge_lines,
            "fraudulent_providers": made.fraudulent_providers,
            "files": [path.name for path in made.files],
            "seconds": round(time.monotonic() - began, 2),
        }
    )


@app.command()
def orders(
    out: Annotated[Path, typer.Option(help="File to write, one event a line.")],
    stays: Annotated[
        int, typer.Option(min=0, help="Inpatient stays that end in the month.")
    ] = DEFAULT_ORDER_STAYS,
    still_in: Annotated[
        int, typer.Option("--open", min=0, help="Stays of patients still in hospital at its end.")
    ] = 0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = SEED,
    planted: Annotated[
        bool, typer.Option(help="Also the stays of the planted patterns of orders.")
    ] = True,
) -> None:
    """Write a ward's month as order events in the order of time: admissions, orders, charges, discharges."""
    writable(out.parent)
    count = 0
    with out.open("w", encoding="utf-8", newline="\n") as file:
        for line in ward.encode(ward.stream(seed, stays, still_in=still_in, planted=planted)):
            file.write(line + "\n")
            count += 1
    finish({"out": str(out), "events": count})


@app.command()
def rings(
    out: Annotated[Path, typer.Option(help="Folder to write into; made if it is absent.")],
    months: Annotated[
        int, typer.Option(min=1, help="Months, from January 2025 on.")
    ] = ring_months.DEFAULT_MONTHS,
    stays: Annotated[
        int, typer.Option(min=1, help="Inpatient stays a month.")
    ] = ring_months.DEFAULT_STAYS,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = SEED,
) -> None:
    """Write months of claims with fraud rings among honest look-alikes, and a label for each stay."""
    began = time.monotonic()
    with bar("Generating claims") as meter:
        made = ring_months.produce(out, months=months, stays=stays, seed=seed, progress=meter)
    finish(
        {
            "out": str(out),
            "stays": made.stays,
            "rings": made.rings,
            "ring_stays": made.ring_stays,
            "charge_lines": made.charge_lines,
            "files": [path.name for path in made.files],
            "seconds": round(time.monotonic() - began, 2),
        }
    )


@app.command()
def check() -> None:
    """Prove that every committed sample is the generator's output; status 1 names those that differ."""
    try:
        count = data_samples.check()
    except SentinelError as error:
        complain(error)
        raise typer.Exit(1) from None
    finish({"files": count, "stale": 0})


@app.command()
def write() -> None:
    """Write the committed samples again."""
    finish({"files": len(data_samples.write())})
