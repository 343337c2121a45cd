"""Writes a pack in one fixed form, so that packs compare line by line and hash alike."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from drg.schemes.layout import MANIFEST, SHEETS, Cell, Sheet
from drg.schemes.scheme import Manifest, SchemeError
from drg.schemes.sheets import data_type


def write(folder: Path, manifest: Manifest, tables: Mapping[str, pl.DataFrame]) -> None:
    """Write a pack into a folder: rows sorted by their key, ``load`` reads the same back.

    ``tables`` holds frames by the name of their sheet, typed or all text, columns in any
    order; an optional column may be left out. A sheet without rows gets a file only where
    the engine needs it; files of other sheets are removed, so that the folder holds this
    pack and no rest of an older one. SchemeError for an unknown sheet or column, a missing
    column or a value that its column cannot take. The content is checked by ``check``.
    """
    files = render(manifest, conform(tables))
    folder.mkdir(parents=True, exist_ok=True)
    for sheet in SHEETS:
        if sheet.file not in files:
            (folder / sheet.file).unlink(missing_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def conform(tables: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """One typed frame for every sheet, sorted by its key; SchemeError as ``write`` says."""
    unknown = sorted(set(tables) - {sheet.name for sheet in SHEETS})
    if unknown:
        raise SchemeError(
            f"no sheet is named {', '.join(unknown)}",
            where="write",
            cure=f"Use {', '.join(sheet.name for sheet in SHEETS)}.",
        )
    return {sheet.name: _conform(tables.get(sheet.name), sheet) for sheet in SHEETS}


def render(manifest: Manifest, tables: Mapping[str, pl.DataFrame]) -> dict[str, bytes]:
    """The files of a pack by name, from the typed and sorted frames of ``conform``."""
    files = {MANIFEST: _manifest(manifest).encode()}
    for sheet in SHEETS:
        frame = tables[sheet.name]
        if frame.height or manifest.engine in sheet.needed:
            files[sheet.file] = _csv(frame, sheet)
    return files


def digest(files: Mapping[str, bytes]) -> str:
    """The sha256 of a pack: that of what ``LC_ALL=C sha256sum *`` prints in its folder."""
    lines = (
        f"{hashlib.sha256(content).hexdigest()}  {name}\n"
        for name, content in sorted(files.items())
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _conform(frame: pl.DataFrame | None, sheet: Sheet) -> pl.DataFrame:
    if frame is None:
        frame = pl.DataFrame(schema=dict.fromkeys(sheet.names, pl.String()))
    unknown = [name for name in frame.columns if name not in sheet.names]
    missing = [c.name for c in sheet.columns if c.required and c.name not in frame.columns]
    if unknown or missing:
        raise SchemeError(
            f"the table has unknown columns {unknown} or lacks {missing}",
            where=sheet.file,
            cure=f"Give it {', '.join(sheet.names)}.",
        )
    try:
        return frame.select(
            (
                _read_text(pl.col(column.name), column.cell, frame.schema[column.name])
                if column.name in frame.columns
                else pl.lit(None)
            )
            .cast(data_type(column))
            .alias(column.name)
            for column in sheet.columns
        ).sort(sheet.key, nulls_last=False, maintain_order=True)
    except pl.exceptions.PolarsError as error:
        raise SchemeError(
            f"a value does not fit its column: {error}",
            where=sheet.file,
            cure="Give every column the type that layout.py names, or all of them as text.",
        ) from error


def _read_text(column: pl.Expr, cell: Cell, given: pl.DataType) -> pl.Expr:
    if given != pl.String():
        return column
    column = column.replace("", None)
    match cell:
        case Cell.FLAG:
            return column.replace_strict({"true": True, "false": False}, return_dtype=pl.Boolean)
        case Cell.DATE:
            return column.str.to_date("%Y-%m-%d")
        case _:
            return column


def _csv(frame: pl.DataFrame, sheet: Sheet) -> bytes:
    texts = frame.select(
        pl.col(column.name).cast(pl.String).str.replace(r"(\.\d*?)0+$", "$1").str.strip_suffix(".")
        if column.cell is Cell.DECIMAL
        else pl.col(column.name).cast(pl.String)
        for column in sheet.columns
    )
    return texts.write_csv(line_terminator="\n").encode()


def _manifest(manifest: Manifest) -> str:
    lines = []
    for field in fields(Manifest):
        value = getattr(manifest, field.name)
        if value is not None:
            lines.append(f"{field.name} = {_toml(value)}\n")
    return "".join(lines)


def _toml(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case date():
            return value.isoformat()
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case _:
            return "[" + ", ".join(_toml(item) for item in value) + "]"
