"""A table of stays, one row each, as people keep them for grouping: CSV to canonical claims.

A row becomes a canonical JSON claim and goes through the same intake as any other, so
that what is wrong with it is told in the same words.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

from domain.errors import Refusal
from domain.tables import Tables
from streaming import intake
from streaming.intake import InputError
from streaming.pseudonym import PseudonymKey

SEPARATOR: Final = "|"
"""Between the codes of one cell; the first is the principal diagnosis or main procedure."""


def _whole(text: str) -> int:
    return int(text.removesuffix(".0"))


def _fen(text: str) -> int:
    amount = Decimal(text).scaleb(2)
    if amount != amount.to_integral_value():
        raise ValueError(text)
    return int(amount)


_PLAIN: Final[dict[str, tuple[str, Callable[[str], Any]]]] = {
    "stay_id": ("stay_id", str),
    "sex": ("sex", str),
    "birth_date": ("birth_date", str),
    "age_years": ("age_years", _whole),
    "age_days": ("age_days", _whole),
    "birth_weight_g": ("newborn_birth_weight_g", _whole),
    "admission_date": ("admission_date", str),
    "discharge_date": ("discharge_date", str),
    "stay_days": ("length_of_stay_days", _whole),
    "discharge_way": ("discharge_way", str),
    "department": ("discharge_department", str),
    "region_code": ("region_code", str),
    "insurance_type": ("insurance_type", str),
    "provider_id": ("provider_id", str),
    "provider_level": ("provider_level", str),
    "billed_group": ("billed_group_code", str),
    "total_amount": ("total_amount_fen", _fen),
    "currency": ("currency", str),
    "diagnosis_system": ("diagnosis_system", str),
    "procedure_system": ("procedure_system", str),
}
"""Column -> field of the claim, and how its text is read. Amounts are in yuan (dollars)."""

COLUMNS: Final = (*_PLAIN, "icu_hours", "diagnoses", "procedures")
"""Every column that a file may have."""

NEEDED: Final = ("stay_id", "admission_date", "diagnoses")
"""The columns that it must have."""

_USUAL: Final[dict[str, Any]] = {
    "claim_version": 1,
    "claim_type": "inpatient",
    "time_zone": "Asia/Shanghai",
    "currency": "CNY",
    "provider_id": "unknown",
    "diagnosis_system": "ICD-10-CN",
    "procedure_system": "ICD-9-CM-3-CN",
}
"""What holds where the file says nothing."""


@dataclass(frozen=True, slots=True)
class Flat:
    """What was read: the claims, and the refused rows with their line in the file."""

    tables: Tables
    read: int
    refused: tuple[tuple[int, tuple[Refusal, ...]], ...]


def read(path: Path, key: PseudonymKey, *, encoding: str = "utf-8") -> Flat:
    """Read one CSV file; InputError if it is no such table, a refusal for each bad row."""
    records: list[bytes] = []
    lines: list[int] = []
    bad: list[tuple[int, tuple[Refusal, ...]]] = []
    try:
        with path.open(encoding=_ENCODINGS.get(encoding, encoding), newline="") as file:
            rows = csv.DictReader(file, strict=True)
            _check_header(rows.fieldnames or (), path)
            for row in rows:
                record = _record(row)
                if isinstance(record, Refusal):
                    bad.append((rows.line_num, (record,)))
                else:
                    lines.append(rows.line_num)
                    records.append(json.dumps(record, ensure_ascii=False).encode())
    except (UnicodeDecodeError, csv.Error, LookupError) as error:
        raise InputError(
            f"the file cannot be read as CSV in {encoding}: {error}",
            where=str(path),
            cure="Save it as CSV in UTF-8, or say --encoding gb18030.",
        ) from error
    tables, refused = intake.decode(records, key=key)
    bad += [(lines[one.index], one.reasons) for one in refused]
    return Flat(tables, len(records) + len(bad) - len(refused), tuple(sorted(bad)))


_ENCODINGS: Final = {"utf-8": "utf-8-sig"}
"""Excel begins a UTF-8 file with a byte order mark."""


def _check_header(header: Sequence[str], path: Path) -> None:
    missing = [name for name in NEEDED if name not in header]
    unknown = [name for name in header if name not in COLUMNS]
    twice = sorted({name for name in header if list(header).count(name) > 1})
    for names, what in ((missing, "lacks"), (unknown, "has unknown"), (twice, "repeats")):
        if names:
            raise InputError(
                f"the header {what} the columns {', '.join(names)[:200]}",
                where=f"{path}:1",
                cure=f"Columns are {', '.join(COLUMNS)}; needed are {', '.join(NEEDED)}.",
            )


def _record(row: dict[str, str]) -> dict[str, Any] | Refusal:
    """The canonical claim of a row, or why its cells cannot be read."""
    if None in row or None in row.values():
        return Refusal("", "", "columns", "Give the row as many cells as the header has.")
    cells = {name: text.strip() for name, text in row.items() if text and text.strip()}
    claim = dict(_USUAL)
    for name, (field, read_cell) in _PLAIN.items():
        if name in cells:
            try:
                claim[field] = read_cell(cells[name])
            except (ValueError, InvalidOperation):
                return Refusal(name, cells[name][:120], "number", "Write a plain number.")
    claim["patient_id"] = claim.get("stay_id")
    for name in ("diagnoses", "procedures"):
        codes = [code.strip() for code in cells.get(name, "").split(SEPARATOR) if code.strip()]
        claim[name] = [{"ordinal": n, "code": code} for n, code in enumerate(codes, start=1)]
    if "icu_hours" in cells:
        icu = _icu(cells["icu_hours"], cells.get("admission_date", ""))
        if isinstance(icu, Refusal):
            return icu
        claim["icu_stays"] = icu
    return claim


def _icu(hours: str, admitted: str) -> list[dict[str, Any]] | Refusal:
    """One time in intensive care of that length, which is all that grouping asks for."""
    try:
        number = float(hours)
        start = datetime.fromisoformat(admitted).replace(tzinfo=UTC)
    except ValueError:
        return Refusal("icu_hours", hours[:120], "number", "Write hours as a plain number.")
    if not 0 <= number < 100_000:
        return Refusal("icu_hours", hours[:120], "number", "Write hours from 0 to 100,000.")
    if number == 0:
        return []
    end = start + timedelta(hours=number)
    return [{"ordinal": 1, "start_time": start.isoformat(), "end_time": end.isoformat()}]


__all__ = ["COLUMNS", "NEEDED", "SEPARATOR", "Flat", "read"]
