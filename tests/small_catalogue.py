"""A catalogue of a few of our checks with the status that a test wants of each."""

from __future__ import annotations

import re
from pathlib import Path

import drg
import rules
from rules import loader
from streaming.pipeline import Engine


def write_catalogue(folder: Path, **statuses: str) -> Path:
    """Copy checks, named as in ``ADM_002="active"``, into a folder; returns it."""
    for name, status in statuses.items():
        rule_id = name.replace("_", "-")
        source = next(loader.CATALOG.rglob(f"{rule_id}.yaml"))
        target = folder / source.parent.name / source.name
        target.parent.mkdir(parents=True, exist_ok=True)
        text = source.read_text("utf-8")
        target.write_text(
            re.sub(r"^status: \w+$", f"status: {status}", text, count=1, flags=re.MULTILINE),
            "utf-8",
        )
    return folder


def engine_of(folder: Path) -> Engine:
    """What judges by the checks of a folder, with the shipped schemes."""
    return Engine(rules.load(folder), drg.load())
