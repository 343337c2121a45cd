"""The pages for people: Jinja templates, texts in two languages, no script at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from domain import review
from domain.access import UNMASK_PURPOSES, Permission, Principal
from domain.withdrawal import REASONS
from scoring_api.pages import formats
from scoring_api.pages.texts import FAMILIES, LANGUAGES, TEXTS, tell_absence, tell_error

HERE: Final = Path(__file__).parent

_P = Permission
MENU: Final = (
    ("/", "alerts", _P.ALERTS_READ),
    ("/cases", "cases", _P.CASES_READ),
    ("/cockpit", "cockpit", _P.INDICATORS_READ),
    ("/findings", "periods", _P.ALERTS_READ),
    ("/rings", "rings", _P.GRAPH_READ),
    ("/rules", "rules", _P.RULES_READ),
    ("/models", "models", _P.MODELS_READ),
    ("/admin", "admin", _P.USERS_MANAGE),
    ("/audit", "audit", _P.AUDIT_READ),
)
"""Address, word and what it needs; shown where the service has the page and the caller may see it."""

_TEMPLATES: Final = Environment(
    loader=FileSystemLoader(HERE),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.globals.update(
    amount=formats.format_amount,
    probability=formats.format_probability,
    points=formats.format_points,
    number=formats.format_number,
    fact=formats.format_fact,
    threshold=formats.format_threshold,
    instant=formats.format_instant,
    shorten=formats.shorten,
    families=FAMILIES,
    absence=tell_absence,
    precision=formats.format_precision,
    withdrawal_reasons=REASONS,
    review_outcomes=review.OUTCOMES,
    review_reasons=review.REASONS,
    review_reasons_of=review.REASONS_OF,
    unmask_purposes=UNMASK_PURPOSES,
)


def choose_language(request: Request) -> str:
    """``lang`` of the query, else the account's, else the first of Accept-Language that we speak, else Chinese."""
    for asked in (request.query_params.get("lang"), getattr(request.state, "language", None)):
        if asked in LANGUAGES:
            return str(asked)
    ranked: list[tuple[float, int, str]] = []
    for place, part in enumerate(request.headers.get("accept-language", "").split(",")):
        tag, _, weight = part.partition(";q=")
        try:
            quality = float(weight or 1)
        except ValueError:
            continue
        ranked.append((-quality, place, tag.strip().lower().partition("-")[0]))
    return next((lang for _, _, lang in sorted(ranked) if lang in LANGUAGES), "zh")


def render(
    request: Request, name: str, context: Mapping[str, Any], status: int = 200
) -> HTMLResponse:
    """A page of the template in the caller's language."""
    lang = choose_language(request)
    other = "en" if lang == "zh" else "zh"
    principal: Principal | None = getattr(request.state, "principal", None)
    switched = request.url.include_query_params(lang=other)
    page = _TEMPLATES.get_template(name).render(
        {
            "t": TEXTS[lang],
            "lang": lang,
            "other": other,
            # Path and query only: what the caller wrote as host stays out of the page.
            "switch": f"{switched.path}?{switched.query}",
            "kept": f"lang={lang}",
            "here": request.url.path,
            "menu": _menu(request, principal),
            "me": principal,
            "may": (lambda name: principal is not None and principal.may(Permission(name))),
            "signed_in": principal is not None and principal.means != "open",
            "csrf_field": _csrf_field(principal),
            **context,
        }
    )
    return HTMLResponse(
        page, status, headers={"Content-Language": TEXTS[lang]["lang"], "Vary": "Accept-Language"}
    )


def _menu(request: Request, principal: Principal | None) -> list[tuple[str, str]]:
    there: frozenset[str] = getattr(request.app.state, "pages", frozenset())
    return [
        (address, word)
        for address, word, needed in MENU
        if address in there and principal is not None and principal.may(needed)
    ]


def _csrf_field(principal: Principal | None) -> Markup:
    if principal is None or principal.csrf is None:
        return Markup("")
    return Markup('<input type="hidden" name="csrf" value="{}">').format(principal.csrf)


def render_error(  # noqa: PLR0917
    request: Request, status: int, name: str, detail: str, cure: str, error_id: str | None = None
) -> HTMLResponse:
    """The page of an error: what happened and what to do."""
    detail, cure = tell_error(choose_language(request), name, detail, cure)
    context = {"status": status, "detail": detail, "cure": cure, "error_id": error_id}
    return render(request, "error.html", context, status)
