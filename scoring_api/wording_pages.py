"""The pages of a language model's words: samples to judge, and which models are on."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from domain.access import Permission
from domain.wording import JUDGEMENTS, LONGEST_REASON, Limits, Wrote
from scoring_api import bodies, pages, wording_api
from scoring_api.access import needs, who
from scoring_api.problems import ProblemError
from store import Store

PARTS: Final = ("summary", "detail", "action")
_STATES: Final = ("open", "judged")


def route(store: Store, limits: Limits) -> APIRouter:
    """The pages and their forms."""
    router = APIRouter(include_in_schema=False)

    def show(
        request: Request, problem: ProblemError | None = None, wording_id: str = ""
    ) -> Response:
        asked = request.query_params.get("state", "open")
        state = asked if asked in _STATES else "open"
        found, after = wording_api.page(
            store, state == "judged", None, request.query_params.get("cursor"), wording_api.A_PAGE
        )
        lang = pages.choose_language(request)
        more = {"lang": lang, "state": state, "cursor": after or ""}
        context = {
            "samples": [_shown(one, lang) for one in found],
            "models": store.wordings.shares(),
            "state": state,
            "states": _STATES,
            "judgements": {name: both[lang == "en"] for name, both in JUDGEMENTS.items()},
            "limits": limits,
            "longest": LONGEST_REASON,
            "next": f"/wording?{urlencode(more)}" if after else None,
            "problem": problem,
            "wrong_one": wording_id,
        }
        return pages.render(request, "wording.html", context, problem.status if problem else 200)

    @router.get("/wording", dependencies=[needs(Permission.ADVICE_REVIEW)])
    def samples_page(request: Request) -> Response:
        return show(request)

    @router.post("/wording", dependencies=[needs(Permission.ADVICE_REVIEW)])
    async def judged(request: Request) -> Response:
        form = await bodies.read_form(request)
        given = wording_api.Judged(
            form.get("wording_id", ""), form.get("judgement", ""), form.get("reason", "")
        )
        try:
            await run_in_threadpool(wording_api.judge, store, given, who(request), limits)
        except ProblemError as problem:
            if problem.status == 404:
                raise
            found = problem
            return await run_in_threadpool(lambda: show(request, found, given.wording_id))
        lang = pages.choose_language(request)
        return RedirectResponse(f"/wording?lang={lang}", 303)

    def show_models(request: Request, problem: ProblemError | None = None) -> Response:
        context = {
            "models": store.wordings.shares(),
            "limits": limits,
            "longest": LONGEST_REASON,
            "problem": problem,
        }
        status = problem.status if problem else 200
        return pages.render(request, "wording_models.html", context, status)

    @router.get("/wording/models", dependencies=[needs(Permission.USERS_MANAGE)])
    def models_page(request: Request) -> Response:
        return show_models(request)

    @router.post("/wording/models", dependencies=[needs(Permission.USERS_MANAGE)])
    async def switched(request: Request) -> Response:
        form = await bodies.read_form(request)
        given = wording_api.Switched(
            form.get("source", ""), form.get("on") == "yes", form.get("reason", "")
        )
        try:
            await run_in_threadpool(wording_api.switch, store, given, who(request))
        except ProblemError as problem:
            if problem.status == 404:
                raise
            found = problem
            return await run_in_threadpool(lambda: show_models(request, found))
        lang = pages.choose_language(request)
        return RedirectResponse(f"/wording/models?lang={lang}", 303)

    return router


def _shown(one: Wrote, lang: str) -> dict[str, Any]:
    """A sample for the page: the facts beside the answer, part by part where it can be read."""
    try:
        read = msgspec.json.decode(one.answer, type=dict[str, str])
    except msgspec.MsgspecError:
        read = {}
    told = [(part, str(one.facts.get(part, "")), str(read.get(part, ""))) for part in PARTS]
    return {
        "one": one,
        "parts": [row for row in told if row[1] or row[2]],
        "raw": None if read else one.answer,
        "why": wording_api.tell_reasons(list(one.refused), lang),
        "tag": {"zh": "zh-CN", "en": "en"}[one.lang],
    }
