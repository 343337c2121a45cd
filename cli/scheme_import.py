"""``sentinel scheme import``: make scheme packs from published sources."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from cli.output import OutputError, finish, tell
from drg import opendrg, schemes
from drg.schemes.layout import MANIFEST

app = typer.Typer(help="Make scheme packs from published sources.", no_args_is_help=True)

_SHOWN = 12
"""How many codes of a note are printed; REPORT.md in the pack holds all of them."""


@app.callback()
def _imports() -> None:
    """Make scheme packs from published sources."""


@app.command("opendrg")
def import_opendrg(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A checkout of OpenDRG/DRG_Python.")],
    region: Annotated[str | None, typer.Option(help="Region to import; see --list.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the pack.")] = None,
    list_regions: Annotated[bool, typer.Option("--list", help="List the regions.")] = False,
) -> None:
    """Make a pack from a region of an OpenDRG checkout; its code is read, never run."""
    if list_regions:
        known = opendrg.regions(path)
        sys.stdout.write("".join(f"{name}\n" for name in known))
        return
    if region is None or out is None:
        raise typer.BadParameter("give --region NAME and --out DIR, or --list")
    _refuse_other_files(out)
    imported = opendrg.import_scheme(path, region)
    scheme = _write(imported, out, path)
    for note in imported.notes:
        tell(f"- {note.zh}\n  {note.en}{_few(note.codes)}")
    finish(
        {
            "pack": str(out),
            "code": scheme.manifest.code,
            "name_zh": scheme.manifest.name_zh,
            "sha256": scheme.sha256,
            "rows": {name: table.height for name, table in scheme.tables.items() if table.height},
            "notes": {note.kind: len(note.codes) for note in imported.notes},
        }
    )


def _refuse_other_files(out: Path) -> None:
    """Refuse a folder that holds something else than a pack, before any work is done."""
    if out.is_dir() and any(out.iterdir()) and not (out / MANIFEST).is_file():
        raise OutputError(
            "the folder holds other files and no pack",
            where=str(out),
            cure="Name a new or empty folder, or that of a pack that may be replaced.",
        )
    if out.exists() and not out.is_dir():
        raise OutputError("this is a file", where=str(out), cure="Name a folder.")


def _write(imported: opendrg.Imported, out: Path, checkout: Path) -> schemes.Scheme:
    """Write the pack, but only where it passes all checks; an older one stays otherwise."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as folder:
        trial = Path(folder)
        schemes.write(trial, imported.manifest, imported.tables)
        schemes.load(trial)
    schemes.write(out, imported.manifest, imported.tables)
    (out / "REPORT.md").write_text(_report(imported), "utf-8")
    licence = checkout / "LICENSE"
    if licence.is_file():
        shutil.copyfile(licence, out / "LICENSE")
    return schemes.load(out)


def _report(imported: opendrg.Imported) -> str:
    """What the import changed or could not know, with all codes."""
    manifest = imported.manifest
    lines = [
        f"# {manifest.name_zh} / {manifest.name_en}",
        "",
        f"由{manifest.source}导入，许可{manifest.licence}。表格由DRG Sentinel整理，内容有下述改动。",
        f"Imported from {manifest.source}, licence {manifest.licence}. The tables were arranged by "
        "DRG Sentinel, with these changes:",
        "",
    ]
    for note in imported.notes:
        lines += [f"- **{note.kind}** {note.zh}。{note.en}."]
        if note.codes:
            lines.append(f"  {', '.join(note.codes)}")
    return "\n".join(lines) + "\n"


def _few(codes: tuple[str, ...]) -> str:
    if not codes:
        return ""
    more = f" and {len(codes) - _SHOWN:,} more" if len(codes) > _SHOWN else ""
    return f": {', '.join(codes[:_SHOWN])}{more}"
