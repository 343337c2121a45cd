"""The pages for people: Jinja templates, texts in two languages; scripts only improve them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from domain import review
from domain.access import ROLE_NAMES, UNMASK_PURPOSES, Permission, Principal
from domain.withdrawal import REASONS
from scoring_api.pages import formats
from scoring_api.pages.texts import FAMILIES, LANGUAGES, TEXTS, tell_absence, tell_error

HERE: Final = Path(__file__).parent

_P = Permission
MENU: Final = (
    ("/", "alerts", _P.ALERTS_READ),
    ("/cases", "cases", _P.CASES_READ),
    ("/ward", "ward", _P.ORDERS_READ),
    ("/cockpit", "cockpit", _P.INDICATORS_READ),
    ("/findings", "periods", _P.ALERTS_READ),
    ("/rings", "rings", _P.GRAPH_READ),
    ("/rules", "rules", _P.RULES_READ),
    ("/advice", "advice", _P.ADVICE_REVIEW),
    ("/models", "models", _P.MODELS_READ),
    ("/wording", "wording", _P.ADVICE_REVIEW),
    ("/wording/models", "wording_models", _P.USERS_MANAGE),
    ("/admin", "admin", _P.USERS_MANAGE),
    ("/webhooks", "webhooks", _P.WEBHOOKS_MANAGE),
    ("/audit", "audit", _P.AUDIT_READ),
)
"""Address, word and what it needs; shown where the service has the page and the caller may see it."""
WARD: Final = "/ward"
"""What a physician begins with; ``begins_on_ward`` says who is one."""

_SECTIONS: Final = {
    "/alerts": "/",
    "/scores": "/rings",
    "/stays": "/cockpit",
    "/proposals": "/rules",
}
"""Pages below an address that the menu lists under another one."""

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
    day=formats.format_day,
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


LANGUAGE_COOKIE: Final = "lang"
"""Remembers the language that a person chose last; it tells nothing else."""
GUIDE_COOKIE: Final = "guide"
"""``off`` once a person has put the first-run panel away."""
YEAR_S: Final = 365 * 24 * 3600


def choose_language(request: Request) -> str:
    """``lang`` of the query, else the one chosen here before, else the account's, else of Accept-Language, else Chinese."""
    for asked in (
        request.query_params.get("lang"),
        request.cookies.get(LANGUAGE_COOKIE),
        getattr(request.state, "language", None),
    ):
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
    here, menu = request.url.path, _menu(request, principal)
    home = menu[0][0] if menu else "/"
    page = _TEMPLATES.get_template(name).render(
        {
            "t": TEXTS[lang],
            "lang": lang,
            "other": other,
            # Path and query only: what the caller wrote as host stays out of the page.
            "switch": f"{own(switched.path)}?{switched.query}",
            "kept": f"lang={lang}",
            "here": here,
            "menu": menu,
            "section": _section(here),
            "home": home,
            "welcome": _is_new(request, principal, home, status),
            "me": principal,
            "my_role": ROLE_NAMES[principal.role][lang == "en"] if principal else "",
            "may": (lambda name: principal is not None and principal.may(Permission(name))),
            "signed_in": principal is not None and principal.means != "open",
            "csrf_field": _csrf_field(principal),
            **context,
        }
    )
    headers = {"Content-Language": TEXTS[lang]["lang"], "Vary": "Accept-Language, Cookie"}
    answer = HTMLResponse(page, status, headers=headers)
    chosen = request.query_params.get("lang")
    if chosen in LANGUAGES and chosen != request.cookies.get(LANGUAGE_COOKIE):
        remember(request, answer, LANGUAGE_COOKIE, chosen)
    return answer


def own(path: str) -> str:
    """A path as a link that stays here: with two slashes in front a browser would take a host's name from it."""
    return "/" + quote(path.lstrip("/\\"), safe="/%:@!$&'()*+,;=~-._")


def remember(request: Request, answer: Response, name: str, value: str) -> None:
    """Keep a preference in the browser for a year; nothing that needs protection."""
    answer.set_cookie(
        name, value, max_age=YEAR_S, samesite="lax", httponly=True,
        secure=request.url.scheme == "https",
    )  # fmt: skip


def _section(here: str) -> str:
    """The entry of the menu that a page belongs to."""
    first = "/" + here.strip("/").partition("/")[0]
    return _SECTIONS.get(first, first)


def begins_on_ward(request: Request, permissions: Collection[Permission]) -> bool:
    """Whether these are a physician's, who answers suggestions and works on no alert, and there is a ward."""
    there: frozenset[str] = getattr(request.app.state, "pages", frozenset())
    return WARD in there and _P.ADVICE_ANSWER in permissions and _P.ALERTS_WORK not in permissions


def _is_new(request: Request, principal: Principal | None, home: str, status: int) -> bool:
    """Whether the first-run panel belongs on the page: on the bare first page of work, until it is put away."""
    return (
        request.url.path == home
        and home in ("/", WARD)
        and status == 200
        and principal is not None
        and request.cookies.get(GUIDE_COOKIE) != "off"
        and not request.query_params.keys() - {"lang"}
    )


def _menu(request: Request, principal: Principal | None) -> list[tuple[str, str]]:
    there: frozenset[str] = getattr(request.app.state, "pages", frozenset())
    found = [
        (address, word)
        for address, word, needed in MENU
        if address in there and principal is not None and principal.may(needed)
    ]
    if principal is not None and begins_on_ward(request, principal.permissions):
        found.sort(key=lambda entry: entry[0] != WARD)
    return found


def _csrf_field(principal: Principal | None) -> Markup:
    if principal is None or principal.csrf is None:
        return Markup("")
    return Markup('<input type="hidden" name="csrf" value="{}">').format(principal.csrf)


def render_error(  # noqa: PLR0917
    request: Request, status: int, name: str, detail: str, cure: str, error_id: str | None = None
) -> HTMLResponse:
    """The page of an error: what happened and what to do."""
    lang = choose_language(request)
    words = TEXTS[lang]
    detail, cure = tell_error(lang, name, detail, cure)
    sign_in: str | None = getattr(request.app.state.access, "sign_in", None)
    repeatable = request.method in ("GET", "HEAD") and status in _PASSING
    asked = f"?{request.url.query}" if request.url.query else ""
    context = {
        "status": status,
        "heading": words["error_404"]
        if status == 404
        else words.get(f"error.{status}", words["error"]),
        "detail": detail,
        "cure": cure,
        "error_id": error_id,
        "sign_in": sign_in if status == 401 else None,
        "again": own(request.url.path) + asked if repeatable else None,
    }
    return render(request, "error.html", context, status)


_PASSING: Final = frozenset({429, 500, 502, 503, 504})
"""Errors that the same request may not meet a second time."""
