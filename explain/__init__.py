"""Why a provider has its score: SHAP values that add up, reasons, and the people it rests on."""

from explain.attribution import TOLERANCE, Attribution, ExplanationError, attribute
from explain.fidelity import measure_codes, measure_people
from explain.reasons import explain
from explain.removal import Because, Group, Scorer, because

__all__ = [
    "TOLERANCE",
    "Attribution",
    "Because",
    "ExplanationError",
    "Group",
    "Scorer",
    "attribute",
    "because",
    "explain",
    "measure_codes",
    "measure_people",
]
