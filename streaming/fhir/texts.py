"""The bytes of a FHIR resource or Bundle, read as what is in them: order events or claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import msgspec

from domain.service import RefusedResource, UnkeptElement
from streaming.fhir.bundles import ENCODER
from streaming.fhir.claims import claims_of
from streaming.fhir.elements import Fault
from streaming.fhir.naming import Names
from streaming.fhir.reading import events_of

MOST_BYTES: Final = 64 * 2**20
"""Longest text at most: a stay with 50,000 charge lines has about 40 MiB."""
WHOLE: Final = frozenset({"transaction", "message"})
"""Types of Bundles of which all is taken or nothing (FHIR R4, 3.1.0.11 and 3.3)."""
_DECODER: Final = msgspec.json.Decoder(float_hook=Decimal)


@dataclass(frozen=True, slots=True)
class Read:
    """What a text said: order events or claims, what was refused, what was not kept.

    Every resource of ``read`` is in ``taken`` or among the refused, by its place. ``form``
    is the type of the Bundle; None for a resource alone.
    """

    events: list[dict[str, Any]]
    claims: list[dict[str, Any]]
    refused: list[RefusedResource]
    notes: list[UnkeptElement]
    read: int
    taken: tuple[int, ...]
    identifier: str | None = None
    form: str | None = None


def read(
    data: bytes,
    *,
    provider_id: str | None = None,
    time_zone: str = "Asia/Shanghai",
    at: datetime,
    models: bool = True,
    names: Names | None = None,
) -> Read:
    """Read one resource or Bundle; with a Claim in it, it is read as claims, else as order events.

    Of a transaction or message with a refused resource nothing is taken. Arguments as of
    ``events_of``; raises nothing, whatever the bytes are.
    """
    resource, fault = parse(data)
    if fault is not None:
        refused = RefusedResource(0, "(text)", fault.element, fault.rule, fault.reason)
        return Read([], [], [refused], [], 1, ())
    form = resource.get("type") if _kind(resource) == "Bundle" else None
    form = form if isinstance(form, str) else None
    found = read_loose([resource], provider_id=provider_id, time_zone=time_zone, at=at, models=models, names=names, form=form)  # fmt: skip
    return _whole_or_nothing(found) if form in WHOLE and found.refused else found


def read_loose(
    resources: Sequence[Any],
    *,
    provider_id: str | None = None,
    time_zone: str = "Asia/Shanghai",
    at: datetime,
    models: bool = True,
    names: Names | None = None,
    form: str | None = None,
) -> Read:
    """Read resources that belong together, as ``read`` reads those of one Bundle."""
    if any(_holds_claim(resource) for resource in resources):
        told = claims_of(resources, provider_id=provider_id, time_zone=time_zone, models=models, names=names)  # fmt: skip
        return Read([], told.claims, told.refused, told.notes, told.read, told.taken, told.identifier, form)  # fmt: skip
    said = events_of(resources, provider_id=provider_id, time_zone=time_zone, at=at, models=models, names=names)  # fmt: skip
    return Read(said.events, [], said.refused, said.notes, said.read, said.taken, said.identifier, form)  # fmt: skip


def parse(data: bytes) -> tuple[Any, Fault | None]:
    """The JSON of a text, its numbers digit for digit, or why it is none."""
    if len(data) > MOST_BYTES:
        return None, Fault("", "too-large", f"Send at most {MOST_BYTES // 2**20} MiB at once.")
    try:
        return _DECODER.decode(data.decode("utf-8")), None
    except UnicodeDecodeError:
        return None, Fault("", "not-utf8", "Send JSON in UTF-8.")
    except (msgspec.MsgspecError, RecursionError, ArithmeticError, ValueError):
        return None, Fault("", "not-json", "Send one complete JSON object, nested as FHIR nests.")


def encode(resource: Mapping[str, Any]) -> bytes:
    """The JSON of a resource, its numbers digit for digit."""
    return ENCODER.encode(resource)


def _whole_or_nothing(found: Read) -> Read:
    reason = "Another resource of the bundle was refused, and a transaction or message is taken whole."  # fmt: skip
    others = [RefusedResource(i, "", "", "whole", reason) for i in found.taken]
    refused = sorted([*found.refused, *others], key=lambda r: r.index)
    return Read([], [], refused, [], found.read, (), found.identifier, found.form)


def _kind(resource: Any) -> Any:
    return resource.get("resourceType") if isinstance(resource, Mapping) else None


def _holds_claim(resource: Any) -> bool:
    entries = resource.get("entry") if _kind(resource) == "Bundle" else None
    if not isinstance(entries, list):
        return bool(_kind(resource) == "Claim")
    return any(isinstance(e, Mapping) and _kind(e.get("resource")) == "Claim" for e in entries)
