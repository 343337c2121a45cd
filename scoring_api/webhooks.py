"""/v1/webhooks: who is told of events, as Standard Webhooks; kept by administrators."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from domain.access import Permission
from domain.work_events import KINDS
from scoring_api import bodies, conditions
from scoring_api.access import needs, who
from scoring_api.answers import Answer
from scoring_api.destinations import LONGEST_URL
from scoring_api.problems import document
from scoring_api.webhook_desk import LONGEST_DESCRIPTION, Changed, Given, Hooks

Id = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", description="A webhook.")]
MessageId = Annotated[str, Path(pattern=r"^msg_[0-9a-f]{32}$", description="A message.")]

Row = Mapping[str, Any]


class Webhook(Answer):
    """Who is told of which events."""

    webhook_id: str
    version: int
    """Also in the ETag; a change names it in If-Match."""
    url: str
    kinds: list[str]
    """Kinds of events; none is all of them."""
    description: str
    active: bool
    providers: list[str] | None
    """Hospitals whose events are told; null is no limit."""
    created_by: str
    created_at: datetime
    changed_at: datetime
    old_secret_until: datetime | None
    """Until when messages are also signed with the secret before."""
    failing_since: datetime | None
    """Since when nothing could be delivered; null if the last attempt succeeded."""
    disabled_at: datetime | None
    disabled_because: str | None
    counts: dict[str, int]
    """Messages by status: waiting, delivered, failed."""


class WebhookWithSecret(Webhook):
    """A webhook just made, or whose secret was just changed."""

    secret: str | None
    """Shown this once; null where the same request is answered again."""


class WebhookList(Answer):
    """All webhooks, oldest first."""

    webhooks: list[Webhook]
    kinds: dict[str, dict[str, str]]
    """The kinds of events there are, in Chinese and English."""


class Delivery(Answer):
    """One message to a webhook."""

    message_id: str
    """The header `webhook-id`, the same at every attempt."""
    kind: str
    status: Literal["waiting", "delivered", "failed"]
    attempts: int
    next_at: datetime | None
    last_at: datetime | None
    last_code: int | None
    """The receiver's HTTP status at the last attempt; null if it did not answer."""
    last_error: str | None
    created_at: datetime
    delivered_at: datetime | None
    payload: dict[str, Any]
    """The body as sent."""


class DeliveryList(Answer):
    """A page of messages, newest first."""

    deliveries: list[Delivery]
    cursor: str | None
    next: str | None
    """Address of the next page; null on the last one."""


class DeliveryQuery(BaseModel):
    """Query parameters of a webhook's messages."""

    model_config = ConfigDict(extra="forbid")

    status: Annotated[
        Literal["waiting", "delivered", "failed"] | None, Field(description="Only these.")
    ] = None
    limit: Annotated[int, Field(ge=1, le=200, description="Messages a page.")] = 50
    cursor: Annotated[
        str | None, Field(pattern=r"^[0-9]{1,18}$", description="Where the page starts.")
    ] = None


_GIVEN: Final = msgspec.json.Decoder(Given)
_CHANGED: Final = msgspec.json.Decoder(Changed)
_PROPERTIES: Final[dict[str, Any]] = {
    "url": {"type": "string", "maxLength": LONGEST_URL, "description": "Of https, public."},
    "kinds": {
        "type": "array",
        "items": {"enum": list(KINDS)},
        "maxItems": len(KINDS),
        "description": "Kinds of events to tell; none is all of them.",
    },
    "description": {"type": "string", "maxLength": LONGEST_DESCRIPTION},
    "providers": {
        "type": ["array", "null"],
        "items": {"type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[^\\u0000]*$"},
        "maxItems": 200,
        "description": "Hospitals whose events to tell; null is no limit beyond your own.",
    },
    "active": {"type": "boolean"},
}
_EXAMPLE: Final[dict[str, Any]] = {
    "url": "https://hooks.example.org/drg",
    "kinds": ["case.opened", "case.closed"],
    "description": "医务处工单系统",
}


def tell(row: Row) -> dict[str, Any]:
    """A stored webhook as in answers; never its secret."""
    told = {name: row[name] for name in Webhook.model_fields if name in row}
    return {**told, "old_secret_until": row["old_until"]}


def tell_delivery(row: Row) -> dict[str, Any]:
    """A stored delivery as in answers."""
    told = {name: row[name] for name in Delivery.model_fields}
    return {**told, "payload": json.loads(row["payload"])}


def route(hooks: Hooks) -> APIRouter:
    """The routes."""
    router = APIRouter(route_class=conditions.Once)
    shared: dict[str, Any] = {
        "tags": ["webhooks"], "dependencies": [needs(Permission.WEBHOOKS_MANAGE)],
    }  # fmt: skip
    writes = document(400, 404, 409, 413, 415, 422, 503)

    @router.get(
        "/v1/webhooks", summary="List webhooks", response_model=WebhookList,
        responses=document(503), **shared,
    )  # fmt: skip
    def list_webhooks(request: Request) -> Any:
        """All webhooks with their state, and the kinds of events there are. Secrets are not shown."""
        return {
            "webhooks": [tell(row) for row in hooks.listed(who(request))],
            "kinds": {kind: {"zh": zh, "en": en} for kind, (zh, en) in KINDS.items()},
        }

    @router.post(
        "/v1/webhooks", summary="Make a webhook", response_model=WebhookWithSecret, status_code=201,
        responses=writes, openapi_extra=bodies.describe(_PROPERTIES, required=["url"], example=_EXAMPLE),
        **shared,
    )  # fmt: skip
    async def make(request: Request) -> Any:
        """Tell an address of events from now on. The answer holds the secret, which is not shown again.

        Messages are POSTed as JSON and signed as Standard Webhooks says; docs/interfaces.md tells how
        to verify them. They name identifiers and links only.
        """
        given = await bodies.read(request, _GIVEN, '{"url": "https://…"}')
        row, secret = await run_in_threadpool(hooks.make, given, who(request))
        return _with_secret(request, row, secret, 201)

    @router.get(
        "/v1/webhooks/{webhook_id}", summary="Open a webhook", response_model=Webhook,
        responses=document(404, 422, 503), **shared,
    )  # fmt: skip
    def open_webhook(request: Request, webhook_id: Id) -> Any:
        """One webhook; its ETag is what a change names in If-Match."""
        row = hooks.find(webhook_id, who(request))
        return conditions.not_modified(request, row["version"]) or _answer(tell(row), row)

    @router.patch(
        "/v1/webhooks/{webhook_id}", summary="Change a webhook", response_model=Webhook,
        responses=writes | conditions.CHANGES,
        openapi_extra=bodies.describe(_PROPERTIES, required=[], example={"active": False})
        | {"parameters": [conditions.IF_MATCH]},
        **shared,
    )  # fmt: skip
    async def change(request: Request, webhook_id: Id) -> Any:
        """Change what is given; `active: true` makes a disabled one active again."""
        changed = await bodies.read(request, _CHANGED, '{"active": false}')
        given = {name: getattr(changed, name) for name in Changed.__struct_fields__}
        row = await run_in_threadpool(hooks.find, webhook_id, who(request))
        conditions.check_match(request, row["version"])
        row = await run_in_threadpool(hooks.change, webhook_id, row["version"], given, who(request))
        return _answer(tell(row), row)

    @router.delete(
        "/v1/webhooks/{webhook_id}", summary="Remove a webhook", status_code=204,
        response_class=Response, responses=document(404, 422, 503) | conditions.CHANGES,
        openapi_extra={"parameters": [conditions.IF_MATCH]}, **shared,
    )  # fmt: skip
    async def remove(request: Request, webhook_id: Id) -> Response:
        """Remove a webhook with its messages; nothing more is sent."""
        row = await run_in_threadpool(hooks.find, webhook_id, who(request))
        conditions.check_match(request, row["version"])
        await run_in_threadpool(hooks.remove, webhook_id, row["version"], who(request))
        return Response(status_code=204)

    @router.post(
        "/v1/webhooks/{webhook_id}/secrets", summary="Change a webhook's secret",
        response_model=WebhookWithSecret, status_code=201, responses=document(404, 409, 412, 422, 503),
        **shared,
    )  # fmt: skip
    async def rotate(request: Request, webhook_id: Id) -> Any:
        """A new secret, shown this once. For 24 hours messages carry a signature of each secret."""
        row = await run_in_threadpool(hooks.find, webhook_id, who(request))
        row, secret = await run_in_threadpool(hooks.rotate, row, who(request))
        return _with_secret(request, row, secret, 201)

    @router.post(
        "/v1/webhooks/{webhook_id}/tests", summary="Try a webhook out", status_code=202,
        response_model=dict[str, str], responses=document(404, 409, 422, 503), **shared,
    )  # fmt: skip
    async def try_out(request: Request, webhook_id: Id) -> Any:
        """Send a message of the kind `webhook.test`; its id leads to what became of it."""
        row = await run_in_threadpool(hooks.find, webhook_id, who(request))
        return {"message_id": await run_in_threadpool(hooks.try_out, row)}

    @router.get(
        "/v1/webhooks/{webhook_id}/deliveries", summary="List a webhook's messages",
        response_model=DeliveryList, responses=document(404, 422, 503), **shared,
    )  # fmt: skip
    def list_deliveries(
        request: Request, webhook_id: Id, query: Annotated[DeliveryQuery, Query()]
    ) -> Any:
        """What was sent, newest first, with what the receiver answered; kept for 30 days."""
        hooks.find(webhook_id, who(request))
        before = int(query.cursor) if query.cursor else None
        rows = hooks.kept.deliveries(
            webhook_id, status=query.status, before=before, limit=query.limit + 1
        )
        more, rows = len(rows) > query.limit, rows[: query.limit]
        cursor = str(rows[-1]["delivery_id"]) if more else None
        status = f"&status={query.status}" if query.status else ""
        here = f"/v1/webhooks/{webhook_id}/deliveries?limit={query.limit}{status}&cursor={cursor}"
        return {
            "deliveries": [tell_delivery(row) for row in rows],
            "cursor": cursor,
            "next": here if more else None,
        }

    @router.post(
        "/v1/webhooks/{webhook_id}/deliveries/{message_id}/attempts",
        summary="Send a message again", status_code=202,
        response_model=Delivery, responses=document(404, 409, 422, 503), **shared,
    )  # fmt: skip
    async def send_again(request: Request, webhook_id: Id, message_id: MessageId) -> Any:
        """Send a message again under its id, with all attempts anew."""
        await run_in_threadpool(hooks.find, webhook_id, who(request))
        return tell_delivery(await run_in_threadpool(hooks.send_again, webhook_id, message_id))

    return router


def _answer(told: Mapping[str, Any], row: Row, status: int = 200) -> JSONResponse:
    kind = WebhookWithSecret if "secret" in told else Webhook
    return JSONResponse(
        kind.model_validate(dict(told)).model_dump(mode="json"),
        status,
        headers={"ETag": conditions.etag(row["version"])},
    )


def _with_secret(request: Request, row: Row, secret: str, status: int) -> JSONResponse:
    """The answer with the secret; what is kept for the same request again has none."""
    again = _answer({**tell(row), "secret": None}, row, status)
    conditions.keep_instead(request, bytes(again.body))
    return _answer({**tell(row), "secret": secret}, row, status)
