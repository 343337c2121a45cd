"""``sentinel reference``: the tables of codes and tariffs that checks read, ours and a site's."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer

from cli import options
from cli.output import finish, tell, writable
from domain.errors import SentinelError
from rules.codebooks import SHIPPED, TABLES, checks, difference
from rules.codebooks.conversion import Fate, Standing, convert, given_by
from rules.codebooks.force import loaded_anew, sha256
from rules.codebooks.layouts import LAYOUTS, Layout
from rules.codebooks.layouts.sheet import read_sheet
from rules.codebooks.page import described, layout_page
from rules.codebooks.reading import FILE, LINE, ever
from rules.codebooks.site import is_site, read_manifest
from rules.codebooks.writing import report, write

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


@app.command()
def layouts(
    name: Annotated[str | None, typer.Argument(metavar="[LAYOUT]", help="One of them.")] = None,
) -> None:
    """List the layouts of national files that can be imported, or the headings of one."""
    if name is None:
        for layout in LAYOUTS.values():
            _line(f"{layout.name:<22} {layout.zh} / {layout.en}")
        return
    _line(layout_page(_layout(name)))


@app.command("import")
def import_list(
    layout: Annotated[
        str, typer.Argument(metavar="LAYOUT", help="sentinel reference layouts names them.")
    ],
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Excel (.xlsx) or CSV (UTF-8, GB18030).")
    ],
    out: Annotated[Path, typer.Option(help="The site's folder: made, or added to.")],
    source: Annotated[
        str, typer.Option(help="Document that the rows come from; stands in each row.")
    ],
    valid_from: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], help="First day on which the rows hold.")
    ],
    region: Annotated[
        str, typer.Option(help="Start of the region code of prices and limits; empty: everywhere.")
    ] = "",
    sheet: Annotated[
        str | None, typer.Option(help="Sheet of the workbook; the first if left out.")
    ] = None,
    fill: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="COLUMN=VALUE",
            help="What rows that say nothing of a column get; may be given several times.",
        ),
    ] = None,
) -> None:
    """Take over a national or regional file: each row is taken, not needed, or set aside with its reason.

    Rows go to the tables of --out; out/reports says what became of each row. Ends with
    status 1 if no row could be taken.
    """
    known = _layout(layout)
    defaults = _defaults(fill or (), known)
    day = valid_from.date()
    writable(out)
    place = out.resolve()
    base = place if is_site(place) else SHIPPED
    if base == SHIPPED and any(place.glob("*.csv")):
        read_manifest(place)  # says that the manifest is missing
    read = read_sheet(file, known.headings(), sheet=sheet, needed=known.needed)
    standing = Standing(base, day, {*known.tables, "items"})
    given = given_by(base, day, source=source, region=region, defaults=defaults)
    made = convert(known, read, given, standing)
    written = write(made, place)
    told = report(made, place, written)
    counts = {str(fate).replace(" ", "_"): made.count(fate) for fate in Fate}
    if made.count(Fate.SET_ASIDE):
        tell(
            f"{made.count(Fate.SET_ASIDE):,} of {len(made.outcomes):,} rows were set aside; {told} says why"
        )
    if made.ignored:
        tell(f"columns that the layout does not know were left out: {', '.join(made.ignored)}")
    finish({"layout": known.name, "file": str(file), "rows": len(made.outcomes), **counts,
            "written": written, "out": str(out), "report": str(told)})  # fmt: skip
    if not made.count(Fate.TAKEN) and not made.count(Fate.UNNEEDED):
        raise typer.Exit(1)


def _layout(name: str) -> Layout:
    if name not in LAYOUTS:
        raise SentinelError(
            f"there is no layout {name}", where=name, cure=f"Name one of {', '.join(LAYOUTS)}."
        )
    return LAYOUTS[name]


def _defaults(said: Sequence[str], layout: Layout) -> dict[str, str]:
    names = {f.name for f in layout.fields}
    names |= {c.name for t in layout.tables for c in TABLES[t].columns}
    found = {}
    for text in said:
        name, equals, value = text.partition("=")
        if not equals or name not in names:
            raise SentinelError(
                f"--set {text} names no column", where="--set",
                cure=f"Write COLUMN=VALUE with one of {', '.join(sorted(names))}.",
            )  # fmt: skip
        found[name] = value
    return found


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
