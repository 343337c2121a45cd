"""Files of authorities as rows of cells: Excel workbooks, and CSV in UTF-8 or GB18030."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from domain.errors import SentinelError

HEADER_WITHIN: Final = 20
"""The row of headings stands among the first so many rows: titles and notes stand above it."""


class LayoutError(SentinelError):
    """A file does not have the layout that was named."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a sheet: where it stands (from 1) and its cells as text, by heading."""

    number: int
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Sheet:
    """The rows below the headings; ``headings`` are as they stand in the file."""

    path: Path
    headings: tuple[str, ...]
    lines: tuple[Line, ...]


def read_sheet(
    path: Path, known: Iterable[str], *, sheet: str | None = None, needed: Sequence[str] = ()
) -> Sheet:
    """The rows of a file whose headings ``known`` (plain, see ``plain_heading``) names.

    The row of headings is the one of the first twenty with most known ones. Rows without
    any text are no rows. ``needed`` are headings to name if none is known. LayoutError if the file cannot be read or has no such headings.
    """
    grid = _workbook(path, sheet) if path.suffix.lower() in (".xlsx", ".xlsm") else _text(path)
    names = set(known)
    best, place = 0, -1
    for number, row in enumerate(grid[:HEADER_WITHIN]):
        score = len({plain_heading(cell) for cell in row} & names)
        if score > best:
            best, place = score, number
    if place < 0:
        found = next((row for row in grid if any(row)), [])
        raise LayoutError(
            f"no row has headings of this layout; the first row says {', '.join(c for c in found if c) or 'nothing'}",
            where=f"{path}:1",
            cure=f"It needs headings such as {', '.join(needed or sorted(names)[:12])}. Is it the right sheet and layout?",
        )
    headings = [_one_line(cell) for cell in grid[place]]
    doubled = sorted({h for h in headings if h and headings.count(h) > 1})
    if doubled:
        raise LayoutError(
            f"the heading {doubled[0]} stands twice", where=f"{path}:{place + 1}",
            cure="Rename one of the two columns.",
        )  # fmt: skip
    lines = []
    for number, row in enumerate(grid[place + 1 :], start=place + 2):
        if any(row):
            cells = {h: row[i] if i < len(row) else "" for i, h in enumerate(headings) if h}
            beyond = [c for i, c in enumerate(row) if c and (i >= len(headings) or not headings[i])]
            lines.append(Line(number, cells | ({"": " ".join(beyond)} if beyond else {})))
    return Sheet(path, tuple(h for h in headings if h), tuple(lines))


def plain_heading(text: str) -> str:
    """A heading as compared: without blanks, brackets and marks, in half-width capitals."""
    return re.sub(
        r"[\s()（）\[\]【】/、,，:：*★_-]", "", unicodedata.normalize("NFKC", text)
    ).upper()


def _workbook(path: Path, sheet: str | None) -> Sequence[Sequence[str]]:
    # Late, because only imports of Excel files need it.
    import openpyxl  # noqa: PLC0415
    from openpyxl.utils.exceptions import InvalidFileException  # noqa: PLC0415

    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (InvalidFileException, zipfile.BadZipFile, KeyError, OSError, ValueError) as error:
        raise LayoutError(
            f"it is no Excel workbook that can be read: {error}", where=str(path),
            cure="Save it as .xlsx without a password, or as CSV UTF-8.",
        ) from error  # fmt: skip
    try:
        if sheet is not None and sheet not in book.sheetnames:
            raise LayoutError(
                f"there is no sheet {sheet}", where=str(path),
                cure=f"It has {', '.join(book.sheetnames)}.",
            )  # fmt: skip
        chosen = book[sheet] if sheet is not None else book.worksheets[0]
        return [[_cell(value) for value in row] for row in chosen.iter_rows(values_only=True)]
    finally:
        book.close()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, float):
        # Excel keeps 12.30 as 12.300000000000001: fifteen digits are what it shows.
        return f"{value:.15g}" if not value.is_integer() else str(int(value))
    return _clean(str(value))


def _text(path: Path) -> Sequence[Sequence[str]]:
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise LayoutError(
            "there is no such file", where=str(path), cure="Give the path of the file."
        ) from error
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise LayoutError(
            "it is neither UTF-8 nor GB18030",
            where=str(path),
            cure="Save it as CSV UTF-8 or as .xlsx.",
        )
    if "\x00" in text:
        raise LayoutError(
            "it is no text", where=str(path), cure="Save it as CSV UTF-8 or as .xlsx (not .xls)."
        )
    first = text.split("\n", 1)[0]
    delimiter = "\t" if first.count("\t") > first.count(",") else ","
    try:
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        return [[_clean(cell) for cell in row] for row in rows]
    except csv.Error as error:
        raise LayoutError(
            f"it cannot be read as CSV: {error}", where=str(path), cure="Save it as .xlsx."
        ) from error


def _clean(text: str) -> str:
    return text.replace(" ", " ").replace("　", " ").strip()


def _one_line(text: str) -> str:
    return re.sub(r"\s+", "", text)
