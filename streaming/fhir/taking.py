"""Keeping account of what came: each resource is taken or refused, and what was not kept is noted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from domain.service import RefusedResource, UnkeptElement
from streaming.fhir.bundles import Arrived
from streaming.fhir.elements import Fault
from streaming.fhir.references import Given

NAMED: Final = ("Patient", "Organization", "Practitioner", "PractitionerRole", "Location", "Medication")  # fmt: skip
"""Resources that say something only where another one refers to them."""


class Taking:
    """Reads what came, resource by resource, and can say of each what became of it."""

    def __init__(self, came: Arrived) -> None:
        self.came, self.shelf = came, came.shelf
        self.by_kind: dict[str, list[Given]] = {}
        for given in came.given:
            self.by_kind.setdefault(given.kind, []).append(given)
        self._taken: set[int] = set()

    def settle(self, given: Given, read: Callable[[Given], Callable[[], None]]) -> bool:
        """Read a resource, and keep what was read if nothing is wrong. Whether it was taken.

        ``read`` gives what keeps it; that may find a fault too, before it keeps anything.
        A fault in what the resource refers to is a fault of its own: it would be half told.
        """
        keep = None if given.element.faults else read(given)
        for used in given.uses:
            lacking = used.element.faults or used.index in self.came.aside
            if lacking and not given.element.faults:
                given.element.refuse("", "reference", f"It refers to a {used.kind} that was refused.")  # fmt: skip
        if keep is not None and not given.element.faults:
            keep()
        if given.element.faults:
            self.came.refuse(given.index, given.name, _once(given.element.faults))
            return False
        self._taken.add(given.index)
        return True

    def finish(self) -> tuple[list[RefusedResource], tuple[int, ...], list[UnkeptElement]]:
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
            UnkeptElement(given.index, given.name, path)
            for given in self.came.given
            if given.index in kept
            for path in given.element.unread()
        ]
        return refused, tuple(sorted(kept)), notes


def _once(faults: Iterable[Fault]) -> list[Fault]:
    """The faults without repeats: an element may be looked at twice."""
    return list(dict.fromkeys(faults))
