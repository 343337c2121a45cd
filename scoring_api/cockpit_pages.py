"""The pages of the cockpit: cards and charts, departments and groups, and the stays behind a number."""

from __future__ import annotations

import json
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Final, TypeVar, get_args

from fastapi import APIRouter, Request
from markupsafe import Markup
from pydantic import ValidationError
from starlette.responses import Response

from domain.access import Permission
from domain.indicators import BY_NAME, INDICATORS, Indicator, Totals
from scoring_api import cockpit, pages, stays
from scoring_api.access import needs, who
from scoring_api.cockpit import Board, CockpitQuery
from scoring_api.pages import charts, formats
from scoring_api.pages.texts import TEXTS
from scoring_api.problems import ProblemError
from scoring_api.stays import Kind, StayId, StayQuery
from scoring_api.watch import SECURITY_HEADERS
from store import Store

Q = TypeVar("Q", bound=CockpitQuery)

STAYS_A_PAGE: Final = 50
_FIELDS: Final = ("from", "to", "provider", "department", "group", "currency")
_COLUMNS: Final = (
    "cmi", "cost_index", "time_index", "mean_stay", "mean_cost", "drug_share", "consumable_share",
    "over_standard_share", "balance", "readmission_rate", "alerts",
)  # fmt: skip
"""The columns of the tables of departments and groups."""
_PARTS: Final = {"departments": "department", "groups": "group"}
_BARS: Final = 10
_LEAST_BEFORE: Final = 10
"""Stays that the period before needs to be compared with."""
_TOO_MUCH: Final = 10
"""A change of so many times the value before says nothing: then that value is shown."""
_POLICY: Final = SECURITY_HEADERS["Content-Security-Policy"].replace(
    "style-src 'self'", "style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
)
"""Plotly makes one empty style element and fills it through the DOM: the hash is that of nothing."""
_NEEDED: Final = needs(Permission.INDICATORS_READ)


def route(store: Store) -> APIRouter:
    """The pages, with what they read."""
    router = APIRouter(include_in_schema=False)

    @router.get("/cockpit", dependencies=[_NEEDED])
    def cockpit_page(request: Request) -> Response:
        given, query, problem = _given(request, CockpitQuery)
        context = _form(store, request, given, problem)
        board = None if query is None else _read(store, query, request, context)
        context["board"] = board
        if board is None:
            return pages.render(request, "cockpit.html", context, 422)
        lang, t = context["lang"], TEXTS[context["lang"]]
        shown = BY_NAME.get(request.query_params.get("show", ""), BY_NAME["cmi"])
        departments = cockpit.by_part(store, board, "department", compared=False)
        context |= {
            "cards": [_card(board, one, lang, t) for one in INDICATORS],
            "shown": shown,
            "shown_name": _name(shown, lang),
            "choices": [(one.name, _name(one, lang)) for one in INDICATORS],
            "figures": _figures(board, shown, departments, lang, t),
            "links": {
                page: f"/cockpit/{page}?{cockpit.query_string(board.wanted, lang=lang)}"
                for page in _PARTS
            },
        }
        page = pages.render(request, "cockpit.html", context)
        page.headers["Content-Security-Policy"] = _POLICY
        return page

    @router.get("/cockpit/departments", dependencies=[_NEEDED])
    def departments_page(request: Request) -> Response:
        return _parts_page(store, request, "departments")

    @router.get("/cockpit/groups", dependencies=[_NEEDED])
    def groups_page(request: Request) -> Response:
        return _parts_page(store, request, "groups")

    @router.get("/stays", dependencies=[_NEEDED])
    def stays_page(request: Request) -> Response:
        given, query, problem = _given(request, StayQuery, "kind", "cursor")
        context = _form(store, request, given, problem)
        context |= {"kinds": get_args(Kind), "found": None, "next": None}
        if query is None:
            return pages.render(request, "cockpit_stays.html", context, 422)
        try:
            found = stays.read(store, query, who(request), limit=STAYS_A_PAGE)
        except ProblemError as error:
            context["problem"] = error.detail
            return pages.render(request, "cockpit_stays.html", context, error.status)
        lang = context["lang"]
        _shown(context, found["wanted"])
        context |= {
            "found": found,
            "next": f"/stays?{found['more']}&lang={lang}" if found["more"] else None,
            "up": f"/cockpit?{cockpit.query_string(found['wanted'], lang=lang)}",
        }
        return pages.render(request, "cockpit_stays.html", context)

    @router.get("/stays/{stay_id}", dependencies=[_NEEDED])
    def stay_page(request: Request, stay_id: StayId) -> Response:
        return pages.render(
            request, "cockpit_stay.html", {"s": stays.find(store, stay_id, who(request))}
        )

    return router


def _given(
    request: Request, model: type[Q], *more: str
) -> tuple[dict[str, str], Q | None, str | None]:
    """What the form says, the same as a query, and what is wrong with it."""
    words = TEXTS[pages.choose_language(request)]
    given = {
        name: value.strip()
        for name in (*_FIELDS, *more)
        if (value := request.query_params.get(name)) is not None
    }
    # An empty field of the form is no condition; "none" asks for stays that name nothing.
    given = {name: "" if value == "-" else value for name, value in given.items() if value}
    try:
        return given, model.model_validate(given), None
    except ValidationError as error:
        wrong = sorted({str(e["loc"][0]) for e in error.errors()})
        fields = words["comma"].join(
            words.get(f"cockpit_{name}", words.get(name, name)) for name in wrong
        )
        return given, None, words["bad_filter"].format(fields=fields)


def _form(
    store: Store, request: Request, given: Mapping[str, str], problem: str | None
) -> dict[str, Any]:
    lang = pages.choose_language(request)
    hospitals = sorted(store.indicators.providers(who(request).rows).items())
    return {
        "lang": lang,
        "given": dict(given),
        "problem": problem,
        "hospitals": [(p, f"{p} {name}" if name else p) for p, name in hospitals],
        "currencies": store.indicators.currencies(),
    }


def _read(
    store: Store, query: CockpitQuery, request: Request, context: dict[str, Any]
) -> Board | None:
    try:
        board = cockpit.read(store, query, who(request))
    except ProblemError as error:
        context["problem"] = error.detail
        return None
    _shown(context, board.wanted)
    return board


def _shown(context: dict[str, Any], wanted: Any) -> None:
    """Let the form show the months and currency that were chosen for the caller."""
    context["given"] = {
        **context["given"],
        "from": f"{wanted.first:%Y-%m}",
        "to": f"{wanted.last:%Y-%m}",
        "currency": wanted.currency,
    }
    context["wanted"] = wanted


def _parts_page(store: Store, request: Request, page: str) -> Response:
    given, query, problem = _given(request, CockpitQuery)
    context = _form(store, request, given, problem)
    board = None if query is None else _read(store, query, request, context)
    context |= {"board": board, "page": page}
    if board is None:
        return pages.render(request, "cockpit_parts.html", context, 422)
    lang, t, part = context["lang"], TEXTS[context["lang"]], _PARTS[page]
    found = cockpit.by_part(store, board, part)
    sort = request.query_params.get("sort", "")
    sort = sort if sort in {"key", "stays", *_COLUMNS} else "stays"
    falling = request.query_params.get("order", "desc") != "asc"
    columns = [BY_NAME[name] for name in _COLUMNS]

    def place(item: tuple[str, tuple[Totals, Totals]]) -> Any:
        key, (now, _) = item
        if sort == "key":
            return key
        value = now["stays"] if sort == "stays" else BY_NAME[sort].value(now)
        return -float(value) if falling and value is not None else value

    known = [
        i
        for i in found.items()
        if sort in {"key", "stays"} or BY_NAME[sort].value(i[1][0]) is not None
    ]
    known.sort(key=lambda item: (place(item), item[0]), reverse=sort == "key" and falling)
    rest = [i for i in sorted(found.items()) if i not in known]

    def link(**more: str) -> str:
        return f"/cockpit/{page}?{cockpit.query_string(board.wanted, lang=lang, **more)}"

    context |= {
        "columns": [
            (
                one.name,
                _name(one, lang),
                link(sort=one.name, order="asc" if sort == one.name and falling else "desc"),
            )
            for one in columns
        ],
        "sort": sort,
        "falling": falling,
        "by_key": link(sort="key", order="asc" if sort != "key" or falling else "desc"),
        "by_stays": link(sort="stays", order="asc" if sort == "stays" and falling else "desc"),
        "rows": [
            _row(board, part, key, now, then, columns, lang, t)
            for key, (now, then) in [*known, *rest]
        ],
        "up": f"/cockpit?{cockpit.query_string(board.wanted, lang=lang)}",
    }
    return pages.render(request, "cockpit_parts.html", context)


def _row(  # noqa: PLR0917
    board: Board, part: str, key: str, now: Totals, then: Totals, columns: list[Indicator],
    lang: str, t: Mapping[str, str],
) -> dict[str, Any]:  # fmt: skip
    wanted, currency = board.wanted, board.wanted.currency
    # The empty text asks for stays that name none: forms write it as a dash.
    narrowed = cockpit.query_string(wanted, **{part: key or "-", "lang": lang})
    return {
        "key": key,
        "name": key or t["cockpit_no_department" if part == "department" else "cockpit_no_group"],
        "stays": int(now["stays"]),
        "stays_link": f"/stays?{narrowed}",
        "link": f"/cockpit?{narrowed}",
        "cells": [
            {
                "label": _name(one, lang),
                "text": format_value(one.value(now), one.unit, currency, t),
                "change": _change(one, now, then, currency, t),
            }
            for one in columns
        ],
    }


def _card(board: Board, one: Indicator, lang: str, t: Mapping[str, str]) -> dict[str, Any]:
    currency = board.wanted.currency
    value = one.value(board.totals)
    peers = board.peers(one)
    above, below = one.parts(board.totals)
    trend = [cockpit.number(one.value(totals), one.unit) for _, totals in board.trend]
    kept = {"lang": lang, **({"kind": one.selects} if one.selects else {})}
    return {
        "name": one.name,
        "title": _name(one, lang),
        "value": format_value(value, one.unit, currency, t),
        "known": value is not None,
        "change": _change(one, board.totals, board.before, currency, t),
        "spark": charts.draw_spark(trend),
        "median": format_value(peers["median"], one.unit, currency, t),
        "hospitals": peers["hospitals"],
        "compared": peers["median"] is not None,
        "region": format_value(peers["region_median"], one.unit, currency, t),
        "region_hospitals": peers["region_hospitals"],
        "region_compared": peers["region_median"] is not None,
        "definition": one.meaning[lang == "en"],
        "formula": one.formula[lang == "en"],
        "missing": one.missing[lang == "en"],
        "numbers": _numbers(one, above, below, currency),
        "behind": cockpit.behind(one, board.totals),
        "stays": f"/stays?{cockpit.query_string(board.wanted, **kept)}",
        "trend": f"/cockpit?{cockpit.query_string(board.wanted, show=one.name, lang=lang)}#trend",
    }


def _numbers(one: Indicator, above: Any, below: int, currency: str) -> str | None:
    """Numerator and denominator as they were divided; None where there is no division to show."""
    if one.unit in ("count", "weight") or one.name in ("balance", "exposure", "recovered"):
        return None
    shown = f"{float(above):,.2f}" if isinstance(above, float | Fraction) else f"{above:,}"
    if one.unit == "money" or one.name in ("drug_share", "consumable_share"):
        shown = formats.format_amount(round(above), currency)
    under = f"{below:,}"
    if one.name in ("drug_share", "consumable_share"):
        under = formats.format_amount(below, currency)
    return f"{shown} ÷ {under}"


def _change(
    one: Indicator, totals: Totals, earlier: Totals, currency: str, t: Mapping[str, str]
) -> dict[str, str]:
    """How a value moved, and whether that is better, worse or neither."""

    def said(text: str, kind: str = "", relative: str = "") -> dict[str, str]:
        return {"text": text.replace("-", "−"), "kind": kind, "relative": relative}

    now, then = one.value(totals), one.value(earlier)
    if now is None:
        return said("")
    if then is None:
        return said(t["cockpit_no_before"])
    if earlier["stays"] < _LEAST_BEFORE:
        return said(t["cockpit_few_before"].format(n=earlier["stays"]))
    moved = float(now) - float(then)
    if one.unit != "share" and abs(moved) >= _TOO_MUCH * abs(float(then)):
        shown = format_value(then, one.unit, currency, t)
        return said(t["cockpit_before"].format(value=shown))
    share = moved if one.unit == "share" else moved / abs(float(then))
    if abs(share) < 0.0005:
        return said(t["cockpit_same"])
    unit = f" {t['cockpit_points']}" if one.unit == "share" else "%"
    kind = ""
    if one.better:
        kind = "good" if (moved > 0) == (one.better == "up") else "bad"
    return said(f"{share * 100:+.1f}{unit}", kind, "yes")


def format_value(value: Any, unit: str, currency: str, t: Mapping[str, str]) -> str:
    """An indicator's value for a person; large money in 10,000 yuan or millions."""
    if value is None:
        return t["cockpit_unknown"]
    if unit == "share":
        return f"{float(value) * 100:.1f}%"
    if unit == "count":
        return f"{round(value):,}"
    if unit == "weight":
        return f"{float(value):,.1f}"
    if unit == "day":
        return f"{float(value):.1f} {t['cockpit_day']}"
    if unit == "money":
        return _format_money(round(value), currency, t)
    return f"{float(value):.3f}"


def _format_money(fen: int, currency: str, t: Mapping[str, str]) -> str:
    if abs(fen) < 100_000_00:
        return formats.format_amount(fen, currency).replace("-", "−")
    sign, minus = formats.format_amount(0, currency)[:-4], "−" if fen < 0 else ""
    if t["lang"] == "zh-CN":
        return f"{sign}{minus}{abs(fen) / 1_000_000:,.2f} 万"
    if abs(fen) < 1_000_000_00:
        return f"{sign}{minus}{abs(fen) / 100_000:,.1f} k"
    return f"{sign}{minus}{abs(fen) / 100_000_000:,.2f} m"


def _figures(
    board: Board, shown: Indicator, departments: Mapping[str, tuple[Totals, Totals]], lang: str,
    t: Mapping[str, str],
) -> list[dict[str, Any]]:  # fmt: skip
    """The main charts, each with its data as a table and as JSON for the script."""
    currency = board.wanted.currency
    months = [f"{month:%Y-%m}" for month, _ in board.trend]

    def series(one: Indicator) -> tuple[list[float | int | None], list[str]]:
        values = [one.value(totals) for _, totals in board.trend]
        factor = {"share": 100, "money": 0.01}.get(one.unit, 1)
        plain = [None if v is None else round(float(v) * factor, 6) for v in values]
        return plain, [format_value(v, one.unit, currency, t) for v in values]

    trend, told = series(shown)
    balance, balances = series(BY_NAME["balance"])
    title = t["cockpit_trend"].format(name=_name(shown, lang))
    spots = [
        charts.Bubble(key or t["cockpit_no_department"], float(x), float(y), float(now["stays"]))
        for key, (now, _) in sorted(departments.items())
        if (x := BY_NAME["cost_index"].value(now)) is not None
        and (y := BY_NAME["time_index"].value(now)) is not None
    ]
    labels = _apart(spots)
    cost, days = (_name(BY_NAME[n], lang) for n in ("cost_index", "time_index"))
    worst = sorted(
        (
            (code, cell["balance_fen"])
            for code, cell in board.groups.items()
            if cell["balance_fen"] < 0
        ),
        key=lambda pair: (pair[1], pair[0]),
    )[:_BARS]
    names = [code or t["cockpit_no_group"] for code, _ in worst]
    losses = [_format_money(fen, currency, t) for _, fen in worst]
    unit = "%" if shown.unit == "share" else currency if shown.unit == "money" else ""
    return [
        _figure("trend", title, None, charts.draw_line(months, trend, told, title),
                (t["cockpit_month"], _name(shown, lang)), list(zip(months, told, strict=True)),
                {"kind": "line", "x": months, "y": trend, "unit": unit}),
        _figure("balance", t["cockpit_chart_balance"], None,
                charts.draw_columns(months, balance, balances, t["cockpit_chart_balance"]),
                (t["cockpit_month"], _name(BY_NAME["balance"], lang)), list(zip(months, balances, strict=True)),
                {"kind": "columns", "x": months, "y": balance, "unit": currency}),
        _figure("indices", t["cockpit_chart_indices"], t["cockpit_chart_indices_note"],
                charts.draw_bubbles(spots, cost, days, t["cockpit_chart_indices"]),
                (t["department"], cost, days, t["cockpit_count"]),
                [(b.name, f"{b.x:.3f}", f"{b.y:.3f}", f"{b.size:,.0f}") for b in spots],
                {"kind": "bubbles", "names": [b.name for b in spots], "labels": labels, "x": [round(b.x, 6) for b in spots],
                 "y": [round(b.y, 6) for b in spots], "sizes": [b.size for b in spots],
                 "x_title": cost, "y_title": days, "counted": t["cockpit_count"]}),
        _figure("losses", t["cockpit_chart_groups"], None,
                charts.draw_bars(names, [fen / 100 for _, fen in worst], losses, t["cockpit_chart_groups"]),
                (t["cockpit_group"], _name(BY_NAME["balance"], lang)), list(zip(names, losses, strict=True)),
                {"kind": "bars", "names": names, "values": [fen / 100 for _, fen in worst], "unit": currency}),
    ]  # fmt: skip


def _apart(spots: list[charts.Bubble]) -> list[str]:
    """The names to write, empty where a larger circle's name stands at the same place."""
    reach = max([0.1, *(abs(v - 1) for b in spots for v in (b.x, b.y))])
    taken: dict[tuple[int, int], str] = {}
    for spot in sorted(spots, key=lambda b: -b.size):
        taken.setdefault(
            (round((spot.x - 1) / reach * 6), round((spot.y - 1) / reach * 10)), spot.name
        )
    written = set(taken.values())
    return [b.name if b.name in written else "" for b in spots]


def _figure(  # noqa: PLR0917
    name: str, title: str, note: str | None, drawn: Markup, head: tuple[str, ...],
    rows: list[tuple[str, ...]], data: Mapping[str, Any],
) -> dict[str, Any]:  # fmt: skip
    # "<" is escaped, so that no name can end the block that the JSON stands in.
    text = json.dumps({**data, "title": title}, ensure_ascii=False).replace("<", "\\u003c")
    return {
        "name": name, "title": title, "note": note, "drawn": drawn, "head": head, "rows": rows,
        "data": Markup(text),  # noqa: S704 (escaped above)
    }  # fmt: skip


def _name(one: Indicator, lang: str) -> str:
    return one.en if lang == "en" else one.zh
