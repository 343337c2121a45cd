"""A plan's actions as FHIR: what a record system does when the physician takes a suggestion.

An ``update`` sends the client's own resource back with only what changes changed, so that its
extensions and whatever else it holds stay. An order of which the client sent no resource cannot be
changed in its system from here: its suggestion stays text, for the physician to carry out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

Json = dict[str, Any]
Write = Callable[[Mapping[str, Any]], Json]
"""An order as its resource (``streaming.fhir.resource_of_order``), with the patient and encounter of the call."""

TAKEN_BACK: Final[Mapping[str, str]] = {
    "MedicationRequest": "cancelled",
    "ServiceRequest": "revoked",
    "DeviceRequest": "revoked",
}
"""The status of an order that is not to be carried out any more, by type of resource."""
STOPPED: Final[Mapping[str, str]] = {**TAKEN_BACK, "MedicationRequest": "stopped"}
_OURS: Final = ("id", "meta", "identifier", "extension", "subject", "encounter", "requester")
"""Elements that no action changes."""


@dataclass(frozen=True, slots=True)
class Sent:
    """An order as the client sent it: its resource, whether as a draft of this session, and as our row."""

    resource: Json
    draft: bool
    row: Mapping[str, Any] | None

    @property
    def reference(self) -> str | None:
        """``Type/id``; None if the resource has no id."""
        found = self.resource.get("id")
        return f"{self.resource['resourceType']}/{found}" if isinstance(found, str) else None


def actions_of(
    suggestion: Mapping[str, Any],
    sent: Mapping[str, Sent],
    write: Write,
    language: str,
    now: datetime,
) -> list[Json] | None:
    """The actions of a suggestion; None if one of them cannot be made in the client's system."""
    said = f"{suggestion['text'][language]} {suggestion['condition'][language]}"
    made: list[Json] = []
    for action in suggestion["actions"]:
        found = _action(action, sent, write, now)
        if found is None:
            return None
        made.append({"type": found[0], "description": said, **found[1]})
    return made or None


def _action(
    action: Mapping[str, Any], sent: Mapping[str, Sent], write: Write, now: datetime
) -> tuple[str, Json] | None:
    order = action["order"]
    if action["type"] == "create":
        made = write(order | {"status": "draft"})
        # The order gets its identifiers where it is made.
        return "create", {"resource": {k: v for k, v in made.items() if k != "identifier"}}
    theirs = sent.get(action["order_id"])
    if theirs is None or theirs.reference is None:
        return None
    kind = theirs.resource["resourceType"]
    if action["type"] == "revoke":
        if theirs.draft:
            return "delete", {"resourceId": theirs.reference}
        return "update", {"resource": theirs.resource | {"status": TAKEN_BACK[kind]}}
    if action["type"] == "stop" and _at(order.get("stop_time"), now) <= now and not theirs.draft:
        return "update", {"resource": theirs.resource | {"status": STOPPED[kind]}}
    if theirs.row is None:
        return None
    before, after = write(theirs.row), write(order)
    if before["resourceType"] != kind or after["resourceType"] != kind:
        return None
    return "update", {"resource": _patched(theirs.resource, before, after, top=True)}


def _patched(theirs: Any, before: Any, after: Any, *, top: bool = False) -> Any:
    """Theirs with what differs between before and after as it is after."""
    if before == after:
        return theirs
    if isinstance(after, dict):
        made = dict(theirs) if isinstance(theirs, dict) else {}
        old = before if isinstance(before, dict) else {}
        for name in old.keys() | after.keys():
            if top and name in _OURS:
                continue
            if name not in after:
                made.pop(name, None)
            elif old.get(name) != after[name]:
                made[name] = _patched(made.get(name), old.get(name), after[name])
        return made
    if (
        isinstance(after, list)
        and isinstance(theirs, list)
        and isinstance(before, list)
        and len(after) == len(theirs) == len(before)
    ):
        return [_patched(*three) for three in zip(theirs, before, after, strict=True)]
    return after


def _at(text: Any, now: datetime) -> datetime:
    return datetime.fromisoformat(text) if isinstance(text, str) else now
