"""Conditions of requests: Idempotency-Key, and ETag with If-Match or If-None-Match.

The same request again changes nothing, and nobody overwrites what they have not seen.
A router whose POSTs create takes ``APIRouter(route_class=conditions.Once)``: each of its POST routes
below /v1 then takes the header ``Idempotency-Key``, is documented so, and needs nothing more. What can
be changed carries ``version`` and ``headers={"ETag": etag(version)}``; a route that changes it takes
``openapi_extra={"parameters": [IF_MATCH]}`` and calls ``check_match(request, version)``.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from fastapi import Depends, Request
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from scoring_api import bodies
from scoring_api.access import who
from scoring_api.problems import ProblemError, document
from store.idempotency import Idempotency, KeptAnswer, Refusal, Reserved

_KEY: Final = re.compile(r"^[\x21-\x7e]{8,64}$")
_TAG: Final = re.compile(r'\s*(W/)?"([^"]*)"\s*(?:,|$)')
_KEPT_HEADERS: Final = ("content-type", "location", "etag", "content-language")
_LARGEST_KEPT: Final = 4 * 2**20
"""A longer answer is not kept: its request may be made again."""

IDEMPOTENCY_KEY: Final[dict[str, Any]] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 8, "maxLength": 64, "pattern": "^[!-~]+$"},
    "description": "New for each thing to be done. The same request with the same key again is answered "
    "as the first time and changes nothing, for 24 hours.",
    "example": "5f0c3a52-7d7e-4a56-9a6e-0a1f0a0e6b1d",
}
"""The header as OpenAPI tells it; ``Once`` adds it by itself."""
IF_MATCH: Final[dict[str, Any]] = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "schema": {"type": "string", "maxLength": 200},
    "description": "The ETag that was read; if it has changed since, the answer is 412 and nothing changes.",
    "example": '"3"',
}
"""The header as OpenAPI tells it, for routes that call ``check_match``."""
CHANGES: Final = document(412, 428)
"""The problems of ``check_match``, for a route's ``responses``."""


def key_of(request: Request) -> str | None:
    """The request's Idempotency-Key; None without one, a 422 problem if it cannot be one."""
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if not _KEY.match(key):
        raise ProblemError(
            422,
            "idempotency-key",
            "The Idempotency-Key is too short, too long, or holds spaces.",
            cure="Send 8 to 64 visible ASCII characters, such as a UUID, new for each thing to be done.",
        )
    return key


def key_or_new(request: Request) -> str:
    """The request's Idempotency-Key, or a new one; a 422 problem if it can be none."""
    return key_of(request) or uuid.uuid4().hex


def form_key(values: Mapping[str, str]) -> str:
    """The key in the field ``key`` of a form, which stands for the header there; a new one if it is none."""
    key = values.get("key", "")
    return key if _KEY.fullmatch(key) else uuid.uuid4().hex


class Once(APIRoute):
    """A route class: a POST with an Idempotency-Key is done once, and answered the same again.

    Only answers below 400 are kept. A request that failed gives its key back; one that broke off in
    the middle (the process died) holds it for five minutes.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **given: Any) -> None:
        if "POST" in (given.get("methods") or ()) and path.startswith("/v1/"):
            given["dependencies"] = [*(given.get("dependencies") or ()), Depends(_reserve)]
            extra = dict(given.get("openapi_extra") or {})
            extra["parameters"] = [*extra.get("parameters", ()), IDEMPOTENCY_KEY]
            given["openapi_extra"] = extra
            given["responses"] = {**document(409, 422), **(given.get("responses") or {})}
        super().__init__(path, endpoint, **given)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler, with what was kept before it and what is kept after it."""
        handle = super().get_route_handler()

        async def handle_once(request: Request) -> Response:
            try:
                response = await handle(request)
            except _KeptBefore as kept:
                return kept.response()
            except BaseException:
                await _settle(request, None)
                raise
            await _settle(request, response)
            return response

        return handle_once


class _KeptBefore(Exception):  # noqa: N818 (a way out of the dependencies, no error)
    def __init__(self, answer: KeptAnswer) -> None:
        super().__init__(answer.status)
        self._answer = answer

    def response(self) -> Response:
        headers = {**self._answer.headers, "Idempotent-Replayed": "true"}
        return Response(self._answer.body, self._answer.status, headers=headers)


async def _reserve(request: Request) -> None:
    """Take the request's key; runs after the guard of the route, which says who is calling."""
    key = key_of(request)
    if key is None:
        return
    digest = hashlib.sha256()
    for part in (request.method, request.url.path, request.url.query):
        digest.update(part.encode() + b"\n")
    digest.update(await bodies.collect(request))
    keys: Idempotency = request.app.state.idempotency
    principal_id = who(request).user_id
    found = await run_in_threadpool(
        keys.reserve, principal_id, key, digest.hexdigest(), datetime.now(UTC)
    )
    if isinstance(found, KeptAnswer):
        raise _KeptBefore(found)
    if found is Refusal.OTHER_REQUEST:
        raise ProblemError(
            422,
            "idempotency-key-reused",
            "The Idempotency-Key was sent with another request before.",
            cure="Make a new key for each thing to be done; send the old one only with the same request.",
        )
    if found is Refusal.UNDER_WAY:
        raise ProblemError(
            409,
            "idempotency-key-under-way",
            "A request with this Idempotency-Key is under way.",
            cure="Wait for its answer, or send the same request again in some seconds.",
            headers={"Retry-After": "2"},
        )
    request.state.reserved = (principal_id, key, found)


async def _settle(request: Request, response: Response | None) -> None:
    taken: tuple[str, str, Reserved] | None = getattr(request.state, "reserved", None)
    if taken is None:
        return
    keys: Idempotency = request.app.state.idempotency
    body = getattr(response, "body", None)
    if response is None or body is None or response.status_code >= 400 or len(body) > _LARGEST_KEPT:
        await run_in_threadpool(keys.release, *taken)
        return
    headers = {n: response.headers[n] for n in _KEPT_HEADERS if n in response.headers}
    body = getattr(request.state, "kept_instead", body)
    kept = KeptAnswer(response.status_code, headers, bytes(body))
    await run_in_threadpool(keys.answer, *taken, kept)


def keep_instead(request: Request, body: bytes) -> None:
    """Keep this body for the same request again: where the answer holds a secret that is shown once."""
    request.state.kept_instead = body


def etag(version: int | str) -> str:
    """The strong ETag of a version."""
    return f'"{version}"'


def check_match(request: Request, version: int | str) -> None:
    """Let a change through that names the version that stands; a 412 problem if not, 428 without If-Match."""
    given = request.headers.get("if-match")
    if given is None:
        raise _unsaid()
    if given.strip() != "*" and str(version) not in _tags(given, weak=False):
        raise stale(version)


def version_of(request: Request) -> int | None:
    """The version that If-Match names, None for ``*``: for stores that compare it while they write.

    A 428 problem without If-Match, a 412 problem if it can be no version.
    """
    given = request.headers.get("if-match")
    if given is None:
        raise _unsaid()
    tag = given.strip().removeprefix("W/").strip('"')
    if tag == "*":
        return None
    version = bodies.whole(tag)
    if version is None:
        raise ProblemError(
            412,
            "changed-meanwhile",
            "If-Match names no version of it.",
            cure="Send the ETag of the answer that was read, as it is.",
        )
    return version


def one_version_of(request: Request) -> int:
    """The version that If-Match names, for what is changed in one version only: ``*`` is a 412 problem too."""
    version = version_of(request)
    if version is None:
        raise ProblemError(
            412,
            "changed-meanwhile",
            "It is changed in one version only, and If-Match names any.",
            cure="Read it again, and send its ETag as If-Match.",
        )
    return version


def _unsaid() -> ProblemError:
    return ProblemError(
        428,
        "if-match-missing",
        "The request does not say which version it changes.",
        cure="Read it again and send its ETag as If-Match, so that nobody's change is lost.",
    )


def stale(version: int | str) -> ProblemError:
    """The problem that it was changed by somebody else meanwhile; also for a lost race in the store."""
    return ProblemError(
        412,
        "changed-meanwhile",
        "It was changed by somebody else meanwhile.",
        cure="Read it again, look at what is new, and repeat the change if it is still right.",
        more={"version": version},
        headers={"ETag": etag(version)},
    )


def not_modified(request: Request, version: int | str) -> Response | None:
    """The answer 304 to a GET whose caller has this version already; None to answer in full."""
    given = request.headers.get("if-none-match")
    if given is None or not (given.strip() == "*" or str(version) in _tags(given, weak=True)):
        return None
    return Response(status_code=304, headers={"ETag": etag(version)})


def _tags(header: str, *, weak: bool) -> Sequence[str]:
    found = []
    place = 0
    while match := _TAG.match(header, place):
        if weak or not match[1]:
            found.append(match[2])
        place = match.end()
    return found if place == len(header) else []
