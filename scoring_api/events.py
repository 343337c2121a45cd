"""GET /v1/events: what happens to work, as it happens (server-sent events).

One reader a process follows the events of the store and gives them to all listeners; each listener
hears what its role and rows allow. A listener that comes back with ``Last-Event-ID`` hears first what
happened meanwhile.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import suppress
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from domain import work_events
from domain.access import Permission, Principal
from scoring_api import logs
from scoring_api.access import Access, needs, who
from scoring_api.problems import ProblemError, document
from store import Store, StoreError
from store.events import Place, Tail

MOST_LISTENERS: Final = 200
"""Listeners of one process; one more is answered 503."""
MOST_OF_ONE: Final = 10
"""Listeners of one account, such as its windows; one more is answered 429."""
PAUSE_S: Final = 1.0
"""Seconds between two looks for events."""
HEARTBEAT_S: Final = 15.0
"""Seconds of silence after which a comment is sent, and it is looked whether the session still is."""
LONGEST_S: Final = 3_600.0
"""Seconds after which a stream ends and the listener comes back by itself."""
MOST_MISSED: Final = 2_000
"""Events that a listener may have missed; after more it is told ``reset`` and reads its list again."""
_QUEUE: Final = 1_000

Row = Mapping[str, Any]
LastEventId = Annotated[
    str | None,
    Header(
        alias="Last-Event-ID",
        pattern=r"^[0-9]{1,18}$",
        description="The id of the last event that was heard: what happened since comes first.",
    ),
]


class Listener:
    """One listener's events that wait to be sent; None is the end.

    ``start`` is the last event before those that it is given.
    """

    def __init__(self, principal: Principal, place: Place) -> None:
        self.principal, self.start = principal, place.told
        self._place = place
        self.queue: asyncio.Queue[tuple[Row, bool] | None] = asyncio.Queue(_QUEUE)
        self.over = False

    def give(self, row: Row, *, late: bool) -> None:
        """Have an event sent; one who cannot keep up is ended, and comes back for the rest."""
        if self.over:
            return
        try:
            self.queue.put_nowait((row, late))
        except asyncio.QueueFull:
            self.end()

    def new(self, event_id: int) -> bool:
        """Whether an event was not there yet when the listener came."""
        return event_id > self._place.top or event_id in self._place.missing

    def end(self) -> None:
        """Send nothing more."""
        self.over = True
        with suppress(asyncio.QueueFull):
            self.queue.put_nowait(None)


class Hub:
    """The one reader of a process, and all who listen to it."""

    def __init__(self, store: Store, pause_s: float = PAUSE_S) -> None:
        self._store, self._pause_s = store, pause_s
        self._listeners: set[Listener] = set()
        self._reader: asyncio.Task[None] | None = None
        self._place: Place | None = None
        self._closed = False
        self._opening = asyncio.Lock()

    def __len__(self) -> int:
        return len(self._listeners)

    async def join(self, principal: Principal) -> Listener:
        """A new listener, from now on; a 503 or 429 problem if there are too many."""
        if self._closed or len(self._listeners) >= MOST_LISTENERS:
            raise ProblemError(
                503,
                "events-full",
                f"{MOST_LISTENERS} listeners are connected already, or the service is ending.",
                cure="Come back in a while, or read the list (GET /v1/alerts) now and then.",
                headers={"Retry-After": "30"},
            )
        of_one = Counter(one.principal.user_id for one in self._listeners)
        # Where nobody signs in, all callers are one.
        if principal.means != "open" and of_one[principal.user_id] >= MOST_OF_ONE:
            raise ProblemError(
                429,
                "events-windows",
                f"This account listens {MOST_OF_ONE} times already.",
                cure="Close other windows of this service.",
                headers={"Retry-After": "30"},
            )
        async with self._opening:
            if self._place is None:
                tail = await run_in_threadpool(Tail.begin, self._store.work_events)
                self._place = tail.place
                self._reader = asyncio.create_task(self._follow(tail))
            listener = Listener(principal, self._place)
            self._listeners.add(listener)
        return listener

    def leave(self, listener: Listener) -> None:
        """Give a listener nothing more; the reader rests once nobody listens."""
        self._listeners.discard(listener)
        if not self._listeners and self._reader is not None:
            self._reader.cancel()
            self._reader = self._place = None

    def close(self) -> None:
        """End all listeners: the service stops."""
        self._closed = True
        for listener in self._listeners:
            listener.end()

    async def missed(self, after: int, listener: Listener) -> tuple[list[Row], bool]:
        """What happened after an id and before the listener came; whether that was too much."""
        rows = await run_in_threadpool(
            self._store.work_events.between, after, listener.start, MOST_MISSED + 1
        )
        return list(rows[:MOST_MISSED]), len(rows) > MOST_MISSED

    async def _follow(self, tail: Tail) -> None:
        while True:
            try:
                told, late = await run_in_threadpool(tail.read)
            except StoreError as error:
                logs.logger().error("events", error=error.what)
            else:
                for listener in list(self._listeners):
                    for row in told:
                        listener.give(row, late=False)
                    for row in late:
                        listener.give(row, late=True)
                # Who joins during the next look starts here and is given all that it finds.
                self._place = tail.place
            await asyncio.sleep(self._pause_s)


def route(hub: Hub) -> APIRouter:
    """The route, with whom it listens to."""
    router = APIRouter()

    @router.get(
        "/v1/events",
        summary="Listen to what happens",
        response_class=StreamingResponse,
        responses={
            **document(401, 403, 422, 429, 503),
            200: {
                "description": "A stream of events that ends when the session does, at the latest "
                "after an hour.",
                "content": {
                    "text/event-stream": {
                        "schema": {"type": "string"},
                        "example": 'id: 17\nevent: alert.assigned\ndata: {"kind":"alert.assigned","subject_id":"…"}\n\n',
                    }
                },
            },
        },
        tags=["events"],
        dependencies=[needs(Permission.ALERTS_READ)],
    )
    async def listen(
        request: Request,
        last_event_id: LastEventId = None,
        after: Annotated[
            str | None,
            Query(
                pattern=r"^[0-9]{1,18}$",
                description="The same as Last-Event-ID, for callers that cannot send headers.",
            ),
        ] = None,
    ) -> StreamingResponse:
        """Events that the account may hear of: new alerts, assignments, reviews, cases, proposals.

        `event` is the kind, `id` rises, `data` is an object with `kind`, `subject_id`, `at`, `actor`,
        `provider_id`, `url` and `page`. An event without an id came late. `reset` says that too much was
        missed: read the list again. A comment is sent after 15 seconds of silence.
        """
        principal = who(request)
        listener = await hub.join(principal)
        since = last_event_id or after
        return StreamingResponse(
            _stream(hub, listener, request, None if since is None else int(since)),
            media_type="text/event-stream",
            headers={"X-Accel-Buffering": "no"},
        )

    return router


async def _stream(
    hub: Hub, listener: Listener, request: Request, since: int | None
) -> AsyncIterator[bytes]:
    ends = time.monotonic() + LONGEST_S
    try:
        yield b"retry: 3000\n\n"
        if since is not None and since < listener.start:
            rows, too_many = await hub.missed(since, listener)
            if too_many:
                yield f"id: {listener.start}\nevent: reset\ndata: {{}}\n\n".encode()
                rows = []
            for text in _texts(rows, listener.principal):
                yield text
        looked = time.monotonic()
        while time.monotonic() < ends:
            try:
                found = await asyncio.wait_for(listener.queue.get(), HEARTBEAT_S)
            except TimeoutError:
                yield b": \n\n"
                found = ()  # type: ignore[assignment]
            if found is None or await request.is_disconnected():
                return
            if time.monotonic() - looked >= HEARTBEAT_S:
                looked = time.monotonic()
                if not await _still(request, listener.principal):
                    return
            if found:
                row, late = found
                event_id = row["event_id"]
                if late or (listener.new(event_id) if since is None else event_id > since):
                    for text in _texts([row], listener.principal, late=late):
                        yield text
    finally:
        hub.leave(listener)


async def _still(request: Request, principal: Principal) -> bool:
    """Whether the caller would be let in again, as the same one with the same rights."""
    access: Access = request.app.state.access
    # This is no use of the session: listening alone must not keep it from ending.
    request.state.unattended = True
    try:
        now = await run_in_threadpool(access.identify, request)
    except (ProblemError, StoreError):
        return False
    return (
        now is not None
        and now.user_id == principal.user_id
        and now.permissions == principal.permissions
        and now.rows == principal.rows
    )


def hears(principal: Principal, row: Row) -> bool:
    """Whether somebody may hear of an event: by its kind, and by whose it is."""
    needed = work_events.heard_by(row["kind"])
    return (
        needed is not None
        and principal.may(needed)
        and principal.rows.allow(row["provider_id"], row["department"], row["physician_id"])
    )


def _texts(rows: Iterable[Row], principal: Principal, *, late: bool = False) -> Iterable[bytes]:
    for row in rows:
        if not hears(principal, row):
            continue
        found = work_events.addresses(row["kind"], row["subject_id"])
        told = {
            "event_id": row["event_id"],
            "kind": row["kind"],
            "subject_id": row["subject_id"],
            "at": row["happened_at"].isoformat(),
            "actor": row["actor"],
            "provider_id": row["provider_id"],
            "data": row["data"],
            "url": found[0] if found else None,
            "page": found[1] if found else None,
        }
        text = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
        place = "" if late else f"id: {row['event_id']}\n"
        yield f"{place}event: {row['kind']}\ndata: {text}\n\n".encode()
