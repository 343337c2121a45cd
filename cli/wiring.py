"""Putting the rooms together: the only place that knows them all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import drg
import rules
import scoring_api
import store
from cli.reading import PSEUDONYM_KEY
from streaming.pipeline import Engine
from streaming.pseudonym import PseudonymKey
from streaming.service import Desk, described


def engine(
    *,
    rules_dir: Path | None = None,
    parameters: Path | None = None,
    pack: Path | None = None,
    model: Path | None = None,
) -> Engine:
    """Load what judges; without ``model`` PyTorch is not even imported."""
    return Engine(
        ruleset=rules.load(rules_dir, parameters=parameters),
        pack=drg.load(pack) if pack else drg.load(),
        artifact=load_model(model) if model else None,
    )


def load_model(folder: Path) -> Any:
    """Load a model folder; imported late because PyTorch takes seconds."""
    from graph_models import Artifact  # noqa: PLC0415

    return Artifact.load(folder)


@dataclass(frozen=True, slots=True)
class Wired:
    """The service with what it runs on."""

    app: Any
    store: store.Store
    engine: Engine

    def close(self) -> None:
        """Close the database."""
        self.store.close()


def wire(
    *,
    db: str,
    model: Path | None = None,
    rules_dir: Path | None = None,
    parameters: Path | None = None,
    pack: Path | None = None,
    key: Path | None = None,
) -> Wired:
    """Build the service on a database: everything that ``sentinel serve`` runs."""
    judge = engine(rules_dir=rules_dir, parameters=parameters, pack=pack, model=model)
    opened = store.open(db)
    desk = Desk(judge, opened, PseudonymKey.find(key or PSEUDONYM_KEY))

    def ready() -> Mapping[str, Any]:
        return {
            "rules": f"{len(judge.ruleset.ids)} active",
            "model": judge.artifact.sha256 if judge.artifact else "absent",
        }

    app = scoring_api.build(
        store=opened,
        assess=desk,
        rules=described(judge.ruleset),
        version=installed_version("drg-sentinel"),
        ready=ready,
    )
    return Wired(app, opened, judge)
