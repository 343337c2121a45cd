"""The pages of webhooks: who is told of events, and what became of each message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from domain.work_events import KINDS
from scoring_api import bodies, pages
from scoring_api.access import who
from scoring_api.problems import ProblemError
from scoring_api.webhook_desk import MOST_WEBHOOKS, Given, Hooks
from scoring_api.webhooks import Id, MessageId

DELIVERIES_SHOWN: Final = 50
_KIND: Final = "kind."


def route(hooks: Hooks) -> APIRouter:
    """The pages and forms."""
    router = APIRouter(include_in_schema=False)

    def show_list(
        request: Request, given: Mapping[str, Any], problem: ProblemError | None = None
    ) -> Response:
        context = {
            "hooks": hooks.listed(who(request)),
            "kinds": KINDS,
            "given": given,
            "problem": problem,
            "most": MOST_WEBHOOKS,
        }
        return pages.render(request, "webhooks.html", context, problem.status if problem else 200)

    def show(request: Request, webhook_id: str, **more: Any) -> Response:
        row = hooks.find(webhook_id, who(request))
        context = {
            "hook": row,
            "kinds": KINDS,
            "deliveries": hooks.kept.deliveries(webhook_id, limit=DELIVERIES_SHOWN),
            "secret": None,
            "problem": None,
            **more,
        }
        problem: ProblemError | None = context["problem"]
        return pages.render(request, "webhook.html", context, problem.status if problem else 200)

    @router.get("/webhooks")
    def webhooks_page(request: Request) -> Response:
        return show_list(request, {})

    @router.post("/webhooks")
    async def made(request: Request) -> Response:
        given = await bodies.read_form(request)
        try:
            row, secret = await run_in_threadpool(hooks.make, Given(**_read(given)), who(request))
        except ProblemError as problem:
            return await run_in_threadpool(show_list, request, given, problem)
        # No redirect: the secret is on this page, and on no other one.
        return await run_in_threadpool(lambda: show(request, row["webhook_id"], secret=secret))

    @router.get("/webhooks/{webhook_id}")
    def webhook_page(request: Request, webhook_id: Id) -> Response:
        return show(request, webhook_id)

    @router.post("/webhooks/{webhook_id}")
    async def changed(request: Request, webhook_id: Id) -> Response:
        given = await bodies.read_form(request)
        values = _read(given) | {"active": given.get("active") == "yes"}
        try:
            await run_in_threadpool(hooks.change, webhook_id, _version(given), values, who(request))
        except ProblemError as problem:
            if problem.status == 404:
                raise
            found = problem
            return await run_in_threadpool(lambda: show(request, webhook_id, problem=found))
        return _back(request, webhook_id)

    @router.post("/webhooks/{webhook_id}/secret")
    async def rotated(request: Request, webhook_id: Id) -> Response:
        await bodies.read_form(request)
        row = await run_in_threadpool(hooks.find, webhook_id, who(request))
        _, secret = await run_in_threadpool(hooks.rotate, row, who(request))
        return await run_in_threadpool(lambda: show(request, webhook_id, secret=secret))

    @router.post("/webhooks/{webhook_id}/test")
    async def tried(request: Request, webhook_id: Id) -> Response:
        await bodies.read_form(request)
        row = await run_in_threadpool(hooks.find, webhook_id, who(request))
        await run_in_threadpool(hooks.try_out, row)
        return _back(request, webhook_id, "#deliveries")

    @router.post("/webhooks/{webhook_id}/remove")
    async def removed(request: Request, webhook_id: Id) -> Response:
        given = await bodies.read_form(request)
        await run_in_threadpool(hooks.find, webhook_id, who(request))
        await run_in_threadpool(hooks.remove, webhook_id, _version(given), who(request))
        return RedirectResponse(f"/webhooks?lang={pages.choose_language(request)}", 303)

    @router.post("/webhooks/{webhook_id}/deliveries/{message_id}")
    async def sent_again(request: Request, webhook_id: Id, message_id: MessageId) -> Response:
        await bodies.read_form(request)
        await run_in_threadpool(hooks.find, webhook_id, who(request))
        await run_in_threadpool(hooks.send_again, webhook_id, message_id)
        return _back(request, webhook_id, "#deliveries")

    return router


def _read(given: Mapping[str, str]) -> dict[str, Any]:
    providers = given.get("providers", "").replace("，", " ").replace(",", " ").split()
    return {
        "url": given.get("url", "").strip(),
        "kinds": [name.removeprefix(_KIND) for name in given if name.startswith(_KIND)],
        "description": given.get("description", "").strip(),
        "providers": providers or None,
    }


def _version(given: Mapping[str, str]) -> int:
    return bodies.whole(given.get("version", "")) or 0


def _back(request: Request, webhook_id: str, place: str = "") -> Response:
    lang = pages.choose_language(request)
    return RedirectResponse(f"/webhooks/{webhook_id}?lang={lang}{place}", 303)
