"""``sentinel reference``: the tables of codes and tariffs that checks read, ours and a site's."""

from __future__ import annotations

import csv
import json
import sys
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer

from cli import options
from cli.output import finish
from domain.errors import SentinelError
from rules.codebooks import SHIPPED, TABLES, checks, difference
from rules.codebooks.force import loaded_anew, sha256
from rules.codebooks.page import described
from rules.codebooks.reading import FILE, LINE, ever
from rules.codebooks.site import is_site, read_manifest

app = typer.Typer(
    help="Tables of codes and tariffs that checks read: ours, and a site's own.",
    no_args_is_help=True,
)

OURS = "shipped"
"""The word for our own tables where a folder is asked for."""


@app.command()
def check(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="A site's folder; ours if none.")
    ] = None,
) -> None:
    """Say everything that is wrong with a folder's tables, with file and line; exit 1 if anything is."""
    place = SHIPPED if folder is None else _folder(str(folder))
    faults = checks.check(place)
    for fault in faults:
        _line(str(fault))
    problems = sum(not fault.warning for fault in faults)
    finish(
        {
            "tables": len(TABLES) if place == SHIPPED else len(read_or_none(place)),
            "problems": problems,
            "warnings": len(faults) - problems,
            "sha256": None if problems else sha256(place),
        }
    )
    if problems:
        raise typer.Exit(1)


def read_or_none(place: Path) -> dict[str, Any]:
    """The tables that a site's manifest names; none where it cannot be read."""
    try:
        return dict(read_manifest(place).tables)
    except SentinelError:
        return {}


@app.command("list")
def list_tables(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    reference: options.Reference = None,
) -> None:
    """List the tables: name, rows, what one row is; of a site also what it lays over ours."""
    place = SHIPPED if reference is None else _folder(str(reference))
    modes = read_or_none(place) if place != SHIPPED else {}
    for name, table in TABLES.items():
        rows = loaded_anew(name, place).frame.height
        mode = str(modes.get(name, ""))
        if as_json:
            _line(json.dumps({"name": name, "rows": rows, "zh": table.zh, "en": table.en,
                              "dating": str(table.dating), "site": mode or None}, ensure_ascii=False))  # fmt: skip
        else:
            _line(f"{name:<24} {rows:>6}  {mode:<8} {table.zh} / {table.en}")


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="TABLE", help="Name of a table: drugs.")],
    on: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Only the rows that hold on this day."),
    ] = None,
    reference: options.Reference = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say what the columns mean instead of the rows.")
    ] = False,
) -> None:
    """Print a table as CSV, each row with the file and line that it comes from."""
    if name not in TABLES:
        raise SentinelError(
            f"there is no table {name}", where=name, cure="sentinel reference list names them."
        )
    table = TABLES[name]
    if explain:
        _line(described(table).rstrip())
        return
    loaded = loaded_anew(name, SHIPPED if reference is None else _folder(str(reference)))
    for fault in loaded.faults:
        if not fault.warning:
            raise fault.error()
    rows = ever(loaded.frame)
    if on is not None:
        rows = rows.filter(_holds(on.date()))
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([*table.header[:-1], "from"])
    words = [n for n, kind in rows.schema.items() if isinstance(kind, pl.List)]
    shown = rows.with_columns(pl.col(words).list.join(" ")) if words else rows
    for row in shown.iter_rows(named=True):
        place = f"{Path(row[FILE]).name}:{row[LINE]}"
        if Path(row[FILE]).parent != SHIPPED:
            place = f"{row[FILE]}:{row[LINE]}"
        writer.writerow([*[row[n] for n in table.header[:-1]], place])


@app.command()
def diff(
    old: Annotated[str, typer.Argument(help=f"A site's folder, or {OURS}.")],
    new: Annotated[str, typer.Argument(help=f"A site's folder, or {OURS}.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Say which rows two folders differ by, each laid over ours; exit 0 the same, 1 not."""
    changes = difference.compare(_folder(old), _folder(new))
    for change in changes:
        _line(json.dumps(change.as_json(), ensure_ascii=False) if as_json else str(change))
    today = datetime.now().astimezone().date()
    finish({"changes": len(changes), "before_today": sum(c.since < today for c in changes)})
    if changes:
        raise typer.Exit(1)


def _folder(said: str) -> Path:
    if said == OURS:
        return SHIPPED
    folder = Path(said).resolve()
    if not folder.is_dir():
        raise SentinelError(
            "there is no such folder", where=said, cure=f"Name a site's folder, or {OURS}."
        )
    if folder != SHIPPED and not is_site(folder) and not any(folder.glob("*.csv")):
        raise SentinelError(
            "the folder holds no reference table", where=said,
            cure="Put tables and a reference.toml there; docs/reference.md says how.",
        )  # fmt: skip
    return folder


def _holds(day: date) -> pl.Expr:
    ended = pl.col("valid_to").is_not_null() & (pl.col("valid_to") <= day)
    return (pl.col("valid_from") <= day) & ~ended


def _line(text: str) -> None:
    sys.stdout.write(text + "\n")
