"""The pages of cases: the list, the place where an officer works on one, and its forms."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Request
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from domain import case_actions as actions
from domain.access import Permission, Principal
from domain.casework import APPEAL_OUTCOMES, STAGE_NAMES, STATUS_NAMES, CaseAlert
from domain.graph_questions import Graph
from domain.review import REASONS_OF
from domain.work import STATUS_NEW
from scoring_api import bodies, pages
from scoring_api.access import Access, masked, needs, refuse_nodes, who
from scoring_api.cases import files, forms, neighbourhood
from scoring_api.cases.desk import Desk, outside
from scoring_api.cases.listing import CaseQuery
from scoring_api.cases.routes import CaseId, FileId, send_file
from scoring_api.cases.stay import Stays, Wanted
from scoring_api.cases.telling import tell, tell_row
from scoring_api.conditions import form_key
from scoring_api.pages import formats
from scoring_api.pages.texts import TEXTS
from store import AlertFilter
from store.cases import CaseRecord, CaseSort

CASES_A_PAGE: Final = 25
_P = Permission
_FIELDS: Final = (
    "status", "open", "assignee", "provider", "overdue", "min_amount", "currency", "text", "sort", "cursor",
)  # fmt: skip
_SUGGESTED: Final = 10
"""Alerts of the same hospital that the page suggests to take in."""


def route(desk: Desk, stays: Stays, graph: Graph | None) -> APIRouter:
    """The pages, with what they read and do."""
    router = APIRouter(include_in_schema=False)

    @router.get("/cases", dependencies=[needs(_P.CASES_READ)])
    def list_page(request: Request) -> Response:
        principal, lang = who(request), pages.choose_language(request)
        given = {n: v for n in _FIELDS if (v := request.query_params.get(n, "").strip())}
        context: dict[str, Any] = {
            "given": given,
            "statuses": STATUS_NAMES,
            "sorts": [str(one) for one in CaseSort],
            "people": _people(request, principal),
            "rows": [],
            "sums": [],
            "next": None,
            "problem": None,
            "filtered": bool(set(given) - {"sort", "cursor"}),
        }
        query = _read_query(given)
        if query is None:
            context["problem"] = TEXTS[lang]["case_bad_filter"]
            return pages.render(request, "cases.html", context, 422)
        wanted = query.wanted(principal.rows)
        page = desk.store.cases.page(wanted, query.sort, query.after(), query.limit)
        context["rows"] = [tell_row(row, principal) for row in page.rows]
        context["sums"] = desk.store.cases.sums(wanted)
        if cursor := query.write(page.after):
            context["next"] = "/cases?" + urlencode({**given, "cursor": cursor, "lang": lang})
        return pages.render(request, "cases.html", context)

    @router.get("/cases/{case}", dependencies=[needs(_P.CASES_READ)])
    def case_page(request: Request, case: CaseId) -> Response:
        principal, lang = who(request), pages.choose_language(request)
        record = desk.find(case, principal)
        told = tell(record, principal, desk.terms)
        one = _chosen(request, record)
        stay = stays.gather(one, _wanted(request), principal)
        bars = []
        if scored := stay["told"]["scored"]:
            bars = formats.draw_waterfall(scored, lang, stay["told"]["currency"], TEXTS[lang])
        free = _working(told, principal)
        context = {
            "c": told,
            "one": one,
            "s": stay,
            "a": stay["told"],
            "findings": stay["findings"],
            "bars": bars,
            "given": dict(request.query_params),
            "counting": {(d["decision_id"], d["rule_id"]): d for d in told["dispositions"]},
            "working": free,
            "outside": outside(principal),
            "people": _people(request, principal),
            # Looking for more alerts reads more than the rest of the page: only when asked for.
            "suggested": _suggest(record, principal) if free and _asks(request) else None,
            "own_part": principal.user_id in actions.concluded_by(record.state),
            "graph_away": _graph_refusal(principal),
            "stages": STAGE_NAMES,
            "appeal_outcomes": APPEAL_OUTCOMES,
            "not_confirmed": REASONS_OF["not_confirmed"],
            "largest": files.LARGEST // 2**20,
            "kinds": ", ".join(files.KINDS),
            "terms": desk.terms,
            "key": uuid.uuid4().hex,
        }
        return pages.render(request, "case.html", context)

    @router.get("/cases/{case}/graph", dependencies=[needs(_P.CASES_READ)])
    def graph_page(request: Request, case: CaseId) -> Response:
        principal = who(request)
        record = desk.find(case, principal)
        one = _chosen(request, record)
        refusal = _graph_refusal(principal)
        query = request.query_params
        of = query.get("of", "")[:300]
        if refusal:
            picture = neighbourhood.Picture("", "", refusal)
        else:
            refuse_nodes(principal, of)
            picture = neighbourhood.ask(
                graph,
                one.stay_id,
                of,
                query.get("upto", "")[:40],
                lambda keys: masked(principal, keys),
            )
        context = {
            "c": tell_row(record.row, principal),
            "one": one,
            "g": picture,
            "names": neighbourhood.names(),
            "size": neighbourhood.SIZE,
        }
        return pages.render(request, "case_graph.html", context)

    @router.get("/cases/{case}/attachments/{attachment_id}", dependencies=[needs(_P.CASES_READ)])
    def attachment(request: Request, case: CaseId, attachment_id: FileId) -> Response:
        return send_file(desk.attachment(request, case, attachment_id))

    @router.post("/cases", dependencies=[needs(_P.CASES_WORK)])
    async def open_case(request: Request) -> Response:
        values = await bodies.read_form(request)
        ids = forms.alert_ids(values)
        number = values.get("case", "").strip()

        def work() -> str:
            if number:
                found = desk.find(number, who(request))
                return str(
                    desk.add_alerts(request, found.row["case_id"], ids, None, None).row["number"]
                )
            given = {"alert_ids": ids, "title": values.get("title", "").strip() or None}
            return str(desk.open(request, given, form_key(values))["number"])

        return _back(request, await run_in_threadpool(work), {}, "")

    def form(path: str, needed: Permission, place: str, work: Callable[..., Any]) -> None:
        """A form of the case's page: ``work`` gets the request, the case, and the values."""

        @router.post(f"/cases/{{case}}/{path}", name=f"case-{path}", dependencies=[needs(needed)])
        async def take(request: Request, case: Annotated[str, Path(max_length=64, pattern=r"^[A-Za-z0-9-]+$")]) -> Response:  # fmt: skip
            values = await bodies.read_form(request)
            record = await run_in_threadpool(work, request, case, values)
            return _back(request, record.row["number"], values, place)

    def do(decide: Callable[..., Any]) -> Callable[..., CaseRecord]:
        def work(request: Request, case: str, values: dict[str, str]) -> CaseRecord:
            return desk.do(
                request, case, lambda s, act: decide(s, act, values), forms.version(values)
            )

        return work

    def change(request: Request, case: str, values: dict[str, str]) -> CaseRecord:
        given: dict[str, Any] = {"title": values.get("title", "")}
        if "assignee" in values:
            given["assignee"] = values["assignee"] or None
        if due := forms.day(values, "due"):
            given["due_at"] = due
        return desk.change(request, case, given, forms.version(values), None)

    def take(request: Request, case: str, values: dict[str, str]) -> CaseRecord:
        given = {"assignee": who(request).user_id}
        return desk.change(request, case, given, forms.version(values), None)

    def gather(request: Request, case: str, values: dict[str, str]) -> CaseRecord:
        ids, at = forms.alert_ids(values), forms.version(values)
        return desk.add_alerts(request, case, ids, at, None)

    def comment(request: Request, case: str, values: dict[str, str]) -> CaseRecord:
        key = form_key(values)
        return desk.comment(request, case, values.get("text", ""), values.get("visibility"), key)

    def dispose(request: Request, case: str, values: dict[str, str]) -> CaseRecord:
        items = forms.dispositions(values)
        return desk.dispose(request, case, items, forms.version(values), None)

    def lodge(request: Request, case: str, values: dict[str, str]) -> CaseRecord:
        text, at = values.get("statement", ""), forms.version(values)
        return desk.lodge(request, case, text, at, None)

    def decide_appeal(state: Any, act: Any, values: dict[str, str]) -> Any:
        outcome = values.get("outcome", "")
        return actions.decide_appeal(
            state,
            act,
            outcome,
            values.get("note", ""),
            values.get("reason") or None if outcome == "overturned" else None,
            forms.amount(values, "recovered"),
        )

    def approve(state: Any, act: Any, values: dict[str, str]) -> Any:
        if values.get("approved") == "yes":
            return actions.approve(state, act)
        return actions.send_back(state, act, values.get("reason", ""))

    form("change", _P.CASES_WORK, "work", change)
    form("take", _P.CASES_WORK, "work", take)
    form("alerts", _P.CASES_WORK, "stays", gather)
    form("remove", _P.CASES_WORK, "stays", do(lambda s, act, v: actions.remove_alert(s, act, v.get("alert_id", ""))))  # fmt: skip
    form("comments", _P.CASES_READ, "comments", comment)
    form("dispositions", _P.CASES_WORK, "conclusions", dispose)
    form("information", _P.CASES_WORK, "work", do(lambda s, act, _: actions.receive_information(s, act)))  # fmt: skip
    form("closing", _P.CASES_WORK, "work", do(lambda s, act, _: actions.close(s, act, desk.terms)))
    form("approvals", _P.CASES_APPROVE, "work", do(approve))
    form("appeals", _P.CASES_READ, "appeals", lodge)
    form("appeals/decision", _P.APPEALS_DECIDE, "appeals", do(decide_appeal))

    @router.post("/cases/{case}/attachments", dependencies=[needs(_P.CASES_READ)])
    async def attach(request: Request, case: CaseId) -> Response:
        values, name, body = await bodies.read_upload(request, largest=files.LARGEST, form=True)

        def work() -> CaseRecord:
            key = form_key(values)
            given = files.accept(name, body)
            return desk.attach(request, case, given, values.get("visibility"), key)

        record = await run_in_threadpool(work)
        return _back(request, record.row["number"], values, "attachments")

    def _suggest(record: CaseRecord, principal: Principal) -> list[dict[str, Any]]:
        """Alerts in no case, of the same hospital and the physician of the first stay."""
        first = next(iter(record.state.alerts.values()))
        wanted = AlertFilter(
            provider_id=first.provider_id,
            currency=first.currency,
            physician_id=first.physician_id,
            statuses=frozenset({STATUS_NEW}),
            rows=principal.rows,
        )
        return masked(principal, list(desk.store.alerts(wanted, limit=_SUGGESTED).rows))

    return router


def _read_query(given: dict[str, str]) -> CaseQuery | None:
    values: dict[str, Any] = {**given, "limit": CASES_A_PAGE}
    if (amount := values.pop("min_amount", None)) is not None:
        values["min_exposure_fen"] = formats.parse_amount(amount)
        if values["min_exposure_fen"] is None:
            return None
    try:
        return CaseQuery.model_validate(values)
    except ValidationError:
        return None


def _chosen(request: Request, record: CaseRecord) -> CaseAlert:
    """The alert of the case that the page is to show: the one asked for, else the first."""
    asked = request.query_params.get("alert", "")
    alerts = record.state.alerts
    return alerts[asked] if asked in alerts else next(iter(alerts.values()))


def _wanted(request: Request) -> Wanted:
    query = request.query_params

    def number(name: str) -> int | None:
        text = query.get(name, "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else None

    return Wanted(
        number("day"),
        query.get("category") or None,
        query.get("check") or None,
        query.get("line") or None,
        number("first") or 0,
    )


def _asks(request: Request) -> bool:
    return request.query_params.get("suggest") == "1"


def _working(told: dict[str, Any], principal: Principal) -> bool:
    return principal.may(_P.CASES_WORK) and told["status"] in ("open", "awaiting_information")


def _graph_refusal(principal: Principal) -> str | None:
    if not principal.may(_P.GRAPH_READ):
        return "permission"
    return "limited" if principal.rows.limited else None


def _people(request: Request, principal: Principal) -> list[tuple[str, str]]:
    """Whom the caller can give a case to."""
    access: Access = request.app.state.access
    if not principal.may(_P.ALERTS_ASSIGN):
        return [(principal.user_id, principal.name)] if principal.may(_P.CASES_WORK) else []
    return list(access.people(_P.CASES_WORK))


def _back(request: Request, number: str, values: dict[str, str], place: str) -> Response:
    """To the case's page, at the same stay and place."""
    query = {"lang": pages.choose_language(request)}
    alert = values.get("alert", "")
    if alert.isalnum():
        query["alert"] = alert
    address = f"/cases/{number}?{urlencode(query)}" + (f"#{place}" if place else "")
    return RedirectResponse(address, status_code=303)
