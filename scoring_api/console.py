"""The page for people: the list of alerts, and one alert with everything that explains it."""

from __future__ import annotations

import importlib.resources
from collections import Counter
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Request
from starlette.responses import FileResponse, Response

from domain.access import Permission
from domain.results import Severity
from scoring_api import cursors, evidence, pages, queue_pages, queue_view, reading, reviewing
from scoring_api.access import PUBLIC, masked, needs, who
from scoring_api.evidence import Checks
from scoring_api.list_files import address
from scoring_api.pages import formats
from scoring_api.pages.texts import TEXTS
from scoring_api.problems import ProblemError
from store import COUNTED, AlertFilter, AlertSort, Store

_KINDS: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_ASSETS: Final = {
    **{file.name: file for file in pages.HERE.iterdir() if file.suffix in _KINDS},
    # Plotly's own script comes in its wheel, so that charts need no other site.
    "plotly.min.js": importlib.resources.files("plotly") / "package_data" / "plotly.min.js",
}
"""What /static serves, by name; nothing else of the folder can be asked for."""
_FIRST: Final = {
    "text", "status", "min_severity", "rule", "assignee", "sort", "cursor", "cluster",
}  # fmt: skip
"""The fields of the filter that are seen at once; the others stand under a heading to open."""


def route(store: Store, checks: Checks) -> APIRouter:
    """The pages, with what they read."""
    router = APIRouter(include_in_schema=False)

    @router.get("/", dependencies=[needs(Permission.ALERTS_READ)])
    def list_page(request: Request) -> Response:
        me, lang = who(request), pages.choose_language(request)
        words = TEXTS[lang]
        view = queue_view.read(request.query_params.multi_items())
        given = {name: values[0] for name, values in view.given.items()}
        context: dict[str, Any] = {
            "given": given,
            "several": {"status": view.given.get("status", [])},
            "checks": checks.listed,
            "families_known": sorted({c["family"] for c in checks.listed if c.get("family")}),
            "severities": [str(s) for s in reversed(Severity)],
            "sorts": [str(s) for s in AlertSort],
            "rows": [],
            "total": 0,
            "at_least": False,
            "next": None,
            "problem": None,
            "files": {},
            "filtered": view.filtered,
            "more_given": bool(set(given) - _FIRST),
            "gather": False,
            "any": False,
            "people": queue_pages.people(request),
            "view": view.text,
            "view_items": view.items,
            "views": store.queue.views(me.user_id, str(me.role)),
            "carried": queue_pages.carried(view),
            "said": queue_pages.notes(request, lang),
            "of_cluster": lambda cluster: urlencode([*view.items, ("cluster", cluster)]),
        }
        query = view.query
        if query is None:
            fields = words["comma"].join(words.get(name, name) for name in view.wrong)
            context["problem"] = words["bad_filter"].format(fields=fields)
            return pages.render(request, "list.html", context, 422)
        wanted = view.wanted(me)
        after = cursors.read(query.cursor, wanted, query.sort) if query.cursor else None
        page = store.alerts(wanted, query.sort, after, query.limit, gather=query.gather)
        context["rows"] = masked(me, [evidence.tell_alert(row) for row in page.rows])
        total = store.count_alerts(wanted)
        context["total"], context["at_least"] = min(total, COUNTED), total > COUNTED
        context["gather"] = query.gather
        context["files"] = {kind: address("alerts", query, kind, lang) for kind in ("csv", "xlsx")}
        if not total and not view.filtered:
            # No open alert is something else than none at all.
            context["any"] = store.count_alerts(AlertFilter(rows=me.rows)) > 0
        if page.after is not None:
            cursor = cursors.write(wanted, query.sort, page.after)
            more = urlencode({"cursor": cursor, "lang": lang})
            context["next"] = f"/?{view.text}{'&' if view.text else ''}{more}"
        return pages.render(request, "list.html", context)

    @router.get("/alerts/{alert_id}", dependencies=[needs(Permission.ALERTS_READ)])
    def alert_page(request: Request, alert_id: Annotated[str, Path(max_length=64)]) -> Response:
        me = who(request)
        told = reading.tell(store, checks, alert_id, me)
        view = queue_pages.view_of(request)
        lang = pages.choose_language(request)
        bars = (
            formats.draw_waterfall(told["scored"], lang, told["currency"], TEXTS[lang])
            if told["scored"]
            else []
        )
        context = {
            "a": told,
            "findings": evidence.by_check(told["hits"], checks),
            "reviews": reviewing.tell(store.reviews(decision_id=told["decision_id"]))["reviews"],
            "bars": bars,
            "families_judged": _by_family(told["checks"]),
            "people": queue_pages.people(request),
            "similar": told["similar"],
            "of_cluster": urlencode({"cluster": told["cluster"]}),
            "view": view.text,
            "measured": store.measured.stay(told["stay_id"]) is not None,
            "tally": Counter(check["verdict"] for check in told["checks"]),
        }
        return pages.render(request, "alert.html", context)

    @router.get("/static/{name}", dependencies=[PUBLIC])
    def asset(name: str) -> Response:
        if name not in _ASSETS:
            raise ProblemError(
                404, "not-found", "There is no such file.", cure="Open the list of alerts instead."
            )
        return FileResponse(
            str(_ASSETS[name]),
            media_type=_KINDS[f".{name.rpartition('.')[2]}"],
            headers={"Cache-Control": "public, max-age=300"},
        )

    return router


def _by_family(judged: list[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    """The checks under their family, families in the order of the rule set."""
    families: dict[str, list[dict[str, Any]]] = {}
    for check in judged:
        families.setdefault(check["rule_id"].partition("-")[0], []).append(check)
    return list(families.items())
