"""A site's own folder of reference tables: its manifest, which says what is laid over ours."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from domain.errors import SentinelError
from rules.codebooks.tables import TABLES

MANIFEST: Final = "reference.toml"
"""The file that makes a folder a site's own."""


class Mode(StrEnum):
    """What a site's table does to the shipped one."""

    EXTEND = "extend"
    REPLACE = "replace"


class ManifestError(SentinelError):
    """A site's folder has no manifest, or one that does not fit its files."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """Who the site is, and what each of its tables does to ours."""

    name_zh: str = ""
    name_en: str = ""
    tables: Mapping[str, Mode] = field(default_factory=dict)

    def text(self) -> str:
        """The manifest as a file."""
        lines = [f"name_zh = {_quoted(self.name_zh)}", f"name_en = {_quoted(self.name_en)}", ""]
        lines += ["[tables]", *[f'{name} = "{mode}"' for name, mode in sorted(self.tables.items())]]
        return "\n".join(lines) + "\n"


def is_site(folder: Path) -> bool:
    """Whether the folder is laid over the shipped tables; without a manifest it stands alone."""
    return (folder / MANIFEST).is_file()


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a site's folder; ManifestError says what does not fit, with its line."""
    path = folder / MANIFEST
    if not path.is_file():
        raise ManifestError(
            f"there is no {MANIFEST}",
            where=str(path),
            cure='Write one that names each table of the folder: [tables] price_caps = "extend".',
        )
    text = path.read_text("utf-8-sig")
    try:
        said = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ManifestError(
            f"it is not TOML: {error}", where=str(path), cure="Correct the line that is named."
        ) from error
    unknown = sorted(set(said) - {"name_zh", "name_en", "tables"})
    if unknown:
        raise ManifestError(
            f"{unknown[0]} is unknown", where=_at(path, text, unknown[0]),
            cure="It holds name_zh, name_en and [tables].",
        )  # fmt: skip
    tables = said.get("tables", {})
    if not isinstance(tables, dict):
        raise ManifestError(
            "tables is not a section", where=_at(path, text, "tables"),
            cure='Write [tables] and under it a line a table, such as items = "replace".',
        )  # fmt: skip
    modes = {}
    for name, mode in tables.items():
        if name not in TABLES:
            raise ManifestError(
                f"there is no table {name}", where=_at(path, text, name),
                cure=f"Name one of {', '.join(TABLES)}.",
            )  # fmt: skip
        if mode not in list(Mode):
            raise ManifestError(
                f"{name} is to {mode!r}", where=_at(path, text, name),
                cure='Say "extend" (rows are added and ended) or "replace" (only your rows count).',
            )  # fmt: skip
        if not (folder / f"{name}.csv").is_file():
            raise ManifestError(
                f"{name}.csv is missing", where=_at(path, text, name),
                cure="Put the file beside the manifest, or take its line out.",
            )  # fmt: skip
        modes[name] = Mode(mode)
    for file in sorted(folder.glob("*.csv")):
        if file.stem not in modes:
            raise ManifestError(
                f"{file.name} stands in no line of {MANIFEST}", where=str(file),
                cure=f'Add {file.stem} = "extend" or "replace" under [tables], or take the file away.',
            )  # fmt: skip
    return Manifest(str(said.get("name_zh", "")), str(said.get("name_en", "")), modes)


def _at(path: Path, text: str, word: str) -> str:
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip().lstrip("[\"'").startswith(word):
            return f"{path}:{number}"
    return str(path)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
