"""Errors as RFC 9457 problems: what went wrong, and what the caller can do about it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response

from domain.errors import SentinelError
from scoring_api import pages
from store import StoreBusyError, StoreError

MEDIA_TYPE: Final = "application/problem+json"

_PREFIX: Final = "urn:drg-sentinel:problem:"

_CURES: Final[Mapping[int, str]] = {
    404: "Check the address; GET /openapi.json lists every one.",
    405: "Use one of the methods in the Allow header.",
}


class ProblemError(Exception):
    """An answer that is an error (RFC 9457); ``name`` is its stable name, ``more`` its extension members."""

    def __init__(
        self,
        status: int,
        name: str,
        detail: str,
        *,
        cure: str,
        title: str | None = None,
        more: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status = status
        self.name = name
        self.detail = detail
        self.cure = cure
        self.title = title or HTTPStatus(status).phrase
        self.more = dict(more or {})
        self.headers = dict(headers or {})
        super().__init__(f"{status} {name}: {detail}")

    def body(self, instance: str) -> dict[str, Any]:
        """The members of the problem document."""
        return {
            "type": f"{_PREFIX}{self.name}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
            "cure": self.cure,
            **self.more,
        }


def answer(request: Request, problem: ProblemError) -> Response:
    """The problem as JSON, or as a page where a browser asked for one."""
    if _wants_page(request):
        response: Response = pages.render_error(
            request,
            problem.status,
            problem.name,
            problem.detail,
            problem.cure,
            problem.more.get("error_id"),
        )
    else:
        response = Response(
            json.dumps(problem.body(request.url.path), ensure_ascii=False).encode(),
            problem.status,
            media_type=MEDIA_TYPE,
        )
    response.headers.update(problem.headers)
    return response


def nul(where: str) -> ProblemError:
    """The problem of U+0000 in what was sent: no text of ours holds it, and PostgreSQL's cannot."""
    return ProblemError(
        422,
        "nul",
        f"The {where} holds the character U+0000.",
        cure="Send it without this character, which no text has.",
    )


def unexpected(error_id: str) -> ProblemError:
    """The problem that tells of a defect without telling what is inside."""
    return ProblemError(
        500,
        "internal",
        f"The service failed in a way that it does not know. The error's id is {error_id}.",
        cure="Try again. If it stays, give the error's id to those who run the service: it is in the log.",
        more={"error_id": error_id},
    )


def install(app: FastAPI) -> None:
    """Make every known error of the app a problem."""

    @app.exception_handler(ProblemError)
    async def _problem(request: Request, error: ProblemError) -> Response:
        return answer(request, error)

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        if _wants_page(request) and not hasattr(request.state, "principal"):
            # No route was asked, so none has recognised the caller: the page still shows the menu.
            with suppress(ProblemError):
                access = request.app.state.access
                request.state.principal = await run_in_threadpool(access.identify, request)
        status = HTTPStatus(error.status_code)
        detail = {
            404: "There is nothing at this address.",
            405: f"This address does not take {request.method}.",
        }.get(error.status_code, str(error.detail))
        return answer(
            request,
            ProblemError(
                status,
                status.phrase.lower().replace(" ", "-"),
                detail,
                cure=_CURES.get(status, "Correct the request; docs/api.md describes it."),
                headers=error.headers,
            ),
        )

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> Response:
        # The offending values stay out: a mistyped search may hold a name.
        errors = [
            {"field": ".".join(str(part) for part in e["loc"][1:]), "message": e["msg"]}
            for e in error.errors()
        ]
        fields = ", ".join(sorted({e["field"] for e in errors}))
        return answer(
            request,
            ProblemError(
                422,
                "invalid-parameters",
                f"These parameters cannot be read: {fields}.",
                cure="Correct them as their messages say; docs/api.md lists what each may be.",
                more={"errors": errors},
            ),
        )

    @app.exception_handler(StoreError)
    async def _store(request: Request, error: StoreError) -> Response:
        busy = isinstance(error, StoreBusyError)
        return answer(
            request,
            ProblemError(
                503,
                "store-busy" if busy else "store",
                error.what,
                cure=error.cure,
                headers={"Retry-After": "2" if busy else "30"},
            ),
        )

    @app.exception_handler(SentinelError)
    async def _known(request: Request, error: SentinelError) -> Response:
        return answer(request, ProblemError(500, "processing", error.what, cure=error.cure))


def document(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI entries of the problems that a route may answer with."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in statuses
    }


def _wants_page(request: Request) -> bool:
    path = request.url.path
    if path.startswith(("/v1/", "/healthz", "/readyz", "/metrics", "/openapi.json")):
        return False
    return "text/html" in request.headers.get("accept", "")
