"""References between resources: by type and id, by URL or urn:uuid, contained, or by identifier alone."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from domain.claim import ID
from streaming.fhir.elements import Element
from streaming.fhir.naming import Names

_LITERAL: Final = re.compile(r"(?:.*/)?([A-Z][A-Za-z]{1,63})/([A-Za-z0-9.-]{1,64})(?:/_history/[^/]+)?\Z")  # fmt: skip
_OWNERS: Final = ("encounter", "context", "beneficiary")
_ID: Final = re.compile(ID.removesuffix("$") + r"\Z")


@dataclass(slots=True, eq=False)
class Given:
    """A resource that came: its place among all, where it stood, and a cursor over it.

    ``address`` is the fullUrl of its entry; ``name`` is ``Type/id`` as far as known.
    """

    index: int
    kind: str
    element: Element
    address: str | None = None
    uses: dict[Given, None] = field(default_factory=dict)
    """What it was found to refer to: it is not taken without these."""

    @property
    def id(self) -> str | None:
        """The logical id, if it is one."""
        found = self.element.value.get("id")
        return found if isinstance(found, str) and found else None

    @property
    def name(self) -> str:
        """How it is called in what is told of it."""
        return f"{self.kind}/{self.id}" if self.id else self.kind


@dataclass(slots=True)
class Shelf:
    """All resources that came together, to be found by what refers to them."""

    names: Names = field(default_factory=Names)
    _known: dict[str, Given] = field(default_factory=dict)
    _aside: set[str] = field(default_factory=set)
    _lost: list[tuple[str, str | None]] = field(default_factory=list)
    _lost_of: dict[str, set[int | None]] = field(default_factory=dict)
    """Kind of what was refused unread -> whose it was, None where that is not known; made when first asked."""

    def put(self, given: Given) -> None:
        """Make a resource findable by its address and by type and id."""
        for key in _keys(given):
            if key in self._known and self._known[key] is not given:
                self._aside.add(key)
            self._known[key] = given

    def put_aside(self, given: Given) -> None:
        """Remember a resource that was refused unread: what refers to it is refused too."""
        self._aside |= _keys(given)
        self.lose(given.kind, given.element.value)

    def lose(self, kind: str, resource: Any) -> None:
        """Remember that a resource of a kind (empty: of any) was refused, and whose it seems to be."""
        text = None
        for name in _OWNERS if isinstance(resource, Mapping) else ():
            reference = resource.get(name)
            if isinstance(reference, Mapping) and isinstance(reference.get("reference"), str):
                text = text or reference["reference"]
        self._lost.append((kind, text))

    def may_lack(self, kinds: Collection[str], owners: Collection[Given]) -> bool:
        """Whether one of these kinds was refused unread that may belong to one of the owners.

        It does not if it names another Encounter or Patient that came.
        """
        if self._lost and not self._lost_of:
            for kind, text in self._lost:
                named = None if text is None else self._by_text(text)
                owner = None if named is None else named.index
                self._lost_of.setdefault(kind, set()).add(owner)
        mine = {None, *(owner.index for owner in owners)}
        return any(self._lost_of.get(kind, set()) & mine for kind in (*kinds, ""))

    def _by_text(self, text: str) -> Given | None:
        literal = _LITERAL.match(text)
        keys = (text, f"{literal[1]}/{literal[2]}") if literal else (text,)
        return next((self._known[key] for key in keys if key in self._known), None)

    def holds_twice(self, given: Given) -> bool:
        """Whether another resource came under the same address or type and id."""
        return not self._aside.isdisjoint(_keys(given))

    def find(self, reference: Element, holder: Given, kinds: Sequence[str]) -> Given | None:
        """The resource that a reference names, if it came; one of another kind is a fault."""
        text = reference.text("reference") if "reference" in reference else None
        if text is None:
            return None
        if text.startswith("#"):
            return self._contained(reference, holder, text[1:], kinds)
        literal = _LITERAL.match(text)
        keys = (text, f"{literal[1]}/{literal[2]}") if literal else (text,)
        found = next((self._known[key] for key in keys if key in self._known), None)
        if (literal and literal[1] not in kinds) or (found and found.kind not in kinds):
            reference.refuse("reference", "reference", f"Refer to {' or '.join(kinds)}.")
            return None
        if not self._aside.isdisjoint(keys):
            reference.refuse("reference", "reference", "What it refers to was refused.")
            return None
        if found is not None:
            holder.uses[found] = None
        return found

    def look(self, reference: Element) -> Given | None:
        """What a reference names, without a word on what is wrong with it."""
        text = reference.value.get("reference")
        found = self._by_text(text) if isinstance(text, str) else None
        return None if found is None or self.holds_twice(found) else found

    def _contained(
        self, reference: Element, holder: Given, name: str, kinds: Sequence[str]
    ) -> Given | None:
        for one in holder.element.many("contained"):
            if one.value.get("id") == name and one.value.get("resourceType") in kinds:
                return Given(holder.index, str(one.value["resourceType"]), one)
        reference.refuse("reference", "reference", f"Nothing contained has this id and is {' or '.join(kinds)}.")  # fmt: skip
        return None

    def identify(
        self, reference: Element | None, holder: Given, kinds: Sequence[str], system: str, *,
        by_id: bool = False,
    ) -> str | None:  # fmt: skip
        """The identifier of what a reference names: the resource's own, the reference's, or its id.

        ``by_id`` takes the id of ``Type/id`` for a resource that did not come; without it
        that is a fault: a server's id is not the identifier under which a stay is known.
        """
        if reference is None:
            return None
        reference.take("type"), reference.take("display")
        before = len(reference.faults)
        found = self.find(reference, holder, kinds)
        if len(reference.faults) > before:
            return None
        if found is not None:
            beside = reference.one("identifier")
            if beside is not None:
                beside.take("system"), beside.take("value")
            return self.identifier(found.element, system, found.id)
        logical = reference.one("identifier")
        if logical is not None:
            logical.take("system"), logical.take("type")
            return logical.text("value") or _missing(logical)
        literal = _LITERAL.match(str(reference.value.get("reference") or ""))
        if by_id and literal:
            return literal[2]
        reference.refuse("reference", "reference", f"Send the {kinds[0]} along in the same bundle, or name it by identifier.")  # fmt: skip
        return None

    def identifier(self, element: Element, system: str, else_id: str | None) -> str | None:
        """The identifier of a resource: that of the system, else the first that has a value, else its id."""
        first = None
        for one in element.many("identifier"):
            value = one.text("value") if "value" in one else None
            named = self.names.of(one.text("system") if "system" in one else None)
            if value is not None and named == system:
                return value
            first = first or value
        return first or else_id


def _keys(given: Given) -> set[str]:
    keys = {given.address} if given.address else set()
    return keys | ({f"{given.kind}/{given.id}"} if given.id else set())


def _missing(logical: Element) -> str | None:
    logical.refuse("value", "required", "Give the value of the identifier.")
    return None


def good_id(element: Element, name: str, value: str | None, most: int = 64) -> str | None:
    """An identifier that can stand in our tables; None and a fault if it cannot."""
    if value is None:
        return None
    if len(value) > most or not _ID.match(value):
        element.refuse(name, "format", f"Use at most {most} letters, digits and . _ : / - in an identifier, a letter or digit first.")  # fmt: skip
        return None
    return value


def codings(concept: Element, names: Names) -> list[tuple[str | None, str, Element]]:
    """System (as ours), code and element of each coding of a concept that has a code."""
    found: list[tuple[str | None, str, Element]] = []
    for coding in concept.many("coding"):
        system = names.of(coding.text("system")) if "system" in coding else None
        code = coding.text("code") if "code" in coding else None
        if code is not None:
            found.append((system, code, coding))
    return found


def coded(
    concept: Element, names: Names, lists: Mapping[str, Mapping[str, str] | None], what: str
) -> str | None:
    """The code of a concept from the first of the lists that it has a coding of.

    ``lists`` maps a system to its codes as ours (None: any code, as it is). A concept
    without a coding of these systems, or with a code that they do not have, is a fault.
    """
    found = codings(concept, names)
    for system, words in lists.items():
        for named, code, coding in found:
            if named != system:
                continue
            if words is None:
                return code
            if code in words:
                return words[code]
            coding.refuse("code", "enum", f"Use one of {', '.join(sorted(words))}.")
            return None
    systems = " or ".join(lists)
    concept.refuse("coding", "system", f"Give {what} with a code of {systems}; docs/fhir.md says how a site's own systems are named.")  # fmt: skip
    return None


def name_of(concept: Element, system: str | None = None) -> str | None:
    """What a concept is called: its text, else the display of the coding of a system."""
    if "text" in concept:
        return concept.text("text")
    for coding in concept.many("coding"):
        if "display" in coding and (system is None or coding.value.get("system") == system):
            return coding.text("display")
    return None


def same(value: Any) -> dict[str, str]:
    """A code list as words that stay as they are."""
    return {code: code for code in value}
