"""A case as a file: one JSON document, or a ZIP with tables and the attached files beside it."""

from __future__ import annotations

import csv
import io
import json
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import IO, Any, Final

from fastapi import Request
from starlette.responses import Response, StreamingResponse

from domain.access import Permission
from scoring_api import evidence
from scoring_api.access import masked, who
from scoring_api.cases import telling
from scoring_api.cases.desk import Desk
from scoring_api.evidence import Checks
from scoring_api.exports import keep_text
from scoring_api.problems import ProblemError

_IN_MEMORY: Final = 4 * 2**20
"""Bytes of a ZIP that are kept in memory; larger ones go through a file without a name."""

TABLES: Final[Mapping[str, tuple[str, ...]]] = {
    "alerts": ("alert_id", "stay_id", "decision_id", "department", "physician_id", "currency", "exposure_fen", "checks"),
    "dispositions": ("stay_id", "decision_id", "rule_id", "outcome", "reason", "recovered_fen", "by", "note"),
    "hits": ("stay_id", "rule_id", "severity", "unit", "subject_id", "exposure_fen", "finding_zh", "finding_en"),
    "charges": ("stay_id", "line_id", "charge_date", "category", "item_code", "item_name", "quantity", "unit_price", "amount_fen"),
    "timeline": ("event_id", "at", "by", "kind", "visibility", "data"),
    "comments": ("created_at", "author_name", "visibility", "text"),
    "appeals": ("stage", "lodged_at", "due_at", "late", "statement", "outcome", "decided_at", "note", "before_fen", "after_fen"),
}  # fmt: skip
"""Table of the ZIP -> its columns."""


def send(desk: Desk, request: Request, case: str, form: str) -> Response:
    """The file of a case that the caller may see."""
    principal = who(request)
    if not principal.may(Permission.CASES_READ):
        raise ProblemError(
            403,
            "forbidden",
            f"The role {principal.role} does not have the permission cases.read.",
            cure="Ask an administrator of this service for an account that has it.",
        )
    record = desk.find(case, principal)
    told = telling.tell(record, principal, desk.terms)
    stays = masked(principal, [_stay(desk, one) for one in record.state.alerts.values()])
    name = f"case-{record.row['number']}.{form}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    whole = json.dumps(
        {"case": told, "stays": stays}, ensure_ascii=False, indent=2, default=_spell
    ).encode()
    if form == "json":
        return Response(whole, media_type="application/json", headers=headers)
    file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 (the answer closes it)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("case.json", whole)
        for table, columns in TABLES.items():
            packed.writestr(f"{table}.csv", write_csv(columns, _rows(table, told, stays)))
        for place, row in enumerate(told["attachments"], start=1):
            # Those told are those that the caller may see.
            found = desk.store.cases.attachment(record.row["case_id"], row["attachment_id"])
            if found is None:
                raise AssertionError("a case tells of a file that is not there")
            packed.writestr(f"attachments/{place:02d}-{found['name']}", bytes(found["body"]))
    size = file.tell()
    file.seek(0)
    return StreamingResponse(
        _read(file),
        media_type="application/zip",
        headers={**headers, "Content-Length": str(size)},
    )


def write_csv(columns: Iterable[str], rows: Iterable[Mapping[str, Any]]) -> bytes:
    """A table for spreadsheets: UTF-8 with its mark, and no cell that would run as a formula."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    named = list(columns)
    writer.writerow(named)
    for row in rows:
        writer.writerow([_cell(row.get(name)) for name in named])
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def _rows(table: str, told: Mapping[str, Any], stays: list[dict[str, Any]]) -> Iterator[Any]:
    match table:
        case "hits":
            for stay in stays:
                yield from stay["hits"]
        case "charges":
            seen: set[str] = set()
            for stay in stays:
                if stay["stay_id"] not in seen:
                    seen.add(stay["stay_id"])
                    for line in stay["claim"].get("charges", ()):
                        yield {**line, "stay_id": stay["stay_id"]}
        case _:
            yield from told[table]


def _stay(desk: Desk, one: Any) -> dict[str, Any]:
    found = desk.store.alert(one.alert_id)
    if found is None:
        raise AssertionError("a case holds an alert that is not there")
    told = evidence.tell_record(found, Checks(()))
    claim = desk.store.cases.claim(one.decision_id)
    kept = ("alert_id", "decision_id", "stay_id", "money", "hits", "scored", "score_absent",
            "input_sha256", "rules_sha256", "model_sha256", "decided_at")  # fmt: skip
    return {**{name: told[name] for name in kept}, "claim": claim}


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    text = json.dumps(value, ensure_ascii=False, default=_spell) if isinstance(value, dict | list) else str(_spell(value))  # fmt: skip
    return keep_text(text)


def _spell(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date | datetime) else str(value)


def _read(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while part := file.read(64 * 2**10):
            yield part
