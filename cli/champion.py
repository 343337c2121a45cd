"""The model that counts: from a folder, or from the register of a database."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from domain.errors import SentinelError
from domain.registry import CHALLENGER, CHAMPION, CLAIM, PROVIDER

if TYPE_CHECKING:
    from graph_models import Artifact, Packed
    from graph_models.stays import StayModel
    from store import Store

_BY_ROLE: Final = Path(CHAMPION)
"""What `--model` says for the model of the register."""


def models_to_use(model: Path, db: str | None) -> tuple[Artifact, Artifact | None]:
    """The model in a folder; or for ``champion`` that of the register of ``db``, and its challenger."""
    from graph_models import Artifact  # noqa: PLC0415 (PyTorch takes seconds)

    if model != _BY_ROLE or model.is_dir():
        return Artifact.load(model), None
    if db is None:
        raise SentinelError(
            "there is no database whose register could name the champion",
            where="--model champion",
            cure="Give the database with --db, or the folder of a model.",
        )
    import store  # noqa: PLC0415

    with store.open(db) as opened:
        rival = opened.model_in_role(CHALLENGER)
        found = in_role(opened, CHAMPION)
        other = None if rival is None else load(opened, rival)
    return cast("Artifact", found), cast("Artifact | None", other)


def in_role(opened: Store, role: str, level: str = PROVIDER) -> Packed:
    """The model of a level that has the role; SentinelError if none has."""
    sha256 = opened.model_in_role(role, level)
    if sha256 is None:
        raise nobody(role if level == PROVIDER else f"{role} of {level}s")
    return load(opened, sha256)


def claim_models(model: Path, db: str) -> tuple[StayModel, StayModel | None]:
    """The model of claims in a folder; or for ``champion`` that of the register of ``db``, and its challenger."""
    from graph_models.stays import StayModel  # noqa: PLC0415 (PyTorch takes seconds)

    if model != _BY_ROLE or model.is_dir():
        return StayModel.load(model), None
    import store  # noqa: PLC0415

    with store.open(db) as opened:
        found = in_role(opened, CHAMPION, CLAIM)
        rival = opened.model_in_role(CHALLENGER, CLAIM)
        other = None if rival is None else load(opened, rival)
    return cast("StayModel", found), cast("StayModel | None", other)


def nobody(role: str) -> SentinelError:
    """That no registered model has the role."""
    return SentinelError(
        f"no registered model is {role}",
        where="the register of the database",
        cure=f"Register one (sentinel models register FOLDER), then: sentinel promote MODEL --to {role}.",
    )


def load(opened: Store, sha256: str) -> Packed:
    """A registered model, refused if it no longer fits this version."""
    from graph_models.models import model_of  # noqa: PLC0415

    return model_of(opened.model_files(sha256), Path(f"register/{sha256[:12]}"))


def load_of_providers(opened: Store, sha256: str) -> Artifact:
    """A registered model of providers; any other is refused."""
    from graph_models import Artifact  # noqa: PLC0415

    return Artifact.of(opened.model_files(sha256), Path(f"register/{sha256[:12]}"))
