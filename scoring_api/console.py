"""The page for people: the list of alerts, and one alert with everything that explains it."""

from __future__ import annotations

import importlib.resources
from collections import Counter
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Request
from pydantic import ValidationError
from starlette.responses import FileResponse, Response

from domain.access import Permission
from domain.results import Severity
from scoring_api import cursors, evidence, pages, reading, reviewing
from scoring_api.access import PUBLIC, needs, who
from scoring_api.evidence import Checks
from scoring_api.listing import AlertQuery
from scoring_api.pages import formats
from scoring_api.pages.texts import TEXTS
from scoring_api.problems import ProblemError
from store import AlertSort, Store

ALERTS_A_PAGE: Final = 25

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
_FIELDS: Final = (
    "min_severity", "rule", "provider", "min_amount", "currency", "text", "sort", "family",
    "status", "department", "physician", "cursor",
)  # fmt: skip


def route(store: Store, checks: Checks) -> APIRouter:
    """The pages, with what they read."""
    router = APIRouter(include_in_schema=False)

    @router.get("/", dependencies=[needs(Permission.ALERTS_READ)])
    def list_page(request: Request) -> Response:
        given = {
            name: value for name in _FIELDS if (value := request.query_params.get(name, "").strip())
        }
        words = TEXTS[pages.choose_language(request)]
        context: dict[str, Any] = {
            "given": given,
            "checks": checks.listed,
            "severities": [str(s) for s in reversed(Severity)],
            "sorts": [str(s) for s in AlertSort],
            "rows": [],
            "total": 0,
            "next": None,
            "problem": None,
            "filtered": bool(set(given) - {"sort", "cursor"}),
        }
        query, wrong = _read_query(given)
        if query is None:
            fields = words["comma"].join(words.get(name, name) for name in wrong)
            context["problem"] = words["bad_filter"].format(fields=fields)
            return pages.render(request, "list.html", context, 422)
        wanted = query.wanted(who(request).rows)
        after = cursors.read(query.cursor, wanted, query.sort) if query.cursor else None
        page = store.alerts(wanted, query.sort, after, query.limit)
        context["rows"] = [evidence.tell_alert(row) for row in page.rows]
        context["total"] = store.count_alerts(wanted)
        if page.after is not None:
            cursor = cursors.write(wanted, query.sort, page.after)
            lang = pages.choose_language(request)
            context["next"] = "/?" + urlencode({**given, "cursor": cursor, "lang": lang})
        return pages.render(request, "list.html", context)

    @router.get("/alerts/{alert_id}", dependencies=[needs(Permission.ALERTS_READ)])
    def alert_page(request: Request, alert_id: Annotated[str, Path(max_length=64)]) -> Response:
        told = evidence.tell_record(reading.find(store, alert_id, who(request)), checks)
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


def _read_query(given: dict[str, str]) -> tuple[AlertQuery | None, list[str]]:
    """The form as a query, or the names of the fields that cannot be read."""
    values: dict[str, Any] = {**given, "limit": ALERTS_A_PAGE}
    amount = values.pop("min_amount", None)
    wrong = []
    if amount is not None:
        values["min_exposure_fen"] = formats.parse_amount(amount)
        if values["min_exposure_fen"] is None:
            wrong.append("min_amount")
    try:
        query = AlertQuery.model_validate(values)
    except ValidationError as error:
        wrong += [str(e["loc"][0]) for e in error.errors()]
    return (None, sorted(set(wrong))) if wrong else (query, [])


def _by_family(judged: list[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    """The checks under their family, families in the order of the rule set."""
    families: dict[str, list[dict[str, Any]]] = {}
    for check in judged:
        families.setdefault(check["rule_id"].partition("-")[0], []).append(check)
    return list(families.items())
