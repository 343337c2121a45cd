"""Telling webhooks of events: from the store's events to signed messages, with attempts over a day.

Messages are signed as Standard Webhooks says (``webhook-id``, ``webhook-timestamp``,
``webhook-signature``). A message is sent until the receiver answers 2xx, at most nine times; the same
message always has the same id, under which it may come twice.
"""

from __future__ import annotations

import base64
import json
import random
import secrets
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

from standardwebhooks import Webhook

from domain import work_events
from domain.results import identifier
from scoring_api import logs
from scoring_api.destinations import Answer, Destinations
from store import Store, StoreError
from store.webhooks import Attempt

DELAYS_S: Final = (5, 60, 300, 1_800, 7_200, 18_000, 28_800, 43_200)
"""Seconds before each further attempt, about 28 hours in all; each is varied by a fifth."""
GIVES_UP_AFTER: Final = timedelta(hours=24)
"""A webhook to which nothing could be delivered for this long is disabled."""
OLD_SECRET_FOR: Final = timedelta(hours=24)
"""How long messages are also signed with the secret before, after it was changed."""
_PAUSE_S: Final = 1.0
"""Seconds between looks for something to do."""
_SWEEP_EVERY: Final = 3_600
_GONE: Final = 410
_DETAILS: Final = frozenset(
    {
        "count", "worst", "alert_ids", "providers", "outcome", "reason", "status", "version",
        "number", "happened", "rule_id", "parameter", "because",
    }
)  # fmt: skip
"""What of an event's data leaves the house: no account, whatever else an event comes to hold."""

Row = Mapping[str, Any]


class Seal(Protocol):
    """What keeps secrets unreadable at rest; ``store.access.Keyring`` is one."""

    def encrypt(self, text: str) -> bytes:
        """The text, sealed."""
        ...

    def decrypt(self, kept: bytes) -> str:
        """The text that was sealed."""
        ...


@dataclass(frozen=True, slots=True)
class Telling:
    """What telling webhooks needs: a seal for secrets, where messages may go, what goes before links."""

    seal: Seal
    destinations: Destinations
    base: str = ""


def new_secret() -> str:
    """A new secret in the form of Standard Webhooks: 256 random bits after ``whsec_``."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def message(webhook: Row, event: Row, base: str = "") -> tuple[str, str]:
    """Id and body of the message that tells a webhook of an event; ``base`` goes before its links.

    The body names identifiers and links, no patient and no person.
    """
    data: dict[str, Any] = {
        "event_id": str(event["event_id"]),
        "subject_id": event["subject_id"],
        "provider_id": event["provider_id"],
        "department": event["department"],
        "details": {name: told for name, told in event["data"].items() if name in _DETAILS},
    }
    found = work_events.addresses(event["kind"], event["subject_id"])
    if found is not None:
        data |= {"url": base + found[0], "page": base + found[1]}
    message_id = "msg_" + identifier("webhook", webhook["webhook_id"], str(event["event_id"]))
    return message_id, _body(event["kind"], event["happened_at"], data)


def trial(webhook: Row, now: datetime) -> tuple[str, str]:
    """Id and body of a message that only tries a webhook out."""
    data = {"webhook_id": webhook["webhook_id"], "details": {"message": "drg-sentinel"}}
    return "msg_" + uuid.uuid4().hex, _body(work_events.TEST, now, data)


def _body(kind: str, at: datetime, data: Mapping[str, Any]) -> str:
    told = {"type": kind, "timestamp": at.isoformat(), "data": data}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


class WebhookWorker:
    """Threads that make events into messages and send them; several processes may each have one."""

    def __init__(
        self,
        store: Store,
        telling: Telling,
        *,
        version: str = "",
        threads: int = 2,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store, self._seal, self._to = store, telling.seal, telling.destinations
        self._base, self._version, self._now = telling.base.rstrip("/"), version, now
        self._number = threads
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin to work, until ``stop``."""
        self._stop.clear()
        self._threads = [
            threading.Thread(target=self._run, name=f"webhooks-{number}", daemon=True)
            for number in range(self._number)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Finish the attempts under way and end; what is left waits in the store."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._threads = []

    def work(self) -> bool:
        """Spread waiting events and send what is due of one webhook; False if there was nothing to do."""
        spread = self._store.webhooks.spread(
            lambda webhook, event: message(webhook, event, self._base), self._now()
        )
        owner = uuid.uuid4().hex
        taken = self._store.webhooks.take(owner, self._now())
        if taken is None:
            return spread > 0
        webhook, messages = taken
        try:
            for one in messages:
                if self._stop.is_set():
                    break
                attempt = self._attempt(webhook, one)
                if not self._store.webhooks.settle(
                    owner, webhook["webhook_id"], one["delivery_id"], attempt, self._now()
                ):
                    break
        finally:
            self._store.webhooks.give_back(owner, webhook["webhook_id"])
        return True

    def _run(self) -> None:
        swept = 0.0
        while not self._stop.is_set():
            try:
                now = self._now().timestamp()
                if now - swept > _SWEEP_EVERY:
                    self._store.webhooks.sweep(self._now())
                    swept = now
                busy = self.work()
            except StoreError as error:
                logs.logger().error("webhooks", error=error.what)
                busy = False
            except Exception as error:  # one message must not end the telling of all others
                logs.logger().error(
                    "webhooks", error=type(error).__name__, frames=logs.frames(error)
                )
                busy = False
            if not busy:
                self._stop.wait(_PAUSE_S)

    def _attempt(self, webhook: Row, one: Row) -> Attempt:
        now = self._now()
        body: str = one["payload"]
        headers = {
            "content-type": "application/json",
            "user-agent": f"drg-sentinel/{self._version}",
            "webhook-id": one["message_id"],
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(
                Webhook(secret).sign(one["message_id"], now, body)
                for secret in self._secrets(webhook, now)
            ),
        }
        answer = self._to.send(webhook["url"], headers, body.encode())
        if answer.code is not None and 200 <= answer.code < 300:
            return Attempt(True, answer.code, None, None)
        return self._failed(webhook, one, answer, now)

    def _failed(self, webhook: Row, one: Row, answer: Answer, now: datetime) -> Attempt:
        error = answer.error or f"the receiver answered {answer.code}"
        disable = None
        if answer.code == _GONE:
            disable = "the receiver answered 410: it wants nothing more"
        elif webhook["failing_since"] is not None and (
            now - webhook["failing_since"] >= GIVES_UP_AFTER
        ):
            disable = f"nothing could be delivered for {GIVES_UP_AFTER.days * 24} hours: {error}"
        if answer.code == _GONE or one["attempts"] >= len(DELAYS_S):
            return Attempt(False, answer.code, error, None, disable)
        delay = DELAYS_S[one["attempts"]] * random.uniform(0.8, 1.2)  # noqa: S311 (no secret)
        delay = max(delay, answer.retry_after_s or 0)
        return Attempt(False, answer.code, error, now + timedelta(seconds=delay), disable)

    def _secrets(self, webhook: Row, now: datetime) -> list[str]:
        sealed = [webhook["secret"]]
        if webhook["old_secret"] is not None and webhook["old_until"] > now:
            sealed.append(webhook["old_secret"])
        return [self._seal.decrypt(bytes(one)) for one in sealed]
