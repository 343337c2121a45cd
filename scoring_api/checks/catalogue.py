"""The pages of the checks: the catalogue, and one check with its text, values, record and history."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from domain.access import Permission
from domain.calendar import month_after
from domain.results import Severity
from domain.service import ChangeRules
from scoring_api import pages
from scoring_api.access import needs, who
from scoring_api.checks import charts
from scoring_api.checks.charts import Point
from scoring_api.checks.history import Histories, RuleId
from scoring_api.evidence import Checks
from scoring_api.findings import UNITS
from scoring_api.pages.texts import TEXTS
from scoring_api.record import Record
from store import Store

SORTS: Final = ("id", "severity", "hits", "unknown", "exposure", "precision")
FILTERS: Final = ("family", "severity", "status", "unit", "text")
MOST_MONTHS: Final = 36
"""Months drawn: the latest; the table below has them all."""


def route(
    store: Store, checks: Checks, record: Record, histories: Histories, changes: ChangeRules | None
) -> APIRouter:
    """The pages, with what they read."""
    router = APIRouter(include_in_schema=False, dependencies=[needs(Permission.RULES_READ)])

    @router.get("/rules")
    def list_page(request: Request) -> Response:
        asked = request.query_params
        given = {name: asked.get(name, "").strip()[:64] for name in FILTERS}
        given["family"] = given["family"].upper()
        sort = asked.get("sort", "id")
        key = sort.removeprefix("-")
        if key not in SORTS:
            sort = key = "id"
        shown = [_row(rule, record) for rule in checks.listed if _fits(rule, given)]
        shown.sort(key=_ORDERS[key], reverse=sort.startswith("-"))
        # Checks of which nothing is known come last, whichever way the rest is ordered.
        shown.sort(key=lambda row: key not in {"id", "severity"} and row[key] is None)
        lang = pages.choose_language(request)
        kept = {name: value for name, value in given.items() if value} | {"lang": lang}
        units = sorted({rule["unit"] for rule in checks.listed})
        context = {
            "rows": shown,
            "given": given,
            "sort": sort,
            "sorts": {
                name: f"/rules?{urlencode({**kept, 'sort': _next(name, sort)})}" for name in SORTS
            },
            "known": list(dict.fromkeys(rule["family"] for rule in checks.listed)),
            "severities": [str(s) for s in reversed(Severity)],
            "statuses": list(dict.fromkeys(rule["status"] for rule in checks.listed)),
            "units": units,
            "told_upto": record.told_upto(),
            "waiting": waiting(store, changes),
            "changeable": changes is not None,
        }
        return pages.render(request, "rules.html", context)

    @router.get("/rules/{rule_id}")
    def rule_page(request: Request, rule_id: RuleId) -> Response:
        rule = checks.find(rule_id)
        rows = who(request).rows
        lang = pages.choose_language(request)
        history = histories.history(rule, rows)
        comparison, pending = histories.shadow(rule, rows)
        context = {
            "rule": rule,
            "of_many": rule["unit"] in UNITS,
            "tally": record.tallies().get(rule_id),
            "shadow": record.shadow().get(rule_id),
            "reviewed": record.reviewed().get(rule_id),
            "exposure": record.exposures().get(rule_id, {}),
            "history": history,
            "charts": draw(history, TEXTS[lang]),
            "comparison": comparison,
            "pending": pending,
            "changeable": changes is not None and bool(rule["params"]),
            "proposals": store.proposals.page(rule_id=rule_id, limit=10),
            "backtests": store.backtests.of_rule(rule_id, 10),
        }
        return pages.render(request, "rule.html", context)

    return router


def waiting(store: Store, changes: ChangeRules | None) -> int:
    """How many approved values this service does not judge by before it is restarted."""
    if changes is None:
        return 0
    return len(set(store.proposals.in_force()) - set(changes.loaded))


def draw(history: Mapping[str, Any], words: Mapping[str, str]) -> dict[str, Any]:
    """The charts of a history; empty where there is nothing to draw."""
    months = _filled(history["months"])[-MOST_MONTHS:]
    # One currency a chart: that in which most money lies.
    sums: dict[str, int] = {}
    for month in months:
        for currency, fen in month["exposure_fen"].items():
            sums[currency] = sums.get(currency, 0) + fen
    leading = max(sums, key=lambda one: sums[one], default="CNY")

    def points(value: Callable[[Mapping[str, Any]], float | None]) -> list[Point]:
        return [Point(f"{month['month']:%Y-%m}", value(month)) for month in months]

    def rate(month: Mapping[str, Any]) -> float | None:
        found = month["verdicts"] or month["on_trial"]
        return None if found is None else found["unknown_rate"]

    any_hit = any(month["hits"] for month in months)
    any_exposure = any(sums.values())
    return {
        "hits": charts.bars(points(lambda m: m["hits"]), words["checks_hits_month"])
        if any_hit
        else "",
        "exposure": charts.bars(
            points(lambda m: m["exposure_fen"].get(leading, 0) / 100),
            words["checks_exposure_month"].format(currency=words.get(leading, leading)),
        )
        if any_exposure
        else "",
        "currency": leading,
        "unknown": charts.shares(points(rate), words["checks_unknown_month"]),
        "precision": charts.shares(
            [
                Point(
                    one["quarter"],
                    one["precision"],
                    *(one["precision_interval"] or (None, None)),
                )
                for one in history["quarters"]
            ],
            words["checks_precision_quarter"],
        ),
    }


def _filled(months: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The months without a gap: a year without a claim is drawn as long as one with some."""
    known = {month["month"]: month for month in months}
    filled: list[Mapping[str, Any]] = []
    at = min(known, default=None)
    while at is not None and at <= max(known):
        none = {"month": at, "hits": 0, "exposure_fen": {}, "verdicts": None, "on_trial": None}
        filled.append(known.get(at, none))
        at = month_after(at)
    return filled


def _row(rule: Mapping[str, Any], record: Record) -> dict[str, Any]:
    on_trial = rule["status"] == "shadow"
    tally = (record.shadow() if on_trial else record.tallies()).get(rule["id"])
    reviewed = record.reviewed().get(rule["id"])
    exposure = record.exposures().get(rule["id"]) or None
    return {
        "rule": rule,
        "on_trial": on_trial,
        "hits": tally.hit if tally else None,
        "unknown": tally.unknown / tally.judged if tally and tally.judged else None,
        "exposure": exposure,
        "reviewed": reviewed,
        "precision": reviewed.precision if reviewed else None,
    }


_ORDERS: Final[dict[str, Callable[[dict[str, Any]], Any]]] = {
    "id": lambda row: row["rule"]["id"],
    "severity": lambda row: Severity(row["rule"]["severity"]).rank,
    "hits": lambda row: row["hits"] or 0,
    "unknown": lambda row: row["unknown"] or 0.0,
    "exposure": lambda row: max((row["exposure"] or {"": 0}).values()),
    "precision": lambda row: row["precision"] or 0.0,
}


def _next(name: str, sort: str) -> str:
    """What a click on a column orders by: the most first, then the least, ids from the first."""
    if sort.removeprefix("-") == name:
        return name if sort.startswith("-") else f"-{name}"
    return name if name == "id" else f"-{name}"


def _fits(rule: Mapping[str, Any], given: Mapping[str, str]) -> bool:
    if any(
        given[name] not in {"", rule[name]} for name in ("family", "severity", "status", "unit")
    ):
        return False
    text = given["text"].lower()
    where = (rule["id"], rule["name"]["zh"], rule["name"]["en"], rule["cause"])
    return not text or any(text in words.lower() for words in where)
