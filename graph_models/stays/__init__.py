"""Claims' fraud scores: earlier claims of the same people and things -> network -> LightGBM.

``train`` makes a ``StayModel``; ``score`` takes a window of claims, ``remember`` makes a ``Desk`` that
answers claim by claim. docs/models.md says what was measured.
"""

from graph_models.stays.evaluation import evaluate_rings
from graph_models.stays.learning import train
from graph_models.stays.model import Desk, StayModel

__all__ = ["Desk", "StayModel", "evaluate_rings", "train"]
