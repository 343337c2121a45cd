"""Why a provider has its score: SHAP values that add up, and at most four reasons."""

from explain.attribution import TOLERANCE, Attribution, ExplanationError, attribute
from explain.reasons import explain

__all__ = ["TOLERANCE", "Attribution", "ExplanationError", "attribute", "explain"]
