"""Writing imported rows into a site's folder, and the report of what became of each row."""

from __future__ import annotations

import csv
import io
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from rules.codebooks.checks import check
from rules.codebooks.conversion import Conversion, Fate, Key, lines_of
from rules.codebooks.form import Table
from rules.codebooks.reading import parse
from rules.codebooks.site import MANIFEST, Manifest, Mode, is_site, read_manifest
from rules.codebooks.tables import TABLES

REPORTS: Final = "reports"
"""The folder beside the tables that the reports of imports go to."""


def write(conversion: Conversion, folder: Path) -> dict[str, int]:
    """Add the rows to the folder's tables; rows written by table. The old files stay if anything is wrong.

    A row takes the place of one of the site with its key and first day, and ends an
    earlier one of the site; what ours say is ended by being laid over.
    """
    folder.mkdir(parents=True, exist_ok=True)
    manifest = read_manifest(folder) if is_site(folder) else Manifest()
    made: dict[str, dict[Key, Mapping[str, str]]] = {}
    for outcome in conversion.outcomes:
        for name, row in outcome.rows:
            if "valid_from" in row:
                made.setdefault(name, {})[tuple(row[k] for k in TABLES[name].key)] = row
    written: dict[str, int] = {}
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as scratch:
        trial = Path(scratch)
        for file in (*folder.glob("*.csv"), *folder.glob(MANIFEST)):
            shutil.copyfile(file, trial / file.name)
        for name, rows in made.items():
            merged = _merged(TABLES[name], _own(TABLES[name], trial), rows)
            _write_text(trial / TABLES[name].file, lines_of(TABLES[name], merged))
            written[name] = len(rows)
        modes = {
            n: manifest.tables.get(n, Mode.EXTEND) for n in TABLES if (trial / f"{n}.csv").is_file()
        }
        _write_text(trial / MANIFEST, replace(manifest, tables=modes).text())
        for fault in check(trial):
            if not fault.warning:
                raise fault.error()
        for file in (*trial.glob("*.csv"), trial / MANIFEST):
            shutil.copyfile(file, folder / file.name)
    return written


def report(conversion: Conversion, folder: Path, written: Mapping[str, int]) -> Path:
    """Write what became of each row (CSV) and what the layout holds that we cannot take (Markdown)."""
    place = folder / REPORTS
    place.mkdir(parents=True, exist_ok=True)
    stem = f"{conversion.layout.name}-{conversion.sheet.path.stem}"
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["line", "fate", "reason", "rows", *conversion.sheet.headings])
    by_line = {line.number: line.cells for line in conversion.sheet.lines}
    for outcome in conversion.outcomes:
        made = "; ".join(
            f"{name} {' '.join(row[k] for k in TABLES[name].key if row[k])}"
            for name, row in outcome.rows
        )
        cells = [by_line[outcome.line].get(h, "") for h in conversion.sheet.headings]
        writer.writerow([outcome.line, outcome.fate, outcome.reason, made, *cells])
    table = place / f"{stem}.csv"
    _write_text(table, out.getvalue())
    _write_text(place / f"{stem}.md", "\n".join(_summary(conversion, written)) + "\n")
    return table


def _summary(conversion: Conversion, written: Mapping[str, int]) -> Iterable[str]:
    layout = conversion.layout
    yield f"# {layout.zh} / {layout.en}\n"
    yield f"File: {conversion.sheet.path.name}. Layout `{layout.name}`, unverified against the official document.\n"
    for fate in Fate:
        yield f"- {fate}: {conversion.count(fate)}"
    yield f"- rows of the file: {len(conversion.outcomes)}"
    for name, count in written.items():
        yield f"- rows written to {name}.csv: {count}"
    reasons: dict[tuple[str, str], int] = {}
    for outcome in conversion.outcomes:
        if outcome.reason:
            reasons[outcome.fate, outcome.reason] = (
                reasons.get((outcome.fate, outcome.reason), 0) + 1
            )
    if reasons:
        yield "\n## Why\n"
        for (said, reason), count in sorted(reasons.items(), key=lambda pair: -pair[1]):
            yield f"- {count} {said}: {reason}"
    yield "\n## Not taken\n"
    for text in (*layout.untaken, *[f"column {h}: the layout does not know it" for h in conversion.ignored]):  # fmt: skip
        yield f"- {text}"
    yield "\n## Assumed\n"
    yield from (f"- {text}" for text in layout.assumed)


def _own(table: Table, folder: Path) -> list[dict[str, str]]:
    """The site's own rows of a table as texts."""
    path = folder / table.file
    if not path.is_file():
        return []
    content = path.read_bytes()
    for fault in parse(table, path, content).faults:
        raise fault.error()
    return [
        dict(row) for row in csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    ]


def _merged(
    table: Table, old: Sequence[dict[str, str]], fresh: Mapping[Key, Mapping[str, str]]
) -> list[Mapping[str, str]]:
    """The site's rows with the new ones beside them."""
    kept: list[Mapping[str, str]] = []
    for row in old:
        key = tuple(row[k] for k in table.key)
        since = fresh[key]["valid_from"] if key in fresh else ""
        if not since or since < row["valid_from"] or (row["valid_to"] and row["valid_to"] <= since):
            kept.append(row)
        elif row["valid_from"] < since:
            kept.append(row | {"valid_to": since})
    return [*kept, *fresh.values()]


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="")
