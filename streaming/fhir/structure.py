"""Whether a JSON object is a FHIR R4 resource that is read here, before anything of it is used.

Two looks. The first is ours and always made: the rules of FHIR's JSON that a model does not
know (nothing empty, no null, no U+0000), a bound on depth and size, and what changes the
meaning of everything else (``implicitRules``, ``modifierExtension``). The second is the
whole structure by the models of ``fhir.resources`` (R4B, which has these resources as R4
has them); its fault paths become FHIRPaths. Types and words of the elements that are used
are checked once more where they are read: the models let a text pass for a number.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Final

from streaming.fhir.elements import Fault, exact

if TYPE_CHECKING:
    from pydantic import BaseModel

READ: Final = frozenset({
    "Bundle", "ChargeItem", "Claim", "Condition", "Coverage", "DeviceRequest", "Encounter",
    "Location", "Medication", "MedicationRequest", "MessageHeader", "Organization", "Patient",
    "Practitioner", "PractitionerRole", "Procedure", "ServiceRequest",
})  # fmt: skip
"""The resources that are read."""
MOST_DEPTH: Final = 24
"""Levels of nesting at most: an order has eight."""
MOST_NODES: Final = 100_000
"""Values of one resource at most: a claim of 5,000 lines has about that many."""
MOST_TEXT: Final = 64 * 1024
_LONGEST_NAME: Final = 64
_MODIFIERS: Final = frozenset({"implicitRules", "modifierExtension"})
_MOST_FAULTS: Final = 20


def faults_of(resource: Any, *, models: bool) -> list[Fault]:
    """What is wrong with the form of a resource; with ``models`` its whole structure is checked."""
    if not isinstance(resource, Mapping):
        return [Fault("", "type", "Send a resource: a JSON object with resourceType.")]
    kind = resource.get("resourceType")
    if not isinstance(kind, str) or kind not in READ:
        return [Fault("resourceType", "not-supported", f"Only {', '.join(sorted(READ))} are read.")]
    found = _form(resource, kind)
    if not found and models:
        found = _by_model(resource, kind)
    return found[:_MOST_FAULTS]


def _form(resource: Mapping[str, Any], kind: str) -> list[Fault]:
    # A stack of our own: no nesting that a sender can write may exhaust the interpreter's.
    found: list[Fault] = []
    stack: list[tuple[Any, str, int]] = [(resource, kind, 1)]
    nodes = 0
    while stack and len(found) < _MOST_FAULTS:
        value, path, depth = stack.pop()
        nodes += 1
        if depth > MOST_DEPTH:
            return [Fault(path[:200], "too-deep", f"Nest at most {MOST_DEPTH} levels.")]
        if nodes > MOST_NODES:
            return [Fault(kind, "too-large", f"Send at most {MOST_NODES} values in one resource.")]
        # The commonest kinds first: asking whether something is a Mapping is what costs most.
        if isinstance(value, str):
            fault = _text_fault(value, path)
            if fault is not None:
                found.append(fault)
        elif isinstance(value, (dict, Mapping)):
            found += _object_faults(value, path)
            for name, inner in value.items():
                if inner is not None and isinstance(name, str) and _is_name(name):
                    stack.append((inner, f"{path}.{name}", depth + 1))
        elif isinstance(value, (list, tuple)):
            if not value:
                found.append(Fault(path, "empty", "Leave out a list that is empty."))
            beside = path.rpartition(".")[2].startswith("_")
            for place, one in enumerate(value):
                if one is None and not beside:
                    found.append(Fault(f"{path}[{place}]", "empty", "Leave out what has no content."))  # fmt: skip
                elif one is not None:
                    stack.append((one, f"{path}[{place}]", depth + 1))
        elif not isinstance(value, bool) and exact(value) is None:
            found.append(Fault(path, "number", "Write a number of at most 24 digits and no absurd exponent."))  # fmt: skip
    return found


def _object_faults(value: Mapping[str, Any], path: str) -> list[Fault]:
    """What is wrong with the names of an object, and with what it holds in place of nothing."""
    if not value:
        return [Fault(path, "empty", "Leave out what has no content.")]
    found = []
    for name, inner in value.items():
        if not isinstance(name, str) or not _is_name(name):
            # What is no name of FHIR's is not repeated: it may be anything.
            found.append(Fault(path, "unknown-element", "It has an element that FHIR does not know: remove it."))  # fmt: skip
        elif name in _MODIFIERS:
            found.append(Fault(f"{path}.{name}", "modifier", "It changes the meaning of the rest and is not understood: send it without."))  # fmt: skip
        elif inner is None:
            found.append(Fault(f"{path}.{name}", "empty", "Leave the element out: JSON null stands for nothing here."))  # fmt: skip
    return found


@lru_cache(maxsize=4096)
def _is_name(name: str) -> bool:
    plain = name.removeprefix("_")
    known = plain.isascii() and plain.isalnum() and plain[0].isalpha()
    return known and len(name) <= _LONGEST_NAME


def _text_fault(value: str, path: str) -> Fault | None:
    if not value:
        return Fault(path, "empty", "Leave out a text that is empty.")
    if "\x00" in value:
        return Fault(path, "nul", "Send it without the character U+0000, which no text has.")
    if len(value) > MOST_TEXT:
        return Fault(path, "too-large", f"Shorten it to at most {MOST_TEXT} characters.")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            return Fault(path, "not-utf8", "It holds half a character (a lone surrogate): send it in UTF-8.")  # fmt: skip
    return None


@cache
def _model(kind: str) -> type[BaseModel]:
    module = importlib.import_module(f"fhir.resources.R4B.{kind.lower()}")
    found: type[BaseModel] = getattr(module, kind)
    return found


def _by_model(resource: Mapping[str, Any], kind: str) -> list[Fault]:
    from pydantic import ValidationError  # noqa: PLC0415 (with the models, half a second)

    plain = dict(resource)
    contained = plain.pop("contained", None) or []
    try:
        _model(kind).model_validate(plain)
    except ValidationError as error:
        told = error.errors(include_url=False, include_input=False, include_context=False)
        return [_told(kind, e["loc"], e["type"]) for e in told]
    except Exception:
        return [Fault(kind, "structure", "FHIR R4 does not have this structure.")]
    found = []
    for place, one in enumerate(contained if isinstance(contained, list) else ["?"]):
        inner = faults_of(one, models=True)
        found += [Fault(f"{kind}.contained[{place}].{f.element}", f.rule, f.reason) for f in inner]
    return found


_RULES: Final = {
    "extra_forbidden": ("unknown-element", "FHIR R4 has no such element here: remove it."),
    "missing": ("required", "FHIR R4 requires this element."),
    "model_field_validation.missing": ("required", "FHIR R4 requires this element."),
}


def _told(kind: str, location: tuple[int | str, ...], cause: str) -> Fault:
    # The models' own words may quote the value; ours never do.
    path = kind
    # A name that FHIR does not know is not repeated: a sender may have put a person's there.
    for part in location[:-1] if cause == "extra_forbidden" else location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    rule, reason = _RULES.get(cause, ("structure", "FHIR R4 has another type or form here."))
    return Fault(path, rule, reason)
