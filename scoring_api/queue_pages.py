"""The forms of the queue's pages: take the next, give to somebody, many at once, saved views."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from domain.access import Permission, Principal
from domain.calendar import CHINA
from scoring_api import bodies, evidence, pages, queue_view, views_api
from scoring_api.access import masked, needs, who
from scoring_api.conditions import form_key
from scoring_api.pages.texts import TEXTS
from scoring_api.problems import ProblemError
from scoring_api.queue_view import QueueView
from scoring_api.queue_work import MOST_AT_ONCE, MOST_EACH, Desk, check_due, refuse, review_of
from scoring_api.reading import Id
from scoring_api.reviewing import Given
from store import Store, Wanted, Work

END_OF_DAY: Final = time(18)
"""When an alert is due that is given a day on a page, in China."""
_VIEW: Final = "in"
"""The field that carries the view of the list along."""


def route(store: Store, desk: Desk) -> APIRouter:
    """The forms, with what they read and write; include them before the page of one alert."""
    router = APIRouter(include_in_schema=False)
    works: dict[str, Any] = {"dependencies": [needs(Permission.ALERTS_WORK)]}
    reads: dict[str, Any] = {"dependencies": [needs(Permission.ALERTS_READ)]}
    assigns: dict[str, Any] = {"dependencies": [needs(Permission.ALERTS_ASSIGN)]}

    @router.post("/next-alert", **works)
    async def take_next(request: Request) -> Response:
        values = await bodies.read_form(request)
        me = who(request)
        view = queue_view.parse(values.get(_VIEW, ""))
        found = await run_in_threadpool(store.queue.take_next, view.wanted(me), me.user_id)
        if found is None:
            return _back(request, view, note="nothing_left")
        return RedirectResponse(_alert(request, found, view), status_code=303)

    @router.post("/alerts/{alert_id}/assign", **works)
    async def assign(alert_id: Id, request: Request) -> Response:
        values = await bodies.read_form(request)
        me = who(request)
        assignee = values.get("assignee", "").strip() or None
        await run_in_threadpool(
            desk.assign, request.app.state.access, me, Wanted(alert_id, _version(values)),
            me.user_id if assignee == "me" else assignee,
        )  # fmt: skip
        view = queue_view.parse(values.get(_VIEW, ""))
        return RedirectResponse(_alert(request, alert_id, view), status_code=303)

    @router.post("/alerts/{alert_id}/due", **assigns)
    async def postpone(alert_id: Id, request: Request) -> Response:
        values = await bodies.read_form(request)
        await run_in_threadpool(
            desk.postpone, who(request), Wanted(alert_id, _version(values)), _due(values)
        )
        view = queue_view.parse(values.get(_VIEW, ""))
        return RedirectResponse(_alert(request, alert_id, view), status_code=303)

    @router.get("/alerts/bulk", **works)
    def bulk_page(request: Request) -> Response:
        view = queue_view.read(request.query_params.multi_items())
        return _bulk(request, store, view, _chosen(request, store, view), 200, {})

    @router.post("/alerts/bulk", **works)
    async def bulk(request: Request) -> Response:
        values = await bodies.read_form(request)
        return await run_in_threadpool(_do_bulk, request, store, desk, values)

    @router.post("/queue/assign", **assigns)
    async def assign_automatically(request: Request) -> Response:
        values = await bodies.read_form(request)
        text = values.get("up_to", str(MOST_EACH))
        up_to = int(text) if text.isascii() and text.isdigit() and len(text) < 5 else 0
        given = await run_in_threadpool(
            desk.assign_automatically, request.app.state.access, who(request), up_to
        )
        view = queue_view.parse(values.get(_VIEW, ""))
        return _back(request, view, note="given", n=len(given))

    @router.post("/views", **reads)
    async def save_view(request: Request) -> Response:
        values = await bodies.read_form(request)
        me = who(request)
        view = views_api.make_view(
            me, values.get("name", ""), values.get(_VIEW, ""), shared="shared" in values
        )
        await run_in_threadpool(store.queue.keep_view, view)
        return _back(request, queue_view.parse(view.query), note="view_saved")

    @router.post("/views/{view_id}/drop", **reads)
    async def drop_view(view_id: Id, request: Request) -> Response:
        await bodies.read_form(request)
        await run_in_threadpool(views_api.own_view, store, view_id, who(request))
        await run_in_threadpool(store.queue.drop_view, view_id)
        return _back(request, queue_view.read([]), note="view_dropped")

    return router


def people(request: Request) -> dict[str, str]:
    """The accounts that work on alerts -> their names."""
    return dict(request.app.state.access.people(Permission.ALERTS_WORK))


def carried(view: QueueView) -> str:
    """The view as a part of an address: what the page of one alert gives to the next."""
    return urlencode({_VIEW: view.text}) if view.text else ""


def view_of(request: Request) -> QueueView:
    """The view that an address carries along."""
    return queue_view.parse(request.query_params.get(_VIEW, ""))


def _alert(request: Request, alert_id: str, view: QueueView) -> str:
    kept = {"lang": pages.choose_language(request), **({_VIEW: view.text} if view.text else {})}
    return f"/alerts/{alert_id}?{urlencode(kept)}"


def _back(request: Request, view: QueueView, **more: Any) -> Response:
    kept = urlencode({"lang": pages.choose_language(request), **more})
    return RedirectResponse(f"/?{view.text}{'&' if view.text else ''}{kept}", status_code=303)


def _version(values: Mapping[str, str]) -> int | None:
    text = values.get("version", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _due(values: Mapping[str, str]) -> datetime:
    try:
        day = date.fromisoformat(values.get("due", ""))
    except ValueError:
        refuse("due", "The day cannot be read.", "Write it such as 2026-03-31.")
    return check_due(datetime.combine(day, END_OF_DAY, CHINA))


def _chosen(request: Request, store: Store, view: QueueView) -> list[dict[str, Any]]:
    """The alerts that are ticked, those of ticked clusters, or all of the view; one more than may be."""
    me = who(request)
    wanted = view.wanted(me)
    given = request.query_params
    found: dict[str, dict[str, Any]] = {}

    def add(rows: Sequence[dict[str, Any]]) -> None:
        for row in rows:
            found.setdefault(row["alert_id"], row)

    if "all" in given:
        add(store.alerts(wanted, view.sort, None, MOST_AT_ONCE + 1).rows)
    else:
        add(store.queue.look(given.getlist("id")[: MOST_AT_ONCE + 1], me.rows))
        for cluster in dict.fromkeys(given.getlist("of")[: queue_view.ALERTS_A_PAGE]):
            of = queue_view.read([*view.items, ("cluster", cluster)]).wanted(me)
            add(store.alerts(of, view.sort, None, MOST_AT_ONCE + 1 - len(found)).rows)
            if len(found) > MOST_AT_ONCE:
                break
    return list(found.values())


def _bulk(  # noqa: PLR0917
    request: Request,
    store: Store,
    view: QueueView,
    rows: Sequence[dict[str, Any]],
    status: int,
    more: Mapping[str, Any],
) -> Response:
    shown = masked(who(request), [evidence.tell_alert(row) for row in rows[:MOST_AT_ONCE]])
    sums: dict[str, int] = {}
    for row in shown:
        sums[row["currency"]] = sums.get(row["currency"], 0) + row["exposure_fen"]
    context = {
        "rows": shown,
        "too_many": len(rows) > MOST_AT_ONCE,
        "most": MOST_AT_ONCE,
        "sums": sums,
        "checks_hit": sum(
            len(row["rule_ids"] if isinstance(row["rule_ids"], list) else row["rule_ids"].split())
            or 1
            for row in shown
        ),
        "ids": " ".join(f"{row['alert_id']}:{row['version']}" for row in shown),
        "people": people(request),
        "view": view.text,
        "key": uuid.uuid4().hex,
        "changed": {},
        "values": {},
        **more,
    }
    return pages.render(request, "bulk.html", context, status)


def _do_bulk(request: Request, store: Store, desk: Desk, values: Mapping[str, str]) -> Response:
    me, view = who(request), queue_view.parse(values.get(_VIEW, ""))
    wanted = [
        Wanted(alert_id, int(version) if version.isdigit() else None)
        for alert_id, _, version in (one.partition(":") for one in values.get("ids", "").split())
    ]
    work = _work(me, values)
    access, skip = request.app.state.access, "skip" in values
    try:
        done = desk.bulk(access, me, wanted, work, skip)
    except ProblemError as error:
        if error.name != "changed-meanwhile":
            raise
        rows = store.queue.look([one.alert_id for one in wanted], me.rows)
        # The versions that were seen stay: those that changed are to be left out, not overwritten.
        more = {"changed": error.more["alerts"], "values": values, "ids": values.get("ids", ""),
                "key": values.get("key", "")}  # fmt: skip
        return _bulk(request, store, view, rows, 409, more)
    return _back(request, view, note="bulk_done", n=len(done.done), left=len(done.skipped))


def _work(me: Principal, values: Mapping[str, str]) -> Work:
    work: Work | None = None
    match values.get("action"):
        case "review":
            outcome, _, reason = values.get("conclusion", "").partition(":")
            given = Given(
                outcome=outcome,
                reason=reason,
                reviewer=values.get("reviewer"),
                note=values.get("note"),
            )
            work = Work(me.name, review=review_of(me, given, form_key(values)))
        case "assign":
            assignee = values.get("assignee", "").strip() or None
            work = Work(me.name, assign=True, assignee=assignee)
        case "due":
            work = Work(me.name, due_at=_due(values))
    if work is None:
        refuse("action", "Nothing to do is chosen.", "Choose what to do with the alerts.")
    return work


def notes(request: Request, lang: str) -> str | None:
    """What the last form did, as the list says it; None if it said nothing that we know."""
    given = request.query_params
    words = TEXTS[lang]
    name = given.get("note", "")
    if name not in ("nothing_left", "given", "view_saved", "view_dropped", "bulk_done"):
        return None
    numbers = {
        n: int(v) if (v := given.get(n, "0")).isascii() and v.isdigit() else 0
        for n in ("n", "left")
    }
    return words[f"queue.{name}"].format(**numbers)
