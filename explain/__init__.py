"""Why a provider has its score: SHAP values that add up, reasons, and the people it rests on.

The names load when they are used: SHAP and PyTorch take seconds, which the words of cards
(``explain.wording``) need not wait for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from explain.attribution import TOLERANCE, Attribution, ExplanationError, attribute
    from explain.connections import Connection, because_of
    from explain.fidelity import measure_codes, measure_connections, measure_people
    from explain.reasons import explain
    from explain.removal import Because, Group, Scorer, because

__all__ = [
    "TOLERANCE",
    "Attribution",
    "Because",
    "Connection",
    "ExplanationError",
    "Group",
    "Scorer",
    "attribute",
    "because",
    "because_of",
    "explain",
    "measure_codes",
    "measure_connections",
    "measure_people",
]

_FROM: Final = {
    **dict.fromkeys(("TOLERANCE", "Attribution", "ExplanationError", "attribute"), "attribution"),
    **dict.fromkeys(("Connection", "because_of"), "connections"),
    **dict.fromkeys(("measure_codes", "measure_connections", "measure_people"), "fidelity"),
    "explain": "reasons",
    **dict.fromkeys(("Because", "Group", "Scorer", "because"), "removal"),
}


def __getattr__(name: str) -> Any:
    """The name from the module that holds it, which is loaded with it."""
    if name not in _FROM:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"explain.{_FROM[name]}"), name)
