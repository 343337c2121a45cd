"""Samples of a language model's words over HTTP: read them, judge them, switch a model on again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlencode

import msgspec
from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool

from domain.access import Permission, Principal
from domain.wording import JUDGEMENTS, LONGEST_REASON, REFUSALS, Limits, Share, Wrote
from scoring_api import bodies, conditions, cursors
from scoring_api.access import needs, who
from scoring_api.answers import Answer
from scoring_api.problems import ProblemError, document
from store import Store

A_PAGE: Final = 20


class Judged(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What a person says of a sample."""

    wording_id: str
    judgement: str
    reason: str = ""


class Switched(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A model to switch on or off, and why."""

    source: str
    on: bool
    reason: str


class SampleAnswer(Answer):
    """What a model was told and said about one card; braces are slots, filled in where the card is shown."""

    wording_id: str
    source: str
    model: str
    """The model as its service names itself."""
    lang: Literal["zh", "en"]
    key: str
    """Check and cause: which kind of card it is."""
    facts: dict[str, str]
    answer: str
    verdict: Literal["taken", "refused", "failed"]
    refused: list[str]
    """Why it was refused, as reason and part."""
    latency_ms: int
    asked_at: datetime
    prompt_sha256: str
    judgement: Literal["good", "unclear", "wrong"] | None
    reason: str | None
    judged_by: str | None
    judged_at: datetime | None


class ModelAnswer(Answer):
    """How the words of one model came out."""

    source: str
    on: bool
    off_because: str | None
    changed_by: str | None
    changed_at: datetime | None
    verdicts: dict[str, int]
    """Cards by verdict."""
    judgements: dict[str, int]
    """Of the words that were taken and judged."""
    refusals: dict[str, int]
    """Refused cards by reason; one may have several."""
    wrong_share: float | None


class SamplePage(Answer):
    """Samples, oldest first, with the models behind them."""

    samples: list[SampleAnswer]
    models: list[ModelAnswer]
    wrong_limit: float
    """Above this share of wrong samples a model is switched off."""
    cursor: str | None
    next: str | None


class ModelList(Answer):
    """The models that words were asked of."""

    models: list[ModelAnswer]


_DECODER: Final = msgspec.json.Decoder(Judged)
_SWITCH: Final = msgspec.json.Decoder(Switched)
_BODY: Final = bodies.describe(
    {
        "wording_id": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
        "judgement": {"type": "string", "enum": list(JUDGEMENTS)},
        "reason": {
            "type": "string",
            "maxLength": LONGEST_REASON,
            "description": "Needed unless it is good.",
        },
    },
    required=["wording_id", "judgement"],
    example={"wording_id": "0" * 32, "judgement": "unclear", "reason": "第二句读不懂"},
)
_SWITCH_BODY: Final = bodies.describe(
    {
        "source": {"type": "string", "maxLength": 300},
        "on": {"type": "boolean"},
        "reason": {"type": "string", "minLength": 1, "maxLength": LONGEST_REASON},
    },
    required=["source", "on", "reason"],
    example={"source": "deepseek@127.0.0.1:8000", "on": True, "reason": "已更换模型版本"},
)


def route(store: Store, limits: Limits) -> APIRouter:
    """The routes, with what they read and write."""
    router = APIRouter(route_class=conditions.Once)
    review: dict[str, Any] = {
        "tags": ["wording"],
        "dependencies": [needs(Permission.ADVICE_REVIEW)],
    }
    manage: dict[str, Any] = {
        "tags": ["wording"],
        "dependencies": [needs(Permission.USERS_MANAGE)],
    }

    @router.get(
        "/v1/wording/samples", response_model=SamplePage, summary="List samples of a model's words",
        responses=document(400, 422, 503), **review,
    )  # fmt: skip
    def list_samples(
        state: Annotated[
            Literal["open", "judged"], Query(description="Not judged yet, or judged.")
        ] = "open",
        source: Annotated[str | None, Query(max_length=300, description="Of this model.")] = None,
        limit: Annotated[int, Query(ge=1, le=100, description="Samples a page.")] = A_PAGE,
        cursor: Annotated[
            str | None, Query(max_length=200, description="From the page before.")
        ] = None,
    ) -> Any:
        """What models were told and said, oldest first. Nothing of a patient is in it."""
        found, after = page(store, state == "judged", source, cursor, limit)
        given = {"state": state, "source": source, "limit": limit, "cursor": after}
        query = urlencode({name: value for name, value in given.items() if value is not None})
        return {
            "samples": [tell(one) for one in found],
            "models": [tell_share(one) for one in store.wordings.shares()],
            "wrong_limit": limits.wrong_share,
            "cursor": after,
            "next": None if after is None else f"/v1/wording/samples?{query}",
        }

    @router.post(
        "/v1/wording/samples", response_model=SampleAnswer, summary="Judge a sample of a model's words",
        responses=document(400, 404, 409, 413, 415, 422, 503), openapi_extra=_BODY, **review,
    )  # fmt: skip
    async def judge_sample(request: Request) -> Any:
        """Say whether the words are good, unclear or wrong; the last judgement counts.

        A model of whose judged words too many are wrong is switched off until an administrator
        switches it on again.
        """
        given = await bodies.read(request, _DECODER, '{"wording_id": "…", "judgement": "good"}')
        return tell(await run_in_threadpool(judge, store, given, who(request), limits))

    @router.get(
        "/v1/wording/models", response_model=ModelList, summary="List the models that word cards",
        responses=document(503), **manage,
    )  # fmt: skip
    def list_models() -> Any:
        """How the words of each model came out, and whether it is on."""
        return {"models": [tell_share(one) for one in store.wordings.shares()]}

    @router.post(
        "/v1/wording/models", response_model=ModelAnswer, summary="Switch a model on or off",
        responses=document(400, 404, 409, 413, 415, 422, 503), openapi_extra=_SWITCH_BODY, **manage,
    )  # fmt: skip
    async def switch_model(request: Request) -> Any:
        """Switch a model on again after its words were judged wrong, or off by hand; with a reason."""
        given = await bodies.read(request, _SWITCH, '{"source": "…", "on": true, "reason": "…"}')
        return tell_share(await run_in_threadpool(switch, store, given, who(request)))

    return router


def judge(store: Store, given: Judged, principal: Principal, limits: Limits) -> Wrote:
    """Keep a judgement; a 404 or 422 problem if it cannot be."""
    reason = given.reason.strip()
    if given.judgement not in JUDGEMENTS:
        raise _wrong("judgement", "The judgement is not good, unclear or wrong.")
    if len(reason) > LONGEST_REASON:
        raise _wrong("reason", f"The reason is longer than {LONGEST_REASON} characters.")
    if given.judgement != "good" and not reason:
        raise _wrong("reason", "There is no reason.")
    by = (principal.user_id, principal.name)
    kept = store.wordings.judge(
        given.wording_id, given.judgement, reason, by, datetime.now(UTC), limits
    )
    found = store.wordings.get(given.wording_id) if kept else None
    if found is None:
        raise ProblemError(
            404,
            "not-found",
            "No sample has that id.",
            cure="Take an id from GET /v1/wording/samples.",
        )
    return found


def switch(store: Store, given: Switched, principal: Principal) -> Share:
    """Switch a model; a 404 or 422 problem if it cannot be."""
    reason = given.reason.strip()
    if not 1 <= len(reason) <= LONGEST_REASON:
        raise _wrong("reason", f"The reason has 1 to {LONGEST_REASON} characters.")
    if not store.wordings.switch(
        given.source, on=given.on, because=reason, by=principal.name, now=datetime.now(UTC)
    ):
        raise ProblemError(
            404,
            "not-found",
            "No words were ever asked of that model.",
            cure="Take a source from GET /v1/wording/models.",
        )
    return next(one for one in store.wordings.shares() if one.source == given.source)


def page(
    store: Store, judged: bool, source: str | None, cursor: str | None, limit: int
) -> tuple[list[Wrote], str | None]:
    """One page of samples, and the cursor of the next one."""
    after = None if not cursor else cursors.unpack(cursor, _place)
    found = store.wordings.samples(judged=judged, source=source, after=after, limit=limit + 1)
    if len(found) <= limit:
        return found, None
    last = found[limit - 1]
    return found[:limit], cursors.pack(last.asked_at.isoformat(), last.wording_id)


def tell(one: Wrote) -> dict[str, Any]:
    """A sample as in answers."""
    return {
        "wording_id": one.wording_id,
        "source": one.source,
        "model": one.model,
        "lang": one.lang,
        "key": one.key,
        "facts": dict(one.facts),
        "answer": one.answer,
        "verdict": one.verdict,
        "refused": list(one.refused),
        "latency_ms": one.latency_ms,
        "asked_at": one.asked_at,
        "prompt_sha256": one.prompt_sha256,
        "judgement": one.judgement,
        "reason": one.reason,
        "judged_by": one.judged_by,
        "judged_at": one.judged_at,
    }


def tell_share(one: Share) -> dict[str, Any]:
    """A model as in answers."""
    return {
        "source": one.source,
        "on": one.on,
        "off_because": None if one.on else one.off_because,
        "changed_by": one.changed_by,
        "changed_at": one.changed_at,
        "verdicts": dict(one.verdicts),
        "judgements": dict(one.judgements),
        "refusals": dict(one.refusals),
        "wrong_share": one.wrong_share,
    }


def tell_reasons(refused: Mapping[str, Any] | list[str], lang: str) -> list[str]:
    """Reasons of a refusal in words, each once."""
    place = int(lang == "en")
    codes = dict.fromkeys(str(one).partition(":")[0] for one in refused)
    return [REFUSALS[code][place] if code in REFUSALS else code for code in codes]


def _place(at: Any, last: Any) -> tuple[datetime, str]:
    instant = datetime.fromisoformat(at)
    if instant.tzinfo is None or not isinstance(last, str) or len(last) > 32:
        raise ValueError("no place")
    return instant, last


def _wrong(field: str, what: str) -> ProblemError:
    return ProblemError(
        422, "wording", what, cure="Correct the field and send it again.", more={"field": field}
    )
