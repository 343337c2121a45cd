"""Lists as files to take away: CSV that Excel reads, and XLSX with real dates and numbers.

What people or claims wrote never becomes a formula: in CSV such a text gets an apostrophe before it,
in XLSX every text is stored as text. Money is in yuan (or the currency's whole unit) with two places,
times are Beijing time. A file that was cut says so in its last row.
"""

from __future__ import annotations

import csv
import io
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import chain, islice
from typing import Any, Final, Literal
from urllib.parse import quote
from zoneinfo import ZoneInfo

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from starlette.responses import StreamingResponse

ZONE: Final = ZoneInfo("Asia/Shanghai")
"""The zone of every time in a file."""
MOST_ROWS_CSV: Final = 100_000
"""Rows of one CSV file; what is beyond them is left out, and the file says so."""
MOST_ROWS_XLSX: Final = 50_000
"""Rows of one workbook, which takes some 15 microseconds a cell to make; more rows come as CSV."""

CSV_TYPE: Final = "text/csv; charset=utf-8"
XLSX_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

Kind = Literal["text", "integer", "number", "share", "money", "date", "instant"]
Row = Mapping[str, Any]

_STARTS_FORMULA: Final = tuple("=+-@\t\r\n＝＋－＠")
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_LONGEST_CELL: Final = 32_767
_FORMATS: Final[Mapping[str, str]] = {
    "integer": "#,##0",
    "number": "0.00",
    "share": "0.0%",
    "money": "#,##0.00",
    "date": "yyyy-mm-dd",
    "instant": "yyyy-mm-dd hh:mm:ss",
}
_WIDTHS: Final[Mapping[str, int]] = {"text": 22, "money": 16, "date": 12, "instant": 20}
_CUT: Final = {
    "zh": "仅导出前 {most} 行，其余未导出：请缩小筛选条件后分次导出。",
    "en": "Only the first {most} rows are here: narrow the filter and export in parts for the rest.",
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a file: its heads, what its cells are, and where they come from.

    ``of`` is the name in the row, or a function of the row. Money is given in hundredths (fen), shares
    as fractions, instants with their zone; a list becomes one text with spaces between.
    """

    zh: str
    en: str
    of: str | Callable[[Row], Any]
    kind: Kind = "text"

    def head(self, lang: str) -> str:
        """The head in a language."""
        return self.zh if lang == "zh" else self.en

    def value(self, row: Row) -> Any:
        """The cell: None, str, int, float, Decimal, date or naive datetime in Beijing time."""
        found = row.get(self.of) if isinstance(self.of, str) else self.of(row)
        if found is None:
            return None
        if self.kind == "money":
            return Decimal(found).scaleb(-2)
        if isinstance(found, datetime):
            return found.astimezone(ZONE).replace(tzinfo=None, microsecond=0)
        if isinstance(found, (list, tuple, set, frozenset)):
            found = " ".join(str(one) for one in found)
        if self.kind == "text":
            return str(found)
        return round(found, 4) if isinstance(found, float) else found


def disposition(name: str) -> str:
    """The Content-Disposition of a file to keep, whose name may be Chinese (RFC 5987)."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("_") or "export"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def as_csv(
    rows: Iterable[Row],
    columns: Sequence[Column],
    *,
    name: str,
    lang: str = "zh",
    most: int = MOST_ROWS_CSV,
) -> StreamingResponse:
    """Rows as a CSV file of UTF-8 with a byte order mark, sent as they are read.

    The first row is read before the answer begins, so that an error there is still a problem.
    """
    return StreamingResponse(
        csv_parts(rows, columns, lang, most),
        media_type=CSV_TYPE,
        headers={"Content-Disposition": disposition(f"{name}.csv"), "Content-Language": lang},
    )


def csv_parts(
    rows: Iterable[Row], columns: Sequence[Column], lang: str = "zh", most: int = MOST_ROWS_CSV
) -> Iterator[bytes]:
    """The parts of the file that ``as_csv`` sends."""
    return _csv(_begun(rows), columns, lang, most)


def as_xlsx(
    rows: Iterable[Row],
    columns: Sequence[Column],
    *,
    name: str,
    sheet: str,
    lang: str = "zh",
    most: int = MOST_ROWS_XLSX,
) -> StreamingResponse:
    """Rows as a workbook of one sheet: head frozen, filter on every column, real dates and numbers."""
    book = Workbook(write_only=True)
    page = book.create_sheet(sheet[:31])
    page.freeze_panes = "A2"
    for place, column in enumerate(columns, 1):
        page.column_dimensions[get_column_letter(place)].width = _WIDTHS.get(column.kind, 12)
    bold = Font(bold=True)
    page.append([_cell(page, column.head(lang), "text", bold) for column in columns])
    shown, cut = 0, False
    for row in islice(rows, most + 1):
        if shown == most:
            cut = True
            break
        page.append([_cell(page, column.value(row), column.kind) for column in columns])
        shown += 1
    page.auto_filter.ref = f"A1:{get_column_letter(len(columns))}{shown + 1}"
    if cut:
        page.append([_cell(page, _CUT[lang].format(most=f"{most:,}"), "text", bold)])
    # Kept in memory up to 8 MiB, beyond that in a file without a name.
    made = tempfile.SpooledTemporaryFile(max_size=8 * 2**20)  # noqa: SIM115 (closed once it is sent)
    book.save(made)
    size = made.tell()
    made.seek(0)
    return StreamingResponse(
        _parts(made),
        media_type=XLSX_TYPE,
        headers={
            "Content-Disposition": disposition(f"{name}.xlsx"),
            "Content-Language": lang,
            "Content-Length": str(size),
        },
    )


def _begun(rows: Iterable[Row]) -> Iterator[Row]:
    found = iter(rows)
    first = list(islice(found, 1))
    return chain(first, found)


def _csv(rows: Iterator[Row], columns: Sequence[Column], lang: str, most: int) -> Iterator[bytes]:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")

    def taken() -> bytes:
        made = text.getvalue().encode("utf-8", "replace")
        text.seek(0)
        text.truncate()
        return made

    writer.writerow([column.head(lang) for column in columns])
    yield b"\xef\xbb\xbf" + taken()
    for number, row in enumerate(rows, 1):
        if number > most:
            writer.writerow([_CUT[lang].format(most=f"{most:,}")])
            break
        writer.writerow([_plain(column.value(row)) for column in columns])
        if number % 500 == 0:
            yield taken()
    yield taken()


def _plain(value: Any) -> Any:
    """A cell of CSV; a text that a spreadsheet would calculate gets an apostrophe before it."""
    if not isinstance(value, str):
        return "" if value is None else f"{value:.2f}" if isinstance(value, Decimal) else value
    clean = _CONTROLS.sub("", value)
    return keep_text(clean)


def keep_text(text: str) -> str:
    """A cell of a CSV file with an apostrophe before what a spreadsheet would calculate."""
    return f"'{text}" if text.lstrip(" ").startswith(_STARTS_FORMULA) else text


def _cell(page: Any, value: Any, kind: str, font: Font | None = None) -> Any:
    if isinstance(value, str):
        value = _CONTROLS.sub("", value)[:_LONGEST_CELL]
    cell = WriteOnlyCell(page, value=value)
    if isinstance(value, str):
        cell.data_type = "s"  # openpyxl would take "=…" for a formula and "#N/A" for an error
    elif isinstance(value, (int, float, Decimal, date)) and not isinstance(value, bool):
        cell.number_format = _FORMATS.get(kind, "General")
    if font is not None:
        cell.font = font
    return cell


def _parts(made: Any) -> Iterator[bytes]:
    with made:
        while part := made.read(2**16):
            yield part
