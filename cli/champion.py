"""The model that counts: from a folder, or from the register of a database."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from domain.errors import SentinelError
from domain.registry import CHALLENGER, CHAMPION, PROVIDER

if TYPE_CHECKING:
    from graph_models import Packed
    from store import Store

Model = TypeVar("Model", bound="Packed")
_BY_ROLE: Final = Path(CHAMPION)
"""What `--model` says for the model of the register."""


def models_to_use(kind: type[Model], model: Path, db: str | None) -> tuple[Model, Model | None]:
    """The model in a folder; or for ``champion`` that of the register of ``db``, and its challenger.

    ``kind`` says of which level: ``graph_models.Artifact`` or ``graph_models.stays.StayModel``.
    """
    if model != _BY_ROLE or model.is_dir():
        return kind.load(model), None
    if db is None:
        raise SentinelError(
            "there is no database whose register could name the champion",
            where="--model champion",
            cure="Give the database with --db, or the folder of a model.",
        )
    import store  # noqa: PLC0415

    with store.open(db) as opened:
        champion = load_as(kind, opened, holder(opened, CHAMPION, kind.LEVEL))
        rival = opened.model_in_role(CHALLENGER, kind.LEVEL)
        return champion, None if rival is None else load_as(kind, opened, rival)


def holder(opened: Store, role: str, level: str = PROVIDER) -> str:
    """The digest of the model of a level that has the role; SentinelError if none has."""
    sha256 = opened.model_in_role(role, level)
    if sha256 is None:
        raise nobody(role, level)
    return sha256


def nobody(role: str, level: str = PROVIDER) -> SentinelError:
    """That no registered model of the level has the role."""
    return SentinelError(
        f"no registered model is {role}"
        if level == PROVIDER
        else f"no registered model of {level}s is {role}",
        where="the register of the database",
        cure=f"Register one (sentinel models register FOLDER), then: sentinel promote MODEL --to {role}.",
    )


def load(opened: Store, sha256: str) -> Packed:
    """A registered model of any level, refused if it no longer fits this version."""
    from graph_models.models import model_of  # noqa: PLC0415 (PyTorch takes seconds)

    return model_of(opened.model_files(sha256), _place(sha256))


def load_as(kind: type[Model], opened: Store, sha256: str) -> Model:
    """A registered model of a level; one of another is refused too."""
    return kind.of(opened.model_files(sha256), _place(sha256))


def _place(sha256: str) -> Path:
    return Path(f"register/{sha256[:12]}")
