"""Against requests that another site's page makes in a signed-in person's name (CSRF)."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from fastapi import Request

from domain.access import Principal
from scoring_api.problems import ProblemError

FIELD: Final = "csrf"
"""The field of a form that carries the session's secret back."""
HEADER: Final = "x-csrf-token"
"""The header by which a script of our pages does the same."""


def check_form(request: Request, values: Mapping[str, str]) -> None:
    """Refuse a form that did not come from a page of this session; a 403 problem."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        own = site in ("same-origin", "none")
    else:
        own = origin is not None and urlsplit(origin).netloc == request.headers.get("host")
    if not own or not _known(request, values.get(FIELD, "")):
        raise _refusal()


def check_header(request: Request) -> None:
    """Refuse a change that rests on the session's cookie alone; a 403 problem.

    The guard asks it of every route below /v1 that changes something.
    """
    if not _known(request, request.headers.get(HEADER, "")):
        raise _refusal()


def _known(request: Request, given: str) -> bool:
    principal: Principal | None = getattr(request.state, "principal", None)
    if principal is None or principal.csrf is None:
        return True
    return hmac.compare_digest(principal.csrf.encode(), given.encode())


def _refusal() -> ProblemError:
    return ProblemError(
        403,
        "cross-site",
        "The form did not come from a page of this service.",
        cure="Open the page here and send the form from it; programs use the routes below /v1 with a token.",
    )
