"""/v1/webhooks: who is told of events, as Standard Webhooks; kept by administrators."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from domain.access import Permission, Principal, Rows
from domain.work_events import KINDS
from scoring_api import bodies, conditions
from scoring_api.access import needs, who
from scoring_api.answers import Answer
from scoring_api.destinations import LONGEST_URL, Destinations
from scoring_api.problems import ProblemError, document
from scoring_api.webhook_worker import OLD_SECRET_FOR, Seal, new_secret, trial
from store import Store
from store.webhooks import Webhooks as Kept

Id = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", description="A webhook.")]
MessageId = Annotated[str, Path(pattern=r"^msg_[0-9a-f]{32}$", description="A message.")]
LONGEST_DESCRIPTION: Final = 200
MOST_WEBHOOKS: Final = 50

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


class Given(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A webhook as asked for."""

    url: str
    kinds: list[str] = []
    description: str = ""
    providers: list[str] | None = None
    active: bool = True


class Changed(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What of a webhook to change; what is left out stays."""

    url: str | msgspec.UnsetType = msgspec.UNSET
    kinds: list[str] | msgspec.UnsetType = msgspec.UNSET
    description: str | msgspec.UnsetType = msgspec.UNSET
    providers: list[str] | msgspec.UnsetType | None = msgspec.UNSET
    active: bool | msgspec.UnsetType = msgspec.UNSET


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


class Hooks:
    """What the routes and the page do with webhooks."""

    def __init__(self, store: Store, seal: Seal, destinations: Destinations) -> None:
        self.kept: Kept = store.webhooks
        self._seal, self._to = seal, destinations

    def listed(self, principal: Principal) -> list[Row]:
        """The webhooks in sight: those whose limits lie within the caller's."""
        return [row for row in self.kept.listed() if _in_sight(row, principal)]

    def find(self, webhook_id: str, principal: Principal) -> Row:
        """One webhook; a 404 problem if there is none in sight."""
        row = self.kept.find(webhook_id)
        if row is None or not _in_sight(row, principal):
            raise ProblemError(
                404,
                "not-found",
                f"No webhook has the id {webhook_id}.",
                cure="Take an id from GET /v1/webhooks.",
            )
        return row

    def make(self, given: Given, principal: Principal) -> tuple[Row, str]:
        """A new webhook and its secret, which is not shown again."""
        values = self._checked(msgspec.structs.asdict(given), principal)
        if len(self.kept.listed()) >= MOST_WEBHOOKS:
            raise ProblemError(
                409,
                "webhooks-full",
                f"There are {MOST_WEBHOOKS} webhooks already.",
                cure="Remove one that is no longer needed.",
            )
        now, secret, rows = datetime.now(UTC), new_secret(), principal.rows
        webhook_id = uuid.uuid4().hex
        self.kept.keep(
            {
                "webhook_id": webhook_id,
                "version": 1,
                "secret": self._seal.encrypt(secret),
                "created_by": principal.user_id,
                "created_at": now,
                "changed_at": now,
                "departments": None if rows.departments is None else sorted(rows.departments),
                "physician_id": rows.physician_id,
                **values,
            }
        )
        return self.find(webhook_id, principal), secret

    def change(
        self, webhook_id: str, version: int, given: Mapping[str, Any], principal: Principal
    ) -> Row:
        """Change what is given; a 412 problem if somebody else did meanwhile."""
        values = self._checked(given, principal)
        if values.get("active"):
            values |= {"disabled_at": None, "disabled_because": None, "failing_since": None}
        if not self.kept.change(webhook_id, version, values, datetime.now(UTC)):
            raise conditions.stale(self.find(webhook_id, principal)["version"])
        return self.find(webhook_id, principal)

    def rotate(self, row: Row, principal: Principal) -> tuple[Row, str]:
        """A new secret; for a day messages are signed with the old one too."""
        now, secret = datetime.now(UTC), new_secret()
        values = {
            "secret": self._seal.encrypt(secret),
            "old_secret": row["secret"],
            "old_until": now + OLD_SECRET_FOR,
        }
        if not self.kept.change(row["webhook_id"], row["version"], values, now):
            raise conditions.stale(self.find(row["webhook_id"], principal)["version"])
        return self.find(row["webhook_id"], principal), secret

    def remove(self, webhook_id: str, version: int, principal: Principal) -> None:
        """Remove it; a 412 problem if somebody else changed it meanwhile."""
        if not self.kept.remove(webhook_id, version):
            raise conditions.stale(self.find(webhook_id, principal)["version"])

    def try_out(self, row: Row) -> str:
        """Queue a message that tells nothing; its id."""
        now = datetime.now(UTC)
        message = trial(row, now)
        self.kept.queue(row["webhook_id"], message, "webhook.test", now)
        return message[0]

    def send_again(self, webhook_id: str, message_id: str) -> Row:
        """Queue a message again under its id; a 404 problem if there is none."""
        row = self.kept.send_again(webhook_id, message_id, datetime.now(UTC))
        if row is None:
            raise ProblemError(
                404,
                "not-found",
                f"No message of this webhook has the id {message_id}.",
                cure="Take an id from the webhook's deliveries.",
            )
        return row

    def _checked(self, given: Mapping[str, Any], principal: Principal) -> dict[str, Any]:
        values = {name: value for name, value in given.items() if value is not msgspec.UNSET}
        if "url" in values:
            self._to.check(values["url"])
        if unknown := set(values.get("kinds", ())) - set(KINDS):
            raise _wrong("kinds", f"Unknown kinds: {', '.join(sorted(unknown)[:5])[:100]}.")
        if "kinds" in values:
            values["kinds"] = sorted(set(values["kinds"]))
        text = values.get("description", "")
        if len(text) > LONGEST_DESCRIPTION or "\x00" in text:
            raise _wrong("description", f"It is longer than {LONGEST_DESCRIPTION} characters.")
        if "providers" in values:
            values["providers"] = _providers(values["providers"], principal.rows)
        return values


def _providers(given: list[str] | None, rows: Rows) -> list[str] | None:
    if given is None:
        return None if rows.providers is None else sorted(rows.providers)
    if len(given) > 200 or not all(1 <= len(one) <= 64 and "\x00" not in one for one in given):
        raise _wrong("providers", "At most 200 hospitals of 1 to 64 characters each.")
    if rows.providers is not None and set(given) - rows.providers:
        raise _wrong("providers", "A hospital is named that this account does not see.")
    return sorted(set(given))


def _wrong(field: str, what: str) -> ProblemError:
    return ProblemError(
        422, "webhook", what, cure="Correct the field and send it again.", more={"field": field}
    )


def _in_sight(row: Row, principal: Principal) -> bool:
    rows = principal.rows
    return rows.providers is None or (
        row["providers"] is not None and set(row["providers"]) <= rows.providers
    )


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
        conditions.check_sender(request)
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
        conditions.check_sender(request)
        row = await run_in_threadpool(hooks.find, webhook_id, who(request))
        row, secret = await run_in_threadpool(hooks.rotate, row, who(request))
        return _with_secret(request, row, secret, 201)

    @router.post(
        "/v1/webhooks/{webhook_id}/tests", summary="Try a webhook out", status_code=202,
        response_model=dict[str, str], responses=document(404, 409, 422, 503), **shared,
    )  # fmt: skip
    async def try_out(request: Request, webhook_id: Id) -> Any:
        """Send a message of the kind `webhook.test`; its id leads to what became of it."""
        conditions.check_sender(request)
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
        conditions.check_sender(request)
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
