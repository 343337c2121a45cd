"""``sentinel benchmarks``: what groups usually cost, from settled stays."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

import drg
from cli import options
from cli.output import finish, say
from cli.reading import PSEUDONYM_KEY, read_claims
from rules import codebooks
from rules.codebooks import SHIPPED
from rules.facts.benchmark import derive


def benchmarks(
    inputs: options.Inputs,
    out: Annotated[Path, typer.Option(help="CSV file to write.")],
    source: Annotated[str, typer.Option(help="Where the stays come from; stands in each row.")],
    valid_from: Annotated[str, typer.Option(help="First day on which the figures hold.")],
    written: options.Written = None,
    reference: options.Reference = None,
    key: options.Key = PSEUDONYM_KEY,
) -> None:
    """Write what groups usually cost, for rules/reference/group_benchmarks.csv.

    Give each hospital month as its own input: stays are read one input after another.
    """
    began = time.monotonic()
    out.parent.mkdir(parents=True, exist_ok=True)
    folder = SHIPPED if reference is None else reference.resolve()
    codebooks.load(folder)
    library = drg.load()
    parts = []
    for one in inputs:
        tables = read_claims([one], written, key=key).tables
        say(f"Adding up {len(tables):,} claims of {one}")
        parts.append((tables, drg.settle(tables, library)))
    table = derive(parts, source, valid_from, folder)
    table.write_csv(out)
    finish(
        {
            "out": str(out),
            "cells": table.height,
            "seconds": round(time.monotonic() - began, 3),
        }
    )
