"""GET /v1/alerts.csv, .xlsx, /v1/findings.csv, .xlsx: the lists as files, under the filters of the lists."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import StreamingResponse

from domain.access import Permission, Principal
from scoring_api import cursors
from scoring_api.access import needs, refuse_search, who
from scoring_api.exports import (
    CSV_TYPE,
    MOST_ROWS_CSV,
    MOST_ROWS_XLSX,
    XLSX_TYPE,
    ZONE,
    Column,
    Row,
    as_csv,
    as_xlsx,
)
from scoring_api.findings import FindingQuery
from scoring_api.listing import AlertQuery
from scoring_api.pages import choose_language
from scoring_api.pages.texts import TEXTS
from scoring_api.problems import document
from store import Store

_PART: Final = 1_000
"""Rows read at once."""

Lang = Literal["zh", "en"]
_LANG: Final = Field(description="Language of the heads; that of the browser if left out.")


class AlertFileQuery(AlertQuery):
    """Query parameters of the files of alerts: those of the list, and the language."""

    lang: Annotated[Lang | None, _LANG] = None
    limit: Annotated[int, Field(ge=1, le=MOST_ROWS_CSV, description="Rows of the file.")] = (
        MOST_ROWS_CSV
    )


class FindingFileQuery(FindingQuery):
    """Query parameters of the files of findings: those of the list, and the language."""

    lang: Annotated[Lang | None, _LANG] = None
    limit: Annotated[int, Field(ge=1, le=MOST_ROWS_CSV, description="Rows of the file.")] = (
        MOST_ROWS_CSV
    )


ALERT_COLUMNS: Final = (
    Column("告警编号", "Alert", "alert_id"),
    Column("严重程度", "Severity", "severity"),
    Column("状态", "Status", "status"),
    Column("问题", "Finding", "title"),
    Column("规则", "Checks", "rule_ids"),
    Column("涉及金额（元）", "At stake", "exposure_fen", "money"),
    Column("预期损失（元）", "Expected loss", "expected_loss_fen", "money"),
    Column("币种", "Currency", "currency"),
    Column("评分", "Score", "score", "share"),
    Column("优先级", "Priority", "priority", "number"),
    Column("机构", "Hospital", "provider_id"),
    Column("科室", "Department", "department"),
    Column("主治医师", "Attending physician", "attending_physician_id"),
    Column("就诊编号", "Stay", "stay_id"),
    Column("入院日期", "Admission", "admission_date", "date"),
    Column("出院日期", "Discharge", "discharge_date", "date"),
    Column("承办人", "Assignee", "assignee"),
    Column("办理期限（北京时间）", "Due (Beijing time)", "due_at", "instant"),
    Column("命中数", "Hits", "hit_count", "integer"),
    Column("生成时间（北京时间）", "Created (Beijing time)", "created_at", "instant"),
)
"""What a file of alerts may hold; columns that the rows do not have are left out."""
FINDING_COLUMNS: Final = (
    Column("编号", "Finding id", "finding_id"),
    Column("规则", "Check", "rule_id"),
    Column("严重程度", "Severity", "severity"),
    Column("问题", "Title", "title"),
    Column("说明", "Finding", "finding"),
    Column("对象", "Unit", "unit"),
    Column("机构", "Hospital", "provider_id"),
    Column("医师", "Physician", "physician_id"),
    Column("期间起", "From", "period_start", "date"),
    Column("期间止", "To", "period_end", "date"),
    Column("涉及金额（元）", "At stake", "exposure_fen", "money"),
    Column("币种", "Currency", "currency"),
    Column("结算单数", "Claims", "stay_count", "integer"),
    Column("所用数据截至", "Claims used that ended before", "upto", "date"),
    Column("关闭时间（北京时间）", "Closed (Beijing time)", "closed_at", "instant"),
    Column("关闭原因", "Closed because", "closed_because"),
)
"""What a file of findings holds."""
_PERSONAL: Final = frozenset({"attending_physician_id", "physician_id"})


def route(store: Store) -> APIRouter:
    """The routes, with what they read."""
    router = APIRouter()

    def alerts(request: Request, query: AlertFileQuery, lang: str) -> Iterator[Row]:
        principal = who(request)
        wanted = query.wanted(principal)
        names = dict(request.app.state.access.people(Permission.ALERTS_WORK))
        after = cursors.read(query.cursor, wanted, query.sort) if query.cursor else None
        while True:
            # One row an alert: a file shows all that a page may gather.
            page = store.alerts(wanted, query.sort, after, _PART)
            for row in page.rows:
                told = _in_words(row, lang)
                if (assignee := row.get("assignee")) is not None:
                    told["assignee"] = names.get(assignee, assignee)
                yield told
            if (after := page.after) is None:
                return

    def findings(request: Request, query: FindingFileQuery, lang: str) -> Iterator[Row]:
        refuse_search(who(request), query.physician)
        wanted, after = query.wanted(who(request).rows), query.place()
        while True:
            page = store.findings(wanted, after, _PART)
            yield from (_in_words(row, lang) for row in page.rows)
            if (after := page.after) is None:
                return

    @router.get("/v1/alerts.csv", summary="Take alerts away as CSV", **_asks(CSV_TYPE, "alerts"))
    def alerts_csv(
        request: Request, query: Annotated[AlertFileQuery, Query()]
    ) -> StreamingResponse:
        """The alerts of a filter as a CSV file for spreadsheets, at most 100,000 rows.

        Amounts are in yuan (the currency's whole unit), times Beijing time. A text that a spreadsheet
        would calculate has an apostrophe before it. A file that was cut says so in its last row.
        """
        lang = choose_language(request)
        return _csv(request, alerts(request, query, lang), ALERT_COLUMNS, query, lang, "alerts")

    @router.get("/v1/alerts.xlsx", summary="Take alerts away as XLSX", **_asks(XLSX_TYPE, "alerts"))
    def alerts_xlsx(
        request: Request, query: Annotated[AlertFileQuery, Query()]
    ) -> StreamingResponse:
        """The alerts of a filter as a workbook with real dates and numbers, at most 50,000 rows."""
        lang = choose_language(request)
        return _xlsx(request, alerts(request, query, lang), ALERT_COLUMNS, query, lang, "alerts")

    @router.get(
        "/v1/findings.csv", summary="Take findings away as CSV", **_asks(CSV_TYPE, "findings")
    )
    def findings_csv(
        request: Request, query: Annotated[FindingFileQuery, Query()]
    ) -> StreamingResponse:
        """The findings on months and days of a filter as a CSV file, at most 100,000 rows."""
        lang = choose_language(request)
        return _csv(
            request, findings(request, query, lang), FINDING_COLUMNS, query, lang, "findings"
        )

    @router.get(
        "/v1/findings.xlsx", summary="Take findings away as XLSX", **_asks(XLSX_TYPE, "findings")
    )
    def findings_xlsx(
        request: Request, query: Annotated[FindingFileQuery, Query()]
    ) -> StreamingResponse:
        """The findings on months and days of a filter as a workbook, at most 50,000 rows."""
        lang = choose_language(request)
        return _xlsx(
            request, findings(request, query, lang), FINDING_COLUMNS, query, lang, "findings"
        )

    return router


def address(name: str, query: BaseModel, suffix: str, lang: str) -> str:
    """Address of a list (``alerts``, ``findings``) as a file (``csv``, ``xlsx``), for links on pages."""
    given = query.model_dump(mode="json", exclude_defaults=True, exclude={"cursor", "limit"})
    return f"/v1/{name}.{suffix}?{urlencode({**given, 'lang': lang}, doseq=True)}"


def _asks(media_type: str, tag: str) -> dict[str, Any]:
    schema = (
        {"type": "string", "format": "binary"} if media_type == XLSX_TYPE else {"type": "string"}
    )
    return {
        "response_class": StreamingResponse,
        "responses": {
            **document(400, 401, 403, 422, 503),
            200: {
                "description": "The file.",
                "content": {media_type.partition(";")[0]: {"schema": schema}},
                "headers": {
                    "Content-Disposition": {
                        "description": "A name for the file, with the day.",
                        "schema": {"type": "string"},
                    }
                },
            },
        },
        "tags": [tag],
        "dependencies": [needs(Permission.EXPORT)],
    }


def _csv(  # noqa: PLR0917
    request: Request,
    rows: Iterator[Row],
    columns: Sequence[Column],
    query: Any,
    lang: str,
    what: str,
) -> StreamingResponse:
    first, found = _peek(rows)
    most = min(query.limit, MOST_ROWS_CSV)
    shown = _columns(columns, first, who(request))
    return as_csv(found, shown, name=_name(what, lang), lang=lang, most=most)


def _xlsx(  # noqa: PLR0917
    request: Request,
    rows: Iterator[Row],
    columns: Sequence[Column],
    query: Any,
    lang: str,
    what: str,
) -> StreamingResponse:
    first, found = _peek(rows)
    most = min(query.limit, MOST_ROWS_XLSX)
    shown = _columns(columns, first, who(request))
    return as_xlsx(
        found, shown, name=_name(what, lang), sheet=_NAMES[what][lang], lang=lang, most=most
    )


_NAMES: Final = {
    "alerts": {"zh": "告警", "en": "Alerts"},
    "findings": {"zh": "机构与医师发现", "en": "Findings"},
}


def _name(what: str, lang: str) -> str:
    return f"{_NAMES[what][lang]}-{datetime.now(UTC).astimezone(ZONE):%Y%m%d-%H%M}"


def _peek(rows: Iterator[Row]) -> tuple[Row | None, Iterator[Row]]:
    first = next(rows, None)

    def again() -> Iterator[Row]:
        if first is not None:
            yield first
            yield from rows

    return first, again()


def _columns(columns: Sequence[Column], first: Row | None, principal: Principal) -> list[Column]:
    masked = frozenset() if principal.may(Permission.IDENTIFIERS_READ) else _PERSONAL
    return [c for c in columns if c.of not in masked and (first is None or c.of in first)]


def _in_words(row: Mapping[str, Any], lang: str) -> dict[str, Any]:
    """A row with its texts in one language and its codes as words, where the pages have a word."""
    words = TEXTS[lang]
    told = {name: row[f"{name}_{lang}"] for name in ("title", "finding") if f"{name}_{lang}" in row}
    for name in ("severity", "status", "unit", "currency"):
        if name in row:
            told[name] = words.get(f"{name}.{row[name]}", row[name])
    return {**row, **told}
