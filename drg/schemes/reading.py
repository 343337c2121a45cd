"""Loads a pack: reads its files, checks them all, and hashes what they say."""

from __future__ import annotations

import re
import tomllib
from dataclasses import MISSING, fields
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from drg.schemes import checks
from drg.schemes.layout import MANIFEST, SHEETS
from drg.schemes.problems import ROW, Problems
from drg.schemes.scheme import Manifest, Scheme, SchemeError
from drg.schemes.sheets import read_sheet, read_text, schema
from drg.schemes.writing import digest, render

BESIDE = frozenset(
    {"README.md", "README.zh.md", "REPORT.md", "LICENSE", "LICENSE.txt", "NOTICE", "NOTICE.txt"}
)
"""Files that may lie beside the tables and are not read."""

_ENGINES = tuple(sorted({engine for sheet in SHEETS for engine in sheet.engines}))
_CODE = re.compile(r"^[a-z0-9][a-z0-9_-]{0,63}$")
_REGION = re.compile(r"^[A-Z0-9]{1,12}$")


def load(folder: Path) -> Scheme:
    """The pack in a folder, checked; its tables are sorted by key.

    SchemeError tells the first problem, where it is, and how many more there are.
    """
    scheme, problems = _examine(folder)
    if scheme is not None:
        return scheme
    first = problems.errors()[0]
    if len(problems) == 1:
        raise first
    raise SchemeError(
        f"{first.what}; {len(problems) - 1:,} more problems",
        where=first.where,
        cure=f"{first.cure} `sentinel scheme check {folder}` lists them all.",
    )


def check(folder: Path) -> list[SchemeError]:
    """All that is wrong with the pack in a folder: what, where (file:row) and the cure.

    Of each kind and file the first 20 are told one by one, then how many more there are.
    """
    return _examine(folder)[1].errors()


def review(folder: Path) -> tuple[list[SchemeError], list[SchemeError]]:
    """What ``check`` finds, and warnings: what is allowed but looks like a slip."""
    problems = _examine(folder)[1]
    return problems.errors(), problems.warnings.errors() if problems.warnings else []


def _examine(folder: Path) -> tuple[Scheme | None, Problems]:
    problems = Problems(folder)
    if not folder.is_dir():
        problems.add(
            "folder",
            "",
            None,
            "this is no folder",
            f"Name a folder with {MANIFEST} and the tables of a scheme.",
        )
        return None, problems
    manifest = _read_manifest(folder / MANIFEST, problems)
    _check_files(folder, None if manifest is None else manifest.engine, problems)
    tables: dict[str, pl.DataFrame] = {}
    for sheet in SHEETS:
        if manifest is not None and manifest.engine not in sheet.engines:
            tables[sheet.name] = _nothing(sheet.name)
        elif not (folder / sheet.file).is_file():
            if manifest is None or manifest.engine not in sheet.needed:
                tables[sheet.name] = _nothing(sheet.name)
        elif (read := read_sheet(folder / sheet.file, sheet, problems)) is not None:
            tables[sheet.name] = read
    checks.check_tables(tables, problems)
    if manifest is None or len(problems):
        return None, problems
    # The ranks say the order; sorting by key makes equal packs equal, however they were written.
    ordered = {
        sheet.name: tables[sheet.name].drop(ROW).sort(sheet.key, nulls_last=False)
        for sheet in SHEETS
    }
    sha256 = digest(render(manifest, ordered))
    return Scheme(manifest, ordered, sha256, folder), problems


def _nothing(name: str) -> pl.DataFrame:
    sheet = next(sheet for sheet in SHEETS if sheet.name == name)
    return pl.DataFrame(schema={**schema(sheet), ROW: pl.UInt32()})


def _check_files(folder: Path, engine: str | None, problems: Problems) -> None:
    sheets = {sheet.file: sheet for sheet in SHEETS}
    read = [file for file, sheet in sheets.items() if engine is None or engine in sheet.engines]
    for path in sorted(folder.iterdir()):
        name = path.name
        if name.startswith(".") or name == MANIFEST or name in BESIDE:
            continue
        if name in sheets and path.is_file():
            if name not in read:
                what = f"the engine {engine} reads no {name}"
                problems.add("file", name, None, what, "Take it out, or correct the engine.")
            continue
        cure = f"Rename it or take it out. Tables are {', '.join(read)}."
        problems.add("file", name, None, "this is no file of a scheme pack", cure)
    for sheet in SHEETS:
        if engine in sheet.needed and not (folder / sheet.file).is_file():
            cure = f"Write it, with the first line {','.join(sheet.names)}."
            problems.add("missing", sheet.file, None, "the file is missing", cure)


def _read_manifest(path: Path, problems: Problems) -> Manifest | None:
    needed = [f.name for f in fields(Manifest) if f.default is MISSING]
    if not path.is_file():
        cure = f"Write it with at least {', '.join(needed)}."
        problems.add("missing", MANIFEST, None, "the file is missing", cure)
        return None
    before = len(problems)
    text = read_text(path, problems)
    if text is None:
        return None
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"line (\d+)", str(error))
        row = int(found[1]) if found else text.count("\n") + 1
        problems.add("manifest", MANIFEST, row, f"not TOML: {error}", "Write it as TOML.")
        return None
    rows = {
        found[1].strip("\"'"): number
        for number, line in enumerate(text.split("\n"), 1)
        if (found := re.match(r"\s*\[?\s*([\w\"'-]+)", line))
    }
    known = {f.name: f for f in fields(Manifest)}
    for name in given:
        if name not in known:
            cure = f"Use only {', '.join(known)}."
            problems.add("manifest", MANIFEST, rows.get(name), f"no key is named {name!r}", cure)
    values: dict[str, Any] = {}
    for name, field in known.items():
        if name not in given:
            if field.default is MISSING:
                what = f"the key {name!r} is missing"
                problems.add("manifest", MANIFEST, None, what, f"Add {name} = ...")
            continue
        wrong = _why_wrong(name, str(field.type), given[name])
        if wrong:
            what = f"{name} = {given[name]!r} cannot be used"
            problems.add("manifest", MANIFEST, rows.get(name), what, wrong)
        elif isinstance(given[name], list):
            values[name] = tuple(given[name])
        else:
            values[name] = given[name]
    first, last = values.get("effective_from"), values.get("effective_to")
    if first is not None and last is not None and last < first:
        what = f"effective_to {last} lies before effective_from {first}"
        problems.add("manifest", MANIFEST, rows.get("effective_to"), what, "Correct the days.")
    return Manifest(**values) if len(problems) == before else None


def _why_wrong(name: str, kind: str, value: Any) -> str | None:
    """What to do about a value of the manifest; nothing where it is right."""
    if kind.startswith("date"):
        right = isinstance(value, date) and not isinstance(value, datetime)
        return None if right else "Write a day without quotation marks: 2024-03-31."
    if kind == "bool":
        return None if isinstance(value, bool) else "Write true or false."
    if kind.startswith("tuple"):
        right = isinstance(value, list) and all(
            isinstance(item, str) and _REGION.match(item) for item in value
        )
        if right and len(set(value)) == len(value):
            return None
        return 'Write a list of different divisions or their first digits: ["2301"].'
    if not isinstance(value, str) or value != value.strip():
        return "Write a text in quotation marks, without blanks at its ends."
    if name == "engine" and value not in _ENGINES:
        return f"Use {' or '.join(_ENGINES)}."
    if name == "code" and not _CODE.match(value):
        return "Use small letters, digits, - and _."
    if name in {"name_zh", "name_en", "version"} and not value:
        return "Fill it in."
    return None
