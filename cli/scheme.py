"""``sentinel scheme``: check, read and compare scheme packs."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer

from cli import scheme_import
from cli.output import finish, tell
from domain.errors import SentinelError
from drg import schemes
from drg.schemes import page
from drg.schemes.lookup import CodeFinding, Kind, find_code

app = typer.Typer(help="Check, read and compare scheme packs.", no_args_is_help=True)
app.add_typer(scheme_import.app, name="import")


class Language(StrEnum):
    """In which words conditions are told."""

    ZH = "zh"
    EN = "en"


Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of a scheme pack.")]
Words = Annotated[Language, typer.Option("--language", help="Language of the conditions.")]

_PAGE = Path(__file__).resolve().parent.parent / "docs" / "scheme-tables.md"

_OWNERS = {
    "mdc": ("mdcs", "mdc", "category"),
    "adrg": ("adrgs", "adrg", "ADRG"),
    "group": ("groups", "group_code", "group"),
}


@app.command()
def check(
    folders: Annotated[
        list[Path], typer.Argument(metavar="FOLDER...", help="Folders of scheme packs.")
    ],
) -> None:
    """Say all that is wrong, with file, line and cure; exit 1 if anything is."""
    counts = {"packs": len(folders), "problems": 0, "warnings": 0}
    for folder in folders:
        errors, warnings = schemes.review(folder)
        for error in errors:
            _line(f"{error.where}: {error.what}. {error.cure}")
        for warning in warnings:
            _line(f"{warning.where}: warning: {warning.what}. {warning.cure}")
        counts["problems"] += len(errors)
        counts["warnings"] += len(warnings)
    finish(counts)
    if counts["problems"]:
        raise typer.Exit(1)


@app.command()
def show(
    folder: Folder,
    adrg: Annotated[str | None, typer.Option(help="An ADRG: its conditions and groups.")] = None,
    group: Annotated[str | None, typer.Option(help="A group: its conditions and weights.")] = None,
    diagnosis: Annotated[str | None, typer.Option(help="A diagnosis: who names it.")] = None,
    procedure: Annotated[str | None, typer.Option(help="A procedure: who names it.")] = None,
    language: Words = Language.ZH,
) -> None:
    """Tell what a pack holds, or what it says about an ADRG, a group or a code."""
    scheme = schemes.load(folder)
    if adrg is None and group is None and diagnosis is None and procedure is None:
        _show_pack(scheme)
    if adrg is not None:
        _show_adrg(scheme, adrg, language)
    if group is not None:
        _show_group(scheme, group, language)
    if diagnosis is not None:
        _show_code(scheme, "diagnosis", diagnosis, language)
    if procedure is not None:
        _show_code(scheme, "procedure", procedure, language)


@app.command("diff")
def compare(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="Folder of a pack.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="Folder of another.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="All changes as one JSON object.")
    ] = False,
    language: Words = Language.ZH,
    limit: Annotated[int, typer.Option(min=0, help="Changes to print of each table.")] = 20,
) -> None:
    """Say what changed from one pack to another; exit 1 if anything did, 0 if nothing."""
    changes = schemes.diff(schemes.load(old), schemes.load(new))
    if as_json:
        _line(json.dumps(changes.as_json(), ensure_ascii=False))
    else:
        sys.stdout.write(changes.summary(language.value, limit))
    if not changes.same:
        raise typer.Exit(1)


@app.command()
def tables(
    out: Annotated[Path, typer.Option(help="The page to write.")] = _PAGE,
    only_check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 1 if the page differs.")
    ] = False,
) -> None:
    """Write the page of all tables from the layout, or check the committed one."""
    text = page.render()
    if not only_check:
        out.write_text(text, encoding="utf-8", newline="")
    elif not out.is_file() or out.read_text(encoding="utf-8") != text:
        tell(f"not what drg/schemes/layout.py says: {out}")
        tell("Run `sentinel scheme tables` and commit what it writes.")
        raise typer.Exit(1)


def _show_pack(scheme: schemes.Scheme) -> None:
    manifest = scheme.manifest
    until = f" to {manifest.effective_to}" if manifest.effective_to else ""
    regions = ", ".join(manifest.region_codes) or "anywhere"
    _line(f"{manifest.code} {manifest.version}: {_names(manifest.name_zh, manifest.name_en)}")
    _line(f"  engine {manifest.engine}, from {manifest.effective_from}{until}, in {regions}")
    if manifest.subset:
        _line("  a subset: what it does not know is no fault of the claim")
    for name, value in (("source", manifest.source), ("licence", manifest.licence)):
        if value:
            _line(f"  {name}: {value}")
    _line(f"  sha256 {scheme.sha256}")
    for name, frame in scheme.tables.items():
        if frame.height:
            _line(f"  {name:<20}{frame.height:>10,}")
    unpaid = scheme.tables["groups"].join(scheme.tables["weights"], on="group_code", how="anti")
    if unpaid.height and scheme.tables["weights"].height:
        _line(f"  groups without a weight: {', '.join(unpaid['group_code'])}")
    adrgs = scheme.tables["adrgs"].group_by("mdc").len()
    for row in (
        scheme.tables["mdcs"].join(adrgs, on="mdc", how="left").sort("rank").iter_rows(named=True)
    ):
        _line(
            f"  {row['mdc']}  {row['len'] or 0:>4} ADRG  {_names(row['name_zh'], row['name_en'])}"
        )


def _show_adrg(scheme: schemes.Scheme, code: str, language: Language) -> None:
    row = _find(scheme, "adrg", code)
    _line(f"ADRG {code}: {_names(row['name_zh'], row['name_en'])}")
    unsplit = {"stop": f"the group is {code} itself", "next": "the next ADRG is tried"}
    _line(f"  category {row['mdc']}, tried as number {row['rank']}, {row['kind']}")
    _line(f"  if none of its groups takes the stay, {unsplit[row['when_unsplit']]}")
    _line("  category:")
    _show_conditions(scheme, "mdc", row["mdc"], language, "    ")
    _line("  ADRG:")
    _show_conditions(scheme, "adrg", code, language, "    ")
    groups = scheme.tables["groups"].filter(pl.col("adrg") == code).sort("rank")
    for group in groups["group_code"]:
        _show_group(scheme, group, language, "  ")


def _show_group(scheme: schemes.Scheme, code: str, language: Language, indent: str = "") -> None:
    if scheme.manifest.engine == "ms":
        _show_us_group(scheme, code)
        return
    row = _find(scheme, "group", code)
    _line(f"{indent}group {code} of {row['adrg']}: {_names(row['name_zh'], row['name_en'])}")
    _show_conditions(scheme, "group", code, language, f"{indent}  ")
    weights = scheme.tables["weights"].filter(pl.col("group_code") == code)
    for one in weights.sort("region_code", "effective_from").iter_rows(named=True):
        until = f" to {one['effective_to']}" if one["effective_to"] else ""
        place = one["region_code"] or "everywhere"
        mean = "" if one["mean_stay_days"] is None else f", mean stay {one['mean_stay_days']} days"
        _line(
            f"{indent}  weight {one['weight']} ({place}, from {one['effective_from']}{until}){mean}; {one['source']}"
        )


def _show_us_group(scheme: schemes.Scheme, code: str) -> None:
    rows = scheme.tables["ms_groups"].filter(pl.col("ms_drg") == code).sort("effective_from")
    if rows.is_empty():
        raise SentinelError(
            f"no group is named {code}",
            where=str(scheme.folder / "ms_groups.csv"),
            cure="Write an MS-DRG as three digits, such as 065.",
        )
    for row in rows.iter_rows(named=True):
        _line(f"group {code}: {row['title_en']}")
        for name, value in row.items():
            if name not in {"ms_drg", "title_en"} and value is not None:
                _line(f"  {name}: {value}")


def _show_conditions(
    scheme: schemes.Scheme, owner: str, code: str, language: Language, indent: str
) -> None:
    own = scheme.tables["conditions"].filter((pl.col("owner") == owner) & (pl.col("code") == code))
    numbers: list[int | None] = sorted(set(own["alternative"])) or [None]
    for number in numbers:
        head = "" if number is None else f"{number}. "
        _line(indent + head + schemes.describe(scheme, owner, code, number, language.value))


def _show_code(scheme: schemes.Scheme, kind: Kind, code: str, language: Language) -> None:
    found = find_code(scheme, kind, code)
    _line(f"{kind} {found.code}: {_names(found.name_zh, found.name_en)}")
    if found.code != found.written:
        _line(f"  stands for {found.written} (crosswalk)")
    if found.operating is not None:
        _line(f"  operating: {'yes' if found.operating else 'no'}")
    _show_severity(found)
    for site in found.sites:
        _line(f"  site: {site}")
    _line(f"  lists: {', '.join(found.lists) or 'none'}")
    named = found.conditions.select("owner", "code", "alternative").unique(maintain_order=True)
    for owner, owned, number in named.rows():
        said = schemes.describe(scheme, owner, owned, number, language.value)
        _line(f"  {_OWNERS[owner][2]} {owned}, alternative {number}: {said}")


def _show_severity(found: CodeFinding) -> None:
    for level, table, size in found.levels:
        excluded = (
            f"not with the {size:,} principal diagnoses of exclusion table {table}"
            if table
            else "with every principal diagnosis"
        )
        _line(f"  as a secondary diagnosis {level.upper()}, {excluded}")
    for table, count in found.excludes:
        _line(f"  as the principal diagnosis it takes out {count:,} MCC/CC (table {table})")


def _find(scheme: schemes.Scheme, owner: str, code: str) -> dict[str, Any]:
    table, column, word = _OWNERS[owner]
    rows = scheme.tables[table].filter(pl.col(column) == code)
    if rows.is_empty():
        raise SentinelError(
            f"no {word} is named {code}",
            where=str(scheme.folder / f"{table}.csv"),
            cure="sentinel scheme show FOLDER lists the categories; the file lists the rest.",
        )
    return rows.row(0, named=True)


def _names(zh: str, en: str | None) -> str:
    return f"{zh} / {en}" if en else zh


def _line(text: str) -> None:
    sys.stdout.write(text + "\n")
