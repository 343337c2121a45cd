"""POST /v1/fhir: a FHIR resource or Bundle read, its orders kept, its claims assessed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import anyio
import anyio.to_thread
from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from domain.access import Permission
from domain.service import Assess, Fhir, FhirTold, RefusedResource
from scoring_api import bodies
from scoring_api.access import needs, who
from scoring_api.metrics import Metrics
from scoring_api.problems import ProblemError, document
from store import Store
from store.idempotency import Idempotency, KeptAnswer, Refusal, Reserved

MEDIA_TYPE: Final = "application/fhir+json"
_TAKEN: Final = frozenset({MEDIA_TYPE, "application/json"})
_AT_ONCE: Final = 4
"""Requests worked on side by side; see ``assessing``."""
_MOST_ISSUES: Final = 2_000
"""Issues of an answer at most: a Bundle of 50,000 wrong lines needs no 50,000 reasons to be put right."""
_COUNT: Final = "urn:drg-sentinel:fhir:"

ISSUES: Final[Mapping[str, tuple[str, str]]] = {
    "required": ("required", "缺少必需的元素"),
    "type": ("structure", "数据类型不对"),
    "structure": ("structure", "不符合 FHIR R4 的结构"),
    "unknown-element": ("structure", "FHIR R4 没有这个元素"),
    "empty": ("structure", "元素没有内容"),
    "nul": ("value", "文本含有字符 U+0000"),
    "not-utf8": ("structure", "编码不是 UTF-8"),
    "not-json": ("structure", "不是完整的 JSON"),
    "number": ("value", "数值过长或过大"),
    "enum": ("code-invalid", "代码不在值集内"),
    "system": ("code-invalid", "没有可识别编码体系的代码"),
    "format": ("value", "格式不对"),
    "range": ("value", "超出允许范围"),
    "field": ("value", "与字段的取值或长度不符"),
    "negative-amount": ("value", "只有冲销行可以为负"),
    "mismatch": ("conflict", "互相矛盾"),
    "several": ("multiple-matches", "只能有一个"),
    "duplicate-id": ("duplicate", "标识重复"),
    "reference": ("not-found", "引用的资源没有或未被接收"),
    "list": ("business-rule", "同一列表中有资源被拒，列表须整体接收"),
    "whole": ("business-rule", "同一事务中有资源被拒，事务须整体接收"),
    "modifier": ("extension", "含有不理解的修饰元素"),
    "not-supported": ("not-supported", "不支持"),
    "too-deep": ("too-long", "嵌套过深"),
    "too-large": ("too-long", "过大"),
}
"""Rule of a refusal -> FHIR's ``IssueType``, and what it says in Chinese."""

EXAMPLE: Final[dict[str, Any]] = {
    "resourceType": "Bundle",
    "type": "collection",
    "identifier": {"system": "urn:example:bundle", "value": "2025-03-03-0001"},
    "entry": [
        {
            "fullUrl": "urn:uuid:2f8a3a5e-5a0c-4f6e-9d5e-0a1f0a0e6b1d",
            "resource": {
                "resourceType": "ServiceRequest",
                "id": "O2",
                "status": "active",
                "intent": "order",
                "category": [
                    {"coding": [{"system": "urn:drg-sentinel:code:orders.order_type", "code": "lab"}]}
                ],
                "code": {
                    "coding": [{"system": "urn:drg-sentinel:code:national-item", "code": "S-0401001"}]
                },
                "subject": {"identifier": {"value": "330100196001010011"}},
                "encounter": {"identifier": {"value": "H1-2025-77"}},
                "occurrenceDateTime": "2025-03-03T11:00:00+08:00",
            },
        }
    ],
}  # fmt: skip
"""A request that the documentation shows; a test keeps it valid."""

Provider = Annotated[
    str | None,
    Query(
        max_length=64,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]*$",
        description="The hospital that sends; resources of another one are refused. "
        "Without it each Encounter and Claim names its own.",
    ),
]


def route(fhir: Fhir, assess: Assess, store: Store, metrics: Metrics) -> APIRouter:
    """The route, with what it works on."""
    router = APIRouter()
    limiter = anyio.CapacityLimiter(_AT_ONCE)

    def work(told: FhirTold) -> tuple[int, dict[str, Any]]:
        """Keep the events and assess the claims; the status and the answer."""
        outcomes: dict[int, list[dict[str, Any]]] = {i: [] for i in range(told.read)}
        for one in told.refused[:_MOST_ISSUES]:
            outcomes[one.index].append(tell_refused(one))
        for note in told.notes[:_MOST_ISSUES]:
            outcomes[note.index].append(
                _issue(
                    "information",
                    "informational",
                    f"{note.element} is understood and not kept.",
                    "已理解，但没有对应字段，未保存",
                    note.element,
                )
            )
        counts = {"stored-events": 0, "assessed-claims": 0, "findings": 0}
        behind: list[str] = []
        if told.events:
            kept = fhir.keep(told.events)
            behind += [f"{r.field}: {r.cure}" for one in kept.refused for r in one.reasons]
            counts["stored-events"] = 0 if kept.refused else len(told.events)
            counts["findings"] += sum(stay["findings"] for stay in kept.results)
        if told.claims:
            done = assess(list(told.claims))
            behind += [f"{r.field}: {r.cure}" for one in done.refused for r in one.reasons]
            counts["assessed-claims"] = len(done.claims)
            counts["findings"] += done.results.hits.num_rows
            metrics.count_claims(
                accepted=len(done.claims),
                refused=len(done.refused),
                alerts=done.results.alerts["severity"].to_pylist(),
            )
        if behind:
            # What fits each field by itself and not together: told of the bundle, for no resource is to blame.
            issues = [_issue("error", "business-rule", text, "资源之间互相矛盾，或超出每次住院的上限", "Bundle") for text in behind[:_MOST_ISSUES]]  # fmt: skip
            if not counts["stored-events"] and not counts["assessed-claims"]:
                return 422, outcome(issues)
            outcomes.setdefault(0, []).extend(issues)
        taken = set(told.taken)
        if not told.events and not told.claims:
            found = [issue for issues in outcomes.values() for issue in issues]
            nothing = _issue("error", "required", "Nothing here is an order, a charge, a stay or a claim.", "没有医嘱、费用、住院或结算单", "")  # fmt: skip
            return 422, outcome(found or [nothing])
        kind = "transaction-response" if told.form == "transaction" else "batch-response"
        answer = {
            "resourceType": "Bundle",
            "meta": {
                "extension": [{"url": f"{_COUNT}{n}", "valueInteger": c} for n, c in counts.items()]
            },
            "type": kind,
            "entry": [
                {"response": _response(issues, taken=index in taken)}
                for index, issues in outcomes.items()
            ],
        }
        return 200, answer

    @router.post(
        "/v1/fhir",
        responses={
            **document(400, 403, 409, 413, 415, 422, 500, 503),
            200: {
                "description": "A Bundle of responses, one for each resource in its order.",
                "content": {MEDIA_TYPE: {"schema": {"type": "object"}}},
            },
        },
        response_class=Response,
        summary="Take FHIR R4 resources: orders are kept, claims assessed",
        tags=["orders"],
        dependencies=[needs(Permission.CLAIMS_ASSESS)],
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {MEDIA_TYPE: {"schema": {"type": "object"}, "example": EXAMPLE}},
            }
        },
    )
    async def take(request: Request, provider: Provider = None) -> Response:
        """Read a resource or Bundle of FHIR R4 (docs/fhir.md), keep its orders, assess its claims.

        Each resource is taken or refused with element (FHIRPath) and reason; of a transaction or message
        all are taken or none. A Bundle with an identifier that was taken before changes nothing and is answered
        as the first time, for 24 hours. Where nothing could be taken the answer is an OperationOutcome with status 422.
        """
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in _TAKEN:
            raise ProblemError(
                415,
                "content-type",
                "The body is not declared as FHIR's JSON.",
                cure=f"Send Content-Type: {MEDIA_TYPE} and one resource or Bundle in UTF-8.",
                headers={"Accept": MEDIA_TYPE},
            )
        body = await bodies.collect(request)
        told = await anyio.to_thread.run_sync(lambda: fhir.read(body, provider_id=provider), limiter=limiter)  # fmt: skip
        mine = who(request).rows.providers
        if mine is not None and told.providers - mine:
            raise ProblemError(
                403,
                "forbidden",
                "The resources are of a hospital that this account does not send for.",
                cure="Send those of your own hospital, or ask for an account that may send for the other one.",
            )
        reserved = await _reserve(request, told.identifier, body, provider)
        if isinstance(reserved, Response):
            return reserved
        try:
            status, answer = await anyio.to_thread.run_sync(work, told, limiter=limiter)
        except BaseException:
            await _settle(request, reserved, None)
            raise
        response = Response(
            json.dumps(answer, ensure_ascii=False).encode(), status, media_type=MEDIA_TYPE
        )
        await _settle(request, reserved, response)
        return response

    return router


_Taken = tuple[str, str, Reserved]


async def _reserve(
    request: Request, identifier: str | None, body: bytes, provider: str | None
) -> Response | _Taken | None:
    """Take the identifier of a Bundle for this request; an earlier answer to it, if there is one."""
    if identifier is None:
        return None
    key = "fhir-" + hashlib.sha256(identifier.encode()).hexdigest()[:48]
    digest = hashlib.sha256(f"{request.url.path}\n{provider}\n".encode() + body).hexdigest()
    keys: Idempotency = request.app.state.idempotency
    principal = who(request).user_id
    found = await run_in_threadpool(keys.reserve, principal, key, digest, datetime.now(UTC))
    if isinstance(found, KeptAnswer):
        return Response(found.body, found.status, headers={**found.headers, "Idempotent-Replayed": "true"})  # fmt: skip
    if found is Refusal.OTHER_REQUEST:
        raise ProblemError(
            422,
            "bundle-identifier-reused",
            "Another Bundle with this identifier was taken before.",
            cure="Give each Bundle an identifier of its own; send the same one only with the same content.",
        )
    if found is Refusal.UNDER_WAY:
        raise ProblemError(
            409,
            "idempotency-key-under-way",
            "A Bundle with this identifier is being taken.",
            cure="Wait for its answer, or send the same request again in some seconds.",
            headers={"Retry-After": "2"},
        )
    assert isinstance(found, Reserved)  # noqa: S101 (for the types: what else there is was asked above)
    return principal, key, found


async def _settle(request: Request, reserved: _Taken | None, response: Response | None) -> None:
    if reserved is None:
        return
    keys: Idempotency = request.app.state.idempotency
    if response is None or response.status_code >= 400:
        await run_in_threadpool(keys.release, *reserved)
        return
    kept = KeptAnswer(response.status_code, {"content-type": MEDIA_TYPE}, bytes(response.body))
    await run_in_threadpool(keys.answer, *reserved, kept)


def tell_refused(one: RefusedResource) -> dict[str, Any]:
    """A refusal as an issue of an OperationOutcome."""
    code, chinese = ISSUES.get(one.rule, ("processing", "未被接收"))
    return _issue("error", code, one.reason, chinese, one.element or one.resource)


def outcome(issues: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """An OperationOutcome."""
    return {"resourceType": "OperationOutcome", "issue": list(issues)}


def _issue(severity: str, code: str, english: str, chinese: str, element: str) -> dict[str, Any]:
    issue: dict[str, Any] = {
        "severity": severity,
        "code": code,
        "details": {"text": chinese},
        "diagnostics": english,
    }
    return issue | ({"expression": [element]} if element else {})


def _response(issues: list[dict[str, Any]], *, taken: bool) -> dict[str, Any]:
    told: dict[str, Any] = {"status": "200 OK" if taken else "422 Unprocessable Entity"}
    return told | ({"outcome": outcome(issues)} if issues else {})
