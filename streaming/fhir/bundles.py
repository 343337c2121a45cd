"""What comes: resources and Bundles, each resource once in order, with the address of its entry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from domain.service import RefusedResource
from streaming.fhir.elements import Element, Fault
from streaming.fhir.naming import Names
from streaming.fhir.references import Given, Shelf
from streaming.fhir.structure import faults_of

TYPES: Final = frozenset({"message", "transaction", "batch", "collection", "searchset"})
"""Types of Bundles that are read."""
_WRITES: Final = frozenset({"POST", "PUT"})
MOST_RESOURCES: Final = 60_000
"""Resources of one reading at most: a stay may have 50,000 charge lines and 5,000 orders."""
ENCODER: Final = msgspec.json.Encoder(decimal_format="number")
_SORTED: Final = msgspec.json.Encoder(decimal_format="number", order="sorted")


@dataclass(slots=True)
class Arrived:
    """What came, sorted into resources that can be looked at and refusals of the others."""

    shelf: Shelf
    given: list[Given] = field(default_factory=list)
    drafts: set[int] = field(default_factory=set)
    refused: list[RefusedResource] = field(default_factory=list)
    aside: set[int] = field(default_factory=set)
    count: int = 0
    timestamp: str | None = None
    identifier: str | None = None

    def refuse(self, index: int, resource: str, faults: Iterable[Fault]) -> None:
        """Set a resource aside with its faults; one that was is not told twice."""
        if index in self.aside:
            return
        self.aside.add(index)
        self.refused += [
            RefusedResource(index, resource, f.element, f.rule, f.reason) for f in faults
        ]


def arrive(
    resources: Iterable[Any], drafts: Iterable[Any] = (), *, models: bool, names: Names
) -> Arrived:
    """Take apart what came: every resource is either given or refused, and counted."""
    found = Arrived(Shelf(names))
    for draft, group in ((False, resources), (True, drafts)):
        for one in group:
            if isinstance(one, Mapping) and one.get("resourceType") == "Bundle":
                _open(one, found, models=models, draft=draft)
            else:
                _take(one, found, None, models=models, draft=draft)
    kept = []
    for given in found.given:
        if found.shelf.holds_twice(given):
            fault = Fault(f"{given.kind}.id", "duplicate-id", "Another resource of the same bundle has this id or fullUrl: send each once.")  # fmt: skip
            found.refuse(given.index, given.name, [fault])
            found.shelf.lose(given.kind, given.element.value)
        else:
            kept.append(given)
    found.given = kept
    return found


def pieces(resource: Any) -> list[Any]:
    """What ``arrive`` counts of a resource, in the same order: the entries of a Bundle, or itself."""
    entries = resource.get("entry") if isinstance(resource, Mapping) else None
    if not isinstance(resource, Mapping) or resource.get("resourceType") != "Bundle":
        return [resource]
    if not isinstance(entries, list) or not entries:
        return [resource]
    held = [e.get("resource", e) if isinstance(e, Mapping) else e for e in entries]
    return [e if e is not None else resource for e in held]


def _open(bundle: Mapping[str, Any], found: Arrived, *, models: bool, draft: bool) -> None:
    kind, entries = bundle.get("type"), bundle.get("entry")
    faults = _faults_of_bundle(bundle)
    element = Element(bundle, "Bundle", [])
    timestamp = element.instant("timestamp") if "timestamp" in element else None
    identifier = element.one("identifier")
    value = identifier.text("value") if identifier is not None else None
    system = identifier.text("system") if identifier is not None else None
    if faults or element.faults:
        # The bundle is refused as one; what it holds is counted, so that nothing is lost.
        count = max(1, len(entries) if isinstance(entries, list) else 0)
        for place in range(count):
            found.refuse(found.count + place, "Bundle", faults or element.faults)
        found.count += count
        found.shelf.lose("", None)
        return
    found.timestamp = timestamp or found.timestamp
    if value is not None:
        found.identifier = f"{system or ''}|{value}"
    for place, entry in enumerate(entries or ()):
        path = f"Bundle.entry[{place}]"
        wrong = _faults_of_entry(entry, path, kind)
        if wrong:
            found.refuse(found.count, path, wrong)
            found.count += 1
            held: Any = entry.get("resource") if isinstance(entry, Mapping) else None
            kind_of = held.get("resourceType") if isinstance(held, Mapping) else None
            found.shelf.lose(kind_of if isinstance(kind_of, str) else "", held)
            continue
        _take(entry["resource"], found, entry.get("fullUrl"), models=models, draft=draft)


def _faults_of_bundle(bundle: Mapping[str, Any]) -> list[Fault]:
    kind, entries = bundle.get("type"), bundle.get("entry")
    if not isinstance(kind, str) or kind not in TYPES:
        return [Fault("Bundle.type", "enum", f"Use one of {', '.join(sorted(TYPES))}.")]
    if entries is not None and not isinstance(entries, list):
        return [Fault("Bundle.entry", "type", "Write entry as a list of objects.")]
    if len(entries or ()) > MOST_RESOURCES:
        return [Fault("Bundle.entry", "too-large", f"Send at most {MOST_RESOURCES} entries.")]
    for name in ("implicitRules", "modifierExtension"):
        if name in bundle:
            return [Fault(f"Bundle.{name}", "modifier", "It changes the meaning of the rest and is not understood: send it without.")]  # fmt: skip
    around = {k: v for k, v in bundle.items() if k not in ("entry", "link", "signature", "total")}
    return faults_of(around, models=False)


def _faults_of_entry(entry: Any, path: str, kind: Any) -> list[Fault]:
    if not isinstance(entry, Mapping):
        return [Fault(path, "type", "Write an entry as an object.")]
    resource, address, request = (entry.get(n) for n in ("resource", "fullUrl", "request"))
    if address is not None and not (isinstance(address, str) and address):
        return [Fault(f"{path}.fullUrl", "type", "Write fullUrl as text.")]
    if resource is None:
        return [Fault(f"{path}.resource", "required", "An entry brings a resource.")]
    if kind in ("transaction", "batch") and request is not None:
        method = request.get("method") if isinstance(request, Mapping) else None
        if method not in _WRITES:
            return [Fault(f"{path}.request.method", "not-supported", "Only POST and PUT of a whole resource are read.")]  # fmt: skip
    if isinstance(resource, Mapping) and resource.get("resourceType") == "Bundle":
        return [Fault(f"{path}.resource", "not-supported", "A Bundle in a Bundle is not read.")]
    return []


def _take(resource: Any, found: Arrived, address: str | None, *, models: bool, draft: bool) -> None:
    index = found.count
    found.count += 1
    faults = faults_of(resource, models=models)
    kind = resource.get("resourceType") if isinstance(resource, Mapping) else None
    name = kind if isinstance(kind, str) and kind.isalpha() and len(kind) <= 64 else "(resource)"
    given = Given(index, name, Element(resource if isinstance(resource, Mapping) else {}, name, []), address)  # fmt: skip
    if faults:
        found.refuse(index, name, faults)
        found.shelf.put_aside(given)
        return
    found.shelf.put(given)
    found.given.append(given)
    if draft:
        found.drafts.add(index)


def digest_text(value: Any) -> bytes:
    """Canonical bytes of plain data: the same for the same content."""
    return _SORTED.encode(value)
