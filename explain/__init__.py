"""Why a provider has its score: SHAP values that add up, reasons, and the people it rests on."""

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
