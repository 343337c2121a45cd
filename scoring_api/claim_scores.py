"""POST /v1/claims:score, GET /v1/stays/{stay_id}/score, GET /v1/rings: claims by what they share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Any, Final, TypeVar

import anyio
import anyio.to_thread
from fastapi import APIRouter, Query, Request

from domain.access import Permission
from domain.service import NotReadyError, ScoreClaims
from scoring_api import bodies, evidence
from scoring_api.access import masked, needs, who, whole_view
from scoring_api.answers import Answer, Bilingual, Reason, RefusedClaim
from scoring_api.assessing import EXAMPLE
from scoring_api.inhospital import StayId
from scoring_api.problems import ProblemError, document

_AT_ONCE: Final = 2
"""Scorings side by side: they hold a processor each, which others need too."""
RETRY_S: Final = 30

T = TypeVar("T")


class Thing(Answer):
    """What claims have in common."""

    relation: str
    """`patient`, `phone`, `address`, `bank_account`, `bill`, `joint` (both days of a stay), `circle`, `route`, …"""
    name: Bilingual


class Shared(Thing):
    """Something that the claim shares with others."""

    claims: int
    """How many others."""
    stay_ids: list[str]
    """Some of them: at most 20."""


class Connection(Shared):
    """Something without which the score would be lower."""

    fall: float
    """By how much: the claim was scored again without it."""


class AsOf(Answer):
    """What the answer knows."""

    model_sha256: str
    threshold: float
    """From this score on the model alerts."""
    currency: str | None
    """Of all amounts: the one that the model learned from."""
    upto: date
    """Stored claims complete before this day are remembered."""
    remembered_at: datetime
    remembered: int
    """Claims that are remembered."""


class Challenger(Answer):
    """What the model on trial says of the same claim; it alerts nobody."""

    model_sha256: str
    score: float
    alert: bool


class ClaimScore(AsOf):
    """How much a claim and its company resemble claims that were found fraudulent."""

    stay_id: str
    score: float
    """Calibrated probability, 0 to 1. A lead, not a finding."""
    alert: bool
    base_value: float
    reasons: list[Reason]
    challenger: Challenger | None
    """Null without one."""


class NewClaimScore(ClaimScore):
    """The score of a claim beside those remembered."""

    known: bool
    """It is remembered itself: scored as it was stored, not as sent."""
    shared: list[Shared]


class KnownClaimScore(ClaimScore):
    """The score of a stored claim as all others are known."""

    connections: list[Connection]


class Unscored(Answer):
    """A claim that is accepted and can have no score."""

    stay_id: str
    absent: Bilingual
    """Why."""


class ScoredClaims(Answer):
    """Every claim of the request: scored, without a score, or refused."""

    read: int
    accepted: int
    set_aside: int
    scores: list[NewClaimScore]
    unscored: list[Unscored]
    refused: list[RefusedClaim]


class Ring(Answer):
    """Suspicious claims of several people, tied together."""

    ring: int
    claims: int
    patients: int
    providers: int
    physicians: int
    expected: float
    """Sum of the scores: so many frauds among the claims, if the scores are right."""
    score: float
    """Mean of the scores."""
    at_risk_fen: int
    """Sum of score times total amount, in the hundredth of `currency`."""
    currency: str | None
    ties: list[Thing]
    stay_ids: list[str]
    patient_ids: list[str]


class Rings(AsOf):
    """The rings among the remembered claims, most money at risk first."""

    count: int
    """How many there are."""
    rings: list[Ring]


def route(scores: ScoreClaims) -> APIRouter:
    """The routes, with what they ask."""
    router = APIRouter(tags=["claims"])
    limiter = anyio.CapacityLimiter(_AT_ONCE)

    async def ask(question: Callable[[], T]) -> T:
        try:
            return await anyio.to_thread.run_sync(question, limiter=limiter)
        except NotReadyError as error:
            raise ProblemError(
                503,
                "not-ready",
                f"{error.what}.",
                cure=error.cure,
                headers={"Retry-After": str(RETRY_S)},
            ) from error

    @router.post(
        "/v1/claims:score",
        response_model=ScoredClaims,
        responses=document(400, 413, 415, 422, 500, 503),
        summary="Score 1 to 500 claims by what they share with stored ones",
        dependencies=[needs(Permission.CLAIMS_ASSESS)],
        openapi_extra=bodies.describe(
            {"claims": bodies.CLAIMS_SCHEMA},
            required=["claims"],
            example=EXAMPLE,
        ),
    )
    async def score_claims(request: Request) -> Any:
        """Score canonical claims, each beside all remembered ones, and store nothing.

        A claim of the request does not see the others of the request.
        """
        records = await bodies.read_claims(request)

        def work() -> dict[str, Any]:
            told = scores.score(records)
            refused = evidence.tell_refused(told.refused)
            if len(refused) == len(records):
                raise evidence.refuse_all(refused, len(records))
            return {
                "read": len(records),
                "accepted": len(told.results),
                "set_aside": len(refused),
                "scores": [tell(one) for one in told.results if "absent" not in one],
                "unscored": [one for one in told.results if "absent" in one],
                "refused": refused,
            }

        return await ask(work)

    @router.get(
        "/v1/stays/{stay_id}/score",
        response_model=KnownClaimScore,
        responses=document(404, 422, 503),
        summary="Score a stored claim as all others are known",
        dependencies=[needs(Permission.GRAPH_READ), whole_view],
    )
    async def score_stay(request: Request, stay_id: StayId) -> Any:
        """The score of a remembered claim, its reasons, and the connections that it rests on."""
        found = await ask(lambda: scores.again(stay_id))
        if found is None:
            raise unknown(stay_id)
        return masked(who(request), tell(found))

    @router.get(
        "/v1/rings",
        response_model=Rings,
        responses=document(422, 503),
        summary="List rings of suspicious claims",
        dependencies=[needs(Permission.GRAPH_READ), whole_view],
    )
    async def list_rings(
        request: Request,
        limit: Annotated[int, Query(ge=1, le=500, description="Rings at most.")] = 50,
    ) -> Any:
        """Claims from the model's threshold on, tied by what few people share."""
        return masked(who(request), await ask(lambda: scores.rings(limit)))

    return router


def unknown(stay_id: str) -> ProblemError:
    """That no such claim is remembered."""
    return ProblemError(
        404,
        "not-remembered",
        f"No remembered claim has the id {stay_id}.",
        cure="Take an id from GET /v1/rings or an alert; what is stored today is read once a day.",
    )


def tell(found: dict[str, Any]) -> dict[str, Any]:
    """A score as in answers."""
    return {**found, "reasons": [evidence.tell_reason(r) for r in found["reasons"]]}
