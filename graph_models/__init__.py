"""Providers' fraud scores: provider table and claim graph -> GraphSAGE -> LightGBM.

``train`` makes an ``Artifact``; ``Artifact.load``, ``.score`` and ``.lookup`` use it.
docs/models.md says what was measured and what the model must not be used for.
"""

import warnings

with warnings.catch_warnings():
    # PyG 2.8 uses torch.jit.script, which PyTorch 2.15 deprecates; users cannot act on it.
    warnings.simplefilter("ignore", FutureWarning)
    import torch_geometric  # noqa: F401

from graph_models.ablation import ablate
from graph_models.artifact import Artifact
from graph_models.labels import (
    LabelError,
    read_claim_labels,
    read_extra,
    read_labels,
    read_providers,
)
from graph_models.learning import train
from graph_models.node_task import NodeTask, evaluate_task, read_task
from graph_models.packed import ArtifactError, Packed, Scored, level_of
from graph_models.refreshing import origin, refresh
from graph_models.sources import combine, listed, reviewed, reviewed_claims, weak
from graph_models.window import cut, day_after_last

__all__ = [
    "Artifact",
    "ArtifactError",
    "LabelError",
    "NodeTask",
    "Packed",
    "Scored",
    "ablate",
    "combine",
    "cut",
    "day_after_last",
    "evaluate_task",
    "level_of",
    "listed",
    "origin",
    "read_claim_labels",
    "read_extra",
    "read_labels",
    "read_providers",
    "read_task",
    "refresh",
    "reviewed",
    "reviewed_claims",
    "train",
    "weak",
]
