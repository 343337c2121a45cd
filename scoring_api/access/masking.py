"""Identifiers of patients and physicians, hidden from those who may not read them.

Without ``identifiers.read`` a pseudonym or a physician's id is ``***`` wherever it stands: under
its own name, and inside the texts and facts beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeVar

from domain.access import Permission, Principal
from scoring_api.problems import ProblemError

HIDDEN: Final = "***"
KEYS: Final = frozenset(
    {
        "patient_id",
        "physician_id",
        "attending_physician_id",
        "medical_record_number",
        "identity_number",
        "phone",
        "address",
        "employer",
        "bank_account",
    }
)
"""Names under which an identifier of a person stands."""
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
    hidden: T = _hide(told, identifiers)
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


def _reads(principal: Principal | None) -> bool:
    return principal is not None and principal.may(Permission.IDENTIFIERS_READ)


def _found(told: Any) -> Iterator[str]:
    if isinstance(told, Mapping):
        for name, value in told.items():
            if name in KEYS and isinstance(value, str):
                yield value
            else:
                yield from _found(value)
    elif isinstance(told, list | tuple):
        for value in told:
            yield from _found(value)


def _hide(told: Any, identifiers: list[str]) -> Any:
    if isinstance(told, Mapping):
        return {
            name: (None if value is None else HIDDEN)
            if name in KEYS and not isinstance(value, Mapping | list)
            else _hide(value, identifiers)
            for name, value in told.items()
        }
    if isinstance(told, list | tuple):
        return [_hide(value, identifiers) for value in told]
    if isinstance(told, str):
        for identifier in identifiers:
            told = told.replace(identifier, HIDDEN)
    return told
