"""The guide for people who are new here: what the service shows, and five steps to try it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from domain.access import Permission, Principal
from scoring_api import bodies, pages
from scoring_api.access import PUBLIC


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its words are ``guide.<name>``, its page is there for who has the permission."""

    name: str
    address: str | None
    needed: Permission


STEPS: Final = (
    Step("triage", "/", Permission.ALERTS_READ),
    Step("case", "/cases", Permission.CASES_READ),
    Step("cockpit", "/cockpit", Permission.INDICATORS_READ),
    Step("threshold", "/rules", Permission.RULES_READ),
    Step("export", "/?min_severity=high", Permission.EXPORT),
)
PHYSICIANS_STEPS: Final = (
    Step("ward", "/ward", Permission.ORDERS_READ),
    Step("suggestion", "/ward?only=1", Permission.ORDERS_READ),
    Step("whatif", "/ward", Permission.CLAIMS_GROUP),
    Step("answers", "/ward/feedback", Permission.ADVICE_ANSWER),
)
"""What a physician begins with; others see it below their own steps, for they are asked about it."""


def route() -> APIRouter:
    """The guide, and putting its panel away; for everybody, for it holds no data."""
    router = APIRouter(include_in_schema=False)

    @router.get("/guide", dependencies=[PUBLIC])
    def guide_page(request: Request) -> Response:
        principal: Principal | None = request.state.principal
        there: frozenset[str] = request.app.state.pages

        def opened(steps: tuple[Step, ...]) -> list[Step]:
            return [
                Step(one.name, one.address if _open(one, there, principal) else None, one.needed)
                for one in steps
            ]

        parts = [("guide.steps", opened(STEPS)), ("guide.physician", opened(PHYSICIANS_STEPS))]
        if principal is not None and pages.begins_on_ward(request, principal.permissions):
            parts.reverse()
        return pages.render(request, "guide.html", {"parts": parts})

    @router.post("/guide", dependencies=[PUBLIC])
    async def dismiss(request: Request) -> Response:
        await bodies.read_form(request)
        lang = quote(pages.choose_language(request))
        principal: Principal | None = request.state.principal
        physician = principal is not None and pages.begins_on_ward(request, principal.permissions)
        answer = RedirectResponse(f"{pages.WARD if physician else '/'}?lang={lang}", 303)
        pages.remember(request, answer, pages.GUIDE_COOKIE, "off")
        return answer

    return router


def _open(step: Step, there: frozenset[str], principal: Principal | None) -> bool:
    address = (step.address or "").partition("?")[0]
    return address in there and (principal is None or principal.may(step.needed))
