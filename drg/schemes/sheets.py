"""One CSV file of a pack: its text, its header, its cells and its key."""

from __future__ import annotations

import csv
from pathlib import Path

import polars as pl

from drg.schemes.layout import Cell, Column, Sheet
from drg.schemes.problems import ROW, Problems

_HIDDEN = r"[\x00-\x1f\x7f\u{a0}\u{200b}-\u{200f}\u{2028}\u{2029}\u{feff}]"
_DIGITS = 18
_QUOTED = r'"(?:[^"]|"")*"'
_PLAIN = rf'(?:{_QUOTED}|[^",]*)'


def data_type(column: Column) -> pl.DataType:
    """The polars type of a column of a loaded scheme."""
    match column.cell:
        case Cell.RANK:
            return pl.Int32()
        case Cell.FLAG:
            return pl.Boolean()
        case Cell.DATE:
            return pl.Date()
        case Cell.DECIMAL:
            return pl.Decimal(_DIGITS, column.places)
        case _:
            return pl.String()


def schema(sheet: Sheet) -> pl.Schema:
    """The polars schema of a loaded sheet."""
    return pl.Schema({column.name: data_type(column) for column in sheet.columns})


def read_text(path: Path, problems: Problems) -> str | None:
    """The text of a file, or nothing where it is not plain UTF-8 with LF line ends."""
    raw = path.read_bytes()
    cure = "Save it as UTF-8 without a byte order mark, with LF line ends."
    for mark, name in ((b"\xef\xbb\xbf", "a byte order mark"), (b"\0", "a NUL"), (b"\r", "a CR")):
        at = raw.find(mark)
        if at >= 0 and (mark[0] != 0xEF or at == 0):
            row = raw.count(b"\n", 0, at) + 1
            problems.add("text", path.name, row, f"the text holds {name}", cure)
            return None
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        row = raw.count(b"\n", 0, error.start) + 1
        problems.add("text", path.name, row, "the text is not UTF-8", cure)
        return None


def read_sheet(path: Path, sheet: Sheet, problems: Problems) -> pl.DataFrame | None:
    """The typed rows of a file with the column ``ROW``, in their order.

    Nothing if any of its cells cannot be used; what is wrong is noted in ``problems``.
    """
    before = len(problems)
    text = read_text(path, problems)
    if text is None:
        return None
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    if not lines or not _header_holds(lines[0], sheet, problems):
        if not lines:
            problems.add("header", sheet.file, 1, "the file is empty", _header_cure(sheet))
        return None
    _check_lines(lines[1:], sheet, problems)
    if len(problems) > before:
        return None
    if len(lines) == 1:
        return pl.DataFrame(schema={**schema(sheet), ROW: pl.UInt32()})
    texts = (
        pl.read_csv(text.encode(), infer_schema=False)
        .with_columns(pl.all().replace("", None))  # a cell of "" is as empty as one without marks
        .with_row_index(ROW, offset=2)
    )
    typed = texts.select(
        *(_read_column(texts, column, sheet, problems) for column in sheet.columns), ROW
    )
    if len(problems) > before:
        return None
    _check_key(typed, sheet, problems)
    return typed if len(problems) == before else None


def _header_cure(sheet: Sheet) -> str:
    return f"Write the first line as {','.join(sheet.names)}."


def _header_holds(line: str, sheet: Sheet, problems: Problems) -> bool:
    found = tuple(next(csv.reader([line]), ()))
    if found == sheet.names:
        return True
    cure = _header_cure(sheet)
    said = False
    for name in dict.fromkeys(found):
        if found.count(name) > 1:
            problems.add("header", sheet.file, 1, f"the column {name!r} stands there twice", cure)
            said = True
        if name not in sheet.names:
            problems.add("header", sheet.file, 1, f"no column is named {name!r}", cure)
            said = True
    for name in sheet.names:
        if name not in found:
            problems.add("header", sheet.file, 1, f"the column {name!r} is missing", cure)
            said = True
    if not said:
        problems.add("header", sheet.file, 1, "the columns stand in another order", cure)
    return False


def _check_lines(lines: list[str], sheet: Sheet, problems: Problems) -> None:
    """Every line holds one row with as many cells as the header."""
    if not lines:
        return
    width = len(sheet.columns)
    frame = pl.DataFrame({"line": lines}).with_row_index(ROW, offset=2)
    quoted = pl.col("line").str.contains('"', literal=True)
    broken = quoted & ~pl.col("line").str.contains(rf"^{_PLAIN}(,{_PLAIN})*$")
    problems.add_rows(
        "quotes",
        sheet.file,
        frame.filter(broken),
        lambda _: "the quotation marks do not match",
        'Put the whole cell in "...", on one line, with "" for a mark inside it.',
    )
    # Outside of quotation marks every comma parts two cells.
    commas = pl.col("line").str.replace_all(_QUOTED, "").str.count_matches(",", literal=True)
    problems.add_rows(
        "cells",
        sheet.file,
        frame.with_columns(_cells=commas + 1).filter(~broken & (pl.col("_cells") != width)),
        lambda row: (
            f"the line has {row['_cells']} cells and not {width}"
            if row["line"]
            else "the line is empty"
        ),
        f"Give every line {width} cells: {','.join(sheet.names)}. "
        'A cell with a comma stands in "...".',
    )


def _read_column(
    texts: pl.DataFrame, column: Column, sheet: Sheet, problems: Problems
) -> pl.Series:
    name = column.name
    text = texts[name]
    given = text.is_not_null()

    def refuse(kind: str, wrong: pl.Series, what: str, cure: str) -> bool:
        if not wrong.any():
            return False
        bad = texts.filter(wrong.fill_null(False)).select(ROW, name)
        problems.add_rows(
            kind, sheet.file, bad, lambda row: what.format(name=name, value=row[name]), cure
        )
        return True

    if column.required:
        refuse("empty cell", ~given, "{name} is empty", f"Fill it in: {column.meaning}")
    bad = refuse(
        "hidden characters",
        text.str.contains(_HIDDEN) | (text != text.str.strip_chars()),
        "{name} {value!r} has blanks at its ends or hidden characters",
        "Take them out: the cell would never match what it means.",
    )
    if bad:
        return pl.Series(name, [], data_type(column)).extend_constant(None, texts.height)
    match column.cell:
        case Cell.CODE:
            refuse(
                "code",
                text.str.contains(r"[\s|,]"),
                "{name} {value!r} is no code",
                "Write a code without blanks, commas and |.",
            )
            return text
        case Cell.TEXT:
            return text
        case Cell.CHOICE:
            refuse(
                "choice",
                ~text.is_in(column.choices),
                "{name} {value!r} is not allowed",
                f"Write one of {', '.join(column.choices)}.",
            )
            return text
        case Cell.FLAG:
            refuse(
                "flag",
                ~text.is_in(("true", "false")),
                "{name} {value!r} is neither true nor false",
                "Write true or false.",
            )
            return text == "true"
        case Cell.RANK:
            plain = text.str.contains(r"^[1-9][0-9]{0,8}$")
            refuse(
                "rank", ~plain, "{name} {value!r} is no whole number from 1", "Write 1, 2, 3 ..."
            )
            return text.set(~plain.fill_null(True), None).cast(pl.Int32)
        case Cell.DATE:
            days = text.str.to_date("%Y-%m-%d", strict=False)
            plain = text.str.contains(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$") & days.is_not_null()
            refuse(
                "date", given & ~plain, "{name} {value!r} is no day", "Write a day as 2024-03-31."
            )
            return days
        case Cell.DECIMAL:
            places = column.places
            digits = len(str(column.below)) - 1
            plain = text.str.contains(rf"^(0|[1-9][0-9]{{0,{digits}}})(\.[0-9]{{1,{places}}})?$")
            cure = f"Write a number from 0 below {column.below} with a dot and at most {places} places."
            refuse("number", ~plain, "{name} {value!r} is no such number", cure)
            numbers = text.set(~plain.fill_null(True), None).cast(pl.Decimal(_DIGITS, places))
            refuse("number", numbers >= column.below, "{name} {value!r} is too large", cure)
            return numbers


def _check_key(frame: pl.DataFrame, sheet: Sheet, problems: Problems) -> None:
    """No two rows have the same key; empty cells are equal to each other."""
    first = pl.col(ROW).min().over(sheet.key)
    wrong = frame.with_columns(first.alias("_first")).filter(pl.col(ROW) != pl.col("_first"))
    problems.add_rows(
        "duplicate",
        sheet.file,
        wrong,
        lambda row: (
            f"line {row['_first']} has the same {', '.join(sheet.key)}: "
            + ", ".join(str(row[name] if row[name] is not None else "") for name in sheet.key)
        ),
        "Take one of the two lines out.",
    )
