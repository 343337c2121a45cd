"""A model of any level, from its folder or from its files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from domain.registry import CLAIM, level_of
from graph_models import packed
from graph_models.artifact import Artifact
from graph_models.packed import MANIFEST, Packed
from graph_models.stays import StayModel


def load_model(folder: Path) -> Packed:
    """The model in a folder: ``StayModel`` for claims, else ``Artifact``. Errors as by ``Packed.load``."""
    return (StayModel if packed.level_of(folder) == CLAIM else Artifact).load(folder)


def model_of(files: Mapping[str, bytes], where: Path) -> Packed:
    """The model in these files. Errors as by ``Packed.of``."""
    manifest = packed.read_manifest(files[MANIFEST], where) if MANIFEST in files else {}
    return (StayModel if level_of(manifest) == CLAIM else Artifact).of(files, where)
