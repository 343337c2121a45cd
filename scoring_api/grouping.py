"""POST /v1/drg:group and /v1/drg:what-if: group and price claims; nothing is stored."""

from __future__ import annotations

from typing import Any, Final

import anyio
import anyio.to_thread
import msgspec
from fastapi import APIRouter, Request

from domain.errors import SentinelError
from domain.service import Group, WhatIf
from scoring_api import bodies, evidence
from scoring_api.answers import Compared, Grouped
from scoring_api.assessing import EXAMPLE
from scoring_api.problems import ProblemError, document

_AT_ONCE: Final = 4
"""Requests worked on side by side; see ``assessing``."""


class _Claims(msgspec.Struct, forbid_unknown_fields=True):
    claims: list[msgspec.Raw]
    trace: bool = False


_CLAIMS = msgspec.json.Decoder(_Claims)
_QUESTION = msgspec.json.Decoder(dict[str, msgspec.Raw])
_CHANGES = msgspec.json.Decoder(list[dict[str, Any]])
_SHAPE = '{"claim": claim, "changes": [change, ...]}'

_CLAIM = bodies.CLAIMS_SCHEMA["items"]


def route(group: Group, what_if: WhatIf) -> APIRouter:
    """The routes, with what they ask."""
    router = APIRouter(tags=["drg"])
    limiter = anyio.CapacityLimiter(_AT_ONCE)

    @router.post(
        "/v1/drg:group",
        response_model=Grouped,
        responses=document(400, 413, 415, 422, 500),
        summary="Group and price 1 to 500 claims",
        openapi_extra=bodies.describe(
            {
                "claims": bodies.CLAIMS_SCHEMA,
                "trace": {
                    "type": "boolean",
                    "default": False,
                    "description": "Add what decided each group.",
                },
            },
            required=["claims"],
            example={**EXAMPLE, "trace": True},
        ),
    )
    async def group_claims(request: Request) -> Any:
        """Find each claim's group by the scheme of its place and day, and what the group pays.

        Claims that cannot be accepted are set aside with all their reasons. With `trace` each
        answer says which diagnosis counted as MCC or CC, which was excluded and by what table,
        and which conditions took the claim.
        """
        envelope = await bodies.read(request, _CLAIMS, '{"claims": [claim, ...], "trace": false}')
        records = bodies.check_number(envelope.claims)

        def work() -> dict[str, Any]:
            told = group(records, trace=envelope.trace)
            if not told.results:
                raise evidence.refuse_all(evidence.tell_refused(told.refused), len(records))
            return {
                "read": len(records),
                "accepted": len(told.results),
                "set_aside": len(told.refused),
                "results": told.results,
                "refused": evidence.tell_refused(told.refused),
            }

        return await anyio.to_thread.run_sync(work, limiter=limiter)

    @router.post(
        "/v1/drg:what-if",
        response_model=Compared,
        responses=document(400, 413, 415, 422, 500),
        summary="One claim as it is, and as it would be with changes",
        openapi_extra=bodies.describe(
            {
                "claim": _CLAIM,
                "changes": bodies.describe_changes("docs/what-if.md"),
            },
            required=["claim", "changes"],
            example={
                "claim": EXAMPLE["claims"][0],
                "changes": [{"kind": "set_discharge_date", "date": "2024-03-04"}],
            },
        ),
    )
    async def ask_what_if(request: Request) -> Any:
        """Group, weight, payment and balance today and with the changes, and why they differ.

        Every change of a code is answered with the fact that the record would have to
        document. One set of changes a request: codings are never ranked by what they pay.
        """
        claim, changes = _question(await bodies.read(request, _QUESTION, _SHAPE))

        def work() -> dict[str, Any]:
            try:
                told = what_if(claim, changes)
            except SentinelError as error:
                raise ProblemError(
                    422,
                    "change",
                    f"{error.what} (at {error.where}).",
                    cure=error.cure,
                ) from error
            if not told.results:
                raise evidence.refuse_all(evidence.tell_refused(told.refused), 1)
            return told.results[0]

        return await anyio.to_thread.run_sync(work, limiter=limiter)

    return router


def _question(members: dict[str, msgspec.Raw]) -> tuple[bytes, list[dict[str, Any]]]:
    """The claim and its changes.

    A wish for several codings at once, or for an order of them, stands beside these two and
    is told why it is refused.
    """
    beside = sorted(set(members) - {"claim", "changes"})
    if beside:
        raise ProblemError(
            422,
            "one-question",
            f"The request holds {', '.join(beside)[:200]} beside the claim and its changes.",
            cure="Send one claim and one set of changes. Several codings are not compared or "
            "ranked by what they pay: a code follows from what the record documents.",
        )
    try:
        changes = _CHANGES.decode(members["changes"])
        claim = bytes(members["claim"])
    except (KeyError, msgspec.ValidationError) as error:
        raise ProblemError(
            422,
            "envelope",
            f"The body is JSON but not a question: {error}.",
            cure=f"Send {_SHAPE}.",
        ) from error
    bodies.check_changes(changes, f"Send 1 to {bodies.MAX_CHANGES} changes of one claim.")
    return claim, changes
