"""The register of models (模型注册): which model counts, which is on trial, and who said so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

CHAMPION: Final = "champion"
CHALLENGER: Final = "challenger"

ROLES: Final = {
    "candidate": ("候选", "candidate: registered, scores nothing"),
    CHALLENGER: ("挑战者", "challenger: scores beside the champion and alerts nobody"),
    CHAMPION: ("现役", "champion: its scores decide"),
    "retired": ("退役", "retired: kept for what it once scored"),
}
"""Role of a model -> Chinese and English text."""

SINGLE: Final = (CHAMPION, CHALLENGER)
"""Roles that one model has at a time."""


PROVIDER: Final = "provider"
CLAIM: Final = "claim"
LEVELS: Final = (PROVIDER, CLAIM)
"""What a model scores; each level has its own champion and challenger."""


def level_of(manifest: Mapping[str, Any]) -> str:
    """The level of a model by its manifest; older ones do not say that theirs is providers."""
    return str(manifest.get("level", PROVIDER))


@dataclass(frozen=True, slots=True)
class Appointment:
    """That a model was given a role: by whom, when and why. None is ever changed."""

    model_sha256: str
    role: str
    by: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Registered:
    """A model in the register, with the role that it has now.

    ``manifest`` is that of the model folder: window, labels, metrics, digests of its files.
    """

    sha256: str
    manifest: Mapping[str, Any]
    registered_at: datetime
    now: Appointment
