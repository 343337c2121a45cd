"""The pages of rings, and of one claim's score with the connections that it rests on."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from domain.service import NotReadyError, ScoreClaims
from scoring_api import pages
from scoring_api.access import masked, who
from scoring_api.claim_scores import RETRY_S, tell, unknown
from scoring_api.inhospital import StayId

RINGS_A_PAGE: Final = 100
CLAIMS_SHOWN: Final = 50


def route(scores: ScoreClaims) -> APIRouter:
    """The pages, with what they ask."""
    router = APIRouter(include_in_schema=False)

    def wait(request: Request) -> Response:
        page = pages.render(request, "rings.html", {"found": None}, 503)
        page.headers["Retry-After"] = str(RETRY_S)
        return page

    @router.get("/rings")
    def rings_page(request: Request) -> Response:
        try:
            found = masked(who(request), scores.rings(RINGS_A_PAGE))
        except NotReadyError:
            return wait(request)
        return pages.render(request, "rings.html", {"found": found, "most": CLAIMS_SHOWN})

    @router.get("/scores/{stay_id}")
    def score_page(request: Request, stay_id: StayId) -> Response:
        try:
            found: dict[str, Any] | None = scores.again(stay_id)
        except NotReadyError:
            return wait(request)
        if found is None:
            raise unknown(stay_id)
        return pages.render(request, "score.html", {"s": masked(who(request), tell(found))})

    return router
