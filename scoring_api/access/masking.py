"""Identifiers of patients and physicians, hidden from those who may not read them.

Without ``identifiers.read`` a pseudonym or a physician's id is ``***`` wherever it stands: under
its own name, and inside the texts and facts beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeVar

from domain.access import Permission, Principal
from scoring_api.problems import ProblemError

HIDDEN: Final = "***"
KEYS: Final = frozenset(
    {
        "patient_id",
        "patient_ids",
        "patient",
        "patients",
        "patient_name",
        "contact_name",
        "physician_id",
        "physician_ids",
        "physician",
        "physicians",
        "attending_physician_id",
        "operating_physician_id",
        "other_physician_id",
        "ordering_physician_id",
        "performing_physician_id",
        "surgeon_id",
        "anaesthetist_id",
        "responsible_nurse_id",
        "medical_record_number",
        "identity_number",
        "phone",
        "address",
        "employer",
        "bank_account",
    }
)
"""Names under which an identifier of a person stands, or a list of them."""
_NODE: Final = re.compile(
    r"(patient|physician|phone|address|bank_account|employer):(?!\*\*\*).+", re.DOTALL
)
"""The key of a node of the graph that is a person, or what leads to one."""
_SHORTEST: Final = 4
"""An identifier shorter than this is hidden under its name, but not looked for in texts."""

T = TypeVar("T")


def mask(principal: Principal | None, value: str | None) -> str | None:
    """One identifier as the caller may see it."""
    return value if value is None or _reads(principal) else HIDDEN


def masked(principal: Principal | None, told: T) -> T:
    """An answer as the caller may see it: dicts and lists of plain data, of any depth."""
    if _reads(principal):
        return told
    identifiers = sorted({v for v in _found(told) if len(v) >= _SHORTEST}, key=len, reverse=True)
    hidden: T = _Hiding(identifiers).hide(told)
    return hidden


def refuse_search(principal: Principal, *given: object) -> None:
    """Refuse to look for an identifier that the caller may not read; a 403 problem."""
    if any(value is not None for value in given) and not _reads(principal):
        raise ProblemError(
            403,
            "masked",
            "Identifiers are masked for this account, so nothing can be looked for by them.",
            cure="Leave the physician out, or ask somebody who may read identifiers.",
        )


def refuse_nodes(principal: Principal, *given: object) -> None:
    """Refuse to ask about a node of the graph that is a person, or leads to one, by its id; a 403 problem."""
    refuse_search(principal, *(one for one in given if isinstance(one, str) and _NODE.match(one)))


def _reads(principal: Principal | None) -> bool:
    return principal is not None and principal.may(Permission.IDENTIFIERS_READ)


def _identifiers(value: Any) -> list[str]:
    """The identifiers in the value of a key of ``KEYS``; none if it is a number or an object."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list | tuple) and all(isinstance(one, str) for one in value):
        return list(value)
    return []


def _found(told: Any) -> Iterator[str]:
    if isinstance(told, Mapping):
        for name, value in told.items():
            if name in KEYS and (given := _identifiers(value)):
                yield from given
            else:
                yield from _found(value)
    elif isinstance(told, list | tuple):
        for value in told:
            yield from _found(value)


class _Hiding:
    """Hides what was found; nodes of the graph keep their kind and get a number, so that edges still meet."""

    def __init__(self, identifiers: list[str]) -> None:
        self._identifiers = identifiers
        self._nodes: dict[str, str] = {}

    def hide(self, told: Any) -> Any:
        if isinstance(told, Mapping):
            return {name: self._under(name, value) for name, value in told.items()}
        if isinstance(told, list | tuple):
            return [self.hide(value) for value in told]
        return self._text(told) if isinstance(told, str) else told

    def _under(self, name: str, value: Any) -> Any:
        if name not in KEYS or not _identifiers(value):
            return self.hide(value)
        hidden = [self._text(v) if _NODE.fullmatch(v) else HIDDEN for v in _identifiers(value)]
        return hidden[0] if isinstance(value, str) else hidden

    def _text(self, text: str) -> str:
        if _NODE.fullmatch(text):
            kind = text.partition(":")[0]
            return self._nodes.setdefault(text, f"{kind}:{HIDDEN}{len(self._nodes) + 1}")
        for identifier in self._identifiers:
            text = text.replace(identifier, HIDDEN)
        return text
