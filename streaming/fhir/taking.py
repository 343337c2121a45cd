"""Keeping account of what came: each resource is taken or refused, and what was not kept is noted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from streaming.fhir.bundles import Arrived, RefusedResource
from streaming.fhir.elements import Element, Fault
from streaming.fhir.references import Given

NAMED: Final = ("Patient", "Organization", "Practitioner", "PractitionerRole", "Location", "Medication")  # fmt: skip
"""Resources that say something only where another one refers to them."""


@dataclass(frozen=True, slots=True)
class Note:
    """An element that was understood as FHIR and not kept, for no field of ours holds it."""

    index: int
    resource: str
    element: str


class Taking:
    """Reads what came, resource by resource, and can say of each what became of it."""

    def __init__(self, came: Arrived) -> None:
        self.came, self.shelf = came, came.shelf
        self.by_kind: dict[str, list[Given]] = {}
        for given in came.given:
            self.by_kind.setdefault(given.kind, []).append(given)
        self._taken: set[int] = set()

    def settle(self, given: Given, work: Callable[[Given], None]) -> bool:
        """Read a resource; with a fault it is refused, and nothing of it is kept. Whether it was taken."""
        if not given.element.faults:
            work(given)
        if given.element.faults:
            self.came.refuse(given.index, given.name, _once(given.element.faults))
            return False
        self._taken.add(given.index)
        return True

    def own_up(self, reference: Element | None, holder: Given) -> None:
        """A fault in a Patient is a fault of the stay, which would else lack what it says."""
        found = self.shelf.find(reference, holder, ("Patient",)) if reference else None
        if reference is None or found is None or found.index == holder.index:
            return
        if found.element.faults:
            self.came.refuse(found.index, found.name, _once(found.element.faults))
            reference.refuse("", "reference", "The Patient it refers to was refused.")

    def finish(self) -> tuple[list[RefusedResource], tuple[int, ...], list[Note]]:
        """The refusals in order, the places of what was taken, and what of it was not kept."""
        for kind in NAMED:
            # What only names others is taken with them.
            for given in self.by_kind.get(kind, []):
                if given.element.faults:
                    self.came.refuse(given.index, given.name, _once(given.element.faults))
                self._taken.add(given.index)
        refused = sorted(self.came.refused, key=lambda r: r.index)
        kept = self._taken - self.came.aside
        notes = [
            Note(given.index, given.name, path)
            for given in self.came.given
            if given.index in kept
            for path in given.element.unread()
        ]
        return refused, tuple(sorted(kept)), notes


def _once(faults: Iterable[Fault]) -> list[Fault]:
    """The faults without repeats: an element may be looked at twice."""
    return list(dict.fromkeys(faults))
