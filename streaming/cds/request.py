"""A call of CDS Hooks as order events: what the client sent, on top of what is known of the stay.

Prefetched resources say how things stand now, so their events count above those of the stream; the
head that the stream knows stays where the Encounter says nothing. What cannot be read is set aside with
its reason, and the rest is judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import msgspec

from domain.cds import MOST_RESOURCES
from domain.service import HookCall, MissingDataError, UnreadableError
from streaming.cds.actions import Sent, Write
from streaming.fhir import Names, events_of, naming, resource_of_order
from streaming.fhir.elements import Element
from streaming.fhir.orders import KINDS
from streaming.fhir.references import Shelf
from streaming.orders.state import LISTS, OpenStay

Json = dict[str, Any]

LAST: Final = 2**31 - 2
"""The sequence of what the client sent: above all that the stream numbers."""
_ENCODE: Final = msgspec.json.Encoder(decimal_format="number").encode
_READ: Final = frozenset({"Patient", "Encounter", "Condition", "Procedure", "Coverage", "Practitioner",
                          "PractitionerRole", "Organization", "Location", "Medication", *KINDS})  # fmt: skip
_PERSONAL: Final = frozenset({
    "medical_record_number", "identity_number", "phone", "address", "employer", "bank_account",
    "patient_name", "contact_name",
})  # fmt: skip
"""Fields that are pseudonyms in a stored head: they are not sent through intake again."""
PEOPLE: Final = ("Practitioner", "PractitionerRole")


@dataclass(frozen=True, slots=True)
class Asked:
    """A call taken apart: whose stay, the resources, the drafts, which of them it is about, who asks."""

    call: HookCall
    stay_id: str
    resources: tuple[Json, ...]
    drafts: tuple[Json, ...]
    selected: frozenset[str]
    """References of the drafts that it is about, as ``Type/id``."""
    physician_id: str | None
    """None where the user is no practitioner."""
    has_encounter: bool
    set_aside: list[Json] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Told:
    """The events of a call, the orders that it is about, and the orders as the client sent them."""

    records: list[bytes]
    subjects: frozenset[str]
    sent: dict[str, Sent]


def take_apart(call: HookCall, names: Names) -> Asked | None:
    """What a call says; None where it names no stay, which is no patient in hospital."""
    context = call.request["context"]
    prefetched = _unpacked((call.request.get("prefetch") or {}).values())
    drafts = _unpacked([context["draftOrders"]] if "draftOrders" in context else [])
    if len(prefetched) + len(drafts) > MOST_RESOURCES:
        raise UnreadableError(
            f"the call brings more than {MOST_RESOURCES} resources",
            where="prefetch",
            cure="Prefetch what the templates of GET /cds-services ask for, and nothing beside.",
        )
    encounter_id = context.get("encounterId") or _encounter_of(drafts)
    if encounter_id is None:
        return None
    encounter = next(
        (r for r in prefetched if r["resourceType"] == "Encounter" and r.get("id") == encounter_id),
        None,
    )
    kind, _, user = context["userId"].partition("/")
    draft_names = frozenset(_reference(d) for d in drafts)
    selected = draft_names
    if call.hook == "order-select":
        selected = frozenset(_last_two(s) for s in context["selections"]) & draft_names
    return Asked(
        call=call,
        stay_id=encounter_id if encounter is None else _identifier(encounter, naming.STAY_ID, names) or encounter_id,
        resources=tuple(r for r in prefetched if r["resourceType"] in _READ),
        drafts=tuple(drafts),
        selected=selected,
        physician_id=user if kind in PEOPLE else None,
        has_encounter=encounter is not None,
    )  # fmt: skip


def tell(asked: Asked, known: OpenStay | None, names: Names) -> Told:
    """The events of a call on top of a stay as stored; MissingDataError, UnreadableError.

    Events that intake would refuse come back from it; what FHIR's reader refuses is noted in ``set_aside``.
    """
    call = asked.call
    provider = _provider(asked, known)
    linked = partial(_linked, asked=asked)
    resources = [linked(r) for r in asked.resources]
    if not asked.has_encounter:
        # Conditions and procedures are told with their Encounter; without it the stored lists hold.
        resources = [r for r in resources if r["resourceType"] not in ("Condition", "Procedure")]
    drafts = []
    for one in asked.drafts:
        if _of_another(one, call.request["context"]["patientId"]):
            asked.set_aside.append(_aside(_reference(one), "subject", "The draft is of another patient than the call."))  # fmt: skip
        else:
            drafts.append(linked(one))
    own = {_reference(d) for d in drafts}
    resources = [r for r in resources if _reference(r) not in own]
    there = {_reference(r) for r in resources}
    # What goes back in an action is the client's own, without the links that are laid here.
    sent = {
        name: Sent(one, draft=False, row=None)
        for name, one in _orders([r for r in asked.resources if _reference(r) in there], names)
    }
    running = {_reference(s.resource) for name, s in sent.items() if _runs(known, name, s.resource)}
    resources = [r for r in resources if _reference(r) not in running]
    found = events_of(
        resources, provider_id=provider, at=call.at, drafts=drafts, models=False, names=names,
        time_zone=_zone(known),
    )  # fmt: skip
    asked.set_aside.extend(_aside(r.resource, r.element, r.reason) for r in found.refused)
    events = [e for e in found.events if e["stay_id"] == asked.stay_id]
    sent |= {
        name: Sent(one, draft=True, row=None)
        for name, one in _orders([d for d in asked.drafts if _reference(d) in own], names)
    }
    subjects = {n for n, s in sent.items() if s.draft and _reference(s.resource) in asked.selected}
    records = []
    for place, event in enumerate(events):
        told = event | {"sequence": LAST, "event_id": f"cds-{place}"}
        if "stay" in told and known is not None and known.head.value is not None:
            kept = {k: v for k, v in known.head.value.items() if k not in _PERSONAL}
            told["stay"] = kept | told["stay"]
            if _says_nothing_new(told, kept, known):
                continue
        records.append(_ENCODE(told))
    return Told(records, frozenset(subjects), sent)


def writer(asked: Asked) -> Write:
    """How an order is written for the client: with the patient and encounter of the call."""
    context = asked.call.request["context"]
    encounter = context.get("encounterId") or _encounter_of(asked.drafts) or asked.stay_id
    return partial(
        resource_of_order,
        patient=f"Patient/{context['patientId']}",
        encounter=f"Encounter/{encounter}",
    )


def missing(why: str) -> MissingDataError:
    """The error of a call that lacks what a judgement needs."""
    return MissingDataError(
        why,
        where="prefetch",
        cure="Send the prefetch of GET /cds-services (Encounter and Patient at least), or feed the stay's events "
        "beforehand, with the same identifier of the stay; docs/cds-hooks.md.",
    )


def _unpacked(values: Iterable[Any]) -> list[Json]:
    """The resources of prefetched values and Bundles, each once; what reports an error is none."""
    found: dict[str, Json] = {}
    for number, one in enumerate(_all(values)):
        if one.get("resourceType") == "OperationOutcome":
            continue
        # The same Patient may come in several Bundles (_include): the first counts.
        found.setdefault(_reference(one) if "id" in one else f"#{number}", one)
    return list(found.values())


def _all(values: Iterable[Any]) -> Iterator[Json]:
    for value in values:
        if not isinstance(value, Mapping):
            continue
        if value.get("resourceType") != "Bundle":
            yield dict(value)
            continue
        for entry in value.get("entry") or ():
            if isinstance(entry, Mapping) and isinstance(entry.get("resource"), Mapping):
                yield dict(entry["resource"])


def _provider(asked: Asked, known: OpenStay | None) -> str | None:
    """The hospital of the call: the caller's only one, else the stored stay's; None lets the Encounter say it."""
    allowed = asked.call.providers
    if len(allowed) == 1:
        return allowed[0]
    if known is not None and known.who.value is not None:
        return str(known.who.value["provider_id"])
    if not asked.has_encounter:
        raise missing(
            f"nothing is known of the stay {asked.stay_id}, and the call brings no Encounter"
        )
    return None


def _linked(resource: Json, *, asked: Asked) -> Json:
    """A resource with its patient and stay named so that they are found without the server."""
    if resource["resourceType"] not in (*KINDS, "Condition", "Procedure", "Encounter"):
        return resource
    context = asked.call.request["context"]
    made = dict(resource)
    there = {r["resourceType"] for r in asked.resources}
    if "Patient" not in there:
        made["subject"] = {
            "identifier": {"system": naming.PATIENT_ID, "value": context["patientId"]}
        }
    elif "subject" not in made:
        made["subject"] = {"reference": f"Patient/{context['patientId']}"}
    if resource["resourceType"] != "Encounter":
        if not asked.has_encounter:
            made["encounter"] = {"identifier": {"system": naming.STAY_ID, "value": asked.stay_id}}
        elif "encounter" not in made:
            made["encounter"] = {
                "reference": f"Encounter/{context.get('encounterId') or asked.stay_id}"
            }
    return made


def _of_another(draft: Json, patient_id: str) -> bool:
    reference = draft.get("subject")
    text = reference.get("reference") if isinstance(reference, Mapping) else None
    return isinstance(text, str) and "/" in text and _last_two(text) != f"Patient/{patient_id}"


def _orders(resources: Sequence[Json], names: Names) -> Iterator[tuple[str, Json]]:
    for one in resources:
        if one["resourceType"] in KINDS:
            name = _identifier(one, naming.ORDER_ID, names)
            if name is not None:
                yield name, one


def _runs(known: OpenStay | None, name: str, resource: Json) -> bool:
    """Whether the stream told of the order and both say that it runs: then it need not be read again."""
    order = None if known is None else known.orders.get(name)
    row = None if order is None else order.row()
    return row is not None and row["status"] == resource.get("status") == "active"


def _says_nothing_new(event: Json, head: Json, known: OpenStay) -> bool:
    """Whether an Encounter and what came with it say what the stream said already."""
    listed = {n: v for n, v in event.items() if n in LISTS}
    stored = {n: known.lists[n].value or [] for n in listed}
    told = {k: v for k, v in event["stay"].items() if k not in _PERSONAL}
    return _plain([told]) == _plain([head]) and all(
        _plain(listed[n]) == _plain(stored[n]) for n in listed
    )


def _plain(rows: Iterable[Mapping[str, Any]]) -> list[Json]:
    """Rows without missing values, instants in one form: to be compared."""
    return [
        {k: _instant(v) if k.endswith("_time") else v for k, v in row.items() if v is not None}
        for row in rows
    ]


def _instant(value: Any) -> Any:
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except (TypeError, ValueError):
        return value


def _identifier(resource: Json, system: str, names: Names) -> str | None:
    """The identifier by which a resource is known here, as the reader of FHIR takes it."""
    found = resource.get("id")
    cursor = Element(resource, str(resource["resourceType"]), [])
    return Shelf(names).identifier(cursor, system, found if isinstance(found, str) else None)


def _encounter_of(drafts: Iterable[Json]) -> str | None:
    """The one Encounter that drafts refer to, where the context does not say it."""
    found = set()
    for one in drafts:
        reference = one.get("encounter")
        text = reference.get("reference") if isinstance(reference, Mapping) else None
        if isinstance(text, str) and _last_two(text).startswith("Encounter/"):
            found.add(_last_two(text).removeprefix("Encounter/"))
    return found.pop() if len(found) == 1 else None


def _reference(resource: Json) -> str:
    return f"{resource.get('resourceType')}/{resource.get('id')}"


def _last_two(reference: str) -> str:
    return "/".join(reference.partition("/_history")[0].split("/")[-2:])


def _zone(known: OpenStay | None) -> str:
    return (
        "Asia/Shanghai"
        if known is None or known.who.value is None
        else known.who.value["time_zone"]
    )


def _aside(resource: str, element: str, reason: str) -> Json:
    return {"resource": resource, "element": element, "reason": reason}
