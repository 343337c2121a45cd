"""What is done with webhooks: made, changed, tried out, removed; by the routes and by the page."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from domain.access import Principal, Rows
from domain.work_events import KINDS, TEST
from scoring_api import conditions
from scoring_api.destinations import Destinations
from scoring_api.problems import ProblemError
from scoring_api.webhook_worker import OLD_SECRET_FOR, Seal, new_secret, trial
from store import Store
from store.webhooks import Webhooks as Kept

LONGEST_DESCRIPTION: Final = 200
MOST_WEBHOOKS: Final = 50

Row = Mapping[str, Any]


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
        self.kept.queue(row["webhook_id"], message, TEST, now)
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
    if rows.physician_id is not None and row["physician_id"] != rows.physician_id:
        return False
    return all(
        mine is None or (row[name] is not None and set(row[name]) <= mine)
        for name, mine in (("providers", rows.providers), ("departments", rows.departments))
    )
